//! Shutting a server down, from anywhere.
//! Owns: the request to stop, the wake-up that goes with it, and what a server's threads
//! know of one another. Never: waits, or stops anything itself; the serving thread does, and
//! the engines of protocols.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::above::{Above, Word};
use super::active::{Active, ActiveRequest, Reach, UnderWay, Wish};
use super::seldom::Seldom;
use crate::addr::Addr;
use crate::driver::{Alarm, Orders, Ring, alarm};
use crate::engine::{Host, Remote, Report, Wake};
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
    /// Does not wait, and may be called any number of times.
    ///
    /// On a server of handlers, whatever its mix-in, it is async-signal-safe: it takes no
    /// lock, allocates nothing, and makes one system call, which does not block (it may change
    /// `errno`, which a signal handler keeps, as around any call). Have the handle in a
    /// `OnceLock` that was set before. On a server of [`Protocols`](crate::server::Protocols) it
    /// is not: it takes a lock to tell their engines; there let the signal wake a thread that
    /// calls it. No other method of a handle or a server is async-signal-safe.
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

    /// The requests that the server has, in the order in which they were taken. They come and
    /// go meanwhile: it is how things stood.
    ///
    /// ```
    /// use ropewalk::server::ThreadingTcpServer;
    /// use ropewalk::service::Echo;
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = ThreadingTcpServer::protocol(0, || Echo)?;
    /// let handle = server.shutdown_handle();
    /// assert_eq!(handle.requests().len(), 0);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "connections")]
    pub fn requests(&self) -> Vec<ActiveRequest> {
        self.0.active.list()
    }

    /// Asks the clients' requests to come to their end, and does not wait for it. Answers how
    /// many could be asked.
    ///
    /// A handler that reads meets the end of input once it has read what had arrived, and can
    /// still answer. A protocol is told [`stopping`](crate::Protocol::stopping). A datagram,
    /// and a connection that was detached, is let be. The server itself goes on: clients that
    /// come later are not meant.
    ///
    /// ```
    /// # use std::io::Read;
    /// use ropewalk::server::ThreadingTcpServer;
    /// use ropewalk::service::Echo;
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = ThreadingTcpServer::protocol(0, || Echo)?;
    /// # let at = server.local_addr().ip().unwrap();
    /// # let mut client = std::net::TcpStream::connect(at).unwrap();
    /// server.handle_request()?;
    /// server.shutdown_handle().close_clients();
    /// # assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn close_clients(&self) -> usize {
        self.0.active.ask_all(Wish::End)
    }

    /// Cuts the clients' requests, and does not wait for their threads. Answers how many could
    /// be reached.
    ///
    /// A connection is shut down in both directions, so that its handler meets the end of
    /// input and can write no more; one that still waits for a worker gets none. A protocol is
    /// told [`stopping`](crate::Protocol::stopping), and has no time for it: what is not over
    /// then is reset, with `Stopped`. What [`close_clients`](Self::close_clients) lets be is let
    /// be.
    ///
    /// A handler that waits for something else than its client is not woken. Nor, on Windows,
    /// is one that reads without a timeout.
    ///
    /// ```
    /// # use std::io::Read;
    /// use ropewalk::server::ThreadingTcpServer;
    /// use ropewalk::service::Echo;
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = ThreadingTcpServer::protocol(0, || Echo)?;
    /// # let at = server.local_addr().ip().unwrap();
    /// # let mut client = std::net::TcpStream::connect(at).unwrap();
    /// server.handle_request()?;
    /// server.shutdown_handle().abort_clients();
    /// # assert!(!client.read(&mut [0; 1]).is_ok_and(|count| count > 0));
    /// # Ok(())
    /// # }
    /// ```
    pub fn abort_clients(&self) -> usize {
        self.0.active.ask_all(Wish::BeCut)
    }

    /// How connections of protocols ended that were told to stop, since this was asked last:
    /// as a reactor's report, which counts those that were there and came to an end.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ropewalk::server::ThreadingTcpServer;
    /// use ropewalk::service::Echo;
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = ThreadingTcpServer::protocol(0, || Echo)?;
    /// let handle = server.shutdown_handle();
    /// # handle.shutdown();
    /// server.serve_forever()?;
    /// server.close(Duration::from_secs(5))?;
    /// assert_eq!(handle.take_report().cut, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn take_report(&self) -> Report {
        std::mem::take(&mut *self.0.report())
    }

    /// In a forked child: what its engine is to obey beside the server's own shutdown.
    pub(super) fn orders(&self) -> Option<Orders> {
        let (line, state) = (self.0.above()?.orders.clone(), self.0.clone());
        Some(Orders { line, obey: Box::new(move || state.end()) })
    }

    /// A request that was taken has its place among those under way.
    pub(super) fn enter(&self, client: &Addr, reach: Reach) -> UnderWay {
        UnderWay::new(self.0.clone(), client, reach)
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
    /// The requests that were taken and are not closed.
    active: Active,
    /// Whether the serving thread waits for a request's end: to give back a descriptor, or as
    /// the last.
    heeds_ends: AtomicBool,
    /// Whether there ever was an engine that runs a protocol: without, a shutdown takes no
    /// lock.
    has_guests: AtomicBool,
    turned_away: Mutex<Seldom>,
    /// How connections of protocols ended at a stop.
    report: Mutex<Report>,
    /// In a child: its parent.
    above: OnceLock<Above>,
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
            active: Active::default(),
            heeds_ends: AtomicBool::new(false),
            has_guests: AtomicBool::new(false),
            turned_away: Mutex::default(),
            report: Mutex::default(),
            above: OnceLock::new(),
        })
    }

    /// Shuts down: the whole server, of which a forked child is a part.
    pub(super) fn ask(&self) {
        if let Some(above) = self.above.get() {
            above.tell(&Word::Stop);
        }
        self.end();
    }

    /// Shuts down what of the server is in this process.
    pub(super) fn end(&self) {
        // Before the engines are looked at: one that arrives after that finds it.
        self.asked.store(true, Ordering::SeqCst);
        self.asks.fetch_add(1, Ordering::SeqCst);
        self.ring.wake();
        if self.has_guests.load(Ordering::SeqCst) {
            self.active.stop_engines();
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

    /// In a forked child: its parent.
    pub(super) fn above(&self) -> Option<&Above> {
        self.above.get()
    }

    /// In a forked child, before anything else: from now on this is its own, and speaks with
    /// its parent by that line alone.
    // Only there are processes forked.
    #[cfg(unix)]
    pub(super) fn belongs_to(&self, above: Above) -> io::Result<()> {
        let _ = self.above.set(above); // nobody is forked twice
        crate::driver::renew(&self.alarm, &self.ring)
    }

    /// How connections of a protocol's ended that were told to stop.
    pub(super) fn add_to_report(&self, other: Report) {
        self.report().add(other);
    }

    fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One thread at a time serves.
    pub(super) fn serve(&self) -> Result<Serving<'_>> {
        if self.serving.swap(true, Ordering::SeqCst) {
            let cause = "it serves already, in another thread or in a handler's caller";
            return Err(Error::new(Operation::Run, ErrorKind::AlreadyRunning, cause));
        }
        Ok(Serving(self))
    }

    /// The requests under way.
    pub(super) fn active(&self) -> &Active {
        &self.active
    }

    /// How often an end had been asked for when the last request was about to be taken.
    pub(super) fn asks_before_taking(&self) -> usize {
        self.asks_before_taking.load(Ordering::SeqCst)
    }

    /// An engine is about to arrive.
    pub(super) fn has_guests(&self) {
        self.has_guests.store(true, Ordering::SeqCst);
    }

    /// A request has left: it is counted before it is asked who waits, and whoever waits
    /// counts after saying so.
    pub(super) fn one_has_left(&self) {
        if self.heeds_ends.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    /// Tells of a request that a bound refused.
    pub(super) fn turned_away(&self, client: &Addr, why: &str) {
        if let Some(unsaid) = self.turned_away_lines().say(self.active.now()) {
            tracing::warn!("{client} was turned away, and {unsaid} before it: {why}");
        }
    }

    /// Tells of those that were not told of.
    pub(super) fn say_turned_away(&self) {
        let unsaid = self.turned_away_lines().take_unsaid();
        if unsaid > 0 {
            tracing::warn!("{unsaid} more requests were turned away");
        }
    }

    fn turned_away_lines(&self) -> MutexGuard<'_, Seldom> {
        self.turned_away.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the serving thread look around.
    pub(super) fn wake(&self) {
        self.ring.wake();
    }

    /// From now on (or no longer) the end of a request wakes the serving thread.
    pub(super) fn heed_ends(&self, heed: bool) {
        self.heeds_ends.store(heed, Ordering::SeqCst);
    }
}

impl Host for State {
    fn arrived(&self, key: u64, remote: Remote) {
        // Asked only when the list is locked: an end that is asked for after that finds the
        // engine in it.
        self.active.engine_arrived(key, remote, || self.asks.load(Ordering::SeqCst));
    }

    fn left(&self, key: u64, report: Report) {
        self.active.engine_left(key, report.cut > 0);
        match self.above() {
            Some(above) => above.tell(&Word::Report(report)),
            None => self.add_to_report(report),
        }
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
