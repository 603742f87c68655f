//! What goes wrong is told, after the callback that did it, and the socket lives on.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ropewalk::limits;
use ropewalk::{Addr, DatagramProtocol, DatagramTransport, Sending};

use crate::needs::resets;
use crate::rig::{Call, Kind, Peer, Rig, Script, on, on_every_engine};

/// A UDP port that nobody has just now.
fn closed_port() -> Addr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().into()
}

fn reopen(port: &Addr) -> Peer<'static> {
    Peer::udp(&port.to_string())
}

/// What the system says of a datagram that is too long. It has no kind of its own.
fn too_long(rig: &Rig) -> (Vec<u8>, ErrorKind) {
    let error = match rig.kind {
        kind if kind.is_memory() => std::io::Error::from(ErrorKind::InvalidInput),
        _ => {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            let to = socket.local_addr().unwrap();
            socket.send_to(&vec![0; limits::DATAGRAM_BYTES + 1], to).unwrap_err()
        }
    };
    let bytes = if rig.kind.is_unix() { 16 << 20 } else { limits::DATAGRAM_BYTES + 1 };
    (vec![0; bytes], error.kind())
}

#[test]
fn a_refusal_is_told_and_the_next_datagram_flows_when_the_peer_is_up() {
    if !resets() {
        return;
    }
    on(
        |kind| kind.is_udp(),
        |rig| {
            let port = closed_port();
            rig.connect(port.clone(), Script::new());
            rig.handle().send(b"anybody?").unwrap();
            rig.until_call(Call::Error(Some(port.clone()), ErrorKind::ConnectionRefused));
            let peer = reopen(&port);
            rig.handle().send(b"now?").unwrap();
            assert_eq!(peer.receive(), b"now?");
            assert_eq!(rig.log.of(0).len(), 2, "made, and told of one refusal");
        },
    );
}

#[test]
fn a_refusal_in_memory_is_told_as_well() {
    on(
        |kind| kind.is_memory(),
        |rig| {
            rig.connect(
                Addr::Memory(77),
                Script::new().made(|transport| {
                    assert_eq!(transport.send(b"anybody?"), Sending::Sent);
                }),
            );
            let refused = Call::Error(Some(Addr::Memory(77)), ErrorKind::ConnectionRefused);
            rig.until_call(refused.clone());
            assert_eq!(rig.log.of(0), [Call::Made, refused]);
        },
    );
}

#[test]
fn the_datagram_that_meets_the_refusal_of_an_earlier_one_is_sent_all_the_same() {
    // Linux answers "port unreachable" before the send returns.
    let answers_at_once = cfg!(target_os = "linux"); // see above
    on(
        |kind| kind.is_udp() && answers_at_once,
        |rig| {
            let port = closed_port();
            let (to, log) = (port.clone(), rig.log.clone());
            let (give, given) = std::sync::mpsc::channel();
            rig.connect(
                port.clone(),
                Script::new().made(move |transport| {
                    transport.send(b"to nobody");
                    let peer = UdpSocket::bind(to.ip().unwrap()).unwrap();
                    log.note(format!("{:?}", transport.send(b"to somebody")));
                    give.send(peer).unwrap();
                }),
            );
            let refused = Call::Error(Some(port), ErrorKind::ConnectionRefused);
            rig.until_call(refused.clone());
            let peer = Peer::Udp(given.recv().unwrap());
            assert_eq!(peer.receive(), b"to somebody");
            assert_eq!(rig.log.notes(), ["Sent"]);
            assert_eq!(rig.log.of(0), [Call::Made, refused]);
        },
    );
}

#[test]
fn an_unconnected_socket_survives_what_its_peers_machines_answer() {
    on(
        |kind| kind.is_udp(),
        |rig| {
            let nobody = closed_port();
            let at = rig.listen(Script::new().data(move |transport, data, from| {
                for _ in 0..10 {
                    transport.send_to(b"anybody?", &nobody);
                }
                transport.send_to(data, from);
            }));
            let peer = rig.peer();
            for word in [b"one", b"two"] {
                assert_eq!(peer.ask(word, &at), word);
            }
            let lost = rig.log.of(0).iter().any(|call| matches!(call, Call::Lost(_)));
            assert!(!lost);
        },
    );
}

#[test]
fn a_datagram_that_is_too_long_is_told_with_its_address_and_the_next_one_goes() {
    on_every_engine(|rig| {
        let (long, kind) = too_long(rig);
        let peer = rig.peer();
        let log = rig.log.clone();
        let at = rig.listen(Script::new().data(move |transport, data, from| {
            log.note(format!("{:?}", transport.send_to(&long, from)));
            log.note(format!("{:?}", transport.send_to(data, from)));
            log.note(format!("dropped {}", transport.dropped()));
        }));
        assert_eq!(peer.ask(b"short", &at), b"short");
        let told = Call::Error(Some(peer.addr()), kind);
        rig.until_call(told.clone());
        assert_eq!(rig.log.notes(), ["Dropped", "Sent", "dropped 1"]);
        assert_eq!(rig.log.of(0), [Call::Made, Call::Data(b"short".into()), told]);
    });
}

#[test]
fn sending_without_a_peer_is_told() {
    on_every_engine(|rig| {
        let log = rig.log.clone();
        rig.listen(Script::new().made(move |transport| {
            log.note(format!("{:?}", transport.send(b"to whom?")));
        }));
        let told = Call::Error(None, ErrorKind::NotConnected);
        rig.until_call(told.clone());
        assert_eq!(rig.log.notes(), ["Dropped"]);
        assert_eq!(rig.log.of(0), [Call::Made, told]);
    });
}

#[test]
fn an_address_of_another_kind_is_told() {
    on_every_engine(|rig| {
        let other = match rig.kind {
            Kind::Poll | Kind::Thread => Addr::Memory(1),
            _ => Addr::Ip(([127, 0, 0, 1], 9).into()),
        };
        let to = other.clone();
        rig.listen(Script::new().made(move |transport| {
            assert_eq!(transport.send_to(b"x", &to), Sending::Dropped);
        }));
        rig.until(
            "an error",
            |calls| matches!(calls.last(), Some((_, Call::Error(Some(to), _))) if *to == other),
        );
    });
}

/// Makes an error of every error, for ever.
struct Endless(Arc<AtomicUsize>);

impl DatagramProtocol for Endless {
    fn connection_made(&mut self, transport: &mut dyn DatagramTransport) {
        transport.send(b"");
    }
    fn datagram_received(&mut self, _: &mut dyn DatagramTransport, _: &[u8], _: &Addr, _: bool) {}
    fn error_received(
        &mut self,
        transport: &mut dyn DatagramTransport,
        _: Option<&Addr>,
        _: &std::io::Error,
    ) {
        self.0.fetch_add(1, Ordering::Relaxed);
        transport.send(b"");
    }
}

#[test]
fn an_error_for_every_error_does_not_hold_up_the_loop() {
    // Virtual time does not go on while somebody is busy, and with it nothing on its way.
    on(
        |kind| !matches!(kind, Kind::Seeded(_)),
        |rig| {
            let at = rig.listen(Script::echo());
            let (site, count) = (rig.site(), Arc::new(AtomicUsize::new(0)));
            let counted = count.clone();
            rig.call(move |net| {
                let mut build = || Box::new(Endless(counted.clone())) as Box<dyn DatagramProtocol>;
                net.listen_datagrams(site, &mut build).map(|_| ()).unwrap();
            });
            let peer = rig.peer();
            while count.load(Ordering::Relaxed) < 1000 {
                assert_eq!(peer.ask(b"still here", &at), b"still here");
            }
        },
    );
}

#[test]
fn more_errors_than_one_callback_may_leave_are_dropped_and_the_rest_told() {
    on_every_engine(|rig| {
        let many = limits::DATAGRAM_ERRORS + 10;
        let log = rig.log.clone();
        let at = rig.listen(Script::new().made(move |transport| {
            for _ in 0..many {
                transport.send(b"");
            }
            log.note(format!("dropped {}", transport.dropped()));
        }));
        rig.peer().send(b"last", &at);
        rig.until_call(Call::Data(b"last".into()));
        rig.until("all that are told", |calls| {
            let told = calls.iter().filter(|(_, call)| matches!(call, Call::Error(..)));
            told.count() == limits::DATAGRAM_ERRORS
        });
        rig.settle_in_memory();
        assert_eq!(rig.log.notes(), [format!("dropped {many}")]);
        assert_eq!(rig.log.of(0).len(), 2 + limits::DATAGRAM_ERRORS);
    });
}

#[test]
fn a_unix_peer_that_is_gone_is_told() {
    on(
        |kind| kind.is_unix(),
        |rig| {
            let peer = rig.peer();
            let to = peer.addr();
            rig.connect(to.clone(), Script::new());
            let handle = rig.handle();
            drop(peer);
            handle.send(b"anybody?").unwrap();
            rig.until("an error", |calls| {
                calls.iter().any(|(_, call)| matches!(call, Call::Error(Some(of), _) if *of == to))
            });
            assert!(!handle.is_gone());
        },
    );
}
