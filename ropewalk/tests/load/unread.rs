//! Peers that read nothing: what is written for them stays within its named bound, and
//! the connection ends with its own reason, while others are served.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use ropewalk::limits::Limits;
use ropewalk::protocol::{Deadline, Kind};
use ropewalk::{Flow, Protocol, Reason, Transport};

use crate::apart;
use crate::serve::{MODELS, Model, Server, WATCHDOG};

const WRITE_BYTES: usize = 16 * 1024;
/// What the process may need besides the buffer: threads, pages touched once.
const BESIDES_BYTES: usize = 4 << 20;

/// How a writer without end takes `Full`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manners {
    Heeds,
    Ignores,
}

/// What a writer without end reports.
#[derive(Debug)]
enum Seen {
    Paused,
    /// It ended so, and had at most so many bytes buffered.
    Lost(Kind, usize),
}

/// Writes without end to a peer that says `!`; echoes to all others.
struct Writer {
    manners: Manners,
    seen: Sender<Seen>,
    without_end: bool,
    most: usize,
}

impl Writer {
    fn write_on(&mut self, transport: &mut dyn Transport) {
        loop {
            let flow = transport.write(&[7; WRITE_BYTES]);
            self.most = self.most.max(transport.buffered());
            match flow {
                Flow::More => {}
                Flow::Full if self.manners == Manners::Ignores => {}
                Flow::Full | Flow::Closed => return,
            }
        }
    }
}

impl Protocol for Writer {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        if data.starts_with(b"!") {
            self.without_end = true;
            self.write_on(transport);
        } else {
            transport.write(data);
        }
    }

    fn pause_writing(&mut self, transport: &mut dyn Transport) {
        self.most = self.most.max(transport.buffered());
        self.seen.send(Seen::Paused).unwrap();
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) {
        self.write_on(transport);
    }

    fn connection_lost(&mut self, _: &mut dyn Transport, why: &Reason) {
        if self.without_end {
            self.seen.send(Seen::Lost(why.kind(), self.most)).unwrap();
        }
    }
}

fn serve(model: Model, limits: Limits, manners: Manners) -> (Server, Receiver<Seen>) {
    let (seen, told) = mpsc::channel();
    let factory = move || Writer { manners, seen: seen.clone(), without_end: false, most: 0 };
    (Server::start(model, limits, factory), told)
}

fn dial(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(WATCHDOG)).unwrap();
    stream
}

fn never_reads(model: Model) {
    let limits = Limits { write_stall: Duration::from_millis(300), ..Limits::default() };
    let (server, seen) = serve(model, limits, Manners::Heeds);
    let mut other = dial(server.addr);
    let mut served = 0;
    let mut serve_other = |stream: &mut TcpStream| {
        stream.write_all(b"still there?").unwrap();
        let mut echo = [0; 12];
        stream.read_exact(&mut echo).unwrap();
        assert_eq!(&echo, b"still there?");
        served += 1;
    };
    serve_other(&mut other);
    let before = apart::resident_bytes();
    let mut silent = dial(server.addr);
    silent.write_all(b"!").unwrap();
    let mut paused = false;
    let (kind, most) = loop {
        match seen.try_recv() {
            Ok(Seen::Paused) => paused = true,
            Ok(Seen::Lost(kind, most)) => break (kind, most),
            Err(_) => serve_other(&mut other),
        }
    };
    assert_eq!(kind, Kind::Deadline(Deadline::WriteStall));
    assert!(paused, "the writer was told to pause");
    let bound = limits.water_high_bytes + WRITE_BYTES;
    assert!(most <= bound, "{most} B buffered, of {bound}");
    let grown = apart::resident_peak_bytes().saturating_sub(before);
    assert!(grown <= bound + BESIDES_BYTES, "{grown} B more in memory");
    assert!(served > 10, "others were served {served} times meanwhile");
    println!("{model:?}: {most} B buffered of {bound}; {served} echoes for others meanwhile");
    drop((silent, other));
    server.stop();
}

fn ignores_full(model: Model) {
    let limits = Limits::default();
    let (server, seen) = serve(model, limits, Manners::Ignores);
    let mut silent = dial(server.addr);
    silent.write_all(b"!").unwrap();
    let (kind, most) = loop {
        match seen.recv_timeout(WATCHDOG).expect("it ends") {
            Seen::Paused => {}
            Seen::Lost(kind, most) => break (kind, most),
        }
    };
    assert_eq!(kind, Kind::Overrun);
    let bound = limits.hard_limit_bytes() + WRITE_BYTES;
    assert!(most >= limits.hard_limit_bytes() && most <= bound, "{most} B buffered, of {bound}");
    println!("{model:?}: {most} B buffered of {bound} when it was ended");
    drop(silent);
    server.stop();
}

#[test]
#[ignore = "a part of the next test, in a process of its own"]
fn the_server_of_a_client_that_never_reads() {
    let Some(words) = apart::words() else { return };
    let model = MODELS.into_iter().find(|model| format!("{model:?}") == words[0]).unwrap();
    never_reads(model);
}

#[test]
fn a_client_that_never_reads_costs_no_more_than_the_high_mark_and_is_ended() {
    for model in MODELS {
        let words = [format!("{model:?}")];
        apart::play("unread::the_server_of_a_client_that_never_reads", &words);
    }
}

#[test]
fn a_server_that_ignores_full_is_ended_at_the_hard_limit() {
    for model in MODELS {
        ignores_full(model);
    }
}
