//! `sendfile`: the kernel's way and the way through a buffer.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::time::Duration;

use ropewalk::error::ErrorKind;
use ropewalk::socket::*;

use crate::ends::{SOON, WATCHDOG, tcp_pair, watched};
use crate::folder::Folder;

/// More than the kernel holds between two ends.
const FILE_BYTES: usize = 10 << 20;

/// What is in the file: no two places look the same for long.
fn content() -> Vec<u8> {
    (0..FILE_BYTES as u32).map(|at| (at ^ at >> 8 ^ at >> 16) as u8).collect()
}

/// A regular file with this in it.
fn regular(bytes: &[u8]) -> File {
    let path = Folder::new();
    let path = path.path("file");
    File::create(&path).unwrap().write_all(bytes).unwrap();
    File::open(&path).unwrap()
}

/// Sends while another thread receives: what was sent, what arrived.
fn transfer(
    file: &File,
    offset: u64,
    count: Option<u64>,
    timeout: Option<Duration>,
) -> (u64, Vec<u8>) {
    let (client, server) = tcp_pair();
    client.set_timeout(timeout).unwrap();
    let receiver = std::thread::spawn(move || {
        let mut arrived = Vec::new();
        (&server).read_to_end(&mut arrived).unwrap();
        arrived
    });
    let sent = client.send_file(file, offset, count).unwrap();
    drop(client);
    (sent, receiver.join().unwrap())
}

fn position(mut file: &File) -> u64 {
    file.stream_position().unwrap()
}

mod sendfile_using_sendfile_test {
    use super::*;

    #[test]
    fn test_regular_file() {
        let (file, content) = (regular(&content()), content());
        let (sent, arrived) = transfer(&file, 0, None, None);
        assert_eq!((sent, position(&file)), (content.len() as u64, content.len() as u64));
        assert!(arrived == content);
    }

    #[test]
    #[cfg(unix)] // a pipe as a file
    fn test_non_regular_file() {
        let content = content();
        let (sent, arrived) = transfer(&pipe(content.clone()), 0, None, None);
        assert_eq!(sent, content.len() as u64);
        assert!(arrived == content);
    }

    #[test]
    fn test_empty_file_send() {
        let file = regular(b"");
        let (sent, arrived) = transfer(&file, 0, None, None);
        assert_eq!((sent, arrived.len(), position(&file)), (0, 0, 0));
    }

    #[test]
    fn test_offset() {
        let (file, content) = (regular(&content()), content());
        let (sent, arrived) = transfer(&file, 5000, None, None);
        assert_eq!((sent, position(&file)), (FILE_BYTES as u64 - 5000, FILE_BYTES as u64));
        assert!(arrived == content[5000..]);
    }

    #[test]
    fn test_count() {
        let (file, content) = (regular(&content()), content());
        let (sent, arrived) = transfer(&file, 0, Some(5_000_007), Some(WATCHDOG));
        assert_eq!((sent, position(&file)), (5_000_007, 5_000_007));
        assert!(arrived == content[..5_000_007]);
    }

    #[test]
    fn test_count_small() {
        let file = regular(b"one and more");
        let (sent, arrived) = transfer(&file, 0, Some(1), Some(WATCHDOG));
        assert_eq!((sent, arrived.as_slice(), position(&file)), (1, &b"o"[..], 1));
    }

    #[test]
    fn test_count_with_offset() {
        let (file, content) = (regular(&content()), content());
        let (sent, arrived) = transfer(&file, 2007, Some(100_007), Some(WATCHDOG));
        assert_eq!((sent, position(&file)), (100_007, 102_014));
        assert!(arrived == content[2007..102_014]);
    }

    #[test]
    fn test_non_blocking() {
        check_non_blocking(&regular(b"content"));
    }

    #[test]
    fn test_with_timeout() {
        let (file, content) = (regular(&content()), content());
        let (sent, arrived) = transfer(&file, 0, None, Some(WATCHDOG));
        assert_eq!(sent, content.len() as u64);
        assert!(arrived == content);
    }

    #[test]
    fn test_with_timeout_triggered_send() {
        let file = regular(&content());
        let sent = check_timed_out(&file);
        assert_eq!(position(&file), sent as u64, "the file says how far it went");
    }

    #[test]
    fn test_errors() {
        check_errors(&regular(b"content"));
    }
}

fn check_non_blocking(file: &File) {
    let (client, server) = tcp_pair();
    client.set_blocking(false).unwrap();
    let error = client.send_file(file, 0, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    drop(client);
    assert_eq!(server.recv(8192).unwrap(), b"");
}

/// Nobody reads: how much was sent before the deadline, as the error says.
fn check_timed_out(file: &File) -> usize {
    let (client, server) = tcp_pair();
    client.set_timeout(Some(SOON)).unwrap();
    let error = client.send_file(file, 0, None).unwrap_err();
    assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::TimedOut, None));
    let sent = error.sent().unwrap();
    drop(client);
    let mut arrived = Vec::new();
    (&server).read_to_end(&mut arrived).unwrap();
    assert_eq!(arrived.len(), sent);
    sent
}

fn check_errors(file: &File) {
    let datagrams = watched(AF_INET, SOCK_DGRAM);
    let error = datagrams.send_file(file, 0, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("over a stream"), "{error}");
    let unconnected = watched(AF_INET, SOCK_STREAM);
    let error = unconnected.send_file(file, 0, None).unwrap_err();
    // The last is Wine's word for it.
    let words = [ErrorKind::NotConnected, ErrorKind::BrokenPipe, ErrorKind::Reset];
    assert!(words.contains(&error.kind()), "{error}");
    assert_eq!(error.sent(), Some(0));
}

/// A file that is none: a pipe's end, with a thread that fills it.
#[cfg(unix)] // Windows has no such file
fn pipe(bytes: Vec<u8>) -> File {
    let (reader, mut writer) = std::os::unix::net::UnixStream::pair().unwrap();
    // Whoever reads no further ends it.
    std::thread::spawn(move || writer.write_all(&bytes));
    File::from(std::os::fd::OwnedFd::from(reader))
}

#[cfg(unix)] // see above
mod sendfile_using_send_test {
    use super::*;

    #[test]
    fn test_regular_file() {
        let content = content();
        let (sent, arrived) = transfer(&pipe(content.clone()), 0, None, None);
        assert_eq!(sent, content.len() as u64);
        assert!(arrived == content);
    }

    #[test]
    fn test_non_regular_file() {
        // Any device will do, and this one never ends.
        let zeros = File::open("/dev/zero").unwrap();
        let (sent, arrived) = transfer(&zeros, 0, Some(FILE_BYTES as u64), None);
        assert_eq!((sent, arrived.len()), (FILE_BYTES as u64, FILE_BYTES));
        assert!(arrived.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn test_empty_file_send() {
        let (sent, arrived) = transfer(&pipe(Vec::new()), 0, None, None);
        assert_eq!((sent, arrived.len()), (0, 0));
    }

    #[test]
    fn test_count() {
        let content = content();
        let (sent, arrived) = transfer(&pipe(content.clone()), 0, Some(5_000_007), Some(WATCHDOG));
        assert_eq!(sent, 5_000_007);
        assert!(arrived == content[..5_000_007]);
    }

    #[test]
    fn test_count_small() {
        let (sent, arrived) = transfer(&pipe(b"one".to_vec()), 0, Some(1), Some(WATCHDOG));
        assert_eq!((sent, arrived.as_slice()), (1, &b"o"[..]));
    }

    #[test]
    fn test_non_blocking() {
        check_non_blocking(&pipe(b"content".to_vec()));
    }

    #[test]
    fn test_with_timeout() {
        let content = content();
        let (sent, arrived) = transfer(&pipe(content.clone()), 0, None, Some(WATCHDOG));
        assert_eq!(sent, content.len() as u64);
        assert!(arrived == content);
    }

    #[test]
    fn test_with_timeout_triggered_send() {
        assert!(check_timed_out(&pipe(content())) > 0);
    }

    #[test]
    fn test_errors() {
        check_errors(&pipe(b"content".to_vec()));
    }
}
