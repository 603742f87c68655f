//! One request after another, in the serving thread.
//! Owns: nothing. Never: takes a request before the last one is over.

use std::sync::Arc;

use super::sealed::Place;
use super::{BaseServer, Request, ServerSocket, Worker};
use crate::error::Result;

/// Requests run in the serving thread: the second client waits until the first is done.
/// What the server's types have without a mix-in.
///
/// It has no values: it is only ever a parameter.
///
/// ```
/// use ropewalk::server::{BaseServer, Serial, Server, StreamRequest, TcpServer};
/// fn same<S>(server: TcpServer<S>) -> Server<StreamRequest, S, Serial>
/// where
///     S: BaseServer<StreamRequest>,
/// {
///     server
/// }
/// ```
#[derive(Debug)]
pub enum Serial {}

impl Place for Serial {
    type Crew<R: Request> = ();

    fn open<R: Request, S: BaseServer<R>>(_: &Arc<Worker<S>>) -> Result<()> {
        Ok(())
    }

    fn process<R: Request, S: BaseServer<R>>(
        _: &(),
        worker: &Arc<Worker<S>>,
        _: &[ServerSocket],
        request: R,
    ) {
        worker.work(request);
    }
}
