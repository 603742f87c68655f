//! A reactor for each core, all on the same ports.
//! Owns: the threads, that they begin and end together, and their one report. Never: hands a
//! connection from one to another; the kernel spreads them (`SO_REUSEPORT`).
//!
//! The first reactor runs on the caller's thread, and the others are its guests, as the threads
//! of a thread server are: so a stop, its grace and the report are one rule.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use super::{Builder, Loop, Reactor, StopSignals, on_engine, start_error};
use crate::addr::{Addr, ListenAt, Site};
use crate::engine::{Guest, Remote, Report};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::limits;
use crate::options::SocketOptions;
use crate::protocol::{Factory, Reason};

/// A reactor for each core: as many threads, and one port.
///
/// Each connection lives on one of them from its beginning to its end, and they share nothing:
/// a factory is cloned for each, so what is to be common to all is in an `Arc` inside it.
/// `transport.net()` is the core's own; `net().stop()`, on whichever, stops all.
///
/// A system without `SO_REUSEPORT` (Windows) refuses to listen, unless there is one core only:
/// one that accepts and hands over would be the bottleneck that this is there to avoid.
///
/// ```
/// use ropewalk::{reactor::Cores, service::Echo};
/// # fn main() -> ropewalk::Result<()> {
/// let mut cores = Cores::new()?; // as many as the machine has
/// # #[cfg(not(unix))] let mut cores = Cores::of(1)?;
/// let addrs = cores.listen_tcp(0, || Echo)?;
/// println!("{} reactors on {addrs:?}", cores.count());
/// let remote = cores.remote();
/// std::thread::spawn(move || remote.stop());
/// cores.run()
/// # }
/// ```
pub struct Cores {
    builder: Builder,
    first: Reactor,
    count: usize,
    prepare: Vec<Prepare>,
}

/// What each of the other reactors does before it runs.
type Prepare = Arc<dyn Fn(&Reactor, usize) -> Result<()> + Send + Sync>;

impl Cores {
    /// As many as the process may use, at most [`limits::CORES`].
    ///
    /// # Errors
    /// As [`Reactor::new`].
    pub fn new() -> Result<Cores> {
        let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Cores::of(count.min(limits::CORES))
    }

    /// So many.
    ///
    /// # Errors
    /// `InvalidInput` for none, or more than [`limits::CORES`]; as [`Reactor::new`].
    pub fn of(count: usize) -> Result<Cores> {
        Cores::with(count, Builder::default())
    }

    /// So many, each of them made with these settings.
    ///
    /// # Errors
    /// As [`Cores::of`].
    pub fn with(count: usize, builder: Builder) -> Result<Cores> {
        if !(1..=limits::CORES).contains(&count) {
            let cause = format!("{count} is not between 1 and {}", limits::CORES);
            let what = "reactors";
            return Err(Error::new(Operation::Start, ErrorKind::InvalidInput, cause).at(what));
        }
        let first = builder.clone().build()?;
        Ok(Cores { builder, first, count, prepare: Vec::new() })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Listens on TCP with each of them, as [`Reactor::listen_tcp`] does with one. Answers the
    /// addresses bound: with port 0 they are the same for all, in both families. The others
    /// listen when [`run`](Cores::run) begins; whoever connects before that is the first one's.
    ///
    /// # Errors
    /// The address cannot be bound; this system shares no port.
    #[doc(alias = "SO_REUSEPORT")]
    pub fn listen_tcp<F: Factory + Clone + Send + Sync + 'static>(
        &mut self,
        at: impl Into<ListenAt>,
        factory: F,
    ) -> Result<Vec<Addr>> {
        self.listen_with(&at.into(), &SocketOptions::default(), factory)
    }

    /// The same, with each listening socket set so.
    ///
    /// # Errors
    /// As [`Cores::listen_tcp`]; the system refuses an option.
    pub fn listen_with<F: Factory + Clone + Send + Sync + 'static>(
        &mut self,
        at: &ListenAt,
        options: &SocketOptions,
        factory: F,
    ) -> Result<Vec<Addr>> {
        let mut options = options.clone();
        if self.count > 1 {
            options.reuse_port = Some(true);
        }
        let site = Site::Tcp(at.clone());
        let addrs = self.first.listen_with(&site, &options, factory.clone())?.addrs().to_vec();
        // The others take the very addresses that the first one was given.
        let sites: Vec<Site> = addrs
            .iter()
            .filter_map(Addr::ip)
            .map(|at| Site::Tcp((at.ip(), at.port()).into()))
            .collect();
        self.prepare.push(Arc::new(move |reactor, _| {
            let mut sites = sites.iter();
            sites.try_for_each(|site| {
                reactor.listen_with(site, &options, factory.clone()).map(|_| ())
            })
        }));
        Ok(addrs)
    }

    /// Does this with each of them, in its own thread, before they run: hooks, looping calls,
    /// clients. It is given the reactor and its number, from 0. The first one's turn is now.
    ///
    /// # Errors
    /// What `prepare` says of the first. What it says of another one ends [`Cores::run`].
    pub fn each(
        &mut self,
        prepare: impl Fn(&Reactor, usize) -> Result<()> + Send + Sync + 'static,
    ) -> Result<()> {
        prepare(&self.first, 0)?;
        self.prepare.push(Arc::new(prepare));
        Ok(())
    }

    /// Reaches them from other threads. A stop is for all; a call is for the first.
    pub fn remote(&self) -> Remote {
        self.first.remote()
    }

    /// SIGINT and SIGTERM stop all of them in order; a second one cuts at once.
    ///
    /// # Errors
    /// As [`Reactor::stop_on_signals`].
    pub fn stop_on_signals(&self) -> Result<StopSignals> {
        self.first.stop_on_signals()
    }

    /// Runs them until they are stopped and have drained, the first one on this thread.
    ///
    /// # Errors
    /// One of them cannot start, and then none does; one of them fails, and then all stop in
    /// order before this returns.
    pub fn run(self) -> Result<()> {
        self.run_reporting().map(|_| ())
    }

    /// The same, with the report of the stop: of all together.
    ///
    /// # Errors
    /// As [`Cores::run`].
    pub fn run_reporting(self) -> Result<Report> {
        let others = self.start_others()?;
        let report = self.first.run_reporting();
        let is_ok = report.is_ok();
        let ends: Vec<_> = others.into_iter().map(|other| other.end(is_ok)).collect();
        let report = report?;
        ends.into_iter().collect::<Result<Vec<()>>>()?;
        Ok(report)
    }

    /// Starts the others. Until each of them has said that it can run, none does.
    fn start_others(&self) -> Result<Vec<Other>> {
        let mut others = Vec::new();
        for number in 1..self.count {
            others.push(self.start(number)?);
        }
        // On an error the gates are dropped, and so the threads end.
        for other in &mut others {
            other.wait_until_ready()?;
        }
        others.iter().for_each(Other::open_gate);
        Ok(others)
    }

    fn start(&self, number: usize) -> Result<Other> {
        let guest = on_engine!(&self.first, engine => engine.invite());
        let (builder, prepare) = (self.builder.clone(), self.prepare.clone());
        let (gate, opened) = mpsc::channel();
        let (ready, is_ready) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let first = self.first.remote();
        let core = Core { number, builder, prepare, ready, opened };
        let serve = move || {
            let served = catch_unwind(AssertUnwindSafe(|| core.serve(&guest)));
            let served = served.unwrap_or_else(|payload| {
                let cause = Reason::panicked(&*payload).to_string();
                let what = format!("core {number}");
                Err(Error::new(Operation::Run, ErrorKind::Panicked, cause).at(what))
            });
            if served.is_err() {
                let _ = first.stop(); // and with it all the others; it may be gone already
            }
            let report = served.as_ref().copied().unwrap_or_default();
            let _ = end.send(served.map(|_| ()));
            guest.left(report);
        };
        let name = format!("ropewalk-core-{number}");
        let thread = std::thread::Builder::new().name(name).spawn(serve);
        let thread = thread.map_err(|error| start_error("a thread for a core", error))?;
        Ok(Other { thread, gate, is_ready, ended, remote: None })
    }
}

impl fmt::Debug for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cores({} of {:?})", self.count, self.first)
    }
}

/// One of the others, in its own thread.
struct Core {
    number: usize,
    builder: Builder,
    prepare: Vec<Prepare>,
    ready: mpsc::Sender<Remote>,
    opened: mpsc::Receiver<()>,
}

impl Core {
    fn serve(self, guest: &Guest) -> Result<Report> {
        let reactor = self.builder.build()?;
        self.prepare.iter().try_for_each(|prepare| prepare(&reactor, self.number))?;
        on_engine!(&reactor, engine => guest.arrived(engine));
        let _ = self.ready.send(reactor.remote());
        match self.opened.recv() {
            Ok(()) => reactor.run_reporting(),
            Err(_) => Ok(Report::default()), // another one could not start
        }
    }
}

/// The same, as the first one's thread sees it.
struct Other {
    thread: JoinHandle<()>,
    gate: mpsc::Sender<()>,
    is_ready: mpsc::Receiver<Remote>,
    ended: mpsc::Receiver<Result<()>>,
    remote: Option<Remote>,
}

impl Other {
    fn wait_until_ready(&mut self) -> Result<()> {
        match self.is_ready.recv() {
            Ok(remote) => self.remote = Some(remote),
            Err(_) => return self.ended.recv().unwrap_or(Ok(())),
        }
        Ok(())
    }

    fn open_gate(&self) {
        let _ = self.gate.send(()); // it waits there
    }

    /// How it ended. Unless the first one has seen to its end, it is told to stop, and waited
    /// for; else one that did not answer within the grace is left to itself, and the report
    /// counts it as cut.
    fn end(self, is_seen_to: bool) -> Result<()> {
        if let (false, Some(remote)) = (is_seen_to, &self.remote) {
            let _ = remote.stop(); // gone is as good
        }
        let ended = match is_seen_to {
            true => self.ended.try_recv().ok(),
            false => self.ended.recv().ok(),
        };
        ended.map_or(Ok(()), |ended| {
            let _ = self.thread.join(); // it has nothing left to do, and does not panic
            ended
        })
    }
}
