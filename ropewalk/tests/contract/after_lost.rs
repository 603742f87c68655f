//! Contract: inside connection_lost, and after it.

use std::time::Duration;

use ropewalk::protocol::{HandleError, Kind};
use ropewalk::{Flow, Timer};

use crate::rig::{Call, Kept, Script, on, on_every_engine};

#[test]
fn what_connection_lost_asks_for_goes_nowhere() {
    on_every_engine(|rig| {
        let log = rig.log.clone();
        let server = rig.serve(Script::new().lost(move |transport, _| {
            let flow = transport.write(b"too late");
            transport.shutdown_write();
            transport.close();
            transport.abort();
            transport.pause_reading();
            transport.resume_reading();
            transport.set_timer(Timer(1), Duration::ZERO);
            transport.set_idle_timeout(Some(Duration::ZERO));
            transport.set_water_marks(0, 0);
            log.note(0, format!("{flow:?} {}", transport.is_open()));
        }));
        let mut peer = rig.dial(server);
        peer.shutdown_write();
        assert_eq!(peer.read_to_end().unwrap(), b"");
        rig.until_lost(1);
        rig.until("the note", |calls| calls.len() == 4);
        let note = Call::Note(format!("{:?} false", Flow::Closed));
        let lost = Call::Lost(Kind::PeerClosed);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Eof, lost, note]);
        // The engine goes on, and with it whatever was wrongly asked of it.
        let mut other = rig.dial(server);
        other.shutdown_write();
        assert_eq!(other.read_to_end().unwrap(), b"");
        let later = |call: &Call| !matches!(call, Call::Note(_));
        assert_eq!(rig.log.calls().into_iter().filter(later).count(), 3);
    });
}

#[test]
fn both_addresses_answer_in_connection_lost() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let (seen, again) = (Kept::new(), Kept::new());
            let (first, second) = (seen.clone(), again.clone());
            let script = Script::new()
                .made(move |t| first.put((t.local_addr(), t.peer_addr())))
                .lost(move |t, _| second.put((t.local_addr(), t.peer_addr())));
            let server = rig.serve(script);
            let mut peer = rig.dial(server);
            rig.until_call(Call::Made);
            peer.shutdown_write();
            rig.until_lost(1);
            assert_eq!(seen.first(), again.first());
        },
    );
}

#[test]
fn a_handle_made_in_connection_lost_is_gone_already() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let answers = Kept::new();
            let answer = answers.clone();
            let server = rig.serve(Script::new().lost(move |transport, _| {
                let handle = transport.handle();
                answer.put((handle.is_gone(), handle.write(b"x")));
            }));
            rig.dial(server).shutdown_write();
            rig.until_lost(1);
            assert_eq!(answers.first(), (true, Err(HandleError::Gone)));
        },
    );
}
