//! What says that a new connection is prepared, or is not.
//! Owns: that it is said once. Never: judges the connection.

use std::fmt;
use std::rc::{Rc, Weak};

use super::Shared;
use crate::protocol::{Net, Reason};

/// The word on a new connection of a [`Reconnecting`](super::Reconnecting) client: `accept` it
/// when it is prepared, or `refuse` it, now or later. Dropped, it refuses. Of a connection that
/// is gone it says nothing.
pub struct Ready {
    client: Weak<Shared>,
    number: u64,
    is_said: bool,
}

impl Ready {
    pub(super) fn new(client: &Rc<Shared>, number: u64) -> Ready {
        Ready { client: Rc::downgrade(client), number, is_said: false }
    }

    /// The connection is prepared: the client hands it out.
    pub fn accept(mut self, net: &dyn Net) {
        self.is_said = true;
        if let Some(client) = self.client.upgrade() {
            client.accept(net, self.number);
        }
    }

    /// The connection cannot be used, for this cause: it ends with `Refused`, and the client
    /// tries again.
    pub fn refuse(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) {
        self.say_no(Reason::refused(cause));
    }

    fn say_no(&mut self, why: Reason) {
        self.is_said = true;
        if let Some(client) = self.client.upgrade() {
            client.refuse(self.number, why);
        }
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        // A panic of the preparation ends the connection by itself, with its own words; one of
        // somebody else who had this leaves it to the deadline.
        if !self.is_said && !std::thread::panicking() {
            self.say_no(Reason::refused("its preparation was given up"));
        }
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ready(connection {})", self.number)
    }
}
