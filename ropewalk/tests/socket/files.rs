//! A socket as files: lines in, buffers out, and who keeps it open.

use std::io::{BufRead, ErrorKind as IoKind, Read, Write};
use std::sync::Arc;

use ropewalk::limits::FILE_BUFFER_BYTES;

use crate::ends::{SOON, WATCHDOG, tcp_pair};

#[test]
fn lines_are_read_and_what_is_written_leaves_at_a_flush() {
    let (client, server) = tcp_pair();
    let (mut reader, mut writer) = Arc::new(client).makefile();
    server.send_all(b"one\ntwo\nthr").unwrap();
    server.shutdown(std::net::Shutdown::Write).unwrap();
    let lines: Vec<String> = reader.by_ref().lines().map(|line| line.unwrap()).collect();
    assert_eq!(lines, ["one", "two", "thr"]);
    writer.write_all(b"held").unwrap();
    server.set_timeout(Some(SOON)).unwrap();
    assert!(server.recv(16).is_err(), "it waits in the buffer");
    writer.flush().unwrap();
    server.set_timeout(Some(WATCHDOG)).unwrap();
    assert_eq!(server.recv(16).unwrap(), b"held");
}

#[test]
fn a_deadline_that_passed_spoils_no_reader_and_loses_nothing() {
    let (client, server) = tcp_pair();
    client.set_timeout(Some(SOON)).unwrap();
    let client = Arc::new(client);
    let (mut reader, _writer) = client.makefile();
    server.send_all(b"half a ").unwrap();
    let mut line = String::new();
    let error = reader.read_line(&mut line).unwrap_err();
    assert_eq!(error.kind(), IoKind::TimedOut);
    assert_eq!(line, "half a ");
    client.set_timeout(Some(WATCHDOG)).unwrap();
    server.send_all(b"line\nand more").unwrap();
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, "half a line\n");
}

#[test]
fn the_descriptor_is_closed_when_the_socket_and_both_files_are_gone() {
    let (client, server) = tcp_pair();
    let client = Arc::new(client);
    let (mut reader, mut writer) = client.makefile();
    assert!(Arc::get_mut(&mut client.clone()).is_none(), "nobody can close it under them");
    drop(client);
    server.send_all(b"x").unwrap();
    reader.read_exact(&mut [0; 1]).unwrap();
    drop(reader);
    writer.write_all(b"last").unwrap();
    drop(writer); // flushes
    assert_eq!(server.recv(16).unwrap(), b"last");
    assert_eq!(server.recv(16).unwrap(), b"");
}

#[test]
fn a_line_longer_than_the_buffer_is_read_whole() {
    let (client, server) = tcp_pair();
    let (mut reader, mut writer) = Arc::new(client).makefile();
    assert_eq!((reader.capacity(), writer.capacity()), (FILE_BUFFER_BYTES, FILE_BUFFER_BYTES));
    let long = format!("{}\n", "x".repeat(3 * FILE_BUFFER_BYTES));
    server.send_all(long.as_bytes()).unwrap();
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, long);
    writer.write_all(long.as_bytes()).unwrap(); // more than fits is not held back
    let mut arrived = vec![0; long.len()];
    server.set_timeout(Some(WATCHDOG)).unwrap();
    (&server).read_exact(&mut arrived).unwrap();
    assert_eq!(arrived, long.as_bytes());
}

#[test]
fn a_reader_without_blocking_says_so_and_goes_on() {
    let (client, server) = tcp_pair();
    client.set_blocking(false).unwrap();
    let client = Arc::new(client);
    let (mut reader, _writer) = client.makefile();
    assert_eq!(reader.fill_buf().unwrap_err().kind(), IoKind::WouldBlock);
    server.send_all(b"x").unwrap();
    client.set_timeout(Some(WATCHDOG)).unwrap();
    assert_eq!(reader.fill_buf().unwrap(), b"x");
    assert_eq!(reader.get_ref().socket().peer_addr().unwrap(), server.local_addr().unwrap());
}
