//! Making a server, and closing it.
//! Owns: the order of the hooks that bind, activate and close; that they close what was
//! opened, once. Never: serves.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::handler::HandlerError;
use super::hooks::{BaseServer, Request, ServerSocket};
use super::mixin::MixIn;
use super::serving::Server;
use super::shutdown::{ShutdownHandle, State};
use super::worker::Worker;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::socket::{BorrowedDescriptor, Family, Kind, Socket};

impl<R: Request, S: BaseServer<R>, M: MixIn> Server<R, S, M> {
    /// A server that is bound, and queues requests from now on; it serves when it is told to.
    ///
    /// A bare port is this machine only, IPv4 and IPv6 on one port; `("*", port)` is every
    /// address. A path is a Unix socket's. `server` makes the handlers: a closure, or an
    /// implementation of [`BaseServer`].
    ///
    /// # Errors
    /// The address cannot be bound: nothing is left bound.
    ///
    /// ```
    /// # use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler, TcpServer};
    /// # struct Echo;
    /// # impl StreamRequestHandler for Echo {
    /// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
    /// # }
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = TcpServer::new(0, || Echo)?;
    /// let taken = server.local_addr().ip().expect("an IP address");
    /// let error = TcpServer::new(taken, || Echo).unwrap_err();
    /// assert!(error.to_string().contains("address already in use"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(at: impl Into<R::Site>, server: S) -> Result<Self> {
        let at = at.into();
        let options = server.socket_options();
        Server::open(&at, server, |server| server.server_bind(&at, &options), |_| false)
    }

    /// A server on sockets that others have bound: those of a service manager
    /// ([`listen_fds`](super::listen_fds)), of a parent process, of a test. Python's way is
    /// `bind_and_activate=False`, then putting the socket in its place.
    ///
    /// They are not bound again, and their files are left to whoever made them.
    /// [`server_activate`](BaseServer::server_activate) is called only if a stream socket
    /// does not listen yet.
    ///
    /// # Errors
    /// `InvalidInput`: there are none, or one is not of the server's kind, or not bound.
    /// `Closed`. The sockets are closed.
    ///
    /// ```
    /// # use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler, TcpServer};
    /// # struct Echo;
    /// # impl StreamRequestHandler for Echo {
    /// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
    /// # }
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET, SOCK_STREAM)?;
    /// socket.bind(("127.0.0.1", 0))?;
    /// socket.listen()?;
    /// let at = socket.local_addr()?;
    /// let server = TcpServer::from_sockets(vec![socket], || Echo)?;
    /// assert_eq!(*server.local_addr(), at);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "bind_and_activate")]
    pub fn from_sockets(sockets: Vec<Socket>, server: S) -> Result<Self> {
        let adopt = |_: &S| sockets.into_iter().map(ServerSocket::from_socket).collect();
        let are_active = |sockets: &[ServerSocket]| sockets.iter().all(ServerSocket::is_active);
        Server::open("sockets that were handed over", server, adopt, are_active)
    }

    /// Its sockets: one for each address. A selector of your own may wait until one of them
    /// is readable, and [`handle_request`](Self::handle_request) then does not wait.
    ///
    /// ```
    /// # use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler, TcpServer};
    /// # struct Echo;
    /// # impl StreamRequestHandler for Echo {
    /// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
    /// # }
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = TcpServer::new(("127.0.0.1", 0), || Echo)?;
    /// for socket in server.sockets() {
    ///     println!("{} is {:?}", socket.addr(), socket.descriptor()?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "socket")]
    pub fn sockets(&self) -> &[ServerSocket] {
        &self.sockets
    }

    /// The descriptor of its socket, lent, where it has one socket.
    ///
    /// # Errors
    /// `InvalidInput`: it has several, since it is on several addresses.
    ///
    /// ```
    /// # use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler, TcpServer};
    /// # struct Echo;
    /// # impl StreamRequestHandler for Echo {
    /// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
    /// # }
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = TcpServer::new(("127.0.0.1", 0), || Echo)?;
    /// println!("{:?}", server.descriptor()?);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "fileno")]
    pub fn descriptor(&self) -> Result<BorrowedDescriptor<'_>> {
        match self.sockets() {
            [socket] => socket.descriptor(),
            several => {
                let cause = format!("the server has {} sockets, each with its own", several.len());
                let error = Error::new(Operation::Inspect, ErrorKind::InvalidInput, cause);
                Err(error.with_remedy("ask `sockets` for each"))
            }
        }
    }

    /// The family of its socket; of the first, where it has several.
    ///
    /// ```
    /// # use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler, TcpServer};
    /// # struct Echo;
    /// # impl StreamRequestHandler for Echo {
    /// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
    /// # }
    /// use ropewalk::socket::AF_INET;
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = TcpServer::new(("127.0.0.1", 0), || Echo)?;
    /// assert_eq!(server.address_family(), AF_INET); // the address says so
    /// # Ok(())
    /// # }
    /// ```
    pub fn address_family(&self) -> Family {
        self.sockets[0].family()
    }

    /// The kind of its sockets.
    ///
    /// ```
    /// # use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler, TcpServer};
    /// # struct Echo;
    /// # impl StreamRequestHandler for Echo {
    /// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
    /// # }
    /// use ropewalk::socket::SOCK_STREAM;
    /// # fn main() -> ropewalk::Result<()> {
    /// assert_eq!(TcpServer::new(0, || Echo)?.socket_type(), SOCK_STREAM);
    /// # Ok(())
    /// # }
    /// ```
    pub fn socket_type(&self) -> Kind {
        R::KIND
    }

    /// Every way to make one: the hooks in socketserver's order, and what they leave behind
    /// when they fail.
    fn open(
        at: impl fmt::Display,
        server: S,
        bind: impl FnOnce(&S) -> Result<Vec<ServerSocket>>,
        are_active: impl FnOnce(&[ServerSocket]) -> bool,
    ) -> Result<Self> {
        let state = State::new().map_err(|error| Error::from_io(Operation::Start, &at, error))?;
        let worker = Arc::new(Worker { server, state: Arc::new(state) });
        let server = &worker.server;
        let mut sockets = Vec::new();
        let opened = bind(server).and_then(|bound| {
            sockets = bound;
            if sockets.is_empty() {
                let cause = "there is no socket to serve";
                return Err(Error::new(Operation::Listen, ErrorKind::InvalidInput, cause).at(&at));
            }
            let handle = ShutdownHandle::new(worker.state.clone());
            let most = server.max_packet_size();
            sockets.iter_mut().try_for_each(|socket| socket.belongs_to::<R>(&handle, most))?;
            if !are_active(&sockets) {
                server.server_activate(&sockets)?;
            }
            M::open(&worker)
        });
        match opened {
            Ok(crew) => Ok(Server { sockets, worker, crew }),
            Err(error) => {
                close_quietly::<R, S>(server, sockets);
                Err(error)
            }
        }
    }
}

impl<R: Request, S: BaseServer<R>, M: MixIn> Drop for Server<R, S, M> {
    fn drop(&mut self) {
        let sockets = std::mem::take(&mut self.sockets);
        if !sockets.is_empty() {
            close_quietly::<R, S>(&self.worker.server, sockets);
        }
    }
}

/// The hook, where nobody can be told what it says.
fn close_quietly<R: Request, S: BaseServer<R>>(server: &S, sockets: Vec<ServerSocket>) {
    match catch_unwind(AssertUnwindSafe(|| server.server_close(sockets))) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!("{error}"),
        Err(panic) => tracing::error!("a server's hook: {}", HandlerError::of_panic(&*panic)),
    }
}
