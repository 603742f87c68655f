//! Opening datagram sockets: bound ones, and ones with a peer, whose name may have to be
//! resolved first.
//! Owns: the course of it, and who hears when it fails. Never: resolves or opens a socket
//! itself; the driver does.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};

use super::state::State;
use super::{DATAGRAM_SLOT, DatagramEntry, Engine, stopping};
use crate::addr::{Addr, DatagramSite, Target};
use crate::engine::Task;
use crate::engine::connect::Attempting;
use crate::engine::driver::Driver;
use crate::engine::listen::{bind_everywhere, named};
use crate::error::{Error, Operation, Result};
use crate::options::SocketOptions;
use crate::protocol::{
    ConnectionId, DatagramConnector, DatagramPort, DatagramProtocol, Deadline, Kind, Reason,
    StopListening,
};

impl<D: Driver> Engine<D> {
    /// Binds a socket on each address of `at`, with a protocol for each.
    ///
    /// # Errors
    /// The address cannot be bound; nothing is left half bound.
    pub fn listen_datagrams_with(
        &self,
        at: &DatagramSite,
        options: &SocketOptions,
        factory: &mut dyn FnMut() -> Box<dyn DatagramProtocol>,
    ) -> Result<DatagramPort> {
        if self.draining.borrow().is_some() {
            return Err(stopping(Operation::Listen, at));
        }
        let bind = |addr: &Addr| self.driver.bind_datagrams(addr, options);
        let bound = match at {
            DatagramSite::Udp(at) => {
                bind_everywhere(at, |name| self.driver.lookup(name), |ip| bind(&ip.into()))?
            }
            DatagramSite::Unixgram(path) => {
                vec![bind(&path.clone().into()).map_err(named(at))?]
            }
            DatagramSite::Memory(number) => {
                let named = |error| Error::from_io(Operation::Listen, at, error);
                vec![bind(&Addr::Memory(*number)).map_err(named)?]
            }
        };
        Ok(self.keep_datagrams(bound, factory))
    }

    /// Receives from sockets that are bound already, with a protocol for each.
    ///
    /// # Errors
    /// The engine is stopping; the sockets are closed.
    pub fn listen_datagrams_opened(
        &self,
        bound: Vec<(D::Datagrams, Addr)>,
        factory: &mut dyn FnMut() -> Box<dyn DatagramProtocol>,
    ) -> Result<DatagramPort> {
        match (&*self.draining.borrow(), bound.first()) {
            (Some(_), Some((_, local))) => Err(stopping(Operation::Listen, local)),
            _ => Ok(self.keep_datagrams(bound, factory)),
        }
    }

    fn keep_datagrams(
        &self,
        bound: Vec<(D::Datagrams, Addr)>,
        factory: &mut dyn FnMut() -> Box<dyn DatagramProtocol>,
    ) -> DatagramPort {
        let protocols: Vec<_> = bound.iter().map(|_| factory()).collect();
        let (mut addrs, mut numbers) = (Vec::new(), Vec::new());
        for ((io, local), protocol) in bound.into_iter().zip(protocols) {
            addrs.push(local.clone());
            let number = self.insert_datagrams(io, local, None, protocol);
            numbers.push(number);
            self.task(Task::MakeDatagrams(number));
        }
        DatagramPort::new(addrs, Rc::new(Stopper { engine: self.this.clone(), numbers }))
    }

    /// Begins to open a socket to one peer, once the current callback has returned.
    pub fn connect_datagrams_with(
        &self,
        to: Target,
        options: &SocketOptions,
        protocol: Box<dyn DatagramProtocol>,
    ) -> DatagramConnector {
        let opening = Rc::new_cyclic(|this| Opening {
            engine: self.this.clone(),
            this: this.clone(),
            target: to.clone(),
            options: options.clone(),
            protocol: RefCell::new(Some(protocol)),
            state: Cell::new(OpeningState::Asked),
            deadline: Cell::new(None),
        });
        self.task(Task::Attempt(opening.clone()));
        DatagramConnector::new(to, opening)
    }

    fn insert_datagrams(
        &self,
        io: D::Datagrams,
        local: Addr,
        peer: Option<Addr>,
        protocol: Box<dyn DatagramProtocol>,
    ) -> u32 {
        let number = self.datagrams.next.get();
        self.datagrams.next.set(number.wrapping_add(1));
        let id = ConnectionId { engine: self.number, slot: DATAGRAM_SLOT, generation: number };
        let (state, seat) = (RefCell::new(State::new()), RefCell::new(Some(protocol)));
        let entry = Rc::new(DatagramEntry { id, io, local, peer, state, seat });
        self.datagrams.entries.borrow_mut().insert(number, entry);
        number
    }

    fn close_datagrams(&self, number: u32) {
        if let Some(entry) = self.datagrams(number) {
            entry.state.borrow_mut().close();
            // The socket's own callback may be the one that asks.
            self.task(Task::SettleDatagrams(number));
        }
    }
}

struct Stopper<D: Driver> {
    engine: Weak<Engine<D>>,
    numbers: Vec<u32>,
}

impl<D: Driver> StopListening for Stopper<D> {
    fn stop(&self) {
        let Some(engine) = self.engine.upgrade() else { return };
        self.numbers.iter().for_each(|number| engine.close_datagrams(*number));
    }
}

/// A socket that is to be opened to one peer.
struct Opening<D: Driver> {
    engine: Weak<Engine<D>>,
    this: Weak<Opening<D>>,
    target: Target,
    options: SocketOptions,
    /// Until there is a socket, or none will be.
    protocol: RefCell<Option<Box<dyn DatagramProtocol>>>,
    state: Cell<OpeningState>,
    deadline: Cell<Option<u64>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OpeningState {
    /// To begin once the callback that asked has returned.
    Asked,
    /// Stopped before it was open.
    Cancelled,
    Resolving(u64),
    Open(u32),
    Failed,
}

impl<D: Driver> Opening<D> {
    fn begin(&self, engine: &Rc<Engine<D>>) {
        if engine.draining.borrow().is_some() {
            return self.fail(Reason::new(Kind::Stopped));
        }
        match &self.target {
            Target::Addr(addr) => self.open(engine, std::slice::from_ref(addr)),
            Target::Name(host, port) => self.resolve(engine, host, *port),
        }
    }

    fn resolve(&self, engine: &Rc<Engine<D>>, host: &str, port: u16) {
        let Some(me) = self.this.upgrade() else { return };
        match engine.look_up(host, port, me.clone()) {
            Ok(key) => self.state.set(OpeningState::Resolving(key)),
            Err(error) => return self.fail(Reason::failed(error.at(&self.target))),
        }
        let limits = engine.limits();
        // Opening the socket takes no time, so the name's deadline is the whole one.
        let within = limits.resolve.min(self.options.timeout.unwrap_or(limits.connect));
        let expire = move |_: &dyn crate::protocol::Net| me.expire();
        let at = engine.context.fresh_now() + within;
        self.deadline.set(Some(engine.call_at(at, Box::new(expire))));
    }

    fn expire(&self) {
        self.deadline.set(None);
        let Some(engine) = self.engine.upgrade() else { return };
        if let OpeningState::Resolving(key) = self.state.get() {
            engine.forget_lookup(key);
            self.fail(Reason::new(Kind::Deadline(Deadline::Connect)));
        }
    }

    /// The first address to which there is a way. Nobody is asked: a datagram socket's
    /// connecting sends nothing.
    fn open(&self, engine: &Rc<Engine<D>>, addrs: &[Addr]) {
        let mut last = Reason::failed("the name has no address");
        for addr in addrs {
            match engine.driver.connect_datagrams(addr, &self.options) {
                Ok((io, local)) => {
                    self.clear_deadline(engine);
                    let Some(protocol) = self.protocol.take() else { return };
                    let number = engine.insert_datagrams(io, local, Some(addr.clone()), protocol);
                    self.state.set(OpeningState::Open(number));
                    return engine.make_datagrams(number);
                }
                Err(error) => {
                    let kind = Kind::of(&error);
                    let said = Error::from_io(Operation::Connect, addr, error);
                    last = Reason::new(kind).because(said);
                }
            }
        }
        self.fail(last);
    }

    fn clear_deadline(&self, engine: &Engine<D>) {
        engine.cancel_call(self.deadline.take());
    }

    fn fail(&self, why: Reason) {
        self.state.set(OpeningState::Failed);
        let Some(engine) = self.engine.upgrade() else { return };
        self.clear_deadline(&engine);
        let protocol = self.protocol.take();
        if let Some(mut protocol) = protocol {
            engine.guarded("failed", || protocol.failed(&*engine, &why));
            crate::connection::drop_guarded(protocol);
        }
    }
}

impl<D: Driver> Attempting for Opening<D> {
    fn proceed(&self) {
        let Some(engine) = self.engine.upgrade() else { return };
        match self.state.get() {
            OpeningState::Asked => self.begin(&engine),
            OpeningState::Cancelled => self.fail(Reason::new(Kind::Aborted)),
            _ => {}
        }
    }

    fn resolved(&self, found: io::Result<Vec<SocketAddr>>) {
        let Some(engine) = self.engine.upgrade() else { return };
        match found {
            Ok(addrs) => {
                let addrs: Vec<_> = addrs.into_iter().map(Addr::from).collect();
                self.open(&engine, &addrs);
            }
            Err(error) => {
                let error = Error::from_io(Operation::Resolve, &self.target, error);
                self.fail(Reason::failed(error));
            }
        }
    }

    fn stopped(&self) {
        // A socket that is there is ended by itself.
        if !matches!(self.state.get(), OpeningState::Open(_) | OpeningState::Failed) {
            self.fail(Reason::new(Kind::Stopped));
        }
    }
}

impl<D: Driver> StopListening for Opening<D> {
    fn stop(&self) {
        let (Some(me), Some(engine)) = (self.this.upgrade(), self.engine.upgrade()) else { return };
        match self.state.get() {
            OpeningState::Open(number) => engine.close_datagrams(number),
            OpeningState::Resolving(key) => {
                engine.forget_lookup(key);
                self.state.set(OpeningState::Cancelled);
                engine.task(Task::Attempt(me));
            }
            OpeningState::Asked => self.state.set(OpeningState::Cancelled), // its task waits
            OpeningState::Cancelled | OpeningState::Failed => {}
        }
    }
}
