//! Throws away what it gets (RFC 863).
//! Owns: nothing. Never: answers.

use crate::addr::Addr;
use crate::protocol::{DatagramProtocol, DatagramTransport, Protocol, Transport};

/// The discard service, of connections and of datagrams.
///
/// ```
/// use ropewalk::{Protocol, service::Discard, testing::Recorder};
/// let mut recorder = Recorder::new();
/// Discard.data_received(&mut recorder, b"hello");
/// assert_eq!(recorder.written(), b"");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl Protocol for Discard {
    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
}

impl DatagramProtocol for Discard {
    fn datagram_received(&mut self, _: &mut dyn DatagramTransport, _: &[u8], _: &Addr, _: bool) {}
}
