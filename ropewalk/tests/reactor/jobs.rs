//! Blocking work: its bounds, its failures, and what a stop does with it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::Duration;

use ropewalk::error::ErrorKind;
use ropewalk::testing::RecordedNet;
use ropewalk::{Error, Net, Reactor, limits};

use crate::{WATCHDOG, run};

/// Work waits before it until it is opened.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let closed = self.0.0.lock().unwrap();
        drop(self.0.1.wait_timeout_while(closed, WATCHDOG, |open| !*open).unwrap());
    }
}

#[test]
fn both_bounds_hold_and_one_more_is_refused() {
    let (reactor, gate) = (Reactor::new().unwrap(), Gate::default());
    let (begin, begun) = mpsc::channel();
    let over = Rc::new(RefCell::new(0));
    let start = |reactor: &Reactor| {
        let (gate, begin, over) = (gate.clone(), begin.clone(), over.clone());
        let work = move || {
            begin.send(()).unwrap();
            gate.pass();
        };
        reactor.run_in_thread(work, move |_, result| {
            result.unwrap();
            *over.borrow_mut() += 1;
        })
    };
    for _ in 0..limits::BLOCKING_THREADS {
        start(&reactor).unwrap();
        begun.recv_timeout(WATCHDOG).unwrap();
    }
    for _ in 0..limits::BLOCKING_WAITING {
        start(&reactor).unwrap();
    }
    let refused = start(&reactor).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Full);
    let said = "cannot do the work in a thread: 1024 jobs wait already; wait until some are over, \
                then try again";
    assert_eq!(refused.to_string(), said);
    assert!(begun.try_recv().is_err(), "more than there may be at a time");
    gate.open();
    reactor.stop(); // which waits for all of them
    assert_eq!(run(&reactor).left_jobs, 0);
    assert_eq!(*over.borrow(), limits::BLOCKING_THREADS + limits::BLOCKING_WAITING);
}

#[test]
fn a_panic_of_the_work_is_its_result() {
    let reactor = Reactor::new().unwrap();
    let said = Rc::new(RefCell::new(String::new()));
    let says = said.clone();
    let work = || -> u8 { panic!("no such thing") };
    reactor
        .run_in_thread(work, move |net, result| {
            let error: Error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Panicked);
            says.replace(error.to_string());
            net.stop();
        })
        .unwrap();
    run(&reactor);
    assert_eq!(*said.borrow(), "cannot do the work in a thread: it panicked: no such thing");
}

#[test]
fn a_stop_leaves_what_is_not_over_at_the_end_of_its_grace() {
    let (reactor, gate) = (Reactor::new().unwrap(), Gate::default());
    let results: Rc<RefCell<Vec<ErrorKind>>> = Rc::default();
    let (begin, begun) = mpsc::channel();
    for _ in 0..limits::BLOCKING_THREADS + 2 {
        let (gate, begin, results) = (gate.clone(), begin.clone(), results.clone());
        let work = move || {
            begin.send(()).unwrap();
            gate.pass();
        };
        reactor
            .run_in_thread(work, move |_, result| {
                results.borrow_mut().push(result.unwrap_err().kind());
            })
            .unwrap();
    }
    drop(begin);
    for _ in 0..limits::BLOCKING_THREADS {
        begun.recv_timeout(WATCHDOG).unwrap();
    }
    reactor.drain(Duration::from_millis(5));
    let report = run(&reactor);
    assert_eq!(report.left_jobs, limits::BLOCKING_THREADS + 2);
    assert_eq!(*results.borrow(), vec![ErrorKind::Stopped; limits::BLOCKING_THREADS + 2]);
    // Those that run go on alone; the two that had not begun never do.
    gate.open();
    assert!(begun.recv().is_err());
    // And the reactor has threads for new work.
    let seen = Rc::new(Cell::new(None));
    let sees = seen.clone();
    let then = move |net: &dyn Net, result: ropewalk::Result<u8>| {
        sees.set(result.ok());
        net.stop();
    };
    reactor.run_in_thread(|| 7, then).unwrap();
    assert_eq!(run(&reactor).left_jobs, 0);
    assert_eq!(seen.get(), Some(7));
}

#[test]
fn a_recorded_net_does_the_work_when_time_passes() {
    let net = RecordedNet::new();
    let seen = Rc::new(Cell::new(None));
    let sees = seen.clone();
    let dynamic: &dyn Net = &net;
    dynamic.run_in_thread(|| 7, move |_, result| sees.set(Some(result.unwrap()))).unwrap();
    assert_eq!(seen.get(), None);
    net.advance(Duration::ZERO);
    assert_eq!(seen.get(), Some(7));
}
