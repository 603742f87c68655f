//! Shutting a server down, from anywhere.
//! Owns: the request to stop, the wake-up that goes with it, and the count of requests
//! under way. Never: waits, or stops anything itself; the serving thread does, and the
//! engines of protocols.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::driver::{Alarm, Ring, alarm};
use crate::engine::{Guest, Host, Remote, Report, Wake};
use crate::error::{Error, ErrorKind, Operation, Result};

/// Ends a server's [`serve_forever`](crate::server::Server::serve_forever), from any thread,
/// from a handler, before it began or while it runs.
///
/// A shutdown ends the call that serves now; if none does, the next one. It is never lost,
/// and never ends two. Python has it so too, as far as can be seen, but its `shutdown` waits
/// for the loop: it blocks for ever when called in the serving thread, or where nobody
/// serves. This one never waits, and the serving thread hears of it at once, not at the next
/// poll.
///
/// ```
/// # use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler, TcpServer};
/// # struct Quiet;
/// # impl StreamRequestHandler for Quiet {
/// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
/// # }
/// # fn main() -> ropewalk::Result<()> {
/// let server = TcpServer::new(0, || Quiet)?;
/// let handle = server.shutdown_handle();
/// std::thread::spawn(move || handle.shutdown());
/// server.serve_forever()
/// # }
/// ```
#[derive(Clone)]
#[doc(alias = "shutdown")]
pub struct ShutdownHandle(Arc<State>);

impl ShutdownHandle {
    pub(super) fn new(state: Arc<State>) -> ShutdownHandle {
        ShutdownHandle(state)
    }

    /// Asks for the end. No request is taken any more; a handler that is at work goes on to
    /// its end, in its own thread or, on a serial server, in the serving one. Protocols are
    /// told to stop, and drain.
    ///
    /// Does not wait, and may be called any number of times. On a server of handlers it
    /// takes no lock and allocates nothing.
    ///
    /// ```
    /// use ropewalk::server::ThreadingTcpServer;
    /// use ropewalk::service::Echo;
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = ThreadingTcpServer::protocol(0, || Echo)?;
    /// let handle = server.shutdown_handle();
    /// handle.shutdown(); // kept, until there is something to end
    /// server.serve_forever()
    /// # }
    /// ```
    pub fn shutdown(&self) {
        self.0.ask();
    }

    /// How often an end had been asked for when the last request was about to be taken.
    pub(super) fn asks(&self) -> usize {
        self.0.asks_before_taking.load(Ordering::SeqCst)
    }

    /// A thread's connections, known to this server. Its request was taken when an end had
    /// been asked for so often: one that was asked for since is theirs as well, even if the
    /// call that served has obeyed it already.
    pub(super) fn guest(&self, asks: usize) -> Guest {
        let key = self.0.guests_so_far.fetch_add(1, Ordering::SeqCst) as u64;
        self.0.engines().insert(key, Arrival { asks, remote: None });
        Guest::new(key, self.0.clone())
    }
}

impl fmt::Debug for ShutdownHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShutdownHandle").field("asked", &self.0.is_asked()).finish()
    }
}

/// What a server's threads know of one another.
pub(super) struct State {
    alarm: Alarm,
    ring: Ring,
    asked: AtomicBool,
    /// How often an end was asked for; and the same when a request was about to be taken.
    asks: AtomicUsize,
    asks_before_taking: AtomicUsize,
    serving: AtomicBool,
    /// Requests being worked on.
    working: AtomicUsize,
    /// Whether the serving thread waits for a worker's end: to give back a descriptor, or
    /// as the last.
    heeds_ends: AtomicBool,
    /// The engines that run protocols for this server.
    engines: Mutex<BTreeMap<u64, Arrival>>,
    /// Whether there ever were any: without, a shutdown takes no lock.
    guests_so_far: AtomicUsize,
}

/// An engine that runs a protocol, or is about to.
struct Arrival {
    /// How often an end had been asked for when its request was taken.
    asks: usize,
    remote: Option<Remote>,
}

impl State {
    pub(super) fn new() -> io::Result<State> {
        let (alarm, ring) = alarm()?;
        Ok(State {
            alarm,
            ring,
            asked: AtomicBool::new(false),
            asks: AtomicUsize::new(0),
            asks_before_taking: AtomicUsize::new(0),
            serving: AtomicBool::new(false),
            working: AtomicUsize::new(0),
            heeds_ends: AtomicBool::new(false),
            engines: Mutex::default(),
            guests_so_far: AtomicUsize::new(0),
        })
    }

    fn ask(&self) {
        // Before the engines are looked at: one that arrives after that finds it.
        self.asked.store(true, Ordering::SeqCst);
        self.asks.fetch_add(1, Ordering::SeqCst);
        self.ring.wake();
        if self.guests_so_far.load(Ordering::SeqCst) > 0 {
            for remote in self.engines().values().filter_map(|engine| engine.remote.as_ref()) {
                let _ = remote.stop(); // one that is gone needs no telling
            }
        }
    }

    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// Whether a request may be taken. What is taken after a shutdown would not be served.
    pub(super) fn may_take(&self) -> bool {
        // In this order: an end that is asked for after the look is not among those counted,
        // and so reaches the request that is taken.
        self.asks_before_taking.store(self.asks.load(Ordering::SeqCst), Ordering::SeqCst);
        !self.is_asked()
    }

    /// The call that serves has obeyed.
    pub(super) fn obeyed(&self) {
        self.asked.store(false, Ordering::SeqCst);
    }

    /// What the serving thread waits on, beside its sockets.
    pub(super) fn alarm(&self) -> &Alarm {
        &self.alarm
    }

    /// One thread at a time serves.
    pub(super) fn serve(&self) -> Result<Serving<'_>> {
        if self.serving.swap(true, Ordering::SeqCst) {
            let cause = "it serves already, in another thread or in a handler's caller";
            return Err(Error::new(Operation::Run, ErrorKind::AlreadyRunning, cause));
        }
        Ok(Serving(self))
    }

    /// How many requests are being worked on.
    pub(super) fn working(&self) -> usize {
        self.working.load(Ordering::SeqCst)
    }

    /// One more, until the answer is dropped.
    pub(super) fn work(self: &Arc<Self>) -> Working {
        self.working.fetch_add(1, Ordering::SeqCst);
        Working(self.clone())
    }

    /// From now on (or no longer) the end of a request wakes the serving thread.
    pub(super) fn heed_ends(&self, heed: bool) {
        self.heeds_ends.store(heed, Ordering::SeqCst);
    }

    fn engines(&self) -> MutexGuard<'_, BTreeMap<u64, Arrival>> {
        self.engines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host for State {
    fn arrived(&self, key: u64, remote: Remote) {
        let mut engines = self.engines();
        let Some(engine) = engines.get_mut(&key) else { return };
        engine.remote = Some(remote.clone());
        if engine.asks != self.asks.load(Ordering::SeqCst) {
            let _ = remote.stop(); // an end was asked for while it was on its way
        }
    }

    fn left(&self, key: u64, _: Report) {
        self.engines().remove(&key);
    }

    fn stop(&self) {
        self.ask();
    }
}

/// A thread serves, until this is dropped.
pub(super) struct Serving<'a>(&'a State);

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        self.0.heed_ends(false);
        self.0.serving.store(false, Ordering::SeqCst);
    }
}

/// A request is worked on, until this is dropped.
pub(super) struct Working(Arc<State>);

impl Drop for Working {
    fn drop(&mut self) {
        // Counted before it is asked who waits: whoever waits counts after saying so.
        self.0.working.fetch_sub(1, Ordering::SeqCst);
        if self.0.heeds_ends.load(Ordering::SeqCst) {
            self.0.ring.wake();
        }
    }
}
