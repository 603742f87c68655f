//! How long a client waits before it tries again, and when it gives up.
//! Owns: the arithmetic of the delays. Never: keeps count, or waits.

use std::time::Duration;

use crate::driver::Random;
use crate::limits;

/// How a [`Reconnecting`](super::Reconnecting) client waits between two attempts.
///
/// The n-th delay in a row, counted from 0, is `initial` × `factor`ⁿ, but at most `cap`; of
/// that a share of up to `jitter` is taken away by chance. So the cap holds for every delay, the
/// first one and those with jitter included, and clients that lost one server at one instant do
/// not come back at one instant, not even when all of them wait for the cap. What chance takes
/// from one delay has no part in the next.
///
/// ```
/// use ropewalk::service::Retry;
/// use std::time::Duration;
/// let retry = Retry { jitter: 0.0, cap: Duration::from_secs(3), ..Retry::default() };
/// let delays: Vec<_> = (0..5).map(|n| retry.longest(n).as_secs_f64()).collect();
/// assert_eq!(delays, [1.0, 1.5, 2.25, 3.0, 3.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[doc(alias = "backoffPolicy")]
pub struct Retry {
    /// The first delay; 1 s by default.
    #[doc(alias = "initialDelay")]
    pub initial: Duration,
    /// Each delay is so many times the one before; 1.5 by default.
    pub factor: f64,
    /// No delay is longer; 60 s by default. None is shorter than
    /// [`RECONNECT_DELAY_MIN`](limits::RECONNECT_DELAY_MIN).
    #[doc(alias = "maxDelay")]
    pub cap: Duration,
    /// The share of a delay that is left to chance, from 0 (nothing) to 1 (all of it); 0.5 by
    /// default.
    pub jitter: f64,
    /// What chance begins with. By default each client has its own; under test, say one.
    pub seed: Option<u64>,
    /// A connection that lived for so long was a good one: after it, counting starts anew.
    /// 10 s by default, so that a server that accepts and closes is not stormed; zero means
    /// that every connection is a good one. [`Reconnecting::reset`](super::Reconnecting::reset)
    /// says so of one at once.
    pub stable_after: Duration,
    /// So many failures in a row, with no good connection between them, and it gives up. By
    /// default it never does. Zero is as one.
    #[doc(alias = "maxRetries")]
    pub limit: Option<u32>,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry {
            initial: limits::RECONNECT_DELAY,
            factor: 1.5,
            cap: limits::RECONNECT_DELAY_MAX,
            jitter: 0.5,
            seed: None,
            stable_after: limits::RECONNECT_STABLE,
            limit: None,
        }
    }
}

impl Retry {
    /// The n-th delay in a row, counted from 0, before chance takes its share.
    pub fn longest(&self, n: u32) -> Duration {
        self.part(n, 1.0)
    }

    /// The same after chance took it.
    pub(super) fn delay(&self, n: u32, random: &mut Random) -> Duration {
        const STEPS: u64 = 1 << 32;
        let chance = random.below(STEPS) as f64 / STEPS as f64;
        self.part(n, 1.0 - self.jitter.clamp(0.0, 1.0) * chance)
    }

    fn part(&self, n: u32, part: f64) -> Duration {
        let grown = self.initial.as_secs_f64() * self.factor.powi(n.try_into().unwrap_or(i32::MAX));
        // A factor that is no number, or a delay that is none any more, is the cap.
        let seconds = grown.min(self.cap.as_secs_f64()) * part;
        let delay = Duration::try_from_secs_f64(seconds).unwrap_or(self.cap);
        delay.min(self.cap).max(limits::RECONNECT_DELAY_MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(retry: &Retry) -> Vec<f64> {
        (0..8).map(|n| retry.longest(n).as_secs_f64()).collect()
    }

    #[test]
    fn the_cap_holds_for_the_first_delay_too_and_after_chance() {
        let cap = Duration::from_millis(500);
        let retry = Retry { cap, jitter: 1.0, ..Retry::default() };
        let mut random = Random(7);
        for n in [0, 1, 5, u32::MAX] {
            assert!((0..100).all(|_| retry.delay(n, &mut random) <= cap));
        }
    }

    #[test]
    fn chance_takes_its_share_and_no_more_and_one_seed_takes_the_same() {
        let retry = Retry { jitter: 0.25, ..Retry::default() };
        let draw = |seed| {
            let mut random = Random(seed);
            (0..200).map(|_| retry.delay(0, &mut random)).collect::<Vec<_>>()
        };
        let drawn = draw(1);
        assert!(drawn.iter().all(|delay| (0.75..=1.0).contains(&delay.as_secs_f64())));
        assert!(drawn.iter().any(|delay| delay.as_secs_f64() < 0.8), "it is used");
        assert!(drawn == draw(1) && drawn != draw(2));
    }

    #[test]
    fn nonsense_is_the_cap_or_the_least_and_never_a_panic() {
        let cap = Duration::from_secs(2);
        for factor in [f64::NAN, f64::INFINITY] {
            let retry = Retry { factor, cap, ..Retry::default() };
            assert_eq!(seconds(&retry)[1..], [2.0; 7], "{factor}");
        }
        for factor in [0.0, -3.0] {
            let retry = Retry { factor, cap, jitter: f64::NAN, ..Retry::default() };
            let mut random = Random(1);
            assert!((0..9).all(|n| {
                (limits::RECONNECT_DELAY_MIN..=cap).contains(&retry.delay(n, &mut random))
            }));
        }
        let nothing = Retry { initial: Duration::ZERO, cap: Duration::ZERO, ..Retry::default() };
        assert_eq!(nothing.longest(3), limits::RECONNECT_DELAY_MIN, "it does not spin");
    }
}
