//! `test_timeout.py`, and what `test_socket.py` has of deadlines.

use std::time::Duration;

use ropewalk::Result;
use ropewalk::error::{ErrorKind, Operation};
use ropewalk::socket::*;

use crate::ends::{SOON, full_listener, listener, tcp_pair, udp};

/// It is our deadline that has passed: the system says nothing of it.
#[track_caller]
fn assert_timed_out<T: std::fmt::Debug>(result: Result<T>, operation: Operation) {
    let error = result.unwrap_err();
    assert_eq!((error.operation(), error.kind()), (operation, ErrorKind::TimedOut), "{error}");
    assert_eq!(error.raw_os_error(), None, "{error}");
}

/// A new listener with this timeout.
fn listener_with(timeout: Duration) -> Socket {
    let listener = listener();
    listener.set_timeout(Some(timeout)).unwrap();
    listener
}

/// A datagram socket with this timeout.
fn udp_with(timeout: Duration) -> Socket {
    let socket = udp();
    socket.set_timeout(Some(timeout)).unwrap();
    socket
}

mod tcp_timeout_test {
    use super::*;

    #[test]
    fn test_tcp_timeout() {
        assert_timed_out(listener_with(SOON).accept(), Operation::Accept);
    }

    #[test]
    fn test_timeout_zero() {
        let error = listener_with(Duration::ZERO).accept().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "and not that time was up: {error}");
        assert!(error.raw_os_error().is_some(), "it is the system's word");
    }

    #[test]
    #[cfg(unix)] // Windows has no signals
    fn test_interrupted_timeout() {
        let listener = listener_with(crate::ends::WATCHDOG);
        let client = crate::ends::watched(AF_INET, SOCK_STREAM);
        let at = listener.local_addr().unwrap();
        let accepted =
            crate::rain::under_signals(|| listener.accept(), || client.connect(at).unwrap());
        assert_eq!(accepted.unwrap().1, client.local_addr().unwrap());
    }
}

mod udp_timeout_test {
    use super::*;

    #[test]
    fn test_udp_timeout() {
        assert_timed_out(udp_with(SOON).recv(1024), Operation::Receive);
    }

    #[test]
    fn test_timeout_zero() {
        let error = udp_with(Duration::ZERO).recv(1024).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "and not that time was up: {error}");
        assert!(error.raw_os_error().is_some(), "it is the system's word");
    }
}

mod creation_test_case {
    use super::*;

    #[test]
    fn test_object_creation() {
        assert_eq!(Socket::new(AF_INET, SOCK_STREAM).unwrap().timeout(), None);
    }

    #[test]
    fn test_float_return_value() {
        let socket = Socket::new(AF_INET, SOCK_STREAM).unwrap();
        for timeout in [Some(Duration::from_millis(7345)), Some(Duration::from_secs(3)), None] {
            socket.set_timeout(timeout).unwrap();
            assert_eq!(socket.timeout(), timeout);
        }
    }

    #[test]
    fn test_timeout_then_blocking() {
        let socket = Socket::new(AF_INET, SOCK_STREAM).unwrap();
        for first in [true, false] {
            socket.set_timeout(Some(Duration::from_secs(10))).unwrap();
            for blocking in [first, !first] {
                socket.set_blocking(blocking).unwrap();
                assert_eq!(socket.timeout(), if blocking { None } else { Some(Duration::ZERO) });
            }
        }
    }

    #[test]
    fn test_blocking_then_timeout() {
        let socket = Socket::new(AF_INET, SOCK_STREAM).unwrap();
        for blocking in [false, true] {
            socket.set_blocking(blocking).unwrap();
            socket.set_timeout(Some(Duration::from_secs(1))).unwrap();
            assert_eq!(socket.timeout(), Some(Duration::from_secs(1)));
        }
    }
}

mod tcp_timeout_test_case {
    use super::*;

    /// More than the kernel holds for a peer that does not read.
    const MUCH: &[u8] = &[b'X'; 200_000];

    /// A client with a short timeout, of a peer that neither reads nor sends.
    fn client_of_nobody_who_reads() -> (Socket, Socket) {
        let (client, server) = tcp_pair();
        client.set_timeout(Some(SOON)).unwrap();
        (client, server)
    }

    /// Calls until one fails, which must be soon.
    fn first_failure<T>(mut call: impl FnMut() -> Result<T>) -> Result<()> {
        (0..100).try_for_each(|_| call().map(drop))
    }

    #[test]
    fn test_connect_timeout() {
        let (_listener, _queue, at) = full_listener(AF_INET, ("127.0.0.1", 0).into());
        let client = Socket::new(AF_INET, SOCK_STREAM).unwrap();
        client.set_timeout(Some(Duration::from_millis(1))).unwrap();
        assert_timed_out(client.connect(at), Operation::Connect);
    }

    #[test]
    fn test_recv_timeout() {
        let (client, _server) = client_of_nobody_who_reads();
        assert_timed_out(client.recv(1024), Operation::Receive);
    }

    #[test]
    fn test_accept_timeout() {
        let listener = listener_with(SOON);
        assert_timed_out(listener.accept(), Operation::Accept);
        assert_timed_out(listener.accept(), Operation::Accept);
    }

    #[test]
    fn test_send() {
        let (client, _server) = client_of_nobody_who_reads();
        assert_timed_out(first_failure(|| client.send(MUCH)), Operation::Send);
    }

    #[test]
    #[cfg(not(target_os = "macos"))] // it refuses the address of a connected stream
    fn test_sendto() {
        let (client, server) = client_of_nobody_who_reads();
        let to = server.local_addr().unwrap();
        assert_timed_out(first_failure(|| client.send_to(MUCH, &to)), Operation::Send);
    }

    #[test]
    fn test_sendall() {
        let (client, _server) = client_of_nobody_who_reads();
        assert_timed_out(first_failure(|| client.send_all(MUCH)), Operation::Send);
    }
}

mod udp_timeout_test_case {
    use super::*;

    #[test]
    fn test_recvfrom_timeout() {
        assert_timed_out(udp_with(SOON).recv_from(1024), Operation::Receive);
    }
}
