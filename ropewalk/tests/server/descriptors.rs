//! Out of descriptors: accepting pauses, says so, serves on, and recovers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use ropewalk::error::ErrorKind;
use ropewalk::server::{
    BaseServer, HandlerResult, MixIn, Pooling, Protocols, Server, ServerSocket, StreamRequest,
    StreamRequestHandler, Threading,
};

use ropewalk::{Addr, Protocol, Transport};

use crate::serve::{Ends, WATCHDOG, dial};

/// The environment's word that the server's part is meant to run.
const PART: &str = "ROPEWALK_SERVER_PART";

/// What the server may have open, in all.
const DESCRIPTORS: usize = 32;

/// More than that.
const CLIENTS: usize = 48;

/// What is exchanged with a client that was admitted, while others wait; and the most that
/// may be tried in vain meanwhile, at one try a pause. A loop without a pause makes
/// thousands.
const EXCHANGES: usize = 2_000;
const TRIES_IN_VAIN: usize = 200;

/// Echoes lines until its client ends; `stop` stops the server.
struct Lines;

impl StreamRequestHandler for Lines {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        let mut line = String::new();
        while request.rfile.read_line(&mut line)? > 0 {
            request.wfile.write_all(line.as_bytes())?;
            if line == "stop\n" {
                request.server.shutdown(); // after the answer: the process ends with its server
            }
            line.clear();
        }
        Ok(())
    }
}

/// The same as a protocol.
struct LinesProtocol(Vec<u8>);

impl Protocol for LinesProtocol {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        self.0.extend_from_slice(data);
        while let Some(end) = self.0.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.0.drain(..=end).collect();
            transport.write(&line);
            if line == b"stop\n" {
                transport.net().stop();
            }
        }
    }
}

/// Prints each time that there was no descriptor; all else is another server's.
struct Prints<S> {
    inner: S,
    in_vain: AtomicUsize,
}

impl<S: BaseServer<StreamRequest>> BaseServer<StreamRequest> for Prints<S> {
    type Handler = S::Handler;
    fn handler(&self, client: &Addr) -> S::Handler {
        self.inner.handler(client)
    }
    fn drain_grace(&self) -> Option<Duration> {
        self.inner.drain_grace()
    }
    fn get_request(&self, socket: &ServerSocket) -> ropewalk::Result<StreamRequest> {
        let taken = self.inner.get_request(socket);
        if taken.as_ref().is_err_and(|error| error.kind() == ErrorKind::NoDescriptors) {
            self.in_vain.fetch_add(1, Ordering::Relaxed);
            print("none left");
        }
        taken
    }
}

/// Past the harness, which would keep it.
fn print(line: &str) {
    writeln!(std::io::stdout().lock(), "{line}").unwrap();
}

fn serve_with_few<S: BaseServer<StreamRequest>, M: MixIn>(inner: S) {
    if std::env::var_os(PART).is_none() {
        return;
    }
    let hooks = Prints { inner, in_vain: AtomicUsize::new(0) };
    let server = Server::<StreamRequest, _, M>::new(("127.0.0.1", 0), hooks).unwrap();
    print(&format!("at {}", server.local_addr()));
    server.serve_forever().unwrap();
    print(&format!("in vain {}", server.hooks().in_vain.load(Ordering::Relaxed)));
}

#[test]
#[ignore = "the server's part, in a process with few descriptors"]
fn handlers_with_few_descriptors() {
    serve_with_few::<_, Threading>(|| Lines);
}

#[test]
#[ignore = "the server's part, in a process with few descriptors"]
fn protocols_with_few_descriptors() {
    serve_with_few::<_, Threading>(Protocols::new(|| LinesProtocol(Vec::new())));
}

#[test]
#[ignore = "the server's part, in a process with few descriptors"]
fn pooled_handlers_with_few_descriptors() {
    serve_with_few::<_, Pooling>(|| Lines);
}

#[test]
#[ignore = "the server's part, in a process with few descriptors"]
fn pooled_protocols_with_few_descriptors() {
    serve_with_few::<_, Pooling>(Protocols::new(|| LinesProtocol(Vec::new())));
}

#[track_caller]
fn echoes(client: &mut TcpStream, word: &str) {
    client.write_all(word.as_bytes()).unwrap();
    let mut answer = vec![0; word.len()];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(answer, word.as_bytes());
}

#[test]
fn out_of_descriptors_a_server_of_handlers_pauses_accepting_and_recovers() {
    pauses_accepting_and_recovers("descriptors::handlers_with_few_descriptors");
}

#[test]
fn out_of_descriptors_a_server_of_protocols_pauses_accepting_and_recovers() {
    pauses_accepting_and_recovers("descriptors::protocols_with_few_descriptors");
}

#[test]
fn out_of_descriptors_a_pool_of_handlers_pauses_accepting_and_recovers() {
    pauses_accepting_and_recovers("descriptors::pooled_handlers_with_few_descriptors");
}

#[test]
fn out_of_descriptors_a_pool_of_protocols_pauses_accepting_and_recovers() {
    pauses_accepting_and_recovers("descriptors::pooled_protocols_with_few_descriptors");
}

fn pauses_accepting_and_recovers(part: &str) {
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -n $1; shift; exec \"$@\"", "sh", &DESCRIPTORS.to_string()])
        .arg(std::env::current_exe().unwrap())
        .args([part, "--exact", "--ignored"])
        .args(["--nocapture", "--test-threads=1"])
        .env(PART, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map(Ends)
        .unwrap();
    let (tell, said) = mpsc::channel();
    let stdout = BufReader::new(child.0.stdout.take().unwrap());
    // Ends with the child, which ends with the test.
    std::thread::spawn(move || {
        stdout.lines().map_while(Result::ok).try_for_each(|line| tell.send(line))
    });
    let next = |word: &str| loop {
        let line = said.recv_timeout(WATCHDOG).unwrap_or_else(|_| panic!("never: {word:?}"));
        if let Some((_, rest)) = line.split_once(word) {
            break rest.trim().to_owned();
        }
    };
    let at: SocketAddr = next("at ").parse().unwrap();
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| dial(at)).collect();
    for _ in 0..3 {
        next("none left");
    }
    // Whoever was admitted is served meanwhile.
    for _ in 0..EXCHANGES {
        echoes(&mut clients[0], "hello\n");
    }
    // Descriptors come back: whoever waited is admitted.
    let mut last = clients.pop().unwrap();
    drop(clients);
    echoes(&mut last, "still here\n");
    echoes(&mut last, "stop\n");
    drop(last);
    let in_vain: usize = next("in vain ").parse().unwrap();
    assert!((3..TRIES_IN_VAIN).contains(&in_vain), "{in_vain} tries in vain");
    assert!(child.0.wait().unwrap().success());
}
