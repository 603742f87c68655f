//! Protocols on servers: the machine of a connection, in the thread where a request runs.
//! Owns: the engine of one connection, from its accept to its end.
//! Never: holds a rule of a connection's life; `connection` does.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::handler::{BaseRequestHandler, HandlerResult};
use super::hooks::{BaseServer, ServerSocket};
use super::stream::StreamRequest;
use crate::addr::Addr;
use crate::driver::{Blocking, BlockingAlarm, BlockingIo};
use crate::engine::{Engine, Guest, Report};
use crate::error::{Error, Operation, Result};
use crate::limits::{self, Limits};
use crate::observe::Observer;
use crate::options::SocketOptions;
use crate::protocol::{Factory, Shared};

/// The hooks of a server that runs protocols: what
/// [`Server::protocol`](crate::server::Server::protocol) makes, with bounds and an observer
/// of your own.
///
/// The factory is shared by the threads, so it must be `Send`; protocols never cross a
/// thread, and need not be. What a protocol opens through
/// [`Transport::net`](crate::Transport::net) lives in its own thread too, and
/// `net().stop()` shuts the whole server down.
///
/// ```
/// use ropewalk::limits::Limits;
/// use ropewalk::server::{Protocols, TcpServer};
/// use ropewalk::service::Echo;
/// use std::time::Duration;
/// # fn main() -> ropewalk::Result<()> {
/// let limits = Limits { idle: Some(Duration::from_secs(60)), ..Limits::default() };
/// let server = TcpServer::new(0, Protocols::with(|| Echo, limits, None))?;
/// # server.shutdown();
/// server.serve_forever()
/// # }
/// ```
pub struct Protocols<F> {
    factory: Shared<F>,
    limits: Limits,
    observer: Option<Arc<dyn Observer>>,
    options: SocketOptions,
}

impl<F: Factory + Send + 'static> Protocols<F> {
    /// Protocols of this factory, with the default bounds.
    ///
    /// ```
    /// # fn main() -> ropewalk::Result<()> {
    /// use ropewalk::server::{Protocols, ThreadingTcpServer};
    /// let server = ThreadingTcpServer::new(0, Protocols::new(|| ropewalk::service::Echo))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(factory: F) -> Protocols<F> {
        Protocols::with(factory, Limits::default(), None)
    }

    /// The same with these bounds, and telling this observer.
    ///
    /// ```
    /// # fn main() -> ropewalk::Result<()> {
    /// use ropewalk::limits::Limits;
    /// use ropewalk::server::{Protocols, ThreadingTcpServer};
    /// let patient = Limits { idle: None, ..Limits::default() };
    /// let echo = Protocols::with(|| ropewalk::service::Echo, patient, None);
    /// let server = ThreadingTcpServer::new(0, echo)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn with(factory: F, limits: Limits, observer: Option<Arc<dyn Observer>>) -> Protocols<F> {
        let options = SocketOptions::default();
        Protocols { factory: Shared::new(factory), limits, observer, options }
    }

    /// On sockets that are set so: what an endpoint's options say.
    ///
    /// ```
    /// # fn main() -> ropewalk::Result<()> {
    /// use ropewalk::options::SocketOptions;
    /// use ropewalk::server::{Protocols, ThreadingTcpServer};
    /// let options = SocketOptions { backlog: Some(16), ..SocketOptions::default() };
    /// let echo = Protocols::new(|| ropewalk::service::Echo).on_sockets(options);
    /// let server = ThreadingTcpServer::new(0, echo)?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use = "it gives the protocols, with these options"]
    pub fn on_sockets(mut self, options: SocketOptions) -> Protocols<F> {
        self.options = options;
        self
    }

    /// Runs one connection, and those that its protocol opens, to the end of the last.
    pub(super) fn serve(
        &self,
        guest: &Guest,
        alarm: BlockingAlarm,
        io: BlockingIo,
        peer: &Addr,
    ) -> Result<Report> {
        let driver = Blocking::with_alarm(alarm);
        let engine = Engine::new(driver, self.limits, self.observer.clone());
        guest.arrived(&*engine);
        let factory = Rc::new(RefCell::new(self.factory.clone()));
        engine
            .adopt(io, peer, factory)
            .map_err(|error| Error::from_io(Operation::Accept, peer, error))?;
        engine.run_to_the_end()
    }
}

impl<F> Clone for Protocols<F> {
    fn clone(&self) -> Protocols<F> {
        let (limits, observer) = (self.limits, self.observer.clone());
        let options = self.options.clone();
        Protocols { factory: self.factory.clone(), limits, observer, options }
    }
}

impl<F: Factory + Send + 'static> BaseServer<StreamRequest> for Protocols<F> {
    type Handler = ProtocolHandler<F>;

    fn handler(&self, _: &Addr) -> ProtocolHandler<F> {
        ProtocolHandler(self.clone())
    }

    fn socket_options(&self) -> SocketOptions {
        self.options.clone()
    }

    /// The descriptors that a connection's engine needs are there before the connection is
    /// taken: if there are none, it waits in the queue, and not for nothing in a thread.
    fn get_request(&self, socket: &ServerSocket) -> Result<StreamRequest> {
        let alarm = new_alarm(socket.addr())?;
        let mut request: StreamRequest = socket.take()?;
        request.alarm = Some(alarm);
        Ok(request)
    }

    /// Their engines drain within their own grace, and then need a moment to say so.
    fn drain_grace(&self) -> Option<Duration> {
        Some(self.limits.drain_grace.saturating_add(limits::DRAIN_THREADS_MARGIN))
    }
}

impl<F> fmt::Debug for Protocols<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Protocols")
    }
}

/// Handles a connection by running its protocol: see [`Protocols`], which makes it.
///
/// ```
/// use ropewalk::Addr;
/// use ropewalk::server::{BaseServer, ProtocolHandler, Protocols};
/// use ropewalk::service::Echo;
/// let protocols = Protocols::new(|| Echo);
/// let client = Addr::Unix(None);
/// let handler: ProtocolHandler<_> = protocols.handler(&client);
/// ```
pub struct ProtocolHandler<F>(Protocols<F>);

impl<F: Factory + Send + 'static> BaseRequestHandler<StreamRequest> for ProtocolHandler<F> {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        let mut leaving = Leaving(request.under_way.guest(), Report::default());
        // From here on the machine closes it, in its own way.
        let Some(mut socket) = request.detach() else { return Ok(()) };
        let peer = &request.client_address;
        let io = Blocking::io(socket.detach()?.into())
            .map_err(|error| Error::from_io(Operation::Accept, peer, error))?;
        let alarm = request.alarm.take().map_or_else(|| new_alarm(peer), Ok)?;
        let alarm = alarm.obeying(request.server.orders());
        leaving.1 = self.0.serve(&leaving.0, alarm, io, peer)?;
        Ok(())
    }
}

impl<F> fmt::Debug for ProtocolHandler<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProtocolHandler")
    }
}

fn new_alarm(at: &Addr) -> Result<BlockingAlarm> {
    BlockingAlarm::new().map_err(|error| Error::from_io(Operation::Accept, at, error))
}

/// Whatever happens, the server is told that its guest left, and how.
struct Leaving(Guest, Report);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.left(self.1);
    }
}
