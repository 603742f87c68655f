//! Unix sockets: the same servers, at a path.

use std::io::Write;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;

use ropewalk::options::SocketOptions;
use ropewalk::server::{
    DatagramRequest, DatagramRequestHandler, HandlerResult, MixIn, Pooling, Protocols, Serial,
    Server, StreamRequest, StreamRequestHandler, Threading, UnixDatagramServer, UnixStreamServer,
};

use crate::folder::Folder;
use crate::serve::{WATCHDOG, read_all, serve};

struct Echo;

impl StreamRequestHandler for Echo {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        let data = request.recv(1024)?;
        Ok(request.send_all(&data)?)
    }
    fn disable_nagle_algorithm(&self) -> bool {
        false // without meaning here, and no error
    }
}

impl DatagramRequestHandler for Echo {
    fn handle(&mut self, request: &mut DatagramRequest) -> HandlerResult {
        request.wfile = request.packet.to_vec();
        Ok(())
    }
}

fn accept_take_the_request_close<M: MixIn>() {
    let folder = Folder::new();
    let path = folder.0.join("socket");
    let served = serve(Server::<StreamRequest, _, M>::new(path.as_path(), || Echo).unwrap());
    for word in ["one", "two"] {
        let mut client = UnixStream::connect(&path).unwrap();
        client.set_read_timeout(Some(WATCHDOG)).unwrap();
        client.write_all(word.as_bytes()).unwrap();
        assert_eq!(read_all(client), word);
    }
    drop(served);
    assert!(!path.exists(), "the file goes with its server");
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

fn a_datagram_is_answered<M: MixIn>() {
    let folder = Folder::new();
    let path = folder.0.join("server");
    let _served = serve(Server::<DatagramRequest, _, M>::new(path.as_path(), || Echo).unwrap());
    let client = UnixDatagram::bind(folder.0.join("client")).unwrap();
    client.set_read_timeout(Some(WATCHDOG)).unwrap();
    // One that has no path cannot be answered, and the server goes on.
    UnixDatagram::unbound().unwrap().send_to(b"nobody", &path).unwrap();
    client.send_to(b"hello", &path).unwrap();
    let mut buffer = [0; 64];
    let length = client.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"hello");
}

#[test]
fn a_datagram_is_answered_by_a_serial_server() {
    a_datagram_is_answered::<Serial>();
}

#[test]
fn a_datagram_is_answered_by_a_threading_server() {
    a_datagram_is_answered::<Threading>();
}

#[test]
fn a_datagram_is_answered_by_a_pooling_server() {
    a_datagram_is_answered::<Pooling>();
}

#[test]
fn a_path_that_is_held_is_said_and_one_left_behind_is_taken() {
    let folder = Folder::new();
    let path = folder.0.join("socket");
    let server = UnixStreamServer::new(path.as_path(), || Echo).unwrap();
    let error = UnixStreamServer::new(path.as_path(), || Echo).unwrap_err();
    assert_eq!(error.kind(), ropewalk::error::ErrorKind::AddressInUse);
    assert!(path.exists(), "the holder's file stays");
    drop(server);
    drop(UnixDatagram::bind(&path).unwrap()); // dies, and leaves its file
    drop(UnixDatagramServer::new(path.as_path(), || Echo).unwrap());
    assert!(!path.exists());
}

#[test]
fn a_path_that_cannot_be_is_told_with_its_own_cure() {
    let error = UnixStreamServer::new(PathBuf::new(), || Echo).unwrap_err().to_string();
    assert!(error.contains("the path is empty"), "{error}");
    let folder = Folder::new();
    let path = folder.0.join("a file");
    std::fs::write(&path, "that is no socket").unwrap();
    let error = UnixStreamServer::new(path.as_path(), || Echo).unwrap_err().to_string();
    assert!(error.contains("remove the file") && !error.contains("port"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"that is no socket", "it is left alone");
}

#[test]
fn the_options_of_protocols_are_their_sockets() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    for mode in [0o600, 0o660] {
        let path = folder.path(&mode.to_string());
        let options = SocketOptions { mode: Some(mode), ..SocketOptions::default() };
        let protocols = Protocols::new(|| ropewalk::service::Echo).on_sockets(options);
        let _server = UnixStreamServer::new(path.as_path(), protocols).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
    }
}

#[test]
fn a_server_whose_queue_is_full_is_not_taken_for_dead() {
    use ropewalk::socket::{AF_UNIX, SOCK_STREAM, Socket};
    let folder = Folder::new();
    let path = folder.path("socket");
    let busy = Socket::new(AF_UNIX, SOCK_STREAM).unwrap();
    busy.bind(path.as_path()).unwrap();
    busy.listen_with_backlog(1).unwrap();
    let dial = || {
        let client = Socket::new(AF_UNIX, SOCK_STREAM).unwrap();
        client.set_blocking(false).unwrap();
        client.connect(path.as_path()).map(|()| client)
    };
    // Until one is refused a place.
    let queued: Vec<_> = std::iter::from_fn(|| dial().ok()).take(100).collect();
    assert!((1..100).contains(&queued.len()), "its queue is full: {}", queued.len());
    let error = UnixStreamServer::new(path.as_path(), || Echo).unwrap_err();
    assert_eq!(error.kind(), ropewalk::error::ErrorKind::AddressInUse);
    assert!(busy.accept().is_ok() && path.exists(), "it goes on, with its file");
}

#[test]
fn a_file_that_another_server_has_put_in_place_is_left_alone() {
    let folder = Folder::new();
    let path = folder.path("socket");
    let old = UnixStreamServer::new(path.as_path(), || Echo).unwrap();
    // As a new version of a service does: beside the old one, then in its place.
    let new = UnixStreamServer::new(folder.path("new").as_path(), || Echo).unwrap();
    std::fs::rename(folder.path("new"), &path).unwrap();
    drop(old);
    let served = serve(new);
    let mut client = UnixStream::connect(&path).unwrap();
    client.set_read_timeout(Some(WATCHDOG)).unwrap();
    client.write_all(b"hello").unwrap();
    assert_eq!(read_all(client), "hello");
    drop(served);
    assert!(path.exists(), "it is not where its server has bound it");
}

/// Says whether a failure was a client that is gone.
struct Gone(std::sync::mpsc::Sender<bool>);

impl ropewalk::server::BaseServer<DatagramRequest> for Gone {
    type Handler = Echo;
    fn handler(&self, _: &ropewalk::Addr) -> Echo {
        Echo
    }
    fn handle_error(&self, error: &ropewalk::server::HandlerError, _: &ropewalk::Addr) {
        self.0.send(error.is_peer_gone()).unwrap();
    }
}

#[test]
fn a_client_that_is_gone_before_its_answer_is_told_as_gone() {
    let folder = Folder::new();
    let path = folder.path("server");
    let (tell, told) = std::sync::mpsc::channel();
    let server = UnixDatagramServer::new(path.as_path(), Gone(tell)).unwrap();
    for leaves_file in [true, false] {
        let client = UnixDatagram::bind(folder.path("client")).unwrap();
        client.send_to(b"hello", &path).unwrap();
        drop(client);
        if !leaves_file {
            std::fs::remove_file(folder.path("client")).unwrap();
        }
        assert!(server.handle_request().unwrap());
        assert!(told.recv_timeout(WATCHDOG).unwrap());
        let _ = std::fs::remove_file(folder.path("client"));
    }
}
