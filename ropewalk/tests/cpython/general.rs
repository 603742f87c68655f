//! `GeneralModuleTests` and `TestExceptions` of `test_socket.py`, as far as they are about the
//! socket itself.

use ropewalk::addr;
use ropewalk::error::{Error, ErrorKind, Operation};
use ropewalk::socket::*;

use crate::ends::{SOON, udp, watched};

fn stream() -> Socket {
    Socket::new(AF_INET, SOCK_STREAM).unwrap()
}

mod general_module_tests {
    use super::*;

    #[test]
    fn test_repr() {
        let mut socket = stream();
        let shown = format!("{socket:?}");
        for part in ["family: Inet", "kind: Stream", "protocol: 0"] {
            assert!(shown.contains(part), "{part} is not in {shown}");
        }
        assert!(!shown.contains("peer") && !shown.contains("closed"), "{shown}");
        #[cfg(unix)] // elsewhere it is a handle
        {
            let number = std::os::fd::AsRawFd::as_raw_fd(&socket);
            assert!(shown.contains(&format!("fd: {number}")), "{shown}");
        }
        socket.bind(("127.0.0.1", 0)).unwrap();
        let (shown, port) = (format!("{socket:?}"), socket.local_addr().unwrap().port().unwrap());
        assert!(shown.contains(&format!("local: Ip(127.0.0.1:{port})")), "{shown}");
        socket.close().unwrap();
        let shown = format!("{socket:?}");
        assert!(shown.contains("closed") && !shown.contains("local"), "{shown}");
    }

    #[test]
    fn test_sock_name() {
        let socket = stream();
        socket.bind(("0.0.0.0", 0)).unwrap();
        let name = socket.local_addr().unwrap();
        assert_eq!(name.host(), "0.0.0.0");
        // The port is the one it has, since nobody else can have it.
        let error = stream().bind(name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddressInUse);
    }

    #[test]
    fn test_get_sock_opt() {
        assert_eq!(stream().option(SOL_SOCKET, SO_REUSEADDR).unwrap(), 0);
    }

    #[test]
    fn test_set_sock_opt() {
        let socket = stream();
        socket.set_option(SOL_SOCKET, SO_REUSEADDR, 1).unwrap();
        assert_ne!(socket.option(SOL_SOCKET, SO_REUSEADDR).unwrap(), 0);
    }

    #[test]
    fn test_send_after_close() {
        let mut socket = watched(AF_INET, SOCK_STREAM);
        socket.close().unwrap();
        assert_eq!(socket.send(b"spam").unwrap_err().kind(), ErrorKind::Closed);
    }

    #[test]
    fn test_new_attributes() {
        let socket = stream();
        assert_eq!((socket.family(), socket.kind(), socket.protocol()), (AF_INET, SOCK_STREAM, 0));
    }

    #[test]
    fn test_getsockaddrarg() {
        let (socket, other) = (stream(), stream());
        other.bind(("127.0.0.1", 0)).unwrap();
        let port = other.local_addr().unwrap().port().unwrap();
        for far in [i64::from(port) + 65536, i64::from(port) - 65536] {
            assert_eq!(addr::port(far).unwrap_err().kind(), ErrorKind::InvalidInput);
            let error = socket.bind(format!("127.0.0.1:{far}").as_str()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        }
        // Whatever came before, it has no address yet, and takes one.
        socket.bind("127.0.0.1:0").unwrap();
    }

    #[test]
    fn test_listen_backlog() {
        let socket = stream();
        socket.bind(("127.0.0.1", 0)).unwrap();
        socket.listen_with_backlog(0).unwrap();
        let client = watched(AF_INET, SOCK_STREAM);
        client.connect(socket.local_addr().unwrap()).unwrap();
        let unasked = stream();
        unasked.bind(("127.0.0.1", 0)).unwrap();
        unasked.listen().unwrap();
    }

    #[test]
    fn test_listen_backlog_overflow() {
        let socket = stream();
        socket.bind(("127.0.0.1", 0)).unwrap();
        socket.listen_with_backlog(u32::MAX).unwrap(); // as long as the system allows
        let client = watched(AF_INET, SOCK_STREAM);
        client.connect(socket.local_addr().unwrap()).unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")] // the bits are Linux's
    fn test_socket_consistent_sock_type() {
        let socket = crate::sockets::made_with(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC);
        assert_eq!(socket.kind(), SOCK_STREAM);
        socket.set_timeout(Some(SOON)).unwrap();
        assert_eq!(socket.kind(), SOCK_STREAM);
        for blocking in [false, true, false] {
            socket.set_blocking(blocking).unwrap();
            assert_eq!(socket.kind(), SOCK_STREAM);
        }
    }

    #[test]
    #[cfg(unix)] // descriptors as numbers
    fn test_close_exception() {
        owned_by_two::play("close");
    }

    #[test]
    #[cfg(unix)] // descriptors as numbers
    fn test_socket_close() {
        owned_by_two::play("listen");
    }
}

mod test_exceptions {
    use super::*;

    #[test]
    fn test_exception_tree() {
        fn is_an_error(_: &(impl std::error::Error + Send + Sync + 'static)) {}
        let unknown = stream().connect(("no-such-host.invalid", 80)).unwrap_err();
        let socket = udp();
        socket.set_timeout(Some(SOON)).unwrap();
        let late = socket.recv(1).unwrap_err();
        for (error, operation, kind) in [
            (unknown, Operation::Resolve, std::io::ErrorKind::NotFound),
            (late, Operation::Receive, std::io::ErrorKind::TimedOut),
        ] {
            is_an_error(&error);
            assert_eq!(error.operation(), operation, "{error}");
            let error = std::io::Error::from(error);
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.get_ref().is_some_and(|inner| inner.is::<Error>()), "{error}");
        }
    }

    #[test]
    #[cfg(unix)] // descriptors as numbers
    fn test_setblocking_invalidfd() {
        owned_by_two::play("set_blocking");
    }
}

/// A descriptor that somebody else closes. Whoever opens one meanwhile could get its number:
/// hence in a process without other threads.
#[cfg(unix)] // descriptors as numbers
mod owned_by_two {
    #![allow(unsafe_code, reason = "only a system call closes what another owns")]

    use std::os::fd::AsRawFd;

    use super::*;
    use crate::parts;

    pub fn play(word: &str) {
        let part = "general::owned_by_two::part_is_closed_by_somebody_else";
        parts::play(parts::command(part, word));
    }

    #[test]
    #[ignore = "a part of another test"]
    fn part_is_closed_by_somebody_else() {
        let Some(word) = parts::word() else { return };
        let mut socket = stream();
        socket.bind(("127.0.0.1", 0)).unwrap();
        // SAFETY: it is open, and what has it from now on only asks the system for an error.
        assert_eq!(unsafe { libc::close(socket.as_raw_fd()) }, 0);
        let result = match word.as_str() {
            "listen" => socket.listen_with_backlog(1),
            "set_blocking" => socket.set_blocking(false),
            _ => Err(socket.close().unwrap_err()),
        };
        assert_eq!(result.unwrap_err().raw_os_error(), Some(libc::EBADF));
        if !socket.is_closed() {
            assert_eq!(socket.close().unwrap_err().raw_os_error(), Some(libc::EBADF));
        }
        assert!(socket.is_closed(), "the error does not keep it");
        socket.close().unwrap();
    }
}
