//! The forwarder, looked at: what its two halves had buffered, how they ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ropewalk::addr::Target;
use ropewalk::protocol::{DynClientFactory, Event};
use ropewalk::service::Forward;
use ropewalk::{Addr, ClientFactory, Connector, Factory, Net, Protocol, Reason, Timer, Transport};

/// What the tests see of it.
#[derive(Default)]
pub struct Seen {
    /// `pause_writing` was told so often.
    pub pauses: AtomicUsize,
    /// The most that one side had buffered.
    pub buffered_most: AtomicUsize,
    /// The longest single read, which is the other side's longest write.
    pub read_most: AtomicUsize,
    pub lost: AtomicUsize,
    /// Ends that were not in order.
    pub unclean: AtomicUsize,
}

/// A forwarder to there, whose halves are looked at.
pub fn forward(
    target: Target,
    seen: Arc<Seen>,
) -> impl Factory<Protocol = impl Protocol> + Send + Clone {
    let (near, far) = (seen.clone(), seen);
    let onward = move |client: &mut dyn Transport, factory: Box<dyn DynClientFactory>| {
        let looked_at = LookedAt { factory, seen: far.clone() };
        Ok(client.net().connect(target.clone(), Box::new(looked_at)))
    };
    let factory = Forward::to(onward);
    factory.map(move |half| Half { half, seen: near.clone() })
}

/// A half, looked at.
struct Half<P> {
    half: P,
    seen: Arc<Seen>,
}

impl<P> Half<P> {
    fn look(&self, transport: &dyn Transport) {
        self.seen.buffered_most.fetch_max(transport.buffered(), Ordering::Relaxed);
    }
}

impl<P: Protocol> Protocol for Half<P> {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        self.half.connection_made(transport);
    }

    fn event(&mut self, transport: &mut dyn Transport, event: Event) {
        self.half.event(transport, event);
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        self.seen.read_most.fetch_max(data.len(), Ordering::Relaxed);
        self.half.data_received(transport, data);
        self.look(transport);
    }

    fn eof_received(&mut self, transport: &mut dyn Transport) {
        self.half.eof_received(transport);
    }

    fn pause_writing(&mut self, transport: &mut dyn Transport) {
        self.look(transport);
        self.seen.pauses.fetch_add(1, Ordering::Relaxed);
        self.half.pause_writing(transport);
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) {
        self.look(transport);
        self.half.resume_writing(transport);
    }

    fn timer_fired(&mut self, transport: &mut dyn Transport, timer: Timer) {
        self.half.timer_fired(transport, timer);
    }

    fn stopping(&mut self, transport: &mut dyn Transport) {
        self.half.stopping(transport);
    }

    fn connection_lost(&mut self, transport: &mut dyn Transport, why: &Reason) {
        self.seen.lost.fetch_add(1, Ordering::Relaxed);
        if !why.is_clean() {
            self.seen.unclean.fetch_add(1, Ordering::Relaxed);
        }
        self.half.connection_lost(transport, why);
    }
}

/// The factory of the half that talks with the target.
struct LookedAt {
    factory: Box<dyn DynClientFactory>,
    seen: Arc<Seen>,
}

impl ClientFactory for LookedAt {
    type Protocol = Half<Box<dyn Protocol>>;

    fn build(&mut self, peer: &Addr) -> Option<Self::Protocol> {
        let half = self.factory.build_boxed(peer)?;
        Some(Half { half, seen: self.seen.clone() })
    }

    fn failed(&mut self, connector: &Connector, net: &dyn Net, why: &Reason) {
        self.factory.failed_dyn(connector, net, why);
    }
}
