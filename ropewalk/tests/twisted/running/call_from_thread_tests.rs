//! `test.test_internet.CallFromThreadTests`.

use std::sync::{Arc, Mutex};
use std::thread;

use ropewalk::{Net, Reactor, limits};

use super::{Seen, run};

/// None is lost, up to the bound, and the one beyond it is refused.
#[test]
fn test_lots_of_threads_are_scheduled_correctly() {
    const THREADS: usize = 16;
    let (reactor, order) = (Reactor::new().unwrap(), Arc::new(Mutex::new(Vec::new())));
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (remote, order) = (reactor.remote(), order.clone());
            scope.spawn(move || {
                for call in 0..limits::REMOTE_ITEMS / THREADS {
                    let order = order.clone();
                    let says = move |_: &dyn Net| order.lock().unwrap().push((number, call));
                    remote.call(says).unwrap();
                }
            });
        }
    });
    assert!(reactor.remote().call(|_| {}).is_err());
    reactor.call_later(std::time::Duration::ZERO, |net| net.stop());
    run(&reactor);
    let order = order.lock().unwrap();
    assert_eq!(order.len(), limits::REMOTE_ITEMS);
    for number in 0..THREADS {
        // Each thread's are in the order of its calls.
        let of_one: Vec<_> = order.iter().filter(|(n, _)| *n == number).map(|(_, c)| *c).collect();
        assert!(of_one.is_sorted() && of_one.len() == limits::REMOTE_ITEMS / THREADS);
    }
}

#[test]
fn test_threads_are_run_in_scheduled_order() {
    let (reactor, order) = (Reactor::new().unwrap(), Arc::new(Mutex::new(Vec::new())));
    for number in 0..100 {
        let order = order.clone();
        reactor.remote().call(move |_| order.lock().unwrap().push(number)).unwrap();
    }
    reactor.remote().call(|net| net.stop()).unwrap();
    run(&reactor);
    assert_eq!(*order.lock().unwrap(), (0..100).collect::<Vec<_>>());
}

/// One that a call asks for waits for the next turn.
#[test]
fn test_scheduled_threads_not_run_until_reactor_runs() {
    let reactor = Reactor::new().unwrap();
    let (order, remote) = (Arc::new(Mutex::new(Vec::new())), reactor.remote());
    let (again, timer, seen) = (order.clone(), order.clone(), Seen::default());
    let from_thread = move |net: &dyn Net| {
        again.lock().unwrap().push("from thread");
        net.call_later(
            std::time::Duration::ZERO,
            Box::new(move |net| {
                timer.lock().unwrap().push("timer");
                net.call_when_running(Box::new(|net| net.stop()));
            }),
        );
        remote.call(move |_| again.lock().unwrap().push("next turn")).unwrap();
    };
    reactor.remote().call(from_thread).unwrap();
    assert!(order.lock().unwrap().is_empty());
    reactor.call_when_running(seen.says("start"));
    run(&reactor);
    assert_eq!(seen.all(), ["start"]);
    // Its timer is due in its own turn, and the letter comes with the next one.
    assert_eq!(*order.lock().unwrap(), ["from thread", "timer", "next turn"]);
}
