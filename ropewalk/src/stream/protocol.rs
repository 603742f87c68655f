//! The engine's end of a stream.
//! Owns: what each callback means for the reader and the writer. Never: decides when the
//! connection ends, but for one that nobody wants any more.

use std::cell::RefCell;
use std::rc::Rc;

use super::open::Queue;
use super::{Shut, State};
use crate::limits;
use crate::protocol::{Event, Kind, Protocol, Reason, Transport};

/// The engine's end of a [`Stream`](super::Stream): a protocol, made by
/// [`stream`](super::stream).
pub struct StreamProtocol {
    state: Rc<RefCell<State>>,
    /// Whoever accepted it, who hears of a stop as well.
    acceptor: Option<Rc<RefCell<Queue>>>,
}

/// What follows a `shutdown_write`: by then the connection has done it, as far as it could.
pub(super) struct IsShut;

/// Whom to wake.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whom {
    Nobody,
    Reader,
    Writer,
    Both,
}

impl StreamProtocol {
    pub(super) fn new(state: Rc<RefCell<State>>) -> StreamProtocol {
        StreamProtocol { state, acceptor: None }
    }

    pub(super) fn accepted_by(self, acceptor: Rc<RefCell<Queue>>) -> StreamProtocol {
        StreamProtocol { acceptor: Some(acceptor), ..self }
    }

    /// Changes the state, and wakes whom that concerns: outside the borrow, since a waker may
    /// be anything.
    fn with(&mut self, change: impl FnOnce(&mut State) -> Whom) {
        let mut state = self.state.borrow_mut();
        let whom = change(&mut state);
        let reader = if whom != Whom::Writer { state.reader.take() } else { None };
        let writer = if whom != Whom::Reader { state.writer.take() } else { None };
        drop(state);
        if whom != Whom::Nobody {
            [reader, writer].into_iter().flatten().for_each(|waker| waker.wake());
        }
    }
}

impl Protocol for StreamProtocol {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        // Every write is then owed a `resume_writing`: that is how a flush knows its end.
        transport.set_water_marks(0, 0);
        self.with(|state| {
            state.handle = Some(transport.handle());
            state.addrs = Some((transport.peer_addr(), transport.local_addr()));
            if state.dropped {
                transport.close();
            }
            Whom::Both
        });
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        self.with(|state| {
            if state.dropped {
                return Whom::Nobody;
            }
            state.input.extend(data);
            if state.input.len() >= limits::STREAM_READ_BYTES && !state.is_paused {
                state.is_paused = true;
                transport.pause_reading();
            }
            Whom::Reader
        });
    }

    fn eof_received(&mut self, _: &mut dyn Transport) {
        self.with(|state| {
            state.at_end = true;
            Whom::Reader
        });
    }

    fn resume_writing(&mut self, _: &mut dyn Transport) {
        self.with(|state| {
            state.owed = false;
            Whom::Writer
        });
    }

    fn event(&mut self, _: &mut dyn Transport, event: Event) {
        if event.is::<IsShut>() {
            self.with(|state| {
                state.shut = Shut::Done;
                Whom::Writer
            });
        }
    }

    /// The reader hears, and nobody else: an answer that is being written is finished, within
    /// the grace.
    fn stopping(&mut self, _: &mut dyn Transport) {
        self.with(|state| {
            state.cut = Some(Reason::new(Kind::Stopped));
            Whom::Reader
        });
        if let Some(acceptor) = &self.acceptor {
            Queue::end(acceptor);
        }
    }

    fn connection_lost(&mut self, _: &mut dyn Transport, why: &Reason) {
        self.with(|state| {
            state.lost = Some(why.clone());
            Whom::Both
        });
    }
}

impl std::fmt::Debug for StreamProtocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StreamProtocol")
    }
}
