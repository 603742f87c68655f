//! Datagrams in memory: sockets by number, what is under way to them, and their windows.
//! Owns: who is bound where, and which datagram arrives when. Never: loses, repeats or
//! reorders one; the weather may only delay it.
//!
//! A sender waits while its receiver's window is full, as on a Unix socket. To a number
//! that nobody has a datagram vanishes; if the sender is connected to it, it hears so.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::rc::Rc;

use super::{Simulated, State, What, World};
use crate::addr::Addr;
use crate::clock::{Clock, Time};
use crate::engine::{DatagramEntry, Engine};
use crate::limits;

/// Every datagram socket of the network.
#[derive(Default)]
pub(super) struct Grams {
    sockets: BTreeMap<u64, Socket>,
    /// Datagrams under way, by the event that brings them.
    parcels: BTreeMap<u64, (u64, Vec<u8>)>,
    next_parcel: u64,
    next_own: u64,
}

struct Socket {
    /// The engine's number; none for one that is not started, or in a test's own hands.
    number: Option<u32>,
    peer: Option<u64>,
    inbox: VecDeque<(u64, Vec<u8>)>,
    /// What the inbox and the parcels to it take of its window.
    held: usize,
    last_arrival: Time,
    /// Who waits for room in it.
    waiting: Vec<u64>,
}

/// What happens to a socket, by its number in the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    Arrive(u64, u64),
    Refused(u64),
    Readable(u64),
    Writable(u64),
}

/// A datagram socket in memory.
pub struct SimulatedDatagrams {
    world: Rc<World>,
    own: u64,
}

/// The numbers of sockets that were not bound to one begin here.
const FIRST_OWN: u64 = 1 << 32;

impl Simulated {
    pub(super) fn bind_memory(&self, at: &Addr) -> io::Result<(SimulatedDatagrams, Addr)> {
        let Addr::Memory(own) = *at else { return Err(io::ErrorKind::Unsupported.into()) };
        self.open_memory(own, None)
    }

    pub(super) fn connect_memory(&self, to: &Addr) -> io::Result<(SimulatedDatagrams, Addr)> {
        let Addr::Memory(peer) = *to else { return Err(io::ErrorKind::Unsupported.into()) };
        let own = {
            let grams = &mut self.0.state.borrow_mut().grams;
            grams.next_own += 1;
            FIRST_OWN + grams.next_own
        };
        self.open_memory(own, Some(peer))
    }

    fn open_memory(&self, own: u64, peer: Option<u64>) -> io::Result<(SimulatedDatagrams, Addr)> {
        let sockets = &mut self.0.state.borrow_mut().grams.sockets;
        if sockets.contains_key(&own) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let socket = Socket {
            number: None,
            peer,
            inbox: VecDeque::new(),
            held: 0,
            last_arrival: Time::ZERO,
            waiting: Vec::new(),
        };
        sockets.insert(own, socket);
        Ok((SimulatedDatagrams { world: self.0.clone(), own }, Addr::Memory(own)))
    }
}

impl SimulatedDatagrams {
    pub(super) fn start(&self, number: u32) {
        let mut state = self.world.state.borrow_mut();
        if let Some(socket) = state.grams.sockets.get_mut(&self.own) {
            socket.number = Some(number);
        }
        state.tell_datagrams(self.world.clock.now(), Event::Readable(self.own));
    }

    /// Sends, unless the receiver's window is full.
    pub(crate) fn send(&self, data: &[u8], to: Option<&Addr>) -> io::Result<bool> {
        if data.len() > limits::DATAGRAM_BYTES {
            let cause = format!("a datagram carries at most {} bytes", limits::DATAGRAM_BYTES);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, cause));
        }
        let mut state = self.world.state.borrow_mut();
        let own_peer = state.grams.sockets.get(&self.own).and_then(|socket| socket.peer);
        let to = match to {
            Some(Addr::Memory(to)) => *to,
            Some(_) => return Err(io::ErrorKind::Unsupported.into()),
            None => own_peer.ok_or(io::ErrorKind::NotConnected)?,
        };
        Ok(state.send_datagram(self.own, to, own_peer == Some(to), data, self.world.clock.now()))
    }

    /// What has arrived first, for a test's own hands.
    pub(crate) fn take(&self) -> Option<(Vec<u8>, Addr)> {
        let mut state = self.world.state.borrow_mut();
        let (from, data) = state.take_datagram(self.own, self.world.clock.now())?;
        Some((data, Addr::Memory(from)))
    }
}

impl State {
    fn tell_datagrams(&mut self, at: Time, event: Event) {
        self.schedule(at, What::Datagram(event));
    }

    /// False if the receiver has no room.
    fn send_datagram(
        &mut self,
        from: u64,
        to: u64,
        connected: bool,
        data: &[u8],
        now: Time,
    ) -> bool {
        let window = self.weather.window_bytes;
        let receiver = self.grams.sockets.get_mut(&to);
        // A socket that is connected hears its peer alone.
        let Some(receiver) = receiver.filter(|socket| socket.peer.is_none_or(|p| p == from)) else {
            if connected {
                self.tell_datagrams(now, Event::Refused(from));
            }
            return true;
        };
        if receiver.held > 0 && receiver.held + weight(data) > window {
            if !receiver.waiting.contains(&from) {
                receiver.waiting.push(from);
            }
            return false;
        }
        receiver.held += weight(data);
        let most = self.weather.delay_max.as_nanos() as u64;
        let delay = std::time::Duration::from_nanos(self.random.below(most + 1));
        let at = (now + delay).max(receiver.last_arrival);
        receiver.last_arrival = at;
        let parcel = self.grams.next_parcel;
        self.grams.next_parcel += 1;
        self.grams.parcels.insert(parcel, (from, data.to_vec()));
        self.tell_datagrams(at, Event::Arrive(to, parcel));
        true
    }

    /// Takes what has arrived first; whoever waits for room hears.
    fn take_datagram(&mut self, at: u64, now: Time) -> Option<(u64, Vec<u8>)> {
        let socket = self.grams.sockets.get_mut(&at)?;
        let (from, data) = socket.inbox.pop_front()?;
        socket.held -= weight(&data);
        for waiting in std::mem::take(&mut socket.waiting) {
            self.tell_datagrams(now, Event::Writable(waiting));
        }
        Some((from, data))
    }
}

impl World {
    fn datagram_entry(
        &self,
        engine: &Engine<Simulated>,
        at: u64,
    ) -> Option<Rc<DatagramEntry<Simulated>>> {
        let number = self.state.borrow().grams.sockets.get(&at)?.number?;
        engine.datagrams(number)
    }

    pub(super) fn datagram_event(&self, engine: &Rc<Engine<Simulated>>, event: Event) {
        match event {
            Event::Arrive(to, parcel) => {
                let mut state = self.state.borrow_mut();
                let arrived = state.grams.parcels.remove(&parcel);
                if let (Some(socket), Some(arrived)) = (state.grams.sockets.get_mut(&to), arrived) {
                    socket.inbox.push_back(arrived);
                }
                drop(state);
                self.read_datagram(engine, to);
            }
            Event::Readable(at) => self.read_datagram(engine, at),
            Event::Refused(at) => {
                if let Some(entry) = self.datagram_entry(engine, at) {
                    engine.on_datagram_error(&entry, io::ErrorKind::ConnectionRefused.into());
                }
            }
            Event::Writable(at) => {
                if let Some(entry) = self.datagram_entry(engine, at) {
                    engine.on_datagrams_writable(&entry);
                }
            }
        }
    }

    /// Gives a socket what arrived first; what is left has an event of its own.
    fn read_datagram(&self, engine: &Rc<Engine<Simulated>>, at: u64) {
        let Some(entry) = self.datagram_entry(engine, at) else { return };
        if self.report_datagram(engine, &entry) {
            let now = self.clock.now();
            self.state.borrow_mut().tell_datagrams(now, Event::Readable(at));
        }
    }

    /// Answers whether there was one.
    fn report_datagram(
        &self,
        engine: &Rc<Engine<Simulated>>,
        entry: &DatagramEntry<Simulated>,
    ) -> bool {
        if !entry.is_reading() {
            return false;
        }
        let taken = self.state.borrow_mut().take_datagram(entry.io.own, self.clock.now());
        let Some((from, data)) = taken else { return false };
        let most = entry.max_datagram().min(data.len());
        engine.on_datagram(entry, &data[..most], &Addr::Memory(from), most < data.len());
        true
    }

    pub(super) fn read_all_datagrams(
        &self,
        engine: &Rc<Engine<Simulated>>,
        entry: &DatagramEntry<Simulated>,
    ) {
        for _ in 0..limits::TURN_DATAGRAMS {
            if !self.report_datagram(engine, entry) {
                return;
            }
        }
    }
}

impl Drop for SimulatedDatagrams {
    fn drop(&mut self) {
        let mut state = self.world.state.borrow_mut();
        let socket = state.grams.sockets.remove(&self.own);
        let now = self.world.clock.now();
        for waiting in socket.map(|socket| socket.waiting).unwrap_or_default() {
            state.tell_datagrams(now, Event::Writable(waiting));
        }
    }
}

impl std::fmt::Debug for SimulatedDatagrams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SimulatedDatagrams({})", self.own)
    }
}

/// What a datagram takes of a window; an empty one takes room, too.
fn weight(data: &[u8]) -> usize {
    data.len().max(1)
}
