//! Forking servers for `socketserver`'s tests, each in a process of its own, where no other
//! test's thread is about.

#![allow(clippy::print_stdout, reason = "the way from the server to its test")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use ropewalk::Addr;
use ropewalk::addr::Target;
use ropewalk::server::{
    BaseRequestHandler, BaseServer, DatagramRequest, DatagramRequestHandler, Forking, HandlerError,
    HandlerResult, Request, Server, StreamRequest, StreamRequestHandler,
};
use ropewalk::socket::*;

use crate::ends::{WATCHDOG, watched};
use crate::folder::Folder;
use crate::parts;
use crate::socketserver::Echo;

/// Ends a server; it is no line.
const STOP: &[u8] = b"stop";

/// What a server says before a failure that the test does not want.
const FAILED: &str = "a handler failed: ";

/// The other process, and the lines that it says.
struct Part(Child, mpsc::Receiver<String>);

impl Part {
    fn start(word: &str) -> Part {
        let mut command = parts::command("forking::the_part", word);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            lines.map_while(Result::ok).try_for_each(|line| tell.send(line))
        });
        Part(child, told)
    }

    /// What it says of this.
    fn says(&self, of: &str) -> String {
        loop {
            let line = self.1.recv_timeout(WATCHDOG).expect("it says so");
            if let Some(words) = line.strip_prefix(of) {
                return words.to_owned();
            }
        }
    }

    /// What else it says up to its end, which is a good one.
    fn ends(mut self) -> Vec<String> {
        let mut rest = Vec::new();
        while let Ok(line) = self.1.recv_timeout(WATCHDOG) {
            rest.push(line);
        }
        assert!(self.0.wait().unwrap().success(), "{rest:?}");
        rest
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Examines a server three times, and ends it.
pub fn run_server(kind: &str, examine: fn(&Addr)) {
    let folder = Folder::new();
    let path = folder.path("socket");
    let part = Part::start(&format!("{kind} {}", path.display()));
    let at = part.says("serving on ");
    let addr = match at.parse() {
        Ok(ip) => Addr::Ip(ip),
        Err(_) => Addr::Unix(Some(path.as_path().into())),
    };
    (0..3).for_each(|_| examine(&addr));
    let family = if addr.ip().is_some() { AF_INET } else { AF_UNIX };
    let kind = if matches!(kind, "tcp" | "unix") { SOCK_STREAM } else { SOCK_DGRAM };
    let client = watched(family, kind);
    client.connect(Target::from(addr)).unwrap();
    client.send_all(STOP).unwrap();
    let rest = part.ends();
    assert!(rest.iter().any(|line| line == "closed, and 72"), "{rest:?}");
    assert!(!rest.iter().any(|line| line.starts_with(FAILED)), "{rest:?}");
}

/// What a server that is asked once says.
pub fn heard(ends: &str) -> Vec<String> {
    let part = Part::start(ends);
    let said = part.ends();
    let told = |line: &String| line.starts_with("Handler") || line.starts_with("Error");
    said.into_iter().filter(told).collect()
}

#[test]
#[ignore = "a part, in a process of its own"]
fn the_part() {
    let Some(word) = parts::word() else { return };
    println!(); // libtest has begun a line
    let (kind, path) = word.split_once(' ').unwrap_or((&word, ""));
    let path = std::path::Path::new(path);
    match kind {
        "tcp" => serve(Server::<StreamRequest, _, Forking>::new(HERE, Stops).unwrap()),
        "unix" => serve(Server::<StreamRequest, _, Forking>::new(path, Stops).unwrap()),
        "udp" => serve(Server::<DatagramRequest, _, Forking>::new(HERE, Stops).unwrap()),
        "unixgram" => serve(Server::<DatagramRequest, _, Forking>::new(path, Stops).unwrap()),
        ends => serve_once(ends == "exits"),
    }
}

const HERE: (&str, u16) = ("127.0.0.1", 0);

/// Serves beside a child that is not the server's.
fn serve<R: Request>(server: Server<R, Stops, Forking>)
where
    Stops: BaseServer<R>,
{
    let mut other = Command::new("sh").args(["-c", "exit 72"]).spawn().unwrap();
    println!("serving on {}", server.local_addr());
    server.serve_forever().unwrap();
    let report = server.close(WATCHDOG).unwrap();
    assert!(report.cut.is_empty() && report.still_running.is_empty(), "{report:?}");
    // Nobody else has waited for it.
    println!("closed, and {}", other.wait().unwrap().code().unwrap());
}

/// An echo that can be ended, and whose failures fail the test.
struct Stops;

impl<R: Request> BaseServer<R> for Stops
where
    StopsOrEchoes: BaseRequestHandler<R>,
{
    type Handler = StopsOrEchoes;
    fn handler(&self, _: &Addr) -> StopsOrEchoes {
        StopsOrEchoes
    }
    fn fork_with_threads(&self) -> bool {
        true // libtest's own, which waits for this one and holds nothing
    }
    fn handle_error(&self, error: &HandlerError, _: &Addr) {
        println!("{FAILED}{error}");
    }
}

struct StopsOrEchoes;

impl StreamRequestHandler for StopsOrEchoes {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        if request.rfile.fill_buf()?.starts_with(STOP) {
            request.server.shutdown();
            return Ok(());
        }
        StreamRequestHandler::handle(&mut Echo, request)
    }
}

impl DatagramRequestHandler for StopsOrEchoes {
    fn handle(&mut self, request: &mut DatagramRequest) -> HandlerResult {
        if request.packet == STOP {
            request.server.shutdown();
            return Ok(());
        }
        DatagramRequestHandler::handle(&mut Echo, request)
    }
}

/// One client, whose handler fails or exits.
fn serve_once(exits: bool) {
    let server = Server::<StreamRequest, _, Forking>::new(HERE, Bad(exits)).unwrap();
    let client = create_connection(server.local_addr().clone(), Some(WATCHDOG)).unwrap();
    assert!(server.handle_request().unwrap());
    while !matches!(client.recv(1), Ok(bytes) if bytes.is_empty()) {}
    assert!(server.close(WATCHDOG).unwrap().still_running.is_empty());
}

struct Bad(bool);

impl StreamRequestHandler for Bad {
    #[allow(clippy::disallowed_methods, reason = "what Python's `SystemExit` is in a child")]
    fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult {
        println!("Handler called");
        if self.0 {
            std::process::exit(1);
        }
        Err("Test error".into())
    }
}

impl BaseServer<StreamRequest> for Bad {
    type Handler = Bad;
    fn handler(&self, _: &Addr) -> Bad {
        Bad(self.0)
    }
    fn fork_with_threads(&self) -> bool {
        true // see above
    }
    fn handle_error(&self, error: &HandlerError, _: &Addr) {
        println!("Error handled: {error}");
    }
}
