//! Names, asked for by themselves.

use std::net::SocketAddr;

use ropewalk::error::ErrorKind;
use ropewalk::testing::{Network, RecordedNet};
use ropewalk::{Lookup, Net, Reactor, Result};

use crate::rig::{AT_ONCE, Heard, at, ip, ip6, millis};

fn ask(network: &Network, heard: &Heard, host: &str) -> Lookup {
    let heard = heard.clone();
    let then = move |_: &dyn Net, found: Result<Vec<SocketAddr>>| match found {
        Ok(addrs) => heard.note(format!("{addrs:?}")),
        Err(error) => heard.note(format!("{:?}: {error}", error.kind())),
    };
    network.net().resolve(host, 80, Box::new(then))
}

#[test]
fn a_name_is_answered_on_the_loop_in_the_resolvers_order() {
    let network = Network::calm();
    network.set_name("a.test", &[ip(2), ip6(1), ip(1)], Some(millis(70)));
    let heard = Heard::on(&network);
    let lookup = ask(&network, &heard, "a.test");
    assert!(heard.all().is_empty(), "not within the call");
    assert!(lookup.is_pending());
    network.run();
    heard.is(&[(70, "[10.0.0.2:80, [2001:db8::1]:80, 10.0.0.1:80]")]);
    assert!(!lookup.is_pending() && !lookup.cancel());
}

#[test]
fn an_address_as_text_is_no_question_but_is_answered_later_all_the_same() {
    let network = Network::calm();
    let heard = Heard::on(&network);
    for text in ["10.0.0.9", "::1", "[::1]"] {
        ask(&network, &heard, text);
    }
    assert!(heard.all().is_empty(), "not within the call");
    network.run();
    heard.is(&[(0, "[10.0.0.9:80]"), (0, "[[::1]:80]"), (0, "[[::1]:80]")]);
}

#[test]
fn an_unknown_name_says_which() {
    let network = Network::calm();
    let heard = Heard::on(&network);
    ask(&network, &heard, "nobody.test");
    network.run();
    let words = heard.words();
    assert!(words[0].contains("cannot resolve nobody.test:80"), "{words:?}");
}

#[test]
fn a_name_has_a_deadline_of_its_own_and_a_late_answer_finds_nobody() {
    let network = Network::calm();
    network.set_name("late.test", &[ip(1)], Some(millis(5_001)));
    network.set_name("never.test", &[ip(1)], None);
    let heard = Heard::on(&network);
    ask(&network, &heard, "late.test");
    ask(&network, &heard, "never.test");
    network.run();
    let said = |name| format!("TimedOut: cannot resolve {name}.test:80: no answer within 5s");
    for ((at, word), name) in heard.all().into_iter().zip(["late", "never"]) {
        assert!(at == 5_000 && word.starts_with(&said(name)), "{at}: {word}");
    }
    assert_eq!(heard.all().len(), 2);
}

#[test]
fn what_is_cancelled_is_not_told_whether_it_was_asked_yet_or_not() {
    let network = Network::calm();
    network.set_name("a.test", &[ip(1)], Some(millis(10)));
    let heard = Heard::on(&network);
    let at_once = ask(&network, &heard, "a.test");
    assert!(at_once.cancel() && !at_once.cancel());
    let later = ask(&network, &heard, "a.test");
    network.run_for(millis(5));
    assert!(later.cancel() && !later.is_pending());
    network.run();
    assert!(heard.all().is_empty());
}

#[test]
fn a_stop_answers_who_waits_and_who_asks_during_it() {
    let network = Network::calm();
    network.set_name("a.test", &[ip(1)], Some(millis(10)));
    let heard = Heard::on(&network);
    ask(&network, &heard, "a.test");
    network.run_for(millis(1));
    network.net().stop();
    network.run_until(|| !heard.all().is_empty());
    ask(&network, &heard, "b.test");
    ask(&network, &heard, "10.0.0.1");
    network.run_until(|| heard.all().len() == 3);
    for (word, name) in heard.words().iter().zip(["a.test:80", "b.test:80", "10.0.0.1:80"]) {
        assert!(word.starts_with(&format!("Stopped: cannot resolve {name}")), "{word}");
    }
}

#[test]
fn a_question_may_follow_from_an_answer() {
    let network = Network::calm();
    network.set_name("a.test", &[ip(1)], AT_ONCE);
    let heard = Heard::on(&network);
    let noted = heard.clone();
    let then = move |net: &dyn Net, found: Result<Vec<SocketAddr>>| {
        assert_eq!(found.unwrap(), [at(ip(1))]);
        let then = move |_: &dyn Net, found: Result<Vec<SocketAddr>>| {
            noted.note(found.unwrap_err().kind().eq(&ErrorKind::NotFound).to_string());
        };
        net.resolve("b.test", 80, Box::new(then));
    };
    network.net().resolve("a.test", 80, Box::new(then));
    network.run();
    assert_eq!(heard.words(), ["true"]);
}

#[test]
fn the_systems_resolver_answers_a_reactor() {
    let reactor = Reactor::new().unwrap();
    let heard = Heard::default();
    let noted = heard.clone();
    reactor.resolve("localhost", 7, move |net, found| {
        let is_here = |addr: &SocketAddr| addr.ip().is_loopback() && addr.port() == 7;
        noted.note(found.is_ok_and(|addrs| addrs.iter().all(is_here)).to_string());
        net.stop();
    });
    reactor.run().unwrap();
    assert_eq!(heard.words(), ["true"]);
}

#[test]
fn a_recorded_net_answers_names_when_the_test_says_so() {
    let net = RecordedNet::new();
    let heard = Heard::default();
    let noted = heard.clone();
    let then = move |_: &dyn Net, found: Result<Vec<SocketAddr>>| {
        noted.note(format!("{:?}", found.unwrap()));
    };
    let lookup = net.resolve("a.test", 80, Box::new(then));
    let forgotten = net.resolve("b.test", 80, Box::new(|_, _| panic!("it was cancelled")));
    assert_eq!(net.lookups(), [("a.test".into(), 80), ("b.test".into(), 80)]);
    assert!(forgotten.cancel() && !net.answer_lookup("b.test", Ok(Vec::new())));
    assert!(lookup.is_pending() && net.answer_lookup("a.test", Ok(vec![at(ip(1))])));
    assert_eq!((heard.words(), lookup.cancel()), (vec!["[10.0.0.1:80]".into()], false));
}
