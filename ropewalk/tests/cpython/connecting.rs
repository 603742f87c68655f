//! Connections, servers and pairs in one call.

use std::time::Duration;

use ropewalk::Addr;
use ropewalk::error::ErrorKind;
use ropewalk::socket::*;

/// Far beyond any promise: only a hang meets it.
const WATCHDOG: Duration = Duration::from_secs(60);

/// Short, where a deadline is meant to pass.
const SOON: Duration = Duration::from_millis(50);

/// What both ends say to one another.
const MSG: &[u8] = b"Michael Gilfix was here\n";

fn server() -> Socket {
    let server = create_server(("127.0.0.1", 0)).unwrap();
    server.set_timeout(Some(WATCHDOG)).unwrap();
    server
}

fn port(socket: &Socket) -> u16 {
    socket.local_addr().unwrap().port().unwrap()
}

/// A port of the loopback where nobody listens, as long as its holder is kept.
fn deaf() -> (Socket, u16) {
    let holder = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    holder.bind(("127.0.0.1", 0)).unwrap();
    let port = port(&holder);
    (holder, port)
}

/// Serves one client, and gives back what it sends.
fn echo_once(server: &Socket) {
    let (peer, _) = server.accept().unwrap();
    peer.set_timeout(Some(WATCHDOG)).unwrap();
    peer.send_all(&peer.recv(1024).unwrap()).unwrap();
}

mod context_managers_test {
    use super::*;

    /// Python's `with` is Rust's scope: the peer meets the end when it is left.
    #[test]
    fn test_create_connection_base() {
        let server = server();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (peer, _) = server.accept().unwrap();
                peer.set_timeout(Some(WATCHDOG)).unwrap();
                peer.send_all(&peer.recv(1024).unwrap()).unwrap();
                assert_eq!(peer.recv(1024).unwrap(), b"", "it was closed by itself");
            });
            let client = create_connection(server.local_addr().unwrap(), Some(WATCHDOG)).unwrap();
            assert!(!client.is_closed());
            client.send_all(b"foo").unwrap();
            assert_eq!(client.recv(1024).unwrap(), b"foo");
        });
    }

    #[test]
    fn test_create_connection_close() {
        let server = server();
        let mut client = create_connection(server.local_addr().unwrap(), Some(WATCHDOG)).unwrap();
        client.close().unwrap();
        assert!(client.is_closed());
        assert_eq!(client.send_all(b"foo").unwrap_err().kind(), ErrorKind::Closed);
    }
}

mod network_connection_no_server {
    use super::*;

    #[test]
    fn test_connect() {
        let (_holder, port) = deaf();
        let client = Socket::new(AF_INET, SOCK_STREAM).unwrap();
        let error = client.connect(("localhost", port)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        let code = std::io::Error::from_raw_os_error(error.raw_os_error().unwrap());
        assert_eq!(code.kind(), std::io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn test_create_connection() {
        let (_holder, port) = deaf();
        let error = create_connection(("localhost", port), Some(WATCHDOG)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        let code = std::io::Error::from_raw_os_error(error.raw_os_error().unwrap());
        assert_eq!(code.kind(), std::io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn test_create_connection_all_errors() {
        let (_holder, port) = deaf();
        let error = create_connection(("localhost", port), Some(WATCHDOG)).unwrap_err();
        let hints = Hints { kind: Some(SOCK_STREAM), ..Hints::default() };
        let addresses = getaddrinfo(Some("localhost"), port, hints).unwrap();
        assert_eq!(error.attempts().len(), addresses.len(), "{error}");
        for (attempt, answer) in error.attempts().iter().zip(&addresses) {
            assert_eq!(attempt.address(), Some(&*answer.addr.to_string()));
            assert!(attempt.raw_os_error().is_some());
            assert!(error.to_string().contains(&*answer.addr.host()), "{error}");
        }
    }

    /// Python has to pretend a timeout; here it is one.
    #[test]
    fn test_create_connection_timeout() {
        let busy = Socket::new(AF_INET, SOCK_STREAM).unwrap();
        busy.bind(("127.0.0.1", 0)).unwrap();
        busy.listen_with_backlog(0).unwrap();
        let mut queue = Vec::new();
        let error = loop {
            match create_connection(("localhost", port(&busy)), Some(SOON)) {
                Ok(client) => queue.push(client),
                Err(error) => break error,
            }
            assert!(queue.len() < 100, "the queue has no end");
        };
        assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::TimedOut, None), "{error}");
    }
}

mod network_connection_attributes_test {
    use super::*;

    #[test]
    fn test_family() {
        let server = server();
        let client = create_connection(("127.0.0.1", port(&server)), Some(WATCHDOG)).unwrap();
        assert_eq!((client.family(), client.kind()), (AF_INET, SOCK_STREAM));
    }

    #[test]
    fn test_source_address() {
        let server = server();
        let (holder, source) = deaf();
        drop(holder); // it never had a connection, so the port is free at once
        let to = ("localhost", port(&server));
        let client = create_connection_from(to, Some(WATCHDOG), ("", source)).unwrap();
        assert_eq!(port(&client), source);
    }

    #[test]
    fn test_timeout_none() {
        let server = server();
        let client = create_connection(("localhost", port(&server)), None).unwrap();
        assert_eq!(client.timeout(), None);
        assert!(client.is_blocking());
    }

    #[test]
    fn test_timeout_value_named() {
        let server = server();
        let timeout = Some(Duration::from_secs(30));
        let client = create_connection(("localhost", port(&server)), timeout).unwrap();
        assert_eq!(client.timeout(), timeout);
    }

    /// An argument's name is no part of a call in Rust: an address instead of a name.
    #[test]
    fn test_timeout_value_nonamed() {
        let server = server();
        let timeout = Some(Duration::from_secs(30));
        let client = create_connection(server.local_addr().unwrap(), timeout).unwrap();
        assert_eq!(client.timeout(), timeout);
    }
}

mod network_connection_behaviour_test {
    use super::*;

    #[test]
    fn test_inside_timeout() {
        let server = server();
        let client = create_connection(("localhost", port(&server)), Some(WATCHDOG)).unwrap();
        std::thread::scope(|scope| {
            let receiving = scope.spawn(|| client.recv(5).unwrap());
            server.accept().unwrap().0.send_all(b"done!").unwrap();
            assert_eq!(receiving.join().unwrap(), b"done!");
        });
    }

    #[test]
    fn test_outside_timeout() {
        let server = server();
        // Long enough to connect in, and then set for what is to meet it.
        let client = create_connection(("localhost", port(&server)), Some(WATCHDOG)).unwrap();
        client.set_timeout(Some(SOON)).unwrap();
        assert_eq!(client.recv(5).unwrap_err().kind(), ErrorKind::TimedOut);
    }
}

mod create_server_test {
    use super::*;

    #[test]
    fn test_address() {
        let server = create_server(("127.0.0.1", 0)).unwrap();
        assert_eq!(server.local_addr().unwrap().host(), "127.0.0.1");
        let port = port(&server);
        drop(server);
        let again = create_server(("127.0.0.1", port)).unwrap();
        assert_eq!(super::port(&again), port);
        let six = create_server(("::1", 0)).unwrap();
        assert_eq!(six.local_addr().unwrap().host(), "::1");
    }

    #[test]
    fn test_family_and_type() {
        for (host, family) in [("127.0.0.1", AF_INET), ("::1", AF_INET6)] {
            let server = create_server((host, 0)).unwrap();
            assert_eq!((server.family(), server.kind()), (family, SOCK_STREAM));
        }
    }

    #[test]
    fn test_reuse_port() {
        let options = ServerOptions { reuse_port: true, ..ServerOptions::default() };
        let first = create_server_with(("localhost", 0), &options);
        // Windows has no such option.
        if cfg!(windows) {
            return assert_eq!(first.unwrap_err().kind(), ErrorKind::Unsupported);
        }
        let at = first.as_ref().unwrap().local_addr().unwrap();
        let _second = create_server_with(at, &options).unwrap();
        let alone = create_server(("localhost", 0)).unwrap();
        let error = create_server_with(alone.local_addr().unwrap(), &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddressInUse, "it is off unless it is asked for");
    }

    #[test]
    fn test_ipv6_only_default() {
        let server = create_server(("::1", 0)).unwrap();
        assert_ne!(server.option(IPPROTO_IPV6, IPV6_V6ONLY).unwrap(), 0);
    }

    #[test]
    fn test_dualstack_ipv6_family() {
        assert!(has_dualstack_ipv6());
        let options = ServerOptions { dual_stack: true, ..ServerOptions::default() };
        let one = create_server_with(("::1", 0), &options).unwrap();
        let server = create_server_with(("", 0), &options).unwrap();
        assert_eq!((one.family(), server.family()), (AF_INET6, AF_INET6));
        assert_eq!(server.option(IPPROTO_IPV6, IPV6_V6ONLY).unwrap(), 0);
    }
}

mod create_server_functional_test {
    use super::*;

    /// A client of this family is answered at this host; who it is, is told as it is.
    fn assert_echoes(server: &Socket, host: &str, family: Family) {
        std::thread::scope(|scope| {
            scope.spawn(|| echo_once(server));
            let client = Socket::new(family, SOCK_STREAM).unwrap();
            client.set_timeout(Some(WATCHDOG)).unwrap();
            client.connect((host, port(server))).unwrap();
            client.send_all(b"foo").unwrap();
            assert_eq!(client.recv(1024).unwrap(), b"foo");
        });
    }

    fn on_all_interfaces(options: ServerOptions) -> Socket {
        let server = create_server_with(("", 0), &options).unwrap();
        server.set_timeout(Some(WATCHDOG)).unwrap();
        server
    }

    #[test]
    fn test_tcp4() {
        assert_echoes(&on_all_interfaces(ServerOptions::default()), "127.0.0.1", AF_INET);
    }

    #[test]
    fn test_tcp6() {
        let options = ServerOptions { family: Some(AF_INET6), ..ServerOptions::default() };
        assert_echoes(&on_all_interfaces(options), "::1", AF_INET6);
    }

    #[test]
    fn test_dual_stack_client_v4() {
        let options = ServerOptions { dual_stack: true, ..ServerOptions::default() };
        assert_echoes(&on_all_interfaces(options), "127.0.0.1", AF_INET);
    }

    #[test]
    fn test_dual_stack_client_v6() {
        let options = ServerOptions { dual_stack: true, ..ServerOptions::default() };
        assert_echoes(&on_all_interfaces(options), "::1", AF_INET6);
    }
}

/// Each way, and to the end.
fn assert_talks((ours, theirs): (Socket, Socket)) {
    for socket in [&ours, &theirs] {
        socket.set_timeout(Some(WATCHDOG)).unwrap();
    }
    ours.send_all(MSG).unwrap();
    assert_eq!(theirs.recv(1024).unwrap(), MSG);
    theirs.send_all(MSG).unwrap();
    assert_eq!(ours.recv(1024).unwrap(), MSG);
    drop(ours);
    assert_eq!(theirs.recv(1024).unwrap(), b"");
}

mod basic_socket_pair_test {
    use super::*;

    #[test]
    fn test_defaults() {
        let (ours, theirs) = socketpair().unwrap();
        // Windows has no pair of its own.
        let family = if cfg!(windows) { AF_INET } else { AF_UNIX };
        for socket in [ours, theirs] {
            assert_eq!((socket.family(), socket.kind()), (family, SOCK_STREAM));
            assert_eq!((socket.protocol(), socket.timeout()), (0, None));
        }
    }

    #[test]
    fn test_recv() {
        let (ours, theirs) = socketpair().unwrap();
        theirs.send_all(MSG).unwrap();
        assert_eq!(ours.recv(1024).unwrap(), MSG);
    }

    #[test]
    fn test_send() {
        assert_talks(socketpair().unwrap());
    }
}

/// The pair that goes through the loopback: on Windows the usual one.
mod pure_python_socket_pair_test {
    use super::*;

    #[test]
    fn test_recv() {
        let (ours, theirs) = socketpair_of(AF_INET, SOCK_STREAM).unwrap();
        theirs.send_all(MSG).unwrap();
        assert_eq!(ours.recv(1024).unwrap(), MSG);
    }

    #[test]
    fn test_send() {
        assert_talks(socketpair_of(AF_INET, SOCK_STREAM).unwrap());
    }

    #[test]
    fn test_ipv4() {
        let (ours, theirs) = socketpair_of(AF_INET, SOCK_STREAM).unwrap();
        assert_eq!((ours.family(), theirs.family()), (AF_INET, AF_INET));
        assert_eq!((ours.timeout(), theirs.timeout()), (None, None));
        assert_eq!(ours.peer_addr().unwrap(), theirs.local_addr().unwrap());
        assert_eq!(theirs.peer_addr().unwrap(), ours.local_addr().unwrap());
    }

    #[test]
    fn test_ipv6() {
        let (ours, theirs) = socketpair_of(AF_INET6, SOCK_STREAM).unwrap();
        assert_eq!(ours.family(), AF_INET6);
        assert!(matches!(ours.local_addr().unwrap(), Addr::Ip(ip) if ip.is_ipv6()));
        assert_eq!(ours.peer_addr().unwrap(), theirs.local_addr().unwrap());
    }
}
