//! One connection to one place, kept: made again whenever it ends, in good time.
//! Owns: when to try again, what is told of it, and who waits for a connection.
//! Never: connects itself (any `Net` does), or knows what the protocol says.

mod attempt;
mod builder;
mod ready;
mod retry;
mod waiting;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::{Rc, Weak};
use std::time::Duration;

use attempt::{Kept, Next};
pub use builder::Builder;
use builder::{Hooks, own_seed};
pub use ready::Ready;
pub use retry::Retry;
use waiting::{Stopper, Waiter, Waiters};

use crate::addr::Target;
use crate::clock::Time;
use crate::driver::Random;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::limits;
use crate::options::SocketOptions;
use crate::protocol::{
    Deadline, DynClientFactory, Handle, Kind, Net, Reason, Reconnect, TimerHandle, Transport,
};

/// A client that keeps one connection alive: when it ends, or an attempt fails, it tries again,
/// after delays that grow ([`Retry`]).
///
/// It runs on any [`Net`]: a reactor's ([`Reactor::net`](crate::Reactor::net)), that of a
/// callback, the simulation's. Clones are the same client; dropping them changes nothing. While
/// the reactor stops it begins nothing, and is stopped when that is over.
///
/// ```
/// use ropewalk::service::{Echo, Reconnecting};
/// use ropewalk::testing::Network;
/// use ropewalk::addr::{Addr, Target};
/// let network = Network::calm();
/// let server = network.listen(1, || Echo).unwrap();
/// let client = Reconnecting::to(Target::Addr(Addr::Memory(1))).start(network.net(), || Echo);
/// network.run_until(|| client.current().is_some());
/// server.stop();
/// client.current().unwrap().abort().unwrap();
/// network.run_until(|| client.counts().failed == 3); // nobody listens any more
/// let _again = network.listen(1, || Echo).unwrap();
/// assert!(network.run_until(|| client.current().is_some()));
/// ```
#[derive(Clone)]
#[doc(alias = "ClientService")]
#[doc(alias = "ReconnectingClientFactory")]
pub struct Reconnecting(Rc<Shared>);

/// How far a [`Reconnecting`] client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// An attempt is under way.
    Connecting,
    /// There is a connection, which is being prepared.
    Preparing,
    /// There is a connection, and it is handed out.
    Connected,
    /// The next attempt begins after [`Reconnecting::next_delay`].
    Waiting,
    /// Not connected, until [`Reconnecting::resume`].
    Paused,
    /// It was stopped, and its connection is about to end.
    Stopping,
    /// It was stopped, or its reactor was.
    Stopped,
    /// It failed [`Retry::limit`] times in a row.
    GaveUp,
}

/// What a [`Reconnecting`] client has seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Attempts that began.
    pub attempts: u64,
    /// Connections that were made.
    pub made: u64,
    /// Attempts that failed, and connections whose preparation did.
    pub failed: u64,
    /// Connections that had been handed out, and are lost.
    pub lost: u64,
}

struct Shared {
    target: Target,
    options: SocketOptions,
    retry: Retry,
    hooks: RefCell<Hooks>,
    factory: RefCell<Box<dyn DynClientFactory>>,
    random: RefCell<Random>,
    wanted: Cell<Wanted>,
    phase: Cell<Phase>,
    /// While an attempt is under way. Weak, since its factory has this.
    attempt: RefCell<Option<Weak<dyn Reconnect>>>,
    handle: RefCell<Option<Handle>>,
    /// Which of our connections: a late word about one before it is nobody's.
    connection: Cell<u64>,
    connected_at: Cell<Time>,
    /// Somebody said that the current connection is a good one.
    is_good: Cell<bool>,
    /// The current attempt or connection ends because we asked for it.
    is_ours: Cell<bool>,
    /// A stop waits for its end.
    is_stopping: Cell<bool>,
    /// Of the next attempt, or of the preparation.
    timer: RefCell<Option<TimerHandle>>,
    next: Cell<Option<(Time, Duration)>>,
    /// Since the last good connection.
    delays: Cell<u32>,
    failures: Cell<u32>,
    counts: Cell<Counts>,
    waiters: Waiters,
}

/// What a hook is to hear.
#[derive(Clone, Copy)]
enum Told {
    Nothing,
    Waiting(Duration),
    GaveUp,
}

/// What the user wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Connection,
    Pause,
    Stop,
    /// Nothing: it gave up.
    Nothing,
}

/// What there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Waiting,
    Connecting,
    Preparing,
    Connected,
}

impl Reconnecting {
    /// A client that will connect to this.
    pub fn to(target: impl Into<Target>) -> Builder {
        let (options, hooks) = (SocketOptions::default(), Hooks::default());
        Builder { target: target.into(), options, retry: Retry::default(), hooks }
    }

    /// How far it is.
    pub fn state(&self) -> State {
        match (self.0.wanted.get(), self.0.phase.get()) {
            (Wanted::Stop, Phase::Idle) => State::Stopped,
            (Wanted::Stop, _) => State::Stopping,
            (Wanted::Nothing, _) => State::GaveUp,
            (_, Phase::Idle) => State::Paused,
            (_, Phase::Waiting) => State::Waiting,
            (_, Phase::Connecting) => State::Connecting,
            (_, Phase::Preparing) => State::Preparing,
            (_, Phase::Connected) => State::Connected,
        }
    }

    /// The connection, while there is one that is prepared.
    pub fn current(&self) -> Option<Handle> {
        let is_connected = self.state() == State::Connected;
        self.0.handle.borrow().clone().filter(|_| is_connected)
    }

    /// While it waits: the delay that was chosen.
    pub fn next_delay(&self) -> Option<Duration> {
        self.0.next.get().map(|(_, delay)| delay)
    }

    /// While it waits: when the next attempt begins, by its `Net`'s clock.
    pub fn next_at(&self) -> Option<Time> {
        self.0.next.get().map(|(at, _)| at)
    }

    /// What it has seen so far.
    pub fn counts(&self) -> Counts {
        self.0.counts.get()
    }

    /// Failures in a row, since the last good connection.
    pub fn failures(&self) -> u32 {
        self.0.failures.get()
    }

    /// Gives `f` a connection that is prepared: the current one, or the next; not within this
    /// call. It hears an error instead after `fail_after` further failures, if that is given;
    /// when the client is stopped or gives up, or its reactor stops; or at once (`Full`) if
    /// [`RECONNECT_WAITERS`](limits::RECONNECT_WAITERS) wait already.
    ///
    /// A future waits through a channel of one value:
    ///
    /// ```ignore
    /// let (tell, told) = futures_channel::oneshot::channel();
    /// client.when_connected(net, None, move |found| drop(tell.send(found)));
    /// let handle = told.await??;
    /// ```
    #[doc(alias = "whenConnected")]
    pub fn when_connected(
        &self,
        net: &dyn Net,
        fail_after: Option<u32>,
        f: impl FnOnce(Result<Handle>) + 'static,
    ) {
        let waiter = Waiter::new(f, fail_after);
        match (self.current(), self.state()) {
            (Some(handle), _) => waiter.tell(net, Ok(handle)),
            (_, State::Stopped) => waiter.tell(net, Err(self.0.is_stopped())),
            (_, State::GaveUp) => waiter.tell(net, Err(self.0.failed("it gave up before"))),
            _ => self.0.waiters.wait(net, waiter, || self.0.too_many()),
        }
    }

    /// Calls `f` when the client has come to its end and no connection of it is left: it was
    /// stopped (and perhaps resumed since), or gave up, or its reactor stopped. Not within this
    /// call.
    ///
    /// # Errors
    /// `Full` if [`RECONNECT_WAITERS`](limits::RECONNECT_WAITERS) wait for it already.
    pub fn when_stopped(&self, net: &dyn Net, f: impl FnOnce() + 'static) -> Result<()> {
        match self.state() {
            State::Stopped | State::GaveUp => Stopper::new(f).tell(net),
            _ if self.0.waiters.is_full_for_the_end() => return Err(self.0.too_many()),
            _ => self.0.waiters.wait_for_the_end(Stopper::new(f)),
        }
        Ok(())
    }

    /// The current connection is a good one, however short it lives: after it, counting starts
    /// anew, and it does so now.
    #[doc(alias = "resetDelay")]
    pub fn reset(&self) {
        self.0.is_good.set(true);
        self.0.count_anew();
    }

    /// Makes no further connection until [`resume`](Reconnecting::resume). An attempt under way
    /// ends; a connection stays.
    #[doc(alias = "stopTrying")]
    pub fn pause(&self) {
        if self.0.wanted.get() == Wanted::Connection {
            self.0.wanted.set(Wanted::Pause);
            self.0.begin_no_more();
        }
    }

    /// Goes on after a pause, a stop, or after it gave up: without a connection it connects at
    /// once. Otherwise it changes nothing.
    #[doc(alias = "startService")]
    pub fn resume(&self, net: &dyn Net) {
        match self.0.wanted.replace(Wanted::Connection) {
            Wanted::Connection | Wanted::Pause => {}
            Wanted::Stop | Wanted::Nothing => self.0.count_anew(),
        }
        if self.0.phase.get() == Phase::Idle {
            self.0.begin(net);
        }
    }

    /// Ends: what is under way is ended, a connection is closed. When that is over, who waits
    /// for a connection hears so, unless it was [resumed](Reconnecting::resume) meanwhile; and
    /// [`when_stopped`](Reconnecting::when_stopped) tells it in any case. Again, it does
    /// nothing.
    #[doc(alias = "stopService")]
    pub fn stop(&self, net: &dyn Net) {
        self.0.wanted.set(Wanted::Stop);
        self.0.begin_no_more();
        let handle = self.0.handle.borrow().clone();
        if let Some(handle) = handle {
            self.0.is_ours.set(true);
            let _ = handle.close(); // gone means that it ends already
        }
        match self.0.phase.get() {
            Phase::Idle => self.0.come_to_the_end(net, || self.0.is_stopped()),
            _ => self.0.is_stopping.set(true),
        }
    }
}

impl Shared {
    fn new(builder: Builder, net: &dyn Net, factory: Box<dyn DynClientFactory>) -> Rc<Shared> {
        let Builder { target, options, retry, hooks } = builder;
        let seed = retry.seed.unwrap_or_else(|| own_seed(net));
        Rc::new(Shared {
            target,
            options,
            retry,
            hooks: RefCell::new(hooks),
            factory: RefCell::new(factory),
            random: RefCell::new(Random(seed)),
            wanted: Cell::new(Wanted::Connection),
            phase: Cell::new(Phase::Idle),
            attempt: RefCell::default(),
            handle: RefCell::default(),
            connection: Cell::new(0),
            connected_at: Cell::new(Time::ZERO),
            is_good: Cell::new(false),
            is_ours: Cell::new(false),
            is_stopping: Cell::new(false),
            timer: RefCell::default(),
            next: Cell::new(None),
            delays: Cell::new(0),
            failures: Cell::new(0),
            counts: Cell::default(),
            waiters: Waiters::default(),
        })
    }

    /// An attempt of its own each time: what holds it is the engine, while it is under way.
    fn begin(self: &Rc<Self>, net: &dyn Net) {
        self.next.set(None);
        self.phase.set(Phase::Connecting);
        self.is_ours.set(false);
        let factory = Box::new(Kept(self.clone()));
        let connector = net.connect_with(self.target.clone(), &self.options, factory);
        self.attempt.replace(Some(connector.downgrade()));
    }

    /// Neither the next attempt nor the one under way is wanted.
    fn begin_no_more(&self) {
        match self.phase.get() {
            Phase::Waiting => {
                self.next.set(None); // before the timer goes: see `Next`
                self.phase.set(Phase::Idle);
                self.cancel_timer();
            }
            Phase::Connecting => {
                self.is_ours.set(true);
                let attempt = self.attempt.borrow().as_ref().and_then(Weak::upgrade);
                match attempt {
                    Some(attempt) => attempt.stop(),
                    None => self.phase.set(Phase::Idle), // its reactor is gone
                }
            }
            Phase::Idle | Phase::Preparing | Phase::Connected => {}
        }
    }

    fn cancel_timer(&self) {
        let timer = self.timer.take();
        if let Some(timer) = timer {
            timer.cancel();
        }
    }

    fn count(&self, count: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.get();
        count(&mut counts);
        self.counts.set(counts);
    }

    fn count_anew(&self) {
        self.delays.set(0);
        self.failures.set(0);
    }

    /// There is a connection. Answers which.
    fn connected(self: &Rc<Self>, transport: &mut dyn Transport) -> u64 {
        self.count(|counts| counts.made += 1);
        self.attempt.take();
        self.handle.replace(Some(transport.handle()));
        self.connected_at.set(transport.now());
        self.is_good.set(false);
        self.phase.set(Phase::Preparing);
        let number = self.connection.get() + 1;
        self.connection.set(number);
        if self.wanted.get() == Wanted::Stop {
            transport.close(); // it was stopped while its last word was under way
        }
        number
    }

    /// The preparation is given its time.
    fn watch(self: &Rc<Self>, net: &dyn Net, number: u64) {
        let shared = self.clone();
        let late = move |_: &dyn Net| {
            let why = Reason::new(Kind::Deadline(Deadline::Start));
            shared.refuse(number, why.because("the connection was not prepared in time"));
        };
        let timer = net.call_later(limits::RECONNECT_PREPARE, Box::new(late));
        self.timer.replace(Some(timer));
    }

    fn is_preparing(&self, number: u64) -> bool {
        self.phase.get() == Phase::Preparing && self.connection.get() == number
    }

    /// The connection of this number is prepared.
    fn accept(&self, net: &dyn Net, number: u64) {
        let handle = self.handle.borrow().clone();
        let Some(handle) = handle.filter(|_| self.is_preparing(number)) else { return };
        self.cancel_timer();
        self.phase.set(Phase::Connected);
        self.waiters.connected(net, &handle);
    }

    /// It is not, and will not be.
    fn refuse(&self, number: u64, why: Reason) {
        let handle = self.handle.borrow().clone();
        if let Some(handle) = handle.filter(|_| self.is_preparing(number)) {
            let _ = handle.fail(why); // gone means that it ends already
        }
    }

    /// An attempt failed, or a connection is lost. Answers what is to be told.
    fn ended(self: &Rc<Self>, net: &dyn Net, why: &Reason) -> Told {
        self.attempt.take();
        self.handle.take();
        self.cancel_timer();
        let was = self.phase.replace(Phase::Idle);
        let is_good = was == Phase::Connected
            && (self.is_good.get()
                || net.now() - self.connected_at.get() >= self.retry.stable_after);
        if was == Phase::Connected {
            self.count(|counts| counts.lost += 1);
        } else if !self.is_ours.get() {
            self.count(|counts| counts.failed += 1);
            self.waiters.count_failure(net, || self.failed(&why.to_string()));
        }
        if is_good {
            self.count_anew();
        } else if !self.is_ours.get() {
            self.failures.set(self.failures.get().saturating_add(1));
        }
        if self.is_stopping.replace(false) {
            self.waiters.tell_the_end(net); // even if it goes on
        }
        match self.wanted.get() {
            Wanted::Connection => self.after_the_end(net, why),
            Wanted::Pause => Told::Nothing,
            Wanted::Stop | Wanted::Nothing => {
                self.come_to_the_end(net, || self.is_stopped());
                Told::Nothing
            }
        }
    }

    /// No connection will come, for this reason.
    fn come_to_the_end(&self, net: &dyn Net, why: impl Fn() -> Error) {
        self.waiters.fail_all(net, why);
        self.waiters.tell_the_end(net);
    }

    fn after_the_end(self: &Rc<Self>, net: &dyn Net, why: &Reason) -> Told {
        if why.kind() == Kind::Stopped {
            self.halt(); // an attempt during the reactor's stop would end the same way
            return Told::Nothing;
        }
        if self.is_ours.get() {
            self.begin(net); // it was paused or stopped, and then resumed
            return Told::Nothing;
        }
        let failures = self.failures.get();
        if self.retry.limit.is_some_and(|limit| failures >= limit.max(1)) {
            self.wanted.set(Wanted::Nothing);
            let said = format!("{failures} failures in a row; {why}");
            self.come_to_the_end(net, || self.failed(&said));
            return Told::GaveUp;
        }
        let nth = self.delays.get();
        self.delays.set(nth.saturating_add(1));
        let delay = self.retry.delay(nth, &mut self.random.borrow_mut());
        self.phase.set(Phase::Waiting);
        let at = net.now() + delay;
        self.next.set(Some((at, delay)));
        let next = Next { shared: self.clone(), at };
        let timer = net.call_later(delay, Box::new(move |net| next.begin(net)));
        self.timer.replace(Some(timer));
        Told::Waiting(delay)
    }

    /// The reactor stopped: nobody will call any more.
    fn halt(&self) {
        self.wanted.set(Wanted::Stop);
        self.phase.set(Phase::Idle);
        self.next.set(None);
        self.waiters.abandon();
    }

    fn tell(&self, net: &dyn Net, told: Told, why: &Reason) {
        let mut hooks = self.hooks.borrow_mut();
        match (told, &mut *hooks) {
            (Told::Waiting(delay), Hooks { waiting: Some(waiting), .. }) => {
                waiting(net, delay, why);
            }
            (Told::GaveUp, Hooks { gave_up: Some(gave_up), .. }) => gave_up(net, why),
            _ => {}
        }
    }

    fn failed(&self, cause: &str) -> Error {
        Error::new(Operation::Connect, ErrorKind::Io, cause.to_owned()).at(&self.target)
    }

    fn is_stopped(&self) -> Error {
        let cause = "the client is stopped";
        Error::new(Operation::Connect, ErrorKind::Stopped, cause).at(&self.target)
    }

    fn too_many(&self) -> Error {
        let cause = format!("{} wait for it already", limits::RECONNECT_WAITERS);
        Error::new(Operation::Connect, ErrorKind::Full, cause).at(&self.target)
    }
}

impl fmt::Debug for Reconnecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reconnecting({}, {:?})", self.0.target, self.state())
    }
}
