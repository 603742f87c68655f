//! Connecting: a name's addresses one after another under one deadline, and what the
//! client's factory hears of it.
//! Owns: the course of an attempt. Never: resolves or connects itself; the driver does.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::{Rc, Weak};

use super::driver::Driver;
use super::entry::{End, Source};
use super::mail::Letter;
use super::{Engine, STACK_PANICKED, Task};
use crate::addr::{Addr, Target, interleaved};
use crate::clock::Time;
use crate::error::{Error, ErrorKind, Operation, describe_io, who_said_what};
use crate::options::SocketOptions;
use crate::protocol::{
    ClientFactory, ConnectionId, Connector, Deadline, Kind, Net, Reason, Reconnect,
};

/// An attempt, whatever its factory.
pub(crate) trait Attempting {
    /// Goes on, at the bottom of the stack.
    fn proceed(&self);
    /// The name's addresses came.
    fn resolved(&self, found: io::Result<Vec<std::net::SocketAddr>>);
    /// The engine stops.
    fn stopped(&self);
}

struct Attempt<D: Driver, F> {
    engine: Weak<Engine<D>>,
    this: Weak<Attempt<D, F>>,
    target: Target,
    options: SocketOptions,
    factory: Rc<RefCell<F>>,
    state: Cell<State>,
    addrs: RefCell<VecDeque<Addr>>,
    /// What each address said, for the failure's sentence.
    refusals: RefCell<Vec<(String, Addr)>>,
    last: RefCell<Option<Reason>>,
    deadline: Cell<Option<u64>>,
    /// When the whole attempt is over, names and all addresses included.
    until: Cell<Time>,
    /// Whether `connect` was ever asked for.
    begun: Cell<bool>,
    /// Whether the factory heard that it began.
    told: Cell<bool>,
    /// A stop that came while its connection was in use.
    stop_asked: Cell<bool>,
    /// The address being tried.
    current: RefCell<Option<Addr>>,
}

/// How far an attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not connecting: `connect` begins.
    Idle,
    /// To begin once the callback that asked has returned.
    Asked,
    /// Stopped before it began.
    Cancelled,
    Resolving(u64),
    /// Between two addresses.
    Trying,
    Connecting(ConnectionId),
    Connected(ConnectionId),
}

impl<D: Driver> Engine<D> {
    /// Begins to connect, once the current callback has returned.
    pub fn connect_with<F: ClientFactory + 'static>(
        &self,
        target: Target,
        options: &SocketOptions,
        factory: F,
    ) -> Connector {
        let attempt = Rc::new_cyclic(|this| Attempt {
            engine: self.this.clone(),
            this: this.clone(),
            target,
            options: options.clone(),
            factory: Rc::new(RefCell::new(factory)),
            state: Cell::new(State::Idle),
            addrs: RefCell::default(),
            refusals: RefCell::default(),
            last: RefCell::default(),
            deadline: Cell::new(None),
            until: Cell::new(Time::NEVER),
            begun: Cell::new(false),
            told: Cell::new(false),
            stop_asked: Cell::new(false),
            current: RefCell::default(),
        });
        attempt.connect();
        Connector::new(attempt)
    }
}

impl<D: Driver, F: ClientFactory + 'static> Attempt<D, F> {
    fn me(&self) -> Option<(Rc<Self>, Rc<Engine<D>>)> {
        Some((self.this.upgrade()?, self.engine.upgrade()?))
    }

    /// The attempt begins: the factory hears, the deadline starts, the name is looked up.
    fn begin(&self) {
        let Some((me, engine)) = self.me() else { return };
        self.state.set(State::Trying);
        self.refusals.borrow_mut().clear();
        self.last.take();
        self.tell_started(&me, &engine);
        if self.state.get() == State::Cancelled {
            return self.fail(Reason::new(Kind::Aborted));
        }
        if engine.draining.borrow().is_some() {
            return self.fail(Reason::new(Kind::Stopped));
        }
        let within = self.options.timeout.unwrap_or(engine.context.limits.connect);
        self.until.set(engine.context.fresh_now() + within);
        let expired = me.clone();
        self.set_deadline(&engine, self.until.get(), move || expired.expire());
        match &self.target {
            Target::Addr(addr) => {
                self.addrs.replace(VecDeque::from([addr.clone()]));
                self.try_next();
            }
            Target::Name(host, port) => self.resolve(&engine, me, host, *port),
        }
    }

    fn tell_started(&self, me: &Rc<Self>, engine: &Rc<Engine<D>>) {
        self.told.set(true);
        engine.guarded("a factory's started", || {
            self.factory.borrow_mut().started(&Connector::new(me.clone()));
        });
    }

    fn resolve(&self, engine: &Rc<Engine<D>>, me: Rc<Self>, host: &str, port: u16) {
        let key = engine.next_lookup.get();
        engine.next_lookup.set(key + 1);
        let mail = engine.mail.clone();
        let reply = move |found| mail.send(Letter::Resolved(key, found));
        match engine.driver.resolve(host, port, Box::new(reply)) {
            Ok(()) => {
                self.state.set(State::Resolving(key));
                engine.lookups.borrow_mut().insert(key, me.clone());
                // The name has a deadline of its own, within the whole attempt's.
                let at = engine.context.now() + engine.context.limits.resolve;
                let at = at.min(self.until.get());
                self.set_deadline(engine, at, move || me.expire());
            }
            Err(error) => self.fail(Reason::failed(error)),
        }
    }

    fn set_deadline(&self, engine: &Rc<Engine<D>>, at: Time, then: impl FnOnce() + 'static) {
        self.clear_deadline(engine);
        self.deadline.set(Some(engine.call_at(at, Box::new(move |_| then()))));
    }

    fn clear_deadline(&self, engine: &Rc<Engine<D>>) {
        if let Some(key) = self.deadline.take() {
            drop(engine.timers.borrow_mut().cancel(key));
        }
    }

    /// The deadline passed.
    fn expire(&self) {
        self.deadline.set(None);
        self.give_up(Reason::new(Kind::Deadline(Deadline::Connect)));
    }

    /// Ends the attempt, wherever it is. A late answer finds nobody.
    fn give_up(&self, why: Reason) {
        let Some((_, engine)) = self.me() else { return };
        match self.state.get() {
            State::Resolving(key) => {
                engine.lookups.borrow_mut().remove(&key);
                self.fail(why);
            }
            State::Connecting(id) => {
                self.addrs.borrow_mut().clear();
                if let Some(entry) = engine.entry(id) {
                    entry.head.connection.borrow_mut().fail(why);
                    engine.settle(&entry);
                }
            }
            State::Trying => self.fail(why),
            _ => {}
        }
    }

    fn try_next(&self) {
        let Some((me, engine)) = self.me() else { return };
        self.state.set(State::Trying);
        loop {
            let addr = self.addrs.borrow_mut().pop_front();
            let Some(addr) = addr else { return self.fail_with_all() };
            self.current.replace(Some(addr.clone()));
            let layers = engine.stack_of(|layers| self.factory.borrow_mut().stack(layers));
            let Some(layers) = layers else {
                return self.fail(Reason::new(Kind::Panicked).because(STACK_PANICKED));
            };
            if self.state.get() == State::Cancelled {
                return self.fail(Reason::new(Kind::Aborted));
            }
            let source = Client(me.clone());
            let opened = engine.insert(source, layers, &addr, true, |id| {
                self.state.set(State::Connecting(id));
                engine.driver.connect(id, &addr, &self.options)
            });
            match opened {
                Ok(_) => return,
                Err(error) => {
                    self.state.set(State::Trying);
                    self.note_refusal(Reason::io(error));
                }
            }
        }
    }

    fn note_refusal(&self, why: Reason) {
        let said = match why.source().and_then(|source| source.downcast_ref::<io::Error>()) {
            Some(error) => describe_io(error),
            None => why.to_string(),
        };
        if let Some(addr) = &*self.current.borrow() {
            self.refusals.borrow_mut().push((said, addr.clone()));
        }
        self.last.replace(Some(why));
    }

    /// Every address said no: the last one's kind, everyone's words.
    fn fail_with_all(&self) {
        let last = self.last.take().unwrap_or_else(|| Reason::failed("the name has no address"));
        let refusals = self.refusals.take();
        if refusals.is_empty() {
            return self.fail(last);
        }
        let said = who_said_what(&refusals);
        let error = Error::new(Operation::Connect, ErrorKind::Io, said).at(&self.target);
        self.fail(Reason::new(last.kind()).because(error));
    }

    /// The attempt failed: the factory hears, and may connect again.
    fn fail(&self, why: Reason) {
        let Some((me, engine)) = self.me() else { return };
        self.clear_deadline(&engine);
        if !self.told.get() {
            self.tell_started(&me, &engine); // it was stopped before it could begin
        }
        self.told.set(false);
        self.state.set(State::Idle);
        engine.guarded("a factory's failed", || {
            self.factory.borrow_mut().failed(&Connector::new(me.clone()), &*engine, &why);
        });
    }

    fn ended(&self, net: &dyn Net, why: &Reason, end: End) {
        let Some((me, engine)) = self.me() else { return };
        if end == End::Connecting && refused_by_address(why) {
            self.note_refusal(why.clone());
            self.state.set(State::Trying);
            return engine.task(Task::Attempt(me));
        }
        if end != End::Built {
            return self.fail(why.clone());
        }
        self.told.set(false);
        self.state.set(State::Idle);
        self.factory.borrow_mut().lost(&Connector::new(me), net, why);
    }
}

/// Whether the next address may do better: not after an abort, a stop, or a deadline of
/// the whole attempt.
fn refused_by_address(why: &Reason) -> bool {
    matches!(why.kind(), Kind::Refused | Kind::Io | Kind::Reset)
}

impl<D: Driver, F: ClientFactory + 'static> Attempting for Attempt<D, F> {
    fn proceed(&self) {
        match self.state.get() {
            State::Asked => self.begin(),
            State::Cancelled => self.fail(Reason::new(Kind::Aborted)),
            State::Trying => self.try_next(),
            _ if self.stop_asked.replace(false) => self.stop(),
            _ => {}
        }
    }

    fn resolved(&self, found: io::Result<Vec<std::net::SocketAddr>>) {
        let Some((me, engine)) = self.me() else { return };
        match found {
            Ok(addrs) => {
                self.addrs.replace(interleaved(addrs).into_iter().map(Addr::from).collect());
                self.set_deadline(&engine, self.until.get(), move || me.expire());
                self.try_next();
            }
            Err(error) => {
                let error = Error::from_io(Operation::Resolve, &self.target, error);
                self.fail(Reason::failed(error));
            }
        }
    }

    fn stopped(&self) {
        // A connection that is there is ended by itself.
        if !matches!(self.state.get(), State::Idle | State::Connecting(_) | State::Connected(_)) {
            self.fail(Reason::new(Kind::Stopped));
        }
    }
}

impl<D: Driver, F: ClientFactory + 'static> Reconnect for Attempt<D, F> {
    fn connect(&self) {
        let Some((me, engine)) = self.me() else { return };
        // During a stop nothing begins; afterwards it may.
        let stopping = engine.draining.borrow().is_some();
        if matches!(self.state.get(), State::Idle) && (!stopping || !self.begun.get()) {
            self.begun.set(true);
            self.state.set(State::Asked);
            engine.task(Task::Attempt(me));
        }
    }

    fn stop(&self) {
        let Some((me, engine)) = self.me() else { return };
        match self.state.get() {
            State::Idle | State::Cancelled => {}
            State::Asked | State::Trying => {
                self.state.set(State::Cancelled);
                engine.task(Task::Attempt(me));
            }
            State::Resolving(key) => {
                engine.lookups.borrow_mut().remove(&key);
                self.state.set(State::Cancelled);
                engine.task(Task::Attempt(me));
            }
            State::Connecting(id) | State::Connected(id) => {
                if let Some(entry) = engine.entry(id) {
                    // One of its own layers asks: once that has returned.
                    let Ok(mut connection) = entry.head.connection.try_borrow_mut() else {
                        self.stop_asked.set(true);
                        return engine.task(Task::Attempt(me));
                    };
                    if !connection.is_built() {
                        connection.fail(Reason::new(Kind::Aborted));
                    } else {
                        connection.close();
                    }
                    engine.touch(id);
                }
            }
        }
    }

    fn target(&self) -> &Target {
        &self.target
    }
}

/// The seat's source for a connection that we opened.
struct Client<D: Driver, F>(Rc<Attempt<D, F>>);

impl<D: Driver, F: ClientFactory + 'static> Source for Client<D, F> {
    type Protocol = F::Protocol;

    fn build(&mut self, peer: &Addr) -> Option<F::Protocol> {
        let attempt = &self.0;
        if let Some((_, engine)) = attempt.me() {
            attempt.clear_deadline(&engine);
        }
        if let State::Connecting(id) = attempt.state.get() {
            attempt.state.set(State::Connected(id));
        }
        attempt.factory.borrow_mut().build(peer)
    }

    fn ended(&mut self, net: &dyn Net, why: &Reason, end: End) {
        self.0.ended(net, why, end);
    }
}
