//! Contract: a protocol that paused reading, and what waits for it.

use std::time::Duration;

use ropewalk::protocol::Kind;
use ropewalk::{Timer, Transport};

use crate::rig::{Call, Kept, Script, on, on_every_engine};

const RESUMED: &str = "resumed";

/// Pauses when it is made, and keeps its handle.
fn paused(kept: &Kept<ropewalk::Handle>) -> Script {
    let kept = kept.clone();
    Script::new().made(move |transport| {
        transport.pause_reading();
        kept.put(transport.handle());
    })
}

/// Resumes as soon as a reset was noticed: a paused connection looks all the same.
fn resume_when_broken(script: Script, log: &crate::rig::Log) -> Script {
    const LOOK: Timer = Timer(1);
    let log = log.clone();
    let look = |transport: &mut dyn Transport| {
        transport.pause_reading();
        transport.set_timer(LOOK, Duration::from_millis(1));
    };
    script.made(look).timer(move |transport| {
        if transport.is_open() {
            return transport.set_timer(LOOK, Duration::from_millis(1));
        }
        log.note(0, RESUMED);
        transport.resume_reading();
    })
}

fn without_timers(mut calls: Vec<Call>) -> Vec<Call> {
    calls.retain(|call| !matches!(call, Call::Timer(_)));
    calls
}

#[test]
fn data_and_the_end_of_input_wait_for_a_resume() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let (kept, log) = (Kept::new(), rig.log.clone());
            let server = rig.serve(paused(&kept));
            let mut peer = rig.dial(server);
            rig.until_call(Call::Made);
            peer.send(b"waits");
            peer.shutdown_write();
            let resume = move |transport: &mut dyn Transport| {
                log.note(0, RESUMED);
                transport.resume_reading();
            };
            kept.first().call(resume).unwrap();
            assert_eq!(peer.read_to_end().unwrap(), b"");
            rig.until_lost(1);
            let (resumed, data) = (Call::Note(RESUMED.into()), Call::Data(b"waits".into()));
            let lost = Call::Lost(Kind::PeerClosed);
            assert_eq!(rig.log.calls(), [Call::Made, resumed, data, Call::Eof, lost]);
        },
    );
}

#[test]
fn a_pause_in_data_received_holds_the_rest() {
    on_every_engine(|rig| {
        // Pauses at each piece; a timer resumes, and says so.
        let log = rig.log.clone();
        let script = Script::new().data(|transport, data| {
            transport.write(data);
            transport.pause_reading();
            transport.set_timer(Timer(1), Duration::from_millis(1));
        });
        let server = rig.serve(script.timer(move |transport| {
            log.note(0, RESUMED);
            transport.resume_reading();
        }));
        let mut peer = rig.dial(server);
        peer.send(&[7; 200_000]);
        peer.shutdown_write();
        assert_eq!(peer.read_to_end().unwrap().len(), 200_000);
        rig.until_lost(1);
        // Two pieces are never joined in the log: a timer stands between them.
        let calls = rig.log.calls();
        let is_data = |call: &&Call| matches!(call, Call::Data(_));
        let pieces = calls.iter().filter(is_data).count();
        let timers = calls.iter().filter(|call| **call == Call::Timer(1)).count();
        assert!(pieces > 1, "one piece shows nothing");
        assert_eq!(pieces, timers);
        assert_eq!(calls.last(), Some(&Call::Lost(Kind::PeerClosed)));
    });
}

#[test]
fn pause_and_resume_in_one_callback_change_nothing() {
    on_every_engine(|rig| {
        let server = rig.serve(Script::echo().made(|transport| {
            transport.pause_reading();
            transport.pause_reading();
            transport.resume_reading();
        }));
        let mut peer = rig.dial(server);
        peer.send(b"x");
        assert_eq!(peer.read_exact(1).unwrap(), b"x");
    });
}

#[test]
fn a_reset_while_paused_is_noticed_and_told_after_the_data() {
    // Only TCP and memory have a reset.
    on(
        |kind| kind.has_reset(),
        |rig| {
            let server = rig.serve(resume_when_broken(Script::new(), &rig.log));
            let mut peer = rig.dial(server);
            rig.until_call(Call::Made);
            peer.send(b"12345678");
            peer.reset();
            rig.until_lost(1);
            let (resumed, data) = (Call::Note(RESUMED.into()), Call::Data(b"12345678".into()));
            let seen = [Call::Made, resumed, data, Call::Lost(Kind::Reset)];
            assert_eq!(without_timers(rig.log.calls()), seen);
        },
    );
}

#[test]
fn a_reset_while_paused_and_writing_is_told_as_one() {
    // Only TCP and memory have a reset.
    on(
        |kind| kind.has_reset(),
        |rig| {
            let much = rig.kind.too_much();
            let script = resume_when_broken(Script::new(), &rig.log);
            let server = rig.serve(script.made(move |transport| {
                transport.pause_reading();
                transport.write(&vec![7; much]);
                transport.set_timer(Timer(1), Duration::from_millis(1));
            }));
            let peer = rig.dial(server);
            rig.until_call(Call::Pause);
            peer.reset();
            rig.until_lost(1);
            let resumed = Call::Note(RESUMED.into());
            let seen = [Call::Made, Call::Pause, resumed, Call::Lost(Kind::Reset)];
            assert_eq!(without_timers(rig.log.calls()), seen);
        },
    );
}

#[test]
fn a_reset_that_nobody_resumes_for_comes_after_a_minute() {
    // Virtual time.
    on(
        |kind| kind.is_memory(),
        |rig| {
            let (kept, left) = (Kept::new(), Kept::new());
            let undelivered = left.clone();
            let script = paused(&kept).lost(move |_, why| undelivered.put(why.undelivered()));
            let server = rig.serve(script);
            let mut peer = rig.dial(server);
            rig.until_call(Call::Made);
            peer.send(b"12345678");
            peer.reset();
            rig.until_lost(1);
            assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Reset)]);
            // Of a record, all of it is undelivered.
            let left = left.first();
            assert!(left == 8 || left > 8 && !rig.kind.is_plain(), "{left}");
            let minute = Duration::from_secs(60);
            assert!((minute..minute + Duration::from_secs(1)).contains(&rig.now()));
        },
    );
}

#[test]
fn the_end_of_input_is_shown_to_observers_while_reading_is_paused() {
    use ropewalk::observe::Observer;
    use ropewalk::protocol::ConnectionId;
    use std::sync::Arc;

    struct Watch(Kept<()>);
    impl Observer for Watch {
        fn peer_ended(&self, _: ConnectionId) {
            self.0.put(());
        }
    }
    // The rig has no observer, so a reactor of the test's own.
    let (log, ended) = (crate::rig::Log::default(), Kept::new());
    let observer = Arc::new(Watch(ended.clone()));
    let reactor = ropewalk::Reactor::builder().observer(observer).build().unwrap();
    let kept = Kept::new();
    let (script, seen) = (paused(&kept), log.clone());
    let listener = reactor.listen_tcp(("127.0.0.1", 0), move || script.protocol(&seen)).unwrap();
    let (addr, remote) = (listener.addrs()[0].ip().unwrap(), reactor.remote());
    let client = std::thread::spawn(move || {
        let peer = std::net::TcpStream::connect(addr).unwrap();
        peer.shutdown(std::net::Shutdown::Write).unwrap();
        ended.first();
        let before = log.calls();
        kept.first().resume_reading().unwrap();
        assert!(log.wait(&|calls| calls.iter().any(|(_, call)| matches!(call, Call::Lost(_)))));
        remote.stop().unwrap();
        (before, log.calls())
    });
    reactor.run().unwrap();
    let (before, after) = client.join().unwrap();
    assert_eq!(before, [Call::Made]);
    assert_eq!(after, [Call::Made, Call::Eof, Call::Lost(Kind::PeerClosed)]);
}
