//! Hooks of a start and a stop, under the virtual clock where time matters.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ropewalk::clock::{Clock, Time};
use ropewalk::driver::Weather;
use ropewalk::limits::{self, Limits};
use ropewalk::protocol::{Moment, Phase};
use ropewalk::testing::{Network, RecordedNet};
use ropewalk::{Net, Reactor};

use crate::{Echo, WATCHDOG, run};

const GRACE: Duration = Duration::from_secs(8);

fn network() -> Network {
    Network::new(0, Weather::calm(), Limits { drain_grace: GRACE, ..Limits::default() })
}

/// When each phase of a stop begins if every hook before it is held for ever.
fn phases(network: &Network) -> Rc<RefCell<Vec<(Phase, Duration)>>> {
    let seen: Rc<RefCell<Vec<(Phase, Duration)>>> = Rc::default();
    for phase in [Phase::Before, Phase::During, Phase::After] {
        let (seen, clock) = (seen.clone(), network.clock().clone());
        network.net().on_shutdown(phase, move |hook| {
            seen.borrow_mut().push((phase, clock.now() - Time::ZERO));
            std::mem::forget(hook.hold());
        });
    }
    seen
}

#[test]
fn a_held_phase_ends_at_its_bound() {
    let network = network();
    let seen = phases(&network);
    let waits = |_: &dyn Net| {};
    network.net().call_later(GRACE * 3, Box::new(waits)); // something to run to
    network.net().stop();
    network.run();
    // Half the grace before the connections' end; after it what is left; and a margin.
    let during = GRACE / 2;
    let after = GRACE;
    let expected =
        [(Phase::Before, Duration::ZERO), (Phase::During, during), (Phase::After, after)];
    assert_eq!(*seen.borrow(), expected);
}

#[test]
fn the_last_hooks_have_a_margin_whatever_the_grace() {
    let network = network();
    let seen: Rc<RefCell<Vec<Duration>>> = Rc::default();
    for phase in [Phase::Before, Phase::During] {
        let seen = seen.clone();
        network.net().on_shutdown(phase, move |hook| {
            seen.borrow_mut().push(hook.left());
            std::mem::forget(hook.hold());
        });
    }
    network.net().call_later(GRACE, Box::new(|_| {})); // something to run to
    network.remote().drain(Duration::ZERO).unwrap();
    network.run();
    assert_eq!(*seen.borrow(), [Duration::ZERO, limits::HOOKS_MARGIN]);
}

#[test]
fn a_start_that_is_held_goes_on_at_its_bound() {
    let network = network();
    let seen: Rc<RefCell<Vec<Duration>>> = Rc::default();
    network.net().on_startup(Phase::Before, |hook| {
        assert_eq!(hook.left(), limits::STARTUP_HOOKS);
        std::mem::forget(hook.hold());
    });
    let (started, clock) = (seen.clone(), network.clock().clone());
    network.net().call_when_running(Box::new(move |_| {
        started.borrow_mut().push(clock.now() - Time::ZERO);
    }));
    network.run();
    assert_eq!(*seen.borrow(), [limits::STARTUP_HOOKS]);
}

#[test]
fn a_stop_ends_a_start_that_is_held() {
    let reactor = Reactor::new().unwrap();
    reactor.on_startup(Phase::Before, |hook| {
        std::mem::forget(hook.hold());
        hook.net().call_later(Duration::from_millis(1), Box::new(|net| net.stop()));
    });
    let started = Rc::new(Cell::new(false));
    let starts = started.clone();
    reactor.on_startup(Phase::During, move |_| starts.set(true));
    let stopped = Rc::new(Cell::new(false));
    let tells = stopped.clone();
    reactor.on_shutdown(Phase::Before, move |_| tells.set(true));
    let report = run(&reactor);
    assert!(stopped.get() && !started.get());
    assert_eq!(report.late_hooks, 0, "nobody waited for it any longer");
}

#[test]
fn a_hold_is_let_go_of_on_any_thread() {
    let reactor = Reactor::new().unwrap();
    let (tell, told) = mpsc::channel();
    reactor.on_shutdown(Phase::Before, move |hook| {
        let hold = hook.hold();
        thread::spawn(move || {
            tell.send("done").unwrap();
            drop(hold);
        });
    });
    let seen = Rc::new(Cell::new(None));
    let sees = seen.clone();
    reactor.on_shutdown(Phase::During, move |_| sees.set(told.try_recv().ok()));
    reactor.stop();
    assert_eq!((run(&reactor).late_hooks, seen.get()), (0, Some("done")));
}

#[test]
fn before_the_drain_listeners_accept_and_afterwards_nothing_can_be_opened() {
    let reactor = Reactor::new().unwrap();
    let at = reactor.listen_tcp(("127.0.0.1", 0), || Echo).unwrap().addrs()[0].ip().unwrap();
    let (tell, told) = mpsc::channel();
    let done = Rc::new(Cell::new(false));
    reactor.on_shutdown(Phase::Before, move |hook| {
        let hold = hook.hold();
        thread::spawn(move || {
            use std::io::{Read, Write};
            let mut client = std::net::TcpStream::connect(at).unwrap();
            client.set_read_timeout(Some(WATCHDOG)).unwrap();
            client.write_all(b"x").unwrap();
            client.read_exact(&mut [0]).unwrap();
            tell.send(client).unwrap(); // so that it lives until the stop meets it
            drop(hold);
        });
    });
    let tells = done.clone();
    reactor.on_shutdown(Phase::During, move |hook| {
        assert!(hook.net().listen_tcp(0, || Echo).is_err());
        tells.set(true);
    });
    reactor.stop();
    let report = run(&reactor);
    let client = told.recv_timeout(WATCHDOG);
    assert!(client.is_ok() && done.get());
    assert_eq!((report.open, report.ended), (1, 1));
}

#[test]
fn hooks_that_were_not_called_go_with_their_run() {
    let reactor = Reactor::new().unwrap();
    let held = Rc::new(());
    let keeps = held.clone();
    reactor.on_shutdown(Phase::Before, move |hook| {
        // Added when its phase is over: nobody calls it any more.
        let keeps = keeps.clone();
        hook.net().on_startup(Phase::Before, move |_| drop(keeps));
    });
    reactor.stop();
    run(&reactor);
    assert_eq!(Rc::strong_count(&held), 1);
}

#[test]
fn a_recorded_net_calls_hooks_when_it_is_told_to() {
    let net = RecordedNet::new();
    let seen: Rc<RefCell<Vec<&str>>> = Rc::default();
    let (first, second) = (seen.clone(), seen.clone());
    let dynamic: &dyn Net = &net;
    dynamic.on_shutdown(Phase::Before, move |_| first.borrow_mut().push("before"));
    let removed = dynamic.on_shutdown(Phase::Before, move |_| second.borrow_mut().push("removed"));
    assert!(removed.remove() && !removed.remove());
    net.run_hooks(Moment::Startup(Phase::Before));
    assert!(seen.borrow().is_empty());
    net.run_hooks(Moment::Shutdown(Phase::Before));
    net.run_hooks(Moment::Shutdown(Phase::Before));
    assert_eq!(*seen.borrow(), ["before"]);
}
