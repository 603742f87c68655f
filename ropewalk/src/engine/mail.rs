//! What reaches an engine from elsewhere: handles' requests, calls from other threads.
//! Owns: the queue between threads, its bounds, and the way home on the engine's own
//! thread, which takes no lock. Never: touches a connection.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::bells::Bell;
use super::drain::Report;
use super::driver::Wake;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::limits;
use crate::protocol::{Flow, HandleError, Mailbox, Net, Post, Request};

/// One thing that another thread asks of an engine.
pub(crate) enum Letter {
    Request(Arc<Mailbox>, Request),
    Call(Box<dyn FnOnce(&dyn Net) + Send>),
    GuestArrived(u64, Remote),
    GuestLeft(u64, Report),
    Resolved(u64, std::io::Result<Vec<std::net::SocketAddr>>),
    /// A job is over, or what it said when it panicked.
    JobDone(u64, std::result::Result<(), String>),
    HoldReleased,
    Bell(Bell),
}

/// An engine's letter box.
pub(crate) struct Mail {
    engine: u32,
    letters: Mutex<VecDeque<Letter>>,
    /// Whether there may be letters: asked every turn, so without the lock.
    any: AtomicBool,
    /// A stop that was asked for, however often: `Some(None)` with the default grace.
    drain: Mutex<Option<Option<Duration>>>,
    closed: AtomicBool,
    calls: AtomicUsize,
    waker: Arc<dyn Wake>,
}

impl Mail {
    pub(crate) fn new(engine: u32, waker: Arc<dyn Wake>) -> Arc<Mail> {
        Arc::new(Mail {
            engine,
            letters: Mutex::default(),
            any: AtomicBool::new(false),
            drain: Mutex::default(),
            closed: AtomicBool::new(false),
            calls: AtomicUsize::new(0),
            waker,
        })
    }

    pub(crate) fn send(&self, letter: Letter) {
        self.lock().push_back(letter);
        self.ring();
    }

    /// Asks for a stop: one place for all who do. The shortest grace given counts.
    pub(crate) fn ask_to_drain(&self, grace: Option<Duration>) {
        let mut drain = self.drain.lock().unwrap_or_else(PoisonError::into_inner);
        *drain = Some(match (drain.take().flatten(), grace) {
            (Some(before), Some(grace)) => Some(before.min(grace)),
            (before, grace) => before.or(grace),
        });
        drop(drain);
        self.ring();
    }

    /// The stop that was asked for, once.
    pub(crate) fn take_drain(&self) -> Option<Option<Duration>> {
        self.drain.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// A future was woken, on whatever thread: its engine is to look.
    pub(crate) fn future_woken(&self) {
        match self.here() {
            Some(here) => here.future_woken(),
            None => self.ring(),
        }
    }

    fn ring(&self) {
        // One wake for all that come before the engine looks. The swap is after the push,
        // so an engine that saw `false` finds the next waker's byte, and one that sees
        // `true` finds the letter.
        if !self.any.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// Whether there is anything to `take`.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// The next letters, at most `most`.
    pub(crate) fn take(&self, most: usize) -> VecDeque<Letter> {
        // Cleared before the queue is read: a letter that comes in between sets it again.
        self.any.store(false, Ordering::Release);
        let mut letters = self.lock();
        if letters.len() <= most {
            return std::mem::take(&mut letters);
        }
        self.any.store(true, Ordering::Release);
        letters.drain(..most).collect()
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Letter>> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn here(&self) -> Option<Rc<dyn Here>> {
        // A thread that ends may still wake a future: then it has no engine any more.
        let here = HERE.try_with(|here| here.borrow().clone()).ok().flatten();
        here.filter(|here| here.number() == self.engine)
    }

    pub(crate) fn call_taken(&self) {
        self.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Post for Mail {
    fn write_here(
        &self,
        mailbox: &Arc<Mailbox>,
        data: &[u8],
    ) -> Option<std::result::Result<Flow, HandleError>> {
        self.here().map(|here| here.write(mailbox, data))
    }

    fn buffered_here(&self, mailbox: &Arc<Mailbox>) -> Option<usize> {
        self.here()?.buffered(mailbox)
    }

    fn post(
        &self,
        mailbox: &Arc<Mailbox>,
        request: Request,
    ) -> std::result::Result<(), HandleError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(HandleError::Gone);
        }
        if let Some(here) = self.here() {
            return here.request(mailbox, request);
        }
        mailbox.reserve(bytes_of(&request))?;
        self.send(Letter::Request(mailbox.clone(), request));
        Ok(())
    }
}

/// What a request counts for against its connection's bound.
pub(crate) fn bytes_of(request: &Request) -> usize {
    match request {
        Request::Write(data) | Request::Send(data, _) => data.len(),
        _ => 0,
    }
}

/// An engine, as its own thread's handles see it.
pub(crate) trait Here {
    fn number(&self) -> u32;
    /// See [`Mail::future_woken`].
    fn future_woken(&self);
    fn buffered(&self, mailbox: &Arc<Mailbox>) -> Option<usize>;
    fn write(&self, mailbox: &Arc<Mailbox>, data: &[u8]) -> std::result::Result<Flow, HandleError>;
    fn request(
        &self,
        mailbox: &Arc<Mailbox>,
        request: Request,
    ) -> std::result::Result<(), HandleError>;
}

thread_local! {
    /// The engine that runs on this thread: how a handle on the loop's own thread does
    /// without a lock. Set while it runs, and only then.
    static HERE: RefCell<Option<Rc<dyn Here>>> = const { RefCell::new(None) };
}

/// Marks an engine as the one that runs on this thread, until dropped.
pub(crate) struct Home(Option<Rc<dyn Here>>);

impl Home {
    pub(crate) fn enter(here: Rc<dyn Here>) -> Home {
        Home(HERE.replace(Some(here)))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        HERE.set(self.0.take());
    }
}

/// The next engine's number: never used twice in a process.
pub(crate) fn next_engine() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Reaches a reactor from any thread. Cheap to clone.
///
/// ```
/// # fn main() -> ropewalk::Result<()> {
/// let reactor = ropewalk::Reactor::new()?;
/// let remote = reactor.remote();
/// std::thread::spawn(move || remote.call(|net| net.stop()));
/// reactor.run()
/// # }
/// ```
#[derive(Clone)]
pub struct Remote(Arc<Mail>);

impl Remote {
    pub(crate) fn new(mail: Arc<Mail>) -> Remote {
        Remote(mail)
    }

    /// Runs `f` on the loop, in the order of the calls. Does not wait for it.
    ///
    /// # Errors
    /// `Stopped` if the reactor is gone, `Full` if [`limits::REMOTE_ITEMS`] calls wait.
    #[doc(alias = "callFromThread")]
    #[doc(alias = "call_soon_threadsafe")]
    pub fn call(&self, f: impl FnOnce(&dyn Net) + Send + 'static) -> Result<()> {
        self.check()?;
        if self.0.calls.fetch_add(1, Ordering::Relaxed) >= limits::REMOTE_ITEMS {
            self.0.call_taken();
            let cause = format!("{} calls wait already", limits::REMOTE_ITEMS);
            return Err(Error::new(Operation::Ask, ErrorKind::Full, cause)
                .with_remedy("wait until it has caught up, then call again"));
        }
        self.0.send(Letter::Call(Box::new(f)));
        Ok(())
    }

    /// Stops the reactor in order, with its default grace.
    ///
    /// # Errors
    /// `Stopped` if the reactor is gone.
    pub fn stop(&self) -> Result<()> {
        self.check()?;
        self.0.ask_to_drain(None);
        Ok(())
    }

    /// Stops the reactor in order; at the end of the grace the rest is cut.
    ///
    /// # Errors
    /// `Stopped` if the reactor is gone.
    pub fn drain(&self, grace: Duration) -> Result<()> {
        self.check()?;
        self.0.ask_to_drain(Some(grace));
        Ok(())
    }

    fn check(&self) -> Result<()> {
        if self.0.closed.load(Ordering::Acquire) {
            return Err(Error::new(Operation::Ask, ErrorKind::Stopped, "it is gone"));
        }
        Ok(())
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote(engine {})", self.0.engine)
    }
}
