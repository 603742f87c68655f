//! Sends back what it gets (RFC 862).
//! Owns: nothing but the pause. Never: reads faster than the peer takes its answers.

use crate::protocol::{Flow, Protocol, Transport};

/// The echo service. A peer that does not read what it gets back is not read from either.
///
/// ```
/// use ropewalk::{Protocol, service::Echo, testing::Recorder};
/// let mut recorder = Recorder::new();
/// Echo.data_received(&mut recorder, b"hello");
/// assert_eq!(recorder.written(), b"hello");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        if transport.write(data) == Flow::Full {
            transport.pause_reading();
        }
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) {
        transport.resume_reading();
    }
}
