//! The addresses of a name, tried several at a time (RFC 8305).
//! Owns: their order, which of them begins when, and how many run at once.
//! Never: connects, or asks for the time; it is told both.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use crate::clock::Time;
use crate::limits;

/// Whose turn it is. Who connects takes what is due, and says how it went.
pub(crate) struct Race<A> {
    /// Not tried yet.
    left: VecDeque<A>,
    running: usize,
    /// From one beginning to the next, unless an attempt fails before.
    delay: Duration,
    next: Time,
}

impl<A> Race<A> {
    /// A race of these, in their order.
    pub(crate) fn of(addrs: impl IntoIterator<Item = A>, delay: Duration) -> Race<A> {
        let mut addrs = addrs.into_iter();
        let left = addrs.by_ref().take(limits::CONNECT_ADDRESSES).collect();
        let beyond = addrs.count();
        if beyond > 0 {
            let most = limits::CONNECT_ADDRESSES;
            tracing::warn!("a name has {beyond} addresses beyond {most}: they are not tried");
        }
        Race { left, running: 0, delay, next: Time::ZERO }
    }

    /// Takes the address that is to begin now. Then `began`, if it did: one that failed at
    /// once holds nobody up.
    pub(crate) fn take_due(&mut self, now: Time) -> Option<A> {
        let is_due = self.next_due().is_some_and(|next| next <= now);
        is_due.then(|| self.left.pop_front()).flatten()
    }

    /// What was taken goes on.
    pub(crate) fn began(&mut self, now: Time) {
        self.running += 1;
        self.next = now + self.delay;
    }

    /// One that went on has failed: the next need not wait.
    pub(crate) fn failed(&mut self, now: Time) {
        self.running = self.running.saturating_sub(1);
        self.next = now;
    }

    /// When another is to begin, if nothing happens before; `None` if that would change
    /// nothing.
    pub(crate) fn next_due(&self) -> Option<Time> {
        let may_begin = !self.left.is_empty() && self.running < limits::CONNECT_AT_ONCE;
        may_begin.then_some(self.next)
    }
}

/// A name's addresses in the order in which they are tried (RFC 8305, 4): one family after
/// the other, beginning with the resolver's first, so that a family without a route costs one
/// attempt and not all of its own.
pub(crate) fn interleaved(addrs: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v4 = addrs.first().is_some_and(SocketAddr::is_ipv4);
    let (first, other): (Vec<_>, Vec<_>) =
        addrs.into_iter().partition(|addr| addr.is_ipv4() == first_is_v4);
    let (mut first, mut other) = (first.into_iter(), other.into_iter());
    let mut order = Vec::new();
    loop {
        let pair = [first.next(), other.next()];
        if pair == [None, None] {
            return order;
        }
        order.extend(pair.into_iter().flatten());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_millis(250);

    fn at(millis: u64) -> Time {
        Time::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn the_next_begins_after_the_delay_and_at_once_after_a_failure() {
        let mut race = Race::of(["a", "b", "c"], DELAY);
        assert_eq!(race.take_due(at(7)), Some("a"));
        race.began(at(7));
        assert_eq!((race.take_due(at(256)), race.next_due()), (None, Some(at(257))));
        assert_eq!(race.take_due(at(257)), Some("b"));
        race.began(at(257));
        race.failed(at(300));
        assert_eq!(race.take_due(at(300)), Some("c"));
        race.began(at(300));
        assert_eq!((race.take_due(at(9_999)), race.next_due()), (None, None));
    }

    #[test]
    fn one_that_cannot_begin_holds_nobody_up() {
        let mut race = Race::of(["a", "b"], DELAY);
        assert_eq!([race.take_due(at(0)), race.take_due(at(0))], [Some("a"), Some("b")]);
    }

    #[test]
    fn no_more_run_at_once_than_the_bound() {
        let mut race = Race::of(0..100, Duration::ZERO);
        for number in 0..limits::CONNECT_AT_ONCE {
            assert_eq!(race.take_due(at(0)), Some(number));
            race.began(at(0));
        }
        assert_eq!((race.take_due(at(0)), race.next_due()), (None, None));
        race.failed(at(1));
        assert_eq!(race.take_due(at(1)), Some(limits::CONNECT_AT_ONCE));
    }

    #[test]
    fn no_more_addresses_are_tried_than_the_bound() {
        let mut race = Race::of(0..limits::CONNECT_ADDRESSES * 2, DELAY);
        let tried = std::iter::from_fn(|| race.take_due(at(0))).count();
        assert_eq!(tried, limits::CONNECT_ADDRESSES);
    }
}
