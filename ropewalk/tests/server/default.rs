//! The notes' default, on each stream model: accept, take the request, close.

use std::io::{BufRead, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;

use ropewalk::server::{
    BaseRequestHandler, HandlerResult, MixIn, Pooling, Serial, Server, StreamRequest,
    StreamRequestHandler, Threading,
};

use crate::serve::{A_MOMENT, Served, WATCHDOG, ask, dial, read_all, serve};

/// Answers one line.
struct Echo;

impl StreamRequestHandler for Echo {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        let mut line = String::new();
        request.rfile.read_line(&mut line)?;
        write!(request.wfile, "[{}] {line}", request.client_address.host())?;
        Ok(())
    }
}

/// The same with the connection's own methods.
struct BaseEcho;

impl BaseRequestHandler<StreamRequest> for BaseEcho {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        let data = request.recv(1024)?;
        request.send_all(&data)?;
        Ok(())
    }
}

/// Echoes lines until the client ends.
struct Conversation;

impl StreamRequestHandler for Conversation {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        let mut line = String::new();
        while request.rfile.read_line(&mut line)? > 0 {
            request.wfile.write_all(line.as_bytes())?;
            line.clear();
        }
        Ok(())
    }
}

fn on_loopback<S, M>(server: S) -> Served
where
    S: ropewalk::server::BaseServer<StreamRequest>,
    M: MixIn,
{
    serve(Server::<StreamRequest, S, M>::new(("127.0.0.1", 0), server).unwrap())
}

/// The client keeps its own direction open: it is the server that closes.
fn accept_take_the_request_close<M: MixIn>() {
    let served = on_loopback::<_, M>(|| Echo);
    for word in ["one", "two", "three"] {
        let mut client = served.dial();
        writeln!(client, "{word}").unwrap();
        assert_eq!(read_all(&client), format!("[127.0.0.1] {word}\n"));
    }
    let served = on_loopback::<_, M>(|| BaseEcho);
    let mut client = served.dial();
    client.write_all(b"base").unwrap();
    assert_eq!(read_all(&client), "base");
}

#[test]
fn accept_take_the_request_close_on_a_serial_server() {
    accept_take_the_request_close::<Serial>();
}

#[test]
fn accept_take_the_request_close_on_a_threading_server() {
    accept_take_the_request_close::<Threading>();
}

#[test]
fn accept_take_the_request_close_on_a_pooling_server() {
    accept_take_the_request_close::<Pooling>();
}

#[test]
fn a_handler_that_loops_keeps_its_connection_until_the_clients_end() {
    let served = on_loopback::<_, Threading>(|| Conversation);
    let mut client = served.dial();
    for word in ["one\n", "two\n"] {
        client.write_all(word.as_bytes()).unwrap();
        let mut answer = vec![0; word.len()];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(answer, word.as_bytes());
    }
    assert_eq!(ask(client, b"three"), "three");
}

/// Tells when it has a client, then waits for the test's word.
struct Waits(mpsc::Sender<u16>, std::sync::Arc<std::sync::Mutex<mpsc::Receiver<()>>>);

impl StreamRequestHandler for Waits {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        self.0.send(request.client_address.port().unwrap())?;
        self.1.lock().unwrap().recv_timeout(WATCHDOG)?;
        Ok(())
    }
}

struct Gate {
    served: Served,
    came: mpsc::Receiver<u16>,
    go_on: mpsc::Sender<()>,
}

impl Gate {
    fn new<M: MixIn>() -> Gate {
        let (tell, came) = mpsc::channel();
        let (go_on, word) = mpsc::channel();
        let word = std::sync::Arc::new(std::sync::Mutex::new(word));
        let tell = std::sync::Mutex::new(tell);
        let served = on_loopback::<_, M>(move || Waits(tell.lock().unwrap().clone(), word.clone()));
        Gate { served, came, go_on }
    }

    fn dial(&self) -> TcpStream {
        dial(self.served.addr)
    }

    #[track_caller]
    fn comes(&self, client: &TcpStream) {
        let port = self.came.recv_timeout(WATCHDOG).expect("a handler got its client");
        assert_eq!(port, client.local_addr().unwrap().port());
    }
}

#[test]
fn a_serial_servers_second_client_waits() {
    let gate = Gate::new::<Serial>();
    let first = gate.dial();
    gate.comes(&first);
    let second = gate.dial();
    // It is connected, by the kernel; but no handler comes for it while the first is at work.
    assert!(gate.came.recv_timeout(A_MOMENT).is_err(), "the second client did not wait");
    gate.go_on.send(()).unwrap();
    assert_eq!(read_all(&first), "");
    gate.comes(&second);
    gate.go_on.send(()).unwrap();
    assert_eq!(read_all(&second), "");
}

#[test]
fn a_threading_servers_second_client_does_not_wait() {
    let gate = Gate::new::<Threading>();
    let (first, second) = (gate.dial(), gate.dial());
    // Both handlers are there at once, in whichever order.
    let mut came = [0; 2].map(|_| gate.came.recv_timeout(WATCHDOG).expect("both came"));
    let mut dialled = [&first, &second].map(|client| client.local_addr().unwrap().port());
    came.sort_unstable();
    dialled.sort_unstable();
    assert_eq!(came, dialled);
    gate.go_on.send(()).unwrap();
    gate.go_on.send(()).unwrap();
    assert_eq!(read_all(&first), "");
    assert_eq!(read_all(&second), "");
}
