//! The other side: a PROXY header in front of everything that a connection sends.
//! Owns: the layer that writes it. Never: finds out whom it speaks for; who relays knows.

use crate::protocol::{Below, Layer, Up};

/// Sends a PROXY header when the connection begins, and retires: see
/// [`ProxyHeader::send`](super::ProxyHeader::send).
#[derive(Clone, Debug)]
pub struct HeaderSender {
    bytes: Vec<u8>,
}

impl HeaderSender {
    pub(super) fn new(bytes: Vec<u8>) -> HeaderSender {
        HeaderSender { bytes }
    }
}

impl Layer for HeaderSender {
    fn started(&mut self, below: &mut Below<'_>, up: &mut Up<'_>) {
        below.write(&self.bytes);
        up.made();
        below.retire();
    }
}
