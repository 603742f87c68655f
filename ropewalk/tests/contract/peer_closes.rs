//! Contract: the peer closes.

use ropewalk::protocol::Kind;

use crate::rig::{Call, Script, on, on_every_engine};

#[test]
fn bytes_then_end_of_input_are_seen_in_that_order() {
    on_every_engine(|rig| {
        let server = rig.serve(Script::new());
        let mut peer = rig.dial(server);
        peer.send(b"hello");
        peer.shutdown_write();
        assert_eq!(peer.read_to_end().unwrap(), b"");
        rig.until_lost(1);
        let seen =
            [Call::Made, Call::Data(b"hello".into()), Call::Eof, Call::Lost(Kind::PeerClosed)];
        assert_eq!(rig.log.calls(), seen);
    });
}

#[test]
fn all_of_a_long_message_comes_before_its_end() {
    on_every_engine(|rig| {
        let server = rig.serve(Script::new().data(|transport, _| {
            assert!(transport.is_open(), "the peer's end must not close us before its data");
        }));
        let mut peer = rig.dial(server);
        peer.send(&[7; 100_000]);
        peer.shutdown_write();
        assert_eq!(peer.read_to_end().unwrap(), b"");
        rig.until_lost(1);
        let data = Call::Data(vec![7; 100_000]);
        let seen = [Call::Made, data, Call::Eof, Call::Lost(Kind::PeerClosed)];
        assert!(rig.log.calls() == seen);
    });
}

#[test]
fn an_answer_to_a_peer_that_ended_its_input_is_not_lost() {
    on_every_engine(|rig| {
        let server = rig.serve(Script::new().eof(|transport| {
            transport.write(&vec![7; 3_000_000]);
            transport.close();
        }));
        let mut peer = rig.dial(server);
        peer.send(b"ask");
        peer.shutdown_write();
        assert!(peer.read_to_end().unwrap() == vec![7; 3_000_000]);
        rig.until_lost(1);
        assert!(rig.log.calls().contains(&Call::Lost(Kind::PeerClosed)));
    });
}

#[test]
fn end_of_input_does_not_drop_what_is_unsent() {
    on_every_engine(|rig| {
        let much = rig.kind.too_much();
        // A plain protocol: at the peer's end of input it closes.
        let server = rig.serve(Script::new().data(move |transport, _| {
            transport.write(&vec![7; much]);
        }));
        let mut peer = rig.dial(server);
        peer.send(b"?");
        peer.shutdown_write();
        rig.until_call(Call::Eof);
        assert!(peer.read_to_end().unwrap() == vec![7; much]);
        rig.until_lost(1);
        assert_eq!(rig.log.calls().last(), Some(&Call::Lost(Kind::PeerClosed)));
    });
}

#[test]
fn end_of_input_after_close_cuts_nothing() {
    on_every_engine(|rig| {
        let much = rig.kind.too_much();
        let server = rig.serve(Script::sends_and_closes(much));
        let mut peer = rig.dial(server);
        peer.shutdown_write();
        assert!(peer.read_to_end().unwrap() == vec![7; much]);
        rig.until_lost(1);
        // Nobody reads any more, so the end is seen or not, but never told.
        let calls = rig.log.calls();
        let [Call::Made, Call::Lost(Kind::Closed | Kind::PeerClosed)] = calls[..] else {
            panic!("{calls:?}");
        };
    });
}

#[test]
fn a_reset_of_an_idle_connection_is_told_as_one() {
    // Only TCP and memory have a reset.
    on(
        |kind| kind.has_reset(),
        |rig| {
            let server = rig.serve(Script::new());
            let peer = rig.dial(server);
            rig.until_call(Call::Made);
            peer.reset();
            rig.until_lost(1);
            assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Reset)]);
        },
    );
}

#[test]
fn bytes_before_a_reset_are_delivered() {
    // Only TCP and memory have a reset.
    on(
        |kind| kind.has_reset(),
        |rig| {
            let server = rig.serve(Script::new());
            let mut peer = rig.dial(server);
            peer.send(b"12345678");
            peer.reset();
            rig.until_lost(1);
            let data = Call::Data(b"12345678".into());
            assert_eq!(rig.log.calls(), [Call::Made, data, Call::Lost(Kind::Reset)]);
        },
    );
}

#[test]
fn a_reset_while_we_write_is_told_as_one() {
    // Only TCP and memory have a reset.
    on(
        |kind| kind.has_reset(),
        |rig| {
            let much = rig.kind.too_much();
            let server = rig.serve(Script::new().made(move |transport| {
                transport.write(&vec![7; much]);
            }));
            let peer = rig.dial(server);
            rig.until_call(Call::Pause);
            peer.reset();
            rig.until_lost(1);
            assert_eq!(rig.log.calls(), [Call::Made, Call::Pause, Call::Lost(Kind::Reset)]);
        },
    );
}
