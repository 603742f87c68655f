//! Waking a thread that blocks in `poll(2)`, as the engine asks for it.
//! Owns: that a ring is what the engine calls a wake. Never: makes the pair; that is `socket`'s.

use crate::engine::Wake;
pub(crate) use crate::socket::sys::{Alarm, Ring, alarm};

impl Wake for Ring {
    fn wake(&self) {
        self.ring();
    }
}
