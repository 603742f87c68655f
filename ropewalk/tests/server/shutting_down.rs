//! Shutting down: from anywhere, at any time, at once, and never for ever.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use ropewalk::Addr;
use ropewalk::error::ErrorKind;
use ropewalk::server::{
    BaseServer, HandlerResult, MixIn, Pooling, Serial, Server, StreamRequest, StreamRequestHandler,
    TcpServer, Threading, ThreadingTcpServer,
};

use crate::serve::{A_MOMENT, Served, WATCHDOG, dial, read_all, serve};

struct Quiet;

impl StreamRequestHandler for Quiet {
    fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult {
        Ok(())
    }
}

fn quiet() -> TcpServer<impl BaseServer<StreamRequest>> {
    TcpServer::new(("127.0.0.1", 0), || Quiet).unwrap()
}

#[test]
fn a_shutdown_before_serving_ends_the_next_serving_and_only_that() {
    let server = quiet();
    server.shutdown();
    server.shutdown();
    server.serve_forever().unwrap();
    // Obeyed: this one goes on until it is told.
    let mut served = serve(server);
    assert_eq!(read_all(served.dial()), "");
    served.handle.shutdown();
    served.ends();
}

#[test]
fn a_shutdown_after_serving_ends_the_next_serving() {
    let server = Arc::new(quiet());
    server.shutdown();
    server.serve_forever().unwrap();
    server.shutdown();
    server.serve_forever().unwrap();
    server.shutdown();
    assert!(!server.handle_request().unwrap(), "it ends a handle_request as well");
}

/// Shuts its own server down, and answers afterwards.
struct Last;

impl StreamRequestHandler for Last {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        request.server.shutdown();
        Ok(request.send_all(b"you are the last")?)
    }
}

fn from_its_own_handler<M: MixIn>() {
    let server = Server::<StreamRequest, _, M>::new(("127.0.0.1", 0), || Last).unwrap();
    let mut served = serve(server);
    let client = served.dial();
    served.ends();
    assert_eq!(read_all(client), "you are the last");
}

#[test]
fn a_handler_shuts_its_serial_server_down() {
    from_its_own_handler::<Serial>();
}

#[test]
fn a_handler_shuts_its_threading_server_down() {
    from_its_own_handler::<Threading>();
}

#[test]
fn a_handler_shuts_its_pooling_server_down() {
    from_its_own_handler::<Pooling>();
}

/// CPython's `test_shutdown`: the shutdown may come before the loop, or in it.
#[test]
fn twenty_servers_that_are_shut_down_at_once_all_return() {
    let mut all: Vec<_> = (0..20)
        .map(|_| {
            let served = serve(quiet());
            served.handle.shutdown();
            served
        })
        .collect();
    all.iter_mut().for_each(|served| served.ends());
}

#[test]
fn no_request_is_taken_after_a_shutdown() {
    let server = quiet();
    let client = dial(server.local_addr().ip().unwrap());
    server.shutdown();
    server.serve_forever().unwrap();
    // It waits in the queue, for whoever serves next.
    assert!(server.handle_request().unwrap());
    assert_eq!(read_all(client), "");
}

#[test]
fn a_server_serves_from_one_thread_at_a_time() {
    let server = Arc::new(quiet());
    let served = {
        let server = server.clone();
        std::thread::spawn(move || server.serve_forever())
    };
    assert_eq!(read_all(dial(server.local_addr().ip().unwrap())), "", "it serves");
    let (tell, told) = mpsc::channel();
    let second = server.clone();
    std::thread::spawn(move || {
        tell.send(second.handle_request().map(drop)).unwrap();
        tell.send(second.serve_forever()).unwrap();
    });
    for _ in 0..2 {
        let refused = told.recv_timeout(WATCHDOG).expect("it does not serve").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::AlreadyRunning);
    }
    server.shutdown();
    served.join().unwrap().unwrap();
}

/// At work until the test says so.
struct AtWork(Arc<std::sync::Mutex<mpsc::Receiver<()>>>);

impl StreamRequestHandler for AtWork {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        request.send_all(b"begun")?;
        self.0.lock().unwrap().recv_timeout(WATCHDOG)?;
        Ok(request.send_all(b" and done")?)
    }
}

struct Drains {
    word: Arc<std::sync::Mutex<mpsc::Receiver<()>>>,
    grace: Option<Duration>,
}

impl BaseServer<StreamRequest> for Drains {
    type Handler = AtWork;
    fn handler(&self, _: &Addr) -> AtWork {
        AtWork(self.word.clone())
    }
    fn drain_grace(&self) -> Option<Duration> {
        self.grace
    }
}

/// Shuts down while a handler is at work; the answer goes on with it.
fn with_one_at_work(grace: Option<Duration>) -> (Served, mpsc::Sender<()>, Client) {
    let (go_on, word) = mpsc::channel();
    let hooks = Drains { word: Arc::new(std::sync::Mutex::new(word)), grace };
    let served = serve(ThreadingTcpServer::new(("127.0.0.1", 0), hooks).unwrap());
    let mut client = served.dial();
    std::io::Read::read_exact(&mut client, &mut [0; 5]).unwrap();
    served.handle.shutdown();
    (served, go_on, client)
}

type Client = std::net::TcpStream;

#[test]
fn a_shutdown_does_not_wait_for_handlers_which_go_on() {
    let (mut served, go_on, client) = with_one_at_work(None);
    served.ends();
    go_on.send(()).unwrap();
    assert_eq!(read_all(client), " and done");
}

#[test]
fn with_a_grace_a_shutdown_waits_for_handlers_that_end_in_it() {
    let (mut served, go_on, client) = with_one_at_work(Some(WATCHDOG));
    assert!(!served.ends_within(A_MOMENT), "it did not wait");
    go_on.send(()).unwrap();
    served.ends();
    assert_eq!(read_all(client), " and done");
}

#[test]
fn a_grace_is_not_exceeded() {
    let (mut served, go_on, client) = with_one_at_work(Some(Duration::from_millis(20)));
    served.ends();
    go_on.send(()).unwrap();
    assert_eq!(read_all(client), " and done");
}

#[test]
fn a_dropped_server_closes_its_port_and_waits_for_nobody() {
    let (mut served, go_on, client) = with_one_at_work(None);
    served.ends(); // and with the thread went the server
    assert!(std::net::TcpStream::connect(served.addr).is_err(), "nobody listens");
    go_on.send(()).unwrap();
    assert_eq!(read_all(client), " and done");
}
