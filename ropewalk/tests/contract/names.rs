//! Contract: a name is resolved off the loop, and its addresses are tried.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::protocol::client;
use ropewalk::{Protocol, Reactor, Transport};

/// Says what happens to it.
struct Told(Rc<RefCell<Vec<String>>>);

impl Protocol for Told {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        self.0.borrow_mut().push(format!("made with {}", transport.peer_addr().host()));
        transport.close();
    }
    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
}

/// Connects to a name, and gives what the factory heard, and how often the loop turned.
fn connect(reactor: &Reactor, name: &str, port: u16) -> Vec<String> {
    let heard = Rc::new(RefCell::new(Vec::new()));
    let (made, failed, lost) = (heard.clone(), heard.clone(), heard.clone());
    let factory = client(move || Told(made.clone()))
        .on_failed(move |_, _, why| failed.borrow_mut().push(format!("failed: {why}")))
        .on_lost(move |_, _, _| lost.borrow_mut().push("lost".to_owned()))
        .on_end(|_, net, _| net.stop());
    reactor.connect_tcp(name, port, factory);
    // The lookup is not on the loop: its timers go on.
    let (ticked, tick) = (heard.clone(), Duration::ZERO);
    reactor.call_later(tick, move |_| ticked.borrow_mut().push("tick".to_owned()));
    reactor.run().unwrap();
    heard.take()
}

#[test]
fn a_client_connects_to_localhost_wherever_of_it_the_server_is() {
    let reactor = Reactor::new().unwrap();
    let silent = || Told(Rc::default());
    // On IPv4 alone: where the name has IPv6 first, that address refuses.
    let listener = reactor.listen_tcp(("127.0.0.1", 0), silent).unwrap();
    let port = listener.addrs()[0].port().unwrap();
    let heard = connect(&reactor, "localhost", port);
    assert_eq!(heard, ["tick", "made with 127.0.0.1", "lost"]);
}

#[test]
fn a_name_that_cannot_be_fails_once_and_says_which() {
    let reactor = Reactor::new().unwrap();
    let name = "x".repeat(300); // longer than any name: the resolver says so at once
    let heard = connect(&reactor, &name, 80);
    assert_eq!(heard.len(), 2, "{heard:?}");
    let failed = heard.iter().find(|line| line.starts_with("failed")).expect("it failed");
    assert!(failed.contains("cannot resolve") && failed.contains(&name), "{failed}");
}

#[test]
fn a_refusal_names_the_address_that_refused() {
    let reactor = Reactor::new().unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let heard = connect(&reactor, "127.0.0.1", closed.port());
    let failed = heard.iter().find(|line| line.starts_with("failed")).expect("it failed");
    assert!(failed.contains("connection refused by 127.0.0.1 (ECONNREFUSED)"), "{failed}");
    assert!(failed.contains(&closed.to_string()), "{failed}");
}

#[test]
fn addresses_that_say_the_same_are_named_together() {
    let reactor = Reactor::new().unwrap();
    // A port that is free in both families: none of `localhost`'s addresses has a server.
    let listener = reactor.listen_tcp(0, || Told(Rc::default())).unwrap();
    let port = listener.addrs()[0].port().unwrap();
    let families = listener.addrs().len();
    listener.stop();
    let heard = connect(&reactor, "localhost", port);
    let failed = heard.iter().find(|line| line.starts_with("failed")).expect("it failed");
    assert_eq!(failed.matches("ECONNREFUSED").count(), 1, "{families} families: {failed}");
    assert!(failed.contains("127.0.0.1"), "{failed}");
}
