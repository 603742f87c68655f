//! Datagrams: whole or marked as cut, each with its sender; and what comes back as an error.

use ropewalk::Addr;
use ropewalk::error::ErrorKind;
use ropewalk::socket::*;

use crate::ends::{abstract_name, udp, watched};
use crate::folder::Folder;
use crate::needs::resets;

#[test]
fn a_datagram_comes_whole_with_its_sender_who_can_be_answered() {
    for (family, host) in [(AF_INET, "127.0.0.1"), (AF_INET6, "::1")] {
        let server = watched(family, SOCK_DGRAM);
        server.bind((host, 0)).unwrap();
        let client = watched(family, SOCK_DGRAM);
        let data = vec![7; 9000];
        assert_eq!(client.send_to(&data, server.local_addr().unwrap()).unwrap(), 9000);
        let received = server.recv_from(65536).unwrap();
        assert_eq!((received.bytes, received.truncated), (data, false));
        assert_eq!(received.from.port(), client.local_addr().unwrap().port());
        server.send_to(b"answer", &received.from).unwrap();
        let mut buffer = [0; 16];
        let answer = client.recv_from_into(&mut buffer).unwrap();
        assert_eq!(&buffer[..answer.bytes], b"answer");
        assert_eq!(answer.from, server.local_addr().unwrap());
    }
}

#[test]
fn a_datagram_longer_than_its_room_is_cut_and_says_so() {
    let (server, client) = (udp(), udp());
    let to = server.local_addr().unwrap();
    for _ in 0..2 {
        client.send_to(b"hello", &to).unwrap();
    }
    client.send_to(b"exact", &to).unwrap();
    let received = server.recv_from(2).unwrap();
    assert_eq!((received.bytes.as_slice(), received.truncated), (&b"he"[..], true));
    let mut buffer = [0; 3];
    let received = server.recv_from_into(&mut buffer).unwrap();
    assert_eq!((&buffer, received.bytes, received.truncated), (b"hel", 3, true));
    assert!(!server.recv_from(5).unwrap().truncated, "one that just fits is whole");
}

#[test]
fn no_room_takes_a_datagram_but_a_plain_receive_of_nothing_does_not() {
    let (server, client) = (udp(), udp());
    for word in [b"one", b"two"] {
        client.send_to(word, server.local_addr().unwrap()).unwrap();
    }
    assert_eq!(server.recv(0).unwrap(), b"");
    let received = server.recv_from(0).unwrap();
    assert_eq!((received.bytes.as_slice(), received.truncated), (&b""[..], true));
    assert_eq!(server.recv(16).unwrap(), b"two");
}

#[test]
fn an_empty_datagram_is_one() {
    let (server, client) = (udp(), udp());
    assert_eq!(client.send_to(b"", server.local_addr().unwrap()).unwrap(), 0);
    let received = server.recv_from(16).unwrap();
    assert_eq!((received.bytes.as_slice(), received.truncated), (&b""[..], false));
    assert_eq!(received.from, client.local_addr().unwrap());
}

#[test]
fn a_datagram_that_is_too_long_is_refused_whole() {
    let (server, client) = (udp(), udp());
    let error = client.send_to(&[0; 70_000], server.local_addr().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLong);
    let to = server.local_addr().unwrap();
    let sentence = format!("cannot send to {to}: the datagram is too long (EMSGSIZE)");
    assert_eq!(error.to_string(), sentence);
    client.send_to(b"x", &to).unwrap();
    assert_eq!(server.recv(16).unwrap(), b"x", "and nothing of it came before");
}

#[cfg(unix)] // its code is the system's
#[test]
fn a_send_without_a_peer_says_what_helps() {
    let error = udp().send(b"x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConnected);
    assert!(error.to_string().contains("it has no peer (EDESTADDRREQ); connect it"), "{error}");
}

#[test]
fn a_connected_datagram_socket_hears_its_peer_alone_and_of_its_absence() {
    if !resets() {
        return;
    }
    let (server, stranger) = (udp(), udp());
    let client = udp();
    client.connect(server.local_addr().unwrap()).unwrap();
    stranger.send_to(b"stranger", client.local_addr().unwrap()).unwrap();
    server.send_to(b"peer", client.local_addr().unwrap()).unwrap();
    assert_eq!(client.recv(16).unwrap(), b"peer");
    let at = server.local_addr().unwrap();
    drop(server);
    client.send(b"x").unwrap();
    let error = client.recv(16).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains(&format!("from {at}: connection refused")), "{error}");
}

#[test]
fn a_broadcast_needs_its_option() {
    let error = udp().send_to(b"x", ("<broadcast>", 9)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(error.address(), Some("<broadcast>:9"));
}

#[test]
fn an_ipv4_sender_to_an_ipv6_socket_is_written_as_ipv4_and_can_be_answered() {
    let server = watched(AF_INET6, SOCK_DGRAM);
    server.set_option(IPPROTO_IPV6, IPV6_V6ONLY, 0).unwrap();
    server.bind(("", 0)).unwrap();
    let port = server.local_addr().unwrap().port().unwrap();
    let client = udp();
    client.send_to(b"ask", ("127.0.0.1", port)).unwrap();
    let received = server.recv_from(16).unwrap();
    assert_eq!(received.from, client.local_addr().unwrap());
    server.send_to(b"answer", &received.from).unwrap();
    assert_eq!(client.recv(16).unwrap(), b"answer");
}

#[cfg(unix)] // Unix sockets
#[test]
fn unix_datagrams_come_with_a_name_that_can_be_answered_or_with_none() {
    let folder = Folder::new();
    let server = watched(AF_UNIX, SOCK_DGRAM);
    server.bind(folder.path("server")).unwrap();
    for name in [folder.path("client"), abstract_name("datagram-client")] {
        let client = watched(AF_UNIX, SOCK_DGRAM);
        client.bind(&name).unwrap();
        client.send_to(b"ask", folder.path("server")).unwrap();
        let received = server.recv_from(2).unwrap();
        assert_eq!((received.bytes.as_slice(), received.truncated), (&b"as"[..], true));
        assert_eq!(received.from.path(), Some(name.as_path()));
        server.send_to(b"answer", &received.from).unwrap();
        assert_eq!(client.recv(16).unwrap(), b"answer");
    }
    let nameless = watched(AF_UNIX, SOCK_DGRAM);
    nameless.send_to(b"x", folder.path("server")).unwrap();
    assert_eq!(server.recv_from(16).unwrap().from, Addr::Unix(None));
}
