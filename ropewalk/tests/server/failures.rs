//! What fails: handlers, peers, addresses. The server goes on, the answer arrives, and
//! nothing is left bound.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, mpsc};

use ropewalk::Addr;
use ropewalk::error::ErrorKind;
use ropewalk::limits;
use ropewalk::server::{
    BaseServer, HandlerResult, MixIn, Pooling, Serial, Server, StreamRequest, StreamRequestHandler,
    TcpServer, Threading, ThreadingTcpServer,
};

use crate::serve::{WATCHDOG, ask, dial, read_all, serve};

/// Fails as its first byte says, and echoes what is no failure.
struct Fails;

impl StreamRequestHandler for Fails {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        let data = request.recv(1024)?;
        match data.first() {
            Some(b'e') => Err("as the client wants it".into()),
            Some(b'p') => panic!("as the client wants it"),
            _ => Ok(request.send_all(&data)?),
        }
    }
}

fn the_server_goes_on<M: MixIn>() {
    let server = Server::<StreamRequest, _, M>::new(("127.0.0.1", 0), || Fails).unwrap();
    let served = serve(server);
    for word in ["e", "p", "x", "p", "e", "y"] {
        let answer = ask(served.dial(), word.as_bytes());
        assert_eq!(answer, if matches!(word, "e" | "p") { "" } else { word });
    }
}

#[test]
fn a_serial_server_outlives_its_handlers_failures() {
    the_server_goes_on::<Serial>();
}

#[test]
fn a_threading_server_outlives_its_handlers_failures() {
    the_server_goes_on::<Threading>();
}

#[test]
fn a_pooling_server_outlives_its_handlers_failures() {
    the_server_goes_on::<Pooling>();
}

/// Reads one byte, whatever there is, and answers.
struct ReadsLittle;

impl StreamRequestHandler for ReadsLittle {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        request.recv(1)?;
        Ok(request.send_all(b"enough")?)
    }
}

/// The same with an answer that is still on its way when the handler has returned.
struct SaysMuch;

const MUCH: usize = 1 << 20;

impl StreamRequestHandler for SaysMuch {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        request.recv(1)?;
        Ok(request.send_all(&[b'x'; MUCH])?)
    }
}

#[test]
fn an_answer_outlives_the_input_that_its_handler_left_unread() {
    let served = serve(TcpServer::new(("127.0.0.1", 0), || SaysMuch).unwrap());
    for _ in 0..20 {
        let mut client = served.dial();
        client.write_all(b"more than one byte").unwrap();
        assert_eq!(read_all(&client).len(), MUCH, "all of it came");
    }
}

#[test]
fn a_client_that_sends_without_end_is_not_lingered_for_beyond_the_bound() {
    let served = serve(TcpServer::new(("127.0.0.1", 0), || ReadsLittle).unwrap());
    let mut flood = served.dial();
    // Until the server has closed: then the system says so.
    let chunk = vec![b'x'; limits::LINGER_BYTES];
    assert!((0..10_000).any(|_| flood.write_all(&chunk).is_err()), "it read on and on");
    assert_eq!(ask(served.dial(), b"x"), "enough");
}

#[test]
fn a_client_that_stays_is_lingered_for_until_the_deadline_and_no_longer() {
    let served = serve(TcpServer::new(("127.0.0.1", 0), || ReadsLittle).unwrap());
    let mut stays = served.dial();
    stays.write_all(b"more than one byte").unwrap();
    assert_eq!(ask(served.dial(), b"x"), "enough", "the second client's turn came");
    assert_eq!(read_all(&stays), "enough");
}

#[test]
fn a_client_that_left_nothing_unread_is_not_lingered_for() {
    let served = serve(TcpServer::new(("127.0.0.1", 0), || ReadsLittle).unwrap());
    // None of them ends its direction. If each were waited for, the watchdog would hear.
    let open: Vec<_> = (0..100)
        .map(|_| {
            let mut client = served.dial();
            client.write_all(b"x").unwrap();
            assert_eq!(read_all(&client), "enough");
            client
        })
        .collect();
    assert_eq!(open.len(), 100);
}

/// At most two handlers at once, each at work until the test says so.
struct Two(Arc<Mutex<mpsc::Receiver<()>>>);

struct AtWork(Arc<Mutex<mpsc::Receiver<()>>>);

impl StreamRequestHandler for AtWork {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        request.send_all(b"hello")?;
        self.0.lock().unwrap().recv_timeout(WATCHDOG)?;
        Ok(())
    }
}

impl BaseServer<StreamRequest> for Two {
    type Handler = AtWork;
    fn handler(&self, _: &Addr) -> AtWork {
        AtWork(self.0.clone())
    }
    fn max_requests(&self) -> usize {
        2
    }
}

#[test]
fn at_the_most_threads_the_next_client_is_closed_at_once() {
    let (go_on, word) = mpsc::channel();
    let hooks = Two(Arc::new(Mutex::new(word)));
    let served = serve(ThreadingTcpServer::new(("127.0.0.1", 0), hooks).unwrap());
    let greeted = || {
        let mut client = served.dial();
        let mut hello = [0; 5];
        client.read_exact(&mut hello).is_ok_and(|()| hello == *b"hello").then_some(client)
    };
    let (first, second) = (greeted().unwrap(), greeted().unwrap());
    assert!(greeted().is_none(), "a third was served");
    go_on.send(()).unwrap();
    // One of the two threads ends; as soon as it has, there is room again.
    let third = (0..10_000).find_map(|_| greeted()).expect("there is room again");
    go_on.send(()).unwrap();
    go_on.send(()).unwrap();
    for client in [first, second, third] {
        assert_eq!(read_all(client), "");
    }
}

#[test]
fn a_port_that_is_taken_is_said_and_nothing_is_left_bound() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = holder.local_addr().unwrap();
    let error = TcpServer::new(at, || Fails).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddressInUse);
    assert!(error.to_string().starts_with(&format!("cannot listen on {at}: ")), "{error}");
    drop(holder);
    drop(TcpServer::new(at, || Fails).unwrap());
    // Closed with its server: the port is free at once, whoever was connected.
    let server = TcpServer::new(at, || Fails).unwrap();
    let client = dial(at);
    server.close(std::time::Duration::ZERO).unwrap();
    drop(client);
    TcpServer::new(at, || Fails).unwrap();
}

#[test]
fn a_bare_port_is_this_machine_on_both_families() {
    let server = TcpServer::new(0, || Fails).unwrap();
    let addrs: Vec<_> = server.addrs().map(|addr| addr.ip().unwrap()).collect();
    assert!(addrs.iter().all(|addr| addr.ip().is_loopback()), "{addrs:?}");
    assert!(addrs.iter().all(|addr| addr.port() == addrs[0].port()), "{addrs:?}");
    let _served = serve(server);
    for addr in addrs {
        assert_eq!(ask(dial(addr), b"x"), "x");
    }
}

/// Waits for a byte that may take only so long.
struct Impatient;

impl StreamRequestHandler for Impatient {
    fn timeout(&self) -> Option<std::time::Duration> {
        Some(std::time::Duration::from_millis(20))
    }
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        match request.rfile.read_exact(&mut [0; 1]) {
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                Ok(request.wfile.write_all(b"too late")?)
            }
            other => Ok(other?),
        }
    }
}

#[test]
fn a_silent_client_meets_the_handlers_timeout() {
    let served = serve(TcpServer::new(("127.0.0.1", 0), || Impatient).unwrap());
    assert_eq!(read_all(served.dial()), "too late");
}

/// Hands its connection over.
struct HandsOver(mpsc::Sender<ropewalk::Socket>);

impl StreamRequestHandler for HandsOver {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        let socket = request.detach().expect("it is there");
        assert!(request.detach().is_none() && request.is_closed());
        Ok(self.0.send(socket)?)
    }
}

#[test]
fn a_detached_connection_outlives_its_request() {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let handler = move || HandsOver(tell.lock().unwrap().clone());
    let server = TcpServer::new(("127.0.0.1", 0), handler).unwrap();
    let client = dial(server.local_addr().ip().unwrap());
    assert!(server.handle_request().unwrap());
    drop(server);
    let socket = told.recv_timeout(WATCHDOG).unwrap();
    socket.send_all(b"still here").unwrap();
    drop(socket);
    assert_eq!(read_all(client), "still here");
}

/// Fails, and then panics in finishing.
struct FailsTwice;

impl StreamRequestHandler for FailsTwice {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        match request.recv(1024)?.first() {
            Some(b'p') => panic!("the first, a panic"),
            _ => Err("the first, an error".into()),
        }
    }
    fn finish(&mut self, _: &mut StreamRequest) -> HandlerResult {
        panic!("the second");
    }
}

struct Heard(mpsc::Sender<String>);

impl BaseServer<StreamRequest> for Heard {
    type Handler = FailsTwice;
    fn handler(&self, _: &Addr) -> FailsTwice {
        FailsTwice
    }
    fn handle_error(&self, error: &ropewalk::server::HandlerError, _: &Addr) {
        self.0.send(error.to_string()).unwrap();
    }
}

#[test]
fn a_finish_that_panics_does_not_hide_why_the_handler_failed() {
    let (tell, told) = mpsc::channel();
    let served = serve(TcpServer::new(("127.0.0.1", 0), Heard(tell)).unwrap());
    for (word, expected) in [
        ("e", "the handler failed: the first, an error"),
        ("p", "the handler panicked: the first, a panic"),
    ] {
        ask(served.dial(), word.as_bytes());
        assert_eq!(told.recv_timeout(WATCHDOG).unwrap(), expected);
    }
}

#[test]
fn pythons_empty_host_is_every_interface_and_brackets_are_no_part_of_an_address() {
    let all = TcpServer::new(("", 0), || Fails).unwrap();
    assert!(all.local_addr().ip().unwrap().ip().is_unspecified());
    let v6 = TcpServer::new(("[::1]", 0), || Fails).unwrap();
    assert!(v6.local_addr().ip().unwrap().ip().is_loopback());
}

// Elsewhere a stack of that size is refused in other ways.
#[cfg(target_os = "linux")]
mod threadless {
    use super::*;

    /// Where it is set, no thread can be had: its stack would be more than there is room for.
    const NO_THREADS: &str = "RUST_MIN_STACK";
    const TOO_MUCH_STACK: u64 = 1 << 47;

    struct Startless(mpsc::Sender<String>);

    impl BaseServer<StreamRequest> for Startless {
        type Handler = FailsTwice;
        fn handler(&self, _: &Addr) -> FailsTwice {
            unreachable!("there is no thread to make it in");
        }
        fn handle_error(&self, error: &ropewalk::server::HandlerError, _: &Addr) {
            self.0.send(error.to_string()).unwrap();
        }
    }

    #[test]
    #[ignore = "a part, in a process that can have no threads"]
    fn the_part() {
        if std::env::var_os(NO_THREADS).is_none() {
            return;
        }
        let (tell, told) = mpsc::channel();
        let server = ThreadingTcpServer::new(("127.0.0.1", 0), Startless(tell)).unwrap();
        for _ in 0..2 {
            let client = dial(server.local_addr().ip().unwrap());
            assert!(server.handle_request().unwrap(), "and it goes on");
            assert_eq!(read_all(client), "", "closed in order");
            let words = told.try_recv().unwrap();
            assert!(words.contains("no thread could be started"), "{words}");
        }
        drop(server);
    }

    #[test]
    fn a_thread_that_cannot_be_had_is_told_of_and_its_client_is_closed() {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["failures::threadless::the_part", "--exact", "--ignored", "--nocapture"])
            .arg("--test-threads=1") // in the first one
            .env(NO_THREADS, TOO_MUCH_STACK.to_string())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }
}
