//! The system's resolver on a few threads, for whoever must not wait for it without end.
//! Owns: the threads, started when first asked, and the bound of what waits for them.
//! Never: keeps a deadline: whoever asks waits as long as he likes, and drops a late answer.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::event::PollFlags;

use super::deadline::Budget;
use super::name::lookup;
use super::sys::{self, Alarm, Ring};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::limits;

/// A pool that asks the system's resolver.
#[derive(Default)]
pub(crate) struct Resolver(OfProcess);

/// The pool of a process, and of the child that was forked with it. A child has no thread of its
/// parent's, and a lock that one of them held then stays locked there: it touches none of it.
#[derive(Default)]
struct OfProcess {
    process: OnceLock<u32>,
    pool: Arc<Pool>,
    child: OnceLock<Box<OfProcess>>,
}

type Job = Box<dyn FnOnce() + Send>;

/// For the sockets, which belong to no loop and no server that could have one.
static OF_SOCKETS: LazyLock<Resolver> = LazyLock::new(Resolver::default);

#[derive(Default)]
struct Pool {
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    threads: usize,
    idle: usize,
    closed: bool,
}

impl Resolver {
    /// Runs `job` on one of the pool's threads.
    pub(crate) fn run(&self, job: impl FnOnce() + Send + 'static) -> io::Result<()> {
        Ok(self.ask(Box::new(job))?)
    }

    fn ask(&self, job: Job) -> Result<()> {
        let pool = self.0.pool();
        let mut state = pool.lock();
        if state.waiting.len() >= limits::RESOLVER_WAITING {
            let many = format!("{} names wait to be resolved already", limits::RESOLVER_WAITING);
            return Err(Error::new(Operation::Resolve, ErrorKind::Full, many)
                .with_remedy("give an IP address, or try again later"));
        }
        state.waiting.push_back(job);
        if state.idle < state.waiting.len() && state.threads < limits::RESOLVER_THREADS {
            let worker = pool.clone();
            let started = std::thread::Builder::new()
                .name("ropewalk-resolver".into())
                .spawn(move || worker.work());
            match started {
                Ok(_) => state.threads += 1,
                // Others will take it; without any, nobody would.
                Err(error) if state.threads == 0 => {
                    state.waiting.pop_back();
                    return Err(Error::without_address(Operation::Resolve, error));
                }
                Err(error) => tracing::warn!("no further resolver thread: {error}"),
            }
        }
        pool.more.notify_one();
        Ok(())
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        // A thread inside getaddrinfo cannot be stopped; it ends when it returns.
        let pool = self.0.pool();
        pool.lock().closed = true;
        pool.more.notify_all();
    }
}

impl OfProcess {
    fn pool(&self) -> &Arc<Pool> {
        let process = std::process::id();
        let mut of = self;
        while *of.process.get_or_init(|| process) != process {
            of = of.child.get_or_init(Box::default);
        }
        &of.pool
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut state = self.lock();
        loop {
            if state.closed {
                return;
            }
            let Some(job) = state.waiting.pop_front() else {
                state.idle += 1;
                state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
                continue;
            };
            drop(state);
            job();
            state = self.lock();
        }
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
