//! The waits of a connection that have an end: start, handshake, write stall, flush,
//! linger, a reset that waits for a paused reader; idleness and the whole, if asked for. An open
//! connection on which nobody has anything to say waits for ever by default.
//! Owns: which deadline runs in which state, and what is due.
//! Never: keeps a timer for each: one instant is stored, and looked at when it comes.

use std::time::Duration;

use super::Connection;
use crate::clock::Time;
use crate::protocol::wire::{
    ARM, BLOCKED, BROKEN, BUILT, CONNECTING, DEAD, DONE, IDLE, LINGERING, PRODUCING, Pending,
    Phase, QUEUED, SHUT,
};
use crate::protocol::{Context, Deadline, Kind, Reason, Timer};

/// What came due.
#[derive(Debug, PartialEq, Eq)]
pub enum Due {
    /// A named timer, of the layer at this level or (from `TOP`) the protocol.
    Timer(usize, Timer),
    /// A deadline of the connection's own, or a producer's pause, which has taken effect:
    /// go on with `next`.
    Deadline,
}

impl Connection {
    /// The deadline that this state calls for.
    fn phase(&self, context: &Context) -> Option<(Phase, Duration)> {
        let limits = &context.limits;
        let wire = &self.wire;
        let in_handshake = wire.rare.as_ref().is_some_and(|rare| rare.handshakes != 0);
        let ends = |deadline, after| Some((Phase::Ends(deadline), after));
        if wire.has(LINGERING) && cfg!(not(broken = "no_linger_deadline")) {
            ends(Deadline::Linger, limits.linger)
        } else if wire.has(BROKEN) && cfg!(not(broken = "no_reset_deadline")) {
            Some((Phase::ResetHeld, limits.reset_held))
        } else if wire.has(SHUT)
            && (self.buffered() > 0 || wire.has(QUEUED | PRODUCING))
            && cfg!(not(broken = "no_flush_deadline"))
        {
            ends(Deadline::Flush, limits.flush)
        } else if in_handshake {
            ends(Deadline::Handshake, limits.handshake)
        } else if !wire.has(BUILT) && cfg!(not(broken = "no_start_deadline")) {
            ends(Deadline::Start, limits.start)
        } else if wire.has(BLOCKED)
            && (!wire.is_empty() || wire.has(QUEUED))
            && cfg!(not(broken = "no_write_stall"))
        {
            ends(Deadline::WriteStall, limits.write_stall)
        } else {
            None
        }
    }

    /// Brings the stored deadline in line with the state. While connecting, the
    /// connector's deadline runs, not ours.
    pub(super) fn tend_deadlines(&mut self, context: &Context) {
        if self.wire.has(CONNECTING) {
            return;
        }
        let wanted = self.phase(context);
        let running = self.wire.rare.as_ref().and_then(|rare| rare.pending);
        match (wanted, running) {
            (None, None) => {}
            (None, Some(_)) => self.wire.rare().pending = None,
            (Some((what, _)), Some(pending)) if pending.what == what => {}
            (Some((what, after)), _) => {
                let at = context.fresh_now() + after;
                let sequence = context.next_sequence();
                self.wire.rare().pending = Some(Pending { what, at, sequence });
                self.wire.set(ARM);
            }
        }
    }

    /// Bytes moved: a stall begins anew, and so does idleness. No timer is touched; the
    /// instant is looked at when the old one comes.
    pub(super) fn moved(&mut self, outward: bool, context: &Context) {
        let idle = self.wire.has(IDLE) && (!outward || cfg!(not(broken = "idle_one_way")));
        let Some(rare) = &mut self.wire.rare else { return };
        if idle {
            rare.idle_since = context.now();
        }
        if let (true, Some(pending)) = (outward, &mut rare.pending) {
            let limits = &context.limits;
            let after = match pending.what {
                Phase::Ends(Deadline::WriteStall) => limits.write_stall,
                Phase::Ends(Deadline::Flush) => limits.flush,
                _ => return,
            };
            pending.at = context.now() + after;
        }
    }

    /// Ends the connection when no byte moved for so long.
    pub(crate) fn set_idle_timeout(&mut self, after: Option<Duration>, context: &Context) {
        if after.is_none() && self.wire.rare.is_none() {
            return;
        }
        let (now, sequence) = (context.fresh_now(), context.next_sequence());
        let rare = self.wire.rare();
        (rare.idle, rare.idle_since, rare.idle_sequence) = (after, now, sequence);
        match after {
            Some(_) => self.wire.set(IDLE | ARM),
            None => self.wire.clear(IDLE),
        }
    }

    /// The instant at which the engine must ask [`Connection::due`].
    pub(super) fn next_wake(&self) -> Option<(Time, u64)> {
        let rare = || self.wire.rare.iter();
        let timers = rare().flat_map(|rare| &rare.timers);
        let timers = timers.map(|timer| (timer.at, timer.sequence));
        let pending = rare().filter_map(|rare| rare.pending);
        let pending = pending.map(|pending| (pending.at, pending.sequence));
        let idle =
            rare().filter_map(|rare| Some((rare.idle_since + rare.idle?, rare.idle_sequence)));
        let total = rare().filter_map(|rare| rare.total);
        timers.chain(pending).chain(idle).chain(total).chain(self.asked_again_at()).min()
    }

    /// The engine's timer came: takes what is due at `now`, one thing at a time, so that
    /// the order among connections holds too.
    pub fn due(&mut self, now: Time) -> Option<Due> {
        if self.wire.has(DEAD | DONE) {
            return None;
        }
        // None: all that the engine was to wake us for has been forgotten.
        let rare = self.wire.rare.as_mut()?;
        if rare.wakes.last().is_some_and(|(at, _)| *at <= now) {
            rare.wakes.pop(); // this one
        }
        let first = self.next_wake()?;
        self.wire.set(ARM);
        if first.0 > now {
            return None;
        }
        if self.ask_again(first) {
            return Some(Due::Deadline);
        }
        let rare = self.wire.rare();
        let is_first = |at, sequence| (at, sequence) == first;
        if let Some(index) = rare.timers.iter().position(|t| is_first(t.at, t.sequence)) {
            let armed = rare.timers.remove(index);
            return Some(Due::Timer(armed.level as usize, armed.timer));
        }
        match rare.pending {
            Some(pending) if is_first(pending.at, pending.sequence) => {
                rare.pending = None;
                match pending.what {
                    // Our end is sent, and a reset now could only destroy it.
                    Phase::Ends(Deadline::Linger) => {
                        rare.reason.get_or_insert(Reason::new(Kind::Deadline(Deadline::Linger)));
                        self.wire.set(DONE);
                    }
                    Phase::Ends(deadline) => {
                        self.wire.fail(Reason::new(Kind::Deadline(deadline)));
                    }
                    Phase::ResetHeld => self.wire.fail(Reason::new(Kind::Reset)),
                }
            }
            _ => {
                let is_total = rare.total == Some(first);
                let deadline = if is_total { Deadline::Total } else { Deadline::Idle };
                self.wire.fail(Reason::new(Kind::Deadline(deadline)));
            }
        }
        Some(Due::Deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::Addr;
    use crate::clock::{Clock, VirtualClock};
    use crate::connection::Step;
    use crate::limits::Limits;
    use crate::protocol::Layers;

    /// What the engine does with a connection's wishes.
    fn settle(connection: &mut Connection, context: &Context, heap: &mut Vec<(Time, u64)>) {
        loop {
            match connection.next(context) {
                Step::Idle => return,
                Step::Arm(at, sequence) => heap.push((at, sequence)),
                _ => {}
            }
        }
    }

    #[test]
    fn a_long_wait_with_many_short_ones_is_one_entry_in_the_engines_heap() {
        let clock = VirtualClock::new();
        let context = Context::new(Box::new(clock.clone()), Limits::default());
        let mut connection = Connection::new(&Addr::Unix(None), Layers::new(), false);
        connection.wire.set(BUILT);
        connection.set_idle_timeout(Some(Duration::from_secs(3600)), &context);
        let mut heap = Vec::new();
        for _ in 0..1000 {
            connection.set_timer(Timer(1), Duration::from_millis(1), &context);
            settle(&mut connection, &context, &mut heap);
            heap.sort();
            assert!(heap.len() <= 2, "{} entries", heap.len());
            clock.advance_to(heap.remove(0).0);
            context.forget_now();
            assert_eq!(connection.due(clock.now()), Some(Due::Timer(super::super::TOP, Timer(1))));
        }
    }
}
