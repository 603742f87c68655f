//! What others have opened: sockets that a reactor takes over, and descriptors that are no
//! sockets, as standard input and output are.

#![allow(unreachable_pub, dead_code, reason = "the rig serves several test binaries")]
#![allow(clippy::unwrap_used, reason = "a test's way to fail")]
#![allow(clippy::print_stderr, reason = "the rig says what was not run")]

mod adopted;
#[cfg(unix)] // where a test has pipes and terminals of its own
mod pairs;
#[cfg(unix)] // where a parent passes descriptors by number
mod passed;
mod rig;

use rig::{Log, Script, WATCHDOG};
use ropewalk::Reactor;

/// A client's factory that stops the reactor when its connection is over.
fn until_over(script: Script, log: &Log) -> rig::ScriptedClient {
    let script = script.client_end(|_, net| net.stop());
    rig::ScriptedClient(rig::ScriptedFactory::client(script, log.clone()))
}

/// Runs it to its stop, which must come by itself.
#[track_caller]
fn run(reactor: &Reactor) {
    let hangs = std::rc::Rc::new(std::cell::Cell::new(false));
    let told = hangs.clone();
    let watchdog = reactor.call_later(WATCHDOG, move |net| {
        told.set(true);
        net.stop();
    });
    reactor.run().unwrap();
    watchdog.cancel();
    assert!(!hangs.get(), "nothing stopped it");
}
