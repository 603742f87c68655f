//! What may stand between the wire and a protocol: TLS, a PROXY header, a throttle, a
//! traffic log.
//! Owns: the `Layer` contract, and what a layer may ask of what is below (`Below`) and
//! hand to what is above (`Up`).
//! Never: decides when a layer is called; `connection` does.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use super::context::Context;
use super::wire::{
    ARM, BLOCKED, BROKEN, CLOSING, DEAD, EOF_SEEN, HELD, LINGERS, PAUSED, READ_OFF, RETIRING, Rare,
    SHUT, WATCHED, Wire,
};
use super::{Event, Reason, Timer, Transport};
use crate::addr::Addr;
use crate::clock::Time;
use crate::limits;

/// A layer: it overrides what it changes, and the rest passes.
///
/// Bytes that arrive go up through [`Layer::received`]; what is written goes down
/// through [`Layer::write`]. Timers, handles, pauses and closing belong to the
/// connection, so no layer has to know its neighbours. A layer that panics ends its own
/// connection. One that fails ([`Below::fail`]) ends it at once: what it passed up in the
/// same call is not delivered.
///
/// A whole policy, which counts what passes and refuses more than its limit:
///
/// ```
/// use ropewalk::protocol::{Below, Layer, Reason, Up};
/// struct AtMost { left: usize }
/// impl Layer for AtMost {
///     fn received<'d>(&mut self, below: &mut Below<'_>, data: &'d [u8], up: &mut Up<'d>) {
///         match self.left.checked_sub(data.len()) {
///             Some(left) => { self.left = left; up.pass(data) }
///             None => below.fail(Reason::failed("the peer sent more than it may")),
///         }
///     }
/// }
/// // Tested without engine or protocol:
/// let (mut bench, mut layer) = (ropewalk::testing::LayerBench::new(), AtMost { left: 3 });
/// assert_eq!(bench.receive(&mut layer, b"abc"), b"abc");
/// assert_eq!(bench.receive(&mut layer, b"d"), b"");
/// assert!(bench.failure().is_some());
/// ```
pub trait Layer: AsAny {
    /// What is below is ready. Say `up.made()` when this layer is, now or later: until
    /// every layer has, there is no protocol, and the start deadline runs.
    fn started(&mut self, below: &mut Below<'_>, up: &mut Up<'_>) {
        let _ = below;
        up.made();
    }

    /// Bytes came from below. What is not passed is gone.
    fn received<'d>(&mut self, below: &mut Below<'_>, data: &'d [u8], up: &mut Up<'d>) {
        let _ = below;
        up.pass(data);
    }

    /// The end of input came from below.
    fn eof(&mut self, below: &mut Below<'_>, up: &mut Up<'_>) {
        let _ = below;
        up.eof();
    }

    /// Bytes are written from above.
    fn write(&mut self, below: &mut Below<'_>, data: &[u8]) {
        below.write(data);
    }

    /// The callback that wrote has returned: what was kept back, so that it leaves together,
    /// is to go now. Called from the top down, before the kernel is given anything.
    fn flush(&mut self, below: &mut Below<'_>) {
        let _ = below;
    }

    /// No more writes will come from above: the last bytes, once `pending` is 0 above.
    fn finish(&mut self, below: &mut Below<'_>) {
        let _ = below;
    }

    /// Bytes accepted by `write` and not yet written below. A layer that buffers must
    /// say so, or the marks do not count them and closing does not wait for them.
    fn pending(&self) -> usize {
        0
    }

    /// A timer set through [`Below::set_timer`] came due.
    fn timer_fired(&mut self, below: &mut Below<'_>, timer: Timer, up: &mut Up<'_>) {
        let _ = (below, timer, up);
    }

    /// The connection is over.
    fn lost(&mut self, why: &Reason) {
        let _ = why;
    }
}

/// Lets [`with_layer`] look at a layer as what it is. Every type that can be is.
// A supertrait `Any` would do from Rust 1.86 on.
pub trait AsAny: Any {
    /// As itself.
    fn as_any(&mut self) -> &mut dyn Any;
}

impl<T: Any> AsAny for T {
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

/// What a layer may ask of what is below it.
#[derive(Debug)]
pub struct Below<'a> {
    layers: &'a mut [Box<dyn Layer>],
    wire: &'a mut Wire,
    context: &'a Context,
}

impl<'a> Below<'a> {
    /// What is below a layer: these layers, wire first, and the wire.
    pub fn new(
        layers: &'a mut [Box<dyn Layer>],
        wire: &'a mut Wire,
        context: &'a Context,
    ) -> Below<'a> {
        Below { layers, wire, context }
    }

    /// Writes bytes towards the wire, through the layers below.
    pub fn write(&mut self, data: &[u8]) {
        match self.layers.split_last_mut() {
            Some((next, layers)) => {
                next.write(&mut Below { layers, wire: self.wire, context: self.context }, data);
            }
            None => self.wire.write(data, self.context),
        }
    }

    /// Lets no more input come up to this layer until it resumes. Pauses of several
    /// layers add up; each undoes its own.
    pub fn pause_reading(&mut self) {
        self.wire.pause(self.layers.len());
    }

    /// Undoes this layer's pause.
    pub fn resume_reading(&mut self) {
        self.wire.resume(self.layers.len());
    }

    /// Sends what is below, then closes, with this reason. For a last word that a reset
    /// would destroy, as an alert is.
    pub fn close_because(&mut self, why: Reason) {
        if !self.wire.has(DEAD) {
            self.wire.rare().reason.get_or_insert(why);
            self.wire.set(CLOSING | SHUT);
        }
    }

    /// Ends the connection with a reset, for this reason.
    pub fn fail(&mut self, why: Reason) {
        self.wire.fail(why);
    }

    /// Counts bytes that were accepted by `write` and can't be written any more: the reason
    /// of the end tells them as unsent.
    pub fn count_unsent(&mut self, bytes: usize) {
        self.wire.rare().unsent += bytes as u64;
    }

    /// Whether a close was asked for, and not only the end of our direction.
    pub fn is_closing(&self) -> bool {
        self.wire.has(CLOSING)
    }

    /// A close will wait, within its bounds, until the peer ends too, as it does where input
    /// is left unread: bytes are under way to us, and a reset for them could destroy our last.
    pub fn linger(&mut self) {
        self.wire.set(LINGERS);
    }

    /// A handshake begins: until `end_handshake`, the handshake deadline runs. Input for it
    /// waits for no pause above this layer, and comes even after a close, as what was
    /// written before that waits for the handshake.
    pub fn begin_handshake(&mut self) {
        self.wire.rare().handshakes |= 1 << self.layers.len();
    }

    /// The handshake is done.
    pub fn end_handshake(&mut self) {
        self.wire.rare().handshakes &= !(1 << self.layers.len());
    }

    /// Sets a timer of this layer's own.
    pub fn set_timer(&mut self, timer: Timer, after: Duration) {
        self.wire.set_timer(self.layers.len(), timer, after, self.context);
    }

    /// Cancels one.
    pub fn cancel_timer(&mut self, timer: Timer) {
        self.wire.cancel_timer(self.layers.len(), timer);
    }

    /// This layer has done its work, and leaves the stack once the call it is in, with all
    /// that it led to, is over, and [`Layer::pending`] is 0. What is above moves down, with
    /// its timers, pauses and waiting input; the layer's own timers, its pause and its
    /// handshake end. It hears of nothing more, [`Layer::lost`] included, and
    /// [`with_layer`] no longer finds it. A connection that has no layers left costs no more
    /// than one that never had any.
    ///
    /// Say [`Up::made`] before, or nobody will: the connection then meets its start deadline.
    ///
    /// ```
    /// use ropewalk::protocol::{Below, Layer, Up};
    /// struct Greets;
    /// impl Layer for Greets {
    ///     fn started(&mut self, below: &mut Below<'_>, up: &mut Up<'_>) {
    ///         below.write(b"220 ready\r\n");
    ///         up.made();
    ///         below.retire();
    ///     }
    /// }
    /// let (mut bench, mut layer) = (ropewalk::testing::LayerBench::new(), Greets);
    /// assert!(bench.start(&mut layer) && bench.is_retired());
    /// ```
    pub fn retire(&mut self) {
        self.wire.rare().retired |= 1 << self.layers.len();
        self.wire.set(RETIRING);
    }

    /// Keeps a value until the connection is over, then drops it: a permit, a guard. So a
    /// layer that only counts connections can retire.
    pub fn keep(&mut self, value: impl Any) {
        let kept = &mut self.wire.rare().kept;
        if kept.len() < limits::KEPT_VALUES {
            return kept.push(Box::new(value));
        }
        self.fail(Reason::failed("layers keep too many values with one connection"));
    }

    /// Ends the connection after so long, whatever it does until then, with
    /// `Deadline(Total)`. It stays set when this layer retires.
    pub fn set_total_deadline(&mut self, after: Duration) {
        let at = self.context.fresh_now() + after;
        self.wire.rare().total = Some((at, self.context.next_sequence()));
        self.wire.set(ARM);
    }

    /// From now on [`Below::traffic`] counts bytes.
    pub fn count_traffic(&mut self) {
        self.wire.set(WATCHED);
    }

    /// What moved on the wire, below every layer, and who waits for whom.
    pub fn traffic(&self) -> Traffic {
        let wire = &*self.wire;
        let counts = |rare: &Rare| (rare.received, rare.sent, rare.pause_count);
        let (received, sent, pauses) = wire.rare.as_deref().map_or((0, 0, 0), counts);
        Traffic {
            received,
            sent,
            pauses,
            is_reading: !wire.has(PAUSED | HELD | READ_OFF | EOF_SEEN | CLOSING | BROKEN),
            is_stuck: wire.has(BLOCKED) && !wire.is_empty(),
        }
    }

    /// The engine's time.
    pub fn now(&self) -> Time {
        self.context.now()
    }

    /// The peer as it is known so far.
    pub fn peer_addr(&self) -> Addr {
        self.wire.peer()
    }

    /// The peer as it really is, which a header told.
    pub fn set_peer_addr(&mut self, peer: Addr) {
        self.wire.set_peer(peer);
    }

    /// What the peer connected to, which a header told: the protocol's
    /// [`local_addr`](Transport::local_addr) from now on.
    pub fn set_local_addr(&mut self, local: Addr) {
        self.wire.set_local(local);
    }
}

/// What moved on a connection's wire, and who waits for whom: see [`Below::traffic`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Bytes received since [`Below::count_traffic`].
    pub received: u64,
    /// Bytes that the kernel took since then.
    pub sent: u64,
    /// How often a layer or the protocol paused reading, from the beginning.
    pub pauses: u64,
    /// We read: nobody has paused, nothing waits, neither end has ended or closed.
    pub is_reading: bool,
    /// Bytes are unsent, and the kernel takes none of them now: the peer is slow to read.
    pub is_stuck: bool,
}

/// What a layer hands to what is above it, in the order in which it is called. Nothing
/// is done with it before the layer's own method has returned.
#[derive(Debug)]
pub struct Up<'d> {
    /// The commonest call hands up one thing: that takes no list.
    first: Option<UpItem<'d>>,
    further: Vec<UpItem<'d>>,
    context: &'d Context,
}

/// One thing that a layer handed up.
#[non_exhaustive]
pub enum UpItem<'d> {
    /// The layer is ready.
    Made,
    /// Part of what was received, as it is.
    Passed(&'d [u8]),
    /// Bytes that the layer made.
    Bytes(Vec<u8>),
    /// The end of input.
    Eof,
    /// Something for the protocol's `event`; other layers do not see it.
    Event(Event),
}

impl<'d> Up<'d> {
    /// Collects what a layer hands up.
    pub fn new(context: &'d Context) -> Up<'d> {
        Up { first: None, further: Vec::new(), context }
    }

    /// This layer is ready for what is above.
    pub fn made(&mut self) {
        self.push(UpItem::Made);
    }

    /// The end of input.
    pub fn eof(&mut self) {
        self.push(UpItem::Eof);
    }

    /// Something for the protocol, past the layers above.
    pub fn event(&mut self, event: Event) {
        self.push(UpItem::Event(event));
    }

    /// Part of what was received, without a copy.
    pub fn pass(&mut self, data: &'d [u8]) {
        if !data.is_empty() {
            self.push(UpItem::Passed(data));
        }
    }

    /// A buffer, lent by the engine: what is appended goes up.
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        let last = self.further.last().or(self.first.as_ref());
        if !matches!(last, Some(UpItem::Bytes(_))) {
            self.push(UpItem::Bytes(self.context.take_scratch()));
        }
        match self.further.last_mut().or(self.first.as_mut()) {
            Some(UpItem::Bytes(bytes)) => bytes,
            _ => unreachable!("pushed above"),
        }
    }

    /// What was handed up.
    pub fn into_items(self) -> impl Iterator<Item = UpItem<'d>> {
        self.first.into_iter().chain(self.further)
    }

    fn push(&mut self, item: UpItem<'d>) {
        match self.first {
            None => self.first = Some(item),
            Some(_) => self.further.push(item),
        }
    }
}

impl fmt::Debug for UpItem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UpItem::Made => f.write_str("Made"),
            UpItem::Passed(data) => write!(f, "Passed({} B)", data.len()),
            UpItem::Bytes(data) => write!(f, "Bytes({} B)", data.len()),
            UpItem::Eof => f.write_str("Eof"),
            UpItem::Event(_) => f.write_str("Event"),
        }
    }
}

impl fmt::Debug for dyn Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Layer")
    }
}

/// The layers of a connection, from the wire up.
#[derive(Debug, Default)]
pub struct Layers(Vec<Box<dyn Layer>>);

impl Layers {
    /// No layers.
    pub fn new() -> Layers {
        Layers::default()
    }

    /// Puts a layer on top of those that are there.
    pub fn push(&mut self, layer: impl Layer) {
        self.0.push(Box::new(layer));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn into_vec(self) -> Vec<Box<dyn Layer>> {
        self.0
    }
}

/// Looks at the topmost layer of type `L`: the TLS version, what a throttle let pass.
/// `None` if there is no such layer.
pub fn with_layer<L: Layer, R>(
    transport: &mut dyn Transport,
    look: impl FnOnce(&mut L) -> R,
) -> Option<R> {
    let mut look = Some(look);
    let mut seen = None;
    transport.visit_layers(&mut |layer| {
        if let Some(layer) = layer.downcast_mut::<L>() {
            seen = look.take().map(|look| look(layer));
        }
        look.is_none()
    });
    seen
}
