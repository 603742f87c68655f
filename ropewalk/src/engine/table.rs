//! How a connection comes into the table.
//! Owns: its place, its number, its layers. Never: begins it; `settle` does.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use super::Engine;
use super::driver::Driver;
use super::entry::{Entry, Head, Seated, Source};
use super::mail::Home;
use crate::addr::Addr;
use crate::connection::Connection;
use crate::protocol::{ConnectionId, Factory, Layers};

pub(super) const STACK_PANICKED: &str = "the factory's stack panicked";

impl<D: Driver> Engine<D> {
    /// Puts a connection into the table.
    pub(super) fn insert<S: Source + 'static>(
        self: &Rc<Self>,
        source: S,
        layers: Layers,
        peer: &Addr,
        connecting: bool,
        open: impl FnOnce(ConnectionId) -> io::Result<D::Io>,
    ) -> io::Result<Rc<Entry<D>>> {
        let slot = self.slots.borrow().vacant();
        let generation = self.generation.get();
        self.generation.set(generation.wrapping_add(1));
        let id = ConnectionId { engine: self.number, slot, generation };
        let io = open(id)?;
        let mut connection = Connection::new(peer, layers, connecting);
        if let Some(observer) = &self.observer {
            connection.watch();
            observer.opened(id, peer);
        }
        if let Some(after) = self.context.limits.idle {
            connection.set_idle_timeout(Some(after), &self.context);
        }
        let head = Head { id, io, connection: RefCell::new(connection) };
        let entry: Rc<Entry<D>> = Rc::new(Entry { head, seat: RefCell::new(Seated::new(source)) });
        self.slots.borrow_mut().insert(entry.clone());
        Ok(entry)
    }

    /// A factory's layers. `None` if it panicked: a connection is never made without its
    /// layers, of which one may be what encrypts.
    pub(super) fn stack_of(&self, stack: impl FnOnce(&mut Layers)) -> Option<Layers> {
        let mut layers = Layers::new();
        let mut stacked = None;
        self.guarded("a factory's stack", || {
            stack(&mut layers);
            stacked = Some(layers);
        });
        stacked
    }

    /// Takes a socket that is connected already, with its factory.
    ///
    /// # Errors
    /// What the driver's start says.
    pub fn adopt<F: Factory + 'static>(
        self: &Rc<Self>,
        io: D::Io,
        peer: &Addr,
        factory: Rc<RefCell<F>>,
    ) -> io::Result<()> {
        let layers = self.stack_of(|layers| factory.borrow_mut().stack(layers));
        let layers = layers.ok_or_else(|| io::Error::other(STACK_PANICKED))?;
        // A thread's engine gets its connection before it runs; its handles are at home.
        let _home = (!self.running.get()).then(|| Home::enter(self.clone()));
        let entry = self.insert(factory, layers, peer, false, |_| Ok(io))?;
        self.begin(&entry);
        Ok(())
    }
}
