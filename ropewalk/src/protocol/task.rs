//! Futures on the loop: the handle of one that runs there, and what it may wait for.
//! Owns: `Task`, `Sleep`, `timeout`, `yield_now`. Never: polls a spawned future; an engine
//! does, from the bottom of the stack.

use std::cell::RefCell;
use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{Net, Reason, TimerHandle};
use crate::error::{Error, ErrorKind, Operation, Result};

/// A future that tells its [`Task`] how it ended: what an engine runs.
pub type Work = Pin<Box<dyn Future<Output = ()>>>;

/// What an engine gives a [`Task`].
pub trait CancelTask {
    /// The future is dropped, once the current callback has returned. Of one that has ended,
    /// nothing.
    fn cancel(&self);
}

/// A future that runs on the loop. It is a future itself, which gives what that one gave.
///
/// **Dropping it cancels the future.** So a `timeout` around a task ends the task, and one that
/// nobody waits for does not run unseen. [`Task::detach`] lets it run by itself; only one that
/// gives nothing can be detached, since a `Result` that nobody takes would be an error that
/// nobody sees. A cancelled future is dropped once the current callback has returned, so its
/// destructors run inside nobody else's code.
///
/// It resolves to an error if the future panicked (`Panicked`; the loop goes on, and the log
/// says so), or if the reactor stopped first (`Stopped`).
///
/// ```
/// # fn main() -> ropewalk::Result<()> {
/// let reactor = ropewalk::Reactor::new()?;
/// let sum = reactor.spawn(async { 1 + 2 });
/// let fault = reactor.spawn(async { panic!("not today") });
/// let (sum, fault): (_, ropewalk::Result<()>) =
///     reactor.block_on(async { (sum.await, fault.await) })?;
/// assert_eq!(sum?, 3);
/// let sentence = "the future did not finish: it panicked: not today";
/// assert_eq!(fault.unwrap_err().to_string(), sentence);
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping a task cancels it: wait for it, keep it, or `detach` it"]
#[doc(alias = "Deferred")]
pub struct Task<T> {
    outcome: Rc<Outcome<T>>,
    work: Option<Rc<dyn CancelTask>>,
}

/// What a future and its task share.
struct Outcome<T>(RefCell<State<T>>);

enum State<T> {
    Runs(Option<Waker>),
    Ended(Result<T>),
    Taken,
}

impl<T: 'static> Task<T> {
    /// Spawns this future there.
    fn begin(net: &dyn Net, future: impl Future<Output = T> + 'static) -> Task<T> {
        let outcome = Rc::new(Outcome(RefCell::new(State::Runs(None))));
        let ending = Ending(outcome.clone());
        let work = net.spawn_boxed(Box::pin(async move {
            let ending = ending;
            let mut future = pin!(future);
            let caught =
                poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
                    Ok(poll) => poll.map(Ok),
                    Err(payload) => Poll::Ready(Err(payload)),
                });
            match caught.await {
                Ok(value) => ending.0.end(Ok(value)),
                Err(payload) => {
                    let why = Reason::panicked(&*payload);
                    let said = why.source().map(ToString::to_string).unwrap_or_default();
                    ending.0.end(Err(did_not(ErrorKind::Panicked, format!("it panicked: {said}"))));
                    resume_unwind(payload) // the engine tells of it
                }
            }
        }));
        Task { outcome, work: Some(work) }
    }

    /// Ends it: the same as dropping it.
    pub fn cancel(self) {}

    /// Whether it has ended, so that waiting for it does not wait.
    pub fn is_finished(&self) -> bool {
        !matches!(*self.outcome.0.borrow(), State::Runs(_))
    }
}

impl Task<()> {
    /// Lets it run by itself, to its end or the end of the run. If it panics, the log and the
    /// observer hear of it.
    pub fn detach(mut self) {
        self.work = None;
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let mut state = self.outcome.0.borrow_mut();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Ended(result) => Poll::Ready(result),
            State::Runs(_) => {
                *state = State::Runs(Some(cx.waker().clone()));
                Poll::Pending
            }
            State::Taken => Poll::Pending, // polled again after its end
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            work.cancel();
        }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ended = !matches!(*self.outcome.0.borrow(), State::Runs(_));
        f.debug_struct("Task").field("is_finished", &ended).finish()
    }
}

impl<T> Outcome<T> {
    fn end(&self, result: Result<T>) {
        let before = match &mut *self.0.borrow_mut() {
            state @ State::Runs(_) => std::mem::replace(state, State::Ended(result)),
            _ => return,
        };
        if let State::Runs(Some(waiter)) = before {
            waiter.wake();
        }
    }
}

/// The future's side: whatever ends it, its task hears.
struct Ending<T>(Rc<Outcome<T>>);

impl<T> Drop for Ending<T> {
    fn drop(&mut self) {
        self.0.end(Err(did_not(ErrorKind::Stopped, "the reactor stopped first".to_owned())));
    }
}

fn did_not(kind: ErrorKind, cause: String) -> Error {
    Error::new(Operation::Wait, kind, cause)
}

impl dyn Net + '_ {
    /// Runs a future on the loop, beside the callbacks; it need not be `Send`. It is polled
    /// first once the current callback has returned, and then when it was woken, from whatever
    /// thread: in the order of waking, at most [`TURN_TASKS`](crate::limits::TURN_TASKS) in a
    /// turn, between timers and I/O. It must not block.
    ///
    /// At the end of the run it is polled once more if it was woken, and then dropped.
    ///
    /// A future that needs the net takes [`Net::owned`] with it.
    #[doc(alias = "ensureDeferred")]
    #[doc(alias = "inlineCallbacks")]
    #[doc(alias = "create_task")]
    pub fn spawn<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Task<T> {
        Task::begin(self, future)
    }

    /// Does `work`, which may block, on one of the reactor's threads; the task is its result.
    /// See [`run_in_thread`](#method.run_in_thread) for the bounds, and for what a stop does.
    /// Work cannot be cancelled: when the task is dropped, its result is.
    ///
    /// ```
    /// # fn main() -> ropewalk::Result<()> {
    /// let reactor = ropewalk::Reactor::new()?;
    /// let read = reactor.run_blocking(|| std::fs::read_to_string("Cargo.toml"));
    /// let text = reactor.block_on(read)??.expect("it is there");
    /// assert!(text.contains("[package]"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Of the task: `Full` if too much work waits already, `Panicked` if the work panicked,
    /// `Stopped` if a stop did not wait for it any longer.
    #[doc(alias = "deferToThread")]
    #[doc(alias = "to_thread")]
    #[doc(alias = "spawn_blocking")]
    pub fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Task<T> {
        let outcome = Rc::new(Outcome(RefCell::new(State::Runs(None))));
        let ends = outcome.clone();
        let begun = self.run_in_thread(work, move |_, result| ends.end(result));
        if let Err(error) = begun {
            outcome.end(Err(error));
        }
        Task { outcome, work: None }
    }

    /// Waits for at least `after`, counted from this call. Sleepers go on in the order of their
    /// instants, and of falling asleep among equals, as timers do; and after these.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let network = ropewalk::testing::Network::calm(); // its clock is virtual
    /// let net = network.net();
    /// let nap = net.sleep(Duration::from_secs(3600));
    /// let woke = net.spawn(async move { nap.await });
    /// network.run();
    /// assert!(woke.is_finished());
    /// ```
    #[doc(alias = "deferLater")]
    pub fn sleep(&self, after: Duration) -> Sleep {
        let alarm = Rc::new(RefCell::new(Alarm { rang: false, sleeper: None }));
        let rings = alarm.clone();
        let ring = move |_: &dyn Net| {
            rings.borrow_mut().rang = true;
            let sleeper = rings.borrow_mut().sleeper.take();
            if let Some(sleeper) = sleeper {
                sleeper.wake();
            }
        };
        Sleep { alarm, timer: self.call_later(after, Box::new(ring)) }
    }

    /// This future, or an error once `after` has passed. If it comes to that, the future is
    /// dropped. One that is ready at the same instant is ready.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # fn main() -> ropewalk::Result<()> {
    /// let reactor = ropewalk::Reactor::new()?;
    /// let never = std::future::pending::<()>();
    /// let late = reactor.block_on(reactor.timeout(Duration::from_millis(1), never))?;
    /// assert_eq!(late.unwrap_err().to_string(), "not ready within 1ms");
    /// # Ok(())
    /// # }
    /// ```
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
        in_time(self.sleep(after), after, future)
    }
}

async fn in_time<F: Future>(
    sleep: Sleep,
    after: Duration,
    future: F,
) -> std::result::Result<F::Output, TimedOut> {
    let (mut future, mut sleep) = (pin!(future), pin!(sleep));
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        sleep.as_mut().poll(cx).map(|()| Err(TimedOut(after)))
    })
    .await
}

/// It was not ready in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut(Duration);

impl TimedOut {
    /// How long it had.
    pub fn after(&self) -> Duration {
        self.0
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not ready within {:?}", self.0)
    }
}

impl StdError for TimedOut {}

impl From<TimedOut> for io::Error {
    fn from(late: TimedOut) -> io::Error {
        io::Error::new(io::ErrorKind::TimedOut, late)
    }
}

impl From<TimedOut> for Error {
    fn from(late: TimedOut) -> Error {
        did_not(ErrorKind::TimedOut, late.to_string())
    }
}

/// See [`sleep`](trait.Net.html#method.sleep). Dropped, it takes its timer with it.
#[must_use = "it does nothing unless it is waited for"]
pub struct Sleep {
    alarm: Rc<RefCell<Alarm>>,
    timer: TimerHandle,
}

struct Alarm {
    rang: bool,
    sleeper: Option<Waker>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut alarm = self.alarm.borrow_mut();
        if alarm.rang {
            return Poll::Ready(());
        }
        alarm.sleeper = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.timer.cancel();
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sleep {{ over: {} }}", self.alarm.borrow().rang)
    }
}

/// Lets everybody else have his turn: the other futures that are ready, timers, I/O. What a
/// long computation does between two slices.
///
/// ```
/// use ropewalk::protocol::yield_now;
/// # fn main() -> ropewalk::Result<()> {
/// let reactor = ropewalk::Reactor::new()?;
/// let sum = async {
///     let mut sum = 0u64;
///     for slice in 0..100 {
///         sum += (slice * 1000..(slice + 1) * 1000).sum::<u64>();
///         yield_now().await;
///     }
///     sum
/// };
/// assert_eq!(reactor.block_on(sum)?, 4_999_950_000);
/// # Ok(())
/// # }
/// ```
#[doc(alias = "Cooperator")]
#[doc(alias = "cooperate")]
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// See [`yield_now`].
#[derive(Debug)]
#[must_use = "it does nothing unless it is waited for"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
