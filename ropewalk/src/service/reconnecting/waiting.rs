//! Who waits for a client's connection, or for its end.
//! Owns: that each is told once, whatever happens, and never inside another callback.
//! Never: decides what is told.

use std::cell::RefCell;
use std::time::Duration;

use crate::connection::drop_guarded;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::limits;
use crate::protocol::{Handle, Net};

#[derive(Default)]
pub(super) struct Waiters {
    for_a_connection: RefCell<Vec<Waiter>>,
    for_the_end: RefCell<Vec<Stopper>>,
}

impl Waiters {
    pub(super) fn wait(&self, net: &dyn Net, waiter: Waiter, too_many: impl Fn() -> Error) {
        let mut waiters = self.for_a_connection.borrow_mut();
        if waiters.len() >= limits::RECONNECT_WAITERS {
            return waiter.tell(net, Err(too_many()));
        }
        waiters.push(waiter);
    }

    pub(super) fn is_full_for_the_end(&self) -> bool {
        self.for_the_end.borrow().len() >= limits::RECONNECT_WAITERS
    }

    pub(super) fn wait_for_the_end(&self, stopper: Stopper) {
        self.for_the_end.borrow_mut().push(stopper);
    }

    pub(super) fn connected(&self, net: &dyn Net, handle: &Handle) {
        for waiter in self.for_a_connection.take() {
            waiter.tell(net, Ok(handle.clone()));
        }
    }

    /// One more failure: some have waited for enough of them.
    pub(super) fn count_failure(&self, net: &dyn Net, why: impl Fn() -> Error) {
        for mut waiter in self.for_a_connection.take() {
            waiter.failures_left = waiter.failures_left.map(|left| left.saturating_sub(1));
            match waiter.failures_left {
                Some(0) => waiter.tell(net, Err(why())),
                _ => self.for_a_connection.borrow_mut().push(waiter),
            }
        }
    }

    pub(super) fn fail_all(&self, net: &dyn Net, why: impl Fn() -> Error) {
        for waiter in self.for_a_connection.take() {
            waiter.tell(net, Err(why()));
        }
    }

    pub(super) fn tell_the_end(&self, net: &dyn Net) {
        for stopper in self.for_the_end.take() {
            stopper.tell(net);
        }
    }

    /// No loop is left on which to tell them: they are told here.
    pub(super) fn abandon(&self) {
        self.for_a_connection.take().into_iter().for_each(drop_guarded);
        self.for_the_end.take().into_iter().for_each(drop_guarded);
    }
}

/// Somebody who waits for a connection. Dropped untold, as when the reactor has stopped, it
/// hears that.
pub(super) struct Waiter {
    #[allow(clippy::type_complexity, reason = "it is said once")]
    tell: Option<Box<dyn FnOnce(Result<Handle>)>>,
    failures_left: Option<u32>,
}

impl Waiter {
    pub(super) fn new(f: impl FnOnce(Result<Handle>) + 'static, fail_after: Option<u32>) -> Waiter {
        Waiter { tell: Some(Box::new(f)), failures_left: fail_after.map(|count| count.max(1)) }
    }

    /// Once the current callback has returned.
    pub(super) fn tell(mut self, net: &dyn Net, found: Result<Handle>) {
        let call = move |_: &dyn Net| {
            if let Some(tell) = self.tell.take() {
                tell(found);
            }
        };
        net.call_later(Duration::ZERO, Box::new(call));
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if let Some(tell) = self.tell.take() {
            let cause = "the reactor has stopped";
            tell(Err(Error::new(Operation::Connect, ErrorKind::Stopped, cause)));
        }
    }
}

/// Somebody who waits for the end. Dropped untold, it is the end.
pub(super) struct Stopper(Option<Box<dyn FnOnce()>>);

impl Stopper {
    pub(super) fn new(f: impl FnOnce() + 'static) -> Stopper {
        Stopper(Some(Box::new(f)))
    }

    /// Once the current callback has returned.
    pub(super) fn tell(self, net: &dyn Net) {
        net.call_later(Duration::ZERO, Box::new(move |_| drop(self)));
    }
}

impl Drop for Stopper {
    fn drop(&mut self) {
        if let Some(tell) = self.0.take() {
            tell();
        }
    }
}
