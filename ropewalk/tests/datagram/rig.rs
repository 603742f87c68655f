//! What the tests of datagrams stand on: one body, every engine; a scripted protocol that
//! writes down what it sees; and a socket for a test's own hands. Nothing sleeps.

use std::cell::Cell;
use std::io;
use std::net::UdpSocket;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::folder::Folder;
use ropewalk::addr::{DatagramSite, Target};
use ropewalk::driver::{Blocking, Weather};
use ropewalk::engine::Engine;
use ropewalk::limits::Limits;
use ropewalk::protocol::{DatagramHandle, DatagramPort, Event, Kind as End};
use ropewalk::testing::{DatagramPeer, Network};
use ropewalk::{Addr, DatagramProtocol, DatagramTransport, Net, Reactor, Reason, Remote, Timer};

/// Far more than any promise of these tests takes.
pub const WATCHDOG: Duration = Duration::from_secs(60);

/// Which engine, over what.
// Two of them are there where Unix sockets are.
#[cfg_attr(not(unix), allow(dead_code))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Poll,
    PollUnix,
    Thread,
    ThreadUnix,
    Memory,
    Seeded(u64),
}

// Memory first: what never comes is found out there at once, not by a watchdog.
const KINDS: &[Kind] = &[
    Kind::Memory,
    Kind::Seeded(1),
    Kind::Seeded(2),
    Kind::Seeded(3),
    Kind::Poll,
    Kind::Thread,
    #[cfg(unix)] // Unix sockets
    Kind::PollUnix,
    #[cfg(unix)] // Unix sockets
    Kind::ThreadUnix,
];

impl Kind {
    pub fn is_memory(self) -> bool {
        matches!(self, Kind::Memory | Kind::Seeded(_))
    }

    pub fn is_udp(self) -> bool {
        matches!(self, Kind::Poll | Kind::Thread)
    }

    pub fn is_unix(self) -> bool {
        matches!(self, Kind::PollUnix | Kind::ThreadUnix)
    }

    fn is_poll(self) -> bool {
        matches!(self, Kind::Poll | Kind::PollUnix)
    }
}

/// Runs one body on every engine, and says on which it failed.
#[track_caller]
pub fn on_every_engine(body: impl Fn(&Rig)) {
    on(|_| true, body);
}

/// Runs one body on those engines that `which` names: for what cannot be seen on all.
#[track_caller]
pub fn on(which: impl Fn(Kind) -> bool, body: impl Fn(&Rig)) {
    for kind in KINDS.iter().copied().filter(|kind| which(*kind)) {
        let rig = Rig::new(kind);
        let result = catch_unwind(AssertUnwindSafe(|| {
            body(&rig);
            rig.finish();
        }));
        if let Err(payload) = result {
            eprintln!("failed on {kind:?}; seen: {:?}", rig.log.all());
            resume_unwind(payload);
        }
        assert_eq!(*rig.log.0.broken.lock().unwrap(), [""; 0], "on {kind:?}");
    }
}

/// One callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    Made,
    Data(Vec<u8>),
    /// The same of a datagram that was cut.
    Cut(Vec<u8>),
    Error(Option<Addr>, io::ErrorKind),
    Timer(u16),
    Event(String),
    Stopping,
    Lost(End),
    Failed(End, String),
    /// Anything a script says.
    Note(String),
}

/// What the protocols of a rig saw, by socket.
#[derive(Clone, Default)]
pub struct Log(Arc<Inner>);

#[derive(Default)]
struct Inner {
    calls: Mutex<Vec<(usize, Call)>>,
    more: Condvar,
    next: AtomicU32,
    broken: Mutex<Vec<String>>,
    handles: Mutex<Vec<DatagramHandle>>,
}

impl Log {
    pub fn push(&self, socket: usize, call: Call) {
        self.0.calls.lock().unwrap().push((socket, call));
        self.0.more.notify_all();
    }

    pub fn note(&self, what: impl Into<String>) {
        self.push(usize::MAX, Call::Note(what.into()));
    }

    /// What this socket's protocol saw.
    pub fn of(&self, socket: usize) -> Vec<Call> {
        let all = self.all().into_iter();
        all.filter(|(number, _)| *number == socket).map(|(_, call)| call).collect()
    }

    pub fn all(&self) -> Vec<(usize, Call)> {
        self.0.calls.lock().unwrap().clone()
    }

    pub fn notes(&self) -> Vec<String> {
        let all = self.all().into_iter();
        all.filter_map(|(_, call)| match call {
            Call::Note(said) => Some(said),
            _ => None,
        })
        .collect()
    }

    fn wait(&self, done: &dyn Fn(&[(usize, Call)]) -> bool) -> bool {
        let calls = self.0.calls.lock().unwrap();
        let waited = self.0.more.wait_timeout_while(calls, WATCHDOG, |calls| !done(calls));
        !waited.unwrap().1.timed_out()
    }
}

type Do = Arc<dyn Fn(&mut dyn DatagramTransport) + Send + Sync>;
type DoData = Arc<dyn Fn(&mut dyn DatagramTransport, &[u8], &Addr) + Send + Sync>;

/// What a socket is to do in each callback. Without a closure: the trait's default.
#[derive(Clone, Default)]
pub struct Script {
    made: Option<Do>,
    data: Option<DoData>,
    timer: Option<Do>,
    event: Option<Do>,
    stopping: Option<Do>,
    lost: Option<Do>,
}

macro_rules! setter {
    ($name:ident) => {
        pub fn $name(
            mut self,
            f: impl Fn(&mut dyn DatagramTransport) + Send + Sync + 'static,
        ) -> Script {
            self.$name = Some(Arc::new(f));
            self
        }
    };
}

impl Script {
    pub fn new() -> Script {
        Script::default()
    }

    pub fn echo() -> Script {
        Script::new().data(|transport, data, from| {
            transport.send_to(data, from);
        })
    }

    pub fn data(
        mut self,
        f: impl Fn(&mut dyn DatagramTransport, &[u8], &Addr) + Send + Sync + 'static,
    ) -> Script {
        self.data = Some(Arc::new(f));
        self
    }

    setter!(made);
    setter!(timer);
    setter!(event);
    setter!(stopping);
    setter!(lost);
}

/// A protocol that follows a script.
pub struct Scripted {
    script: Script,
    log: Log,
    socket: usize,
    begun: bool,
    over: bool,
}

thread_local! {
    /// Callbacks on this thread's stack: none runs inside another.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// One callback, until dropped: also by a panic.
struct Inside;

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

impl Scripted {
    pub fn new(script: &Script, log: &Log) -> Scripted {
        let socket = log.0.next.fetch_add(1, Ordering::Relaxed) as usize;
        let (script, log) = (script.clone(), log.clone());
        Scripted { script, log, socket, begun: false, over: false }
    }

    /// What breaks a rule is kept apart: an assertion here would end in the engine, which
    /// takes it for the protocol's own panic.
    fn enter(&mut self, call: Call) -> Inside {
        let broke = |what: String| self.log.0.broken.lock().unwrap().push(what);
        if self.over {
            broke(format!("{call:?} after the end"));
        }
        let first = matches!(call, Call::Made | Call::Failed(..));
        if first == std::mem::replace(&mut self.begun, true) {
            broke(format!("{call:?} not first, or twice"));
        }
        DEPTH.set(DEPTH.get() + 1);
        if DEPTH.get() > 1 {
            broke(format!("{call:?} inside another callback"));
        }
        self.over |= matches!(call, Call::Lost(_) | Call::Failed(..));
        self.log.push(self.socket, call);
        Inside
    }

    fn run(&mut self, call: Call, what: Option<Do>, transport: &mut dyn DatagramTransport) {
        let _inside = self.enter(call);
        if let Some(what) = what {
            what(transport);
        }
    }
}

impl DatagramProtocol for Scripted {
    fn connection_made(&mut self, transport: &mut dyn DatagramTransport) {
        self.log.0.handles.lock().unwrap().push(transport.handle());
        self.run(Call::Made, self.script.made.clone(), transport);
    }
    fn datagram_received(
        &mut self,
        transport: &mut dyn DatagramTransport,
        data: &[u8],
        from: &Addr,
        truncated: bool,
    ) {
        let call = if truncated { Call::Cut } else { Call::Data };
        let _inside = self.enter(call(data.to_vec()));
        if let Some(what) = &self.script.data {
            what(transport, data, from);
        }
    }
    fn error_received(
        &mut self,
        transport: &mut dyn DatagramTransport,
        to: Option<&Addr>,
        error: &io::Error,
    ) {
        let call = Call::Error(to.cloned(), error.kind());
        self.run(call, None, transport);
    }
    fn timer_fired(&mut self, transport: &mut dyn DatagramTransport, timer: Timer) {
        self.run(Call::Timer(timer.0), self.script.timer.clone(), transport);
    }
    fn event(&mut self, transport: &mut dyn DatagramTransport, event: Event) {
        let said = event.downcast_ref::<String>().cloned().unwrap_or_default();
        self.run(Call::Event(said), self.script.event.clone(), transport);
    }
    fn stopping(&mut self, transport: &mut dyn DatagramTransport) {
        let told = self.script.stopping.clone().unwrap_or_else(|| Arc::new(|t| t.close()));
        self.run(Call::Stopping, Some(told), transport);
    }
    fn connection_lost(&mut self, transport: &mut dyn DatagramTransport, why: &Reason) {
        self.run(Call::Lost(why.kind()), self.script.lost.clone(), transport);
    }
    fn failed(&mut self, _: &dyn Net, why: &Reason) {
        let _inside = self.enter(Call::Failed(why.kind(), why.to_string()));
    }
}

/// One engine, and what its protocols saw.
pub struct Rig {
    pub kind: Kind,
    pub log: Log,
    network: Option<Network>,
    running: Option<(Remote, Cell<Option<JoinHandle<()>>>)>,
    folder: Folder,
    next: Cell<u64>,
}

impl Rig {
    fn new(kind: Kind) -> Rig {
        let limits = Limits::default();
        let network = match kind {
            Kind::Memory => Some(Network::new(0, Weather::calm(), limits)),
            Kind::Seeded(seed) => Some(Network::new(seed, Weather::of_seed(seed), limits)),
            _ => None,
        };
        let running = network.is_none().then(|| {
            let (tell, told) = mpsc::channel();
            let thread = std::thread::spawn(move || {
                if kind.is_poll() {
                    let reactor = Reactor::new().unwrap();
                    tell.send(reactor.remote()).unwrap();
                    return reactor.run().unwrap();
                }
                let engine = Engine::new(Blocking::new().unwrap(), limits, None);
                tell.send(engine.remote()).unwrap();
                engine.run().unwrap();
                assert_eq!(engine.datagram_sockets(), 0);
            });
            let remote = told.recv_timeout(WATCHDOG).expect("it runs");
            (remote, Cell::new(Some(thread)))
        });
        let (log, folder) = (Log::default(), Folder::new());
        Rig { kind, log, network, running, folder, next: Cell::new(1) }
    }

    pub fn remote(&self) -> Remote {
        match (&self.network, &self.running) {
            (Some(network), _) => network.remote(),
            (None, Some((remote, _))) => remote.clone(),
            (None, None) => unreachable!("one of them"),
        }
    }

    /// Runs this on the engine's thread, and gives back what it answers.
    #[track_caller]
    pub fn call<R: Send + 'static>(&self, f: impl FnOnce(&dyn Net) -> R + Send + 'static) -> R {
        let (tell, told) = mpsc::channel();
        self.remote().call(move |net| tell.send(f(net)).unwrap()).unwrap();
        if let Some(network) = &self.network {
            let mut answer = None;
            network.run_until(|| {
                answer = answer.take().or_else(|| told.try_recv().ok());
                answer.is_some()
            });
            return answer.expect("the call ran");
        }
        told.recv_timeout(WATCHDOG).expect("the call ran")
    }

    /// Does this while the engine stands still, and lets it go on.
    #[track_caller]
    pub fn while_it_stands_still(&self, meanwhile: impl FnOnce()) {
        self.stand_still(meanwhile, |_| ());
    }

    /// The same; `afterwards` is what the engine does first, before it looks at any socket.
    #[track_caller]
    pub fn stand_still(
        &self,
        meanwhile: impl FnOnce(),
        afterwards: impl FnOnce(&dyn Net) + Send + 'static,
    ) {
        if self.network.is_some() {
            meanwhile(); // it goes on only when asked to
            return self.call(afterwards);
        }
        let (held, hold) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let wait = move |net: &dyn Net| {
            held.send(()).unwrap();
            released.recv_timeout(WATCHDOG).unwrap();
            afterwards(net);
        };
        self.remote().call(wait).unwrap();
        hold.recv_timeout(WATCHDOG).unwrap();
        meanwhile();
        release.send(()).unwrap();
    }

    /// A site of the engine's kind that nobody has.
    pub fn site(&self) -> DatagramSite {
        match self.kind {
            kind if kind.is_udp() => ("127.0.0.1", 0).into(),
            kind if kind.is_unix() => self.path().into(),
            _ => DatagramSite::Memory(self.number()),
        }
    }

    /// A file's name that nobody has.
    pub fn path(&self) -> PathBuf {
        self.folder.0.join(self.number().to_string())
    }

    fn number(&self) -> u64 {
        self.next.set(self.next.get() + 1);
        self.next.get()
    }

    /// Receives datagrams with this script.
    #[track_caller]
    pub fn listen(&self, script: Script) -> Addr {
        let (site, log) = (self.site(), self.log.clone());
        self.call(move |net| listen(net, site, &script, &log).unwrap().addrs()[0].clone())
    }

    /// Opens a socket to one peer with this script.
    #[track_caller]
    pub fn connect(&self, to: impl Into<Target>, script: Script) {
        let (to, log) = (to.into(), self.log.clone());
        self.call(move |net| {
            net.connect_datagrams(to, Box::new(Scripted::new(&script, &log)));
        });
    }

    /// The handle of the socket that was opened first.
    pub fn handle(&self) -> DatagramHandle {
        self.until("an open socket", |calls| calls.iter().any(|(_, call)| *call == Call::Made));
        self.log.0.handles.lock().unwrap()[0].clone()
    }

    /// A socket for the test's own hands.
    #[track_caller]
    pub fn peer(&self) -> Peer<'_> {
        match &self.network {
            Some(network) => {
                let number = self.number();
                Peer::Memory(network.datagram_peer(number).unwrap(), number)
            }
            #[cfg(unix)] // Unix sockets
            None if self.kind.is_unix() => {
                let socket = std::os::unix::net::UnixDatagram::bind(self.path()).unwrap();
                socket.set_read_timeout(Some(WATCHDOG)).unwrap();
                Peer::Unix(socket)
            }
            None => Peer::udp("127.0.0.1:0"),
        }
    }

    /// Waits until what was seen satisfies `done`.
    #[track_caller]
    pub fn until(&self, what: &str, done: impl Fn(&[(usize, Call)]) -> bool) {
        let seen = match &self.network {
            Some(network) => network.run_until(|| done(&self.log.all())),
            None => self.log.wait(&done),
        };
        assert!(seen, "never came: {what}");
    }

    /// Waits for this call of any socket.
    #[track_caller]
    pub fn until_call(&self, call: Call) {
        let is_it = |calls: &[(usize, Call)]| calls.iter().any(|(_, seen)| *seen == call);
        self.until(&format!("{call:?}"), is_it);
    }

    /// Goes on, in memory, until nothing is left that could happen.
    pub fn settle_in_memory(&self) {
        if let Some(network) = &self.network {
            network.run();
        }
    }

    fn finish(&self) {
        if let Some((remote, thread)) = &self.running {
            let _ = remote.drain(Duration::ZERO); // a test may have stopped it
            if let Some(thread) = thread.take() {
                thread.join().expect("the engine did not panic");
            }
        }
    }
}

/// Receives datagrams with a script, from the engine's own thread.
pub fn listen(
    net: &dyn Net,
    at: DatagramSite,
    script: &Script,
    log: &Log,
) -> ropewalk::Result<DatagramPort> {
    net.listen_datagrams(at, &mut || Box::new(Scripted::new(script, log)))
}

/// A socket for a test's own hands, with a watchdog on every wait.
pub enum Peer<'a> {
    Udp(UdpSocket),
    #[cfg(unix)] // Unix sockets
    Unix(std::os::unix::net::UnixDatagram),
    Memory(DatagramPeer<'a>, u64),
}

impl Peer<'_> {
    pub fn udp(at: &str) -> Peer<'static> {
        let socket = UdpSocket::bind(at).unwrap();
        socket.set_read_timeout(Some(WATCHDOG)).unwrap();
        Peer::Udp(socket)
    }

    pub fn addr(&self) -> Addr {
        match self {
            Peer::Udp(socket) => socket.local_addr().unwrap().into(),
            #[cfg(unix)] // Unix sockets
            Peer::Unix(socket) => socket.local_addr().unwrap().as_pathname().unwrap().into(),
            Peer::Memory(_, number) => Addr::Memory(*number),
        }
    }

    #[track_caller]
    pub fn send(&self, data: &[u8], to: &Addr) {
        match (self, to) {
            (Peer::Udp(socket), Addr::Ip(to)) => {
                assert_eq!(socket.send_to(data, to).unwrap(), data.len());
            }
            #[cfg(unix)] // Unix sockets
            (Peer::Unix(socket), Addr::Unix(Some(to))) => {
                // std writes no abstract names.
                let to = socket2::SockAddr::unix(to).unwrap();
                let socket = socket2::SockRef::from(socket);
                assert_eq!(socket.send_to(data, &to).unwrap(), data.len());
            }
            (Peer::Memory(peer, _), Addr::Memory(to)) => peer.send_to(data, *to).unwrap(),
            _ => panic!("another kind of address: {to}"),
        }
    }

    /// The next datagram.
    #[track_caller]
    pub fn receive(&self) -> Vec<u8> {
        let mut buffer = vec![0; 300_000];
        let count = match self {
            Peer::Udp(socket) => socket.recv(&mut buffer).unwrap(),
            #[cfg(unix)] // Unix sockets
            Peer::Unix(socket) => socket.recv(&mut buffer).unwrap(),
            Peer::Memory(peer, _) => return peer.receive().unwrap().0,
        };
        buffer.truncate(count);
        buffer
    }

    /// One question, one answer.
    #[track_caller]
    pub fn ask(&self, data: &[u8], to: &Addr) -> Vec<u8> {
        self.send(data, to);
        self.receive()
    }
}
