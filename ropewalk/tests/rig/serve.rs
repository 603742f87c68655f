//! The engines: how a script is served on each, dialled, and waited for.

use std::cell::RefCell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use ropewalk::addr::Target;
use ropewalk::addr::{Addr, ListenAt, Site};
use ropewalk::limits::Limits;
use ropewalk::protocol::Layers;
use ropewalk::server::{
    BaseServer, MixIn, Pooling, ProtocolHandler, Protocols, Serial, Server, ServerSocket,
    ShutdownHandle, StreamRequest, ThreadServer, Threading,
};
use ropewalk::testing::{self, Network};
use ropewalk::{Factory, Reactor, Remote, Report};

#[cfg(feature = "tls")] // the feature's own engines
use super::encrypted::Encrypted;
use super::folder::Folder;
#[cfg(target_os = "linux")] // see `Kind::ForkTcp`
use super::forked::Forked;
use super::kind::{KINDS, Kind};
use super::log::{Call, Kept, Log, WATCHDOG};
use super::peer::{Peer, Real};
use super::script::{Script, ScriptedClient, ScriptedFactory};
use super::stacked::{STACKED, Stacked};

/// Runs one body on every engine, bare and with policies in between, and says on which it
/// failed.
#[track_caller]
pub fn on_every_engine(body: impl Fn(&Rig)) {
    on(|_| true, body);
}

/// Runs one body on those engines that `which` names: for rules that cannot be seen on
/// all, each with its reason at the call.
#[track_caller]
pub fn on(which: impl Fn(Kind) -> bool, body: impl Fn(&Rig)) {
    on_with(Limits::default(), which, body);
}

/// The same with bounds of the test's own.
#[track_caller]
pub fn on_with(limits: Limits, which: impl Fn(Kind) -> bool, body: impl Fn(&Rig)) {
    let bare = KINDS.iter().map(|kind| (*kind, Stacked::Bare));
    let rigs: Vec<_> =
        bare.chain(STACKED.iter().copied()).filter(|(kind, _)| which(*kind)).collect();
    assert!(!rigs.is_empty());
    for (kind, stacked) in rigs {
        let rig = Rig { stacked, ..Rig::new(kind, limits) };
        let result = catch_unwind(AssertUnwindSafe(|| {
            body(&rig);
            rig.finish();
        }));
        if let Err(payload) = result {
            eprintln!("failed on {kind:?}, {stacked:?}; seen: {:?}", short(rig.log.all()));
            eprintln!("by clients: {:?}", short(rig.clients.all()));
            resume_unwind(payload);
        }
        let broken = [rig.log.broken(), rig.clients.broken()].concat();
        assert!(
            broken.is_empty(),
            "on {kind:?}, {stacked:?}: {broken:?}; seen: {:?}",
            short(rig.log.all())
        );
    }
}

/// A factory whose connections have what this engine puts between it and the wire.
struct Under<F> {
    kind: Kind,
    factory: F,
}

impl<F: Factory> Factory for Under<F> {
    type Protocol = F::Protocol;
    fn build(&mut self, peer: &Addr) -> Option<F::Protocol> {
        self.factory.build(peer)
    }
    fn stack(&mut self, layers: &mut Layers) {
        self.kind.stack_server(layers);
        self.factory.stack(layers);
    }
    fn failed(&mut self, net: &dyn ropewalk::Net, why: &ropewalk::Reason) {
        self.factory.failed(net, why);
    }
}

/// One engine, and what its protocols saw.
pub struct Rig {
    pub kind: Kind,
    pub stacked: Stacked,
    pub log: Log,
    /// What our own clients saw.
    pub clients: Log,
    limits: Limits,
    network: Option<Network>,
    running: RefCell<Vec<Running>>,
}

struct Running {
    addr: Addr,
    remote: Option<Remote>,
    /// Of a server with a mix-in.
    stop: Option<(ShutdownHandle, mpsc::Sender<Duration>)>,
    #[cfg(target_os = "linux")] // see `Kind::ForkTcp`
    forked: Option<Forked>,
    thread: Option<JoinHandle<Report>>,
    #[allow(dead_code, reason = "its drop removes the socket's folder")]
    folder: Option<Folder>,
}

impl Running {
    /// Stops it; it may have been stopped before.
    fn drain(&self, grace: Duration) {
        if let Some(remote) = &self.remote {
            let _ = remote.drain(grace);
        }
        if let Some((handle, tell)) = &self.stop {
            let _ = tell.send(grace);
            handle.shutdown();
        }
        #[cfg(target_os = "linux")] // see `Kind::ForkTcp`
        if let Some(forked) = &self.forked {
            forked.drain(grace);
        }
    }

    /// Waits for its end, if nobody has.
    fn end(&mut self) -> Option<Report> {
        #[cfg(target_os = "linux")] // see `Kind::ForkTcp`
        if let Some(forked) = self.forked.take() {
            return Some(forked.report());
        }
        self.thread.take().map(|thread| thread.join().expect("the engine did not panic"))
    }
}

/// The hooks of a server with a mix-in: it is closed after it has served, and waits then.
pub struct Mixed<F>(pub Protocols<F>);

impl<F: Factory + Send + 'static> BaseServer<StreamRequest> for Mixed<F> {
    type Handler = ProtocolHandler<F>;
    fn handler(&self, client: &Addr) -> ProtocolHandler<F> {
        self.0.handler(client)
    }
    fn get_request(&self, socket: &ServerSocket) -> ropewalk::Result<StreamRequest> {
        self.0.get_request(socket)
    }
}

/// What a test reaches a server by.
type Reach = Result<Remote, ShutdownHandle>;

fn mixed<M: MixIn, F: Factory + Send + 'static>(
    site: Site,
    limits: Limits,
    factory: F,
    tell: &mpsc::Sender<(Addr, Reach)>,
    graces: &mpsc::Receiver<Duration>,
) -> Report {
    let hooks = Mixed(Protocols::with(factory, limits, None));
    let server = Server::<StreamRequest, _, M>::new(site, hooks).unwrap();
    tell.send((server.local_addr().clone(), Err(server.shutdown_handle()))).unwrap();
    server.serve_forever().unwrap();
    close_after(server, graces.try_recv().ok())
}

/// Closes what has served. There is no grace where a protocol has stopped the server.
pub fn close_after<M: MixIn, F: Factory + Send + 'static>(
    server: Server<StreamRequest, Mixed<F>, M>,
    grace: Option<Duration>,
) -> Report {
    let handle = server.shutdown_handle();
    let left = server.close(grace.unwrap_or(WATCHDOG)).unwrap().still_running.len();
    let mut report = handle.take_report();
    (report.open, report.cut) = (report.open + left, report.cut + left);
    report
}

impl Rig {
    pub fn new(kind: Kind, limits: Limits) -> Rig {
        let network = match kind.below() {
            Kind::Memory => Some(Network::new(0, ropewalk::driver::Weather::calm(), limits)),
            Kind::Seeded(seed) => {
                Some(Network::new(seed, ropewalk::driver::Weather::of_seed(seed), limits))
            }
            _ => None,
        };
        let (log, clients) = (Log::default(), Log::default());
        let (stacked, running) = (Stacked::Bare, RefCell::default());
        Rig { kind, stacked, log, clients, limits, network, running }
    }

    /// The network in memory, on an engine that is one.
    pub fn network(&self) -> &Network {
        self.network.as_ref().expect("an engine in memory")
    }

    /// Serves a script; the answer dials it.
    pub fn serve(&self, script: Script) -> usize {
        let log = self.log.clone();
        self.serve_factory(move || Box::new(ScriptedFactory::server(script, log)))
    }

    /// Connects to a server, from its own engine, with a client that follows a script.
    pub fn connect(&self, server: usize, script: Script) {
        let (to, log) = (Target::Addr(self.addr(server)), self.clients.clone());
        let (stacked, kind) = (self.stacked, self.kind);
        let connect = move |net: &dyn ropewalk::Net| {
            let factory = ScriptedFactory::client(script, log).above(move |layers| {
                stacked.client(layers);
                kind.stack_client(layers);
            });
            net.connect(to, Box::new(ScriptedClient(factory)));
        };
        self.remote(server).call(connect).unwrap();
    }

    /// Serves what a factory builds; `make` runs where the factory is to live.
    pub fn serve_factory<F: Factory + Send + 'static>(
        &self,
        make: impl FnOnce() -> Box<F> + Send + 'static,
    ) -> usize {
        let (number, kind) = (self.running.borrow().len(), self.kind);
        let stacked = self.stacked;
        let make = move || Box::new(stacked.server(Under { kind, factory: *make() }));
        let running = match &self.network {
            Some(network) => {
                let factory = *make();
                let listener = network.listen(number as u64, factory).unwrap();
                Running {
                    addr: listener.addrs()[0].clone(),
                    remote: None,
                    stop: None,
                    #[cfg(target_os = "linux")] // see `Kind::ForkTcp`
                    forked: None,
                    thread: None,
                    folder: None,
                }
            }
            None => self.spawn(make),
        };
        self.running.borrow_mut().push(running);
        number
    }

    fn spawn<F: Factory + Send + 'static>(
        &self,
        make: impl FnOnce() -> Box<F> + Send + 'static,
    ) -> Running {
        let (kind, limits) = (self.kind.below(), self.limits);
        let folder = matches!(kind, Kind::PollUnix | Kind::ThreadsUnix).then(Folder::new);
        let site = match &folder {
            Some(folder) => Site::Unix(folder.0.join("socket")),
            None => Site::Tcp(ListenAt::from(("127.0.0.1", 0))),
        };
        let (tell, told) = mpsc::channel();
        let (grace, graces) = mpsc::channel();
        #[cfg(target_os = "linux")] // as above
        if kind == Kind::ForkTcp {
            let forked = Forked::serve(site, limits, make, &self.log.hear_children());
            let addr = forked.addr.clone();
            return Running {
                addr,
                remote: None,
                stop: None,
                forked: Some(forked),
                thread: None,
                folder,
            };
        }
        let thread = std::thread::spawn(move || {
            let factory = *make();
            match kind {
                Kind::PoolTcp => mixed::<Pooling, _>(site, limits, factory, &tell, &graces),
                Kind::SerialTcp => mixed::<Serial, _>(site, limits, factory, &tell, &graces),
                Kind::ThreadingTcp => mixed::<Threading, _>(site, limits, factory, &tell, &graces),
                Kind::ThreadsTcp | Kind::ThreadsUnix => {
                    let server = ThreadServer::with(limits, None).unwrap();
                    let listener = server.listen(&site, factory).unwrap();
                    tell.send((listener.addrs()[0].clone(), Ok(server.remote()))).unwrap();
                    server.serve_reporting().unwrap()
                }
                _ => {
                    let reactor = reactor(kind, limits);
                    let listener = reactor.listen(&site, factory).unwrap();
                    tell.send((listener.addrs()[0].clone(), Ok(reactor.remote()))).unwrap();
                    let report = reactor.run_reporting().unwrap();
                    assert_eq!(reactor.connections(), 0);
                    report
                }
            }
        });
        let (addr, reach) = told.recv_timeout(WATCHDOG).expect("it listens");
        let (remote, stop) = match reach {
            Ok(remote) => (Some(remote), None),
            Err(handle) => (None, Some((handle, grace))),
        };
        Running {
            addr,
            remote,
            stop,
            #[cfg(target_os = "linux")] // see `Kind::ForkTcp`
            forked: None,
            thread: Some(thread),
            folder,
        }
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

    /// The other end of a new connection. Through TLS the handshake is done.
    pub fn dial(&self, server: usize) -> Box<dyn Peer + '_> {
        let peer = self.dial_plain(server);
        #[cfg(feature = "tls")] // the feature's own engines
        if let Some(ends) = self.kind.tls() {
            return Box::new(Encrypted::new(peer, ends.connection()));
        }
        peer
    }

    /// The other end, whatever is to be between.
    pub fn dial_plain(&self, server: usize) -> Box<dyn Peer + '_> {
        let mut peer: Box<dyn Peer + '_> = match &self.network {
            Some(network) => Box::new(network.dial(server as u64).unwrap()),
            None => Box::new(Real(dial_socket(&self.addr(server)).unwrap())),
        };
        if !self.stacked.greeting().is_empty() {
            peer.send(self.stacked.greeting());
        }
        peer
    }

    /// The same, on an engine in memory, as what it is there.
    pub fn dial_memory(&self, server: usize) -> testing::Peer<'_> {
        let mut peer = self.network().dial(server as u64).unwrap();
        peer.send(self.stacked.greeting());
        peer
    }

    /// Waits until what was seen satisfies `done`.
    #[track_caller]
    pub fn until(&self, what: &str, done: impl Fn(&[(usize, Call)]) -> bool) {
        self.until_in(&self.log, what, done);
    }

    /// The same for the clients' log.
    #[track_caller]
    pub fn until_client(&self, call: Call) {
        let done = |calls: &[(usize, Call)]| calls.iter().any(|(_, seen)| *seen == call);
        self.until_in(&self.clients, &format!("{call:?}"), done);
    }

    #[track_caller]
    pub fn until_in(&self, log: &Log, what: &str, done: impl Fn(&[(usize, Call)]) -> bool) {
        let seen = match &self.network {
            Some(network) => network.run_until(|| log.check(&done)),
            None => log.wait(&done),
        };
        assert!(seen, "never came: {what}");
    }

    /// Waits for so many things that are in no log.
    #[track_caller]
    pub fn until_kept<T: Clone>(&self, kept: &Kept<T>, count: usize) -> Vec<T> {
        if let Some(network) = &self.network {
            assert!(network.run_until(|| kept.all().len() >= count), "never came");
        }
        kept.at_least(count)
    }

    /// Runs this on the server's engine, and waits until it has run.
    #[track_caller]
    pub fn call(&self, server: usize, f: impl FnOnce(&dyn ropewalk::Net) + Send + 'static) {
        let (log, number) = (Log::default(), usize::MAX);
        let told = log.clone();
        let call = move |net: &dyn ropewalk::Net| {
            f(net);
            told.note(number, "called");
        };
        self.remote(server).call(call).unwrap();
        self.until_in(&log, "a call", |calls| !calls.is_empty());
    }

    /// Virtual time since the beginning, on an engine in memory.
    pub fn now(&self) -> Duration {
        use ropewalk::clock::Clock;
        self.network().clock().now().since(ropewalk::clock::Time::ZERO)
    }

    /// Stops a server of its own engine, and answers with its report.
    pub fn stop(&self, server: usize, grace: Duration) -> Report {
        let running = &mut self.running.borrow_mut()[server];
        running.drain(grace);
        running.end().expect("it runs")
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
    pub fn finish(&self) {
        for mut running in self.running.borrow_mut().drain(..) {
            running.drain(Duration::ZERO);
            let _ = running.end(); // what it reports is the test's to look at, if it will
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
    if domain != Domain::UNIX {
        // What is sent in two calls is under way before a reset may follow.
        socket.set_tcp_nodelay(true)?;
    }
    socket.set_read_timeout(Some(WATCHDOG))?;
    socket.set_write_timeout(Some(WATCHDOG))?;
    Ok(socket)
}

/// Calls with their bytes counted, not shown.
fn short(calls: Vec<(usize, Call)>) -> Vec<(usize, Call)> {
    let shorten = |call| match call {
        Call::Data(data) if data.len() > 64 => Call::Note(format!("data({})", data.len())),
        other => other,
    };
    calls.into_iter().map(|(number, call)| (number, shorten(call))).collect()
}
