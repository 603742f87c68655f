//! A thread for each request.
//! Owns: starting it, and the bound on how many there are.
//! Never: talks with a peer in the serving thread, not even to say goodbye.

use std::sync::{Arc, Mutex, PoisonError};

use super::sealed::Place;
use super::{BaseServer, Request, Worker};
use crate::error::Result;
use crate::server::handler::HandlerError;

/// Each request runs in a thread of its own, at most
/// [`max_threads`](crate::server::BaseServer::max_threads) at once.
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

    fn process<R: Request, S: BaseServer<R>>(_: &(), worker: &Arc<Worker<S>>, request: R) {
        let most = worker.server.max_threads();
        // Only this thread begins any, so it is no more than that.
        if worker.state.working() >= most {
            let client = request.client_address();
            tracing::warn!("{client} was turned away: {most} threads work already");
            return worker.refuse(request);
        }
        let working = worker.state.work();
        // Left in the seat if there is no thread to take it.
        let seat = Arc::new(Mutex::new(Some(request)));
        let take =
            |seat: &Mutex<Option<R>>| seat.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (inside, its_worker) = (seat.clone(), worker.clone());
        let name = "ropewalk-request".to_owned();
        let spawned = std::thread::Builder::new().name(name).spawn(move || {
            if let Some(request) = take(&inside) {
                its_worker.work(request, working);
            }
        });
        let Err(error) = spawned else { return };
        if let Some(request) = take(&seat) {
            let why = format!("no thread could be started: {error}");
            worker.fail(request, &HandlerError::Failed(why.into()));
        }
    }
}
