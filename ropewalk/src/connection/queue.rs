//! What bytes alone cannot say: files, descriptors, and what was written behind them.
//! Owns: their order with other writes, and what of them is unsent.
//! Never: reads a file or sends; the engine has its driver do so, and tells.
//!
//! Without them there is no queue: writes go down at once. The queue stands above the
//! layers, so that a file that passes through them keeps its place; without layers its
//! head meets the wire, and the kernel may send it by itself.

use std::collections::VecDeque;
use std::io;

use super::Connection;
use crate::addr::Addr;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::limits;
use crate::protocol::wire::{BLOCKED, OWED, PASSING, QUEUED, STACKED};
use crate::protocol::{Context, Descriptor, Flow, Reason};
use crate::sys::File;

/// What waits above the layers, in order. Its head is never plain bytes: those go down as
/// soon as they come to it.
#[derive(Default)]
pub(crate) struct Queue {
    items: VecDeque<Item>,
    /// Bytes in memory.
    bytes: usize,
    /// Bytes of files.
    file_bytes: u64,
    /// Files and descriptors.
    descriptors: usize,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

enum Item {
    Bytes(Vec<u8>),
    File(Range),
    Descriptor(Descriptor, Vec<u8>),
}

struct Range {
    file: File,
    at: u64,
    left: u64,
    /// The kernel would not send it by itself.
    by_pieces: bool,
}

/// What the driver is to do for the head of the queue.
pub enum Head<'a> {
    /// Read so much of this file, from there; then `on_read`.
    Read(&'a File, u64, usize),
    /// Have the kernel send so much of it; then `on_file_sent`.
    Send(&'a File, u64, usize),
    /// Send this descriptor with these bytes; then `on_passed`.
    Pass(&'a Descriptor, &'a [u8]),
}

impl Connection {
    /// See [`Transport::send_file`](crate::Transport::send_file). `length` is the file's.
    pub(crate) fn send_file(
        &mut self,
        file: File,
        length: u64,
        offset: u64,
        count: Option<u64>,
        context: &Context,
    ) -> Result<Flow> {
        let left = count.unwrap_or_else(|| length.saturating_sub(offset));
        if offset.checked_add(left).is_none_or(|end| end > length) {
            let cause = format!("the file has {length} bytes, not {left} from {offset} on");
            return Err(self.refused(ErrorKind::InvalidInput, cause));
        }
        if !self.is_open() {
            return Ok(Flow::Closed);
        }
        if left > 0 {
            self.enqueue(Item::File(Range { file, at: offset, left, by_pieces: false }))?;
            self.wire.set(OWED);
            return Ok(Flow::Full);
        }
        Ok(if self.is_full(context) { self.full() } else { Flow::More })
    }

    /// See [`Transport::send_descriptor`](crate::Transport::send_descriptor).
    pub(crate) fn send_descriptor(
        &mut self,
        descriptor: Descriptor,
        data: &[u8],
        context: &Context,
    ) -> Result<Flow> {
        self.can_pass()?;
        if data.is_empty() {
            let cause = "a descriptor travels with at least one byte";
            return Err(self.refused(ErrorKind::InvalidInput, cause));
        }
        if !self.is_open() || self.overruns(context) {
            return Ok(Flow::Closed);
        }
        self.enqueue(Item::Descriptor(descriptor, data.to_vec()))?;
        Ok(if self.is_full(context) { self.full() } else { Flow::More })
    }

    /// Whether descriptors may pass here.
    pub(crate) fn can_pass(&self) -> Result<()> {
        if self.wire.has(STACKED) {
            let cause = "its layers see bytes only, and a descriptor would pass them by";
            return Err(self.refused(ErrorKind::Unsupported, cause));
        }
        if !matches!(self.wire.peer(), Addr::Unix(_)) {
            let cause = "descriptors travel over Unix sockets only";
            return Err(self.refused(ErrorKind::Unsupported, cause));
        }
        Ok(())
    }

    /// Descriptors are received, or not.
    pub(crate) fn set_passing(&mut self, on: bool) {
        if on {
            self.wire.set(PASSING);
        } else {
            self.wire.clear(PASSING);
        }
    }

    fn refused(&self, kind: ErrorKind, cause: impl Into<String>) -> Error {
        Error::new(Operation::Send, kind, cause).at(self.wire.peer())
    }

    fn enqueue(&mut self, item: Item) -> Result<()> {
        let waiting = self.queue().map_or(0, |queue| queue.descriptors);
        if waiting >= limits::DESCRIPTORS_QUEUED {
            let cause = format!("{waiting} files or descriptors wait already");
            let error = self.refused(ErrorKind::Full, cause);
            return Err(error.with_remedy("wait for resume_writing, then send the next"));
        }
        let queue = &mut self.stack.get_or_insert_default().queue;
        queue.descriptors += 1;
        match &item {
            Item::File(range) => queue.file_bytes += range.left,
            Item::Descriptor(_, data) => queue.bytes += data.len(),
            Item::Bytes(_) => {}
        }
        queue.items.push_back(item);
        self.wire.set(QUEUED);
        Ok(())
    }

    /// Bytes behind what is queued: they wait for it.
    pub(super) fn write_behind(&mut self, data: &[u8]) {
        let queue = &mut self.stack.get_or_insert_default().queue;
        queue.bytes += data.len();
        match queue.items.back_mut() {
            Some(Item::Bytes(bytes)) => bytes.extend_from_slice(data),
            _ => queue.items.push_back(Item::Bytes(data.to_vec())),
        }
    }

    fn queue(&self) -> Option<&Queue> {
        self.stack.as_ref().map(|stack| &stack.queue)
    }

    /// Bytes in memory that wait above the layers.
    #[inline]
    pub(super) fn pending_in_queue(&self) -> usize {
        if self.wire.has(QUEUED) { self.queue().map_or(0, |queue| queue.bytes) } else { 0 }
    }

    /// All that was written and is not the kernel's: what is buffered, and files.
    pub(crate) fn left_unsent(&self) -> u64 {
        self.buffered() as u64 + self.queue().map_or(0, |queue| queue.file_bytes)
    }

    /// Whether writers wait for what is queued: for every file, and for many descriptors.
    pub(super) fn queue_is_full(&self) -> bool {
        self.queue().is_some_and(|queue| {
            queue.file_bytes > 0 || queue.descriptors >= limits::DESCRIPTORS_QUEUED
        })
    }

    /// Whether no file and no descriptor waits.
    pub(super) fn queue_is_empty(&self) -> bool {
        !self.wire.has(QUEUED)
    }

    /// Nothing of it will be sent.
    pub(super) fn drop_queue(&mut self) {
        if let Some(stack) = &mut self.stack {
            stack.queue = Queue::default();
        }
        self.wire.clear(QUEUED);
    }

    /// Whether the head of the queue can move.
    pub(super) fn queue_can_move(&self, context: &Context) -> bool {
        match self.head() {
            None => false,
            Some(Head::Read(..)) => {
                self.wire.len() + self.pending_in_layers() <= self.wire.marks(context).0
            }
            Some(Head::Send(..) | Head::Pass(..)) => {
                !self.wire.has(BLOCKED) && self.wire.is_empty()
            }
        }
    }

    /// What the driver is to do for the head of the queue.
    pub fn head(&self) -> Option<Head<'_>> {
        let most = |left: u64, most: usize| left.min(most as u64) as usize; // no more than `most`
        match self.queue()?.items.front()? {
            Item::Bytes(_) => None,
            Item::Descriptor(descriptor, data) => Some(Head::Pass(descriptor, data)),
            Item::File(Range { file, at, left, by_pieces }) => {
                Some(if *by_pieces || self.wire.has(STACKED) {
                    Head::Read(file, *at, most(*left, limits::SEND_FILE_BUFFER_BYTES))
                } else {
                    Head::Send(file, *at, most(*left, limits::SEND_FILE_STEP_BYTES))
                })
            }
        }
    }

    /// The piece that [`Head::Read`] asked for, as far as it was read.
    pub fn on_read(&mut self, read: io::Result<&[u8]>, context: &Context) {
        match read {
            Ok([]) => self.file_ended(),
            Ok(data) => {
                self.write_down(data, context);
                self.file_moved(data.len(), context);
            }
            Err(error) => self.wire.fail(Reason::io(error)),
        }
    }

    /// What the kernel did about [`Head::Send`]: how many bytes it took, and whether it will
    /// say when it takes more. `Unsupported` has the file read in pieces.
    pub fn on_file_sent(&mut self, sent: io::Result<(usize, bool)>, context: &Context) {
        match sent {
            Ok((0, false)) => self.file_ended(),
            Ok((bytes, blocked)) => {
                self.on_sent(bytes, blocked, context);
                self.file_moved(bytes, context);
            }
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                if let Some(Item::File(range)) = self.front() {
                    range.by_pieces = true;
                }
            }
            Err(error) => self.on_broken(Reason::io(error)),
        }
    }

    /// What the kernel did about [`Head::Pass`]: the descriptor is on its way with the first
    /// byte that it took.
    pub fn on_passed(&mut self, sent: io::Result<(usize, bool)>, context: &Context) {
        match sent {
            Ok((bytes, blocked)) => {
                self.on_sent(bytes, blocked, context);
                if bytes > 0 {
                    if let Some(Item::Descriptor(_, data)) = self.dequeue() {
                        self.write_down(data.get(bytes..).unwrap_or_default(), context);
                    }
                    self.bytes_come_to_the_head(context);
                }
            }
            Err(error) => self.on_broken(Reason::io(error)),
        }
    }

    fn front(&mut self) -> Option<&mut Item> {
        self.stack.as_mut()?.queue.items.front_mut()
    }

    fn file_moved(&mut self, bytes: usize, context: &Context) {
        let Some(stack) = &mut self.stack else { return };
        let queue = &mut stack.queue;
        let Some(Item::File(range)) = queue.items.front_mut() else { return };
        range.at += bytes as u64;
        range.left = range.left.saturating_sub(bytes as u64);
        queue.file_bytes = queue.file_bytes.saturating_sub(bytes as u64);
        if range.left == 0 {
            self.dequeue();
            self.bytes_come_to_the_head(context);
        }
    }

    fn file_ended(&mut self) {
        let left = match self.front() {
            Some(Item::File(range)) => range.left,
            _ => 0,
        };
        self.wire.fail(Reason::failed(format!("the file ended {left} bytes too early")));
    }

    fn dequeue(&mut self) -> Option<Item> {
        let queue = &mut self.stack.as_mut()?.queue;
        let item = queue.items.pop_front()?;
        match &item {
            Item::File(range) => queue.file_bytes -= range.left,
            Item::Descriptor(_, data) | Item::Bytes(data) => queue.bytes -= data.len(),
        }
        queue.descriptors -= usize::from(!matches!(item, Item::Bytes(_)));
        Some(item)
    }

    fn bytes_come_to_the_head(&mut self, context: &Context) {
        while let Some(Item::Bytes(_)) = self.front() {
            if let Some(Item::Bytes(data)) = self.dequeue() {
                self.write_down(&data, context);
            }
        }
        if self.front().is_none() {
            self.wire.clear(QUEUED);
            self.drop_empty_stack();
        }
    }
}
