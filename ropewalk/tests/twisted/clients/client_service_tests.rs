//! Twisted's `ClientServiceTests`: a client that keeps its connection, under a virtual clock.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use ropewalk::addr::{Addr, Target};
use ropewalk::clock::Clock;
use ropewalk::protocol::{Protocol, from_fn};
use ropewalk::service::reconnecting::{Builder, Ready, State};
use ropewalk::service::{Reconnecting, Retry};
use ropewalk::testing::Network;
use ropewalk::{Handle, Listener, Result, Transport};

use super::rig::{Heard, Quiet, millis, noting};

/// The least delay of Twisted's tests, and of ours: chance is left out.
const ONE_ATTEMPT: Duration = Duration::from_secs(100);

fn reconnector() -> Builder {
    let retry = Retry { jitter: 0.0, stable_after: Duration::ZERO, ..Retry::default() };
    Reconnecting::to(Target::Addr(Addr::Memory(1))).retry(retry)
}

fn started(network: &Network) -> Reconnecting {
    reconnector().start(network.net(), || Quiet)
}

fn serve(network: &Network) -> Listener {
    network.listen(1, || Quiet).unwrap()
}

/// A network with a client that is connected.
fn connected() -> (Network, Listener, Reconnecting) {
    let network = Network::calm();
    let listener = serve(&network);
    let client = started(&network);
    settle(&network);
    assert_eq!(client.state(), State::Connected);
    (network, listener, client)
}

fn settle(network: &Network) {
    network.run_for(millis(1));
}

fn lose(network: &Network, client: &Reconnecting) {
    client.current().unwrap().abort().unwrap();
    settle(network);
}

type Answer = Rc<RefCell<Option<Result<Handle>>>>;

fn when_connected(network: &Network, client: &Reconnecting, fail_after: Option<u32>) -> Answer {
    let answer = Answer::default();
    let told = answer.clone();
    client.when_connected(network.net(), fail_after, move |found| {
        assert!(told.replace(Some(found)).is_none(), "told twice");
    });
    answer
}

fn is_ok(answer: &Answer) -> bool {
    matches!(&*answer.borrow(), Some(Ok(_)))
}

fn is_cancelled(answer: &Answer) -> bool {
    let stopped = ropewalk::error::ErrorKind::Stopped;
    matches!(&*answer.borrow(), Some(Err(error)) if error.kind() == stopped)
}

fn stop(network: &Network, client: &Reconnecting) -> Rc<Cell<bool>> {
    let is_stopped = Rc::new(Cell::new(false));
    let told = is_stopped.clone();
    client.stop(network.net());
    client.when_stopped(network.net(), move || told.set(true)).unwrap();
    is_stopped
}

#[test]
fn test_start_service() {
    let network = Network::calm();
    let client = started(&network);
    settle(&network);
    assert_eq!(client.counts().attempts, 1);
}

#[test]
fn test_stop_service_while_connected() {
    let (network, _listener, client) = connected();
    let handle = client.current().unwrap();
    let is_stopped = stop(&network, &client);
    assert!(!is_stopped.get() && client.state() == State::Stopping);
    settle(&network);
    assert!(is_stopped.get() && handle.is_gone());
}

#[test]
fn test_start_service_waits_for_disconnect() {
    let (network, _listener, client) = connected();
    let before = client.current().unwrap();
    stop(&network, &client);
    client.resume(network.net());
    assert_eq!((client.counts().attempts, before.is_gone()), (1, false));
    settle(&network);
    assert!(before.is_gone() && client.counts().made == 2);
}

#[test]
fn test_start_service_while_stopping() {
    let (network, _listener, client) = connected();
    let before = client.current().unwrap();
    let is_stopped = stop(&network, &client);
    let next = when_connected(&network, &client, None);
    client.resume(network.net());
    assert!(!is_stopped.get() && next.borrow().is_none());
    settle(&network);
    assert!(is_stopped.get(), "the stop is told, although it goes on");
    assert!(is_ok(&next) && client.current().unwrap() != before);
    let second = stop(&network, &client);
    assert!(!second.get());
}

#[test]
fn test_start_service_while_stopped() {
    let network = Network::calm();
    let client = started(&network);
    let is_stopped = stop(&network, &client);
    settle(&network);
    let late = when_connected(&network, &client, None);
    settle(&network);
    assert!(is_stopped.get() && is_cancelled(&late));
    let _listener = serve(&network);
    client.resume(network.net());
    settle(&network);
    let again = when_connected(&network, &client, None);
    settle(&network);
    assert!(is_ok(&again));
}

#[test]
fn test_stop_service_while_retrying() {
    let network = Network::calm();
    let client = started(&network);
    network.run_for(millis(1_000)); // the second attempt is under way
    let is_stopped = stop(&network, &client);
    network.run();
    assert!(is_stopped.get() && client.state() == State::Stopped);
    assert_eq!(client.counts().attempts, 2);
}

#[test]
fn test_stop_service_while_connecting() {
    let network = Network::calm();
    let client = started(&network);
    let is_stopped = stop(&network, &client);
    settle(&network);
    assert!(is_stopped.get() && network.connections() == 0);
}

#[test]
fn test_client_connected() {
    let network = Network::calm();
    let _listener = serve(&network);
    let client = started(&network);
    let waiting = when_connected(&network, &client, None);
    settle(&network);
    assert!(
        matches!(&*waiting.borrow(), Some(Ok(handle)) if Some(handle.clone()) == client.current())
    );
    assert_eq!((client.failures(), client.next_delay()), (0, None));
}

#[test]
fn test_client_connection_failed() {
    let network = Network::calm();
    let client = started(&network);
    settle(&network);
    let waiting = when_connected(&network, &client, None);
    assert!(waiting.borrow().is_none() && client.current().is_none());
    network.run_for(millis(1_000));
    assert_eq!(client.counts().attempts, 2);
}

#[test]
fn test_client_connection_lost() {
    let (network, _listener, client) = connected();
    let first = client.current().unwrap();
    lose(&network, &client);
    assert!(client.current().is_none());
    network.run_for(ONE_ATTEMPT);
    assert!(client.current().is_some_and(|second| second != first));
    assert_eq!(client.counts().attempts, 2);
}

#[test]
fn test_client_connection_refused() {
    let network = Network::calm();
    let _listener = serve(&network);
    let refuses = from_fn(|_| None::<Quiet>);
    let client = reconnector().start(network.net(), refuses);
    let waiting = when_connected(&network, &client, None);
    settle(&network);
    assert_eq!(client.counts().attempts, 1);
    network.run_for(millis(1_000));
    assert_eq!((client.counts().attempts, client.counts().made), (2, 0));
    assert!(waiting.borrow().is_none());
    stop(&network, &client);
    network.run();
    assert!(is_cancelled(&waiting));
}

#[test]
fn test_client_connection_lost_while_stopping() {
    let (network, _listener, client) = connected();
    let handle = client.current().unwrap();
    let is_stopped = stop(&network, &client);
    handle.abort().unwrap();
    settle(&network);
    let late = when_connected(&network, &client, None);
    settle(&network);
    assert!(is_stopped.get() && client.current().is_none() && is_cancelled(&late));
}

#[test]
fn test_start_twice() {
    let network = Network::calm();
    let client = started(&network);
    client.resume(network.net());
    settle(&network);
    assert_eq!(client.counts().attempts, 1, "it is started already: nothing changes");
}

#[test]
fn test_when_connected_later() {
    let network = Network::calm();
    let client = started(&network);
    let answers = [None, None, Some(1)].map(|after| when_connected(&network, &client, after));
    assert!(answers.iter().all(|answer| answer.borrow().is_none()));
    let _listener = serve(&network);
    settle(&network);
    assert!(answers.iter().all(is_ok));
}

#[test]
fn test_when_connected_fails() {
    let network = Network::calm();
    let client = started(&network);
    let [a0, a1, a2, a3] =
        [None, Some(1), Some(2), Some(3)].map(|after| when_connected(&network, &client, after));
    let untold = |answers: &[&Answer]| answers.iter().all(|answer| answer.borrow().is_none());
    assert!(untold(&[&a0, &a1, &a2, &a3]));
    network.run_for(millis(10)); // the first failure
    assert!(a1.borrow().as_ref().unwrap().is_err() && untold(&[&a0, &a2, &a3]));
    network.run_for(millis(1_000)); // the second
    assert!(a2.borrow().as_ref().unwrap().is_err() && untold(&[&a0, &a3]));
    let _listener = serve(&network);
    network.run_for(millis(1_500));
    assert!(is_ok(&a0) && is_ok(&a3));
    let a4 = when_connected(&network, &client, Some(1));
    settle(&network);
    assert!(is_ok(&a4));
}

#[test]
fn test_when_connected_stop_service() {
    let network = Network::calm();
    let client = started(&network);
    let answers = [None, None, Some(1)].map(|after| when_connected(&network, &client, after));
    stop(&network, &client);
    network.run_for(ONE_ATTEMPT);
    assert!(answers.iter().all(is_cancelled));
}

#[test]
fn test_retry_cancelled() {
    let network = Network::calm();
    let client = started(&network);
    settle(&network);
    assert_eq!(client.state(), State::Waiting);
    let is_stopped = stop(&network, &client);
    let before = network.clock().clone();
    network.run(); // nothing is left to wait for
    assert_eq!(before.now().as_nanos(), 1_000_000, "no timer is left");
    assert!(is_stopped.get() && client.counts().attempts == 1);
}

#[test]
fn test_when_connected_errbacks_on_stop_service() {
    let network = Network::calm();
    let client = started(&network);
    let before = when_connected(&network, &client, None);
    settle(&network);
    client.stop(network.net());
    let after = when_connected(&network, &client, None);
    settle(&network);
    assert!(is_cancelled(&before) && is_cancelled(&after));
}

#[test]
fn test_stop_service_while_disconnecting() {
    let (network, _listener, client) = connected();
    let both = [stop(&network, &client), stop(&network, &client)];
    assert!(both.iter().all(|stopped| !stopped.get()));
    settle(&network);
    assert!(both.iter().all(|stopped| stopped.get()));
}

#[test]
fn test_stop_service_while_restarting() {
    let (network, _listener, client) = connected();
    let first = stop(&network, &client);
    client.resume(network.net());
    let second = stop(&network, &client);
    settle(&network);
    assert!(first.get() && second.get());
    assert_eq!((client.state(), client.counts().attempts), (State::Stopped, 1));
}

#[test]
fn test_stop_service_on_stopped_service() {
    let network = Network::calm();
    let client = started(&network);
    let first = stop(&network, &client);
    settle(&network);
    let second = stop(&network, &client);
    settle(&network);
    assert!(first.get() && second.get());
}

/// A client whose connections are counted when they are prepared.
fn preparing(network: &Network) -> (Reconnecting, Rc<Cell<usize>>) {
    let count = Rc::new(Cell::new(0));
    let counted = count.clone();
    let client = reconnector()
        .prepare(move |transport, ready| {
            counted.set(counted.get() + 1);
            ready.accept(transport.net());
        })
        .start(network.net(), || Quiet);
    (client, count)
}

#[test]
fn test_prepare_connection_called_when_service_starts() {
    let network = Network::calm();
    let _listener = serve(&network);
    let (_client, count) = preparing(&network);
    settle(&network);
    assert_eq!(count.get(), 1);
}

#[test]
fn test_prepare_connection_called_with_protocol() {
    let network = Network::calm();
    let _listener = serve(&network);
    let seen = Rc::new(RefCell::new(None));
    let prepared = seen.clone();
    let client = reconnector()
        .prepare(move |transport, ready| {
            prepared.replace(Some(transport.handle()));
            ready.accept(transport.net());
        })
        .start(network.net(), || Quiet);
    settle(&network);
    assert!(client.current().is_some() && *seen.borrow() == client.current());
}

#[test]
fn test_prepare_connection_called_after_connection_made() {
    struct Notes(Heard);
    impl Protocol for Notes {
        fn connection_made(&mut self, _: &mut dyn Transport) {
            self.0.note("made");
        }
        fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
    }
    let network = Network::calm();
    let heard = Heard::on(&network);
    let (made, prepared) = (heard.clone(), heard.clone());
    reconnector()
        .prepare(move |transport, ready| {
            prepared.note("prepared");
            ready.accept(transport.net());
        })
        .start(network.net(), move || Notes(made.clone()));
    settle(&network);
    heard.is(&[]); // the attempt failed
    let _listener = serve(&network);
    network.run_for(millis(1_000));
    heard.is(&[(1_000, "made"), (1_000, "prepared")]);
}

#[test]
fn test_prepare_connection_called_on_reconnect() {
    let network = Network::calm();
    let _listener = serve(&network);
    let (client, count) = preparing(&network);
    settle(&network);
    lose(&network, &client);
    network.run_for(ONE_ATTEMPT);
    assert_eq!(count.get(), 2);
}

#[test]
fn test_prepare_connection_returning_a_deferred() {
    let network = Network::calm();
    let _listener = serve(&network);
    let kept: Rc<RefCell<Option<Ready>>> = Rc::default();
    let keep = kept.clone();
    let client = reconnector()
        .prepare(move |_, ready| drop(keep.replace(Some(ready))))
        .start(network.net(), || Quiet);
    let waiting = when_connected(&network, &client, None);
    settle(&network);
    assert!(waiting.borrow().is_none());
    kept.take().unwrap().accept(network.net());
    settle(&network);
    assert!(is_ok(&waiting));
}

#[test]
fn test_prepare_connection_throws() {
    let network = Network::calm();
    let _listener = serve(&network);
    let client =
        reconnector().prepare(|_, _| panic!("the indentation")).start(network.net(), || Quiet);
    let waiting = when_connected(&network, &client, Some(2));
    settle(&network);
    assert!(waiting.borrow().is_none());
    network.run_for(ONE_ATTEMPT);
    let answer = waiting.borrow();
    let error = answer.as_ref().unwrap().as_ref().unwrap_err().to_string();
    assert!(error.contains("the indentation"), "{error}");
}

#[test]
fn test_start_stop_factory() {
    // A factory hears of each attempt and of each end, as it would without the client.
    let network = Network::calm();
    let _listener = serve(&network);
    let heard = Heard::on(&network);
    let client = reconnector().start(network.net(), noting(&heard));
    settle(&network);
    lose(&network, &client);
    network.run_for(millis(1_000));
    stop(&network, &client);
    settle(&network);
    let words = heard.words();
    let firsts: Vec<_> = words.iter().map(|word| word.split(' ').next().unwrap()).collect();
    assert_eq!(firsts, ["started", "made", "lost:", "started", "made", "lost:"]);
}

#[test]
fn test_interfaces_for_transport() {
    // Nothing is wrapped, so whatever a protocol has the connection calls.
    struct HalfCloser(Heard);
    impl Protocol for HalfCloser {
        fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
        fn eof_received(&mut self, transport: &mut dyn Transport) {
            self.0.note("eof");
            transport.close();
        }
    }
    struct Ends;
    impl Protocol for Ends {
        fn connection_made(&mut self, transport: &mut dyn Transport) {
            transport.shutdown_write();
        }
        fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
    }
    let network = Network::calm();
    let _listener = network.listen(1, || Ends).unwrap();
    let heard = Heard::on(&network);
    let noted = heard.clone();
    reconnector().start(network.net(), move || HalfCloser(noted.clone()));
    settle(&network);
    assert_eq!(heard.words(), ["eof"]);
}
