//! Contract: we close.

use std::time::Duration;

use ropewalk::Flow;
use ropewalk::limits::Limits;
use ropewalk::protocol::{Deadline, Kind};

use crate::rig::{Call, Kept, Script, on, on_every_engine, on_with};

#[test]
fn close_in_connection_made_ends_in_order() {
    on_every_engine(|rig| {
        let server = rig.serve(Script::new().made(|transport| transport.close()));
        let mut peer = rig.dial(server);
        assert_eq!(peer.read_to_end().unwrap(), b"");
        drop(peer);
        rig.until_lost(1);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Closed)]);
    });
}

#[test]
fn a_write_after_close_is_dropped_and_says_so() {
    on_every_engine(|rig| {
        let server = rig.serve(Script::new().made(|transport| {
            assert_eq!(transport.write(b"abc"), Flow::More);
            transport.close();
            assert_eq!(transport.write(b"def"), Flow::Closed);
        }));
        assert_eq!(rig.dial(server).read_to_end().unwrap(), b"abc");
        rig.until_lost(1);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Closed)]);
    });
}

#[test]
fn all_that_was_written_before_close_arrives() {
    on_every_engine(|rig| {
        let much = rig.kind.too_much();
        let server = rig.serve(Script::sends_and_closes(much));
        let mut peer = rig.dial(server);
        // Nobody reads before the close has been asked for.
        rig.until_call(Call::Made);
        assert!(peer.read_to_end().unwrap() == vec![7; much]);
        rig.until_lost(1);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Closed)]);
    });
}

#[test]
fn a_close_that_nobody_reads_ends_by_the_flush_deadline() {
    let limits = Limits { flush: Duration::from_millis(200), ..Limits::default() };
    on_with(
        limits,
        |kind| kind.is_here(),
        |rig| {
            let (much, unsent) = (rig.kind.too_much(), Kept::new());
            let left = unsent.clone();
            let script = Script::new().made(move |transport| {
                transport.write(&vec![7; much]);
                transport.close();
            });
            let server = rig.serve(script.lost(move |_, why| left.put(why.unsent())));
            let mut peer = rig.dial(server);
            rig.until_lost(1);
            let flush = Kind::Deadline(Deadline::Flush);
            assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(flush)]);
            let unsent = unsent.first();
            // Records are longer than what is in them.
            let most = if rig.kind.is_plain() { much } else { much + much / 100 };
            assert!(unsent > 0 && unsent <= most as u64, "{unsent}");
            assert!(peer.read_until_over().0.len() < much);
        },
    );
}

#[test]
fn nothing_is_received_after_close() {
    on_every_engine(|rig| {
        let server = rig.serve(Script::new().data(|transport, _| {
            assert!(transport.is_open(), "data after close");
            transport.write(b"done");
            transport.close();
            transport.resume_reading(); // does not open it again
        }));
        let mut peer = rig.dial(server);
        peer.send(&[7; 300_000]);
        rig.until_lost(1);
        let calls = rig.log.calls();
        let [Call::Made, Call::Data(data), Call::Lost(Kind::Closed)] = &calls[..] else {
            panic!("one piece of data, and no more: {} calls", calls.len());
        };
        assert!(data.len() < 300_000);
    });
}

#[test]
fn unread_input_does_not_destroy_the_last_answer() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let kept = Kept::new();
            let handle = kept.clone();
            let server = rig.serve(Script::new().made(move |transport| {
                transport.pause_reading();
                handle.put(transport.handle());
            }));
            let mut peer = rig.dial(server);
            rig.until_call(Call::Made);
            // Less than a lingering close discards, so that the end is in order.
            peer.send(&[7; 50_000]);
            let answer = |transport: &mut dyn ropewalk::Transport| {
                transport.write(b"bye");
                transport.close();
            };
            kept.first().call(answer).unwrap();
            assert_eq!(peer.read_to_end().unwrap(), b"bye");
            peer.close();
            rig.until_lost(1);
            assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Closed)]);
        },
    );
}
