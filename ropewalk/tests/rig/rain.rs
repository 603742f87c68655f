//! Signals that rain on one thread while it is inside a call.

#![allow(
    unsafe_code,
    reason = "only system calls send a signal to one thread, and catch it plainly"
)]

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::ends::WATCHDOG;

thread_local! {
    /// Where this thread counts the signals that it has caught.
    static CAUGHT: Cell<Option<&'static AtomicUsize>> = const { Cell::new(None) };
}

/// How many must interrupt a call before the test lets it end.
const ENOUGH: usize = 20;

extern "C" fn catch(_: libc::c_int) {
    if let Some(caught) = CAUGHT.get() {
        caught.fetch_add(1, Ordering::Relaxed);
    }
}

/// Catches it such that system calls are interrupted, and not begun again by the kernel.
fn catch_plainly() {
    // SAFETY: an action of zeros is a valid one; its handler only reads a cell of the thread's
    // that needs no making, and adds to an atomic, which is allowed in any context.
    let done = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = catch as extern "C" fn(libc::c_int) as usize;
        libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut())
    };
    assert_eq!(done, 0);
}

/// What `call` gives though signals rain on it, which only ends after `enough`.
pub fn under_signals<T: Send>(call: impl FnOnce() -> T + Send, enough: impl FnOnce()) -> T {
    catch_plainly();
    let caught: &'static AtomicUsize = Box::leak(Box::default());
    let (name, named) = mpsc::channel();
    let (tell, over) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            CAUGHT.set(Some(caught));
            // SAFETY: it has no precondition.
            name.send(unsafe { libc::pthread_self() }).unwrap();
            tell.send(call()).unwrap();
        });
        interrupt(named.recv().unwrap(), caught, &over, enough)
    })
}

/// Interrupts the thread again and again until it is over, and calls `enough` when it has
/// caught many.
fn interrupt<T>(
    thread: libc::pthread_t,
    caught: &AtomicUsize,
    over: &Receiver<T>,
    enough: impl FnOnce(),
) -> T {
    let mut enough = Some(enough);
    let most = WATCHDOG.as_millis();
    for _ in 0..most {
        match over.recv_timeout(Duration::from_millis(1)) {
            Ok(over) => return over,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                // SAFETY: the thread waits to be joined by the scope around this, so its
                // name is valid.
                assert_eq!(unsafe { libc::pthread_kill(thread, libc::SIGUSR1) }, 0);
            }
        }
        if caught.load(Ordering::Relaxed) >= ENOUGH {
            if let Some(enough) = enough.take() {
                enough();
            }
        }
    }
    panic!("the call never came to an end");
}
