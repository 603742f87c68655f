//! Bounds on the requests of a server, and of one address: who comes at one is closed unheard,
//! and nobody is let in beyond it.

use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, mpsc};

use ropewalk::Addr;
use ropewalk::server::{
    BaseServer, HandlerResult, MixIn, Pooling, Request, Serial, Server, ServerSocket,
    StreamRequest, StreamRequestHandler, Threading, ThreadingTcpServer,
};

use crate::gate::{Bounds, gate};
use crate::serve::{Trace, WATCHDOG, dial, read_all, serve};

/// A client whose address is this one of the loopback's.
// Elsewhere the loopback has one address until it is given others.
#[cfg(any(target_os = "linux", windows))]
fn dial_from(from: [u8; 4], to: SocketAddr) -> TcpStream {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((std::net::Ipv4Addr::from(from), 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(WATCHDOG)).unwrap();
    stream
}

fn at_most_two<M: MixIn>() {
    let (hooks, gate) = gate(Bounds { requests: 2, ..Bounds::default() });
    let served = serve(Server::<StreamRequest, _, M>::new(("127.0.0.1", 0), hooks).unwrap());
    let admitted = [served.dial(), served.dial()];
    gate.comes();
    gate.comes();
    for _ in 0..3 {
        assert_eq!(read_all(served.dial()), "", "closed unheard");
    }
    gate.go_on();
    gate.go_on();
    // Each has left before its client hears the end of it.
    for client in admitted {
        assert_eq!(read_all(client), "");
    }
    let mut admitted = None;
    for _ in 0..10_000 {
        let client = served.dial();
        gate.go_on();
        assert_eq!(read_all(&client), "");
        if gate.has_come() {
            admitted = Some(client);
            break;
        }
    }
    admitted.expect("there is room again");
}

#[test]
fn at_the_most_requests_the_next_is_closed_unheard_by_a_threading_server() {
    at_most_two::<Threading>();
}

#[test]
fn at_the_most_requests_the_next_is_closed_unheard_by_a_pooling_server() {
    at_most_two::<Pooling>();
}

#[test]
fn requests_that_wait_for_a_worker_count() {
    let bounds = Bounds { workers: 1, requests: 2, ..Bounds::default() };
    let (hooks, gate) = gate(bounds);
    let served = serve(Server::<StreamRequest, _, Pooling>::new(("127.0.0.1", 0), hooks).unwrap());
    let admitted = [served.dial(), served.dial()];
    gate.comes();
    assert_eq!(read_all(served.dial()), "", "closed unheard");
    for client in admitted {
        gate.go_on();
        assert_eq!(read_all(client), "");
    }
}

#[test]
fn a_serial_server_that_may_have_none_closes_all() {
    let (hooks, gate) = gate(Bounds { requests: 0, ..Bounds::default() });
    let served = serve(Server::<StreamRequest, _, Serial>::new(("127.0.0.1", 0), hooks).unwrap());
    assert_eq!(read_all(served.dial()), "");
    gate.none_comes();
}

// See `dial_from`.
#[cfg(any(target_os = "linux", windows))]
#[test]
fn a_bound_of_one_address_is_not_anothers() {
    let (hooks, gate) = gate(Bounds { by_peer: Some(2), ..Bounds::default() });
    let server = ThreadingTcpServer::new(("127.0.0.1", 0), hooks).unwrap();
    let served = serve(server);
    let one = || dial_from([127, 0, 0, 1], served.addr);
    let other = || dial_from([127, 0, 0, 2], served.addr);
    let admitted = [one(), one()];
    gate.comes();
    gate.comes();
    assert_eq!(read_all(one()), "", "closed unheard");
    let third = other();
    assert_eq!(gate.comes().0, Addr::from(third.local_addr().unwrap()));
    assert_eq!(read_all(one()), "", "closed unheard");
    for _ in 0..3 {
        gate.go_on();
    }
    for client in admitted.into_iter().chain([third]) {
        assert_eq!(read_all(client), "");
    }
    // They have left, or are about to: then there is room again.
    gate.go_on();
    let again = (0..10_000).any(|_| {
        assert_eq!(read_all(one()), "");
        gate.has_come()
    });
    assert!(again, "there is room again");
}

// See `dial_from`; and under Wine a datagram from another address of the loopback is lost.
#[cfg(target_os = "linux")]
#[test]
fn datagrams_are_counted_by_their_senders_address() {
    let (hooks, gate) = gate(Bounds { by_peer: Some(1), ..Bounds::default() });
    let served = serve(ropewalk::server::ThreadingUdpServer::new(("127.0.0.1", 0), hooks).unwrap());
    let one = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let other = std::net::UdpSocket::bind("127.0.0.2:0").unwrap();
    one.send_to(b"first", served.addr).unwrap();
    gate.comes();
    one.send_to(b"second", served.addr).unwrap();
    other.send_to(b"third", served.addr).unwrap();
    assert_eq!(gate.comes().0, Addr::from(other.local_addr().unwrap()));
    gate.none_comes();
}

// Windows has no such path.
#[cfg(unix)]
#[test]
fn the_clients_of_a_unix_socket_are_not_counted() {
    let folder = crate::folder::Folder::new();
    let path = folder.0.join("socket");
    let (hooks, gate) = gate(Bounds { by_peer: Some(0), ..Bounds::default() });
    let server = Server::<StreamRequest, _, Threading>::new(path.as_path(), hooks).unwrap();
    let _served = serve(server);
    let _clients = [0; 3].map(|_| std::os::unix::net::UnixStream::connect(&path).unwrap());
    for _ in 0..3 {
        gate.comes();
    }
}

/// Notes its hooks.
struct Traced(Trace);

struct Nothing;

impl StreamRequestHandler for Nothing {
    fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult {
        Ok(())
    }
}

impl BaseServer<StreamRequest> for Traced {
    type Handler = Nothing;
    fn handler(&self, _: &Addr) -> Nothing {
        self.0.note("handler");
        Nothing
    }
    fn get_request(&self, socket: &ServerSocket) -> ropewalk::Result<StreamRequest> {
        let request = socket.take()?;
        self.0.note("get_request");
        Ok(request)
    }
    fn max_requests(&self) -> usize {
        0
    }
    fn verify_request(&self, _: &StreamRequest, _: &Addr) -> bool {
        self.0.note("verify_request");
        true
    }
    fn shutdown_request(&self, mut request: StreamRequest) {
        self.0.note("shutdown_request");
        request.say_goodbye();
        self.close_request(request);
    }
    fn close_request(&self, request: StreamRequest) {
        drop(request);
        self.0.note("close_request");
    }
}

#[test]
fn a_request_beyond_a_bound_is_closed_and_no_hook_hears_it() {
    let trace = Trace::default();
    let server = ThreadingTcpServer::new(("127.0.0.1", 0), Traced(trace.clone())).unwrap();
    let client = dial(server.local_addr().ip().unwrap());
    assert!(server.handle_request().unwrap());
    assert_eq!(read_all(client), "");
    assert_eq!(trace.through("close_request"), "get_request shutdown_request close_request");
}

/// Counts how many of it there are.
#[derive(Default)]
struct Counts {
    now: AtomicUsize,
    most: AtomicUsize,
    admitted: AtomicUsize,
}

struct Counted(std::sync::Arc<Counts>);

impl StreamRequestHandler for Counted {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        let now = self.0.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.most.fetch_max(now, Ordering::SeqCst);
        self.0.admitted.fetch_add(1, Ordering::SeqCst);
        request.recv(1)?; // until its client ends
        self.0.now.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }
}

struct AtMost(std::sync::Arc<Counts>, usize);

impl BaseServer<StreamRequest> for AtMost {
    type Handler = Counted;
    fn handler(&self, _: &Addr) -> Counted {
        Counted(self.0.clone())
    }
    fn max_requests_by_peer(&self) -> Option<usize> {
        Some(self.1)
    }
    fn max_workers(&self) -> usize {
        64
    }
    fn drain_grace(&self) -> Option<std::time::Duration> {
        Some(WATCHDOG) // so that all have left at the end
    }
}

/// Many clients at once, which leave all the time: never more than may be.
fn the_count_is_exact<M: MixIn>() {
    const CLIENTS: usize = 16;
    const ROUNDS: usize = 50;
    const MOST: usize = 3;
    let counts = std::sync::Arc::new(Counts::default());
    let hooks = AtMost(counts.clone(), MOST);
    let mut served = serve(Server::<StreamRequest, _, M>::new(("127.0.0.1", 0), hooks).unwrap());
    let (at, begin) = (served.addr, Barrier::new(CLIENTS));
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                begin.wait();
                for _ in 0..ROUNDS {
                    let client = dial(at);
                    let _ = client.shutdown(std::net::Shutdown::Write); // refused, maybe
                    let _ = std::io::Read::read(&mut &client, &mut [0; 1]);
                }
            });
        }
    });
    served.handle.shutdown();
    served.ends();
    let (most, admitted) =
        (counts.most.load(Ordering::SeqCst), counts.admitted.load(Ordering::SeqCst));
    assert!((1..=MOST).contains(&most), "{most} at once");
    assert!(admitted <= CLIENTS * ROUNDS);
    assert_eq!(served.handle.requests().len(), 0, "none is left in the list");
}

#[test]
fn the_count_of_requests_is_exact_though_all_come_and_go_at_once() {
    the_count_is_exact::<Threading>();
    the_count_is_exact::<Pooling>();
}

#[test]
fn nothing_is_said_to_the_refused_in_the_serving_thread() {
    // A client that never reads, nor ends, nor takes the close: whoever waited for it here would
    // wait for ever.
    let (hooks, gate) = gate(Bounds { requests: 1, ..Bounds::default() });
    let served = serve(ThreadingTcpServer::new(("127.0.0.1", 0), hooks).unwrap());
    let first = served.dial();
    gate.comes();
    let silent: Vec<_> = (0..8)
        .map(|_| {
            let mut client = served.dial();
            let _ = std::io::Write::write_all(&mut client, b"unread");
            client
        })
        .collect();
    // The next ones are refused at once all the same.
    let (tell, told) = mpsc::channel();
    let at = served.addr;
    std::thread::spawn(move || {
        let end = std::io::Read::read(&mut dial(at), &mut [0; 1]);
        tell.send(matches!(end, Ok(0) | Err(_))).unwrap();
    });
    assert!(told.recv_timeout(WATCHDOG).expect("it is refused"));
    drop(silent);
    gate.go_on();
    assert_eq!(read_all(first), "");
}
