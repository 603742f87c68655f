//! Ends: in order, cut, half, aborted, tampered with.

use ropewalk::protocol::{By, Deadline, Kind as End, Transport};
use ropewalk::tls::Error;
use ropewalk::{Reason, Timer};
use std::time::Duration;

use crate::benches::{agreed, records};
use crate::meet::{KINDS, Met, client, meet, over, server};
use crate::rig::{Call, Kept, Kind, Rig, Script};

fn run(kind: Kind, at_server: Script, at_client: Script) -> Met {
    let (server, client) = (server(), client());
    let layers = (move || server.layer(), move || client.layer("localhost"));
    meet(kind, layers.0, layers.1, at_server, at_client)
}

#[test]
fn a_close_flushes_says_so_and_ends_as_in_plain() {
    for kind in KINDS {
        let met = run(*kind, Script::sends_and_closes(300_000), Script::new());
        let (data, end) = (Call::Data(vec![7; 300_000]), End::PeerClosed);
        let told = [Call::Started, Call::Made, data, Call::Eof, Call::Lost(end)];
        assert_eq!(met.client[..5], told, "on {kind:?}");
        assert_eq!(met.server.last(), Some(&Call::Lost(End::Closed)), "on {kind:?}");
        let ends = [met.server_reason(), met.client_reason()];
        assert!(ends.iter().all(Reason::is_clean), "on {kind:?}: {ends:?}");
    }
}

#[test]
fn after_a_half_close_the_other_direction_goes_on() {
    for kind in KINDS {
        let met = run(
            *kind,
            // Answers after the client's end, at its leisure.
            Script::new()
                .eof(|transport| transport.set_timer(Timer(1), Duration::from_millis(20)))
                .timer(|transport| {
                    transport.write(b"your answer");
                    transport.close();
                }),
            Script::new().made(|transport| {
                transport.write(b"a question");
                transport.shutdown_write();
                assert!(!transport.is_open());
            }),
        );
        let (answer, end) = (Call::Data(b"your answer".into()), End::PeerClosed);
        let told = [Call::Started, Call::Made, answer, Call::Eof, Call::Lost(end)];
        assert_eq!(met.client[..5], told, "on {kind:?}");
        let question = Call::Data(b"a question".into());
        let told = [Call::Made, question, Call::Eof, Call::Timer(1), Call::Lost(end)];
        assert_eq!(met.server, told, "on {kind:?}");
        let ends = [met.server_reason(), met.client_reason()];
        assert!(ends.iter().all(Reason::is_clean), "on {kind:?}: {ends:?}");
    }
}

#[test]
fn an_abort_is_a_reset_and_says_that_it_was_one() {
    let abort = Script::new().made(|transport: &mut dyn Transport| {
        transport.write(b"never seen");
        transport.abort();
    });
    let met = run(Kind::Memory, Script::new(), abort);
    assert_eq!(met.client_reason().kind(), End::Aborted);
    assert!(met.client_reason().unsent() >= 10, "{}", met.client_reason());
    assert_eq!(met.server_reason().kind(), End::Reset);
}

#[test]
fn an_end_without_the_last_word_is_a_truncation() {
    let (mut client, mut server) = agreed();
    let wire = client.write(b"pay 100");
    assert_eq!(server.receive(&wire), b"pay 100");
    assert!(!server.bench.eof(&mut server.tls), "it is no end of input");
    let why = server.bench.failure().unwrap();
    assert_eq!((why.kind(), why.by()), (End::Truncated, By::Peer));
    assert_eq!(Error::of(why), Some(&Error::Cut));
    assert!(!why.is_clean() && why.to_string().contains("close_notify"), "{why}");
    // In the middle of a record as well.
    let (mut client, mut server) = agreed();
    let wire = client.write(b"pay 100000");
    assert_eq!(server.receive(&wire[..wire.len() - 1]), b"");
    assert!(!server.bench.eof(&mut server.tls));
    assert_eq!(server.bench.failure().unwrap().kind(), End::Truncated);
}

#[test]
fn what_came_before_a_record_that_was_tampered_with_is_delivered() {
    let good = Script::new().made(|transport| {
        transport.write(b"good");
    });
    let rig = Rig::new(Kind::Memory, Default::default());
    let (tls, ends) = (server(), Kept::new());
    let number = rig.serve(over(good, move || tls.layer(), &ends));
    // The peer is a bench of ours, and we carry its bytes.
    let mut peer = rig.dial(number);
    let mut end = crate::benches::End::new(client().layer("localhost"));
    peer.send(&end.bench.take_wire());
    while !end.bench.is_made() {
        let wire = peer.read_some().unwrap();
        end.receive(&wire);
    }
    let hello = [end.bench.take_wire(), end.write(b"before")].concat();
    let mut bad = end.write(b"tampered with");
    let last = bad.len() - 1;
    bad[last] ^= 1;
    // In one piece, so that it is one read that brings both.
    peer.send(&[hello, bad, end.write(b"behind")].concat());
    let mut answer = Vec::new();
    while let Some(wire) = peer.read_some().ok().filter(|wire| !wire.is_empty()) {
        answer.extend(end.receive(&wire));
    }
    // What the protocol writes when it hears, it writes to a connection that has failed.
    assert_eq!(answer, b"");
    let why = end.bench.failure().unwrap();
    assert_eq!(Error::of(why), Some(&Error::Alert("BadRecordMac".to_owned())), "{why}");
    peer.close();
    rig.until_lost(1);
    let data = Call::Data(b"before".into());
    assert_eq!(rig.log.of(0), [Call::Made, data, Call::Lost(End::Failed)]);
    let why = ends.first();
    assert!(matches!(Error::of(&why), Some(Error::Broken(_))), "{why}");
    assert_eq!((why.by(), why.unsent()), (By::Peer, 4));
}

#[test]
fn a_close_does_not_wait_for_a_peer_that_stays_silent() {
    let rig = Rig::new(Kind::Memory, Default::default());
    let (tls, ends) = (server(), Kept::new());
    let number = rig.serve(over(Script::sends_and_closes(10), move || tls.layer(), &ends));
    let mut peer = rig.dial(number);
    let mut end = crate::benches::End::new(client().layer("localhost"));
    peer.send(&end.bench.take_wire());
    while !end.bench.is_at_eof() {
        let wire = peer.read_some().unwrap();
        end.receive(&wire);
        peer.send(&end.bench.take_wire());
    }
    // It never says its own last word, nor ends.
    rig.until_lost(1);
    assert!(ends.first().is_clean(), "{}", ends.first());
    assert!(rig.now() < Duration::from_secs(1));
}

#[test]
fn a_close_that_nobody_reads_has_the_connections_own_deadline() {
    let rig = Rig::new(Kind::Memory, Default::default());
    let (tls, ends) = (server(), Kept::new());
    let number = rig.serve(over(Script::sends_and_closes(3_000_000), move || tls.layer(), &ends));
    let (tls, paused) = (client(), Kept::new());
    let pauses = Script::new().made(|transport| transport.pause_reading());
    rig.connect(number, over(pauses, move || tls.layer("localhost"), &paused));
    rig.until_lost(1);
    assert_eq!(ends.first().kind(), End::Deadline(Deadline::Flush));
    assert!(ends.first().unsent() > 2_000_000, "{}", ends.first());
}

#[test]
fn a_client_that_closes_at_once_waits_for_what_is_under_way_to_it() {
    // The server's tickets meet no closed socket, whose reset could cost the server what the
    // client has sent.
    for kind in KINDS {
        let at_client = Script::new().made(|transport| {
            transport.write(&[7; 100_000]);
            transport.close();
        });
        let met = run(*kind, Script::new(), at_client);
        let (data, end) = (Call::Data(vec![7; 100_000]), End::PeerClosed);
        let told = [Call::Made, data, Call::Eof, Call::Lost(end)];
        assert_eq!(met.server, told, "on {kind:?}");
        assert_eq!(met.client_reason().kind(), End::Closed, "on {kind:?}");
    }
}

#[test]
fn the_last_word_is_one_record_and_said_once() {
    let (mut client, mut server) = agreed();
    let word = client.bench.finish(&mut client.tls);
    assert_eq!(records(&word).len(), 1);
    assert_eq!(client.bench.finish(&mut client.tls), b"");
    server.receive(&word);
    assert!(server.bench.is_at_eof());
    // The server's is still owed, and its data too.
    let wire = [server.write(b"still here"), server.bench.finish(&mut server.tls)].concat();
    assert_eq!(client.receive(&wire), b"still here");
    assert!(client.bench.is_at_eof() && client.bench.failure().is_none());
}
