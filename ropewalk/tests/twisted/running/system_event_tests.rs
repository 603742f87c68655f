//! `test.test_internet.SystemEventTests`: hooks of a start and of a stop.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::protocol::{HookHandle, Moment, Phase};
use ropewalk::{Net, Reactor};

use super::{Seen, run};

fn reactor() -> (Reactor, Seen<&'static str>) {
    let reactor = Reactor::new().unwrap();
    reactor.call_when_running(|net| net.stop());
    (reactor, Seen::default())
}

/// A hook that says this, after so long.
fn add(reactor: &Reactor, at: Moment, seen: &Seen<&'static str>, what: &'static str, millis: u64) {
    let seen = seen.clone();
    let hook = move |hook: &ropewalk::protocol::Hook<'_>| {
        seen.put(what);
        if millis > 0 {
            let hold = hook.hold();
            let done = move |_: &dyn Net| {
                seen.put("done");
                drop(hold);
            };
            hook.net().call_later(Duration::from_millis(millis), Box::new(done));
        }
    };
    match at {
        Moment::Startup(phase) => reactor.on_startup(phase, hook),
        Moment::Shutdown(phase) => reactor.on_shutdown(phase, hook),
    };
}

#[test]
fn test_before_phase() {
    let (reactor, seen) = reactor();
    add(&reactor, Moment::Startup(Phase::Before), &seen, "before", 0);
    run(&reactor);
    assert_eq!(seen.all(), ["before"]);
}

#[test]
fn test_during_phase() {
    let (reactor, seen) = reactor();
    add(&reactor, Moment::Startup(Phase::During), &seen, "during", 0);
    run(&reactor);
    assert_eq!(seen.all(), ["during"]);
}

#[test]
fn test_after_phase() {
    let (reactor, seen) = reactor();
    add(&reactor, Moment::Startup(Phase::After), &seen, "after", 0);
    run(&reactor);
    assert_eq!(seen.all(), ["after"]);
}

#[test]
fn test_before_preceeds_during() {
    let (reactor, seen) = reactor();
    add(&reactor, Moment::Startup(Phase::During), &seen, "during", 0);
    add(&reactor, Moment::Startup(Phase::Before), &seen, "before", 0);
    run(&reactor);
    assert_eq!(seen.all(), ["before", "during"]);
}

#[test]
fn test_during_preceeds_after() {
    let (reactor, seen) = reactor();
    add(&reactor, Moment::Startup(Phase::After), &seen, "after", 0);
    add(&reactor, Moment::Startup(Phase::During), &seen, "during", 0);
    run(&reactor);
    assert_eq!(seen.all(), ["during", "after"]);
}

#[test]
fn test_before_returns_deferred() {
    let (reactor, seen) = reactor();
    add(&reactor, Moment::Startup(Phase::Before), &seen, "before", 1);
    add(&reactor, Moment::Startup(Phase::During), &seen, "during", 0);
    run(&reactor);
    assert_eq!(seen.all(), ["before", "done", "during"]);
}

#[test]
fn test_multiple_before_return_deferred() {
    let (reactor, seen) = reactor();
    add(&reactor, Moment::Shutdown(Phase::Before), &seen, "one", 2);
    add(&reactor, Moment::Shutdown(Phase::Before), &seen, "two", 1);
    add(&reactor, Moment::Shutdown(Phase::During), &seen, "during", 0);
    run(&reactor);
    assert_eq!(seen.all(), ["one", "two", "done", "done", "during"]);
}

/// All of a phase are called, and then waited for.
#[test]
fn test_subsequent_before_trigger_fires_prior_before_deferred() {
    let (reactor, seen) = reactor();
    let kept = Rc::new(RefCell::new(None));
    let (hold, said) = (kept.clone(), seen.clone());
    reactor.on_shutdown(Phase::Before, move |hook| drop(hold.replace(Some(hook.hold()))));
    reactor.on_shutdown(Phase::Before, move |_| {
        said.put("let go");
        drop(kept.take());
    });
    add(&reactor, Moment::Shutdown(Phase::During), &seen, "during", 0);
    assert_eq!(run(&reactor).late_hooks, 0);
    assert_eq!(seen.all(), ["let go", "during"]);
}

#[test]
fn test_remove_system_event_trigger() {
    let (reactor, seen) = reactor();
    let said = seen.clone();
    let removed = reactor.on_startup(Phase::Before, move |_| said.put("removed"));
    assert!(removed.remove());
    run(&reactor);
    assert!(seen.all().is_empty());
}

/// A start's hook and a stop's do not meet: each can add to the other's.
#[test]
fn test_interaction_between_different_events() {
    let (reactor, seen) = reactor();
    let (adds, stop) = (seen.clone(), seen.clone());
    let removed: Rc<RefCell<Option<HookHandle>>> = Rc::default();
    let removes = removed.clone();
    reactor.on_startup(Phase::Before, move |hook| {
        adds.put("start");
        assert!(removes.borrow().as_ref().unwrap().remove());
        hook.net().on_shutdown(Phase::During, move |_| adds.put("added"));
    });
    let never = seen.clone();
    let handle = reactor.on_shutdown(Phase::Before, move |_| never.put("removed"));
    removed.replace(Some(handle));
    reactor.on_shutdown(Phase::Before, move |_| stop.put("stop"));
    run(&reactor);
    assert_eq!(seen.all(), ["start", "stop", "added"]);
}
