//! Tells the time in words (RFC 867).
//! Owns: when it is told. Never: reads, or finds the words; `ctime` does.

use super::ctime;
use crate::protocol::{Protocol, Transport};

/// The daytime service: `Tue Nov 24 12:00:00 2026`, in local time, and the end.
///
/// ```
/// use ropewalk::{Protocol, service::Daytime, testing::Recorder};
/// let mut recorder = Recorder::new();
/// Daytime.connection_made(&mut recorder);
/// assert_eq!(recorder.written().len(), "Tue Nov 24 12:00:00 2026\r\n".len());
/// assert!(recorder.is_closed());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Daytime;

impl Protocol for Daytime {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        transport.write(ctime(transport.wall_time()).as_bytes());
        transport.write(b"\r\n");
        transport.close();
    }

    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
}
