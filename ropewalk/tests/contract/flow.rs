//! Contract: the water marks, and the limit behind them.

use ropewalk::Flow;
use ropewalk::limits::{Limits, WATER_HIGH_BYTES, WATER_LOW_BYTES};
use ropewalk::protocol::Kind;

use crate::rig::{Call, Script, on, on_every_engine};

/// Everything but the data.
fn kinds(calls: Vec<Call>) -> Vec<Call> {
    calls.into_iter().filter(|call| !matches!(call, Call::Data(_))).collect()
}

#[test]
fn a_full_that_the_kernel_took_at_once_is_owed_a_resume() {
    on_every_engine(|rig| {
        let is_plain = rig.kind.is_plain();
        let script = Script::new().made(move |transport| {
            // Records are longer than what is in them.
            let first = if is_plain { Flow::More } else { Flow::Full };
            assert_eq!(transport.write(&[7; WATER_HIGH_BYTES]), first);
            assert_eq!(transport.write(b"!"), Flow::Full);
        });
        let server = rig.serve(script.resume(|transport| transport.close()));
        let mut peer = rig.dial(server);
        assert_eq!(peer.read_to_end().unwrap().len(), WATER_HIGH_BYTES + 1);
        rig.until_lost(1);
        let mut calls = rig.log.calls();
        // Whether a pause is told depends on what the kernel takes in one go.
        calls.retain(|call| *call != Call::Pause);
        assert_eq!(calls, [Call::Made, Call::Resume, Call::Lost(Kind::Closed)]);
    });
}

#[test]
fn a_full_buffer_pauses_above_the_high_mark_and_resumes_at_the_low_one() {
    on_every_engine(|rig| {
        let much = rig.kind.too_much();
        let script = Script::new()
            .made(move |transport| assert_eq!(transport.write(&vec![7; much]), Flow::Full))
            .pause(|transport| assert!(transport.buffered() > WATER_HIGH_BYTES))
            .resume(|transport| {
                assert!(transport.buffered() <= WATER_LOW_BYTES);
                transport.close();
            });
        let server = rig.serve(script);
        let mut peer = rig.dial(server);
        rig.until_call(Call::Pause);
        assert!(peer.read_to_end().unwrap() == vec![7; much]);
        rig.until_lost(1);
        let seen = [Call::Made, Call::Pause, Call::Resume, Call::Lost(Kind::Closed)];
        assert_eq!(rig.log.calls(), seen);
    });
}

#[test]
fn each_full_in_turn_is_followed_by_a_resume() {
    on(
        |kind| kind.is_here(),
        |rig| {
            // A writer that writes only on a resume would hang if one were missing.
            const ROUNDS: usize = 20;
            let write = |transport: &mut dyn ropewalk::Transport| {
                assert_eq!(transport.write(&[7; WATER_HIGH_BYTES + 1]), Flow::Full);
            };
            let log = rig.log.clone();
            let server = rig.serve(Script::new().made(write).resume(move |transport| {
                let resumes = log.of(0).iter().filter(|call| **call == Call::Resume).count();
                if resumes < ROUNDS { write(transport) } else { transport.close() }
            }));
            let mut peer = rig.dial(server);
            assert_eq!(peer.read_to_end().unwrap().len(), ROUNDS * (WATER_HIGH_BYTES + 1));
            rig.until_lost(1);
            assert_eq!(rig.log.calls().last(), Some(&Call::Lost(Kind::Closed)));
        },
    );
}

#[test]
fn a_write_begun_below_the_hard_limit_is_taken_whole() {
    on_every_engine(|rig| {
        let (limit, much) = (Limits::default().hard_limit_bytes(), rig.kind.too_much());
        // Records are longer than what is in them.
        let is_plain = rig.kind.is_plain();
        let below = if is_plain { limit - 1 } else { limit / 2 };
        let server = rig.serve(Script::new().made(move |transport| {
            assert_eq!(transport.write(&vec![1; below]), Flow::Full);
            assert_eq!(transport.write(&vec![2; much]), Flow::Full);
            let (buffered, written) = (transport.buffered(), below + much);
            assert!(buffered == written || !is_plain && buffered > written, "{buffered}");
            transport.close();
        }));
        let mut peer = rig.dial(server);
        assert!(peer.read_to_end().unwrap() == [vec![1; below], vec![2; much]].concat());
        rig.until_lost(1);
        assert_eq!(rig.log.calls().last(), Some(&Call::Lost(Kind::Closed)));
    });
}

#[test]
fn a_write_begun_at_the_hard_limit_ends_the_connection() {
    on_every_engine(|rig| {
        let limit = Limits::default().hard_limit_bytes();
        let server = rig.serve(Script::new().made(move |transport| {
            assert_eq!(transport.write(&vec![7; limit]), Flow::Full);
            assert_eq!(transport.write(b"!"), Flow::Closed);
        }));
        let mut peer = rig.dial(server);
        rig.until_lost(1);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Overrun)]);
        // The kernel may have had a part of it; the rest is gone.
        assert!(peer.read_until_over().0.len() <= limit);
    });
}

#[test]
fn a_connections_own_marks_move_its_hard_limit_too() {
    on_every_engine(|rig| {
        let server = rig.serve(Script::new().made(|transport| {
            transport.set_water_marks(10, 100);
            assert_eq!(transport.write(&[7; 100]), Flow::More);
            assert_eq!(transport.write(&[7; 1499]), Flow::Full);
            assert_eq!(transport.write(b"!"), Flow::Full); // begun at 1,599
            assert_eq!(transport.write(b"!"), Flow::Closed);
        }));
        rig.dial(server);
        rig.until_lost(1);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Overrun)]);
    });
}

#[test]
fn shutdown_write_does_not_cancel_a_resume_that_is_owed() {
    on_every_engine(|rig| {
        let much = rig.kind.too_much();
        let server = rig.serve(Script::new().made(move |transport| {
            assert_eq!(transport.write(&vec![7; much]), Flow::Full);
            transport.shutdown_write();
        }));
        let mut peer = rig.dial(server);
        assert_eq!(peer.read_to_end().unwrap().len(), much);
        peer.close();
        rig.until_lost(1);
        let mut calls = kinds(rig.log.calls());
        // A peer that reads as fast as we write lets no pause come.
        calls.retain(|call| !matches!(call, Call::Pause));
        let lost = Call::Lost(Kind::PeerClosed);
        assert_eq!(calls, [Call::Made, Call::Resume, Call::Eof, lost]);
    });
}
