//! What is seen of pools and bounds in a process of its own: its threads, its log, and what
//! becomes of a request when there is no thread to have.

#![allow(unsafe_code, reason = "only a system call takes memory from a process")]

use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use ropewalk::Addr;
use ropewalk::clock::{Clock, MachineClock};
use ropewalk::server::{
    BaseServer, HandlerError, HandlerResult, MixIn, Pooling, PoolingTcpServer, Server,
    StreamRequest, StreamRequestHandler, Threading, ThreadingTcpServer, WhenFull,
};

use crate::apart;
use crate::gate::{Bounds, gate};
use crate::serve::{WATCHDOG, dial, read_all, serve};

const LOOPBACK: (&str, u16) = ("127.0.0.1", 0);

/// Threads of this process that are workers of a pool.
fn workers() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    // One may have ended meanwhile.
    let names =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.trim() == "ropewalk-worker").count()
}

#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let clock = MachineClock::begin();
    let until = clock.now() + WATCHDOG;
    while !is_so() {
        assert!(clock.now() < until, "never: {what}");
        std::thread::yield_now();
    }
}

#[test]
#[ignore = "a part, in a process of its own"]
fn the_part_of_the_threads() {
    if apart::words().is_none() {
        return;
    }
    let (hooks, gate) = gate(Bounds { workers: 4, queued: 100, ..Bounds::default() });
    let mut served = serve(PoolingTcpServer::new(LOOPBACK, hooks).unwrap());
    assert_eq!(workers(), 0, "none before there is work");
    let first = served.dial();
    gate.comes();
    assert_eq!(workers(), 1, "one for one");
    let clients: Vec<_> = (1..100).map(|_| served.dial()).collect();
    for _ in 1..4 {
        gate.comes();
    }
    assert_eq!(workers(), 4);
    for _ in 0..100 {
        gate.go_on();
    }
    for client in clients.into_iter().chain([first]) {
        assert_eq!(read_all(client), "");
    }
    assert_eq!(workers(), 4, "they wait for more");
    served.handle.shutdown();
    served.ends(); // and with its thread goes the server
    wait_until("the workers end with their server", || workers() == 0);
}

#[test]
fn a_pool_has_the_threads_it_needs_at_most_its_workers_and_none_after_its_server() {
    apart::play("pool_apart::the_part_of_the_threads", &["1".to_owned()]);
}

/// Keeps every line of the log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn with(&self, word: &str) -> Vec<String> {
        let lines = self.0.lock().unwrap();
        lines.iter().filter(|line| line.contains(word)).cloned().collect()
    }
}

struct Message<'a>(&'a mut String);

impl tracing::field::Visit for Message<'_> {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            *self.0 = format!("{value:?}");
        }
    }
}

impl tracing::Subscriber for Lines {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = String::new();
        event.record(&mut Message(&mut line));
        self.0.lock().unwrap().push(line);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

/// From now on the process has this log.
fn log() -> Lines {
    let lines = Lines::default();
    tracing::subscriber::set_global_default(lines.clone()).unwrap();
    lines
}

fn a_full_pool_says_so(lines: &Lines, when_full: WhenFull) {
    let (hooks, gate) = gate(Bounds { workers: 1, queued: 1, when_full, ..Bounds::default() });
    let served = serve(PoolingTcpServer::new(LOOPBACK, hooks).unwrap());
    let said = |word: &str| lines.with(word).len();
    let (full, over) = (said("the pool is full"), said("the pool has room again"));
    let first = served.dial();
    gate.comes();
    let second = served.dial();
    gate.takes();
    gate.takes();
    let others = [0; 20].map(|_| served.dial());
    if when_full != WhenFull::Wait {
        others.iter().for_each(|_| gate.takes());
    }
    wait_until("the pool says that it is full", || said("the pool is full") > full);
    assert_eq!(said("the pool has room again"), over);
    for _ in 0..22 {
        gate.go_on();
    }
    assert_eq!(read_all(first), "");
    assert_eq!(read_all(second), "");
    wait_until("the pool says that it is over", || said("the pool has room again") > over);
    assert_eq!(said("the pool is full"), full + 1, "once, whoever came meanwhile");
    assert_eq!(said("the pool has room again"), over + 1);
}

fn a_flood_is_few_lines(lines: &Lines) {
    let (hooks, _gate) = gate(Bounds { requests: 0, ..Bounds::default() });
    let mut served = serve(ThreadingTcpServer::new(LOOPBACK, hooks).unwrap());
    for _ in 0..300 {
        assert_eq!(read_all(served.dial()), "");
    }
    served.handle.shutdown();
    served.ends();
    let said = lines.with("turned away");
    assert!((2..30).contains(&said.len()), "{said:?}");
    assert!(said[0].contains("the server has 0 requests already"), "{said:?}");
    let last = said.last().unwrap();
    assert!(last.contains("more requests were turned away"), "{said:?}");
    // None is forgotten: each line is one, and counts those before it.
    let counted: usize = said
        .iter()
        .map(|line| match line.split_once(" was turned away, and ") {
            Some((_, rest)) => 1 + rest.split(' ').next().unwrap().parse::<usize>().unwrap(),
            None => line.split(' ').next().unwrap().parse().unwrap(),
        })
        .sum();
    assert_eq!(counted, 300, "{said:?}");
}

#[test]
#[ignore = "a part, in a process of its own"]
fn the_part_of_the_log() {
    if apart::words().is_none() {
        return;
    }
    let lines = log();
    for when_full in [WhenFull::Wait, WhenFull::Refuse, WhenFull::Close] {
        a_full_pool_says_so(&lines, when_full);
    }
    a_flood_is_few_lines(&lines);
}

#[test]
fn a_full_pool_says_so_once_and_when_it_is_over_and_a_flood_of_refusals_is_few_lines() {
    apart::play("pool_apart::the_part_of_the_log", &["1".to_owned()]);
}

/// Tells of failures, and works until the test lets it go on.
struct Tells {
    failed: Mutex<mpsc::Sender<String>>,
    word: Arc<Mutex<mpsc::Receiver<()>>>,
}

struct AtWork(Arc<Mutex<mpsc::Receiver<()>>>);

impl StreamRequestHandler for AtWork {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        request.send_all(b"begun")?;
        self.0.lock().unwrap().recv_timeout(WATCHDOG)?;
        Ok(request.send_all(b" and done")?)
    }
}

impl BaseServer<StreamRequest> for Tells {
    type Handler = AtWork;
    fn handler(&self, _: &Addr) -> AtWork {
        AtWork(self.word.clone())
    }
    fn max_queued(&self) -> usize {
        0
    }
    fn timeout(&self) -> Option<Duration> {
        Some(Duration::from_millis(20))
    }
    fn handle_error(&self, error: &HandlerError, client: &Addr) {
        self.failed.lock().unwrap().send(format!("{client}: {error}")).unwrap();
    }
}

struct WithoutThreads<M: MixIn> {
    server: Server<StreamRequest, Tells, M>,
    at: SocketAddr,
    failed: mpsc::Receiver<String>,
    go_on: mpsc::Sender<()>,
}

impl<M: MixIn> WithoutThreads<M> {
    fn new() -> WithoutThreads<M> {
        let (tell, failed) = mpsc::channel();
        let (go_on, word) = mpsc::channel();
        let hooks = Tells { failed: Mutex::new(tell), word: Arc::new(Mutex::new(word)) };
        let server = Server::<StreamRequest, _, M>::new(LOOPBACK, hooks).unwrap();
        let at = server.local_addr().ip().unwrap();
        WithoutThreads { server, at, failed, go_on }
    }

    /// With no thread at all.
    fn fails_the_request(&self) {
        let client = dial(self.at);
        assert!(self.server.handle_request().unwrap());
        let failed = self.failed.try_recv().expect("it is told");
        assert!(failed.contains("no thread could be started"), "{failed}");
        assert!(failed.starts_with(&client.local_addr().unwrap().to_string()), "{failed}");
        assert_eq!(read_all(client), "", "closed in order");
        assert_eq!(self.server.requests().len(), 0);
    }
}

/// Takes from this process what a further stack would need. All stacks have so much.
const STACK_BYTES: usize = 256 << 20;

fn take_memory() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let kib: usize = size.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    let most = (kib * 1024 + STACK_BYTES / 4) as libc::rlim_t;
    let limit = libc::rlimit { rlim_cur: most, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the limit lives through the call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
}

#[test]
#[ignore = "a part, in a process whose stacks are large"]
fn the_part_without_threads() {
    if apart::words().is_none() {
        return;
    }
    let others = WithoutThreads::<Pooling>::new();
    let mut first = dial(others.at);
    assert!(others.server.handle_request().unwrap());
    first.read_exact(&mut [0; 5]).unwrap(); // its thread has all the memory that it needs
    take_memory();
    WithoutThreads::<Threading>::new().fails_the_request();
    let pool = WithoutThreads::<Pooling>::new();
    pool.fails_the_request();
    pool.fails_the_request(); // it is tried anew with each, for there may be one again
    // Where there is another worker, it waits for that; and nobody is taken beside it.
    let second = dial(others.at);
    assert!(others.server.handle_request().unwrap());
    let third = dial(others.at);
    assert!(!others.server.handle_request().unwrap());
    assert_eq!(others.server.requests().len(), 2);
    others.go_on.send(()).unwrap();
    assert_eq!(read_all(first), " and done");
    others.go_on.send(()).unwrap();
    assert_eq!(read_all(second), "begun and done");
    wait_until("the third is taken", || others.server.handle_request().unwrap());
    others.go_on.send(()).unwrap();
    assert_eq!(read_all(third), "begun and done");
    assert_eq!(others.failed.try_recv().ok(), None);
}

#[test]
fn without_a_thread_a_request_waits_for_another_worker_or_fails() {
    let mut part = apart::command("pool_apart::the_part_without_threads", &["1".to_owned()]);
    part.env("RUST_MIN_STACK", STACK_BYTES.to_string());
    assert!(part.status().unwrap().success());
}
