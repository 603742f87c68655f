//! A limit on bytes a second, in each direction, with a burst, of one connection or of many
//! together.
//! Owns: the token buckets, written bytes that wait for their turn, the reading pause.
//! Never: drops or reorders a byte, or asks a clock other than the connection's.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Time;
use crate::limits;
use crate::protocol::{Below, Layer, Reason, Timer, Up};

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
/// A rate or burst of 0 is taken as 1. Connections share a rate by [`SharedRate`]: then each
/// that waits gets its part in turn.
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
    read: Option<Rate>,
    write: Option<Rate>,
    waiting: VecDeque<u8>,
    /// So many of them are taken from the bucket already, and go when the timer comes.
    reserved: usize,
}

/// A rate that many connections have together; a clone is the same.
///
/// ```
/// use ropewalk::policy::{SharedRate, Throttle};
/// use ropewalk::protocol::Factory;
/// # struct Echo;
/// # impl ropewalk::Protocol for Echo {
/// #     fn data_received(&mut self, t: &mut dyn ropewalk::Transport, d: &[u8]) { t.write(d); }
/// # }
/// // 1 MiB/s for all of them, 64 KiB of it at once:
/// let all = SharedRate::new(1024 * 1024, 64 * 1024);
/// let factory = (|| Echo).layer(move || Throttle::new().write_shared(&all));
/// # let _ = factory;
/// ```
// Engines of one process count time from the same instant, so one bucket serves them all.
#[derive(Clone, Debug)]
pub struct SharedRate(Arc<Mutex<Bucket>>);

impl SharedRate {
    /// So many bytes a second, after `burst` bytes at once.
    pub fn new(bytes_per_second: u64, burst: u64) -> SharedRate {
        SharedRate(Arc::new(Mutex::new(Bucket::new(bytes_per_second, burst))))
    }
}

#[derive(Debug)]
enum Rate {
    Own(Bucket),
    Shared(SharedRate),
}

impl Rate {
    fn with<R>(&mut self, f: impl FnOnce(&mut Bucket) -> R) -> R {
        match self {
            Rate::Own(bucket) => f(bucket),
            Rate::Shared(SharedRate(bucket)) => {
                f(&mut bucket.lock().unwrap_or_else(PoisonError::into_inner))
            }
        }
    }
}

impl Throttle {
    /// No limit yet.
    pub fn new() -> Throttle {
        Throttle::default()
    }

    /// Limits reading to so many bytes a second, after `burst` bytes at once.
    #[must_use]
    pub fn read(self, bytes_per_second: u64, burst: u64) -> Throttle {
        Throttle { read: Some(Rate::Own(Bucket::new(bytes_per_second, burst))), ..self }
    }

    /// Limits writing to so many bytes a second, after `burst` bytes at once.
    #[must_use]
    pub fn write(self, bytes_per_second: u64, burst: u64) -> Throttle {
        Throttle { write: Some(Rate::Own(Bucket::new(bytes_per_second, burst))), ..self }
    }

    /// Limits reading to a rate that others have part in.
    #[must_use]
    pub fn read_shared(self, rate: &SharedRate) -> Throttle {
        Throttle { read: Some(Rate::Shared(rate.clone())), ..self }
    }

    /// Limits writing to a rate that others have part in.
    #[must_use]
    pub fn write_shared(self, rate: &SharedRate) -> Throttle {
        Throttle { write: Some(Rate::Shared(rate.clone())), ..self }
    }

    /// Writes what was reserved, and what the bucket allows beside.
    fn flush(&mut self, below: &mut Below<'_>) {
        let Some(rate) = &mut self.write else { return };
        let reserved = std::mem::take(&mut self.reserved);
        let further =
            rate.with(|bucket| bucket.take_up_to(self.waiting.len() - reserved, below.now()));
        let allowed = reserved + further;
        let (first, second) = self.waiting.as_slices();
        let from_first = allowed.min(first.len());
        for part in [&first[..from_first], &second[..allowed - from_first]] {
            if !part.is_empty() {
                below.write(part);
            }
        }
        self.waiting.drain(..allowed);
        if !self.waiting.is_empty() {
            return self.reserve(below);
        }
        // Most connections wait seldom: what one burst needed is not kept for ever.
        if self.waiting.capacity() > limits::SPARE_BUFFER_BYTES {
            self.waiting = VecDeque::new();
        }
    }

    /// Takes the next step's bytes from the bucket, in debt, and waits until it is paid: so
    /// connections that share a bucket have their turns, one after another.
    fn reserve(&mut self, below: &mut Below<'_>) {
        let Some(rate) = &mut self.write else { return };
        let (step, wait) = rate.with(|bucket| bucket.reserve(self.waiting.len()));
        self.reserved = step;
        below.set_timer(WRITE, wait);
    }
}

impl Layer for Throttle {
    fn received<'d>(&mut self, below: &mut Below<'_>, data: &'d [u8], up: &mut Up<'d>) {
        up.pass(data);
        let Some(rate) = &mut self.read else { return };
        let debt = rate.with(|bucket| {
            bucket.refill(below.now());
            bucket.take(data.len());
            bucket.debt_time()
        });
        if !debt.is_zero() {
            below.pause_reading();
            below.set_timer(READ, debt);
        }
    }

    fn write(&mut self, below: &mut Below<'_>, data: &[u8]) {
        let Some(rate) = &mut self.write else { return below.write(data) };
        if !self.waiting.is_empty() {
            // The timer that these wait for is set.
            self.waiting.extend(data);
            return;
        }
        let allowed = rate.with(|bucket| bucket.take_up_to(data.len(), below.now()));
        let (now, later) = data.split_at(allowed);
        if !now.is_empty() {
            below.write(now);
        }
        if !later.is_empty() {
            self.waiting.extend(later);
            self.reserve(below);
        }
    }

    fn pending(&self) -> usize {
        self.waiting.len()
    }

    fn timer_fired(&mut self, below: &mut Below<'_>, timer: Timer, _: &mut Up<'_>) {
        match timer {
            WRITE => self.flush(below),
            // What others have read since is theirs to wait for.
            _ => below.resume_reading(),
        }
    }

    fn lost(&mut self, _: &Reason) {
        // What was not written is the others'.
        let reserved = std::mem::take(&mut self.reserved);
        if let Some(rate) = &mut self.write {
            rate.with(|bucket| bucket.give_back(reserved));
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

    /// Takes as many whole bytes as may pass now, of so many.
    fn take_up_to(&mut self, wanted: usize, now: Time) -> usize {
        self.refill(now);
        let available = usize::try_from((self.level / NANOS).max(0)).unwrap_or(usize::MAX);
        let taken = available.min(wanted);
        self.take(taken);
        taken
    }

    fn take(&mut self, bytes: usize) {
        self.level -= bytes as i128 * NANOS; // a usize always fits
    }

    fn give_back(&mut self, bytes: usize) {
        self.level = (self.level + bytes as i128 * NANOS).min(self.burst);
    }

    /// Takes a step's worth of the `waiting` bytes in debt: how many, and how long that takes.
    fn reserve(&mut self, waiting: usize) -> (usize, Duration) {
        let step = (self.rate / i128::from(STEPS_PER_SECOND)).max(1).min(self.burst / NANOS);
        let step = usize::try_from(step).unwrap_or(usize::MAX).min(waiting);
        self.take(step);
        (step, self.debt_time())
    }

    /// Until the level is no longer below zero.
    fn debt_time(&self) -> Duration {
        let missing = (-self.level).max(0);
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

    /// Benches of connections that share a rate; their clocks go together.
    struct Together(Vec<(LayerBench, Throttle)>);

    impl Together {
        fn new(count: usize, make: impl Fn() -> Throttle) -> Together {
            Together((0..count).map(|_| (LayerBench::new(), make())).collect())
        }

        fn advance(&mut self, by: Duration) {
            for (bench, layer) in &mut self.0 {
                bench.advance(layer, by);
            }
        }
    }

    #[test]
    fn connections_that_share_a_rate_have_it_together_and_each_its_part() {
        let rate = SharedRate::new(1000, 100);
        let mut all = Together::new(4, || Throttle::new().write_shared(&rate));
        let mut sent = [0; 4];
        for (sum, (bench, layer)) in sent.iter_mut().zip(&mut all.0) {
            *sum += bench.write(layer, &[b'x'; 10_000]).len();
        }
        assert_eq!(sent.iter().sum::<usize>(), 100, "the burst is one, too");
        for _ in 0..10_000 {
            all.advance(MS);
            for (sum, (bench, _)) in sent.iter_mut().zip(&mut all.0) {
                *sum += bench.take_wire().len();
            }
        }
        let total: usize = sent.iter().sum();
        assert!((10_050..=10_100).contains(&total), "{sent:?}");
        assert!(sent.iter().all(|sum| (2450..=2600).contains(sum)), "{sent:?}");
    }

    #[test]
    fn readers_that_share_a_rate_pause_in_turn() {
        let rate = SharedRate::new(1000, 100);
        let mut all = Together::new(3, || Throttle::new().read_shared(&rate));
        let mut seen = [0; 3];
        for _ in 0..10_000 {
            for (sum, (bench, layer)) in seen.iter_mut().zip(&mut all.0) {
                // Whoever may reads 50 bytes.
                if !bench.is_reading_paused() {
                    *sum += bench.receive(layer, &[b'x'; 50]).len();
                }
            }
            all.advance(MS);
        }
        let total: usize = seen.iter().sum();
        assert!((10_000..=10_300).contains(&total), "{seen:?}");
        assert!(seen.iter().all(|sum| (3200..=3600).contains(sum)), "{seen:?}");
    }

    #[test]
    fn what_a_lost_connection_had_reserved_is_the_others() {
        let rate = SharedRate::new(100, 50);
        let mut all = Together::new(2, || Throttle::new().write_shared(&rate));
        let [(first, lost), (second, layer)] = &mut all.0[..] else { unreachable!() };
        assert_eq!(first.write(lost, &[b'x'; 1000]).len(), 50);
        first.lose(lost, &Reason::failed("gone"));
        assert_eq!(second.write(layer, b"abcde"), b"");
        second.advance(layer, 50 * MS);
        assert_eq!(second.take_wire(), b"abcde");
    }
}
