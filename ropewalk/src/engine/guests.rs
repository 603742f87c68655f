//! Connections of this engine's listeners that live in threads of their own.
//! Owns: who they are, so that a stop reaches them and waits for them.
//! Never: touches their connections; each thread's engine does.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::Engine;
use super::drain::Report;
use super::driver::Driver;
use super::mail::{Letter, Mail, Remote};

/// Who accepted a thread's connection, as that thread sees it.
pub(crate) trait Host: Send + Sync {
    /// The guest's engine exists: it can be told to stop.
    fn arrived(&self, key: u64, remote: Remote);
    /// How the guest's connections ended.
    fn left(&self, key: u64, report: Report);
    /// One of the guest's callbacks asks for a stop: it is the whole server's.
    fn stop(&self);
}

impl Host for Mail {
    fn arrived(&self, key: u64, remote: Remote) {
        self.send(Letter::GuestArrived(key, remote));
    }
    fn left(&self, key: u64, report: Report) {
        self.send(Letter::GuestLeft(key, report));
    }
    fn stop(&self) {
        self.ask_to_drain(None);
    }
}

/// A thread's side of being a guest.
pub(crate) struct Guest {
    key: u64,
    host: Arc<dyn Host>,
}

impl Guest {
    /// A guest under this key, of which its host knows.
    pub(crate) fn new(key: u64, host: Arc<dyn Host>) -> Guest {
        Guest { key, host }
    }

    /// The thread's engine exists.
    pub(crate) fn arrived<D: Driver>(&self, engine: &Engine<D>) {
        engine.host.replace(Some(self.host.clone()));
        self.host.arrived(self.key, engine.remote());
    }

    /// How the thread's connections ended.
    pub(crate) fn left(&self, report: Report) {
        self.host.left(self.key, report);
    }
}

impl<D: Driver> Engine<D> {
    /// A new guest. It must say that it left, whatever happens.
    pub(crate) fn invite(&self) -> Guest {
        let key = self.next_guest.get();
        self.next_guest.set(key + 1);
        self.guests.borrow_mut().insert(key, None);
        Guest::new(key, self.mail.clone())
    }

    /// How many there are.
    pub(crate) fn guests(&self) -> usize {
        self.guests.borrow().len()
    }

    pub(super) fn guest_arrived(&self, key: u64, remote: Remote) {
        if let Some(until) = self.drain_until() {
            // It came in with the stop: it hears of it at once. Gone already is as good.
            let _ = remote.drain(until - self.context.now());
        }
        if let Some(guest) = self.guests.borrow_mut().get_mut(&key) {
            *guest = Some(remote);
        }
    }

    pub(super) fn guest_left(self: &Rc<Self>, key: u64, left: Report) {
        self.guests.borrow_mut().remove(&key);
        self.descriptor_came_back();
        self.add_to_report(left);
    }

    pub(super) fn drain_guests(&self, grace: Duration) {
        for remote in self.guests.borrow().values().flatten() {
            let _ = remote.drain(grace); // one that is gone needs no telling
        }
    }

    /// At the end of the grace: threads that do not answer are left to themselves.
    pub(super) fn abandon_guests(&self) -> usize {
        let guests = std::mem::take(&mut *self.guests.borrow_mut());
        let count = guests.len();
        drop(guests);
        count
    }
}
