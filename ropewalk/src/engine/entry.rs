//! One connection in the table: its identity, its socket, its machine, its protocol.
//! Owns: the layout (one allocation for all of it) and who builds the protocol.
//! Never: decides when anything is called.

use std::cell::RefCell;
use std::rc::Rc;

use super::driver::Driver;
use crate::addr::Addr;
use crate::connection::{Connection, drop_guarded};
use crate::protocol::{
    ConnectionId, Event, Factory, Layers, Net, Protocol, Reason, Timer, Transport,
};

/// A connection in the table. The seat is last, so that an entry with a known protocol
/// becomes one with any.
pub struct Entry<D: Driver, S: ?Sized = dyn Seat> {
    /// Everything but the protocol.
    pub head: Head<D>,
    pub(crate) seat: RefCell<S>,
}

/// What an entry is without its protocol: sized, so that reaching it needs no look at
/// the protocol's alignment.
pub struct Head<D: Driver> {
    /// Which connection.
    pub id: ConnectionId,
    /// Its socket.
    pub io: D::Io,
    /// Its machine.
    pub connection: RefCell<Connection>,
}

/// Where a protocol sits: empty until the topmost layer is ready.
pub trait Seat: Protocol {
    /// The kernel connected, and this connection is the one of its attempt: its layers.
    fn connected(&mut self, layers: &mut Layers);
    /// Builds the protocol; false if the factory refused.
    fn build(&mut self, peer: &Addr) -> bool;
    /// The protocol has heard that it is connected.
    fn made(&mut self, transport: &mut dyn Transport);
    /// The connection is over, and the protocol (if there was one) has heard.
    fn ended(&mut self, net: &dyn Net, why: &Reason, connecting: bool);
}

/// Who builds the protocol of a seat, and hears of its end.
pub(crate) trait Source {
    type Protocol: Protocol + 'static;
    /// Only of a connection that was connecting: others have their layers from the start.
    fn connected(&mut self, layers: &mut Layers) {
        let _ = layers;
    }
    fn build(&mut self, peer: &Addr) -> Option<Self::Protocol>;
    fn made(&mut self, transport: &mut dyn Transport) {
        let _ = transport;
    }
    fn ended(&mut self, net: &dyn Net, why: &Reason, end: End);
}

/// How far a connection had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The kernel never connected.
    Connecting,
    /// It did, but there was no protocol yet.
    Starting,
    /// There was one.
    Built,
}

/// A seat and its source.
pub(crate) struct Seated<S: Source> {
    protocol: Option<S::Protocol>,
    source: S,
}

impl<S: Source> Seated<S> {
    pub(crate) fn new(source: S) -> Seated<S> {
        Seated { protocol: None, source }
    }
}

impl<S: Source> Seat for Seated<S> {
    fn connected(&mut self, layers: &mut Layers) {
        self.source.connected(layers);
    }

    fn made(&mut self, transport: &mut dyn Transport) {
        self.source.made(transport);
    }

    fn build(&mut self, peer: &Addr) -> bool {
        self.protocol = self.source.build(peer);
        self.protocol.is_some()
    }

    fn ended(&mut self, net: &dyn Net, why: &Reason, connecting: bool) {
        let end = match self.protocol.take() {
            Some(protocol) => {
                // A protocol's own drop may panic; its factory is told all the same.
                drop_guarded(protocol);
                End::Built
            }
            None if connecting => End::Connecting,
            None => End::Starting,
        };
        self.source.ended(net, why, end);
    }
}

impl<S: Source> Protocol for Seated<S> {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        if let Some(protocol) = &mut self.protocol {
            protocol.connection_made(transport);
        }
    }
    #[inline]
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        if let Some(protocol) = &mut self.protocol {
            protocol.data_received(transport, data);
        }
    }
    fn eof_received(&mut self, transport: &mut dyn Transport) {
        if let Some(protocol) = &mut self.protocol {
            protocol.eof_received(transport);
        }
    }
    fn pause_writing(&mut self, transport: &mut dyn Transport) {
        if let Some(protocol) = &mut self.protocol {
            protocol.pause_writing(transport);
        }
    }
    fn resume_writing(&mut self, transport: &mut dyn Transport) {
        if let Some(protocol) = &mut self.protocol {
            protocol.resume_writing(transport);
        }
    }
    fn timer_fired(&mut self, transport: &mut dyn Transport, timer: Timer) {
        if let Some(protocol) = &mut self.protocol {
            protocol.timer_fired(transport, timer);
        }
    }
    fn event(&mut self, transport: &mut dyn Transport, event: Event) {
        if let Some(protocol) = &mut self.protocol {
            protocol.event(transport, event);
        }
    }
    fn stopping(&mut self, transport: &mut dyn Transport) {
        if let Some(protocol) = &mut self.protocol {
            protocol.stopping(transport);
        }
    }
    fn connection_lost(&mut self, transport: &mut dyn Transport, why: &Reason) {
        if let Some(protocol) = &mut self.protocol {
            protocol.connection_lost(transport, why);
        }
    }
}

/// A server's factory builds, and hears only of connections that came to nothing.
impl<F: Factory> Source for Rc<RefCell<F>> {
    type Protocol = F::Protocol;
    fn build(&mut self, peer: &Addr) -> Option<F::Protocol> {
        self.borrow_mut().build(peer)
    }
    fn ended(&mut self, net: &dyn Net, why: &Reason, end: End) {
        if end != End::Built {
            self.borrow_mut().failed(net, why);
        }
    }
}
