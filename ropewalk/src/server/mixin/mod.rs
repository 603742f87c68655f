//! Mix-ins: where a request runs.
//! Owns: the choice, which is a type. Never: knows what a request is or what its handler
//! does with it.

mod pooling;
mod serial;
mod threading;

use std::sync::Arc;

pub use pooling::{Pooling, WhenFull};
pub use serial::Serial;
pub use threading::Threading;

use super::hooks::{BaseServer, Request};
use super::worker::Worker;
use crate::error::Result;

/// Where a request runs: [`Serial`], [`Threading`] or [`Pooling`]. Sealed; it is the last
/// parameter of [`Server`](crate::server::Server), and has no values.
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
            request: R,
        );

        /// After each wake-up of the serving thread.
        fn tend<R: Request, S: BaseServer<R>>(crew: &Self::Crew<R>, worker: &Arc<Worker<S>>) {
            let _ = (crew, worker);
        }
    }
}
