//! Listeners, datagram sockets, and what a turn's budget left over.
//! Owns: how each of them is worked on within its budget. Never: waits, or decides what is a
//! connection's to decide.

use std::io;
use std::rc::Rc;

use super::{Bound, Poll, PollIo, Ready};
use crate::driver::datagram;
use crate::engine::{DatagramEntry, Engine};
use crate::limits;

impl Poll {
    /// Whatever the event was, both are tried: asking it would cost the path of a message
    /// registers, and the kernel says if there is no room.
    pub(super) fn on_datagram_event(
        &self,
        engine: &Rc<Engine<Self>>,
        number: u32,
        buffer: &mut [u8],
    ) {
        let Some(entry) = engine.datagrams(number) else { return };
        if entry.waits_to_write() {
            engine.on_datagrams_writable(&entry);
        }
        self.read_datagrams(engine, &entry, buffer);
    }

    /// Receives until the kernel has no more, the protocol wants no more, or the budget is
    /// spent.
    pub(super) fn read_datagrams(
        &self,
        engine: &Rc<Engine<Self>>,
        entry: &DatagramEntry<Self>,
        buffer: &mut [u8],
    ) {
        let recv = |buffer: &mut [u8]| entry.io.source.recv_datagram(buffer);
        if datagram::read(engine, entry, buffer, recv) {
            self.again(Ready::Datagrams(entry.number()));
        }
    }

    pub(super) fn accept_from(&self, engine: &Rc<Engine<Self>>, number: u32, most: usize) {
        let bound =
            self.listeners.borrow().iter().find(|(n, _)| *n == number).map(|(_, b)| b.upgrade());
        if let Some(Some(bound)) = bound {
            self.accept_bound(engine, number, &bound, most);
        }
    }

    pub(super) fn accept_bound(
        &self,
        engine: &Rc<Engine<Self>>,
        number: u32,
        bound: &Rc<Bound>,
        most: usize,
    ) {
        for _ in 0..most {
            if !engine.accepts(number) {
                return; // it pauses, and asks again itself
            }
            match bound.source.accept() {
                Ok((socket, peer)) => engine.on_accepted(number, PollIo::new(socket), &peer),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    if !engine.on_accept_error(number, &error) {
                        return;
                    }
                }
            }
        }
        self.again(Ready::Accept(number));
    }

    #[cold]
    pub(super) fn serve_ready(&self, engine: &Rc<Engine<Self>>, buffer: &mut [u8]) {
        let ready = self.ready.take();
        self.any_ready.set(false);
        for what in ready {
            match what {
                Ready::Accept(number) => self.accept_from(engine, number, limits::TURN_ACCEPTS),
                Ready::Datagrams(number) => {
                    if let Some(entry) = engine.datagrams(number) {
                        self.read_datagrams(engine, &entry, buffer);
                    }
                }
                Ready::Read(id) => {
                    if let Some(entry) = engine.entry(id) {
                        if entry.head.connection.borrow().is_reading() {
                            self.read_any(engine, &entry, buffer);
                        }
                    }
                }
            }
        }
    }
}
