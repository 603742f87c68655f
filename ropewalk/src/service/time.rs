//! Tells the time in four bytes (RFC 868).
//! Owns: the count of seconds and what becomes of it in 2036. Never: reads.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::protocol::{Protocol, Transport};

/// The time service: the seconds since 1900-01-01 00:00 UTC as 32 bits, most significant
/// first, and the end.
///
/// The 32 bits are full on 2036-02-07 at 06:28:16 UTC; the count then begins again at 0, as
/// NTP's does, and who reads it has to know the era. Times before 1900 count backwards.
///
/// ```
/// use ropewalk::{Protocol, service::Time, testing::Recorder};
/// let mut recorder = Recorder::new();
/// Time.connection_made(&mut recorder);
/// assert_eq!(recorder.written().len(), 4);
/// assert!(recorder.is_closed());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Time;

impl Protocol for Time {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        transport.write(&since_1900(transport.wall_time()).to_be_bytes());
        transport.close();
    }

    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
}

/// 70 years, 17 of them leap years.
const UNIX_EPOCH_SECONDS: u32 = 2_208_988_800;

fn since_1900(time: SystemTime) -> u32 {
    // `as` keeps the low 32 bits, which is the wrap that the format has.
    let since_epoch = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_secs() as u32,
        Err(before) => {
            let before = before.duration();
            let whole = before.as_secs() + u64::from(before.subsec_nanos() > 0);
            (whole as u32).wrapping_neg()
        }
    };
    since_epoch.wrapping_add(UNIX_EPOCH_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_seconds_are_those_of_the_rfc() {
        // Its own examples.
        for (count, unix) in [
            (2_208_988_800, 0),
            (2_398_291_200, 189_302_400), // 1976-01-01
            (2_524_521_600, 315_532_800), // 1980-01-01
            (2_629_584_000, 420_595_200), // 1983-05-01
        ] {
            assert_eq!(since_1900(UNIX_EPOCH + Duration::from_secs(unix)), count);
        }
        // Before 1970: -1,297,728,000 in the RFC is 1858-11-17.
        let before = UNIX_EPOCH - Duration::from_secs(2_208_988_800 + 1_297_728_000);
        assert_eq!(since_1900(before), (1_297_728_000_u32).wrapping_neg());
        assert_eq!(since_1900(UNIX_EPOCH - Duration::from_millis(1)), 2_208_988_799);
    }

    #[test]
    fn the_count_begins_again_in_2036() {
        let last = UNIX_EPOCH + Duration::from_secs(2_085_978_495);
        assert_eq!(since_1900(last), u32::MAX);
        assert_eq!(since_1900(last + Duration::from_secs(1)), 0);
    }
}
