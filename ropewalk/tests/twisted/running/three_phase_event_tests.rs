//! `test.test_internet.ThreePhaseEventTests`: hooks of a stop in three phases.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::Reactor;
use ropewalk::protocol::Phase::{self, After, Before, During};
use ropewalk::protocol::{Hold, Hook, HookHandle};

use super::{Seen, run};

type Says = (&'static str, Phase);

/// A reactor that stops as soon as it runs.
struct Event {
    reactor: Reactor,
    seen: Seen<Says>,
}

impl Event {
    fn new() -> Event {
        let event = Event { reactor: Reactor::new().unwrap(), seen: Seen::default() };
        event.reactor.call_when_running(|net| net.stop());
        event
    }

    fn add(&self, phase: Phase, what: &'static str) -> HookHandle {
        let seen = self.seen.clone();
        self.reactor.on_shutdown(phase, move |_| seen.put((what, phase)))
    }

    fn call(&self, phase: Phase, hook: impl FnOnce(&Hook<'_>) + 'static) -> HookHandle {
        self.reactor.on_shutdown(phase, hook)
    }

    fn fire(&self) -> Vec<Says> {
        assert!(self.seen.all().is_empty());
        assert_eq!(run(&self.reactor).late_hooks, 0);
        self.seen.all()
    }
}

#[test]
fn test_add_before_trigger() {
    let event = Event::new();
    event.add(Before, "arg");
    assert_eq!(event.fire(), [("arg", Before)]);
}

#[test]
fn test_add_during_trigger() {
    let event = Event::new();
    event.add(During, "arg");
    assert_eq!(event.fire(), [("arg", During)]);
}

#[test]
fn test_add_after_trigger() {
    let event = Event::new();
    event.add(After, "arg");
    assert_eq!(event.fire(), [("arg", After)]);
}

#[test]
fn test_remove_trigger() {
    let event = Event::new();
    assert!(event.add(Before, "removed").remove());
    assert_eq!(event.fire(), []);
}

#[test]
fn test_remove_removed_trigger() {
    let event = Event::new();
    let handle = event.add(Before, "removed");
    assert!(handle.remove() && !handle.remove());
}

#[test]
fn test_fire_event() {
    let event = Event::new();
    for (phase, what) in [(After, "1"), (During, "1"), (Before, "1"), (Before, "2")] {
        event.add(phase, what);
    }
    event.add(During, "2");
    event.add(After, "2");
    let all = [Before, During, After].map(|phase| [("1", phase), ("2", phase)]);
    assert_eq!(event.fire(), all.concat());
}

#[test]
fn test_asynchronous_before() {
    let event = Event::new();
    let seen = event.seen.clone();
    event.call(Before, move |hook| {
        let hold = hook.hold();
        let done = move |_: &dyn ropewalk::Net| {
            seen.put(("done", Before));
            drop(hold);
        };
        hook.net().call_later(Duration::from_millis(2), Box::new(done));
    });
    event.add(During, "during");
    event.add(After, "after");
    assert_eq!(event.fire(), [("done", Before), ("during", During), ("after", After)]);
}

#[test]
fn test_before_trigger_exception() {
    let event = Event::new();
    event.call(Before, |_| panic!("a hook's"));
    event.add(Before, "before");
    event.add(During, "during");
    assert_eq!(event.fire(), [("before", Before), ("during", During)]);
}

#[test]
fn test_during_trigger_exception() {
    let event = Event::new();
    event.call(During, |_| panic!("a hook's"));
    event.add(During, "during");
    event.add(After, "after");
    assert_eq!(event.fire(), [("during", During), ("after", After)]);
}

/// One that was called cannot be removed, and says so.
#[test]
fn test_synchronous_remove_already_executed_before() {
    let event = Event::new();
    let first = event.add(Before, "first");
    let seen = event.seen.clone();
    event.call(Before, move |_| {
        if !first.remove() {
            seen.put(("not removed", Before));
        }
    });
    event.add(Before, "second");
    let all = ["first", "not removed", "second"];
    assert_eq!(event.fire(), all.map(|what| (what, Before)));
}

/// Hooks remove one that was added after them.
fn removes(event: &Event, at: Phase, of: Phase) {
    let later: Rc<RefCell<Option<HookHandle>>> = Rc::default();
    let removes = later.clone();
    event.call(at, move |_| assert!(removes.borrow().as_ref().unwrap().remove()));
    later.replace(Some(event.add(of, "removed")));
}

#[test]
fn test_synchronous_remove_pending_before() {
    let event = Event::new();
    removes(&event, Before, Before);
    event.add(Before, "second");
    assert_eq!(event.fire(), [("second", Before)]);
}

#[test]
fn test_synchronous_before_removes_during() {
    let event = Event::new();
    removes(&event, Before, During);
    event.add(After, "after");
    assert_eq!(event.fire(), [("after", After)]);
}

#[test]
fn test_asynchronous_before_removes_during() {
    let event = Event::new();
    let during = event.add(During, "removed");
    event.call(Before, move |hook| {
        let hold = hook.hold();
        let remove = move |_: &dyn ropewalk::Net| {
            assert!(during.remove());
            drop(hold);
        };
        hook.net().call_later(Duration::ZERO, Box::new(remove));
    });
    event.add(After, "after");
    assert_eq!(event.fire(), [("after", After)]);
}

/// Handles are of one hook each, however alike the hooks are.
#[test]
fn test_synchronous_before_removes_conspicuously_similar_during() {
    let event = Event::new();
    event.add(Before, "trigger");
    removes(&event, Before, During);
    event.add(During, "trigger");
    assert_eq!(event.fire(), [("trigger", Before), ("trigger", During)]);
}

#[test]
fn test_synchronous_remove_pending_during() {
    let event = Event::new();
    removes(&event, During, During);
    event.add(During, "second");
    assert_eq!(event.fire(), [("second", During)]);
}

#[test]
fn test_triggers_run_once() {
    let event = Event::new();
    for phase in [Before, During, After] {
        event.add(phase, "once");
    }
    assert_eq!(event.fire().len(), 3);
    event.reactor.call_when_running(|net| net.stop());
    run(&event.reactor);
    assert_eq!(event.seen.all().len(), 3);
}

/// A hold that nobody lets go of keeps its own phase only.
#[test]
fn test_finished_before_triggers_cleared() {
    let event = Event::new();
    let kept: Rc<RefCell<Option<Hold>>> = Rc::default();
    let keeps = kept.clone();
    event.call(Before, move |hook| drop(keeps.replace(Some(hook.hold()))));
    event.add(During, "during");
    event.reactor.call_when_running(|net| {
        net.call_later(Duration::from_millis(1), Box::new(|net| net.stop()));
    });
    let remote = event.reactor.remote();
    event.reactor.call_later(Duration::from_millis(2), move |_| {
        remote.drain(Duration::from_millis(1)).unwrap();
    });
    assert_eq!(run(&event.reactor).late_hooks, 1);
    assert_eq!(event.seen.all(), [("during", During)]);
    drop(kept);
}
