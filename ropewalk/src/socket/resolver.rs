//! The system's resolver on a few threads, for whoever must not wait for it without end.
//! Owns: whose threads they are, and what is said when too much waits for them.
//! Never: keeps a deadline: whoever asks waits as long as he likes, and drops a late answer.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use rustix::event::PollFlags;

use super::deadline::Budget;
use super::name::lookup;
use super::pool::{Bounds, Job, Pool, Refused};
use super::sys::{self, Alarm, Ring};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::limits;

/// A pool that asks the system's resolver.
pub(crate) struct Resolver(Pool);

/// For the sockets, which belong to no loop and no server that could have one.
static OF_SOCKETS: LazyLock<Resolver> = LazyLock::new(Resolver::default);

impl Default for Resolver {
    fn default() -> Resolver {
        Resolver(Pool::new(Bounds {
            name: "ropewalk-resolver",
            threads: limits::RESOLVER_THREADS,
            waiting: limits::RESOLVER_WAITING,
            idle: limits::THREAD_IDLE,
        }))
    }
}

impl Resolver {
    /// Runs `job` on one of the pool's threads.
    pub(crate) fn run(&self, job: impl FnOnce() + Send + 'static) -> Result<()> {
        self.ask(Box::new(job))
    }

    fn ask(&self, job: Job) -> Result<()> {
        self.0.submit(job).map_err(|refused| match refused {
            Refused::Full => {
                let many =
                    format!("{} names wait to be resolved already", limits::RESOLVER_WAITING);
                Error::new(Operation::Resolve, ErrorKind::Full, many)
                    .with_remedy("give an IP address, or try again later")
            }
            Refused::NoThread(error) => Error::without_address(Operation::Resolve, error),
        })
    }
}

/// What `ask` answers, within the budget. Without an end to it `ask` is simply called; else
/// one of the sockets' threads calls it, and goes on alone when the budget is spent.
pub(super) fn within<T: Send + 'static>(
    budget: &mut Budget<'_>,
    ask: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    let failed = |error| Error::without_address(Operation::Resolve, error);
    // What may not wait at all waits for this all the same: nothing else could be done.
    if budget.is_zero() || !budget.has_end() {
        return ask().map_err(failed);
    }
    let (alarm, ring) = sys::alarm().map_err(failed)?;
    let answer = Arc::new(Answer { found: Mutex::new(None), alarm, ring });
    let asker = Arc::downgrade(&answer);
    OF_SOCKETS.ask(Box::new(move || {
        // Nobody waits any more for what was abandoned in the queue.
        if asker.strong_count() == 0 {
            return;
        }
        let found = ask();
        if let Some(answer) = asker.upgrade() {
            answer.found.lock().unwrap_or_else(PoisonError::into_inner).replace(found);
            answer.ring.ring();
        }
    }))?;
    loop {
        let found = answer.found.lock().unwrap_or_else(PoisonError::into_inner).take();
        match found {
            Some(found) => return found.map_err(failed),
            None => budget.wait_on(&answer.alarm, PollFlags::IN).map_err(failed)?,
        }
    }
}

/// Where an answer is left, and what says that it is there. All of it is the asker's: nothing
/// is kept for one who has gone.
struct Answer<T> {
    found: Mutex<Option<io::Result<T>>>,
    alarm: Alarm,
    ring: Ring,
}

/// The addresses of a name. Blocks.
pub(crate) fn lookup_addrs(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    lookup(host, port)
}

/// The IP addresses of a name, for listening. Blocks.
pub(crate) fn lookup_ips(host: &str) -> io::Result<Vec<IpAddr>> {
    Ok(lookup(host, 0)?.into_iter().map(|addr| addr.ip()).collect())
}
