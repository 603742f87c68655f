//! Names: asked off the loop, answered on it, each with a deadline.
//! Owns: who waits for which answer. Never: resolves itself; the driver does.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use super::connect::Attempting;
use super::driver::{Driver, Reply};
use super::mail::Letter;
use super::{Engine, Task};
use crate::addr::{Addr, Target};
use crate::error::{Error, ErrorKind, NO_ANSWER, Operation, Result};
use crate::protocol::{CancelLookup, Lookup, Net, Resolved};

/// Who waits for an answer. While it is here, the answer is wanted.
pub(super) struct Asking {
    who: Rc<dyn Attempting>,
    _wanted: Arc<()>,
}

impl Asking {
    pub(super) fn into_who(self) -> Rc<dyn Attempting> {
        self.who
    }
}

impl<D: Driver> Engine<D> {
    /// Asks for the addresses of a name. `who` hears, unless it is forgotten before.
    pub(super) fn look_up(&self, host: &str, port: u16, who: Rc<dyn Attempting>) -> Result<u64> {
        let key = self.next_lookup.get();
        self.next_lookup.set(key + 1);
        let wanted = Arc::new(());
        let mail = self.mail.clone();
        let reply = Reply::new(&wanted, move |found| mail.send(Letter::Resolved(key, found)));
        self.driver.resolve(host, port, reply)?;
        self.lookups.borrow_mut().insert(key, Asking { who, _wanted: wanted });
        Ok(key)
    }

    /// Nobody wants that answer any more. If no thread has begun with it, none will.
    pub(super) fn forget_lookup(&self, key: u64) {
        let forgotten = self.lookups.borrow_mut().remove(&key);
        drop(forgotten);
    }

    /// The answer came.
    pub(super) fn looked_up(&self, key: u64, found: io::Result<Vec<SocketAddr>>) {
        let asking = self.lookups.borrow_mut().remove(&key);
        if let Some(asking) = asking {
            asking.who.resolved(found);
        }
    }

    /// See [`Net::resolve`].
    pub(super) fn resolve_then(&self, host: &str, port: u16, then: Resolved) -> Lookup {
        let asked = Rc::new_cyclic(|this| Asked {
            engine: self.this.clone(),
            this: this.clone(),
            target: Target::tcp(host, port),
            then: RefCell::new(Some(then)),
            key: Cell::new(None),
            deadline: Cell::new(None),
        });
        self.task(Task::Attempt(asked.clone()));
        Lookup::new(asked)
    }
}

/// A question of a user's.
struct Asked<D: Driver> {
    engine: Weak<Engine<D>>,
    this: Weak<Asked<D>>,
    target: Target,
    /// Until it is answered, or cancelled.
    then: RefCell<Option<Resolved>>,
    key: Cell<Option<u64>>,
    deadline: Cell<Option<u64>>,
}

impl<D: Driver> Asked<D> {
    fn ask(&self, engine: &Rc<Engine<D>>, host: &str, port: u16) {
        let Some(me) = self.this.upgrade() else { return };
        match engine.look_up(host, port, me.clone()) {
            Ok(key) => {
                self.key.set(Some(key));
                let within = engine.limits().resolve;
                let expire = move |_: &dyn Net| {
                    let cause = format!("{NO_ANSWER} within {within:?}");
                    me.fail(Error::new(Operation::Resolve, ErrorKind::TimedOut, cause));
                };
                let at = engine.context.fresh_now() + within;
                self.deadline.set(Some(engine.call_at(at, Box::new(expire))));
            }
            Err(error) => self.fail(error),
        }
    }

    fn fail(&self, error: Error) {
        self.answer(Err(error.at(&self.target)));
    }

    fn answer(&self, found: Result<Vec<SocketAddr>>) {
        let Some(engine) = self.engine.upgrade() else { return };
        let then = self.forget(&engine);
        if let Some(then) = then {
            engine.guarded("what waited for a name", || then(&*engine, found));
        }
    }

    fn forget(&self, engine: &Engine<D>) -> Option<Resolved> {
        engine.cancel_call(self.deadline.take());
        if let Some(key) = self.key.take() {
            engine.forget_lookup(key);
        }
        self.then.take()
    }
}

impl<D: Driver> Attempting for Asked<D> {
    fn proceed(&self) {
        let Some(engine) = self.engine.upgrade() else { return };
        if self.then.borrow().is_none() {
            return; // cancelled before it was asked
        }
        if engine.draining.borrow().is_some() {
            return self.stopped();
        }
        match &self.target {
            Target::Name(host, port) => self.ask(&engine, host, *port),
            Target::Addr(Addr::Ip(ip)) => self.answer(Ok(vec![*ip])), // a literal: no thread
            Target::Addr(_) => {}
        }
    }

    fn resolved(&self, found: io::Result<Vec<SocketAddr>>) {
        let named = |error| Error::from_io(Operation::Resolve, &self.target, error);
        self.answer(found.map_err(named));
    }

    fn stopped(&self) {
        let cause = "the reactor stops";
        self.fail(Error::new(Operation::Resolve, ErrorKind::Stopped, cause));
    }
}

impl<D: Driver> CancelLookup for Asked<D> {
    fn cancel(&self) -> bool {
        let Some(engine) = self.engine.upgrade() else { return false };
        // Dropped outside the borrow: the closure's own drop may ask for another.
        let then = self.forget(&engine);
        then.is_some()
    }

    fn is_pending(&self) -> bool {
        self.then.borrow().is_some()
    }
}
