//! Sizes and times as a person reads and writes them.
//! Owns: their units, both ways. Never: asks the time.

use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;

/// `41 B`, `1.5 KiB`, `3.0 GiB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = 0;
    // 1023.95 would be written as 1024.0.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// `3 ms`, `3.2 s`, `5 min`, `3 h`, `2 d`: one figure, for a glance.
pub(crate) fn time(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 if span.as_millis() < 1000 && span.as_millis() < 100 => {
            format!("{} ms", span.as_millis())
        }
        0..=99 => format!("{:.1} s", span.as_millis() as f64 / 1000.0),
        100..=5999 => format!("{} min", seconds / 60),
        6000..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// The time of day in a zone.
pub(crate) fn clock(wall: SystemTime, zone: &TimeZone) -> String {
    let instant = jiff::Timestamp::try_from(wall).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    instant.to_zoned_datetime(zone.clone()).strftime("%H:%M:%S").to_string()
}

/// A time with its unit, as `10s` or `500ms`; a bare number could be either.
pub(crate) fn parse_time(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| "write a time as 10s or 500ms".to_owned())?;
    let seconds_each = match unit {
        "ms" => return Ok(Duration::from_millis(number)),
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "" => return Err(format!("{number} what? write {number}s or {number}ms")),
        _ => return Err(format!("no unit `{unit}`: there are ms, s, m and h")),
    };
    Ok(Duration::from_secs(number.saturating_mul(seconds_each)))
}

/// The same, where a bare number is seconds, as in netcat's `-w SECS`. Never zero.
pub(crate) fn parse_seconds(text: &str) -> Result<Duration, String> {
    let bare = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let time = if bare { parse_time(&format!("{text}s"))? } else { parse_time(text)? };
    if time.is_zero() {
        return Err("nothing happens within no time: give one, or leave it out".to_owned());
    }
    Ok(time)
}

/// A rate with its unit, as `64KiB/s`, `1MB/s` or `500B/s`; never zero.
pub(crate) fn parse_rate(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 7] = [
        ("B", 1),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("kB", 1000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
    ];
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| "write a rate as 64KiB/s or 1MB/s".to_owned())?;
    let unit = unit.strip_suffix("/s").ok_or_else(|| {
        format!("{number} of what, and in which time? write {number}KiB/s or {number}B/s")
    })?;
    let (_, each) = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or_else(|| format!("no unit `{unit}`: there are B, KiB, MiB, GiB, kB, MB and GB"))?;
    match number.checked_mul(*each) {
        Some(0) => Err("nothing moves at that rate: give one, or leave it out".to_owned()),
        Some(rate) => Ok(rate),
        None => Err(format!("{text} is more than a rate can be")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short_and_right() {
        let texts = [0, 1023, 1024, 1536, 1_048_575, 1 << 40, u64::MAX].map(bytes);
        assert_eq!(
            texts,
            ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "1.0 MiB", "1.0 TiB", "16384.0 PiB"]
        );
    }

    #[test]
    fn times_are_short_and_right() {
        let texts = [0, 99, 100, 3200, 99_999, 100_000, 10_800_000, 200_000_000]
            .map(|millis| time(Duration::from_millis(millis)));
        assert_eq!(texts, ["0 ms", "99 ms", "0.1 s", "3.2 s", "100.0 s", "1 min", "3 h", "2 d"]);
    }

    #[test]
    fn a_time_is_read_with_its_unit() {
        assert_eq!(parse_time("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_time("2h"), Ok(Duration::from_secs(7200)));
        assert_eq!(parse_time("5").unwrap_err(), "5 what? write 5s or 5ms");
        assert!(parse_time("5d").unwrap_err().contains("no unit `d`"));
        assert!(parse_time("-1s").is_err() && parse_time("").is_err());
        assert_eq!(parse_seconds("5"), Ok(Duration::from_secs(5)));
        assert_eq!(parse_seconds("5ms"), Ok(Duration::from_millis(5)));
        assert!(parse_seconds("0").is_err() && parse_seconds("x").is_err());
    }

    #[test]
    fn a_rate_is_read_with_its_unit_and_its_time() {
        assert_eq!(parse_rate("500B/s"), Ok(500));
        assert_eq!(parse_rate("1MiB/s"), Ok(1 << 20));
        assert_eq!(parse_rate("2MB/s"), Ok(2_000_000));
        assert!(parse_rate("5").unwrap_err().contains("write 5KiB/s"));
        assert!(parse_rate("5KiB").unwrap_err().contains("in which time"));
        assert!(parse_rate("5KB/s").unwrap_err().contains("no unit `KB`"));
        assert!(parse_rate("0B/s").is_err() && parse_rate("").is_err());
        assert!(parse_rate("18446744073709551615GiB/s").is_err());
    }
}
