//! Unix sockets of std, and back.
//! Owns: what `socket::convert` cannot name on every platform. Never: has a rule of its own.

use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

use crate::error::{Error, Result};
use crate::socket::{Family, Kind, Socket};

impl From<UnixStream> for Socket {
    fn from(stream: UnixStream) -> Socket {
        socket2::Socket::from(stream).into()
    }
}

impl From<UnixListener> for Socket {
    fn from(listener: UnixListener) -> Socket {
        socket2::Socket::from(listener).into()
    }
}

impl From<UnixDatagram> for Socket {
    fn from(socket: UnixDatagram) -> Socket {
        socket2::Socket::from(socket).into()
    }
}

impl TryFrom<Socket> for UnixStream {
    type Error = Error;

    /// Fails if it is closed already, or no Unix stream; then it is closed.
    fn try_from(socket: Socket) -> Result<UnixStream> {
        socket.detach_as(&[Family::Unix], Kind::Stream).map(UnixStream::from)
    }
}

impl TryFrom<Socket> for UnixListener {
    type Error = Error;

    /// Fails if it is closed already, or no Unix stream; then it is closed.
    fn try_from(socket: Socket) -> Result<UnixListener> {
        socket.detach_as(&[Family::Unix], Kind::Stream).map(UnixListener::from)
    }
}

impl TryFrom<Socket> for UnixDatagram {
    type Error = Error;

    /// Fails if it is closed already, or no Unix datagram socket; then it is closed.
    fn try_from(socket: Socket) -> Result<UnixDatagram> {
        socket.detach_as(&[Family::Unix], Kind::Datagram).map(UnixDatagram::from)
    }
}
