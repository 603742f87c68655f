//! An end that sends so many bytes and checks every one that it gets.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ropewalk::{Flow, Protocol, Reason, Timer, Transport};

use crate::campaign::Random;

/// What an end is to do.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Decides the bytes of both directions, with the direction's number.
    pub seed: u64,
    /// This end's direction: 0 or 1. It gets the other one's.
    pub direction: u64,
    pub send: usize,
    pub get: usize,
    /// Bytes of a message: one write.
    pub message: usize,
    /// Before so many more bytes each, it stops reading for a while. 0: never.
    pub pause_every: usize,
    pub pause: Duration,
    /// It ends its direction only when the other one has ended.
    pub ends_last: bool,
}

/// What an end saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub got: usize,
    pub calls: usize,
    pub pauses: usize,
    /// Pieces that ended inside a message.
    pub splits: usize,
    /// The other direction ended while this one had bytes to send.
    pub half_closes: usize,
    pub buffered_most: usize,
    pub eof: bool,
    pub lost: Option<String>,
}

/// The end.
pub struct Pump {
    plan: Plan,
    sent: usize,
    outcome: Outcome,
    report: Arc<Mutex<Vec<Outcome>>>,
    stop: bool,
}

/// The bytes of a direction from this place on.
fn bytes(seed: u64, direction: u64, from: usize, count: usize) -> Vec<u8> {
    let word =
        |index: usize| Random((seed << 40) ^ (direction << 39) ^ index as u64).next().to_le_bytes();
    let words = from / 8..(from + count).div_ceil(8);
    words.flat_map(word).skip(from % 8).take(count).collect()
}

const GO_ON: Timer = Timer(1);

impl Pump {
    pub fn new(plan: Plan, report: Arc<Mutex<Vec<Outcome>>>) -> Pump {
        Pump { plan, sent: 0, outcome: Outcome::default(), report, stop: false }
    }

    /// When it is over, so is the reactor.
    pub fn stopping_its_reactor(mut self) -> Pump {
        self.stop = true;
        self
    }

    fn send(&mut self, transport: &mut dyn Transport) {
        let plan = self.plan;
        while self.sent < plan.send {
            let end = plan.send.min(self.sent + plan.message);
            let piece = bytes(plan.seed, plan.direction, self.sent, end - self.sent);
            self.sent = end;
            let flow = transport.write(&piece);
            let buffered = transport.buffered();
            self.outcome.buffered_most = self.outcome.buffered_most.max(buffered);
            match flow {
                Flow::More => {}
                Flow::Full => return,
                Flow::Closed => panic!("a write was not taken: {:?}", self.outcome),
            }
        }
        self.end_when_done(transport);
    }

    fn end_when_done(&mut self, transport: &mut dyn Transport) {
        if self.sent == self.plan.send && (self.outcome.eof || !self.plan.ends_last) {
            transport.shutdown_write();
        }
    }
}

impl Protocol for Pump {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        self.send(transport);
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        let plan = self.plan;
        assert!(!self.outcome.eof, "bytes after the end of input");
        let before = self.outcome.got;
        let wanted = bytes(plan.seed, plan.direction ^ 1, before, data.len());
        let wrong = data.iter().zip(&wanted).position(|(got, wanted)| got != wanted);
        assert!(wrong.is_none(), "byte {} is wrong", before + wrong.unwrap());
        self.outcome.got += data.len();
        self.outcome.calls += 1;
        let got = self.outcome.got;
        assert!(got <= plan.get, "{got} B, of {}", plan.get);
        if got % plan.message != 0 && got != plan.get {
            self.outcome.splits += 1;
        }
        if plan.pause_every > 0 && before / plan.pause_every != got / plan.pause_every {
            transport.pause_reading();
            transport.set_timer(GO_ON, plan.pause);
        }
    }

    fn eof_received(&mut self, transport: &mut dyn Transport) {
        assert!(!self.outcome.eof, "a second end of input");
        self.outcome.eof = true;
        if self.sent < self.plan.send {
            self.outcome.half_closes += 1;
        }
        self.end_when_done(transport);
    }

    fn timer_fired(&mut self, transport: &mut dyn Transport, _: Timer) {
        transport.resume_reading();
    }

    fn pause_writing(&mut self, _: &mut dyn Transport) {
        self.outcome.pauses += 1;
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) {
        self.send(transport);
    }

    fn connection_lost(&mut self, transport: &mut dyn Transport, why: &Reason) {
        self.outcome.lost = Some(why.to_string());
        self.report.lock().unwrap().push(self.outcome.clone());
        if self.stop {
            transport.net().stop();
        }
    }
}
