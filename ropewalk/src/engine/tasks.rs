//! Futures beside the callbacks: polled from the bottom of the stack, as callbacks are.
//! Owns: the futures that live, and the queue of those that were woken, by any thread.
//! Never: moves a future to another thread, or drops one there: what crosses is a number.
//!
//! `async-task` was tried on paper and left: there a waker shares the future's memory, so one
//! that another thread holds can drop the future in that thread, or keep it for ever when it
//! comes while the engine goes. Here the engine alone has the futures. The price is one more
//! allocation a future.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use super::Engine;
use super::driver::Driver;
use super::mail::Mail;
use crate::connection::drop_guarded;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::limits;
use crate::protocol::{CancelTask, Work};

/// An engine's futures.
pub(super) struct Futures {
    live: RefCell<BTreeMap<u64, Live>>,
    next: Cell<u64>,
    woken: Arc<Woken>,
}

struct Live {
    work: Work,
    call: Arc<Call>,
}

/// The futures that are to be polled, in the order of their waking. Each is in it at most
/// once, so it is bounded by how many live.
struct Woken {
    keys: Mutex<VecDeque<u64>>,
    mail: Arc<Mail>,
}

/// What wakes one future: all that other threads see of it.
struct Call {
    key: u64,
    /// It is in the queue, or over: nobody need be told.
    heard: AtomicBool,
    cancelled: AtomicBool,
    woken: Arc<Woken>,
}

impl Futures {
    pub(super) fn new(mail: Arc<Mail>) -> Futures {
        let woken = Arc::new(Woken { keys: Mutex::default(), mail });
        Futures { live: RefCell::default(), next: Cell::new(0), woken }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.live.borrow().is_empty()
    }

    pub(super) fn spawn(&self, work: Work) -> Rc<dyn CancelTask> {
        let call = self.call();
        self.live.borrow_mut().insert(call.key, Live { work, call: call.clone() });
        call.wake_by_ref();
        Rc::new(Cancel(call))
    }

    fn call(&self) -> Arc<Call> {
        let key = self.next.get();
        self.next.set(key + 1);
        let (heard, cancelled) = (AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Call { key, heard, cancelled, woken: self.woken.clone() })
    }

    /// Drops every future, each guarded against the others' panics.
    pub(super) fn drop_all(&self) {
        // Their destructors may spawn others, which are dropped too, but not without end.
        for _ in 0..limits::TURN_STEPS {
            let live = std::mem::take(&mut *self.live.borrow_mut());
            if live.is_empty() {
                return;
            }
            live.into_values().for_each(Live::end);
        }
    }
}

impl Live {
    fn end(self) {
        self.call.heard.store(true, Ordering::Release);
        drop_guarded(self.work);
    }
}

impl Woken {
    fn lock(&self) -> MutexGuard<'_, VecDeque<u64>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    /// Whether it was woken, which from now on is not so any more.
    fn take(&self) -> bool {
        // Acquire: who was seen to wake it is also seen to have done what it did before.
        self.heard.swap(false, Ordering::AcqRel)
    }
}

impl Wake for Call {
    fn wake(self: Arc<Call>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Call>) {
        if !self.heard.swap(true, Ordering::AcqRel) {
            self.woken.lock().push_back(self.key);
            // After the push: an engine that is told finds it.
            self.woken.mail.future_woken();
        }
    }
}

struct Cancel(Arc<Call>);

impl CancelTask for Cancel {
    fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Release);
        self.0.wake_by_ref();
    }
}

impl<D: Driver> Engine<D> {
    /// Runs until this future is ready, and leaves everything else as it is: the next call, or
    /// `run`, goes on with it. What the future asked for last is done before this returns.
    ///
    /// # Errors
    /// `Stopped` if the engine was stopped first, `AlreadyRunning` from inside a callback or a
    /// future; what the driver's wait says.
    pub fn block_on<F: Future>(self: &Rc<Self>, future: F) -> Result<F::Output> {
        let call = self.futures.call();
        let waker = Waker::from(call.clone());
        let mut future = pin!(Some(future));
        let mut output = None;
        call.wake_by_ref();
        self.run_while(true, false, |engine| {
            if let (true, Some(future)) = (call.take(), future.as_mut().as_pin_mut()) {
                if let Poll::Ready(ready) = future.poll(&mut Context::from_waker(&waker)) {
                    output = Some(ready);
                }
            }
            let over = output.is_some() || engine.finished.get();
            if over {
                future.set(None); // while the engine still answers its destructors
                self.do_work();
            }
            !over
        })?;
        output.ok_or_else(|| {
            let cause = "the reactor stopped before it was ready";
            Error::new(Operation::Wait, ErrorKind::Stopped, cause)
        })
    }

    /// Whether futures were woken where nobody could tell this engine's thread at once.
    pub(super) fn look_for_woken(&self) {
        if !self.futures.woken.lock().is_empty() {
            self.set_work();
        }
    }

    /// Polls those that were woken before this began, at most so many.
    pub(super) fn poll_futures(self: &Rc<Self>, most: usize) {
        let count = self.futures.woken.lock().len().min(most);
        for _ in 0..count {
            let key = self.futures.woken.lock().pop_front();
            let live = key.and_then(|key| self.futures.live.borrow_mut().remove(&key));
            match live {
                Some(live) => self.poll_future(live),
                // The one of `block_on`, polled between two turns: no wait before that.
                None => self.set_work(),
            }
        }
        self.look_for_woken();
    }

    fn poll_future(&self, mut live: Live) {
        if cfg!(not(broken = "wake_lost")) {
            live.call.take(); // before the poll: a wake that comes meanwhile is for the next
        }
        if live.call.cancelled.load(Ordering::Acquire) {
            return live.end();
        }
        let waker = Waker::from(live.call.clone());
        let mut pending = false; // one that panics is over
        self.guarded("a future", || {
            pending = live.work.as_mut().poll(&mut Context::from_waker(&waker)).is_pending();
        });
        if cfg!(broken = "wake_lost") {
            live.call.take();
        }
        match pending {
            true => drop(self.futures.live.borrow_mut().insert(live.call.key, live)),
            false => live.end(),
        }
    }

    /// At the end of a run: what was woken hears why, then all are dropped.
    pub(super) fn end_futures(self: &Rc<Self>) {
        self.poll_futures(usize::MAX); // those of this moment, each once
        self.futures.drop_all();
    }
}
