//! A few threads for calls that block, and a queue before them.
//! Owns: the threads, which start when first needed and end when they have nothing to do, and
//! both bounds. Never: knows what it does, or waits for it.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// What a pool does.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// How many, at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Of its threads.
    pub(crate) name: &'static str,
    pub(crate) threads: usize,
    pub(crate) waiting: usize,
    /// A thread that has had nothing to do for so long ends.
    pub(crate) idle: Duration,
}

/// Why a job was not taken.
#[derive(Debug)]
pub(crate) enum Refused {
    /// So many wait already.
    Full,
    /// The system has no thread, and there is none to wait for.
    NoThread(io::Error),
}

/// The threads. Dropped, what waits is dropped with it; a thread that is busy cannot be
/// stopped, and ends when its call returns.
pub(crate) struct Pool {
    bounds: Bounds,
    of_process: OfProcess,
}

/// The threads of a process, and of the child that was forked with it. A child has no thread of
/// its parent's, and a lock that one of them held then stays locked there: it touches none of it.
#[derive(Default)]
struct OfProcess {
    process: OnceLock<u32>,
    queue: Arc<Queue>,
    child: OnceLock<Box<OfProcess>>,
}

#[derive(Default)]
struct Queue {
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

impl Pool {
    pub(crate) fn new(bounds: Bounds) -> Pool {
        Pool { bounds, of_process: OfProcess::default() }
    }

    /// Does this, when a thread is free.
    pub(crate) fn submit(&self, job: Job) -> Result<(), Refused> {
        let queue = self.of_process.queue();
        let mut state = queue.lock();
        if state.waiting.len() >= self.bounds.waiting {
            return Err(Refused::Full);
        }
        state.waiting.push_back(job);
        if state.idle < state.waiting.len() && state.threads < self.bounds.threads {
            let (worker, idle) = (queue.clone(), self.bounds.idle);
            let started = std::thread::Builder::new()
                .name(self.bounds.name.into())
                .spawn(move || worker.work(idle));
            match started {
                Ok(_) => state.threads += 1,
                // Others will take it; without any, nobody would.
                Err(error) if state.threads == 0 => {
                    state.waiting.pop_back();
                    return Err(Refused::NoThread(error));
                }
                Err(error) => tracing::warn!("no further {} thread: {error}", self.bounds.name),
            }
        }
        queue.more.notify_one();
        Ok(())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let queue = self.of_process.queue();
        let mut state = queue.lock();
        state.closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        queue.more.notify_all();
        drop(waiting); // outside the lock: what they hold may be anybody's
    }
}

impl OfProcess {
    fn queue(&self) -> &Arc<Queue> {
        let process = std::process::id();
        let mut of = self;
        while *of.process.get_or_init(|| process) != process {
            of = of.child.get_or_init(Box::default);
        }
        &of.queue
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread's life. No job unwinds: whoever made it has caught that.
    fn work(&self, idle: Duration) {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.waiting.pop_front() {
                drop(state);
                job();
                state = self.lock();
                continue;
            }
            if state.closed {
                break;
            }
            state.idle += 1;
            let (woken, waited) =
                self.more.wait_timeout(state, idle).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if waited.timed_out() && state.waiting.is_empty() {
                break;
            }
        }
        state.threads -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const TWO: Bounds =
        Bounds { name: "test", threads: 2, waiting: 3, idle: Duration::from_secs(60) };

    #[test]
    fn both_bounds_hold_and_every_job_that_was_taken_is_done_in_order() {
        let pool = Pool::new(TWO);
        let (begin, begun) = mpsc::channel();
        let (go, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        for _ in 0..2 {
            let (begin, gate) = (begin.clone(), gate.clone());
            let job = move || {
                begin.send(usize::MAX).unwrap();
                let _ = gate.lock().unwrap().recv();
            };
            pool.submit(Box::new(job)).unwrap();
            begun.recv().unwrap();
        }
        for number in 0..3 {
            let begin = begin.clone();
            pool.submit(Box::new(move || begin.send(number).unwrap())).unwrap();
        }
        assert!(matches!(pool.submit(Box::new(|| {})), Err(Refused::Full)));
        go.send(()).unwrap(); // one thread alone goes on: so they come in order
        assert_eq!([(); 3].map(|()| begun.recv().unwrap()), [0, 1, 2]);
    }

    #[test]
    fn what_waits_when_the_pool_goes_is_dropped_undone() {
        let pool = Pool::new(Bounds { threads: 1, ..TWO });
        let (begin, begun) = mpsc::channel();
        let (go, gate) = mpsc::channel::<()>();
        let job = move || {
            begin.send(()).unwrap();
            let _ = gate.recv();
        };
        pool.submit(Box::new(job)).unwrap();
        begun.recv().unwrap();
        let (done, never) = mpsc::channel::<()>();
        pool.submit(Box::new(move || done.send(()).unwrap())).unwrap();
        drop(pool);
        assert!(never.recv().is_err());
        drop(go);
    }

    #[test]
    fn a_thread_with_nothing_to_do_ends_and_another_one_does_what_comes_later() {
        let pool = Pool::new(Bounds { idle: Duration::from_millis(1), ..TWO });
        let thread = || {
            let (tell, told) = mpsc::channel();
            let job = move || tell.send(std::thread::current().id()).unwrap();
            pool.submit(Box::new(job)).unwrap();
            told.recv().unwrap()
        };
        let first = thread();
        // Each thread has the queue as well.
        while Arc::strong_count(pool.of_process.queue()) > 1 {
            std::thread::yield_now();
        }
        assert_eq!(pool.of_process.queue().lock().threads, 0);
        assert_ne!(thread(), first);
    }
}
