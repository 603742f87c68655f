//! Two ends of a connection, and a folder for their paths.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ropewalk::addr::Target;
use ropewalk::error::ErrorKind;
use ropewalk::socket::*;

/// Far beyond any promise: only a hang meets it.
pub const WATCHDOG: Duration = Duration::from_secs(60);

/// Short, where a deadline is meant to pass.
pub const SOON: Duration = Duration::from_millis(50);

/// A listening socket on a free port of the loopback.
pub fn listener() -> Socket {
    let listener = watched(AF_INET, SOCK_STREAM);
    listener.bind(("127.0.0.1", 0)).unwrap();
    listener.listen().unwrap();
    listener
}

/// A client, and what the listener has accepted.
pub fn connected_to(listener: &Socket) -> (Socket, Socket) {
    let client = watched(listener.family(), SOCK_STREAM);
    client.connect(listener.local_addr().unwrap()).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    accepted.set_timeout(Some(WATCHDOG)).unwrap();
    (client, accepted)
}

/// Two ends of a TCP connection.
pub fn tcp_pair() -> (Socket, Socket) {
    connected_to(&listener())
}

/// A datagram socket with a port of the loopback.
pub fn udp() -> Socket {
    let socket = watched(AF_INET, SOCK_DGRAM);
    socket.bind(("127.0.0.1", 0)).unwrap();
    socket
}

/// A socket whose calls end, if not before, with the test's failure.
pub fn watched(family: Family, kind: Kind) -> Socket {
    let socket = Socket::new(family, kind).unwrap();
    socket.set_timeout(Some(WATCHDOG)).unwrap();
    socket
}

/// A listener whose queue is full, what fills it, and its address. Who connects now waits.
pub fn full_listener(family: Family, at: Target) -> (Socket, Vec<Socket>, Target) {
    let listener = watched(family, SOCK_STREAM);
    listener.bind(at).unwrap();
    listener.listen_with_backlog(0).unwrap();
    let at = Target::from(listener.local_addr().unwrap());
    let (mut queue, mut refused) = (Vec::new(), 0);
    // One might be late on a busy machine; two in a row are not.
    while refused < 2 {
        let client = Socket::new(family, SOCK_STREAM).unwrap();
        client.set_timeout(Some(SOON)).unwrap();
        match client.connect(at.clone()) {
            Ok(()) => {
                queue.push(client);
                refused = 0;
            }
            Err(error) if error.kind() == ErrorKind::TimedOut => refused += 1,
            Err(error) => panic!("{error}"),
        }
        assert!(queue.len() < 100, "the queue has no end");
    }
    (listener, queue, at)
}

/// Fills what the kernel holds between the two ends, until a send would have to wait.
pub fn fill(socket: &Socket) {
    let timeout = socket.timeout();
    socket.set_blocking(false).unwrap();
    loop {
        match socket.send(&[0; 65536]) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    socket.set_timeout(timeout).unwrap();
}

/// An abstract name that no other test has.
pub fn abstract_name(name: &str) -> PathBuf {
    PathBuf::from(format!("\0ropewalk-{}-{name}", std::process::id()))
}

/// Whether a path is a socket's file.
#[cfg(unix)] // others have none
pub fn is_socket(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
}

/// There are none here.
#[cfg(not(unix))] // see above
pub fn is_socket(_: &Path) -> bool {
    false
}
