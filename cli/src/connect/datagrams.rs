//! The conversation in datagrams, as a protocol: a piece of input is one datagram, and each
//! answer is printed as it comes.
//! Owns: when it is over, since no peer says so: nothing came for a while after the end of
//! input, or the peer's machine said that nobody is there. Never: decides who speaks.

use std::io;
use std::rc::Rc;

use ropewalk::protocol::{
    DatagramProtocol, DatagramTransport, Deadline, Event, Kind, Net, Reason, Sending, Timer,
};
use ropewalk::{Addr, Flow};

use super::talk::{Talk, Way};
use super::{Course, Manner};
use crate::limits::{DATAGRAM_BYTES, QUEUE_DATAGRAMS, QUEUE_LOOK};
use crate::writer::Writer;

/// Standard input to the peer, the peer to standard output.
pub(super) struct Datagrams {
    talk: Talk,
    state: State,
}

/// What the way knows between callbacks.
#[derive(Default)]
struct State {
    /// Input has ended: answers are waited for.
    lingers: bool,
    /// Standard output has no room: what comes is dropped.
    paused: bool,
    /// How many datagrams were.
    lost: u64,
}

/// Nothing has come for so long after the end of input.
const LINGER: Timer = Timer(0);
/// Nothing went either way for so long.
const IDLE: Timer = Timer(1);
/// Has the kernel taken what was queued?
const QUEUE: Timer = Timer(2);

impl Datagrams {
    pub(super) fn new(manner: Manner, course: Rc<Course>, output: Writer) -> Datagrams {
        Datagrams { talk: Talk::new(manner, course, output), state: State::default() }
    }

    /// The timers that any datagram sets anew.
    fn stirred(&self, transport: &mut dyn DatagramTransport) {
        if self.state.lingers {
            transport.set_timer(LINGER, self.talk.manner.linger);
        }
        if let Some(timeout) = self.talk.manner.timeout {
            transport.set_timer(IDLE, timeout);
        }
    }

    fn is_answered(&self) -> bool {
        self.talk.course.received.get() > 0 || self.state.lost > 0
    }

    fn with(
        &mut self,
        transport: &mut dyn DatagramTransport,
        then: impl FnOnce(&mut Talk, &mut Packets<'_>),
    ) {
        let manner = self.talk.manner;
        then(&mut self.talk, &mut Packets { transport, state: &mut self.state, manner });
    }
}

impl DatagramProtocol for Datagrams {
    fn connection_made(&mut self, transport: &mut dyn DatagramTransport) {
        self.stirred(transport);
        let handle = transport.handle();
        let post = move |word| handle.event(word).is_ok();
        self.with(transport, |talk, way| talk.begin(way, DATAGRAM_BYTES, post));
    }

    fn datagram_received(
        &mut self,
        transport: &mut dyn DatagramTransport,
        data: &[u8],
        _: &Addr,
        _: bool,
    ) {
        self.stirred(transport);
        if self.state.paused {
            self.state.lost += 1;
            return;
        }
        self.with(transport, |talk, way| talk.received(way, data));
    }

    fn error_received(
        &mut self,
        transport: &mut dyn DatagramTransport,
        _: Option<&Addr>,
        error: &io::Error,
    ) {
        // The system's number is all there is to such an error.
        let copy = error.raw_os_error().map_or_else(
            || io::Error::new(error.kind(), error.to_string()),
            io::Error::from_raw_os_error,
        );
        transport.fail(Reason::io(copy));
    }

    fn event(&mut self, transport: &mut dyn DatagramTransport, event: Event) {
        self.with(transport, |talk, way| talk.event(way, event));
    }

    fn timer_fired(&mut self, transport: &mut dyn DatagramTransport, timer: Timer) {
        match timer {
            LINGER => transport.close(),
            // Input is over and there was an answer: so an exchange of datagrams ends.
            IDLE if self.state.lingers && self.is_answered() => transport.close(),
            IDLE => transport.fail(Reason::new(Kind::Deadline(Deadline::Idle))),
            _ if transport.queued() < QUEUE_DATAGRAMS => self.talk.room(),
            _ => transport.set_timer(QUEUE, QUEUE_LOOK),
        }
    }

    fn connection_lost(&mut self, transport: &mut dyn DatagramTransport, why: &Reason) {
        self.talk.finish();
        self.talk.course.lost_in.set(self.state.lost);
        self.talk.course.lost_out.set(transport.dropped());
        self.talk.course.end_with(why, true);
        transport.net().stop();
    }

    fn failed(&mut self, net: &dyn Net, why: &Reason) {
        self.talk.course.end_with(why, false);
        net.stop();
    }
}

/// A transport, as the conversation sees it.
struct Packets<'t> {
    transport: &'t mut dyn DatagramTransport,
    state: &'t mut State,
    manner: Manner,
}

impl Way for Packets<'_> {
    fn send(&mut self, piece: &[u8]) -> Flow {
        if let Some(timeout) = self.manner.timeout {
            self.transport.set_timer(IDLE, timeout);
        }
        match self.transport.send(piece) {
            Sending::Queued if self.transport.queued() >= QUEUE_DATAGRAMS => {
                self.transport.set_timer(QUEUE, QUEUE_LOOK);
                Flow::Full
            }
            Sending::Sent | Sending::Queued | Sending::Dropped => Flow::More,
        }
    }
    fn end(&mut self) {
        self.state.lingers = true;
        self.transport.set_timer(LINGER, self.manner.linger);
    }
    fn close(&mut self) {
        self.transport.close();
    }
    fn fail(&mut self, why: Reason) {
        self.transport.fail(why);
    }
    fn pause(&mut self) {
        self.state.paused = true;
    }
    fn resume(&mut self) {
        self.state.paused = false;
    }
}
