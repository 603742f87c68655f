//! A network in memory: a queue of events in virtual time, decided by one seed.
//!
//! Owns: links, their windows, what is under way on them, and the order of events.
//! Never: holds a rule of a connection's life; the engine above it is the real one.
//!
//! One turn is one event. Bytes are split, merged, delayed and taken in parts as the
//! seed decides; their order is kept. A close with unread input resets the peer, as the
//! kernel's does. With [`Weather::calm`] nothing is split and nothing takes time.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

mod datagrams;
mod outside;
mod places;

pub use datagrams::SimulatedDatagrams;
pub use places::Reach;

use super::weather::{Random, Weather};
use super::{file, settings};
use crate::addr::Addr;
use crate::clock::{Clock, Time, VirtualClock};
use crate::engine::{DatagramEntry, Driver, Engine, Entry, Files, Reply, Sent, Wake};
use crate::error::Result;
use crate::limits;
use crate::options::SocketOptions;
use crate::protocol::{ConnectionId, Out};

/// The simulated driver. Clones are the same network.
#[derive(Clone)]
pub struct Simulated(Rc<World>);

struct World {
    clock: VirtualClock,
    state: RefCell<State>,
    woken: Arc<Bell>,
    /// Events handled so far.
    events: Cell<u64>,
}

struct State {
    random: Random,
    weather: Weather,
    queue: BinaryHeap<Reverse<(Time, u64, What)>>,
    sequence: u64,
    ends: Vec<End>,
    places: places::Places,
    /// Bytes under way, by the event that brings them.
    parcels: BTreeMap<u64, Vec<u8>>,
    grams: datagrams::Grams,
}

/// One end of a link; its peer is the other number of the pair.
struct End {
    owner: Owner,
    inbox: VecDeque<u8>,
    /// Bytes under way to it.
    coming: usize,
    /// The last instant at which something for it arrives: order is kept.
    last_arrival: Time,
    fin: bool,
    reset: bool,
    /// It told its connection of the end already.
    told: bool,
    /// Its owner waits for room at the peer.
    blocked: bool,
    fin_sent: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Nobody,
    /// On its way to a listener, or accepted and not started.
    Listener,
    Connection(ConnectionId),
    Outside,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Accept(u32, usize),
    Connected(usize, bool),
    Answer(u64),
    Arrive(usize, u64),
    Fin(usize),
    Reset(usize),
    Readable(usize),
    Writable(usize),
    Datagram(datagrams::Event),
}

/// A connection's end of a link.
pub struct SimulatedIo {
    world: Rc<World>,
    end: usize,
}

/// A listening number.
pub struct SimulatedListener {
    world: Rc<World>,
    at: Addr,
}

impl Simulated {
    /// A network whose chances come from this seed.
    pub fn new(seed: u64, weather: Weather) -> Simulated {
        Simulated(Rc::new(World {
            clock: VirtualClock::new(),
            state: RefCell::new(State {
                random: Random(seed),
                weather,
                queue: BinaryHeap::new(),
                sequence: 0,
                ends: Vec::new(),
                places: places::Places::default(),
                parcels: BTreeMap::new(),
                grams: datagrams::Grams::default(),
            }),
            woken: Arc::new(Bell(AtomicBool::new(false))),
            events: Cell::new(0),
        }))
    }

    /// The network's time; a test may step its wall clock.
    pub fn clock(&self) -> &VirtualClock {
        &self.0.clock
    }

    /// Events handled so far.
    pub fn events(&self) -> u64 {
        self.0.events.get()
    }

    /// Whether nothing is under way.
    pub fn is_quiet(&self) -> bool {
        self.0.state.borrow().queue.is_empty()
    }
}

impl State {
    fn link(&mut self) -> usize {
        let first = self.ends.len();
        self.ends.extend([End::default(), End::default()]);
        first
    }

    fn schedule(&mut self, at: Time, what: What) -> u64 {
        let sequence = self.sequence;
        self.sequence += 1;
        self.queue.push(Reverse((at, sequence, what)));
        sequence
    }

    /// When something sent now arrives: after what was sent before it.
    fn arrival(&mut self, to: usize, now: Time) -> Time {
        let most = self.weather.delay_max.as_nanos() as u64;
        let delay = Duration::from_nanos(self.random.below(most + 1));
        let at = (now + delay).max(self.ends[to].last_arrival);
        self.ends[to].last_arrival = at;
        at
    }

    fn ship(&mut self, to: usize, data: Vec<u8>, now: Time) {
        if data.is_empty() {
            return;
        }
        self.ends[to].coming += data.len();
        let at = self.arrival(to, now);
        let parcel = self.sequence;
        self.parcels.insert(parcel, data);
        self.schedule(at, What::Arrive(to, parcel));
    }

    fn fin(&mut self, from: usize, now: Time) {
        if !std::mem::replace(&mut self.ends[from].fin_sent, true) {
            let at = self.arrival(from ^ 1, now);
            self.schedule(at, What::Fin(from ^ 1));
        }
    }

    /// The owner lets go. Unread input makes a reset of it, as in the kernel.
    fn close(&mut self, end: usize, reset: bool, now: Time) {
        let unread = !self.ends[end].inbox.is_empty();
        self.ends[end].owner = Owner::Nobody;
        self.ends[end].inbox.clear();
        if reset || unread {
            let at = self.arrival(end ^ 1, now);
            self.schedule(at, What::Reset(end ^ 1));
        } else {
            self.fin(end, now);
        }
    }

    fn room(&self, to: usize) -> usize {
        let end = &self.ends[to];
        self.weather.window_bytes.saturating_sub(end.inbox.len() + end.coming)
    }

    /// The owner of `end` took bytes: whoever waits for room hears.
    fn make_room(&mut self, end: usize, now: Time) {
        if self.ends[end ^ 1].blocked && self.room(end) > 0 {
            self.ends[end ^ 1].blocked = false;
            let at = self.arrival(end ^ 1, now);
            self.schedule(at, What::Writable(end ^ 1));
        }
    }

    /// How many of `most` go at once.
    fn part(&mut self, most: usize) -> usize {
        if self.weather.splits && most > 1 && self.random.below(4) != 0 {
            1 + self.random.below(most as u64) as usize
        } else {
            most
        }
    }
}

impl World {
    fn connection_at(
        &self,
        engine: &Rc<Engine<Simulated>>,
        end: usize,
    ) -> Option<Rc<Entry<Simulated>>> {
        let owner = self.state.borrow().ends[end].owner;
        match owner {
            Owner::Connection(id) => engine.entry(id),
            _ => None,
        }
    }

    fn handle(self: &Rc<Self>, engine: &Rc<Engine<Simulated>>, what: What) {
        match what {
            What::Accept(listener, end) => {
                let io = SimulatedIo { world: self.clone(), end };
                engine.on_accepted(listener, io, &Addr::Memory((end ^ 1) as u64));
            }
            What::Connected(end, accepted) => {
                let refused = || Err(io::ErrorKind::ConnectionRefused.into());
                if let Some(entry) = self.connection_at(engine, end) {
                    engine.on_connected(&entry, if accepted { Ok(()) } else { refused() });
                }
            }
            What::Answer(key) => self.answer(key),
            What::Arrive(end, parcel) => self.arrive(engine, end, parcel),
            What::Fin(end) => {
                self.state.borrow_mut().ends[end].fin = true;
                self.read(engine, end);
            }
            What::Reset(end) => self.reset(engine, end),
            What::Readable(end) => self.read(engine, end),
            What::Datagram(event) => self.datagram_event(engine, event),
            What::Writable(end) => {
                if let Some(entry) = self.connection_at(engine, end) {
                    engine.on_writable(&entry);
                }
            }
        }
    }

    fn arrive(self: &Rc<Self>, engine: &Rc<Engine<Simulated>>, end: usize, parcel: u64) {
        let mut state = self.state.borrow_mut();
        let data = state.parcels.remove(&parcel).unwrap_or_default();
        let now = self.clock.now();
        state.ends[end].coming -= data.len();
        match state.ends[end].owner {
            // Bytes for somebody who has gone are answered with a reset.
            Owner::Nobody => {
                let at = state.arrival(end ^ 1, now);
                state.schedule(at, What::Reset(end ^ 1));
            }
            _ => state.ends[end].inbox.extend(data),
        }
        drop(state);
        self.read(engine, end);
    }

    fn reset(self: &Rc<Self>, engine: &Rc<Engine<Simulated>>, end: usize) {
        let owned = {
            let mut state = self.state.borrow_mut();
            let end = &mut state.ends[end];
            !std::mem::replace(&mut end.reset, true) && end.owner != Owner::Nobody
        };
        let entry = self.connection_at(engine, end).filter(|_| owned);
        if let Some(entry) = entry {
            if entry.head.connection.borrow().is_reading() {
                self.read(engine, end);
            } else {
                engine.on_broken(&entry, io::ErrorKind::ConnectionReset.into());
            }
        }
    }

    /// Gives the connection what has arrived: a part of it, and the rest in a later event.
    fn read(self: &Rc<Self>, engine: &Rc<Engine<Simulated>>, end: usize) {
        let Some(entry) = self.connection_at(engine, end) else { return };
        if !entry.head.connection.borrow().is_reading() {
            return;
        }
        let mut state = self.state.borrow_mut();
        let now = self.clock.now();
        let waiting = state.ends[end].inbox.len().min(limits::READ_BUFFER_BYTES);
        if waiting > 0 {
            let count = state.part(waiting);
            let data: Vec<u8> = state.ends[end].inbox.drain(..count).collect();
            state.make_room(end, now);
            let left = &state.ends[end];
            if !left.inbox.is_empty() || left.fin || left.reset {
                state.schedule(now, What::Readable(end));
            }
            drop(state);
            return engine.on_data(&entry, &data);
        }
        let (fin, reset) = (state.ends[end].fin, state.ends[end].reset);
        if state.ends[end].told {
            return;
        }
        if reset {
            state.ends[end].told = true;
            drop(state);
            engine.on_error(&entry, io::ErrorKind::ConnectionReset.into());
        } else if fin {
            state.ends[end].told = true;
            drop(state);
            engine.on_eof(&entry);
        }
    }
}

impl Driver for Simulated {
    type Io = SimulatedIo;
    type Listener = SimulatedListener;
    type Datagrams = SimulatedDatagrams;

    fn clock(&self) -> Box<dyn Clock> {
        Box::new(self.0.clock.clone())
    }

    fn waker(&self) -> Arc<dyn Wake> {
        self.0.woken.clone()
    }

    fn turn(&self, engine: &Rc<Engine<Self>>, wait: Option<Duration>) -> io::Result<()> {
        let world = &self.0;
        let now = world.clock.now();
        let first = world.state.borrow().queue.peek().map(|Reverse((at, ..))| *at);
        let until = wait.map(|wait| now + wait);
        let woken = world.woken.0.swap(false, Ordering::AcqRel);
        match (first, until) {
            // Somebody else's turn comes first: a timer, or what callbacks asked for.
            (first, Some(until)) if first.is_none_or(|first| first > until) => {
                world.clock.advance_to(until);
            }
            (Some(first), _) => {
                world.clock.advance_to(first);
                let event = world.state.borrow_mut().queue.pop();
                world.events.set(world.events.get() + 1);
                engine.context().forget_now();
                if let Some(Reverse((_, _, what))) = event {
                    world.handle(engine, what);
                }
            }
            (None, _) if woken => {}
            (None, _) => {
                return Err(io::Error::other("nothing is left that could happen, for ever"));
            }
        }
        Ok(())
    }

    fn lookup(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn resolve(&self, host: &str, port: u16, reply: Reply) -> crate::error::Result<()> {
        self.look_up(host, port, reply);
        Ok(())
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) -> Result<()> {
        work(); // no other thread, so that a seed replays; the loop hears of it a turn later
        Ok(())
    }

    fn listen(
        &self,
        number: u32,
        at: &Addr,
        _: &SocketOptions,
    ) -> io::Result<(SimulatedListener, Addr)> {
        self.listen_at(number, at)
    }

    fn accept_now(
        &self,
        engine: &Rc<Engine<Self>>,
        number: u32,
        _: &SimulatedListener,
        most: usize,
    ) {
        for _ in 0..most {
            let mut state = self.0.state.borrow_mut();
            let mut queue: Vec<_> = std::mem::take(&mut state.queue).into_vec();
            let found = queue.iter().position(|Reverse((_, _, what))| {
                matches!(what, What::Accept(listener, _) if *listener == number)
            });
            let event = found.map(|index| queue.swap_remove(index));
            state.queue = queue.into();
            drop(state);
            match event {
                Some(Reverse((_, _, what))) => self.0.handle(engine, what),
                None => return,
            }
        }
    }

    fn connect(&self, id: ConnectionId, to: &Addr, _: &SocketOptions) -> io::Result<SimulatedIo> {
        self.connect_to(id, to)
    }

    fn start(&self, id: ConnectionId, io: &SimulatedIo) -> io::Result<()> {
        let mut state = self.0.state.borrow_mut();
        state.ends[io.end].owner = Owner::Connection(id);
        let now = self.0.clock.now();
        state.schedule(now, What::Readable(io.end));
        Ok(())
    }

    fn send(&self, _: ConnectionId, io: &SimulatedIo, out: &mut Out) -> io::Result<Sent> {
        let mut state = self.0.state.borrow_mut();
        let (end, peer) = (io.end, io.end ^ 1);
        if state.ends[end].reset {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let most = out.unsent().len().min(state.room(peer));
        let count = state.part(most);
        let data = out.unsent()[..count].to_vec();
        out.consume(count);
        state.ship(peer, data, self.0.clock.now());
        let blocked = !out.is_empty();
        if blocked {
            state.ends[end].blocked = true;
            // It was the chance that cut it short, not the window: room is there already.
            state.make_room(peer, self.0.clock.now());
        }
        Ok(Sent { bytes: count, blocked })
    }

    fn reading(&self, _: ConnectionId, io: &SimulatedIo, on: bool) {
        if on {
            let now = self.0.clock.now();
            self.0.state.borrow_mut().schedule(now, What::Readable(io.end));
        }
    }

    fn read_now(&self, engine: &Rc<Engine<Self>>, entry: &Entry<Self>) {
        let end = entry.head.io.end;
        loop {
            let before = self.0.state.borrow().ends[end].inbox.len();
            if before == 0 || !entry.head.connection.borrow().is_reading() {
                return;
            }
            self.0.read(engine, end);
        }
    }

    fn unread(&self, _: ConnectionId, io: &SimulatedIo) -> bool {
        !self.0.state.borrow().ends[io.end].inbox.is_empty()
    }

    fn shutdown_write(&self, _: ConnectionId, io: &SimulatedIo) {
        self.0.state.borrow_mut().fin(io.end, self.0.clock.now());
    }

    fn end(&self, _: ConnectionId, io: &SimulatedIo, reset: bool) {
        if reset {
            io.release(true);
        }
    }

    fn local_addr(&self, io: &SimulatedIo) -> Addr {
        Addr::Memory(io.end as u64)
    }

    fn tune(&self, _: &SimulatedIo, options: &SocketOptions) -> io::Result<()> {
        settings::check(options)
    }

    fn files(&self) -> &'static dyn Files {
        &file::Disk
    }

    fn bind_datagrams(
        &self,
        at: &Addr,
        _: &SocketOptions,
    ) -> io::Result<(SimulatedDatagrams, Addr)> {
        self.bind_memory(at)
    }

    fn connect_datagrams(
        &self,
        to: &Addr,
        _: &SocketOptions,
    ) -> io::Result<(SimulatedDatagrams, Addr)> {
        self.connect_memory(to)
    }

    fn start_datagrams(&self, number: u32, io: &SimulatedDatagrams) -> io::Result<()> {
        io.start(number);
        Ok(())
    }

    fn send_datagram(
        &self,
        _: u32,
        io: &SimulatedDatagrams,
        data: &[u8],
        to: Option<&Addr>,
    ) -> io::Result<bool> {
        io.send(data, to)
    }

    fn read_datagrams_now(&self, engine: &Rc<Engine<Self>>, entry: &DatagramEntry<Self>) {
        self.0.read_all_datagrams(engine, entry);
    }
}

impl SimulatedIo {
    fn release(&self, reset: bool) {
        let now = self.world.clock.now();
        let mut state = self.world.state.borrow_mut();
        if state.ends[self.end].owner != Owner::Nobody {
            state.close(self.end, reset, now);
        }
    }
}

impl Drop for SimulatedIo {
    fn drop(&mut self) {
        self.release(false);
    }
}

impl Default for End {
    fn default() -> End {
        End {
            owner: Owner::Nobody,
            inbox: VecDeque::new(),
            coming: 0,
            last_arrival: Time::ZERO,
            fin: false,
            reset: false,
            told: false,
            blocked: false,
            fin_sent: false,
        }
    }
}

struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl std::fmt::Debug for Simulated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Simulated({} events)", self.events())
    }
}
