//! The loop: start and stop, triggers, timers, looping calls, threads.

mod call_from_thread_stops_and_wake_up_tests;
mod call_from_thread_tests;
mod clock_tests;
mod delayed_tests;
mod loop_tests;
mod reactor_loop_tests;
mod system_event_tests;
mod system_event_tests_builder;
mod thread_tests_builder;
mod three_phase_event_tests;
mod time_tests;
mod time_tests_builder;

use std::cell::RefCell;
use std::fmt::Debug;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::{Net, Reactor, Report};

/// Ten times what any promise of these tests takes, and more.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(60);

/// Runs a reactor that is to stop by itself.
#[track_caller]
pub(crate) fn run(reactor: &Reactor) -> Report {
    let expired = Seen::default();
    let tell = expired.clone();
    let watchdog = reactor.call_later(WATCHDOG, move |net| {
        tell.put(());
        net.stop();
    });
    let report = reactor.run_reporting().unwrap();
    watchdog.cancel();
    assert!(expired.all().is_empty(), "it never stopped");
    report
}

/// What callbacks saw, in order.
pub(crate) struct Seen<T>(Rc<RefCell<Vec<T>>>);

impl<T> Default for Seen<T> {
    fn default() -> Seen<T> {
        Seen(Rc::default())
    }
}

impl<T> Clone for Seen<T> {
    fn clone(&self) -> Seen<T> {
        Seen(self.0.clone())
    }
}

impl<T: Clone + Debug + 'static> Seen<T> {
    pub(crate) fn put(&self, what: T) {
        self.0.borrow_mut().push(what);
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.0.borrow().clone()
    }

    /// A call that says this.
    pub(crate) fn says(&self, what: T) -> Box<dyn FnOnce(&dyn Net)> {
        let seen = self.clone();
        Box::new(move |_| seen.put(what))
    }
}
