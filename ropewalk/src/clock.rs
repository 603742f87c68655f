//! Time: a monotonic instant counted from the engine's beginning, and who tells it.
//! Owns: `Time`, the `Clock` contract, the machine's clock and the virtual one.
//! Never: sleeps, schedules, or is asked for the time twice where once would do; this
//! is the only file that reads the machine's clocks.

use std::cell::Cell;
use std::fmt;
use std::ops::{Add, Sub};
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// An instant: nanoseconds since its clock began. Monotonic; a step of the wall clock does
/// not move it. Engines of one process have one clock, so that their instants compare.
///
/// ```
/// use ropewalk::clock::Time;
/// use std::time::Duration;
/// let later = Time::ZERO + Duration::from_millis(5);
/// assert_eq!(later - Time::ZERO, Duration::from_millis(5));
/// assert!(Time::ZERO + Duration::MAX == Time::NEVER); // saturates, never wraps
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The instant a clock began.
    pub const ZERO: Time = Time(0);
    /// Later than any instant that will come (584 years).
    pub const NEVER: Time = Time(u64::MAX);

    /// The instant `nanos` nanoseconds after the beginning.
    pub const fn from_nanos(nanos: u64) -> Time {
        Time(nanos)
    }

    /// Nanoseconds since the beginning.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long it is from `earlier` to `self`; zero if `earlier` is later.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Time;
    /// Saturates at [`Time::NEVER`]: a far future is never the past.
    fn add(self, after: Duration) -> Time {
        Time(u64::try_from(after.as_nanos()).map_or(u64::MAX, |nanos| self.0.saturating_add(nanos)))
    }
}

impl Sub for Time {
    type Output = Duration;
    /// Saturates at zero.
    fn sub(self, earlier: Time) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", Duration::from_nanos(self.0))
    }
}

/// Who tells the time: the machine, or a test.
pub trait Clock {
    /// The monotonic time.
    fn now(&self) -> Time;
    /// The time on the wall, which may step.
    fn wall(&self) -> SystemTime;
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy)]
pub struct MachineClock {
    began: Instant,
}

impl MachineClock {
    /// A clock that begins now.
    #[allow(clippy::disallowed_methods, reason = "this is the one place that asks")]
    pub fn begin() -> MachineClock {
        MachineClock { began: Instant::now() }
    }

    /// The clock that all engines of the process share; it began with the first of them.
    pub fn of_process() -> MachineClock {
        static SHARED: OnceLock<MachineClock> = OnceLock::new();
        *SHARED.get_or_init(MachineClock::begin)
    }
}

impl Clock for MachineClock {
    fn now(&self) -> Time {
        Time::ZERO + self.began.elapsed()
    }

    #[allow(clippy::disallowed_methods, reason = "this is the one place that asks")]
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A clock that stands still until it is moved: tests and the simulation.
///
/// Its wall begins at the Unix epoch unless [`VirtualClock::set_wall`] says otherwise.
#[derive(Debug, Clone, Default)]
pub struct VirtualClock {
    now: Rc<Cell<u64>>,
    wall_offset_nanos: Rc<Cell<u64>>,
}

impl VirtualClock {
    /// A clock at [`Time::ZERO`].
    pub fn new() -> VirtualClock {
        VirtualClock::default()
    }

    /// Moves the clock forward to `to`; an earlier instant moves nothing.
    pub fn advance_to(&self, to: Time) {
        self.now.set(self.now.get().max(to.as_nanos()));
    }

    /// Moves the clock forward by `by`.
    pub fn advance(&self, by: Duration) {
        self.advance_to(self.now() + by);
    }

    /// Steps the wall clock, as an administrator would; the monotonic time stays.
    pub fn set_wall(&self, wall: SystemTime) {
        let nanos = wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
        self.wall_offset_nanos.set(nanos.saturating_sub(self.now.get()));
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Time {
        Time(self.now.get())
    }

    fn wall(&self) -> SystemTime {
        UNIX_EPOCH
            + Duration::from_nanos(self.wall_offset_nanos.get().saturating_add(self.now.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_of_one_process_agree_about_an_instant() {
        let first = MachineClock::of_process().now();
        let (later, apart) = (MachineClock::of_process(), MachineClock::begin());
        assert!(later.now() >= first && later.began <= apart.began);
    }

    #[test]
    fn a_step_of_the_wall_moves_no_deadline() {
        let clock = VirtualClock::new();
        clock.advance(Duration::from_secs(5));
        clock.set_wall(UNIX_EPOCH + Duration::from_secs(1_000_000));
        assert_eq!(clock.now(), Time::ZERO + Duration::from_secs(5));
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.wall(), UNIX_EPOCH + Duration::from_secs(1_000_001));
    }

    #[test]
    fn the_virtual_clock_never_goes_back() {
        let clock = VirtualClock::new();
        clock.advance(Duration::from_secs(2));
        clock.advance_to(Time::ZERO + Duration::from_secs(1));
        assert_eq!(clock.now() - Time::ZERO, Duration::from_secs(2));
    }
}
