//! Contract: abort ends now, with a reset, and is told after the call.

use std::io::ErrorKind;

use ropewalk::protocol::Kind;

use crate::rig::{Call, Kept, Peer, Rig, Script, on, on_every_engine};

const OVER: Call = Call::Lost(Kind::Aborted);

/// A cut answer does not look whole, where the family has a way to say so.
#[track_caller]
fn assert_cut(rig: &Rig, peer: &mut dyn Peer) {
    let (data, error) = peer.read_until_over();
    assert_eq!(data, b"");
    if rig.kind.has_reset() {
        assert_eq!(error, Some(ErrorKind::ConnectionReset));
    }
}

#[test]
fn abort_drops_what_is_unsent_and_counts_it() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let unsent = Kept::new();
            let left = unsent.clone();
            let script = Script::new().made(|transport| {
                transport.write(&[7; 10]);
                transport.abort();
                transport.abort();
                transport.close();
                transport.write(b"more");
            });
            let server = rig.serve(script.lost(move |_, why| left.put(why.unsent())));
            let mut peer = rig.dial(server);
            rig.until_lost(1);
            assert_eq!(rig.log.calls(), [Call::Made, OVER]);
            // Beside what was written, the rest of a handshake may be unsent.
            let unsent = unsent.first();
            assert!(unsent == 10 || unsent > 10 && !rig.kind.is_plain(), "{unsent}");
            assert_cut(rig, &mut *peer);
        },
    );
}

#[test]
fn abort_in_data_received_returns_before_the_end_is_told() {
    on_every_engine(|rig| {
        let log = rig.log.clone();
        let server = rig.serve(Script::new().data(move |transport, _| {
            transport.abort();
            log.note(0, "abort returned");
        }));
        let mut peer = rig.dial(server);
        peer.send(b"x");
        rig.until_lost(1);
        let returned = Call::Note("abort returned".into());
        assert_eq!(rig.log.calls(), [Call::Made, Call::Data(b"x".into()), returned, OVER]);
        assert_cut(rig, &mut *peer);
    });
}

#[test]
fn abort_then_a_panic_is_still_an_abort() {
    on_every_engine(|rig| {
        let server = rig.serve(Script::new().data(|transport, _| {
            transport.abort();
            panic!("after the abort");
        }));
        let mut peer = rig.dial(server);
        peer.send(b"x");
        rig.until_lost(1);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Data(b"x".into()), OVER]);
        assert_cut(rig, &mut *peer);
    });
}
