//! What a connection borrows from its engine: the time, buffers, the limits.
//! Owns: the clock's reading of this turn, the order of timers, spare buffers.
//! Never: knows which connections there are.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::time::SystemTime;

use super::wire::Out;
use crate::clock::{Clock, Time};
use crate::limits::{self, Limits};

/// What a connection borrows from its engine.
pub struct Context {
    clock: Box<dyn Clock>,
    now: Cell<Option<Time>>,
    sequence: Cell<u64>,
    /// The buffer last given back: an echo takes it, sends, and gives it back again.
    warm: Cell<Option<Box<Out>>>,
    #[allow(clippy::vec_box, reason = "a connection holds the box, so a pointer moves")]
    spare: RefCell<Vec<Box<Out>>>,
    scratch: Cell<Vec<u8>>,
    /// The defaults of this engine's connections.
    pub limits: Limits,
}

impl Context {
    /// A context with this clock and these defaults.
    pub fn new(clock: Box<dyn Clock>, limits: Limits) -> Context {
        Context {
            clock,
            now: Cell::new(None),
            sequence: Cell::new(0),
            warm: Cell::new(None),
            spare: RefCell::default(),
            scratch: Cell::default(),
            limits,
        }
    }

    /// The time, read from the clock at most once a turn.
    pub fn now(&self) -> Time {
        self.now.get().unwrap_or_else(|| {
            let now = self.clock.now();
            self.now.set(Some(now));
            now
        })
    }

    /// The time as it is this moment: for setting timers, which are never early, however
    /// long the callback has worked since the turn began.
    pub fn fresh_now(&self) -> Time {
        self.forget_now();
        self.now()
    }

    /// The time on the wall.
    pub fn wall(&self) -> SystemTime {
        self.clock.wall()
    }

    /// A new turn: the next `now` reads the clock again.
    pub fn forget_now(&self) {
        self.now.set(None);
    }

    /// The next number in the order in which timers are set.
    pub fn next_sequence(&self) -> u64 {
        let next = self.sequence.get();
        self.sequence.set(next + 1);
        next
    }

    /// An empty output buffer, a used one if there is.
    #[inline]
    pub(crate) fn take_out(&self) -> Box<Out> {
        match self.warm.take() {
            Some(out) => out,
            None => self.take_spare(),
        }
    }

    #[cold]
    fn take_spare(&self) -> Box<Out> {
        self.spare.borrow_mut().pop().unwrap_or_default()
    }

    /// Gives an output buffer back. It is kept, empty, within the bounds.
    #[inline]
    pub(crate) fn give_out(&self, mut out: Box<Out>) {
        if out.recycle(limits::SPARE_BUFFER_BYTES) {
            if let Some(other) = self.warm.replace(Some(out)) {
                self.give_spare(other);
            }
        }
    }

    #[cold]
    fn give_spare(&self, out: Box<Out>) {
        let mut spare = self.spare.borrow_mut();
        if spare.len() < limits::SPARE_BUFFERS {
            spare.push(out);
        }
    }

    /// An empty buffer for what a layer makes.
    pub(crate) fn take_scratch(&self) -> Vec<u8> {
        self.scratch.take()
    }

    pub(crate) fn give_scratch(&self, mut scratch: Vec<u8>) {
        if scratch.capacity() <= limits::READ_BUFFER_BYTES {
            scratch.clear();
            self.scratch.set(scratch);
        }
    }

    /// How many spare output buffers are kept now.
    pub fn spare_buffers(&self) -> usize {
        self.spare.borrow().len()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("limits", &self.limits).finish_non_exhaustive()
    }
}
