//! The one machine that calls a protocol: every rule of a connection's life is here.
//!
//! Owns: the stack of layers, the buffers and marks, what waits, the deadlines, and the
//! decision what happens next. Never: touches a socket, a clock or a thread; it is told
//! what happened and answers with a [`Step`].
//!
//! Its methods come in families: *getters*; `on_*`, by which the world speaks
//! (`on_connected`, `on_eof`, `on_writable`, `on_sent`, `on_broken`, `on_error`,
//! `on_unread`, [`due`](Connection::due), and [`carry`] for bytes); *commands*, by which
//! the user speaks (`write`, `close`, …); and [`next`](Connection::next), which is asked
//! after any of them, until it says [`Step::Idle`]. A step is one call of the driver or
//! one callback. No method but `carry` enters a protocol, so callbacks cannot nest.

mod deadlines;
mod held;
mod producing;
mod queue;
mod reading;
mod stack;

use std::any::Any;
use std::fmt;

pub use deadlines::Due;
pub use held::HeldInput;
pub use producing::Demand;
pub use queue::Head;
use stack::Stack;
pub use stack::{Input, carry};
pub(crate) use stack::{Remains, drop_guarded};

use crate::addr::Addr;
use crate::clock::Time;
use crate::limits;
use crate::protocol::wire::*;
use crate::protocol::{Context, Kind, Layers, Mailbox, Out, Reason, Timer, Wire};

/// The protocol's level: above every layer.
pub const TOP: usize = limits::LAYERS;

/// One connection.
pub struct Connection {
    wire: Wire,
    /// `None`: no layers, and nothing waits.
    stack: Option<Box<Stack>>,
}

/// What is to be done next.
#[derive(Debug)]
#[non_exhaustive]
pub enum Step {
    /// Nothing until something happens.
    Idle,
    /// Give the kernel what is unsent.
    Flush,
    /// Have the driver do what [`Connection::head`] says, and tell.
    Move,
    /// Call `pause_writing`.
    PauseWriting,
    /// Call `resume_writing`.
    ResumeWriting,
    /// Call the producer.
    Produce(Demand),
    /// The driver is to read, or not to.
    Reading(bool),
    /// The driver is to end our direction.
    ShutdownWrite,
    /// Find out whether input is left unread, and answer with `on_unread`.
    CheckUnread,
    /// Carry this up: input that had to wait.
    Deliver(usize, HeldInput),
    /// Wake the connection (by `due`) at this instant, in this order.
    Arm(Time, u64),
    /// The connection is over: tell the protocol, and close; with a reset, or in order.
    Lost(Reason, bool),
}

impl Connection {
    /// A connection to this peer, with these layers. If it is still connecting, say so:
    /// nothing is sent or received before `on_connected`.
    pub fn new(peer: &Addr, layers: Layers, connecting: bool) -> Connection {
        let mut wire = Wire::new(peer);
        if connecting {
            wire.set(CONNECTING);
        }
        let mut connection = Connection { wire, stack: None };
        connection.put(layers);
        connection
    }

    /// Its layers, if it has none yet: before the first input.
    pub(crate) fn put(&mut self, layers: Layers) {
        let layers = layers.into_vec();
        if !layers.is_empty() {
            self.stack = Some(Box::new(Stack { layers, ..Stack::default() }));
            self.wire.set(STACKED);
        }
    }

    // Getters.

    /// Open, steady, no layers, nothing waits: input may go straight to the protocol,
    /// and output straight to the kernel.
    #[inline]
    pub fn is_straight(&self) -> bool {
        self.wire.flags == BUILT
    }

    /// Bytes written and not the kernel's yet.
    #[inline]
    pub fn buffered(&self) -> usize {
        self.wire.len() + self.pending_in_layers() + self.pending_in_queue()
    }

    /// Whether a write would be taken.
    pub fn is_open(&self) -> bool {
        let is_shut = self.wire.has(SHUT) && !self.wire.has(PRODUCING);
        !is_shut && !self.wire.has(BROKEN | DEAD)
    }

    /// Whether the protocol was built.
    pub fn is_built(&self) -> bool {
        self.wire.has(BUILT)
    }

    /// Whether the kernel is still connecting.
    pub fn is_connecting(&self) -> bool {
        self.wire.has(CONNECTING)
    }

    /// Whether a word of the kernel is waited for: it connected, or takes bytes again.
    #[inline]
    pub fn waits_to_write(&self) -> bool {
        self.wire.has(CONNECTING | BLOCKED)
    }

    /// Whether it was asked to close.
    pub(crate) fn is_closing(&self) -> bool {
        self.wire.has(CLOSING)
    }

    /// Whether the end is decided.
    pub fn is_over(&self) -> bool {
        self.wire.has(DEAD | DONE)
    }

    /// Whether the driver is to read.
    pub fn is_reading(&self) -> bool {
        !self.wire.has(READ_OFF | EOF_SEEN | CONNECTING | DEAD | DONE)
    }

    /// The peer, as far as it is known.
    pub fn peer(&self) -> Addr {
        self.wire.peer()
    }

    /// Our address, if it is not the socket's.
    pub(crate) fn local(&self) -> Option<Addr> {
        self.wire.local()
    }

    /// Bytes received and sent, if an observer wanted them counted.
    pub fn totals(&self) -> (u64, u64) {
        self.wire.rare.as_ref().map_or((0, 0), |rare| (rare.received, rare.sent))
    }

    pub(crate) fn mailbox(&mut self) -> &mut Option<std::sync::Arc<Mailbox>> {
        &mut self.wire.rare().mailbox
    }

    pub(crate) fn existing_mailbox(&self) -> Option<&std::sync::Arc<Mailbox>> {
        self.wire.rare.as_ref()?.mailbox.as_ref()
    }

    // The world speaks.

    /// From now on bytes are counted.
    pub(crate) fn watch(&mut self) {
        self.wire.set(WATCHED);
    }

    /// The kernel connected. Then carry [`Input::Made`] up from level 0.
    pub fn on_connected(&mut self) {
        self.wire.clear(CONNECTING);
    }

    /// So many bytes came; then [`carry`] them.
    #[inline]
    pub(crate) fn on_received(&mut self, bytes: usize, context: &Context) {
        if self.wire.has(WATCHED) {
            self.wire.rare().received += bytes as u64;
        }
        self.moved(false, context);
    }

    /// The peer's end of input came. Answers whether to carry [`Input::Eof`] up.
    pub fn on_eof(&mut self) -> bool {
        let first = !self.wire.has(EOF_SEEN);
        self.wire.set(EOF_SEEN);
        if cfg!(broken = "eof_drops_output") {
            self.wire.out = None;
        }
        // After a reset the end of input is only how the kernel says "that was all".
        first && !self.wire.has(BROKEN)
    }

    /// The kernel takes bytes again.
    pub fn on_writable(&mut self) {
        self.wire.clear(BLOCKED);
    }

    /// The kernel took all there was, of a connection that is straight.
    #[inline]
    pub(crate) fn on_all_sent(&mut self, context: &Context) {
        if let Some(out) = self.wire.out.take() {
            context.give_out(out);
        }
    }

    /// The kernel took so many bytes; `blocked` if it would not take the rest now.
    pub fn on_sent(&mut self, bytes: usize, blocked: bool, context: &Context) {
        if blocked {
            self.wire.set(BLOCKED);
        } else {
            self.wire.clear(BLOCKED);
        }
        if self.wire.has(WATCHED) {
            self.wire.rare().sent += bytes as u64;
        }
        if bytes > 0 {
            self.moved(true, context);
        }
        if self.wire.out.as_ref().is_some_and(|out| out.is_empty()) {
            if let Some(out) = self.wire.out.take() {
                context.give_out(out);
            }
        }
    }

    /// The peer reset, or takes nothing any more: our direction is dead at once. What
    /// had arrived is still delivered, if need be after a resume.
    pub fn on_broken(&mut self, why: Reason) {
        if self.wire.has(BROKEN | DEAD | DONE) {
            return;
        }
        // The last words are for a peer that may have gone. If it ended its input before, and
        // has all that was written, its reset for them changes nothing.
        let last_words = self.wire.rare.as_ref().map_or(0, |rare| rare.last_words);
        if self.wire.has(CLOSING)
            && self.wire.has(EOF_TOLD)
            && self.left_unsent() <= last_words as u64
        {
            self.wire.out = None;
            return self.wire.set(DONE);
        }
        if self.wire.has(CONNECTING | CLOSING) || cfg!(broken = "reset_drops_input") {
            return self.wire.fail(why);
        }
        // What is inside layers is counted when it is written, or at the end.
        let unsent = self.left_unsent() - self.pending_in_layers() as u64;
        self.wire.out = None;
        self.drop_queue();
        let rare = self.wire.rare();
        rare.unsent += unsent;
        rare.reason.get_or_insert(why);
        // Said off, so that the next step is to read what is left.
        self.wire.set(BROKEN | READ_OFF);
        self.wire.clear(BLOCKED);
    }

    /// Reading failed, after everything that had arrived was given.
    pub fn on_error(&mut self, why: Reason) {
        self.on_broken(why);
        self.wire.set(EOF_SEEN);
    }

    /// The factory would not have this peer: it gets an end in order.
    pub(crate) fn refuse(&mut self) {
        if !self.wire.has(DEAD) {
            self.wire.clear(BUILT);
            self.close_because(Reason::refused("the factory refused the peer"));
        }
    }

    /// The answer to [`Step::CheckUnread`].
    pub fn on_unread(&mut self, unread: bool) {
        let linger = unread && cfg!(not(broken = "close_resets_unread"));
        self.wire.set(if linger { LINGERING } else { DONE });
    }

    // The user speaks.

    /// See [`Transport::close`](crate::Transport::close).
    pub fn close(&mut self) {
        if !self.wire.has(DEAD) {
            self.wire.set(CLOSING | SHUT);
        }
    }

    /// See [`Transport::close_because`](crate::Transport::close_because).
    pub fn close_because(&mut self, why: Reason) {
        if !self.wire.has(DEAD) {
            self.wire.rare().reason.get_or_insert(why);
            self.close();
        }
    }

    /// See [`Transport::fail`](crate::Transport::fail).
    pub fn fail(&mut self, why: Reason) {
        self.wire.fail(why);
    }

    /// See [`Transport::shutdown_write`](crate::Transport::shutdown_write).
    pub fn shutdown_write(&mut self) {
        if !self.wire.has(DEAD) {
            self.wire.set(SHUT);
        }
    }

    pub(crate) fn set_timer(
        &mut self,
        timer: Timer,
        after: std::time::Duration,
        context: &Context,
    ) {
        self.wire.set_timer(TOP, timer, after, context);
    }

    pub(crate) fn cancel_timer(&mut self, timer: Timer) {
        self.wire.cancel_timer(TOP, timer);
    }

    pub(crate) fn visit_layers(&mut self, visit: &mut dyn FnMut(&mut dyn Any) -> bool) {
        let layers = self.stack.iter_mut().flat_map(|stack| stack.layers.iter_mut().rev());
        for layer in layers {
            if visit((**layer).as_any()) {
                return;
            }
        }
    }

    /// On the engine's list. Answers whether it was not yet.
    pub(crate) fn mark_dirty(&mut self) -> bool {
        let first = !self.wire.has(DIRTY);
        self.wire.set(DIRTY);
        first
    }

    /// Off the list.
    pub(crate) fn mark_clean(&mut self) {
        self.wire.clear(DIRTY);
    }

    // What next.

    /// The output buffer, while the driver sends from it; put it back with `put_out`.
    #[inline]
    pub(crate) fn out(&mut self) -> Option<&mut Box<Out>> {
        self.wire.out.as_mut()
    }

    /// The next thing to do. To be asked until it says [`Step::Idle`].
    pub fn next(&mut self, context: &Context) -> Step {
        // Whoever gave something back outside of `data_received` was given nothing.
        self.wire.clear(UNREAD);
        if self.wire.has(LOST) {
            return Step::Idle;
        }
        if self.wire.has(RETIRING) {
            self.retire_layers();
        }
        self.conclude(context);
        if self.wire.has(DEAD | DONE) {
            self.wire.set(LOST);
            let reset = self.wire.has(DEAD) && cfg!(not(broken = "abort_looks_whole"));
            return Step::Lost(self.final_reason(), reset);
        }
        if self.wire.has(CONNECTING) {
            return self.arm();
        }
        let step = self.step_out(context);
        if !matches!(step, Step::Idle) {
            return step;
        }
        self.tend_deadlines(context);
        let step = self.step_marks(context);
        if !matches!(step, Step::Idle) {
            return step;
        }
        let step = self.step_in();
        if !matches!(step, Step::Idle) {
            return step;
        }
        let step = self.arm();
        if !matches!(step, Step::Idle) {
            return step;
        }
        if self.wire.has(RETIRING) && !self.wire.has(STACKED) {
            // The last layer has left, and with it what only it needed.
            self.wire.clear(RETIRING);
            self.wire.trim();
        }
        // Last, since it may have more without end.
        self.step_producer(context)
    }

    /// Draws the conclusions of what has become true since: an end, or its next stage.
    fn conclude(&mut self, context: &Context) {
        if self.wire.has(DEAD | DONE) {
            return;
        }
        self.flush_layers(context);
        let wire = &self.wire;
        let waits = wire.has(HELD | PAUSED);
        if wire.has(BROKEN) && (wire.has(CLOSING) || (wire.has(EOF_SEEN) && !waits)) {
            return self.wire.set(DEAD); // its reason is kept already
        }
        if wire.has(CONNECTING) {
            if wire.has(CLOSING) {
                self.wire.fail(Reason::new(Kind::Aborted));
            }
            return;
        }
        let above = if cfg!(broken = "close_cuts_producer") { QUEUED } else { PRODUCING | QUEUED };
        let ends = wire.has(SHUT) && !wire.has(FINISHED | above);
        if ends && self.finish_layers(context) {
            self.wire.set(FINISHED);
        }
        let wire = &mut self.wire;
        if !wire.has(FINISHED) || !wire.is_empty() {
            return;
        }
        if wire.has(CLOSING) {
            if wire.has(EOF_SEEN) {
                wire.set(DONE);
            } else if wire.has(HELD | LINGERS) {
                wire.set(LINGERING | CHECKED);
            }
            let discarded = wire.rare.as_ref().map_or(0, |rare| rare.discarded);
            if wire.has(LINGERING) && discarded >= limits::LINGER_BYTES {
                wire.set(DONE);
            }
        } else if wire.has(FIN_SENT) && wire.has(EOF_TOLD) && cfg!(not(broken = "half_close_hangs"))
        {
            wire.set(DONE);
        }
    }

    fn step_out(&mut self, context: &Context) -> Step {
        if !self.wire.has(BLOCKED) && !self.wire.unsent().is_empty() {
            return Step::Flush;
        }
        if self.wire.has(QUEUED) && self.queue_can_move(context) {
            return Step::Move;
        }
        let wire = &mut self.wire;
        if !wire.has(FINISHED) || !wire.is_empty() {
            return Step::Idle;
        }
        if wire.has(CLOSING) && !wire.has(CHECKED) {
            wire.set(CHECKED);
            return Step::CheckUnread;
        }
        if !wire.has(FIN_SENT) && (wire.has(LINGERING) || !wire.has(CLOSING)) {
            wire.set(FIN_SENT);
            return Step::ShutdownWrite;
        }
        Step::Idle
    }

    fn step_in(&mut self) -> Step {
        let handshakes = self.wire.in_handshake(0);
        if self.wire.has(HELD) && (handshakes || !self.wire.has(CLOSING)) {
            if let Some(stack) = &mut self.stack {
                let wire = &self.wire;
                let layers = stack.layers.len();
                let item = stack.held.pop(|level| {
                    // What came before the protocol was built waits for it.
                    !wire.is_paused_for(level) && (level < layers || wire.has(BUILT))
                });
                if stack.held.is_empty() {
                    self.wire.clear(HELD);
                }
                if let Some((level, item)) = item {
                    return Step::Deliver(level, HeldInput(item));
                }
            }
        }
        let reading = self.wants_input();
        if reading == self.wire.has(READ_OFF) {
            if reading {
                self.wire.clear(READ_OFF);
            } else {
                self.wire.set(READ_OFF);
            }
            return Step::Reading(reading);
        }
        Step::Idle
    }

    fn wants_input(&self) -> bool {
        let held = self.stack.as_ref().map_or(0, |stack| stack.held.bytes());
        if self.wire.has(LINGERING) {
            true
        } else if self.wire.has(EOF_SEEN) || self.wire.has(CLOSING) && !self.wire.in_handshake(0) {
            false
        } else if self.wire.has(BROKEN) {
            held < limits::HELD_BYTES
        } else {
            !self.wire.has(HELD) && !self.wire.is_paused_for(0)
        }
    }

    /// Asks the engine to wake us, if it would otherwise come too late.
    fn arm(&mut self) -> Step {
        if !self.wire.has(ARM) {
            return Step::Idle;
        }
        self.wire.clear(ARM);
        let Some((at, sequence)) = self.next_wake() else { return Step::Idle };
        let rare = self.wire.rare();
        // An earlier entry will do: it is looked at, found early, and armed anew.
        if rare.wakes.last().is_some_and(|first| *first <= (at, sequence)) {
            return Step::Idle;
        }
        rare.wakes.push((at, sequence));
        Step::Arm(at, sequence)
    }

    fn final_reason(&mut self) -> Reason {
        let undelivered = self.stack.as_ref().map_or(0, |stack| stack.held.bytes()) as u64;
        let left = self.left_unsent();
        let in_order = if self.wire.has(EOF_TOLD) { Kind::PeerClosed } else { Kind::Closed };
        let dropped = self.wire.rare.as_ref().map_or(0, |rare| rare.unsent);
        let why = self.wire.rare.as_mut().and_then(|rare| rare.reason.take());
        let why = why.unwrap_or_else(|| Reason::new(in_order));
        why.with_counts(dropped + left, undelivered)
    }

    /// What is left of the layers and their input, to be dropped outside any borrow.
    pub(crate) fn take_remains(&mut self) -> Remains {
        let rare = self.wire.rare.as_mut();
        let kept = rare.map_or_else(Vec::new, |rare| std::mem::take(&mut rare.kept));
        Remains { stack: self.stack.take(), kept }
    }

    /// The end was told: lets the layers know, and the buffers go.
    pub(crate) fn bury(&mut self, why: &Reason, context: &Context) {
        let count = self.stack.as_ref().map_or(0, |stack| stack.layers.len());
        for level in (0..count).rev() {
            self.with_layer(level, context, |layer, _| layer.lost(why));
        }
        if let Some(out) = self.wire.out.take() {
            context.give_out(out);
        }
        self.drop_queue();
        self.wire.set(DEAD | LOST);
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("wire", &self.wire).finish_non_exhaustive()
    }
}
