//! Making a server otherwise than by an address: of sockets that others have bound, or of
//! one's own; and what can be asked of it.

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ropewalk::addr::Site;
use ropewalk::error::ErrorKind;
use ropewalk::options::SocketOptions;
use ropewalk::server::{
    BaseServer, DatagramRequest, HandlerResult, ServerSocket, StreamRequest, StreamRequestHandler,
    TcpServer, ThreadingTcpServer, UdpServer, UnixStreamServer,
};
use ropewalk::socket::{AF_INET, AF_UNIX, SO_RCVBUF, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET, Socket};
use ropewalk::{Addr, Error};
use rustix::event::{PollFd, PollFlags, poll};

use crate::folder::Folder;
use crate::serve::{A_MOMENT, Echo, Trace, ask, datagrams, dial, read_all, serve};

/// Notes which hooks the constructor calls, and binds one socket of its own.
#[derive(Clone, Default)]
struct Own(Trace, Arc<Mutex<Option<Socket>>>);

impl BaseServer<StreamRequest> for Own {
    type Handler = Echo;
    fn handler(&self, _: &Addr) -> Echo {
        Echo
    }
    fn server_bind(&self, _: &Site, _: &SocketOptions) -> ropewalk::Result<Vec<ServerSocket>> {
        self.0.note("server_bind");
        let socket = self.1.lock().unwrap().take();
        socket.into_iter().map(ServerSocket::from_socket).collect()
    }
    fn server_activate(&self, sockets: &[ServerSocket]) -> ropewalk::Result<()> {
        self.0.note("server_activate");
        sockets.iter().try_for_each(|socket| socket.activate(self.request_queue_size()))
    }
}

fn bound(kind: ropewalk::socket::Kind) -> Socket {
    let socket = Socket::new(AF_INET, kind).unwrap();
    socket.bind(("127.0.0.1", 0)).unwrap();
    socket
}

#[test]
fn sockets_that_listen_are_served_and_neither_bound_nor_activated() {
    let hooks = Own::default();
    let (one, two) = (bound(SOCK_STREAM), TcpListener::bind("127.0.0.1:0").unwrap());
    one.listen().unwrap();
    let sockets = vec![one, two.into()];
    let server = ThreadingTcpServer::from_sockets(sockets, hooks.clone()).unwrap();
    let addrs: Vec<_> = server.addrs().map(|addr| addr.ip().unwrap()).collect();
    let _served = serve(server);
    for addr in addrs {
        assert_eq!(ask(dial(addr), b"hello"), "hello");
    }
    hooks.0.note("no more");
    assert_eq!(hooks.0.at_least(1), ["no more"]);
}

/// Says whether its answers leave at once.
struct Tells(bool);

impl StreamRequestHandler for Tells {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        let leaves_at_once = request.no_delay()?;
        Ok(request.send_all(leaves_at_once.to_string().as_bytes())?)
    }
    fn disable_nagle_algorithm(&self) -> bool {
        self.0
    }
}

#[test]
fn small_answers_leave_at_once_whoever_has_bound_the_socket() {
    for at_once in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = TcpServer::from_sockets(vec![listener.into()], move || Tells(at_once));
        assert_eq!(ask(serve(server.unwrap()).dial(), b""), at_once.to_string());
    }
}

/// Of a server with two sockets the first accepts nobody from now on, but says so each time.
fn with_a_broken_socket() -> (TcpServer<fn() -> Echo>, SocketAddr) {
    let listeners = [0; 2].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    let broken = listeners[0].try_clone().unwrap();
    let sockets = listeners.map(Socket::from).into();
    let server = TcpServer::from_sockets(sockets, (|| Echo) as fn() -> Echo).unwrap();
    let whole = server.addrs().nth(1).unwrap().ip().unwrap();
    rustix::net::shutdown(&broken, rustix::net::Shutdown::Both).unwrap();
    (server, whole)
}

#[test]
fn a_socket_that_is_broken_keeps_no_client_of_another_waiting() {
    let (server, whole) = with_a_broken_socket();
    let _served = serve(server);
    for _ in 0..3 {
        assert_eq!(ask(dial(whole), b"hello"), "hello");
    }
}

#[test]
fn a_socket_that_is_broken_keeps_no_client_from_handle_request_or_a_close() {
    let (server, whole) = with_a_broken_socket();
    let (first, mut second) = (dial(whole), dial(whole));
    first.shutdown(Shutdown::Write).unwrap();
    assert!(server.handle_request().unwrap());
    second.write_all(b"hello").unwrap();
    assert_eq!(server.close(A_MOMENT).unwrap().finished, 1);
    assert_eq!(read_all(second), "hello");
}

#[test]
fn a_socket_that_is_bound_alone_is_activated_and_served() {
    let hooks = Own::default();
    let server = TcpServer::from_sockets(vec![bound(SOCK_STREAM)], hooks.clone()).unwrap();
    assert_eq!(hooks.0.at_least(1), ["server_activate"]);
    assert_eq!(ask(serve(server).dial(), b"hello"), "hello");
}

#[test]
fn a_datagram_socket_that_is_handed_over_is_served() {
    let sockets = vec![UdpSocket::bind("127.0.0.1:0").unwrap().into()];
    let served = serve(UdpServer::from_sockets(sockets, || Echo).unwrap());
    let client = datagrams(served.addr);
    client.send(b"hello").unwrap();
    let mut answer = [0; 8];
    assert_eq!(client.recv(&mut answer).unwrap(), 5);
}

/// To listen would bind it: to some port, of every interface.
#[test]
fn a_socket_that_nobody_has_bound_is_refused() {
    let refused = |error: Error| {
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains("it is not bound"), "{error}");
    };
    let socket = |kind| vec![Socket::new(AF_INET, kind).unwrap()];
    refused(TcpServer::from_sockets(socket(SOCK_STREAM), || Echo).unwrap_err());
    refused(UdpServer::from_sockets(socket(SOCK_DGRAM), || Echo).unwrap_err());
}

/// Waits for a moment alone.
struct Hasty;

impl BaseServer<DatagramRequest> for Hasty {
    type Handler = Echo;
    fn handler(&self, _: &Addr) -> Echo {
        Echo
    }
    fn timeout(&self) -> Option<Duration> {
        Some(A_MOMENT)
    }
}

#[test]
fn a_peer_that_is_gone_is_no_fault_of_a_server_that_is_connected_with_it() {
    let [ours, theirs] = [0; 2].map(|_| UdpSocket::bind("127.0.0.1:0").unwrap());
    ours.connect(theirs.local_addr().unwrap()).unwrap();
    let knocks = ours.try_clone().unwrap();
    let server = UdpServer::from_sockets(vec![ours.into()], Hasty).unwrap();
    drop(theirs);
    knocks.send(b"nobody reads this").unwrap(); // and so the next call on the socket is told
    assert!(!server.handle_request().unwrap());
}

#[test]
fn sockets_of_the_wrong_kind_or_none_are_refused_with_a_cure() {
    let refused = |error: Error, words: &str| {
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    };
    let datagram = bound(SOCK_DGRAM);
    let at = datagram.local_addr().unwrap();
    let error = TcpServer::from_sockets(vec![datagram], || Echo).unwrap_err();
    refused(error, &format!("cannot listen on {at}: it is a datagram socket"));
    // It is closed: whoever wants its port has it.
    drop(UdpSocket::bind(at.ip().unwrap()).unwrap());
    let stream = bound(SOCK_STREAM);
    refused(UdpServer::from_sockets(vec![stream], || Echo).unwrap_err(), "it is a stream socket");
    refused(UdpServer::from_sockets(vec![], || Echo).unwrap_err(), "there is no socket to serve");
    refused(TcpServer::new(0, Own::default()).unwrap_err(), "there is no socket to serve");
    let mut closed = bound(SOCK_STREAM);
    closed.close().unwrap();
    let error = TcpServer::from_sockets(vec![closed], || Echo).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}

#[test]
fn a_server_binds_a_socket_that_was_set_up_by_hand() {
    let socket = bound(SOCK_STREAM);
    socket.set_option(SOL_SOCKET, SO_RCVBUF, 20_000).unwrap();
    let (at, size) = (socket.local_addr().unwrap(), socket.option(SOL_SOCKET, SO_RCVBUF).unwrap());
    let hooks = Own(Trace::default(), Arc::new(Mutex::new(Some(socket))));
    let server = TcpServer::new(0, hooks.clone()).unwrap();
    assert_eq!(hooks.0.at_least(2), ["server_bind", "server_activate"]);
    assert_eq!(*server.local_addr(), at);
    assert_eq!(server.sockets()[0].option(SOL_SOCKET, SO_RCVBUF).unwrap(), size);
    assert_eq!(ask(serve(server).dial(), b"hello"), "hello");
}

#[test]
fn the_file_of_a_socket_that_was_handed_over_is_left_to_its_owner() {
    let folder = Folder::new();
    let path = folder.path("socket");
    let socket = Socket::new(AF_UNIX, SOCK_STREAM).unwrap();
    socket.bind(path.as_path()).unwrap();
    let server = UnixStreamServer::from_sockets(vec![socket], || Echo).unwrap();
    assert_eq!((server.address_family(), server.socket_type()), (AF_UNIX, SOCK_STREAM));
    assert_eq!(*server.local_addr(), Addr::Unix(Some(path.as_path().into())));
    server.close(std::time::Duration::ZERO).unwrap();
    assert!(path.exists());
}

#[test]
fn a_selector_of_ones_own_can_wait_for_a_servers_requests() {
    let server = TcpServer::new(0, || Echo).unwrap();
    if server.sockets().len() > 1 {
        let error = server.descriptor().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("ask `sockets`"), "{error}");
    }
    let server = TcpServer::new(("127.0.0.1", 0), || Echo).unwrap();
    assert_eq!((server.address_family(), server.socket_type()), (AF_INET, SOCK_STREAM));
    let lent = server.descriptor().unwrap();
    assert_eq!(lent.as_raw_fd(), server.sockets()[0].descriptor().unwrap().as_raw_fd());
    let ready = |wait: Option<&rustix::event::Timespec>| {
        poll(&mut [PollFd::new(&lent, PollFlags::IN)], wait).unwrap()
    };
    let no_time = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    assert_eq!(ready(Some(&no_time)), 0, "nobody is there");
    let client = dial(server.local_addr().ip().unwrap());
    std::io::Write::write_all(&mut &client, b"hello").unwrap();
    assert_eq!(ready(None), 1);
    assert!(server.handle_request().unwrap());
    assert_eq!(read_all(client), "hello");
}

/// Panics in closing.
struct Clumsy;

impl BaseServer<StreamRequest> for Clumsy {
    type Handler = Echo;
    fn handler(&self, _: &Addr) -> Echo {
        Echo
    }
    fn server_close(&self, _: Vec<ServerSocket>) -> ropewalk::Result<()> {
        panic!("as the test wants it");
    }
}

#[test]
fn a_closing_hook_that_panics_leaves_nothing_bound() {
    let server = TcpServer::new(("127.0.0.1", 0), Clumsy).unwrap();
    let at = server.local_addr().ip().unwrap();
    drop(server);
    drop(TcpServer::new(at, || Echo).unwrap());
}

#[test]
fn a_burst_of_clients_is_queued_although_nobody_accepts_yet() {
    let server = ThreadingTcpServer::new(("127.0.0.1", 0), || Echo).unwrap();
    let at = server.local_addr().ip().unwrap();
    // Python keeps six of them, and lets the others try again and again.
    let clients: Vec<_> = (0..200).map(|_| dial(at)).collect();
    let _served = serve(server);
    for client in clients {
        assert_eq!(ask(client, b"hello"), "hello");
    }
}
