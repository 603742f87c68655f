//! As much as is meant: so many bytes, a message up to its delimiter, a file.

use std::time::Duration;

use ropewalk::error::ErrorKind;
use ropewalk::limits::{DELIMITER_BYTES, RECEIVE_STEP_BYTES, SEND_FILE_BYTES};
use ropewalk::socket::*;

use crate::ends::{SOON, WATCHDOG, tcp_pair, udp};
use crate::folder::Folder;

#[test]
fn exactly_so_many_bytes_come_however_they_were_sent() {
    let (client, server) = tcp_pair();
    let bytes: Vec<u8> = (0..3 * RECEIVE_STEP_BYTES).map(|at| at as u8).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for piece in bytes.chunks(1000) {
                server.send_all(piece).unwrap();
            }
            server.send_all(b"and more").unwrap();
        });
        assert!(client.recv_exact(bytes.len()).unwrap() == bytes);
    });
    let mut rest = [0; 8];
    client.recv_exact_into(&mut rest).unwrap();
    assert_eq!(&rest, b"and more");
    assert_eq!(client.recv_exact(0).unwrap(), b"", "nothing is not waited for");
}

#[test]
fn an_end_of_input_in_the_middle_is_an_error_that_says_how_much_had_come() {
    let (client, mut server) = tcp_pair();
    server.send_all(b"abc").unwrap();
    server.close().unwrap();
    let error = client.recv_exact(5).unwrap_err();
    assert_eq!((error.kind(), error.received()), (ErrorKind::EndOfInput, Some(3)));
    assert!(error.to_string().ends_with("missing, after 3 bytes were received"), "{error}");
    let error = client.recv_exact(1).unwrap_err();
    assert_eq!(error.received(), Some(0));
    assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::UnexpectedEof);
}

#[test]
fn a_length_that_a_peer_makes_up_takes_no_memory() {
    let (client, mut server) = tcp_pair();
    server.send_all(b"x").unwrap();
    server.close().unwrap();
    let error = client.recv_exact(usize::MAX).unwrap_err();
    assert_eq!((error.kind(), error.received()), (ErrorKind::EndOfInput, Some(1)));
}

/// Sends a byte again and again, so that no single receive waits for long, until it is told.
fn trickle<T>(server: Socket, receive: impl FnOnce() -> T) -> T {
    let (over, is_over) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            while is_over.recv_timeout(Duration::from_millis(5)).is_err() {
                server.send_all(b"x").unwrap();
            }
        });
        let received = receive();
        over.send(()).unwrap();
        received
    })
}

#[test]
fn receiving_exactly_has_one_deadline_for_the_whole_call() {
    let (client, server) = tcp_pair();
    client.set_timeout(Some(6 * SOON)).unwrap();
    let error = trickle(server, || client.recv_exact(1 << 20).unwrap_err());
    assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::TimedOut, None));
    assert!(error.received().unwrap() > 0);
}

#[test]
fn receiving_up_to_a_delimiter_has_one_deadline_for_the_whole_call() {
    let (client, server) = tcp_pair();
    client.set_timeout(Some(6 * SOON)).unwrap();
    let mut bytes = Vec::new();
    let error = trickle(server, || client.recv_until(b"\n", usize::MAX, &mut bytes).unwrap_err());
    assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::TimedOut, None));
    assert!(error.received().unwrap() > 0);
    assert_eq!(error.received(), Some(bytes.len()), "what had come is kept");
}

#[test]
fn nothing_behind_the_delimiter_is_taken() {
    let (client, server) = tcp_pair();
    server.send_all(b"head\r\n\r\nbody").unwrap();
    let mut head = Vec::new();
    assert!(client.recv_until(b"\r\n\r\n", 1024, &mut head).unwrap());
    assert_eq!(head, b"head\r\n\r\n");
    assert_eq!(client.recv(1024).unwrap(), b"body");
}

#[test]
fn a_delimiter_that_comes_in_pieces_is_found_after_each_deadline() {
    let (client, server) = tcp_pair();
    client.set_timeout(Some(SOON)).unwrap();
    let mut line = Vec::new();
    for (piece, so_far) in [(&b"ab"[..], &b"ab"[..]), (b"-", b"ab-"), (b"-", b"ab--")] {
        server.send_all(piece).unwrap();
        let error = client.recv_until(b"---", 1024, &mut line).unwrap_err();
        assert_eq!((error.kind(), error.received()), (ErrorKind::TimedOut, Some(piece.len())));
        assert_eq!(line, so_far);
    }
    server.send_all(b"-rest").unwrap();
    assert!(client.recv_until(b"---", 1024, &mut line).unwrap());
    assert_eq!(line, b"ab---");
    assert_eq!(client.recv(1024).unwrap(), b"rest");
}

#[test]
fn a_non_blocking_socket_goes_on_where_it_stopped() {
    let (client, server) = tcp_pair();
    let mut line = Vec::new();
    server.send_all(b"half a ").unwrap();
    client.recv_with(7, MSG_PEEK).unwrap(); // it has come
    client.set_blocking(false).unwrap();
    let error = client.recv_until(b"\n", 1024, &mut line).unwrap_err();
    assert_eq!((error.kind(), error.received()), (ErrorKind::WouldBlock, Some(7)));
    client.set_timeout(Some(WATCHDOG)).unwrap();
    server.send_all(b"line\n").unwrap();
    assert!(client.recv_until(b"\n", 1024, &mut line).unwrap());
    assert_eq!(line, b"half a line\n");
}

#[test]
fn messages_are_told_apart_whatever_is_in_them() {
    let (client, mut server) = tcp_pair();
    server.send_all(b"xaa").unwrap();
    server.send_all(b"ayaa").unwrap(); // begins with what the first one ended with
    server.send_all(b"aa").unwrap(); // nothing in it
    server.close().unwrap();
    let mut all = Vec::new();
    let mut ends = Vec::new();
    while client.recv_until(b"aa", 1024, &mut all).unwrap() {
        ends.push(all.len());
    }
    assert_eq!((all.as_slice(), ends.as_slice()), (&b"xaaayaaaa"[..], &[3, 7, 9][..]));
}

#[test]
fn an_end_of_input_is_clean_between_messages_alone() {
    let (client, mut server) = tcp_pair();
    server.send_all(b"one\ntw").unwrap();
    server.close().unwrap();
    let mut line = Vec::new();
    assert!(client.recv_until(b"\n", 1024, &mut line).unwrap());
    line.clear();
    let error = client.recv_until(b"\n", 1024, &mut line).unwrap_err();
    assert_eq!((error.kind(), error.received()), (ErrorKind::EndOfInput, Some(2)));
    assert_eq!(line, b"tw");
    let error = client.recv_until(b"\n", 1024, &mut line).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::EndOfInput, "it is still in the middle");
    line.clear();
    assert!(!client.recv_until(b"\n", 1024, &mut line).unwrap());
}

#[test]
fn a_message_may_be_as_long_as_its_limit_and_no_longer() {
    let (client, server) = tcp_pair();
    let mut line = Vec::new();
    server.send_all(b"1234567\n").unwrap();
    assert!(client.recv_until(b"\n", 8, &mut line).unwrap());
    line.clear();
    server.send_all(b"12345678\nnext\n").unwrap();
    let error = client.recv_until(b"\n", 8, &mut line).unwrap_err();
    assert_eq!((error.kind(), error.received()), (ErrorKind::TooLong, Some(8)));
    assert!(error.to_string().contains("no delimiter within 8 bytes"), "{error}");
    assert_eq!(line, b"12345678");
    line.clear();
    assert!(client.recv_until(b"\n", 8, &mut line).unwrap(), "the rest is there");
    assert_eq!(line, b"\n");
    line.clear();
    assert!(client.recv_until(b"\n", 8, &mut line).unwrap());
    assert_eq!(line, b"next\n");
}

#[test]
fn a_message_longer_than_a_step_is_found_over_its_seams() {
    let (client, server) = tcp_pair();
    for length in [RECEIVE_STEP_BYTES - 1, RECEIVE_STEP_BYTES, 3 * RECEIVE_STEP_BYTES + 1] {
        let message = [&vec![b'x'; length][..], b"\r\n"].concat();
        std::thread::scope(|scope| {
            scope.spawn(|| server.send_all(&[&message[..], b"."].concat()).unwrap());
            let mut bytes = Vec::new();
            assert!(client.recv_until(b"\r\n", usize::MAX, &mut bytes).unwrap());
            assert!(bytes == message, "{length}: {}", bytes.len());
            assert_eq!(client.recv(16).unwrap(), b".");
        });
    }
}

#[test]
fn a_delimiter_has_a_length_within_its_bound() {
    let (client, server) = tcp_pair();
    for delimiter in [&[][..], &[b'x'; DELIMITER_BYTES + 1]] {
        let error = client.recv_until(delimiter, 1024, &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
    server.send_all(&[b'x'; DELIMITER_BYTES]).unwrap();
    assert!(client.recv_until(&[b'x'; DELIMITER_BYTES], 1024, &mut Vec::new()).unwrap());
}

#[test]
fn only_a_stream_has_so_many_bytes_or_a_delimiter() {
    let socket = udp();
    for error in [
        socket.recv_exact(1).unwrap_err(),
        socket.recv_exact_into(&mut [0]).unwrap_err(),
        socket.recv_until(b"\n", 1024, &mut Vec::new()).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
}

#[test]
fn more_of_a_file_than_goes_in_one_call_is_sent_whole() {
    let (client, server) = tcp_pair();
    let folder = Folder::new();
    let file = std::fs::File::create_new(folder.path("sparse")).unwrap();
    let length = SEND_FILE_BYTES as u64 + 1;
    file.set_len(length).unwrap();
    drop(file);
    let file = std::fs::File::open(folder.path("sparse")).unwrap();
    let received = std::thread::spawn(move || {
        let (mut buffer, mut count) = (vec![0; 1 << 20], 0);
        loop {
            match server.recv_into(&mut buffer).unwrap() {
                0 => return count,
                more => count += more as u64,
            }
        }
    });
    assert_eq!(client.send_file(&file, 0, None).unwrap(), length);
    drop(client);
    assert_eq!(received.join().unwrap(), length);
}

#[cfg(unix)] // Windows opens no folder
#[test]
fn nothing_of_a_file_is_sent_where_nothing_is_asked_for_or_there_is_nothing() {
    let (client, _server) = tcp_pair();
    let folder = Folder::new();
    std::fs::write(folder.path("file"), b"content").unwrap();
    let file = std::fs::File::open(folder.path("file")).unwrap();
    assert_eq!(client.send_file(&file, 0, Some(0)).unwrap(), 0);
    assert_eq!(client.send_file(&file, 100, None).unwrap(), 0);
    let error = client.send_file(&file, u64::MAX, None).unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::InvalidInput, Some(0)));
}
