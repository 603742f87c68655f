//! Who may write: the protocol between the marks, and a producer that is asked for more.
//! Owns: when each is told to pause and to go on, and where the producer is kept.
//! Never: calls either; the step that says so is the engine's to take.

use std::time::Duration;

use super::{Connection, Step};
use crate::clock::Time;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::limits;
use crate::protocol::wire::{ARM, BROKEN, BUILT, CLOSING, OWED, PRODUCING, QUEUED, WRITE_PAUSED};
use crate::protocol::{Context, Flow, Kind, Producer, Reason, Streaming};

/// What a producer is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// `resume_producing`.
    Resume,
    /// `pause_producing`.
    Pause,
}

/// A registered producer.
pub(crate) struct Producing {
    /// Away while it is called.
    producer: Option<Box<dyn Producer>>,
    streaming: Streaming,
    /// A push producer was told to pause.
    is_paused: bool,
    /// The pause of a pull producer that writes nothing.
    pause: Duration,
    /// Until then it is not asked again.
    again: Option<(Time, u64)>,
}

impl Connection {
    /// See [`Transport::write`](crate::Transport::write).
    #[inline]
    pub fn write(&mut self, data: &[u8], context: &Context) -> Flow {
        // The commonest case: nothing unsent, no layers, and no more than fits.
        let first = self.wire.flags == BUILT && self.wire.out.is_none();
        let own_marks = || self.wire.rare.as_ref().is_some_and(|rare| rare.marks.is_some());
        if first && data.len() <= context.limits.water_high_bytes && !own_marks() {
            self.wire.write_first(data, context);
            return Flow::More;
        }
        self.write_any(data, context)
    }

    fn write_any(&mut self, data: &[u8], context: &Context) -> Flow {
        if !self.is_open() && cfg!(not(broken = "write_after_close")) || self.overruns(context) {
            return Flow::Closed;
        }
        if self.wire.has(QUEUED) && cfg!(not(broken = "file_overtaken")) {
            self.write_behind(data);
        } else {
            self.write_down(data, context);
        }
        if self.is_full(context) { self.full() } else { Flow::More }
    }

    /// Whether a write now begins at or past the hard limit; then it was the last.
    pub(super) fn overruns(&mut self, context: &Context) -> bool {
        let limit = limits::hard_limit(self.wire.marks(context).1);
        let overruns = cfg!(not(broken = "overrun")) && self.buffered() >= limit;
        if overruns {
            self.wire.fail(Reason::new(Kind::Overrun));
        }
        overruns
    }

    /// The answer `Full`, for which a resume is owed.
    pub(super) fn full(&mut self) -> Flow {
        self.wire.set(OWED);
        Flow::Full
    }

    /// See [`Transport::set_water_marks`](crate::Transport::set_water_marks).
    pub fn set_water_marks(&mut self, low: usize, high: usize) {
        self.wire.rare().marks = Some((low.min(high), high));
    }

    /// See [`Transport::register_producer`](crate::Transport::register_producer). One that is
    /// refused stays where it was, for its drop is a user's code.
    pub(crate) fn register_producer(
        &mut self,
        producer: &mut Option<Box<dyn Producer>>,
        streaming: Streaming,
    ) -> Result<()> {
        let refuse =
            |kind, cause: &str| Err(Error::new(Operation::Send, kind, cause).at(self.wire.peer()));
        if self.wire.has(PRODUCING) {
            return refuse(ErrorKind::Full, "it has a producer already");
        }
        if !self.is_open() {
            return refuse(ErrorKind::Closed, "the connection is closed in this direction");
        }
        self.stack.get_or_insert_default().producing = Some(Producing {
            producer: producer.take(),
            streaming,
            is_paused: false,
            pause: limits::PULL_PAUSE,
            again: None,
        });
        self.wire.set(PRODUCING);
        Ok(())
    }

    /// No longer a producer. It is the caller's to drop, outside of any borrow; none if it
    /// is being called.
    pub(crate) fn unregister_producer(&mut self) -> Option<Box<dyn Producer>> {
        self.wire.clear(PRODUCING);
        let producing = self.stack.as_mut()?.producing.take();
        self.drop_empty_stack();
        producing?.producer
    }

    /// Lends the producer for a call, together with what is buffered before it.
    pub(crate) fn lend_producer(&mut self) -> Option<(Box<dyn Producer>, u64)> {
        let buffered = self.left_unsent();
        let producer = self.stack.as_mut()?.producing.as_mut()?.producer.take()?;
        Some((producer, buffered))
    }

    /// Takes it back from its call. One that was unregistered in it comes back to the
    /// caller.
    pub(crate) fn return_producer(
        &mut self,
        producer: Box<dyn Producer>,
        buffered: u64,
        context: &Context,
    ) -> Option<Box<dyn Producer>> {
        let wrote = self.left_unsent() > buffered;
        let producing = self.stack.as_mut().and_then(|stack| stack.producing.as_mut());
        let Some(producing) = producing.filter(|producing| producing.producer.is_none()) else {
            return Some(producer);
        };
        producing.producer = Some(producer);
        if wrote {
            producing.pause = limits::PULL_PAUSE;
        } else if producing.streaming == Streaming::Pull {
            let pause = producing.pause;
            producing.pause = (pause * 2).min(limits::PULL_PAUSE_MAX);
            producing.again = Some((context.fresh_now() + pause, context.next_sequence()));
            self.wire.set(ARM);
        }
        None
    }

    /// When a producer that wrote nothing is asked again.
    pub(super) fn asked_again_at(&self) -> Option<(Time, u64)> {
        self.stack.as_ref()?.producing.as_ref()?.again
    }

    /// That instant came, if it is this one.
    pub(super) fn ask_again(&mut self, instant: (Time, u64)) -> bool {
        let producing = self.stack.as_mut().and_then(|stack| stack.producing.as_mut());
        let due = producing.filter(|producing| producing.again == Some(instant));
        due.map(|producing| producing.again = None).is_some()
    }

    /// Whether so much is unsent that writers wait.
    pub(super) fn is_full(&self, context: &Context) -> bool {
        self.buffered() > self.wire.marks(context).1 || self.queue_is_full()
    }

    /// Whether so little is unsent that they go on.
    fn has_room(&self, context: &Context) -> bool {
        self.buffered() <= self.wire.marks(context).0 && self.queue_is_empty()
    }

    /// `pause_writing` and `resume_writing`. Every `Full` is owed a resume, even if the
    /// kernel took everything before a pause was told.
    pub(super) fn step_marks(&mut self, context: &Context) -> Step {
        if !self.wire.has(BUILT) || self.wire.has(CLOSING | BROKEN) {
            return Step::Idle;
        }
        if self.wire.has(OWED) && !self.wire.has(WRITE_PAUSED) && self.is_full(context) {
            self.wire.set(WRITE_PAUSED);
            return Step::PauseWriting;
        }
        let owed =
            if cfg!(broken = "resume_not_owed") { WRITE_PAUSED } else { OWED | WRITE_PAUSED };
        if self.wire.has(owed) && self.has_room(context) {
            self.wire.clear(OWED | WRITE_PAUSED);
            return Step::ResumeWriting;
        }
        Step::Idle
    }

    /// The same for a producer, which is told after a close, too.
    pub(super) fn step_producer(&mut self, context: &Context) -> Step {
        let is_told = self.wire.has(PRODUCING) && self.wire.has(BUILT) && !self.wire.has(BROKEN);
        let demand = if is_told { self.demand(context) } else { None };
        demand.map_or(Step::Idle, Step::Produce)
    }

    fn demand(&mut self, context: &Context) -> Option<Demand> {
        let (is_full, has_room) = (self.is_full(context), self.has_room(context));
        let producing = self.stack.as_mut()?.producing.as_mut()?;
        match producing.streaming {
            Streaming::Pull => (has_room && producing.again.is_none()).then_some(Demand::Resume),
            Streaming::Push if is_full && !producing.is_paused => {
                producing.is_paused = true;
                Some(Demand::Pause)
            }
            Streaming::Push if has_room && producing.is_paused => {
                producing.is_paused = false;
                Some(Demand::Resume)
            }
            Streaming::Push => None,
        }
    }
}
