//! The addresses of a name: which is tried when, which one wins, and what is heard of the rest.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ropewalk::addr::Target;
use ropewalk::driver::{Reach, Weather};
use ropewalk::limits::{self, Limits};
use ropewalk::protocol::{Kind, Layer, client};
use ropewalk::testing::Network;
use ropewalk::{Connector, Factory, Reactor};

use crate::rig::{AT_ONCE, Heard, Quiet, at, ip, ip6, millis, noting};

fn connect(network: &Network, heard: &Heard) -> Connector {
    network.net().connect(Target::tcp("a.test", 80), Box::new(noting(heard)))
}

fn networks(names: &[std::net::IpAddr]) -> (Network, Heard) {
    let network = Network::calm();
    network.set_name("a.test", names, AT_ONCE);
    let heard = Heard::on(&network);
    (network, heard)
}

#[test]
fn the_first_address_that_answers_is_taken_and_nobody_hears_of_the_others() {
    let (network, heard) = networks(&[ip(1), ip(2), ip(3)]);
    network.set_reach(at(ip(1)), Reach::Silent);
    network.set_reach(at(ip(2)), Reach::After(millis(400)));
    network.set_reach(at(ip(3)), Reach::After(millis(10)));
    let _listeners = [2, 3].map(|last| network.listen_ip(at(ip(last)), || Quiet).unwrap());
    connect(&network, &heard);
    network.run_for(millis(5_000));
    // The third begins after two delays, and overtakes the second.
    heard.is(&[(0, "started"), (510, "made 10.0.0.3:80")]);
    assert_eq!(network.connections(), 2, "the loser is closed: one client and its server's end");
}

#[test]
fn a_refusal_lets_the_next_begin_at_once() {
    let (network, heard) = networks(&[ip(1), ip(2), ip(3)]);
    network.set_reach(at(ip(1)), Reach::After(millis(20)));
    network.set_reach(at(ip(2)), Reach::After(millis(20)));
    let _listener = network.listen_ip(at(ip(3)), || Quiet).unwrap();
    connect(&network, &heard);
    network.run_for(millis(1_000));
    heard.is(&[(0, "started"), (40, "made 10.0.0.3:80")]);
}

#[test]
fn a_family_without_a_way_costs_no_time() {
    let (network, heard) = networks(&[ip6(1), ip6(2), ip(1)]);
    network.set_reach(at(ip6(1)), Reach::Unreachable);
    network.set_reach(at(ip6(2)), Reach::Unreachable);
    let _listener = network.listen_ip(at(ip(1)), || Quiet).unwrap();
    connect(&network, &heard);
    network.run_for(millis(1_000));
    heard.is(&[(0, "started"), (0, "made 10.0.0.1:80")]);
}

#[test]
fn the_families_take_turns() {
    let (network, heard) = networks(&[ip6(1), ip6(2), ip(1), ip(2)]);
    for silent in [ip6(1), ip6(2), ip(2)] {
        network.set_reach(at(silent), Reach::Silent);
    }
    let _listener = network.listen_ip(at(ip(1)), || Quiet).unwrap();
    connect(&network, &heard);
    network.run_for(millis(1_000));
    heard.is(&[(0, "started"), (250, "made 10.0.0.1:80")]);
}

#[test]
fn no_more_are_tried_at_once_than_the_bound() {
    let silent: Vec<_> = (1..=limits::CONNECT_AT_ONCE as u8).map(ip).collect();
    let (network, heard) = networks(&[silent.as_slice(), &[ip(99)]].concat());
    for address in &silent {
        network.set_reach(at(*address), Reach::Silent);
    }
    let _listener = network.listen_ip(at(ip(99)), || Quiet).unwrap();
    let connector = connect(&network, &heard);
    network.run_for(millis(9_000));
    assert_eq!(network.connections(), limits::CONNECT_AT_ONCE);
    // One that is refused makes room.
    connector.stop();
    network.set_reach(at(silent[3]), Reach::After(millis(3_000)));
    network.run_for(millis(1));
    connector.connect();
    network.run_for(millis(9_000));
    // It began as the fourth, 750 ms after the first.
    let made = heard.all().pop().unwrap();
    assert_eq!(made, (9_001 + 750 + 3_000, "made 10.0.0.99:80".into()));
}

#[test]
fn one_deadline_holds_for_all_addresses_and_says_who_has_not_answered() {
    let (network, heard) = networks(&[ip(1), ip(2), ip(3)]);
    network.set_reach(at(ip(1)), Reach::Silent);
    network.set_reach(at(ip(2)), Reach::After(millis(30)));
    network.set_reach(at(ip(3)), Reach::Silent);
    connect(&network, &heard);
    network.run_for(Duration::from_secs(60));
    let sentence = "failed: connect deadline passed: cannot connect to a.test:80: connection \
        refused by 10.0.0.2 (ECONNREFUSED); no answer from 10.0.0.1 and 10.0.0.3";
    heard.is(&[(0, "started"), (10_000, sentence)]);
    assert_eq!(network.connections(), 0);
}

#[test]
fn the_deadline_counts_from_the_names_beginning() {
    let limits = Limits { connect: millis(3_000), ..Limits::default() };
    let network = Network::new(0, Weather::calm(), limits);
    network.set_name("a.test", &[ip(1)], Some(millis(2_000)));
    network.set_reach(at(ip(1)), Reach::Silent);
    let heard = Heard::on(&network);
    connect(&network, &heard);
    network.run_for(Duration::from_secs(60));
    let sentence = "failed: connect deadline passed: cannot connect to a.test:80: no answer \
        from 10.0.0.1";
    heard.is(&[(0, "started"), (3_000, sentence)]);
}

#[test]
fn a_name_that_is_not_answered_meets_its_own_deadline() {
    let network = Network::calm();
    network.set_name("a.test", &[ip(1)], None);
    let heard = Heard::on(&network);
    connect(&network, &heard);
    network.run_for(Duration::from_secs(60));
    heard.is(&[(0, "started"), (5_000, "failed: connect deadline passed")]);
}

#[test]
fn when_all_refuse_the_failure_has_everyones_words_and_comes_with_the_last() {
    let (network, heard) = networks(&[ip(1), ip6(1), ip(2)]);
    network.set_reach(at(ip(1)), Reach::After(millis(300)));
    network.set_reach(at(ip6(1)), Reach::Unreachable);
    network.set_reach(at(ip(2)), Reach::After(millis(5)));
    let kinds = Rc::new(Cell::new(None));
    let kind = kinds.clone();
    let noted = heard.clone();
    let factory = client(|| Quiet).on_failed(move |_, _, why| {
        noted.note(why.to_string());
        kind.set(Some(why.kind()));
    });
    network.net().connect(Target::tcp("a.test", 80), Box::new(factory));
    network.run();
    let said = &heard.all()[0];
    assert_eq!((said.0, kinds.get()), (300, Some(Kind::Refused)));
    assert!(
        said.1.contains("by 2001:db8::1") && said.1.contains("10.0.0.2 and 10.0.0.1"),
        "{said:?}"
    );
}

#[test]
fn a_name_without_addresses_says_so() {
    let (network, heard) = networks(&[]);
    connect(&network, &heard);
    network.run();
    heard.is(&[(0, "started"), (0, "failed: failed: the name has no address")]);
}

#[test]
fn a_stop_in_the_race_closes_every_address_and_is_told_once() {
    let (network, heard) = networks(&[ip(1), ip(2)]);
    network.set_reach(at(ip(1)), Reach::Silent);
    network.set_reach(at(ip(2)), Reach::Silent);
    let connector = connect(&network, &heard);
    network.run_for(millis(300));
    assert_eq!(network.connections(), 2, "both are under way");
    connector.stop();
    connector.stop();
    network.run_for(millis(5_000));
    heard.is(&[(0, "started"), (300, "failed: aborted")]);
    assert_eq!((network.connections(), connector.attempts()), (0, 1));
}

#[test]
fn a_reactor_that_stops_ends_the_race() {
    let (network, heard) = networks(&[ip(1), ip(2)]);
    network.set_reach(at(ip(1)), Reach::Silent);
    network.set_reach(at(ip(2)), Reach::Silent);
    connect(&network, &heard);
    network.run_for(millis(300));
    network.net().stop();
    network.run_until(|| heard.all().len() == 2 && network.connections() == 0);
    assert_eq!(heard.words(), ["started", "failed: stopped"]);
}

#[test]
fn a_connector_says_how_far_it_is() {
    let (network, heard) = networks(&[ip(1)]);
    network.set_reach(at(ip(1)), Reach::After(millis(50)));
    let _listener = network.listen_ip(at(ip(1)), || Quiet).unwrap();
    let connector = connect(&network, &heard);
    network.run_for(millis(10));
    assert!(!connector.is_connected());
    assert_eq!(
        (format!("{:?}", connector.state()), connector.attempts()),
        ("Connecting".into(), 1)
    );
    network.run_for(millis(100));
    assert!(connector.is_connected());
    connector.stop();
    network.run_for(millis(100));
    assert_eq!(format!("{:?}", connector.state()), "Idle");
    connector.connect();
    network.run_for(millis(100));
    assert!(connector.is_connected() && connector.attempts() == 2);
}

/// Counts those that are made, and that start.
struct Counted(Rc<Cell<usize>>);

impl Layer for Counted {
    fn started(
        &mut self,
        _: &mut ropewalk::protocol::Below<'_>,
        up: &mut ropewalk::protocol::Up<'_>,
    ) {
        self.0.set(self.0.get() + 1);
        up.made();
    }
}

#[test]
fn only_the_winner_gets_layers() {
    let (network, _) = networks(&[ip(1), ip(2), ip(3)]);
    network.set_reach(at(ip(1)), Reach::Silent);
    let _listener = network.listen_ip(at(ip(3)), || Quiet).unwrap();
    let (made, started) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (made_of, started_of) = (made.clone(), started.clone());
    let factory = (|| Quiet).layer(move || {
        made_of.set(made_of.get() + 1);
        Counted(started_of.clone())
    });
    network.net().connect(Target::tcp("a.test", 80), Box::new(client(factory)));
    network.run_for(millis(2_000));
    assert_eq!((made.get(), started.get()), (1, 1));
}

#[test]
fn a_panic_in_made_ends_the_connection_and_the_factory_hears() {
    let network = Network::calm();
    let _listener = network.listen(1, || Quiet).unwrap();
    let heard = Heard::on(&network);
    let lost = heard.clone();
    let factory = client(|| Quiet)
        .on_made(|_, _| panic!("made"))
        .on_lost(move |_, _, why| lost.note(why.to_string()));
    network.connect(1, factory);
    network.run();
    assert_eq!(heard.words(), ["panicked: made"]);
}

#[test]
fn on_real_sockets_an_address_that_refuses_costs_no_delay() {
    // `localhost` may have one family or both: whichever refuses, the other is there at once.
    let reactor = Reactor::new().unwrap();
    let listener = reactor.listen_tcp(("127.0.0.1", 0), || Quiet).unwrap();
    let port = listener.addrs()[0].port().unwrap();
    let host = Arc::new(Mutex::new(None));
    let seen = host.clone();
    let factory = client(|| Quiet).on_made(move |_, transport| {
        seen.lock().unwrap().replace(transport.peer_addr().host().into_owned());
        transport.net().stop();
    });
    reactor.connect_tcp("localhost", port, factory);
    reactor.run().unwrap();
    assert_eq!(host.lock().unwrap().as_deref(), Some("127.0.0.1"));
}
