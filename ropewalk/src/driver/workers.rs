//! Threads for blocking work, of each driver its own.
//! Owns: what is said when too much waits for them. Never: resolves names; a lookup that hangs
//! would hold them up.

use crate::error::{Error, ErrorKind, Operation, Result};
use crate::limits;
use crate::socket::pool::{Bounds, Job, Pool, Refused};

/// A driver's threads for blocking work; none before there is some.
pub(crate) struct Workers(Pool);

impl Default for Workers {
    fn default() -> Workers {
        Workers(Pool::new(Bounds {
            name: "ropewalk-worker",
            threads: limits::BLOCKING_THREADS,
            waiting: limits::BLOCKING_WAITING,
            idle: limits::THREAD_IDLE,
        }))
    }
}

impl Workers {
    pub(crate) fn run(&self, job: Job) -> Result<()> {
        self.0.submit(job).map_err(|refused| match refused {
            Refused::Full => {
                let many = format!("{} jobs wait already", limits::BLOCKING_WAITING);
                Error::new(Operation::Work, ErrorKind::Full, many)
                    .with_remedy("wait until some are over, then try again")
            }
            Refused::NoThread(error) => Error::without_address(Operation::Work, error),
        })
    }
}
