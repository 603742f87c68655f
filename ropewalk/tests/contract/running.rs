//! Contract: calls, looping calls, hooks and blocking work, wherever an engine accepts.

use std::time::Duration;

use ropewalk::Net;
use ropewalk::protocol::{Kind, Phase};

use crate::rig::{Call, Script, on};

const MS: Duration = Duration::from_millis(1);

fn note(what: &str) -> Call {
    Call::Note(what.into())
}

#[test]
fn a_call_when_running_waits_for_its_callback_and_for_no_timer() {
    on(
        |kind| kind.accepts_by_an_engine(),
        |rig| {
            let log = rig.log.clone();
            let server = rig.serve(Script::new());
            rig.call(server, move |net| {
                let say = |what: &'static str| -> Box<dyn FnOnce(&dyn Net)> {
                    let log = log.clone();
                    Box::new(move |_| log.note(0, what))
                };
                net.call_later(Duration::ZERO, say("timer"));
                net.call_when_running(say("first"));
                let (inside, after) = (say("asked for inside"), say("second"));
                net.call_when_running(Box::new(move |net| {
                    net.call_when_running(inside);
                    after(net);
                }));
                say("callback")(net);
            });
            rig.until("all", |calls| calls.len() == 5);
            let mut calls = rig.log.calls();
            calls.retain(|call| *call != note("timer"));
            let in_order = ["callback", "first", "second", "asked for inside"];
            assert_eq!(calls, in_order.map(note));
        },
    );
}

#[test]
fn a_call_that_panics_spares_the_others() {
    on(
        |kind| kind.accepts_by_an_engine(),
        |rig| {
            let log = rig.log.clone();
            let server = rig.serve(Script::new());
            rig.call(server, move |net| {
                net.call_when_running(Box::new(|_| panic!("a call's")));
                net.call_every(MS, |_| panic!("a looping call's"));
                net.run_in_thread(|| panic!("work's"), |_, _: ropewalk::Result<()>| panic!("too"))
                    .unwrap();
                net.call_later(MS * 3, Box::new(move |_| log.note(0, "goes on")));
            });
            rig.until_call(note("goes on"));
        },
    );
}

#[test]
fn a_looping_call_keeps_its_grid() {
    on(
        |kind| kind.accepts_by_an_engine(),
        |rig| {
            let log = rig.log.clone();
            let server = rig.serve(Script::new());
            rig.call(server, move |net| {
                let (began, mut points) = (net.now(), 0);
                net.call_every(MS * 5, move |tick| {
                    // Never early, and each point of the grid is in exactly one count.
                    points += tick.count();
                    let passed = tick.net().now() - began;
                    assert!(passed >= MS * 5 * (points - 1) as u32, "{points} in {passed:?}");
                    log.note(0, "tick");
                    if log.calls().len() == 4 {
                        tick.stop();
                    }
                })
                .on_end(|net, _| net.stop());
            });
            rig.until("ticks", |calls| calls.len() == 4);
            assert_eq!(rig.log.calls(), ["tick"; 4].map(note));
        },
    );
}

#[test]
fn the_result_of_blocking_work_comes_back_on_the_loop() {
    on(
        |kind| kind.accepts_by_an_engine(),
        |rig| {
            let is_memory = rig.kind.is_memory();
            let (log, server) = (rig.log.clone(), rig.serve(Script::new()));
            rig.call(server, move |net| {
                let here = std::thread::current().id();
                let work = || std::thread::current().id();
                let told = log.clone();
                net.run_in_thread(work, move |_, there| {
                    let there = there.unwrap();
                    // In memory there is no other thread, so that a seed replays.
                    assert_eq!((there == here, std::thread::current().id()), (is_memory, here));
                    told.note(0, "result");
                })
                .unwrap();
                log.note(0, "asked");
            });
            rig.until("both", |calls| calls.len() == 2);
            assert_eq!(rig.log.calls(), ["asked", "result"].map(note));
        },
    );
}

#[test]
fn hooks_stand_before_and_after_the_connections_end() {
    on(
        |kind| kind.accepts_by_an_engine(),
        |rig| {
            let log = rig.log.clone();
            let server = rig.serve(Script::new());
            let mut peer = rig.dial(server);
            rig.until_call(Call::Made);
            rig.call(server, move |net| {
                for phase in [Phase::After, Phase::During, Phase::Before] {
                    let log = log.clone();
                    net.on_shutdown(phase, move |hook| {
                        log.note(0, format!("{phase:?}"));
                        let (log, hold) = (log.clone(), hook.hold());
                        let done = move |_: &dyn Net| {
                            log.note(0, format!("{phase:?} is over"));
                            drop(hold);
                        };
                        hook.net().call_later(MS, Box::new(done));
                    });
                }
            });
            rig.remote(server).stop().unwrap();
            assert_eq!(peer.read_to_end().unwrap(), b"");
            drop(peer);
            rig.until_call(note("After is over"));
            let drained = [Call::Stopping, Call::Lost(Kind::Closed)];
            let phase = |name: &str| [note(name), note(&format!("{name} is over"))];
            let made = [Call::Made];
            let all: [&[Call]; 5] =
                [&made, &phase("Before"), &drained, &phase("During"), &phase("After")];
            // A thread's connection is lost in its thread, and the accepting one hears then.
            assert_eq!(rig.log.calls(), all.concat());
        },
    );
}
