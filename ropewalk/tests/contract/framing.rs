//! Contract: protocols of lines keep the rules of a connection's life, on every engine.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ropewalk::framing::{LineProtocol, LineTransport, Lines};
use ropewalk::protocol::{Below, By, Kind, Layer, Up};
use ropewalk::{Protocol, Timer, Transport};

use crate::rig::{Call, Kept, Log, Script, on, on_every_engine};

const GO_ON: Timer = Timer(1);

/// Writes down its lines, and does what they say.
struct Obeys(Log);

impl LineProtocol for Obeys {
    fn line_received(&mut self, transport: &mut LineTransport<'_>, line: &[u8]) {
        self.0.note(0, String::from_utf8(line.to_vec()).unwrap());
        match line {
            b"rest" => {
                transport.pause_reading();
                transport.set_timer(GO_ON, Duration::from_millis(1));
            }
            b"close" => transport.close(),
            b"panic" => panic!("told to"),
            b"turn" => transport.push_layer(Box::new(Turns)),
            b"later" => transport.set_timer(GO_ON, Duration::from_millis(1)),
            _ => {}
        }
    }

    fn eof_received(&mut self, transport: &mut LineTransport<'_>, unfinished: &[u8]) {
        self.0.note(0, format!("unfinished {}", unfinished.escape_ascii()));
        transport.close();
    }

    fn timer_fired(&mut self, transport: &mut LineTransport<'_>, _: Timer) {
        if !transport.is_receiving() {
            return transport.resume_reading();
        }
        let all_came = |calls: &[(usize, Call)]| {
            let data = calls.iter().filter_map(|(_, call)| match call {
                Call::Data(data) => Some(&data[..]),
                _ => None,
            });
            data.collect::<Vec<_>>().concat().ends_with(b"half a line")
        };
        if self.0.check(&all_came) {
            transport.push_layer(Box::new(Turns));
        } else {
            transport.set_timer(GO_ON, Duration::from_millis(1));
        }
    }
}

/// Turns every bit over, on the way up.
struct Turns;

impl Layer for Turns {
    fn received<'d>(&mut self, _: &mut Below<'_>, data: &'d [u8], up: &mut Up<'d>) {
        up.bytes().extend(data.iter().map(|byte| !byte));
    }
}

/// A script for one connection, which is told to the protocol of lines.
fn obeys(log: &Log) -> Script {
    let lines = Arc::new(Mutex::new(Lines::new(Obeys(log.clone()))));
    let told = move |call: fn(&mut Lines<Obeys>, &mut dyn Transport, &[u8])| {
        let lines = lines.clone();
        move |transport: &mut dyn Transport, data: &[u8]| {
            call(&mut lines.lock().unwrap_or_else(PoisonError::into_inner), transport, data);
        }
    };
    let made = told(|lines, transport, _| lines.connection_made(transport));
    let eof = told(|lines, transport, _| lines.eof_received(transport));
    let timer = told(|lines, transport, _| lines.timer_fired(transport, GO_ON));
    Script::new()
        .made(move |transport| made(transport, &[]))
        .data(told(|lines, transport, data| lines.data_received(transport, data)))
        .eof(move |transport| eof(transport, &[]))
        .timer(move |transport| timer(transport, &[]))
}

/// What the lines were, and the kind of the end.
fn story(log: &Log) -> (Vec<String>, Option<Kind>) {
    let calls = log.calls();
    let notes = calls.iter().filter_map(|call| match call {
        Call::Note(note) => Some(note.clone()),
        _ => None,
    });
    let lost = calls.iter().find_map(|call| match call {
        Call::Lost(kind) => Some(*kind),
        _ => None,
    });
    (notes.collect(), lost)
}

#[test]
fn a_pause_stops_between_two_lines_and_the_rest_waits_with_the_end_of_input() {
    on_every_engine(|rig| {
        let server = rig.serve(obeys(&rig.log));
        let mut peer = rig.dial(server);
        peer.send(b"a\r\nrest\r\nb\r\nrest\r\nrest\r\nc\r\nd");
        peer.shutdown_write();
        assert_eq!(peer.read_to_end().unwrap(), b"");
        rig.until_lost(1);
        let (notes, kind) = story(&rig.log);
        let lines = ["a", "rest", "b", "rest", "rest", "c", "unfinished d"];
        assert_eq!((&notes[..], kind), (&lines.map(String::from)[..], Some(Kind::PeerClosed)));
        // Between a line that rests and the next one was a timer.
        let calls = rig.log.calls();
        let at = |what: &Call| calls.iter().position(|call| call == what).unwrap();
        assert!(at(&Call::Timer(1)) < at(&Call::Note("b".into())));
        assert_eq!(calls.iter().filter(|call| **call == Call::Timer(1)).count(), 3);
    });
}

#[test]
fn the_end_of_input_brings_the_unfinished_line() {
    on_every_engine(|rig| {
        let server = rig.serve(obeys(&rig.log));
        let mut peer = rig.dial(server);
        peer.send(b"a\r\nb\r");
        peer.shutdown_write();
        assert_eq!(peer.read_to_end().unwrap(), b"");
        rig.until_lost(1);
        assert_eq!(story(&rig.log).0, ["a", "unfinished b\\r"]);
    });
}

#[test]
fn close_stops_between_two_frames() {
    on_every_engine(|rig| {
        let server = rig.serve(obeys(&rig.log));
        let mut peer = rig.dial(server);
        peer.send(b"a\r\nclose\r\nb\r\nc\r\n");
        assert_eq!(peer.read_to_end().unwrap(), b"");
        drop(peer);
        rig.until_lost(1);
        let (notes, kind) = story(&rig.log);
        assert_eq!((&notes[..], kind), (&["a".into(), "close".into()][..], Some(Kind::Closed)));
    });
}

#[test]
fn a_panic_in_a_frame_ends_its_connection_and_nothing_more_is_delivered() {
    on_every_engine(|rig| {
        let server = rig.serve(obeys(&rig.log));
        let mut peer = rig.dial(server);
        peer.send(b"a\r\npanic\r\nb\r\n");
        peer.read_until_over();
        rig.until_lost(1);
        let (notes, kind) = story(&rig.log);
        assert_eq!(notes, ["a", "panic"]);
        assert_eq!(kind, Some(Kind::Panicked));
    });
}

#[test]
fn what_came_behind_the_command_passes_the_layer_that_it_pushed() {
    on_every_engine(|rig| {
        let server = rig.serve(obeys(&rig.log));
        let mut peer = rig.dial(server);
        // As the command of STARTTLS, with bytes in the same packet.
        let behind: Vec<u8> = b"b\r\nc\r\n".iter().map(|byte| !byte).collect();
        peer.send(&[b"a\r\nturn\r\n", &behind[..]].concat());
        peer.shutdown_write();
        assert_eq!(peer.read_to_end().unwrap(), b"");
        rig.until_lost(1);
        assert_eq!(story(&rig.log).0[..4], ["a", "turn", "b", "c"]);
    });
}

#[test]
fn a_layer_in_the_middle_of_a_line_ends_the_connection() {
    // The protocol looks into the test's log.
    on(
        |kind| kind.is_here(),
        |rig| {
            let kept = Kept::new();
            let keep = kept.clone();
            let script = obeys(&rig.log).lost(move |_, why| keep.put(why.clone()));
            let server = rig.serve(script);
            let mut peer = rig.dial(server);
            peer.send(b"later\r\nhalf a line");
            peer.read_until_over();
            rig.until_lost(1);
            let why = kept.first();
            assert_eq!((why.kind(), why.by()), (Kind::Failed, By::User));
            assert!(why.to_string().contains("in the middle of a frame"), "{why}");
        },
    );
}
