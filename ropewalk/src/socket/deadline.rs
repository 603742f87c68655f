//! Three modes on one loop: call first, and wait only if the call says that it would have to.
//! Owns: a socket's timeout, and the deadline of one call. Never: knows which call it is.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use socket2::Socket;

use crate::clock::{Clock, MachineClock, Time};
use crate::limits;

/// How long a socket's calls may wait.
#[derive(Debug)]
pub(super) struct Mode {
    /// 0 not at all, [`FOR_EVER`] without end.
    nanos: AtomicU64,
    /// The descriptor's mode and this one change together.
    changing: Mutex<()>,
}

const FOR_EVER: u64 = u64::MAX;

impl Mode {
    /// As every new socket is.
    pub(super) fn blocking() -> Mode {
        Mode { nanos: AtomicU64::new(FOR_EVER), changing: Mutex::new(()) }
    }

    pub(super) fn timeout(&self) -> Option<Duration> {
        match self.nanos.load(Ordering::Relaxed) {
            FOR_EVER => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    /// A descriptor blocks only where the call may wait without end. With a deadline it does
    /// not, and the waiting is ours.
    pub(super) fn set(&self, timeout: Option<Duration>, socket: &Socket) -> io::Result<()> {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        socket.set_nonblocking(timeout.is_some())?;
        // More than 584 years are as many.
        let most = FOR_EVER - 1;
        let nanos = timeout
            .map_or(FOR_EVER, |timeout| timeout.as_nanos().try_into().unwrap_or(most).min(most));
        self.nanos.store(nanos, Ordering::Relaxed);
        Ok(())
    }

    /// What one call may spend.
    pub(super) fn budget(&self) -> Budget {
        Budget { timeout: self.timeout(), began: None }
    }
}

/// The time of one call. Its deadline is fixed at the first wait, and neither a signal nor
/// a false alarm moves it.
pub(super) struct Budget {
    timeout: Option<Duration>,
    began: Option<MachineClock>,
}

/// What a call waits for.
#[derive(Clone, Copy)]
pub(super) enum Until {
    Readable,
    Writable,
    /// The kernel would not say: it is tried again after a pause.
    TriedAgain,
}

impl Budget {
    /// Whether it may not wait at all.
    pub(super) fn is_zero(&self) -> bool {
        self.timeout == Some(Duration::ZERO)
    }

    /// Calls, and waits and calls again as long as it would block.
    pub(super) fn call<T>(
        &mut self,
        socket: &Socket,
        until: Until,
        mut call: impl FnMut() -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            match call() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !self.is_zero() => {
                    self.wait(socket, until)?;
                }
                result => return result,
            }
        }
    }

    /// Waits. The error of a deadline that passed is ours: it has no code of the system's.
    pub(super) fn wait(&mut self, socket: &Socket, until: Until) -> io::Result<()> {
        loop {
            let left = self.left();
            if left == Some(Duration::ZERO) {
                let after = self.timeout.unwrap_or_default();
                let sentence = format!("timed out after {after:?}");
                return Err(io::Error::new(io::ErrorKind::TimedOut, sentence));
            }
            let (fds, most): (&mut [PollFd<'_>], _) = match until {
                Until::Readable => (&mut [PollFd::new(socket, PollFlags::IN)], left),
                Until::Writable => (&mut [PollFd::new(socket, PollFlags::OUT)], left),
                Until::TriedAgain => {
                    (&mut [], Some(left.map_or(limits::ROOM_PAUSE, |l| l.min(limits::ROOM_PAUSE))))
                }
            };
            match poll(fds, most.map(timespec).as_ref()) {
                Ok(0) if !matches!(until, Until::TriedAgain) => {}
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn left(&mut self) -> Option<Duration> {
        let timeout = self.timeout?;
        let began = self.began.get_or_insert_with(MachineClock::begin);
        Some(timeout.saturating_sub(began.now() - Time::ZERO))
    }
}

/// A duration as `poll` takes it: at most what all systems take, in milliseconds 31 bits.
/// Whoever waits for longer waits again.
pub(crate) fn timespec(wait: Duration) -> Timespec {
    let wait = wait.min(Duration::from_millis(i32::MAX.unsigned_abs().into()));
    Timespec {
        tv_sec: wait.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: wait.subsec_nanos() as _, // below 10^9: it fits whatever the width
    }
}
