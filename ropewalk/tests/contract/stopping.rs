//! Contract: stopping in order.

use std::sync::mpsc;
use std::time::Duration;

use ropewalk::protocol::Kind;
use ropewalk::{Reactor, Timer};

use crate::rig::{Call, Kind as Engine, Script, WATCHDOG, on, on_every_engine};

/// One loop over real sockets.
fn is_real_loop(kind: Engine) -> bool {
    kind.is_one_loop() && !kind.is_memory()
}

#[test]
fn what_was_written_before_the_reactor_was_stopped_still_arrives() {
    on_every_engine(|rig| {
        let much = rig.kind.too_much();
        let server = rig.serve(Script::new().data(move |transport, _| {
            transport.write(&vec![7; much]);
            transport.net().stop();
        }));
        let mut peer = rig.dial(server);
        peer.send(b"x");
        assert!(peer.read_to_end().unwrap() == vec![7; much]);
        drop(peer);
        rig.until_lost(1);
        let mut calls = rig.log.calls();
        calls.retain(|call| !matches!(call, Call::Pause | Call::Resume));
        let data = Call::Data(b"x".into());
        assert_eq!(calls, [Call::Made, data, Call::Stopping, Call::Lost(Kind::Closed)]);
    });
}

#[test]
fn a_protocol_that_is_told_to_stop_may_take_its_time() {
    on(
        |kind| kind.accepts_by_an_engine(),
        |rig| {
            let script = Script::new()
                .stopping(|transport| {
                    transport.write(b"last");
                    transport.set_timer(Timer(1), Duration::from_millis(1));
                })
                .timer(|transport| {
                    transport.write(b" words");
                    transport.close();
                });
            let server = rig.serve(script);
            let mut peer = rig.dial(server);
            rig.until_call(Call::Made);
            rig.remote(server).stop().unwrap();
            assert_eq!(peer.read_to_end().unwrap(), b"last words");
            drop(peer);
            rig.until_lost(1);
            let seen = [Call::Made, Call::Stopping, Call::Timer(1), Call::Lost(Kind::Closed)];
            assert_eq!(rig.log.calls(), seen);
        },
    );
}

#[test]
fn a_connection_that_is_closing_is_not_told_to_stop() {
    on(
        |kind| kind.accepts_by_an_engine(),
        |rig| {
            let much = rig.kind.too_much();
            let server = rig.serve(Script::sends_and_closes(much));
            let mut peer = rig.dial(server);
            rig.until_call(Call::Made);
            rig.remote(server).stop().unwrap();
            assert!(peer.read_to_end().unwrap() == vec![7; much]);
            drop(peer);
            rig.until_lost(1);
            assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Closed)]);
        },
    );
}

#[test]
fn what_had_arrived_when_the_stop_came_is_answered() {
    // Only a loop on real sockets can be held up while something arrives in its kernel, and
    // only a peer without a handshake connects to one that is.
    let is_held_up = |kind: Engine| is_real_loop(kind) && kind.is_plain();
    on(is_held_up, |rig| {
        let server = rig.serve(Script::echo());
        let mut peer = rig.dial(server);
        rig.until_call(Call::Made);
        let (held, hold) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let wait = move |net: &dyn ropewalk::Net| {
            held.send(()).unwrap();
            released.recv_timeout(WATCHDOG).unwrap();
            net.stop();
        };
        rig.remote(server).call(wait).unwrap();
        hold.recv_timeout(WATCHDOG).unwrap();
        // The loop stands still, and then stops before it looks at any socket.
        peer.send(b"in time");
        let mut queued = rig.dial(server);
        queued.send(b"me too");
        release.send(()).unwrap();
        assert_eq!(peer.read_to_end().unwrap(), b"in time");
        assert_eq!(queued.read_to_end().unwrap(), b"me too");
        rig.until_lost(2);
        let closed = Call::Lost(Kind::Closed);
        let seen = [Call::Made, Call::Data(b"in time".into()), Call::Stopping, closed];
        assert_eq!(rig.log.of(0), seen);
    });
}

#[test]
fn the_grace_cuts_who_stays_and_counts_it() {
    // The report is a real engine's; in memory there is nobody to run to the end.
    on(
        |kind| !kind.is_memory() && kind.is_here(),
        |rig| {
            // The first stays, the second goes.
            let first = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
            let server = rig.serve(Script::echo().stopping(move |transport| {
                if !first.swap(false, std::sync::atomic::Ordering::Relaxed) {
                    transport.close();
                }
            }));
            let peers = [rig.dial(server), rig.dial(server)];
            rig.until("both", |calls| calls.len() == 2);
            let report = rig.stop(server, Duration::from_millis(300));
            assert_eq!((report.open, report.ended, report.cut), (2, 1, 1), "{report:?}");
            drop(peers);
            let calls: Vec<Call> = rig.log.all().into_iter().map(|(_, call)| call).collect();
            let count = |call: Call| calls.iter().filter(|seen| **seen == call).count();
            assert_eq!(count(Call::Stopping), 2);
            assert_eq!(count(Call::Lost(Kind::Stopped)), 1);
            assert_eq!(count(Call::Lost(Kind::Closed)), 1);
        },
    );
}

#[test]
fn a_reactor_that_stopped_runs_again() {
    let reactor = Reactor::new().unwrap();
    let log = crate::rig::Log::default();
    for round in 0..3 {
        let (script, seen) = (Script::echo(), log.clone());
        let factory = move || script.protocol(&seen);
        let listener = reactor.listen_tcp(("127.0.0.1", 0), factory).unwrap();
        let (addr, remote) = (listener.addrs()[0].clone(), reactor.remote());
        let client = std::thread::spawn(move || {
            use std::io::{Read, Write};
            let mut peer = crate::rig::dial_socket(&addr).unwrap();
            peer.write_all(b"x").unwrap();
            let mut answer = [0];
            peer.read_exact(&mut answer).unwrap();
            remote.stop().unwrap();
            answer
        });
        reactor.run().unwrap();
        assert_eq!(client.join().unwrap(), *b"x", "in round {round}");
        assert_eq!(reactor.connections(), 0);
        let end = log.of(round).last().cloned();
        assert!(matches!(end, Some(Call::Lost(Kind::Closed | Kind::PeerClosed))), "{end:?}");
    }
    assert!(log.broken().is_empty());
}

#[test]
fn a_stop_asked_for_twice_is_one() {
    on(
        |kind| kind.accepts_by_an_engine(),
        |rig| {
            let server = rig.serve(Script::new());
            let mut peer = rig.dial(server);
            rig.until_call(Call::Made);
            let remote = rig.remote(server);
            remote
                .call(|net| {
                    net.stop();
                    net.stop()
                })
                .unwrap();
            assert_eq!(peer.read_to_end().unwrap(), b"");
            drop(peer);
            rig.until_lost(1);
            assert_eq!(rig.log.calls(), [Call::Made, Call::Stopping, Call::Lost(Kind::Closed)]);
        },
    );
}
