//! A byte string read as a script: what the world does to one connection, what its
//! protocol and its layers do in return. Whatever the script, the contract holds.
//!
//! The machine and the engine are the real ones, over a driver that does what the next
//! bytes say: no socket, no thread, a virtual clock. When the script ends, the world is
//! kind: it takes everything, ends its input, lets time pass; then the connection must
//! come to its end within a bound.
//!
//! Checked: made first and once; end of input at most once, after all bytes, and no data
//! behind it; lost once and last; no call inside another; no data while paused or after
//! a close; bytes whole and in order both ways; every `Full` answered by a resume; no
//! more buffered than the hard limit and one write; timers when due and not after a
//! cancel; an end in order has left nothing behind.

#[path = "actor.rs"]
mod actor;
#[path = "layer.rs"]
mod layer;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actor::Actor;
use layer::TestLayer;
use ropewalk::addr::{Addr, Target};
use ropewalk::clock::{Clock, Time, VirtualClock};
use ropewalk::engine::{Driver, Engine, Entry, Reply, Sent, Wake};
use ropewalk::error::{Error, ErrorKind, Operation};
use ropewalk::limits::{HARD_LIMIT_TIMES_HIGH, LAYERS, Limits};
use ropewalk::options::SocketOptions;
use ropewalk::protocol::{ConnectionId, Factory, Kind, Layers, Net, Out};
use ropewalk::{Flow, Handle, Reason};

/// Turns after the script's end until the connection must be over.
const TURNS_MAX: usize = 5_000;
/// Longer scripts are cut: they find nothing that shorter ones do not.
const SCRIPT_BYTES: usize = 4096;

/// What a run met, so that a campaign can tell whether it met what is rare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Met {
    /// It came so far as `connection_made`.
    pub made: bool,
    /// `pause_writing` was told.
    pub paused: bool,
    /// A `Full` was answered by a resume.
    pub resumed: bool,
    pub eof: bool,
    pub pushed: bool,
    pub timers: bool,
    /// How it ended; `None` if it was never made.
    pub lost: Option<Kind>,
    /// Something was given back, and the connection lived on.
    pub gave_back: bool,
}

/// Runs a script.
///
/// # Panics
/// If the contract is broken, with what happened until then.
pub fn run(script: &[u8]) -> Met {
    let script = &script[..script.len().min(SCRIPT_BYTES)];
    let world = play(script, false);
    if world.wrong.borrow().is_empty() {
        return world.probe.borrow().met;
    }
    let world = play(script, true);
    let (wrong, told) = (world.wrong.borrow().join("; "), world.told.borrow().join("\n"));
    panic!("{wrong}\nscript {script:?}:\n{told}");
}

fn play(script: &[u8], telling: bool) -> Rc<World> {
    let world = Rc::new(World {
        clock: VirtualClock::new(),
        script: RefCell::new(script.iter().copied().collect()),
        kernel: RefCell::new(Kernel { reading: true, ..Kernel::default() }),
        probe: RefCell::default(),
        wrong: RefCell::default(),
        told: RefCell::default(),
        telling,
        turns: Cell::new(0),
        asked_to_end: Cell::new(false),
    });
    let limits = Limits { water_high_bytes: 512, water_low_bytes: 64, ..Limits::default() };
    world.probe.borrow_mut().marks = (limits.water_low_bytes, limits.water_high_bytes);
    let engine = Engine::new(Scripted(world.clone()), limits, None);
    let build = Build(world.clone());
    if world.word() & 3 == 0 {
        world.kernel.borrow_mut().connecting = true;
        engine.connect_with(Target::Addr(Addr::Memory(1)), &SocketOptions::default(), build);
    } else {
        let build = Rc::new(RefCell::new(build));
        let adopted = engine.adopt((), &Addr::Memory(1), build);
        world.check(adopted.is_ok(), "adopted");
    }
    // An attempt to connect begins in the first turn.
    loop {
        if let Err(error) = engine.step() {
            world.check(false, &error.to_string());
        }
        let connecting = world.kernel.borrow().connecting;
        if (engine.connections() == 0 && !connecting) || !world.wrong.borrow().is_empty() {
            break;
        }
    }
    world.check_end();
    world
}

struct World {
    clock: VirtualClock,
    script: RefCell<VecDeque<u8>>,
    kernel: RefCell<Kernel>,
    probe: RefCell<Probe>,
    wrong: RefCell<Vec<String>>,
    told: RefCell<Vec<String>>,
    telling: bool,
    turns: Cell<usize>,
    asked_to_end: Cell<bool>,
}

/// The other side of the wire.
#[derive(Default)]
struct Kernel {
    id: Option<ConnectionId>,
    connecting: bool,
    inbox: VecDeque<u8>,
    /// Bytes that came, those in the inbox included.
    arrived: usize,
    fin: bool,
    reset: bool,
    ended_told: bool,
    reading: bool,
    blocked: bool,
    /// Bytes that were sent.
    taken: usize,
    fin_sent: bool,
}

/// What the protocol saw and asked for.
#[derive(Default)]
struct Probe {
    handle: Option<Handle>,
    depth: usize,
    made: bool,
    eof: bool,
    lost: bool,
    failed: bool,
    got: usize,
    /// Bytes of the call of `data_received` that is going on, and how many were given back.
    given: usize,
    given_back: usize,
    /// Bytes of writes that were taken.
    written: usize,
    write_most: usize,
    high_most: usize,
    marks: (usize, usize),
    owed: bool,
    shut: bool,
    /// `close`, `abort`, from within.
    closing: bool,
    /// An end was asked for through the handle: it comes when it comes.
    end_asked: bool,
    paused: bool,
    timers: [Option<Time>; 4],
    clean_end: bool,
    met: Met,
}

/// The byte at this place, in either direction.
fn byte(at: usize) -> u8 {
    (at % 251) as u8
}

impl World {
    fn next(&self) -> Option<u8> {
        self.script.borrow_mut().pop_front()
    }

    /// The next byte as a number; 0 when the script is over.
    fn word(&self) -> usize {
        self.next().map_or(0, usize::from)
    }

    fn check(&self, holds: bool, rule: &str) {
        if !holds {
            self.tell(|| format!("WRONG: {rule}"));
            self.wrong.borrow_mut().push(rule.to_owned());
        }
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        if self.telling {
            let now = self.clock.now().as_nanos() / 1_000_000;
            self.told.borrow_mut().push(format!("{now:>6} ms  {}", what()));
        }
    }

    fn check_end(&self) {
        let (probe, kernel) = (self.probe.borrow(), self.kernel.borrow());
        self.check(probe.made == probe.lost, "lost once for each made");
        self.check(probe.made || probe.failed, "the factory hears of what was never made");
        if probe.clean_end {
            self.check(kernel.taken == probe.written, "an end in order left bytes unsent");
        }
    }

    /// What must hold whenever the engine waits.
    fn check_at_rest(&self, entry: &Entry<Scripted>) {
        let (probe, kernel) = (self.probe.borrow(), self.kernel.borrow());
        let connection = entry.head.connection.borrow();
        if connection.is_connecting() {
            return;
        }
        let (low, _) = probe.marks;
        let ending = probe.closing || probe.end_asked || kernel.reset || connection.is_over();
        if probe.owed && !ending {
            self.check(connection.buffered() > low, "a `Full` is owed a resume");
        }
        self.check(connection.is_reading() == kernel.reading || kernel.ended_told, "reading told");
        if probe.paused && probe.made && !ending && !connection.is_in_handshake() {
            self.check(!connection.is_reading(), "a paused protocol's driver does not read");
        }
        let bound = probe.high_most.max(512) * HARD_LIMIT_TIMES_HIGH + probe.write_most;
        self.check(connection.buffered() <= bound, "buffered within the hard limit and a write");
    }
}

/// A driver that does what the script says.
struct Scripted(Rc<World>);

struct NoWaiter;

impl Wake for NoWaiter {
    fn wake(&self) {}
}

impl Driver for Scripted {
    type Io = ();
    type Listener = ();
    type Datagrams = std::convert::Infallible;

    fn clock(&self) -> Box<dyn Clock> {
        Box::new(self.0.clock.clone())
    }

    fn waker(&self) -> Arc<dyn Wake> {
        Arc::new(NoWaiter)
    }

    fn turn(&self, engine: &Rc<Engine<Self>>, wait: Option<Duration>) -> io::Result<()> {
        engine.context().forget_now();
        let entry = self.0.kernel.borrow().id.and_then(|id| engine.entry(id));
        let Some(entry) = entry else {
            // Nothing yet, or nothing any more.
            self.0.kernel.borrow_mut().connecting &= engine.connections() > 0;
            return Ok(());
        };
        if wait != Some(Duration::ZERO) {
            self.0.check_at_rest(&entry);
        }
        match self.0.next() {
            Some(op) => self.happen(engine, &entry, op),
            None => self.be_kind(engine, &entry, wait),
        }
        Ok(())
    }

    fn lookup(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn resolve(&self, _: &str, _: u16, _: Reply) -> ropewalk::Result<()> {
        let cause = "there are no names here";
        Err(Error::new(Operation::Resolve, ErrorKind::Unsupported, cause))
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) -> ropewalk::Result<()> {
        work();
        Ok(())
    }

    fn listen(&self, _: u32, _: &Addr, _: &SocketOptions) -> io::Result<((), Addr)> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn accept_now(&self, _: &Rc<Engine<Self>>, _: u32, (): &(), _: usize) {}

    fn connect(&self, id: ConnectionId, _: &Addr, _: &SocketOptions) -> io::Result<()> {
        self.0.kernel.borrow_mut().id = Some(id);
        Ok(())
    }

    fn start(&self, id: ConnectionId, (): &()) -> io::Result<()> {
        self.0.kernel.borrow_mut().id = Some(id);
        Ok(())
    }

    fn send(&self, _: ConnectionId, (): &(), out: &mut Out) -> io::Result<Sent> {
        let word = self.0.word();
        let mut kernel = self.0.kernel.borrow_mut();
        if kernel.reset {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let unsent = out.unsent().len();
        self.0.check(unsent == 0 || !kernel.fin_sent, "bytes after our end");
        // 0 is the commonest: all of it.
        let count = if word & 3 == 0 { unsent } else { unsent.min(word / 4) };
        let taken = kernel.taken;
        let whole = out.unsent()[..count].iter().enumerate();
        self.0.check(whole.clone().all(|(at, got)| *got == byte(taken + at)), "bytes as written");
        kernel.taken += count;
        out.consume(count);
        kernel.blocked = !out.is_empty();
        self.0.tell(|| format!("send {count} of {unsent}"));
        Ok(Sent { bytes: count, blocked: kernel.blocked })
    }

    fn reading(&self, _: ConnectionId, (): &(), on: bool) {
        self.0.tell(|| format!("reading {on}"));
        self.0.kernel.borrow_mut().reading = on;
    }

    fn read_now(&self, engine: &Rc<Engine<Self>>, entry: &Entry<Self>) {
        self.deliver(engine, entry, 0);
    }

    fn unread(&self, _: ConnectionId, (): &()) -> bool {
        !self.0.kernel.borrow().inbox.is_empty()
    }

    fn shutdown_write(&self, _: ConnectionId, (): &()) {
        self.0.tell(|| "our end".into());
        let twice = std::mem::replace(&mut self.0.kernel.borrow_mut().fin_sent, true);
        self.0.check(!twice, "our end, once");
    }

    fn end(&self, _: ConnectionId, (): &(), reset: bool) {
        self.0.tell(|| format!("socket closed, reset: {reset}"));
        self.0.kernel.borrow_mut().connecting = false;
    }

    fn local_addr(&self, (): &()) -> Addr {
        Addr::Memory(0)
    }
}

impl Scripted {
    /// One event of the world.
    fn happen(&self, engine: &Rc<Engine<Self>>, entry: &Entry<Self>, op: u8) {
        let world = &self.0;
        if world.kernel.borrow().connecting {
            return self.connect_or_wait(engine, entry, op);
        }
        let handle = world.probe.borrow().handle.clone();
        match op % 13 {
            0..=3 => {
                let count = world.word();
                self.arrive(count * usize::from(op / 13));
                self.deliver(engine, entry, world.word());
            }
            4 => self.deliver(engine, entry, world.word()),
            5 => {
                world.tell(|| "the peer's end".into());
                world.kernel.borrow_mut().fin = true;
                self.deliver(engine, entry, 0);
            }
            6 => self.reset(engine, entry),
            7 | 8 => self.writable(engine, entry),
            9 => self.pass(engine, Duration::from_millis(world.word() as u64 * 16)),
            10 => {
                if let Some(handle) = handle {
                    world.tell(|| "an event".into());
                    let _ = handle.event(()); // it may be gone
                }
            }
            11 => {
                if let Some(handle) = handle {
                    let data = world.payload(world.word());
                    let flow = handle.write(&data);
                    world.after_write(&data, flow.unwrap_or(Flow::Closed), None);
                }
            }
            _ => {
                if let Some(handle) = handle {
                    self.end_through(&handle, world.word());
                }
            }
        }
    }

    fn connect_or_wait(&self, engine: &Rc<Engine<Self>>, entry: &Entry<Self>, op: u8) {
        let refused = || Err(io::ErrorKind::ConnectionRefused.into());
        if op % 4 == 3 {
            return self.pass(engine, Duration::from_millis(u64::from(op) * 16));
        }
        self.0.tell(|| format!("connected: {}", op % 4 != 2));
        self.0.kernel.borrow_mut().connecting = false;
        engine.on_connected(entry, if op % 4 == 2 { refused() } else { Ok(()) });
    }

    fn arrive(&self, count: usize) {
        let mut kernel = self.0.kernel.borrow_mut();
        if kernel.fin || kernel.reset {
            return;
        }
        let from = kernel.arrived;
        kernel.inbox.extend((from..from + count).map(byte));
        kernel.arrived += count;
    }

    /// Gives the engine what has arrived; at most so many bytes, or all for 0.
    fn deliver(&self, engine: &Rc<Engine<Self>>, entry: &Entry<Self>, most: usize) {
        let mut kernel = self.0.kernel.borrow_mut();
        if !kernel.reading || !entry.head.connection.borrow().is_reading() {
            return;
        }
        let waiting = kernel.inbox.len();
        if waiting > 0 {
            let count = if most == 0 { waiting } else { waiting.min(most) };
            let data: Vec<u8> = kernel.inbox.drain(..count).collect();
            drop(kernel);
            self.0.tell(|| format!("{count} B arrive"));
            return engine.on_data(entry, &data);
        }
        if kernel.ended_told || !(kernel.reset || kernel.fin) {
            return;
        }
        kernel.ended_told = true;
        let reset = kernel.reset;
        drop(kernel);
        self.0.tell(|| format!("the end of input is read, reset: {reset}"));
        if reset {
            engine.on_error(entry, io::ErrorKind::ConnectionReset.into());
        } else {
            engine.on_eof(entry);
        }
    }

    fn reset(&self, engine: &Rc<Engine<Self>>, entry: &Entry<Self>) {
        self.0.tell(|| "the peer resets".into());
        if std::mem::replace(&mut self.0.kernel.borrow_mut().reset, true) {
            return;
        }
        if entry.head.connection.borrow().is_reading() {
            return self.deliver(engine, entry, 0);
        }
        engine.on_broken(entry, io::ErrorKind::ConnectionReset.into());
    }

    fn writable(&self, engine: &Rc<Engine<Self>>, entry: &Entry<Self>) {
        if std::mem::take(&mut self.0.kernel.borrow_mut().blocked) {
            self.0.tell(|| "writable".into());
            engine.on_writable(entry);
        }
    }

    fn pass(&self, engine: &Rc<Engine<Self>>, time: Duration) {
        self.0.clock.advance(time);
        engine.context().forget_now();
    }

    fn end_through(&self, handle: &Handle, how: usize) {
        self.0.tell(|| format!("an end through the handle: {how}"));
        self.0.probe.borrow_mut().end_asked = true;
        // It may be gone; then there is nothing to end.
        let _ = match how % 4 {
            0 => handle.abort(),
            1 | 2 => handle.close(),
            _ => handle.shutdown_write(),
        };
    }

    /// The script is over: everything is taken, delivered, ended; then time passes.
    fn be_kind(&self, engine: &Rc<Engine<Self>>, entry: &Entry<Self>, wait: Option<Duration>) {
        let world = &self.0;
        world.turns.set(world.turns.get() + 1);
        if world.turns.get() > TURNS_MAX {
            return world.check(false, "it never ends");
        }
        if world.kernel.borrow().connecting {
            return self.connect_or_wait(engine, entry, 0);
        }
        let (blocked, deliverable) = {
            let mut kernel = world.kernel.borrow_mut();
            kernel.fin = true;
            let left = !kernel.inbox.is_empty() || !kernel.ended_told;
            let reads = kernel.reading && entry.head.connection.borrow().is_reading();
            (kernel.blocked, left && reads)
        };
        if blocked {
            self.writable(engine, entry);
        } else if deliverable {
            self.deliver(engine, entry, 0);
        } else if let Some(wait) = wait {
            self.pass(engine, wait);
        } else if !world.asked_to_end.replace(true) {
            world.tell(|| "nothing would happen any more: resume and close".into());
            let mut probe = world.probe.borrow_mut();
            (probe.end_asked, probe.paused) = (true, false);
            if let Some(handle) = &probe.handle {
                let _ = handle.resume_reading(); // gone, it needs neither
                let _ = handle.close();
            }
        } else {
            world.check(false, "a closed connection waits for nothing");
        }
    }
}

struct Build(Rc<World>);

impl Factory for Build {
    type Protocol = Actor;

    fn build(&mut self, _: &Addr) -> Option<Actor> {
        self.0.check(!self.0.probe.borrow().made, "built once");
        let refuse = self.0.word() % 32 == 31;
        (!refuse).then(|| Actor(self.0.clone()))
    }

    fn stack(&mut self, layers: &mut Layers) {
        let word = self.0.word();
        let count = if word == usize::from(u8::MAX) { LAYERS } else { word % 4 };
        for _ in 0..count {
            layers.push(TestLayer::new(self.0.word()));
        }
    }

    fn failed(&mut self, _: &dyn Net, why: &Reason) {
        self.0.tell(|| format!("failed: {why}"));
        let mut probe = self.0.probe.borrow_mut();
        self.0.check(!probe.made, "failed is for what was never made");
        self.0.check(!std::mem::replace(&mut probe.failed, true), "failed once");
    }
}

impl World {
    fn payload(&self, words: usize) -> Vec<u8> {
        let from = self.probe.borrow().written;
        (from..from + words * 4).map(byte).collect()
    }

    fn after_write(&self, data: &[u8], flow: Flow, buffered: Option<usize>) {
        self.tell(|| format!("write {} B: {flow:?}", data.len()));
        let mut probe = self.probe.borrow_mut();
        if flow == Flow::Closed {
            return;
        }
        self.check(!probe.shut && !probe.closing, "a write after the end answers `Closed`");
        probe.written += data.len();
        probe.write_most = probe.write_most.max(data.len());
        probe.owed |= flow == Flow::Full;
        if let Some(buffered) = buffered {
            let is_over = buffered > probe.marks.1;
            self.check(is_over == (flow == Flow::Full), "`Full` is: more than the high mark");
        }
    }
}
