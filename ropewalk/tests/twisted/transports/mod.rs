//! Twisted's tests of TCP and Unix transports, of aborting and of producers.

mod abort;
mod halves;
mod ports;
mod producers;
mod tcp;
#[cfg(unix)] // Unix sockets
mod unix;

use std::sync::Arc;
use std::time::Duration;

use ropewalk::protocol::{Kind, Producer, Streaming};
use ropewalk::{Flow, Reason, Timer, Transport};

use crate::rig::{Call, Kept, Kind as Engine, Log, Rig, Script, on};

/// A loop and a thread over TCP, and memory.
fn is_stream(kind: Engine) -> bool {
    matches!(kind, Engine::Memory | Engine::Seeded(1) | Engine::PollTcp | Engine::ThreadsTcp)
}

/// The loop alone.
fn is_loop(kind: Engine) -> bool {
    kind == Engine::PollTcp
}

fn is_unix(kind: Engine) -> bool {
    matches!(kind, Engine::PollUnix | Engine::ThreadsUnix)
}

fn ends(rig: &Rig, ended: Kind) {
    rig.until_lost(1);
    assert_eq!(rig.log.calls().last(), Some(&Call::Lost(ended)));
    assert_eq!(rig.log.calls().iter().filter(|call| matches!(call, Call::Lost(_))).count(), 1);
}

/// A producer that does this when it is to resume, and notes what it is told.
struct Does(Log, Arc<dyn Fn(&mut dyn Transport) + Send + Sync>);

impl Does {
    fn boxed(log: &Log, f: impl Fn(&mut dyn Transport) + Send + Sync + 'static) -> Box<Does> {
        Box::new(Does(log.clone(), Arc::new(f)))
    }
}

impl Producer for Does {
    fn resume_producing(&mut self, transport: &mut dyn Transport) {
        self.0.note(0, "resume");
        (self.1)(transport);
    }
    fn pause_producing(&mut self, _: &mut dyn Transport) {
        self.0.note(0, "pause");
    }
    fn stop_producing(&mut self, _: &mut dyn Transport, _: &Reason) {
        self.0.note(0, "stop");
    }
}

fn note(what: &str) -> Call {
    Call::Note(what.into())
}
