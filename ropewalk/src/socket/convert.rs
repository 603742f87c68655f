//! A socket from another library's, and back.
//! Owns: what a foreign socket is taken for. Never: changes the descriptor on the way.
//!
//! A socket that comes from elsewhere blocks until it is told otherwise, whatever its mode was
//! there; one that goes takes the descriptor's mode along: non-blocking, if it had a timeout.
//!
//! ```
//! use ropewalk::socket::*;
//! use std::net::{TcpListener, TcpStream};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let client = TcpStream::connect(listener.local_addr()?)?;
//! let (server, _) = Socket::from(listener).accept()?;
//! Socket::from(client).send_all(b"hello")?;
//! let server = TcpStream::try_from(server)?;
//! # use std::io::Read;
//! # let mut buffer = [0; 5];
//! # (&server).read_exact(&mut buffer)?;
//! # assert_eq!(&buffer, b"hello");
//! # Ok(())
//! # }
//! ```

use std::net::{TcpListener, TcpStream, UdpSocket};

use super::sys::{self, Descriptor};
use super::{Family, Kind, Socket};
use crate::error::{Error, ErrorKind, Operation, Result};

impl From<socket2::Socket> for Socket {
    /// What the system does not tell is [`Family::Other`] and [`Kind::Other`] of 0.
    fn from(inner: socket2::Socket) -> Socket {
        let unknown = (Family::Other(0), Kind::Other(0), 0);
        let (family, kind, protocol) = sys::what_is(&inner).unwrap_or(unknown);
        Socket::around(inner, family, kind, protocol)
    }
}

impl From<Descriptor> for Socket {
    /// Takes it over. One that is no socket is of [`Family::Other`] 0, and every call says so:
    /// [`Socket::from_fd`] says it at once.
    fn from(descriptor: Descriptor) -> Socket {
        socket2::Socket::from(descriptor).into()
    }
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Socket {
        socket2::Socket::from(stream).into()
    }
}

impl From<TcpListener> for Socket {
    fn from(listener: TcpListener) -> Socket {
        socket2::Socket::from(listener).into()
    }
}

impl From<UdpSocket> for Socket {
    fn from(socket: UdpSocket) -> Socket {
        socket2::Socket::from(socket).into()
    }
}

impl TryFrom<Socket> for socket2::Socket {
    type Error = Error;

    /// Fails if it is closed.
    fn try_from(mut socket: Socket) -> Result<socket2::Socket> {
        socket.detach().map(socket2::Socket::from)
    }
}

impl TryFrom<Socket> for Descriptor {
    type Error = Error;

    /// Fails if it is closed.
    fn try_from(mut socket: Socket) -> Result<Descriptor> {
        socket.detach()
    }
}

impl TryFrom<Socket> for TcpStream {
    type Error = Error;

    /// Fails if it is closed already, or no stream of IPv4 or IPv6; then it is closed.
    fn try_from(socket: Socket) -> Result<TcpStream> {
        socket.detach_as(INTERNET, Kind::Stream).map(TcpStream::from)
    }
}

impl TryFrom<Socket> for TcpListener {
    type Error = Error;

    /// Fails if it is closed already, or no stream of IPv4 or IPv6; then it is closed.
    /// Whether it listens is not asked: its `accept` says.
    fn try_from(socket: Socket) -> Result<TcpListener> {
        socket.detach_as(INTERNET, Kind::Stream).map(TcpListener::from)
    }
}

impl TryFrom<Socket> for UdpSocket {
    type Error = Error;

    /// Fails if it is closed already, or no datagram socket of IPv4 or IPv6; then it is closed.
    fn try_from(socket: Socket) -> Result<UdpSocket> {
        socket.detach_as(INTERNET, Kind::Datagram).map(UdpSocket::from)
    }
}

const INTERNET: &[Family] = &[Family::Inet, Family::Inet6];

impl Socket {
    /// The descriptor, if it is of one of these families and of this kind.
    pub(super) fn detach_as(mut self, families: &[Family], kind: Kind) -> Result<Descriptor> {
        if families.contains(&self.family) && self.kind == kind || self.is_closed() {
            return self.detach();
        }
        let cause = format!("it is a {} socket of {}", self.kind, self.family);
        Err(Error::new(Operation::Inspect, ErrorKind::InvalidInput, cause))
    }
}
