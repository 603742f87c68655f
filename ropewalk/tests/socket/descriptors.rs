//! A descriptor's copies and heirs.

use std::os::fd::AsRawFd;
use std::process::Command;

use ropewalk::socket::*;

use crate::ends::{tcp_pair, udp};

/// Whether a program that this one starts has the descriptor.
fn is_inherited(socket: &Socket) -> bool {
    let script = format!("test -e /dev/fd/{}", socket.as_raw_fd());
    Command::new("sh").args(["-c", &script]).status().unwrap().success()
}

#[test]
fn a_program_that_is_started_has_a_socket_that_it_is_to_have() {
    let socket = udp();
    assert!(!is_inherited(&socket));
    socket.set_inheritable(true).unwrap();
    assert!(is_inherited(&socket));
    let copy = socket.dup().unwrap();
    assert!(!copy.is_inheritable().unwrap() && !is_inherited(&copy), "a copy is not");
}

#[test]
fn a_copy_stays_open_when_the_other_is_closed_and_a_shutdown_is_for_both() {
    let (mut client, server) = tcp_pair();
    let copy = client.dup().unwrap();
    assert_eq!(copy.peer_addr().unwrap(), client.peer_addr().unwrap());
    client.close().unwrap();
    copy.send_all(b"still").unwrap();
    assert_eq!(server.recv(16).unwrap(), b"still");
    let other = copy.dup().unwrap();
    copy.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(other.send(b"x").is_err());
    assert_eq!(server.recv(16).unwrap(), b"");
}
