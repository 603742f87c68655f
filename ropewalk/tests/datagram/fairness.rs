//! A socket that always has more to receive holds up nobody.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ropewalk::addr::Site;
use ropewalk::clock::Time;
use ropewalk::service::Echo;
use ropewalk::{Addr, DatagramProtocol, DatagramTransport, limits};

use crate::rig::{WATCHDOG, on};

/// Sends each datagram on to itself, so that its kernel never has no more.
struct Whirl {
    bytes: usize,
    count: Arc<AtomicUsize>,
    /// Which turn it is, by its time, and how many came in it; the most there were.
    turn: (Time, usize),
    most: Arc<AtomicUsize>,
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
        let now = transport.now();
        self.turn = (now, if self.turn.0 == now { self.turn.1 + 1 } else { 1 });
        self.most.fetch_max(self.turn.1, Ordering::Relaxed);
        transport.send_to(data, from);
    }
}

/// Asks a TCP echo on the loop on which such a socket receives, until so many datagrams
/// have passed beside it. In no turn do more come than `most`.
fn tcp_is_served_beside(bytes: usize, datagrams: usize, most: usize) {
    on(
        |kind| kind.is_udp(),
        |rig| {
            let (count, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let (site, counted, seen_most) = (rig.site(), count.clone(), seen.clone());
            let at = rig.call(move |net| {
                let mut build = || {
                    let (count, most) = (counted.clone(), seen_most.clone());
                    let whirl = Whirl { bytes, count, turn: (Time::ZERO, 0), most };
                    Box::new(whirl) as Box<dyn DatagramProtocol>
                };
                net.listen_datagrams(site, &mut build).map(|_| ()).unwrap();
                let site = Site::Tcp(("127.0.0.1", 0).into());
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
            // A turn may serve a socket twice: what is new, and what was left over.
            let seen = seen.load(Ordering::Relaxed);
            assert!((most / 2..=2 * most).contains(&seen), "{seen} in one turn");
        },
    );
}

#[test]
fn ten_thousand_datagrams_leave_a_connection_its_turns() {
    tcp_is_served_beside(100, 10_000, limits::TURN_DATAGRAMS);
}

#[test]
fn empty_datagrams_count_as_well() {
    tcp_is_served_beside(0, 10_000, limits::TURN_DATAGRAMS);
}

#[test]
fn long_datagrams_are_bounded_by_their_bytes() {
    tcp_is_served_beside(60_000, 1_000, limits::TURN_READ_BYTES.div_ceil(60_000));
}
