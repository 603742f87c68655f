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
}

/// Ten times what any promise of these tests takes, and more.
pub const WATCHDOG: Duration = Duration::from_secs(60);

impl Log {
    /// The number of the next connection.
    pub fn next(&self) -> usize {
        let mut next = self.0.next.lock().unwrap();
        *next += 1;
        *next - 1
    }

    pub fn push(&self, connection: usize, call: Call) {
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
