//! One timeout, three modes: what each says of itself and does to the descriptor.

use std::time::Duration;

use ropewalk::socket::*;
use rustix::fs::{OFlags, fcntl_getfl};

use crate::ends::{listener, watched};

fn is_non_blocking(socket: &Socket) -> bool {
    fcntl_getfl(socket).unwrap().contains(OFlags::NONBLOCK)
}

#[test]
fn the_three_modes_are_those_of_pythons_table() {
    let socket = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    assert_eq!((socket.timeout(), socket.is_blocking()), (None, true), "a new one blocks");
    assert!(!is_non_blocking(&socket));
    let second = Duration::from_secs(1);
    for (timeout, is_blocking, on_the_descriptor) in
        [(Some(Duration::ZERO), false, true), (Some(second), true, true), (None, true, false)]
    {
        socket.set_timeout(timeout).unwrap();
        assert_eq!(socket.timeout(), timeout);
        assert_eq!(socket.is_blocking(), is_blocking, "{timeout:?}");
        assert_eq!(is_non_blocking(&socket), on_the_descriptor, "{timeout:?}");
    }
    socket.set_blocking(false).unwrap();
    assert_eq!((socket.timeout(), is_non_blocking(&socket)), (Some(Duration::ZERO), true));
    socket.set_blocking(true).unwrap();
    assert_eq!((socket.timeout(), is_non_blocking(&socket)), (None, false));
}

#[test]
fn the_shortest_timeout_is_not_taken_for_none_at_all_and_the_longest_has_an_end() {
    let socket = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    for timeout in [Duration::from_nanos(1), Duration::from_secs(u32::MAX.into())] {
        socket.set_timeout(Some(timeout)).unwrap();
        assert_eq!(socket.timeout(), Some(timeout));
        assert!(socket.is_blocking());
    }
    socket.set_timeout(Some(Duration::MAX)).unwrap();
    assert_eq!(socket.timeout(), Some(Duration::from_nanos(u64::MAX - 1)));
}

#[test]
fn an_accepted_socket_blocks_whatever_its_listener_does() {
    let listener = listener();
    for timeout in [None, Some(Duration::from_secs(60)), Some(Duration::ZERO)] {
        listener.set_timeout(timeout).unwrap();
        let client = watched(AF_INET, SOCK_STREAM);
        client.connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        assert_eq!(accepted.timeout(), None, "{timeout:?}");
        assert!(!is_non_blocking(&accepted), "{timeout:?}");
        let made = (listener.family(), listener.kind(), listener.protocol());
        assert_eq!((accepted.family(), accepted.kind(), accepted.protocol()), made);
    }
}

#[test]
fn a_descriptor_made_non_blocking_behind_our_back_is_waited_for_all_the_same() {
    let listener = listener();
    listener.set_timeout(None).unwrap();
    rustix::fs::fcntl_setfl(&listener, OFlags::NONBLOCK).unwrap(); // as a copy's owner would
    let at = listener.local_addr().unwrap();
    let (begun, begins) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let accepting = scope.spawn(|| {
            begun.send(()).unwrap();
            listener.accept().map(|(_, peer)| peer)
        });
        begins.recv().unwrap();
        let client = watched(AF_INET, SOCK_STREAM);
        client.connect(at).unwrap();
        assert_eq!(accepting.join().unwrap().unwrap(), client.local_addr().unwrap());
    });
}

#[test]
fn the_protocol_is_what_was_asked_for() {
    assert_eq!(Socket::new(AF_INET, SOCK_STREAM).unwrap().protocol(), 0);
    let tcp = Socket::with_protocol(AF_INET, SOCK_STREAM, IPPROTO_TCP).unwrap();
    assert_eq!(tcp.protocol(), IPPROTO_TCP);
    let error = Socket::with_protocol(AF_INET, SOCK_DGRAM, IPPROTO_TCP).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EPROTONOSUPPORT));
    let start = "cannot make a socket (IPv4, datagram, protocol 6): ";
    assert!(error.to_string().starts_with(start), "{error}");
}
