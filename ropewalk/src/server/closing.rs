//! Closing a server in order: the queue, the listeners, the requests under way; then the cut.
//! Owns: that course, its bounds, and its report. Never: waits longer than the grace and its
//! margin, whatever a handler does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use super::active::Wish;
use super::hooks::{BaseServer, Request, ServerSocket};
use super::mixin::MixIn;
use super::serving::Server;
use crate::addr::Addr;
use crate::clock::Time;
use crate::error::Result;
use crate::limits;

/// How a [`Server::close`] went.
///
/// ```
/// use std::time::Duration;
/// use ropewalk::server::{CloseReport, ThreadingTcpServer};
/// use ropewalk::service::Echo;
/// # fn main() -> ropewalk::Result<()> {
/// let server = ThreadingTcpServer::protocol(0, || Echo)?;
/// let report: CloseReport = server.close(Duration::from_secs(5))?;
/// for client in &report.still_running {
///     eprintln!("the request from {client} does not end");
/// }
/// # assert_eq!(report, CloseReport::default());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseReport {
    /// Requests that came to their own end since the close began, those included that were
    /// still taken from the queue. A request that was refused is none.
    pub finished: usize,
    /// The clients of those that were cut at the end of the grace, and ended.
    pub cut: Vec<Addr>,
    /// The clients of those that were cut, or could not be, and are still there. Their threads
    /// are left to themselves.
    pub still_running: Vec<Addr>,
}

/// The sockets of a server that is being closed. Locked while a request is taken, not while
/// it is worked on.
type Sockets = Mutex<Vec<ServerSocket>>;

impl<R: Request, S: BaseServer<R>, M: MixIn> Server<R, S, M> {
    /// Serves until it is [shut down](super::ShutdownHandle::shutdown), and then closes as
    /// [`close`](Self::close) does: so nobody can connect any more while it waits for
    /// requests under way, for which `serve_forever` would keep its sockets open. The hook
    /// [`drain_grace`](BaseServer::drain_grace) is not asked: `grace` is.
    ///
    /// # Errors
    /// As [`serve_forever`](Self::serve_forever), and then nothing is waited for; as
    /// [`close`](Self::close).
    ///
    /// ```
    /// use std::time::Duration;
    /// use ropewalk::server::ThreadingTcpServer;
    /// use ropewalk::service::Echo;
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = ThreadingTcpServer::protocol(0, || Echo)?;
    /// let handle = server.shutdown_handle();
    /// std::thread::spawn(move || handle.shutdown());
    /// let report = server.serve_and_close(Duration::from_secs(5))?;
    /// assert!(report.still_running.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn serve_and_close(self, grace: Duration) -> Result<CloseReport> {
        let serving = self.worker.state.serve()?;
        self.serve_to_the_shutdown()?;
        self.worker.state.obeyed();
        drop(serving);
        self.close(grace)
    }

    /// Closes the server in order, within a grace. Blocks for so long at most, and then for
    /// [`limits::DRAIN_THREADS_MARGIN`]. It takes the server, so nobody serves any more: of one
    /// in an `Arc`, `Arc::into_inner` gives it once `serve_forever` has returned.
    ///
    /// 1. What waits in the kernel's queue is taken and worked on, until the queue is empty or
    ///    the grace is over ([`limits::CLOSE_REQUESTS`] at most); then the sockets are closed.
    ///    Who connects from now on is refused.
    /// 2. Requests under way have the rest of the grace to come to their end. Protocols are
    ///    told [`stopping`](crate::Protocol::stopping) at the beginning. Handlers are not told:
    ///    [`close_clients`](super::ShutdownHandle::close_clients), called before, ends those
    ///    that wait for an idle client.
    /// 3. At the end of the grace what is left is
    ///    [cut](super::ShutdownHandle::abort_clients), and has the margin to leave.
    ///
    /// A serial server works on its queue as ever, one after another, but in a thread that is
    /// not the caller's: a handler that does not end keeps nobody. A grace of zero takes
    /// nothing from the queue, and cuts.
    ///
    /// Dropping a server closes its sockets, too, by
    /// [`server_close`](BaseServer::server_close), but waits for nobody: requests under way go
    /// on, who waits in the queue is reset, and what failed is told to the log alone.
    ///
    /// # Errors
    /// What the hook [`server_close`](BaseServer::server_close) gave; everything else was done
    /// all the same.
    ///
    /// ```
    /// # use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler, TcpServer};
    /// # use std::time::Duration;
    /// # struct Hello;
    /// # impl StreamRequestHandler for Hello {
    /// #     fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
    /// #         Ok(request.send_all(b"hello")?)
    /// #     }
    /// # }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = TcpServer::new(0, || Hello)?;
    /// let at = server.local_addr().ip().expect("an IP address");
    /// let waiting = std::net::TcpStream::connect(at)?;
    /// let report = server.close(Duration::from_secs(5))?;
    /// assert_eq!(report.finished, 1);
    /// assert_eq!(std::io::read_to_string(waiting)?, "hello");
    /// assert!(std::net::TcpStream::connect(at).is_err());
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "server_close")]
    #[doc(alias = "block_on_close")]
    pub fn close(mut self, grace: Duration) -> Result<CloseReport> {
        let (worker, state) = (self.worker.clone(), self.worker.state.clone());
        let until = state.active().begin_closing(grace);
        if M::CLOSES_HERE {
            return self.close_here(until);
        }
        let sockets = Arc::new(Sockets::new(std::mem::take(&mut self.sockets)));
        if !grace.is_zero() {
            self.finish_the_queue(sockets.clone(), until);
        }
        let closed = worker.server.server_close(std::mem::take(&mut *lock(&sockets)));
        if !state.active().wait_for_all(until) {
            state.active().ask_all(Wish::BeCut);
            state.active().wait_for_all(until + limits::DRAIN_THREADS_MARGIN);
        }
        closed.map(|()| state.active().report())
    }

    /// Where requests run in children: nothing keeps this thread, and it alone may fork.
    fn close_here(mut self, until: Time) -> Result<CloseReport> {
        let (worker, state) = (self.worker.clone(), self.worker.state.clone());
        let takes = M::handles_requests().and_then(|()| M::begin(&worker));
        match takes {
            Ok(()) => self.take_the_queue(until, || self.take_from_any(&self.sockets)),
            Err(error) => tracing::debug!("the queue is reset: {error}"),
        }
        let closed = worker.server.server_close(std::mem::take(&mut self.sockets));
        state.end(); // as at a shutdown: those that heed it come to their end
        M::tend(&self.crew, &worker);
        if !self.is_over_until(until)? {
            M::cut(&self.crew, &worker);
        }
        closed.map(|()| state.active().report())
    }

    /// Has the queue worked on by a thread of its own, and waits for that until time is over.
    fn finish_the_queue(self, sockets: Arc<Sockets>, until: Time) {
        let left = until - self.worker.state.active().now();
        let (tell, told) = mpsc::channel::<()>();
        let name = "ropewalk-close".to_owned();
        let spawned = std::thread::Builder::new().name(name).spawn(move || {
            let _tells = tell; // by being dropped
            self.take_the_queue(until, || self.take_from_any(&lock(&sockets)));
        });
        match spawned {
            Ok(_) => drop(told.recv_timeout(left)), // over, or time is
            Err(error) => tracing::warn!("the queue is not worked on, without a thread: {error}"),
        }
    }

    fn take_the_queue(&self, until: Time, next: impl Fn() -> Result<Option<R>>) {
        let state = &self.worker.state;
        state.heed_ends(true); // with one there may be room, or a descriptor
        let mut taken = 0;
        while taken < limits::CLOSE_REQUESTS {
            let left = until - state.active().now();
            if left.is_zero() {
                break;
            }
            // Looked at once: room that comes after it would look like an empty queue.
            let has_room = self.has_room();
            let waited = match if has_room { next() } else { Ok(None) } {
                Ok(Some(request)) => {
                    taken += 1;
                    self.work_on(request);
                    Ok(Vec::new())
                }
                Ok(None) if has_room => break,
                Ok(None) => self.wait(&[], Some(left)),
                Err(error) => {
                    tracing::warn!("the queue waits: {}", error.cause());
                    self.wait(&[], Some(left.min(limits::ACCEPT_PAUSE_MAX)))
                }
            };
            if let Err(error) = waited {
                tracing::error!("the queue is given up: {error}");
                break;
            }
            self.tend();
        }
        state.heed_ends(false);
        state.say_turned_away();
    }

    /// The next request, if there is one.
    fn take_from_any(&self, sockets: &[ServerSocket]) -> Result<Option<R>> {
        let mut failed = Ok(None);
        for socket in sockets {
            match self.worker.receive(socket) {
                Ok(None) => {}
                Ok(request) => return Ok(request),
                Err(error) => failed = Err(error), // another socket may have one
            }
        }
        failed
    }
}

fn lock(sockets: &Sockets) -> MutexGuard<'_, Vec<ServerSocket>> {
    sockets.lock().unwrap_or_else(PoisonError::into_inner)
}
