//! Contract: a producer writes when there is room, and a close waits for it.

use std::sync::Arc;
use std::time::Duration;

use ropewalk::error::ErrorKind;
use ropewalk::limits::{
    FLUSH, Limits, PULL_PAUSE, PULL_PAUSE_MAX, WATER_HIGH_BYTES, WATER_LOW_BYTES,
};
use ropewalk::protocol::{Deadline, Kind, Layer, Producer, Streaming};
use ropewalk::{Flow, Reason, Timer, Transport};

use crate::rig::{Call, Kept, Log, Script, on, on_every_engine, on_with};

type Do = Arc<dyn Fn(&mut dyn Transport) + Send + Sync>;

/// A producer of closures, which says in the log what it was told.
struct Told {
    log: Log,
    resume: Do,
}

impl Producer for Told {
    fn resume_producing(&mut self, transport: &mut dyn Transport) {
        self.log.note(0, "resume");
        (self.resume)(transport);
    }
    fn pause_producing(&mut self, _: &mut dyn Transport) {
        self.log.note(0, "pause");
    }
    fn stop_producing(&mut self, transport: &mut dyn Transport, why: &Reason) {
        assert_eq!(transport.write(b"late"), Flow::Closed);
        self.log.note(0, format!("stop {:?}", why.kind()));
    }
}

/// Makes producers of that kind, one for each connection.
type Make = Arc<dyn Fn() -> Box<dyn Producer> + Send + Sync>;

fn told(log: &Log, resume: impl Fn(&mut dyn Transport) + Send + Sync + 'static) -> Make {
    let (log, resume): (Log, Do) = (log.clone(), Arc::new(resume));
    Arc::new(move || Box::new(Told { log: log.clone(), resume: resume.clone() }))
}

fn note(what: &str) -> Call {
    Call::Note(what.into())
}

fn count_of(calls: &[Call], call: &Call) -> usize {
    calls.iter().filter(|seen| *seen == call).count()
}

/// Registers and closes at once; the producer writes `pieces` times so much.
fn pulls(log: &Log, pieces: usize, size: usize) -> Script {
    let (count, seen) = (pieces, log.clone());
    let producer = told(log, move |transport| {
        assert_eq!(transport.write(&vec![7; size]), Flow::More);
        if count_of(&seen.of(0), &note("resume")) == count {
            transport.unregister_producer();
        }
    });
    Script::new().made(move |transport| {
        transport.register_producer(producer(), Streaming::Pull).unwrap();
        transport.close();
    })
}

#[test]
fn a_close_waits_for_a_pull_producer_which_is_asked_piece_by_piece() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let server = rig.serve(pulls(&rig.log, 3, 10));
            assert_eq!(rig.dial(server).read_to_end().unwrap(), [7; 30]);
            rig.until_lost(1);
            let resume = note("resume");
            let seen = [resume.clone(), resume.clone(), resume, Call::Lost(Kind::Closed)];
            assert_eq!(rig.log.calls(), [&[Call::Made][..], &seen].concat());
        },
    );
}

#[test]
fn a_pull_producer_fills_no_more_than_the_low_mark_and_a_piece() {
    on(
        |kind| kind.is_here(),
        |rig| {
            // More than the kernel takes: each piece is looked at before it is written.
            let (size, much) = (16 * 1024, rig.kind.too_much());
            let (kept, left) = (Kept::new(), Arc::new(std::sync::atomic::AtomicUsize::new(much)));
            let most = kept.clone();
            let producer = told(&Log::default(), move |transport| {
                use std::sync::atomic::Ordering::Relaxed;
                if transport.buffered() > WATER_LOW_BYTES {
                    most.put(transport.buffered());
                }
                let piece = left.load(Relaxed).min(size);
                transport.write(&vec![7; piece]);
                left.fetch_sub(piece, Relaxed);
                if left.load(Relaxed) == 0 {
                    transport.unregister_producer();
                }
            });
            let server = rig.serve(Script::new().made(move |transport| {
                transport.register_producer(producer(), Streaming::Pull).unwrap();
                transport.close();
            }));
            let mut peer = rig.dial(server);
            rig.until_call(Call::Made);
            assert!(peer.read_to_end().unwrap() == vec![7; much]);
            rig.until_lost(1);
            // `pause_writing` never was: nothing was answered `Full`.
            assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Closed)]);
            assert_eq!(kept.all(), [0; 0], "it was asked with so much unsent");
        },
    );
}

#[test]
fn a_push_producer_pauses_above_the_high_mark_and_resumes_at_the_low_one() {
    on_every_engine(|rig| {
        let much = rig.kind.too_much();
        let producer = told(&rig.log, |transport| {
            assert!(transport.buffered() <= WATER_LOW_BYTES);
            transport.write(b"!");
            transport.unregister_producer();
        });
        let server = rig.serve(Script::new().made(move |transport| {
            transport.register_producer(producer(), Streaming::Push).unwrap();
            transport.write(&vec![7; much]);
            transport.close();
        }));
        let mut peer = rig.dial(server);
        rig.until_call(note("pause"));
        let got = peer.read_to_end().unwrap();
        assert!(got.len() == much + 1 && got.last() == Some(&b'!'));
        rig.until_lost(1);
        let seen = [Call::Made, note("pause"), note("resume"), Call::Lost(Kind::Closed)];
        assert_eq!(rig.log.calls(), seen);
    });
}

#[test]
fn a_close_waits_for_a_push_producer_and_takes_its_writes() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let kept = Kept::new();
            let handle = kept.clone();
            let producer = told(&rig.log, |_| {});
            let server = rig.serve(Script::new().made(move |transport| {
                transport.register_producer(producer(), Streaming::Push).unwrap();
                transport.write(b"1");
                transport.close();
                assert!(transport.is_open());
                handle.put(transport.handle());
            }));
            let mut peer = rig.dial(server);
            rig.until_call(Call::Made);
            assert_eq!(peer.read_exact(1).unwrap(), b"1");
            let late = |transport: &mut dyn Transport| {
                assert_eq!(transport.write(b"late"), Flow::More);
                transport.unregister_producer();
                assert_eq!(transport.write(b"too late"), Flow::Closed);
            };
            kept.first().call(late).unwrap();
            assert_eq!(peer.read_to_end().unwrap(), b"late");
            rig.until_lost(1);
            assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Closed)]);
        },
    );
}

#[test]
fn shutdown_write_waits_for_a_producer_too() {
    on_every_engine(|rig| {
        let producer = told(&Log::default(), |transport| {
            transport.write(b"all");
            transport.unregister_producer();
        });
        let server = rig.serve(Script::new().made(move |transport| {
            transport.register_producer(producer(), Streaming::Pull).unwrap();
            transport.shutdown_write();
        }));
        let mut peer = rig.dial(server);
        assert_eq!(peer.read_to_end().unwrap(), b"all");
        peer.send(b"and we");
        peer.shutdown_write();
        rig.until_lost(1);
        let seen = [Call::Data(b"and we".into()), Call::Eof, Call::Lost(Kind::PeerClosed)];
        assert_eq!(rig.log.calls(), [&[Call::Made][..], &seen].concat());
    });
}

#[test]
fn a_close_with_a_producer_that_produces_nothing_ends_by_the_flush_deadline() {
    let limits = Limits { flush: Duration::from_millis(200), ..Limits::default() };
    for streaming in [Streaming::Pull, Streaming::Push] {
        on_with(
            limits,
            |_| true,
            |rig| {
                let producer = told(&Log::default(), |_| {});
                let stopped = told(&rig.log, |_| {});
                let server = rig.serve(Script::new().made(move |transport| {
                    let producer = if streaming == Streaming::Pull { &producer } else { &stopped };
                    transport.register_producer(producer(), streaming).unwrap();
                    transport.close();
                }));
                let mut peer = rig.dial(server);
                rig.until_lost(1);
                let flush = Kind::Deadline(Deadline::Flush);
                let mut calls = rig.log.calls();
                calls.retain(|call| !matches!(call, Call::Note(_)));
                assert_eq!(calls, [Call::Made, Call::Lost(flush)]);
                peer.read_until_over();
            },
        );
    }
}

#[test]
fn a_producer_that_writes_now_and_then_moves_the_flush_deadline() {
    // Virtual time.
    on(
        |kind| kind.is_memory(),
        |rig| {
            // A byte every two seconds, past the deadline of five.
            let producer = told(&Log::default(), |_| {});
            let server = rig.serve(Script::new().made(move |transport| {
                transport.register_producer(producer(), Streaming::Push).unwrap();
                transport.close();
                tick(transport.handle(), transport.net(), 5);
            }));
            let mut peer = rig.dial(server);
            assert_eq!(peer.read_to_end().unwrap(), b".....");
            rig.until_lost(1);
            assert_eq!(rig.log.calls().last(), Some(&Call::Lost(Kind::Closed)));
            assert!(rig.now() >= 2 * FLUSH);
        },
    );

    fn tick(handle: ropewalk::Handle, net: &dyn ropewalk::Net, left: u32) {
        let later = move |net: &dyn ropewalk::Net| {
            if left == 0 {
                return handle.call(|transport| transport.unregister_producer()).unwrap();
            }
            handle.write(b".").unwrap();
            tick(handle, net, left - 1);
        };
        net.call_later(Duration::from_secs(2), Box::new(later));
    }
}

#[test]
fn stop_producing_comes_once_and_before_connection_lost() {
    on_every_engine(|rig| {
        let producer = told(&rig.log, |_| {});
        let server = rig.serve(Script::new().made(move |transport| {
            transport.register_producer(producer(), Streaming::Push).unwrap();
            transport.abort();
        }));
        rig.dial(server).read_until_over();
        rig.until_lost(1);
        let seen = [Call::Made, note("stop Aborted"), Call::Lost(Kind::Aborted)];
        assert_eq!(rig.log.calls(), seen);
    });
}

#[test]
fn a_peers_reset_stops_a_producer_even_after_close() {
    // Only TCP and memory have a reset.
    on(
        |kind| kind.has_reset(),
        |rig| {
            let (producer, silent) = (told(&rig.log, |_| {}), told(&Log::default(), |_| {}));
            for streaming in [Streaming::Push, Streaming::Pull] {
                let (producer, silent) = (producer.clone(), silent.clone());
                let server = rig.serve(Script::new().made(move |transport| {
                    let pull = streaming == Streaming::Pull;
                    let producer = if pull { silent() } else { producer() };
                    transport.register_producer(producer, streaming).unwrap();
                    transport.close();
                }));
                let peer = rig.dial(server);
                let number = usize::from(streaming == Streaming::Pull);
                rig.until("made", |calls| calls.contains(&(number, Call::Made)));
                peer.reset();
                rig.until_lost(number + 1);
                assert_eq!(rig.log.of(number).last(), Some(&Call::Lost(Kind::Reset)));
            }
            assert_eq!(count_of(&rig.log.calls(), &note("stop Reset")), 1);
        },
    );
}

#[test]
fn a_second_producer_is_refused_and_the_first_goes_on() {
    on_every_engine(|rig| {
        let second = told(&rig.log, |_| {});
        let first = told(&Log::default(), |transport| {
            transport.write(b"first");
            transport.unregister_producer();
        });
        let server = rig.serve(Script::new().made(move |transport| {
            transport.register_producer(first(), Streaming::Pull).unwrap();
            let error = transport.register_producer(second(), Streaming::Pull).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Full);
            transport.close();
        }));
        assert_eq!(rig.dial(server).read_to_end().unwrap(), b"first");
        rig.until_lost(1);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Closed)]);
    });
}

#[test]
fn a_producer_is_refused_where_no_write_would_be_taken() {
    on_every_engine(|rig| {
        let producer = told(&rig.log, |_| {});
        let lost = producer.clone();
        let refused = |transport: &mut dyn Transport, producer| {
            let refused = transport.register_producer(producer, Streaming::Push);
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::Closed);
        };
        let script = Script::new().made(move |transport| {
            transport.close();
            refused(transport, producer());
            transport.unregister_producer(); // and without one it does nothing
        });
        let server = rig.serve(script.lost(move |transport, _| refused(transport, lost())));
        assert_eq!(rig.dial(server).read_to_end().unwrap(), b"");
        rig.until_lost(1);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Closed)]);
    });
}

#[test]
fn a_producer_may_put_another_in_its_place() {
    on_every_engine(|rig| {
        let second = told(&Log::default(), |transport| {
            transport.write(b"2");
            transport.unregister_producer();
        });
        let first = told(&Log::default(), move |transport| {
            transport.write(b"1");
            transport.unregister_producer();
            transport.register_producer(second(), Streaming::Pull).unwrap();
            transport.close();
        });
        let server = rig.serve(Script::new().made(move |transport| {
            transport.register_producer(first(), Streaming::Pull).unwrap();
        }));
        assert_eq!(rig.dial(server).read_to_end().unwrap(), b"12");
        rig.until_lost(1);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Closed)]);
    });
}

#[test]
fn a_panic_of_a_producer_ends_its_connection_and_it_hears_so() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let producer = told(&rig.log, |_| panic!("it is meant to"));
            let server = rig.serve(Script::new().made(move |transport| {
                transport.register_producer(producer(), Streaming::Pull).unwrap();
            }));
            rig.dial(server).read_until_over();
            rig.until_lost(1);
            let heard = [note("resume"), note("stop Panicked"), Call::Lost(Kind::Panicked)];
            assert_eq!(rig.log.calls(), [&[Call::Made][..], &heard].concat());
        },
    );
}

#[test]
fn a_producers_call_stands_outside_every_callback() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let log = rig.log.clone();
            let producer = told(&rig.log, |transport| {
                transport.write(b"x");
                transport.close();
                transport.unregister_producer();
            });
            let server = rig.serve(Script::new().made(move |transport| {
                transport.register_producer(producer(), Streaming::Pull).unwrap();
                log.note(0, "made returns");
            }));
            assert_eq!(rig.dial(server).read_to_end().unwrap(), b"x");
            rig.until_lost(1);
            let seen = [note("made returns"), note("resume"), Call::Lost(Kind::Closed)];
            assert_eq!(rig.log.calls(), [&[Call::Made][..], &seen].concat());
        },
    );
}

#[test]
fn a_pull_producer_with_nothing_to_write_is_asked_ever_more_seldom() {
    // Virtual time.
    on(
        |kind| kind.is_memory(),
        |rig| {
            let asked = Kept::new();
            let at = asked.clone();
            let producer = told(&Log::default(), move |transport| {
                at.put(transport.now());
                if at.all().len() == 12 {
                    transport.write(b"at last");
                    transport.unregister_producer();
                    transport.close();
                }
            });
            let server = rig.serve(Script::new().made(move |transport| {
                transport.register_producer(producer(), Streaming::Pull).unwrap();
            }));
            assert_eq!(rig.dial(server).read_to_end().unwrap(), b"at last");
            rig.until_lost(1);
            let asked = asked.all();
            let pauses: Vec<_> = asked.windows(2).map(|two| two[1].since(two[0])).collect();
            assert_eq!(pauses[0], PULL_PAUSE);
            assert!(pauses.windows(2).all(|two| two[1] == (two[0] * 2).min(PULL_PAUSE_MAX)));
            assert_eq!(pauses.last(), Some(&PULL_PAUSE_MAX));
        },
    );
}

#[test]
fn an_endless_producer_leaves_others_their_turn() {
    on(
        |kind| kind.is_one_loop() && kind.is_here(),
        |rig| {
            let producer = told(&Log::default(), |transport| {
                transport.write(b"x");
            });
            let first = rig.serve(
                Script::new()
                    .made(move |transport| {
                        transport.register_producer(producer(), Streaming::Pull).unwrap();
                        // Others of the same loop wait for their turn meanwhile.
                        transport.set_timer(Timer(1), Duration::ZERO);
                    })
                    .timer(|transport| transport.abort()),
            );
            let mut peer = rig.dial(first);
            rig.until_lost(1);
            assert_eq!(rig.log.calls().last(), Some(&Call::Lost(Kind::Aborted)));
            peer.read_until_over();
        },
    );
}

/// Changes nothing, and so does not hide what a producer writes.
struct Plain;
impl Layer for Plain {}

/// Keeps all that is written for a while, as one that fills records does.
#[derive(Default)]
struct Keeps(Vec<u8>);
impl Layer for Keeps {
    fn write(&mut self, below: &mut ropewalk::protocol::Below<'_>, data: &[u8]) {
        self.0.extend_from_slice(data);
        if self.0.len() >= 1000 {
            below.write(&std::mem::take(&mut self.0));
        } else {
            below.set_timer(Timer(9), Duration::from_millis(1));
        }
    }
    fn timer_fired(
        &mut self,
        below: &mut ropewalk::protocol::Below<'_>,
        _: Timer,
        _: &mut ropewalk::protocol::Up<'_>,
    ) {
        below.write(&std::mem::take(&mut self.0));
    }
    fn pending(&self) -> usize {
        self.0.len()
    }
}

#[test]
fn one_rule_for_closing_with_a_producer_whatever_the_layers() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let script = pulls(&rig.log, 300, 70).stack(|layers| {
                layers.push(Plain);
                layers.push(Keeps::default());
            });
            let server = rig.serve(script);
            assert_eq!(rig.dial(server).read_to_end().unwrap(), vec![7; 300 * 70]);
            rig.until_lost(1);
            let calls = rig.log.calls();
            assert_eq!(count_of(&calls, &note("resume")), 300);
            assert_eq!(calls.last(), Some(&Call::Lost(Kind::Closed)));
        },
    );
}

#[test]
fn a_handle_registers_a_producer_from_another_thread() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let kept = Kept::new();
            let handle = kept.clone();
            let server =
                rig.serve(Script::new().made(move |transport| handle.put(transport.handle())));
            let mut peer = rig.dial(server);
            rig.until_call(Call::Made);
            let producer = told(&Log::default(), |transport| {
                transport.write(&[7; WATER_HIGH_BYTES]);
                transport.unregister_producer();
            });
            let register = move |transport: &mut dyn Transport| {
                transport.register_producer(producer(), Streaming::Pull).unwrap();
                transport.close();
            };
            kept.first().call(register).unwrap();
            assert_eq!(peer.read_to_end().unwrap().len(), WATER_HIGH_BYTES);
            rig.until_lost(1);
        },
    );
}
