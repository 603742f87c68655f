//! What is to happen at an instant, in the order of (instant, setting).
//! Owns: the heap of it, and the calls set for later.
//! Never: asks the time; it is given.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::clock::Time;
use crate::protocol::{ConnectionId, Net};

/// A call set for later.
pub(crate) type Call = Box<dyn FnOnce(&dyn Net)>;

/// What is to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wakeup {
    Connection(ConnectionId),
    Call(u64),
}

/// What comes due.
pub(crate) enum Fired {
    Connection(ConnectionId),
    Call(Call),
}

/// The heap. Cancelling leaves a stale entry behind; they are swept out once they are
/// most of it.
#[derive(Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Time, u64, Wakeup)>>,
    calls: BTreeMap<u64, (Time, u64, Call)>,
    next_key: u64,
    stale: usize,
}

use crate::limits::TIMERS_SWEEP_FROM as SWEEP_FROM;

impl Timers {
    pub(crate) fn wake_connection(&mut self, at: Time, sequence: u64, id: ConnectionId) {
        let sequence = if cfg!(broken = "timer_order") { 0 } else { sequence };
        self.heap.push(Reverse((at, sequence, Wakeup::Connection(id))));
    }

    pub(crate) fn call_at(&mut self, at: Time, sequence: u64, call: Call) -> u64 {
        let key = self.next_key;
        self.next_key += 1;
        self.calls.insert(key, (at, sequence, call));
        self.heap.push(Reverse((at, sequence, Wakeup::Call(key))));
        key
    }

    pub(crate) fn is_pending(&self, key: u64) -> bool {
        self.calls.contains_key(&key)
    }

    pub(crate) fn due(&self, key: u64) -> Option<Time> {
        self.calls.get(&key).map(|(at, ..)| *at)
    }

    pub(crate) fn cancel(&mut self, key: u64) -> Option<Call> {
        let (.., call) = self.calls.remove(&key)?;
        self.went_stale();
        Some(call)
    }

    pub(crate) fn reset(&mut self, key: u64, at: Time, sequence: u64) -> bool {
        let Some((due, current, _)) = self.calls.get_mut(&key) else { return false };
        (*due, *current) = (at, sequence);
        self.heap.push(Reverse((at, sequence, Wakeup::Call(key))));
        self.went_stale();
        true
    }

    /// The earliest instant at which something may be due. What is due never does not count.
    pub(crate) fn next(&mut self) -> Option<Time> {
        loop {
            let Reverse((at, sequence, wakeup)) = *self.heap.peek()?;
            if self.is_live(sequence, wakeup) {
                return (at < Time::NEVER).then_some(at);
            }
            self.heap.pop();
            self.stale = self.stale.saturating_sub(1);
        }
    }

    /// Takes the first that is due at `now` and was set before `until`: what a timer sets
    /// runs in a later turn, even with no delay.
    pub(crate) fn pop_due(&mut self, now: Time, until: u64) -> Option<Fired> {
        if self.next()? > now {
            return None;
        }
        let Reverse((_, sequence, wakeup)) = *self.heap.peek()?;
        if sequence >= until {
            return None;
        }
        self.heap.pop();
        match wakeup {
            Wakeup::Connection(id) => Some(Fired::Connection(id)),
            Wakeup::Call(key) => self.calls.remove(&key).map(|(.., call)| Fired::Call(call)),
        }
    }

    /// Forgets everything; the calls are given back, to be dropped outside a borrow.
    pub(crate) fn clear(&mut self) -> BTreeMap<u64, (Time, u64, Call)> {
        self.heap.clear();
        self.stale = 0;
        std::mem::take(&mut self.calls)
    }

    fn is_live(&self, sequence: u64, wakeup: Wakeup) -> bool {
        match wakeup {
            Wakeup::Connection(_) => true, // looked at by the connection itself
            Wakeup::Call(key) => {
                self.calls.get(&key).is_some_and(|(_, current, _)| *current == sequence)
            }
        }
    }

    fn went_stale(&mut self) {
        self.stale += 1;
        if self.stale >= SWEEP_FROM && self.stale > self.heap.len() / 2 {
            let calls = &self.calls;
            self.heap.retain(|Reverse((_, sequence, wakeup))| match wakeup {
                Wakeup::Connection(_) => true,
                Wakeup::Call(key) => {
                    calls.get(key).is_some_and(|(_, current, _)| current == sequence)
                }
            });
            self.stale = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> Call {
        Box::new(|_| {})
    }

    fn at(nanos: u64) -> Time {
        Time::from_nanos(nanos)
    }

    #[test]
    fn equals_come_in_the_order_of_setting() {
        let mut timers = Timers::default();
        let keys: Vec<u64> = (0..10).map(|n| timers.call_at(at(5), n, call())).collect();
        for key in keys {
            assert!(timers.is_pending(key));
            assert!(timers.pop_due(at(5), u64::MAX).is_some());
            assert!(!timers.is_pending(key), "not in order");
        }
    }

    #[test]
    fn what_a_timer_sets_waits_for_the_next_turn() {
        let mut timers = Timers::default();
        timers.call_at(at(1), 0, call());
        timers.call_at(at(1), 1, call());
        assert!(timers.pop_due(at(9), 1).is_some());
        assert!(timers.pop_due(at(9), 1).is_none());
        assert!(timers.pop_due(at(9), 2).is_some());
    }

    #[test]
    fn a_million_cancelled_timers_leave_no_heap_behind() {
        let mut timers = Timers::default();
        for sequence in 0..1_000_000 {
            let key = timers.call_at(at(u64::MAX), sequence, call());
            assert!(timers.cancel(key).is_some());
            assert!(timers.heap.len() <= 2 * SWEEP_FROM);
        }
    }

    #[test]
    fn a_reset_timer_comes_once_at_its_new_time() {
        let mut timers = Timers::default();
        let key = timers.call_at(at(1), 0, call());
        assert!(timers.reset(key, at(7), 1));
        assert!(timers.pop_due(at(6), u64::MAX).is_none());
        assert_eq!(timers.next(), Some(at(7)));
        assert!(timers.pop_due(at(7), u64::MAX).is_some());
        assert!(timers.pop_due(at(99), u64::MAX).is_none() && !timers.reset(key, at(8), 2));
    }
}
