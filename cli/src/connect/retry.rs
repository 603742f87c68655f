//! Attempts to connect, one after another, until the time is over (`--retry`).
//! Owns: the pauses between them. Never: connects itself; the connector does.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use ropewalk::clock::Time;
use ropewalk::protocol::{Connector, Deadline, Kind, Net, Reason};
use ropewalk::tls;

use crate::figures;
use crate::limits::{RETRY_PAUSE, RETRY_PAUSE_MAX};
use crate::log::{Level, Log};

/// What is left of the time.
pub(super) struct Retry {
    until: Option<Time>,
    pause: Cell<Duration>,
    told: Cell<bool>,
    /// Why the last attempt failed, if one has.
    failed: RefCell<Option<Reason>>,
    log: Log,
    endpoint: String,
}

impl Retry {
    pub(super) fn new(within: Option<Duration>, now: Time, log: &Log, endpoint: &str) -> Retry {
        Retry {
            until: within.map(|within| now + within),
            pause: Cell::new(RETRY_PAUSE),
            told: Cell::new(false),
            failed: RefCell::default(),
            log: log.clone(),
            endpoint: endpoint.to_owned(),
        }
    }

    /// Why it is over, when the time is: what the last attempt failed for, or that the only
    /// one has had no answer yet.
    pub(super) fn over(&self) -> Reason {
        self.failed.take().unwrap_or_else(|| Reason::new(Kind::Deadline(Deadline::Connect)))
    }

    /// Tries again after a pause, if there is time for one and waiting can help.
    pub(super) fn again(&self, connector: &Connector, net: &dyn Net, why: &Reason) -> bool {
        let Some(until) = self.until else { return false };
        let left = until - net.now();
        if left.is_zero() || is_lasting(why) {
            return false;
        }
        self.failed.replace(Some(why.clone()));
        if !self.told.replace(true) && self.log.level() > Level::Quiet {
            let left = figures::time(left);
            self.log.say(&format!("waiting up to {left} for {}: {why}", self.endpoint));
        }
        let pause = self.pause.get();
        self.pause.set((pause * 2).min(RETRY_PAUSE_MAX));
        let connector = connector.clone();
        net.call_later(pause.min(left), Box::new(move |_| connector.connect()));
        true
    }
}

/// What no server that comes up would change: a right that is missing, another kind of socket,
/// a certificate that is not believed. A name may be unknown only until its machine is there.
fn is_lasting(why: &Reason) -> bool {
    if tls::Error::of(why).is_some() {
        return true;
    }
    let said = why.to_string();
    ["(EACCES)", "(EPERM)", "(EPROTOTYPE)"].iter().any(|symbol| said.contains(symbol))
}
