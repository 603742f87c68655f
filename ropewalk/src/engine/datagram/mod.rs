//! Datagram sockets: the table of them, what their driver reports, and every entry into a
//! datagram protocol.
//! Owns: the life of a datagram socket. Never: binds, sends or receives; the driver does.
//!
//! Like a connection's, its callbacks are entered from the bottom of the stack only: what
//! a callback did is settled when it has returned.

mod open;
mod port;
mod state;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::Engine;
use super::Task;
use super::driver::Driver;
use crate::addr::Addr;
use crate::connection::drop_guarded;
use crate::error::{Error, ErrorKind, Operation};
use crate::limits;
use crate::protocol::{
    ConnectionId, DatagramProtocol, Deadline, HandleError, Kind, Mailbox, Net, Reason, Request,
    Timer,
};
use port::Port;
use state::{Handed, State};

/// The slot of every datagram socket's id: one that no table of connections reaches.
pub const DATAGRAM_SLOT: u32 = u32::MAX - 1;

/// The datagram sockets of an engine, by number; a number is not used again.
pub(super) struct Datagrams<D: Driver> {
    entries: RefCell<BTreeMap<u32, Rc<DatagramEntry<D>>>>,
    next: Cell<u32>,
}

/// One datagram socket in the table.
pub struct DatagramEntry<D: Driver> {
    id: ConnectionId,
    /// Its socket.
    pub io: D::Datagrams,
    local: Addr,
    peer: Option<Addr>,
    state: RefCell<State>,
    /// Empty once it is lost.
    seat: RefCell<Option<Box<dyn DatagramProtocol>>>,
}

impl<D: Driver> DatagramEntry<D> {
    /// Its number, which is what a driver's token says.
    pub fn number(&self) -> u32 {
        self.id.generation
    }

    /// The one peer, if it is connected.
    pub fn peer(&self) -> Option<&Addr> {
        self.peer.as_ref()
    }

    /// Whether it receives.
    pub fn is_reading(&self) -> bool {
        self.state.borrow().is_reading()
    }

    /// Whether it waits for the kernel's word that there is room.
    pub fn waits_to_write(&self) -> bool {
        let state = self.state.borrow();
        state.is_blocked() && !self.must_retry()
    }

    /// The most that is received of one datagram.
    pub fn max_datagram(&self) -> usize {
        self.state.borrow().max_datagram
    }

    /// No kernel tells an unconnected Unix socket that some receiver has room again.
    pub(super) fn must_retry(&self) -> bool {
        self.peer.is_none() && matches!(self.local, Addr::Unix(_))
    }
}

impl<D: Driver> Engine<D> {
    /// How many datagram sockets there are.
    pub fn datagram_sockets(&self) -> usize {
        self.datagrams.entries.borrow().len()
    }

    /// The datagram socket of this number, if it lives.
    pub fn datagrams(&self, number: u32) -> Option<Rc<DatagramEntry<D>>> {
        self.datagrams.entries.borrow().get(&number).cloned()
    }

    fn datagrams_of(&self, id: ConnectionId) -> Option<Rc<DatagramEntry<D>>> {
        (id.slot == DATAGRAM_SLOT).then(|| self.datagrams(id.generation)).flatten()
    }

    pub(super) fn datagram_ids(&self) -> Vec<ConnectionId> {
        self.datagrams.entries.borrow().values().map(|entry| entry.id).collect()
    }

    // What the driver reports.

    /// A datagram came; `truncated`: a part of it.
    pub fn on_datagram(
        self: &Rc<Self>,
        entry: &DatagramEntry<D>,
        data: &[u8],
        from: &Addr,
        truncated: bool,
    ) {
        self.datagram_callback(entry, |protocol, port| {
            protocol.datagram_received(port, data, from, truncated);
        });
        self.settle_datagrams(entry);
    }

    /// Receiving failed: somebody answered an earlier datagram with an error.
    pub fn on_datagram_error(self: &Rc<Self>, entry: &DatagramEntry<D>, error: io::Error) {
        entry.state.borrow_mut().tell(entry.peer.clone(), error);
        self.settle_datagrams(entry);
    }

    /// The kernel has room again.
    pub fn on_datagrams_writable(self: &Rc<Self>, entry: &DatagramEntry<D>) {
        self.flush_datagrams(entry);
        self.settle_datagrams(entry);
    }

    // Into the protocol.

    fn datagram_callback(
        self: &Rc<Self>,
        entry: &DatagramEntry<D>,
        call: impl FnOnce(&mut dyn DatagramProtocol, &mut Port<'_, D>),
    ) {
        let mut port = Port { engine: self, entry };
        let called = catch_unwind(AssertUnwindSafe(|| {
            if let Some(protocol) = &mut *entry.seat.borrow_mut() {
                call(&mut **protocol, &mut port);
            }
        }));
        if let Err(payload) = called {
            entry.state.borrow_mut().fail(Reason::panicked(&*payload));
        }
    }

    /// The protocol hears that its socket is open; then it receives.
    pub(super) fn make_datagrams(self: &Rc<Self>, number: u32) {
        let Some(entry) = self.datagrams(number) else { return };
        entry.state.borrow_mut().made();
        self.datagram_callback(&entry, |protocol, port| protocol.connection_made(port));
        if entry.is_reading() {
            if let Err(error) = self.driver.start_datagrams(number, &entry.io) {
                entry.state.borrow_mut().fail(Reason::io(error));
            }
        }
        self.settle_datagrams(&entry);
    }

    /// A named timer of a socket came due.
    fn datagram_timer(self: &Rc<Self>, number: u32, timer: Timer) {
        let Some(entry) = self.datagrams(number) else { return };
        entry.state.borrow_mut().timer_fired(timer);
        // As with a connection's: who closes hears no more timers and events.
        if !entry.is_reading() {
            return;
        }
        self.datagram_callback(&entry, |protocol, port| protocol.timer_fired(port, timer));
        self.settle_datagrams(&entry);
    }

    /// At a stop: what was in our kernel is still answered, then the protocol is told.
    pub(super) fn tell_datagrams(self: &Rc<Self>, id: ConnectionId) {
        let Some(entry) = self.datagrams_of(id) else { return };
        if entry.is_reading() {
            self.driver.read_datagrams_now(self, &entry);
        }
        let (made, open) = {
            let state = entry.state.borrow();
            (state.is_made(), state.is_open())
        };
        if !made {
            entry.state.borrow_mut().fail(Reason::new(Kind::Stopped));
        } else if open {
            self.datagram_callback(&entry, |protocol, port| protocol.stopping(port));
        }
        self.settle_datagrams(&entry);
    }

    /// Closes every socket at once, for this reason.
    pub(super) fn fail_all_datagrams(self: &Rc<Self>, kind: Kind) {
        let all: Vec<_> = self.datagrams.entries.borrow().values().cloned().collect();
        for entry in all {
            entry.state.borrow_mut().fail(Reason::new(kind));
            self.settle_datagrams(&entry);
        }
    }

    // What handles ask for.

    /// Takes a request on the engine's own thread: it is done once the callback that may
    /// be running has returned.
    pub(super) fn request_of_datagrams(
        &self,
        mailbox: &std::sync::Arc<Mailbox>,
        request: Request,
    ) -> std::result::Result<(), HandleError> {
        if self.datagrams_of(mailbox.id()).is_none() {
            return Err(HandleError::Gone);
        }
        mailbox.reserve(super::bytes_of(&request))?;
        self.task(Task::Request(mailbox.clone(), request));
        Ok(())
    }

    /// Does what a handle asked for, at the bottom of the stack.
    pub(super) fn act_on_datagrams(self: &Rc<Self>, id: ConnectionId, request: Request) {
        let Some(entry) = self.datagrams_of(id) else { return drop_guarded(request) };
        match request {
            Request::Send(data, to) => {
                entry.send(self, &data, to.as_ref());
            }
            Request::Event(event) if entry.is_reading() => {
                self.datagram_callback(&entry, |protocol, port| protocol.event(port, event));
            }
            Request::Close => entry.state.borrow_mut().close(),
            Request::Fail(why) => entry.state.borrow_mut().fail(why),
            // No handle of a datagram socket asks for what only a stream has.
            other => drop_guarded(other),
        }
        self.settle_datagrams(&entry);
    }

    // Until it is at rest.

    /// Tells what went wrong, and ends the socket if it is to end.
    pub(super) fn settle_datagrams(self: &Rc<Self>, entry: &DatagramEntry<D>) {
        for _ in 0..limits::TURN_STEPS {
            let ended = entry.state.borrow_mut().take_end();
            if let Some(why) = ended {
                return self.lose_datagrams(entry, why);
            }
            let error = entry.state.borrow_mut().next_error();
            let Some((to, error)) = error else { return self.wait_to_flush(entry) };
            self.datagram_callback(entry, |protocol, port| {
                protocol.error_received(port, to.as_ref(), &error);
            });
        }
        // Whoever answers each error with another one goes on in the next turn.
        self.task(Task::SettleDatagrams(entry.number()));
    }

    fn flush_datagrams(&self, entry: &DatagramEntry<D>) {
        let mut state = entry.state.borrow_mut();
        let mut full = Vec::new();
        while let Some((data, to)) = state.next_queued(&full) {
            let handed = entry.hand_over(self, &mut state, &data, to.as_ref());
            if handed == Handed::Blocked {
                state.put_back(data, to.clone());
                if !entry.must_retry() {
                    return;
                }
                full.push(to); // that receiver is; the others may have room
                continue;
            }
            state.handed_over(handed);
        }
    }

    /// What is queued has its waits: the flush of a socket that closes, and the next try
    /// where nobody tells of room.
    fn wait_to_flush(self: &Rc<Self>, entry: &DatagramEntry<D>) {
        let (flush, retry) = entry.state.borrow_mut().waits(entry.must_retry());
        let number = entry.number();
        let now = self.context.now();
        if flush {
            let before = entry.state.borrow_mut().flush_timer.take();
            self.cancel_call(before);
            let key = self.call_datagrams_at(now + self.limits().flush, number, |engine, entry| {
                let why = Reason::new(Kind::Deadline(Deadline::Flush));
                entry.state.borrow_mut().fail(why);
                engine.settle_datagrams(entry);
            });
            entry.state.borrow_mut().flush_timer = Some(key);
        }
        if retry {
            let at = now + limits::DATAGRAM_RETRY;
            let key = self.call_datagrams_at(at, number, |engine, entry| {
                entry.state.borrow_mut().retry_timer = None;
                engine.on_datagrams_writable(entry);
            });
            entry.state.borrow_mut().retry_timer = Some(key);
        }
    }

    fn call_datagrams_at(
        &self,
        at: crate::clock::Time,
        number: u32,
        then: fn(&Rc<Self>, &DatagramEntry<D>),
    ) -> u64 {
        let engine = self.this.clone();
        let call = move |_: &dyn Net| {
            let engine = engine.upgrade();
            let entry = engine.as_ref().and_then(|engine| engine.datagrams(number));
            if let (Some(engine), Some(entry)) = (engine, entry) {
                then(&engine, &entry);
            }
        };
        self.call_at(at, Box::new(call))
    }

    /// The end: the handle dies, the protocol hears, the socket closes.
    fn lose_datagrams(self: &Rc<Self>, entry: &DatagramEntry<D>, why: Reason) {
        let removed = self.datagrams.entries.borrow_mut().remove(&entry.number());
        debug_assert!(removed.is_some(), "a datagram socket is lost once");
        let (made, why, keys) = entry.state.borrow_mut().bury(why);
        keys.into_iter().for_each(|key| self.cancel_call(Some(key)));
        let mut port = Port { engine: self, entry };
        let protocol = entry.seat.borrow_mut().take();
        if let Some(mut protocol) = protocol {
            if made {
                self.guarded("connection_lost", || protocol.connection_lost(&mut port, &why));
            } else {
                self.guarded("failed", || protocol.failed(&**self, &why));
            }
            drop_guarded(protocol);
        }
        self.descriptor_came_back();
        self.count_datagrams(&why);
        self.end_if_empty();
    }
}

impl<D: Driver> Default for Datagrams<D> {
    fn default() -> Datagrams<D> {
        Datagrams { entries: RefCell::default(), next: Cell::new(0) }
    }
}

impl<D: Driver> Drop for Datagrams<D> {
    fn drop(&mut self) {
        for entry in std::mem::take(self.entries.get_mut()).into_values() {
            if let Ok(mut state) = entry.state.try_borrow_mut() {
                state.bury(Reason::new(Kind::Stopped));
            }
            drop_guarded(entry);
        }
    }
}

impl<D: Driver> std::fmt::Debug for DatagramEntry<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DatagramEntry({:?} on {})", self.id, self.local)
    }
}

fn stopping(operation: Operation, at: impl std::fmt::Display) -> Error {
    Error::new(operation, ErrorKind::Stopped, "it is stopping").at(at)
}
