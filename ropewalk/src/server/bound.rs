//! A server's own sockets: bound by it, or taken over.
//! Owns: what belongs to such a socket, beside the socket: its address, its file, its server.
//! Never: waits; and never removes a file that its server has not made.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::hooks::Request;
use super::shutdown::ShutdownHandle;
use crate::addr::Addr;
use crate::driver::{Bound, UnixFile};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::limits;
use crate::options::SocketOptions;
use crate::socket::{Family, Kind, Socket};

/// One of a server's own sockets, as its hooks get it: a [`Socket`] that never blocks once the
/// server has it.
///
/// ```
/// use ropewalk::server::{Request, ServerSocket};
/// fn next<R: Request>(socket: &ServerSocket) -> ropewalk::Result<R> {
///     let request = socket.take()?; // what the default hook does
///     Ok(request)
/// }
/// ```
pub struct ServerSocket {
    pub(super) socket: Socket,
    addr: Addr,
    /// For answers to datagrams: the same socket, with a deadline of its own.
    pub(super) replies: Option<Arc<Socket>>,
    pub(super) max_packet_size: usize,
    /// There once a server has it.
    server: Option<ShutdownHandle>,
    /// The file of a Unix socket that the server has bound, removed when this is dropped.
    #[allow(dead_code, reason = "its drop removes the file")]
    file: Option<UnixFile>,
}

impl ServerSocket {
    /// Binds every address of `at`, or none: what
    /// [`server_bind`](super::BaseServer::server_bind) does by default. They do not listen
    /// yet. A Unix socket's file goes with it; one that was left behind is replaced.
    ///
    /// # Errors
    /// `AddressInUse`, `AddressNotAvailable`, `PermissionDenied`; what resolving a name says.
    ///
    /// ```
    /// use ropewalk::options::SocketOptions;
    /// use ropewalk::server::{ServerSocket, StreamRequest};
    /// # fn main() -> ropewalk::Result<()> {
    /// let options = SocketOptions::default();
    /// let sockets = ServerSocket::bind::<StreamRequest>(&("127.0.0.1", 0).into(), &options)?;
    /// assert_eq!(sockets.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn bind<R: Request>(at: &R::Site, options: &SocketOptions) -> Result<Vec<ServerSocket>> {
        R::bind(at, options)
    }

    /// Takes over a socket that somebody else has bound. Its file, if it has one, is left to
    /// them. A TCP socket gets `TCP_NODELAY`, as those have that a server binds: what it accepts
    /// inherits it.
    ///
    /// # Errors
    /// `Closed`. `InvalidInput`: it has no port; if it listened, it would get one that nobody
    /// has asked for, on every interface.
    ///
    /// ```
    /// use ropewalk::server::ServerSocket;
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET, SOCK_STREAM)?;
    /// socket.bind(("127.0.0.1", 0))?;
    /// let socket = ServerSocket::from_socket(socket)?;
    /// assert_ne!(socket.addr().port(), Some(0));
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_socket(socket: Socket) -> Result<ServerSocket> {
        let addr = socket.local_addr()?;
        if addr.port() == Some(0) {
            let error = Error::new(Operation::Listen, ErrorKind::InvalidInput, "it is not bound");
            return Err(error.at(&addr).with_remedy("bind it before"));
        }
        if socket.kind() == Kind::Stream && addr.ip().is_some() {
            socket.set_no_delay(true)?;
        }
        Ok(ServerSocket::around(socket, addr, None))
    }

    /// Takes a connection, or a datagram.
    ///
    /// ```
    /// use ropewalk::server::{ServerSocket, StreamRequest};
    /// fn next(socket: &ServerSocket) -> ropewalk::Result<StreamRequest> {
    ///     socket.take()
    /// }
    /// ```
    ///
    /// # Errors
    /// `WouldBlock`: there is none. What accept and receive say.
    pub fn take<R: Request>(&self) -> Result<R> {
        R::take(self)
    }

    /// Listens, if it is a stream socket: what
    /// [`server_activate`](super::BaseServer::server_activate) does for each by default.
    ///
    /// # Errors
    /// `AddressInUse`, where somebody who had bound the port as well listens already.
    ///
    /// ```
    /// use ropewalk::options::SocketOptions;
    /// use ropewalk::server::{ServerSocket, StreamRequest};
    /// # fn main() -> ropewalk::Result<()> {
    /// let at = ("127.0.0.1", 0).into();
    /// for socket in ServerSocket::bind::<StreamRequest>(&at, &SocketOptions::default())? {
    ///     let ip = socket.addr().ip().expect("an IP address");
    ///     assert!(std::net::TcpStream::connect(ip).is_err());
    ///     socket.activate(5)?;
    ///     assert!(std::net::TcpStream::connect(ip).is_ok());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn activate(&self, request_queue_size: u32) -> Result<()> {
        match self.kind() {
            Kind::Stream => self.listen_with_backlog(request_queue_size),
            _ => Ok(()),
        }
    }

    /// Where it is bound.
    ///
    /// ```
    /// use ropewalk::server::ServerSocket;
    /// fn tell(socket: &ServerSocket) {
    ///     println!("somebody came to {}", socket.addr());
    /// }
    /// ```
    pub fn addr(&self) -> &Addr {
        &self.addr
    }

    /// Closes it, and removes its file. Dropping it does the same, and cannot say what failed.
    ///
    /// # Errors
    /// As [`Socket::close`].
    ///
    /// ```
    /// use ropewalk::server::ServerSocket;
    /// fn close(sockets: Vec<ServerSocket>) -> ropewalk::Result<()> {
    ///     sockets.into_iter().try_for_each(ServerSocket::close)
    /// }
    /// ```
    pub fn close(mut self) -> Result<()> {
        self.socket.close()
    }
}

impl ServerSocket {
    /// One that a server has bound.
    pub(super) fn of(bound: Bound, kind: Kind) -> ServerSocket {
        let socket = Socket::adopt(bound.socket, family_of(&bound.addr), kind);
        ServerSocket::around(socket, bound.addr, bound.file)
    }

    fn around(socket: Socket, addr: Addr, file: Option<UnixFile>) -> ServerSocket {
        let (replies, max_packet_size, server) = (None, 0, None);
        ServerSocket { socket, addr, replies, max_packet_size, server, file }
    }

    /// From now on it is this server's, which takes such requests.
    pub(super) fn belongs_to<R: Request>(
        &mut self,
        server: &ShutdownHandle,
        max_packet_size: usize,
    ) -> Result<()> {
        if self.kind() != R::KIND {
            let cause = format!("it is a {} socket, this server's are {}", self.kind(), R::KIND);
            let error = Error::new(Operation::Listen, ErrorKind::InvalidInput, cause);
            return Err(error.at(&self.addr).with_remedy("take the server for its kind"));
        }
        self.keep_non_blocking()?;
        if R::KIND == Kind::Datagram {
            let copy = self.descriptor()?.try_clone_to_owned();
            let copy = copy.map_err(|error| Error::from_io(Operation::Open, &self.addr, error))?;
            let replies = Socket::adopt(copy.into(), self.family(), Kind::Datagram);
            // A reply that finds no room is lost, as datagrams are: whoever waited would wait
            // for one client that does not read, and the others with him.
            replies.set_timeout(Some(Duration::ZERO))?;
            self.replies = Some(Arc::new(replies));
            self.max_packet_size = max_packet_size.min(limits::READ_BUFFER_BYTES);
        }
        self.server = Some(server.clone());
        Ok(())
    }

    /// The server that has it.
    pub(super) fn server(&self) -> Result<ShutdownHandle> {
        self.server.clone().ok_or_else(|| {
            let cause = "no server has this socket yet";
            Error::new(Operation::Accept, ErrorKind::InvalidInput, cause).at(&self.addr)
        })
    }

    /// Whatever somebody did to a copy of the descriptor.
    pub(super) fn keep_non_blocking(&self) -> Result<()> {
        self.socket.set_timeout(Some(Duration::ZERO))
    }

    /// Whether clients can queue already. Where the system does not say (macOS), not.
    pub(super) fn is_active(&self) -> bool {
        self.kind() != Kind::Stream || self.listens() == Some(true)
    }
}

impl Deref for ServerSocket {
    type Target = Socket;
    fn deref(&self) -> &Socket {
        &self.socket
    }
}

impl fmt::Debug for ServerSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerSocket({})", self.addr)
    }
}

fn family_of(addr: &Addr) -> Family {
    match addr.ip() {
        Some(ip) if ip.is_ipv4() => Family::Inet,
        Some(_) => Family::Inet6,
        None => Family::Unix,
    }
}
