//! Input that waits: for a pause to end, or for the callback that caused it to return.
//! Owns: the queue of it, in the order in which it came, by level.
//! Never: decides what waits; `stack` does.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::fmt;

use super::Input;
use crate::limits;
use crate::protocol::Event;

/// One thing that waits.
pub(crate) enum Item {
    Made,
    Data(Bytes),
    Eof,
    Event(Event),
}

/// Bytes that wait; those before `start` were taken already.
pub(crate) struct Bytes {
    pub(super) all: Vec<u8>,
    pub(super) start: usize,
}

impl Bytes {
    fn len(&self) -> usize {
        self.all.len() - self.start
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(all: Vec<u8>) -> Bytes {
        Bytes { all, start: 0 }
    }
}

/// Input that had to wait.
pub struct HeldInput(pub(super) Item);

impl HeldInput {
    /// As [`carry`](super::carry) takes it; `data` keeps the bytes meanwhile.
    pub fn into_input(self, data: &mut Vec<u8>) -> Input<'_> {
        match self.0 {
            Item::Made => Input::Made,
            Item::Eof => Input::Eof,
            Item::Event(event) => Input::Event(event),
            Item::Data(bytes) => {
                *data = bytes.all;
                Input::Data(&data[bytes.start..])
            }
        }
    }
}

impl fmt::Debug for HeldInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Item::Made => f.write_str("Made"),
            Item::Data(data) => write!(f, "Data({} B)", data.len()),
            Item::Eof => f.write_str("Eof"),
            Item::Event(_) => f.write_str("Event"),
        }
    }
}

/// Input that waits, each for the layer (or protocol) at its level.
#[derive(Default)]
pub(crate) struct Held {
    items: VecDeque<(usize, Item)>,
    bytes: usize,
    /// The level of the item that was popped and is being delivered.
    popped: Option<usize>,
}

impl Held {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether something waits at this level or above: what comes must queue behind it.
    pub(crate) fn waits_from(&self, level: usize) -> bool {
        self.items.iter().any(|(at, _)| *at >= level)
    }

    pub(crate) fn push(&mut self, level: usize, item: Item) {
        if let Item::Data(data) = &item {
            self.bytes += data.len();
        }
        self.items.push_back((level, item));
    }

    /// Bytes that were given back come before all others of their level.
    pub(crate) fn push_front(&mut self, level: usize, data: Bytes) {
        self.bytes += data.len();
        self.items.push_front((level, Item::Data(data)));
    }

    /// Bytes join what waits last, up to a read buffer's size, so that a peer that sends
    /// single bytes does not cost an item each.
    pub(crate) fn push_data(&mut self, level: usize, data: &[u8]) {
        match self.items.back_mut() {
            Some((at, Item::Data(last)))
                if *at == level && last.len() + data.len() <= limits::READ_BUFFER_BYTES =>
            {
                last.all.extend_from_slice(data);
                self.bytes += data.len();
            }
            _ => self.push(level, Item::Data(data.to_vec().into())),
        }
    }

    /// The layer at this level has left: what waited for it is for what is above it now, and
    /// behind what waited there already, which came earlier.
    pub(crate) fn drop_level(&mut self, level: usize) {
        if cfg!(not(broken = "retired_input_overtakes")) {
            self.items.make_contiguous().sort_by_key(|(at, _)| Reverse(*at));
        }
        for (at, _) in &mut self.items {
            if *at > level && *at < limits::LAYERS {
                *at -= 1;
            }
        }
    }

    /// Whether what comes to this level is the popped item: it has waited already, and
    /// must not queue behind its successors. Asked once.
    pub(crate) fn has_waited(&mut self, level: usize) -> bool {
        self.popped.take() == Some(level)
    }

    /// The next item that need not wait: the highest level first, as what is nearer to
    /// the protocol came earlier; within a level in the order of arrival. Events wait
    /// for no pause.
    pub(crate) fn pop(&mut self, may_pass: impl Fn(usize) -> bool) -> Option<(usize, Item)> {
        let mut best: Option<(usize, usize)> = None;
        for (index, (level, _)) in self.items.iter().enumerate() {
            if best.is_none_or(|(_, highest)| *level > highest) {
                best = Some((index, *level));
            }
        }
        let (index, level) = best?;
        let is_event = matches!(self.items.get(index), Some((_, Item::Event(_))));
        if !is_event && !may_pass(level) {
            return None;
        }
        let (level, item) = self.items.remove(index)?;
        self.popped = Some(level);
        if let Item::Data(data) = &item {
            self.bytes -= data.len();
        }
        Some((level, item))
    }
}
