//! A fixed number of children, each of which serves.
//! Owns: how many there are, and that one which died is replaced.
//! Never: takes a request in the process that supervises them.

use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};

use super::sealed::Place;
use super::{BaseServer, Request, Server, ServerSocket, Worker};
use crate::clock::Time;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::limits;
use crate::server::children::{Children, grace, may_fork};

/// [`workers`](crate::server::BaseServer::workers) children serve, each one request after
/// another, all from the same sockets; the process that called `serve_forever` only looks
/// after them. Unix only.
///
/// Each is as a [`Serial`](crate::server::Serial) server with the same hooks, and copies of
/// their state. One that ends is replaced, at once if it has served for a while, else after a
/// growing pause ([`limits::RESPAWN_PAUSE`](crate::limits::RESPAWN_PAUSE)); the log says so.
/// A shutdown, wherever it is asked for, is all of theirs: each works on to the end of its
/// request, within [`drain_grace`](crate::server::BaseServer::drain_grace) (or
/// [`limits::DRAIN_GRACE`](crate::limits::DRAIN_GRACE), if there is none), and is then told to
/// end by SIGTERM and SIGKILL. If the first process dies, they end as at a shutdown.
///
/// There is no `handle_request`: take [`Forking`](crate::server::Forking) for that. Threads
/// are as with [`Forking`](crate::server::Forking), which says more about children.
///
/// It has no values, and can't be made alone: it is the parameter of a server.
///
/// ```
/// use ropewalk::server::{BaseServer, PreForking, PreForkingTcpServer, Server, StreamRequest};
/// fn same<S>(server: PreForkingTcpServer<S>) -> Server<StreamRequest, S, PreForking>
/// where
///     S: BaseServer<StreamRequest>,
/// {
///     server
/// }
/// ```
///
/// ```compile_fail,E0423
/// let mix_in = ropewalk::server::PreForking; // make a PreForkingTcpServer
/// ```
#[derive(Debug)]
#[doc(alias = "prefork")]
pub enum PreForking {}

impl Place for PreForking {
    type Crew<R: Request> = Children;

    const CLOSES_HERE: bool = true;

    fn open<R: Request, S: BaseServer<R>>(_: &Arc<Worker<S>>) -> Result<Children> {
        Ok(Children::new())
    }

    fn begin<R: Request, S: BaseServer<R>>(worker: &Arc<Worker<S>>) -> Result<()> {
        may_fork(&worker.server)
    }

    fn serve<R: Request, S: BaseServer<R>>(server: &Server<R, S, PreForking>) -> Result<()> {
        let (crew, worker) = (&server.crew, &server.worker);
        let workers = worker.server.workers().clamp(1, limits::WORKERS);
        let mut pause = Pause::default();
        // Without the first there is no server.
        if !worker.state.is_asked() {
            spawn(server)?;
        }
        while !worker.state.is_asked() {
            let left = pause.left(crew.now());
            if crew.count() < workers && left.is_none() {
                if let Err(error) = spawn(server) {
                    tracing::error!("{error}");
                    pause.begin(crew.now());
                }
                continue;
            }
            server.wait(&[], left)?;
            for ended in crew.tend(&worker.state) {
                if !worker.state.is_asked() {
                    let (id, how) = (ended.id, ended.how());
                    tracing::warn!("child {id} of a server ended ({how}): another takes its place");
                    pause.after(ended.lived, crew.now());
                }
            }
            worker.server.service_actions();
        }
        Ok(())
    }

    fn handles_requests() -> Result<()> {
        let cause = "handle_request works on one request in this process, and the children of a \
                     pre-forking server work on all of them";
        let remedy = "call serve_forever, or take Forking";
        Err(Error::new(Operation::Run, ErrorKind::Unsupported, cause).with_remedy(remedy))
    }

    /// In a child, as a serial server does.
    fn process<R: Request, S: BaseServer<R>>(
        _: &Children,
        worker: &Arc<Worker<S>>,
        _: &[ServerSocket],
        request: R,
    ) {
        worker.work(request);
    }

    fn wait<R: Request>(
        crew: &Children,
        fds: Vec<PollFd<'_>>,
        left: Option<Duration>,
    ) -> rustix::io::Result<Vec<PollFlags>> {
        crew.wait(fds, left)
    }

    fn tend<R: Request, S: BaseServer<R>>(crew: &Children, worker: &Arc<Worker<S>>) {
        crew.tend(&worker.state);
    }

    fn drain_grace<R: Request, S: BaseServer<R>>(server: &S) -> Option<Duration> {
        Some(grace(server))
    }

    fn is_busy<R: Request, S: BaseServer<R>>(crew: &Children, _: &Arc<Worker<S>>) -> bool {
        crew.count() > 0
    }

    fn cut<R: Request, S: BaseServer<R>>(crew: &Children, worker: &Arc<Worker<S>>) -> usize {
        crew.cut(&worker.state)
    }
}

/// One more child that serves.
fn spawn<R: Request, S: BaseServer<R>>(server: &Server<R, S, PreForking>) -> Result<()> {
    let worker = &server.worker;
    server.crew.fork(worker, None, || match server.serve_until_asked() {
        Ok(()) => true,
        Err(error) => {
            tracing::error!("a child of a server: {error}");
            false
        }
    })
}

/// Before the next child is made, where they die too fast.
#[derive(Default)]
struct Pause {
    last: Duration,
    until: Option<Time>,
}

impl Pause {
    /// A child ended that had lived for so long.
    fn after(&mut self, lived: Duration, now: Time) {
        if lived >= limits::RESPAWN_PAUSE_MAX {
            self.last = Duration::ZERO;
        } else {
            self.begin(now);
        }
    }

    fn begin(&mut self, now: Time) {
        self.last = (self.last * 2).clamp(limits::RESPAWN_PAUSE, limits::RESPAWN_PAUSE_MAX);
        self.until = Some(now + self.last);
    }

    /// How long it lasts still.
    fn left(&mut self, now: Time) -> Option<Duration> {
        self.until = self.until.filter(|until| *until > now);
        self.until.map(|until| until - now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_to_its_bound_and_starts_anew_after_a_long_life() {
        let mut pause = Pause::default();
        let mut pauses = Vec::new();
        for _ in 0..20 {
            pause.after(Duration::ZERO, Time::ZERO);
            pauses.push(pause.left(Time::ZERO).unwrap());
        }
        assert_eq!(pauses[..2], [limits::RESPAWN_PAUSE, limits::RESPAWN_PAUSE * 2]);
        assert_eq!(pauses[19], limits::RESPAWN_PAUSE_MAX);
        assert_eq!(pause.left(Time::ZERO + limits::RESPAWN_PAUSE_MAX), None);
        pause.after(limits::RESPAWN_PAUSE_MAX, Time::ZERO);
        pause.after(Duration::ZERO, Time::ZERO);
        assert_eq!(pause.left(Time::ZERO), Some(limits::RESPAWN_PAUSE));
    }
}
