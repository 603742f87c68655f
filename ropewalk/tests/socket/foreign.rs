//! Sockets of other libraries, taken over and given away.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

use ropewalk::error::{Error, ErrorKind};
use ropewalk::socket::*;

use crate::ends::{SOON, listener, tcp_pair, udp, watched};
use crate::folder::Folder;

/// What it was taken for.
fn what(socket: &Socket) -> (Family, Kind) {
    (socket.family(), socket.kind())
}

#[test]
fn each_of_stds_sockets_is_known_for_what_it_is() {
    let folder = Folder::new();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
    let udp = UdpSocket::bind("[::1]:0").unwrap();
    assert_eq!(what(&stream.into()), (AF_INET, SOCK_STREAM));
    assert_eq!(what(&tcp.into()), (AF_INET, SOCK_STREAM));
    assert_eq!(what(&udp.into()), (AF_INET6, SOCK_DGRAM));
    let listener = UnixListener::bind(folder.path("unix")).unwrap();
    let stream = UnixStream::connect(folder.path("unix")).unwrap();
    let datagram = UnixDatagram::unbound().unwrap();
    assert_eq!(what(&stream.into()), (AF_UNIX, SOCK_STREAM));
    assert_eq!(what(&listener.into()), (AF_UNIX, SOCK_STREAM));
    assert_eq!(what(&datagram.into()), (AF_UNIX, SOCK_DGRAM));
}

#[test]
#[cfg(target_os = "linux")] // the kinds and protocols that it has
fn a_protocol_or_kind_of_the_systems_is_kept() {
    const IPPROTO_TCP_NUMBER: i32 = 6;
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    assert_eq!(Socket::from(tcp).protocol(), IPPROTO_TCP_NUMBER);
    let packets = Socket::new(AF_UNIX, SOCK_SEQPACKET).unwrap();
    let adopted = Socket::from_fd(OwnedFd::try_from(packets).unwrap()).unwrap();
    assert_eq!(what(&adopted), (AF_UNIX, SOCK_SEQPACKET));

    // The kernel's own messages: a family that has no name here.
    let netlink = Family::Other(libc::AF_NETLINK);
    let socket = Socket::new(netlink, SOCK_RAW).unwrap();
    let adopted = Socket::from_fd(OwnedFd::try_from(socket).unwrap()).unwrap();
    assert_eq!(what(&adopted), (netlink, SOCK_RAW));
    assert_eq!(adopted.local_addr().unwrap_err().kind(), ErrorKind::Unsupported);
    let error = adopted.bind(("127.0.0.1", 0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(format!("{adopted:?}").contains("Other(16)"), "{adopted:?}");
}

#[test]
#[cfg(target_os = "linux")] // some systems have no such kind
fn a_packet_socket_keeps_its_messages_apart() {
    let (one, other) = socketpair_of(AF_UNIX, SOCK_SEQPACKET).unwrap();
    other.set_timeout(Some(crate::ends::WATCHDOG)).unwrap();
    one.send(b"one").unwrap();
    one.send(b"and two").unwrap();
    let received = other.recv_from(3).unwrap();
    assert_eq!((received.bytes.as_slice(), received.truncated), (&b"one"[..], false));
    let received = other.recv_from(3).unwrap();
    assert_eq!((received.bytes.as_slice(), received.truncated), (&b"and"[..], true));
    assert_eq!(other.recv_exact(1).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn a_socket_goes_to_std_and_works_there() {
    let (client, server) = tcp_pair();
    client.set_timeout(None).unwrap();
    let mut stream = TcpStream::try_from(client).unwrap();
    server.send_all(b"hello").unwrap();
    let mut buffer = [0; 5];
    stream.read_exact(&mut buffer).unwrap();
    stream.write_all(b"and back").unwrap();
    assert_eq!(server.recv(16).unwrap(), b"and back");
    let at = listener().local_addr().unwrap();
    let listener = listener();
    assert_ne!(listener.local_addr().unwrap(), at);
    let at = listener.local_addr().unwrap();
    assert_eq!(TcpListener::try_from(listener).unwrap().local_addr().ok(), at.ip());
    let udp = udp();
    let at = udp.local_addr().unwrap();
    assert_eq!(UdpSocket::try_from(udp).unwrap().local_addr().ok(), at.ip());
    let unix = || watched(AF_UNIX, SOCK_STREAM);
    UnixStream::try_from(unix()).unwrap();
    UnixListener::try_from(unix()).unwrap();
    UnixDatagram::try_from(watched(AF_UNIX, SOCK_DGRAM)).unwrap();
    let socket = socket2::Socket::try_from(unix()).unwrap();
    assert_eq!(socket.r#type().unwrap(), socket2::Type::STREAM);
    assert_eq!(what(&socket.into()), (AF_UNIX, SOCK_STREAM));
}

/// It is refused for this, in words.
#[track_caller]
fn assert_refused<T: std::fmt::Debug>(result: Result<T, Error>, words: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().ends_with(words), "{error}");
}

#[test]
fn a_socket_of_the_wrong_kind_does_not_go_to_std() {
    let (unix, datagrams) = ("it is a stream socket of Unix", "it is a datagram socket of IPv4");
    let stream = || watched(AF_UNIX, SOCK_STREAM);
    assert_refused(TcpStream::try_from(stream()), unix);
    assert_refused(TcpListener::try_from(stream()), unix);
    assert_refused(UdpSocket::try_from(stream()), unix);
    assert_refused(UnixDatagram::try_from(stream()), unix);
    assert_refused(UnixStream::try_from(udp()), datagrams);
    assert_refused(UnixListener::try_from(udp()), datagrams);
    assert_refused(TcpStream::try_from(udp()), datagrams);
}

#[test]
fn a_closed_socket_goes_nowhere() {
    let closed = || {
        let mut socket = udp();
        socket.close().unwrap();
        socket
    };
    assert_eq!(UdpSocket::try_from(closed()).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(TcpStream::try_from(closed()).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(OwnedFd::try_from(closed()).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(socket2::Socket::try_from(closed()).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!((closed().as_raw_fd(), closed().into_raw_fd()), (-1, -1));
    assert_eq!(closed().dup().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(closed().is_inheritable().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(closed().set_inheritable(true).unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn a_foreign_socket_blocks_until_it_is_told_otherwise_whatever_its_mode_was() {
    let foreign = UdpSocket::bind("127.0.0.1:0").unwrap();
    foreign.set_nonblocking(true).unwrap();
    let at = foreign.local_addr().unwrap();
    let socket = Socket::from(foreign);
    assert_eq!(socket.timeout(), None);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| socket.recv(16).unwrap());
        udp().send_to(b"late", at).unwrap();
        assert_eq!(waiting.join().unwrap(), b"late");
    });
    socket.set_timeout(Some(SOON)).unwrap();
    assert_eq!(socket.recv(16).unwrap_err().kind(), ErrorKind::TimedOut);
}
