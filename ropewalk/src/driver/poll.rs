//! The readiness driver: mio (epoll, kqueue, IOCP), edge-triggered.
//! Owns: the poll, the loop's one read buffer, the ready list of what a turn's budget
//! left over. Never: holds a rule of a connection's life.
//!
//! A read that fills less than the buffer ends the loop without another call: the next
//! byte is a new edge. Not so on Windows, nor when the event said that the peer ended or
//! failed; there it reads until the kernel says no.

mod adopt;
mod ready;

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Interest, Registry, Token, Waker};
use socket2::Socket;

use super::source::Source;
use super::stream::{self, UnixFile};
use super::workers::Workers;
use super::{datagram, file, passing, settings};
use crate::addr::Addr;
use crate::clock::{Clock, MachineClock};
use crate::engine::{
    DATAGRAM_SLOT, DatagramEntry, Driver, Engine, Entry, Files, Reply, Sent, Wake,
};
use crate::error::Result;
use crate::limits;
use crate::options::SocketOptions;
use crate::protocol::{ConnectionId, Descriptor, Out};
use crate::socket::{Resolver, lookup_ips};

/// The readiness driver.
pub struct Poll {
    turn: RefCell<Box<Turn>>,
    registry: Registry,
    waker: Arc<MioWaker>,
    clock: MachineClock,
    ready: RefCell<Vec<Ready>>,
    /// Whether `ready` has something: the flag that an idle turn asks.
    any_ready: Cell<bool>,
    listeners: RefCell<Vec<(u32, Weak<Bound>)>>,
    resolver: Resolver,
    workers: Workers,
}

/// What a turn needs, in one piece.
struct Turn {
    poll: mio::Poll,
    events: Events,
    buffer: Vec<u8>,
}

/// What a budget left over, or what must be tried without a new edge.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ready {
    Read(ConnectionId),
    Accept(u32),
    Datagrams(u32),
}

/// A connection's socket under this driver.
pub struct PollIo {
    source: Source,
    registered: Cell<bool>,
    /// An edge said that the peer ended or failed: read until the kernel says no.
    drain: Cell<bool>,
    /// One of a pair within this process: closing it resets nobody, whatever is unread.
    within: bool,
    /// Descriptors are received.
    passing: Cell<bool>,
}

/// A listening socket under this driver.
pub struct PollListener(Rc<Bound>);

/// A datagram socket under this driver.
pub struct PollDatagrams {
    source: Source,
    _file: Option<UnixFile>,
}

struct Bound {
    source: Source,
    _file: Option<UnixFile>,
}

// A token is a slot and its generation. Listeners take a slot that no table reaches.
const _: () = assert!(usize::BITS == 64, "a token holds a slot and a generation");
const LISTENER_SLOT: u32 = u32::MAX;
const WAKER: Token = Token(usize::MAX);
const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

fn token(slot: u32, generation: u32) -> Token {
    Token((generation as usize) << 32 | slot as usize)
}

impl Poll {
    /// A poll of its own.
    ///
    /// # Errors
    /// The system has no descriptor left.
    pub fn new() -> io::Result<Poll> {
        let poll = mio::Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let waker = Arc::new(MioWaker(Waker::new(&registry, WAKER)?));
        let turn = Turn {
            poll,
            events: Events::with_capacity(limits::TURN_EVENTS),
            buffer: vec![0; limits::READ_BUFFER_BYTES],
        };
        Ok(Poll {
            turn: RefCell::new(Box::new(turn)),
            registry,
            waker,
            clock: MachineClock::of_process(),
            ready: RefCell::default(),
            any_ready: Cell::new(false),
            listeners: RefCell::default(),
            resolver: Resolver::default(),
            workers: Workers::default(),
        })
    }

    fn watch(
        &self,
        number: u32,
        stream::Bound { socket, addr, file }: stream::Bound,
    ) -> io::Result<(PollListener, Addr)> {
        let bound = Rc::new(Bound { source: Source::listener(socket), _file: file });
        bound.source.register(&self.registry, token(LISTENER_SLOT, number), Interest::READABLE)?;
        let mut listeners = self.listeners.borrow_mut();
        listeners.retain(|(_, bound)| bound.strong_count() > 0);
        listeners.push((number, Rc::downgrade(&bound)));
        Ok((PollListener(bound), addr))
    }

    fn again(&self, what: Ready) {
        let mut ready = self.ready.borrow_mut();
        if !ready.contains(&what) {
            ready.push(what);
        }
        self.any_ready.set(true);
    }

    /// One event of a connection.
    #[inline]
    fn on_event(&self, engine: &Rc<Engine<Self>>, event: &Event, buffer: &mut [u8]) {
        let token = event.token().0;
        let (slot, generation) = (token as u32, (token >> 32) as u32);
        let Some(entry) = engine.entry_at(slot, generation) else {
            return self.on_other_event(engine, slot, generation, buffer);
        };
        // As a reference: each look through the `Rc` would compute the seat's alignment.
        let entry: &Entry<Self> = &entry;
        let odd = event.is_read_closed() || event.is_error();
        if odd || !entry.head.connection.borrow().is_straight() {
            self.on_odd_event(engine, event, entry, buffer);
        } else if event.is_readable() {
            self.read(engine, entry, buffer);
        }
    }

    /// Connecting, unblocked, ended or failed, or anything else but "open, and input".
    // Inlined, it takes registers from the path of a message: 10 instructions.
    #[cold]
    #[inline(never)]
    fn on_odd_event(
        &self,
        engine: &Rc<Engine<Self>>,
        event: &Event,
        entry: &Entry<Self>,
        buffer: &mut [u8],
    ) {
        let head = &entry.head;
        if head.connection.borrow().is_connecting() {
            if let Some(result) = stream::connected(head.io.source.socket()) {
                engine.on_connected(entry, result);
            }
            return; // if it connected, `start` has put it on the ready list
        }
        if event.is_writable() && head.connection.borrow().waits_to_write() {
            engine.on_writable(entry);
        }
        let odd = event.is_read_closed() || event.is_error();
        if odd {
            head.io.drain.set(true);
        }
        if head.connection.borrow().is_reading() {
            if odd || event.is_readable() {
                self.read_any(engine, entry, buffer);
            }
        } else if odd {
            // Nobody reads, so the socket is asked what happened.
            match stream::pending_error(head.io.source.socket()) {
                Some(error) => engine.on_broken(entry, error),
                None => engine.on_peer_ended(entry),
            }
        }
    }

    #[cold]
    #[inline(never)] // see above
    fn on_other_event(&self, engine: &Rc<Engine<Self>>, slot: u32, number: u32, buffer: &mut [u8]) {
        match (slot, number) {
            (LISTENER_SLOT, u32::MAX) => {} // the waker's is only there to end the wait
            (LISTENER_SLOT, number) => self.accept_from(engine, number, limits::TURN_ACCEPTS),
            (DATAGRAM_SLOT, number) => self.on_datagram_event(engine, number, buffer),
            _ => {} // a connection that is gone
        }
    }

    /// Reads until the kernel has no more, the protocol wants no more, or the budget is
    /// spent. The connection is reading when this is called, and receives no descriptors.
    #[inline]
    fn read(&self, engine: &Rc<Engine<Self>>, entry: &Entry<Self>, buffer: &mut [u8]) {
        let source = &entry.head.io.source;
        self.read_by(engine, entry, buffer, |buffer| source.recv(buffer));
    }

    /// The same for any that is reading.
    #[inline(never)] // as above
    fn read_any(&self, engine: &Rc<Engine<Self>>, entry: &Entry<Self>, buffer: &mut [u8]) {
        if !entry.head.io.passing.get() {
            return self.read(engine, entry, buffer);
        }
        let socket = entry.head.io.source.socket();
        let recv = |buffer: &mut [u8]| passing::recv(engine, entry, socket, buffer);
        self.read_by(engine, entry, buffer, recv);
    }

    #[inline]
    fn read_by(
        &self,
        engine: &Rc<Engine<Self>>,
        entry: &Entry<Self>,
        buffer: &mut [u8],
        recv: impl Fn(&mut [u8]) -> io::Result<usize>,
    ) {
        let io = &entry.head.io;
        let mut left = limits::TURN_READ_BYTES;
        loop {
            match recv(buffer) {
                Ok(count @ 1..) => {
                    engine.on_data(entry, buffer.get(..count).unwrap_or_default());
                    // A message with descriptors ends a read early, and more may wait.
                    let is_all = count < buffer.len() && !io.drain.get() && !io.passing.get();
                    if is_all && cfg!(not(windows)) {
                        return;
                    }
                    if !entry.head.connection.borrow().is_reading() {
                        return;
                    }
                    left = left.saturating_sub(count);
                    if left == 0 {
                        return self.again(Ready::Read(entry.head.id));
                    }
                }
                ended => return self.read_ended(engine, entry, ended),
            }
        }
    }

    #[cold]
    fn read_ended(&self, engine: &Rc<Engine<Self>>, entry: &Entry<Self>, ended: io::Result<usize>) {
        match ended {
            Ok(_) => engine.on_eof(entry),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                entry.head.io.drain.set(false);
            }
            Err(error) => engine.on_error(entry, error),
        }
    }
}

impl PollIo {
    /// A connected socket that this driver will own. It must be non-blocking.
    pub(crate) fn new(socket: Socket) -> PollIo {
        PollIo {
            source: Source::stream(socket),
            registered: Cell::new(false),
            drain: Cell::new(false),
            within: false,
            passing: Cell::new(false),
        }
    }
}

impl PollDatagrams {
    fn new(opened: stream::Bound) -> (PollDatagrams, Addr) {
        let stream::Bound { socket, addr, file } = opened;
        (PollDatagrams { source: Source::datagrams(socket), _file: file }, addr)
    }
}

impl Driver for Poll {
    type Io = PollIo;
    type Listener = PollListener;
    type Datagrams = PollDatagrams;

    fn clock(&self) -> Box<dyn Clock> {
        Box::new(self.clock)
    }

    fn waker(&self) -> Arc<dyn Wake> {
        self.waker.clone()
    }

    fn turn(&self, engine: &Rc<Engine<Self>>, mut wait: Option<Duration>) -> io::Result<()> {
        let mut turn = self.turn.borrow_mut();
        let Turn { poll, events, buffer } = &mut **turn;
        let leftover = self.any_ready.get();
        if leftover {
            wait = Some(Duration::ZERO);
        }
        loop {
            if let Err(error) = poll.poll(events, wait) {
                unless_interrupted(error)?;
            }
            engine.context().forget_now();
            for event in events.iter() {
                self.on_event(engine, event, buffer);
            }
            // Nobody else has anything to do: wait again, without going round.
            if leftover || self.any_ready.get() || !engine.is_quiet() {
                break;
            }
        }
        if leftover {
            self.serve_ready(engine, buffer);
        }
        Ok(())
    }

    fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        lookup_ips(host)
    }

    fn resolve(&self, host: &str, port: u16, reply: Reply) -> crate::error::Result<()> {
        super::resolve(&self.resolver, host, port, reply)
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) -> Result<()> {
        self.workers.run(work)
    }

    fn listen(
        &self,
        number: u32,
        at: &Addr,
        options: &SocketOptions,
    ) -> io::Result<(PollListener, Addr)> {
        self.watch(number, stream::listen(at, options)?)
    }

    fn accept_now(
        &self,
        engine: &Rc<Engine<Self>>,
        number: u32,
        listener: &PollListener,
        most: usize,
    ) {
        self.accept_bound(engine, number, &listener.0, most);
    }

    fn connect(&self, id: ConnectionId, to: &Addr, options: &SocketOptions) -> io::Result<PollIo> {
        let io = PollIo::new(stream::connect(to, options)?);
        io.source.register(&self.registry, token(id.slot, id.generation), BOTH)?;
        io.registered.set(true);
        Ok(io)
    }

    fn start(&self, id: ConnectionId, io: &PollIo) -> io::Result<()> {
        if io.registered.replace(true) {
            // It connected: the edge for its first bytes, and for its end, may be gone.
            io.drain.set(true);
            self.again(Ready::Read(id));
            return Ok(());
        }
        io.source.register(&self.registry, token(id.slot, id.generation), BOTH)
    }

    #[inline]
    fn send(&self, _: ConnectionId, io: &PollIo, out: &mut Out) -> io::Result<Sent> {
        let mut bytes = 0;
        loop {
            let unsent = out.unsent();
            let length = unsent.len();
            match io.source.send(unsent) {
                Ok(count) => {
                    out.consume(count);
                    bytes += count;
                    if count == length {
                        return Ok(Sent { bytes, blocked: false });
                    }
                    // The kernel is full and will say when it is not. On Windows only
                    // after it has said "would block".
                    if cfg!(not(windows)) {
                        return Ok(Sent { bytes, blocked: true });
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Sent { bytes, blocked: true });
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn reading(&self, id: ConnectionId, _: &PollIo, on: bool) {
        if on {
            self.again(Ready::Read(id));
        }
    }

    fn read_now(&self, engine: &Rc<Engine<Self>>, entry: &Entry<Self>) {
        let mut turn = self.turn.borrow_mut();
        entry.head.io.drain.set(true);
        if entry.head.connection.borrow().is_reading() {
            self.read_any(engine, entry, &mut turn.buffer);
        }
    }

    fn unread(&self, _: ConnectionId, io: &PollIo) -> bool {
        !io.within && stream::has_unread(io.source.socket())
    }

    fn shutdown_write(&self, _: ConnectionId, io: &PollIo) {
        stream::shutdown_write(io.source.socket());
    }

    fn end(&self, _: ConnectionId, io: &PollIo, reset: bool) {
        if reset {
            stream::reset_on_close(io.source.socket());
        }
    }

    fn local_addr(&self, io: &PollIo) -> Addr {
        stream::local_addr(io.source.socket())
    }

    fn tune(&self, io: &PollIo, options: &SocketOptions) -> io::Result<()> {
        settings::tune(io.source.socket(), options)
    }

    fn files(&self) -> &'static dyn Files {
        &file::Disk
    }

    fn send_file(
        &self,
        _: ConnectionId,
        io: &PollIo,
        file: &File,
        at: u64,
        most: usize,
    ) -> io::Result<Sent> {
        file::send(io.source.socket(), file, at, most)
    }

    fn send_descriptor(
        &self,
        _: ConnectionId,
        io: &PollIo,
        descriptor: &Descriptor,
        data: &[u8],
    ) -> io::Result<Sent> {
        passing::send(io.source.socket(), descriptor, data)
    }

    fn accept_descriptors(&self, io: &PollIo, on: bool) -> io::Result<()> {
        io.passing.set(on);
        Ok(())
    }

    fn bind_datagrams(
        &self,
        at: &Addr,
        options: &SocketOptions,
    ) -> io::Result<(PollDatagrams, Addr)> {
        datagram::bind(at, options).map(PollDatagrams::new)
    }

    fn connect_datagrams(
        &self,
        to: &Addr,
        options: &SocketOptions,
    ) -> io::Result<(PollDatagrams, Addr)> {
        datagram::connect(to, options).map(PollDatagrams::new)
    }

    fn start_datagrams(&self, number: u32, io: &PollDatagrams) -> io::Result<()> {
        io.source.register(&self.registry, token(DATAGRAM_SLOT, number), BOTH)
    }

    fn send_datagram(
        &self,
        _: u32,
        io: &PollDatagrams,
        data: &[u8],
        to: Option<&Addr>,
    ) -> io::Result<bool> {
        datagram::unless_full(io.source.send_datagram(data, to))
    }

    fn read_datagrams_now(&self, engine: &Rc<Engine<Self>>, entry: &DatagramEntry<Self>) {
        self.read_datagrams(engine, entry, &mut self.turn.borrow_mut().buffer);
    }
}

/// A signal's interruption ends a wait, and is no error.
#[cold]
fn unless_interrupted(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) }
}

struct MioWaker(Waker);

impl Wake for MioWaker {
    fn wake(&self) {
        if let Err(error) = self.0.wake() {
            tracing::error!("a loop could not be woken: {error}");
        }
    }
}

impl std::fmt::Debug for Poll {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Poll")
    }
}
