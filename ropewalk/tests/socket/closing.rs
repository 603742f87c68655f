//! The end of a socket: once, for all calls, for children, and for a thread that waits.

use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::mpsc;

use ropewalk::Result;
use ropewalk::error::{Error, ErrorKind};
use ropewalk::socket::*;

use crate::ends::{WATCHDOG, listener, tcp_pair, udp};
use crate::parts;

#[track_caller]
fn closed<T: std::fmt::Debug>(result: Result<T>) -> Error {
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::Closed, Some(libc::EBADF)));
    error
}

#[test]
fn closing_twice_is_once_and_any_call_afterwards_says_that_it_is_closed() {
    let (mut client, server) = tcp_pair();
    client.set_timeout(Some(WATCHDOG)).unwrap();
    client.close().unwrap();
    client.close().unwrap();
    assert_eq!(server.recv(1).unwrap(), b"", "the peer hears it");
    let to = server.local_addr().unwrap();
    let error = closed(client.recv(1));
    assert_eq!(error.to_string(), "cannot receive: the socket is closed (EBADF)");
    closed(client.recv(0));
    closed(client.recv_into(&mut [0; 1]));
    closed(client.recv_from(1));
    closed(client.recv_from_into(&mut [0; 1]));
    closed(client.send(b"x"));
    closed(client.send_all(b"x"));
    closed(client.send_to(b"x", &to));
    closed(client.connect(&to));
    closed(client.connect_ex(&to));
    closed(client.bind(&to));
    closed(client.listen());
    closed(client.accept());
    closed(client.shutdown(Shutdown::Both));
    closed(client.local_addr());
    closed(client.peer_addr());
    closed(client.set_timeout(None));
    closed(client.set_blocking(true));
    closed(client.option(SOL_SOCKET, SO_TYPE));
    closed(client.option_bytes(SOL_SOCKET, SO_TYPE, 4));
    closed(client.set_option(SOL_SOCKET, SO_KEEPALIVE, 1));
    closed(client.descriptor());
    closed(client.detach());
}

#[test]
fn a_closed_socket_still_says_what_it_was() {
    let mut socket = Socket::with_protocol(AF_INET6, SOCK_DGRAM, 17).unwrap();
    socket.set_timeout(Some(WATCHDOG)).unwrap();
    assert!(!socket.is_closed() && socket.as_raw_fd() >= 0);
    socket.close().unwrap();
    assert!(socket.is_closed());
    assert_eq!(socket.as_raw_fd(), -1);
    assert_eq!((socket.family(), socket.kind(), socket.protocol()), (AF_INET6, SOCK_DGRAM, 17));
    assert_eq!((socket.timeout(), socket.is_blocking()), (Some(WATCHDOG), true));
    assert!(format!("{socket:?}").contains("closed"), "{socket:?}");
}

#[test]
fn dropping_closes() {
    let (client, server) = tcp_pair();
    drop(client);
    assert_eq!(server.recv(1).unwrap(), b"");
}

#[test]
fn a_detached_descriptor_stays_open_and_keeps_its_mode() {
    let (mut client, server) = tcp_pair();
    let number = client.as_raw_fd();
    let descriptor = client.detach().unwrap();
    assert_eq!(descriptor.as_raw_fd(), number);
    assert!(client.is_closed());
    client.close().unwrap();
    drop(client);
    let flags = rustix::fs::fcntl_getfl(descriptor.as_fd()).unwrap();
    assert!(flags.contains(rustix::fs::OFlags::NONBLOCK), "it had a timeout");
    rustix::net::send(&descriptor, b"still", rustix::net::SendFlags::empty()).unwrap();
    assert_eq!(server.recv(16).unwrap(), b"still");
    drop(descriptor);
    assert_eq!(server.recv(16).unwrap(), b"");
}

#[test]
fn a_program_that_is_started_has_none_of_our_sockets() {
    let (listener, (client, _), datagrams) = (listener(), tcp_pair(), udp());
    let (accepted, _) = {
        let other = Socket::new(AF_INET, SOCK_STREAM).unwrap();
        other.connect(listener.local_addr().unwrap()).unwrap();
        listener.accept().unwrap()
    };
    let sockets = [&listener, &client, &datagrams, &accepted];
    for socket in sockets {
        assert!(rustix::io::fcntl_getfd(socket).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
    }
    let numbers = sockets.map(|socket| socket.as_raw_fd().to_string()).join(",");
    parts::play(parts::command("closing::part_has_none_of_these_descriptors", &numbers));
}

#[test]
#[ignore = "a part of another test"]
fn part_has_none_of_these_descriptors() {
    let Some(numbers) = parts::word() else { return };
    for number in numbers.split(',') {
        // What has the number here, if anything, is none of the parent's sockets.
        let link = std::fs::read_link(format!("/proc/self/fd/{number}"));
        let is_socket = link.is_ok_and(|to| to.to_string_lossy().starts_with("socket:"));
        assert!(!is_socket, "{number} was inherited");
    }
}

#[test]
fn a_shutdown_wakes_whoever_waits_in_a_call() {
    let (client, _server) = tcp_pair();
    let (client, listener) = (Arc::new(client), listener());
    client.set_timeout(None).unwrap();
    listener.set_timeout(None).unwrap();
    let (begun, begins) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        let (waiting, begun_too, tell_too) = (client.clone(), begun.clone(), tell.clone());
        scope.spawn(move || {
            begun.send(()).unwrap();
            tell.send(waiting.recv(1).map(|bytes| bytes.len()).map_err(|error| error.kind()))
        });
        let accepting = &listener;
        scope.spawn(move || {
            begun_too.send(()).unwrap();
            tell_too.send(accepting.accept().map(|_| 1).map_err(|error| error.kind()))
        });
        for _ in 0..2 {
            begins.recv().unwrap();
        }
        client.shutdown(Shutdown::Both).unwrap();
        listener.shutdown(Shutdown::Both).unwrap();
        let mut answers = [(); 2].map(|()| told.recv_timeout(WATCHDOG).unwrap());
        answers.sort_by_key(|answer| answer.is_err());
        assert_eq!(answers, [Ok(0), Err(ErrorKind::InvalidInput)]);
    });
}

#[test]
fn a_number_that_was_reused_is_never_closed_by_a_closed_socket() {
    let mut socket = udp();
    let number = socket.as_raw_fd();
    socket.close().unwrap();
    let file = std::fs::File::open("/dev/null").unwrap();
    let copy = rustix::io::fcntl_dupfd_cloexec(&file, number).unwrap();
    socket.close().unwrap();
    drop(socket);
    assert!(rustix::io::fcntl_getfd(&copy).is_ok(), "it was somebody else's by then");
}
