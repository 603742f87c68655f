//! A least number of bytes in a time, of a peer that we wait for.
//! Owns: what counts as waiting, and the sums. Never: holds, delays or changes a byte.

use std::time::Duration;

use crate::protocol::{Below, Deadline, Kind, Layer, Reason, Timer, Traffic, Up};

const LOOK: Timer = Timer(0);

/// A period is looked at in so many slices: one in which we did not wait for the peer all the
/// time counts for nothing.
const SLICES: u32 = 8;

/// The shortest slice, so that a period of nothing does not spin.
const SHORTEST: Duration = Duration::from_millis(1);

/// Ends a connection whose peer is too slow, byte by byte, for an idle timeout to notice:
/// with `Deadline(Rate)`.
///
/// Only time in which we wait for the peer counts. For what it sends that is the time in
/// which nobody has paused reading and it is not slow to take our answer; so a protocol that
/// works, or waits for somebody else, pauses meanwhile. A session that may rest is no case for
/// this: an idle timeout is. For what it takes it is the time in which bytes are unsent and
/// the kernel takes no more. Bytes are counted on the wire, wherever the layer stands.
///
/// ```
/// use ropewalk::policy::MinimumRate;
/// use ropewalk::testing::LayerBench;
/// use std::time::Duration;
/// let ten_seconds = Duration::from_secs(10);
/// let mut layer = MinimumRate::per(ten_seconds).read(100);
/// let mut bench = LayerBench::new();
/// bench.start(&mut layer);
/// for _ in 0..10 {
///     bench.receive(&mut layer, b"x"); // a byte a second
///     bench.advance(&mut layer, Duration::from_secs(1));
/// }
/// let why = bench.failure().unwrap().to_string();
/// assert!(why.ends_with("it sent 10 of at least 100 bytes in 10s"), "{why}");
/// ```
#[derive(Debug)]
#[doc(alias = "slowloris")]
pub struct MinimumRate {
    slice: Duration,
    period: Duration,
    read: Option<Watched>,
    write: Option<Watched>,
    before: Traffic,
}

/// One direction.
#[derive(Debug)]
struct Watched {
    least: u64,
    slices: u32,
    bytes: u64,
}

impl MinimumRate {
    /// Nothing yet, in each such time.
    pub fn per(period: Duration) -> MinimumRate {
        let slice = (period / SLICES).max(SHORTEST);
        MinimumRate { slice, period, read: None, write: None, before: Traffic::default() }
    }

    /// The peer has to send at least so many bytes in it.
    #[must_use]
    pub fn read(self, bytes: u64) -> MinimumRate {
        MinimumRate { read: Some(Watched::new(bytes)), ..self }
    }

    /// The peer has to take at least so many bytes in it.
    #[must_use]
    pub fn write(self, bytes: u64) -> MinimumRate {
        MinimumRate { write: Some(Watched::new(bytes)), ..self }
    }
}

impl Watched {
    fn new(least: u64) -> Watched {
        Watched { least, slices: 0, bytes: 0 }
    }

    /// A slice in which we waited. The bytes of a whole period, if they were too few.
    fn waited(&mut self, bytes: u64) -> Option<u64> {
        self.slices += 1;
        self.bytes += bytes;
        if self.slices < SLICES {
            return None;
        }
        let sum = std::mem::take(&mut self.bytes);
        self.slices = 0;
        (sum < self.least).then_some(sum)
    }
}

impl Layer for MinimumRate {
    fn started(&mut self, below: &mut Below<'_>, up: &mut Up<'_>) {
        below.count_traffic();
        self.before = below.traffic();
        below.set_timer(LOOK, self.slice);
        up.made();
    }

    fn timer_fired(&mut self, below: &mut Below<'_>, _: Timer, _: &mut Up<'_>) {
        let now = below.traffic();
        let before = std::mem::replace(&mut self.before, now);
        let is_stuck = before.is_stuck && now.is_stuck;
        let is_reading = before.is_reading && now.is_reading && before.pauses == now.pauses;
        let reads = is_reading && !before.is_stuck && !now.is_stuck;
        let received = now.received - before.received;
        let sent = now.sent - before.sent;
        let read = self.read.as_mut().filter(|_| reads).and_then(|read| read.waited(received));
        let write = self.write.as_mut().filter(|_| is_stuck).and_then(|write| write.waited(sent));
        let slow = [("sent", read, &self.read), ("took", write, &self.write)];
        for (what, bytes, watched) in slow {
            if let (Some(bytes), Some(watched)) = (bytes, watched) {
                let (least, period) = (watched.least, self.period);
                let sentence = format!("it {what} {bytes} of at least {least} bytes in {period:?}");
                return below.fail(Reason::new(Kind::Deadline(Deadline::Rate)).because(sentence));
            }
        }
        below.set_timer(LOOK, self.slice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::LayerBench;

    const S: Duration = Duration::from_secs(1);

    fn start(layer: &mut MinimumRate) -> LayerBench {
        let mut bench = LayerBench::new();
        assert!(bench.start(layer));
        bench
    }

    #[test]
    fn a_peer_that_is_fast_enough_stays_however_its_bytes_are_spread() {
        let mut layer = MinimumRate::per(8 * S).read(8);
        let mut bench = start(&mut layer);
        for second in 0..80 {
            // All of a period's bytes in one of its seconds, each time another one.
            let bytes = if second % 8 == second / 8 % 8 { 8 } else { 0 };
            assert_eq!(bench.receive(&mut layer, &vec![b'x'; bytes]).len(), bytes);
            bench.advance(&mut layer, S);
        }
        assert!(bench.failure().is_none());
    }

    #[test]
    fn a_byte_less_than_the_least_is_too_slow() {
        for (bytes, too_slow) in [(8, false), (7, true)] {
            let mut layer = MinimumRate::per(8 * S).read(8);
            let mut bench = start(&mut layer);
            bench.receive(&mut layer, &vec![b'x'; bytes]);
            bench.advance(&mut layer, 8 * S);
            let why = bench.failure().map(Reason::kind);
            assert_eq!(why, too_slow.then_some(Kind::Deadline(Deadline::Rate)), "{bytes}");
        }
    }

    #[test]
    fn time_in_which_reading_is_paused_counts_for_nothing() {
        let mut layer = MinimumRate::per(8 * S).read(1);
        let mut bench = start(&mut layer);
        for _ in 0..100 {
            // Paused for an instant of each slice, or for the whole of it.
            bench.pause_above(true);
            bench.advance(&mut layer, S / 2);
            bench.pause_above(false);
            bench.advance(&mut layer, S / 2);
            bench.pause_above(true);
            bench.advance(&mut layer, S);
            bench.pause_above(false);
        }
        assert!(bench.failure().is_none());
        bench.advance(&mut layer, 9 * S);
        assert!(bench.failure().is_some());
    }

    #[test]
    fn a_peer_that_has_ended_its_input_need_not_send() {
        let mut layer = MinimumRate::per(8 * S).read(1);
        let mut bench = start(&mut layer);
        assert!(bench.eof(&mut layer));
        bench.advance(&mut layer, 100 * S);
        assert!(bench.failure().is_none());
    }

    #[test]
    fn a_peer_has_to_take_its_answer_while_there_is_one_and_need_not_send_meanwhile() {
        let mut layer = MinimumRate::per(8 * S).read(1).write(8);
        let mut bench = start(&mut layer);
        bench.take_some(0);
        bench.write(&mut layer, &[0; 1000]);
        for _ in 0..50 {
            assert_eq!(bench.take_some(1).len(), 1);
            bench.advance(&mut layer, S);
        }
        assert!(bench.failure().is_none());
        for _ in 0..16 {
            bench.take_some(1);
            bench.advance(&mut layer, 2 * S);
        }
        let why = bench.failure().unwrap().to_string();
        assert!(why.contains("it took 5 of at least 8 bytes in 8s"), "{why}"); // 1 from before
    }

    #[test]
    fn a_period_of_nothing_neither_spins_nor_panics() {
        let mut layer = MinimumRate::per(Duration::ZERO).read(1).write(1);
        let mut bench = start(&mut layer);
        bench.advance(&mut layer, Duration::from_millis(8));
        assert!(bench.failure().is_some());
    }
}
