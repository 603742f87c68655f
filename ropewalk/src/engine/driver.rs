//! The contract between an engine and what does its I/O.
//! Owns: the `Driver` trait and its words. Never: holds a rule of a connection's life.
//!
//! The shape is that of completions: a driver reports what *has* happened by calling the
//! engine's `on_*` methods, and the engine never sees `EAGAIN`. Input is pushed (a slice
//! lent for the call, wherever the kernel put it); output is lent as an [`Out`], from
//! which a readiness driver consumes and a completion driver takes. All methods take
//! `&self`, as a callback inside `turn` needs `send`. No method but `turn`,
//! `accept_now` and `read_now` may call the engine back.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::{Engine, Entry};
use crate::addr::Addr;
use crate::clock::Clock;
use crate::options::SocketOptions;
use crate::protocol::{ConnectionId, Out};

/// Does the I/O of an engine.
pub trait Driver: Sized + 'static {
    /// A connection's socket; it lives inside the connection's entry and is closed when
    /// dropped.
    type Io: 'static;
    /// A listening socket, closed when dropped.
    type Listener: 'static;

    /// The clock that this driver's waits follow.
    fn clock(&self) -> Box<dyn Clock>;

    /// Ends the current or next wait of `turn`; callable from any thread.
    fn waker(&self) -> Arc<dyn Wake>;

    /// Waits for at most `wait` (for ever if `None`) and reports what happened, within
    /// the budgets of a turn; what is over them stays on the driver's ready list, and
    /// the next turn does not wait.
    fn turn(&self, engine: &Rc<Engine<Self>>, wait: Option<Duration>) -> io::Result<()>;

    /// The addresses of a name; may block. Only for listening.
    fn lookup(&self, host: &str) -> io::Result<Vec<std::net::IpAddr>>;

    /// Finds the addresses of a name off the loop, and gives them to `reply`. An error
    /// says that too many wait already.
    fn resolve(&self, host: &str, port: u16, reply: Reply) -> io::Result<()>;

    /// Binds and listens. Connections are reported by [`Engine::on_accepted`] under this
    /// number.
    fn listen(
        &self,
        number: u32,
        at: &Addr,
        options: &SocketOptions,
    ) -> io::Result<(Self::Listener, Addr)>;

    /// Takes what the kernel has queued, at most `most` connections.
    fn accept_now(
        &self,
        engine: &Rc<Engine<Self>>,
        number: u32,
        listener: &Self::Listener,
        most: usize,
    );

    /// Begins to connect; [`Engine::on_connected`] tells how it went.
    fn connect(&self, id: ConnectionId, to: &Addr, options: &SocketOptions)
    -> io::Result<Self::Io>;

    /// Begins to read an accepted connection.
    fn start(&self, id: ConnectionId, io: &Self::Io) -> io::Result<()>;

    /// Gives the kernel what it takes now. An error means that it will take no more.
    fn send(&self, id: ConnectionId, io: &Self::Io, out: &mut Out) -> io::Result<Sent>;

    /// Reads, or does not. Off: no further `on_data`; a reset is still reported. On: what
    /// arrived meanwhile is read without a new word from the kernel.
    fn reading(&self, id: ConnectionId, io: &Self::Io, on: bool);

    /// Reads what has arrived, now.
    fn read_now(&self, engine: &Rc<Engine<Self>>, entry: &Entry<Self>);

    /// Whether bytes have arrived that were not reported.
    fn unread(&self, id: ConnectionId, io: &Self::Io) -> bool;

    /// Ends our direction.
    fn shutdown_write(&self, id: ConnectionId, io: &Self::Io);

    /// The connection is over; the socket is dropped soon. `reset`: it is to end with a
    /// reset, not in order.
    fn end(&self, id: ConnectionId, io: &Self::Io, reset: bool);

    /// This end's address.
    fn local_addr(&self, io: &Self::Io) -> Addr;
}

/// What the kernel took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Bytes that it has now.
    pub bytes: usize,
    /// It did not take all; [`Engine::on_writable`] (or `on_sent`) will follow.
    pub blocked: bool,
}

/// Takes the addresses of a name, on any thread.
pub type Reply = Box<dyn FnOnce(io::Result<Vec<std::net::SocketAddr>>) + Send>;

/// Ends an engine's wait.
pub trait Wake: Send + Sync {
    /// Ends the current or next wait.
    fn wake(&self);
}
