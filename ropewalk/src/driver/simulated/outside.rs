//! The outside of the network in memory: ends that no connection owns, for a test's own
//! hands.
//! Owns: what such a hand may do. Never: goes on by itself; the turns do.

use std::io;

use super::{Owner, Simulated, What};
use crate::addr::Addr;
use crate::clock::Clock;

impl Simulated {
    /// Opens a link to a listener, from outside.
    ///
    /// # Errors
    /// Refused: nobody listens there.
    pub(crate) fn dial(&self, number: u64) -> io::Result<usize> {
        let mut state = self.0.state.borrow_mut();
        let Some(listener) = state.places.listener(&Addr::Memory(number)) else {
            return Err(io::ErrorKind::ConnectionRefused.into());
        };
        let end = state.link();
        state.ends[end].owner = Owner::Outside;
        state.ends[end ^ 1].owner = Owner::Listener;
        state.schedule(self.0.clock.now(), What::Accept(listener, end ^ 1));
        Ok(end)
    }

    /// Sends from outside, without bound.
    pub(crate) fn send_outside(&self, end: usize, data: &[u8]) {
        let now = self.0.clock.now();
        self.0.state.borrow_mut().ship(end ^ 1, data.to_vec(), now);
    }

    /// Takes what has arrived outside, at most `most` bytes.
    pub(crate) fn take_outside(&self, end: usize, most: usize) -> Vec<u8> {
        let now = self.0.clock.now();
        let mut state = self.0.state.borrow_mut();
        let count = most.min(state.ends[end].inbox.len());
        let taken = state.ends[end].inbox.drain(..count).collect();
        state.make_room(end, now);
        taken
    }

    /// Whether the other side ended in order, or by a reset.
    pub(crate) fn ended_outside(&self, end: usize) -> (bool, bool) {
        let state = self.0.state.borrow();
        (state.ends[end].fin, state.ends[end].reset)
    }

    pub(crate) fn shutdown_outside(&self, end: usize) {
        let now = self.0.clock.now();
        self.0.state.borrow_mut().fin(end, now);
    }

    pub(crate) fn close_outside(&self, end: usize, reset: bool) {
        let now = self.0.clock.now();
        let mut state = self.0.state.borrow_mut();
        if state.ends[end].owner == Owner::Outside {
            state.close(end, reset, now);
        }
    }
}
