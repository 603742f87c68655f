//! What a protocol may ask of its connection.
//! Owns: the `Transport` contract and the small words of it (`Flow`, `Timer`, `Event`).
//! Never: implements it; the engine does, and `testing::Recorder` for tests.

use std::any::Any;
use std::time::{Duration, SystemTime};

use super::{Descriptor, Handle, Layer, Net, Producer, Reason, Streaming};
use crate::addr::Addr;
use crate::clock::Time;
use crate::error::Result;
use crate::options::SocketOptions;
use crate::sys::File;

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
    /// dropped. With a producer registered all that waits until it has unregistered; only
    /// receiving ends at once. If input is left unread, the close lingers within bounds so
    /// that a reset does not destroy the last answer.
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

    /// Registers what writes when there is room; see [`Producer`]. A `close` or
    /// `shutdown_write`, asked for before or after, waits until it has unregistered; one
    /// that lets the flush deadline pass without a byte then ends with
    /// [`Deadline::Flush`](super::Deadline::Flush).
    ///
    /// # Errors
    /// `Full` if there is one already; `Closed` if no write would be taken. The producer is
    /// dropped, and not called.
    #[doc(alias = "registerProducer")]
    fn register_producer(
        &mut self,
        producer: Box<dyn Producer>,
        streaming: Streaming,
    ) -> Result<()>;

    /// The producer has written its last, or is no longer wanted: it is dropped, and not
    /// told. Without one it does nothing.
    #[doc(alias = "unregisterProducer")]
    fn unregister_producer(&mut self);

    /// Sends `count` bytes of a file from `offset` on, or up to the end it has now; after
    /// what was written before, and before what is written later. The kernel does it by
    /// itself (`sendfile`) on Linux where the connection has no layers; else it is read in
    /// pieces, which pass through the layers. It takes no more memory than other writes.
    ///
    /// Answers `Full`, so that `resume_writing` says when it has left; or `Closed`, and
    /// nothing is done. Of no bytes there is nothing to wait for. A close waits for it, and
    /// what of it is unsent at the end is in the reason. [`Transport::buffered`] counts
    /// what is in memory only. Where the file stands (its position) does not matter; on
    /// Windows it moves.
    ///
    /// The disk is not waited for asynchronously: a part that is not in the system's cache
    /// holds the loop up while it is read.
    ///
    /// If the file became shorter meanwhile, the connection ends with
    /// [`Kind::Failed`](super::Kind::Failed).
    ///
    /// # Errors
    /// `InvalidInput` if it is no regular file (a pipe could keep the loop waiting) or has
    /// fewer bytes; `Full` if
    /// [`DESCRIPTORS_QUEUED`](crate::limits::DESCRIPTORS_QUEUED) wait. Nothing is sent then.
    ///
    /// ```
    /// use ropewalk::{Protocol, Transport, testing::Recorder};
    /// struct Serve(std::path::PathBuf);
    /// impl Protocol for Serve {
    ///     fn data_received(&mut self, transport: &mut dyn Transport, _: &[u8]) {
    ///         transport.write(b"here it is: ");
    ///         let sent = std::fs::File::open(&self.0).map_err(|error| error.to_string());
    ///         let sent = sent.and_then(|file| {
    ///             transport.send_file(file, 0, None).map_err(|error| error.to_string())
    ///         });
    ///         if let Err(sorry) = sent {
    ///             transport.write(sorry.as_bytes());
    ///         }
    ///         transport.close();
    ///     }
    /// }
    /// # let path = std::env::temp_dir().join(format!("ropewalk-serve-{}", std::process::id()));
    /// # std::fs::write(&path, "hello").unwrap();
    /// let mut recorder = Recorder::new();
    /// Serve(path.clone()).data_received(&mut recorder, b"?");
    /// assert_eq!(recorder.written(), b"here it is: hello");
    /// # std::fs::remove_file(&path).unwrap();
    /// ```
    #[doc(alias = "FileSender")]
    #[doc(alias = "sendfile")]
    fn send_file(&mut self, file: File, offset: u64, count: Option<u64>) -> Result<Flow>;

    /// Sends bytes, and a descriptor with the first of them; in order with other writes.
    /// For a connection over a Unix socket. The peer gets a copy, ours is closed once it
    /// has left. Answers as `write` does, and `Full` too once
    /// [`DESCRIPTORS_QUEUED`](crate::limits::DESCRIPTORS_QUEUED) wait.
    ///
    /// # Errors
    /// `InvalidInput` without a byte to carry it; `Full` beyond that bound; `Unsupported`
    /// over anything but a Unix socket, or with layers, which see bytes only. Nothing is
    /// sent then.
    #[doc(alias = "sendFileDescriptor")]
    #[doc(alias = "SCM_RIGHTS")]
    fn send_descriptor(&mut self, descriptor: Descriptor, data: &[u8]) -> Result<Flow>;

    /// Receives descriptors, as events of the type [`Descriptor`], from now on or no more.
    /// Otherwise they are closed as they come, which is the default. At most
    /// [`DESCRIPTORS_RECEIVED`](crate::limits::DESCRIPTORS_RECEIVED) come with one
    /// piece of input.
    ///
    /// # Errors
    /// `Unsupported` as for [`Transport::send_descriptor`].
    #[doc(alias = "fileDescriptorReceived")]
    fn accept_descriptors(&mut self, on: bool) -> Result<()>;

    /// Sets what these options say, and leaves the rest as it is. Options of TCP have no
    /// effect over a Unix socket or in memory.
    ///
    /// # Errors
    /// `InvalidInput` names what can only be set before there is a connection; `Closed`
    /// after its end; what the system says.
    ///
    /// ```
    /// use ropewalk::options::SocketOptions;
    /// use ropewalk::{Protocol, Transport};
    /// struct Bulk;
    /// impl Protocol for Bulk {
    ///     fn connection_made(&mut self, transport: &mut dyn Transport) {
    ///         let options = SocketOptions { nodelay: Some(false), ..Default::default() };
    ///         if let Err(error) = transport.tune(&options) {
    ///             eprintln!("{error}");
    ///         }
    ///     }
    ///     fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
    /// }
    /// ```
    #[doc(alias = "setTcpNoDelay")]
    #[doc(alias = "setTcpKeepAlive")]
    #[doc(alias = "setsockopt")]
    fn tune(&mut self, options: &SocketOptions) -> Result<()>;

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
