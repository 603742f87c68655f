//! Futures on a reactor.
//! Owns: their place among the reactor's methods. Never: more than to pass the call on: the
//! same stands on [`Net`](crate::Net), for callbacks.

use std::future::Future;
use std::time::Duration;

use super::{Loop, Reactor, on_engine};
use crate::addr::{Site, Target};
use crate::error::Result;
use crate::protocol::{Sleep, Task, TimedOut, YieldNow, yield_now};
use crate::stream::{Connecting, Incoming};

impl Reactor {
    /// Runs a future on the loop, beside the protocols. It need not be `Send`, may be woken
    /// from any thread, and must not block. Before `run`, it begins with it; at the end of the
    /// run it is dropped.
    ///
    /// Dropping the [`Task`] cancels the future: wait for it, keep it, or
    /// [`detach`](Task::detach) it.
    ///
    /// ```
    /// use std::time::Duration;
    /// # fn main() -> ropewalk::Result<()> {
    /// let reactor = ropewalk::Reactor::new()?;
    /// let this = reactor.clone();
    /// let tick = async move {
    ///     for second in 1..=3 {
    ///         this.sleep(Duration::from_millis(1)).await;
    ///         println!("{second}");
    ///     }
    ///     this.stop();
    /// };
    /// reactor.spawn(tick).detach();
    /// reactor.run()
    /// # }
    /// ```
    #[doc(alias = "ensureDeferred")]
    #[doc(alias = "inlineCallbacks")]
    #[doc(alias = "create_task")]
    pub fn spawn<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Task<T> {
        self.net().spawn(future)
    }

    /// Does `work`, which may block, on one of the reactor's threads; the task is its result.
    /// See [`run_blocking`](trait.Net.html#method.run_blocking) of `Net`.
    ///
    /// # Errors
    /// Of the task: `Full`, `Panicked`, `Stopped`.
    #[doc(alias = "deferToThread")]
    #[doc(alias = "spawn_blocking")]
    pub fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Task<T> {
        self.net().run_blocking(work)
    }

    /// Waits for at least `after`, counted from this call.
    #[doc(alias = "deferLater")]
    pub fn sleep(&self, after: Duration) -> Sleep {
        self.net().sleep(after)
    }

    /// This future, or an error once `after` has passed, counted from this call. If it comes to
    /// that, the future is dropped. One that is ready at the same instant is ready.
    ///
    /// # Errors
    /// [`TimedOut`], of the future's answer.
    #[doc(alias = "addTimeout")]
    #[doc(alias = "wait_for")]
    pub fn timeout<F: Future>(
        &self,
        after: Duration,
        future: F,
    ) -> impl Future<Output = std::result::Result<F::Output, TimedOut>> + use<F> {
        self.net().timeout(after, future)
    }

    /// Lets everybody else have his turn: see [`yield_now`].
    pub fn yield_now(&self) -> YieldNow {
        yield_now()
    }

    /// Runs the loop until this future is ready; it may borrow. Everything else stays as it is
    /// then (connections, listeners, tasks), and goes on in the next `block_on` or `run`. What
    /// the future asked for last is done before this returns.
    ///
    /// ```
    /// # fn main() -> ropewalk::Result<()> {
    /// let reactor = ropewalk::Reactor::new()?;
    /// assert_eq!(reactor.block_on(async { "here" })?, "here");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Stopped` if the reactor was stopped, and had drained, before the future was ready;
    /// `AlreadyRunning` inside a callback or a future; what the system's wait says.
    ///
    /// # Panics
    /// If the future does. The run is then over, as after a stop without grace.
    #[doc(alias = "react")]
    #[doc(alias = "run_until_complete")]
    pub fn block_on<F: Future>(&self, future: F) -> Result<F::Output> {
        on_engine!(self, engine => engine.block_on(future))
    }

    /// Connects, and gives the connection as a stream of bytes. See
    /// [`connect_stream`](trait.Net.html#method.connect_stream) of `Net`.
    ///
    /// # Errors
    /// Of the future's answer: why the attempt failed, as an `io::Error` of the fitting kind,
    /// with the [`Reason`](crate::Reason) inside.
    #[doc(alias = "open_connection")]
    pub fn connect_stream(&self, to: impl Into<Target>) -> Connecting {
        self.net().connect_stream(to)
    }

    /// Listens, and gives the connections as streams of bytes. See
    /// [`listen_streams`](trait.Net.html#method.listen_streams) of `Net`.
    ///
    /// # Errors
    /// The address cannot be bound; nothing is left bound.
    #[doc(alias = "start_server")]
    pub fn listen_streams(&self, at: impl Into<Site>) -> Result<Incoming> {
        self.net().listen_streams(at)
    }
}
