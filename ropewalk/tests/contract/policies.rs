//! Contract: the policies for use, on connections that begin, work and end in every way.

use std::time::Duration;

use ropewalk::Addr;
use ropewalk::policy::{
    AccessList, ConnectionLimit, Header, IpNetwork, MinimumRate, Overflow, ProxyHeader, SharedRate,
    Throttle, TotalDeadline, TrafficLog,
};
use ropewalk::protocol::{Deadline, Kind};

use crate::rig::{Call, Kept, Kind as Engine, Rig, Script, on, on_every_engine};

const SECOND: Duration = Duration::from_secs(1);

/// A header of a client of the balancer's.
fn header(ip: &str) -> Vec<u8> {
    let source = std::net::SocketAddr::new(ip.parse().unwrap(), 4000);
    let destination: std::net::SocketAddr = "192.0.2.1:80".parse().unwrap();
    match ip.contains(':') {
        true => {
            Header::stream(source, "[2001:db8::80]:80".parse::<std::net::SocketAddr>().unwrap())
        }
        false => Header::stream(source, destination),
    }
    .to_binary(&[])
    .unwrap()
}

/// A limit and, below it, a PROXY header.
fn behind_a_balancer(script: Script, limit: &ConnectionLimit) -> Script {
    let limit = limit.clone();
    script.stack(move |layers| {
        layers.push(ProxyHeader::new());
        layers.push(limit.clone());
    })
}

#[test]
fn one_connection_too_many_gets_its_answer_and_an_end_in_order() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let answer = Overflow::Answer(b"busy".to_vec());
            let limit = ConnectionLimit::new().in_all(1).on_overflow(answer);
            let counts = limit.clone();
            let server = rig.serve(Script::echo().stack(move |layers| layers.push(limit.clone())));
            let mut first = rig.dial(server);
            first.send(b"hello");
            assert_eq!(first.read_exact(5).unwrap(), b"hello");
            assert_eq!(rig.dial(server).read_to_end().unwrap(), b"busy");
            rig.until_lost(1);
            assert_eq!(rig.log.of(1), [Call::Failed(Kind::Refused)]);
            // Its place was never taken, and the first one's comes free.
            assert_eq!(counts.count(), 1);
            first.shutdown_write();
            assert_eq!(first.read_to_end().unwrap(), b"");
            rig.until_lost(2);
            let mut third = rig.dial(server);
            third.send(b"again");
            assert_eq!(third.read_exact(5).unwrap(), b"again");
        },
    );
}

#[test]
fn the_count_is_exact_however_connections_end() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let limit = ConnectionLimit::new().in_all(100);
            let below = limit.clone();
            let refuses = AccessList::new().deny("10.0.0.13".parse::<IpNetwork>().unwrap());
            let script = Script::echo()
                .stack(move |layers| {
                    layers.push(below.clone());
                    layers.push(ProxyHeader::new());
                    layers.push(refuses.clone());
                })
                .build(|peer| {
                    assert_ne!(peer.host(), "10.0.0.1", "a factory that panics");
                    peer.host() != "10.0.0.2"
                })
                .made(|transport| {
                    let host = transport.peer_addr().host().into_owned();
                    assert_ne!(host, "10.0.0.3", "a protocol that panics");
                    match &host[..] {
                        "10.0.0.4" => transport.abort(),
                        "10.0.0.5" => transport.close(),
                        _ => {}
                    }
                });
            let server = rig.serve(script);
            let mut ends = 0;
            // Panics, a refusal by the factory and by a layer, an abort, a close.
            for ip in ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.13"] {
                let mut peer = rig.dial(server);
                peer.send(&header(ip));
                peer.read_until_over();
                ends += 1;
                drop(peer);
                rig.until_lost(ends);
            }
            // What is no header; a peer that goes within it, or ends in order.
            for start in [&b"GET / "[..], b"PROXY TCP4 1.2", &header("10.0.0.9")] {
                let mut peer = rig.dial(server);
                peer.send(start);
                peer.shutdown_write();
                peer.read_until_over();
                ends += 1;
                drop(peer);
                rig.until_lost(ends);
            }
            // A permit goes when its connection was told of its end.
            rig.until("all places are free", |_| limit.count() == 0);
            let mut peer = rig.dial(server);
            peer.send(&[&header("10.0.0.9")[..], b"x"].concat());
            assert_eq!(peer.read_exact(1).unwrap(), b"x");
            assert_eq!(limit.count(), 1);
        },
    );
}

#[test]
fn a_limit_above_a_header_counts_clients_and_below_it_the_balancer() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let limit = ConnectionLimit::new().per_peer(1).on_overflow(Overflow::Reset);
            let server = rig.serve(behind_a_balancer(Script::echo(), &limit));
            let mut peers = Vec::new();
            let cases = [
                ("10.0.0.1", true),
                ("10.0.0.2", true),
                ("10.0.0.1", false),
                ("2001:db8::1", true),
                ("2001:db8::2", false),
            ];
            for (ip, fits) in cases {
                let mut peer = rig.dial(server);
                peer.send(&[&header(ip)[..], b"x"].concat());
                if fits {
                    assert_eq!(peer.read_exact(1).unwrap(), b"x", "{ip}");
                } else {
                    assert_eq!(peer.read_until_over().0, b"", "{ip}");
                }
                peers.push(peer);
            }
            assert_eq!(limit.count(), 3);
        },
    );
}

#[test]
fn a_stranger_is_reset_and_its_factory_told() {
    on(
        // A Unix socket's peer, and one in memory, has no address.
        |kind| matches!(kind, Engine::PollTcp | Engine::ThreadsTcp | Engine::PoolTcp),
        |rig| {
            let list: AccessList = "deny 127.0.0.0/8".parse().unwrap();
            let server = rig.serve(Script::echo().stack(move |layers| layers.push(list.clone())));
            assert_eq!(rig.dial(server).read_until_over().0, b"");
            rig.until_lost(1);
            assert_eq!(rig.log.calls(), [Call::Failed(Kind::Refused)]);
            let list: AccessList = "allow 127.0.0.1".parse().unwrap();
            let server = rig.serve(Script::echo().stack(move |layers| layers.push(list.clone())));
            let mut peer = rig.dial(server);
            peer.send(b"x");
            assert_eq!(peer.read_exact(1).unwrap(), b"x");
        },
    );
}

#[test]
fn what_a_client_sends_as_header_a_server_reads() {
    on(
        |kind| kind.accepts_by_an_engine(),
        |rig| {
            let addrs = Kept::new();
            let seen = addrs.clone();
            let script = Script::echo().stack(|layers| layers.push(ProxyHeader::new())).made(
                move |transport| {
                    seen.put(format!("{} {}", transport.peer_addr(), transport.local_addr()));
                },
            );
            let server = rig.serve(script);
            let [client, target] = ["192.0.2.7:4000", "[2001:db8::1]:80"]
                .map(|text| text.parse::<std::net::SocketAddr>().unwrap());
            let header = Header::stream(client, target);
            for text in [true, false] {
                let header = header.clone();
                let stack = Script::new().stack(move |layers| match text {
                    true => layers.push(ProxyHeader::send_text(&header)),
                    false => layers.push(ProxyHeader::send(&header)),
                });
                rig.connect(
                    server,
                    stack.made(|transport| {
                        transport.write(b"hello");
                    }),
                );
            }
            let seen = rig.until_kept(&addrs, 2);
            assert_eq!(seen, ["[::ffff:192.0.2.7]:4000 [2001:db8::1]:80"; 2]);
            rig.until_in(&rig.clients, "both answers", |calls| {
                calls.iter().filter(|(_, call)| *call == Call::Data(b"hello".into())).count() == 2
            });
        },
    );
}

#[test]
fn a_header_of_a_balancer_that_is_not_allowed_is_not_read() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let script = Script::echo().stack(|layers| {
                layers.push(ProxyHeader::new().allow(|_: &Addr| false));
            });
            let server = rig.serve(script);
            let mut peer = rig.dial(server);
            peer.send(&header("10.0.0.1"));
            assert_eq!(peer.read_until_over().0, b"");
            rig.until_lost(1);
            assert_eq!(rig.log.calls(), [Call::Failed(Kind::Refused)]);
        },
    );
}

#[test]
fn the_total_deadline_ends_a_connection_that_never_rests() {
    on(
        |kind| kind.is_memory(),
        |rig| {
            let script = Script::echo().stack(|layers| {
                layers.push(TotalDeadline::new(SECOND * 10));
            });
            let server = rig.serve(script);
            let mut peer = rig.dial(server);
            for _ in 0..9 {
                peer.send(b"x");
                assert_eq!(peer.read_exact(1).unwrap(), b"x");
                rig.network().run_for(SECOND);
            }
            assert_eq!(rig.log.calls().len(), 2);
            rig.until_lost(1);
            let lost = Call::Lost(Kind::Deadline(Deadline::Total));
            assert_eq!(rig.log.calls().last(), Some(&lost));
            assert!(rig.now() < SECOND * 11, "{:?}", rig.now());
        },
    );
}

#[test]
fn the_total_deadline_cuts_a_close_that_nobody_reads_to_its_end() {
    on(
        |kind| kind.is_memory(),
        |rig| {
            let much = rig.kind.too_much();
            let script = Script::sends_and_closes(much).stack(|layers| {
                layers.push(TotalDeadline::new(SECOND * 3));
            });
            let server = rig.serve(script);
            let _peer = rig.dial(server);
            rig.until_lost(1);
            let lost = Call::Lost(Kind::Deadline(Deadline::Total));
            assert_eq!(rig.log.calls(), [Call::Made, lost]);
        },
    );
}

#[test]
fn a_peer_that_sends_too_slowly_ends_and_one_that_is_paused_for_does_not() {
    on(
        |kind| kind.is_memory(),
        |rig| {
            let minimum = || MinimumRate::per(SECOND * 8).read(16);
            let slow = rig.serve(Script::new().stack(move |layers| layers.push(minimum())));
            let mut peer = rig.dial(slow);
            for _ in 0..12 {
                peer.send(b"x");
                rig.network().run_for(SECOND);
            }
            rig.until_lost(1);
            let lost = Call::Lost(Kind::Deadline(Deadline::Rate));
            assert_eq!(rig.log.of(0).last(), Some(&lost));
            // The same peer, and a protocol that reads nothing from its first byte on.
            let script = Script::new().stack(move |layers| layers.push(minimum()));
            let paused = rig.serve(script.data(|transport, _| transport.pause_reading()));
            let mut peer = rig.dial(paused);
            peer.send(b"x");
            rig.network().run_for(SECOND * 100);
            assert_eq!(rig.log.of(1), [Call::Made, Call::Data(b"x".into())]);
        },
    );
}

#[test]
fn a_peer_that_takes_its_answer_too_slowly_ends() {
    on(
        // The peer takes so many bytes of the wire, and can speak no TLS.
        |kind| kind.is_memory() && kind.is_plain(),
        |rig| {
            let much = rig.kind.too_much();
            let script = Script::new().stack(|layers| {
                layers.push(MinimumRate::per(SECOND * 8).write(1_000_000));
            });
            let server = rig.serve(script.made(move |transport| {
                transport.write(&vec![7; much]);
            }));
            let mut peer = rig.dial_memory(server);
            // Enough for the built-in deadline, which any byte satisfies.
            for _ in 0..30 {
                rig.network().run_for(SECOND);
                peer.take(1000);
            }
            rig.until_lost(1);
            let lost = Call::Lost(Kind::Deadline(Deadline::Rate));
            assert_eq!(rig.log.calls().last(), Some(&lost));
            assert!(rig.now() < SECOND * 31, "{:?}", rig.now());
        },
    );
}

/// How long it takes until the peers have all that was written to them.
fn time_of(rig: &Rig, connections: usize, bytes: usize, script: Script) -> Duration {
    let server = rig.serve(script.made(move |transport| {
        transport.write(&vec![7; bytes]);
        transport.close();
    }));
    let mut peers: Vec<_> = (0..connections).map(|_| rig.dial(server)).collect();
    let before = rig.now();
    for peer in &mut peers {
        assert_eq!(peer.read_to_end().unwrap().len(), bytes);
    }
    rig.now() - before
}

#[test]
fn a_throttled_connection_has_its_rate_and_connections_that_share_one_have_it_together() {
    on(
        |kind| kind == Engine::Memory,
        |rig| {
            let own = Script::new().stack(|layers| layers.push(Throttle::new().write(1000, 100)));
            let took = time_of(rig, 3, 10_100, own);
            assert!((SECOND * 10..SECOND * 11).contains(&took), "{took:?}");
            let rate = SharedRate::new(1000, 100);
            let shared =
                Script::new().stack(move |layers| layers.push(Throttle::new().write_shared(&rate)));
            let took = time_of(rig, 3, 10_100, shared);
            assert!((SECOND * 30..SECOND * 32).contains(&took), "{took:?}");
        },
    );
}

#[test]
fn connections_of_several_threads_share_one_rate_and_none_is_left_behind() {
    on(
        |kind| matches!(kind, Engine::PollTcp | Engine::ThreadsTcp | Engine::PoolTcp),
        |rig| {
            let rate = SharedRate::new(1_000_000, 1000);
            let script = Script::echo().stack(move |layers| {
                layers.push(Throttle::new().write_shared(&rate).read_shared(&rate));
            });
            let server = rig.serve(script);
            let mut peers: Vec<_> = (0..4).map(|_| rig.dial(server)).collect();
            for _ in 0..5 {
                for peer in &mut peers {
                    peer.send(&[7; 1000]);
                }
                for peer in &mut peers {
                    assert_eq!(peer.read_exact(1000).unwrap(), [7; 1000]);
                }
            }
        },
    );
}

#[test]
fn the_write_of_a_handle_passes_through_every_policy() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let (lines, handles) = (Kept::new(), Kept::new());
            let (sink, kept) = (lines.clone(), handles.clone());
            let script = Script::new()
                .stack(move |layers| {
                    let sink = sink.clone();
                    layers.push(TrafficLog::text("t", move |line: &str| sink.put(line.to_owned())));
                    layers.push(Throttle::new().write(1_000_000, 2));
                })
                .made(move |transport| kept.put(transport.handle()));
            let server = rig.serve(script);
            let mut peer = rig.dial(server);
            let handle = rig.until_kept(&handles, 1).remove(0);
            handle.write(b"hello").unwrap();
            assert_eq!(peer.read_exact(5).unwrap(), b"hello");
            // The burst, and then the rest: the log below sees what the throttle lets go.
            let lines = lines.all();
            let written: Vec<_> =
                lines.iter().filter_map(|line| line.strip_prefix("t > ")).collect();
            assert_eq!(written[0], "\"he\"");
            assert_eq!(written.concat().replace('"', ""), "hello");
        },
    );
}

#[test]
fn policies_of_the_same_kind_stack_too() {
    on_every_engine(|rig| {
        let script = Script::echo().stack(|layers| {
            for _ in 0..3 {
                layers.push(ProxyHeader::new());
                layers.push(Throttle::new().read(1_000_000, 1000).write(1_000_000, 1000));
            }
        });
        let server = rig.serve(script);
        let mut peer = rig.dial(server);
        let headers = [header("10.0.0.1"), header("10.0.0.2"), header("10.0.0.3")].concat();
        peer.send(&[&headers[..], b"hello"].concat());
        assert_eq!(peer.read_exact(5).unwrap(), b"hello");
    });
}
