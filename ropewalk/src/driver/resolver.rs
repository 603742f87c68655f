//! Names to addresses, off the loop: a few threads and a bounded queue.
//! Owns: the threads, started when first asked. Never: blocks whoever asks, or keeps a
//! deadline; the engine drops a late answer.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::engine::Reply;
use crate::limits;
use crate::socket::lookup;

/// A pool that resolves names with the system's resolver.
#[derive(Default)]
pub(crate) struct Resolver(Arc<Pool>);

#[derive(Default)]
struct Pool {
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(String, u16, Reply)>,
    threads: usize,
    idle: usize,
    closed: bool,
}

impl Resolver {
    /// Gives the addresses of `host` to `reply`, on one of the pool's threads.
    pub(crate) fn resolve(&self, host: &str, port: u16, reply: Reply) -> io::Result<()> {
        let mut state = self.0.lock();
        if state.waiting.len() >= limits::RESOLVER_WAITING {
            let many = format!("{} names wait to be resolved already", limits::RESOLVER_WAITING);
            return Err(io::Error::other(many));
        }
        state.waiting.push_back((host.to_owned(), port, reply));
        if state.idle < state.waiting.len() && state.threads < limits::RESOLVER_THREADS {
            let pool = self.0.clone();
            let started = std::thread::Builder::new()
                .name("ropewalk-resolver".into())
                .spawn(move || pool.work());
            match started {
                Ok(_) => state.threads += 1,
                // Others will take it; without any, nobody would.
                Err(error) if state.threads == 0 => {
                    state.waiting.pop_back();
                    return Err(error);
                }
                Err(error) => tracing::warn!("no further resolver thread: {error}"),
            }
        }
        self.0.more.notify_one();
        Ok(())
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        // A thread inside getaddrinfo cannot be stopped; it ends when it returns.
        self.0.lock().closed = true;
        self.0.more.notify_all();
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
            let Some((host, port, reply)) = state.waiting.pop_front() else {
                state.idle += 1;
                state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
                continue;
            };
            drop(state);
            reply(lookup(&host, port));
            state = self.lock();
        }
    }
}

/// The IP addresses of a name, for listening. Blocks.
pub(crate) fn lookup_ips(host: &str) -> io::Result<Vec<IpAddr>> {
    Ok(lookup(host, 0)?.into_iter().map(|addr| addr.ip()).collect())
}
