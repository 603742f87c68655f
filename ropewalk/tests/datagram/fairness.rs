//! A socket that always has more to receive holds up nobody.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ropewalk::addr::Site;
use ropewalk::service::Echo;
use ropewalk::{Addr, DatagramProtocol, DatagramTransport};

use crate::rig::{Rig, WATCHDOG, on};

/// Sends each datagram on to itself, so that its kernel never has no more.
struct Whirl {
    bytes: usize,
    count: Arc<AtomicUsize>,
}

impl DatagramProtocol for Whirl {
    fn connection_made(&mut self, transport: &mut dyn DatagramTransport) {
        let own = transport.local_addr();
        for _ in 0..3 {
            transport.send_to(&vec![7; self.bytes], &own);
        }
    }
    fn datagram_received(
        &mut self,
        transport: &mut dyn DatagramTransport,
        data: &[u8],
        from: &Addr,
        _: bool,
    ) {
        self.count.fetch_add(1, Ordering::Relaxed);
        transport.send_to(data, from);
    }
}

#[track_caller]
fn flood_itself(rig: &Rig, bytes: usize) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let (site, counted) = (rig.site(), count.clone());
    rig.call(move |net| {
        let mut build =
            || Box::new(Whirl { bytes, count: counted.clone() }) as Box<dyn DatagramProtocol>;
        net.listen_datagrams(site, &mut build).map(|_| ()).unwrap();
    });
    count
}

/// Asks a TCP echo on the same loop until so many datagrams have passed beside it.
#[track_caller]
fn tcp_is_served_beside(rig: &Rig, count: &AtomicUsize, datagrams: usize) {
    let site = Site::Tcp(("127.0.0.1", 0).into());
    let at = rig.call(|net| {
        let listener = net.listen(site, Box::new(|| Echo)).unwrap();
        listener.addrs()[0].ip().unwrap()
    });
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(WATCHDOG)).unwrap();
    let mut rounds = 0;
    while rounds < 20 || count.load(Ordering::Relaxed) < datagrams {
        let mut answer = [0; 5];
        stream.write_all(b"hello").unwrap();
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"hello");
        rounds += 1;
    }
}

#[test]
fn ten_thousand_datagrams_leave_a_connection_its_turns() {
    on(
        |kind| kind.is_udp(),
        |rig| {
            let count = flood_itself(rig, 100);
            tcp_is_served_beside(rig, &count, 10_000);
        },
    );
}

#[test]
fn empty_datagrams_count_as_well() {
    on(
        |kind| kind.is_udp(),
        |rig| {
            let count = flood_itself(rig, 0);
            tcp_is_served_beside(rig, &count, 10_000);
        },
    );
}

#[test]
fn long_datagrams_are_bounded_by_their_bytes() {
    on(
        |kind| kind.is_udp(),
        |rig| {
            let count = flood_itself(rig, 60_000);
            tcp_is_served_beside(rig, &count, 1_000);
        },
    );
}
