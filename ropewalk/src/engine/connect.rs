//! Connecting: the addresses of a name race under one deadline (RFC 8305), the first that
//! the kernel connects gets its layers and its protocol, and the client's factory hears of
//! that one alone.
//! Owns: the course of an attempt. Never: resolves or connects itself (the driver does), or
//! decides when an address begins (`addr::race` does).

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};

use super::driver::Driver;
use super::entry::{End, Source};
use super::{Engine, Task};
use crate::addr::{Addr, Race, Target, interleaved};
use crate::clock::Time;
use crate::error::{Error, ErrorKind, NO_ANSWER, Operation, describe_io, who_said_what};
use crate::limits;
use crate::options::SocketOptions;
use crate::protocol::{
    ClientFactory, ConnectionId, Connector, ConnectorState, Deadline, Kind, Layers, Net, Reason,
    Reconnect, Transport,
};

/// An attempt, whatever its factory.
pub(crate) trait Attempting {
    /// Goes on, at the bottom of the stack.
    fn proceed(&self);
    /// The name's addresses came.
    fn resolved(&self, found: io::Result<Vec<SocketAddr>>);
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
    race: RefCell<Race<Addr>>,
    /// The addresses under way, each a connection that the kernel has not decided.
    runners: RefCell<Vec<Runner>>,
    next_runner: Cell<u64>,
    /// When the next address begins.
    next_start: Cell<Option<u64>>,
    /// What each address said, for the failure's sentence.
    refusals: RefCell<Vec<(String, Addr)>>,
    last: RefCell<Option<Kind>>,
    deadline: Cell<Option<u64>>,
    /// When the whole attempt is over, names and all addresses included.
    until: Cell<Time>,
    /// Whether `connect` was ever asked for.
    begun: Cell<bool>,
    /// How often an attempt began.
    attempts: Cell<u64>,
    /// Whether the factory heard that it began.
    told: Cell<bool>,
    /// A stop that came while its connection was in use.
    stop_asked: Cell<bool>,
}

/// One address that is being tried.
struct Runner {
    number: u64,
    id: ConnectionId,
    addr: Addr,
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
    /// The addresses are being tried.
    Racing,
    /// The kernel connected this one; its layers are not ready yet.
    Starting(ConnectionId),
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
            race: RefCell::new(Race::of([], limits::CONNECT_ATTEMPT_DELAY)),
            runners: RefCell::default(),
            next_runner: Cell::new(0),
            next_start: Cell::new(None),
            refusals: RefCell::default(),
            last: RefCell::default(),
            deadline: Cell::new(None),
            until: Cell::new(Time::NEVER),
            begun: Cell::new(false),
            attempts: Cell::new(0),
            told: Cell::new(false),
            stop_asked: Cell::new(false),
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
        self.state.set(State::Racing);
        self.attempts.set(self.attempts.get() + 1);
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
            Target::Addr(addr) => self.start_race([addr.clone()]),
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
        match engine.look_up(host, port, me.clone()) {
            Ok(key) => {
                self.state.set(State::Resolving(key));
                // The name has a deadline of its own, within the whole attempt's.
                let at = engine.context.now() + engine.context.limits.resolve;
                let at = at.min(self.until.get());
                self.set_deadline(engine, at, move || me.expire());
            }
            Err(error) => self.fail(Reason::failed(error.at(&self.target))),
        }
    }

    fn set_deadline(&self, engine: &Rc<Engine<D>>, at: Time, then: impl FnOnce() + 'static) {
        let before = self.deadline.replace(Some(engine.call_at(at, Box::new(move |_| then()))));
        engine.cancel_call(before);
    }

    /// The deadline passed. Only who is connecting has one.
    fn expire(&self) {
        self.deadline.set(None);
        let Some((_, engine)) = self.me() else { return };
        let why = Reason::new(Kind::Deadline(Deadline::Connect));
        match self.state.get() {
            State::Resolving(key) => {
                engine.forget_lookup(key);
                self.fail(why);
            }
            State::Racing => {
                let running = self.runners.borrow().iter().map(|one| one.addr.clone()).collect();
                self.fail(why.because(self.everyones_words(running)));
            }
            State::Starting(id) => {
                if let Some(entry) = engine.entry(id) {
                    entry.head.connection.borrow_mut().fail(why);
                    engine.settle(&entry);
                }
            }
            _ => {}
        }
    }

    fn start_race(&self, addrs: impl IntoIterator<Item = Addr>) {
        self.race.replace(Race::of(addrs, limits::CONNECT_ATTEMPT_DELAY));
        self.go_on();
    }

    /// Begins with every address whose turn it is, and comes back when the next one's is.
    fn go_on(&self) {
        let Some((me, engine)) = self.me() else { return };
        self.state.set(State::Racing);
        engine.cancel_call(self.next_start.take());
        if engine.draining.borrow().is_some() {
            return self.fail(Reason::new(Kind::Stopped));
        }
        loop {
            let now = engine.context.fresh_now();
            let due = self.race.borrow_mut().take_due(now);
            let Some(addr) = due else { break };
            match self.run(&me, &engine, &addr) {
                Ok(()) => self.race.borrow_mut().began(now),
                Err(error) => self.note_refusal(addr, &Reason::io(error)),
            }
        }
        if self.runners.borrow().is_empty() {
            return self.fail_with_all();
        }
        if let Some(at) = self.race.borrow().next_due() {
            let go_on = move |_: &dyn Net| {
                me.next_start.set(None);
                me.go_on();
            };
            self.next_start.set(Some(engine.call_at(at, Box::new(go_on))));
        }
    }

    /// A connection that the kernel is to make. It gets layers if it wins.
    fn run(&self, me: &Rc<Self>, engine: &Rc<Engine<D>>, addr: &Addr) -> io::Result<()> {
        let number = self.next_runner.get();
        self.next_runner.set(number + 1);
        let source = Client { attempt: me.clone(), number };
        let entry = engine.insert(source, Layers::new(), addr, true, |id| {
            engine.driver.connect(id, addr, &self.options)
        })?;
        let runner = Runner { number, id: entry.head.id, addr: addr.clone() };
        self.runners.borrow_mut().push(runner);
        Ok(())
    }

    fn take_runner(&self, number: u64) -> Option<Runner> {
        let mut runners = self.runners.borrow_mut();
        let at = runners.iter().position(|runner| runner.number == number)?;
        Some(runners.remove(at))
    }

    /// The race is decided: whoever runs still is closed, and nobody hears of it.
    fn end_race(&self, engine: &Rc<Engine<D>>) {
        engine.cancel_call(self.next_start.take());
        self.race.replace(Race::of([], limits::CONNECT_ATTEMPT_DELAY));
        for Runner { id, .. } in self.runners.take() {
            if let Some(entry) = engine.entry(id) {
                let why = Reason::new(Kind::Aborted).because("another address won, or none may");
                entry.head.connection.borrow_mut().fail(why);
                engine.settle(&entry);
            }
        }
    }

    /// The kernel connected this one first.
    fn won(&self, number: u64) {
        let Some((_, engine)) = self.me() else { return };
        if let Some(winner) = self.take_runner(number) {
            self.state.set(State::Starting(winner.id));
            self.end_race(&engine);
        }
    }

    fn note_refusal(&self, addr: Addr, why: &Reason) {
        let said = match why.source().and_then(|source| source.downcast_ref::<io::Error>()) {
            Some(error) => describe_io(error),
            None => why.to_string(),
        };
        self.refusals.borrow_mut().push((said, addr));
        self.last.replace(Some(why.kind()));
    }

    /// Every address said no: the last one's kind, everyone's words.
    fn fail_with_all(&self) {
        let why = match self.last.take() {
            Some(kind) => Reason::new(kind).because(self.everyones_words(Vec::new())),
            None => Reason::failed("the name has no address"),
        };
        self.fail(why);
    }

    /// What each address said, and that these have said nothing.
    fn everyones_words(&self, silent: Vec<Addr>) -> Error {
        let mut said = self.refusals.take();
        said.extend(silent.into_iter().map(|addr| (NO_ANSWER.to_owned(), addr)));
        let cause = who_said_what(&said);
        Error::new(Operation::Connect, ErrorKind::Io, cause).at(&self.target)
    }

    /// The attempt failed: the factory hears, and may connect again.
    fn fail(&self, why: Reason) {
        let Some((me, engine)) = self.me() else { return };
        engine.cancel_call(self.deadline.take());
        self.end_race(&engine);
        if !self.told.get() {
            self.tell_started(&me, &engine); // it was stopped before it could begin
        }
        self.told.set(false);
        self.state.set(State::Idle);
        engine.guarded("a factory's failed", || {
            self.factory.borrow_mut().failed(&Connector::new(me.clone()), &*engine, &why);
        });
    }

    /// A connection of this attempt is over.
    fn ended(&self, number: u64, net: &dyn Net, why: &Reason, end: End) {
        let Some((me, engine)) = self.me() else { return };
        match end {
            End::Connecting => {
                let Some(runner) = self.take_runner(number) else { return }; // it had lost
                if !refused_by_address(why) {
                    return self.fail(why.clone());
                }
                self.note_refusal(runner.addr, why);
                self.race.borrow_mut().failed(engine.context.fresh_now());
                engine.task(Task::Attempt(me));
            }
            End::Starting => self.fail(why.clone()),
            End::Built => {
                self.told.set(false);
                self.state.set(State::Idle);
                self.factory.borrow_mut().lost(&Connector::new(me), net, why);
            }
        }
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
            State::Racing => self.go_on(),
            _ if self.stop_asked.replace(false) => self.stop(),
            _ => {}
        }
    }

    fn resolved(&self, found: io::Result<Vec<SocketAddr>>) {
        let Some((me, engine)) = self.me() else { return };
        match found {
            Ok(addrs) => {
                self.set_deadline(&engine, self.until.get(), move || me.expire());
                self.start_race(interleaved(addrs).into_iter().map(Addr::from));
            }
            Err(error) => {
                let error = Error::from_io(Operation::Resolve, &self.target, error);
                self.fail(Reason::failed(error));
            }
        }
    }

    fn stopped(&self) {
        // A connection that is there is ended by itself.
        if !matches!(self.state.get(), State::Idle | State::Starting(_) | State::Connected(_)) {
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
            State::Asked | State::Racing => {
                self.state.set(State::Cancelled);
                engine.task(Task::Attempt(me));
            }
            State::Resolving(key) => {
                engine.forget_lookup(key);
                self.state.set(State::Cancelled);
                engine.task(Task::Attempt(me));
            }
            State::Starting(id) | State::Connected(id) => {
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

    fn state(&self) -> ConnectorState {
        match self.state.get() {
            State::Idle => ConnectorState::Idle,
            State::Connected(_) => ConnectorState::Connected,
            _ => ConnectorState::Connecting,
        }
    }

    fn attempts(&self) -> u64 {
        self.attempts.get()
    }
}

/// The seat's source for a connection that we opened.
struct Client<D: Driver, F> {
    attempt: Rc<Attempt<D, F>>,
    number: u64,
}

impl<D: Driver, F: ClientFactory + 'static> Source for Client<D, F> {
    type Protocol = F::Protocol;

    fn connected(&mut self, layers: &mut Layers) {
        self.attempt.won(self.number);
        self.attempt.factory.borrow_mut().stack(layers);
    }

    fn build(&mut self, peer: &Addr) -> Option<F::Protocol> {
        let attempt = &self.attempt;
        if let Some((_, engine)) = attempt.me() {
            engine.cancel_call(attempt.deadline.take());
        }
        if let State::Starting(id) = attempt.state.get() {
            attempt.state.set(State::Connected(id));
        }
        attempt.factory.borrow_mut().build(peer)
    }

    fn made(&mut self, transport: &mut dyn Transport) {
        let connector = Connector::new(self.attempt.clone());
        self.attempt.factory.borrow_mut().made(&connector, transport);
    }

    fn ended(&mut self, net: &dyn Net, why: &Reason, end: End) {
        self.attempt.ended(self.number, net, why, end);
    }
}
