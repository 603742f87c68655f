//! Contract: a handle reaches one connection, from anywhere, and never another.

use ropewalk::limits::MAIL_ITEMS;
use ropewalk::protocol::{HandleError, Kind};
use ropewalk::{Flow, Handle, Transport};

use crate::rig::{Call, Kept, Script, on, on_every_engine};

/// Keeps its handle when it is made, and otherwise echoes.
fn keeps(kept: &Kept<Handle>) -> Script {
    let kept = kept.clone();
    Script::echo().made(move |transport| kept.put(transport.handle()))
}

#[test]
fn a_handle_of_ones_own_writes_in_order_and_calls_back_later() {
    on_every_engine(|rig| {
        let log = rig.log.clone();
        let script = Script::new().made(move |transport| {
            let handle = transport.handle();
            transport.write(b"1");
            assert_eq!(handle.write(b"2"), Ok(Flow::More));
            transport.write(b"3");
            handle.event("told".to_owned()).unwrap();
            let called = log.clone();
            handle
                .call(move |transport| {
                    called.note(0, "called");
                    transport.write(b"4");
                    transport.close();
                })
                .unwrap();
            log.note(0, "made returns");
        });
        let server = rig.serve(script);
        assert_eq!(rig.dial(server).read_to_end().unwrap(), b"1234");
        rig.until_lost(1);
        let note = |what: &str| Call::Note(what.into());
        let told = [note("made returns"), Call::Event("told".into()), note("called")];
        let seen = [&[Call::Made][..], &told, &[Call::Lost(Kind::Closed)]].concat();
        assert_eq!(rig.log.calls(), seen);
    });
}

#[test]
fn a_handle_reaches_its_connection_from_another_thread() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let kept = Kept::new();
            let server = rig.serve(keeps(&kept).event(|transport| transport.close()));
            let mut peer = rig.dial(server);
            rig.until_call(Call::Made);
            let handle = kept.first();
            let asked = handle.clone();
            let asking = std::thread::spawn(move || {
                asked.write(b"hello").unwrap();
                asked
                    .call(|transport| {
                        transport.write(b", world");
                    })
                    .unwrap();
                asked.event("over".to_owned()).unwrap();
            });
            asking.join().unwrap();
            assert_eq!(peer.read_to_end().unwrap(), b"hello, world");
            drop(peer);
            rig.until_lost(1);
            let seen = [Call::Made, Call::Event("over".into()), Call::Lost(Kind::Closed)];
            assert_eq!(rig.log.calls(), seen);
        },
    );
}

#[test]
fn a_callback_writes_to_another_connection_and_closes_it() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let (kept, log) = (Kept::new(), rig.log.clone());
            let others = kept.clone();
            let server = rig.serve(keeps(&kept).data(move |_, data| {
                let other = others.first();
                if data == b"x" {
                    other.write(b"from the other").unwrap();
                    return;
                }
                other.close().unwrap();
                log.note(1, "returns");
            }));
            let mut first = rig.dial(server);
            rig.until_call(Call::Made);
            kept.first(); // before the second one's
            let mut second = rig.dial(server);
            second.send(b"x");
            assert_eq!(first.read_exact(14).unwrap(), b"from the other");
            second.send(b"c");
            assert_eq!(first.read_to_end().unwrap(), b"");
            drop(first);
            rig.until_lost(1);
            assert_eq!(rig.log.of(0), [Call::Made, Call::Lost(Kind::Closed)]);
            if rig.kind.is_one_loop() {
                // It hears of its end when the callback has returned.
                let all = rig.log.all();
                let at = |call: Call| all.iter().position(|(_, seen)| *seen == call);
                assert!(at(Call::Note("returns".into())) < at(Call::Lost(Kind::Closed)), "{all:?}");
            }
        },
    );
}

#[test]
fn an_event_for_another_connection_does_not_nest() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let (kept, log) = (Kept::new(), rig.log.clone());
            let others = kept.clone();
            let server = rig.serve(keeps(&kept).data(move |_, _| {
                others.first().event("hello".to_owned()).unwrap();
                let called = log.clone();
                others.first().call(move |_| called.note(0, "called")).unwrap();
                log.note(1, "returns");
            }));
            let _first = rig.dial(server);
            rig.until_call(Call::Made);
            kept.first(); // before the second one's
            let mut second = rig.dial(server);
            second.send(b"x");
            rig.until_call(Call::Note("called".into()));
            rig.until_call(Call::Note("returns".into()));
            let seen = [Call::Made, Call::Event("hello".into()), Call::Note("called".into())];
            assert_eq!(rig.log.of(0), seen);
            if rig.kind.is_one_loop() {
                let all = rig.log.all();
                let at = |call: Call| all.iter().position(|(_, seen)| *seen == call);
                let event = at(Call::Event("hello".into()));
                assert!(at(Call::Note("returns".into())) < event, "{all:?}");
            }
        },
    );
}

#[test]
fn a_handle_of_a_connection_that_is_over_is_gone() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let kept = Kept::new();
            let server = rig.serve(keeps(&kept));
            let peer = rig.dial(server);
            rig.until_call(Call::Made);
            let handle = kept.first();
            assert!(!handle.is_gone());
            peer.close();
            rig.until_lost(1);
            assert!(handle.is_gone());
            let gone = Err(HandleError::Gone);
            assert_eq!(handle.write(b"x"), Err(HandleError::Gone));
            assert_eq!(handle.close(), gone);
            assert_eq!(handle.abort(), gone);
            assert_eq!(handle.shutdown_write(), gone);
            assert_eq!(handle.pause_reading(), gone);
            assert_eq!(handle.resume_reading(), gone);
            assert_eq!(handle.event("x".to_owned()), gone);
            assert_eq!(handle.call(|_| panic!("called")), gone);
        },
    );
}

#[test]
fn a_handle_never_reaches_a_later_connection() {
    // A request that is under way while its connection ends and another takes its place:
    // only in memory is it known what the engine does between two of our steps.
    on(
        // A handshake has steps of its own.
        |kind| kind.is_memory() && kind.is_plain(),
        |rig| {
            let kept = Kept::new();
            let server = rig.serve(keeps(&kept));
            let _first = rig.dial(server);
            rig.until_call(Call::Made);
            // Nothing else is under way, so the second one is the next event of all.
            rig.network().run_for(std::time::Duration::from_secs(1));
            let mut second = rig.dial(server);
            let (handle, remote) = (kept.first(), rig.remote(server));
            let abort = handle.clone();
            remote.call(move |_| abort.abort().unwrap()).unwrap();
            // A turn takes so many letters: the next one is for a later turn.
            for _ in 1..ropewalk::limits::TURN_MAIL {
                remote.call(|_| {}).unwrap();
            }
            handle.write(b"stray").unwrap();
            rig.until("the second", |calls| calls.contains(&(1, Call::Made)));
            let [first, second_handle] = &kept.all()[..] else { panic!("two") };
            assert_ne!(first.id(), second_handle.id());
            assert_eq!(first.id().slot, second_handle.id().slot, "or this shows nothing");
            second.send(b"echo");
            assert_eq!(second.read_exact(4).unwrap(), b"echo");
        },
    );
}

#[test]
fn requests_that_wait_are_bounded_and_the_next_is_refused() {
    on_every_engine(|rig| {
        let script = Script::new().made(|transport| {
            let handle = transport.handle();
            for number in 0..MAIL_ITEMS {
                assert_eq!(handle.event(number.to_string()), Ok(()));
            }
            assert_eq!(handle.event("one too many".to_owned()), Err(HandleError::Full));
            assert_eq!(handle.call(|_| panic!("called")), Err(HandleError::Full));
        });
        let server = rig.serve(script);
        let peer = rig.dial(server);
        rig.until_call(Call::Event((MAIL_ITEMS - 1).to_string()));
        let calls = rig.log.calls();
        let in_order = (0..MAIL_ITEMS).map(|number| Call::Event(number.to_string()));
        assert!(calls[1..].iter().cloned().eq(in_order));
        peer.close();
        rig.until_lost(1);
        assert_eq!(rig.log.calls().last(), Some(&Call::Lost(Kind::PeerClosed)));
    });
}

#[test]
fn a_handles_pause_and_shutdown_are_the_transports() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let (kept, log) = (Kept::new(), rig.log.clone());
            let server = rig.serve(keeps(&kept).data(|_, _| {}));
            let mut peer = rig.dial(server);
            rig.until_call(Call::Made);
            let handle = kept.first();
            handle.pause_reading().unwrap();
            // By mail, so what follows by mail comes after it; the bytes may come at any time.
            handle
                .call(|transport: &mut dyn Transport| {
                    transport.write(b"paused");
                })
                .unwrap();
            assert_eq!(peer.read_exact(6).unwrap(), b"paused");
            peer.send(b"x");
            handle.call(move |_| log.note(0, "resuming")).unwrap();
            handle.resume_reading().unwrap();
            handle.shutdown_write().unwrap();
            assert_eq!(peer.read_to_end().unwrap(), b"");
            peer.close();
            rig.until_lost(1);
            let data = [Call::Note("resuming".into()), Call::Data(b"x".into())];
            let end = [Call::Eof, Call::Lost(Kind::PeerClosed)];
            assert_eq!(rig.log.calls(), [&[Call::Made][..], &data, &end].concat());
        },
    );
}
