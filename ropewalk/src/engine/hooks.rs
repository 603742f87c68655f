//! Start and stop in phases: hooks are called in order, and a phase waits for those who hold it.
//! Owns: which phase it is, and until when it waits. Never: drains a connection; `drain` does,
//! between two of the phases.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use super::Engine;
use super::drain::Report;
use super::driver::Driver;
use super::mail::{Letter, Mail};
use crate::clock::Time;
use crate::limits;
use crate::protocol::{Holding, Hook, HookCall, HookHandle, Moment, Phase, Release, RemoveHook};

/// An engine's hooks.
#[derive(Default)]
pub(super) struct Hooks {
    /// Those that are still to be called, in their order.
    waiting: RefCell<BTreeMap<(Moment, u64), HookCall>>,
    next: Cell<u64>,
    /// The phase that is under way.
    open: RefCell<Option<Open>>,
    /// Whether this run has begun.
    has_begun: Cell<bool>,
    /// At the latest, a stop that was asked for is over then.
    stop_by: Cell<Option<Time>>,
}

struct Open {
    moment: Moment,
    /// When it is over, whoever holds it.
    until: Time,
    held: Vec<Holding>,
    /// The timer of that instant, while somebody holds it.
    alarm: Option<u64>,
}

impl Open {
    fn late(&self) -> usize {
        self.held.iter().filter(|held| held.is_held()).count()
    }
}

impl Hooks {
    /// Whether a phase waits for somebody.
    pub(super) fn is_waiting(&self) -> bool {
        self.open.borrow().is_some()
    }

    /// Whether the hooks of the start have all been called, and waited for.
    pub(super) fn is_started(&self) -> bool {
        let starts = |open: &Open| matches!(open.moment, Moment::Startup(_));
        self.has_begun.get() && !self.open.borrow().as_ref().is_some_and(starts)
    }

    /// When a stop that was asked for is over.
    pub(super) fn stop_by(&self) -> Option<Time> {
        self.stop_by.get()
    }

    /// A stop was asked for. Answers whether it is the first time; later a grace that was named
    /// moves the end nearer.
    pub(super) fn stop_asked(&self, until: Time, is_named: bool) -> bool {
        let Some(before) = self.stop_by.get() else {
            self.stop_by.set(Some(until));
            return true;
        };
        if is_named {
            self.stop_by.set(Some(until.min(before)));
        }
        false
    }

    /// At the end of a run: those that were not called belong to it, and go with it. They are
    /// given back to be dropped outside a borrow.
    pub(super) fn end(&self) -> BTreeMap<(Moment, u64), HookCall> {
        self.has_begun.set(false);
        self.stop_by.set(None);
        self.open.replace(None);
        self.waiting.take()
    }

    fn has(&self, moment: Moment) -> bool {
        self.waiting.borrow().range((moment, 0)..=(moment, u64::MAX)).next().is_some()
    }

    fn pop(&self, moment: Moment) -> Option<HookCall> {
        let mut waiting = self.waiting.borrow_mut();
        let key = *waiting.range((moment, 0)..=(moment, u64::MAX)).next()?.0;
        waiting.remove(&key)
    }
}

impl<D: Driver> Engine<D> {
    pub(super) fn hook(&self, at: Moment, hook: HookCall) -> HookHandle {
        let key = (at, self.hooks.next.get());
        self.hooks.next.set(key.1 + 1);
        self.hooks.waiting.borrow_mut().insert(key, hook);
        HookHandle::new(Rc::new(Added { engine: self.this.clone(), key }))
    }

    /// The beginning of a run.
    pub(super) fn start_up(self: &Rc<Self>) {
        if !self.hooks.has_begun.replace(true) {
            self.open_phase(Moment::Startup(Phase::Before));
        }
    }

    /// Calls the hooks of one phase, and waits for those who hold it. Whatever phase was open is
    /// not waited for: a stop ends a start.
    pub(super) fn open_phase(self: &Rc<Self>, moment: Moment) {
        self.end_phase();
        let until = self.phase_until(moment);
        self.hooks.open.replace(Some(Open { moment, until, held: Vec::new(), alarm: None }));
        if self.hooks.has(moment) {
            self.call_hooks(moment, until);
        }
        self.close_phase();
    }

    fn phase_until(&self, moment: Moment) -> Time {
        let now = self.context.now();
        let stop_by = self.hooks.stop_by.get().unwrap_or(now);
        match moment {
            Moment::Startup(_) => now + limits::STARTUP_HOOKS,
            // The rest is the connections'.
            Moment::Shutdown(Phase::Before) => now + (stop_by - now) / 2,
            Moment::Shutdown(_) => stop_by.max(now + limits::HOOKS_MARGIN),
        }
    }

    fn call_hooks(self: &Rc<Self>, moment: Moment, until: Time) {
        let mail = self.mail.clone();
        let release: Release = Arc::new(move || Mail::send(&mail, Letter::HoldReleased));
        // One that a hook adds to this phase is still called in it.
        while let Some(call) = self.hooks.pop(moment) {
            let hook = Hook::new(&**self, until - self.context.now(), release.clone());
            self.guarded("a hook", || call(&hook));
            let held = hook.into_held();
            if let Some(open) = &mut *self.hooks.open.borrow_mut() {
                open.held.extend(held);
            }
        }
        let alarm = self.later(until, Engine::close_phase);
        if let Some(open) = &mut *self.hooks.open.borrow_mut() {
            open.alarm = Some(alarm);
        }
    }

    /// Goes on to the next phase if nobody holds this one, or it has taken too long.
    pub(super) fn close_phase(self: &Rc<Self>) {
        let (moment, late) = {
            let open = self.hooks.open.borrow();
            let Some(open) = &*open else { return };
            let late = open.late();
            let waits = late > 0 && open.until > self.context.now();
            if waits && cfg!(not(broken = "hold_ignored")) {
                return;
            }
            (open.moment, late)
        };
        if late > 0 {
            tracing::warn!("{late} hooks of {moment:?} are not done; going on without them");
            self.add_to_report(Report { late_hooks: late, ..Report::default() });
        }
        self.end_phase();
        match moment {
            Moment::Startup(Phase::Before) => self.open_phase(Moment::Startup(Phase::During)),
            Moment::Startup(Phase::During) => self.open_phase(Moment::Startup(Phase::After)),
            Moment::Startup(Phase::After) => {}
            Moment::Shutdown(Phase::Before) => self.drain_connections(),
            Moment::Shutdown(Phase::During) => self.open_phase(Moment::Shutdown(Phase::After)),
            Moment::Shutdown(Phase::After) => self.finish(),
        }
    }

    /// A stop has been given less time than it had.
    pub(super) fn hurry_phase(self: &Rc<Self>) {
        let sooner = {
            let mut open = self.hooks.open.borrow_mut();
            let Some(open) = &mut *open else { return };
            let until = self.phase_until(open.moment);
            let is_sooner = until < open.until;
            open.until = open.until.min(until);
            is_sooner.then_some(until)
        };
        if let Some(until) = sooner {
            self.later(until, Engine::close_phase);
        }
        self.close_phase();
    }

    fn end_phase(&self) {
        let open = self.hooks.open.take();
        let alarm = open.and_then(|open| open.alarm);
        if let Some(alarm) = alarm {
            let call = self.timers.borrow_mut().cancel(alarm);
            drop(call);
        }
    }
}

struct Added<D: Driver> {
    engine: Weak<Engine<D>>,
    key: (Moment, u64),
}

impl<D: Driver> RemoveHook for Added<D> {
    fn remove(&self) -> bool {
        let Some(engine) = self.engine.upgrade() else { return false };
        // Dropped outside the borrow: what it holds may have hooks of its own to remove.
        let hook = engine.hooks.waiting.borrow_mut().remove(&self.key);
        hook.is_some()
    }
}
