//! What a protocol is, and what it may count on.
//!
//! Owns: the contracts between a protocol, its factory, its transport and the layers
//! between them and the wire. Never: does I/O, asks the time, starts a thread; how the
//! promises are kept is `connection`'s.
//!
//! # The life of a connection
//!
//! `connection_made` once, first; then any number of `data_received`; at most one
//! `eof_received`, with no data after it; `connection_lost` exactly once, last. No
//! callback ever runs inside another: what a callback asks for (of its own connection or
//! of another) takes effect without calling back into a protocol that is on the stack.
//!
//! | state | what happens | callback | next |
//! | --- | --- | --- | --- |
//! | Connecting | the peer's machine accepted | – | Starting |
//! | Starting | the topmost layer is ready | [`Factory::build`], `connection_made` | Open |
//! | Connecting, Starting | error, deadline, close, refusal | the factory's `failed` | gone |
//! | Open | data | `data_received` | Open |
//! | Open, paused | data, or the peer's end of input | none: it waits | Open |
//! | Open, paused | the peer resets | none: what had arrived waits for `resume_reading` | Open |
//! | Open | the peer's end of input | `eof_received` (default: close) | HalfRemote |
//! | Open, Half* | more than the high mark is unsent, after a flush was tried | `pause_writing` | same |
//! | Open, Half* | unsent falls to the low mark, after a pause or any `Full` | `resume_writing` | same |
//! | Open, Half* | a write begun at or past the hard limit | `connection_lost(Overrun)` | gone |
//! | Open | `shutdown_write` | none; the peer reads to the end | HalfLocal |
//! | HalfLocal | the peer's end of input | `eof_received`, `connection_lost(PeerClosed)` | gone |
//! | HalfRemote | `shutdown_write`, all sent | `connection_lost(PeerClosed)` | gone |
//! | Open, Half* | `close` | none until the end | Closing |
//! | Closing | all sent (and unread input lingered over) | `connection_lost(Closed)`, or `PeerClosed` after the peer's end of input | gone |
//! | Open, Half* | the reactor drains | [`Protocol::stopping`] (default: close) | Closing |
//! | any | `abort`, `fail`, a panic, an I/O error, a deadline | `connection_lost(why)` | gone |
//! | gone | anything | none; a [`Handle`] answers `Gone` | gone |
//!
//! The first cause of the end wins. A failed callback, an abort and a deadline end with
//! a reset, so that a cut answer does not look whole. After `close`, `shutdown_write` or
//! the end, writes are dropped and answer [`Flow::Closed`].
//!
//! Names follow PEP 3156, which grew out of Twisted.

mod context;
mod datagram;
mod factory;
mod handle;
mod hook;
mod job;
mod layer;
mod looping;
mod net;
mod on_layers;
mod producer;
mod reason;
mod task;
mod transport;
pub(crate) mod wire;

pub use context::Context;
pub use datagram::{
    DatagramConnector, DatagramHandle, DatagramPort, DatagramProtocol, DatagramTransport, Sending,
};
pub use factory::{
    Client, ClientFactory, DynClientFactory, DynFactory, Factory, FromFn, Map, Shared, WithLayer,
    client, from_fn,
};
pub use handle::{ConnectionId, Handle, HandleError, Mailbox, Post, Request};
pub use hook::{Hold, Hook, HookCall, HookHandle, Moment, Phase, RemoveHook};
pub(crate) use hook::{Holding, Release};
pub use job::Job;
pub(crate) use job::Then;
pub use layer::{AsAny, Below, Layer, Layers, Traffic, Up, UpItem, with_layer};
pub use looping::{Busy, Every, LoopEnd, LoopingCall, Tick};
pub use net::{
    CancelLookup, Connector, ConnectorState, Listener, Lookup, Net, Postpone, Reconnect, Resolved,
    StopListening, TimerHandle,
};
pub use on_layers::{ClientOnLayers, OnLayers, client_on_layers, on_layers};
pub use producer::{Descriptor, Producer, Streaming};
pub use reason::{By, Deadline, Kind, Reason};
pub use task::{CancelTask, Sleep, Task, TimedOut, Work, YieldNow, yield_now};
pub use transport::{Event, Flow, Timer, Transport};
pub use wire::{Out, Wire};

/// A protocol: a state machine that is told what happens to one connection.
///
/// Every callback gets the transport as an argument; a protocol stores no socket, no
/// reactor, no global. Only [`Protocol::data_received`] must be written.
///
/// A callback that panics ends its own connection, with [`Kind::Panicked`]; others go on.
/// `why.source()` says what it said. No callback blocks: the loop's other connections
/// would wait.
///
/// ```
/// use ropewalk::{Protocol, Transport};
/// struct Echo;
/// impl Protocol for Echo {
///     fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
///         transport.write(data);
///     }
/// }
/// let mut recorder = ropewalk::testing::Recorder::new();
/// Echo.data_received(&mut recorder, b"hello");
/// assert_eq!(recorder.written(), b"hello");
/// ```
pub trait Protocol {
    /// The connection is there, and every layer is ready. Called once, first.
    #[doc(alias = "connectionMade")]
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        let _ = transport;
    }

    /// Bytes arrived, in order. Their boundaries mean nothing: a message may come in
    /// pieces, or several at once. `data` is lent for the call, and never empty.
    #[doc(alias = "dataReceived")]
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]);

    /// The peer will send no more; it may still read. The default closes, after what is
    /// unsent has been sent. To go on writing, override it and close later.
    #[doc(alias = "readConnectionLost")]
    fn eof_received(&mut self, transport: &mut dyn Transport) {
        transport.close();
    }

    /// More than the high mark is unsent: stop writing until `resume_writing`.
    #[doc(alias = "pauseProducing")]
    fn pause_writing(&mut self, transport: &mut dyn Transport) {
        let _ = transport;
    }

    /// There is room again. Follows every pause, and every write answered
    /// [`Flow::Full`] even if no pause was told.
    #[doc(alias = "resumeProducing")]
    fn resume_writing(&mut self, transport: &mut dyn Transport) {
        let _ = transport;
    }

    /// A timer set with [`Transport::set_timer`] came due.
    fn timer_fired(&mut self, transport: &mut dyn Transport, timer: Timer) {
        let _ = (transport, timer);
    }

    /// Somebody sent this through a [`Handle`], or a layer has something to say.
    fn event(&mut self, transport: &mut dyn Transport, event: Event) {
        let _ = (transport, event);
    }

    /// The reactor (or server) is stopping, and has already delivered what had arrived.
    /// The default closes. Whoever stays is cut at the end of the grace, with
    /// [`Kind::Stopped`].
    fn stopping(&mut self, transport: &mut dyn Transport) {
        transport.close();
    }

    /// The connection is over, for this reason. Called exactly once, last; the transport
    /// still tells its addresses and `net()`, its writes go nowhere.
    #[doc(alias = "connectionLost")]
    fn connection_lost(&mut self, transport: &mut dyn Transport, why: &Reason) {
        let _ = (transport, why);
    }
}

/// Forwards every callback, so that boxed protocols are protocols.
impl<P: Protocol + ?Sized> Protocol for Box<P> {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        (**self).connection_made(transport);
    }
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        (**self).data_received(transport, data);
    }
    fn eof_received(&mut self, transport: &mut dyn Transport) {
        (**self).eof_received(transport);
    }
    fn pause_writing(&mut self, transport: &mut dyn Transport) {
        (**self).pause_writing(transport);
    }
    fn resume_writing(&mut self, transport: &mut dyn Transport) {
        (**self).resume_writing(transport);
    }
    fn timer_fired(&mut self, transport: &mut dyn Transport, timer: Timer) {
        (**self).timer_fired(transport, timer);
    }
    fn event(&mut self, transport: &mut dyn Transport, event: Event) {
        (**self).event(transport, event);
    }
    fn stopping(&mut self, transport: &mut dyn Transport) {
        (**self).stopping(transport);
    }
    fn connection_lost(&mut self, transport: &mut dyn Transport, why: &Reason) {
        (**self).connection_lost(transport, why);
    }
}
