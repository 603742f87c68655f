//! The reactor: an engine on the loop's thread, behind one name whatever its driver.
//! Owns: the public way to run, stop, listen, connect and wait. Never: holds a rule of
//! a connection's life, or a global: a reactor is a value, and there may be many.

mod adopt;
mod cores;
mod futures;
mod running;
mod stdio;

pub use cores::Cores;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::addr::{DatagramSite, ListenAt, Site, Target};
use crate::clock::Time;
use crate::driver::Poll;
pub use crate::driver::{Signal, SignalGuard, StopSignals};
use crate::engine::{Engine, Remote, Report};
use crate::error::{Error, Operation, Result};
use crate::limits::Limits;
use crate::observe::Observer;
use crate::options::SocketOptions;
use crate::protocol::{
    ClientFactory, Connector, DatagramConnector, DatagramPort, DatagramProtocol, Factory, Listener,
    Lookup, Net, TimerHandle,
};

/// An event loop: one thread, many connections.
///
/// Cheap to clone; not `Send`: [`Reactor::remote`] is what other threads use. Callbacks
/// get the same network through [`Transport::net`](crate::Transport::net).
///
/// It needs unwinding (`panic = "unwind"`, the default): with `panic = "abort"` one
/// protocol's panic ends the process.
///
/// ```
/// use ropewalk::{Protocol, Reactor, Transport};
/// struct Echo;
/// impl Protocol for Echo {
///     fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
///         transport.write(data);
///     }
/// }
/// # fn main() -> ropewalk::Result<()> {
/// let reactor = Reactor::new()?;
/// let listener = reactor.listen_tcp(0, || Echo)?;
/// println!("echo on {:?}", listener.addrs());
/// reactor.call_later(std::time::Duration::ZERO, |net| net.stop());
/// reactor.run()
/// # }
/// ```
#[derive(Clone)]
pub struct Reactor(Loop);

/// The engine, by its driver: the hot path is compiled for each.
#[derive(Clone)]
enum Loop {
    Poll(Rc<Engine<Poll>>),
    #[cfg(all(feature = "uring", target_os = "linux"))] // the only system that has it
    Uring(Rc<Engine<crate::driver::Uring>>),
}

/// The same call on whichever engine it is.
macro_rules! on_engine {
    ($reactor:expr, $engine:ident => $call:expr) => {
        match &$reactor.0 {
            Loop::Poll($engine) => $call,
            #[cfg(all(feature = "uring", target_os = "linux"))] // see `Loop`
            Loop::Uring($engine) => $call,
        }
    };
}

use on_engine;

/// Settings of a reactor that is to be made.
#[derive(Clone, Default)]
pub struct Builder {
    limits: Limits,
    observer: Option<Arc<dyn Observer>>,
}

impl Builder {
    /// These bounds and deadlines instead of the defaults.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Builder {
        self.limits = limits;
        self
    }

    /// Tells this observer everything. Without one, nothing is counted.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Builder {
        self.observer = Some(observer);
        self
    }

    /// Makes the reactor.
    ///
    /// # Errors
    /// The system has no descriptor left for a poll.
    pub fn build(self) -> Result<Reactor> {
        let driver = Poll::new().map_err(|error| start_error("a poll", error))?;
        Ok(Reactor(Loop::Poll(Engine::new(driver, self.limits, self.observer))))
    }

    /// Makes a reactor over io_uring (Linux). Without promise yet: TCP only.
    ///
    /// # Errors
    /// The kernel refuses a ring.
    #[cfg(all(feature = "uring", target_os = "linux"))] // see `Loop`
    #[cfg_attr(docsrs, doc(cfg(feature = "uring")))]
    pub fn build_uring(self) -> Result<Reactor> {
        let driver = crate::driver::Uring::new().map_err(|error| start_error("io_uring", error))?;
        Ok(Reactor(Loop::Uring(Engine::new(driver, self.limits, self.observer))))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Reactor {
    /// A reactor with the default bounds.
    ///
    /// # Errors
    /// As [`Builder::build`].
    pub fn new() -> Result<Reactor> {
        Reactor::builder().build()
    }

    /// Settings first.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Runs until it is stopped, and everything has drained. Then it may be given
    /// listeners and connections anew, and run again.
    ///
    /// # Errors
    /// `AlreadyRunning` inside a callback; what the system's wait says.
    pub fn run(&self) -> Result<()> {
        self.run_reporting().map(|_| ())
    }

    /// The same, with the report of the stop.
    ///
    /// # Errors
    /// As [`Reactor::run`].
    pub fn run_reporting(&self) -> Result<Report> {
        on_engine!(self, engine => engine.run())
    }

    /// Stops in order, with the default grace: no new connections, those in the kernel's
    /// queue are still taken, each protocol hears
    /// [`stopping`](crate::Protocol::stopping), and `run` returns when all have ended.
    /// Asked again, it does nothing.
    pub fn stop(&self) {
        on_engine!(self, engine => engine.stop());
    }

    /// Stops with this grace, at the end of which the rest is cut. During a stop it can
    /// only shorten it.
    pub fn drain(&self, grace: Duration) {
        on_engine!(self, engine => {
            // The reactor lives, so its letter box takes this.
            let _ = engine.remote().drain(grace);
        });
    }

    /// Listens on TCP. A bare port is loopback, IPv4 and IPv6 on the same port; all
    /// interfaces are asked for by name: `("*", 21555)`.
    ///
    /// # Errors
    /// The address cannot be bound, in any of its families; nothing is left bound.
    ///
    /// ```
    /// # use ropewalk::{Protocol, Reactor, Transport};
    /// # struct Echo;
    /// # impl Protocol for Echo {
    /// #     fn data_received(&mut self, t: &mut dyn Transport, d: &[u8]) { t.write(d); }
    /// # }
    /// # fn main() -> ropewalk::Result<()> {
    /// let reactor = Reactor::new()?;
    /// let listener = reactor.listen_tcp(0, || Echo)?;
    /// let ports: Vec<_> = listener.addrs().iter().map(|addr| addr.port()).collect();
    /// assert!(ports.iter().all(|port| *port == ports[0])); // the same in both families
    /// # Ok(()) }
    /// ```
    #[doc(alias = "listenTCP")]
    pub fn listen_tcp<F: Factory + 'static>(
        &self,
        at: impl Into<ListenAt>,
        factory: F,
    ) -> Result<Listener> {
        self.listen(&Site::Tcp(at.into()), factory)
    }

    /// Listens on a Unix stream socket. A file that a dead server left is replaced; the
    /// file is removed when listening stops.
    ///
    /// # Errors
    /// The path cannot be bound, or somebody listens there.
    #[doc(alias = "listenUNIX")]
    pub fn listen_unix<F: Factory + 'static>(
        &self,
        path: impl Into<PathBuf>,
        factory: F,
    ) -> Result<Listener> {
        self.listen(&Site::Unix(path.into()), factory)
    }

    /// Listens, whatever the family.
    ///
    /// # Errors
    /// As [`Reactor::listen_tcp`].
    pub fn listen<F: Factory + 'static>(&self, at: &Site, factory: F) -> Result<Listener> {
        self.listen_with(at, &SocketOptions::default(), factory)
    }

    /// The same, with the listening socket set so.
    ///
    /// # Errors
    /// As [`Reactor::listen_tcp`]; the system refuses an option.
    pub fn listen_with<F: Factory + 'static>(
        &self,
        at: &Site,
        options: &SocketOptions,
        factory: F,
    ) -> Result<Listener> {
        on_engine!(self, engine => engine.listen_with(at, options, factory))
    }

    /// Connects over TCP. A name is resolved off the loop, with a deadline; its addresses are
    /// tried as RFC 8305 says (IPv6 and IPv4 by turns, the next one when the one before has
    /// failed, or has not answered within
    /// [`CONNECT_ATTEMPT_DELAY`](crate::limits::CONNECT_ATTEMPT_DELAY)), and the first that
    /// answers is taken. All of it has one deadline, [`Limits::connect`].
    #[doc(alias = "connectTCP")]
    pub fn connect_tcp<F: ClientFactory + 'static>(
        &self,
        host: &str,
        port: u16,
        factory: F,
    ) -> Connector {
        self.connect(Target::tcp(host, port), factory)
    }

    /// Connects to a Unix stream socket.
    #[doc(alias = "connectUNIX")]
    pub fn connect_unix<F: ClientFactory + 'static>(
        &self,
        path: impl Into<PathBuf>,
        factory: F,
    ) -> Connector {
        self.connect(Target::Addr(path.into().into()), factory)
    }

    /// Connects, whatever the family.
    pub fn connect<F: ClientFactory + 'static>(&self, to: Target, factory: F) -> Connector {
        self.connect_with(to, &SocketOptions::default(), factory)
    }

    /// The same, with the socket set so. An option that the system refuses fails the
    /// attempt.
    pub fn connect_with<F: ClientFactory + 'static>(
        &self,
        to: Target,
        options: &SocketOptions,
        factory: F,
    ) -> Connector {
        on_engine!(self, engine => engine.connect_with(to, options, factory))
    }

    /// Receives datagrams over UDP, with a protocol for each socket. A bare port is
    /// loopback, IPv4 and IPv6 on the same port, as for [`Reactor::listen_tcp`].
    ///
    /// # Errors
    /// The address cannot be bound, in any of its families; nothing is left bound.
    ///
    /// ```
    /// use ropewalk::{Addr, DatagramProtocol, DatagramTransport, Reactor};
    /// struct Echo;
    /// impl DatagramProtocol for Echo {
    ///     fn datagram_received(
    ///         &mut self,
    ///         transport: &mut dyn DatagramTransport,
    ///         data: &[u8],
    ///         from: &Addr,
    ///         _truncated: bool,
    ///     ) {
    ///         transport.send_to(data, from);
    ///     }
    /// }
    /// # fn main() -> ropewalk::Result<()> {
    /// let reactor = Reactor::new()?;
    /// let port = reactor.listen_udp(0, || Echo)?;
    /// println!("echo on {:?}", port.addrs());
    /// reactor.call_later(std::time::Duration::ZERO, |net| net.stop());
    /// reactor.run()
    /// # }
    /// ```
    #[doc(alias = "listenUDP")]
    pub fn listen_udp<P: DatagramProtocol + 'static>(
        &self,
        at: impl Into<ListenAt>,
        factory: impl FnMut() -> P,
    ) -> Result<DatagramPort> {
        self.listen_datagrams(&DatagramSite::Udp(at.into()), factory)
    }

    /// Receives datagrams on a Unix socket. A file that a dead program left is replaced;
    /// the file is removed when the socket closes. Whoever sends without an address of its
    /// own comes from `Addr::Unix(None)`, and cannot be answered.
    ///
    /// # Errors
    /// The path cannot be bound, or somebody receives there.
    #[doc(alias = "listenUNIXDatagram")]
    pub fn listen_unixgram<P: DatagramProtocol + 'static>(
        &self,
        path: impl Into<PathBuf>,
        factory: impl FnMut() -> P,
    ) -> Result<DatagramPort> {
        self.listen_datagrams(&DatagramSite::Unixgram(path.into()), factory)
    }

    /// Receives datagrams, whatever the family.
    ///
    /// # Errors
    /// As [`Reactor::listen_udp`].
    pub fn listen_datagrams<P: DatagramProtocol + 'static>(
        &self,
        at: &DatagramSite,
        factory: impl FnMut() -> P,
    ) -> Result<DatagramPort> {
        self.listen_datagrams_with(at, &SocketOptions::default(), factory)
    }

    /// The same, with each socket set so.
    ///
    /// # Errors
    /// As [`Reactor::listen_udp`]; the system refuses an option.
    pub fn listen_datagrams_with<P: DatagramProtocol + 'static>(
        &self,
        at: &DatagramSite,
        options: &SocketOptions,
        mut factory: impl FnMut() -> P,
    ) -> Result<DatagramPort> {
        let mut boxed = || Box::new(factory()) as Box<dyn DatagramProtocol>;
        on_engine!(self, engine => engine.listen_datagrams_with(at, options, &mut boxed))
    }

    /// Opens a UDP socket that talks with one peer: what others send is not received, and
    /// the peer's "port unreachable" is told. A name is resolved off the loop, with a
    /// deadline, and the first address to which there is a way is taken. If there is none,
    /// the protocol hears [`failed`](DatagramProtocol::failed).
    pub fn connect_udp<P: DatagramProtocol + 'static>(
        &self,
        host: &str,
        port: u16,
        protocol: P,
    ) -> DatagramConnector {
        self.connect_datagrams(Target::tcp(host, port), protocol)
    }

    /// Opens a Unix datagram socket that talks with one peer. On Linux it is bound to an
    /// abstract name that the system chooses, so that the peer can answer; elsewhere it has
    /// no address, and hears nothing.
    #[doc(alias = "connectUNIXDatagram")]
    pub fn connect_unixgram<P: DatagramProtocol + 'static>(
        &self,
        path: impl Into<PathBuf>,
        protocol: P,
    ) -> DatagramConnector {
        self.connect_datagrams(Target::Addr(path.into().into()), protocol)
    }

    /// Opens a datagram socket to one peer, whatever the family.
    pub fn connect_datagrams<P: DatagramProtocol + 'static>(
        &self,
        to: Target,
        protocol: P,
    ) -> DatagramConnector {
        self.connect_datagrams_with(to, &SocketOptions::default(), protocol)
    }

    /// The same, with the socket set so. An option that the system refuses fails it.
    pub fn connect_datagrams_with<P: DatagramProtocol + 'static>(
        &self,
        to: Target,
        options: &SocketOptions,
        protocol: P,
    ) -> DatagramConnector {
        let protocol = Box::new(protocol);
        on_engine!(self, engine => engine.connect_datagrams_with(to, options, protocol))
    }

    /// Finds the addresses of a name off the loop, and gives them to `then` on it: see
    /// [`Net::resolve`].
    ///
    /// ```
    /// # fn main() -> ropewalk::Result<()> {
    /// let reactor = ropewalk::Reactor::new()?;
    /// reactor.resolve("127.0.0.1", 80, |net, found| {
    ///     assert_eq!(found.unwrap()[0].to_string(), "127.0.0.1:80");
    ///     net.stop();
    /// });
    /// reactor.run()
    /// # }
    /// ```
    pub fn resolve(
        &self,
        host: &str,
        port: u16,
        then: impl FnOnce(&dyn Net, Result<Vec<SocketAddr>>) + 'static,
    ) -> Lookup {
        on_engine!(self, engine => engine.resolve(host, port, Box::new(then)))
    }

    /// What callbacks get as [`Transport::net`](crate::Transport::net).
    pub fn net(&self) -> &dyn Net {
        on_engine!(self, engine => &**engine)
    }

    /// Runs `f` on the loop, once, after at least `after`. Calls run in the order of
    /// their instants, and of being set among equals.
    #[doc(alias = "callLater")]
    pub fn call_later(&self, after: Duration, f: impl FnOnce(&dyn Net) + 'static) -> TimerHandle {
        on_engine!(self, engine => engine.call_later(after, Box::new(f)))
    }

    /// Reaches this reactor from other threads.
    #[doc(alias = "callFromThread")]
    pub fn remote(&self) -> Remote {
        on_engine!(self, engine => engine.remote())
    }

    /// SIGINT and SIGTERM stop the reactor in order; a second one cuts at once. Until the
    /// guard is dropped.
    ///
    /// # Errors
    /// The system refuses; on Windows there are no such signals yet.
    pub fn stop_on_signals(&self) -> Result<StopSignals> {
        StopSignals::install(self.remote())
            .map_err(|error| start_error("the signal handlers", error))
    }

    /// The loop's monotonic time.
    #[doc(alias = "seconds")]
    pub fn now(&self) -> Time {
        on_engine!(self, engine => engine.context().fresh_now())
    }

    /// The time on the wall.
    pub fn wall_time(&self) -> SystemTime {
        on_engine!(self, engine => engine.wall_time())
    }

    /// How many connections there are, those that are still connecting included.
    pub fn connections(&self) -> usize {
        on_engine!(self, engine => engine.connections())
    }

    /// The driver's name: `poll` or `uring`.
    pub fn driver(&self) -> &'static str {
        match &self.0 {
            Loop::Poll(_) => "poll",
            #[cfg(all(feature = "uring", target_os = "linux"))] // see `Loop`
            Loop::Uring(_) => "uring",
        }
    }
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reactor({}, {} connections)", self.driver(), self.connections())
    }
}

fn start_error(what: &str, error: std::io::Error) -> Error {
    Error::from_io(Operation::Start, what, error)
}
