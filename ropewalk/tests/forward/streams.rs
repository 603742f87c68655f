//! Forwarded connections: which ends pass on, and as what; what a stop does to them.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ropewalk::addr::Target;
use ropewalk::limits::FORWARD_QUIET;
use ropewalk::protocol::{Deadline, Kind};
use ropewalk::service::{Discard, Echo, Forward, Forwarded};
use ropewalk::testing::{Network, Peer};
use ropewalk::{Addr, Protocol, Transport};

/// Where the forwarder listens, and where it goes.
const NEAR: u64 = 1;
const FAR: u64 = 2;

/// What the forwarder told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Forwarded>>>);

impl Told {
    fn one(&self) -> Forwarded {
        let told = self.0.lock().unwrap();
        assert_eq!(told.len(), 1, "{told:?}");
        told[0].clone()
    }
}

/// A network with a forwarder, whose target follows this factory.
fn network<P: Protocol + 'static>(target: fn() -> P) -> (Network, Told) {
    let (network, told) = (Network::calm(), Told::default());
    network.listen(FAR, target).unwrap();
    network.listen(NEAR, forwarder(&told)).unwrap();
    (network, told)
}

fn forwarder(told: &Told) -> Forward {
    let told = told.clone();
    Forward::to(Target::Addr(Addr::Memory(FAR)))
        .on_end(move |forwarded| told.0.lock().unwrap().push(forwarded.clone()))
}

fn dial(network: &Network) -> Peer<'_> {
    network.dial(NEAR).unwrap()
}

/// Until both halves, and the target's connection, are over.
fn settle(network: &Network) {
    assert!(network.run_until(|| network.connections() == 0), "{} live", network.connections());
}

/// Answers only once its peer has ended its input.
struct AtTheEnd(Vec<u8>);

impl Protocol for AtTheEnd {
    fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) {
        self.0.extend_from_slice(data);
    }

    fn eof_received(&mut self, transport: &mut dyn Transport) {
        self.0.reverse();
        transport.write(&self.0);
        transport.close();
    }
}

/// Does this as soon as it hears anything.
struct Then(fn(&mut dyn Transport));

impl Protocol for Then {
    fn data_received(&mut self, transport: &mut dyn Transport, _: &[u8]) {
        (self.0)(transport);
    }
}

#[test]
fn the_end_of_one_direction_passes_on_and_the_other_goes_on() {
    let (network, told) = network(|| AtTheEnd(Vec::new()));
    let mut peer = dial(&network);
    peer.send(b"abc");
    peer.shutdown_write();
    assert_eq!(peer.read_to_end().unwrap(), b"cba");
    settle(&network);
    let told = told.one();
    assert_eq!((told.up, told.down), (3, 3));
    assert_eq!(told.target, Some(Addr::Memory(FAR)));
    assert!(told.why.is_clean(), "{}", told.why);
}

#[test]
fn what_the_target_ends_ends_for_the_client() {
    let (network, told) = network(|| {
        Then(|transport| {
            transport.write(b"bye");
            transport.close();
        })
    });
    let mut peer = dial(&network);
    peer.send(b"x");
    assert_eq!(peer.read_to_end().unwrap(), b"bye");
    peer.close();
    settle(&network);
    assert!(told.one().why.is_clean());
}

#[test]
fn a_reset_of_the_target_is_one_for_the_client() {
    let (network, told) = network(|| Then(|transport| transport.abort()));
    let mut peer = dial(&network);
    peer.send(b"x");
    assert_eq!(peer.read_to_end().unwrap_err().kind(), ErrorKind::ConnectionReset);
    settle(&network);
    assert_eq!(told.one().why.kind(), Kind::Reset);
}

#[test]
fn a_reset_of_the_client_is_one_for_the_target() {
    #[derive(Default)]
    struct Watched(Arc<Mutex<Option<Kind>>>);
    impl Protocol for Watched {
        fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
            transport.write(data);
        }
        fn connection_lost(&mut self, _: &mut dyn Transport, why: &ropewalk::Reason) {
            *self.0.lock().unwrap() = Some(why.kind());
        }
    }
    let (network, told) = (Network::calm(), Told::default());
    let seen = Arc::new(Mutex::new(None));
    let target = seen.clone();
    network.listen(FAR, move || Watched(target.clone())).unwrap();
    network.listen(NEAR, forwarder(&told)).unwrap();
    let mut peer = dial(&network);
    peer.send(b"x");
    assert_eq!(peer.read_exact(1).unwrap(), b"x");
    peer.reset();
    settle(&network);
    assert_eq!(*seen.lock().unwrap(), Some(Kind::Reset));
    assert_eq!(told.one().why.kind(), Kind::Reset);
}

#[test]
fn a_target_that_refuses_resets_the_client_and_says_why() {
    let (network, told) = (Network::calm(), Told::default());
    network.listen(NEAR, forwarder(&told)).unwrap();
    let mut peer = dial(&network);
    peer.send(b"x");
    assert_eq!(peer.read_to_end().unwrap_err().kind(), ErrorKind::ConnectionReset);
    settle(&network);
    let told = told.one();
    assert_eq!((told.why.kind(), told.target), (Kind::Refused, None));
}

#[test]
fn a_client_that_goes_while_the_target_is_reached_leaves_nothing_behind() {
    let (network, told) = network(|| Echo);
    let mut peer = dial(&network);
    peer.reset();
    assert!(network.run_until(|| !told.0.lock().unwrap().is_empty()));
    settle(&network);
    assert_eq!(told.one().up, 0);
}

#[test]
fn an_idle_forwarding_ends_on_both_sides() {
    let (network, told) = (Network::calm(), Told::default());
    network.listen(FAR, || Discard).unwrap();
    network.listen(NEAR, forwarder(&told).idle_timeout(Duration::from_secs(3))).unwrap();
    let mut peer = dial(&network);
    peer.send(b"x");
    network.run_for(Duration::from_secs(2));
    assert_eq!(network.connections(), 3);
    network.run_for(Duration::from_secs(2));
    assert_eq!(network.connections(), 0);
    assert_eq!(told.one().why.kind(), Kind::Deadline(Deadline::Idle));
}

#[test]
fn a_stop_closes_a_quiet_forwarding_in_order() {
    let (network, told) = network(|| Echo);
    let mut peer = dial(&network);
    peer.send(b"x");
    assert_eq!(peer.read_exact(1).unwrap(), b"x");
    network.net().stop();
    network.run_for(FORWARD_QUIET * 2);
    assert_eq!(peer.read_to_end().unwrap(), b"");
    settle(&network);
    assert!(told.one().why.is_clean());
}

#[test]
fn a_stop_lets_bytes_that_move_go_on() {
    /// Sends a byte every fifth of the time that counts as quiet, and then ends.
    struct Slow(u8);
    impl Protocol for Slow {
        fn data_received(&mut self, transport: &mut dyn Transport, _: &[u8]) {
            transport.set_timer(ropewalk::Timer(1), FORWARD_QUIET / 5);
        }
        fn timer_fired(&mut self, transport: &mut dyn Transport, timer: ropewalk::Timer) {
            transport.write(&[self.0]);
            self.0 += 1;
            match self.0 {
                20 => transport.close(),
                _ => transport.set_timer(timer, FORWARD_QUIET / 5),
            }
        }
        fn stopping(&mut self, _: &mut dyn Transport) {}
    }
    let (network, told) = network(|| Slow(0));
    let mut peer = dial(&network);
    peer.send(b"x");
    assert_eq!(peer.read_exact(1).unwrap(), [0]);
    network.net().stop();
    assert_eq!(peer.read_to_end().unwrap(), (1..20).collect::<Vec<u8>>());
    peer.close();
    settle(&network);
    assert_eq!(told.one().down, 20);
}
