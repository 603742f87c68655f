//! The notes' server: each piece of input comes back with the time before it.
//! Owns: the answer's form and the time's. Never: prints; who connected is told to a
//! closure.

use std::time::SystemTime;

use jiff::{Timestamp as Instant, tz::TimeZone};

use crate::addr::Addr;
use crate::protocol::{DatagramProtocol, DatagramTransport, Flow, Protocol, Transport};

/// The timestamp service: `[Tue Nov 24 12:00:00 2026] hello` for `hello`.
///
/// Each `data_received` is answered once, as in the notes; what arrives together is
/// answered together, each datagram by itself. The bytes come back as they are, not as
/// Python would show them.
///
/// ```
/// use ropewalk::{Protocol, service::Timestamp, testing::Recorder};
/// let mut recorder = Recorder::new();
/// Timestamp::new(|_peer| {}).data_received(&mut recorder, b"hello");
/// let answer = String::from_utf8(recorder.take_written()).unwrap();
/// assert!(answer.starts_with('[') && answer.ends_with("] hello"));
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "TSServProtocol")]
pub struct Timestamp<F> {
    connected: F,
}

impl<F: FnMut(&Addr)> Timestamp<F> {
    /// A protocol that tells `connected` who connected, or sent a datagram.
    pub fn new(connected: F) -> Timestamp<F> {
        Timestamp { connected }
    }
}

impl<F: FnMut(&Addr)> Protocol for Timestamp<F> {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        (self.connected)(&transport.peer_addr());
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        // Both leave in one system call, when this returns.
        transport.write(stamp(transport.wall_time()).as_bytes());
        if transport.write(data) == Flow::Full {
            transport.pause_reading();
        }
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) {
        transport.resume_reading();
    }
}

impl<F: FnMut(&Addr)> DatagramProtocol for Timestamp<F> {
    fn datagram_received(
        &mut self,
        transport: &mut dyn DatagramTransport,
        data: &[u8],
        from: &Addr,
        _truncated: bool,
    ) {
        (self.connected)(from);
        let stamp = stamp(transport.wall_time());
        transport.send_to(&[stamp.as_bytes(), data].concat(), from);
    }
}

fn stamp(now: SystemTime) -> String {
    format!("[{}] ", ctime(now))
}

/// The time as C's `ctime` writes it, in local time, without its newline:
/// `Tue Nov  3 09:05:00 2026`. A time that no calendar has is written as the epoch's.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// let text = ropewalk::service::ctime(UNIX_EPOCH + Duration::from_secs(1_000_000_000));
/// assert_eq!(text.len(), 24);
/// assert!(text.ends_with(" 2001"));
/// ```
pub fn ctime(time: SystemTime) -> String {
    let instant = Instant::try_from(time).unwrap_or(Instant::UNIX_EPOCH);
    in_zone(instant, TimeZone::system())
}

fn in_zone(instant: Instant, zone: TimeZone) -> String {
    instant.to_zoned_datetime(zone).strftime("%a %b %e %H:%M:%S %Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_that_of_ctime() {
        let instant = Instant::from_second(1_793_696_700).unwrap();
        assert_eq!(in_zone(instant, TimeZone::UTC), "Tue Nov  3 09:05:00 2026");
    }
}
