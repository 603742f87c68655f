//! Stopping in order: no new connections, those that are there end in their own way,
//! and at the end of the grace the rest is cut and counted.
//! Owns: the course of a stop, and its report. Never: decides how a protocol ends; that
//! is its own `stopping`.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use super::driver::Driver;
use super::{Engine, Task};
use crate::clock::Time;
use crate::protocol::{ConnectionId, Kind, Moment, Net, Phase, Reason};

/// How a stop went. It counts connections; datagram sockets are told and closed as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Connections that were there when the stop began, or came in with it.
    pub open: usize,
    /// Of them, those that ended in order.
    pub ended: usize,
    /// Of them, those that were cut at the end of the grace.
    pub cut: usize,
    /// Bytes that never reached the kernel, in all of them and in the datagram sockets.
    pub unsent: u64,
    /// Hooks that still held their phase when it had to go on.
    pub late_hooks: usize,
    /// Jobs of [`run_in_thread`](crate::Net#method.run_in_thread) that the stop did not wait
    /// for any longer. Each was told so.
    pub left_jobs: usize,
}

impl Report {
    /// Both together.
    ///
    /// ```
    /// use ropewalk::Report;
    /// let mut all = Report::default();
    /// for of_one in [Report::default(), Report::default()] {
    ///     all.add(of_one);
    /// }
    /// assert_eq!(all, Report::default());
    /// ```
    pub fn add(&mut self, other: Report) {
        self.open += other.open;
        self.ended += other.ended;
        self.cut += other.cut;
        self.unsent += other.unsent;
        self.late_hooks += other.late_hooks;
        self.left_jobs += other.left_jobs;
    }
}

use crate::limits::DRAIN_THREADS_MARGIN as GUESTS_MARGIN;

/// A stop under way.
pub(crate) struct Draining {
    /// Not told yet.
    queue: VecDeque<ConnectionId>,
    spread: Duration,
}

/// One connection's end, as the report counts it.
pub(super) struct Ended<'a> {
    pub(super) why: &'a Reason,
    pub(super) built: bool,
}

impl<D: Driver> Engine<D> {
    /// Stops in order: hooks, connections, hooks. Asked again, a grace given then moves the end
    /// nearer.
    pub(super) fn drain(self: &Rc<Self>, grace: Option<Duration>) {
        let until = self.context.now() + grace.unwrap_or(self.context.limits.drain_grace);
        if self.hooks.stop_asked(until, grace.is_some()) {
            return self.open_phase(Moment::Shutdown(Phase::Before));
        }
        self.hurry_phase();
        if self.drain_until().is_some() {
            self.drain_connections();
        }
    }

    /// Lets the connections end. Again, it looks at the end of the grace anew.
    pub(super) fn drain_connections(self: &Rc<Self>) {
        let until = self.hooks.stop_by().unwrap_or(self.context.now());
        if self.draining.borrow().is_none() {
            self.begin_drain(until);
        }
        if until <= self.context.now() || cfg!(broken = "drain_cuts") {
            return self.cut();
        }
        self.drain_guests(until - self.context.now());
        self.later(until + GUESTS_MARGIN, Engine::cut_if_due);
        self.later(until, Engine::cut_if_due);
        self.end_if_empty();
    }

    /// When the drain under way will cut, if there is one.
    pub(super) fn drain_until(&self) -> Option<Time> {
        let drains = self.draining.borrow().is_some();
        drains.then(|| self.hooks.stop_by().unwrap_or(Time::ZERO))
    }

    pub(super) fn add_to_report(&self, other: Report) {
        let mut report = self.report.get();
        report.add(other);
        self.report.set(report);
        self.end_if_empty();
    }

    fn begin_drain(self: &Rc<Self>, until: Time) {
        self.stop_all_listening();
        let mut queue: VecDeque<_> =
            self.slots.borrow().iter().map(|entry| entry.head.id).collect();
        let mut report = self.report.get();
        report.open = queue.len();
        self.report.set(report);
        queue.extend(self.datagram_ids());
        let half_the_grace = (until - self.context.now()) / 2;
        let spread = half_the_grace / (queue.len().max(1) as u32);
        let spread = spread.min(crate::limits::DRAIN_SPREAD);
        self.draining.replace(Some(Draining { queue, spread }));
        let lookups = std::mem::take(&mut *self.lookups.borrow_mut());
        for asking in lookups.into_values() {
            asking.into_who().stopped();
        }
        self.tell_next();
    }

    /// Outside a stop: as one that is over, so that nothing begins any more.
    pub(super) fn begin_no_more(&self) {
        let over = Draining { queue: VecDeque::new(), spread: Duration::ZERO };
        self.draining.borrow_mut().get_or_insert(over);
    }

    /// Tells the next connection, and comes back for the one after it.
    fn tell_next(self: &Rc<Self>) {
        let (id, spread) = match &mut *self.draining.borrow_mut() {
            Some(draining) => (draining.queue.pop_front(), draining.spread),
            None => return,
        };
        let Some(id) = id else { return };
        self.later(self.context.now() + spread, Engine::tell_next);
        let Some(entry) = self.entry(id) else { return self.tell_datagrams(id) };
        // What was in our kernel when the stop came is still answered.
        if cfg!(not(broken = "drain_reads_nothing")) {
            self.driver.read_now(self, &entry);
        }
        let (over, built) = {
            let mut connection = entry.head.connection.borrow_mut();
            if connection.is_connecting() {
                connection.fail(Reason::new(Kind::Stopped));
            } else if !connection.is_built() {
                connection.close();
            }
            // One that closes already is on its way, and hears no more.
            (connection.is_over() || connection.is_closing(), connection.is_built())
        };
        if built && !over {
            self.callback(&entry, |seat, port| seat.stopping(port));
        }
        self.settle(&entry);
    }

    fn cut_if_due(self: &Rc<Self>) {
        if self.drain_until().is_some_and(|until| until <= self.context.now()) {
            self.cut();
        }
    }

    fn cut(self: &Rc<Self>) {
        let all: Vec<_> = self.slots.borrow().iter().cloned().collect();
        for entry in all {
            entry.head.connection.borrow_mut().fail(Reason::new(Kind::Stopped));
            self.settle(&entry);
        }
        self.fail_all_datagrams(Kind::Stopped);
        self.leave_jobs();
        self.drain_guests(Duration::ZERO);
        let margin_is_over =
            self.drain_until().is_some_and(|until| self.context.now() >= until + GUESTS_MARGIN);
        if margin_is_over {
            let abandoned = self.abandon_guests();
            self.add_to_report(Report { open: abandoned, cut: abandoned, ..Report::default() });
        } else {
            self.later(self.context.now() + GUESTS_MARGIN, Engine::cut_if_due);
        }
        self.end_if_empty();
    }

    pub(super) fn count_end(&self, ended: Ended<'_>) {
        if self.draining.borrow().is_none() {
            return;
        }
        let mut report = self.report.get();
        match ended.why.kind() {
            Kind::Stopped if ended.built => report.cut += 1,
            _ => report.ended += 1,
        }
        report.unsent += ended.why.unsent();
        self.report.set(report);
        self.end_if_empty();
    }

    /// A datagram socket's end. It is no connection, but what it lost is said.
    pub(super) fn count_datagrams(&self, why: &Reason) {
        if self.draining.borrow().is_some() {
            self.add_to_report(Report { unsent: why.unsent(), ..Report::default() });
        }
    }

    pub(super) fn end_if_empty(&self) {
        if self.is_drained() {
            // From the bottom of the stack: what comes next are hooks.
            self.task(Task::Drained);
        }
    }

    fn is_drained(&self) -> bool {
        let is_empty = self.connections() == 0
            && self.datagram_sockets() == 0
            && self.guests() == 0
            && self.jobs.is_empty();
        is_empty && self.draining.borrow().is_some()
    }

    /// All connections have ended: the rest of the hooks, and then it is over.
    pub(super) fn drained(self: &Rc<Self>) {
        if self.is_drained() && !self.hooks.is_waiting() {
            self.open_phase(Moment::Shutdown(Phase::During));
        }
    }

    /// The stop is over.
    pub(super) fn finish(self: &Rc<Self>) {
        self.leave_jobs();
        self.finished.set(true);
        self.busy.set(true); // so that the loop looks
    }

    /// Does this at an instant. Answers the timer's key.
    pub(super) fn later(self: &Rc<Self>, at: Time, then: fn(&Rc<Self>)) -> u64 {
        let engine = self.this.clone();
        let call = move |_: &dyn Net| {
            if let Some(engine) = engine.upgrade() {
                then(&engine);
            }
        };
        self.call_at(at, Box::new(call))
    }
}
