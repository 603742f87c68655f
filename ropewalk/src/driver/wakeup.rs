//! Waking a thread that blocks in `poll(2)`, as the engine asks for it, and what it obeys then.
//! Owns: that a ring is what the engine calls a wake. Never: makes the pair; that is `socket`'s.

use std::sync::Arc;

use crate::engine::Wake;
pub(crate) use crate::socket::sys::{Alarm, Ring, alarm};

impl Wake for Ring {
    fn wake(&self) {
        self.ring();
    }
}

/// Whom a sleeper obeys beside his own mail. Once: what is ready stays so.
pub(crate) struct Orders {
    /// Is ready when there is something to obey.
    pub(crate) line: Arc<Alarm>,
    /// How that is done.
    pub(crate) obey: Box<dyn Fn() + Send>,
}

/// In a child: the pair is its own from now on. Its parent's goes on without it, and neither
/// hears the other's.
// Windows has no fork.
#[cfg(unix)]
pub(crate) fn renew(alarm: &Alarm, ring: &Ring) -> std::io::Result<()> {
    use std::os::fd::AsFd;
    let (fresh, its_ring) = crate::socket::sys::alarm()?;
    super::children::replace(alarm.as_fd(), fresh.as_fd())?;
    super::children::replace(ring.as_fd(), its_ring.as_fd())
}
