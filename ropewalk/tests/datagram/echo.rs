//! What arrives: whole, in order, empty or cut, over either family.

use std::net::UdpSocket;

use ropewalk::service::{Discard, Echo, Timestamp};
use ropewalk::testing::Network;
use ropewalk::{Addr, Reactor};

use crate::rig::{Call, Peer, Script, on, on_every_engine};

#[test]
fn each_datagram_is_answered_by_itself_and_in_order() {
    on_every_engine(|rig| {
        let at = rig.listen(Script::echo());
        let peer = rig.peer();
        for word in [&b"one"[..], b"two", b"", b"three"] {
            assert_eq!(peer.ask(word, &at), word);
        }
        let words: [&[u8]; 4] = [b"one", b"two", b"", b"three"];
        let seen = words.map(|word| Call::Data(word.to_vec()));
        assert_eq!(rig.log.of(0), [&[Call::Made], &seen[..]].concat());
    });
}

#[test]
fn peers_do_not_mix() {
    on_every_engine(|rig| {
        let at = rig.listen(Script::echo());
        let peers = [rig.peer(), rig.peer(), rig.peer()];
        for (number, peer) in peers.iter().enumerate() {
            peer.send(&[number as u8], &at);
        }
        for (number, peer) in peers.iter().enumerate().rev() {
            assert_eq!(peer.receive(), [number as u8]);
        }
    });
}

#[test]
fn a_bare_port_is_both_families_on_one_port_with_a_protocol_each() {
    on(
        |kind| kind.is_udp(),
        |rig| {
            let log = rig.log.clone();
            let addrs = rig.call(move |net| {
                let port = crate::rig::listen(net, 0.into(), &Script::echo(), &log).unwrap();
                port.addrs().to_vec()
            });
            assert!(addrs.iter().all(|addr| addr.port() == addrs[0].port()));
            let has_v6 = UdpSocket::bind("[::1]:0").is_ok();
            assert_eq!(addrs.len(), if has_v6 { 2 } else { 1 }, "{addrs:?}");
            let froms = ["127.0.0.1:0", "[::1]:0"];
            for (number, (addr, from)) in addrs.iter().zip(froms).enumerate() {
                let word = addr.host().into_owned().into_bytes();
                assert_eq!(Peer::udp(from).ask(&word, addr), word);
                assert_eq!(rig.log.of(number).last(), Some(&Call::Data(word)));
            }
        },
    );
}

#[test]
fn the_longest_datagram_is_received_whole() {
    on(
        |kind| !kind.is_unix(),
        |rig| {
            let at = rig.listen(Script::new());
            let longest = vec![7; ropewalk::limits::DATAGRAM_BYTES];
            rig.peer().send(&longest, &at);
            rig.until("it", |calls| calls.len() == 2);
            assert!(rig.log.of(0)[1] == Call::Data(longest), "whole, and not flagged");
        },
    );
}

#[test]
fn what_is_longer_than_allowed_is_cut_and_flagged() {
    on_every_engine(|rig| {
        let at = rig.listen(Script::new().made(|transport| transport.set_max_datagram(4)));
        let peer = rig.peer();
        for word in [&b"longer"[..], b"long", b"", b"12345"] {
            peer.send(word, &at);
        }
        rig.until_call(Call::Cut(b"1234".into()));
        let seen = [
            Call::Made,
            Call::Cut(b"long".into()),
            Call::Data(b"long".into()),
            Call::Data(b"".into()),
            Call::Cut(b"1234".into()),
        ];
        assert_eq!(rig.log.of(0), seen);
    });
}

#[test]
fn without_any_room_only_an_empty_datagram_is_whole() {
    on_every_engine(|rig| {
        let at = rig.listen(Script::new().made(|transport| transport.set_max_datagram(0)));
        let peer = rig.peer();
        peer.send(b"x", &at);
        peer.send(b"", &at);
        rig.until_call(Call::Data(b"".into()));
        assert_eq!(rig.log.of(0), [Call::Made, Call::Cut(b"".into()), Call::Data(b"".into())]);
    });
}

#[test]
fn a_socket_with_a_peer_sends_to_it_and_is_answered() {
    on_every_engine(|rig| {
        let peer = rig.peer();
        let log = rig.log.clone();
        let script = Script::new().made(move |transport| {
            log.note(format!("{:?}", transport.peer_addr()));
            log.note(transport.local_addr().to_string());
            transport.send(b"question");
        });
        let (to, expected) = (peer.addr(), format!("{:?}", Some(peer.addr())));
        rig.connect(to, script);
        assert_eq!(peer.receive(), b"question");
        let notes = rig.log.notes();
        assert_eq!(notes[0], expected);
        // A Unix client has an address, and so an answer, on Linux alone.
        if cfg!(not(target_os = "linux")) && rig.kind.is_unix() {
            return;
        }
        peer.send(b"answer", &parse(rig.kind.is_memory(), &notes[1]));
        rig.until_call(Call::Data(b"answer".into()));
    });
}

/// An address as it was written.
fn parse(is_memory: bool, text: &str) -> Addr {
    match text.strip_prefix('@') {
        Some(name) => Addr::from(std::path::Path::new(&format!("\0{name}"))),
        None if is_memory => Addr::Memory(text.trim_start_matches("memory:").parse().unwrap()),
        None => text.parse::<std::net::SocketAddr>().unwrap().into(),
    }
}

#[test]
fn a_socket_with_a_peer_does_not_hear_others() {
    on(
        |kind| !kind.is_unix(),
        |rig| {
            let peer = rig.peer();
            let log = rig.log.clone();
            rig.connect(
                peer.addr(),
                Script::new().made(move |transport| {
                    log.note(transport.local_addr().to_string());
                }),
            );
            rig.until("it is open", |calls| calls.len() == 2);
            let client = parse(rig.kind.is_memory(), &rig.log.notes()[0]);
            rig.peer().send(b"stranger", &client);
            peer.send(b"friend", &client);
            rig.until_call(Call::Data(b"friend".into()));
            assert_eq!(rig.log.of(0), [Call::Made, Call::Data(b"friend".into())]);
        },
    );
}

#[test]
fn the_services_answer_datagrams_as_they_answer_connections() {
    let network = Network::calm();
    network.listen_datagrams(1, || Echo).unwrap();
    network.listen_datagrams(2, || Discard).unwrap();
    network
        .listen_datagrams(3, || Timestamp::new(|peer| assert_eq!(peer.host(), "memory:9")))
        .unwrap();
    let peer = network.datagram_peer(9).unwrap();
    peer.send_to(b"hello", 1).unwrap();
    assert_eq!(peer.receive().unwrap(), (b"hello".to_vec(), Addr::Memory(1)));
    peer.send_to(b"hello", 3).unwrap();
    let answer = String::from_utf8(peer.receive().unwrap().0).unwrap();
    assert!(answer.starts_with('[') && answer.ends_with("] hello"), "{answer}");
    peer.send_to(b"hello", 2).unwrap();
    network.run();
    assert_eq!((peer.take(), network.datagram_sockets()), (None, 3));
    // On the reactor one closure serves both kinds of sockets.
    let reactor = Reactor::new().unwrap();
    reactor.listen_tcp(0, || Echo).unwrap();
    reactor.listen_udp(0, || Echo).unwrap();
}
