//! Python's quirks that are not copied, those that no other file shows.
//!
//! Of the table in the module's documentation `files.rs` has
//! `a_deadline_that_passed_spoils_no_reader_and_loses_nothing` and
//! `the_descriptor_is_closed_when_the_socket_and_both_files_are_gone`, `datagrams.rs`
//! `a_datagram_longer_than_its_room_is_cut_and_says_so`, `deadlines.rs`
//! `send_all_has_one_deadline_for_the_whole_call_and_says_how_much_was_sent` and
//! `a_unix_listener_whose_queue_is_full_is_waited_for_until_the_deadline`, `messages.rs`
//! `a_received_descriptor_is_closed_on_exec`, and `names.rs`
//! `a_path_with_a_zero_byte_is_refused_and_makes_no_file`.

use std::io::{BufRead, Write};
use std::sync::Arc;

use ropewalk::error::ErrorKind;
use ropewalk::socket::*;

use crate::ends::{SOON, WATCHDOG, listener, tcp_pair, udp};

/// What a call answers that might wait for ever if a rule were broken.
#[track_caller]
fn watched_call<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> T {
    let (answer, answered) = std::sync::mpsc::channel();
    std::thread::spawn(move || answer.send(call()));
    answered.recv_timeout(WATCHDOG).expect("it waits for ever")
}

#[test]
fn what_a_reader_holds_is_not_thrown_away_by_a_write() {
    let (client, server) = tcp_pair();
    let (mut reader, mut writer) = Arc::new(client).makefile();
    server.send_all(b"one\ntwo\n").unwrap();
    let mut line = String::new();
    reader.read_line(&mut line).unwrap(); // and holds the second
    writer.write_all(b"answer\n").unwrap();
    writer.flush().unwrap();
    line.clear();
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, "two\n");
    assert_eq!(server.recv(16).unwrap(), b"answer\n");
}

#[test]
fn a_copy_that_blocks_leaves_the_others_deadline_alone() {
    let socket = udp();
    socket.set_timeout(Some(SOON)).unwrap();
    let copy = socket.dup().unwrap();
    assert_eq!(copy.timeout(), Some(SOON));
    copy.set_timeout(None).unwrap();
    let (socket, error) = watched_call(|| {
        let error = socket.recv(1).unwrap_err();
        (socket, error)
    });
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    copy.set_blocking(false).unwrap();
    copy.set_blocking(true).unwrap();
    assert_eq!((socket.timeout(), copy.timeout()), (Some(SOON), None));
    let error = watched_call(move || socket.recv(1).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[test]
fn a_copy_with_a_deadline_leaves_the_other_waiting() {
    let (client, server) = tcp_pair();
    client.set_timeout(None).unwrap();
    let copy = client.dup().unwrap();
    copy.set_blocking(false).unwrap();
    assert_eq!(copy.recv(1).unwrap_err().kind(), ErrorKind::WouldBlock);
    std::thread::scope(|scope| {
        let (begun, has_begun) = std::sync::mpsc::channel();
        let waiting = scope.spawn(move || {
            begun.send(()).unwrap();
            client.recv(16)
        });
        has_begun.recv_timeout(WATCHDOG).unwrap();
        server.send_all(b"late").unwrap();
        assert_eq!(waiting.join().unwrap().unwrap(), b"late");
    });
}

#[test]
fn a_copy_of_a_listener_keeps_its_own_deadline_too() {
    let listener = listener();
    let copy = listener.dup().unwrap();
    copy.set_timeout(None).unwrap();
    listener.set_timeout(Some(SOON)).unwrap();
    copy.set_timeout(None).unwrap();
    let (listener, error) = watched_call(|| {
        let error = listener.accept().unwrap_err();
        (listener, error)
    });
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    drop(copy);
    listener.set_timeout(Some(WATCHDOG)).unwrap();
    let client = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    client.connect(listener.local_addr().unwrap()).unwrap();
    listener.accept().unwrap();
}
