//! Sends back what it gets (RFC 862).
//! Owns: nothing but the pause. Never: reads faster than a connection's peer takes its
//! answers; an answer to a datagram for which there is no room is dropped.

use crate::addr::Addr;
use crate::protocol::{DatagramProtocol, DatagramTransport, Flow, Protocol, Transport};

/// The echo service, of connections and of datagrams. A peer that does not read what it
/// gets back is not read from either.
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

impl DatagramProtocol for Echo {
    fn datagram_received(
        &mut self,
        transport: &mut dyn DatagramTransport,
        data: &[u8],
        from: &Addr,
        _truncated: bool,
    ) {
        transport.send_to(data, from);
    }
}
