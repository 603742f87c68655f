//! How long a shutdown takes: from the request for it, in another thread, until
//! `serve_forever` returns. The server is asleep, with clients connected.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use ropewalk::server::{MixIn, Pooling, Server, StreamRequest, Threading};

use crate::client::{AT_A_TIME, Manner, ask, connect};
use crate::figures::{at_share, microseconds};
use crate::served::{Echo, itself, python};

const TIMES: usize = 1_000;
/// CPython looks every half second.
const TIMES_CPYTHON: usize = 20;
/// What we promise, at the median and at the 99th of a hundred.
const PROMISE: Duration = Duration::from_millis(1);

const OURS: [&str; 2] = ["ThreadingTcpServer", "PoolingTcpServer"];

/// Prints the table, and answers whether the promise is kept.
pub(crate) fn print() -> bool {
    println!("### From `shutdown` until `serve_forever` returns\n");
    println!("An idle server with {AT_A_TIME} clients connected, made anew each time.\n");
    println!("| server | times | median | p99 | longest |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    let mut kept = true;
    for name in OURS {
        let times = row(name, &mut itself(&["stop", name]));
        kept &= at_share(&times, 0.5) < PROMISE && at_share(&times, 0.99) < PROMISE;
    }
    let times = TIMES_CPYTHON.to_string();
    row("CPython's", &mut python(&["stop", &times, &AT_A_TIME.to_string()]));
    println!();
    if !kept {
        println!("NOT KEPT: less than {} at the median and the p99", microseconds(PROMISE));
    }
    kept
}

fn row(name: &str, command: &mut std::process::Command) -> Vec<Duration> {
    let output = command.stderr(std::process::Stdio::inherit()).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let mut times: Vec<_> =
        lines.lines().map(|nanos| Duration::from_nanos(nanos.parse().unwrap())).collect();
    times.sort_unstable();
    println!(
        "| {name} | {} | {} | {} | {} |",
        times.len(),
        microseconds(at_share(&times, 0.5)),
        microseconds(at_share(&times, 0.99)),
        microseconds(*times.last().expect("it was shut down")),
    );
    times
}

/// Shuts servers down, and prints the nanoseconds of each.
pub(crate) fn stop(name: &str) {
    for _ in 0..TIMES {
        let took = match name {
            "ThreadingTcpServer" => shut_down::<Threading>(),
            "PoolingTcpServer" => shut_down::<Pooling>(),
            other => panic!("no server is {other}"),
        };
        println!("{}", took.as_nanos());
    }
}

fn shut_down<M: MixIn>() -> Duration {
    let server =
        Server::<StreamRequest, _, M>::new(("127.0.0.1", 0), || Echo(Manner::Many)).unwrap();
    let addr = SocketAddr::from(([127, 0, 0, 1], server.local_addr().port().unwrap()));
    let handle = server.shutdown_handle();
    let (tell, told) = mpsc::channel();
    let serving = std::thread::spawn(move || {
        tell.send(std::fs::read_link("/proc/thread-self").unwrap()).unwrap();
        server.serve_forever().unwrap();
        let ended = Instant::now();
        drop(server);
        ended
    });
    let thread = Path::new("/proc").join(told.recv().unwrap());
    let clients: Vec<_> = (0..AT_A_TIME)
        .map(|_| {
            let mut client = connect(addr);
            ask(&mut client);
            client
        })
        .collect();
    while !is_asleep(&thread) {
        std::thread::yield_now();
    }
    let began = Instant::now();
    handle.shutdown();
    let ended = serving.join().unwrap();
    drop(clients);
    ended - began
}

fn is_asleep(thread: &Path) -> bool {
    let stat = std::fs::read_to_string(thread.join("stat")).unwrap();
    // Its name stands in brackets, and may hold anything.
    stat.rsplit(") ").next().unwrap().starts_with('S')
}
