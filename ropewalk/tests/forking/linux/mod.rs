//! The rig: servers in processes of their own, and what runs the tests.
//! Never: forks itself.

// Dead code would hide a test that is not listed.
#![warn(dead_code)]

mod children;
mod closing;
mod endings;
mod families;
mod protocols;
mod threads;
mod workers;

use std::fmt::Display;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio, id};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use ropewalk::Addr;
use ropewalk::server::{
    BaseServer, HandlerError, HandlerResult, MixIn, Request, Server, StreamRequest,
    StreamRequestHandler,
};

use crate::serve::{WATCHDOG, dial};

/// A test and its name.
type Test = (&'static str, fn());

/// The tests of a module, by their names.
macro_rules! tests {
    ($($test:ident),* $(,)?) => {
        &[$((concat!(module_path!(), "::", stringify!($test)), $test)),*]
    };
}
use tests;

/// All of them.
const MODULES: &[&[Test]] = &[
    children::TESTS,
    closing::TESTS,
    endings::TESTS,
    families::TESTS,
    protocols::TESTS,
    threads::TESTS,
    workers::TESTS,
];

/// The environment's word that this process is the server of a test.
const APART: &str = "ROPEWALK_APART";

/// Runs the tests whose names contain one of the command line's words; with `--list`, says
/// their names.
pub fn run() {
    let tests = MODULES.iter().copied().flatten();
    if let Ok(name) = std::env::var(APART) {
        let (_, server) = tests.into_iter().find(|(test, _)| *test == name).expect("it is there");
        return server();
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (options, filters): (Vec<_>, Vec<_>) =
        words.into_iter().partition(|word| word.starts_with("--"));
    if options.iter().any(|option| option == "--ignored") {
        return; // there are none
    }
    let chosen = |name: &str| {
        filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()))
    };
    let mut failed = Vec::new();
    for (name, test) in tests.filter(|(name, _)| chosen(name)) {
        if options.iter().any(|option| option == "--list") {
            println!("{name}: test");
            continue;
        }
        let thread = std::thread::Builder::new().name((*name).to_owned()).spawn(test);
        let passed = thread.unwrap().join().is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        if !passed {
            failed.push(*name);
        }
    }
    assert!(failed.is_empty(), "failed: {failed:#?}");
}

/// What the server says to its test begins so.
const MARK: &str = "@ ";

/// Says something to the test, from the server or any of its children. In one write.
pub fn say(words: impl Display) {
    println!("\n{MARK}{words}");
}

/// The server's process, as its test sees it.
pub struct Apart {
    process: Child,
    said: Receiver<String>,
    addr: Option<SocketAddr>,
}

/// Has this run in a process of its own, whose main thread is its only one. There, `None`.
#[track_caller]
pub fn apart(part: impl FnOnce()) -> Option<Apart> {
    if std::env::var_os(APART).is_some() {
        part();
        return None;
    }
    let test = std::thread::current().name().expect("a test's name").to_owned();
    let mut process = Command::new(std::env::current_exe().unwrap())
        .env(APART, test)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let (tell, said) = mpsc::channel();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if let Some(words) = line.strip_prefix(MARK) {
                let _ = tell.send(words.to_owned());
            }
        }
    });
    Some(Apart { process, said, addr: None })
}

impl Apart {
    /// The rest of the next line that begins so; what comes before it is left out.
    #[track_caller]
    pub fn hears(&self, beginning: &str) -> String {
        let mut others = Vec::new();
        loop {
            let Ok(line) = self.said.recv_timeout(WATCHDOG) else {
                panic!("never came: {beginning}; only {others:?}")
            };
            match line.strip_prefix(beginning) {
                Some(rest) => return rest.trim().to_owned(),
                None => others.push(line),
            }
        }
    }

    /// Whether anything is said in this time.
    pub fn is_silent_for(&self, time: Duration) -> bool {
        self.said.recv_timeout(time).is_err()
    }

    /// Connects to the address that it has said.
    #[track_caller]
    pub fn dial(&mut self) -> TcpStream {
        if self.addr.is_none() {
            self.addr = Some(self.hears("at ").parse().unwrap());
        }
        dial(self.addr.unwrap())
    }

    /// A client that asks for this, and its answer's first line.
    #[track_caller]
    pub fn asks(&mut self, word: &str) -> (TcpStream, String) {
        let mut client = self.dial();
        client.write_all(word.as_bytes()).unwrap();
        let line = line(&mut client);
        (client, line)
    }

    /// Sends a word whose handler does not answer.
    #[track_caller]
    pub fn sends(&mut self, word: &str) -> TcpStream {
        let mut client = self.dial();
        client.write_all(word.as_bytes()).unwrap();
        client
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits until it and all its children have ended, and gives the rest of what they said.
    #[track_caller]
    pub fn ends(mut self) -> Vec<String> {
        let rest = self.falls_silent();
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{status}; {rest:?}");
        rest
    }

    /// The same, where its own end is not a good one.
    #[track_caller]
    pub fn falls_silent(&mut self) -> Vec<String> {
        let mut rest = Vec::new();
        loop {
            match self.said.recv_timeout(WATCHDOG) {
                Ok(line) => rest.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => return rest,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("does not end; said {rest:?}"),
            }
        }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One line of an answer, without reading beyond it.
#[track_caller]
pub fn line(client: &mut TcpStream) -> String {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while client.read(&mut byte).unwrap() > 0 && byte != *b"\n" {
        bytes.extend(byte);
    }
    String::from_utf8(bytes).unwrap()
}

/// Sends a process a signal.
pub fn signal(process: &str, signal: &str) {
    assert!(Command::new("kill").args([signal, process]).status().unwrap().success());
}

/// The children of this process that it has not waited for, dead or alive.
pub fn children() -> usize {
    let is_ours = |entry: std::io::Result<std::fs::DirEntry>| {
        let stat = std::fs::read_to_string(entry.ok()?.path().join("stat")).ok()?;
        let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.to_owned();
        (parent == id().to_string()).then_some(())
    };
    std::fs::read_dir("/proc").unwrap().filter_map(is_ours).count()
}

/// Does what the client's first word says.
pub struct Does;

impl StreamRequestHandler for Does {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        let word = request.recv(64)?;
        let word = String::from_utf8_lossy(&word).into_owned();
        match word.trim_end() {
            "error" => return Err("as the client wants it".into()),
            "panic" => panic!("as the client wants it"),
            #[allow(clippy::disallowed_methods, reason = "what a handler may do to its child")]
            "exit" => std::process::exit(3),
            #[allow(clippy::disallowed_methods, reason = "as above")]
            "leave" => std::process::exit(0),
            "stop" => request.server.shutdown(),
            "stop often" => (0..10_000).for_each(|_| request.server.shutdown()),
            _ => {}
        }
        request.send_all(format!("{}\n", id()).as_bytes())?;
        if word.starts_with("hold") {
            let _ = request.recv(1); // until the client lets go
        }
        Ok(())
    }
}

/// The hooks of most of these servers: what fails is said, and where.
pub struct Says {
    pub max_children: usize,
    pub workers: usize,
    pub grace: Option<Duration>,
    pub with_threads: bool,
    parent: u32,
}

impl Default for Says {
    fn default() -> Says {
        Says { max_children: 40, workers: 2, grace: None, with_threads: false, parent: id() }
    }
}

impl BaseServer<StreamRequest> for Says {
    type Handler = Does;
    fn handler(&self, _: &Addr) -> Does {
        Does
    }
    fn max_children(&self) -> usize {
        self.max_children
    }
    fn workers(&self) -> usize {
        self.workers
    }
    fn fork_with_threads(&self) -> bool {
        self.with_threads
    }
    fn drain_grace(&self) -> Option<Duration> {
        self.grace
    }
    fn handle_error(&self, error: &HandlerError, _: &Addr) {
        let place = if self.parent == id() { "parent" } else { "child" };
        say(format!("failed in the {place}: {error}"));
    }
}

/// A server on a port of the system's choice, which the test is told.
pub fn bound<S: BaseServer<StreamRequest>, M: MixIn>(hooks: S) -> Server<StreamRequest, S, M> {
    let server = Server::new(("127.0.0.1", 0), hooks).unwrap();
    say(format!("at {}", server.local_addr()));
    server
}

/// Serves until it is shut down: then no child may be left.
pub fn serves<R: Request, S: BaseServer<R>, M: MixIn>(server: Server<R, S, M>) {
    server.serve_forever().unwrap();
    say(format!("children left: {}", children()));
}
