//! Work that blocks: who waits for it, and what becomes of it at a stop.
//! Owns: the jobs that are not over, as the loop sees them. Never: does one; the driver's
//! threads do.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use super::Engine;
use super::drain::Report;
use super::driver::Driver;
use super::mail::Letter;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::protocol::{Job, Reason, Then};

/// An engine's jobs.
#[derive(Default)]
pub(super) struct Jobs {
    running: RefCell<BTreeMap<u64, Wanted>>,
    next: Cell<u64>,
}

/// A job whose result is waited for.
struct Wanted {
    then: Then,
    /// Its thread has the other end: one that has not begun asks whether it is still to.
    _still: Arc<()>,
}

impl Jobs {
    pub(super) fn is_empty(&self) -> bool {
        self.running.borrow().is_empty()
    }
}

impl<D: Driver> Engine<D> {
    pub(super) fn start_job(&self, Job { work, then }: Job) -> Result<()> {
        let key = self.jobs.next.get();
        self.jobs.next.set(key + 1);
        let still = Arc::new(());
        let (wanted, mail) = (Arc::downgrade(&still), self.mail.clone());
        self.driver.run_blocking(Box::new(move || {
            if wanted.strong_count() == 0 {
                return;
            }
            let done = catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
                let why = Reason::panicked(&*payload);
                why.source().map(ToString::to_string).unwrap_or_default()
            });
            mail.send(Letter::JobDone(key, done));
        }))?;
        self.jobs.running.borrow_mut().insert(key, Wanted { then, _still: still });
        Ok(())
    }

    pub(super) fn job_done(self: &Rc<Self>, key: u64, done: std::result::Result<(), String>) {
        let wanted = self.jobs.running.borrow_mut().remove(&key);
        // One that a stop left behind was told, and counted, then.
        if let Some(Wanted { then, .. }) = wanted {
            let done = done.map_err(|said| {
                let cause = format!("it panicked: {said}");
                Error::new(Operation::Work, ErrorKind::Panicked, cause)
            });
            self.guarded("what follows a job", || then(&**self, done));
            self.end_if_empty();
        }
    }

    /// A stop waits no longer: each that is not over is told so.
    pub(super) fn leave_jobs(self: &Rc<Self>) {
        let left = std::mem::take(&mut *self.jobs.running.borrow_mut());
        if left.is_empty() {
            return;
        }
        tracing::warn!("{} jobs are not over; the stop goes on without them", left.len());
        self.add_to_report(Report { left_jobs: left.len(), ..Report::default() });
        for Wanted { then, .. } in left.into_values() {
            let cause = "the reactor stopped before it was over";
            let stopped = Error::new(Operation::Work, ErrorKind::Stopped, cause);
            self.guarded("what follows a job", || then(&**self, Err(stopped)));
        }
    }
}
