//! Twisted's `StreamClientTestsMixin`: a client that cannot connect, and one that can.

use std::net::TcpListener;

use ropewalk::Reactor;
use ropewalk::protocol::client;

use super::rig::{Heard, Quiet};

#[test]
fn test_client_connection_failed_stops_reactor() {
    let reactor = Reactor::new().unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let factory = client(|| Quiet).on_failed(|_, net, _| net.stop());
    reactor.connect_tcp("127.0.0.1", gone.port(), factory);
    reactor.run().unwrap();
}

#[test]
fn test_connect_event() {
    let reactor = Reactor::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let heard = Heard::default();
    let made = heard.clone();
    let factory = client(|| Quiet).on_made(move |_, transport| {
        made.note("made");
        transport.net().stop();
    });
    reactor.connect_tcp("127.0.0.1", listener.local_addr().unwrap().port(), factory);
    reactor.run().unwrap();
    assert_eq!(heard.words(), ["made"]);
}
