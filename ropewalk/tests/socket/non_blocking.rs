//! Without blocking: each call answers at once, and what it would have waited for is said.

use ropewalk::Result;
use ropewalk::error::{ErrorKind, Operation};
use ropewalk::socket::*;
use rustix::event::{PollFd, PollFlags, poll};

use crate::ends::{fill, listener, tcp_pair, udp};

#[track_caller]
fn assert_would_block<T: std::fmt::Debug>(result: Result<T>, operation: Operation) {
    let error = result.unwrap_err();
    assert_eq!((error.operation(), error.kind()), (operation, ErrorKind::WouldBlock), "{error}");
    assert_eq!(error.raw_os_error(), Some(libc::EAGAIN));
    assert_eq!(error.address(), None, "an everyday answer costs no look-up");
    let error = std::io::Error::from(error);
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}

fn wait_until_writable(socket: &Socket) {
    let mut fds = [PollFd::new(socket, PollFlags::OUT)];
    let watchdog = rustix::event::Timespec { tv_sec: 60, tv_nsec: 0 };
    assert_eq!(poll(&mut fds, Some(&watchdog)).unwrap(), 1);
}

#[test]
fn nothing_to_accept_or_receive_is_said_at_once() {
    let (listener, (client, _server), datagrams) = (listener(), tcp_pair(), udp());
    for socket in [&listener, &client, &datagrams] {
        socket.set_blocking(false).unwrap();
    }
    assert_would_block(listener.accept(), Operation::Accept);
    for socket in [&client, &datagrams] {
        assert_would_block(socket.recv(1), Operation::Receive);
        assert_would_block(socket.recv_into(&mut [0; 1]), Operation::Receive);
        assert_would_block(socket.recv_from(1), Operation::Receive);
        assert_would_block(socket.recv_from_into(&mut [0; 1]), Operation::Receive);
        assert_eq!(socket.recv(0).unwrap(), b"", "no bytes are always there");
    }
}

#[test]
fn no_room_to_send_is_said_at_once() {
    let (client, _server) = tcp_pair();
    client.set_blocking(false).unwrap();
    fill(&client);
    assert_would_block(client.send(b"x"), Operation::Send);
}

#[test]
fn send_all_says_how_far_it_came_and_can_go_on_from_there() {
    let (client, server) = tcp_pair();
    client.set_blocking(false).unwrap();
    let data: Vec<u8> = (0..8 << 20).map(|n: u32| (n % 251) as u8).collect();
    let mut arrived = Vec::new();
    let mut left: &[u8] = &data;
    while let Err(error) = client.send_all(left) {
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        left = &left[error.sent().unwrap()..];
        arrived.extend(server.recv(1 << 20).unwrap());
    }
    drop(client);
    std::io::Read::read_to_end(&mut &server, &mut arrived).unwrap();
    assert!(arrived == data, "{} bytes of {}", arrived.len(), data.len());
}

#[test]
fn a_connect_in_progress_is_told_from_one_that_would_block() {
    let listener = listener();
    let at = listener.local_addr().unwrap();
    let client = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    client.set_blocking(false).unwrap();
    let error = client.connect(&at).unwrap_err();
    assert_eq!(
        (error.kind(), error.raw_os_error()),
        (ErrorKind::InProgress, Some(libc::EINPROGRESS))
    );
    wait_until_writable(&client);
    assert_eq!(client.connect_ex(&at).unwrap(), 0, "done, and says so once");
    assert_eq!(client.connect_ex(&at).unwrap(), libc::EISCONN);
    let error = client.connect(&at).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyConnected, "{error}");
}

#[test]
fn connect_ex_gives_the_systems_code() {
    let (listener, closed) = (listener(), listener().local_addr().unwrap());
    let client = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    assert_eq!(client.connect_ex(listener.local_addr().unwrap()).unwrap(), 0);

    let refused = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    assert_eq!(refused.connect_ex(&closed).unwrap(), libc::ECONNREFUSED);

    let late = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    late.set_blocking(false).unwrap();
    assert_eq!(late.connect_ex(&closed).unwrap(), libc::EINPROGRESS);
    wait_until_writable(&late);
    assert_eq!(late.option(SOL_SOCKET, SO_ERROR).unwrap(), libc::ECONNREFUSED);

    let nowhere = Socket::new(AF_UNIX, SOCK_STREAM).unwrap();
    let code = nowhere.connect_ex(crate::ends::abstract_name("nowhere")).unwrap();
    assert_eq!(code, libc::ECONNREFUSED);
    let folder = crate::folder::Folder::new();
    assert_eq!(nowhere.connect_ex(folder.path("nothing")).unwrap(), libc::ENOENT);
}

#[test]
fn connect_ex_fails_only_for_what_precedes_the_call() {
    let mut client = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    let error = client.connect_ex(("no-such-host.invalid", 80)).unwrap_err();
    assert_eq!(error.operation(), Operation::Resolve, "{error}");
    let error = client.connect_ex("localhost:65536").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    client.close().unwrap();
    let error = client.connect_ex(("127.0.0.1", 80)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
}
