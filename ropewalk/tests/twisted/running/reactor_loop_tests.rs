//! `test.test_task.ReactorLoopTests`: looping calls that fail, and that take time.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::protocol::{Busy, Every, LoopEnd, LoopingCall, Tick};
use ropewalk::testing::RecordedNet;
use ropewalk::{Net, Reactor};

use super::{Seen, run};

const MS: Duration = Duration::from_millis(1);

/// Ends with the looping call, and tells how that ended.
fn until_its_end(every: impl Into<Every>, call: impl FnMut(&Tick<'_>) + 'static) -> LoopEnd {
    let (reactor, ends) = (Reactor::new().unwrap(), Seen::default());
    let told = ends.clone();
    reactor.call_every(every, call).on_end(move |net, end| {
        told.put(end);
        net.stop();
    });
    run(&reactor);
    ends.all()[0]
}

#[test]
fn test_failure() {
    let seen = Seen::default();
    let calls = seen.clone();
    let end = until_its_end(MS, move |_| {
        calls.put(());
        panic!("bar");
    });
    assert_eq!((end, seen.all().len()), (LoopEnd::Panicked, 1));
}

#[test]
fn test_fail_and_stop() {
    let end = until_its_end(MS, |tick| {
        tick.stop();
        panic!("bar");
    });
    assert_eq!(end, LoopEnd::Panicked);
}

#[test]
fn test_every_iteration() {
    let seen = Seen::default();
    let calls = seen.clone();
    let end = until_its_end(Duration::ZERO, move |tick| {
        calls.put(());
        if calls.all().len() > 5 {
            tick.stop();
        }
    });
    assert_eq!((end, seen.all().len()), (LoopEnd::Stopped, 6));
}

#[test]
fn test_stop_at_once_later() {
    let (reactor, seen) = (Reactor::new().unwrap(), Seen::default());
    let every = Every::from(MS * 2).not_at_once();
    let calls = seen.clone();
    let looping = reactor.call_every(every, move |_| calls.put(()));
    reactor.call_later(Duration::ZERO, move |net| {
        looping.stop();
        net.call_later(MS * 4, Box::new(|net| net.stop()));
    });
    run(&reactor);
    assert!(seen.all().is_empty());
}

/// A call that is busy is not made again before it is over.
#[test]
fn test_wait_deferred() {
    let (net, seen) = (RecordedNet::new(), Seen::default());
    let calls = seen.clone();
    let own: Rc<RefCell<Option<LoopingCall>>> = Rc::default();
    let stops = own.clone();
    let looping = (&net as &dyn Net).call_every(MS * 200, move |tick| {
        calls.put(());
        let (busy, stops) = (tick.busy(), stops.clone());
        let over = move |_: &dyn Net| {
            stops.borrow().as_ref().unwrap().stop();
            drop(busy);
        };
        tick.net().call_later(MS * 1000, Box::new(over));
    });
    own.replace(Some(looping));
    net.advance(MS * 2000);
    assert_eq!((seen.all().len(), net.pending_calls()), (1, 0));
}

/// A stop while it is busy is told when it is no longer.
#[test]
fn test_failure_propagation() {
    let (net, ends) = (RecordedNet::new(), Seen::default());
    let kept: Rc<RefCell<Option<Busy>>> = Rc::default();
    let (keeps, told) = (kept.clone(), ends.clone());
    let looping = (&net as &dyn Net).call_every(MS, move |tick| {
        keeps.replace(Some(tick.busy()));
        tick.stop();
    });
    looping.on_end(move |_, end| told.put(end));
    net.advance(MS * 10);
    assert!(ends.all().is_empty());
    drop(kept.take());
    net.advance(Duration::ZERO);
    assert_eq!((ends.all(), net.pending_calls()), (vec![LoopEnd::Stopped], 0));
}

#[test]
fn test_deferred_with_count() {
    let (net, counts) = (RecordedNet::new(), Seen::default());
    let kept: Rc<RefCell<Option<Busy>>> = Rc::default();
    let (keeps, seen) = (kept.clone(), counts.clone());
    (&net as &dyn Net).call_every(Every::from(MS * 200).not_at_once(), move |tick| {
        seen.put(tick.count());
        if seen.all().len() == 1 {
            keeps.replace(Some(tick.busy()));
        }
    });
    assert!(counts.all().is_empty());
    net.advance(MS * 200);
    net.advance(MS * 400);
    assert_eq!(counts.all(), [1]);
    drop(kept.take());
    net.advance(MS * 200);
    assert_eq!(counts.all(), [1, 3]);
}
