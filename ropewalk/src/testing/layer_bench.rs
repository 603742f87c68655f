//! One layer on a bench: bytes in at either side, and what comes out.
//! Owns: a wire without a kernel, a virtual clock, and input that a pause holds back.
//! Never: runs a protocol, or a second layer; two ends in memory do.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use crate::addr::Addr;
use crate::clock::{Time, VirtualClock};
use crate::limits::{LAYERS, Limits, TEST_FIRINGS as FIRINGS};
use crate::protocol::wire::{Armed, BLOCKED, CLOSING, DEAD, EOF_SEEN, RETIRING, Rare, WATCHED};
use crate::protocol::{Below, Context, Deadline, Event, Kind, Layer, Reason, Up, UpItem, Wire};

/// Tests one layer without engine or protocol: what it passes up, writes down, waits for
/// and refuses.
///
/// It keeps the connection's promises to the layer: nothing is called after a failure or
/// once it has retired, input waits while the layer pauses reading, timers fire in order of
/// their deadlines. Each call here is a callback, after which the layer is told to flush.
///
/// ```
/// use ropewalk::policy::Throttle;
/// use ropewalk::testing::LayerBench;
/// use std::time::Duration;
/// let mut bench = LayerBench::new();
/// let mut layer = Throttle::new().write(10, 5); // 10 B/s, 5 B at once
/// assert!(bench.start(&mut layer));
/// assert_eq!(bench.write(&mut layer, b"hello, world"), b"hello");
/// bench.advance(&mut layer, Duration::from_millis(500));
/// assert_eq!(bench.take_wire(), b", wor");
/// ```
pub struct LayerBench {
    clock: VirtualClock,
    context: Context,
    wire: Wire,
    held: VecDeque<Held>,
    above: Above,
    /// The layer has retired, and holds nothing back.
    retired: bool,
}

/// What went up.
#[derive(Default)]
struct Above {
    made: bool,
    eof: bool,
    bytes: Vec<u8>,
    events: Vec<Event>,
}

enum Held {
    Data(Vec<u8>),
    Eof,
}

impl LayerBench {
    /// A bench with the default limits, at [`Time::ZERO`]; the peer is `127.0.0.1:50000`.
    pub fn new() -> LayerBench {
        let clock = VirtualClock::new();
        LayerBench {
            context: Context::new(Box::new(clock.clone()), Limits::default()),
            clock,
            wire: Wire::new(&super::default_peer()),
            held: VecDeque::new(),
            above: Above::default(),
            retired: false,
        }
    }

    /// The same with another peer.
    #[must_use]
    pub fn with_peer(mut self, peer: impl Into<Addr>) -> LayerBench {
        self.wire.set_peer(peer.into());
        self
    }

    /// Calls `started`. Answers whether the layer is ready already.
    pub fn start(&mut self, layer: &mut dyn Layer) -> bool {
        self.call(layer, |layer, below, up| layer.started(below, up));
        self.above.made
    }

    /// Bytes come from below. Answers what the layer passed up now; while it pauses
    /// reading they wait, as a connection makes them.
    pub fn receive(&mut self, layer: &mut dyn Layer, data: &[u8]) -> Vec<u8> {
        if !data.is_empty() {
            self.count(|rare| rare.received += data.len() as u64);
            self.held.push_back(Held::Data(data.to_vec()));
        }
        self.deliver(layer);
        std::mem::take(&mut self.above.bytes)
    }

    /// The end of input comes from below. Answers whether it went up; while the layer
    /// pauses reading it waits, and [`LayerBench::is_at_eof`] tells later.
    pub fn eof(&mut self, layer: &mut dyn Layer) -> bool {
        self.wire.set(EOF_SEEN);
        self.held.push_back(Held::Eof);
        self.deliver(layer);
        self.above.eof
    }

    /// Bytes are written from above. Answers what reached the wire by now.
    pub fn write(&mut self, layer: &mut dyn Layer, data: &[u8]) -> Vec<u8> {
        self.write_together(layer, &[data])
    }

    /// Several writes of one callback. Answers what reached the wire by now.
    pub fn write_together(&mut self, layer: &mut dyn Layer, writes: &[&[u8]]) -> Vec<u8> {
        for data in writes.iter().filter(|_| self.retired) {
            self.wire.write(data, &self.context);
        }
        self.call(layer, |layer, below, _| writes.iter().for_each(|data| layer.write(below, data)));
        self.take_wire()
    }

    /// No more is written from above. Answers what reached the wire by now.
    pub fn finish(&mut self, layer: &mut dyn Layer) -> Vec<u8> {
        self.call(layer, |layer, below, _| layer.finish(below));
        self.take_wire()
    }

    /// Moves the clock by `by`, instant by instant: each timer fires at its own. Answers
    /// what the layer passed up; [`LayerBench::take_wire`] has what it wrote.
    ///
    /// # Panics
    /// If timers come due without end.
    pub fn advance(&mut self, layer: &mut dyn Layer, by: Duration) -> Vec<u8> {
        let until = self.now() + by;
        let mut firings = 0;
        while let Some(armed) = self.next_timer().filter(|armed| armed.at <= until) {
            firings += 1;
            assert!(firings < FIRINGS, "{:?} comes due without end", armed.timer);
            self.pass_time(armed.at);
            self.wire.rare().timers.retain(|other| *other != armed);
            self.call(layer, |layer, below, up| layer.timer_fired(below, armed.timer, up));
            self.deliver(layer);
        }
        self.pass_time(until);
        std::mem::take(&mut self.above.bytes)
    }

    /// Tells the layer that the connection is over.
    pub fn lose(&mut self, layer: &mut dyn Layer, why: &Reason) {
        self.wire.set(DEAD);
        layer.lost(why);
    }

    /// Takes what reached the wire since it was last asked.
    pub fn take_wire(&mut self) -> Vec<u8> {
        let Some(out) = &mut self.wire.out else { return Vec::new() };
        let count = if self.wire.flags & BLOCKED == 0 { out.len() } else { 0 };
        let bytes = out.unsent()[..count].to_vec();
        out.consume(count);
        self.count(|rare| rare.sent += count as u64);
        bytes
    }

    /// From now on the kernel takes so many of the bytes written (as a peer that reads so
    /// many does) and no more, until it is said again. Answers what it took.
    pub fn take_some(&mut self, most: usize) -> Vec<u8> {
        self.wire.set(BLOCKED);
        let Some(out) = &mut self.wire.out else { return Vec::new() };
        let bytes = out.unsent()[..most.min(out.len())].to_vec();
        out.consume(bytes.len());
        self.count(|rare| rare.sent += bytes.len() as u64);
        bytes
    }

    /// Pauses and resumes reading, as the protocol above does: what comes waits.
    pub fn pause_above(&mut self, paused: bool) {
        match paused {
            true => self.wire.pause(LAYERS),
            false => self.wire.resume(LAYERS),
        }
    }

    /// Takes what went up by itself, as what a pause had held back or `start` let loose.
    pub fn take_up(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.above.bytes)
    }

    /// Takes the events that the layer handed to the protocol.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.above.events)
    }

    /// Why the layer ended the connection, if it did.
    pub fn failure(&self) -> Option<&Reason> {
        self.wire.failure()
    }

    /// Whether the layer asked to close in order, with [`Below::close_because`].
    pub fn is_closing(&self) -> bool {
        self.wire.has(CLOSING)
    }

    /// The peer, as the layer says it is.
    pub fn peer(&self) -> Addr {
        self.wire.peer()
    }

    /// Our own address, if the layer says that it is not the socket's.
    pub fn local(&self) -> Option<Addr> {
        self.wire.local()
    }

    /// Whether the layer, or what is above it, pauses reading.
    pub fn is_reading_paused(&self) -> bool {
        self.wire.is_paused_for(0)
    }

    /// Whether the layer has retired, and holds nothing back: it is called no more, and
    /// what comes passes without it.
    pub fn is_retired(&self) -> bool {
        self.retired
    }

    /// Whether the layer said that it is ready.
    pub fn is_made(&self) -> bool {
        self.above.made
    }

    /// Whether the end of input went up.
    pub fn is_at_eof(&self) -> bool {
        self.above.eof
    }

    /// When the layer's next timer comes due.
    pub fn next_timer_at(&self) -> Option<Time> {
        self.next_timer().map(|armed| armed.at)
    }

    /// The bench's time.
    pub fn now(&self) -> Time {
        self.context.now()
    }

    fn next_timer(&self) -> Option<Armed> {
        let rare = self.wire.rare.as_ref().filter(|_| !self.wire.has(DEAD))?;
        rare.timers.iter().copied().min_by_key(|armed| (armed.at, armed.sequence))
    }

    /// What a pause does not hold back goes to the layer.
    fn deliver(&mut self, layer: &mut dyn Layer) {
        while !self.is_reading_paused() {
            let Some(held) = self.held.pop_front() else { break };
            if self.is_closing() && !self.wire.in_handshake(0) {
                continue; // after its close, a connection delivers nothing
            }
            match &held {
                _ if self.wire.has(DEAD) => {}
                Held::Data(data) if self.retired => self.above.bytes.extend_from_slice(data),
                Held::Eof if self.retired => self.above.eof = true,
                Held::Data(data) => {
                    self.call(layer, |layer, below, up| layer.received(below, data, up));
                }
                Held::Eof => self.call(layer, |layer, below, up| layer.eof(below, up)),
            }
        }
    }

    /// Until this instant, or the end of the whole connection, if that comes before.
    fn pass_time(&mut self, until: Time) {
        self.clock.advance_to(until);
        self.context.forget_now();
        let total = self.wire.rare.as_ref().and_then(|rare| rare.total);
        if total.is_some_and(|(at, _)| at <= until) {
            self.wire.fail(Reason::new(Kind::Deadline(Deadline::Total)));
        }
    }

    fn count(&mut self, count: impl FnOnce(&mut Rare)) {
        if self.wire.has(WATCHED) {
            count(self.wire.rare());
        }
    }

    fn call<'d, L: Layer + ?Sized>(
        &'d mut self,
        layer: &mut L,
        call: impl FnOnce(&mut L, &mut Below<'_>, &mut Up<'d>),
    ) {
        if self.wire.has(DEAD) || self.retired {
            return;
        }
        let mut up = Up::new(&self.context);
        let mut below = Below::new(&mut [], &mut self.wire, &self.context);
        call(layer, &mut below, &mut up);
        layer.flush(&mut below);
        // Above a connection that has failed nothing is delivered any more.
        for item in up.into_items().filter(|_| !self.wire.has(DEAD)) {
            match item {
                UpItem::Made => self.above.made = true,
                UpItem::Passed(data) => self.above.bytes.extend_from_slice(data),
                UpItem::Bytes(data) => self.above.bytes.extend_from_slice(&data),
                UpItem::Eof => self.above.eof = true,
                UpItem::Event(event) => self.above.events.push(event),
            }
        }
        if self.wire.has(RETIRING) && layer.pending() == 0 {
            self.retired = true;
            self.wire.drop_level(0);
        }
    }
}

impl Default for LayerBench {
    fn default() -> LayerBench {
        LayerBench::new()
    }
}

impl fmt::Debug for LayerBench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayerBench")
            .field("now", &self.now())
            .field("wire", &self.wire)
            .field("failure", &self.failure())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Timer;

    const S: Duration = Duration::from_secs(1);

    /// Obeys one-letter orders, and notes which timers fired.
    #[derive(Default)]
    struct Puppet {
        fired: Vec<u16>,
        is_restless: bool,
    }

    impl Layer for Puppet {
        fn started(&mut self, _: &mut Below<'_>, _: &mut Up<'_>) {}
        fn received<'d>(&mut self, below: &mut Below<'_>, data: &'d [u8], up: &mut Up<'d>) {
            match data {
                b"p" => below.pause_reading(),
                b"m" => up.made(),
                b"e" => up.event(Box::new(7u8)),
                b"f" => below.fail(Reason::failed("as told")),
                b"c" => below.close_because(Reason::failed("politely")),
                b"w" => below.write(b"pong"),
                _ => {}
            }
            up.bytes().extend_from_slice(b"<");
            up.pass(data);
        }
        fn timer_fired(&mut self, below: &mut Below<'_>, timer: Timer, up: &mut Up<'_>) {
            self.fired.push(timer.0);
            below.resume_reading();
            up.bytes().push(b'!');
            if self.is_restless {
                below.set_timer(timer, Duration::ZERO);
            }
        }
        fn write(&mut self, below: &mut Below<'_>, data: &[u8]) {
            below.set_timer(Timer(data.len() as u16), S);
        }
    }

    #[test]
    fn what_a_layer_does_is_seen() {
        let (mut bench, mut layer) = (LayerBench::new(), Puppet::default());
        assert!(!bench.start(&mut layer));
        assert_eq!(bench.receive(&mut layer, b"m"), b"<m");
        assert!(bench.is_made());
        bench.receive(&mut layer, b"w");
        assert_eq!((bench.take_wire(), bench.take_wire()), (b"pong".to_vec(), Vec::new()));
        bench.receive(&mut layer, b"e");
        assert_eq!(bench.take_events().len(), 1);
    }

    #[test]
    fn a_pause_holds_input_and_its_end_back() {
        let (mut bench, mut layer) = (LayerBench::new(), Puppet::default());
        bench.write(&mut layer, b"1");
        assert_eq!(bench.receive(&mut layer, b"p"), b"<p");
        assert_eq!(bench.receive(&mut layer, b"x"), b"");
        assert!(!bench.eof(&mut layer) && bench.is_reading_paused());
        assert_eq!(bench.advance(&mut layer, S), b"!<x");
        assert!(bench.is_at_eof());
    }

    #[test]
    fn nothing_is_called_after_a_failure_and_nothing_delivered_after_a_close() {
        let (mut bench, mut layer) = (LayerBench::new(), Puppet::default());
        bench.write(&mut layer, b"1");
        assert_eq!(bench.receive(&mut layer, b"f"), b"");
        assert_eq!(bench.receive(&mut layer, b"x"), b"");
        assert_eq!(bench.advance(&mut layer, S), b"");
        assert!(layer.fired.is_empty() && !bench.eof(&mut layer));
        assert_eq!(bench.failure().unwrap().to_string(), "failed: as told");
        let mut bench = LayerBench::new();
        bench.receive(&mut layer, b"c");
        assert!(bench.is_closing() && bench.failure().is_some());
        assert_eq!(bench.receive(&mut layer, b"x"), b"");
    }

    #[test]
    fn timers_fire_in_the_order_of_setting_among_equals() {
        let (mut bench, mut layer) = (LayerBench::new(), Puppet::default());
        for timer in [&b"333"[..], b"1", b"22", b"333"] {
            bench.write(&mut layer, timer);
        }
        bench.advance(&mut layer, S);
        assert_eq!((&layer.fired[..], bench.now()), (&[1, 2, 3][..], Time::ZERO + S));
    }

    #[test]
    #[should_panic(expected = "comes due without end")]
    fn timers_without_end_do_not_hang_the_test() {
        let (mut bench, mut layer) = (LayerBench::new(), Puppet::default());
        layer.is_restless = true;
        bench.write(&mut layer, b"1");
        bench.advance(&mut layer, S);
    }
}
