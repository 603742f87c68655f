//! From made to lost: timers, events, closing, stopping, panics.

use std::time::Duration;

use ropewalk::protocol::{HandleError, Kind as End};
use ropewalk::{Timer, limits};

use crate::rig::{Call, Script, on, on_every_engine};

#[test]
fn a_close_in_a_callback_delivers_nothing_more() {
    on_every_engine(|rig| {
        let at = rig.listen(Script::new().data(|transport, _, from| {
            transport.send_to(b"bye", from);
            transport.close();
            transport.set_timer(Timer(1), Duration::ZERO);
        }));
        let peer = rig.peer();
        rig.while_it_stands_still(|| {
            for word in [b"one", b"two"] {
                peer.send(word, &at);
            }
        });
        assert_eq!(peer.receive(), b"bye");
        rig.until_call(Call::Lost(End::Closed));
        rig.settle_in_memory();
        let seen = [Call::Made, Call::Data(b"one".into()), Call::Lost(End::Closed)];
        assert_eq!(rig.log.of(0), seen);
    });
}

#[test]
fn a_port_that_is_stopped_is_free_again() {
    on_every_engine(|rig| {
        let (site, log) = (rig.site(), rig.log.clone());
        let again = rig.call(move |net| {
            let port = crate::rig::listen(net, site.clone(), &Script::echo(), &log).unwrap();
            let again = match &port.addrs()[0] {
                ropewalk::Addr::Ip(ip) => (*ip).into(),
                _ => site,
            };
            let taken = crate::rig::listen(net, again.clone(), &Script::echo(), &log);
            assert_eq!(taken.unwrap_err().kind(), ropewalk::error::ErrorKind::AddressInUse);
            port.stop();
            port.stop();
            again
        });
        rig.until_call(Call::Lost(End::Closed));
        assert_eq!(rig.log.of(0), [Call::Made, Call::Lost(End::Closed)]);
        let log = rig.log.clone();
        rig.call(move |net| crate::rig::listen(net, again, &Script::echo(), &log).map(|_| ()))
            .unwrap();
    });
}

#[test]
fn a_panic_ends_one_socket_only() {
    on_every_engine(|rig| {
        let bad = rig.listen(Script::new().data(|_, _, _| panic!("on purpose")));
        let good = rig.listen(Script::echo());
        let peer = rig.peer();
        peer.send(b"x", &bad);
        rig.until_call(Call::Lost(End::Panicked));
        assert_eq!(peer.ask(b"still here", &good), b"still here");
        let seen = [Call::Made, Call::Data(b"x".into()), Call::Lost(End::Panicked)];
        assert_eq!(rig.log.of(0), seen);
    });
}

#[test]
fn a_panic_in_the_first_and_in_the_last_callback_is_kept_apart() {
    on_every_engine(|rig| {
        rig.listen(Script::new().made(|_| panic!("on purpose")).lost(|_| panic!("once more")));
        rig.until_call(Call::Lost(End::Panicked));
        let good = rig.listen(Script::echo());
        assert_eq!(rig.peer().ask(b"still here", &good), b"still here");
    });
}

#[test]
fn timers_come_in_their_order_and_those_that_were_cancelled_do_not() {
    on_every_engine(|rig| {
        rig.listen(
            Script::new()
                .made(|transport| {
                    for (timer, millis) in [(1, 30), (2, 10), (3, 10), (4, 5), (5, 1)] {
                        transport.set_timer(Timer(timer), Duration::from_millis(millis));
                    }
                    transport.cancel_timer(Timer(4));
                    transport.set_timer(Timer(5), Duration::from_millis(20)); // moved
                })
                .timer(|transport| transport.cancel_timer(Timer(6))),
        );
        rig.until_call(Call::Timer(1));
        rig.settle_in_memory();
        let seen = [Call::Made, Call::Timer(2), Call::Timer(3), Call::Timer(5), Call::Timer(1)];
        assert_eq!(rig.log.of(0), seen);
    });
}

#[test]
fn more_timers_than_a_socket_may_have_end_it() {
    on_every_engine(|rig| {
        rig.listen(Script::new().made(|transport| {
            for timer in 0..=limits::TIMERS_PER_CONNECTION {
                transport.set_timer(Timer(timer as u16), Duration::from_secs(3600));
            }
        }));
        rig.until_call(Call::Lost(End::Failed));
    });
}

#[test]
fn a_handle_reaches_the_socket_from_any_thread_until_it_is_gone() {
    on_every_engine(|rig| {
        rig.listen(Script::new().event(|transport| transport.close()));
        let (peer, handle) = (rig.peer(), rig.handle());
        let (inside, to) = (handle.clone(), peer.addr());
        let sent = std::thread::spawn(move || inside.send_to(b"from elsewhere", &to));
        sent.join().unwrap().unwrap();
        assert_eq!(peer.receive(), b"from elsewhere");
        handle.event("the end".to_owned()).unwrap();
        rig.until_call(Call::Lost(End::Closed));
        let seen = [Call::Made, Call::Event("the end".into()), Call::Lost(End::Closed)];
        assert_eq!(rig.log.of(0), seen);
        assert_eq!(handle.send_to(b"x", &peer.addr()), Err(HandleError::Gone));
        assert!(handle.is_gone());
    });
}

#[test]
fn on_its_own_thread_a_handle_waits_for_the_callback_to_return() {
    on_every_engine(|rig| {
        // The rig refuses a callback inside another.
        rig.listen(Script::new().made(|transport| {
            let handle = transport.handle();
            handle.event("first".to_owned()).unwrap();
            handle.event("second".to_owned()).unwrap();
        }));
        rig.until_call(Call::Event("second".into()));
        let seen = [Call::Made, Call::Event("first".into()), Call::Event("second".into())];
        assert_eq!(rig.log.of(0), seen);
    });
}

#[test]
fn a_handles_mail_is_bounded() {
    on_every_engine(|rig| {
        rig.listen(Script::new());
        let handle = rig.handle();
        rig.while_it_stands_still(|| {
            for _ in 0..limits::MAIL_ITEMS {
                handle.event(String::new()).unwrap();
            }
            assert_eq!(handle.event(String::new()), Err(HandleError::Full));
        });
        rig.until("all that were taken", |calls| calls.len() == 1 + limits::MAIL_ITEMS);
        handle.event("again".to_owned()).unwrap();
        rig.until_call(Call::Event("again".into()));
    });
}

#[test]
fn a_stop_answers_what_had_arrived_and_tells_each_socket_once() {
    // In memory nothing has arrived before the network has gone on.
    on(
        |kind| !kind.is_memory(),
        |rig| {
            let at = rig.listen(Script::echo());
            rig.listen(Script::echo());
            let peer = rig.peer();
            rig.stand_still(|| peer.send(b"in time", &at), |net| net.stop());
            assert_eq!(peer.receive(), b"in time");
            rig.until("both ends", |calls| {
                calls.iter().filter(|(_, call)| *call == Call::Lost(End::Closed)).count() == 2
            });
            let data = Call::Data(b"in time".into());
            let end = [Call::Stopping, Call::Lost(End::Closed)];
            assert_eq!(rig.log.of(0), [&[Call::Made, data], &end[..]].concat());
            assert_eq!(rig.log.of(1), [&[Call::Made], &end[..]].concat());
        },
    );
}

#[test]
fn a_stop_tells_each_socket_once() {
    on_every_engine(|rig| {
        for _ in 0..3 {
            rig.listen(Script::new());
        }
        rig.call(|net| {
            net.stop();
            net.stop();
        });
        rig.until("every end", |calls| {
            calls.iter().filter(|(_, call)| *call == Call::Lost(End::Closed)).count() == 3
        });
        for socket in 0..3 {
            let seen = [Call::Made, Call::Stopping, Call::Lost(End::Closed)];
            assert_eq!(rig.log.of(socket), seen);
        }
    });
}

#[test]
fn a_socket_that_stays_is_cut_at_the_end_of_the_grace() {
    on_every_engine(|rig| {
        rig.listen(Script::new().stopping(|_| {}));
        rig.until_call(Call::Made);
        rig.remote().drain(Duration::from_millis(20)).unwrap();
        rig.until_call(Call::Lost(End::Stopped));
        assert_eq!(rig.log.of(0), [Call::Made, Call::Stopping, Call::Lost(End::Stopped)]);
    });
}

#[test]
fn a_socket_may_take_its_time_to_stop_and_talks_meanwhile() {
    on_every_engine(|rig| {
        let at = rig.listen(
            Script::echo()
                .stopping(|transport| transport.set_timer(Timer(1), Duration::from_millis(1)))
                .timer(|transport| transport.close()),
        );
        assert_eq!(rig.peer().ask(b"x", &at), b"x");
        rig.remote().stop().unwrap();
        rig.until_call(Call::Lost(End::Closed));
        let end = [Call::Stopping, Call::Timer(1), Call::Lost(End::Closed)];
        assert_eq!(rig.log.of(0)[2..], end);
    });
}

#[test]
fn a_reactor_whose_only_socket_is_one_of_datagrams_stops_and_runs_again() {
    on(
        |kind| kind == crate::rig::Kind::Poll,
        |rig| {
            let reactor = ropewalk::Reactor::new().unwrap();
            for round in 0..2 {
                let (script, log) = (Script::new().made(|t| t.net().stop()), rig.log.clone());
                let protocol = move || crate::rig::Scripted::new(&script, &log);
                reactor.listen_udp(("127.0.0.1", 0), protocol).unwrap();
                reactor.run().unwrap();
                let seen = [Call::Made, Call::Stopping, Call::Lost(End::Closed)];
                assert_eq!(rig.log.of(round), seen);
            }
        },
    );
}
