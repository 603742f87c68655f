//! Twisted's `TCPConnectorTestsBuilder`: what a connector is, and what it may be asked.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use ropewalk::addr::Target;
use ropewalk::protocol::{Kind, client};
use ropewalk::{Listener, Protocol, Reactor, Transport};

use super::rig::{Heard, Quiet};

/// Closes at once.
struct Closes;

impl Protocol for Closes {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        transport.close();
    }
    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
}

fn serve(reactor: &Reactor) -> (Listener, Target) {
    let listener = reactor.listen_tcp(("127.0.0.1", 0), || Closes).unwrap();
    let target = Target::Addr(listener.addrs()[0].clone());
    (listener, target)
}

#[test]
fn test_connector_identity() {
    let reactor = Reactor::new().unwrap();
    let (_listener, target) = serve(&reactor);
    let seen = Rc::new(RefCell::new(Vec::new()));
    let (started, lost) = (seen.clone(), seen.clone());
    let factory = client(|| Quiet)
        .on_started(move |connector| started.borrow_mut().push(connector.clone()))
        .on_lost(move |connector, net, why| {
            lost.borrow_mut().extend(why.is_clean().then(|| connector.clone()));
            net.stop();
        });
    let connector = reactor.connect(target.clone(), factory);
    assert_eq!(connector.target(), &target);
    reactor.run().unwrap();
    let seen = seen.borrow();
    // One and the same: each has counted the one attempt, and knows the target.
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|one| one.target() == &target && one.attempts() == 1));
    assert_eq!(connector.attempts(), 1);
}

#[test]
fn test_user_fail() {
    let reactor = Reactor::new().unwrap();
    let (_listener, target) = serve(&reactor);
    let heard = Heard::default();
    let failed = heard.clone();
    let factory =
        client(|| Quiet).on_started(|connector| connector.stop()).on_failed(move |_, net, why| {
            failed.note(format!("{:?}", why.kind()));
            net.stop();
        });
    reactor.connect(target, factory);
    reactor.run().unwrap();
    assert_eq!(heard.words(), ["Aborted"]);
}

#[test]
fn test_reconnect() {
    let reactor = Reactor::new().unwrap();
    let (listener, target) = serve(&reactor);
    let (made, lost) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let why = Rc::new(Cell::new(None));
    let (count, ends, failed) = (made.clone(), lost.clone(), why.clone());
    let factory = client(|| Quiet)
        .on_made(move |_, _| count.set(count.get() + 1))
        .on_lost(move |connector, _, _| {
            ends.set(ends.get() + 1);
            listener.stop();
            connector.connect();
        })
        .on_failed(move |_, net, why| {
            failed.set(Some(why.kind()));
            net.stop();
        });
    reactor.connect(target, factory);
    reactor.run().unwrap();
    assert_eq!((made.get(), lost.get(), why.get()), (1, 1, Some(Kind::Refused)));
}
