//! Contract: we close.

use ropewalk::Flow;
use ropewalk::protocol::Kind;

use crate::rig::{Call, Script, on_every_engine};

#[test]
fn close_in_connection_made_ends_in_order() {
    on_every_engine(|rig| {
        let server = rig.serve(Script::new().made(|transport| transport.close()));
        let mut peer = rig.dial(server);
        assert_eq!(peer.read_to_end().unwrap(), b"");
        drop(peer);
        rig.until_lost(1);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Closed)]);
    });
}

#[test]
fn a_write_after_close_is_dropped_and_says_so() {
    on_every_engine(|rig| {
        let server = rig.serve(Script::new().made(|transport| {
            assert_eq!(transport.write(b"abc"), Flow::More);
            transport.close();
            assert_eq!(transport.write(b"def"), Flow::Closed);
        }));
        assert_eq!(rig.dial(server).read_to_end().unwrap(), b"abc");
        rig.until_lost(1);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Closed)]);
    });
}
