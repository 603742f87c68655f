//! Forwarding: each accepted connection gets one of its own to the target, and bytes pass
//! both ways, each side no faster than the other. A test protocol, and an example of two
//! connections that hold each other's handles.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ropewalk::addr::Target;
use ropewalk::protocol::{Event, client};
use ropewalk::{Connector, Flow, Handle, Protocol, Reason, Transport};

/// What the tests see of it.
#[derive(Default)]
pub struct Seen {
    /// `pause_writing` was told so often.
    pub pauses: AtomicUsize,
    /// A write was answered `Full` so often.
    pub fulls: AtomicUsize,
    /// The most that one side had buffered.
    pub buffered_most: AtomicUsize,
    /// The longest single write.
    pub write_most: AtomicUsize,
    /// One direction ended while the other went on, so often.
    pub half_closes: AtomicUsize,
    pub lost: AtomicUsize,
    /// Ends that were not in order.
    pub unclean: AtomicUsize,
}

/// One of the two connections. `peer` is the other one's handle.
pub struct Side {
    peer: Option<Handle>,
    /// The accepted side's: while it has no peer, the attempt to get one.
    target: Option<Target>,
    connector: Option<Connector>,
    seen: Arc<Seen>,
    ended: bool,
}

/// The other connection is there.
struct Joined(Handle);

impl Side {
    /// The side that was accepted.
    pub fn accepted(target: Target, seen: Arc<Seen>) -> Side {
        Side { peer: None, target: Some(target), connector: None, seen, ended: false }
    }

    fn connected(peer: Handle, seen: Arc<Seen>) -> Side {
        Side { peer: Some(peer), target: None, connector: None, seen, ended: false }
    }

    /// Asks something of the other side. If it has gone, we have heard or will.
    fn ask(&self, what: impl FnOnce(&Handle) -> Result<(), ropewalk::protocol::HandleError>) {
        if let Some(peer) = &self.peer {
            let _ = what(peer);
        }
    }

    fn look(&self, transport: &dyn Transport) {
        self.seen.buffered_most.fetch_max(transport.buffered(), Ordering::Relaxed);
    }
}

impl Protocol for Side {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        let me = transport.handle();
        let Some(target) = self.target.take() else {
            // The accepted side waits for us. If it went meanwhile, so do we.
            let peer = self.peer.as_ref().expect("a connected side has its peer");
            if peer.event(Joined(me)).is_err() {
                transport.abort();
            }
            return;
        };
        transport.pause_reading();
        let (seen, refused) = (self.seen.clone(), me.clone());
        let factory =
            client(move || Side::connected(me.clone(), seen.clone())).on_failed(move |_, _, _| {
                let _ = refused.abort(); // it may have gone by itself
            });
        self.connector = Some(transport.net().connect(target, Box::new(factory)));
    }

    fn event(&mut self, transport: &mut dyn Transport, event: Event) {
        if let Ok(joined) = event.downcast::<Joined>() {
            self.peer = Some(joined.0);
            transport.resume_reading();
        }
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        let Some(peer) = &self.peer else { return };
        self.seen.write_most.fetch_max(data.len(), Ordering::Relaxed);
        // Not a byte more until the other side resumes us: every `Full` is owed that.
        if peer.write(data) == Ok(Flow::Full) {
            self.seen.fulls.fetch_add(1, Ordering::Relaxed);
            transport.pause_reading();
            let seen = self.seen.clone();
            let _ = peer.call(move |peer| {
                seen.buffered_most.fetch_max(peer.buffered(), Ordering::Relaxed);
            });
        }
    }

    fn eof_received(&mut self, transport: &mut dyn Transport) {
        if transport.is_open() {
            self.seen.half_closes.fetch_add(1, Ordering::Relaxed);
        }
        self.ended = true;
        self.ask(Handle::shutdown_write);
    }

    fn pause_writing(&mut self, transport: &mut dyn Transport) {
        self.look(transport);
        self.seen.pauses.fetch_add(1, Ordering::Relaxed);
        self.ask(Handle::pause_reading);
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) {
        self.look(transport);
        self.ask(Handle::resume_reading);
    }

    fn connection_lost(&mut self, _: &mut dyn Transport, why: &Reason) {
        self.seen.lost.fetch_add(1, Ordering::Relaxed);
        if let Some(connector) = self.connector.take().filter(|_| self.peer.is_none()) {
            connector.stop();
        }
        if why.is_clean() && self.ended {
            self.ask(Handle::close);
        } else {
            self.seen.unclean.fetch_add(1, Ordering::Relaxed);
            self.ask(Handle::abort);
        }
    }
}
