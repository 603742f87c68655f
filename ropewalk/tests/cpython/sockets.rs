//! The bread and butter of `test_socket.py`: streams, datagrams, modes, buffers.

use ropewalk::error::ErrorKind;
use ropewalk::socket::*;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::ends::{WATCHDOG, listener, tcp_pair, udp, watched};

/// What is sent: it is no ASCII, and ends a line.
pub const MSG: &[u8] = "who was here \u{1234}\r\n".as_bytes();

/// A client of a new listener, which has not accepted it yet.
fn connecting() -> (Socket, Socket) {
    let (listener, client) = (listener(), watched(AF_INET, SOCK_STREAM));
    client.connect(listener.local_addr().unwrap()).unwrap();
    (listener, client)
}

/// A socket whose kind is written with bits beside it.
#[cfg(target_os = "linux")] // the bits are Linux's
pub fn made_with(bits: i32) -> Socket {
    Socket::new(AF_INET, Kind::from(SOCK_STREAM.number() | bits)).unwrap()
}

pub fn wait_until_readable(socket: &Socket) {
    let watchdog = Timespec { tv_sec: WATCHDOG.as_secs().try_into().unwrap(), tv_nsec: 0 };
    assert_eq!(poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&watchdog)).unwrap(), 1);
}

mod basic_tcp_test {
    use super::*;

    #[test]
    fn test_recv() {
        let (client, server) = tcp_pair();
        server.send(MSG).unwrap();
        assert_eq!(client.recv(1024).unwrap(), MSG);
    }

    #[test]
    fn test_over_flow_recv() {
        let (client, server) = tcp_pair();
        server.send(MSG).unwrap();
        let first = client.recv(MSG.len() - 3).unwrap();
        let second = client.recv(1024).unwrap();
        assert_eq!((first.as_slice(), second.as_slice()), MSG.split_at(MSG.len() - 3));
    }

    #[test]
    fn test_recv_from() {
        let (client, server) = tcp_pair();
        server.send(MSG).unwrap();
        let received = client.recv_from(1024).unwrap();
        assert_eq!((received.bytes.as_slice(), received.truncated), (MSG, false));
        assert_eq!(received.from, server.local_addr().unwrap(), "Python says nobody");
    }

    #[test]
    fn test_over_flow_recv_from() {
        let (client, server) = tcp_pair();
        server.send(MSG).unwrap();
        let first = client.recv_from(MSG.len() - 3).unwrap().bytes;
        let second = client.recv_from(1024).unwrap().bytes;
        assert_eq!((first.as_slice(), second.as_slice()), MSG.split_at(MSG.len() - 3));
    }

    #[test]
    fn test_send_all() {
        let (client, server) = tcp_pair();
        server.send_all(&[b'f'; 2048]).unwrap();
        drop(server);
        let mut arrived = Vec::new();
        loop {
            match client.recv(1024).unwrap() {
                end if end.is_empty() => break,
                bytes => arrived.extend(bytes),
            }
        }
        assert_eq!(arrived, [b'f'; 2048]);
    }

    #[test]
    fn test_shutdown() {
        let (client, server) = tcp_pair();
        server.send(MSG).unwrap();
        server.shutdown(std::net::Shutdown::Both).unwrap();
        assert_eq!(client.recv(1024).unwrap(), MSG, "what was sent before still comes");
        assert_eq!(client.recv(1024).unwrap(), b"");
    }

    #[test]
    fn test_detach() {
        let (mut client, server) = tcp_pair();
        client.set_timeout(None).unwrap(); // the mode goes with the descriptor
        let ours = client.local_addr().unwrap();
        let descriptor = client.detach().unwrap();
        assert!(client.is_closed());
        assert_eq!(client.recv(1024).unwrap_err().kind(), ErrorKind::Closed);
        client.close().unwrap();
        server.send(MSG).unwrap();
        let other = Socket::from_fd(descriptor).unwrap();
        assert_eq!(other.local_addr().unwrap(), ours);
        assert_eq!(other.recv(1024).unwrap(), MSG);
    }
}

mod basic_udp_test {
    use super::*;

    #[test]
    fn test_sendto_and_recv() {
        let (server, client) = (udp(), udp());
        client.send_to(MSG, server.local_addr().unwrap()).unwrap();
        assert_eq!(server.recv(MSG.len()).unwrap(), MSG);
    }

    #[test]
    fn test_recv_from() {
        let (server, client) = (udp(), udp());
        client.send_to(MSG, server.local_addr().unwrap()).unwrap();
        let received = server.recv_from(MSG.len()).unwrap();
        assert_eq!((received.bytes.as_slice(), received.truncated), (MSG, false));
        assert_eq!(received.from, client.local_addr().unwrap());
    }
}

mod tcp_closer_test {
    use super::*;

    #[test]
    fn test_close() {
        let (client, mut accepted) = tcp_pair();
        accepted.close().unwrap();
        wait_until_readable(&client);
        assert_eq!(client.recv(1).unwrap(), b"");
        accepted.close().unwrap();
        accepted.close().unwrap();
    }
}

/// What a socket says of its timeout, and what its descriptor does.
#[track_caller]
fn assert_mode(socket: &Socket, timeout: Option<std::time::Duration>) {
    assert_eq!(socket.timeout(), timeout);
    assert_eq!(socket.is_blocking(), timeout != Some(std::time::Duration::ZERO), "{timeout:?}");
    assert_eq!(socket.kind(), SOCK_STREAM);
    #[cfg(unix)] // elsewhere nobody says
    {
        let flags = rustix::fs::fcntl_getfl(socket).unwrap();
        let is_non_blocking = flags.contains(rustix::fs::OFlags::NONBLOCK);
        assert_eq!(is_non_blocking, timeout.is_some(), "{timeout:?}");
    }
}

mod non_blocking_tcp_tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn test_set_blocking() {
        let socket = Socket::new(AF_INET, SOCK_STREAM).unwrap();
        assert_mode(&socket, None);
        socket.set_blocking(true).unwrap();
        assert_mode(&socket, None);
        socket.set_blocking(false).unwrap();
        assert_mode(&socket, Some(Duration::ZERO));
        for timeout in [
            None,
            Some(Duration::ZERO),
            Some(Duration::from_secs(10)),
            Some(Duration::ZERO),
            Some(Duration::from_secs(10)),
            None,
        ] {
            socket.set_timeout(timeout).unwrap();
            assert_mode(&socket, timeout);
        }
    }

    #[test]
    #[cfg(target_os = "linux")] // the bit is Linux's
    fn test_init_non_blocking() {
        assert_mode(&made_with(libc::SOCK_NONBLOCK), Some(Duration::ZERO));
        assert_mode(&made_with(libc::SOCK_CLOEXEC), None);
    }

    #[test]
    fn test_inherit_flags_blocking() {
        for timeout in [Some(WATCHDOG), None, Some(Duration::ZERO)] {
            let (listener, _client) = connecting();
            wait_until_readable(&listener);
            listener.set_timeout(timeout).unwrap();
            let (accepted, _) = listener.accept().unwrap();
            assert_mode(&accepted, None);
            let made = (listener.family(), listener.kind(), listener.protocol());
            assert_eq!((accepted.family(), accepted.kind(), accepted.protocol()), made);
        }
    }

    #[test]
    fn test_accept() {
        let (listener, client) = (listener(), watched(AF_INET, SOCK_STREAM));
        listener.set_blocking(false).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        client.connect(listener.local_addr().unwrap()).unwrap();
        wait_until_readable(&listener);
        let (accepted, peer) = listener.accept().unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        assert_eq!(accepted.timeout(), None);
    }

    #[test]
    fn test_recv() {
        let (client, accepted) = tcp_pair();
        accepted.set_blocking(false).unwrap();
        assert_eq!(accepted.recv(MSG.len()).unwrap_err().kind(), ErrorKind::WouldBlock);
        client.send_all(MSG).unwrap();
        wait_until_readable(&accepted);
        assert_eq!(accepted.recv(MSG.len()).unwrap(), MSG);
    }
}

#[cfg(target_os = "linux")] // the constant is Linux's
mod nonblock_constant_test {
    use std::time::Duration;

    use super::*;

    #[test]
    fn test_sock_nonblock() {
        let socket = made_with(libc::SOCK_NONBLOCK);
        assert_mode(&socket, Some(Duration::ZERO));
        socket.set_blocking(true).unwrap();
        assert_mode(&socket, None);
        socket.set_blocking(false).unwrap();
        assert_mode(&socket, Some(Duration::ZERO));
        socket.set_timeout(None).unwrap();
        assert_mode(&socket, None);
        socket.set_timeout(Some(Duration::from_secs(2))).unwrap();
        assert_mode(&socket, Some(Duration::from_secs(2)));
        socket.set_blocking(true).unwrap();
        assert_mode(&socket, None);
    }
}

mod buffer_io_test {
    use super::*;

    /// A pair whose server has sent the message.
    fn told() -> (Socket, Socket) {
        let (client, server) = tcp_pair();
        server.send(MSG).unwrap();
        (client, server)
    }

    #[test]
    fn test_recv_into_array() {
        let ((client, _server), mut buffer) = (told(), [0; MSG.len()]);
        assert_eq!(client.recv_into(&mut buffer).unwrap(), MSG.len());
        assert_eq!(buffer, MSG);
    }

    #[test]
    fn test_recv_into_bytearray() {
        let ((client, _server), mut buffer) = (told(), vec![0; 1024]);
        assert_eq!(client.recv_into(&mut buffer).unwrap(), MSG.len());
        assert_eq!(&buffer[..MSG.len()], MSG);
    }

    #[test]
    fn test_recv_into_memoryview() {
        let ((client, _server), mut buffer) = (told(), [b'.'; 1024]);
        assert_eq!(client.recv_into(&mut buffer[512..]).unwrap(), MSG.len());
        assert_eq!(&buffer[512..][..MSG.len()], MSG);
        assert_eq!(&buffer[..512], [b'.'; 512], "what lies before the part is left alone");
    }

    #[test]
    fn test_recv_from_into_array() {
        let ((client, server), mut buffer) = (told(), [0; MSG.len()]);
        let received = client.recv_from_into(&mut buffer).unwrap();
        assert_eq!((received.bytes, received.from), (MSG.len(), server.local_addr().unwrap()));
        assert_eq!(buffer, MSG);
    }

    #[test]
    fn test_recv_from_into_bytearray() {
        let ((client, _server), mut buffer) = (told(), vec![0; 1024]);
        assert_eq!(client.recv_from_into(&mut buffer).unwrap().bytes, MSG.len());
        assert_eq!(&buffer[..MSG.len()], MSG);
    }

    #[test]
    fn test_recv_from_into_memoryview() {
        let ((client, _server), mut buffer) = (told(), [b'.'; 1024]);
        assert_eq!(client.recv_from_into(&mut buffer[512..]).unwrap().bytes, MSG.len());
        assert_eq!(&buffer[512..][..MSG.len()], MSG);
        assert_eq!(&buffer[..512], [b'.'; 512], "what lies before the part is left alone");
    }

    #[test]
    fn test_recv_from_into_small_buffer() {
        let ((client, _server), mut buffer) = (told(), [b'.'; 1024]);
        assert_eq!(client.recv_from_into(&mut buffer[..8]).unwrap().bytes, 8);
        assert_eq!((&buffer[..8], &buffer[8..]), (&MSG[..8], &[b'.'; 1016][..]));
        assert_eq!(client.recv(1024).unwrap(), &MSG[8..], "and nothing is lost");
    }

    #[test]
    fn test_recv_from_into_empty_buffer() {
        let (client, _server) = told();
        let received = client.recv_from_into(&mut []).unwrap();
        assert_eq!((received.bytes, received.truncated), (0, false));
        assert_eq!(client.recv(1024).unwrap(), MSG);
    }
}
