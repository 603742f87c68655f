//! Contract: what stands between the wire and the protocol.

use std::time::Duration;

use ropewalk::Timer;
use ropewalk::policy::ProxyHeader;
use ropewalk::protocol::{Below, Kind, Layer, Reason, Up};

use crate::rig::{Call, Kept, Script, on, on_every_engine};

/// Puts its letter behind everything that passes.
struct Signs(u8);

impl Layer for Signs {
    fn received<'d>(&mut self, _: &mut Below<'_>, data: &'d [u8], up: &mut Up<'d>) {
        up.pass(data);
        up.bytes().push(self.0);
    }
    fn write(&mut self, below: &mut Below<'_>, data: &[u8]) {
        below.write(&[data, &[self.0]].concat());
    }
}

/// Turns every bit over, both ways.
struct Turns;

fn turned(data: &[u8]) -> Vec<u8> {
    data.iter().map(|byte| !byte).collect()
}

impl Layer for Turns {
    fn received<'d>(&mut self, _: &mut Below<'_>, data: &'d [u8], up: &mut Up<'d>) {
        up.bytes().extend(turned(data));
    }
    fn write(&mut self, below: &mut Below<'_>, data: &[u8]) {
        below.write(&turned(data));
    }
}

#[test]
fn layers_stand_in_order_from_the_wire_up() {
    on_every_engine(|rig| {
        let script = Script::new().stack(|layers| {
            layers.push(Signs(b'a'));
            layers.push(Signs(b'b'));
        });
        // Bytes that a layer makes go up as a piece of their own.
        let server = rig.serve(script.data(|transport, data| {
            if data.ends_with(b"x") {
                transport.write(b"y");
                transport.shutdown_write();
            }
        }));
        let mut peer = rig.dial(server);
        peer.send(b"x");
        assert_eq!(peer.read_to_end().unwrap(), b"yba");
        peer.close();
        rig.until_lost(1);
        // Each piece is signed: x, then b; then the a of the layer below, then its b.
        let data = Call::Data(b"xbab".into());
        assert_eq!(rig.log.calls(), [Call::Made, data, Call::Eof, Call::Lost(Kind::PeerClosed)]);
    });
}

#[test]
fn a_layer_may_be_pushed_while_the_connection_runs() {
    on_every_engine(|rig| {
        // The first byte asks for it, the second comes through it.
        let server = rig.serve(Script::new().data(|transport, data| {
            if data == b"!" {
                transport.write(b"plain");
                transport.push_layer(Box::new(Turns));
            } else {
                transport.write(b"turned");
                transport.close();
            }
        }));
        let mut peer = rig.dial(server);
        peer.send(b"!");
        assert_eq!(peer.read_exact(5).unwrap(), b"plain");
        peer.send(&turned(b"?"));
        assert_eq!(peer.read_to_end().unwrap(), turned(b"turned"));
        drop(peer);
        rig.until_lost(1);
        // Made once: the layer's own readiness is not told again.
        let data = Call::Data(b"!?".into());
        assert_eq!(rig.log.calls(), [Call::Made, data, Call::Lost(Kind::Closed)]);
    });
}

/// In which of a layer's methods it panics.
#[derive(Clone, Copy, Debug, PartialEq)]
enum In {
    Started,
    Received,
    Eof,
    Write,
    Finish,
    Pending,
    Timer,
    Lost,
}

struct Panics(In);

impl Panics {
    fn at(&self, here: In) {
        assert!(self.0 != here, "a layer in {here:?}");
    }
}

impl Layer for Panics {
    fn started(&mut self, below: &mut Below<'_>, up: &mut Up<'_>) {
        self.at(In::Started);
        if self.0 == In::Timer {
            below.set_timer(Timer(1), Duration::ZERO);
        }
        up.made();
    }
    fn received<'d>(&mut self, _: &mut Below<'_>, data: &'d [u8], up: &mut Up<'d>) {
        self.at(In::Received);
        up.pass(data);
    }
    fn eof(&mut self, _: &mut Below<'_>, up: &mut Up<'_>) {
        self.at(In::Eof);
        up.eof();
    }
    fn write(&mut self, below: &mut Below<'_>, data: &[u8]) {
        self.at(In::Write);
        below.write(data);
    }
    fn finish(&mut self, _: &mut Below<'_>) {
        self.at(In::Finish);
    }
    fn pending(&self) -> usize {
        self.at(In::Pending);
        0
    }
    fn timer_fired(&mut self, _: &mut Below<'_>, _: Timer, _: &mut Up<'_>) {
        self.at(In::Timer);
    }
    fn lost(&mut self, _: &Reason) {
        self.at(In::Lost);
    }
}

#[test]
fn a_layer_that_panics_ends_its_own_connection_only() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let places = [
        In::Started,
        In::Received,
        In::Eof,
        In::Write,
        In::Finish,
        In::Pending,
        In::Timer,
        In::Lost,
    ];
    for place in places {
        on(
            |kind| kind.is_here(),
            |rig| {
                let first = AtomicBool::new(true);
                let server = rig.serve(Script::echo().stack(move |layers| {
                    if first.swap(false, Ordering::Relaxed) {
                        layers.push(Panics(place));
                    }
                }));
                let mut bad = rig.dial(server);
                bad.send(b"x");
                if place != In::Timer {
                    bad.shutdown_write(); // else the end may come before the timer
                }
                bad.read_until_over();
                rig.until_lost(1);
                let wanted = match place {
                    In::Started => Call::Failed(Kind::Panicked),
                    In::Lost => Call::Lost(Kind::PeerClosed),
                    // It starts when the handshake is done, with which all may come at once.
                    In::Timer if !rig.kind.is_plain() => return,
                    _ => Call::Lost(Kind::Panicked),
                };
                assert_eq!(rig.log.of(0).last(), Some(&wanted), "a panic in {place:?}");
                let mut other = rig.dial(server);
                other.send(b"are you there");
                assert_eq!(other.read_exact(13).unwrap(), b"are you there", "after {place:?}");
            },
        );
    }
}

#[test]
fn a_proxy_header_is_known_before_the_protocol_is_built() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let peers = Kept::new();
            let (built, made) = (peers.clone(), peers.clone());
            let script = Script::echo()
                .stack(|layers| layers.push(ProxyHeader::new()))
                .build(move |peer| {
                    built.put(peer.to_string());
                    true
                })
                .made(move |transport| made.put(transport.peer_addr().to_string()));
            let server = rig.serve(script);
            let mut peer = rig.dial(server);
            peer.send(b"PROXY TCP4 192.0.2.7 192.0.2.1 4000 80\r\nhello");
            assert_eq!(peer.read_exact(5).unwrap(), b"hello");
            assert_eq!(peers.all(), ["192.0.2.7:4000", "192.0.2.7:4000"]);
        },
    );
}

/// Keeps what is written until a timer lets it go.
struct Slow(Vec<u8>);

impl Layer for Slow {
    fn write(&mut self, below: &mut Below<'_>, data: &[u8]) {
        self.0.extend_from_slice(data);
        below.set_timer(Timer(1), Duration::from_millis(1));
    }
    fn pending(&self) -> usize {
        self.0.len()
    }
    fn timer_fired(&mut self, below: &mut Below<'_>, _: Timer, _: &mut Up<'_>) {
        below.write(&std::mem::take(&mut self.0));
    }
    fn finish(&mut self, below: &mut Below<'_>) {
        below.write(b" fin");
    }
}

#[test]
fn close_waits_for_what_a_layer_holds_and_its_last_word() {
    on_every_engine(|rig| {
        let script = Script::new().stack(|layers| {
            layers.push(Signs(b'.'));
            layers.push(Slow(Vec::new()));
        });
        let server = rig.serve(script.made(|transport| {
            transport.write(b"slow");
            assert_eq!(transport.buffered(), 4);
            transport.close();
        }));
        let got = rig.dial(server).read_to_end().unwrap();
        // `finish` comes when the layer is told, what it holds when its timer lets it.
        assert!(got == b"slow. fin." || got == b" fin.slow.", "{got:?}");
        rig.until_lost(1);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Closed)]);
    });
}

/// Hands up the end of input together with the first bytes.
struct Ends;

impl Layer for Ends {
    fn received<'d>(&mut self, _: &mut Below<'_>, data: &'d [u8], up: &mut Up<'d>) {
        up.pass(data);
        up.eof();
    }
}

#[test]
fn an_end_of_input_from_a_layer_waits_for_a_resume() {
    on_every_engine(|rig| {
        let script = Script::new().stack(|layers| layers.push(Ends)).data(|transport, _| {
            transport.pause_reading();
            transport.set_timer(Timer(1), Duration::from_millis(1));
        });
        let server = rig.serve(script.timer(|transport| transport.resume_reading()));
        let mut peer = rig.dial(server);
        peer.send(b"x");
        assert_eq!(peer.read_to_end().unwrap(), b"");
        drop(peer);
        rig.until_lost(1);
        let lost = Call::Lost(Kind::PeerClosed);
        let calls = rig.log.calls();
        let data = Call::Data(b"x".into());
        assert_eq!(calls[..4], [Call::Made, data, Call::Timer(1), Call::Eof]);
        assert!(matches!(calls[4], Call::Lost(Kind::Closed)) || calls[4] == lost, "{calls:?}");
    });
}
