//! Contract: one direction ends, the other goes on.

use std::time::Duration;

use ropewalk::protocol::Kind;
use ropewalk::{Flow, Timer};

use crate::rig::{Call, Script, on_every_engine};

const OVER: Call = Call::Lost(Kind::PeerClosed);

#[test]
fn a_reply_after_the_peers_end_of_input_may_take_its_time() {
    on_every_engine(|rig| {
        let script = Script::new().eof(|transport| {
            transport.write(b"reply");
            transport.set_timer(Timer(1), Duration::from_millis(1));
        });
        let server = rig.serve(script.timer(|transport| {
            transport.write(b", more");
            transport.close();
        }));
        let mut peer = rig.dial(server);
        peer.send(b"q");
        peer.shutdown_write();
        assert_eq!(peer.read_to_end().unwrap(), b"reply, more");
        rig.until_lost(1);
        let seen = [Call::Made, Call::Data(b"q".into()), Call::Eof, Call::Timer(1), OVER];
        assert_eq!(rig.log.calls(), seen);
    });
}

#[test]
fn both_halves_closed_by_us_last_is_one_end() {
    on_every_engine(|rig| {
        let server = rig.serve(Script::new().eof(|transport| {
            transport.write(b"reply");
            transport.shutdown_write();
        }));
        let mut peer = rig.dial(server);
        peer.send(b"q");
        peer.shutdown_write();
        assert_eq!(peer.read_to_end().unwrap(), b"reply");
        rig.until_lost(1);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Data(b"q".into()), Call::Eof, OVER]);
    });
}

#[test]
fn both_halves_closed_by_the_peer_last_is_one_end() {
    on_every_engine(|rig| {
        let script = Script::new().made(|transport| transport.shutdown_write());
        let server = rig.serve(script.eof(|_| {}));
        let mut peer = rig.dial(server);
        assert_eq!(peer.read_to_end().unwrap(), b"");
        peer.send(b"still heard");
        peer.shutdown_write();
        rig.until_lost(1);
        let data = Call::Data(b"still heard".into());
        assert_eq!(rig.log.calls(), [Call::Made, data, Call::Eof, OVER]);
    });
}

#[test]
fn a_write_after_shutdown_write_is_dropped_and_says_so() {
    on_every_engine(|rig| {
        let server = rig.serve(Script::new().made(|transport| {
            transport.write(b"abc");
            transport.shutdown_write();
            assert_eq!(transport.write(b"def"), Flow::Closed);
        }));
        let mut peer = rig.dial(server);
        assert_eq!(peer.read_to_end().unwrap(), b"abc");
        peer.close();
        rig.until_lost(1);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Eof, OVER]);
    });
}

#[test]
fn close_after_shutdown_write_does_not_call_back_inside() {
    on_every_engine(|rig| {
        let log = rig.log.clone();
        let script = Script::new().made(|transport| transport.shutdown_write());
        let server = rig.serve(script.data(move |transport, _| {
            transport.close();
            log.note(0, "close returned");
        }));
        let mut peer = rig.dial(server);
        assert_eq!(peer.read_to_end().unwrap(), b"");
        peer.send(b"x");
        rig.until_lost(1);
        let returned = Call::Note("close returned".into());
        let (data, lost) = (Call::Data(b"x".into()), Call::Lost(Kind::Closed));
        assert_eq!(rig.log.calls(), [Call::Made, data, returned, lost]);
    });
}

#[test]
fn shutdown_write_of_a_plain_protocol_ends_with_the_peers_end() {
    on_every_engine(|rig| {
        let server = rig.serve(Script::new().data(|transport, data| {
            transport.write(data);
            transport.shutdown_write();
        }));
        let mut peer = rig.dial(server);
        peer.send(b"x");
        assert_eq!(peer.read_to_end().unwrap(), b"x");
        peer.close();
        rig.until_lost(1);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Data(b"x".into()), Call::Eof, OVER]);
    });
}
