//! The layers of a script: every byte passes, in one of several manners.

use std::time::Duration;

use ropewalk::protocol::{Below, Kind, Layer, Up};
use ropewalk::{Reason, Timer};

/// Passes every byte on, in a manner of its own.
pub(super) struct TestLayer {
    manner: usize,
    kept: Vec<u8>,
    /// The last byte that came, which goes up with what follows it.
    last: Option<u8>,
    pauses: usize,
    ready: bool,
}

const LATER: Timer = Timer(0);

impl TestLayer {
    pub(super) fn new(manner: usize) -> TestLayer {
        TestLayer { manner: manner % 7, kept: Vec::new(), last: None, pauses: 0, ready: false }
    }

    fn let_go(&mut self, below: &mut Below<'_>) {
        below.write(&std::mem::take(&mut self.kept));
    }
}

impl Layer for TestLayer {
    fn started(&mut self, below: &mut Below<'_>, up: &mut Up<'_>) {
        if self.manner == 3 {
            return below.begin_handshake(); // until the first bytes
        }
        self.ready = true;
        up.made();
    }

    fn received<'d>(&mut self, below: &mut Below<'_>, data: &'d [u8], up: &mut Up<'d>) {
        if !self.ready {
            self.ready = true;
            below.end_handshake();
            up.made();
        }
        match self.manner {
            1 => up.bytes().extend_from_slice(data),
            4 => {
                up.pass(data);
                // Not for ever, or many small pieces take many turns.
                if self.pauses < 8 {
                    self.pauses += 1;
                    below.pause_reading();
                    below.set_timer(LATER, Duration::from_millis(5));
                }
            }
            5 => {
                let (first, rest) = data.split_at(data.len() / 2);
                up.pass(first);
                up.bytes().extend_from_slice(rest);
            }
            6 => {
                let last = std::mem::replace(&mut self.last, data.last().copied());
                up.bytes().extend(last);
                up.bytes().extend_from_slice(&data[..data.len() - 1]);
            }
            _ => up.pass(data),
        }
    }

    fn eof(&mut self, below: &mut Below<'_>, up: &mut Up<'_>) {
        if self.ready {
            up.bytes().extend(self.last.take());
            up.eof();
        } else {
            below.fail(Reason::new(Kind::Truncated));
        }
    }

    fn write(&mut self, below: &mut Below<'_>, data: &[u8]) {
        if self.manner == 2 {
            self.kept.extend_from_slice(data);
            return below.set_timer(LATER, Duration::from_millis(10));
        }
        below.write(data);
    }

    fn finish(&mut self, below: &mut Below<'_>) {
        self.let_go(below);
    }

    fn pending(&self) -> usize {
        self.kept.len()
    }

    fn timer_fired(&mut self, below: &mut Below<'_>, _: Timer, _: &mut Up<'_>) {
        match self.manner {
            4 => below.resume_reading(),
            _ => self.let_go(below),
        }
    }
}
