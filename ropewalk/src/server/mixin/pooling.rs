//! A pool of threads, and a queue before it.
//! Owns: the workers, the bounded queue, and what happens when it is full.
//! Never: polls for room, or keeps a request in an idle worker.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::sealed::Place;
use super::{BaseServer, Request, ServerSocket, Worker};
use crate::error::Result;
use crate::server::handler::HandlerError;
use crate::server::seldom::Seldom;
use crate::server::shutdown::State;

/// Requests run in a pool of at most [`max_workers`](BaseServer::max_workers) threads; at most
/// [`max_queued`](BaseServer::max_queued) wait for one of them, and
/// [`when_full`](BaseServer::when_full) says what happens then.
///
/// Workers are started when there is work for them, and end with the server: what was taken
/// is still worked on. A handler that never returns keeps its worker. A connection that runs
/// a protocol keeps one until it is over. If no thread can be started the request waits for one
/// of the other workers; without any it fails.
///
/// It has no values, and can't be made alone: it is the parameter of a server.
///
/// ```
/// use ropewalk::server::{BaseServer, Pooling, PoolingTcpServer, Server, StreamRequest};
/// fn same<S: BaseServer<StreamRequest>>(
///     server: PoolingTcpServer<S>,
/// ) -> Server<StreamRequest, S, Pooling> {
///     server
/// }
/// ```
#[derive(Debug)]
#[doc(alias = "ThreadPoolMixIn")]
pub enum Pooling {}

/// What a pooling server does when all its workers are busy, and as many requests wait as may.
///
/// ```
/// use ropewalk::Addr;
/// use ropewalk::server::{BaseServer, StreamRequest, WhenFull};
/// # use ropewalk::server::{HandlerResult, StreamRequestHandler};
/// # struct Echo;
/// # impl StreamRequestHandler for Echo {
/// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
/// # }
/// struct Strict;
/// impl BaseServer<StreamRequest> for Strict {
///     type Handler = Echo;
///     fn handler(&self, _: &Addr) -> Echo {
///         Echo
///     }
///     fn when_full(&self) -> WhenFull {
///         WhenFull::Refuse
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// It takes no more: they wait in the kernel's queue, which has its own bound
    /// ([`request_queue_size`](BaseServer::request_queue_size); a datagram socket's buffer), until
    /// there is room. A [`process_request`](BaseServer::process_request) that passes on what it had
    /// held back is not made to wait: that is queued.
    #[default]
    Wait,
    /// The newcomer's connection is reset, so that it knows at once, and
    /// [`close_request`](BaseServer::close_request) is called. A datagram is dropped, and so is the
    /// connection of a Unix socket, which has no reset.
    Refuse,
    /// The newcomer's connection is closed in order, unheard, by
    /// [`shutdown_request`](BaseServer::shutdown_request). Over input that has arrived the system
    /// makes a reset of it. A datagram is dropped.
    Close,
}

impl Place for Pooling {
    type Crew<R: Request> = Pool<R>;

    fn open<R: Request, S: BaseServer<R>>(_: &Arc<Worker<S>>) -> Result<Pool<R>> {
        Ok(Pool(Arc::new(Shared { inside: Mutex::default(), came: Condvar::new() })))
    }

    fn has_room<R: Request, S: BaseServer<R>>(pool: &Pool<R>, worker: &Arc<Worker<S>>) -> bool {
        if worker.server.when_full() != WhenFull::Wait {
            return true;
        }
        let mut inside = pool.0.lock();
        let has_room = inside.has_room(&worker.server);
        inside.room_is_awaited = !has_room;
        if !has_room {
            inside.say_full(worker);
        }
        has_room
    }

    fn process<R: Request, S: BaseServer<R>>(
        pool: &Pool<R>,
        worker: &Arc<Worker<S>>,
        _: &[ServerSocket],
        request: R,
    ) {
        let mut inside = pool.0.lock();
        let when_full = worker.server.when_full();
        if when_full != WhenFull::Wait && !inside.has_room(&worker.server) {
            inside.say_full(worker);
            drop(inside);
            return match when_full {
                WhenFull::Refuse => worker.reset(request),
                _ => worker.refuse(request),
            };
        }
        inside.queue.push_back(request);
        if inside.queue.len() <= inside.idle || inside.workers >= most_workers(&worker.server) {
            drop(inside);
            return pool.0.came.notify_one();
        }
        inside.workers += 1;
        drop(inside);
        start(&pool.0, worker);
    }
}

/// What a server keeps of its pool. Dropped with it, and then the workers end.
#[doc(hidden)] // named by what the mix-ins seal
pub struct Pool<R>(Arc<Shared<R>>);

impl<R> Drop for Pool<R> {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.came.notify_all();
    }
}

/// What its workers and the serving thread share.
struct Shared<R> {
    inside: Mutex<Inside<R>>,
    /// For idle workers: a request, or the end.
    came: Condvar,
}

struct Inside<R> {
    queue: VecDeque<R>,
    workers: usize,
    /// Those that wait. One that was notified counts until it has woken up, and so does the
    /// request that it was notified of.
    idle: usize,
    /// No thread could be had, and no worker has become free since.
    is_short: bool,
    /// The serving thread waits for room.
    room_is_awaited: bool,
    is_said_full: bool,
    full_lines: Seldom,
    short_lines: Seldom,
    is_closed: bool,
}

impl<R> Default for Inside<R> {
    fn default() -> Inside<R> {
        Inside {
            queue: VecDeque::new(),
            workers: 0,
            idle: 0,
            is_short: false,
            room_is_awaited: false,
            is_said_full: false,
            full_lines: Seldom::default(),
            short_lines: Seldom::default(),
            is_closed: false,
        }
    }
}

impl<R: Request> Inside<R> {
    fn has_room<S: BaseServer<R>>(&self, server: &S) -> bool {
        let to_come = match self.is_short {
            true => 0,
            false => most_workers(server).saturating_sub(self.workers),
        };
        let free = self.idle.saturating_add(to_come);
        self.queue.len() < free.saturating_add(server.max_queued())
    }

    fn say_full<S: BaseServer<R>>(&mut self, worker: &Worker<S>) {
        if self.is_said_full || self.full_lines.say(worker.state.active().now()).is_none() {
            return;
        }
        self.is_said_full = true;
        let (workers, queued) = (self.workers, self.queue.len());
        tracing::warn!("the pool is full: {workers} workers are busy, and {queued} requests wait");
    }
}

impl<R> Shared<R> {
    fn lock(&self) -> MutexGuard<'_, Inside<R>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next request. `None`: there will be none any more.
    fn next(&self, state: &State, has_worked: bool) -> Option<R> {
        let mut inside = self.lock();
        inside.is_short &= !has_worked;
        loop {
            // Each way out of here makes room: a request less, or a worker that is free.
            let request = inside.queue.pop_front();
            if std::mem::take(&mut inside.room_is_awaited) {
                state.wake();
            }
            if request.is_some() {
                return request;
            }
            if inside.is_closed {
                inside.workers -= 1;
                return None;
            }
            if std::mem::take(&mut inside.is_said_full) {
                tracing::info!("the pool has room again");
            }
            inside.idle += 1;
            inside = self.came.wait(inside).unwrap_or_else(PoisonError::into_inner);
            inside.idle -= 1;
        }
    }
}

fn most_workers<R: Request>(server: &impl BaseServer<R>) -> usize {
    server.max_workers().max(1)
}

/// Starts a worker, which is counted already.
fn start<R: Request, S: BaseServer<R>>(pool: &Arc<Shared<R>>, worker: &Arc<Worker<S>>) {
    let (shared, its_worker) = (pool.clone(), worker.clone());
    let name = "ropewalk-worker".to_owned();
    let spawned = std::thread::Builder::new().name(name).spawn(move || {
        let mut has_worked = false;
        while let Some(request) = shared.next(&its_worker.state, has_worked) {
            its_worker.work(request);
            has_worked = true;
        }
    });
    let Err(error) = spawned else { return };
    let mut inside = pool.lock();
    inside.workers -= 1;
    let others = inside.workers;
    // Without a worker nobody could ever say otherwise: then each request tries anew.
    inside.is_short = others > 0;
    // Without a worker nobody has taken it meanwhile.
    let orphan = if others == 0 { inside.queue.pop_back() } else { None };
    let says = orphan.is_none() && inside.short_lines.say(worker.state.active().now()).is_some();
    drop(inside);
    if says {
        tracing::warn!("no worker could be started beside {others}: {error}");
    }
    if let Some(request) = orphan {
        let why = format!("no thread could be started: {error}");
        worker.fail(request, &HandlerError::Failed(why.into()));
    }
}
