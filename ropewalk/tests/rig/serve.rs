//! The engines: how a script is served on each, dialled, and waited for.

use std::cell::RefCell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use ropewalk::addr::{Addr, ListenAt, Site};
use ropewalk::limits::Limits;
use ropewalk::protocol::{DynFactory, Factory};
use ropewalk::server::ThreadServer;
use ropewalk::testing::Network;
use ropewalk::{Reactor, Remote, Report};

use super::log::{Call, Log, WATCHDOG};
use super::peer::{Peer, Real};
use super::script::{Script, Scripted};

/// Which engine, over what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    PollTcp,
    PollUnix,
    ThreadsTcp,
    ThreadsUnix,
    Memory,
    Seeded(u64),
    #[cfg(all(feature = "uring", target_os = "linux"))] // the feature's own engine
    UringTcp,
}

/// Every engine of this build and machine.
pub const KINDS: &[Kind] = &[
    Kind::PollTcp,
    #[cfg(unix)] // Unix sockets
    Kind::PollUnix,
    Kind::ThreadsTcp,
    #[cfg(unix)] // Unix sockets
    Kind::ThreadsUnix,
    Kind::Memory,
    Kind::Seeded(1),
    Kind::Seeded(2),
    Kind::Seeded(3),
    #[cfg(all(feature = "uring", target_os = "linux"))] // the feature's own engine
    Kind::UringTcp,
];

impl Kind {
    pub fn is_memory(self) -> bool {
        matches!(self, Kind::Memory | Kind::Seeded(_))
    }
}

/// Runs one body on every engine, and says on which it failed.
#[track_caller]
pub fn on_every_engine(body: impl Fn(&Rig)) {
    on(|_| true, body);
}

/// Runs one body on those engines that `which` names: for rules that cannot be seen on
/// all, each with its reason at the call.
#[track_caller]
pub fn on(which: impl Fn(Kind) -> bool, body: impl Fn(&Rig)) {
    let kinds: Vec<_> = KINDS.iter().copied().filter(|kind| which(*kind)).collect();
    assert!(!kinds.is_empty());
    for kind in kinds {
        let rig = Rig::new(kind, Limits::default());
        let result = catch_unwind(AssertUnwindSafe(|| body(&rig)));
        if let Err(payload) = result {
            eprintln!("failed on {kind:?}; seen: {:?}", rig.log.all());
            resume_unwind(payload);
        }
        let result = catch_unwind(AssertUnwindSafe(|| rig.finish()));
        if let Err(payload) = result {
            eprintln!("failed at the end on {kind:?}");
            resume_unwind(payload);
        }
    }
}

/// One engine, and what its protocols saw.
pub struct Rig {
    pub kind: Kind,
    pub log: Log,
    limits: Limits,
    network: Option<Network>,
    running: RefCell<Vec<Running>>,
}

struct Running {
    addr: Addr,
    remote: Option<Remote>,
    thread: Option<JoinHandle<Report>>,
    #[allow(dead_code, reason = "its drop removes the socket's folder")]
    folder: Option<Folder>,
}

impl Rig {
    pub fn new(kind: Kind, limits: Limits) -> Rig {
        let network = match kind {
            Kind::Memory => Some(Network::new(0, ropewalk::driver::Weather::calm(), limits)),
            Kind::Seeded(seed) => {
                Some(Network::new(seed, ropewalk::driver::Weather::of_seed(seed), limits))
            }
            _ => None,
        };
        Rig { kind, log: Log::default(), limits, network, running: RefCell::default() }
    }

    /// The network in memory, on an engine that is one.
    pub fn network(&self) -> &Network {
        self.network.as_ref().expect("an engine in memory")
    }

    /// Serves a script; the answer dials it.
    pub fn serve(&self, script: Script) -> usize {
        let log = self.log.clone();
        self.serve_factory(move || {
            let (script, log) = (script.clone(), log.clone());
            Box::new(move || script.protocol(&log))
        })
    }

    /// Serves what a factory builds; `make` runs where the factory is to live.
    pub fn serve_factory(
        &self,
        make: impl FnOnce() -> Box<dyn DynFactorySend> + Send + 'static,
    ) -> usize {
        let number = self.running.borrow().len();
        let running = match &self.network {
            Some(network) => {
                let factory = Sendable(make());
                let listener = network.listen(number as u64, factory).unwrap();
                Running {
                    addr: listener.addrs()[0].clone(),
                    remote: None,
                    thread: None,
                    folder: None,
                }
            }
            None => self.spawn(make),
        };
        self.running.borrow_mut().push(running);
        number
    }

    fn spawn(&self, make: impl FnOnce() -> Box<dyn DynFactorySend> + Send + 'static) -> Running {
        let (kind, limits) = (self.kind, self.limits);
        let folder = matches!(kind, Kind::PollUnix | Kind::ThreadsUnix).then(Folder::new);
        let site = match &folder {
            Some(folder) => Site::Unix(folder.0.join("socket")),
            None => Site::Tcp(ListenAt::from(("127.0.0.1", 0))),
        };
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let factory = Sendable(make());
            match kind {
                Kind::ThreadsTcp | Kind::ThreadsUnix => {
                    let server = ThreadServer::with(limits, None).unwrap();
                    let listener = server.listen(&site, factory).unwrap();
                    tell.send((listener.addrs()[0].clone(), server.remote())).unwrap();
                    server.serve_reporting().unwrap()
                }
                _ => {
                    let reactor = reactor(kind, limits);
                    let listener = reactor.listen(&site, factory).unwrap();
                    tell.send((listener.addrs()[0].clone(), reactor.remote())).unwrap();
                    let report = reactor.run_reporting().unwrap();
                    assert_eq!(reactor.connections(), 0);
                    report
                }
            }
        });
        let (addr, remote) = told.recv_timeout(WATCHDOG).expect("it listens");
        Running { addr, remote: Some(remote), thread: Some(thread), folder }
    }

    /// Where a server of this rig listens.
    pub fn addr(&self, server: usize) -> Addr {
        self.running.borrow()[server].addr.clone()
    }

    /// Reaches a server's engine.
    pub fn remote(&self, server: usize) -> Remote {
        match &self.network {
            Some(network) => network.remote(),
            None => self.running.borrow()[server].remote.clone().unwrap(),
        }
    }

    /// The other end of a new connection.
    pub fn dial(&self, server: usize) -> Box<dyn Peer + '_> {
        if let Some(network) = &self.network {
            return Box::new(network.dial(server as u64).unwrap());
        }
        Box::new(Real(dial_socket(&self.addr(server)).unwrap()))
    }

    /// Waits until what was seen satisfies `done`.
    #[track_caller]
    pub fn until(&self, what: &str, done: impl Fn(&[(usize, Call)]) -> bool) {
        let seen = match &self.network {
            Some(network) => network.run_until(|| done(&self.log.all())),
            None => self.log.wait(&done),
        };
        assert!(seen, "never came: {what}; seen: {:?}", self.log.all());
    }

    /// Waits until so many connections are lost.
    #[track_caller]
    pub fn until_lost(&self, count: usize) {
        let is_end = |call: &Call| matches!(call, Call::Lost(_) | Call::Failed(_));
        self.until(&format!("{count} lost"), |calls| {
            calls.iter().filter(|(_, call)| is_end(call)).count() >= count
        });
    }

    /// Waits for this call of the first connection.
    #[track_caller]
    pub fn until_call(&self, call: Call) {
        self.until(&format!("{call:?}"), |calls| calls.iter().any(|(_, seen)| *seen == call));
    }

    /// Stops every server: they must drain.
    fn finish(&self) {
        for running in self.running.borrow_mut().drain(..) {
            if let Some(remote) = running.remote {
                let _ = remote.drain(Duration::ZERO); // it may have been stopped by the test
            }
            if let Some(thread) = running.thread {
                thread.join().expect("the engine did not panic");
            }
        }
    }
}

fn reactor(kind: Kind, limits: Limits) -> Reactor {
    let builder = Reactor::builder().limits(limits);
    match kind {
        #[cfg(all(feature = "uring", target_os = "linux"))] // the feature's own engine
        Kind::UringTcp => builder.build_uring().unwrap(),
        _ => builder.build().unwrap(),
    }
}

/// A blocking socket with a watchdog.
pub fn dial_socket(addr: &Addr) -> io::Result<socket2::Socket> {
    use socket2::{Domain, SockAddr, Socket, Type};
    let (domain, addr) = match addr {
        Addr::Ip(ip) => (Domain::for_address(*ip), SockAddr::from(*ip)),
        Addr::Unix(Some(path)) => (Domain::UNIX, SockAddr::unix(path)?),
        other => panic!("no socket for {other}"),
    };
    let socket = Socket::new(domain, Type::STREAM, None)?;
    socket.connect(&addr)?;
    socket.set_read_timeout(Some(WATCHDOG))?;
    socket.set_write_timeout(Some(WATCHDOG))?;
    Ok(socket)
}

/// A factory that may go to another thread.
pub trait DynFactorySend: DynFactory + Send {}
impl<F: Factory + Send> DynFactorySend for F where F::Protocol: 'static {}

struct Sendable(Box<dyn DynFactorySend>);

impl Factory for Sendable {
    type Protocol = Box<dyn ropewalk::Protocol>;
    fn build(&mut self, peer: &Addr) -> Option<Self::Protocol> {
        self.0.build_boxed(peer)
    }
    fn stack(&mut self, layers: &mut ropewalk::protocol::Layers) {
        self.0.stack_dyn(layers);
    }
    fn failed(&mut self, net: &dyn ropewalk::Net, why: &ropewalk::Reason) {
        self.0.failed_dyn(net, why);
    }
}

/// A folder of its own, gone when dropped.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> Folder {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ropewalk-test-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a script builds, by name.
pub type Built = Scripted;
