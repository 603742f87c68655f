//! `internet.test.test_threads`.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ropewalk::protocol::Phase;
use ropewalk::{Net, Reactor};

use super::{Seen, WATCHDOG, run};

#[test]
fn test_delayed_call_from_thread() {
    let reactor = Reactor::new().unwrap();
    let (remote, later) = (reactor.remote(), reactor.remote());
    let from_thread = move |net: &dyn Net| {
        net.call_later(Duration::ZERO, Box::new(|net| net.stop()));
    };
    // The loop waits already when the thread calls.
    reactor.call_when_running(move |_| drop(thread::spawn(move || later.call(from_thread))));
    run(&reactor);
    assert!(remote.call(|_| {}).is_ok(), "its reactor is still there");
    drop(reactor);
    assert!(remote.call(|_| {}).is_err());
}

#[test]
fn test_call_from_thread() {
    let reactor = Reactor::new().unwrap();
    let remote = reactor.remote();
    let (tell, told) = mpsc::channel();
    let here = thread::current().id();
    let call = move |net: &dyn Net| {
        tell.send(thread::current().id()).unwrap();
        net.stop();
    };
    reactor.call_when_running(move |_| drop(thread::spawn(move || remote.call(call))));
    run(&reactor);
    assert_eq!(told.recv_timeout(WATCHDOG), Ok(here));
}

/// A thread of the pool has nothing to do after the run, and ends by itself.
#[test]
fn test_stop_thread_pool() {
    let (reactor, seen) = (Reactor::new().unwrap(), Seen::default());
    let done = seen.clone();
    let name = || thread::current().name().map(str::to_owned);
    reactor
        .run_in_thread(name, move |net, name| {
            done.put(name.unwrap());
            net.stop();
        })
        .unwrap();
    let report = run(&reactor);
    assert_eq!(seen.all(), [Some("ropewalk-worker".to_owned())]);
    assert_eq!(report.left_jobs, 0);
}

/// Work that a hook of the stop asks for is waited for, too, if it holds its phase.
#[test]
fn test_stop_thread_pool_when_started_after_reactor_ran() {
    let (reactor, seen) = (Reactor::new().unwrap(), Seen::default());
    let done = seen.clone();
    reactor.on_shutdown(Phase::After, move |hook| {
        let hold = hook.hold();
        hook.net()
            .run_in_thread(
                || 7,
                move |_, result| {
                    done.put(result.unwrap());
                    drop(hold);
                },
            )
            .unwrap();
    });
    reactor.stop();
    assert_eq!(run(&reactor).left_jobs, 0);
    assert_eq!(seen.all(), [7]);
}

/// Work that was begun for a reactor that never runs does not keep it.
#[test]
fn test_clean_up_thread_pool_even_before_reactor_is_run() {
    let reactor = Reactor::new().unwrap();
    let (tell, told) = mpsc::channel();
    let (dropped, gone) = mpsc::channel::<()>();
    let work = move || tell.send(()).unwrap();
    reactor.run_in_thread(work, move |_, _| drop(dropped)).unwrap();
    told.recv_timeout(WATCHDOG).unwrap();
    drop(reactor);
    assert!(gone.recv_timeout(WATCHDOG).is_err(), "what was to follow went with the reactor");
}
