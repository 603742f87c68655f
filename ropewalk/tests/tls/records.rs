//! How what is written becomes records, and is counted.

use ropewalk::Flow;
use ropewalk::limits::{TLS_KEPT_BYTES, TLS_RECORD_BYTES, WATER_HIGH_BYTES};
use ropewalk::protocol::Kind as End;

use crate::benches::{agreed, records};
use crate::meet::{client, meet, server};
use crate::rig::{Call, Kind, Script};

/// What a record of TLS 1.3 adds to its bytes: their type, and the proof.
const AROUND: usize = 17;

#[test]
fn ten_small_writes_of_one_callback_are_one_record() {
    let (mut client, mut server) = agreed();
    let wire = client.bench.write_together(&mut client.tls, &[&b"ten bytes."[..]; 10]);
    assert_eq!(records(&wire), [100 + AROUND]);
    assert_eq!(server.receive(&wire), b"ten bytes.".repeat(10));
    // Another callback's is another record.
    let wire = [client.write(b"one"), client.write(b"two")].concat();
    assert_eq!(records(&wire), [3 + AROUND, 3 + AROUND]);
    assert_eq!(server.receive(&wire), b"onetwo");
}

#[test]
fn a_record_is_never_longer_than_the_protocol_allows() {
    let (mut client, mut server) = agreed();
    let full = TLS_RECORD_BYTES;
    for (writes, wanted) in [
        (vec![full], vec![full]),
        (vec![full + 1], vec![full, 1]),
        (vec![10, full], vec![full, 10]),
        (vec![full - 1, 1, 1], vec![full, 1]),
        (vec![3 * full], vec![full; 3]),
    ] {
        let data: Vec<Vec<u8>> = writes.iter().map(|length| vec![7; *length]).collect();
        let data: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
        let wire = client.bench.write_together(&mut client.tls, &data);
        let wanted: Vec<usize> = wanted.iter().map(|length| length + AROUND).collect();
        assert_eq!(records(&wire), wanted, "of {writes:?}");
        assert_eq!(server.receive(&wire).len(), writes.iter().sum::<usize>());
        assert_eq!(client.pending(), 0);
    }
}

#[test]
fn what_is_gathered_is_counted_until_it_is_in_a_record() {
    let script = Script::new().made(|transport| {
        assert_eq!(transport.write(&[7; TLS_KEPT_BYTES]), Flow::More);
        let counted = transport.buffered();
        assert!(counted >= TLS_KEPT_BYTES, "{counted}");
        assert_eq!(transport.write(&[7; WATER_HIGH_BYTES]), Flow::Full);
        assert!(transport.buffered() > WATER_HIGH_BYTES + TLS_KEPT_BYTES);
        transport.close();
    });
    let (server, client) = (server(), client());
    let at_client = Script::new();
    let met = meet(
        Kind::Memory,
        move || server.layer(),
        move || client.layer("localhost"),
        script,
        at_client,
    );
    let data = Call::Data(vec![7; TLS_KEPT_BYTES + WATER_HIGH_BYTES]);
    let ends = [Call::Eof, Call::Lost(End::PeerClosed), Call::FactoryLost(End::PeerClosed)];
    assert_eq!(met.client, [&[Call::Started, Call::Made, data][..], &ends].concat());
}

#[test]
fn a_peer_that_reads_nothing_is_felt_by_whoever_writes() {
    // The reader pauses; the writer hears `Full`, pauses, and goes on when there is room.
    const MUCH: usize = 3_000_000;
    let (server, client) = (server(), client());
    let at_server = Script::new()
        .made(|transport| assert_eq!(transport.write(&vec![7; MUCH]), Flow::Full))
        .resume(|transport| transport.close());
    let at_client = Script::new()
        .made(|transport| {
            transport.pause_reading();
            transport.set_timer(ropewalk::Timer(1), std::time::Duration::from_secs(3));
        })
        .timer(|transport| transport.resume_reading());
    for kind in [Kind::Memory, Kind::Seeded(1)] {
        let (server, client) = (server.clone(), client.clone());
        let layers = (move || server.layer(), move || client.layer("localhost"));
        let met = meet(kind, layers.0, layers.1, at_server.clone(), at_client.clone());
        let told = [Call::Made, Call::Pause, Call::Resume, Call::Lost(End::Closed)];
        assert_eq!(met.server, told, "on {kind:?}");
        assert!(met.client.contains(&Call::Data(vec![7; MUCH])), "on {kind:?}");
    }
}
