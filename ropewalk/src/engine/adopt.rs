//! Sockets that somebody else has opened, in the table as if they had been opened here.
//! Owns: the course of a connection that was there before, and what its factory hears.
//! Never: looks at a socket; the driver's own types come in.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::{Rc, Weak};

use super::connect::Attempting;
use super::driver::Driver;
use super::entry::{End, Source};
use super::port::Port;
use super::table::STACK_PANICKED;
use super::{Engine, Task};
use crate::addr::{Addr, Target};
use crate::protocol::{
    ClientFactory, ConnectionId, Connector, ConnectorState, Handle, Kind, Net, Reason, Reconnect,
    Transport,
};

/// What is done with a connection's handle, when it is in the table.
pub(crate) type Opened = Box<dyn FnOnce(Handle) -> io::Result<()>>;

/// A connection that was there before, from when it is handed over to its end.
struct Adopted<D: Driver, F> {
    engine: Weak<Engine<D>>,
    this: Weak<Adopted<D, F>>,
    /// Until it is in the table.
    io: RefCell<Option<D::Io>>,
    peer: Addr,
    target: Target,
    opened: RefCell<Option<Opened>>,
    factory: RefCell<F>,
    state: Cell<State>,
    is_built: Cell<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// To begin once the callback that asked has returned.
    Asked,
    /// Stopped before it began.
    Cancelled,
    Open(ConnectionId),
    Over,
}

impl<D: Driver> Engine<D> {
    /// Takes a connection that is there already, once the current callback has returned: its
    /// factory hears of it as of one that was made here, but for a second attempt. `opened` is
    /// called before anything of it; its error is the connection's.
    pub(crate) fn adopt_with<F: ClientFactory + 'static>(
        &self,
        io: D::Io,
        peer: Addr,
        opened: Option<Opened>,
        factory: F,
    ) -> Connector {
        let adopted = Rc::new_cyclic(|this| Adopted {
            engine: self.this.clone(),
            this: this.clone(),
            io: RefCell::new(Some(io)),
            target: peer.clone().into(),
            peer,
            opened: RefCell::new(opened),
            factory: RefCell::new(factory),
            state: Cell::new(State::Asked),
            is_built: Cell::new(false),
        });
        self.task(Task::Attempt(adopted.clone()));
        Connector::new(adopted)
    }
}

impl<D: Driver, F: ClientFactory + 'static> Adopted<D, F> {
    fn me(&self) -> Option<(Rc<Self>, Rc<Engine<D>>)> {
        Some((self.this.upgrade()?, self.engine.upgrade()?))
    }

    fn begin(&self) {
        let Some((me, engine)) = self.me() else { return };
        let Some(io) = self.io.take() else { return };
        self.tell_started(&me, &engine);
        if self.state.get() == State::Cancelled {
            return self.fail(Reason::new(Kind::Aborted));
        }
        if engine.draining.borrow().is_some() {
            return self.fail(Reason::new(Kind::Stopped));
        }
        let layers = engine.stack_of(|layers| self.factory.borrow_mut().stack(layers));
        let Some(layers) = layers else {
            return self.fail(Reason::new(Kind::Panicked).because(STACK_PANICKED));
        };
        let source = Adopter(me);
        let opened = engine.insert(source, layers, &self.peer, false, |id| {
            self.state.set(State::Open(id));
            Ok(io)
        });
        match opened {
            Ok(entry) => {
                if let Some(opened) = self.opened.take() {
                    let handle = Port { engine: &engine, head: &entry.head }.handle();
                    if let Err(error) = opened(handle) {
                        entry.head.connection.borrow_mut().fail(Reason::io(error));
                        return engine.settle(&entry);
                    }
                }
                engine.begin(&entry);
            }
            Err(error) => self.fail(Reason::io(error)),
        }
    }

    fn tell_started(&self, me: &Rc<Self>, engine: &Rc<Engine<D>>) {
        engine.guarded("a factory's started", || {
            self.factory.borrow_mut().started(&Connector::new(me.clone()));
        });
    }

    /// It came to nothing: the factory hears.
    fn fail(&self, why: Reason) {
        let Some((me, engine)) = self.me() else { return };
        self.state.set(State::Over);
        engine.guarded("a factory's failed", || {
            self.factory.borrow_mut().failed(&Connector::new(me.clone()), &*engine, &why);
        });
    }
}

impl<D: Driver, F: ClientFactory + 'static> Attempting for Adopted<D, F> {
    fn proceed(&self) {
        match self.state.get() {
            State::Asked | State::Cancelled => self.begin(),
            State::Open(_) => self.stop(), // which one of its own layers asked for
            State::Over => {}
        }
    }

    fn resolved(&self, _: io::Result<Vec<std::net::SocketAddr>>) {}

    fn stopped(&self) {
        let Some((me, engine)) = self.me() else { return };
        if self.io.take().is_some() {
            self.tell_started(&me, &engine);
            self.fail(Reason::new(Kind::Stopped));
        }
    }
}

impl<D: Driver, F: ClientFactory + 'static> Reconnect for Adopted<D, F> {
    /// Whoever opened it knows how; nobody here does.
    fn connect(&self) {}

    fn stop(&self) {
        let Some((me, engine)) = self.me() else { return };
        match self.state.get() {
            State::Asked => self.state.set(State::Cancelled),
            State::Cancelled | State::Over => {}
            State::Open(id) => {
                let Some(entry) = engine.entry(id) else { return };
                // One of its own layers asks: once that has returned.
                let Ok(mut connection) = entry.head.connection.try_borrow_mut() else {
                    return engine.task(Task::Attempt(me));
                };
                match connection.is_built() {
                    true => connection.close(),
                    false => connection.fail(Reason::new(Kind::Aborted)),
                }
                engine.touch(id);
            }
        }
    }

    fn target(&self) -> &Target {
        &self.target
    }

    fn state(&self) -> ConnectorState {
        match self.state.get() {
            State::Cancelled | State::Over => ConnectorState::Idle,
            State::Asked => ConnectorState::Connecting,
            State::Open(_) if self.is_built.get() => ConnectorState::Connected,
            State::Open(_) => ConnectorState::Connecting,
        }
    }

    fn attempts(&self) -> u64 {
        u64::from(self.io.borrow().is_none())
    }
}

/// The seat's source for such a connection.
struct Adopter<D: Driver, F>(Rc<Adopted<D, F>>);

impl<D: Driver, F: ClientFactory + 'static> Source for Adopter<D, F> {
    type Protocol = F::Protocol;

    fn build(&mut self, peer: &Addr) -> Option<F::Protocol> {
        let built = self.0.factory.borrow_mut().build(peer);
        self.0.is_built.set(built.is_some());
        built
    }

    fn made(&mut self, transport: &mut dyn Transport) {
        let connector = Connector::new(self.0.clone());
        self.0.factory.borrow_mut().made(&connector, transport);
    }

    fn ended(&mut self, net: &dyn Net, why: &Reason, end: End) {
        if end != End::Built {
            return self.0.fail(why.clone());
        }
        self.0.state.set(State::Over);
        let connector = Connector::new(self.0.clone());
        self.0.factory.borrow_mut().lost(&connector, net, why);
    }
}
