//! Finished protocols, ready to be served.
//! Owns: what each service answers, and the clock text that some of them share.
//! Never: prints, opens a socket, or asks the time by itself; the transport tells it.
//!
//! | service | what it does |
//! | --- | --- |
//! | [`Timestamp`] | answers what it receives with `[time] ` before it |
//! | [`Echo`] | answers what it receives |
//!
//! ```no_run
//! use ropewalk::{Reactor, service};
//!
//! fn main() -> ropewalk::Result<()> {
//!     let reactor = Reactor::new()?;
//!     reactor.listen_tcp(7007, service::Echo::new)?;
//!     reactor.listen_tcp(21555, service::Timestamp::new)?;
//!     reactor.run()
//! }
//! ```

mod echo;
mod timestamp;

pub use echo::Echo;
pub use timestamp::{Timestamp, Told};

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp as Instant;
use jiff::tz::TimeZone;

/// The time as C's `ctime` writes it, without its newline, in the machine's time zone
/// (`TZ`, or else the system's): `Tue Nov 24 12:00:00 2026`.
///
/// A day of one digit has a space before it. A time beyond the years that the calendar
/// has (-9999 to 9999) is brought to the nearest that is in it.
///
/// ```
/// let text = ropewalk::service::ctime(std::time::UNIX_EPOCH);
/// assert_eq!(text.len(), "Thu Jan  1 00:00:00 1970".len());
/// ```
pub fn ctime(time: SystemTime) -> String {
    ctime_in(TimeZone::system(), time)
}

fn ctime_in(zone: TimeZone, time: SystemTime) -> String {
    let limit = if time < UNIX_EPOCH { Instant::MIN } else { Instant::MAX };
    let local = Instant::try_from(time).unwrap_or(limit).to_zoned(zone);
    local.strftime("%a %b %e %H:%M:%S %Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn utc(seconds: u64) -> String {
        ctime_in(TimeZone::UTC, UNIX_EPOCH + Duration::from_secs(seconds))
    }

    #[test]
    fn a_time_is_written_as_ctime_does() {
        assert_eq!(utc(1_795_521_600), "Tue Nov 24 12:00:00 2026");
    }

    #[test]
    fn a_day_of_one_digit_has_a_space_before_it() {
        assert_eq!(utc(0), "Thu Jan  1 00:00:00 1970");
        assert_eq!(utc(951_782_399), "Mon Feb 28 23:59:59 2000");
        assert_eq!(utc(951_782_400), "Tue Feb 29 00:00:00 2000");
    }

    #[test]
    fn a_zone_moves_the_hour_and_the_day() {
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        let text = ctime_in(zone, UNIX_EPOCH + Duration::from_secs(57_600));
        assert_eq!(text, "Fri Jan  2 00:00:00 1970");
    }

    #[test]
    fn a_time_beyond_the_calendar_is_brought_into_it() {
        let far = Duration::from_secs(1 << 60);
        if let Some(late) = UNIX_EPOCH.checked_add(far) {
            assert!(ctime_in(TimeZone::UTC, late).ends_with(" 9999"));
        }
        if let Some(early) = UNIX_EPOCH.checked_sub(far) {
            assert!(ctime_in(TimeZone::UTC, early).ends_with(" -9999"));
        }
    }
}
