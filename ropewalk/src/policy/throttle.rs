//! A limit on bytes a second, in each direction, with a burst.
//! Owns: the token buckets, written bytes that wait for their turn, the reading pause.
//! Never: drops or reorders a byte, or asks a clock other than the connection's.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Time;
use crate::limits;
use crate::protocol::{Below, Layer, Timer, Up};

const READ: Timer = Timer(0);
const WRITE: Timer = Timer(1);

/// A waiting writer goes on about so often, rather than once for each byte.
const STEPS_PER_SECOND: u64 = 20;

const NANOS: i128 = 1_000_000_000;

/// Limits the rate of one connection's bytes.
///
/// Written bytes over the limit wait here, count as unsent, and go out as time allows, so
/// that the marks and `close` heed them. Bytes that arrive are passed on as they come; a
/// reader over its limit is in debt, and reads nothing more until the debt is paid. So
/// the rate holds over any longer time, and one read may exceed it.
///
/// A rate or burst of 0 is taken as 1.
///
/// ```
/// use ropewalk::protocol::Factory;
/// use ropewalk::policy::Throttle;
/// # struct Echo;
/// # impl ropewalk::Protocol for Echo {
/// #     fn data_received(&mut self, t: &mut dyn ropewalk::Transport, d: &[u8]) { t.write(d); }
/// # }
/// // 64 KiB/s each way, 8 KiB of it at once:
/// let factory = (|| Echo)
///     .layer(|| Throttle::new().read(64 * 1024, 8 * 1024).write(64 * 1024, 8 * 1024));
/// # let _ = factory;
/// ```
#[derive(Debug, Default)]
#[doc(alias = "ThrottlingFactory")]
#[doc(alias = "ThrottlingProtocol")]
pub struct Throttle {
    read: Option<Bucket>,
    write: Option<Bucket>,
    waiting: VecDeque<u8>,
}

impl Throttle {
    /// No limit yet.
    pub fn new() -> Throttle {
        Throttle::default()
    }

    /// Limits reading to so many bytes a second, after `burst` bytes at once.
    #[must_use]
    pub fn read(self, bytes_per_second: u64, burst: u64) -> Throttle {
        Throttle { read: Some(Bucket::new(bytes_per_second, burst)), ..self }
    }

    /// Limits writing to so many bytes a second, after `burst` bytes at once.
    #[must_use]
    pub fn write(self, bytes_per_second: u64, burst: u64) -> Throttle {
        Throttle { write: Some(Bucket::new(bytes_per_second, burst)), ..self }
    }

    /// Writes what the bucket allows, and sets the timer for what it does not.
    fn flush(&mut self, below: &mut Below<'_>) {
        let Some(bucket) = &mut self.write else { return };
        let now = below.now();
        let (first, second) = self.waiting.as_slices();
        let allowed = bucket.available(now).min(self.waiting.len());
        let from_first = allowed.min(first.len());
        for part in [&first[..from_first], &second[..allowed - from_first]] {
            if !part.is_empty() {
                below.write(part);
            }
        }
        bucket.take(allowed);
        self.waiting.drain(..allowed);
        if self.waiting.is_empty() {
            // Most connections wait seldom: what one burst needed is not kept for ever.
            if self.waiting.capacity() > limits::SPARE_BUFFER_BYTES {
                self.waiting = VecDeque::new();
            }
            return;
        }
        below.set_timer(WRITE, bucket.wait_for(self.waiting.len()));
    }
}

impl Layer for Throttle {
    fn received<'d>(&mut self, below: &mut Below<'_>, data: &'d [u8], up: &mut Up<'d>) {
        up.pass(data);
        let Some(bucket) = &mut self.read else { return };
        bucket.refill(below.now());
        bucket.take(data.len());
        let debt = bucket.debt_time();
        if !debt.is_zero() {
            below.pause_reading();
            below.set_timer(READ, debt);
        }
    }

    fn write(&mut self, below: &mut Below<'_>, data: &[u8]) {
        let Some(bucket) = &mut self.write else { return below.write(data) };
        if !self.waiting.is_empty() {
            // The timer that these wait for is set.
            self.waiting.extend(data);
            return;
        }
        let allowed = bucket.available(below.now()).min(data.len());
        let (now, later) = data.split_at(allowed);
        if !now.is_empty() {
            bucket.take(allowed);
            below.write(now);
        }
        if !later.is_empty() {
            below.set_timer(WRITE, bucket.wait_for(later.len()));
            self.waiting.extend(later);
        }
    }

    fn pending(&self) -> usize {
        self.waiting.len()
    }

    fn timer_fired(&mut self, below: &mut Below<'_>, timer: Timer, _: &mut Up<'_>) {
        if timer == WRITE {
            return self.flush(below);
        }
        let Some(bucket) = &mut self.read else { return };
        bucket.refill(below.now());
        match bucket.debt_time() {
            Duration::ZERO => below.resume_reading(),
            debt => below.set_timer(READ, debt),
        }
    }
}

/// Bytes that may pass now. It fills by the rate up to the burst, and counts in
/// byte-nanoseconds, so that no fraction of a byte is lost on the way.
#[derive(Debug)]
struct Bucket {
    rate: i128,
    burst: i128,
    level: i128,
    /// When `level` was right; none before the first use, which finds it full.
    at: Option<Time>,
}

impl Bucket {
    fn new(bytes_per_second: u64, burst: u64) -> Bucket {
        let burst = i128::from(burst.max(1)) * NANOS;
        Bucket { rate: i128::from(bytes_per_second.max(1)), burst, level: burst, at: None }
    }

    fn refill(&mut self, now: Time) {
        let passed = self.at.map_or(0, |at| now.since(at).as_nanos() as i128); // < 2^64
        // Below 2^128, which an i128 may not hold: more than any burst either way.
        let filled = passed.saturating_mul(self.rate).saturating_add(self.level);
        self.level = filled.min(self.burst);
        self.at = Some(now);
    }

    /// Whole bytes that may pass now.
    fn available(&mut self, now: Time) -> usize {
        self.refill(now);
        usize::try_from((self.level / NANOS).max(0)).unwrap_or(usize::MAX)
    }

    fn take(&mut self, bytes: usize) {
        self.level -= bytes as i128 * NANOS; // a usize always fits
    }

    /// Until the level is no longer below zero.
    fn debt_time(&self) -> Duration {
        self.time_to(0)
    }

    /// Until a step's worth of the `waiting` bytes may pass.
    fn wait_for(&self, waiting: usize) -> Duration {
        let step = (self.rate / i128::from(STEPS_PER_SECOND)).max(1) * NANOS;
        self.time_to(step.min(self.burst).min(waiting as i128 * NANOS))
    }

    fn time_to(&self, level: i128) -> Duration {
        let missing = (level - self.level).max(0);
        let nanos = (missing + self.rate - 1) / self.rate;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{LayerBench, every_split};

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_burst_passes_at_once_and_the_rest_at_the_rate() {
        let (mut bench, mut layer) = (LayerBench::new(), Throttle::new().write(1000, 100));
        assert!(bench.start(&mut layer));
        assert_eq!(bench.write(&mut layer, &[b'x'; 350]).len(), 100);
        assert_eq!(layer.pending(), 250);
        for _ in 0..5 {
            bench.advance(&mut layer, 50 * MS);
            assert_eq!(bench.take_wire().len(), 50);
        }
        assert_eq!((layer.pending(), bench.next_timer_at()), (0, None));
    }

    #[test]
    fn a_rest_fills_the_bucket_to_its_burst_and_no_further() {
        let (mut bench, mut layer) = (LayerBench::new(), Throttle::new().write(1000, 100));
        assert_eq!(bench.write(&mut layer, &[b'x'; 100]).len(), 100);
        bench.advance(&mut layer, 60 * MS);
        assert_eq!(bench.write(&mut layer, &[b'x'; 60]).len(), 60);
        bench.advance(&mut layer, Duration::from_secs(3600));
        assert_eq!(bench.write(&mut layer, &[b'x'; 500]).len(), 100);
    }

    #[test]
    fn what_is_written_comes_out_whole_and_in_order_however_it_was_cut() {
        every_split(b"the quick brown fox jumps", |pieces| {
            let (mut bench, mut layer) = (LayerBench::new(), Throttle::new().write(10, 3));
            let mut out = Vec::new();
            for piece in pieces {
                out.extend(bench.write(&mut layer, piece));
                bench.advance(&mut layer, 130 * MS);
                out.extend(bench.take_wire());
            }
            out.extend(bench.finish(&mut layer));
            let before = bench.now();
            let rest = layer.pending();
            bench.advance(&mut layer, Duration::from_secs(3));
            out.extend(bench.take_wire());
            assert_eq!((&out[..], layer.pending()), (&b"the quick brown fox jumps"[..], 0));
            assert!(rest < 25 && before < bench.now());
        });
    }

    #[test]
    fn a_rate_that_does_not_divide_a_second_is_kept_exactly() {
        let (mut bench, mut layer) = (LayerBench::new(), Throttle::new().write(7, 2));
        let mut sent = bench.write(&mut layer, &[b'x'; 1000]).len();
        for _ in 0..70_000 {
            bench.advance(&mut layer, MS);
            sent += bench.take_wire().len();
        }
        assert_eq!(sent, 2 + 490);
    }

    #[test]
    fn a_close_waits_for_the_last_byte() {
        let (mut bench, mut layer) = (LayerBench::new(), Throttle::new().write(1, 1));
        bench.write(&mut layer, b"abc");
        assert_eq!((&bench.finish(&mut layer)[..], layer.pending()), (&b""[..], 2));
        bench.advance(&mut layer, 2000 * MS);
        assert_eq!((&bench.take_wire()[..], layer.pending()), (&b"bc"[..], 0));
    }

    #[test]
    fn a_reader_over_its_limit_pauses_until_the_debt_is_paid() {
        let (mut bench, mut layer) = (LayerBench::new(), Throttle::new().read(100, 10));
        assert_eq!(bench.receive(&mut layer, &[b'x'; 10]).len(), 10);
        assert!(!bench.is_reading_paused());
        assert_eq!(bench.receive(&mut layer, &[b'y'; 50]).len(), 50);
        assert!(bench.is_reading_paused());
        assert_eq!(bench.receive(&mut layer, b"z"), b"");
        assert!(!bench.eof(&mut layer));
        assert_eq!(bench.advance(&mut layer, 499 * MS), b"");
        // At the 500th ms `z` comes, which is a debt of 10 ms more, and then the end.
        assert_eq!(bench.advance(&mut layer, MS), b"z");
        assert!(bench.is_reading_paused() && !bench.is_at_eof());
        bench.advance(&mut layer, 10 * MS);
        assert!(!bench.is_reading_paused() && bench.is_at_eof());
    }

    #[test]
    fn a_stream_is_read_at_its_rate_however_it_is_cut() {
        let input: Vec<u8> = (0..60).collect();
        every_split(&input, |pieces| {
            let (mut bench, mut layer) = (LayerBench::new(), Throttle::new().read(20, 20));
            let mut seen = Vec::new();
            for piece in pieces {
                seen.extend(bench.receive(&mut layer, piece));
            }
            // 20 at once, 40 more take two seconds, of which the last read may be early.
            seen.extend(bench.advance(&mut layer, 2000 * MS));
            assert_eq!(seen, input);
            assert!(!bench.is_reading_paused());
        });
    }

    #[test]
    fn without_limits_everything_passes() {
        let (mut bench, mut layer) = (LayerBench::new(), Throttle::new());
        assert_eq!(bench.write(&mut layer, &[0; 9999]).len(), 9999);
        assert_eq!(bench.receive(&mut layer, &[0; 9999]).len(), 9999);
    }

    #[test]
    fn extreme_rates_neither_overflow_nor_stand_still() {
        for (rate, burst) in [(0, 0), (u64::MAX, u64::MAX), (1, u64::MAX), (u64::MAX, 1)] {
            let mut layer = Throttle::new().read(rate, burst).write(rate, burst);
            let mut bench = LayerBench::new();
            bench.write(&mut layer, b"ab");
            bench.receive(&mut layer, b"ab");
            bench.advance(&mut layer, Duration::from_secs(5));
            assert_eq!((layer.pending(), bench.is_reading_paused()), (0, false));
        }
    }
}
