//! Forking servers of datagrams and at paths.

use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;

use ropewalk::server::{
    DatagramRequest, DatagramRequestHandler, Forking, ForkingUdpServer, HandlerResult, MixIn,
    PreForking, Server, StreamRequest,
};

use super::{Does, Test, apart, say, serves, tests};
use crate::folder::Folder;
use crate::serve::{WATCHDOG, datagrams, read_all};

pub const TESTS: &[Test] = tests![
    each_datagram_is_answered_by_a_child,
    datagrams_are_answered_by_children_that_serve,
    a_datagram_that_a_child_works_on_takes_none_from_its_server,
    a_unix_sockets_file_is_its_parents,
    a_unix_sockets_file_is_not_a_workers,
    a_unix_datagram_is_answered_by_a_child,
];

/// Answers with its process; `stop` stops.
struct Answers;

impl DatagramRequestHandler for Answers {
    fn handle(&mut self, request: &mut DatagramRequest) -> HandlerResult {
        if request.packet == b"stop" {
            request.server.shutdown();
        }
        request.wfile = std::process::id().to_string().into_bytes();
        Ok(())
    }
}

/// A datagram server at an address of the system's choice.
fn bound<M: MixIn>() -> Server<DatagramRequest, fn() -> Answers, M> {
    let make: fn() -> Answers = || Answers;
    let server = Server::new(("127.0.0.1", 0), make).unwrap();
    say(format!("at {}", server.local_addr()));
    server
}

fn answers_by_children(server: super::Apart, distinct: bool) {
    let client = datagrams(server.hears("at ").parse().unwrap());
    let ask = |word: &str| {
        client.send(word.as_bytes()).unwrap();
        let mut answer = [0; 16];
        let length = client.recv(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    };
    let (first, second) = (ask("one"), ask("two"));
    assert!(!distinct || first != second);
    assert!(![first, second].contains(&server.id().to_string()));
    ask("stop");
    assert_eq!(server.hears("children left: "), "0");
}

fn each_datagram_is_answered_by_a_child() {
    let server = apart(|| serves(bound::<Forking>()));
    if let Some(server) = server {
        answers_by_children(server, true);
    }
}

fn datagrams_are_answered_by_children_that_serve() {
    let server = apart(|| serves(bound::<PreForking>()));
    if let Some(server) = server {
        answers_by_children(server, false);
    }
}

fn a_datagram_that_a_child_works_on_takes_none_from_its_server() {
    let server = apart(|| {
        let server = ForkingUdpServer::new(("127.0.0.1", 0), || Answers).unwrap();
        say(format!("at {}", server.local_addr()));
        serves(server);
    });
    let Some(server) = server else { return };
    let client = datagrams(server.hears("at ").parse().unwrap());
    for _ in 0..50 {
        client.send(b"word").unwrap();
    }
    for _ in 0..50 {
        client.recv(&mut [0; 16]).unwrap();
    }
    client.send(b"stop").unwrap();
    server.ends();
}

fn at_a_path<M: MixIn>() {
    let folder = Folder::new();
    let path = folder.path("socket");
    let server = Server::<StreamRequest, _, M>::new(path.as_path(), || Does).unwrap();
    say(format!("bound {}", path.display()));
    serves(server);
}

/// Asks at a path, and then whether the file is still there.
fn asks_at_a_path(server: super::Apart) {
    use std::io::Write;
    let path = PathBuf::from(server.hears("bound "));
    for word in ["one", "two", "stop"] {
        assert!(path.exists(), "a child removed it");
        let mut client = UnixStream::connect(&path).unwrap();
        client.set_read_timeout(Some(WATCHDOG)).unwrap();
        client.write_all(word.as_bytes()).unwrap();
        assert_ne!(read_all(client).trim(), server.id().to_string());
    }
    server.ends();
    assert!(!path.exists(), "it goes with its server");
}

fn a_unix_sockets_file_is_its_parents() {
    let server = apart(at_a_path::<Forking>);
    if let Some(server) = server {
        asks_at_a_path(server);
    }
}

fn a_unix_sockets_file_is_not_a_workers() {
    let server = apart(at_a_path::<PreForking>);
    if let Some(server) = server {
        asks_at_a_path(server);
    }
}

fn a_unix_datagram_is_answered_by_a_child() {
    let server = apart(|| {
        let folder = Folder::new();
        let path = folder.path("socket");
        let server = ropewalk::server::ForkingUnixDatagramServer::new(path.as_path(), || Answers);
        let server = server.unwrap();
        say(format!("bound {}", path.display()));
        serves(server);
    });
    let Some(server) = server else { return };
    let at = server.hears("bound ");
    let folder = Folder::new();
    let client = UnixDatagram::bind(folder.0.join("client")).unwrap();
    client.set_read_timeout(Some(WATCHDOG)).unwrap();
    client.connect(&at).unwrap();
    for word in ["word", "stop"] {
        client.send(word.as_bytes()).unwrap();
        client.recv(&mut [0; 16]).unwrap();
    }
    assert_eq!(server.hears("children left: "), "0");
}
