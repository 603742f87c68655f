//! Contract: every wait has an end. In memory the time is virtual, and exact; the short
//! bounds on real engines show that their clocks reach the same machine.

use std::time::Duration;

use ropewalk::limits::Limits;
use ropewalk::protocol::{Below, Deadline, Kind, Layer, Up};
use ropewalk::{Timer, Transport};

use crate::rig::{Call, Kept, Rig, Script, on, on_every_engine, on_with};

const SECOND: Duration = Duration::from_secs(1);

fn lost(deadline: Deadline) -> Call {
    Call::Lost(Kind::Deadline(deadline))
}

/// It is now so many seconds since the beginning, and not a whole one more.
#[track_caller]
fn assert_at(rig: &Rig, seconds: u32) {
    let (now, at) = (rig.now(), SECOND * seconds);
    assert!(now >= at, "{now:?} is before its time, {at:?}");
    assert!(now < at + SECOND, "{now:?} is after {at:?}");
}

fn writes(much: usize) -> impl Fn(&mut dyn Transport) + Send + Sync + Copy {
    move |transport| {
        transport.write(&vec![7; much]);
    }
}

#[test]
fn a_peer_that_reads_nothing_ends_by_the_write_stall() {
    on(
        |kind| kind.is_memory(),
        |rig| {
            let server = rig.serve(Script::new().made(writes(rig.kind.too_much())));
            let _peer = rig.dial(server);
            rig.until_lost(1);
            assert_eq!(rig.log.calls(), [Call::Made, Call::Pause, lost(Deadline::WriteStall)]);
            assert_at(rig, 60);
        },
    );
}

#[test]
fn each_byte_taken_begins_the_write_stall_anew() {
    on(
        |kind| kind.is_memory() && kind.is_plain(), // the peer takes bytes by hand
        |rig| {
            let server = rig.serve(Script::new().made(writes(rig.kind.too_much())));
            let network = rig.network();
            let mut peer = rig.dial_memory(server);
            for _ in 0..3 {
                network.run_for(SECOND * 40);
                assert!(!peer.take(usize::MAX).is_empty());
            }
            rig.until_lost(1);
            assert_eq!(rig.log.calls(), [Call::Made, Call::Pause, lost(Deadline::WriteStall)]);
            assert_at(rig, 180);
        },
    );
}

#[test]
fn each_byte_taken_begins_the_flush_deadline_anew() {
    on(
        |kind| kind.is_memory() && kind.is_plain(), // the peer takes bytes by hand
        |rig| {
            let much = rig.kind.too_much();
            let server = rig.serve(Script::new().made(move |transport| {
                transport.write(&vec![7; much]);
                transport.close();
            }));
            let network = rig.network();
            let mut peer = rig.dial_memory(server);
            for _ in 0..3 {
                network.run_for(SECOND * 3);
                assert!(!peer.take(usize::MAX).is_empty());
            }
            rig.until_lost(1);
            assert_eq!(rig.log.calls(), [Call::Made, lost(Deadline::Flush)]);
            assert_at(rig, 14);
        },
    );
}

#[test]
fn a_peer_that_never_ends_is_lingered_over_for_two_seconds() {
    on(
        |kind| kind.is_memory(),
        |rig| {
            let kept = Kept::new();
            let handle = kept.clone();
            let server = rig.serve(Script::new().made(move |transport| {
                transport.pause_reading();
                handle.put(transport.handle());
            }));
            let mut peer = rig.dial(server);
            rig.until_call(Call::Made);
            peer.send(b"unread");
            rig.network().run_for(SECOND);
            let answer = |transport: &mut dyn Transport| {
                transport.write(b"bye");
                transport.close();
            };
            kept.first().call(answer).unwrap();
            assert_eq!(peer.read_to_end().unwrap(), b"bye");
            rig.until_lost(1);
            assert_eq!(rig.log.calls(), [Call::Made, lost(Deadline::Linger)]);
            assert_at(rig, 3);
        },
    );
}

/// Never says that it is ready.
struct Silent {
    negotiates: bool,
}

impl Layer for Silent {
    fn started(&mut self, below: &mut Below<'_>, _: &mut Up<'_>) {
        if self.negotiates {
            below.begin_handshake();
        }
    }
}

fn silent(negotiates: bool) -> Script {
    Script::new().stack(move |layers| layers.push(Silent { negotiates }))
}

#[test]
fn a_layer_that_is_never_ready_ends_by_the_start_deadline() {
    on(
        |kind| kind.is_memory(),
        |rig| {
            let server = rig.serve(silent(false));
            let _peer = rig.dial(server);
            rig.until_lost(1);
            assert_eq!(rig.log.calls(), [Call::Failed(Kind::Deadline(Deadline::Start))]);
            assert_at(rig, 10);
        },
    );
}

#[test]
fn a_handshake_that_is_never_done_ends_by_its_own_deadline() {
    let limits = Limits { handshake: SECOND * 7, ..Limits::default() };
    on_with(
        limits,
        |kind| kind.is_memory(),
        |rig| {
            let server = rig.serve(silent(true));
            let _peer = rig.dial(server);
            rig.until_lost(1);
            assert_eq!(rig.log.calls(), [Call::Failed(Kind::Deadline(Deadline::Handshake))]);
            assert_at(rig, 7);
        },
    );
}

#[test]
fn an_idle_connection_is_left_alone_unless_asked() {
    on(
        |kind| kind.is_memory(),
        |rig| {
            let server = rig.serve(Script::echo());
            let mut peer = rig.dial(server);
            rig.until_call(Call::Made);
            rig.network().run_for(Duration::from_secs(86_400 * 30));
            peer.send(b"still here");
            assert_eq!(peer.read_exact(10).unwrap(), b"still here");
        },
    );
}

#[test]
fn an_idle_timeout_counts_bytes_both_ways() {
    on(
        |kind| kind.is_memory(),
        |rig| {
            // At 6 s we write, at 12 s the peer does; from then on nobody.
            let server = rig.serve(
                Script::new()
                    .made(|transport| {
                        transport.set_idle_timeout(Some(SECOND * 10));
                        transport.set_timer(Timer(1), SECOND * 6);
                    })
                    .timer(|transport| {
                        transport.write(b"ours");
                    }),
            );
            let mut peer = rig.dial(server);
            assert_eq!(peer.read_exact(4).unwrap(), b"ours");
            rig.network().run_for(SECOND * 6);
            peer.send(b"theirs");
            rig.until_lost(1);
            let calls = rig.log.calls();
            assert_eq!(calls.last(), Some(&lost(Deadline::Idle)));
            assert!(calls.contains(&Call::Data(b"theirs".into())));
            assert_at(rig, 22);
        },
    );
}

#[test]
fn an_idle_timeout_can_be_taken_back() {
    on(
        |kind| kind.is_memory(),
        |rig| {
            let server = rig.serve(Script::echo().made(|transport| {
                transport.set_idle_timeout(Some(SECOND));
                transport.set_idle_timeout(None);
            }));
            let mut peer = rig.dial(server);
            rig.until_call(Call::Made);
            rig.network().run_for(SECOND * 100);
            peer.send(b"x");
            assert_eq!(peer.read_exact(1).unwrap(), b"x");
        },
    );
}

#[test]
fn the_deadlines_run_on_every_engine() {
    let short = Duration::from_millis(100);
    let limits =
        Limits { write_stall: short, start: short, idle: Some(short), ..Limits::default() };
    on_with(
        limits,
        |_| true,
        |rig| {
            let stalled = rig.serve(Script::new().made(writes(rig.kind.too_much())));
            let _stalled = rig.dial(stalled);
            rig.until_lost(1);
            // Nothing moves either way, so either may be the first to see it.
            let calls = rig.log.of(0);
            let Some(Call::Lost(Kind::Deadline(Deadline::WriteStall | Deadline::Idle))) =
                calls.last()
            else {
                panic!("{calls:?}");
            };
            let idle = rig.serve(Script::new());
            let _idle = rig.dial(idle);
            rig.until_lost(2);
            assert_eq!(rig.log.of(1), [Call::Made, lost(Deadline::Idle)]);
        },
    );
    let limits = Limits { write_stall: short, start: short, ..Limits::default() };
    on_with(
        limits,
        |_| true,
        |rig| {
            let starting = rig.serve(silent(false));
            let _starting = rig.dial(starting);
            rig.until_lost(1);
            assert_eq!(rig.log.of(0), [Call::Failed(Kind::Deadline(Deadline::Start))]);
            let stalled = rig.serve(Script::new().made(writes(rig.kind.too_much())));
            let _stalled = rig.dial(stalled);
            rig.until_lost(2);
            assert_eq!(rig.log.of(1).last(), Some(&lost(Deadline::WriteStall)));
        },
    );
}

#[test]
fn a_connection_with_a_deadline_ahead_goes_on_as_ever() {
    on_every_engine(|rig| {
        let server = rig.serve(Script::echo().made(|transport| {
            transport.set_idle_timeout(Some(SECOND * 3600));
        }));
        let mut peer = rig.dial(server);
        for _ in 0..10 {
            peer.send(b"x");
            assert_eq!(peer.read_exact(1).unwrap(), b"x");
        }
    });
}
