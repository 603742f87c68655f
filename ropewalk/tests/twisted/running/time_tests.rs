//! `test.test_internet.TimeTests`.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::{Reactor, TimerHandle};

use super::{Seen, run};

const MS: Duration = Duration::from_millis(1);

/// Monotonic, unlike Twisted's: the wall's time is another call.
#[test]
fn test_seconds() {
    let reactor = Reactor::new().unwrap();
    let (before, after) = (reactor.now(), reactor.now());
    assert!(before <= after);
}

#[test]
fn test_call_later() {
    let (reactor, seen) = (Reactor::new().unwrap(), Seen::default());
    let (began, ran) = (reactor.now(), seen.clone());
    reactor.call_later(MS * 3, move |net| {
        ran.put(net.now() - began);
        net.stop();
    });
    run(&reactor);
    assert!(matches!(seen.all()[..], [waited] if waited >= MS * 3));
}

#[test]
fn test_call_later_reset() {
    let (reactor, seen) = (Reactor::new().unwrap(), Seen::default());
    let call = reactor.call_later(Duration::from_secs(3600), seen.says("sooner"));
    let late = reactor.call_later(Duration::ZERO, seen.says("later"));
    assert!(call.reset(Duration::ZERO) && late.reset(MS));
    assert!(call.due() < late.due());
    reactor.call_later(MS * 2, |net| net.stop());
    run(&reactor);
    assert_eq!(seen.all(), ["sooner", "later"]);
}

#[test]
fn test_cancel_delayed_call() {
    let (reactor, seen) = (Reactor::new().unwrap(), Seen::default());
    let call = reactor.call_later(Duration::ZERO, seen.says("never"));
    assert!(call.is_pending() && call.cancel() && !call.is_pending());
    reactor.call_later(Duration::ZERO, |net| net.stop());
    run(&reactor);
    assert!(seen.all().is_empty());
}

#[test]
fn test_cancel_cancelled_delayed_call() {
    let reactor = Reactor::new().unwrap();
    let call = reactor.call_later(MS, |_| {});
    assert!(call.cancel());
    assert!(!call.cancel() && !call.reset(MS) && call.due().is_none());
}

/// Inside itself a call is no longer pending.
#[test]
fn test_cancel_called_delayed_call_synchronous() {
    let (reactor, seen) = (Reactor::new().unwrap(), Seen::default());
    let own: Rc<RefCell<Option<TimerHandle>>> = Rc::default();
    let (handle, said) = (own.clone(), seen.clone());
    let call = reactor.call_later(Duration::ZERO, move |net| {
        said.put(handle.borrow().as_ref().unwrap().cancel());
        net.stop();
    });
    own.replace(Some(call));
    run(&reactor);
    assert_eq!(seen.all(), [false]);
}

#[test]
fn test_cancel_called_delayed_call_asynchronous() {
    let (reactor, seen) = (Reactor::new().unwrap(), Seen::default());
    let call = reactor.call_later(Duration::ZERO, seen.says("ran"));
    let late = call.clone();
    reactor.call_later(MS, move |net| {
        assert!(!late.cancel() && !late.is_pending());
        net.stop();
    });
    run(&reactor);
    assert_eq!(seen.all(), ["ran"]);
}

#[test]
fn test_call_later_time() {
    let reactor = Reactor::new().unwrap();
    let call = reactor.call_later(Duration::from_secs(10), |_| {});
    let due = call.due().unwrap() - reactor.now();
    assert!(due <= Duration::from_secs(10) && due > Duration::from_secs(5));
    call.reset(Duration::from_secs(1));
    assert!(call.due().unwrap() - reactor.now() <= Duration::from_secs(1));
}

#[test]
fn test_delayed_call_stringification() {
    let reactor = Reactor::new().unwrap();
    let call = reactor.call_later(MS, |_| {});
    assert!(format!("{call:?}").contains("pending: true"));
    call.cancel();
    assert!(format!("{call:?}").contains("pending: false"));
}
