//! What the kernel has no room for waits, in order and within bounds; past them the newest
//! is dropped, and counted.

use std::time::Duration;

use ropewalk::protocol::{Deadline, Kind as End};
use ropewalk::{Addr, Sending, limits};

use crate::rig::{Call, Kind, Log, Peer, Rig, Script, on};

/// Over UDP the kernel drops at the receiver, and no sender waits.
fn senders_wait(kind: Kind) -> bool {
    !kind.is_udp()
}

/// Sends numbered datagrams of so many bytes, without end, until so many were dropped; and
/// notes what became of how many.
fn flood(to: Option<Addr>, bytes: usize, drops: u64, log: Log) -> Script {
    Script::new().made(move |transport| {
        let (mut sent, mut queued) = (0_u32, 0);
        while transport.dropped() < drops {
            let mut datagram = (sent + queued).to_be_bytes().to_vec();
            datagram.resize(bytes, 0);
            let sending = match &to {
                Some(to) => transport.send_to(&datagram, to),
                None => transport.send(&datagram),
            };
            match sending {
                Sending::Sent if queued == 0 => sent += 1,
                Sending::Queued => queued += 1,
                Sending::Dropped => {}
                Sending::Sent => log.note("one overtook those that wait"),
            }
        }
        assert_eq!(transport.queued(), queued as usize);
        log.note(format!("{sent} {queued}"));
    })
}

/// How many were sent, and how many queued.
fn counts(rig: &Rig) -> (u32, u32) {
    rig.until("the flood", |calls| calls.iter().any(|(_, call)| matches!(call, Call::Note(_))));
    let notes = rig.log.notes();
    assert_eq!(notes.len(), 1, "{notes:?}");
    let (sent, queued) = notes[0].split_once(' ').unwrap();
    (sent.parse().unwrap(), queued.parse().unwrap())
}

/// Everything that was not dropped arrives, in order.
#[track_caller]
fn receive_all(peer: &Peer<'_>, count: u32) {
    for number in 0..count {
        assert_eq!(peer.receive()[..4], number.to_be_bytes());
    }
}

#[test]
fn a_queue_holds_so_many_datagrams_and_the_newest_are_dropped() {
    on(senders_wait, |rig| {
        let peer = rig.peer();
        rig.connect(peer.addr(), flood(None, 2048, 10, rig.log.clone()));
        let (sent, queued) = counts(rig);
        assert_eq!(queued as usize, limits::DATAGRAM_QUEUE_ITEMS);
        assert!(sent > 0);
        receive_all(&peer, sent + queued);
        rig.handle().send(&(sent + queued).to_be_bytes()).unwrap();
        assert_eq!(peer.receive()[..4], (sent + queued).to_be_bytes(), "and it goes on");
    });
}

#[test]
fn a_queue_holds_so_many_bytes() {
    on(senders_wait, |rig| {
        let (peer, bytes) = (rig.peer(), 50_000);
        rig.connect(peer.addr(), flood(None, bytes, 10, rig.log.clone()));
        let (sent, queued) = counts(rig);
        assert_eq!(queued as usize, limits::DATAGRAM_QUEUE_BYTES / bytes);
        receive_all(&peer, sent + queued);
    });
}

#[test]
fn an_unconnected_sockets_queue_moves_when_its_receiver_reads() {
    // No kernel tells an unconnected Unix socket of room at somebody else's.
    on(senders_wait, |rig| {
        let peer = rig.peer();
        rig.listen(flood(Some(peer.addr()), 2048, 10, rig.log.clone()));
        let (sent, queued) = counts(rig);
        receive_all(&peer, sent + queued);
    });
}

#[test]
fn a_close_sends_what_is_queued_first() {
    on(senders_wait, |rig| {
        let peer = rig.peer();
        rig.connect(peer.addr(), flood(None, 2048, 10, rig.log.clone()));
        let (sent, queued) = counts(rig);
        rig.handle().close().unwrap();
        rig.handle().send(b"too late").ok();
        receive_all(&peer, sent + queued);
        rig.until_call(Call::Lost(End::Closed));
        assert_eq!(rig.log.of(0), [Call::Made, Call::Lost(End::Closed)]);
    });
}

#[test]
fn a_socket_that_flushes_hears_nothing_more() {
    on(senders_wait, |rig| {
        let peer = rig.peer();
        let script = flood(Some(peer.addr()), 2048, 10, rig.log.clone());
        let at = rig.listen(script);
        let (sent, queued) = counts(rig);
        let handle = rig.handle();
        rig.stand_still(
            || peer.send(b"late", &at),
            move |_| {
                handle.event(String::new()).unwrap();
                handle.close().unwrap();
                handle.event("late".to_owned()).unwrap();
            },
        );
        receive_all(&peer, sent + queued);
        rig.until_call(Call::Lost(End::Closed));
        let seen = [Call::Made, Call::Event(String::new()), Call::Lost(End::Closed)];
        assert_eq!(rig.log.of(0), seen);
    });
}

#[test]
fn a_flush_that_does_not_move_ends_at_its_deadline() {
    // In memory the deadline takes no time.
    on(
        |kind| kind.is_memory(),
        |rig| {
            let peer = rig.peer();
            let script = flood(None, 2048, 10, rig.log.clone());
            rig.connect(
                peer.addr(),
                script.lost(|transport| {
                    assert_eq!(transport.queued(), 0);
                    let queue = limits::DATAGRAM_QUEUE_ITEMS as u64;
                    assert_eq!(transport.dropped(), 10 + queue, "none is forgotten");
                }),
            );
            counts(rig);
            rig.handle().close().unwrap();
            let end = Call::Lost(End::Deadline(Deadline::Flush));
            rig.until_call(end.clone());
            assert_eq!(rig.log.of(0), [Call::Made, end]);
        },
    );
}

#[test]
fn an_abort_drops_what_is_queued() {
    on(senders_wait, |rig| {
        let peer = rig.peer();
        rig.connect(
            peer.addr(),
            flood(None, 2048, 10, rig.log.clone())
                .timer(|transport| {
                    transport.abort();
                })
                .event(|transport| {
                    transport.set_timer(ropewalk::Timer(1), Duration::ZERO);
                }),
        );
        let (sent, _) = counts(rig);
        rig.handle().event(String::new()).unwrap();
        rig.until_call(Call::Lost(End::Aborted));
        receive_all(&peer, sent);
    });
}

#[test]
fn a_receiver_that_does_not_read_costs_itself_and_nobody_else() {
    // Where a receiver has a queue of its own, and its senders wait.
    on(Kind::is_unix, |rig| {
        let (deaf, good) = (rig.peer(), rig.peer());
        let at = rig.listen(Script::echo());
        let most = limits::DATAGRAM_QUEUE_ITEMS / 2;
        for _ in 0..most {
            deaf.send(&[0; 1024], &at);
        }
        for word in [&b"one"[..], b"two", b"three"] {
            assert_eq!(good.ask(word, &at), word);
        }
    });
}
