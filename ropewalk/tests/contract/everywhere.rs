//! Contract: one protocol, wherever it is deployed, sees the same, and so does its peer.

use std::time::Duration;

use ropewalk::limits::Limits;
use ropewalk::protocol::Kind as Reason;
use ropewalk::{Timer, Transport};

use crate::rig::{Call, Kind, Peer, Rig, Script};

/// Every way to deploy a protocol over TCP that this build and machine has.
const DEPLOYMENTS: &[Kind] = &[
    Kind::SerialTcp,
    Kind::ThreadingTcp,
    Kind::PoolTcp,
    #[cfg(target_os = "linux")] // where the rig can fork
    Kind::ForkTcp,
    Kind::ThreadsTcp,
    Kind::PollTcp,
    #[cfg(all(feature = "uring", target_os = "linux"))] // the feature's own engine
    Kind::UringTcp,
    Kind::Memory,
];

/// A protocol with something in each callback: it greets, answers in capitals, pauses after a
/// word until a timer comes, and closes when its peer has ended.
fn protocol() -> Script {
    Script::new()
        .made(|transport| {
            transport.write(b"welcome\n");
        })
        .data(|transport, data| {
            transport.write(&data.to_ascii_uppercase());
            if data.ends_with(b"rest\n") {
                transport.pause_reading();
                transport.set_timer(Timer(1), Duration::from_millis(1));
            }
        })
        .timer(|transport| {
            transport.write(b"rested\n");
            transport.resume_reading();
        })
        .eof(|transport: &mut dyn Transport| {
            transport.write(b"bye\n");
            transport.close();
        })
}

/// What the peer does, and what it gets.
fn talk(peer: &mut dyn Peer) -> Vec<u8> {
    let mut got = peer.read_exact(8).unwrap();
    for (word, answer) in [("hello\n", 6), ("a rest\n", 7 + 7), ("go on\n", 6)] {
        peer.send(word.as_bytes());
        got.extend(peer.read_exact(answer).unwrap());
    }
    peer.shutdown_write();
    got.extend(peer.read_to_end().unwrap());
    got
}

#[test]
fn one_protocol_sees_the_same_wherever_it_runs_and_so_does_its_peer() {
    let seen: Vec<_> = DEPLOYMENTS
        .iter()
        .map(|kind| {
            let rig = Rig::new(*kind, Limits::default());
            let server = rig.serve(protocol());
            let got = talk(&mut *rig.dial(server));
            rig.until_lost(1);
            rig.finish();
            (kind, rig.log.calls(), got)
        })
        .collect();
    let (_, calls, got) = &seen[0];
    assert_eq!(got, b"welcome\nHELLO\nA REST\nrested\nGO ON\nbye\n");
    let data = |data: &str| Call::Data(data.into());
    let story = [
        Call::Made,
        data("hello\na rest\n"),
        Call::Timer(1),
        data("go on\n"),
        Call::Eof,
        Call::Lost(Reason::PeerClosed),
    ];
    assert_eq!(calls[..], story);
    for (kind, others, theirs) in &seen[1..] {
        assert_eq!((others, theirs), (calls, got), "on {kind:?}");
    }
}
