//! What a protocol takes of the input: whether it reads, and what it gives back.
//! Owns: the protocol's pause, and the rest of what it was just given.
//! Never: decides where input waits; `stack` does.

use super::held::Bytes;
use super::{Connection, TOP};
use crate::observe::PausedBy;
use crate::protocol::wire::{CLOSING, DEAD, DONE, UNREAD};

impl Connection {
    /// See [`Transport::is_receiving`](crate::Transport::is_receiving).
    pub fn is_receiving(&self) -> bool {
        !self.wire.has(CLOSING | DEAD | DONE) && !self.wire.is_paused_for(TOP)
    }

    /// Whether a layer has a handshake under way, for which is read whoever above it paused.
    pub fn is_in_handshake(&self) -> bool {
        self.wire.in_handshake(0)
    }

    /// Who paused reading.
    pub fn paused_by(&self) -> Vec<PausedBy> {
        let pauses = self.wire.rare.as_ref().map_or(0, |rare| rare.pauses);
        let who = |level| if level == TOP { PausedBy::Protocol } else { PausedBy::Layer(level) };
        (0..=TOP).filter(|level| pauses >> level & 1 == 1).map(who).collect()
    }

    /// See [`Transport::pause_reading`](crate::Transport::pause_reading).
    pub fn pause_reading(&mut self) {
        self.wire.pause(TOP);
    }

    /// See [`Transport::resume_reading`](crate::Transport::resume_reading).
    pub fn resume_reading(&mut self) {
        self.wire.resume(TOP);
    }

    /// See [`Transport::unread`](crate::Transport::unread).
    pub fn unread(&mut self, count: usize) {
        if count > 0 && !self.wire.has(CLOSING | DEAD) {
            self.wire.rare().unread = count;
            self.wire.set(UNREAD);
        }
    }

    /// The protocol was lent these bytes, and may have given some back.
    pub(crate) fn keep_unread(&mut self, level: usize, lent: &[u8]) {
        let count = self.take_unread(lent.len());
        if count > 0 {
            let rest = lent[lent.len() - count..].to_vec();
            self.hold(level, |held| held.push_front(level, rest.into()));
        }
    }

    /// The same for bytes that had waited: the last `given` of them were lent.
    pub(crate) fn put_back(&mut self, level: usize, all: Vec<u8>, given: usize) {
        let count = self.take_unread(given);
        if count > 0 {
            let start = all.len() - count;
            self.hold(level, |held| held.push_front(level, Bytes { all, start }));
        }
    }

    fn take_unread(&mut self, given: usize) -> usize {
        let lost = cfg!(broken = "unread_lost");
        if !self.wire.has(UNREAD) || self.wire.has(CLOSING | DEAD) || lost {
            return 0;
        }
        self.wire.clear(UNREAD);
        self.wire.rare().unread.min(given)
    }
}
