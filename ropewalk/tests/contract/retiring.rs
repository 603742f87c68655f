//! Contract: a layer that has done its work leaves, and nobody else notices.

use std::time::Duration;

use ropewalk::policy::ProxyHeader;
use ropewalk::protocol::{Below, Deadline, Kind, Layer, Layers, Reason, Up, with_layer};
use ropewalk::{Timer, Transport};

use crate::rig::{Call, Kept, Script, on, on_every_engine};

const MS: Duration = Duration::from_millis(1);

/// Takes so many bytes off the front of the input, and retires with the last of them.
struct Takes(usize);

impl Layer for Takes {
    fn started(&mut self, _: &mut Below<'_>, _: &mut Up<'_>) {}
    fn received<'d>(&mut self, below: &mut Below<'_>, data: &'d [u8], up: &mut Up<'d>) {
        let taken = self.0.min(data.len());
        self.0 -= taken;
        if self.0 == 0 {
            up.made();
            up.pass(&data[taken..]);
            below.retire();
        }
    }
}

/// Signs what passes upwards, and retires when its timer comes, with a last word.
struct SignsUntil {
    after: Duration,
    pauses: bool,
}

impl Layer for SignsUntil {
    fn started(&mut self, below: &mut Below<'_>, up: &mut Up<'_>) {
        below.set_timer(Timer(7), self.after);
        if self.pauses {
            below.pause_reading();
        }
        up.made();
    }
    fn received<'d>(&mut self, _: &mut Below<'_>, data: &'d [u8], up: &mut Up<'d>) {
        up.pass(data);
        up.bytes().push(b'!');
    }
    fn timer_fired(&mut self, below: &mut Below<'_>, _: Timer, up: &mut Up<'_>) {
        up.bytes().extend(b"retired.");
        below.retire();
    }
}

/// Retires at once.
struct Passes;

impl Layer for Passes {
    fn started(&mut self, below: &mut Below<'_>, up: &mut Up<'_>) {
        up.made();
        below.retire();
    }
}

/// Marks its own timer's coming.
struct Rings(u8);

impl Layer for Rings {
    fn started(&mut self, below: &mut Below<'_>, up: &mut Up<'_>) {
        below.set_timer(Timer(7), 5 * MS);
        up.made();
    }
    fn timer_fired(&mut self, _: &mut Below<'_>, timer: Timer, up: &mut Up<'_>) {
        assert_eq!(timer, Timer(7));
        up.bytes().push(self.0);
    }
}

fn count_layers(transport: &mut dyn Transport) -> usize {
    let mut count = 0;
    transport.visit_layers(&mut |_| {
        count += 1;
        false
    });
    count
}

/// Notes how many layers there are when bytes come, and sends them back.
fn counts(seen: &Kept<usize>, stack: impl Fn(&mut Layers) + Send + Sync + 'static) -> Script {
    let seen = seen.clone();
    Script::new().stack(stack).data(move |transport, data| {
        seen.put(count_layers(transport));
        transport.write(data);
    })
}

#[test]
fn a_layer_that_retires_when_it_starts_is_gone_when_bytes_come() {
    on(
        // After a handshake it may start with the very read that brings the bytes.
        |kind| kind.is_here() && kind.is_plain(),
        |rig| {
            let seen = Kept::new();
            let server = rig.serve(counts(&seen, |layers| {
                layers.push(Passes);
                layers.push(Passes);
            }));
            let bare = rig.serve(counts(&seen, |_| ()));
            for server in [server, bare] {
                let mut peer = rig.dial(server);
                // The first may come in the very call in which the layers start.
                for _ in 0..2 {
                    peer.send(b"hello");
                    assert_eq!(peer.read_exact(5).unwrap(), b"hello");
                }
            }
            let seen = rig.until_kept(&seen, 4);
            assert_eq!(seen[1], seen[3]);
        },
    );
}

#[test]
fn bytes_passed_by_a_layer_that_retires_in_the_same_call_arrive() {
    on_every_engine(|rig| {
        let server = rig.serve(Script::echo().stack(|layers| layers.push(Takes(4))));
        let mut peer = rig.dial(server);
        peer.send(b"headhello");
        assert_eq!(peer.read_exact(5).unwrap(), b"hello");
        peer.send(b"again");
        assert_eq!(peer.read_exact(5).unwrap(), b"again");
        peer.shutdown_write();
        assert_eq!(peer.read_to_end().unwrap(), b"");
        rig.until_lost(1);
        let data = Call::Data(b"helloagain".into());
        let lost = Call::Lost(Kind::PeerClosed);
        assert_eq!(rig.log.calls(), [Call::Made, data, Call::Eof, lost]);
    });
}

#[test]
fn several_layers_retire_in_one_call() {
    on_every_engine(|rig| {
        let server = rig.serve(Script::echo().stack(|layers| {
            layers.push(Takes(2));
            layers.push(Passes);
            layers.push(Takes(3));
        }));
        let mut peer = rig.dial(server);
        peer.send(b"aabbbhello");
        assert_eq!(peer.read_exact(5).unwrap(), b"hello");
    });
}

#[test]
fn what_waited_for_a_layer_that_retires_comes_after_what_it_had_passed() {
    on_every_engine(|rig| {
        // The layer pauses, so that the peer's bytes wait for it; then its last word goes up,
        // and they after it, unsigned.
        let server = rig.serve(Script::echo().stack(|layers| {
            layers.push(SignsUntil { after: 5 * MS, pauses: true });
        }));
        let mut peer = rig.dial(server);
        peer.send(b"hello");
        assert_eq!(peer.read_exact(13).unwrap(), b"retired.hello");
        peer.send(b"again");
        assert_eq!(peer.read_exact(5).unwrap(), b"again");
    });
}

/// Hands each byte up by itself.
struct Pieces;

impl Layer for Pieces {
    fn received<'d>(&mut self, _: &mut Below<'_>, data: &'d [u8], up: &mut Up<'d>) {
        data.chunks(1).for_each(|piece| up.pass(piece));
    }
}

/// Passes one piece, pauses, and retires a moment later with a last word.
struct One;

impl Layer for One {
    fn received<'d>(&mut self, below: &mut Below<'_>, data: &'d [u8], up: &mut Up<'d>) {
        up.pass(data);
        below.pause_reading();
        below.set_timer(Timer(1), MS);
    }
    fn timer_fired(&mut self, below: &mut Below<'_>, _: Timer, up: &mut Up<'_>) {
        up.bytes().extend(b"retired.");
        below.retire();
    }
}

#[test]
fn what_a_layer_that_retires_had_passed_to_a_paused_protocol_is_not_overtaken() {
    on_every_engine(|rig| {
        // All of it waits when the layer leaves: the last word for the protocol, and before
        // it in time what waits for the layer, which comes after it.
        let script = Script::echo().stack(|layers| {
            layers.push(Pieces);
            layers.push(One);
        });
        let script = script.data(|transport, data| {
            transport.write(data);
            if data == b"h" {
                transport.pause_reading();
                transport.set_timer(Timer(1), 20 * MS);
            }
        });
        let server = rig.serve(script.timer(|transport| transport.resume_reading()));
        let mut peer = rig.dial(server);
        peer.send(b"hello");
        assert_eq!(peer.read_exact(13).unwrap(), b"hretired.ello");
    });
}

#[test]
fn a_layer_retires_while_its_protocol_pauses() {
    on_every_engine(|rig| {
        let script = Script::new().stack(|layers| {
            layers.push(Passes);
            layers.push(SignsUntil { after: 5 * MS, pauses: false });
            layers.push(Passes);
        });
        let server = rig.serve(
            script
                .made(|transport| {
                    transport.pause_reading();
                    transport.set_timer(Timer(1), 20 * MS);
                })
                .timer(|transport| transport.resume_reading()),
        );
        let mut peer = rig.dial(server);
        peer.send(b"hello");
        peer.shutdown_write();
        assert_eq!(peer.read_to_end().unwrap(), b"");
        rig.until_lost(1);
        let calls = rig.log.calls();
        // What came before its timer was signed, if it was read at all.
        let whole = Call::Data(b"retired.hello".into());
        let signed = Call::Data(b"hello!retired.".into());
        assert!(calls[2] == whole || calls[2] == signed, "{calls:?}");
        let lost = Call::Lost(Kind::PeerClosed);
        assert_eq!(
            [&calls[..2], &calls[3..]].concat(),
            [Call::Made, Call::Timer(1), Call::Eof, lost]
        );
    });
}

#[test]
fn the_timers_of_other_layers_and_of_the_protocol_stay_their_own() {
    on_every_engine(|rig| {
        let script = Script::new().stack(|layers| {
            layers.push(Passes);
            layers.push(Rings(b'a'));
            layers.push(Passes);
            layers.push(SignsUntil { after: MS, pauses: false });
            layers.push(Rings(b'b'));
        });
        let server = rig.serve(script.made(|transport| {
            transport.set_timer(Timer(3), 10 * MS);
        }));
        let _peer = rig.dial(server);
        rig.until_call(Call::Timer(3));
        let mut data: Vec<u8> = Vec::new();
        for call in rig.log.calls() {
            if let Call::Data(bytes) = call {
                data.extend(bytes);
            }
        }
        // Each rang once: a timer that came to another layer would have panicked there.
        let count = |byte| data.iter().filter(|other| **other == byte).count();
        assert_eq!((count(b'a'), count(b'b'), data.len()), (1, 1, 8 + 2), "{data:?}");
    });
}

/// Says its last word when it is told to finish, and retires with it.
struct Farewell(u8);

impl Layer for Farewell {
    fn finish(&mut self, below: &mut Below<'_>) {
        below.write(&[self.0]);
        below.retire();
    }
}

#[test]
fn a_layer_that_retires_while_it_finishes_ends_the_connection_in_order() {
    on_every_engine(|rig| {
        let server = rig.serve(
            Script::new()
                .stack(|layers| {
                    layers.push(Farewell(b'a'));
                    layers.push(Passes);
                    layers.push(Farewell(b'b'));
                })
                .data(|transport, _| {
                    transport.write(b"answer ");
                    transport.close();
                }),
        );
        let mut peer = rig.dial(server);
        peer.send(b"x");
        assert_eq!(peer.read_to_end().unwrap(), b"answer ba");
        peer.close();
        rig.until_lost(1);
        let data = Call::Data(b"x".into());
        assert_eq!(rig.log.calls(), [Call::Made, data, Call::Lost(Kind::Closed)]);
    });
}

/// Holds what is written for a moment, and retires at once: it stays until that is out.
struct Holds(Vec<u8>);

impl Layer for Holds {
    fn write(&mut self, below: &mut Below<'_>, data: &[u8]) {
        if self.0.is_empty() {
            below.set_timer(Timer(1), 5 * MS);
            below.retire();
        }
        self.0.extend(data);
    }
    fn pending(&self) -> usize {
        self.0.len()
    }
    fn timer_fired(&mut self, below: &mut Below<'_>, _: Timer, _: &mut Up<'_>) {
        below.write(&std::mem::take(&mut self.0));
    }
}

#[test]
fn a_layer_that_holds_bytes_retires_when_they_are_out() {
    on_every_engine(|rig| {
        let script = Script::echo().stack(|layers| layers.push(Holds(Vec::new())));
        let server = rig.serve(script.eof(|transport| {
            transport.write(b"three");
            transport.close();
        }));
        let mut peer = rig.dial(server);
        peer.send(b"one ");
        assert_eq!(peer.read_exact(4).unwrap(), b"one ");
        peer.send(b"two ");
        assert_eq!(peer.read_exact(4).unwrap(), b"two ");
        peer.shutdown_write();
        assert_eq!(peer.read_to_end().unwrap(), b"three");
    });
}

/// Turns every bit over; its handshake is one byte, which it waits for.
struct Turns {
    ready: bool,
}

fn turned(data: &[u8]) -> Vec<u8> {
    data.iter().map(|byte| !byte).collect()
}

impl Layer for Turns {
    fn started(&mut self, below: &mut Below<'_>, _: &mut Up<'_>) {
        below.begin_handshake();
    }
    fn received<'d>(&mut self, below: &mut Below<'_>, data: &'d [u8], up: &mut Up<'d>) {
        let mut data = data;
        if !self.ready {
            (self.ready, data) = (true, &data[1..]);
            below.end_handshake();
            up.made();
        }
        up.bytes().extend(turned(data));
    }
    fn write(&mut self, below: &mut Below<'_>, data: &[u8]) {
        below.write(&turned(data));
    }
}

/// What `start_tls` does: a layer is pushed in the very call in which one below retires.
#[test]
fn a_layer_pushed_while_one_below_retires_takes_its_place() {
    on_every_engine(|rig| {
        let script = Script::echo().stack(|layers| {
            layers.push(Takes(4));
        });
        let server = rig.serve(script.made(|transport| {
            transport.push_layer(Box::new(Turns { ready: false }));
            transport.write(b"hello");
        }));
        let mut peer = rig.dial(server);
        peer.send(b"head");
        assert_eq!(peer.read_exact(5).unwrap(), turned(b"hello"));
        peer.send(&[&b"#"[..], &turned(b"echo")].concat());
        assert_eq!(peer.read_exact(4).unwrap(), turned(b"echo"));
    });
}

#[test]
fn the_handshake_of_a_layer_above_keeps_its_deadline() {
    on(
        |kind| kind.is_memory(),
        |rig| {
            let script = Script::new().stack(|layers| {
                layers.push(Takes(1));
                layers.push(Turns { ready: false });
            });
            let server = rig.serve(script);
            let mut peer = rig.dial(server);
            peer.send(b"x");
            rig.until_lost(1);
            let deadline = Kind::Deadline(Deadline::Handshake);
            assert_eq!(rig.log.calls(), [Call::Failed(deadline)]);
            // And ends it where it is over, though it has moved meanwhile.
            let mut peer = rig.dial(server);
            peer.send(b"x#");
            rig.until("made", |calls| calls.contains(&(1, Call::Made)));
            peer.close();
            rig.until_lost(2);
        },
    );
}

/// Panics when it is dropped.
struct Bursts;

impl Layer for Bursts {
    fn started(&mut self, below: &mut Below<'_>, up: &mut Up<'_>) {
        up.made();
        below.retire();
    }
}

impl Drop for Bursts {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "a layer as it is dropped");
    }
}

#[test]
fn a_layer_that_panics_as_it_leaves_disturbs_nobody() {
    on_every_engine(|rig| {
        let server = rig.serve(Script::echo().stack(|layers| {
            layers.push(Bursts);
        }));
        let mut peer = rig.dial(server);
        peer.send(b"hello");
        assert_eq!(peer.read_exact(5).unwrap(), b"hello");
    });
}

/// Keeps something with the connection, and retires.
struct Keeps(Kept<&'static str>);

struct Guard(Kept<&'static str>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.put("dropped");
    }
}

impl Layer for Keeps {
    fn started(&mut self, below: &mut Below<'_>, up: &mut Up<'_>) {
        below.keep(Guard(self.0.clone()));
        up.made();
        below.retire();
    }
    fn lost(&mut self, _: &Reason) {
        self.0.put("lost, though it had retired");
    }
}

#[test]
fn what_a_layer_keeps_lives_as_long_as_the_connection() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let kept = Kept::new();
            let (layer, lost) = (kept.clone(), kept.clone());
            let script = Script::echo().stack(move |layers| layers.push(Keeps(layer.clone())));
            let server = rig.serve(script.lost(move |_, _| lost.put("told")));
            let mut peer = rig.dial(server);
            peer.send(b"hello");
            assert_eq!(peer.read_exact(5).unwrap(), b"hello");
            assert_eq!(kept.all(), [""; 0]);
            peer.close();
            assert_eq!(rig.until_kept(&kept, 2), ["told", "dropped"]);
        },
    );
}

#[test]
fn a_header_is_there_to_be_looked_at_when_the_connection_is_made_and_then_gone() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let seen = Kept::new();
            let (made, data) = (seen.clone(), seen.clone());
            let look = |transport: &mut dyn Transport| {
                let header =
                    with_layer(transport, |layer: &mut ProxyHeader| layer.header().is_some());
                let (peer, local) = (transport.peer_addr(), transport.local_addr());
                format!("{header:?} from {peer} to {local}")
            };
            let script = Script::new()
                .stack(|layers| layers.push(ProxyHeader::new()))
                .made(move |transport| made.put(look(transport)))
                .data(move |transport, _| data.put(look(transport)));
            let server = rig.serve(script);
            let mut peer = rig.dial(server);
            peer.send(b"PROXY TCP4 192.0.2.7 192.0.2.1 4000 80\r\n");
            rig.until_call(Call::Made);
            peer.send(b"hello");
            let addrs = "from 192.0.2.7:4000 to 192.0.2.1:80";
            let wanted = [format!("Some(true) {addrs}"), format!("None {addrs}")];
            assert_eq!(rig.until_kept(&seen, 2), wanted);
        },
    );
}
