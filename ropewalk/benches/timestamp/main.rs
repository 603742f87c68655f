//! What the notes' timestamp server costs on Ropewalk and on Twisted: processor time of the server
//! for a message. It prints the table of `docs/cost.md`:
//!
//! ```sh
//! cargo bench -p ropewalk --bench timestamp    # Linux, and a Python with Twisted
//! ```
//!
//! `ROPEWALK_PYTHON` names the Python. Both servers run from the beginning, each a process of its
//! own; the one client asks them in turn, round after round, so that a disturbance of the machine
//! meets both alike.

#![allow(clippy::unwrap_used, reason = "a program for developers: it ends at what is wrong")]
#![allow(clippy::print_stdout, reason = "the table is what it is for")]

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use ropewalk::Reactor;
use ropewalk::service::Timestamp;

/// Rounds with each server, in turn.
const ROUNDS: usize = 7;
/// Messages in a round.
const MESSAGES: usize = 20_000;
/// What is sent.
const MESSAGE: &[u8] = b"hello, timestamp";
/// Far more than any answer takes.
const WATCHDOG: Duration = Duration::from_secs(60);

/// A row of the table: so many connections, each with one message under way.
const CONNECTIONS: [usize; 3] = [1, 10, 100];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("serve") => serve(),
        // What `cargo bench` says. `cargo test` does not, and there is nothing to test.
        Some("--bench") if cfg!(target_os = "linux") => table(),
        Some("--bench") => println!("only on Linux, whose /proc says what a process took"),
        _ => println!("run by `cargo bench -p ropewalk --bench timestamp`"),
    }
    ExitCode::SUCCESS
}

/// Our server, until its input ends.
fn serve() {
    let reactor = Reactor::new().unwrap();
    let listener = reactor.listen_tcp(("127.0.0.1", 0), || Timestamp::new(|_| {})).unwrap();
    println!("{}", listener.addrs()[0].port().unwrap());
    let remote = reactor.remote();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new()); // however it ends
        let _ = remote.stop();
    });
    reactor.run().unwrap();
}

fn table() {
    let mut itself = Command::new(std::env::current_exe().unwrap());
    itself.arg("serve");
    let python = std::env::var_os("ROPEWALK_PYTHON").unwrap_or_else(|| OsString::from("python3"));
    let mut twisted = Command::new(python);
    twisted.args(["-c", include_str!("twisted.py")]);
    let servers = [Running::start(itself), Running::start(twisted)];
    println!(
        "| connections, a message under way on each | Ropewalk | Twisted | Twisted ÷ Ropewalk |"
    );
    println!("| ---: | ---: | ---: | ---: |");
    for connections in CONNECTIONS {
        let mut clients: Vec<Vec<TcpStream>> =
            servers.iter().map(|server| server.connect(connections)).collect();
        let mut costs: [Vec<f64>; 2] = Default::default();
        for _ in 0..ROUNDS {
            for (server, (clients, costs)) in servers.iter().zip(clients.iter_mut().zip(&mut costs))
            {
                costs.push(server.round(clients));
            }
        }
        let [ours, theirs] = costs.map(median);
        println!("| {connections} | {ours:.2} µs | {theirs:.1} µs | {:.1} |", theirs / ours);
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A server in a process of its own, until this is dropped.
struct Running {
    child: Child,
    addr: SocketAddr,
}

impl Running {
    fn start(mut command: Command) -> Running {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| panic!("{command:?} says no port"));
        Running { child, addr: SocketAddr::from(([127, 0, 0, 1], port)) }
    }

    fn connect(&self, count: usize) -> Vec<TcpStream> {
        let connect = |_| {
            let stream = TcpStream::connect(self.addr).unwrap();
            stream.set_nodelay(true).unwrap();
            stream.set_read_timeout(Some(WATCHDOG)).unwrap();
            stream
        };
        (0..count).map(connect).collect()
    }

    /// One message on each connection, then their answers, and so on; what that took of the
    /// server's processor time, in microseconds a message.
    fn round(&self, clients: &mut [TcpStream]) -> f64 {
        let before = self.processor_nanos();
        let batches = MESSAGES / clients.len();
        let mut answer = [0; 256];
        for _ in 0..batches {
            clients.iter_mut().for_each(|client| client.write_all(MESSAGE).unwrap());
            for client in clients.iter_mut() {
                let mut length = 0;
                while !answer[..length].windows(MESSAGE.len()).any(|part| part == MESSAGE) {
                    let more = client.read(&mut answer[length..]).unwrap();
                    assert_ne!(more, 0, "it answers");
                    length += more;
                }
            }
        }
        (self.processor_nanos() - before) as f64 / 1000.0 / (batches * clients.len()) as f64
    }

    /// What all its threads have had, by the scheduler's count.
    fn processor_nanos(&self) -> u64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let of = |task: std::io::Result<std::fs::DirEntry>| {
            let text = std::fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap();
            text.split(' ').next().unwrap().parse::<u64>().unwrap()
        };
        tasks.map(of).sum()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.stdin.take()); // at the end of its input it ends
        let _ = self.child.wait();
    }
}
