//! The table of connections, and one turn of its work.
//!
//! Owns: connections, listeners, timers, mail, the list of connections that a callback
//! touched. Never: does I/O (its driver does) or holds a rule of a connection's life
//! (`connection` does). A reactor is an engine on the loop's thread; a thread per
//! connection is an engine with one connection; the simulation is an engine whose driver
//! is a seeded queue.
//!
//! One turn, in this order: letters from other threads, timers that are due, what the
//! callbacks of this thread asked for, then the driver's wait and its reports, and again
//! what callbacks asked for. Callbacks are entered from the bottom of the stack only
//! (`settle`), so none runs inside another.

mod adopt;
mod bells;
mod connect;
mod datagram;
mod drain;
mod driver;
mod entry;
mod guests;
mod hooks;
mod jobs;
mod listen;
mod lookup;
mod mail;
mod net;
mod port;
mod producing;
mod settle;
mod slots;
mod table;
mod tasks;
mod timers;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

pub(crate) use adopt::Opened;
pub(crate) use bells::Bell;
use bells::Bells;
use connect::Attempting;
use datagram::Datagrams;
pub use datagram::{DATAGRAM_SLOT, DatagramEntry};
use drain::Draining;
pub use drain::Report;
pub use driver::{Driver, Files, Reply, Sent, Wake};
pub use entry::{Entry, Head, Seat};
pub(crate) use guests::{Guest, Host};
use hooks::Hooks;
use jobs::Jobs;
use listen::Listening;
pub(crate) use listen::{bind_everywhere, named};
use lookup::Asking;
pub use mail::Remote;
use mail::{Home, Letter, Mail, bytes_of};
use slots::Slots;
use tasks::Futures;
use timers::{Call, Fired, Timers};

use crate::clock::Time;
use crate::connection::{Due, Input, drop_guarded};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::limits::{self, Limits};
use crate::observe::Observer;
use crate::protocol::{ConnectionId, Context, Kind, Mailbox, Reason, Request};

/// A table of connections over one driver.
pub struct Engine<D: Driver> {
    driver: D,
    number: u32,
    context: Context,
    observer: Option<Arc<dyn Observer>>,
    slots: RefCell<Slots<Entry<D>>>,
    generation: Cell<u32>,
    listeners: RefCell<BTreeMap<u32, Rc<Listening<D>>>>,
    next_listener: Cell<u32>,
    datagrams: Datagrams<D>,
    /// Whether some listener pauses: then every end of a connection is a chance.
    accept_paused: Cell<bool>,
    timers: RefCell<Timers>,
    mail: Arc<Mail>,
    /// Connections that something outside their own callback touched.
    dirty: RefCell<Vec<ConnectionId>>,
    tasks: RefCell<VecDeque<Task<D>>>,
    futures: Futures,
    /// Whether `dirty` or `tasks` has something.
    work: Cell<bool>,
    /// Whether there are timers.
    armed: Cell<bool>,
    /// Whether either of them: the one flag that an idle turn asks.
    busy: Cell<bool>,
    lookups: RefCell<BTreeMap<u64, Asking>>,
    next_lookup: Cell<u64>,
    guests: RefCell<BTreeMap<u64, Option<Remote>>>,
    next_guest: Cell<u64>,
    hooks: Hooks,
    jobs: Jobs,
    bells: Bells,
    /// The accepting thread's engine, whose guest this one is.
    host: RefCell<Option<Arc<dyn Host>>>,
    running: Cell<bool>,
    /// It runs until it is stopped: nothing is to be asked between two waits.
    stays: Cell<bool>,
    draining: RefCell<Option<Draining>>,
    finished: Cell<bool>,
    report: Cell<Report>,
    this: Weak<Engine<D>>,
}

/// What a callback asked for, done once it has returned.
enum Task<D: Driver> {
    Request(Arc<Mailbox>, Request),
    Attempt(Rc<dyn Attempting>),
    StopListening(Rc<Listening<D>>),
    MakeDatagrams(u32),
    SettleDatagrams(u32),
    AcceptAgain,
    Call(Call),
    Drain(Option<Duration>),
    Drained,
}

impl<D: Driver> Engine<D> {
    /// An engine over this driver, with these defaults.
    pub fn new(driver: D, limits: Limits, observer: Option<Arc<dyn Observer>>) -> Rc<Engine<D>> {
        let number = mail::next_engine();
        let mail = Mail::new(number, driver.waker());
        let context = Context::new(driver.clock(), limits);
        Rc::new_cyclic(|this| Engine {
            driver,
            number,
            context,
            observer,
            slots: RefCell::default(),
            generation: Cell::new(0),
            listeners: RefCell::default(),
            next_listener: Cell::new(0),
            datagrams: Datagrams::default(),
            accept_paused: Cell::new(false),
            timers: RefCell::default(),
            futures: Futures::new(mail.clone()),
            mail,
            dirty: RefCell::default(),
            tasks: RefCell::default(),
            work: Cell::new(false),
            armed: Cell::new(false),
            busy: Cell::new(false),
            lookups: RefCell::default(),
            next_lookup: Cell::new(0),
            guests: RefCell::default(),
            next_guest: Cell::new(0),
            hooks: Hooks::default(),
            jobs: Jobs::default(),
            bells: Bells::default(),
            host: RefCell::default(),
            running: Cell::new(false),
            stays: Cell::new(false),
            draining: RefCell::default(),
            finished: Cell::new(false),
            report: Cell::default(),
            this: this.clone(),
        })
    }

    /// The driver.
    #[inline]
    pub fn driver(&self) -> &D {
        &self.driver
    }

    /// Time, buffers, limits.
    #[inline]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The bounds in force.
    pub fn limits(&self) -> &Limits {
        &self.context.limits
    }

    /// Reaches this engine from other threads.
    pub fn remote(&self) -> Remote {
        Remote::new(self.mail.clone())
    }

    /// How many connections there are, those that are still connecting included.
    pub fn connections(&self) -> usize {
        self.slots.borrow().len()
    }

    /// The connection of this id, if it lives.
    #[inline]
    pub fn entry(&self, id: ConnectionId) -> Option<Rc<Entry<D>>> {
        let slots = self.slots.borrow();
        let entry = slots.get(id.slot)?;
        let is_it = entry.head.id == id || cfg!(broken = "slot_confused");
        is_it.then(|| entry.clone())
    }

    /// The connection in this slot, if its generation is this: what a driver's token says.
    #[inline]
    pub fn entry_at(&self, slot: u32, generation: u32) -> Option<Rc<Entry<D>>> {
        let slots = self.slots.borrow();
        let entry = slots.get(slot)?;
        (entry.head.id.generation == generation).then(|| entry.clone())
    }

    /// Runs until it is stopped and has drained.
    ///
    /// # Errors
    /// `AlreadyRunning` from inside a callback; what the driver's wait says.
    pub fn run(self: &Rc<Self>) -> Result<Report> {
        self.run_while(true, true, |engine| !engine.finished.get())
    }

    /// Runs until nothing is left that could happen: no connection, no listener, no timer.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub fn run_to_the_end(self: &Rc<Self>) -> Result<Report> {
        let more = |engine: &Self| !engine.finished.get() && !engine.is_idle();
        self.run_while(false, true, more)
    }

    fn is_idle(&self) -> bool {
        self.connections() == 0
            && self.listeners.borrow().is_empty()
            && self.datagram_sockets() == 0
            && self.lookups.borrow().is_empty()
            && self.guests() == 0
            && self.futures.is_empty()
            && self.jobs.is_empty()
            && !self.hooks.is_waiting()
            && !self.work.get()
            && !self.mail.any()
            && self.timers.borrow_mut().next().is_none()
    }

    fn run_while(
        self: &Rc<Self>,
        stays: bool,
        clears: bool,
        mut go_on: impl FnMut(&Self) -> bool,
    ) -> Result<Report> {
        if self.running.replace(true) {
            let cause = "it runs already, and this is one of its callbacks";
            return Err(Error::new(Operation::Run, ErrorKind::AlreadyRunning, cause));
        }
        self.finished.set(false);
        self.stays.set(stays);
        self.report.set(Report::default());
        let mut running = Running { engine: self, clears: true };
        let home = Home::enter(self.clone());
        self.look_for_woken(); // one that was woken between two runs
        self.start_up();
        let mut result = Ok(());
        while go_on(self) && result.is_ok() {
            result = self.turn();
        }
        running.clears = clears || self.finished.get() || result.is_err();
        drop(running);
        drop(home);
        result.map_err(|error| Error::from_io(Operation::Run, "its wait", error))?;
        Ok(self.report.get())
    }

    /// One turn. For drivers' tests and the simulation; `run` is a loop of it.
    ///
    /// # Errors
    /// What the driver's wait says.
    #[inline]
    pub fn turn(self: &Rc<Self>) -> io::Result<()> {
        let mut wait = None;
        // An idle engine's turn asks these two, and nothing else.
        if self.busy.get() || self.mail.any() {
            wait = self.before_the_wait();
            if self.finished.get() {
                return Ok(());
            }
        }
        self.driver.turn(self, wait)?;
        if self.busy.get() {
            self.after_the_wait();
        }
        Ok(())
    }

    #[cold]
    fn before_the_wait(self: &Rc<Self>) -> Option<Duration> {
        self.context.forget_now();
        if self.mail.any() {
            self.read_mail();
        }
        let fired = self.armed.get() && self.fire_timers();
        if self.work.get() {
            self.do_work();
        }
        // Whoever steps asks between the turns whether he has what he waited for: then a
        // virtual clock must not run on to the next timer.
        if self.work.get() || self.mail.any() || (fired && !self.stays.get()) {
            return Some(Duration::ZERO);
        }
        let next = self.timers.borrow_mut().next();
        self.armed.set(next.is_some());
        self.busy.set(next.is_some());
        // Callbacks have worked since the turn began.
        next.map(|at| at - self.context.fresh_now())
    }

    #[cold]
    fn after_the_wait(self: &Rc<Self>) {
        if self.work.get() {
            self.do_work();
        }
    }

    /// Whether a driver may wait again at once, for as long as it likes: this engine runs
    /// until it is stopped, and has no timers, no mail, nothing that callbacks asked for.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        self.stays.get() && !self.busy.get() && !self.mail.any()
    }

    fn set_work(&self) {
        self.work.set(true);
        self.busy.set(true);
    }

    fn set_armed(&self) {
        self.armed.set(true);
        self.busy.set(true);
    }

    /// Runs one turn with this engine at home on the thread, as `run` does.
    ///
    /// # Errors
    /// As [`Engine::turn`].
    pub fn step(self: &Rc<Self>) -> io::Result<()> {
        let _home = Home::enter(self.clone());
        // After a stop, too: what is under way on a simulated wire still arrives.
        self.finished.set(false);
        self.start_up();
        self.turn()
    }

    fn read_mail(self: &Rc<Self>) {
        // `take` clears the flag, so all that it stands for is looked at after it.
        let letters = self.mail.take(limits::TURN_MAIL);
        if let Some(grace) = self.mail.take_drain() {
            self.drain(grace);
        }
        self.look_for_woken();
        for letter in letters {
            match letter {
                Letter::Request(mailbox, request) => {
                    mailbox.release(bytes_of(&request));
                    self.act(mailbox.id(), request);
                }
                Letter::Call(call) => {
                    self.mail.call_taken();
                    self.guarded("a call from another thread", || call(&**self));
                }
                Letter::GuestArrived(key, remote) => self.guest_arrived(key, remote),
                Letter::GuestLeft(key, report) => self.guest_left(key, report),
                Letter::Resolved(key, found) => self.looked_up(key, found),
                Letter::JobDone(key, done) => self.job_done(key, done),
                Letter::HoldReleased => self.close_phase(),
                Letter::Bell(bell) => self.bell_rang(&bell),
            }
        }
    }

    /// Answers whether any was due.
    fn fire_timers(self: &Rc<Self>) -> bool {
        let now = self.context.now();
        let until = self.context.next_sequence();
        for count in 0..limits::TURN_TIMERS {
            let fired = self.timers.borrow_mut().pop_due(now, until);
            match fired {
                None => return count > 0,
                Some(Fired::Call(call)) => self.guarded("a timed call", || call(&**self)),
                Some(Fired::Connection(id)) => {
                    if let Some(entry) = self.entry(id) {
                        self.wake_connection(&entry, now);
                    }
                }
            }
        }
        true
    }

    fn wake_connection(self: &Rc<Self>, entry: &Entry<D>, now: Time) {
        let due = entry.head.connection.borrow_mut().due(now);
        if let Some(Due::Timer(level, timer)) = due {
            self.carry(entry, level, Input::Timer(timer));
        }
        self.settle(entry);
    }

    /// What callbacks of this thread asked for: as much as was asked before this began.
    fn do_work(self: &Rc<Self>) {
        self.work.set(false);
        let count = self.tasks.borrow().len().min(limits::TURN_MAIL);
        for _ in 0..count {
            let task = self.tasks.borrow_mut().pop_front();
            match task {
                None => break,
                Some(Task::Request(mailbox, request)) => {
                    mailbox.release(bytes_of(&request));
                    self.act(mailbox.id(), request);
                }
                Some(Task::Attempt(attempt)) => attempt.proceed(),
                Some(Task::StopListening(listening)) => self.stop_listening(&listening),
                Some(Task::MakeDatagrams(number)) => self.make_datagrams(number),
                Some(Task::SettleDatagrams(number)) => {
                    self.datagrams(number).inspect(|entry| self.settle_datagrams(entry));
                }
                Some(Task::AcceptAgain) => self.accept_again(),
                Some(Task::Call(call)) => self.guarded("a call", || call(&**self)),
                Some(Task::Drain(grace)) => self.drain(grace),
                Some(Task::Drained) => self.drained(),
            }
        }
        self.poll_futures(limits::TURN_TASKS);
        // Settling may make others dirty: they are the next round's.
        let dirty = std::mem::take(&mut *self.dirty.borrow_mut());
        for id in &dirty {
            if let Some(entry) = self.entry(*id) {
                entry.head.connection.borrow_mut().mark_clean();
                self.settle(&entry);
            }
        }
        let mut next = self.dirty.borrow_mut();
        if next.is_empty() {
            // The list keeps its memory for the next broadcast.
            *next = dirty;
            next.clear();
        }
        if !next.is_empty() || !self.tasks.borrow().is_empty() {
            self.set_work();
        }
    }

    fn task(&self, task: Task<D>) {
        self.tasks.borrow_mut().push_back(task);
        self.set_work();
    }

    fn touch(&self, id: ConnectionId) {
        self.dirty.borrow_mut().push(id);
        self.set_work();
    }

    fn call_at(&self, at: Time, call: Call) -> u64 {
        self.set_armed();
        self.timers.borrow_mut().call_at(at, self.context.next_sequence(), call)
    }

    fn cancel_call(&self, key: Option<u64>) {
        if let Some(key) = key {
            let call = self.timers.borrow_mut().cancel(key);
            drop(call); // outside the borrow: its own drop may set timers
        }
    }

    /// Runs a user's code that belongs to no connection. Its panic is told, and no more.
    fn guarded(&self, what: &str, call: impl FnOnce()) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(call)) {
            let why = Reason::panicked(&*payload);
            let message = why.source().map(ToString::to_string).unwrap_or_default();
            tracing::error!("{what} panicked: {message}");
            if let Some(observer) = &self.observer {
                observer.panicked(what, &message);
            }
        }
    }

    /// At the end of `run`: closures and factories that hold the reactor let go of it.
    #[cold]
    fn clear(self: &Rc<Self>) {
        // From here on nothing begins.
        self.begin_no_more();
        self.leave_jobs();
        drop_guarded(std::mem::take(&mut *self.listeners.borrow_mut()));
        loop {
            let entry = self.slots.borrow().iter().next().cloned();
            let Some(entry) = entry else { break };
            entry.head.connection.borrow_mut().fail(Reason::new(Kind::Stopped));
            self.settle(&entry);
        }
        self.fail_all_datagrams(Kind::Stopped);
        self.end_futures();
        // An attempt that is dropped hears so, and can begin anew in the next run. Each may
        // lead to others, but not without end.
        for _ in 0..limits::TURN_MAIL {
            let lookups = std::mem::take(&mut *self.lookups.borrow_mut());
            let tasks = std::mem::take(&mut *self.tasks.borrow_mut());
            if lookups.is_empty() && tasks.is_empty() {
                break;
            }
            lookups.into_values().for_each(|asking| asking.into_who().stopped());
            for task in tasks {
                match task {
                    Task::Attempt(attempt) => attempt.stopped(),
                    other => drop_guarded(other),
                }
            }
        }
        let calls = self.timers.borrow_mut().clear();
        drop_guarded(calls);
        drop_guarded(self.hooks.end());
        drop_guarded(std::mem::take(&mut *self.tasks.borrow_mut()));
        self.dirty.borrow_mut().clear();
        self.draining.replace(None);
        self.context.forget_now();
        self.work.set(false);
        self.armed.set(false);
        self.busy.set(false);
    }
}

/// Whatever ends a run, even a panic: the engine can run again.
struct Running<'a, D: Driver> {
    engine: &'a Rc<Engine<D>>,
    /// Unless what is there is to go on in the next run.
    clears: bool,
}

impl<D: Driver> Drop for Running<'_, D> {
    fn drop(&mut self) {
        self.engine.stays.set(false);
        if self.clears {
            self.engine.clear();
        }
        self.engine.running.set(false);
    }
}

impl<D: Driver> Drop for Engine<D> {
    fn drop(&mut self) {
        self.mail.close();
        self.futures.drop_all();
        let entries: Vec<_> = self.slots.get_mut().iter().cloned().collect();
        drop(std::mem::take(self.slots.get_mut()));
        for entry in entries {
            if let Ok(mut connection) = entry.head.connection.try_borrow_mut() {
                connection.existing_mailbox().inspect(|mailbox| mailbox.mark_gone());
                let remains = connection.take_remains();
                drop(connection);
                drop(remains);
            }
            drop_guarded(entry);
        }
    }
}

impl<D: Driver> fmt::Debug for Engine<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("number", &self.number)
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}
