//! Forwarded datagrams: whose answer goes where, when a session ends, and how many there are.

use std::time::Duration;

use ropewalk::addr::Target;
use ropewalk::limits::{FORWARD_IDLE, FORWARD_PENDING};
use ropewalk::service::{Echo, ForwardDatagrams};
use ropewalk::testing::Network;
use ropewalk::{Addr, DatagramProtocol, DatagramTransport};

const NEAR: u64 = 1;
const FAR: u64 = 2;

fn forwarder() -> ForwardDatagrams {
    ForwardDatagrams::to(Target::Addr(Addr::Memory(FAR)))
}

/// Sockets that are there beside the sessions': the forwarder's and the target's.
const FIXED: usize = 2;

#[test]
fn each_answer_goes_to_whoever_asked() {
    let network = Network::calm();
    network.listen_datagrams(FAR, || Echo).unwrap();
    network.listen_datagrams(NEAR, forwarder).unwrap();
    let (one, two) = (network.datagram_peer(11).unwrap(), network.datagram_peer(12).unwrap());
    one.send_to(b"of one", NEAR).unwrap();
    two.send_to(b"of two", NEAR).unwrap();
    one.send_to(b"", NEAR).unwrap();
    assert_eq!(one.receive().unwrap(), (b"of one".to_vec(), Addr::Memory(NEAR)));
    assert_eq!(two.receive().unwrap(), (b"of two".to_vec(), Addr::Memory(NEAR)));
    assert_eq!(one.receive().unwrap(), (Vec::new(), Addr::Memory(NEAR)));
    assert_eq!(network.datagram_sockets(), FIXED + 2);
}

#[test]
fn a_session_lives_while_it_is_used_and_ends_when_it_is_not() {
    let network = Network::calm();
    network.listen_datagrams(FAR, || Echo).unwrap();
    network.listen_datagrams(NEAR, forwarder).unwrap();
    let (busy, idle) = (network.datagram_peer(11).unwrap(), network.datagram_peer(12).unwrap());
    idle.send_to(b"once", NEAR).unwrap();
    for _ in 0..3 {
        busy.send_to(b"again", NEAR).unwrap();
        network.run_for(FORWARD_IDLE / 2);
    }
    assert_eq!(network.datagram_sockets(), FIXED + 1);
    network.run_for(FORWARD_IDLE * 2);
    assert_eq!(network.datagram_sockets(), FIXED);
    // It begins anew.
    idle.take().unwrap();
    idle.send_to(b"back", NEAR).unwrap();
    assert_eq!(idle.receive().unwrap().0, b"back");
}

#[test]
fn there_are_at_most_so_many_sessions_and_those_go_on() {
    let network = Network::calm();
    network.listen_datagrams(FAR, || Echo).unwrap();
    let few = || forwarder().max_sessions(2).idle_timeout(Duration::from_secs(5));
    network.listen_datagrams(NEAR, few).unwrap();
    let peers: Vec<_> = (11..15).map(|number| network.datagram_peer(number).unwrap()).collect();
    for peer in &peers {
        peer.send_to(b"hello", NEAR).unwrap();
    }
    network.run_for(Duration::from_secs(1));
    let answered: Vec<bool> = peers.iter().map(|peer| peer.take().is_some()).collect();
    assert_eq!(answered, [true, true, false, false]);
    assert_eq!(network.datagram_sockets(), FIXED + 2);
    // Room comes back with time.
    network.run_for(Duration::from_secs(6));
    peers[3].send_to(b"now", NEAR).unwrap();
    assert_eq!(peers[3].receive().unwrap().0, b"now");
}

#[test]
fn what_comes_before_a_session_is_open_waits_within_a_bound() {
    let network = Network::calm();
    network.listen_datagrams(FAR, || Echo).unwrap();
    network.listen_datagrams(NEAR, forwarder).unwrap();
    let peer = network.datagram_peer(11).unwrap();
    for number in 0..FORWARD_PENDING + 5 {
        peer.send_to(&[number as u8], NEAR).unwrap();
    }
    network.run_for(Duration::from_secs(1));
    let mut got: Vec<u8> = std::iter::from_fn(|| peer.take()).map(|(data, _)| data[0]).collect();
    got.sort_unstable();
    let whole: Vec<u8> = (0..FORWARD_PENDING as u8).collect();
    assert!(got.starts_with(&whole), "{got:?}");
}

#[test]
fn a_target_that_is_not_there_ends_nothing() {
    let network = Network::calm();
    network.listen_datagrams(NEAR, forwarder).unwrap();
    let peer = network.datagram_peer(11).unwrap();
    peer.send_to(b"lost", NEAR).unwrap();
    network.run_for(Duration::from_secs(1));
    network.listen_datagrams(FAR, || Echo).unwrap();
    peer.send_to(b"found", NEAR).unwrap();
    assert_eq!(peer.receive().unwrap().0, b"found");
}

#[test]
fn a_stop_ends_every_session() {
    /// Does not close by itself.
    struct Stays;
    impl DatagramProtocol for Stays {
        fn datagram_received(
            &mut self,
            transport: &mut dyn DatagramTransport,
            data: &[u8],
            from: &Addr,
            _: bool,
        ) {
            transport.send_to(data, from);
        }
    }
    let network = Network::calm();
    network.listen_datagrams(FAR, || Stays).unwrap();
    network.listen_datagrams(NEAR, forwarder).unwrap();
    let peer = network.datagram_peer(11).unwrap();
    peer.send_to(b"x", NEAR).unwrap();
    peer.receive().unwrap();
    network.net().stop();
    network.run();
    assert_eq!(network.datagram_sockets(), 0);
}
