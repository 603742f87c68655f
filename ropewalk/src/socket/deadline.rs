//! Three modes on one loop: call first, and wait only if the call says that it would have to.
//! Owns: a socket's timeout, and the deadline of one call. Never: knows which call it is.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::AsFd;
use rustix::io::Errno;
use socket2::Socket;

use super::abort::{Abort, aborted};
use super::sys;
use crate::clock::{Clock, MachineClock, Time};
use crate::limits;

/// How long a socket's calls may wait, and who may end the waiting.
#[derive(Debug)]
pub(super) struct Mode {
    /// 0 not at all, [`FOR_EVER`] without end.
    nanos: AtomicU64,
    /// Another socket of ours has the same description in the kernel, and so the same mode.
    shared: AtomicBool,
    /// The descriptor's mode and this one change together.
    changing: Mutex<()>,
    /// There once somebody has asked for a handle.
    abort: OnceLock<Arc<Abort>>,
    whole: Whole,
}

/// A time for all calls together.
#[derive(Debug, Default)]
struct Whole {
    /// Whether there is one: most sockets have none, and look no further.
    is_set: AtomicBool,
    /// When it began, and how long it is.
    within: Mutex<Option<(MachineClock, Duration)>>,
}

const FOR_EVER: u64 = u64::MAX;

impl Mode {
    /// As every new socket is.
    pub(super) fn blocking() -> Mode {
        Mode::with(FOR_EVER, false)
    }

    fn with(nanos: u64, shared: bool) -> Mode {
        let (nanos, shared) = (AtomicU64::new(nanos), AtomicBool::new(shared));
        Mode {
            nanos,
            shared,
            changing: Mutex::new(()),
            abort: OnceLock::new(),
            whole: Whole::default(),
        }
    }

    /// The mode of another descriptor of the same socket. From here on neither makes the
    /// descriptor block again, since the other may have a deadline; a call that blocks waits
    /// on one that does not.
    pub(super) fn of_a_copy(&self) -> Mode {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.store(true, Ordering::Relaxed);
        Mode::with(self.nanos.load(Ordering::Relaxed), true)
    }

    pub(super) fn timeout(&self) -> Option<Duration> {
        match self.nanos.load(Ordering::Relaxed) {
            FOR_EVER => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    /// A descriptor blocks only where the call may wait without end, and nobody may end it.
    /// Else it does not, and the waiting is ours.
    pub(super) fn set(&self, timeout: Option<Duration>, socket: &Socket) -> io::Result<()> {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.follow(timeout, socket)?;
        // More than 584 years are as many.
        let most = FOR_EVER - 1;
        let nanos = timeout
            .map_or(FOR_EVER, |timeout| timeout.as_nanos().try_into().unwrap_or(most).min(most));
        self.nanos.store(nanos, Ordering::Relaxed);
        Ok(())
    }

    /// All calls from now on may take so long together; or as long as each may.
    pub(super) fn set_whole(&self, within: Option<Duration>, socket: &Socket) -> io::Result<()> {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.whole.is_set.store(within.is_some(), Ordering::Relaxed);
        let mut whole = self.whole.within.lock().unwrap_or_else(PoisonError::into_inner);
        *whole = within.map(|within| (MachineClock::begin(), within));
        self.follow(self.timeout(), socket)
    }

    /// Sets the descriptor's own mode.
    fn follow(&self, timeout: Option<Duration>, socket: &Socket) -> io::Result<()> {
        let whole = self.whole.is_set.load(Ordering::Relaxed);
        let ours = timeout.is_some() || whole || self.abort.get().is_some();
        if ours || !self.shared.load(Ordering::Relaxed) {
            socket.set_nonblocking(ours)?;
        }
        Ok(())
    }

    /// What may end the waiting, made when it is first asked for.
    pub(super) fn abort(&self, socket: &Socket) -> io::Result<Arc<Abort>> {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let abort = match self.abort.get() {
            Some(abort) => abort.clone(),
            None => {
                let made = Arc::new(Abort::of(socket)?);
                self.abort.get_or_init(|| made).clone() // nobody else makes one meanwhile
            }
        };
        // After it is there: whoever then meets a call that would block looks for it.
        socket.set_nonblocking(true)?;
        Ok(abort)
    }

    /// The socket goes: its handles let it.
    pub(super) fn release(&self) {
        if let Some(abort) = self.abort.get() {
            abort.release();
        }
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.abort.get().is_some_and(|abort| abort.is_aborted())
    }

    /// What a failure is called: after an abort it is the abort's.
    pub(super) fn blamed(&self, error: io::Error) -> io::Error {
        if self.is_aborted() { aborted() } else { error }
    }

    /// What one call may spend.
    pub(super) fn budget(&self) -> Budget<'_> {
        let (timeout, abort) = (self.timeout(), Some(&self.abort));
        let whole =
            if self.whole.is_set.load(Ordering::Relaxed) { Some(&self.whole) } else { None };
        Budget { timeout, began: None, abort, whole, for_an_error: false }
    }
}

impl Drop for Mode {
    fn drop(&mut self) {
        self.release();
    }
}

/// The time of one call. Its deadline is fixed at the first wait, and neither a signal nor
/// a false alarm moves it.
pub(super) struct Budget<'m> {
    timeout: Option<Duration>,
    began: Option<MachineClock>,
    /// Looked at in each wait: a handle may be made meanwhile.
    abort: Option<&'m OnceLock<Arc<Abort>>>,
    /// The calls before and after have this together with it.
    whole: Option<&'m Whole>,
    /// The last wait ended for an error alone, which the call may not take away.
    for_an_error: bool,
}

/// What a call waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    Readable,
    Writable,
    /// Urgent data, or an error: neither counts as readable.
    Urgent,
    /// The kernel would not say: it is tried again after a pause.
    TriedAgain,
}

impl<'m> Budget<'m> {
    /// So much, for a call without a socket.
    pub(super) fn of(timeout: Option<Duration>) -> Budget<'static> {
        Budget { timeout, began: None, abort: None, whole: None, for_an_error: false }
    }

    /// The same without any time.
    pub(super) fn at_once(self) -> Budget<'m> {
        Budget { timeout: Some(Duration::ZERO), ..self }
    }

    /// Whether it may not wait at all.
    pub(super) fn is_zero(&self) -> bool {
        self.timeout == Some(Duration::ZERO)
    }

    /// Whether something may end its waiting: a deadline, or a handle.
    pub(super) fn has_end(&self) -> bool {
        self.timeout.is_some() || self.whole.is_some() || self.alarm().is_some()
    }

    /// Calls, and waits and calls again as long as it would block.
    pub(super) fn call<T>(
        &mut self,
        socket: &Socket,
        until: Until,
        mut call: impl FnMut() -> io::Result<T>,
    ) -> io::Result<T> {
        // Else a peer that sends a byte whenever it is asked for one would never meet it.
        if self.has_passed() {
            return Err(self.expired());
        }
        loop {
            match call() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !self.is_zero() => {
                    self.wait(socket, until)?;
                }
                // An abort wakes a call inside the kernel with an end of input, too.
                Ok(_) | Err(_) if until == Until::Readable && self.is_aborted() => {
                    return Err(aborted());
                }
                Err(_) if self.is_aborted() => return Err(aborted()),
                result => return result,
            }
        }
    }

    /// Waits. The error of a deadline that passed is ours: it has no code of the system's.
    pub(super) fn wait(&mut self, socket: &Socket, until: Until) -> io::Result<()> {
        let flags = match until {
            Until::Readable => PollFlags::IN,
            Until::Writable => PollFlags::OUT,
            Until::Urgent => sys::URGENT,
            Until::TriedAgain => return self.pause(limits::ROOM_PAUSE),
        };
        // One that stays, in an error queue that nobody reads, would end every wait at once.
        if self.for_an_error {
            self.pause(limits::ROOM_PAUSE)?;
        }
        let mut what = [PollFd::new(socket, flags)];
        self.wait_for(&mut what, None)?;
        self.for_an_error = !what[0].revents().intersects(flags);
        Ok(())
    }

    /// Waits for one thing.
    pub(super) fn wait_on(&mut self, what: impl AsFd, flags: PollFlags) -> io::Result<()> {
        self.wait_for(&mut [PollFd::new(&what, flags)], None).map(drop)
    }

    /// Waits for nothing but a while.
    pub(super) fn pause(&mut self, most: Duration) -> io::Result<()> {
        self.wait_for(&mut [], Some(most)).map(drop)
    }

    /// Waits for any of these, `most` at most: whether one is there.
    pub(super) fn wait_for<'f>(
        &mut self,
        what: &mut [PollFd<'f>],
        most: Option<Duration>,
    ) -> io::Result<bool>
    where
        'm: 'f,
    {
        loop {
            let left = self.left();
            if left == Some(Duration::ZERO) {
                return Err(self.expired());
            }
            // No deadline is later than any; an end of the whole call comes first.
            let ends = most.is_some_and(|most| left.is_none_or(|left| most < left));
            let wait = if ends { most } else { left }.map(timespec);
            let met = match self.alarm() {
                None => poll(what, wait.as_ref()),
                Some(alarm) => with_alarm(what, alarm, wait.as_ref()),
            };
            match met {
                _ if self.is_aborted() => return Err(aborted()),
                Ok(0) if !ends => {}
                Ok(count) => return Ok(count > 0),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// What is said when it is spent.
    pub(super) fn expired(&self) -> io::Error {
        let words = match self.left_of_whole() {
            Some((within, Duration::ZERO)) => format!("the deadline of {within:?} has passed"),
            _ => format!("timed out after {:?}", self.timeout.unwrap_or_default()),
        };
        io::Error::new(io::ErrorKind::TimedOut, words)
    }

    fn left(&mut self) -> Option<Duration> {
        let whole = self.left_of_whole().map(|(_, left)| left);
        let Some(timeout) = self.timeout else { return whole };
        let began = self.began.get_or_insert_with(MachineClock::begin);
        let left = timeout.saturating_sub(began.now() - Time::ZERO);
        Some(whole.map_or(left, |whole| whole.min(left)))
    }

    /// Whether the deadline has passed, if it is fixed already: at the first wait.
    fn has_passed(&mut self) -> bool {
        let left = match self.began {
            Some(_) => self.left(),
            None => self.left_of_whole().map(|(_, left)| left),
        };
        left == Some(Duration::ZERO)
    }

    /// What all calls together had, and what is left of it.
    fn left_of_whole(&self) -> Option<(Duration, Duration)> {
        let within = self.whole?.within.lock().unwrap_or_else(PoisonError::into_inner);
        let (clock, within) = (*within)?;
        Some((within, within.saturating_sub(clock.now() - Time::ZERO)))
    }

    fn alarm(&self) -> Option<&'m Abort> {
        self.abort.and_then(OnceLock::get).map(|abort| &**abort)
    }

    fn is_aborted(&self) -> bool {
        self.alarm().is_some_and(Abort::is_aborted)
    }
}

/// The same wait, which the alarm ends as well.
fn with_alarm<'f>(
    what: &mut [PollFd<'f>],
    abort: &'f Abort,
    wait: Option<&Timespec>,
) -> rustix::io::Result<usize> {
    let mut all: Vec<PollFd<'f>> = what.to_vec();
    all.push(PollFd::new(abort.alarm(), PollFlags::IN));
    let count = poll(&mut all, wait)?;
    for (asked, answered) in what.iter_mut().zip(all) {
        *asked = answered;
    }
    Ok(count)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test's way to fail")]

    use super::*;
    use crate::error::Operation;
    use crate::socket::socketpair;

    /// As a call of several steps meets it whose peer is slow once, and then never again.
    #[test]
    fn a_deadline_that_was_fixed_passes_though_there_is_nothing_more_to_wait_for() {
        let (ours, theirs) = socketpair().unwrap();
        theirs.send_all(b"x").unwrap();
        let socket = ours.open(Operation::Receive).unwrap();
        let mut budget = Budget::of(Some(Duration::from_millis(20)));
        let mut steps = 0;
        let mut slow_once = || {
            steps += 1;
            if steps == 1 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        };
        budget.call(socket, Until::Readable, &mut slow_once).unwrap();
        let watchdog = MachineClock::begin();
        let error = loop {
            assert!(watchdog.now() - Time::ZERO < Duration::from_secs(60), "it never passes");
            match budget.call(socket, Until::Readable, || Ok(())) {
                Ok(()) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
