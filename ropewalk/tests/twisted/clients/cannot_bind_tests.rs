//! Twisted's `CannotBindTests`, the client's side.

use std::net::TcpListener;

use ropewalk::Reactor;
use ropewalk::addr::Target;
use ropewalk::options::SocketOptions;
use ropewalk::protocol::client;

use super::rig::{Heard, Quiet};

#[test]
fn test_client_bind() {
    let reactor = Reactor::new().unwrap();
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap(); // the source's port is in use
    let source = Some(holder.local_addr().unwrap());
    let heard = Heard::default();
    let failed = heard.clone();
    let factory = client(|| Quiet).on_failed(move |_, net, why| {
        failed.note(why.to_string());
        net.stop();
    });
    let options = SocketOptions { source, ..SocketOptions::default() };
    reactor.connect_with(Target::from(peer.local_addr().unwrap()), &options, factory);
    reactor.run().unwrap();
    let words = heard.words();
    assert!(
        words[0].contains("cannot bind the source") && words[0].contains("EADDRINUSE"),
        "{words:?}"
    );
}
