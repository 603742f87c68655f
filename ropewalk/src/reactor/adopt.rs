//! Sockets that others have opened: a service manager's, a parent's, a test's.
//! Owns: what is checked before one is taken. Never: takes one by its number.

use super::{Loop, Reactor, on_engine};
use crate::addr::Addr;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::protocol::{
    ClientFactory, Connector, DatagramPort, DatagramProtocol, Factory, Listener,
};
use crate::socket::{Family, Kind, Socket};

impl Reactor {
    /// Listens on sockets that listen already: those of a service manager
    /// ([`listen_fds`](crate::server::listen_fds)), of a parent process, of a test. They are
    /// one listener, as the two families of a port are. Each is closed on exec and
    /// non-blocking from now on, and closed with the listener; the file of a Unix socket is
    /// left to whoever made it. What they accept is set as everywhere: small answers leave at
    /// once.
    ///
    /// # Errors
    /// `InvalidInput`: there are none; one is no stream socket of IPv4, IPv6 or Unix, or does
    /// not listen. `Stopped`. All of them are closed.
    ///
    /// ```
    /// # use ropewalk::service::Echo;
    /// use ropewalk::{Reactor, Socket};
    /// # fn main() -> ropewalk::Result<()> {
    /// let reactor = Reactor::new()?;
    /// let ready = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    /// let listener = reactor.listen_from(vec![Socket::from(ready)], || Echo)?;
    /// assert_ne!(listener.addrs()[0].port(), Some(0));
    /// let unready = Socket::new(ropewalk::socket::AF_INET, ropewalk::socket::SOCK_STREAM)?;
    /// let error = reactor.listen_from(vec![unready], || Echo).unwrap_err();
    /// assert!(error.to_string().contains("it does not listen"));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "adoptStreamPort")]
    pub fn listen_from<F: Factory + 'static>(
        &self,
        sockets: Vec<Socket>,
        factory: F,
    ) -> Result<Listener> {
        if sockets.is_empty() {
            return Err(refused(Operation::Listen, "there is no socket to listen on"));
        }
        for socket in &sockets {
            check(Operation::Listen, socket, Kind::Stream)?;
            if socket.listens() == Some(false) {
                let error = refused(Operation::Listen, "it does not listen");
                let remedy = "call its `listen` before; a connection is taken by `adopt`";
                return Err(at(error, socket).with_remedy(remedy));
            }
        }
        on_engine!(self, engine => engine.listen_opened(
            sockets,
            |number, socket| take(Operation::Listen, socket, |socket| {
                engine.driver().adopt_listener(number, socket)
            }),
            factory,
        ))
    }

    /// Takes a connection that somebody else has made or accepted: its protocol lives as on
    /// one of this reactor's own. It begins once the loop runs and the current callback has
    /// returned; the socket is closed on exec and non-blocking from now on.
    ///
    /// The factory hears of it as of any that was asked for: `started`, then `failed` or
    /// `lost`. The connector's [`stop`](Connector::stop) closes it; its
    /// [`connect`](Connector::connect) does nothing, since nobody here knows how it was made.
    ///
    /// # Errors
    /// `InvalidInput`: it is no stream socket of IPv4, IPv6 or Unix. `NotConnected`. It is
    /// closed.
    ///
    /// ```
    /// # use ropewalk::service::Echo;
    /// use ropewalk::{Reactor, protocol::client, socket::socketpair};
    /// # fn main() -> ropewalk::Result<()> {
    /// let (ours, theirs) = socketpair()?;
    /// let reactor = Reactor::new()?;
    /// reactor.adopt(ours, client(|| Echo).on_end(|_, net, _| net.stop()))?;
    /// theirs.send_all(b"hello")?;
    /// theirs.shutdown(std::net::Shutdown::Write)?;
    /// reactor.run()?;
    /// assert_eq!(theirs.recv(16)?, b"hello");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "adoptStreamConnection")]
    pub fn adopt<F: ClientFactory + 'static>(
        &self,
        socket: Socket,
        factory: F,
    ) -> Result<Connector> {
        check(Operation::Accept, &socket, Kind::Stream)?;
        if socket.listens() == Some(true) {
            let error = refused(Operation::Accept, "it listens, and is no connection");
            return Err(at(error, &socket).with_remedy("`listen_from` takes it"));
        }
        on_engine!(self, engine => {
            let taken = take(Operation::Accept, socket, |socket| engine.driver().adopt(socket));
            taken.map(|(io, peer)| engine.adopt_with(io, peer, None, factory))
        })
    }

    /// Receives datagrams on sockets that somebody else has bound, with a protocol for each.
    /// They are closed on exec and non-blocking from now on; the file of a Unix socket is left
    /// to whoever made it.
    ///
    /// # Errors
    /// `InvalidInput`: there are none, or one is no datagram socket of IPv4, IPv6 or Unix.
    /// `Unsupported` over io_uring. All of them are closed.
    ///
    /// ```
    /// # use ropewalk::service::Echo;
    /// use ropewalk::{Reactor, Socket};
    /// # fn main() -> ropewalk::Result<()> {
    /// let reactor = Reactor::new()?;
    /// let bound = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    /// let port = reactor.adopt_datagrams(vec![Socket::from(bound)], || Echo)?;
    /// assert_ne!(port.addrs()[0].port(), Some(0));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "adoptDatagramPort")]
    pub fn adopt_datagrams<P: DatagramProtocol + 'static>(
        &self,
        sockets: Vec<Socket>,
        mut factory: impl FnMut() -> P,
    ) -> Result<DatagramPort> {
        if sockets.is_empty() {
            return Err(refused(Operation::Listen, "there is no socket to receive on"));
        }
        for socket in &sockets {
            check(Operation::Listen, socket, Kind::Datagram)?;
        }
        let mut boxed = || Box::new(factory()) as Box<dyn DatagramProtocol>;
        on_engine!(self, engine => {
            let take = |socket| take(Operation::Listen, socket, |socket| {
                engine.driver().adopt_datagrams(socket)
            });
            let taken = sockets.into_iter().map(take).collect::<Result<Vec<_>>>()?;
            engine.listen_datagrams_opened(taken, &mut boxed)
        })
    }
}

/// Whether it is a socket of this kind, in a family that a loop carries.
fn check(operation: Operation, socket: &Socket, kind: Kind) -> Result<()> {
    let (its, family) = (socket.kind(), socket.family());
    let carried = matches!(family, Family::Inet | Family::Inet6 | Family::Unix);
    let (cause, remedy) = match its {
        _ if family == Family::Other(0) => ("it is no socket".to_owned(), ""),
        _ if !carried => (format!("it is a socket of {family}"), "there are IPv4, IPv6 and Unix"),
        its if its == kind => return Ok(()),
        Kind::Datagram => (format!("it is a {its} socket"), "`adopt_datagrams` takes it"),
        _ => (format!("it is a {its} socket, a {kind} socket is wanted"), ""),
    };
    let error = at(refused(operation, cause), socket);
    Err(if remedy.is_empty() { error } else { error.with_remedy(remedy) })
}

fn refused(operation: Operation, cause: impl std::fmt::Display) -> Error {
    Error::new(operation, ErrorKind::InvalidInput, cause.to_string())
}

/// With where it is bound, if it is.
fn at(error: Error, socket: &Socket) -> Error {
    match socket.local_addr() {
        Ok(addr) => error.at(addr),
        Err(_) => error,
    }
}

/// Its descriptor, kept from other programs, to whatever the driver makes of it.
fn take<T>(
    operation: Operation,
    socket: Socket,
    make: impl FnOnce(socket2::Socket) -> std::io::Result<(T, Addr)>,
) -> Result<(T, Addr)> {
    socket.set_inheritable(false)?;
    let local = socket.local_addr()?;
    make(socket.try_into()?).map_err(|error| Error::from_io(operation, local, error))
}
