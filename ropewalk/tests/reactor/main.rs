//! The reactor beside its connections: hooks, blocking work, signals, several of them.

#![allow(clippy::unwrap_used, reason = "a test's way to fail")]

mod cores;
mod hooks;
mod jobs;
mod many;
#[cfg(unix)] // the signals are Unix's
mod signals;

use std::time::Duration;

use ropewalk::{Protocol, Transport};

/// Ten times what any promise of these tests takes, and more.
const WATCHDOG: Duration = Duration::from_secs(60);

/// Says back what it hears.
#[derive(Clone)]
struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        transport.write(data);
    }
}
