//! TLS where it blocks: handlers, streams of a program's own, protocols on threads.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::sync::Mutex;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use ropewalk::Addr;
use ropewalk::limits::Limits;
use ropewalk::protocol::{Deadline, Kind as End};
use ropewalk::server::{
    BaseServer, HandlerError, OverTls, PoolingTcpServer, Protocols, StreamRequest, TcpServer,
    ThreadingTcpServer, TlsStream, over_tls,
};
use ropewalk::socket::{Socket, create_connection};
use ropewalk::tls::Error;

use crate::meet::{client, over, server};
use crate::rig::{Kept, Script, WATCHDOG};

fn dial(addr: &Addr) -> Socket {
    let socket = create_connection(addr.ip().unwrap(), Some(WATCHDOG)).unwrap();
    socket.set_timeout(Some(WATCHDOG)).unwrap();
    socket
}

fn dial_tls(addr: &Addr) -> TlsStream {
    TlsStream::connect(dial(addr), &client(), "localhost").unwrap()
}

#[test]
fn a_handler_is_served_through_tls() {
    let shout = over_tls(server(), |stream, request| {
        assert_eq!(request.client_address.host(), "127.0.0.1");
        assert_eq!(stream.agreed().server_name(), Some("localhost"));
        let mut line = String::new();
        BufReader::new(&mut *stream).read_line(&mut line)?;
        Ok(write!(stream, "{}{}", line.to_uppercase(), "!".repeat(100_000))?)
    });
    let server = TcpServer::new(("127.0.0.1", 0), shout).unwrap();
    let addr = server.local_addr().clone();
    let serving = std::thread::spawn(move || server.handle_request().unwrap());
    let mut stream = dial_tls(&addr);
    assert_eq!((stream.agreed().version(), stream.agreed().is_resumed()), (Some("TLSv1.3"), false));
    writeln!(stream, "hello").unwrap();
    let mut answer = String::new();
    // The end is the handler's last word: else this would fail.
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, format!("HELLO\n{}", "!".repeat(100_000)));
    stream.finish().unwrap();
    serving.join().unwrap();
}

#[test]
fn a_handler_that_fails_leaves_an_answer_that_does_not_look_whole() {
    let half = over_tls(server(), |stream, _| {
        stream.write_all(b"half of ")?;
        Err("something went wrong".into())
    });
    let server = TcpServer::new(("127.0.0.1", 0), half).unwrap();
    let addr = server.local_addr().clone();
    let serving = std::thread::spawn(move || server.handle_request().unwrap());
    let mut stream = dial_tls(&addr);
    let mut answer = Vec::new();
    let error = stream.read_to_end(&mut answer).unwrap_err();
    assert_eq!((&answer[..], error.kind()), (&b"half of "[..], ErrorKind::UnexpectedEof));
    assert_eq!(Error::of_io(&error), Some(&Error::Cut));
    serving.join().unwrap();
}

/// Tells what its handlers failed of.
struct Tells<F>(F, Mutex<Sender<String>>);

impl<F, H> BaseServer<StreamRequest> for Tells<F>
where
    F: Fn() -> OverTls<H> + Send + Sync + 'static,
    H: Fn(&mut TlsStream, &mut StreamRequest) -> ropewalk::server::HandlerResult,
{
    type Handler = OverTls<H>;
    fn handler(&self, _: &Addr) -> OverTls<H> {
        (self.0)()
    }
    fn handle_error(&self, error: &HandlerError, _: &Addr) {
        self.1.lock().unwrap().send(error.to_string()).unwrap();
    }
}

#[test]
fn a_slow_client_holds_up_its_own_worker_and_a_failed_handshake_is_told() {
    let (tell, told) = mpsc::channel();
    let echo = over_tls(server(), |stream, _| {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        Ok(stream.write_all(&byte)?)
    });
    let server = PoolingTcpServer::new(("127.0.0.1", 0), Tells(echo, Mutex::new(tell))).unwrap();
    let (addr, handle) = (server.local_addr().clone(), server.shutdown_handle());
    let serving = std::thread::spawn(move || {
        server.serve_forever().unwrap();
        server.close(WATCHDOG).unwrap();
    });
    let slow = dial(&addr); // says nothing
    let mut quick = dial_tls(&addr);
    quick.write_all(b"x").unwrap();
    let mut answer = Vec::new();
    quick.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"x");
    drop(quick);
    // Plain text, and a stranger.
    let lost = dial(&addr);
    lost.send_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let sentence = told.recv_timeout(WATCHDOG).unwrap();
    assert!(sentence.contains("an HTTP request came"), "{sentence}");
    let stranger = ropewalk::tls::Client::builder().pin([1; 32]).build().unwrap();
    let error = TlsStream::connect(dial(&addr), &stranger, "localhost").unwrap_err();
    let source = error.io_error().and_then(Error::of_io);
    assert!(matches!(source, Some(Error::WrongPin { .. })), "{error}");
    let sentence = told.recv_timeout(WATCHDOG).unwrap();
    assert!(sentence.contains("the peer refuses us"), "{sentence}");
    drop(slow);
    let sentence = told.recv_timeout(WATCHDOG).unwrap();
    assert!(sentence.contains("during the handshake"), "{sentence}");
    handle.shutdown();
    serving.join().unwrap();
}

#[test]
fn a_protocol_on_threads_shakes_hands_in_its_own_within_the_deadline() {
    let ends = Kept::new();
    let tls = server();
    let script = over(Script::echo(), move || tls.layer(), &ends);
    let log = crate::rig::Log::default();
    let limits = Limits { handshake: Duration::from_millis(50), ..Limits::default() };
    let factory = crate::rig::ScriptedFactory::server(script, log);
    let protocols = Protocols::with(factory, limits, None);
    let server = ThreadingTcpServer::new(("127.0.0.1", 0), protocols).unwrap();
    let (addr, handle) = (server.local_addr().clone(), server.shutdown_handle());
    let serving = std::thread::spawn(move || {
        server.serve_forever().unwrap();
        server.close(WATCHDOG).unwrap();
    });
    let _silent = dial(&addr);
    assert_eq!(ends.first().kind(), End::Deadline(Deadline::Handshake));
    let mut stream = dial_tls(&addr);
    stream.write_all(b"hello").unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"hello");
    stream.finish().unwrap();
    handle.shutdown();
    serving.join().unwrap();
}

#[test]
fn a_stream_keeps_its_sockets_timeout_and_goes_on_after_it() {
    let (release, hold) = mpsc::channel::<()>();
    let hold = Mutex::new(hold);
    let late = over_tls(server(), move |stream, _| {
        hold.lock().unwrap().recv_timeout(WATCHDOG)?;
        Ok(stream.write_all(b"late")?)
    });
    let server = TcpServer::new(("127.0.0.1", 0), late).unwrap();
    let addr = server.local_addr().clone();
    let serving = std::thread::spawn(move || server.handle_request().unwrap());
    let mut stream = dial_tls(&addr);
    assert_eq!(stream.socket().timeout(), Some(WATCHDOG));
    stream.socket().set_timeout(Some(Duration::from_millis(1))).unwrap();
    let mut answer = [0; 4];
    assert_eq!(stream.read(&mut answer).unwrap_err().kind(), ErrorKind::TimedOut);
    release.send(()).unwrap();
    stream.socket().set_timeout(Some(WATCHDOG)).unwrap();
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"late");
    serving.join().unwrap();
}
