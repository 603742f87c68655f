//! A million connections in all, few at a time: threads, descriptors and memory stay flat.
//!
//! No connection leaves `TIME_WAIT` behind, which would use up the ports: it is for whoever ends
//! first, so the server does, or nobody; and the client's close is a reset (`SO_LINGER` of 0),
//! at which the kernel forgets both ends. So one address of each side is enough.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ropewalk::Addr;
use ropewalk::clock::{Clock, MachineClock, Time};
use ropewalk::server::{
    BaseServer, HandlerError, HandlerResult, MixIn, Pooling, Server, StreamRequest,
    StreamRequestHandler, Threading,
};
use socket2::SockRef;

use crate::apart;
use crate::serve::WATCHDOG;

/// Connections at a time.
const AT_A_TIME: usize = 32;
/// A pool's threads: fewer, so that all are busy and others wait.
const WORKERS: usize = 8;
/// The server is looked at so often, quiet each time. The first time it has warmed up.
const STAGES: usize = 10;
/// By how much resident memory may ever exceed what it was after the first stage: arenas of
/// the allocator, which later threads touch first. In the long form that is less than 5 bytes
/// a connection, and the smallest leak is more.
const GROWN_BYTES: usize = 4 << 20;
/// At it the server closes.
const BYE: &[u8] = b"bye";
const MESSAGE: &[u8] = b"not one byte of this is lost, and all of it comes back";

/// What the server saw.
#[derive(Default)]
struct Seen {
    begun: AtomicUsize,
    failed: AtomicUsize,
    /// Threads, the most of those counted in one of a hundred requests.
    threads_at_most: AtomicUsize,
}

struct Echo;

impl StreamRequestHandler for Echo {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        loop {
            let data = request.recv(1024)?;
            if data.is_empty() || data.ends_with(BYE) {
                return Ok(());
            }
            request.send_all(&data)?;
        }
    }
}

struct Counted(Arc<Seen>);

impl BaseServer<StreamRequest> for Counted {
    type Handler = Echo;
    fn handler(&self, _: &Addr) -> Echo {
        if self.0.begun.fetch_add(1, Ordering::Relaxed) % 100 == 0 {
            self.0.threads_at_most.fetch_max(threads(), Ordering::Relaxed);
        }
        Echo
    }
    fn max_workers(&self) -> usize {
        WORKERS
    }
    fn handle_error(&self, _: &HandlerError, _: &Addr) {
        self.0.failed.fetch_add(1, Ordering::Relaxed);
    }
}

/// How a client takes its leave, in turn.
fn connect_and_leave(to: SocketAddr, number: usize) {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(WATCHDOG)).unwrap();
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    match number % 4 {
        // In order: by the server's end.
        0 | 1 => {
            echo(&mut stream);
            stream.write_all(BYE).unwrap();
            assert_eq!(stream.read(&mut [0]).unwrap(), 0, "connection {number}");
        }
        // By a reset in the middle of the talk.
        2 => echo(&mut stream),
        // By a reset before a word was said.
        _ => {}
    }
}

fn echo(stream: &mut TcpStream) {
    let mut back = [0; MESSAGE.len()];
    stream.write_all(MESSAGE).unwrap();
    stream.read_exact(&mut back).unwrap();
    assert_eq!(back, MESSAGE);
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// Waits until every connection of a stage is over: threads and descriptors as they should be.
#[track_caller]
fn wait_until_quiet(threads_idle: usize, open: usize) {
    let clock = MachineClock::begin();
    while threads() != threads_idle || apart::descriptors() != open {
        assert!(
            clock.now() < Time::ZERO + WATCHDOG,
            "{} threads, not {threads_idle}; {} descriptors, not {open}",
            threads(),
            apart::descriptors()
        );
        std::thread::yield_now();
    }
}

/// One stage's clients, in a process of their own, to their end.
fn play_clients(port: u16, connections: usize) {
    let words = [usize::from(port), connections].map(|word| word.to_string());
    apart::play("million::the_clients", &words);
}

/// Serves so many, on a server that keeps so many threads.
fn stay_flat<M: MixIn>(connections: usize, kept: usize) {
    let threads_idle = threads() + 1 + kept; // the one that serves
    let seen = Arc::new(Seen::default());
    let server = Server::<StreamRequest, _, M>::new(("127.0.0.1", 0), Counted(seen.clone()));
    let server = server.unwrap();
    let (port, handle) = (server.local_addr().port().unwrap(), server.shutdown_handle());
    let open = apart::descriptors();
    let serving = std::thread::spawn(move || server.serve_forever());
    let clock = MachineClock::begin();
    let mut resident = Vec::new();
    for _ in 0..STAGES {
        play_clients(port, connections / STAGES);
        wait_until_quiet(threads_idle, open);
        resident.push(apart::resident_bytes());
    }
    let took = clock.now().since(Time::ZERO);
    let begun = seen.begun.load(Ordering::Relaxed);
    println!(
        "{connections} connections, {AT_A_TIME} at a time, in {took:.1?}; {begun} reached a \
         handler, {} ended in an error; threads: {threads_idle} idle, {} at most; descriptors: \
         {open}; resident KiB after each tenth: {:?}",
        seen.failed.load(Ordering::Relaxed),
        seen.threads_at_most.load(Ordering::Relaxed),
        resident.iter().map(|bytes| bytes / 1024).collect::<Vec<_>>(),
    );
    let most = *resident.iter().max().unwrap();
    assert!(most <= resident[0] + GROWN_BYTES, "{most} B resident, {} at first", resident[0]);
    // Whoever was reset before he was accepted may reach no handler: a quarter at most.
    assert!(begun >= connections / 4 * 3, "{begun} reached a handler");
    handle.shutdown();
    serving.join().unwrap().unwrap();
}

#[test]
#[ignore = "a part, in a process of its own"]
fn the_server() {
    let Some(words) = apart::words() else { return };
    let connections = words[1].parse().unwrap();
    match words[0].as_str() {
        "threading" => stay_flat::<Threading>(connections, 0),
        "pooling" => stay_flat::<Pooling>(connections, WORKERS),
        other => panic!("no server is {other}"),
    }
}

#[test]
#[ignore = "a part, in a process of its own"]
fn the_clients() {
    let Some(words) = apart::words() else { return };
    let to = SocketAddr::from(([127, 0, 0, 1], words[0].parse().unwrap()));
    let connections: usize = words[1].parse().unwrap();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= connections {
                        return;
                    }
                    connect_and_leave(to, number);
                }
            });
        }
    });
}

fn play(server: &str) {
    let long = std::env::var_os("ROPEWALK_LONG").is_some();
    let connections: usize = if long { 1_000_000 } else { 10_000 };
    apart::play("million::the_server", &[server.to_owned(), connections.to_string()]);
}

#[test]
fn a_million_connections_leave_a_threading_server_as_it_was() {
    play("threading");
}

#[test]
fn a_million_connections_leave_a_pooling_server_as_it_was() {
    play("pooling");
}
