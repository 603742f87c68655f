//! The reactor beside its connections: hooks, blocking work, signals, several of them.

#![allow(clippy::unwrap_used, reason = "a test's way to fail")]

mod cores;
mod hooks;
mod jobs;
mod many;
#[cfg(unix)] // elsewhere no port is shared
mod shared_port;
#[cfg(unix)] // the signals are Unix's
mod signals;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::{Protocol, Reactor, Report, Transport};

/// Ten times what any promise of these tests takes, and more.
const WATCHDOG: Duration = Duration::from_secs(60);

/// Runs a reactor that is to stop by itself. A panic in a callback ends no test, so what a test
/// wants to know is kept outside.
#[track_caller]
fn run(reactor: &Reactor) -> Report {
    let expired = Rc::new(Cell::new(false));
    let expires = expired.clone();
    let watchdog = reactor.call_later(WATCHDOG, move |net| {
        expires.set(true);
        net.stop();
    });
    let report = reactor.run_reporting().unwrap();
    watchdog.cancel();
    assert!(!expired.get(), "it never stopped");
    report
}

/// Says back what it hears.
#[derive(Clone)]
struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        transport.write(data);
    }
}
