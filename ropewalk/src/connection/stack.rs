//! Up and down the layers: where input goes, and where it has to wait.
//! Owns: the walk of one input from a level to the protocol, and the layers' calls.
//! Never: holds a borrow of the connection while the protocol runs.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::held::{Held, Item};
use super::producing::Producing;
use super::queue::Queue;
use super::{Connection, TOP};
use crate::protocol::wire::{
    BUILT, CLOSING, DEAD, EOF_TOLD, HELD, LINGERING, LINGERS, PASSING, QUEUED, RETIRING, STACKED,
    Wire,
};
use crate::protocol::{Below, Context, Event, Layer, Reason, Timer, Up, UpItem};

/// The layers, the input that waits, and what stands above them: allocated when there is
/// any.
#[derive(Default)]
pub(crate) struct Stack {
    pub(crate) layers: Vec<Box<dyn Layer>>,
    pub(crate) held: Held,
    /// Layers (from the top) that were told to finish.
    pub(crate) finishing: usize,
    pub(crate) producing: Option<Producing>,
    pub(crate) queue: Queue,
    /// A layer was called, and may have kept something back.
    pub(crate) touched: bool,
}

/// What reaches a layer or the protocol.
pub enum Input<'a> {
    /// What is below is ready: a layer's `started`, the protocol's building.
    Made,
    /// Bytes.
    Data(&'a [u8]),
    /// The end of input.
    Eof,
    /// An event: only for the protocol.
    Event(Event),
    /// A timer of that level.
    Timer(Timer),
}

/// Carries one input up from `level`. `top` is the protocol; the connection is not
/// borrowed while it runs.
pub fn carry(
    connection: &RefCell<Connection>,
    context: &Context,
    level: usize,
    input: Input<'_>,
    top: &mut dyn FnMut(Input<'_>),
) {
    let passed = connection.borrow_mut().admit(level, input);
    match passed {
        Passage::Stopped => {}
        Passage::Dropped(input) => drop_guarded(input),
        Passage::Top(input, waited) => {
            let lent = if let Input::Data(data) = input { data } else { &[] };
            top(input);
            // What had waited is given back by whoever owns it, and not copied again.
            if !waited {
                connection.borrow_mut().keep_unread(level, lent);
            }
        }
        Passage::Layer(level, input) => {
            let mut up = Up::new(context);
            connection.borrow_mut().call_layer(level, input, &mut up, context);
            for item in up.into_items() {
                match item {
                    UpItem::Made => carry(connection, context, level + 1, Input::Made, top),
                    UpItem::Passed(data) => {
                        carry(connection, context, level + 1, Input::Data(data), top);
                    }
                    UpItem::Bytes(data) => {
                        if !data.is_empty() {
                            carry(connection, context, level + 1, Input::Data(&data), top);
                        }
                        context.give_scratch(data);
                    }
                    UpItem::Eof => carry(connection, context, level + 1, Input::Eof, top),
                    UpItem::Event(event) => {
                        carry(connection, context, TOP, Input::Event(event), top);
                    }
                }
            }
        }
    }
}

enum Passage<'a> {
    Stopped,
    /// Nobody is left to hear it. It is dropped outside the connection's borrow.
    Dropped(Input<'a>),
    Layer(usize, Input<'a>),
    /// And whether it had waited.
    Top(Input<'a>, bool),
}

impl Connection {
    /// Whether an input may pass to its level now; if not, it is kept or dropped here.
    fn admit<'a>(&mut self, level: usize, input: Input<'a>) -> Passage<'a> {
        if self.wire.has(DEAD) {
            return Passage::Dropped(input);
        }
        let (layers, waited) = match &mut self.stack {
            Some(stack) => (stack.layers.len(), stack.held.has_waited(level)),
            None => (0, false),
        };
        let is_top = level >= layers;
        let closed = self.wire.has(CLOSING) && !self.wire.in_handshake(level);
        match &input {
            Input::Data(data) => {
                if closed && cfg!(not(broken = "data_after_close")) {
                    self.discard(data.len());
                    return Passage::Stopped;
                }
                if !waited && (self.must_wait(level) || is_top && !self.wire.has(BUILT)) {
                    self.hold(level, |held| held.push_data(level, data));
                    return Passage::Stopped;
                }
            }
            Input::Eof => {
                if closed {
                    return Passage::Stopped;
                }
                let unbuilt = is_top && !self.wire.has(BUILT);
                let waits = self.must_wait(level) && cfg!(not(broken = "eof_before_data"));
                if !waited && (waits || unbuilt) {
                    self.hold(level, |held| held.push(level, Item::Eof));
                    return Passage::Stopped;
                }
                if is_top {
                    self.wire.set(EOF_TOLD);
                }
            }
            Input::Made if is_top => {
                if self.wire.has(BUILT | CLOSING) && cfg!(not(broken = "made_twice")) {
                    return Passage::Stopped; // a layer pushed later is ready: no second made
                }
                self.wire.set(BUILT);
            }
            // A protocol that is closing hears no more timers and events.
            Input::Event(_) | Input::Timer(_) if is_top && self.wire.has(CLOSING) => {
                return Passage::Dropped(input);
            }
            _ => {}
        }
        if is_top { Passage::Top(input, waited) } else { Passage::Layer(level, input) }
    }

    fn must_wait(&self, level: usize) -> bool {
        self.wire.is_paused_for(level)
            || self.stack.as_ref().is_some_and(|stack| stack.held.waits_from(level))
    }

    pub(super) fn hold(&mut self, level: usize, push: impl FnOnce(&mut Held)) {
        debug_assert!(level <= TOP);
        push(&mut self.stack.get_or_insert_default().held);
        self.wire.set(HELD);
    }

    /// Bytes after `close`: they are gone, but the peer must not be reset for them.
    fn discard(&mut self, bytes: usize) {
        self.wire.set(LINGERS);
        if self.wire.has(LINGERING) {
            self.wire.rare().discarded += bytes;
        }
    }

    /// Calls one layer. Its panic ends the connection, and nobody else's.
    fn call_layer<'d>(
        &mut self,
        level: usize,
        input: Input<'d>,
        up: &mut Up<'d>,
        context: &Context,
    ) {
        self.with_layer(level, context, |layer, below| match input {
            Input::Made => layer.started(below, up),
            Input::Data(data) => layer.received(below, data, up),
            Input::Eof => layer.eof(below, up),
            Input::Timer(timer) => layer.timer_fired(below, timer, up),
            Input::Event(_) => {} // events are the protocol's
        });
    }

    pub(super) fn with_layer(
        &mut self,
        level: usize,
        context: &Context,
        call: impl FnOnce(&mut dyn Layer, &mut Below<'_>),
    ) {
        let Connection { wire, stack } = self;
        let Some(stack) = stack else { return };
        stack.touched = true;
        let Some((layer, below)) = stack.layers[..=level].split_last_mut() else { return };
        guard(wire, |wire| call(&mut **layer, &mut Below::new(below, wire, context)));
    }

    /// What the topmost layer, if there is one, does with written bytes.
    pub(super) fn write_down(&mut self, data: &[u8], context: &Context) {
        let Connection { wire, stack } = self;
        match stack {
            Some(stack) => {
                stack.touched = true;
                let layers = &mut stack.layers[..];
                guard(wire, |wire| Below::new(layers, wire, context).write(data));
            }
            None => wire.write(data, context),
        }
    }

    /// Bytes inside layers.
    pub(super) fn pending_in_layers(&self) -> usize {
        let Some(stack) = &self.stack else { return 0 };
        // A layer that panics here is found out at its next call; it counts as empty.
        let pending = || stack.layers.iter().map(|layer| layer.pending()).sum();
        catch_unwind(AssertUnwindSafe(pending)).unwrap_or(0)
    }

    /// Lets the layers write what they kept back, if any was called since.
    pub(super) fn flush_layers(&mut self, context: &Context) {
        let Some(stack) = self.stack.as_mut().filter(|stack| stack.touched) else { return };
        for level in (0..stack.layers.len()).rev() {
            self.with_layer(level, context, |layer, below| layer.flush(below));
        }
        if let Some(stack) = &mut self.stack {
            stack.touched = false;
        }
    }

    /// Tells the layers, from the top down, that no more is written; each once what is
    /// above it is empty. True when all are done.
    pub(super) fn finish_layers(&mut self, context: &Context) -> bool {
        loop {
            let Some(stack) = &mut self.stack else { return true };
            let count = stack.layers.len();
            let finishing = stack.finishing;
            if finishing > 0 {
                let mut pending = 0;
                self.with_layer(count - finishing, context, |layer, _| pending = layer.pending());
                if pending > 0 {
                    return false;
                }
            }
            if finishing == count {
                return true;
            }
            let Some(stack) = &mut self.stack else { return true };
            stack.finishing += 1;
            let level = count - stack.finishing;
            let before = self.wire.len();
            let mut let_go = false;
            self.with_layer(level, context, |layer, below| {
                let held = layer.pending();
                layer.finish(below);
                let_go = layer.pending() < held;
            });
            let words = self.wire.len() - before;
            // What it had held back was written above it, and is no word of its own.
            if words > 0 && !let_go {
                self.wire.rare().last_words += words;
            }
        }
    }

    /// Takes out the layers that have done their work, and hold nothing back. No call of
    /// theirs is under way: `next` is asked at the bottom of the stack.
    pub(super) fn retire_layers(&mut self) {
        let Some(stack) = &mut self.stack else { return };
        for level in (0..stack.layers.len()).rev() {
            let retired =
                self.wire.rare.as_ref().is_some_and(|rare| rare.retired >> level & 1 == 1);
            let Some(layer) = stack.layers.get(level).filter(|_| retired) else { continue };
            let pending = || layer.pending();
            // One that panics here is found out when it is asked for the connection's count.
            if catch_unwind(AssertUnwindSafe(pending)).unwrap_or(1) > 0 {
                continue;
            }
            if level + stack.finishing >= stack.layers.len() {
                stack.finishing -= 1;
            }
            drop_guarded(stack.layers.remove(level));
            stack.held.drop_level(level);
            self.wire.drop_level(level);
        }
        if stack.layers.is_empty() {
            self.wire.clear(STACKED);
            self.drop_empty_stack();
        } else if self.wire.rare.as_ref().is_none_or(|rare| rare.retired == 0) {
            self.wire.clear(RETIRING);
        }
    }

    /// With nothing in it any more, it is given back.
    pub(super) fn drop_empty_stack(&mut self) {
        let is_empty = self.stack.as_ref().is_some_and(|stack| {
            stack.layers.is_empty()
                && stack.held.is_empty()
                && stack.producing.is_none()
                && stack.queue.is_empty()
        });
        if is_empty {
            self.stack = None;
        }
    }

    /// Puts a layer under the protocol and starts it. What it hands up waits until the
    /// protocol is off the stack.
    pub(crate) fn push_layer(&mut self, layer: Box<dyn Layer>, context: &Context) {
        if self.wire.has(CLOSING | DEAD) {
            return;
        }
        if self.wire.has(QUEUED | PASSING) {
            // What is queued was to go past it, and descriptors could.
            let cause = "a layer was pushed while files or descriptors were sent or received";
            return self.wire.fail(Reason::failed(cause));
        }
        let stack = self.stack.get_or_insert_default();
        if stack.layers.len() >= crate::limits::LAYERS {
            return self.wire.fail(Reason::failed("too many layers"));
        }
        let level = stack.layers.len();
        stack.layers.push(layer);
        self.wire.set(STACKED);
        let mut up = Up::new(context);
        self.call_layer(level, Input::Made, &mut up, context);
        for item in up.into_items() {
            match item {
                UpItem::Made => self.hold(level, |held| held.push(level + 1, Item::Made)),
                UpItem::Passed(data) => self.hold(level, |held| held.push_data(level + 1, data)),
                UpItem::Bytes(data) => {
                    self.hold(level, |held| held.push(level + 1, Item::Data(data.into())));
                }
                UpItem::Eof => self.hold(level, |held| held.push(level + 1, Item::Eof)),
                UpItem::Event(event) => self.hold(level, |held| held.push(TOP, Item::Event(event))),
            }
        }
    }
}

/// What is left of a connection's layers, and what they kept. Each is dropped by itself: a
/// second panic while the first unwinds would end the process.
pub(crate) struct Remains {
    pub(super) stack: Option<Box<Stack>>,
    pub(super) kept: Vec<Box<dyn Any>>,
}

impl Drop for Remains {
    fn drop(&mut self) {
        if let Some(stack) = &mut self.stack {
            stack.layers.drain(..).for_each(drop_guarded);
            drop_guarded(stack.producing.take());
            while let Some(item) = stack.held.pop(|_| true) {
                drop_guarded(item);
            }
        }
        self.kept.drain(..).for_each(drop_guarded);
    }
}

/// Drops a user's value; its panic is told, and no more.
pub(crate) fn drop_guarded<T>(value: T) {
    if catch_unwind(AssertUnwindSafe(|| drop(value))).is_err() {
        tracing::error!("something panicked while it was dropped");
    }
}

/// Runs a layer's code; a panic becomes the connection's end.
fn guard(wire: &mut Wire, call: impl FnOnce(&mut Wire)) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| call(wire))) {
        wire.fail(Reason::panicked(&*payload));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::Addr;
    use crate::clock::VirtualClock;
    use crate::connection::Step;
    use crate::limits::Limits;
    use crate::protocol::Layers;

    /// Needs a timer, a deadline, a pause, and then nothing more.
    struct Greedy;

    impl Layer for Greedy {
        fn started(&mut self, below: &mut Below<'_>, _: &mut Up<'_>) {
            below.begin_handshake();
            below.set_timer(Timer(1), std::time::Duration::from_secs(1));
        }
        fn received<'d>(&mut self, below: &mut Below<'_>, data: &'d [u8], up: &mut Up<'d>) {
            up.made();
            up.pass(data);
            below.pause_reading();
            below.retire();
        }
    }

    #[test]
    fn when_the_last_layer_has_retired_nothing_is_left_of_it() {
        let context = Context::new(Box::new(VirtualClock::new()), Limits::default());
        let mut layers = Layers::new();
        layers.push(Greedy);
        layers.push(Greedy);
        let connection = RefCell::new(Connection::new(&Addr::Unix(None), layers, false));
        let settle = || while !matches!(connection.borrow_mut().next(&context), Step::Idle) {};
        let mut got = Vec::new();
        let mut top = |input: Input<'_>| {
            if let Input::Data(data) = input {
                got.extend_from_slice(data);
            }
        };
        carry(&connection, &context, 0, Input::Made, &mut top);
        settle();
        assert!(!connection.borrow().is_straight());
        carry(&connection, &context, 0, Input::Data(b"x"), &mut top);
        settle();
        let connection = connection.borrow();
        assert_eq!(got, b"x");
        assert!(connection.is_straight());
        assert!(connection.stack.is_none() && connection.wire.rare.is_none());
    }
}
