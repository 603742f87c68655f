//! Signals to a server: TERM and INT stop it in order, and so do HUP (its terminal is gone)
//! and QUIT; a second one at once; USR1 asks for the table of connections. Where certificates
//! can be read again, that is what HUP asks for.
//! Owns: the thread that waits for them. Never: does anything in a handler itself.

use std::sync::{Arc, Mutex, PoisonError};

use ropewalk::Remote;
use ropewalk::clock::Time;
use ropewalk::server::ShutdownHandle;

/// What is to end.
pub(crate) enum Stop {
    Engine(Remote),
    /// One server for each endpoint.
    Servers(Vec<ShutdownHandle>),
}

impl Stop {
    /// In order; or at once. One that is gone has ended already.
    fn ask(&self, at_once: bool) {
        match self {
            Stop::Engine(remote) if at_once => drop(remote.drain(std::time::Duration::ZERO)),
            Stop::Engine(remote) => drop(remote.stop()),
            Stop::Servers(servers) => {
                for server in servers {
                    server.shutdown();
                    if at_once {
                        server.abort_clients();
                    }
                }
            }
        }
    }
}

/// The last signal that asked for an end, and when the first one came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) signal: u8,
    pub(crate) since: Time,
}

/// Hears signals until it is dropped.
#[must_use = "signals are heard until this is dropped"]
pub(crate) struct Signals {
    asked: Arc<Mutex<Option<Asked>>>,
    _guard: system::Guard,
}

impl Signals {
    /// Who asked for the end, if anybody did.
    pub(crate) fn asked(&self) -> Option<Asked> {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads again what may have changed.
pub(crate) type ReadAgain = Box<dyn Fn() + Send>;

/// Begins to hear. `listing` writes the table; `again` is what HUP does instead of stopping.
pub(crate) fn hear(
    stop: Stop,
    now: impl Fn() -> Time + Send + 'static,
    listing: impl Fn() + Send + 'static,
    again: Option<ReadAgain>,
) -> std::io::Result<Signals> {
    let asked = Arc::new(Mutex::new(None));
    let told = asked.clone();
    let end = move |signal: u8| {
        let mut told: std::sync::MutexGuard<'_, Option<Asked>> =
            told.lock().unwrap_or_else(PoisonError::into_inner);
        let since = told.map_or_else(&now, |before| before.since);
        let again = told.replace(Asked { signal, since }).is_some();
        stop.ask(again);
    };
    Ok(Signals { asked, _guard: system::hear(end, listing, again)? })
}

// The signals are Unix's.
#[cfg(unix)]
mod system {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1};
    use signal_hook::iterator::{Handle, Signals};

    use crate::machine;

    /// Ends the thread.
    pub(super) struct Guard(Handle);

    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.close();
        }
    }

    pub(super) fn hear(
        end: impl Fn(u8) + Send + 'static,
        listing: impl Fn() + Send + 'static,
        again: Option<super::ReadAgain>,
    ) -> std::io::Result<Guard> {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGUSR1])?;
        for signal in [SIGHUP, SIGQUIT] {
            // Under `nohup` it is to stay ignored, unless it has a meaning of its own.
            let wanted = signal == SIGHUP && again.is_some();
            if wanted || machine::ignores(signal) == Some(false) {
                signals.add_signal(signal)?;
            }
        }
        let guard = Guard(signals.handle());
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            for signal in signals.forever() {
                match signal {
                    SIGUSR1 => listing(),
                    SIGHUP if again.is_some() => again.iter().for_each(|again| again()),
                    signal => end(signal as u8), // none has more than 15
                }
            }
        })?;
        Ok(guard)
    }
}

// Elsewhere the system ends the program at once, as it ends any other.
#[cfg(not(unix))]
mod system {
    pub(super) struct Guard;

    pub(super) fn hear(
        _: impl Fn(u8) + Send + 'static,
        _: impl Fn() + Send + 'static,
        _: Option<super::ReadAgain>,
    ) -> std::io::Result<Guard> {
        Ok(Guard)
    }
}
