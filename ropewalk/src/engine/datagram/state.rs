//! What is to be said and done of one datagram socket: its queue, its errors, its end.
//! Owns: the bounds of them, and how far the socket is. Never: sends, calls, or asks the
//! time.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use crate::addr::Addr;
use crate::limits;
use crate::protocol::{Kind, Mailbox, Reason, Timer};

/// One datagram socket, without its descriptor and its protocol.
pub(super) struct State {
    /// The protocol has heard of its socket.
    made: bool,
    phase: Phase,
    /// Why it ends now, as soon as no callback of it runs.
    end: Option<Reason>,
    queue: VecDeque<Queued>,
    queue_bytes: usize,
    /// The kernel took something since a flush was last waited for.
    moved: bool,
    errors: VecDeque<(Option<Addr>, io::Error)>,
    dropped: u64,
    timers: Vec<(Timer, u64)>,
    pub(super) flush_timer: Option<u64>,
    pub(super) retry_timer: Option<u64>,
    pub(super) max_datagram: usize,
    pub(super) mailbox: Option<Arc<Mailbox>>,
}

/// A datagram that waits, and where it goes.
pub(super) type Queued = (Vec<u8>, Option<Addr>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// It closes once the queue is empty.
    Closing,
    Over,
}

/// What became of a datagram that was offered to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handed {
    Sent,
    Blocked,
    Refused,
}

impl State {
    pub(super) fn new() -> State {
        State {
            made: false,
            phase: Phase::Open,
            end: None,
            queue: VecDeque::new(),
            queue_bytes: 0,
            moved: false,
            errors: VecDeque::new(),
            dropped: 0,
            timers: Vec::new(),
            flush_timer: None,
            retry_timer: None,
            max_datagram: limits::READ_BUFFER_BYTES,
            mailbox: None,
        }
    }

    pub(super) fn made(&mut self) {
        self.made = true;
    }

    pub(super) fn is_made(&self) -> bool {
        self.made
    }

    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Open && self.end.is_none()
    }

    pub(super) fn is_reading(&self) -> bool {
        self.made && self.is_open()
    }

    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Whatever is queued waits for the kernel.
    pub(super) fn is_blocked(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether something waits that goes there.
    pub(super) fn waits_for(&self, to: Option<&Addr>) -> bool {
        self.queue.iter().any(|(_, other)| other.as_ref() == to)
    }

    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(super) fn drop_one(&mut self) {
        self.dropped += 1;
    }

    // The queue.

    /// Takes a datagram behind those that wait; false if there is no room.
    pub(super) fn enqueue(&mut self, data: &[u8], to: Option<&Addr>) -> bool {
        if self.queue.len() >= limits::DATAGRAM_QUEUE_ITEMS
            || self.queue_bytes + data.len() > limits::DATAGRAM_QUEUE_BYTES
        {
            return false;
        }
        self.queue_bytes += data.len();
        self.queue.push_back((data.to_vec(), to.cloned()));
        true
    }

    /// The first that does not go to one of these.
    pub(super) fn next_queued(&mut self, full: &[Option<Addr>]) -> Option<Queued> {
        let at = self.queue.iter().position(|(_, to)| !full.contains(to))?;
        let next = self.queue.remove(at)?;
        self.queue_bytes -= next.0.len();
        Some(next)
    }

    pub(super) fn put_back(&mut self, data: Vec<u8>, to: Option<Addr>) {
        self.queue_bytes += data.len();
        self.queue.push_front((data, to));
    }

    /// One that was queued is so no more.
    pub(super) fn handed_over(&mut self, handed: Handed) {
        self.moved = true;
        if handed == Handed::Refused {
            self.drop_one();
        }
    }

    /// Which waits are to begin: for the flush of a socket that closes, for the next try.
    pub(super) fn waits(&mut self, must_retry: bool) -> (bool, bool) {
        if self.queue.is_empty() || self.is_over() {
            return (false, false);
        }
        let moved = std::mem::take(&mut self.moved);
        let flush = self.phase == Phase::Closing && (moved || self.flush_timer.is_none());
        (flush, must_retry && self.retry_timer.is_none())
    }

    // Errors.

    /// Keeps an error until it can be told.
    pub(super) fn tell(&mut self, to: Option<Addr>, error: io::Error) {
        if self.errors.len() < limits::DATAGRAM_ERRORS {
            self.errors.push_back((to, error));
        } else {
            tracing::warn!("one of too many errors in one callback is not told: {error}");
        }
    }

    pub(super) fn next_error(&mut self) -> Option<(Option<Addr>, io::Error)> {
        self.errors.pop_front()
    }

    // The end.

    /// Closes once the queue is empty.
    pub(super) fn close(&mut self) {
        if self.phase == Phase::Open {
            self.phase = Phase::Closing;
        }
    }

    /// Closes now. The first cause wins.
    pub(super) fn fail(&mut self, why: Reason) {
        if !self.is_over() {
            self.end.get_or_insert(why);
        }
    }

    /// Why it ends now, if it does. What went wrong before an end in order is told first.
    pub(super) fn take_end(&mut self) -> Option<Reason> {
        if self.is_over() {
            return None;
        }
        // One that is closed before it was made is made first.
        let closes = self.made && self.phase == Phase::Closing;
        let done = closes && self.queue.is_empty() && self.errors.is_empty();
        self.end.take().or_else(|| done.then(|| Reason::new(Kind::Closed)))
    }

    /// It is over: whether its protocol was told of it, the reason with what was not sent,
    /// and the timers that are to be cancelled.
    pub(super) fn bury(&mut self, why: Reason) -> (bool, Reason, Vec<u64>) {
        self.phase = Phase::Over;
        if let Some(mailbox) = self.mailbox.take() {
            mailbox.mark_gone();
        }
        let why = why.with_counts(self.queue_bytes as u64, 0);
        self.dropped += self.queue.len() as u64;
        self.queue.clear();
        self.errors.clear();
        let mut keys: Vec<u64> = self.timers.drain(..).map(|(_, key)| key).collect();
        keys.extend(self.flush_timer.take());
        keys.extend(self.retry_timer.take());
        (self.made, why, keys)
    }

    // Timers.

    /// Keeps a timer's key, and gives back the one that it replaces.
    pub(super) fn set_timer(&mut self, timer: Timer, key: u64) -> Option<u64> {
        let before = self.timer_fired(timer);
        if self.timers.len() >= limits::TIMERS_PER_CONNECTION {
            self.fail(Reason::failed("more timers than one protocol may set"));
        }
        self.timers.push((timer, key));
        before
    }

    /// Forgets a timer that fires, or is cancelled.
    pub(super) fn timer_fired(&mut self, timer: Timer) -> Option<u64> {
        let at = self.timers.iter().position(|(other, _)| *other == timer)?;
        Some(self.timers.swap_remove(at).1)
    }
}
