//! What the driver reports, and the steps that follow until a connection is at rest.
//! Owns: every entry into a protocol. Never: decides a step; `Connection::next` does.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::driver::{Driver, Sent};
use super::entry::{Entry, Seat};
use super::port::Port;
use super::table::STACK_PANICKED;
use super::{Engine, drain};
use crate::connection::{Connection, Input, Step, carry};
use crate::limits;
use crate::observe::{Direction, Totals};
use crate::protocol::{Context, Kind, Reason, Request};

impl<D: Driver> Engine<D> {
    // What the driver reports.

    /// Bytes came. The commonest case is short: to the protocol, and its answer to the
    /// kernel; anything else goes the long way, with the same result.
    #[inline]
    pub fn on_data(self: &Rc<Self>, entry: &Entry<D>, data: &[u8]) {
        let head = &entry.head;
        if !head.connection.borrow().is_straight() {
            return self.on_data_the_long_way(entry, data);
        }
        let mut port = Port { engine: self, head };
        let called = catch_unwind(AssertUnwindSafe(|| {
            entry.seat.borrow_mut().data_received(&mut port, data);
        }));
        if let Err(payload) = called {
            return self.after_panic(entry, &*payload);
        }
        let mut connection = head.connection.borrow_mut();
        if connection.is_straight() {
            let Some(out) = connection.out() else { return };
            let sent = self.driver.send(head.id, &head.io, out);
            if matches!(sent, Ok(Sent { blocked: false, .. })) && out.is_empty() {
                return connection.on_all_sent(&self.context);
            }
            connection.on_flushed(sent, &self.context);
        } else {
            connection.keep_unread(0, data);
        }
        drop(connection);
        self.settle(entry);
    }

    #[cold]
    fn after_panic(self: &Rc<Self>, entry: &Entry<D>, payload: &(dyn std::any::Any + Send)) {
        entry.head.connection.borrow_mut().fail(Reason::panicked(payload));
        self.settle(entry);
    }

    #[cold]
    fn on_data_the_long_way(self: &Rc<Self>, entry: &Entry<D>, data: &[u8]) {
        entry.head.connection.borrow_mut().on_received(data.len(), &self.context);
        if let Some(observer) = &self.observer {
            observer.moved(entry.head.id, Direction::In, data.len());
        }
        self.carry(entry, 0, Input::Data(data));
        self.settle(entry);
    }

    /// The peer's end of input, after all its bytes.
    pub fn on_eof(self: &Rc<Self>, entry: &Entry<D>) {
        self.on_peer_ended(entry);
        let tell = entry.head.connection.borrow_mut().on_eof();
        if tell {
            self.carry(entry, 0, Input::Eof);
        }
        self.settle(entry);
    }

    /// The peer's end of input was noticed, though bytes may be left to read.
    pub fn on_peer_ended(&self, entry: &Entry<D>) {
        let over = entry.head.connection.borrow().is_over();
        if let Some(observer) = self.observer.as_ref().filter(|_| !over) {
            observer.peer_ended(entry.head.id);
        }
    }

    /// Reading failed, after all that had arrived was reported.
    pub fn on_error(self: &Rc<Self>, entry: &Entry<D>, error: io::Error) {
        entry.head.connection.borrow_mut().on_error(Reason::io(error));
        self.settle(entry);
    }

    /// The peer reset; what had arrived may be left to read.
    pub fn on_broken(self: &Rc<Self>, entry: &Entry<D>, error: io::Error) {
        entry.head.connection.borrow_mut().on_broken(Reason::io(error));
        self.settle(entry);
    }

    /// The kernel takes bytes again.
    #[cold]
    pub fn on_writable(self: &Rc<Self>, entry: &Entry<D>) {
        entry.head.connection.borrow_mut().on_writable();
        self.settle(entry);
    }

    /// A completion driver's send landed: `sent` bytes, and `rest` came back.
    pub fn on_sent(self: &Rc<Self>, entry: &Entry<D>, sent: usize, rest: &[u8]) {
        let mut connection = entry.head.connection.borrow_mut();
        if let Some(out) = connection.out() {
            out.landed(sent, rest);
        }
        connection.on_sent(sent, false, &self.context);
        drop(connection);
        self.observe_sent(entry, sent);
        self.settle(entry);
    }

    /// The kernel connected, or could not.
    pub fn on_connected(self: &Rc<Self>, entry: &Entry<D>, result: io::Result<()>) {
        match result {
            Ok(()) => self.begin_connected(entry),
            // It had connected, and was reset before we looked: what had arrived is there.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                self.begin_connected(entry);
                self.on_broken(entry, error);
            }
            Err(error) => {
                entry.head.connection.borrow_mut().fail(Reason::io(error));
                self.settle(entry);
            }
        }
    }

    /// Only now are there layers: an address that loses the race to another needs none.
    fn begin_connected(self: &Rc<Self>, entry: &Entry<D>) {
        let connection = &entry.head.connection;
        connection.borrow_mut().on_connected();
        match self.stack_of(|layers| entry.seat.borrow_mut().connected(layers)) {
            Some(layers) => connection.borrow_mut().put(layers),
            None => {
                connection.borrow_mut().fail(Reason::new(Kind::Panicked).because(STACK_PANICKED))
            }
        }
        self.begin(entry);
    }

    /// A connection is there: its layers start, then its protocol is built.
    pub(super) fn begin(self: &Rc<Self>, entry: &Entry<D>) {
        self.carry(entry, 0, Input::Made);
        let over = entry.head.connection.borrow().is_over();
        if !over {
            if let Err(error) = self.driver.start(entry.head.id, &entry.head.io) {
                entry.head.connection.borrow_mut().fail(Reason::io(error));
            }
        }
        self.settle(entry);
    }

    // Into the protocol.

    /// Carries an input up through the layers, and calls the protocol with what arrives.
    pub(super) fn carry(self: &Rc<Self>, entry: &Entry<D>, level: usize, input: Input<'_>) {
        let connection = &entry.head.connection;
        carry(connection, &self.context, level, input, &mut |input| match input {
            Input::Made => self.build(entry),
            Input::Data(data) => self.callback(entry, |seat, port| seat.data_received(port, data)),
            Input::Eof => self.callback(entry, |seat, port| seat.eof_received(port)),
            Input::Event(event) => self.callback(entry, |seat, port| seat.event(port, event)),
            Input::Timer(timer) => self.callback(entry, |seat, port| seat.timer_fired(port, timer)),
        });
    }

    /// Calls the protocol. Its panic ends this connection only.
    pub(super) fn callback(
        self: &Rc<Self>,
        entry: &Entry<D>,
        call: impl FnOnce(&mut dyn Seat, &mut Port<'_, D>),
    ) {
        let mut port = Port { engine: self, head: &entry.head };
        let called = catch_unwind(AssertUnwindSafe(|| {
            call(&mut *entry.seat.borrow_mut(), &mut port);
        }));
        if let (Err(payload), true) = (called, cfg!(not(broken = "panic_keeps_open"))) {
            entry.head.connection.borrow_mut().fail(Reason::panicked(&*payload));
        }
    }

    fn build(self: &Rc<Self>, entry: &Entry<D>) {
        let peer = entry.head.connection.borrow().peer();
        let mut built = false;
        self.callback(entry, |seat, _| built = seat.build(&peer));
        let mut connection = entry.head.connection.borrow_mut();
        if built {
            drop(connection);
            if let Some(observer) = &self.observer {
                observer.made(entry.head.id, &peer);
            }
            return self.callback(entry, |seat, port| {
                seat.connection_made(port);
                seat.made(port);
            });
        }
        // A refused peer gets an end in order: it asked for nothing yet.
        connection.refuse();
    }

    // Until it is at rest.

    /// Does what the connection says, step by step, until it says nothing more.
    #[cold]
    pub(super) fn settle(self: &Rc<Self>, entry: &Entry<D>) {
        for _ in 0..limits::TURN_STEPS {
            let step = entry.head.connection.borrow_mut().next(&self.context);
            if !self.take(entry, step) {
                return;
            }
        }
        self.touch(entry.head.id);
    }

    fn take(self: &Rc<Self>, entry: &Entry<D>, step: Step) -> bool {
        let head = &entry.head;
        match step {
            Step::Idle => return false,
            Step::Flush => self.flush(entry),
            Step::Move => self.move_queue(entry),
            Step::PauseWriting => self.callback(entry, |seat, port| seat.pause_writing(port)),
            Step::ResumeWriting => self.callback(entry, |seat, port| seat.resume_writing(port)),
            Step::Produce(demand) => self.produce(entry, demand),
            Step::Reading(on) => {
                self.driver.reading(head.id, &head.io, on);
                if let Some(observer) = &self.observer {
                    observer.paused(head.id, &head.connection.borrow().paused_by());
                }
            }
            Step::ShutdownWrite => self.driver.shutdown_write(head.id, &head.io),
            Step::CheckUnread => {
                let unread = self.driver.unread(head.id, &head.io);
                head.connection.borrow_mut().on_unread(unread);
            }
            Step::Deliver(level, held) => {
                let mut data = Vec::new();
                let input = held.into_input(&mut data);
                let given = if let Input::Data(data) = input { data.len() } else { 0 };
                self.carry(entry, level, input);
                head.connection.borrow_mut().put_back(level, data, given);
            }
            Step::Arm(at, sequence) => {
                self.set_armed();
                self.timers.borrow_mut().wake_connection(at, sequence, head.id);
            }
            Step::Lost(why, reset) => {
                self.lose(entry, &why, reset);
                return false;
            }
        }
        true
    }

    fn flush(&self, entry: &Entry<D>) {
        let head = &entry.head;
        let mut connection = head.connection.borrow_mut();
        let Some(out) = connection.out() else { return };
        let sent = self.driver.send(head.id, &head.io, out);
        let bytes = sent.as_ref().map_or(0, |sent| sent.bytes);
        connection.on_flushed(sent, &self.context);
        drop(connection);
        self.observe_sent(entry, bytes);
    }

    pub(super) fn observe_sent(&self, entry: &Entry<D>, bytes: usize) {
        if let Some(observer) = &self.observer {
            if bytes > 0 {
                observer.moved(entry.head.id, Direction::Out, bytes);
            }
            observer.queued(entry.head.id, entry.head.connection.borrow().buffered());
        }
    }

    /// The end: the handle dies, the protocol hears, the socket closes, the factory hears.
    fn lose(self: &Rc<Self>, entry: &Entry<D>, why: &Reason, reset: bool) {
        let head = &entry.head;
        let (built, connecting) = {
            let connection = head.connection.borrow();
            let lives_on = cfg!(broken = "handle_outlives");
            connection.existing_mailbox().filter(|_| !lives_on).inspect(|gone| gone.mark_gone());
            (connection.is_built(), connection.is_connecting())
        };
        self.stop_producer(entry, why);
        if built && cfg!(not(broken = "lost_skipped")) {
            let mut port = Port { engine: self, head };
            self.guarded("connection_lost", || {
                entry.seat.borrow_mut().connection_lost(&mut port, why);
            });
        }
        head.connection.borrow_mut().bury(why, &self.context);
        let remains = head.connection.borrow_mut().take_remains();
        drop(remains);
        self.driver.end(head.id, &head.io, reset);
        let removed = self.slots.borrow_mut().remove(head.id.slot);
        debug_assert!(removed.is_some(), "a connection is lost once");
        self.descriptor_came_back();
        self.count_end(drain::Ended { why, built });
        if let Some(observer) = &self.observer {
            let (received, sent) = head.connection.borrow().totals();
            observer.ended(head.id, why, Totals { received, sent });
        }
        if cfg!(broken = "factory_not_told") {
            return;
        }
        self.guarded("a factory", || {
            entry.seat.borrow_mut().ended(&**self, why, connecting);
        });
    }
}

impl Connection {
    /// The driver sent, or could not.
    fn on_flushed(&mut self, sent: io::Result<Sent>, context: &Context) {
        match sent {
            Ok(sent) => self.on_sent(sent.bytes, sent.blocked, context),
            Err(error) => self.on_broken(Reason::io(error)),
        }
    }
}

/// What a handle may ask that calls nobody.
pub(super) fn command(connection: &mut Connection, request: Request, context: &Context) {
    match request {
        Request::Write(data) => {
            connection.write(&data, context);
        }
        Request::Close => connection.close(),
        Request::Fail(why) => connection.fail(why),
        Request::ShutdownWrite => connection.shutdown_write(),
        Request::PauseReading => connection.pause_reading(),
        Request::ResumeReading => connection.resume_reading(),
        Request::Event(_) | Request::Call(_) | Request::Send(..) => {}
    }
}
