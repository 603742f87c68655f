//! One timeout, three modes: its shortest and longest, and what is done to it from outside.

use std::time::Duration;

use ropewalk::socket::*;
use rustix::fs::OFlags;

use crate::ends::{listener, watched};

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
