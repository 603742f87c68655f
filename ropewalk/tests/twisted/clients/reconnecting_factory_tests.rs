//! Twisted's `ReconnectingFactoryTests`: what the older of its two clients does.

use std::time::Duration;

use ropewalk::addr::{Addr, Target};
use ropewalk::protocol::Net;
use ropewalk::service::reconnecting::State;
use ropewalk::service::{Reconnecting, Retry};
use ropewalk::testing::{Network, RecordedNet};

use super::rig::{Quiet, millis};

fn client(net: &dyn Net) -> Reconnecting {
    let retry = Retry { jitter: 0.0, ..Retry::default() };
    Reconnecting::to(Target::Addr(Addr::Memory(1))).retry(retry).start(net, || Quiet)
}

#[test]
fn test_stop_trying_when_connected() {
    let network = Network::calm();
    let _listener = network.listen(1, || Quiet).unwrap();
    let client = client(network.net());
    network.run_for(millis(1));
    client.pause();
    let handle = client.current().expect("it stays connected");
    handle.abort().unwrap();
    network.run();
    assert_eq!((client.state(), client.counts().attempts), (State::Paused, 1));
}

#[test]
fn test_stop_trying_does_not_reconnect() {
    let network = Network::calm();
    let client = client(network.net());
    client.pause();
    network.run();
    // The attempt under way heard of it, and no other one was set.
    assert_eq!((client.state(), client.counts().attempts), (State::Paused, 1));
    assert_eq!(client.next_delay(), None);
}

#[test]
fn test_parametrized_clock() {
    // Whatever net it is given has the clock.
    let net = RecordedNet::new();
    let client = client(&net);
    let factory = &mut net.take_client_factories()[0];
    let why = ropewalk::Reason::new(ropewalk::protocol::Kind::Refused);
    factory.failed_dyn(&net.connector(Addr::Memory(1)), &net, &why);
    assert_eq!((net.pending_calls(), client.state()), (1, State::Waiting));
    net.advance(Duration::from_secs(1));
    assert_eq!((net.pending_calls(), net.connects().len()), (0, 2));
}

#[test]
fn test_initial_delay() {
    let network = Network::calm();
    let client = client(network.net());
    network.run_for(millis(1));
    assert_eq!(client.next_delay(), Some(Retry::default().initial));
}
