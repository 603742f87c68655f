//! When a future runs, how it ends, and what its task says.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ropewalk::Reactor;
use ropewalk::error::{ErrorKind, Operation};
use ropewalk::observe::Observer;
use ropewalk::protocol::yield_now;
use ropewalk::testing::{Network, RecordedNet};

use super::Notes;

#[test]
fn futures_run_in_the_order_in_which_they_were_spawned_and_woken() {
    let (reactor, notes) = (Reactor::new().unwrap(), Notes::default());
    let tasks: Vec<_> = (0..3)
        .map(|number| {
            let notes = notes.clone();
            reactor.spawn(async move {
                for round in 0..3 {
                    notes.note(format!("{round}{number}"));
                    yield_now().await;
                }
            })
        })
        .collect();
    assert!(notes.all().is_empty(), "nothing runs before the loop does");
    reactor
        .block_on(async {
            for task in tasks {
                task.await.unwrap()
            }
        })
        .unwrap();
    assert_eq!(notes.all(), ["00", "01", "02", "10", "11", "12", "20", "21", "22"]);
}

#[test]
fn what_was_spawned_before_the_run_begins_with_it_and_a_future_may_spawn_others() {
    let (reactor, notes) = (Reactor::new().unwrap(), Notes::default());
    let (inner, seen) = (reactor.clone(), notes.clone());
    let outer = async move {
        let seen_inside = seen.clone();
        let task = inner.spawn(async move {
            seen_inside.note("inner");
            5
        });
        seen.note("outer");
        seen.note(task.await.unwrap());
        inner.stop();
    };
    reactor.spawn(outer).detach();
    reactor.run().unwrap();
    assert_eq!(notes.all(), ["outer", "inner", "5"]);
}

#[test]
fn a_future_gives_its_value_once() {
    let reactor = Reactor::new().unwrap();
    let mut task = reactor.spawn(async { String::from("value") });
    assert!(!task.is_finished());
    let value = reactor.block_on(&mut task).unwrap();
    assert_eq!(value.unwrap(), "value");
    assert!(task.is_finished());
    let again = reactor.timeout(Duration::from_millis(1), &mut task);
    assert!(reactor.block_on(again).unwrap().is_err(), "there is no second value");
}

/// Keeps what it hears of panics.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<(String, String)>>>);

impl Observer for Heard {
    fn panicked(&self, what: &str, message: &str) {
        self.0.lock().unwrap().push((what.to_owned(), message.to_owned()));
    }
}

#[test]
fn a_panic_ends_its_own_future_is_told_and_is_the_tasks_error() {
    let heard = Heard::default();
    let reactor = Reactor::builder().observer(Arc::new(heard.clone())).build().unwrap();
    let notes = Notes::default();
    let gone = notes.gone("the future's value");
    let fails = reactor.spawn(async move {
        let _gone = gone;
        yield_now().await;
        panic!("on purpose")
    });
    let lives = reactor.spawn(async {
        yield_now().await;
        yield_now().await;
        "lives"
    });
    let both = async { (fails.await, lives.await) };
    let (failed, lived): (ropewalk::Result<()>, _) = reactor.block_on(both).unwrap();
    let error = failed.unwrap_err();
    assert_eq!((error.operation(), error.kind()), (Operation::Wait, ErrorKind::Panicked));
    assert_eq!(error.to_string(), "the future did not finish: it panicked: on purpose");
    assert_eq!(lived.unwrap(), "lives");
    assert_eq!(*heard.0.lock().unwrap(), [("a future".into(), "on purpose".into())]);
    assert_eq!(notes.all(), ["the future's value is dropped"]);
}

#[test]
fn a_panic_in_a_destructor_costs_nobody_else() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("a destructor's");
        }
    }
    let (reactor, notes) = (Reactor::new().unwrap(), Notes::default());
    let (bad, gone) = (Bad, notes.gone("the next"));
    let doomed = reactor.spawn(async move {
        let _bad = bad;
        pending::<()>().await;
    });
    reactor
        .spawn(async move {
            let _gone = gone;
            pending::<()>().await;
        })
        .detach();
    doomed.cancel();
    reactor.block_on(yield_now()).unwrap();
    assert!(notes.all().is_empty());
    reactor.stop();
    reactor.run().unwrap();
    assert_eq!(notes.all(), ["the next is dropped"]);
}

#[test]
fn a_cancelled_future_is_dropped_by_the_loop_and_is_never_polled_again() {
    let (reactor, notes) = (Reactor::new().unwrap(), Notes::default());
    let (gone, seen) = (notes.gone("it"), notes.clone());
    let task = reactor.spawn(async move {
        let _gone = gone;
        loop {
            seen.note("polled");
            yield_now().await;
        }
    });
    reactor.block_on(yield_now()).unwrap();
    let polled = notes.all().len();
    assert!(polled > 0);
    task.cancel();
    assert_eq!(notes.all().len(), polled, "not inside `cancel`");
    reactor.block_on(yield_now()).unwrap();
    let mut expected = vec!["polled"; polled];
    expected.push("it is dropped");
    assert_eq!(notes.all(), expected);
}

#[test]
fn a_future_may_cancel_its_own_task() {
    let (reactor, notes) = (Reactor::new().unwrap(), Notes::default());
    let own = std::rc::Rc::new(std::cell::RefCell::new(None));
    let (mine, seen, gone) = (own.clone(), notes.clone(), notes.gone("it"));
    let task = reactor.spawn(async move {
        let _gone = gone;
        drop(mine.take());
        seen.note("goes on to its next wait");
        yield_now().await;
        seen.note("never");
    });
    own.replace(Some(task));
    reactor.block_on(reactor.sleep(Duration::from_millis(1))).unwrap();
    assert_eq!(notes.all(), ["goes on to its next wait", "it is dropped"]);
}

#[test]
fn at_the_end_of_a_run_every_future_is_dropped_while_the_reactor_still_answers() {
    let (reactor, notes) = (Reactor::new().unwrap(), Notes::default());
    struct Asks(Reactor, Notes);
    impl Drop for Asks {
        fn drop(&mut self) {
            self.0.call_later(Duration::ZERO, |_| {});
            drop(self.0.spawn(async {}));
            self.1.note(format!("dropped, with {} connections", self.0.connections()));
        }
    }
    let asks = Asks(reactor.clone(), notes.clone());
    let task = reactor.spawn(async move {
        let _asks = asks;
        pending::<()>().await;
    });
    reactor.call_later(Duration::ZERO, |net| net.stop());
    reactor.run().unwrap();
    assert_eq!(notes.all(), ["dropped, with 0 connections"]);
    let error = reactor.block_on(task).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert_eq!(error.to_string(), "the future did not finish: the reactor stopped first");
}

#[test]
fn destructors_that_spawn_without_end_do_not_hold_the_end_up() {
    struct Again(Reactor);
    impl Drop for Again {
        fn drop(&mut self) {
            let again = Again(self.0.clone());
            let work = async move {
                let _again = again;
                pending::<()>().await;
            };
            self.0.spawn(work).detach();
        }
    }
    let reactor = Reactor::new().unwrap();
    drop(Again(reactor.clone()));
    reactor.stop();
    reactor.run().unwrap();
}

#[test]
fn a_future_that_was_woken_by_the_end_hears_why() {
    let (reactor, notes) = (Reactor::new().unwrap(), Notes::default());
    let mut incoming = reactor.listen_streams(0).unwrap();
    let (this, seen) = (reactor.clone(), notes.clone());
    reactor
        .spawn(async move {
            this.stop();
            seen.note(incoming.accept().await.is_none());
        })
        .detach();
    reactor.run().unwrap();
    assert_eq!(notes.all(), ["true"]);
}

#[test]
fn block_on_may_borrow_and_leaves_everything_else_as_it_is() {
    let (reactor, notes) = (Reactor::new().unwrap(), Notes::default());
    let seen = notes.clone();
    let background = reactor.spawn(async move {
        for round in 0..3 {
            seen.note(round);
            yield_now().await;
        }
    });
    let borrowed = [1, 2, 3];
    let sum = reactor.block_on(async { borrowed.iter().sum::<i32>() }).unwrap();
    assert_eq!(sum, 6);
    assert!(!background.is_finished());
    reactor.block_on(background).unwrap().unwrap();
    assert_eq!(notes.all(), ["0", "1", "2"]);
}

#[test]
fn block_on_ends_with_an_error_when_the_reactor_is_stopped() {
    let (reactor, notes) = (Reactor::new().unwrap(), Notes::default());
    let gone = notes.gone("it");
    reactor.call_later(Duration::ZERO, |net| net.stop());
    let never = async move {
        let _gone = gone;
        pending::<()>().await;
    };
    let error = reactor.block_on(never).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert_eq!(notes.all(), ["it is dropped"]);
    assert_eq!(reactor.block_on(async { 1 }).unwrap(), 1, "and can be used again");
}

#[test]
fn block_on_and_run_inside_a_future_are_errors() {
    let reactor = Reactor::new().unwrap();
    let this = reactor.clone();
    let task = reactor.spawn(async move {
        let inner = this.block_on(async {}).unwrap_err().kind();
        (inner, this.run().unwrap_err().kind())
    });
    let kinds = reactor.block_on(task).unwrap().unwrap();
    assert_eq!(kinds, (ErrorKind::AlreadyRunning, ErrorKind::AlreadyRunning));
}

#[test]
fn a_panic_of_block_ons_own_future_goes_up_and_the_reactor_can_run_again() {
    let reactor = Reactor::new().unwrap();
    let panics = || reactor.block_on(async { panic!("up") });
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics));
    assert!(caught.is_err());
    assert_eq!(reactor.block_on(async { 1 }).unwrap(), 1);
}

#[test]
fn ten_thousand_futures_each_finish() {
    let reactor = Reactor::new().unwrap();
    let tasks: Vec<_> = (0..10_000u64)
        .map(|number| {
            let nap = reactor.sleep(Duration::from_micros(number % 100));
            reactor.spawn(async move {
                nap.await;
                yield_now().await;
                number
            })
        })
        .collect();
    let sum = async {
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        sum
    };
    assert_eq!(reactor.block_on(sum).unwrap(), 49_995_000);
}

#[test]
fn the_same_future_runs_in_memory_under_a_virtual_clock() {
    let network = Network::calm();
    let net = network.net().owned();
    let task = network.net().spawn(async move {
        net.sleep(Duration::from_secs(3600)).await;
        net.now()
    });
    network.run();
    assert!(task.is_finished());
}

#[test]
fn a_recorded_net_keeps_what_was_spawned_for_the_test_to_poll() {
    use futures_util::FutureExt;
    let net = RecordedNet::new();
    let keep: &dyn ropewalk::Net = &net;
    let owned = keep.owned();
    let nap = async move { owned.sleep(Duration::from_secs(2)).await };
    let task = keep.spawn(nap);
    let mut spawned = net.take_spawned();
    assert_eq!(spawned.len(), 1);
    assert!(spawned[0].as_mut().now_or_never().is_none());
    net.advance(Duration::from_secs(2));
    assert!(spawned[0].as_mut().now_or_never().is_some());
    assert!(task.is_finished());
}
