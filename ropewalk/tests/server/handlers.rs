//! What a handler sets for its request: buffers, deadlines; and how its failures are told.

use std::io::{BufRead, Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use ropewalk::Addr;
use ropewalk::server::{
    BaseRequestHandler, BaseServer, DatagramRequest, HandlerError, HandlerResult, StreamRequest,
    StreamRequestHandler, TcpServer, UdpServer,
};
use tracing::span;

use crate::needs::resets;
use crate::serve::{WATCHDOG, ask, datagrams, dial, read_all, serve};

/// Does as it is told.
#[derive(Clone, Default)]
struct Told {
    reads: Option<usize>,
    writes: usize,
    deadline: Option<Duration>,
    does: Option<fn(&mut StreamRequest) -> HandlerResult>,
}

impl StreamRequestHandler for Told {
    fn rbufsize(&self) -> usize {
        self.reads.unwrap_or(8192)
    }
    fn wbufsize(&self) -> usize {
        self.writes
    }
    fn timeout(&self) -> Option<Duration> {
        Some(WATCHDOG)
    }
    fn deadline(&self) -> Option<Duration> {
        self.deadline
    }
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        self.does.map_or(Ok(()), |does| does(request))
    }
}

/// Hands each failure to the test: what it says, and whether a peer is gone.
struct Hears<H>(H, mpsc::Sender<(String, bool)>);

impl<H: BaseRequestHandler<StreamRequest> + Clone + Send + Sync + 'static> BaseServer<StreamRequest>
    for Hears<H>
{
    type Handler = H;
    fn handler(&self, _: &Addr) -> H {
        self.0.clone()
    }
    fn handle_error(&self, error: &HandlerError, _: &Addr) {
        self.1.send((error.to_string(), error.is_peer_gone())).unwrap();
    }
}

/// Data segments that a connection has sent, by the kernel's count.
#[cfg(target_os = "linux")] // the option is its own
fn sends(request: &StreamRequest) -> u32 {
    const TCP_INFO: i32 = 11;
    const DATA_SEGMENTS_OUT: usize = 156;
    let info = request.option_bytes(ropewalk::socket::IPPROTO_TCP, TCP_INFO, 256).unwrap();
    let bytes = &info[DATA_SEGMENTS_OUT..DATA_SEGMENTS_OUT + 4];
    u32::from_ne_bytes(bytes.try_into().unwrap())
}

#[cfg(target_os = "linux")] // see above
#[test]
fn what_is_written_leaves_at_once_and_in_one_piece() {
    let does: fn(&mut StreamRequest) -> HandlerResult = |request| {
        let (one, two, three) = (1, "two", 3.0);
        writeln!(request.wfile, "{one} {two} {three}")?;
        assert_eq!(sends(request), 1);
        Ok(request.wfile.write_all(b"more\n")?)
    };
    let told = Told { does: Some(does), ..Told::default() };
    let served = serve(TcpServer::new(("127.0.0.1", 0), move || told.clone()).unwrap());
    assert_eq!(ask(served.dial(), b""), "1 two 3\nmore\n");
}

#[cfg(target_os = "linux")] // see above
#[test]
fn what_a_buffer_holds_leaves_at_a_flush_or_when_the_handler_is_done() {
    let does: fn(&mut StreamRequest) -> HandlerResult = |request| {
        for number in 0..50 {
            write!(request.wfile, "{number} ")?;
        }
        assert_eq!(sends(request), 0);
        request.wfile.flush()?;
        assert_eq!(sends(request), 1);
        request.wfile.write_all(b"and the rest")?;
        assert_eq!(sends(request), 1);
        Err("a failure keeps nothing back".into())
    };
    let told = Told { does: Some(does), writes: 8192, ..Told::default() };
    let served = serve(TcpServer::new(("127.0.0.1", 0), move || told.clone()).unwrap());
    let answer = ask(served.dial(), b"");
    assert!(answer.starts_with("0 1 2 ") && answer.ends_with("49 and the rest"), "{answer}");
}

#[test]
fn more_than_the_buffer_is_not_held_back() {
    let does: fn(&mut StreamRequest) -> HandlerResult = |request| {
        request.wfile.write_all(&[b'x'; 100])?;
        // Until the client has it, which a buffer would keep from it.
        Ok(request.rfile.read_exact(&mut [0; 1])?)
    };
    let told = Told { does: Some(does), writes: 10, ..Told::default() };
    let served = serve(TcpServer::new(("127.0.0.1", 0), move || told.clone()).unwrap());
    let mut client = served.dial();
    client.read_exact(&mut [0; 100]).unwrap();
    client.write_all(b"!").unwrap();
    assert_eq!(read_all(client), "");
}

#[test]
fn what_cannot_be_sent_at_the_end_is_told() {
    if !resets() {
        return;
    }
    let does: fn(&mut StreamRequest) -> HandlerResult = |request| {
        assert!(request.recv(1).is_err()); // the client's reset
        Ok(request.wfile.write_all(b"to nobody")?)
    };
    let (tell, told) = mpsc::channel();
    let handler = Told { does: Some(does), writes: 8192, ..Told::default() };
    let served = serve(TcpServer::new(("127.0.0.1", 0), Hears(handler, tell)).unwrap());
    let client = served.dial();
    socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    let (words, is_gone) = told.recv_timeout(WATCHDOG).unwrap();
    assert!(is_gone && words.contains("cannot send"), "{words}");
}

#[test]
fn a_reader_without_a_buffer_takes_no_more_than_it_gives() {
    let does: fn(&mut StreamRequest) -> HandlerResult = |request| {
        let mut line = String::new();
        request.rfile.read_line(&mut line)?;
        let rest = request.recv(1024)?;
        write!(request.wfile, "{}|{}", line.trim_end(), String::from_utf8(rest)?)?;
        Ok(())
    };
    let told = Told { does: Some(does), reads: Some(0), ..Told::default() };
    let served = serve(TcpServer::new(("127.0.0.1", 0), move || told.clone()).unwrap());
    assert_eq!(ask(served.dial(), b"one\ntwo"), "one|two");
}

/// Reads until it may no more.
fn reads_on(request: &mut StreamRequest) -> HandlerResult {
    let mut buffer = [0; 1024];
    while request.rfile.read(&mut buffer)? > 0 {}
    Ok(())
}

#[test]
fn a_client_that_drips_or_floods_meets_the_deadline_of_the_whole() {
    let (tell, told) = mpsc::channel();
    let deadline = Some(Duration::from_millis(50));
    let handler = Told { does: Some(reads_on), deadline, ..Told::default() };
    let served = serve(TcpServer::new(("127.0.0.1", 0), Hears(handler, tell)).unwrap());
    for size in [1, 1 << 16] {
        let (mut client, data) = (served.dial(), vec![b'x'; size]);
        // Each of its bytes comes within every timeout, until nobody takes them.
        while client.write_all(&data).is_ok() {}
        let (words, is_gone) = told.recv_timeout(WATCHDOG).unwrap();
        assert!(words.contains("the deadline of 50ms has passed"), "{words}");
        assert!(!is_gone, "it was there all the time");
    }
}

#[test]
fn a_silent_client_meets_the_deadline_of_the_whole_and_is_told_so_in_order() {
    let does: fn(&mut StreamRequest) -> HandlerResult = |request| {
        let mut line = String::new();
        match request.rfile.read_line(&mut line) {
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                request.set_deadline(None)?; // for the last word
                Ok(request.wfile.write_all(b"too late")?)
            }
            other => Ok(other.map(drop)?),
        }
    };
    let deadline = Some(Duration::from_millis(20));
    let told = Told { does: Some(does), deadline, ..Told::default() };
    let served = serve(TcpServer::new(("127.0.0.1", 0), move || told.clone()).unwrap());
    let client = served.dial();
    assert_eq!(read_all(&client), "too late");
}

/// Counts what the log is told, by level.
#[derive(Clone, Default)]
struct Levels(Arc<Mutex<Vec<tracing::Level>>>, Arc<AtomicU64>);

impl tracing::Subscriber for Levels {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "ropewalk::server::hooks"
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(self.1.fetch_add(1, Ordering::Relaxed) + 1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        self.0.lock().unwrap().push(*event.metadata().level());
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[test]
fn the_log_tells_a_failure_from_a_peer_that_is_gone() {
    if !resets() {
        return;
    }
    let does: fn(&mut StreamRequest) -> HandlerResult = |request| {
        match request.recv(1)?.first() {
            None => Err("no word came".into()),
            Some(_) => {
                request.recv(1)?; // the client's reset
                Ok(())
            }
        }
    };
    let told = Told { does: Some(does), ..Told::default() };
    let server = TcpServer::new(("127.0.0.1", 0), move || told.clone()).unwrap();
    let levels = Levels::default();
    tracing::subscriber::with_default(levels.clone(), || {
        let client = dial(server.local_addr().ip().unwrap());
        client.shutdown(Shutdown::Write).unwrap();
        server.handle_request().unwrap();
        let mut client = dial(server.local_addr().ip().unwrap());
        client.write_all(b"x").unwrap();
        socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        server.handle_request().unwrap();
    });
    assert_eq!(*levels.0.lock().unwrap(), [tracing::Level::ERROR, tracing::Level::DEBUG]);
}

/// Answers each datagram with two: an empty one, then its length.
struct Twice;

impl BaseRequestHandler<DatagramRequest> for Twice {
    fn handle(&mut self, request: &mut DatagramRequest) -> HandlerResult {
        request.reply(b"")?;
        Ok(request.reply(request.packet.len().to_string().as_bytes())?)
    }
}

#[test]
fn an_empty_datagram_is_a_request_and_can_be_an_answer() {
    let served = serve(UdpServer::new(("127.0.0.1", 0), || Twice).unwrap());
    let client = datagrams(served.addr);
    for word in ["", "four"] {
        client.send(word.as_bytes()).unwrap();
        let mut answer = [b'?'; 8];
        assert_eq!(client.recv(&mut answer).unwrap(), 0);
        assert_eq!(client.recv(&mut answer).unwrap(), 1);
        assert_eq!(answer[..1], *word.len().to_string().as_bytes());
    }
}

#[test]
fn a_failure_that_wraps_a_reset_is_a_peer_that_is_gone() {
    let reset = || std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let wrapped = std::io::Error::other(reset());
    let ours = ropewalk::Error::from_io(ropewalk::error::Operation::Receive, "x:1", reset());
    for gone in [Box::new(wrapped) as Box<dyn std::error::Error + Send + Sync>, ours.into()] {
        assert!(HandlerError::Failed(gone).is_peer_gone());
    }
    let refused = || std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    // A datagram's send; but not a connection to somebody else, that the handler needed.
    for (operation, gone) in
        [(ropewalk::error::Operation::Send, true), (ropewalk::error::Operation::Connect, false)]
    {
        let error = ropewalk::Error::from_io(operation, "x:1", refused());
        assert_eq!(HandlerError::Failed(error.into()).is_peer_gone(), gone);
    }
    assert!(!HandlerError::Panicked("connection reset".into()).is_peer_gone());
}
