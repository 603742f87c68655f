//! Signals on the loop, each test with signals of its own: they are the process's.

#![allow(unsafe_code, reason = "only system calls raise a signal, or say what one does")]

use std::cell::Cell;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ropewalk::error::ErrorKind;
use ropewalk::limits::Limits;
use ropewalk::protocol::Phase;
use ropewalk::reactor::Signal;
use ropewalk::{Net, Reactor};

use crate::{WATCHDOG, run};

fn raise(signal: Signal) {
    // SAFETY: it has no precondition, and each signal here is listened to.
    assert_eq!(unsafe { libc::kill(libc::getpid(), signal.number()) }, 0);
}

/// The address of what the signal does; 0 is the default, 1 is to ignore it.
fn action(signal: Signal) -> usize {
    // SAFETY: an action of zeros is a valid one, and the call only writes to it.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        assert_eq!(libc::sigaction(signal.number(), std::ptr::null(), &mut action), 0);
        action.sa_sigaction
    }
}

#[test]
fn a_signal_is_a_call_on_the_loop_until_its_guard_is_dropped() {
    let reactor = Reactor::new().unwrap();
    assert_eq!(action(Signal::USR1), libc::SIG_DFL);
    // Twice: what was put back is taken again.
    for _ in 0..2 {
        let (calls, here) = (Rc::new(Cell::new(0)), thread::current().id());
        let count = calls.clone();
        let guard = reactor
            .on_signal(Signal::USR1, move |net| {
                assert_eq!(thread::current().id(), here);
                count.set(count.get() + 1);
                match count.get() {
                    3 => net.stop(),
                    _ => raise(Signal::USR1), // heard again, in a later turn
                }
            })
            .unwrap();
        assert_ne!(action(Signal::USR1), libc::SIG_DFL);
        reactor.call_when_running(|_| raise(Signal::USR1));
        run(&reactor);
        assert_eq!(calls.get(), 3);
        drop(guard);
        assert_eq!(action(Signal::USR1), libc::SIG_DFL);
        assert_eq!(Rc::strong_count(&calls), 1, "what heard it is gone");
    }
}

#[test]
fn several_may_listen_and_the_last_one_puts_it_back() {
    let (reactor, heard) = (Reactor::new().unwrap(), Rc::new(Cell::new(0)));
    let hears = |by: u32| {
        let heard = heard.clone();
        move |net: &dyn Net| {
            heard.set(heard.get() | by);
            if heard.get() == 3 {
                net.stop();
            }
        }
    };
    let first = reactor.on_signal(Signal::USR2, hears(1)).unwrap();
    let second = reactor.on_signal(Signal::USR2, hears(2)).unwrap();
    reactor.call_when_running(|_| raise(Signal::USR2));
    run(&reactor);
    assert_eq!(heard.get(), 3);
    drop(first);
    assert_ne!(action(Signal::USR2), libc::SIG_DFL);
    drop(second);
    assert_eq!(action(Signal::USR2), libc::SIG_DFL);
}

#[test]
fn what_cannot_be_caught_is_refused() {
    let reactor = Reactor::new().unwrap();
    for number in [libc::SIGKILL, libc::SIGSTOP, libc::SIGSEGV] {
        let error = reactor.on_signal(Signal::from_number(number), |_| {}).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("cannot be caught"), "{error}");
    }
    assert!(reactor.on_signal(Signal::from_number(4096), |_| {}).is_err());
}

#[test]
fn no_system_call_is_interrupted() {
    let reactor = Reactor::new().unwrap();
    let remote = reactor.remote();
    let _hears = reactor.on_signal(Signal::WINCH, |_| {}).unwrap();
    let (mut ours, mut theirs) = UnixStream::pair().unwrap();
    let (tell, told) = mpsc::channel();
    let reader = thread::spawn(move || {
        // SAFETY: it has no precondition.
        tell.send(unsafe { libc::pthread_self() }).unwrap();
        theirs.read(&mut [0])
    });
    let reads = told.recv_timeout(WATCHDOG).unwrap();
    for _ in 0..1000 {
        // SAFETY: the thread has not been joined, so its name is valid.
        assert_eq!(unsafe { libc::pthread_kill(reads, Signal::WINCH.number()) }, 0);
    }
    ours.write_all(b"x").unwrap();
    assert_eq!(reader.join().unwrap().unwrap(), 1);
    remote.stop().unwrap();
    run(&reactor);
}

#[test]
fn a_first_signal_stops_in_order_and_a_second_one_cuts() {
    let limits = Limits { drain_grace: Duration::from_secs(3600), ..Limits::default() };
    let reactor = Reactor::builder().limits(limits).build().unwrap();
    let signals = reactor.stop_on_signals().unwrap();
    let (tell, told) = mpsc::channel();
    reactor.on_shutdown(Phase::Before, move |hook| {
        std::mem::forget(hook.hold());
        tell.send(()).unwrap();
    });
    reactor.call_when_running(|_| raise(Signal::TERM));
    let second = thread::spawn(move || {
        told.recv_timeout(WATCHDOG).unwrap();
        raise(Signal::INT);
    });
    assert_eq!(run(&reactor).late_hooks, 1);
    second.join().unwrap();
    drop(signals);
    assert_eq!((action(Signal::TERM), action(Signal::INT)), (libc::SIG_DFL, libc::SIG_DFL));
}
