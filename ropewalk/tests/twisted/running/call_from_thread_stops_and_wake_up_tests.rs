//! `test.test_internet.CallFromThreadStopsAndWakeUpTests`.

use std::sync::mpsc;
use std::thread;

use ropewalk::Reactor;

use super::{WATCHDOG, run};

/// A reactor that would wait for ever is woken each time.
#[test]
fn test_wake_up() {
    let reactor = Reactor::new().unwrap();
    let remote = reactor.remote();
    let client = thread::spawn(move || {
        for _ in 0..10 {
            let (tell, told) = mpsc::channel();
            remote.call(move |_| tell.send(()).unwrap()).unwrap();
            told.recv_timeout(WATCHDOG).unwrap();
        }
        remote.stop().unwrap();
    });
    run(&reactor);
    client.join().unwrap();
}

#[test]
fn test_call_from_thread_stops() {
    let reactor = Reactor::new().unwrap();
    let remote = reactor.remote();
    let stops = move |_: &dyn ropewalk::Net| drop(thread::spawn(move || remote.stop()));
    reactor.call_when_running(stops);
    run(&reactor);
}
