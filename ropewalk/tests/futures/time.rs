//! Sleeping and deadlines, under the virtual clock.

use std::future::{pending, ready};
use std::time::Duration;

use ropewalk::error::ErrorKind;
use ropewalk::protocol::TimedOut;
use ropewalk::testing::Network;
use ropewalk::{Error, Reactor};

use super::Notes;

const S: Duration = Duration::from_secs(1);

#[test]
fn sleepers_wake_in_the_order_of_their_instants_and_of_falling_asleep_among_equals() {
    let (network, notes) = (Network::calm(), Notes::default());
    for (name, after) in [("c", 3), ("a1", 1), ("b", 2), ("a2", 1), ("a3", 1)] {
        let (nap, notes, net) = (network.net().sleep(after * S), notes.clone(), network.net());
        let net = net.owned();
        let work = async move {
            nap.await;
            notes.note(format!("{name}@{}", net.now().as_nanos() / S.as_nanos() as u64));
        };
        network.net().spawn(work).detach();
    }
    network.run();
    assert_eq!(notes.all(), ["a1@1", "a2@1", "a3@1", "b@2", "c@3"]);
}

#[test]
fn a_sleep_counts_from_its_call_and_not_from_its_first_poll() {
    let network = Network::calm();
    let net = network.net().owned();
    let task = network.net().spawn(async move {
        let nap = net.sleep(2 * S);
        net.sleep(3 * S).await;
        let before = net.now();
        nap.await;
        assert_eq!(net.now(), before);
    });
    network.run();
    assert!(task.is_finished());
}

#[test]
fn a_sleep_that_is_dropped_leaves_no_timer() {
    let net = ropewalk::testing::RecordedNet::new();
    let nap = (&net as &dyn ropewalk::Net).sleep(S);
    assert_eq!(net.pending_calls(), 1);
    drop(nap);
    assert_eq!(net.pending_calls(), 0);
}

#[test]
fn a_timeout_drops_what_is_late_at_its_instant() {
    let (network, notes) = (Network::calm(), Notes::default());
    let net = network.net().owned();
    let (gone, seen) = (notes.gone("the late one"), notes.clone());
    let task = network.net().spawn(async move {
        let never = async move {
            let _gone = gone;
            pending::<()>().await;
        };
        let late = net.timeout(5 * S, never).await.unwrap_err();
        seen.note(late);
        assert_eq!(late.after(), 5 * S);
        net.now().as_nanos()
    });
    network.run();
    assert!(task.is_finished());
    assert_eq!(notes.all(), ["the late one is dropped", "not ready within 5s"]);
    assert_eq!(network.net().now().as_nanos(), (5 * S).as_nanos() as u64);
}

#[test]
fn what_is_ready_in_time_or_at_the_same_instant_is_ready() {
    let network = Network::calm();
    let net = network.net().owned();
    let task = network.net().spawn(async move {
        assert_eq!(net.timeout(Duration::ZERO, ready(1)).await, Ok(1));
        assert_eq!(net.timeout(S, net.sleep(S)).await, Ok(()));
    });
    network.run();
    assert!(task.is_finished());
}

#[test]
fn a_timeout_is_an_error_of_every_kind_that_a_caller_may_want() {
    let reactor = Reactor::new().unwrap();
    let late: TimedOut = reactor
        .block_on(reactor.timeout(Duration::from_millis(2), pending::<()>()))
        .unwrap()
        .unwrap_err();
    assert_eq!(std::io::Error::from(late).kind(), std::io::ErrorKind::TimedOut);
    let error = Error::from(late);
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(error.to_string(), "the future did not finish: not ready within 2ms");
}

#[test]
fn a_timeout_around_a_task_ends_the_task() {
    let (network, notes) = (Network::calm(), Notes::default());
    let net = network.net().owned();
    let gone = notes.gone("the task's future");
    let task = network.net().spawn(async move {
        let _gone = gone;
        pending::<()>().await;
    });
    let outer = network.net().spawn(async move { net.timeout(S, task).await.is_err() });
    network.run();
    assert!(outer.is_finished());
    assert_eq!(notes.all(), ["the task's future is dropped"]);
}

#[test]
fn a_far_future_does_not_come_and_does_not_overflow() {
    let network = Network::calm();
    let nap = network.net().sleep(Duration::MAX);
    let task = network.net().spawn(nap);
    network.run_for(100 * 365 * 24 * 3600 * S);
    assert!(!task.is_finished());
}
