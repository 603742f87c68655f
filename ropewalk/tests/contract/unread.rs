//! Contract: what a protocol gives back of what it was given, and a close that has a reason.

use std::time::Duration;

use ropewalk::protocol::{Below, By, Kind, Layer, Reason, Up};
use ropewalk::{Timer, Transport};

use crate::rig::{Call, Kept, Script, on, on_every_engine};

const GO_ON: Timer = Timer(1);

/// Takes one byte at a time, and reads on a moment later.
fn nibbles(log: &crate::rig::Log) -> Script {
    let log = log.clone();
    Script::new()
        .data(move |transport, data| {
            log.note(0, char::from(data[0]).to_string());
            transport.unread(data.len() - 1);
            transport.pause_reading();
            transport.set_timer(GO_ON, Duration::from_millis(1));
        })
        .timer(|transport| transport.resume_reading())
}

fn notes(calls: &[Call]) -> String {
    calls
        .iter()
        .filter_map(|call| if let Call::Note(n) = call { Some(&n[..]) } else { None })
        .collect()
}

#[test]
fn what_is_given_back_comes_again_first_and_the_end_of_input_after_it() {
    on_every_engine(|rig| {
        let server = rig.serve(nibbles(&rig.log));
        let mut peer = rig.dial(server);
        peer.send(b"abc");
        peer.send(b"defgh");
        peer.shutdown_write();
        assert_eq!(peer.read_to_end().unwrap(), b"");
        rig.until_lost(1);
        let calls = rig.log.calls();
        assert_eq!(notes(&calls), "abcdefgh");
        assert_eq!(calls[calls.len() - 2..], [Call::Eof, Call::Lost(Kind::PeerClosed)]);
    });
}

#[test]
fn without_a_pause_it_comes_again_after_the_callback() {
    on_every_engine(|rig| {
        let log = rig.log.clone();
        let server = rig.serve(Script::new().data(move |transport, data| {
            log.note(0, char::from(data[0]).to_string());
            transport.unread(data.len() - 1);
        }));
        let mut peer = rig.dial(server);
        peer.send(b"rope");
        peer.shutdown_write();
        assert_eq!(peer.read_to_end().unwrap(), b"");
        rig.until_lost(1);
        assert_eq!(notes(&rig.log.calls()), "rope");
    });
}

#[test]
fn what_was_given_back_and_never_taken_is_counted_in_the_reason() {
    // A test's handle reaches no child.
    on(
        |kind| kind.is_here(),
        |rig| {
            let (kept, left) = (Kept::new(), Kept::new());
            let (keep, undelivered) = (kept.clone(), left.clone());
            let script = Script::new()
                .data(move |transport, data| {
                    transport.pause_reading();
                    transport.unread(data.len() + 1000); // as much as there was
                    keep.put(transport.handle());
                })
                .lost(move |_, why| undelivered.put(why.undelivered()));
            let server = rig.serve(script);
            let mut peer = rig.dial(server);
            peer.send(b"x");
            rig.until_kept(&kept, 1)[0].abort().unwrap();
            rig.until_lost(1);
            assert_eq!(left.first(), 1);
            drop(peer);
        },
    );
}

#[test]
fn nothing_can_be_given_back_outside_of_data_received_or_after_close() {
    on_every_engine(|rig| {
        let script = Script::new()
            .made(|transport| {
                transport.unread(5);
                transport.set_timer(GO_ON, Duration::from_millis(1));
            })
            .timer(|transport| {
                transport.unread(5);
                transport.write(b"now");
            })
            .data(|transport, data| {
                transport.close();
                transport.unread(data.len());
            });
        let server = rig.serve(script);
        let mut peer = rig.dial(server);
        assert_eq!(peer.read_exact(3).unwrap(), b"now");
        peer.send(b"x"); // one byte, which nothing cuts
        assert_eq!(peer.read_to_end().unwrap(), b"");
        drop(peer);
        rig.until_lost(1);
        let data = rig.log.calls().into_iter().filter(|call| matches!(call, Call::Data(_)));
        assert_eq!(data.collect::<Vec<_>>(), [Call::Data(b"x".into())]);
    });
}

/// Turns every bit over, on the way up.
struct Turns;

impl Layer for Turns {
    fn received<'d>(&mut self, _: &mut Below<'_>, data: &'d [u8], up: &mut Up<'d>) {
        up.bytes().extend(data.iter().map(|byte| !byte));
    }
}

#[test]
fn what_is_given_back_passes_a_layer_that_was_pushed_meanwhile() {
    on_every_engine(|rig| {
        let log = rig.log.clone();
        let server = rig.serve(Script::new().data(move |transport, data| {
            if data[0] == b'!' {
                transport.push_layer(Box::new(Turns));
                return transport.unread(data.len() - 1);
            }
            log.note(0, String::from_utf8(data.to_vec()).unwrap());
        }));
        let mut peer = rig.dial(server);
        peer.send(&[b'!', !b'a', !b'b']);
        peer.send(&[!b'c']);
        peer.shutdown_write();
        assert_eq!(peer.read_to_end().unwrap(), b"");
        rig.until_lost(1);
        assert_eq!(notes(&rig.log.calls()), "abc");
    });
}

#[test]
fn is_receiving_tells_a_pause_from_the_end() {
    on_every_engine(|rig| {
        let log = rig.log.clone();
        let server = rig.serve(Script::new().data(move |transport: &mut dyn Transport, _| {
            let mut seen = vec![transport.is_receiving()];
            transport.pause_reading();
            seen.push(transport.is_receiving());
            transport.resume_reading();
            transport.shutdown_write(); // our direction only
            seen.push(transport.is_receiving());
            transport.close();
            seen.push(transport.is_receiving());
            log.note(0, format!("{seen:?}"));
        }));
        let mut peer = rig.dial(server);
        peer.send(b"x");
        assert_eq!(peer.read_to_end().unwrap(), b"");
        drop(peer);
        rig.until_lost(1);
        assert_eq!(notes(&rig.log.calls()), "[true, false, true, false]");
    });
}

#[test]
fn a_close_with_a_reason_sends_what_is_unsent_first() {
    on_every_engine(|rig| {
        let log = rig.log.clone();
        let script = Script::new()
            .data(|transport, _| {
                transport.write(b"500 no\r\n");
                transport.close_because(Reason::peer_failed("bad manners"));
                transport.close_because(Reason::failed("the first reason stays"));
            })
            .lost(move |_, why| {
                assert_eq!((why.by(), why.unsent(), why.is_clean()), (By::Peer, 0, false));
                log.note(0, why.to_string());
            });
        let server = rig.serve(script);
        let mut peer = rig.dial(server);
        peer.send(b"x");
        assert_eq!(peer.read_to_end().unwrap(), b"500 no\r\n");
        drop(peer);
        rig.until_lost(1);
        rig.until_call(Call::Note("failed: bad manners".into())); // told behind the end itself
        assert!(rig.log.calls().contains(&Call::Lost(Kind::Failed)));
    });
}
