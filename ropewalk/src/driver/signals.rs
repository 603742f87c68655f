//! The system's signals: as a stop in order, or as a call on the loop.
//! Owns: a thread that waits for them. Never: does anything inside a signal handler but what
//! `signal-hook` does there, which is to write a byte; it restarts the system calls that a
//! signal meets.

use std::fmt;
use std::io;

use crate::engine::{Bell, Remote};

// What a signal did before is put back; only Unix has it.
#[cfg(unix)]
mod dispositions;

/// A signal of the system, by its number. The names are POSIX's; other systems have none.
///
/// ```
/// use ropewalk::reactor::Signal;
/// assert_eq!(Signal::TERM.number(), 15);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

// The numbers are the system's.
#[cfg(unix)]
impl Signal {
    /// The terminal hung up; by custom: read the configuration anew.
    pub const HUP: Signal = Signal(libc::SIGHUP);
    /// Ctrl-C.
    pub const INT: Signal = Signal(libc::SIGINT);
    /// Ctrl-\.
    pub const QUIT: Signal = Signal(libc::SIGQUIT);
    /// A request to end.
    pub const TERM: Signal = Signal(libc::SIGTERM);
    /// The program's own.
    pub const USR1: Signal = Signal(libc::SIGUSR1);
    /// The program's own.
    pub const USR2: Signal = Signal(libc::SIGUSR2);
    /// A child ended, or stopped.
    pub const CHLD: Signal = Signal(libc::SIGCHLD);
    /// The terminal has another size.
    pub const WINCH: Signal = Signal(libc::SIGWINCH);
}

#[cfg(not(unix))] // the two that every system's C has
impl Signal {
    /// Ctrl-C.
    pub const INT: Signal = Signal(2);
    /// A request to end.
    pub const TERM: Signal = Signal(15);
}

impl Signal {
    /// The signal of this number.
    pub const fn from_number(number: i32) -> Signal {
        Signal(number)
    }

    /// Its number.
    pub const fn number(self) -> i32 {
        self.0
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signal({})", self.0)
    }
}

/// Stops a reactor or server when the process is asked to end; until dropped. Then the signals
/// do what they did before.
#[must_use = "the signals are heard until this is dropped"]
pub struct StopSignals {
    _heard: Heard,
}

impl StopSignals {
    /// The first signal stops in order, a second one at once.
    pub(crate) fn install(remote: Remote) -> io::Result<StopSignals> {
        let mut asked = false;
        let heard = Heard::by(&[Signal::INT, Signal::TERM], move |signal| {
            // One that is gone needs no telling.
            let _ = if asked { remote.drain(std::time::Duration::ZERO) } else { remote.stop() };
            asked = true;
            tracing::info!("signal {signal}: stopping");
        })?;
        Ok(StopSignals { _heard: heard })
    }
}

impl fmt::Debug for StopSignals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StopSignals")
    }
}

/// A signal is a call on the loop, until this is dropped. Then it does what it did before.
#[must_use = "the signal is heard until this is dropped"]
pub struct SignalGuard {
    _heard: Heard,
    take_down: Option<Box<dyn FnOnce()>>,
}

impl SignalGuard {
    /// Each time rings the bell; `take_down` is called at the end.
    pub(crate) fn install(
        signal: Signal,
        bell: Bell,
        take_down: impl FnOnce() + 'static,
    ) -> io::Result<SignalGuard> {
        let heard = Heard::by(&[signal], move |_| bell.ring())?;
        Ok(SignalGuard { _heard: heard, take_down: Some(Box::new(take_down)) })
    }
}

impl Drop for SignalGuard {
    fn drop(&mut self) {
        if let Some(take_down) = self.take_down.take() {
            take_down();
        }
    }
}

impl fmt::Debug for SignalGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignalGuard")
    }
}

/// A thread that waits for some signals.
struct Heard {
    // What ends the thread, and what puts the signals back.
    #[cfg(unix)]
    handle: signal_hook::iterator::Handle,
    #[cfg(unix)] // as above
    thread: Option<std::thread::JoinHandle<()>>,
    #[cfg(unix)] // as above
    _kept: Vec<dispositions::Kept>,
}

// The signals are Unix's.
#[cfg(unix)]
impl Heard {
    fn by(signals: &[Signal], mut hears: impl FnMut(i32) + Send + 'static) -> io::Result<Heard> {
        use signal_hook::consts::FORBIDDEN;
        if let Some(signal) = signals.iter().find(|signal| FORBIDDEN.contains(&signal.0)) {
            let cause = format!("signal {} cannot be caught", signal.0);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, cause));
        }
        let numbers = signals.iter().map(|signal| signal.0);
        let kept = numbers.clone().map(dispositions::Kept::of).collect::<io::Result<Vec<_>>>()?;
        let mut signals = signal_hook::iterator::Signals::new(numbers)?;
        kept.iter().try_for_each(dispositions::Kept::is_installed)?;
        let handle = signals.handle();
        let name = "ropewalk-signals".to_owned();
        let thread = std::thread::Builder::new()
            .name(name)
            .spawn(move || signals.forever().for_each(&mut hears))?;
        Ok(Heard { handle, thread: Some(thread), _kept: kept })
    }
}

// See above.
#[cfg(unix)]
impl Drop for Heard {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // It only ever rings, so it ends at once; and then nothing is heard any more.
            let _ = thread.join();
        }
    }
}

#[cfg(not(unix))] // not yet
impl Heard {
    fn by(_: &[Signal], _: impl FnMut(i32) + Send + 'static) -> io::Result<Heard> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "signals are heard on Unix only"))
    }
}
