//! Streams: what arrives, how they end, and from how many threads.

use std::io::{ErrorKind as IoKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

use ropewalk::Addr;
use ropewalk::addr::Target;
use ropewalk::error::{ErrorKind, Operation};
use ropewalk::socket::*;

use crate::ends::{abstract_name, connected_to, is_socket, listener, tcp_pair, watched};
use crate::folder::Folder;
use crate::needs::resets;

/// Makes the close of `socket` a reset.
fn reset(mut socket: Socket) {
    socket2::SockRef::from(&socket).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    socket.close().unwrap();
}

#[test]
fn bytes_come_in_order_and_no_more_than_asked_for_until_the_end_of_input() {
    let (client, mut server) = tcp_pair();
    server.send_all(b"hello, world").unwrap();
    assert_eq!(client.recv(0).unwrap(), b"");
    assert_eq!(client.recv(5).unwrap(), b"hello");
    let mut buffer = [b'.'; 4];
    assert_eq!(client.recv_into(&mut buffer[..2]).unwrap(), 2);
    assert_eq!(&buffer, b", ..", "the slice's length is the bound");
    assert_eq!(client.recv_into(&mut []).unwrap(), 0, "and takes nothing");
    assert_eq!(client.recv(1024).unwrap(), b"world");
    server.close().unwrap();
    for _ in 0..2 {
        assert_eq!(client.recv(1024).unwrap(), b"", "the end stays the end");
    }
}

#[test]
fn a_receive_gives_no_more_memory_than_bytes() {
    let (client, server) = tcp_pair();
    server.send_all(b"x").unwrap();
    let bytes = client.recv(1 << 20).unwrap();
    assert!(bytes.capacity() < 4096, "{}", bytes.capacity());
}

#[test]
fn more_than_memory_holds_is_refused_in_words() {
    let (client, _server) = tcp_pair();
    for max in [usize::MAX, isize::MAX as usize] {
        let error = client.recv(max).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("there is no memory for"), "{error}");
        assert!(client.recv_from(max).is_err());
    }
}

#[test]
fn a_reset_is_told_once_with_the_peer_and_then_the_end_of_input() {
    if !resets() {
        return;
    }
    // By then the kernel no longer knows who the peer was: each side has to remember.
    for connected in [true, false] {
        let (client, server) = tcp_pair();
        let (ours, theirs) = if connected { (client, server) } else { (server, client) };
        let peer = theirs.local_addr().unwrap();
        reset(theirs);
        let error = ours.recv(1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Reset);
        let sentence = format!("cannot receive from {peer}: connection reset by peer (ECONNRESET)");
        assert_eq!(error.to_string(), sentence);
        assert_eq!(ours.recv(1).unwrap(), b"");
    }
}

#[cfg(unix)] // each system has its own words for it
#[test]
fn a_stream_that_was_never_connected_says_so() {
    let socket = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    assert_eq!(socket.recv(1).unwrap_err().kind(), ErrorKind::NotConnected);
    assert_eq!(socket.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
    assert_eq!(socket.shutdown(Shutdown::Both).unwrap_err().kind(), ErrorKind::NotConnected);
    assert_eq!(socket.send(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    let error = socket.accept().unwrap_err();
    assert_eq!((error.operation(), error.kind()), (Operation::Accept, ErrorKind::InvalidInput));
}

#[test]
fn an_answer_comes_after_the_question_was_ended() {
    let (client, server) = tcp_pair();
    client.send_all(b"ask").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut question = Vec::new();
    (&server).read_to_end(&mut question).unwrap();
    server.send_all(&question).unwrap();
    assert_eq!(client.recv(16).unwrap(), b"ask");
    assert_eq!(client.send(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn no_bytes_are_sent_as_none_and_say_nothing_to_the_peer() {
    let (client, server) = tcp_pair();
    assert_eq!(client.send(b"").unwrap(), 0);
    client.send_all(b"").unwrap();
    client.send_all(b"x").unwrap();
    assert_eq!(server.recv(16).unwrap(), b"x");
}

#[test]
fn a_stream_received_from_names_its_peer_and_truncates_nothing() {
    let (client, server) = tcp_pair();
    server.send_all(b"hello").unwrap();
    let received = client.recv_from(2).unwrap();
    assert_eq!(received.bytes, b"he");
    assert_eq!((received.from, received.truncated), (server.local_addr().unwrap(), false));
    let mut buffer = [0; 16];
    let received = client.recv_from_into(&mut buffer).unwrap();
    assert_eq!(&buffer[..received.bytes], b"llo");
    assert_eq!(received.from, server.local_addr().unwrap());
}

#[test]
fn both_ends_say_the_same_addresses() {
    let listener = listener();
    let client = watched(AF_INET, SOCK_STREAM);
    client.connect(listener.local_addr().unwrap()).unwrap();
    let (server, peer) = listener.accept().unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    assert_eq!(server.peer_addr().unwrap(), peer);
    assert_eq!(client.peer_addr().unwrap(), server.local_addr().unwrap());
}

#[cfg(unix)] // Unix sockets
#[test]
fn a_unix_stream_has_a_file_that_outlives_it_and_peers_without_a_name() {
    let folder = Folder::new();
    let path = folder.path("server");
    let listener = watched(AF_UNIX, SOCK_STREAM);
    listener.bind(&path).unwrap();
    listener.listen().unwrap();
    assert_eq!(listener.local_addr().unwrap().path(), Some(path.as_path()));
    let (client, server) = connected_to(&listener);
    assert_eq!(server.peer_addr().unwrap(), Addr::Unix(None));
    client.send_all(b"hello").unwrap();
    let received = server.recv_from(16).unwrap();
    assert_eq!((received.bytes.as_slice(), received.from), (&b"hello"[..], Addr::Unix(None)));
    drop((listener, client, server));
    assert!(is_socket(&path));
    let error = watched(AF_UNIX, SOCK_STREAM).bind(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddressInUse);
}

#[cfg(unix)] // Unix sockets
#[test]
fn an_abstract_name_needs_no_file_and_is_written_with_an_at() {
    let name = abstract_name("stream");
    let listener = watched(AF_UNIX, SOCK_STREAM);
    listener.bind(&name).unwrap();
    listener.listen().unwrap();
    let at = listener.local_addr().unwrap();
    assert_eq!(at.path(), Some(name.as_path()));
    assert!(at.to_string().starts_with("@ropewalk-"), "{at}");
    let client = watched(AF_UNIX, SOCK_STREAM);
    client.bind(abstract_name("client")).unwrap();
    client.connect(&at).unwrap();
    let (_, peer) = listener.accept().unwrap();
    assert_eq!(peer.path(), Some(abstract_name("client").as_path()));
}

#[cfg(unix)] // Unix sockets
#[test]
fn a_unix_socket_bound_to_nothing_gets_a_name_of_the_systems_choice() {
    let socket = watched(AF_UNIX, SOCK_STREAM);
    assert_eq!(socket.local_addr().unwrap(), Addr::Unix(None));
    socket.bind(Target::from(Addr::Unix(None))).unwrap();
    let named = socket.local_addr().unwrap();
    assert_eq!(named.path().unwrap().as_os_str().as_encoded_bytes().len(), 6, "{named}");
}

#[test]
fn one_thread_receives_while_another_sends() {
    let (client, server) = tcp_pair();
    let (client, data) = (Arc::new(client), vec![7; 16 << 20]);
    std::thread::scope(|scope| {
        // An echo: neither end may wait for the other to be done.
        scope.spawn(|| {
            let mut buffer = vec![0; 65536];
            loop {
                match server.recv_into(&mut buffer).unwrap() {
                    0 => return server.shutdown(Shutdown::Write).unwrap(),
                    count => server.send_all(&buffer[..count]).unwrap(),
                }
            }
        });
        let sender = client.clone();
        let sent = &data;
        scope.spawn(move || {
            sender.send_all(sent).unwrap();
            sender.shutdown(Shutdown::Write).unwrap();
        });
        let mut back = Vec::new();
        (&*client).read_to_end(&mut back).unwrap();
        assert!(back == data, "{} bytes came back", back.len());
    });
}

#[test]
fn a_socket_is_read_and_written_as_any_stream() {
    if !resets() {
        return;
    }
    let (mut client, mut server) = tcp_pair();
    write!(client, "hello").unwrap();
    client.flush().unwrap();
    let mut word = [0; 5];
    server.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"hello");
    reset(server);
    let error = client.read(&mut word).unwrap_err();
    assert_eq!(error.kind(), IoKind::ConnectionReset);
    assert!(error.to_string().starts_with("cannot receive from 127.0.0.1:"), "{error}");
}

#[test]
#[cfg(unix)] // Windows says that it is not permitted
fn a_file_that_may_not_be_read_is_told_from_a_closed_socket() {
    let (ours, _theirs) = tcp_pair();
    let path = std::env::temp_dir().join(format!("ropewalk-unread-{}", std::process::id()));
    let file = std::fs::File::create(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let error = ours.send_file(&file, 0, None).unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::InvalidInput, Some(0)), "{error}");
    assert!(error.to_string().contains("not opened to be read"), "{error}");
}
