//! A signal interrupts no call, moves no deadline; and a peer that is gone is none.

#![allow(unsafe_code, reason = "only a system call makes a signal deadly again")]

use std::time::Duration;

use ropewalk::error::ErrorKind;
use ropewalk::socket::*;

use crate::ends::{WATCHDOG, full_listener, tcp_pair, udp, watched};
use crate::parts;
use crate::rain::under_signals;

#[test]
fn a_signal_does_not_move_a_deadline() {
    let socket = udp();
    socket.set_timeout(Some(Duration::from_millis(300))).unwrap();
    // Were the deadline set anew with each signal, it would never pass.
    let error = under_signals(|| socket.recv(1), || {}).unwrap_err();
    assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::TimedOut, None));
}

#[test]
fn each_way_to_receive_goes_on_after_a_signal_where_it_has_no_deadline() {
    let (socket, other) = (udp(), udp());
    socket.set_timeout(None).unwrap();
    let to = socket.local_addr().unwrap();
    let send = || assert_eq!(other.send_to(b"hello", &to).unwrap(), 5);
    let mut buffer = [0; 16];
    assert_eq!(under_signals(|| socket.recv(16), send).unwrap(), b"hello");
    assert_eq!(under_signals(|| socket.recv_into(&mut buffer), send).unwrap(), 5);
    assert_eq!(under_signals(|| socket.recv_from(16), send).unwrap().bytes, b"hello");
    assert_eq!(under_signals(|| socket.recv_from_into(&mut buffer), send).unwrap().bytes, 5);
}

#[test]
fn connecting_goes_on_after_a_signal_in_every_mode() {
    for timeout in [None, Some(WATCHDOG)] {
        let (listener, queue, at) = full_listener(AF_INET, ("127.0.0.1", 0).into());
        let client = Socket::new(AF_INET, SOCK_STREAM).unwrap();
        client.set_timeout(timeout).unwrap();
        let make_room = || queue.iter().for_each(|_| drop(listener.accept().unwrap()));
        under_signals(|| client.connect(at), make_room).unwrap();
        assert!(client.peer_addr().is_ok(), "{timeout:?}");
    }
}

#[test]
fn connecting_to_a_full_unix_listener_goes_on_after_a_signal_in_every_mode() {
    for timeout in [None, Some(WATCHDOG)] {
        let at = crate::ends::abstract_name("signals");
        let (listener, queue, at) = full_listener(AF_UNIX, at.into());
        let client = Socket::new(AF_UNIX, SOCK_STREAM).unwrap();
        client.set_timeout(timeout).unwrap();
        let make_room = || queue.iter().for_each(|_| drop(listener.accept().unwrap()));
        under_signals(|| client.connect(at), make_room).unwrap();
        assert!(client.peer_addr().is_ok(), "{timeout:?}");
    }
}

#[test]
fn sending_to_a_peer_that_is_gone_is_an_error_and_no_signal() {
    parts::play(parts::command("signals::part_sends_to_a_peer_that_is_gone", "x"));
}

#[test]
#[ignore = "a part of another test"]
fn part_sends_to_a_peer_that_is_gone() {
    if parts::word().is_none() {
        return;
    }
    // Rust ignores it when a program starts; one that does not would die of it.
    // SAFETY: the default is always a valid action.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let (mut client, _server) = tcp_pair();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let error = client.send(b"x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert_eq!(client.send_all(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    client.close().unwrap();
    let (client, server) = unix_datagram_pair();
    drop(server);
    assert!(client.send(b"x").is_err());
    assert!(client.send_to(b"x", crate::ends::abstract_name("gone")).is_err());
}

fn unix_datagram_pair() -> (Socket, Socket) {
    let server = watched(AF_UNIX, SOCK_DGRAM);
    server.bind(crate::ends::abstract_name("pair")).unwrap();
    let client = watched(AF_UNIX, SOCK_DGRAM);
    client.connect(server.local_addr().unwrap()).unwrap();
    (client, server)
}
