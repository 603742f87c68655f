//! Several reactors: in one process, one after another, in several threads, before and after.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use ropewalk::Reactor;
use ropewalk::error::ErrorKind;
use ropewalk::limits::Limits;

use crate::{Echo, run};

/// Serves one client, which says that it was answered.
fn serves_one() {
    let reactor = Reactor::new().unwrap();
    let at = reactor.listen_tcp(("127.0.0.1", 0), || Echo).unwrap().addrs()[0].ip().unwrap();
    let remote = reactor.remote();
    let client = thread::spawn(move || {
        let mut client = TcpStream::connect(at).unwrap();
        client.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
        remote.stop().unwrap();
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
    });
    let report = run(&reactor);
    client.join().unwrap();
    assert_eq!((report.open, report.ended, report.cut), (1, 1, 0));
}

#[test]
fn reactors_run_one_after_another_and_beside_each_other() {
    serves_one();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(serves_one);
        }
    });
    serves_one();
}

#[test]
fn a_reactor_runs_inside_another_ones_callback() {
    let outer = Reactor::new().unwrap();
    let (inner, ran) = (Reactor::new().unwrap(), Rc::new(Cell::new(false)));
    let (tells, this) = (ran.clone(), outer.clone());
    outer.call_when_running(move |net| {
        inner.call_when_running(move |net| {
            tells.set(true);
            net.stop();
        });
        run(&inner);
        assert_eq!(this.run().unwrap_err().kind(), ErrorKind::AlreadyRunning);
        net.stop();
    });
    run(&outer);
    assert!(ran.get());
}

#[test]
fn a_stop_before_the_run_is_kept_and_a_second_one_changes_nothing() {
    let reactor = Reactor::new().unwrap();
    for _ in 0..2 {
        let started = Rc::new(Cell::new(false));
        let starts = started.clone();
        reactor.stop();
        reactor.call_when_running(move |net| {
            starts.set(true);
            net.stop();
        });
        reactor.stop();
        run(&reactor);
        assert!(started.get(), "what was to be done at the start was done");
    }
}

#[test]
fn a_grace_of_nothing_ends_a_stop_that_waits() {
    let limits = Limits { drain_grace: Duration::from_secs(3600), ..Limits::default() };
    let reactor = Reactor::builder().limits(limits).build().unwrap();
    reactor.on_shutdown(ropewalk::protocol::Phase::Before, |hook| std::mem::forget(hook.hold()));
    let remote = reactor.remote();
    reactor.call_when_running(move |net| {
        net.stop();
        // The stop has begun by then, and waits for its hook.
        let cut = move |_: &dyn ropewalk::Net| remote.drain(Duration::ZERO).unwrap();
        net.call_later(Duration::from_millis(1), Box::new(cut));
    });
    assert_eq!(run(&reactor).late_hooks, 1);
}
