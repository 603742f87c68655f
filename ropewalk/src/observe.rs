//! What may be watched: an inspector, metrics and a recorder hang on these hooks.
//! Owns: the `Observer` contract.
//! Never: changes anything; without an observer no byte is counted and no call is made.

use crate::addr::Addr;
use crate::protocol::{ConnectionId, Reason};

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the peer.
    In,
    /// To the peer.
    Out,
}

/// Who stopped the reading of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PausedBy {
    /// The protocol, or a handle in its name.
    Protocol,
    /// The layer at this level, counted from the wire.
    Layer(usize),
}

/// What was moved on a connection in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Bytes that came from the peer.
    pub received: u64,
    /// Bytes that the kernel took.
    pub sent: u64,
}

/// Hears what happens. Every method has an empty body; override what you want.
///
/// It is called on the connection's own thread, between callbacks, and must not block.
/// An observer is given to a reactor when it is built, and then sees every connection.
///
/// ```
/// use ropewalk::observe::{Observer, Totals};
/// use ropewalk::protocol::{ConnectionId, Reason};
/// use std::sync::atomic::{AtomicU64, Ordering};
/// #[derive(Default)]
/// struct Count(AtomicU64);
/// impl Observer for Count {
///     fn ended(&self, _: ConnectionId, _: &Reason, totals: Totals) {
///         self.0.fetch_add(totals.received, Ordering::Relaxed);
///     }
/// }
/// ```
pub trait Observer: Send + Sync {
    /// A connection was accepted, or begins to connect.
    fn opened(&self, id: ConnectionId, peer: &Addr) {
        let _ = (id, peer);
    }
    /// Its protocol was built.
    fn made(&self, id: ConnectionId, peer: &Addr) {
        let _ = (id, peer);
    }
    /// Bytes were moved.
    fn moved(&self, id: ConnectionId, direction: Direction, bytes: usize) {
        let _ = (id, direction, bytes);
    }
    /// So many bytes are unsent now, after a flush was tried.
    fn queued(&self, id: ConnectionId, bytes: usize) {
        let _ = (id, bytes);
    }
    /// Reading stopped, by these, or goes on (empty).
    fn paused(&self, id: ConnectionId, by: &[PausedBy]) {
        let _ = (id, by);
    }
    /// The peer ended its direction. Told even while reading is paused.
    fn peer_ended(&self, id: ConnectionId) {
        let _ = id;
    }
    /// The connection is over.
    fn ended(&self, id: ConnectionId, why: &Reason, totals: Totals) {
        let _ = (id, why, totals);
    }
    /// A callback that belongs to no living connection panicked: a factory's, a timer's,
    /// or `connection_lost` itself.
    fn panicked(&self, what: &str, message: &str) {
        let _ = (what, message);
    }
    /// Accepting paused since the system has no more to give, or goes on.
    fn accept_paused(&self, at: &Addr, why: Option<&std::io::Error>) {
        let _ = (at, why);
    }
}
