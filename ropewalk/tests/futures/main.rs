//! Futures on the loop: spawning, waking, cancelling, time; and connections as streams.

#![allow(unreachable_pub, dead_code, reason = "what the rig has serves several test binaries")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking")]

#[path = "../rig/needs.rs"]
mod needs;

mod fairness;
mod line_server;
mod spawning;
mod streams;
mod time;
mod waking;

use std::cell::RefCell;
use std::rc::Rc;

/// What futures of one thread noted, in order.
#[derive(Clone, Default)]
pub struct Notes(Rc<RefCell<Vec<String>>>);

impl Notes {
    /// Notes this.
    pub fn note(&self, what: impl ToString) {
        self.0.borrow_mut().push(what.to_string());
    }

    /// What was noted.
    pub fn all(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    /// Notes when it is dropped.
    pub fn gone(&self, what: &str) -> Gone {
        Gone(self.clone(), what.to_owned())
    }
}

/// See [`Notes::gone`].
pub struct Gone(Notes, String);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.note(format!("{} is dropped", self.1));
    }
}
