//! What a client that keeps its connection is to be like.
//! Owns: its settings, until it starts. Never: connects.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use super::{Ready, Reconnecting, Retry, Shared};
use crate::addr::Target;
use crate::options::SocketOptions;
use crate::protocol::{ClientFactory, Net, Reason, Transport};

/// What a [`Reconnecting`] client is to be like.
pub struct Builder {
    pub(super) target: Target,
    pub(super) options: SocketOptions,
    pub(super) retry: Retry,
    pub(super) hooks: Hooks,
}

type Prepare = Box<dyn FnMut(&mut dyn Transport, Ready)>;
type OnWaiting = Box<dyn FnMut(&dyn Net, Duration, &Reason)>;
type OnGaveUp = Box<dyn FnMut(&dyn Net, &Reason)>;

#[derive(Default)]
pub(super) struct Hooks {
    pub(super) prepare: Option<Prepare>,
    pub(super) waiting: Option<OnWaiting>,
    pub(super) gave_up: Option<OnGaveUp>,
}

impl Builder {
    /// How it waits between two attempts.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Builder {
        self.retry = retry;
        self
    }

    /// How each connection's socket is set.
    #[must_use]
    pub fn options(mut self, options: SocketOptions) -> Builder {
        self.options = options;
        self
    }

    /// Called for each connection once its protocol has heard that it is connected. The client
    /// hands it out when [`Ready::accept`] is called, now or later; refused, it is closed, and
    /// counts as a failure. After [`RECONNECT_PREPARE`](crate::limits::RECONNECT_PREPARE) it is
    /// ended with `Deadline(Start)`.
    #[must_use]
    #[doc(alias = "prepareConnection")]
    pub fn prepare(mut self, f: impl FnMut(&mut dyn Transport, Ready) + 'static) -> Builder {
        self.hooks.prepare = Some(Box::new(f));
        self
    }

    /// Called when it begins to wait: for so long, for this reason.
    #[must_use]
    pub fn on_waiting(mut self, f: impl FnMut(&dyn Net, Duration, &Reason) + 'static) -> Builder {
        self.hooks.waiting = Some(Box::new(f));
        self
    }

    /// Called when it gives up, with the last failure's reason.
    #[must_use]
    pub fn on_gave_up(mut self, f: impl FnMut(&dyn Net, &Reason) + 'static) -> Builder {
        self.hooks.gave_up = Some(Box::new(f));
        self
    }

    /// Begins. The factory hears of every attempt and connection as it would without; it leaves
    /// connecting again to the client.
    pub fn start<F: ClientFactory + 'static>(self, net: &dyn Net, factory: F) -> Reconnecting {
        let shared = Shared::new(self, net, Box::new(factory));
        shared.begin(net);
        Reconnecting(shared)
    }
}

/// Another one for each client: those of one program, and those of many, are not to come back
/// together.
pub(super) fn own_seed(net: &dyn Net) -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let wall = net.wall_time().duration_since(UNIX_EPOCH).unwrap_or_default();
    let nth = NEXT.fetch_add(1, Ordering::Relaxed);
    wall.as_nanos() as u64 ^ nth.rotate_right(8) ^ u64::from(std::process::id()) << 24
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("target", &self.target).finish_non_exhaustive()
    }
}
