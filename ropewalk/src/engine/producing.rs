//! What stands above plain bytes: producers are called, files and descriptors moved.
//! Owns: every entry into a producer, and the driver's calls for a connection's queue.
//! Never: decides when; `Connection::next` does.

use std::rc::Rc;

use super::Engine;
use super::driver::{Driver, Sent};
use super::entry::Entry;
use super::port::Port;
use crate::connection::{Demand, Head, Input, TOP, drop_guarded};
use crate::protocol::{Descriptor, Reason};

impl<D: Driver> Engine<D> {
    /// Descriptors came, with the bytes that are told next.
    pub fn on_descriptors(self: &Rc<Self>, entry: &Entry<D>, descriptors: Vec<Descriptor>) {
        for descriptor in descriptors {
            self.carry(entry, TOP, Input::Event(Box::new(descriptor)));
        }
    }

    /// Descriptors came for which this process has no room: they are gone.
    pub fn on_descriptors_lost(self: &Rc<Self>, entry: &Entry<D>) {
        let why = Reason::failed("descriptors that the peer sent were lost: none are left here");
        entry.head.connection.borrow_mut().fail(why);
        self.settle(entry);
    }

    /// Calls the producer. Its panic ends this connection, and it hears of that.
    pub(super) fn produce(self: &Rc<Self>, entry: &Entry<D>, demand: Demand) {
        let connection = &entry.head.connection;
        let lent = connection.borrow_mut().lend_producer();
        let Some((mut producer, buffered)) = lent else { return };
        self.callback(entry, |_, port| match demand {
            Demand::Resume => producer.resume_producing(port),
            Demand::Pause => producer.pause_producing(port),
        });
        let back = connection.borrow_mut().return_producer(producer, buffered, &self.context);
        drop_guarded(back);
    }

    /// The end, for a producer that had not finished.
    pub(super) fn stop_producer(self: &Rc<Self>, entry: &Entry<D>, why: &Reason) {
        let producer = entry.head.connection.borrow_mut().unregister_producer();
        let told = producer.filter(|_| cfg!(not(broken = "producer_not_stopped")));
        let Some(mut producer) = told else { return };
        let mut port = Port { engine: self, head: &entry.head };
        self.guarded("stop_producing", || producer.stop_producing(&mut port, why));
        drop_guarded(producer);
    }

    /// Does what the head of the queue calls for.
    pub(super) fn move_queue(&self, entry: &Entry<D>) {
        let head = &entry.head;
        let (driver, context) = (&self.driver, &self.context);
        let mut connection = head.connection.borrow_mut();
        let in_parts = |Sent { bytes, blocked }| (bytes, blocked);
        let before = connection.left_unsent();
        match connection.head() {
            None => return,
            Some(Head::Read(file, at, most)) => {
                let mut piece = context.take_scratch();
                piece.resize(most, 0);
                let read = driver.files().read(file, at, &mut piece);
                let read = read.map(|count| piece.get(..count).unwrap_or_default());
                connection.on_read(read, context);
                return context.give_scratch(piece);
            }
            Some(Head::Send(file, at, most)) => {
                let sent = driver.send_file(head.id, &head.io, file, at, most);
                connection.on_file_sent(sent.map(in_parts), context);
            }
            Some(Head::Pass(descriptor, data)) => {
                let sent = driver.send_descriptor(head.id, &head.io, descriptor, data);
                connection.on_passed(sent.map(in_parts), context);
            }
        }
        let moved = before.saturating_sub(connection.left_unsent());
        let is_over = connection.is_over();
        drop(connection);
        if !is_over {
            self.observe_sent(entry, moved as usize); // at most a step's bytes
        }
    }
}
