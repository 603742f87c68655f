//! Contract: the peer closes.

use ropewalk::protocol::Kind;

use crate::rig::{Call, Script, on_every_engine};

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
