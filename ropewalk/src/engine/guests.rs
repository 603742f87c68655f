//! Connections of this engine's listeners that live in threads of their own.
//! Owns: who they are, so that a stop reaches them and waits for them.
//! Never: touches their connections; each thread's engine does.

use std::rc::Rc;
use std::time::Duration;

use super::Engine;
use super::drain::Report;
use super::driver::Driver;
use super::mail::{Letter, Mail, Remote};

/// A thread's side of being a guest.
pub(crate) struct Guest {
    key: u64,
    host: std::sync::Arc<Mail>,
}

impl Guest {
    /// The thread's engine exists: it can be told to stop, and a stop asked for in it is
    /// the whole server's.
    pub(crate) fn arrived<D: Driver>(&self, engine: &Engine<D>) {
        engine.host.replace(Some(self.host.clone()));
        self.host.send(Letter::GuestArrived(self.key, engine.remote()));
    }

    /// How the thread's connections ended.
    pub(crate) fn left(&self, report: Report) {
        self.host.send(Letter::GuestLeft(self.key, report));
    }
}

impl<D: Driver> Engine<D> {
    /// A new guest. It must say that it left, whatever happens.
    pub(crate) fn invite(&self) -> Guest {
        let key = self.next_guest.get();
        self.next_guest.set(key + 1);
        self.guests.borrow_mut().insert(key, None);
        Guest { key, host: self.mail.clone() }
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
