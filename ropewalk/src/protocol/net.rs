//! What a callback may start, and the handles that it gets back.
//! Owns: `Net`, by which a callback connects and listens; connectors, listeners, timers.
//! Never: does any of it; an engine does, once the callback has returned.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::{Rc, Weak};
use std::time::{Duration, SystemTime};

use super::{
    CancelTask, ClientFactory, DatagramConnector, DatagramPort, DatagramProtocol, DynClientFactory,
    DynFactory, Factory, HookCall, HookHandle, Job, Moment, Work,
};
use crate::addr::{Addr, DatagramSite, ListenAt, Site, Target};
use crate::clock::Time;
use crate::error::Result;
use crate::options::SocketOptions;

/// What a callback may start: the reactor's (or the thread's, or the simulation's)
/// network. Nothing here blocks, and nothing calls back before the callback has
/// returned.
pub trait Net {
    /// The engine's monotonic time.
    fn now(&self) -> Time;
    /// The time on the wall.
    fn wall_time(&self) -> SystemTime;
    /// Begins to connect, with the socket set so; the factory hears how it goes.
    fn connect_with(
        &self,
        to: Target,
        options: &SocketOptions,
        factory: Box<dyn DynClientFactory>,
    ) -> Connector;
    /// The same with the defaults.
    fn connect(&self, to: Target, factory: Box<dyn DynClientFactory>) -> Connector {
        self.connect_with(to, &SocketOptions::default(), factory)
    }
    /// Finds the addresses of a name, in the resolver's order, off the loop; `then` runs on it.
    /// An IP address as text is answered as what it is, without a thread. `then` hears
    /// `TimedOut` after [`Limits::resolve`](crate::limits::Limits::resolve), `Stopped` from a
    /// stop, `Full` if too many names wait already, or what the resolver says; not within this
    /// call, and not once it is cancelled.
    #[doc(alias = "resolveHostName")]
    #[doc(alias = "getaddrinfo")]
    fn resolve(&self, host: &str, port: u16, then: Resolved) -> Lookup;
    /// Listens.
    ///
    /// # Errors
    /// The address cannot be bound; nothing is left half bound.
    fn listen(&self, at: Site, factory: Box<dyn DynFactory>) -> Result<Listener>;
    /// Receives datagrams, with a protocol for each socket: the factory is called before
    /// this returns, its protocols afterwards.
    ///
    /// # Errors
    /// The address cannot be bound; nothing is left half bound.
    fn listen_datagrams(
        &self,
        at: DatagramSite,
        factory: &mut dyn FnMut() -> Box<dyn DatagramProtocol>,
    ) -> Result<DatagramPort>;
    /// Opens a datagram socket to one peer; the protocol hears how it goes.
    fn connect_datagrams(
        &self,
        to: Target,
        protocol: Box<dyn DatagramProtocol>,
    ) -> DatagramConnector;
    /// Runs `f` on the loop, once, after at least `after`.
    fn call_later(&self, after: Duration, f: Box<dyn FnOnce(&dyn Net)>) -> TimerHandle;
    /// Runs a future on the loop: [`spawn`](#method.spawn) behind a pointer.
    fn spawn_boxed(&self, work: Work) -> Rc<dyn CancelTask>;
    /// The same net for whoever outlives the callback: a future. The engine lets go of
    /// everything that holds it at the end of its run.
    ///
    /// ```
    /// # use ropewalk::{Protocol, Transport};
    /// # use std::time::Duration;
    /// struct Beat;
    /// impl Protocol for Beat {
    ///     fn connection_made(&mut self, transport: &mut dyn Transport) {
    ///         let (net, handle) = (transport.net().owned(), transport.handle());
    ///         let beat = async move {
    ///             while handle.write(b"beat\n").is_ok() {
    ///                 net.sleep(Duration::from_secs(1)).await;
    ///             }
    ///         };
    ///         transport.net().spawn(beat).detach();
    ///     }
    ///     fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
    /// }
    /// let network = ropewalk::testing::Network::calm();
    /// network.listen(1, || Beat).unwrap();
    /// let mut peer = network.dial(1).unwrap();
    /// assert_eq!(peer.read_exact(10).unwrap(), b"beat\nbeat\n");
    /// ```
    fn owned(&self) -> Rc<dyn Net>;
    /// Runs `f` on the loop, once: when the reactor runs and the hooks of its start are done, in
    /// the order of asking; if that is so already, when the callback that asks has returned,
    /// before the loop waits again. If it is stopped before it has started, it never runs.
    #[doc(alias = "callWhenRunning")]
    #[doc(alias = "call_soon")]
    fn call_when_running(&self, f: Box<dyn FnOnce(&dyn Net)>);
    /// Calls a hook when the reactor starts or stops: [`on_startup`](#method.on_startup) and
    /// [`on_shutdown`](#method.on_shutdown) behind a pointer.
    fn add_hook(&self, at: Moment, hook: HookCall) -> HookHandle;
    /// Does work that blocks: [`run_in_thread`](#method.run_in_thread) behind a pointer.
    ///
    /// # Errors
    /// As there.
    fn run_job(&self, job: Job) -> Result<()>;
    /// Stops the reactor in order: see [`Reactor::stop`](crate::Reactor::stop).
    fn stop(&self);
}

impl dyn Net + '_ {
    /// Connects over TCP, by name or address.
    #[doc(alias = "connectTCP")]
    pub fn connect_tcp<F: ClientFactory + 'static>(
        &self,
        host: &str,
        port: u16,
        f: F,
    ) -> Connector {
        self.connect(Target::tcp(host, port), Box::new(f))
    }

    /// Connects to a Unix stream socket.
    #[doc(alias = "connectUNIX")]
    pub fn connect_unix<F: ClientFactory + 'static>(
        &self,
        path: impl Into<PathBuf>,
        f: F,
    ) -> Connector {
        self.connect(Target::Addr(path.into().into()), Box::new(f))
    }

    /// Listens on TCP.
    ///
    /// # Errors
    /// As [`Net::listen`].
    #[doc(alias = "listenTCP")]
    pub fn listen_tcp<F: Factory + 'static>(
        &self,
        at: impl Into<ListenAt>,
        f: F,
    ) -> Result<Listener> {
        self.listen(Site::Tcp(at.into()), Box::new(f))
    }

    /// Receives datagrams over UDP.
    ///
    /// # Errors
    /// As [`Net::listen_datagrams`].
    #[doc(alias = "listenUDP")]
    pub fn listen_udp<P: DatagramProtocol + 'static>(
        &self,
        at: impl Into<ListenAt>,
        mut f: impl FnMut() -> P,
    ) -> Result<DatagramPort> {
        self.listen_datagrams(DatagramSite::Udp(at.into()), &mut || Box::new(f()))
    }

    /// Opens a UDP socket to one peer, by name or address.
    pub fn connect_udp<P: DatagramProtocol + 'static>(
        &self,
        host: &str,
        port: u16,
        protocol: P,
    ) -> DatagramConnector {
        self.connect_datagrams(Target::tcp(host, port), Box::new(protocol))
    }
}

/// Takes the addresses of a name: see [`Net::resolve`].
pub type Resolved = Box<dyn FnOnce(&dyn Net, Result<Vec<SocketAddr>>)>;

/// A name that is being looked up. Dropping it changes nothing.
#[derive(Clone)]
pub struct Lookup(Rc<dyn CancelLookup>);

/// What an engine gives a [`Lookup`].
pub trait CancelLookup {
    /// See [`Lookup::cancel`].
    fn cancel(&self) -> bool;
    /// See [`Lookup::is_pending`].
    fn is_pending(&self) -> bool;
}

impl Lookup {
    pub(crate) fn new(inner: Rc<dyn CancelLookup>) -> Lookup {
        Lookup(inner)
    }

    /// The answer will not be told. A thread that asks the system already goes on, unheard,
    /// and counts towards the resolver's bound until it returns. `false` if the answer was told,
    /// is told now, or was cancelled.
    pub fn cancel(&self) -> bool {
        self.0.cancel()
    }

    /// Whether the answer is still to come.
    pub fn is_pending(&self) -> bool {
        self.0.is_pending()
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lookup {{ pending: {} }}", self.is_pending())
    }
}

/// An attempt to connect, and the connection it led to.
#[derive(Clone)]
#[doc(alias = "IConnector")]
pub struct Connector(Rc<dyn Reconnect>);

/// How far a [`Connector`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectorState {
    /// Nothing is under way: `connect` begins.
    #[doc(alias = "disconnected")]
    Idle,
    /// The name is looked up, the addresses are tried, the layers start.
    Connecting,
    /// There is a protocol.
    Connected,
}

/// What an engine gives a [`Connector`].
pub trait Reconnect {
    /// See [`Connector::connect`].
    fn connect(&self);
    /// See [`Connector::stop`].
    fn stop(&self);
    /// See [`Connector::target`].
    fn target(&self) -> &Target;
    /// See [`Connector::state`].
    fn state(&self) -> ConnectorState;
    /// See [`Connector::attempts`].
    fn attempts(&self) -> u64;
}

impl Connector {
    pub(crate) fn new(inner: Rc<dyn Reconnect>) -> Connector {
        Connector(inner)
    }

    /// For whoever its factory belongs to: both would live for ever.
    pub(crate) fn downgrade(&self) -> Weak<dyn Reconnect> {
        Rc::downgrade(&self.0)
    }

    /// Connects again, to the same place; the factory hears `started` anew. While an
    /// attempt or its connection lives, or the reactor stops, it does nothing:
    /// [`state`](Connector::state) says `Idle` then.
    pub fn connect(&self) {
        self.0.connect();
    }

    /// Ends the attempt (`failed` with `Aborted`), or closes the connection it led to.
    #[doc(alias = "stopConnecting")]
    #[doc(alias = "disconnect")]
    pub fn stop(&self) {
        self.0.stop();
    }

    /// Where it connects to, as it was asked for.
    #[doc(alias = "getDestination")]
    pub fn target(&self) -> &Target {
        self.0.target()
    }

    /// How far it is.
    pub fn state(&self) -> ConnectorState {
        self.0.state()
    }

    /// Whether there is a connection with its protocol.
    pub fn is_connected(&self) -> bool {
        self.state() == ConnectorState::Connected
    }

    /// How often an attempt began, the current one included: once for each `started`. The
    /// addresses of a name are one attempt together.
    pub fn attempts(&self) -> u64 {
        self.0.attempts()
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connector({})", self.target())
    }
}

/// What listens. Dropping it changes nothing: `stop` stops.
#[derive(Clone)]
pub struct Listener {
    addrs: Vec<Addr>,
    inner: Rc<dyn StopListening>,
}

/// What an engine gives a [`Listener`].
pub trait StopListening {
    /// See [`Listener::stop`].
    fn stop(&self);
}

impl Listener {
    pub(crate) fn new(addrs: Vec<Addr>, inner: Rc<dyn StopListening>) -> Listener {
        Listener { addrs, inner }
    }

    /// The addresses bound, with the port that the system chose.
    #[doc(alias = "getHost")]
    pub fn addrs(&self) -> &[Addr] {
        &self.addrs
    }

    /// Listens no more; connections live on. What the kernel had queued is accepted
    /// first. Again, it does nothing.
    #[doc(alias = "stopListening")]
    pub fn stop(&self) {
        self.inner.stop();
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Listener").field(&self.addrs).finish()
    }
}

/// A call that was set for later. Dropping it changes nothing.
#[derive(Clone)]
pub struct TimerHandle(Rc<dyn Postpone>);

/// What an engine gives a [`TimerHandle`].
pub trait Postpone {
    /// See [`TimerHandle::cancel`].
    fn cancel(&self) -> bool;
    /// See [`TimerHandle::reset`].
    fn reset(&self, after: Duration) -> bool;
    /// See [`TimerHandle::is_pending`].
    fn is_pending(&self) -> bool;
    /// See [`TimerHandle::due`].
    fn due(&self) -> Option<Time>;
}

impl TimerHandle {
    pub(crate) fn new(inner: Rc<dyn Postpone>) -> TimerHandle {
        TimerHandle(inner)
    }

    /// The call will not run. `false` if it has run, runs now, or was cancelled.
    pub fn cancel(&self) -> bool {
        self.0.cancel()
    }

    /// The call runs `after` from now instead. `false` as for `cancel`.
    pub fn reset(&self, after: Duration) -> bool {
        self.0.reset(after)
    }

    /// Whether the call is still to run.
    #[doc(alias = "active")]
    pub fn is_pending(&self) -> bool {
        self.0.is_pending()
    }

    /// When the call runs, at the earliest. `None` if it has run, runs now, or was cancelled.
    #[doc(alias = "getTime")]
    pub fn due(&self) -> Option<Time> {
        self.0.due()
    }
}

impl fmt::Debug for TimerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimerHandle {{ pending: {} }}", self.is_pending())
    }
}
