//! Contract: a panic in a callback ends that one connection, and nobody else's.

use std::time::Duration;

use ropewalk::protocol::Kind;
use ropewalk::{Timer, Transport};

use crate::rig::{Call, Kept, Peer, Rig, Script, on, on_every_engine};

const PANICKED: Call = Call::Lost(Kind::Panicked);

/// Another connection, to this server or another of the same engine, goes on.
#[track_caller]
fn assert_others_go_on(rig: &Rig, other: &mut dyn Peer) {
    other.send(b"are you there");
    assert_eq!(other.read_exact(13).unwrap(), b"are you there", "on {:?}", rig.kind);
}

/// What the connection that panics sees, with a good one beside it all the time; what is
/// to be done to the bad one is in `act`.
#[track_caller]
fn only_the_bad_one_ends(
    rig: &Rig,
    bad: impl Fn(Script) -> Script + Send + Sync,
    act: impl Fn(&mut dyn Peer),
) -> Vec<Call> {
    // One server for both: the second connection is the bad one.
    let (script, number) = (bad(Script::echo()), Kept::<()>::new());
    let server = rig.serve(script);
    let mut peer = rig.dial(server);
    act(&mut *peer);
    rig.until_lost(1);
    let seen = rig.log.of(0);
    // A cut answer does not look whole; and the listener still serves.
    let (_, error) = peer.read_until_over();
    if rig.kind.has_reset() {
        assert_eq!(error, Some(std::io::ErrorKind::ConnectionReset));
    }
    assert!(number.all().is_empty());
    let _other = rig.dial(server);
    rig.until("another connection", |calls| calls.contains(&(1, Call::Made)));
    seen
}

#[test]
fn a_panic_in_connection_made_closes_the_connection() {
    on_every_engine(|rig| {
        let made = |_: &mut dyn Transport| panic!("in made");
        let seen = only_the_bad_one_ends(rig, |script| script.made(made), |_| {});
        assert_eq!(seen, [Call::Made, PANICKED]);
    });
}

#[test]
fn a_panic_in_data_received_sends_nothing_of_that_callback() {
    on_every_engine(|rig| {
        let bad = |script: Script| {
            script.data(|transport, _| {
                transport.write(b"half an answer");
                panic!("in data");
            })
        };
        let server = rig.serve(bad(Script::new()));
        let mut peer = rig.dial(server);
        peer.send(b"x");
        rig.until_lost(1);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Data(b"x".into()), PANICKED]);
        assert_eq!(peer.read_until_over().0, b"");
    });
}

#[test]
fn a_panic_in_eof_received_is_told_as_one() {
    on_every_engine(|rig| {
        let eof = |_: &mut dyn Transport| panic!("in eof");
        let act = |peer: &mut dyn Peer| peer.shutdown_write();
        let server_and_seen = rig.serve(Script::new().eof(eof));
        act(&mut *rig.dial(server_and_seen));
        rig.until_lost(1);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Eof, PANICKED]);
    });
}

#[test]
fn a_panic_in_pause_or_resume_is_told_as_one() {
    on_every_engine(|rig| {
        let much = rig.kind.too_much();
        let write = move |transport: &mut dyn Transport| {
            transport.write(&vec![7; much]);
        };
        let pausing = rig.serve(Script::new().made(write).pause(|_| panic!("in pause")));
        let _peer = rig.dial(pausing);
        rig.until_lost(1);
        assert_eq!(rig.log.of(0), [Call::Made, Call::Pause, PANICKED]);

        let resuming = rig.serve(Script::new().made(write).resume(|_| panic!("in resume")));
        let mut peer = rig.dial(resuming);
        rig.until("the second pause", |calls| calls.contains(&(1, Call::Pause)));
        peer.read_until_over();
        rig.until_lost(2);
        assert_eq!(rig.log.of(1), [Call::Made, Call::Pause, Call::Resume, PANICKED]);
    });
}

#[test]
fn a_panic_in_a_timer_or_an_event_is_told_as_one() {
    on_every_engine(|rig| {
        let set = |transport: &mut dyn Transport| transport.set_timer(Timer(1), Duration::ZERO);
        let seen = only_the_bad_one_ends(
            rig,
            |script| script.made(set).timer(|_| panic!("in a timer")),
            |_| {},
        );
        assert_eq!(seen, [Call::Made, Call::Timer(1), PANICKED]);
    });
    on_every_engine(|rig| {
        let tell = |transport: &mut dyn Transport| {
            transport.handle().event("boo".to_owned()).unwrap();
        };
        let bad = |script: Script| script.made(tell).event(|_| panic!("in an event"));
        let seen = only_the_bad_one_ends(rig, bad, |_| {});
        assert_eq!(seen, [Call::Made, Call::Event("boo".into()), PANICKED]);
    });
}

#[test]
fn a_panic_in_connection_lost_ends_nothing_else() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let kept = Kept::new();
            let handle = kept.clone();
            let script = Script::echo()
                .made(move |transport| handle.put(transport.handle()))
                .lost(|_, _| panic!("in lost"));
            let server = rig.serve(script);
            let mut good = rig.dial(server);
            assert_others_go_on(rig, &mut *good);
            let bad = rig.dial(server);
            rig.until("the second", |calls| calls.contains(&(1, Call::Made)));
            bad.close();
            rig.until_lost(1);
            assert_eq!(rig.log.of(1), [Call::Made, Call::Eof, Call::Lost(Kind::PeerClosed)]);
            assert_others_go_on(rig, &mut *good);
            // Its end is complete all the same.
            rig.until("its handle is dead", |_| kept.all()[1].is_gone());
        },
    );
}

#[test]
fn a_panic_while_building_closes_the_connection_and_tells_the_factory() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let first = std::sync::atomic::AtomicBool::new(true);
            let script = Script::echo().build(move |_| {
                let first = first.swap(false, std::sync::atomic::Ordering::Relaxed);
                assert!(!first, "no protocol for the first");
                true
            });
            let server = rig.serve(script);
            let mut bad = rig.dial(server);
            assert_eq!(bad.read_until_over().0, b"");
            rig.until_lost(1);
            assert_eq!(rig.log.of(0), [Call::Failed(Kind::Panicked)]);
            assert_others_go_on(rig, &mut *rig.dial(server));
        },
    );
}

#[test]
fn a_panic_while_stacking_layers_closes_the_connection() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let first = std::sync::atomic::AtomicBool::new(true);
            let script = Script::echo().stack(move |_| {
                assert!(!first.swap(false, std::sync::atomic::Ordering::Relaxed), "no layers");
            });
            let server = rig.serve(script);
            let (data, _) = rig.dial(server).read_until_over();
            assert_eq!(data, b"");
            assert_others_go_on(rig, &mut *rig.dial(server));
        },
    );
}

#[test]
fn a_panic_in_a_factorys_failed_is_told_once_and_harms_nobody() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let first = std::sync::atomic::AtomicBool::new(true);
            let script = Script::echo()
                .build(move |_| !first.swap(false, std::sync::atomic::Ordering::Relaxed))
                .failed(|_| panic!("in failed"));
            let server = rig.serve(script);
            // A refused peer gets an end in order.
            assert_eq!(rig.dial(server).read_to_end().unwrap(), b"");
            rig.until_lost(1);
            assert_others_go_on(rig, &mut *rig.dial(server));
            assert_eq!(rig.log.of(0), [Call::Failed(Kind::Refused)]);
        },
    );
}

#[test]
fn a_panic_in_a_call_of_another_thread_ends_nothing() {
    on(
        |kind| kind.accepts_by_an_engine(),
        |rig| {
            let server = rig.serve(Script::echo());
            let mut peer = rig.dial(server);
            rig.remote(server).call(|_| panic!("in a call")).unwrap();
            rig.call(server, |_| {});
            assert_others_go_on(rig, &mut *peer);
        },
    );
}

#[test]
fn a_panic_in_a_timed_call_ends_nothing() {
    on(
        |kind| kind.accepts_by_an_engine(),
        |rig| {
            let log = rig.log.clone();
            let server = rig.serve(Script::echo());
            let mut peer = rig.dial(server);
            rig.call(server, move |net| {
                net.call_later(Duration::ZERO, Box::new(|_| panic!("in a timed call")));
                net.call_later(Duration::ZERO, Box::new(move |_| log.note(9, "the next one")));
            });
            rig.until_call(Call::Note("the next one".into()));
            assert_others_go_on(rig, &mut *peer);
        },
    );
}

#[test]
fn a_panic_in_a_handles_call_ends_the_connection() {
    on_every_engine(|rig| {
        let tell = |transport: &mut dyn Transport| {
            transport.handle().call(|_| panic!("in a call")).unwrap();
        };
        let seen = only_the_bad_one_ends(rig, |script| script.made(tell), |_| {});
        assert_eq!(seen, [Call::Made, PANICKED]);
    });
}

#[test]
fn the_reason_says_what_the_panic_said() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let said = Kept::new();
            let heard = said.clone();
            let script = Script::new().made(|_| panic!("so it is {}", 7));
            let server = rig.serve(script.lost(move |_, why| heard.put(why.to_string())));
            let _peer = rig.dial(server);
            assert_eq!(
                {
                    rig.until_lost(1);
                    said.first()
                },
                "panicked: so it is 7"
            );
        },
    );
}
