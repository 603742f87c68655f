//! What a stop says of datagrams that it cut.

use ropewalk::{Addr, DatagramProtocol, DatagramTransport, Reactor, Sending};

use crate::folder::Folder;

/// Sends so many bytes until something waits, then stops the reactor, and does not wait.
struct Overfills(usize);

impl DatagramProtocol for Overfills {
    fn connection_made(&mut self, transport: &mut dyn DatagramTransport) {
        let enough = |sending| sending == Sending::Queued;
        while !enough(transport.send(&vec![0; self.0])) {}
        transport.net().stop();
    }
    fn datagram_received(
        &mut self,
        _: &mut dyn DatagramTransport,
        _: &[u8],
        _: &Addr,
        _truncated: bool,
    ) {
    }
    fn stopping(&mut self, transport: &mut dyn DatagramTransport) {
        transport.abort();
    }
}

#[test]
fn what_a_stop_cuts_from_a_queue_is_in_its_report() {
    let folder = Folder::new();
    let path = folder.0.join("deaf");
    let _deaf = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    let reactor = Reactor::new().unwrap();
    reactor.connect_unixgram(path, Overfills(1024));
    let report = reactor.run_reporting().unwrap();
    assert_eq!((report.unsent, report.open), (1024, 0));
}
