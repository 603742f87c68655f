//! Mix-ins: where a request runs.
//! Owns: the choice, which is a type. Never: knows what a request is or what its handler
//! does with it.

mod pooling;
// Windows has no fork.
#[cfg(unix)]
mod forking;
// As above.
#[cfg(unix)]
mod pre_forking;
mod serial;
mod threading;

use std::sync::Arc;
use std::time::Duration;

pub use pooling::{Pooling, WhenFull};
use rustix::event::{PollFd, PollFlags, poll};

// As above.
#[cfg(unix)]
pub use forking::Forking;
// As above.
#[cfg(unix)]
pub use pre_forking::PreForking;
pub use serial::Serial;
pub use threading::Threading;

use super::hooks::{BaseServer, Request, ServerSocket};
use super::serving::Server;
use super::worker::Worker;
use crate::error::Result;
use crate::socket::timespec;

/// Where a request runs: [`Serial`], [`Threading`], [`Pooling`], or, on Unix, `Forking` or
/// `PreForking`. Sealed; it is the last parameter of [`Server`](crate::server::Server), and has
/// no values.
///
/// ```
/// use ropewalk::server::{BaseServer, MixIn, Server, StreamRequest};
/// fn serve<S: BaseServer<StreamRequest>, M: MixIn>(
///     server: &Server<StreamRequest, S, M>,
/// ) -> ropewalk::Result<()> {
///     server.serve_forever()
/// }
/// ```
pub trait MixIn: sealed::Place {}

impl<P: sealed::Place> MixIn for P {}

pub(super) mod sealed {
    //! What a mix-in does. Never: implemented elsewhere.
    use super::*;

    pub trait Place: 'static {
        /// What it keeps for one server.
        type Crew<R: Request>: Send + Sync + 'static;

        /// Asked once, when the server is made.
        fn open<R: Request, S: BaseServer<R>>(worker: &Arc<Worker<S>>) -> Result<Self::Crew<R>>;

        /// Asked by each call that is about to serve.
        fn begin<R: Request, S: BaseServer<R>>(worker: &Arc<Worker<S>>) -> Result<()> {
            let _ = worker;
            Ok(())
        }

        /// Whether there is a `handle_request`.
        fn handles_requests() -> Result<()> {
            Ok(())
        }

        /// Serves until a shutdown is asked for.
        fn serve<R: Request, S: BaseServer<R>>(server: &Server<R, S, Self>) -> Result<()>
        where
            Self: Sized,
        {
            server.serve_until_asked()
        }

        /// Whether a request may be taken. If not, it waits in the kernel's queue; the
        /// serving thread is to be woken when that changes.
        fn has_room<R: Request, S: BaseServer<R>>(
            crew: &Self::Crew<R>,
            worker: &Arc<Worker<S>>,
        ) -> bool {
            let _ = (crew, worker);
            true
        }

        /// Has a request worked on.
        fn process<R: Request, S: BaseServer<R>>(
            crew: &Self::Crew<R>,
            worker: &Arc<Worker<S>>,
            sockets: &[ServerSocket],
            request: R,
        );

        /// The serving thread's wait: what was seen of each of these. Ends also when the
        /// mix-in has something to tend.
        fn wait<R: Request>(
            crew: &Self::Crew<R>,
            mut fds: Vec<PollFd<'_>>,
            left: Option<Duration>,
        ) -> rustix::io::Result<Vec<PollFlags>> {
            let _ = crew;
            poll(&mut fds, left.map(timespec).as_ref())?;
            Ok(fds.iter().map(PollFd::revents).collect())
        }

        /// After each wake-up of the serving thread.
        fn tend<R: Request, S: BaseServer<R>>(crew: &Self::Crew<R>, worker: &Arc<Worker<S>>) {
            let _ = (crew, worker);
        }

        /// How long `serve_forever` waits for requests under way.
        fn drain_grace<R: Request, S: BaseServer<R>>(server: &S) -> Option<Duration> {
            server.drain_grace()
        }

        /// Whether there is something under way.
        fn is_busy<R: Request, S: BaseServer<R>>(
            crew: &Self::Crew<R>,
            worker: &Arc<Worker<S>>,
        ) -> bool {
            let _ = crew;
            worker.state.active().len() > 0
        }

        /// Whether a close is the calling thread's own work, which then never runs a handler:
        /// else it is another thread's, so that a handler without end keeps nobody.
        const CLOSES_HERE: bool = false;

        /// At the end of that: ends those that are left, if it can, and answers how many.
        fn cut<R: Request, S: BaseServer<R>>(
            crew: &Self::Crew<R>,
            worker: &Arc<Worker<S>>,
        ) -> usize {
            let _ = (crew, worker);
            0
        }
    }
}
