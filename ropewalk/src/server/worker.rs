//! A request's way from the mix-in to its close, in whichever thread it runs.
//! Owns: the order of the hooks there, and that no panic gets out.
//! Never: waits for a request or takes one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::handler::HandlerError;
use super::hooks::{BaseServer, Request, ServerSocket};
use super::shutdown::State;
use crate::addr::Addr;
use crate::error::{ErrorKind, Result};

/// What every thread of a server shares.
#[doc(hidden)] // named by what the mix-ins seal
pub struct Worker<S> {
    pub(super) server: S,
    pub(super) state: Arc<State>,
}

impl<S> Worker<S> {
    /// Takes a request, if there is one.
    pub(super) fn receive<R>(&self, socket: &ServerSocket) -> Result<Option<R>>
    where
        R: Request,
        S: BaseServer<R>,
    {
        match self.server.get_request(socket) {
            // Nobody was there after all, or is no more.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock
                        | ErrorKind::Aborted
                        | ErrorKind::Reset
                        | ErrorKind::Refused // what a connected datagram socket has met
                ) =>
            {
                Ok(None)
            }
            taken => taken.map(Some),
        }
    }

    /// Runs the handler and closes the request. Answers whether nothing failed.
    pub(super) fn work<R>(&self, mut request: R) -> bool
    where
        R: Request,
        S: BaseServer<R>,
    {
        if !request.under_way().begin() {
            self.refuse(request);
            return true;
        }
        let mut well = false;
        self.guarded(|| {
            let client = request.client_address().clone();
            let finish = AssertUnwindSafe(|| self.server.finish_request(&mut request, &client));
            let error = match catch_unwind(finish) {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(HandlerError::Failed(error)),
                Err(panic) => Some(HandlerError::of_panic(&*panic)),
            };
            if let Some(error) = &error {
                self.server.handle_error(error, &client);
            }
            self.server.shutdown_request(request);
            well = error.is_none();
        });
        well
    }

    /// Closes a request that nobody works on.
    pub(super) fn refuse<R>(&self, request: R)
    where
        R: Request,
        S: BaseServer<R>,
    {
        self.guarded(|| self.server.shutdown_request(request));
    }

    /// The same without a goodbye, and with a reset.
    pub(super) fn reset<R>(&self, mut request: R)
    where
        R: Request,
        S: BaseServer<R>,
    {
        self.guarded(|| {
            request.reset();
            self.server.close_request(request);
        });
    }

    /// Closes a request that is worked on elsewhere, and says no goodbye.
    // By a child, which Unix has.
    #[cfg(unix)]
    pub(super) fn hand_over<R>(&self, request: R)
    where
        R: Request,
        S: BaseServer<R>,
    {
        self.guarded(|| self.server.close_request(request));
    }

    /// Closes a request that could not be worked on.
    pub(super) fn fail<R>(&self, request: R, why: &HandlerError)
    where
        R: Request,
        S: BaseServer<R>,
    {
        self.guarded(|| {
            self.server.handle_error(why, request.client_address());
            self.server.shutdown_request(request);
        });
    }

    /// Tells of a failure whose request is closed already.
    pub(super) fn tell<R>(&self, why: &HandlerError, client: &Addr)
    where
        R: Request,
        S: BaseServer<R>,
    {
        self.guarded(|| self.server.handle_error(why, client));
    }

    /// The hooks that tell of failures and close may themselves panic: that ends this
    /// request, whose drop closes it, and no more.
    fn guarded(&self, call: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(call)) {
            tracing::error!("a server's hook: {}", HandlerError::of_panic(&*panic));
        }
    }
}
