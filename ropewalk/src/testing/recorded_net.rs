//! A `Net` that records what a callback starts, and runs its later calls when told.
//! Owns: the lists of connects and listens, the calls for later, in order.
//! Never: connects or listens; a test looks at what was asked for.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::addr::{Addr, DatagramSite, ListenAt, Site, Target};
use crate::clock::{Clock, Time, VirtualClock};
use crate::error::{Error, Result};
use crate::options::SocketOptions;
use crate::protocol::{
    CancelLookup, CancelTask, Connector, ConnectorState, DatagramConnector, DatagramPort,
    DatagramProtocol, DynClientFactory, DynFactory, Hook, HookCall, HookHandle, Job, Listener,
    Lookup, Moment, Net, Postpone, Reconnect, RemoveHook, Resolved, StopListening, TimerHandle,
    Work,
};

use crate::limits::DRAIN_GRACE;
pub(super) use crate::limits::TEST_FIRINGS as FIRINGS;

/// Ports that port 0 becomes, one after another.
const FIRST_FREE_PORT: u16 = 49_152;

type Later = Box<dyn FnOnce(&dyn Net)>;

/// Records what is asked of a [`Net`].
///
/// ```
/// use ropewalk::protocol::Net;
/// use ropewalk::testing::RecordedNet;
/// use std::time::Duration;
/// let net = RecordedNet::new();
/// net.call_later(Duration::from_secs(2), Box::new(|net| net.stop()));
/// net.advance(Duration::from_secs(1));
/// assert!(!net.is_stopped());
/// net.advance(Duration::from_secs(1));
/// assert!(net.is_stopped());
/// ```
#[derive(Clone, Default)]
pub struct RecordedNet(Rc<Recorded>);

/// What was asked; whoever has [`Net::owned`] records here too.
#[derive(Default)]
pub struct Recorded {
    time: Rc<Timeline>,
    asked: Rc<Asked>,
    client_factories: RefCell<Vec<Box<dyn DynClientFactory>>>,
    connect_options: RefCell<Vec<SocketOptions>>,
    lookups: RefCell<Vec<RecordedLookup>>,
    factories: RefCell<Vec<Box<dyn DynFactory>>>,
    calls: RefCell<Vec<Rc<Call>>>,
    listens: RefCell<Vec<Site>>,
    datagram_listens: RefCell<Vec<DatagramSite>>,
    datagram_connects: RefCell<Vec<Target>>,
    datagram_protocols: RefCell<Vec<Box<dyn DatagramProtocol>>>,
    refusal: RefCell<Option<Error>>,
    free_port: Cell<u16>,
    stopped: Cell<bool>,
    spawned: RefCell<Vec<Work>>,
    hooks: RefCell<Vec<Rc<RecordedHook>>>,
}

impl std::ops::Deref for RecordedNet {
    type Target = Recorded;
    fn deref(&self) -> &Recorded {
        &self.0
    }
}

/// The clock, and the order among what is due at the same instant.
#[derive(Default)]
pub(super) struct Timeline {
    pub(super) clock: VirtualClock,
    sequence: Cell<u64>,
}

impl Timeline {
    /// When `after` from now is, and its place among equals.
    pub(super) fn due(&self, after: Duration) -> (Time, u64) {
        let sequence = self.sequence.get();
        self.sequence.set(sequence + 1);
        (self.clock.now() + after, sequence)
    }
}

/// What outlives the call that asked for it.
#[derive(Default)]
struct Asked {
    connects: RefCell<Vec<Target>>,
    stopped_connectors: RefCell<Vec<Target>>,
    stopped_listeners: RefCell<Vec<Site>>,
    stopped_datagrams: RefCell<Vec<String>>,
}

impl RecordedNet {
    /// A net of which nothing was asked yet, at [`Time::ZERO`].
    pub fn new() -> RecordedNet {
        RecordedNet::default()
    }

    /// Where connections were asked for, each `connector.connect()` included.
    pub fn connects(&self) -> Vec<Target> {
        self.asked.connects.borrow().clone()
    }

    /// How the sockets of those that were given to `connect` are set, in order.
    pub fn connect_options(&self) -> Vec<SocketOptions> {
        self.connect_options.borrow().clone()
    }

    /// The names that were asked for, with their ports, and not yet answered or cancelled.
    pub fn lookups(&self) -> Vec<(String, u16)> {
        let lookups = self.lookups.borrow();
        let pending = lookups.iter().filter(|asked| asked.is_pending());
        pending.map(|asked| (asked.host.clone(), asked.port)).collect()
    }

    /// Answers whoever asked for this name first. `false` if nobody waits for it.
    pub fn answer_lookup(&self, host: &str, found: Result<Vec<SocketAddr>>) -> bool {
        let waits = |asked: &&RecordedLookup| asked.host == host && asked.is_pending();
        let then = self.lookups.borrow().iter().find(waits).and_then(|asked| asked.then.take());
        let is_answered = then.is_some();
        if let Some(then) = then {
            then(self, found);
        }
        is_answered
    }

    /// The targets of the connectors that were stopped.
    pub fn stopped_connectors(&self) -> Vec<Target> {
        self.asked.stopped_connectors.borrow().clone()
    }

    /// Where listening was asked for.
    pub fn listens(&self) -> Vec<Site> {
        self.listens.borrow().clone()
    }

    /// The sites of the listeners that were stopped.
    pub fn stopped_listeners(&self) -> Vec<Site> {
        self.asked.stopped_listeners.borrow().clone()
    }

    /// Takes the factories that were given to `connect`, in order. None was called.
    pub fn take_client_factories(&self) -> Vec<Box<dyn DynClientFactory>> {
        self.client_factories.take()
    }

    /// Takes the factories that were given to `listen`, in order. None was called.
    pub fn take_factories(&self) -> Vec<Box<dyn DynFactory>> {
        self.factories.take()
    }

    /// Where datagrams were to be received.
    pub fn datagram_listens(&self) -> Vec<DatagramSite> {
        self.datagram_listens.borrow().clone()
    }

    /// To which peers datagram sockets were to be opened.
    pub fn datagram_connects(&self) -> Vec<Target> {
        self.datagram_connects.borrow().clone()
    }

    /// The datagram sites and peers that were stopped, as they are written.
    pub fn stopped_datagrams(&self) -> Vec<String> {
        self.asked.stopped_datagrams.borrow().clone()
    }

    /// Takes the datagram protocols that were built for sockets or given to them, in order.
    /// None was called.
    pub fn take_datagram_protocols(&self) -> Vec<Box<dyn DatagramProtocol>> {
        self.datagram_protocols.take()
    }

    /// Takes the futures that were spawned, in order. None was polled.
    pub fn take_spawned(&self) -> Vec<Work> {
        self.spawned.take()
    }

    /// A connector that records here, to call a client factory with.
    pub fn connector(&self, to: impl Into<Target>) -> Connector {
        let (asked, attempts) = (self.asked.clone(), Cell::new(0));
        let state = Cell::new(ConnectorState::Idle);
        Connector::new(Rc::new(RecordedConnector { target: to.into(), asked, attempts, state }))
    }

    /// The next `listen`, of whatever kind, fails with this.
    pub fn refuse_listen(&self, error: Error) {
        self.refusal.replace(Some(error));
    }

    /// Whether somebody stopped the reactor.
    pub fn is_stopped(&self) -> bool {
        self.stopped.get()
    }

    /// Calls the hooks of this moment, in order; each is called once. Nothing waits for who
    /// holds it.
    pub fn run_hooks(&self, at: Moment) {
        let hooks = self.hooks.borrow().clone();
        for hook in hooks.iter().filter(|hook| hook.at == at) {
            let call = hook.call.take();
            if let Some(call) = call {
                call(&Hook::new(self, DRAIN_GRACE, Arc::new(|| {})));
            }
        }
        self.hooks.borrow_mut().retain(|hook| hook.call.borrow().is_some());
    }

    /// How many calls are still to run.
    pub fn pending_calls(&self) -> usize {
        self.calls.borrow().iter().filter(|call| call.is_pending()).count()
    }

    /// The clock, for a test that moves it without running what is due.
    pub fn clock(&self) -> VirtualClock {
        self.time.clock.clone()
    }

    /// Moves the clock by `by`, instant by instant, and runs each call at its own: in the
    /// order of their deadlines, and of creation among equals.
    ///
    /// # Panics
    /// If calls come due without end.
    pub fn advance(&self, by: Duration) {
        let until = self.now() + by;
        let mut firings = 0;
        while let Some(due) = self.next_due().filter(|(at, _)| *at <= until) {
            firings += 1;
            assert!(firings < FIRINGS, "a call sets another for at once, for ever");
            self.run(due);
        }
        self.time.clock.advance_to(until);
    }

    pub(super) fn timeline(&self) -> &Timeline {
        &self.time
    }

    pub(super) fn next_due(&self) -> Option<(Time, u64)> {
        self.calls.borrow_mut().retain(|call| call.is_pending());
        let due = self.calls.borrow().iter().map(|call| call.due.get()).min();
        due.filter(|(at, _)| *at < Time::NEVER)
    }

    /// Runs the call that is due then.
    pub(super) fn run(&self, due: (Time, u64)) {
        self.time.clock.advance_to(due.0);
        let call = self.calls.borrow().iter().find(|call| call.due.get() == due).cloned();
        // Taken out before it runs: inside itself, a call is no longer pending.
        if let Some(run) = call.and_then(|call| call.run.take()) {
            run(self);
        }
    }

    fn bound_addrs(&self, at: &Site) -> Vec<Addr> {
        match at {
            Site::Tcp(at) => self.bound_ips(at),
            Site::Unix(path) => vec![path.clone().into()],
            Site::Memory(number) => vec![Addr::Memory(*number)],
        }
    }

    fn recorded_stop(&self, what: String) -> Rc<RecordedStop> {
        Rc::new(RecordedStop { what, stopped: Cell::new(false), asked: self.asked.clone() })
    }

    fn bound_ips(&self, at: &ListenAt) -> Vec<Addr> {
        let mut port = at.port;
        if port == 0 {
            port = FIRST_FREE_PORT + self.free_port.get();
            self.free_port.set((self.free_port.get() + 1) % (u16::MAX - FIRST_FREE_PORT));
        }
        let mut ips = at.ips();
        if ips.is_empty() {
            ips.push(Ipv4Addr::LOCALHOST.into()); // a name, which nobody resolves here
        }
        ips.into_iter().map(|ip| SocketAddr::new(ip, port).into()).collect()
    }
}

impl Net for RecordedNet {
    fn now(&self) -> Time {
        self.time.clock.now()
    }

    fn wall_time(&self) -> SystemTime {
        self.time.clock.wall()
    }

    fn connect_with(
        &self,
        to: Target,
        options: &SocketOptions,
        factory: Box<dyn DynClientFactory>,
    ) -> Connector {
        self.connect_options.borrow_mut().push(options.clone());
        self.client_factories.borrow_mut().push(factory);
        let connector = self.connector(to);
        connector.connect();
        connector
    }

    fn listen(&self, at: Site, factory: Box<dyn DynFactory>) -> Result<Listener> {
        self.listens.borrow_mut().push(at.clone());
        if let Some(error) = self.refusal.take() {
            return Err(error);
        }
        self.factories.borrow_mut().push(factory);
        let addrs = self.bound_addrs(&at);
        let inner =
            RecordedListener { site: at, stopped: Cell::new(false), asked: self.asked.clone() };
        Ok(Listener::new(addrs, Rc::new(inner)))
    }

    fn listen_datagrams(
        &self,
        at: DatagramSite,
        factory: &mut dyn FnMut() -> Box<dyn DatagramProtocol>,
    ) -> Result<DatagramPort> {
        self.datagram_listens.borrow_mut().push(at.clone());
        if let Some(error) = self.refusal.take() {
            return Err(error);
        }
        let addrs = match &at {
            DatagramSite::Udp(at) => self.bound_ips(at),
            DatagramSite::Unixgram(path) => vec![path.clone().into()],
            DatagramSite::Memory(number) => vec![Addr::Memory(*number)],
        };
        let protocols: Vec<_> = addrs.iter().map(|_| factory()).collect();
        self.datagram_protocols.borrow_mut().extend(protocols);
        Ok(DatagramPort::new(addrs, self.recorded_stop(at.to_string())))
    }

    fn connect_datagrams(
        &self,
        to: Target,
        protocol: Box<dyn DatagramProtocol>,
    ) -> DatagramConnector {
        self.datagram_connects.borrow_mut().push(to.clone());
        self.datagram_protocols.borrow_mut().push(protocol);
        let stop = self.recorded_stop(to.to_string());
        DatagramConnector::new(to, stop)
    }

    fn resolve(&self, host: &str, port: u16, then: Resolved) -> Lookup {
        let asked = RecordedLookup { host: host.to_owned(), port, then: Rc::default() };
        asked.then.replace(Some(then));
        let lookup = Lookup::new(Rc::new(asked.clone()));
        self.lookups.borrow_mut().push(asked);
        lookup
    }

    fn call_later(&self, after: Duration, f: Box<dyn FnOnce(&dyn Net)>) -> TimerHandle {
        let call = Rc::new(Call {
            time: self.time.clone(),
            due: Cell::new(self.time.due(after)),
            run: RefCell::new(Some(f)),
        });
        self.calls.borrow_mut().push(call.clone());
        TimerHandle::new(call)
    }

    fn spawn_boxed(&self, work: Work) -> Rc<dyn CancelTask> {
        self.spawned.borrow_mut().push(work);
        Rc::new(NeverPolled)
    }

    fn owned(&self) -> Rc<dyn Net> {
        Rc::new(self.clone())
    }

    fn call_when_running(&self, f: Box<dyn FnOnce(&dyn Net)>) {
        self.call_later(Duration::ZERO, f);
    }

    fn add_hook(&self, at: Moment, hook: HookCall) -> HookHandle {
        let hook = Rc::new(RecordedHook { at, call: RefCell::new(Some(hook)) });
        self.hooks.borrow_mut().push(hook.clone());
        HookHandle::new(hook)
    }

    fn run_job(&self, Job { work, then }: Job) -> Result<()> {
        let both = move |net: &dyn Net| {
            work();
            then(net, Ok(()));
        };
        self.call_later(Duration::ZERO, Box::new(both));
        Ok(())
    }

    fn stop(&self) {
        self.stopped.set(true);
    }
}

impl fmt::Debug for RecordedNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedNet")
            .field("now", &self.now())
            .field("connects", &self.connects())
            .field("listens", &self.listens())
            .field("pending_calls", &self.pending_calls())
            .field("is_stopped", &self.is_stopped())
            .finish_non_exhaustive()
    }
}

/// A future that was only recorded: there is nothing to cancel.
struct NeverPolled;

impl CancelTask for NeverPolled {
    fn cancel(&self) {}
}

struct RecordedConnector {
    target: Target,
    asked: Rc<Asked>,
    attempts: Cell<u64>,
    state: Cell<ConnectorState>,
}

impl Reconnect for RecordedConnector {
    fn connect(&self) {
        self.attempts.set(self.attempts.get() + 1);
        self.state.set(ConnectorState::Connecting);
        self.asked.connects.borrow_mut().push(self.target.clone());
    }
    fn stop(&self) {
        self.state.set(ConnectorState::Idle);
        self.asked.stopped_connectors.borrow_mut().push(self.target.clone());
    }
    fn target(&self) -> &Target {
        &self.target
    }
    fn state(&self) -> ConnectorState {
        self.state.get()
    }
    fn attempts(&self) -> u64 {
        self.attempts.get()
    }
}

#[derive(Clone)]
struct RecordedLookup {
    host: String,
    port: u16,
    /// Until it is answered or cancelled.
    then: Rc<RefCell<Option<Resolved>>>,
}

impl CancelLookup for RecordedLookup {
    fn cancel(&self) -> bool {
        self.then.take().is_some()
    }
    fn is_pending(&self) -> bool {
        self.then.borrow().is_some()
    }
}

struct RecordedListener {
    site: Site,
    stopped: Cell<bool>,
    asked: Rc<Asked>,
}

impl StopListening for RecordedListener {
    fn stop(&self) {
        // A second stop does nothing, as in an engine.
        if !self.stopped.replace(true) {
            self.asked.stopped_listeners.borrow_mut().push(self.site.clone());
        }
    }
}

/// A datagram socket's end, for those that are bound and those with one peer.
struct RecordedStop {
    what: String,
    stopped: Cell<bool>,
    asked: Rc<Asked>,
}

impl StopListening for RecordedStop {
    fn stop(&self) {
        if !self.stopped.replace(true) {
            self.asked.stopped_datagrams.borrow_mut().push(self.what.clone());
        }
    }
}

/// A hook; without `call` it was called, or removed.
struct RecordedHook {
    at: Moment,
    call: RefCell<Option<HookCall>>,
}

impl RemoveHook for RecordedHook {
    fn remove(&self) -> bool {
        self.call.take().is_some()
    }
}

/// A call for later; without `run` it has run, runs, or was cancelled.
struct Call {
    time: Rc<Timeline>,
    due: Cell<(Time, u64)>,
    run: RefCell<Option<Later>>,
}

impl Postpone for Call {
    fn cancel(&self) -> bool {
        self.run.take().is_some()
    }
    fn reset(&self, after: Duration) -> bool {
        if self.is_pending() {
            self.due.set(self.time.due(after));
        }
        self.is_pending()
    }
    fn is_pending(&self) -> bool {
        self.run.borrow().is_some()
    }
    fn due(&self) -> Option<Time> {
        self.is_pending().then(|| self.due.get().0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ErrorKind, Operation};

    const S: Duration = Duration::from_secs(1);

    type Seen = Rc<RefCell<Vec<(u64, &'static str)>>>;

    fn note(seen: &Seen, what: &'static str) -> Later {
        let seen = seen.clone();
        Box::new(move |net| seen.borrow_mut().push((net.now().as_nanos() / 1_000_000_000, what)))
    }

    #[test]
    fn calls_run_at_their_instants_and_in_the_order_of_creation_among_equals() {
        let (net, seen) = (RecordedNet::new(), Seen::default());
        net.call_later(3 * S, note(&seen, "late"));
        net.call_later(S, note(&seen, "first"));
        net.call_later(S, note(&seen, "second"));
        let inner = seen.clone();
        let again = move |net: &dyn Net| drop(net.call_later(S, note(&inner, "from a call")));
        net.call_later(S, Box::new(again));
        net.advance(2 * S);
        assert_eq!(*seen.borrow(), [(1, "first"), (1, "second"), (2, "from a call")]);
        assert_eq!((net.pending_calls(), net.now()), (1, Time::ZERO + 2 * S));
    }

    #[test]
    fn a_call_is_cancelled_moved_and_over() {
        let (net, seen) = (RecordedNet::new(), Seen::default());
        let cancelled = net.call_later(S, note(&seen, "cancelled"));
        let moved = net.call_later(S, note(&seen, "moved"));
        assert!(cancelled.cancel() && !cancelled.cancel() && !cancelled.reset(S));
        assert!(moved.reset(2 * S));
        net.advance(S);
        assert!(moved.is_pending() && seen.borrow().is_empty());
        net.advance(S);
        assert_eq!(*seen.borrow(), [(2, "moved")]);
        assert!(!moved.is_pending() && !moved.reset(S) && !moved.cancel());
    }

    #[test]
    fn inside_itself_a_call_is_no_longer_pending() {
        let net = RecordedNet::new();
        let own: Rc<RefCell<Option<TimerHandle>>> = Rc::default();
        let handle = own.clone();
        let check = move |_: &dyn Net| {
            assert!(!handle.borrow().as_ref().unwrap().cancel());
        };
        own.replace(Some(net.call_later(S, Box::new(check))));
        net.advance(S);
        assert_eq!(net.pending_calls(), 0);
    }

    #[test]
    fn connecting_and_listening_are_recorded_and_nothing_is_called() {
        struct Never;
        impl crate::Protocol for Never {
            fn data_received(&mut self, _: &mut dyn crate::Transport, _: &[u8]) {}
        }
        let net = RecordedNet::new();
        let connector = (&net as &dyn Net).connect_tcp("example.org", 80, || -> Never { panic!() });
        connector.connect();
        connector.stop();
        assert_eq!(net.connects(), vec![Target::tcp("example.org", 80); 2]);
        assert_eq!(net.stopped_connectors(), [Target::tcp("example.org", 80)]);
        let listener = (&net as &dyn Net).listen_tcp(0, || -> Never { panic!() }).unwrap();
        let ports: Vec<_> = listener.addrs().iter().map(|addr| addr.port()).collect();
        assert_eq!(ports, [Some(49_152); 2]);
        listener.stop();
        listener.stop();
        assert_eq!(net.stopped_listeners(), [Site::Tcp(0.into())]);
        assert_eq!((net.take_client_factories().len(), net.take_factories().len()), (1, 1));
        net.refuse_listen(Error::new(Operation::Listen, ErrorKind::AddressInUse, "in use"));
        assert!((&net as &dyn Net).listen_tcp(1, || Never).is_err());
        assert!((&net as &dyn Net).listen_tcp(1, || Never).is_ok());
    }

    #[test]
    fn datagram_sockets_are_recorded_with_their_protocols() {
        struct Never;
        impl DatagramProtocol for Never {
            fn datagram_received(
                &mut self,
                _: &mut dyn crate::DatagramTransport,
                _: &[u8],
                _: &Addr,
                _: bool,
            ) {
                unreachable!("it was only recorded");
            }
        }
        let net = RecordedNet::new();
        let port = (&net as &dyn Net).listen_udp(53, || Never).unwrap();
        let connector = (&net as &dyn Net).connect_udp("example.org", 53, Never);
        assert_eq!((port.addrs().len(), net.take_datagram_protocols().len()), (2, 3));
        assert_eq!(net.datagram_listens(), [DatagramSite::from(53)]);
        assert_eq!(net.datagram_connects(), [Target::tcp("example.org", 53)]);
        for _ in 0..2 {
            port.stop();
            connector.stop();
        }
        assert_eq!(net.stopped_datagrams(), ["53", "example.org:53"]);
        net.refuse_listen(Error::new(Operation::Listen, ErrorKind::AddressInUse, "in use"));
        assert!((&net as &dyn Net).listen_udp(53, || Never).is_err());
    }
}
