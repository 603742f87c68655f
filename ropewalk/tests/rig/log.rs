//! What protocols saw, in normal form: bytes joined, callback kinds, kind of reason.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ropewalk::protocol::Kind;

/// One callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    Made,
    /// Bytes; what came in several calls without another in between is one.
    Data(Vec<u8>),
    Eof,
    Pause,
    Resume,
    Timer(u16),
    Event(String),
    Stopping,
    Lost(Kind),
    /// The factory heard of a connection that came to nothing.
    Failed(Kind),
    Started,
    /// The client's factory heard that it is over.
    FactoryLost(Kind),
    /// Anything a script says.
    Note(String),
}

/// What all protocols of a rig saw, by connection, in the order of the calls.
#[derive(Clone, Default)]
pub struct Log(Arc<Inner>);

#[derive(Default)]
struct Inner {
    calls: Mutex<Vec<(usize, Call)>>,
    more: Condvar,
    next: Mutex<usize>,
    broken: Mutex<Vec<String>>,
    /// Where protocols may live in children.
    #[cfg(target_os = "linux")] // see `forked`
    relay: std::sync::OnceLock<super::relay::Relay>,
}

/// Ten times what any promise of these tests takes, and more.
pub const WATCHDOG: Duration = Duration::from_secs(60);

impl Log {
    /// From now on children of this process can write into it, and number their connections:
    /// by these descriptors.
    #[cfg(target_os = "linux")] // see `forked`
    pub fn hear_children(&self) -> [std::os::fd::RawFd; 2] {
        let weak = Arc::downgrade(&self.0);
        let log = move || weak.upgrade().map(Log);
        self.0.relay.get_or_init(|| super::relay::Relay::to(log)).descriptors()
    }

    /// The number of the next connection.
    pub fn next(&self) -> usize {
        #[cfg(target_os = "linux")] // see `hear_children`
        if let Some(relay) = self.0.relay.get() {
            return relay.next();
        }
        let mut next = self.0.next.lock().unwrap();
        *next += 1;
        *next - 1
    }

    pub fn push(&self, connection: usize, call: Call) {
        #[cfg(target_os = "linux")] // see `hear_children`
        if let Some(relay) = self.0.relay.get().filter(|relay| relay.is_away()) {
            return relay.push(connection, &call);
        }
        let mut calls = self.lock();
        if let Call::Data(data) = &call {
            let last = calls.iter_mut().rev().find(|(number, _)| *number == connection);
            if let Some((_, Call::Data(before))) = last {
                before.extend_from_slice(data);
                self.0.more.notify_all();
                return;
            }
        }
        calls.push((connection, call));
        self.0.more.notify_all();
    }

    /// Says something, in its place among the calls.
    pub fn note(&self, connection: usize, what: impl Into<String>) {
        self.push(connection, Call::Note(what.into()));
    }

    /// A rule was broken that holds for every connection.
    pub fn broke(&self, what: String) {
        #[cfg(target_os = "linux")] // see `hear_children`
        if let Some(relay) = self.0.relay.get().filter(|relay| relay.is_away()) {
            return relay.broke(&what);
        }
        self.0.broken.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    /// The rules that were broken.
    pub fn broken(&self) -> Vec<String> {
        self.0.broken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the first connection saw.
    pub fn calls(&self) -> Vec<Call> {
        self.of(0)
    }

    /// What this connection saw.
    pub fn of(&self, connection: usize) -> Vec<Call> {
        let calls = self.lock();
        calls.iter().filter(|(number, _)| *number == connection).map(|(_, c)| c.clone()).collect()
    }

    /// Everything, in order.
    pub fn all(&self) -> Vec<(usize, Call)> {
        self.lock().clone()
    }

    /// Whether what was seen so far satisfies `done`.
    pub fn check(&self, done: &dyn Fn(&[(usize, Call)]) -> bool) -> bool {
        done(&self.lock())
    }

    /// Waits, on the clock of the wall, for `done`.
    pub fn wait(&self, done: &dyn Fn(&[(usize, Call)]) -> bool) -> bool {
        let calls = self.lock();
        let (_calls, timeout) = self
            .0
            .more
            .wait_timeout_while(calls, WATCHDOG, |calls| !done(calls))
            .unwrap_or_else(PoisonError::into_inner);
        !timeout.timed_out()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(usize, Call)>> {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something that a callback leaves for the test, or for another callback.
pub struct Kept<T>(Arc<(Mutex<Vec<T>>, Condvar)>);

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Kept<T> {
        Kept(self.0.clone())
    }
}

impl<T: Clone> Kept<T> {
    pub fn new() -> Kept<T> {
        Kept(Arc::new((Mutex::new(Vec::new()), Condvar::new())))
    }

    pub fn put(&self, one: T) {
        self.0.0.lock().unwrap().push(one);
        self.0.1.notify_all();
    }

    /// What was kept first. On a real engine the callback may still be about to.
    #[track_caller]
    pub fn first(&self) -> T {
        self.at_least(1).remove(0)
    }

    /// Everything, once there are so many.
    #[track_caller]
    pub fn at_least(&self, count: usize) -> Vec<T> {
        let kept = self.0.0.lock().unwrap();
        let few = |kept: &mut Vec<T>| kept.len() < count;
        let (kept, timeout) = self.0.1.wait_timeout_while(kept, WATCHDOG, few).unwrap();
        assert!(!timeout.timed_out(), "{} of {count} kept", kept.len());
        kept.clone()
    }

    /// Keeps nothing any more.
    pub fn clear(&self) {
        self.0.0.lock().unwrap().clear();
    }

    /// What is kept by now.
    pub fn all(&self) -> Vec<T> {
        self.0.0.lock().unwrap().clone()
    }
}
