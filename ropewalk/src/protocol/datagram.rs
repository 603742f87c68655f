//! Protocols of datagrams: what one is told of its socket, and what it may ask of it.
//! Owns: the contracts `DatagramProtocol` and `DatagramTransport`, and the handles to a
//! datagram socket. Never: does I/O or keeps a queue; an engine does.
//!
//! # The life of a datagram socket
//!
//! | when | callback |
//! | --- | --- |
//! | the socket is open | `connection_made`, once, first |
//! | it could not be opened | `failed` instead of everything else |
//! | a datagram came | `datagram_received` |
//! | the system reports an error: a peer's "port unreachable", a datagram too long | `error_received`; the socket lives on |
//! | a named timer is due, somebody sent an event | `timer_fired`, `event` |
//! | the reactor stops | `stopping` (default: close) |
//! | `close`, `fail`, a panic, the end of a stop's grace | `connection_lost`, once, last |
//!
//! As with connections no callback runs inside another: what a send inside a callback did
//! wrong is told after it. There are no layers and no pauses; what nobody reads, the
//! kernel drops.

use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{
    ConnectionId, Event, HandleError, Kind, Mailbox, Net, Reason, Request, StopListening, Timer,
};
use crate::addr::{Addr, Target};
use crate::clock::Time;

/// A protocol of datagrams: a state machine that is told what happens to one socket, and
/// talks with any number of peers through it.
///
/// Only [`DatagramProtocol::datagram_received`] must be written. A callback that panics
/// ends its own socket, with [`Kind::Panicked`]; others go on. No callback blocks.
///
/// ```
/// use ropewalk::{Addr, DatagramProtocol, DatagramTransport, testing::Network};
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
/// let network = Network::calm();
/// network.listen_datagrams(1, || Echo).unwrap();
/// let peer = network.datagram_peer(2).unwrap();
/// peer.send_to(b"hello", 1).unwrap();
/// assert_eq!(peer.receive().unwrap(), (b"hello".to_vec(), Addr::Memory(1)));
/// ```
pub trait DatagramProtocol {
    /// The socket is open; nothing was received yet. Called once, first.
    #[doc(alias = "startProtocol")]
    fn connection_made(&mut self, transport: &mut dyn DatagramTransport) {
        let _ = transport;
    }

    /// A datagram came, whole unless it is `truncated`: longer than
    /// [`DatagramTransport::set_max_datagram`] allows, its rest is gone. It may be empty.
    #[doc(alias = "datagramReceived")]
    fn datagram_received(
        &mut self,
        transport: &mut dyn DatagramTransport,
        data: &[u8],
        from: &Addr,
        truncated: bool,
    );

    /// Something went wrong, and the socket lives on: a peer's machine answered "port
    /// unreachable" to something sent before, or a datagram could not be sent. `to` says
    /// which peer it is about, where the system tells: of a socket that is connected, and
    /// of a send that failed at once. An answer to a datagram of an unconnected socket is
    /// told by no system but Windows, and there without the peer.
    #[doc(alias = "connectionRefused")]
    fn error_received(
        &mut self,
        transport: &mut dyn DatagramTransport,
        to: Option<&Addr>,
        error: &io::Error,
    ) {
        let _ = (transport, to, error);
    }

    /// A timer set with [`DatagramTransport::set_timer`] came due.
    fn timer_fired(&mut self, transport: &mut dyn DatagramTransport, timer: Timer) {
        let _ = (transport, timer);
    }

    /// Somebody sent this through a [`DatagramHandle`].
    fn event(&mut self, transport: &mut dyn DatagramTransport, event: Event) {
        let _ = (transport, event);
    }

    /// The reactor is stopping, and has already delivered what had arrived. The default
    /// closes. Whoever stays is cut at the end of the grace, with [`Kind::Stopped`].
    fn stopping(&mut self, transport: &mut dyn DatagramTransport) {
        transport.close();
    }

    /// The socket is closed, for this reason. Called exactly once, last; the transport
    /// still tells its addresses and `net()`, what is sent goes nowhere.
    #[doc(alias = "stopProtocol")]
    fn connection_lost(&mut self, transport: &mut dyn DatagramTransport, why: &Reason) {
        let _ = (transport, why);
    }

    /// The socket that was asked for could not be opened: no such name, no route, a stop
    /// that came first. Nothing else is ever called. The default writes a warning.
    fn failed(&mut self, net: &dyn Net, why: &Reason) {
        let _ = net;
        tracing::warn!("a datagram socket could not be opened: {why}");
    }
}

/// What became of a datagram that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sending {
    /// The kernel has it. Whether it arrives is another matter.
    Sent,
    /// The kernel has no room; it waits, behind those before it.
    Queued,
    /// It is gone, and counted by [`DatagramTransport::dropped`]: the queue is full, the
    /// socket is closed, or the system refused it, which `error_received` tells.
    Dropped,
}

/// A datagram socket, as its protocol sees it. Nothing here blocks, and nothing here calls
/// back into a protocol.
pub trait DatagramTransport {
    /// Sends one datagram to this address, at once unless others wait. On a socket that is
    /// connected some systems refuse any address but the peer's.
    #[doc(alias = "sendto")]
    fn send_to(&mut self, data: &[u8], to: &Addr) -> Sending;

    /// Sends one datagram to the peer of a socket that is connected. Without a peer it is
    /// dropped, and `error_received` says so.
    fn send(&mut self, data: &[u8]) -> Sending;

    /// Closes, once what is queued has been sent; from now on nothing more is received,
    /// and what is sent is dropped.
    #[doc(alias = "stopListening")]
    #[doc(alias = "loseConnection")]
    fn close(&mut self);

    /// Closes now; what is queued is dropped.
    fn abort(&mut self) {
        self.fail(Reason::new(Kind::Aborted));
    }

    /// Closes now, saying why: what returning an error would be for.
    fn fail(&mut self, why: Reason);

    /// This end. It answers in `connection_lost` too.
    #[doc(alias = "getHost")]
    #[doc(alias = "getsockname")]
    fn local_addr(&self) -> Addr;

    /// The one peer of a socket that is connected.
    #[doc(alias = "getpeername")]
    fn peer_addr(&self) -> Option<Addr>;

    /// Takes at most so many bytes of each datagram; the rest of a longer one is cut off
    /// and the datagram flagged. Without it every UDP datagram is received whole, and a
    /// Unix one up to [`READ_BUFFER_BYTES`](crate::limits::READ_BUFFER_BYTES), which is
    /// also the most that can be set.
    #[doc(alias = "maxPacketSize")]
    fn set_max_datagram(&mut self, bytes: usize);

    /// Datagrams that wait for the kernel.
    fn queued(&self) -> usize;

    /// Datagrams that were never given to the kernel, since the socket was opened.
    fn dropped(&self) -> u64;

    /// The engine's monotonic time, read at most once a turn.
    fn now(&self) -> Time;

    /// The time on the wall, for people; virtual under test.
    fn wall_time(&self) -> SystemTime;

    /// Fires `timer_fired(timer)` once, after at least `after`. Set again, it is moved.
    #[doc(alias = "callLater")]
    fn set_timer(&mut self, timer: Timer, after: Duration);

    /// A timer that was cancelled does not fire, even if it is due.
    fn cancel_timer(&mut self, timer: Timer);

    /// A handle by which anybody, on any thread, reaches this socket.
    fn handle(&mut self) -> DatagramHandle;

    /// Connecting, listening and stopping, from a callback.
    fn net(&self) -> &dyn Net;
}

/// Forwards every callback, so that boxed protocols are protocols.
impl<P: DatagramProtocol + ?Sized> DatagramProtocol for Box<P> {
    fn connection_made(&mut self, transport: &mut dyn DatagramTransport) {
        (**self).connection_made(transport);
    }
    fn datagram_received(
        &mut self,
        transport: &mut dyn DatagramTransport,
        data: &[u8],
        from: &Addr,
        truncated: bool,
    ) {
        (**self).datagram_received(transport, data, from, truncated);
    }
    fn error_received(
        &mut self,
        transport: &mut dyn DatagramTransport,
        to: Option<&Addr>,
        error: &io::Error,
    ) {
        (**self).error_received(transport, to, error);
    }
    fn timer_fired(&mut self, transport: &mut dyn DatagramTransport, timer: Timer) {
        (**self).timer_fired(transport, timer);
    }
    fn event(&mut self, transport: &mut dyn DatagramTransport, event: Event) {
        (**self).event(transport, event);
    }
    fn stopping(&mut self, transport: &mut dyn DatagramTransport) {
        (**self).stopping(transport);
    }
    fn connection_lost(&mut self, transport: &mut dyn DatagramTransport, why: &Reason) {
        (**self).connection_lost(transport, why);
    }
    fn failed(&mut self, net: &dyn Net, why: &Reason) {
        (**self).failed(net, why);
    }
}

/// Bound datagram sockets. Dropping it changes nothing: `stop` stops.
#[derive(Clone)]
pub struct DatagramPort {
    addrs: Vec<Addr>,
    inner: Rc<dyn StopListening>,
}

impl DatagramPort {
    pub(crate) fn new(addrs: Vec<Addr>, inner: Rc<dyn StopListening>) -> DatagramPort {
        DatagramPort { addrs, inner }
    }

    /// The addresses bound, with the port that the system chose.
    #[doc(alias = "getHost")]
    pub fn addrs(&self) -> &[Addr] {
        &self.addrs
    }

    /// Closes the sockets, as [`DatagramTransport::close`] does. Again, it does nothing.
    #[doc(alias = "stopListening")]
    pub fn stop(&self) {
        self.inner.stop();
    }
}

impl fmt::Debug for DatagramPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DatagramPort").field(&self.addrs).finish()
    }
}

/// A datagram socket with one peer, opened or being opened. Dropping it changes nothing.
#[derive(Clone)]
pub struct DatagramConnector {
    target: Target,
    inner: Rc<dyn StopListening>,
}

impl DatagramConnector {
    pub(crate) fn new(target: Target, inner: Rc<dyn StopListening>) -> DatagramConnector {
        DatagramConnector { target, inner }
    }

    /// The peer, as it was asked for.
    #[doc(alias = "getDestination")]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Closes the socket, as [`DatagramTransport::close`] does; before it is open, the
    /// protocol hears `failed` with [`Kind::Aborted`].
    pub fn stop(&self) {
        self.inner.stop();
    }
}

impl fmt::Debug for DatagramConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatagramConnector({})", self.target)
    }
}

/// Reaches one datagram socket, from anywhere: cheap to clone, `Send + Sync`.
///
/// What is asked for is done once the current callback has returned, from another thread
/// by mail, within the bounds of a connection's [`Handle`](super::Handle). To a socket
/// that is closed, every method answers [`HandleError::Gone`].
#[derive(Clone, Debug)]
pub struct DatagramHandle(Arc<Mailbox>);

impl DatagramHandle {
    pub(crate) fn new(mailbox: Arc<Mailbox>) -> DatagramHandle {
        DatagramHandle(mailbox)
    }

    /// Which socket it reaches; different from every connection's and socket's.
    pub fn id(&self) -> ConnectionId {
        self.0.id()
    }

    /// Whether the socket is closed. It may be closed at any moment.
    pub fn is_gone(&self) -> bool {
        self.0.is_gone()
    }

    /// Sends one datagram to this address. `Ok` says that the socket will do it; what
    /// becomes of the datagram is as for [`DatagramTransport::send_to`].
    pub fn send_to(&self, data: &[u8], to: &Addr) -> Result<(), HandleError> {
        self.0.post(Request::Send(data.to_vec(), Some(to.clone())))
    }

    /// Sends one datagram to the peer of a socket that is connected.
    pub fn send(&self, data: &[u8]) -> Result<(), HandleError> {
        self.0.post(Request::Send(data.to_vec(), None))
    }

    /// Calls the protocol's [`event`](DatagramProtocol::event) with this.
    pub fn event<E: std::any::Any + Send>(&self, event: E) -> Result<(), HandleError> {
        self.0.post(Request::Event(Box::new(event)))
    }

    /// As [`DatagramTransport::close`].
    pub fn close(&self) -> Result<(), HandleError> {
        self.0.post(Request::Close)
    }

    /// As [`DatagramTransport::fail`].
    pub fn fail(&self, why: Reason) -> Result<(), HandleError> {
        self.0.post(Request::Fail(why))
    }
}
