//! The contract between an engine and what does its I/O.
//! Owns: the `Driver` trait and its words. Never: holds a rule of a connection's life.
//!
//! The shape is that of completions: a driver reports what *has* happened by calling the
//! engine's `on_*` methods, and the engine never sees `EAGAIN`. Input is pushed (a slice
//! lent for the call, wherever the kernel put it); output is lent as an [`Out`], from
//! which a readiness driver consumes and a completion driver takes. All methods take
//! `&self`, as a callback inside `turn` needs `send`. No method but `turn`,
//! `accept_now`, `read_now` and `read_datagrams_now` may call the engine back.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::{DatagramEntry, Engine, Entry};
use crate::addr::Addr;
use crate::clock::Clock;
use crate::error::Result;
use crate::options::SocketOptions;
use crate::protocol::{ConnectionId, Descriptor, Out};
use crate::sys::File;

/// Does the I/O of an engine.
pub trait Driver: Sized + 'static {
    /// A connection's socket; it lives inside the connection's entry and is closed when
    /// dropped.
    type Io: 'static;
    /// A listening socket, closed when dropped.
    type Listener: 'static;
    /// A datagram socket, closed when dropped; `Infallible` for a driver that has none.
    type Datagrams: 'static;

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

    /// Finds the addresses of a name off the loop, and gives them to `reply`, if they are
    /// wanted by then. An error says that too many wait already.
    fn resolve(&self, host: &str, port: u16, reply: Reply) -> crate::error::Result<()>;

    /// Does this, which may block, off the loop. An error says that too many wait already, or
    /// that the system has no thread.
    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) -> Result<()>;

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

    /// Sets what these options say, and leaves the rest; `InvalidInput` for what a live
    /// connection cannot change.
    fn tune(&self, io: &Self::Io, options: &SocketOptions) -> io::Result<()> {
        let _ = (io, options);
        Err(lacks("options"))
    }

    // Files and descriptors. A driver that has none leaves these as they are.

    /// Reads the files that are sent.
    fn files(&self) -> &'static dyn Files {
        &NoFiles
    }

    /// Has the kernel send from a file what it takes now, at most `most` bytes. No bytes and
    /// not blocked: the file ends there. `Unsupported`: it is to be read.
    fn send_file(
        &self,
        id: ConnectionId,
        io: &Self::Io,
        file: &File,
        at: u64,
        most: usize,
    ) -> io::Result<Sent> {
        let _ = (id, io, file, at, most);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Gives the kernel a descriptor with the first of these bytes, of which it takes what it
    /// can. Only for a Unix socket.
    fn send_descriptor(
        &self,
        id: ConnectionId,
        io: &Self::Io,
        descriptor: &Descriptor,
        data: &[u8],
    ) -> io::Result<Sent> {
        let _ = (id, io, descriptor, data);
        Err(lacks("descriptors to pass"))
    }

    /// Reports the descriptors that come, by [`Engine::on_descriptors`], before the bytes
    /// that carried them; or no more.
    fn accept_descriptors(&self, io: &Self::Io, on: bool) -> io::Result<()> {
        let _ = (io, on);
        Err(lacks("descriptors to pass"))
    }

    // Datagrams. A driver that has none leaves these as they are.

    /// Binds a datagram socket, and answers with the address bound.
    fn bind_datagrams(
        &self,
        at: &Addr,
        options: &SocketOptions,
    ) -> io::Result<(Self::Datagrams, Addr)> {
        let _ = (at, options);
        Err(lacks("datagrams"))
    }

    /// Opens a datagram socket to one peer, and answers with its own address. Sends
    /// nothing, and so does not wait.
    fn connect_datagrams(
        &self,
        to: &Addr,
        options: &SocketOptions,
    ) -> io::Result<(Self::Datagrams, Addr)> {
        let _ = (to, options);
        Err(lacks("datagrams"))
    }

    /// Begins to receive: [`Engine::on_datagram`], [`Engine::on_datagram_error`].
    fn start_datagrams(&self, number: u32, io: &Self::Datagrams) -> io::Result<()> {
        let _ = (number, io);
        Err(lacks("datagrams"))
    }

    /// Gives the kernel one datagram, to this address or the socket's peer. `false`: it
    /// has no room; [`Engine::on_datagrams_writable`] will follow, but for an unconnected
    /// Unix socket. An error is about this datagram, or an answer to an earlier one.
    fn send_datagram(
        &self,
        number: u32,
        io: &Self::Datagrams,
        data: &[u8],
        to: Option<&Addr>,
    ) -> io::Result<bool> {
        let _ = (number, io, data, to);
        Err(lacks("datagrams"))
    }

    /// Receives what has arrived, now, within a turn's budget.
    fn read_datagrams_now(&self, engine: &Rc<Engine<Self>>, entry: &DatagramEntry<Self>) {
        let _ = (engine, entry);
    }
}

fn lacks(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, format!("this driver has no {what}"))
}

/// What the kernel took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Bytes that it has now.
    pub bytes: usize,
    /// It did not take all; [`Engine::on_writable`] (or `on_sent`) will follow.
    pub blocked: bool,
}

/// Reads files: what of sending one is no matter of a connection's socket.
pub trait Files {
    /// How long a file is; `InvalidInput` if it is no regular one, whose reading could wait
    /// for more than a disk.
    fn length_of(&self, file: &File) -> io::Result<u64>;

    /// Reads from a file, there, as much as there is. May move where the file stands.
    fn read(&self, file: &File, at: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

struct NoFiles;

impl Files for NoFiles {
    fn length_of(&self, _: &File) -> io::Result<u64> {
        Err(lacks("files"))
    }

    fn read(&self, _: &File, _: u64, _: &mut [u8]) -> io::Result<usize> {
        Err(lacks("files"))
    }
}

/// Takes the addresses of a name, on any thread.
pub struct Reply {
    wanted: Weak<()>,
    #[allow(clippy::type_complexity, reason = "it is said once")]
    tell: Box<dyn FnOnce(io::Result<Vec<SocketAddr>>) + Send>,
}

impl Reply {
    pub(crate) fn new(
        wanted: &Arc<()>,
        tell: impl FnOnce(io::Result<Vec<SocketAddr>>) + Send + 'static,
    ) -> Reply {
        Reply { wanted: Arc::downgrade(wanted), tell: Box::new(tell) }
    }

    /// Whether somebody still waits for it. If not, the name need not be looked up.
    pub fn is_wanted(&self) -> bool {
        self.wanted.strong_count() > 0
    }

    /// The answer.
    pub fn tell(self, found: io::Result<Vec<SocketAddr>>) {
        (self.tell)(found);
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reply {{ wanted: {} }}", self.is_wanted())
    }
}

/// Ends an engine's wait.
pub trait Wake: Send + Sync {
    /// Ends the current or next wait.
    fn wake(&self);
}
