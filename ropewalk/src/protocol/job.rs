//! Work that blocks, done beside the loop, with its result back on it.
//! Owns: how a result of any type crosses the threads. Never: starts a thread; the driver does.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::Net;
use crate::error::Result;

/// Work for a thread, and what is to be done when it is over.
pub struct Job {
    /// Done on a thread.
    pub(crate) work: Box<dyn FnOnce() + Send>,
    /// Called on the loop, exactly once if the job was taken.
    pub(crate) then: Then,
}

/// Hears on the loop that a job is done, or why it came to nothing.
pub(crate) type Then = Box<dyn FnOnce(&dyn Net, Result<()>)>;

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Job")
    }
}

impl dyn Net + '_ {
    /// Does `work`, which may block, on one of the reactor's threads, and gives `then` its
    /// result on the loop.
    ///
    /// `then` is called exactly once if this answers `Ok`: with an error of the kind
    /// `Panicked` if the work panicked, or `Stopped` if a stop did not wait for it any longer.
    /// A stop waits for it until the end of its grace. Work that has not begun by then never
    /// does; work that has goes on alone, and its result is dropped. The report counts both.
    ///
    /// At most [`limits::BLOCKING_THREADS`](crate::limits::BLOCKING_THREADS) are done at a
    /// time. Names are resolved by other threads. In memory the work is done at once, by the
    /// thread that has the network.
    ///
    /// # Errors
    /// `Full` if [`limits::BLOCKING_WAITING`](crate::limits::BLOCKING_WAITING) wait already;
    /// the system has no thread. Neither of the two is called then.
    ///
    /// ```
    /// # fn main() -> ropewalk::Result<()> {
    /// let reactor = ropewalk::Reactor::new()?;
    /// reactor.run_in_thread(
    ///     || std::fs::read_to_string("Cargo.toml"),
    ///     |net, read| {
    ///         println!("{} bytes", read.unwrap().unwrap_or_default().len());
    ///         net.stop();
    ///     },
    /// )?;
    /// reactor.run()
    /// # }
    /// ```
    #[doc(alias = "deferToThread")]
    #[doc(alias = "callInThread")]
    #[doc(alias = "run_in_executor")]
    pub fn run_in_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
        then: impl FnOnce(&dyn Net, Result<T>) + 'static,
    ) -> Result<()> {
        let result = Arc::new(Mutex::new(None));
        let left = result.clone();
        let work = move || {
            let done = work();
            left.lock().unwrap_or_else(PoisonError::into_inner).replace(done);
        };
        let then = move |net: &dyn Net, done: Result<()>| {
            let mut left = result.lock().unwrap_or_else(PoisonError::into_inner);
            let result = done.map(|()| left.take().expect("work that is done left its result"));
            drop(left);
            then(net, result);
        };
        self.run_job(Job { work: Box::new(work), then: Box::new(then) })
    }
}
