//! A child process for each request.
//! Owns: what a child lets go of before it works, and the bound on how many there are.
//! Never: talks with a peer in the serving process, or waits for a child while it serves.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};

use super::sealed::Place;
use super::{BaseServer, Request, ServerSocket, Worker};
use crate::driver::children::replace;
use crate::error::Result;
use crate::server::active::Wish;
use crate::server::children::{Children, grace, may_fork};
use crate::server::handler::HandlerError;

/// Each request runs in a child of its own, a copy of this process, at most
/// [`max_children`](crate::server::BaseServer::max_children) at once; at that many, other
/// clients wait in the kernel's queue. Unix only.
///
/// The parent lets go of the request by
/// [`close_request`](crate::server::BaseServer::close_request); the child runs all other
/// hooks, flushes standard output, and ends, with status 0 if nothing failed. What it changes
/// in the program's memory, the parent does not see. A child whose handler did not come to
/// its end (a signal, `std::process::exit`) is told to
/// [`handle_error`](crate::server::BaseServer::handle_error) in the parent.
///
/// What Python's gets wrong is mended: a child keeps no listening socket, and only the
/// server's own children are waited for, so that the exit code of another process that the
/// program started is left to the program. (A child of a datagram server keeps the socket
/// that it answers by.) They are waited for whenever the serving thread wakes up; after a
/// shutdown `serve_forever` waits for them for
/// [`drain_grace`](crate::server::BaseServer::drain_grace), or
/// [`limits::DRAIN_GRACE`](crate::limits::DRAIN_GRACE) if there is none; then they are told to
/// end by SIGTERM, and by SIGKILL after
/// [`limits::CHILDREN_MARGIN`](crate::limits::CHILDREN_MARGIN). A
/// [`close`](crate::server::Server::close) does the same with its own grace. A server that is
/// dropped earlier waits for nobody: a child that ends after that stays a zombie until this
/// process ends.
///
/// A protocol in a child hears of a shutdown, and of the end of this process, and drains. A
/// handler goes on; of
/// [`close_clients`](crate::server::ShutdownHandle::close_clients) it does not hear, and
/// [`abort_clients`](crate::server::ShutdownHandle::abort_clients) is SIGTERM.
///
/// # Threads
/// A child has one thread, and every lock as it was: one that another thread held is never
/// released in it. So a server refuses to serve while other threads run (`OtherThreads`),
/// where that can be known (Linux), unless
/// [`fork_with_threads`](crate::server::BaseServer::fork_with_threads) says otherwise.
///
/// It has no values, and can't be made alone: it is the parameter of a server.
///
/// ```
/// use ropewalk::server::{BaseServer, Forking, ForkingTcpServer, Server, StreamRequest};
/// fn same<S>(server: ForkingTcpServer<S>) -> Server<StreamRequest, S, Forking>
/// where
///     S: BaseServer<StreamRequest>,
/// {
///     server
/// }
/// ```
///
/// ```compile_fail,E0423
/// let mix_in = ropewalk::server::Forking; // make a ForkingTcpServer
/// ```
#[derive(Debug)]
#[doc(alias = "ForkingMixIn")]
#[doc(alias = "collect_children")]
#[doc(alias = "active_children")]
#[doc(alias = "block_on_close")]
pub enum Forking {}

impl Place for Forking {
    type Crew<R: Request> = Children;

    const CLOSES_HERE: bool = true;

    fn open<R: Request, S: BaseServer<R>>(_: &Arc<Worker<S>>) -> Result<Children> {
        Ok(Children::new())
    }

    fn begin<R: Request, S: BaseServer<R>>(worker: &Arc<Worker<S>>) -> Result<()> {
        may_fork(&worker.server)
    }

    fn has_room<R: Request, S: BaseServer<R>>(crew: &Children, worker: &Arc<Worker<S>>) -> bool {
        let most = worker.server.max_children().max(1);
        if crew.count() >= most {
            for ended in crew.tend_all(&worker.state) {
                ended.tell::<R, S>(worker);
            }
        }
        crew.count() < most
    }

    fn process<R: Request, S: BaseServer<R>>(
        crew: &Children,
        worker: &Arc<Worker<S>>,
        sockets: &[ServerSocket],
        request: R,
    ) {
        let client = request.client_address().clone();
        // Only one of the two processes has it, in the end.
        let mut request = Some(request);
        let forked = crew.fork(worker, Some(&client), || {
            for socket in sockets {
                let let_go = replace(socket.socket.as_fd(), worker.state.alarm().as_fd());
                if let Err(error) = let_go {
                    tracing::warn!("a child keeps {}: {error}", socket.addr());
                }
            }
            request.take().is_some_and(|request| worker.work(request))
        });
        let Some(request) = request else { return };
        match forked {
            Ok(()) => worker.hand_over(request),
            Err(error) => worker.fail(request, &HandlerError::Failed(error.into())),
        }
    }

    fn wait<R: Request>(
        crew: &Children,
        fds: Vec<PollFd<'_>>,
        left: Option<Duration>,
    ) -> rustix::io::Result<Vec<PollFlags>> {
        crew.wait(fds, left)
    }

    fn tend<R: Request, S: BaseServer<R>>(crew: &Children, worker: &Arc<Worker<S>>) {
        for ended in crew.tend(&worker.state) {
            ended.tell::<R, S>(worker);
        }
    }

    fn drain_grace<R: Request, S: BaseServer<R>>(server: &S) -> Option<Duration> {
        Some(grace(server))
    }

    fn cut<R: Request, S: BaseServer<R>>(crew: &Children, worker: &Arc<Worker<S>>) -> usize {
        worker.state.active().ask_all(Wish::BeCut); // so that it counts as that
        crew.cut(&worker.state)
    }
}
