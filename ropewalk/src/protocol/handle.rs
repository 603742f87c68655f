//! Reaching a connection from anywhere: other connections, timers, threads.
//! Owns: the identity of a connection, the handle, the bound on what it may have waiting.
//! Never: finds the connection itself; an engine's [`Post`] does.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{Event, Flow, Reason, Transport};
use crate::addr::Addr;
use crate::limits;

/// Which connection. Never reused: a later connection in the same slot has another
/// generation, one of another engine another engine.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId {
    /// The engine (a reactor, a connection's thread, a simulation), counted in the process.
    pub engine: u32,
    /// The place in the engine's table.
    pub slot: u32,
    /// How many connections the engine had before this one.
    pub generation: u32,
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}.{}", self.engine, self.generation)
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Why a handle did not take a request. Nothing of it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandleError {
    /// The connection is over, or its engine is.
    Gone,
    /// This connection has [`limits::MAIL_ITEMS`] requests or [`limits::MAIL_BYTES`]
    /// waiting already. Ask again when it has answered something.
    Full,
}

impl fmt::Display for HandleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HandleError::Gone => "the connection is gone",
            HandleError::Full => "too many requests are waiting for the connection",
        })
    }
}

impl std::error::Error for HandleError {}

/// What a handle asks for.
#[non_exhaustive]
pub enum Request {
    /// See [`Handle::write`].
    Write(Vec<u8>),
    /// See [`DatagramHandle::send_to`](super::DatagramHandle::send_to).
    Send(Vec<u8>, Option<Addr>),
    /// See [`Handle::close`].
    Close,
    /// See [`Handle::fail`].
    Fail(Reason),
    /// See [`Handle::shutdown_write`].
    ShutdownWrite,
    /// See [`Handle::pause_reading`].
    PauseReading,
    /// See [`Handle::resume_reading`].
    ResumeReading,
    /// See [`Handle::event`].
    Event(Event),
    /// See [`Handle::call`].
    Call(Box<dyn FnOnce(&mut dyn Transport) + Send>),
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Request::Write(_) => "Write",
            Request::Send(..) => "Send",
            Request::Close => "Close",
            Request::Fail(_) => "Fail",
            Request::ShutdownWrite => "ShutdownWrite",
            Request::PauseReading => "PauseReading",
            Request::ResumeReading => "ResumeReading",
            Request::Event(_) => "Event",
            Request::Call(_) => "Call",
        })
    }
}

/// How an engine takes requests; what a [`Handle`] holds of it.
pub trait Post: Send + Sync {
    /// Writes at once if this is the engine's own thread and the engine runs; `None`
    /// says that it must be posted.
    fn write_here(&self, mailbox: &Arc<Mailbox>, data: &[u8]) -> Option<Result<Flow, HandleError>>;
    /// Bytes written and not the kernel's yet; `None` unless this is the engine's own thread and
    /// the engine runs.
    fn buffered_here(&self, mailbox: &Arc<Mailbox>) -> Option<usize> {
        let _ = mailbox;
        None
    }
    /// Takes a request: at once on the engine's own thread where that cannot nest
    /// callbacks, else by mail, waking the engine.
    fn post(&self, mailbox: &Arc<Mailbox>, request: Request) -> Result<(), HandleError>;
}

/// What a connection's handles share: its identity, whether it lives, what waits.
pub struct Mailbox {
    id: ConnectionId,
    gone: AtomicBool,
    items: AtomicUsize,
    bytes: AtomicUsize,
    post: Arc<dyn Post>,
}

impl Mailbox {
    pub(crate) fn new(id: ConnectionId, post: Arc<dyn Post>) -> Arc<Mailbox> {
        Arc::new(Mailbox {
            id,
            gone: AtomicBool::new(false),
            items: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            post,
        })
    }

    pub(crate) fn id(&self) -> ConnectionId {
        self.id
    }

    pub(crate) fn mark_gone(&self) {
        // Release: who sees it gone also sees what its end did.
        self.gone.store(true, Ordering::Release);
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Gives the engine a request, if there is still somebody to do it.
    pub(crate) fn post(self: &Arc<Mailbox>, request: Request) -> Result<(), HandleError> {
        if self.is_gone() {
            return Err(HandleError::Gone);
        }
        self.post.post(self, request)
    }

    /// Room for one more item of so many bytes, taken if there is.
    pub(crate) fn reserve(&self, bytes: usize) -> Result<(), HandleError> {
        if self.is_gone() {
            return Err(HandleError::Gone);
        }
        // Relaxed: the counts bound memory, they order nothing; the mail's lock does.
        let full = self.items.load(Ordering::Relaxed) >= limits::MAIL_ITEMS
            || self.bytes.load(Ordering::Relaxed) >= limits::MAIL_BYTES;
        if full {
            return Err(HandleError::Full);
        }
        self.items.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn release(&self, bytes: usize) {
        self.items.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("id", &self.id).field("gone", &self.gone).finish()
    }
}

/// Reaches one connection, from anywhere: cheap to clone, `Send + Sync`.
///
/// Everything enters at the top of the connection, so what a handle writes passes
/// through every layer. On the loop's own thread `write`, `close` and the like act at
/// once and take no lock; `event` and `call` wait for the end of the current callback's
/// turn, since callbacks never nest. From another thread all of them go by mail, which
/// is bounded. No method blocks.
///
/// To a connection that is gone, every method answers [`HandleError::Gone`]; a handle
/// can never reach a later connection.
///
/// ```
/// use ropewalk::{Handle, Protocol, Transport};
/// struct Member { others: Vec<Handle> }
/// impl Protocol for Member {
///     fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) {
///         self.others.retain(|other| other.write(data).is_ok());
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Handle(Arc<Mailbox>);

impl Handle {
    pub(crate) fn new(mailbox: Arc<Mailbox>) -> Handle {
        Handle(mailbox)
    }

    /// Which connection it reaches.
    pub fn id(&self) -> ConnectionId {
        self.0.id
    }

    /// Whether the connection is over. It may end at any moment.
    pub fn is_gone(&self) -> bool {
        self.0.is_gone()
    }

    /// Sends bytes, as [`Transport::write`] does. From another thread the answer is
    /// `More` when the bytes were taken as mail; `HandleError::Full` means that none were.
    pub fn write(&self, data: &[u8]) -> Result<Flow, HandleError> {
        if self.is_gone() {
            return Err(HandleError::Gone);
        }
        if let Some(answer) = self.0.post.write_here(&self.0, data) {
            return answer;
        }
        self.post(Request::Write(data.to_vec())).map(|()| Flow::More)
    }

    /// As [`Transport::buffered`]. `None` from another thread, where the answer would be old at
    /// once, and of a connection that is gone.
    pub fn buffered(&self) -> Option<usize> {
        self.0.post.buffered_here(&self.0)
    }

    /// As [`Transport::close`].
    pub fn close(&self) -> Result<(), HandleError> {
        self.post(Request::Close)
    }

    /// As [`Transport::abort`].
    pub fn abort(&self) -> Result<(), HandleError> {
        self.fail(Reason::new(super::Kind::Aborted))
    }

    /// As [`Transport::fail`].
    pub fn fail(&self, why: Reason) -> Result<(), HandleError> {
        self.post(Request::Fail(why))
    }

    /// As [`Transport::shutdown_write`].
    pub fn shutdown_write(&self) -> Result<(), HandleError> {
        self.post(Request::ShutdownWrite)
    }

    /// As [`Transport::pause_reading`].
    pub fn pause_reading(&self) -> Result<(), HandleError> {
        self.post(Request::PauseReading)
    }

    /// As [`Transport::resume_reading`].
    pub fn resume_reading(&self) -> Result<(), HandleError> {
        self.post(Request::ResumeReading)
    }

    /// Calls the protocol's [`event`](super::Protocol::event) with this.
    pub fn event<E: std::any::Any + Send>(&self, event: E) -> Result<(), HandleError> {
        self.post(Request::Event(Box::new(event)))
    }

    /// Runs this on the connection's own thread, with its transport.
    pub fn call(
        &self,
        f: impl FnOnce(&mut dyn Transport) + Send + 'static,
    ) -> Result<(), HandleError> {
        self.post(Request::Call(Box::new(f)))
    }

    fn post(&self, request: Request) -> Result<(), HandleError> {
        self.0.post(request)
    }
}

impl PartialEq for Handle {
    fn eq(&self, other: &Handle) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Handle {}
