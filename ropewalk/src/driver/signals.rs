//! SIGINT and SIGTERM as a stop in order.
//! Owns: a thread that waits for them. Never: does anything inside a signal handler but
//! what `signal-hook` does there, which is to write a byte.

use std::io;

use crate::engine::Remote;

/// Stops a reactor or server when the process is asked to end; until dropped.
#[must_use = "the signals are heard until this is dropped"]
pub struct StopSignals {
    // The guard that ends the thread.
    #[cfg(unix)]
    handle: signal_hook::iterator::Handle,
}

impl StopSignals {
    /// The first signal stops in order, a second one at once.
    // The signals are Unix's.
    #[cfg(unix)]
    pub(crate) fn install(remote: Remote) -> io::Result<StopSignals> {
        use signal_hook::consts::{SIGINT, SIGTERM};
        let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
        let handle = signals.handle();
        std::thread::Builder::new().name("ropewalk-signals".into()).spawn(move || {
            let mut asked = false;
            for signal in signals.forever() {
                let told =
                    if asked { remote.drain(std::time::Duration::ZERO) } else { remote.stop() };
                asked = true;
                tracing::info!("signal {signal}: stopping");
                if told.is_err() {
                    return; // nobody is left to stop
                }
            }
        })?;
        Ok(StopSignals { handle })
    }

    /// Not on this platform yet.
    #[cfg(not(unix))] // see above
    pub(crate) fn install(_: Remote) -> io::Result<StopSignals> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "signals are heard on Unix only"))
    }
}

// See the field.
#[cfg(unix)]
impl Drop for StopSignals {
    fn drop(&mut self) {
        self.handle.close();
    }
}

impl std::fmt::Debug for StopSignals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StopSignals")
    }
}
