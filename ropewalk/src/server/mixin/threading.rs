//! A thread for each request.
//! Owns: starting it.
//! Never: talks with a peer in the serving thread, not even to say goodbye.

use std::sync::{Arc, Mutex, PoisonError};

use super::sealed::Place;
use super::{BaseServer, Request, ServerSocket, Worker};
use crate::error::Result;
use crate::server::handler::HandlerError;

/// Each request runs in a thread of its own, at most
/// [`max_requests`](crate::server::BaseServer::max_requests) at once.
///
/// Threads are not joined: a handler that never returns keeps its own thread, and nobody
/// else. It has no values, and can't be made alone: it is the parameter of a server.
///
/// ```
/// use ropewalk::server::{BaseServer, Server, StreamRequest, Threading, ThreadingTcpServer};
/// fn same<S>(server: ThreadingTcpServer<S>) -> Server<StreamRequest, S, Threading>
/// where
///     S: BaseServer<StreamRequest>,
/// {
///     server
/// }
/// ```
///
/// ```compile_fail,E0423
/// let mix_in = ropewalk::server::Threading; // make a ThreadingTcpServer
/// ```
#[derive(Debug)]
#[doc(alias = "ThreadingMixIn")]
pub enum Threading {}

impl Place for Threading {
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
        // Left in the seat if there is no thread to take it.
        let seat = Arc::new(Mutex::new(Some(request)));
        let take =
            |seat: &Mutex<Option<R>>| seat.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (inside, its_worker) = (seat.clone(), worker.clone());
        let name = "ropewalk-request".to_owned();
        let spawned = std::thread::Builder::new().name(name).spawn(move || {
            if let Some(request) = take(&inside) {
                its_worker.work(request);
            }
        });
        let Err(error) = spawned else { return };
        if let Some(request) = take(&seat) {
            let why = format!("no thread could be started: {error}");
            worker.fail(request, &HandlerError::Failed(why.into()));
        }
    }
}
