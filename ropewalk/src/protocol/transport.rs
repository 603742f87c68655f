//! What a protocol may ask of its connection.
//! Owns: the `Transport` contract and the small words of it (`Flow`, `Timer`, `Event`).
//! Never: implements it; the engine does, and `testing::Recorder` for tests.

use std::any::Any;
use std::time::{Duration, SystemTime};

use super::{Handle, Layer, Net, Reason};
use crate::addr::Addr;
use crate::clock::Time;

/// Whether there is room for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    /// Go on.
    More,
    /// Taken whole, but more than the high mark is unsent now: wait for
    /// `resume_writing`, which is owed for every `Full`.
    Full,
    /// Dropped: the connection is closed, or closing, in this direction.
    Closed,
}

/// The name of a timer: a number that means something to the protocol that set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timer(pub u16);

/// What a [`Handle`] sends to a protocol; `downcast` tells what it is.
pub type Event = Box<dyn Any + Send>;

/// The top of a connection, as its protocol sees it. Nothing here blocks, and nothing
/// here calls back into a protocol.
///
/// Writes made inside one callback leave together, in one system call, when the callback
/// returns.
#[doc(alias = "transport")]
pub trait Transport {
    /// Sends bytes. Taken whole while less than the hard limit (16 × the high mark) is
    /// unsent; begun at or past it, the connection ends with
    /// [`Kind::Overrun`](super::Kind::Overrun).
    fn write(&mut self, data: &[u8]) -> Flow;

    /// Sends what is unsent, then closes. Nothing more is received, later writes are
    /// dropped. If input is left unread, the close lingers within bounds so that a reset
    /// does not destroy the last answer.
    #[doc(alias = "loseConnection")]
    fn close(&mut self);

    /// Closes in the same way, for this reason: what [`Transport::fail`] is for, where the
    /// peer is to get what is unsent first. The first reason given stays.
    fn close_because(&mut self, why: Reason);

    /// Ends now, with a reset; what is unsent is dropped, and counted in the reason.
    #[doc(alias = "abortConnection")]
    fn abort(&mut self) {
        self.fail(Reason::new(super::Kind::Aborted));
    }

    /// Aborts, saying why: what returning an error would be for.
    fn fail(&mut self, why: Reason);

    /// Sends what is unsent, then ends our direction; the peer reads to the end, and we
    /// go on receiving.
    #[doc(alias = "loseWriteConnection")]
    #[doc(alias = "write_eof")]
    fn shutdown_write(&mut self);

    /// No `data_received` and no `eof_received` until `resume_reading`. A reset is
    /// noticed all the same.
    #[doc(alias = "pauseProducing")]
    fn pause_reading(&mut self);

    /// Undoes `pause_reading`. What waited is delivered after the current callback.
    #[doc(alias = "resumeProducing")]
    fn resume_reading(&mut self);

    /// Whether `data_received` may come: reading is neither paused nor over. For a protocol
    /// that finds several messages in what it was given, and asks after each.
    fn is_receiving(&self) -> bool;

    /// Inside `data_received`: its last `count` bytes were not taken. They wait in the
    /// connection, before all that comes later, and are given again after this callback, or
    /// after `resume_reading` if reading is paused, without being copied again. A layer that
    /// was pushed meanwhile gets them first. More than was given is as much as was given;
    /// outside of `data_received`, and after `close`, it does nothing.
    ///
    /// Without a pause it only puts off: whoever takes nothing is asked again for ever.
    fn unread(&mut self, count: usize);

    /// Sets the marks, in bytes. `low` is brought down to `high` if it is larger; the
    /// hard limit becomes 16 × `high`.
    fn set_water_marks(&mut self, low: usize, high: usize);

    /// Ends the connection when no byte went either way for so long; `None` (the
    /// default) never does.
    fn set_idle_timeout(&mut self, after: Option<Duration>);

    /// Bytes written and not yet taken by the kernel, those inside layers included.
    #[doc(alias = "get_write_buffer_size")]
    fn buffered(&self) -> usize;

    /// Whether a write would still be taken.
    fn is_open(&self) -> bool;

    /// The other end. It answers in `connection_lost` too.
    #[doc(alias = "getPeer")]
    #[doc(alias = "getpeername")]
    fn peer_addr(&self) -> Addr;

    /// This end. It answers in `connection_lost` too.
    #[doc(alias = "getHost")]
    #[doc(alias = "getsockname")]
    fn local_addr(&self) -> Addr;

    /// The engine's monotonic time, read at most once a turn.
    fn now(&self) -> Time;

    /// The time on the wall, for people; virtual under test.
    fn wall_time(&self) -> SystemTime;

    /// Fires `timer_fired(timer)` once, after at least `after`. Set again, it is moved.
    /// Timers fire in the order of their deadlines, and of setting among equals.
    #[doc(alias = "callLater")]
    fn set_timer(&mut self, timer: Timer, after: Duration);

    /// A timer that was cancelled does not fire, even if it is due.
    fn cancel_timer(&mut self, timer: Timer);

    /// A handle by which anybody, on any thread, reaches this connection.
    fn handle(&mut self) -> Handle;

    /// Connecting, listening and stopping, from a callback.
    fn net(&self) -> &dyn Net;

    /// Puts a layer directly below the protocol, and starts it. What the protocol writes
    /// from now on passes through it.
    #[doc(alias = "startTLS")]
    fn push_layer(&mut self, layer: Box<dyn Layer>);

    /// Shows each layer, from the top down, until `visit` answers true. Use
    /// [`with_layer`](super::with_layer).
    fn visit_layers(&mut self, visit: &mut dyn FnMut(&mut dyn Any) -> bool);
}
