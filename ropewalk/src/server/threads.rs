//! A thread for each connection, several listeners, and a stop that drains and reports.
//! Owns: the accepting thread's engine and the threads it starts. Never: runs a protocol
//! in the accepting thread, or holds a rule of a connection's life.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use super::protocols::Protocols;
use crate::addr::{Addr, Site};
use crate::driver::{Blocking, BlockingAlarm, BlockingIo, StopSignals};
use crate::engine::{Engine, Guest, Remote, Report};
use crate::error::{Error, Operation, Result};
use crate::limits::{self, Limits};
use crate::observe::Observer;
use crate::options::SocketOptions;
use crate::protocol::{Factory, Listener};

/// Serves each connection in a thread of its own, with the same [`Protocol`]s that run
/// on a [`Reactor`](crate::Reactor).
///
/// The factory is shared by the threads, so it must be `Send`; protocols never cross a
/// thread, and need not be. What a protocol opens through
/// [`Transport::net`](crate::Transport::net) lives in its own thread too.
///
/// [`Protocol`]: crate::Protocol
///
/// ```
/// # use ropewalk::{Protocol, Transport};
/// use ropewalk::server::ThreadServer;
/// # struct Echo;
/// # impl Protocol for Echo {
/// #     fn data_received(&mut self, t: &mut dyn Transport, d: &[u8]) { t.write(d); }
/// # }
/// # fn main() -> ropewalk::Result<()> {
/// let server = ThreadServer::new()?;
/// let listener = server.listen_tcp(0, || Echo)?;
/// server.remote().stop()?; // from any thread
/// server.serve_forever()
/// # }
/// ```
pub struct ThreadServer {
    engine: Rc<Engine<Blocking>>,
    limits: Limits,
    observer: Option<Arc<dyn Observer>>,
}

impl ThreadServer {
    /// A server with the default bounds.
    ///
    /// # Errors
    /// The system has no descriptor left.
    ///
    /// ```
    /// # use ropewalk::{server::ThreadServer, service::Echo};
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = ThreadServer::new()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn new() -> Result<ThreadServer> {
        ThreadServer::with(Limits::default(), None)
    }

    /// A server with these bounds, which tells this observer.
    ///
    /// # Errors
    /// As [`ThreadServer::new`].
    ///
    /// ```
    /// # use ropewalk::{server::ThreadServer, service::Echo};
    /// # fn main() -> ropewalk::Result<()> {
    /// use ropewalk::limits::Limits;
    /// let short = Limits { drain_grace: std::time::Duration::from_secs(1), ..Limits::default() };
    /// let server = ThreadServer::with(short, None)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn with(limits: Limits, observer: Option<Arc<dyn Observer>>) -> Result<ThreadServer> {
        let driver = Blocking::new()
            .map_err(|error| Error::from_io(Operation::Start, "a thread's engine", error))?;
        let engine = Engine::new(driver, limits, observer.clone());
        Ok(ThreadServer { engine, limits, observer })
    }

    /// Listens on TCP: see [`Reactor::listen_tcp`](crate::Reactor::listen_tcp).
    ///
    /// # Errors
    /// The address cannot be bound; nothing is left bound.
    ///
    /// ```
    /// # use ropewalk::{server::ThreadServer, service::Echo};
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = ThreadServer::new()?;
    /// let listener = server.listen_tcp(0, || Echo)?;
    /// assert!(listener.addrs().iter().all(|addr| addr.port() != Some(0)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn listen_tcp<F>(
        &self,
        at: impl Into<crate::addr::ListenAt>,
        factory: F,
    ) -> Result<Listener>
    where
        F: Factory + Send + 'static,
    {
        self.listen(&Site::Tcp(at.into()), factory)
    }

    /// Listens, whatever the family.
    ///
    /// # Errors
    /// As [`ThreadServer::listen_tcp`].
    ///
    /// ```
    /// # use ropewalk::{server::ThreadServer, service::Echo};
    /// # fn main() -> ropewalk::Result<()> {
    /// use ropewalk::addr::Site;
    /// let server = ThreadServer::new()?;
    /// server.listen(&Site::Tcp(0.into()), || Echo)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn listen<F: Factory + Send + 'static>(&self, at: &Site, factory: F) -> Result<Listener> {
        self.listen_with(at, &SocketOptions::default(), factory)
    }

    /// The same, with the listening socket set so.
    ///
    /// # Errors
    /// As [`ThreadServer::listen_tcp`]; the system refuses an option.
    ///
    /// ```
    /// # use ropewalk::{server::ThreadServer, service::Echo};
    /// # fn main() -> ropewalk::Result<()> {
    /// use ropewalk::{addr::Site, options::SocketOptions};
    /// let server = ThreadServer::new()?;
    /// let options = SocketOptions { backlog: Some(16), ..SocketOptions::default() };
    /// server.listen_with(&Site::Tcp(0.into()), &options, || Echo)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn listen_with<F: Factory + Send + 'static>(
        &self,
        at: &Site,
        options: &SocketOptions,
        factory: F,
    ) -> Result<Listener> {
        let protocols = Protocols::with(factory, self.limits, self.observer.clone());
        self.engine.listen_raw(at, options, move || {
            let protocols = protocols.clone();
            Box::new(move |engine, io, peer| {
                if engine.guests() >= limits::THREADS {
                    let many = format!("{} threads serve already", limits::THREADS);
                    return Err(std::io::Error::other(many));
                }
                let alarm = BlockingAlarm::new()?;
                start(protocols.clone(), engine.invite(), alarm, io, peer.clone())
            })
        })
    }

    /// Serves until it is stopped and everything has drained.
    ///
    /// # Errors
    /// What the system's wait says.
    ///
    /// ```
    /// # use ropewalk::{server::ThreadServer, service::Echo};
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = ThreadServer::new()?;
    /// server.listen_tcp(0, || Echo)?;
    /// server.remote().stop()?; // elsewhere, at some time
    /// server.serve_forever()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn serve_forever(&self) -> Result<()> {
        self.serve_reporting().map(|_| ())
    }

    /// The same, with the report of the stop.
    ///
    /// # Errors
    /// As [`ThreadServer::serve_forever`].
    ///
    /// ```
    /// # use ropewalk::{server::ThreadServer, service::Echo};
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = ThreadServer::new()?;
    /// server.remote().stop()?;
    /// assert_eq!(server.serve_reporting()?.cut, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn serve_reporting(&self) -> Result<Report> {
        self.engine.run()
    }

    /// Reaches the server from other threads, and from handlers: to stop it.
    ///
    /// ```
    /// # use ropewalk::{server::ThreadServer, service::Echo};
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = ThreadServer::new()?;
    /// let remote = server.remote();
    /// std::thread::spawn(move || remote.stop()).join().unwrap()?;
    /// server.serve_forever()?;
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "shutdown")]
    pub fn remote(&self) -> Remote {
        self.engine.remote()
    }

    /// SIGINT and SIGTERM stop the server in order; a second one cuts at once.
    ///
    /// # Errors
    /// As [`Reactor::stop_on_signals`](crate::Reactor::stop_on_signals).
    ///
    /// ```
    /// # use ropewalk::{server::ThreadServer, service::Echo};
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = ThreadServer::new()?;
    /// let signals = server.stop_on_signals();
    /// # drop(signals);
    /// # Ok(())
    /// # }
    /// ```
    pub fn stop_on_signals(&self) -> Result<StopSignals> {
        StopSignals::install(self.remote())
            .map_err(|error| Error::from_io(Operation::Start, "the signal handlers", error))
    }
}

impl fmt::Debug for ThreadServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ThreadServer({} threads)", self.engine.guests())
    }
}

/// Serves one accepted connection in a thread of its own.
fn start<F: Factory + Send + 'static>(
    protocols: Protocols<F>,
    guest: Guest,
    alarm: BlockingAlarm,
    io: BlockingIo,
    peer: Addr,
) -> std::io::Result<()> {
    let guest = Arc::new(guest);
    let inside = guest.clone();
    let spawned = std::thread::Builder::new().name(format!("ropewalk {peer}")).spawn(move || {
        let serve = AssertUnwindSafe(|| {
            protocols.serve(&inside, alarm, io, &peer).unwrap_or_else(|error| {
                tracing::error!("{error}");
                Report::default()
            })
        });
        // Whatever happens in here, the accepting thread is told that it is over.
        inside.left(catch_unwind(serve).unwrap_or_default());
    });
    if spawned.is_err() {
        guest.left(Report::default()); // the socket is dropped, and so closed
    }
    spawned.map(|_| ())
}
