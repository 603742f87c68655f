//! The way from a forked child to the test's log: numbers down, calls up.
//! A child has a copy of the log, which the test does not see.

use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixDatagram;

use ropewalk::protocol::{Deadline, Kind};

use super::log::{Call, Log, WATCHDOG};

/// More connections than any test makes.
const NUMBERS: u32 = 64;

/// Bytes of one message: what any system's socket takes.
const PIECE: usize = 1500;

/// What a child says.
pub struct Relay {
    /// The process in which the log is the test's own.
    home: u32,
    up: UnixDatagram,
    numbers: UnixDatagram,
    #[allow(dead_code, reason = "the numbers' other end must stay")]
    written: UnixDatagram,
}

impl Relay {
    /// A way to this log, for as long as it is there.
    pub fn to(log: impl Fn() -> Option<Log> + Send + 'static) -> Relay {
        let (up, heard) = UnixDatagram::pair().unwrap();
        let (written, numbers) = UnixDatagram::pair().unwrap();
        written.set_nonblocking(true).unwrap();
        // As many as the system holds: a connection takes the next one, wherever it lives.
        (0..NUMBERS).take_while(|number| written.send(&number.to_be_bytes()).is_ok()).count();
        numbers.set_read_timeout(Some(WATCHDOG)).unwrap();
        std::thread::spawn(move || {
            let mut message = vec![0; PIECE + 8];
            // A child that ends is not the end of it: an empty message is.
            while let Ok(count @ 1..) = heard.recv(&mut message) {
                let Some(log) = log() else { return };
                receive(&log, &message[..count]);
            }
        });
        Relay { home: std::process::id(), up, numbers, written }
    }

    /// What a child needs of it.
    pub fn descriptors(&self) -> [RawFd; 2] {
        [self.up.as_raw_fd(), self.numbers.as_raw_fd()]
    }

    /// In a child; the log at home is at hand.
    pub fn is_away(&self) -> bool {
        std::process::id() != self.home
    }

    pub fn next(&self) -> usize {
        let mut number = [0; 4];
        self.numbers.recv(&mut number).expect("a number is left");
        u32::from_be_bytes(number) as usize
    }

    pub fn push(&self, connection: usize, call: &Call) {
        let pieces: Vec<(char, &[u8])> = match call {
            Call::Data(data) => data.chunks(PIECE).map(|piece| ('d', piece)).collect(),
            Call::Note(what) => vec![('n', what.as_bytes())],
            Call::Event(what) => vec![('e', what.as_bytes())],
            other => return self.send('c', connection, format!("{other:?}").as_bytes()),
        };
        for (tag, piece) in pieces {
            self.send(tag, connection, piece);
        }
    }

    pub fn broke(&self, what: &str) {
        self.send('b', 0, what.as_bytes());
    }

    fn send(&self, tag: char, connection: usize, text: &[u8]) {
        let number = (connection as u32).to_be_bytes();
        let message = [&[tag as u8][..], &number, text].concat();
        self.up.send(&message).expect("the test's log listens");
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if !self.is_away() {
            let _ = self.up.send(&[]); // the thread ends
        }
    }
}

fn receive(log: &Log, message: &[u8]) {
    let (head, text) = message.split_at(5);
    let connection = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize;
    let said = || String::from_utf8(text.to_vec()).unwrap();
    let call = match head[0] {
        b'd' => Call::Data(text.to_vec()),
        b'n' => Call::Note(said()),
        b'e' => Call::Event(said()),
        b'b' => return log.broke(said()),
        _ => named(&said()),
    };
    log.push(connection, call);
}

/// The call of this name.
fn named(name: &str) -> Call {
    let plain = [Call::Made, Call::Eof, Call::Pause, Call::Resume, Call::Stopping, Call::Started];
    let timers = (0..=u8::MAX).map(|number| Call::Timer(number.into()));
    let mut ends = [Call::Lost, Call::Failed, Call::FactoryLost]
        .into_iter()
        .flat_map(|end: fn(Kind) -> Call| kinds().map(end));
    let mut calls = plain.into_iter().chain(timers);
    let is_it = |call: &Call| format!("{call:?}") == name;
    calls.find(is_it).or_else(|| ends.find(is_it)).unwrap_or_else(|| panic!("{name}?"))
}

fn kinds() -> impl Iterator<Item = Kind> {
    let plain = [
        Kind::Closed,
        Kind::PeerClosed,
        Kind::Aborted,
        Kind::Reset,
        Kind::Truncated,
        Kind::Overrun,
        Kind::Refused,
        Kind::Stopped,
        Kind::Failed,
        Kind::Panicked,
        Kind::Io,
    ];
    let deadlines = [
        Deadline::Connect,
        Deadline::Start,
        Deadline::Handshake,
        Deadline::ProxyHeader,
        Deadline::Idle,
        Deadline::WriteStall,
        Deadline::Flush,
        Deadline::Linger,
        Deadline::Drain,
        Deadline::Total,
        Deadline::Rate,
    ];
    plain.into_iter().chain(deadlines.map(Kind::Deadline))
}
