//! What sockets have on Windows alone: `ioctl`, and Winsock's codes.

use std::os::windows::io::{AsRawSocket, AsSocket};
use std::time::Duration;

use ropewalk::error::{ErrorKind, Operation};
use ropewalk::socket::*;

use crate::ends::{WATCHDOG, listener, tcp_pair};

const WSAEWOULDBLOCK: i32 = 10035;
const WSAECONNREFUSED: i32 = 10061;

#[test]
fn a_duration_beyond_the_systems_is_refused_before_it_is_asked() {
    let client = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    let long = Duration::from_secs(50 * 24 * 60 * 60);
    let asked = Ioctl::Keepalive { on: true, time: long, interval: long };
    assert_eq!(client.ioctl(asked).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn receiving_all_packets_is_no_matter_of_a_tcp_socket() {
    let client = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    let error = client.ioctl(Ioctl::ReceiveAll(ReceiveAll::On)).unwrap_err();
    assert_eq!(error.operation(), Operation::Configure);
    assert!(error.raw_os_error().is_some(), "the system's word: {error}");
}

#[test]
fn a_closed_socket_is_not_asked() {
    let mut socket = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    socket.close().unwrap();
    let error = socket.ioctl(Ioctl::LoopbackFastPath(true)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert_eq!(socket.as_raw_socket(), std::os::windows::io::RawSocket::MAX);
}

#[test]
fn a_connection_in_progress_would_block_by_winsocks_code() {
    let (listener, client) = (listener(), Socket::new(AF_INET, SOCK_STREAM).unwrap());
    client.set_blocking(false).unwrap();
    let code = client.connect_ex(listener.local_addr().unwrap()).unwrap();
    assert!([0, WSAEWOULDBLOCK].contains(&code), "{code}");
}

#[test]
fn a_refused_connection_has_winsocks_code() {
    let nobody = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    nobody.bind(("127.0.0.1", 0)).unwrap();
    let client = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    client.set_timeout(Some(WATCHDOG)).unwrap();
    assert_eq!(client.connect_ex(nobody.local_addr().unwrap()).unwrap(), WSAECONNREFUSED);
}

#[test]
fn a_refused_datagram_disturbs_no_server_that_says_so() {
    let server = Socket::new(AF_INET, SOCK_DGRAM).unwrap();
    server.bind(("127.0.0.1", 0)).unwrap();
    server.set_timeout(Some(WATCHDOG)).unwrap();
    assert_eq!(server.ioctl(Ioctl::UdpConnectionReset(false)).unwrap(), 0);
    let gone = Socket::new(AF_INET, SOCK_DGRAM).unwrap();
    gone.bind(("127.0.0.1", 0)).unwrap();
    let nowhere = gone.local_addr().unwrap();
    drop(gone);
    server.send_to(b"anybody?", nowhere).unwrap();
    let client = Socket::new(AF_INET, SOCK_DGRAM).unwrap();
    client.send_to(b"hello", server.local_addr().unwrap()).unwrap();
    assert_eq!(server.recv_from(16).unwrap().bytes, b"hello");
}

#[test]
fn handles_are_lent_and_given() {
    let mut socket = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    let lent = socket.as_socket().as_raw_socket();
    assert_eq!(socket.detach().unwrap().as_raw_socket(), lent);
    assert!(socket.is_closed());
}
