//! Contract: timers fire in the order of their deadlines, and of setting among equals; not
//! before their time, and not at all once they were cancelled.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::protocol::Kind;
use ropewalk::{Timer, Transport};

use crate::rig::{Call, Kept, Script, on};

const MS: Duration = Duration::from_millis(1);

fn note(what: &str) -> Call {
    Call::Note(what.into())
}

#[test]
fn timers_of_all_connections_and_calls_fire_in_one_order() {
    // Across connections there is an order only where one loop has them all.
    on(
        |kind| kind.is_one_loop(),
        |rig| {
            let (kept, log) = (Kept::new(), rig.log.clone());
            let handle = kept.clone();
            let server = rig.serve(Script::new().made(move |t| handle.put(t.handle())));
            let peers = [rig.dial(server), rig.dial(server)];
            rig.until("both", |calls| calls.len() == 2);
            // All in one turn, and so all at one instant.
            rig.call(server, move |net| {
                let [first, second] = &kept.all()[..] else { panic!("two") };
                let set = move |t: &mut dyn Transport, timer, millis, what: &'static str| {
                    let log = log.clone();
                    let after = MS * millis;
                    t.net().call_later(after, Box::new(move |_| log.note(7, what)));
                    t.set_timer(Timer(timer), after);
                };
                let again = set.clone();
                let last = set.clone();
                first.call(move |t| set(t, 1, 10, "a")).unwrap();
                second.call(move |t| again(t, 2, 10, "b")).unwrap();
                first
                    .call(move |t| {
                        last(t, 3, 10, "c");
                        last(t, 4, 5, "earlier");
                    })
                    .unwrap();
                net.call_later(MS * 20, Box::new(|_| {}));
            });
            rig.until_call(Call::Timer(3));
            let all: Vec<Call> = rig.log.all().into_iter().skip(2).map(|(_, call)| call).collect();
            let early = [note("earlier"), Call::Timer(4)];
            let then = [note("a"), Call::Timer(1), note("b"), Call::Timer(2), note("c")];
            assert_eq!(all, [&early[..], &then, &[Call::Timer(3)]].concat());
            drop(peers);
        },
    );
}

#[test]
fn a_timer_cancelled_by_another_of_its_batch_does_not_fire() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let log = rig.log.clone();
            let script = Script::new().made(|transport| {
                transport.set_timer(Timer(1), MS);
                transport.set_timer(Timer(2), MS);
                transport.set_timer(Timer(3), MS * 2);
            });
            let server = rig.serve(script.timer(move |transport| {
                transport.cancel_timer(Timer(2));
                if log.of(0).last() == Some(&Call::Timer(3)) {
                    transport.close();
                }
            }));
            assert_eq!(rig.dial(server).read_to_end().unwrap(), b"");
            rig.until_lost(1);
            let lost = Call::Lost(Kind::Closed);
            assert_eq!(rig.log.calls(), [Call::Made, Call::Timer(1), Call::Timer(3), lost]);
        },
    );
}

#[test]
fn a_timer_set_again_is_moved() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let log = rig.log.clone();
            let script = Script::new().made(|transport| {
                transport.set_timer(Timer(1), MS);
                transport.set_timer(Timer(2), MS * 2);
                transport.set_timer(Timer(1), MS * 3);
                transport.set_timer(Timer(3), MS * 4);
            });
            let server = rig.serve(script.timer(move |transport| {
                if log.of(0).last() == Some(&Call::Timer(3)) {
                    transport.close();
                }
            }));
            assert_eq!(rig.dial(server).read_to_end().unwrap(), b"");
            rig.until_lost(1);
            let timers = [Call::Timer(2), Call::Timer(1), Call::Timer(3)];
            let seen = [&[Call::Made][..], &timers, &[Call::Lost(Kind::Closed)]].concat();
            assert_eq!(rig.log.calls(), seen);
        },
    );
}

#[test]
fn a_timer_does_not_fire_before_its_time() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let (set, fired) = (Kept::new(), Kept::new());
            let (begin, end) = (set.clone(), fired.clone());
            let script = Script::new().made(move |transport| {
                begin.put(transport.now());
                transport.set_timer(Timer(1), MS * 7);
            });
            let server = rig.serve(script.timer(move |transport| {
                end.put(transport.now());
                transport.close();
            }));
            assert_eq!(rig.dial(server).read_to_end().unwrap(), b"");
            rig.until_lost(1);
            let waited = fired.first().since(set.first());
            assert!(waited >= MS * 7, "{waited:?}");
            if rig.kind.is_memory() {
                assert_eq!(waited, MS * 7);
            }
        },
    );
}

#[test]
fn a_connection_that_closes_hears_no_more_timers() {
    on(
        // Where nobody reads meanwhile and nothing else is under way, a virtual clock runs on
        // to the deadline: a handshake leaves nothing.
        |kind| kind.accepts_by_an_engine() && (kind.is_plain() || !kind.is_memory()),
        |rig| {
            let much = rig.kind.too_much();
            let server = rig.serve(Script::new().made(move |transport| {
                transport.write(&vec![7; much]);
                transport.set_timer(Timer(1), Duration::ZERO);
                transport.close();
            }));
            let mut peer = rig.dial(server);
            rig.until_call(Call::Made);
            // A later call of the same turn, or one after it: the timer was due before.
            rig.call(server, |_| {});
            rig.call(server, |_| {});
            assert_eq!(peer.read_to_end().unwrap().len(), much);
            rig.until_lost(1);
            assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Closed)]);
        },
    );
}

#[test]
fn calls_set_for_later_can_be_cancelled_and_moved() {
    on(
        |kind| kind.accepts_by_an_engine(),
        |rig| {
            let log = rig.log.clone();
            let server = rig.serve(Script::new());
            rig.call(server, move |net| {
                let say = |what: &'static str| {
                    let log = log.clone();
                    Box::new(move |_: &dyn ropewalk::Net| log.note(0, what))
                };
                let never = net.call_later(MS, say("never"));
                assert!(never.is_pending() && never.cancel());
                assert!(!never.cancel() && !never.is_pending() && !never.reset(MS));
                // One that is due in the same batch as the call that cancels it.
                let second = Rc::new(RefCell::new(None::<ropewalk::TimerHandle>));
                let (cancels, said) = (second.clone(), say("first"));
                net.call_later(
                    MS,
                    Box::new(move |net| {
                        said(net);
                        assert!(cancels.borrow_mut().take().unwrap().cancel());
                    }),
                );
                second.replace(Some(net.call_later(MS, say("second"))));
                assert!(net.call_later(MS, say("moved")).reset(MS * 3));
                net.call_later(MS * 2, say("third"));
                net.call_later(MS * 4, say("last"));
            });
            rig.until_call(note("last"));
            let seen = [note("first"), note("third"), note("moved"), note("last")];
            assert_eq!(rig.log.calls(), seen);
        },
    );
}
