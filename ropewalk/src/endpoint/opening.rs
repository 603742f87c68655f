//! An endpoint opened: its sockets, with the layers of its words, on a reactor or a network.
//! Owns: which of the ways to listen and connect each scheme takes. Never: reads a text.

use std::rc::Rc;

use super::{Endpoint, Passed, Place, Wraps};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::protocol::{ClientFactory, Connector, Factory, Listener, Net, StopListening};
use crate::reactor::Reactor;
use crate::server::{take_descriptor, take_passed};
use crate::socket::Socket;

impl Endpoint {
    /// Listens, with the layers of its words below the factory's own. `fd` and `systemd` are
    /// listened on as they are; `-` is one connection, which is there at once.
    ///
    /// # Errors
    /// As [`site`](Endpoint::site), [`wraps`](Endpoint::wraps) and
    /// [`sockets`](Endpoint::sockets); the address cannot be bound; the socket that is open
    /// already does not listen. Nothing is left bound.
    ///
    /// ```
    /// use ropewalk::endpoint::Endpoint;
    /// use ropewalk::{Reactor, service::Echo};
    /// # fn main() -> ropewalk::Result<()> {
    /// let reactor = Reactor::new()?;
    /// let endpoint: Endpoint = "haproxy:tcp:0,backlog=16".parse()?;
    /// let listener = endpoint.listen(&reactor, || Echo)?;
    /// assert_ne!(listener.addrs()[0].port(), Some(0));
    /// # Ok(())
    /// # }
    /// ```
    pub fn listen<F>(&self, reactor: &Reactor, factory: F) -> Result<Listener>
    where
        F: Factory + 'static,
    {
        self.listen_with(reactor, &self.wraps()?, factory)
    }

    /// The same with layers that were made before: to be changed while it listens
    /// ([`read_again`](Endpoint::read_again)), or other ones than its words say.
    ///
    /// # Errors
    /// As [`listen`](Endpoint::listen).
    pub fn listen_with<F>(&self, reactor: &Reactor, wraps: &Wraps, factory: F) -> Result<Listener>
    where
        F: Factory + 'static,
    {
        if *self.place() == Place::Stdio {
            reactor.open_stdio(factory)?;
            return Ok(Listener::new(Vec::new(), Rc::new(OneConnection)));
        }
        let site = if self.is_open() { None } else { Some(self.site()?) };
        // What has no words of its own gets no layers, and so costs nothing more.
        match (site, wraps.is_empty()) {
            (Some(at), true) => reactor.listen_with(&at, self.options(), factory),
            (Some(at), false) => reactor.listen_with(&at, self.options(), wraps.on(factory)),
            (None, true) => reactor.listen_from(self.sockets()?, factory),
            (None, false) => reactor.listen_from(self.sockets()?, wraps.on(factory)),
        }
    }

    /// Connects, with the layers of its words below the factory's own. `fd` is a connection
    /// that is there already, and so is `-`, whose peer is whoever gave us standard input and
    /// output.
    ///
    /// # Errors
    /// As [`target`](Endpoint::target), [`client_wraps`](Endpoint::client_wraps) and
    /// [`sockets`](Endpoint::sockets). What happens later the factory hears.
    ///
    /// ```
    /// use ropewalk::endpoint::Endpoint;
    /// use ropewalk::protocol::client;
    /// use ropewalk::{Reactor, service::Echo};
    /// # fn main() -> ropewalk::Result<()> {
    /// let reactor = Reactor::new()?;
    /// let endpoint: Endpoint = "tcp:127.0.0.1:1,timeout=5s".parse()?;
    /// endpoint.connect(&reactor, client(|| Echo).on_end(|_, net, _| net.stop()))?;
    /// reactor.run()
    /// # }
    /// ```
    pub fn connect<F>(&self, reactor: &Reactor, factory: F) -> Result<Connector>
    where
        F: ClientFactory + 'static,
    {
        let target = match self.place() {
            Place::Stdio => return reactor.open_stdio(factory),
            Place::Fd(_) => None,
            _ => Some(self.target()?),
        };
        let wraps = self.client_wraps()?;
        match (target, wraps.is_empty()) {
            (Some(to), true) => Ok(reactor.connect_with(to, self.options(), factory)),
            (Some(to), false) => {
                Ok(reactor.connect_with(to, self.options(), wraps.on_client(factory)))
            }
            (None, true) => reactor.adopt(self.descriptor()?, factory),
            (None, false) => reactor.adopt(self.descriptor()?, wraps.on_client(factory)),
        }
    }

    /// The same from a callback, through its [`net`](crate::Transport::net).
    ///
    /// # Errors
    /// As [`target`](Endpoint::target) and [`client_wraps`](Endpoint::client_wraps): what is
    /// open already is no target.
    pub fn connect_through<F>(&self, net: &dyn Net, factory: F) -> Result<Connector>
    where
        F: ClientFactory + 'static,
    {
        let (target, wraps) = (self.target()?, self.client_wraps()?);
        Ok(net.connect_with(target, self.options(), Box::new(wraps.on_client(factory))))
    }

    /// The sockets that it names and that are open already: of `fd` one, of `systemd` those
    /// that no other endpoint has taken. They are taken once, and closed on exec from now on.
    ///
    /// # Errors
    /// `InvalidInput`: it is an address, or what it names is no socket. `NotFound`: no service
    /// manager has passed such a socket, or another endpoint has it. `Closed`: the descriptor
    /// is not open. `Io`: it was taken before. As [`listen_fds`](crate::server::listen_fds).
    pub fn sockets(&self) -> Result<Vec<Socket>> {
        match self.place() {
            Place::Systemd(passed) => self.passed(passed),
            _ => self.descriptor().map(|socket| vec![socket]),
        }
    }

    fn descriptor(&self) -> Result<Socket> {
        match self.place() {
            // The grammar takes no number past it.
            Place::Fd(number) => take_descriptor(i32::try_from(*number).unwrap_or(i32::MAX)),
            _ => {
                let cause = format!("`{}` is an address, no open socket", self.scheme());
                Err(Error::new(Operation::Open, ErrorKind::InvalidInput, cause).at(self))
            }
        }
    }

    fn passed(&self, which: &Passed) -> Result<Vec<Socket>> {
        let taken = take_passed(|index, name| match which {
            Passed::All => true,
            Passed::Name(wanted) => name == wanted,
            Passed::Index(wanted) => u32::try_from(index) == Ok(*wanted),
        })?;
        let (cause, remedy) = match taken {
            Some(sockets) if !sockets.is_empty() => return Ok(sockets),
            Some(_) => (
                "the service manager has passed no such socket, or it is taken",
                "look at the names in LISTEN_FDNAMES, and their number in LISTEN_FDS",
            ),
            None => (
                "no service manager has passed sockets to this process",
                "start it by its .socket unit, or by `systemd-socket-activate -l PORT`",
            ),
        };
        Err(Error::new(Operation::Listen, ErrorKind::NotFound, cause).at(self).with_remedy(remedy))
    }
}

/// The listener of what is no more than one connection: it has accepted all there is.
struct OneConnection;

impl StopListening for OneConnection {
    fn stop(&self) {}
}
