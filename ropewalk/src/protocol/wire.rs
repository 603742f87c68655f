//! The bottom of a connection: bytes that wait for the kernel, and the flags and rare
//! state that every part of the connection shares.
//! Owns: the output buffer, the peer's address, named timers, pauses, the first reason.
//! Never: calls a layer or a protocol; what the flags *mean* for the life of a
//! connection stands in `connection`.

use std::any::Any;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::context::Context;
use super::handle::Mailbox;
use super::{Deadline, Reason, Timer};
use crate::addr::Addr;
use crate::clock::Time;
use crate::limits;

// The flags of a connection. A steady, open connection has `BUILT` and nothing else, so
// that one comparison decides whether input goes straight to the protocol.

/// `connection_made` was called (or is being called).
pub(crate) const BUILT: u32 = 1;
/// The kernel is still connecting.
pub(crate) const CONNECTING: u32 = 1 << 1;
/// There are layers.
pub(crate) const STACKED: u32 = 1 << 2;
/// Somebody paused reading.
pub(crate) const PAUSED: u32 = 1 << 3;
/// The driver was told not to read.
pub(crate) const READ_OFF: u32 = 1 << 4;
/// Input waits for a pause to end.
pub(crate) const HELD: u32 = 1 << 5;
/// The peer's end of input came.
pub(crate) const EOF_SEEN: u32 = 1 << 6;
/// It was told to the protocol.
pub(crate) const EOF_TOLD: u32 = 1 << 7;
/// No more writes from above: `close` or `shutdown_write`.
pub(crate) const SHUT: u32 = 1 << 8;
/// `close`.
pub(crate) const CLOSING: u32 = 1 << 9;
/// Every layer has written its last.
pub(crate) const FINISHED: u32 = 1 << 10;
/// The driver was told to end our direction.
pub(crate) const FIN_SENT: u32 = 1 << 11;
/// Closed with unread input: what comes is discarded until the peer ends too.
pub(crate) const LINGERING: u32 = 1 << 12;
/// The kernel took less than all; it will say when it takes more.
pub(crate) const BLOCKED: u32 = 1 << 13;
/// A write was answered `Full`: a `resume_writing` is owed.
pub(crate) const OWED: u32 = 1 << 14;
/// `pause_writing` was told.
pub(crate) const WRITE_PAUSED: u32 = 1 << 15;
/// The peer reset: our direction is dead, what had arrived may still be delivered.
pub(crate) const BROKEN: u32 = 1 << 16;
/// The end is decided: nothing is delivered or sent any more.
pub(crate) const DEAD: u32 = 1 << 17;
/// The end was handed to the engine.
pub(crate) const LOST: u32 = 1 << 18;
/// Timers or deadlines changed: the engine has to look.
pub(crate) const ARM: u32 = 1 << 19;
/// An observer counts the bytes.
pub(crate) const WATCHED: u32 = 1 << 20;
/// The connection has an idle timeout: bytes move it.
pub(crate) const IDLE: u32 = 1 << 21;
/// Everything is over in order: the engine is to be told.
pub(crate) const DONE: u32 = 1 << 23;
/// Whether unread input is left was asked.
pub(crate) const CHECKED: u32 = 1 << 24;
/// It is on the engine's list of connections that something touched.
pub(crate) const DIRTY: u32 = 1 << 25;
/// Input came after `close`, or is under way: a close lingers.
pub(crate) const LINGERS: u32 = 1 << 22;
/// A layer has done its work, and is to be taken out.
pub(crate) const RETIRING: u32 = 1 << 26;
/// The protocol gave back part of what it was just given; see `Rare::unread`.
pub(crate) const UNREAD: u32 = 1 << 27;

/// A producer is registered: our direction stays open until it has unregistered.
pub(crate) const PRODUCING: u32 = 1 << 28;
/// Files or descriptors wait to be sent, and what was written after them.
pub(crate) const QUEUED: u32 = 1 << 29;
/// Descriptors are received: input goes the long way.
pub(crate) const PASSING: u32 = 1 << 30;

/// Bytes accepted for sending, and how many of them the kernel has taken.
#[derive(Debug, Default)]
pub struct Out {
    bytes: Vec<u8>,
    taken: usize,
    in_flight: usize,
}

impl Out {
    /// What the kernel has not been given yet.
    #[inline]
    pub fn unsent(&self) -> &[u8] {
        // `taken` never passes the length: `consume` clamps it.
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    /// Bytes that are not the kernel's yet, those in flight included.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.taken + self.in_flight
    }

    /// Whether nothing is unsent and nothing in flight.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A readiness driver sent the first `count` bytes of [`Out::unsent`].
    #[inline]
    pub fn consume(&mut self, count: usize) {
        self.taken += count.min(self.bytes.len() - self.taken);
        if self.taken == self.bytes.len() {
            self.bytes.clear();
            self.taken = 0;
        }
    }

    /// A completion driver takes all of [`Out::unsent`] with it; the bytes stay counted
    /// until [`Out::landed`].
    pub fn take(&mut self) -> Vec<u8> {
        let taken = std::mem::take(&mut self.taken);
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.drain(..taken);
        self.in_flight += bytes.len();
        bytes
    }

    /// Bytes taken by [`Out::take`] whose completion has not come.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The kernel took `count` of the bytes in flight; `rest` of them come back, to be
    /// sent before all others.
    pub fn landed(&mut self, count: usize, rest: &[u8]) {
        self.in_flight = self.in_flight.saturating_sub(count + rest.len());
        if !rest.is_empty() {
            debug_assert_eq!(self.taken, 0, "a completion driver does not consume");
            self.bytes.splice(0..0, rest.iter().copied());
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, data: &[u8]) {
        if self.taken > 0 {
            self.compact();
        }
        self.bytes.extend_from_slice(data);
    }

    /// Bytes already sent are cut off once they are most of the buffer, so that each byte
    /// moves at most once on average.
    #[cold]
    fn compact(&mut self) {
        if self.taken > self.bytes.len() / 2 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
    }

    #[inline]
    pub(crate) fn recycle(&mut self, keep_bytes: usize) -> bool {
        self.bytes.clear();
        (self.taken, self.in_flight) = (0, 0);
        self.bytes.capacity() <= keep_bytes
    }
}

/// The peer in 20 bytes, where that is possible; a scope or a path goes to [`Rare`].
#[derive(Clone, Copy)]
enum Peer {
    V4(Ipv4Addr, u16),
    V6([u8; 16], u16),
    Unnamed,
    Rare,
}

/// A named timer that is armed, or a deadline of the connection's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Armed {
    pub(crate) at: Time,
    pub(crate) sequence: u64,
    pub(crate) level: u8,
    pub(crate) timer: Timer,
}

/// The connection's own deadline of the moment: only one is on at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending {
    pub(crate) what: Phase,
    pub(crate) at: Time,
    pub(crate) sequence: u64,
}

/// Which of the connection's own deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Ends(Deadline),
    ResetHeld,
}

/// What few connections need at any moment: allocated when one does.
#[derive(Default)]
pub(crate) struct Rare {
    pub(crate) marks: Option<(usize, usize)>,
    /// The first cause of the end.
    pub(crate) reason: Option<Reason>,
    pub(crate) timers: Vec<Armed>,
    pub(crate) pending: Option<Pending>,
    pub(crate) idle: Option<Duration>,
    pub(crate) idle_since: Time,
    pub(crate) idle_sequence: u64,
    /// What the engine's heap holds for this connection, the earliest last.
    pub(crate) wakes: Vec<(Time, u64)>,
    /// A bit for each level that paused reading.
    pub(crate) pauses: u32,
    /// How often somebody paused.
    pub(crate) pause_count: u64,
    /// A bit for each level with a handshake under way.
    pub(crate) handshakes: u32,
    /// A bit for each layer that has done its work.
    pub(crate) retired: u32,
    /// What lives as long as the connection.
    pub(crate) kept: Vec<Box<dyn Any>>,
    /// The end of the whole connection, whatever it does until then.
    pub(crate) total: Option<(Time, u64)>,
    pub(crate) mailbox: Option<Arc<Mailbox>>,
    /// Bytes at the end of what the protocol was just given that it has not taken.
    pub(crate) unread: usize,
    /// Bytes discarded while lingering.
    pub(crate) discarded: usize,
    /// Bytes dropped unsent.
    pub(crate) unsent: u64,
    /// Bytes at the end of the wire that are the layers' last words.
    pub(crate) last_words: usize,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    peer: Option<Addr>,
    local: Option<Addr>,
}

impl Rare {
    /// Whether it says no more than none would. What the engine's heap still holds for the
    /// connection (`wakes`) may be forgotten: it is found to be stale when it comes.
    fn is_spare(&self) -> bool {
        let no_wait = self.timers.is_empty() && self.pending.is_none() && self.total.is_none();
        let no_bits = self.pauses | self.handshakes | self.retired == 0;
        let no_count = self.unsent + self.received + self.sent == 0 && self.discarded == 0;
        let no_addr = self.peer.is_none() && self.local.is_none();
        let nothing = self.marks.is_none() && self.reason.is_none() && self.mailbox.is_none();
        let asked = self.idle.is_some() || !self.kept.is_empty();
        no_wait && no_bits && no_count && no_addr && nothing && !asked
    }
}

/// The bottom of a connection.
pub struct Wire {
    pub(crate) out: Option<Box<Out>>,
    pub(crate) rare: Option<Box<Rare>>,
    pub(crate) flags: u32,
    peer: Peer,
}

impl Wire {
    /// A wire to this peer, with nothing on it.
    pub fn new(peer: &Addr) -> Wire {
        let mut wire = Wire { out: None, rare: None, flags: 0, peer: Peer::Unnamed };
        wire.set_peer(peer.clone());
        wire
    }

    #[inline]
    pub(crate) fn has(&self, flags: u32) -> bool {
        self.flags & flags != 0
    }

    #[inline]
    pub(crate) fn set(&mut self, flags: u32) {
        self.flags |= flags;
    }

    #[inline]
    pub(crate) fn clear(&mut self, flags: u32) {
        self.flags &= !flags;
    }

    pub(crate) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Bytes not the kernel's yet.
    #[inline]
    pub fn len(&self) -> usize {
        self.out.as_ref().map_or(0, |out| out.len())
    }

    /// Whether all bytes are the kernel's.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends bytes to what the kernel is to get.
    #[inline]
    pub fn write(&mut self, data: &[u8], context: &Context) {
        if self.has(BROKEN | DEAD) {
            // A layer's last words after a reset: they count as what they are.
            self.rare().unsent += data.len() as u64;
        } else if !data.is_empty() {
            self.out.get_or_insert_with(|| context.take_out()).push(data);
        }
    }

    /// The first bytes on an empty wire.
    #[inline]
    pub(crate) fn write_first(&mut self, data: &[u8], context: &Context) {
        if !data.is_empty() {
            let mut out = context.take_out();
            out.push(data);
            self.out = Some(out);
        }
    }

    /// Bytes that wait to be sent, for tests of a layer.
    pub fn unsent(&self) -> &[u8] {
        self.out.as_ref().map_or(&[], |out| out.unsent())
    }

    /// The marks of this connection: low, high.
    pub(crate) fn marks(&self, context: &Context) -> (usize, usize) {
        let own = self.rare.as_ref().and_then(|rare| rare.marks);
        let (low, high) = (context.limits.water_low_bytes, context.limits.water_high_bytes);
        own.unwrap_or((low.min(high), high))
    }

    /// Ends the connection with a reset. The first cause wins.
    pub fn fail(&mut self, why: Reason) {
        if self.has(DEAD) && cfg!(not(broken = "last_cause_wins")) {
            return;
        }
        self.set(DEAD);
        if cfg!(broken = "last_cause_wins") {
            self.rare().reason = None;
        }
        // A cause kept by `close_because` or a reset came first.
        self.rare().reason.get_or_insert(why);
    }

    /// Why the connection is failing, for tests of a layer.
    pub fn failure(&self) -> Option<&Reason> {
        self.rare.as_ref().and_then(|rare| rare.reason.as_ref())
    }

    /// The peer's address.
    pub fn peer(&self) -> Addr {
        match self.peer {
            Peer::V4(ip, port) => SocketAddr::from((ip, port)).into(),
            Peer::V6(ip, port) => SocketAddr::from((Ipv6Addr::from(ip), port)).into(),
            Peer::Unnamed => Addr::Unix(None),
            Peer::Rare => {
                self.rare.as_ref().and_then(|rare| rare.peer.clone()).unwrap_or(Addr::Unix(None))
            }
        }
    }

    /// Another address for the peer: the one that a PROXY header names.
    pub fn set_peer(&mut self, peer: Addr) {
        self.peer = match peer {
            Addr::Ip(SocketAddr::V4(v4)) => Peer::V4(*v4.ip(), v4.port()),
            Addr::Ip(SocketAddr::V6(v6)) if v6.scope_id() == 0 && v6.flowinfo() == 0 => {
                Peer::V6(v6.ip().octets(), v6.port())
            }
            Addr::Unix(None) => Peer::Unnamed,
            other => {
                self.rare().peer = Some(other);
                Peer::Rare
            }
        };
    }

    /// Our own address, if a PROXY header named another one than the socket's.
    pub(crate) fn local(&self) -> Option<Addr> {
        self.rare.as_ref()?.local.clone()
    }

    /// Another address for our end.
    pub(crate) fn set_local(&mut self, local: Addr) {
        self.rare().local = Some(local);
    }

    /// The rare state goes back if nothing is left in it.
    pub(crate) fn trim(&mut self) {
        if self.rare.as_ref().is_some_and(|rare| rare.is_spare()) {
            self.rare = None;
        }
    }

    pub(crate) fn pause(&mut self, level: usize) {
        if cfg!(not(broken = "pause_ignored")) {
            let rare = self.rare();
            rare.pauses |= 1 << level;
            rare.pause_count += 1;
            self.set(PAUSED);
        }
    }

    pub(crate) fn resume(&mut self, level: usize) {
        if let Some(rare) = &mut self.rare {
            rare.pauses &= !(1 << level);
            if rare.pauses == 0 {
                self.clear(PAUSED);
            }
        }
    }

    /// Whether input for `level` has to wait: somebody there or above it paused. A handshake
    /// waits for nobody above it, who could pause it until its deadline.
    pub(crate) fn is_paused_for(&self, level: usize) -> bool {
        self.has(PAUSED)
            && self.rare.as_ref().is_some_and(|rare| match rare.handshakes >> level {
                0 => rare.pauses >> level != 0,
                under_way => rare.pauses >> level & (u32::MAX >> under_way.leading_zeros()) != 0,
            })
    }

    /// Whether input for `level` belongs to a handshake there or above it.
    pub(crate) fn in_handshake(&self, level: usize) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.handshakes >> level != 0)
    }

    pub(crate) fn set_timer(
        &mut self,
        level: usize,
        timer: Timer,
        after: Duration,
        context: &Context,
    ) {
        if self.has(DEAD) {
            return;
        }
        let level = level as u8; // at most limits::LAYERS
        let armed = Armed {
            at: context.fresh_now() + after,
            sequence: context.next_sequence(),
            level,
            timer,
        };
        let timers = &mut self.rare().timers;
        timers.retain(|other| (other.level, other.timer) != (level, timer));
        if timers.len() >= limits::TIMERS_PER_CONNECTION {
            return self.fail(Reason::failed("too many timers armed at once"));
        }
        timers.push(armed);
        self.set(ARM);
    }

    /// The layer at this level has left: what was its own goes, and what is above moves down.
    pub(crate) fn drop_level(&mut self, level: usize) {
        let Some(rare) = &mut self.rare else { return };
        if cfg!(broken = "retired_levels_stay") {
            return;
        }
        rare.timers.retain(|armed| armed.level as usize != level);
        for armed in &mut rare.timers {
            if armed.level as usize > level && (armed.level as usize) < limits::LAYERS {
                armed.level -= 1;
            }
        }
        for bits in [&mut rare.pauses, &mut rare.handshakes, &mut rare.retired] {
            *bits = without_bit(*bits, level);
        }
        if rare.pauses == 0 {
            self.clear(PAUSED);
        }
    }

    pub(crate) fn cancel_timer(&mut self, level: usize, timer: Timer) {
        if let Some(rare) = &mut self.rare {
            rare.timers.retain(|other| (other.level as usize, other.timer) != (level, timer));
        }
    }
}

/// The bits of the levels without this layer's. The protocol's own, at the top, stays.
fn without_bit(bits: u32, level: usize) -> u32 {
    let top = bits & 1 << limits::LAYERS;
    let below = bits & ((1 << level) - 1);
    let above = bits & !top & !((2 << level) - 1);
    top | above >> 1 | below
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("peer", &self.peer())
            .field("unsent", &self.len())
            .field("flags", &format_args!("{:#x}", self.flags))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_the_order_in_which_they_came() {
        let mut out = Out::default();
        out.push(b"abcd");
        out.consume(3);
        out.push(b"ef");
        assert_eq!((out.unsent(), out.len()), (&b"def"[..], 3));
        assert_eq!(out.take(), b"def");
        assert_eq!((out.len(), out.in_flight()), (3, 3));
        out.push(b"g");
        out.landed(1, b"ef");
        assert_eq!((out.unsent(), out.len()), (&b"efg"[..], 3));
    }

    #[test]
    fn every_peer_comes_back_as_it_was() {
        let scoped = SocketAddr::V6(std::net::SocketAddrV6::new(Ipv6Addr::LOCALHOST, 1, 0, 7));
        let peers = [
            "1.2.3.4:5".parse::<SocketAddr>().unwrap().into(),
            "[::1]:5".parse::<SocketAddr>().unwrap().into(),
            scoped.into(),
            Addr::Unix(None),
            std::path::PathBuf::from("/run/x").into(),
            Addr::Memory(7),
        ];
        for peer in peers {
            assert_eq!(Wire::new(&peer).peer(), peer);
        }
    }

    #[test]
    fn the_bits_of_the_levels_move_down_and_the_protocols_stays() {
        let top = 1 << limits::LAYERS;
        assert_eq!(without_bit(top | 0b1011, 0), top | 0b101);
        assert_eq!(without_bit(top | 0b1011, 1), top | 0b101);
        assert_eq!(without_bit(top | 0b1011, 2), top | 0b111);
        assert_eq!(without_bit(0b1 << 15, 15), 0);
        assert_eq!(without_bit(0b1 << 15, 3), 0b1 << 14);
    }

    #[test]
    fn a_connection_is_small() {
        assert_eq!(size_of::<Wire>(), 40);
    }

    #[test]
    fn the_first_cause_wins() {
        let mut wire = Wire::new(&Addr::Unix(None));
        wire.fail(Reason::failed("first"));
        wire.fail(Reason::failed("second"));
        assert_eq!(wire.failure().unwrap().to_string(), "failed: first");
    }
}
