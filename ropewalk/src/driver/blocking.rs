//! The driver of a thread that serves a connection: it blocks in `poll(2)` over that one
//! socket, and those that its protocol opened.
//! Owns: the list of the thread's sockets and the wake-up from other threads.
//! Never: shares anything with another thread but the wake-up, or holds a rule of a
//! connection's life.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use socket2::Socket;

use super::stream::{self, Bound};
use super::wakeup::{Alarm, Orders, Ring, alarm};
use super::workers::Workers;
use super::{datagram, file, passing, settings};
use crate::addr::Addr;
use crate::clock::{Clock, MachineClock};
use crate::engine::{DatagramEntry, Driver, Engine, Entry, Files, Reply, Sent, Wake};
use crate::error::Result;
use crate::limits;
use crate::options::SocketOptions;
use crate::protocol::{ConnectionId, Descriptor, Out};
use crate::socket::{Resolver, lookup_ips, timespec};

/// The driver of a connection's own thread.
pub struct Blocking {
    connections: RefCell<Vec<ConnectionId>>,
    listeners: RefCell<Vec<(u32, Weak<Bound>)>>,
    datagrams: RefCell<Vec<u32>>,
    alarm: Alarm,
    waker: Arc<dyn Wake>,
    /// Until they were obeyed.
    orders: RefCell<Option<Orders>>,
    clock: MachineClock,
    buffer: RefCell<Vec<u8>>,
    resolver: Resolver,
    workers: Workers,
}

/// A connection's socket under this driver.
pub struct BlockingIo {
    socket: Socket,
    /// The kernel said that both directions ended, and nobody reads: it would say so
    /// again at once, so it is not asked before somebody does.
    hung_up: Cell<bool>,
    /// Descriptors are received.
    passing: Cell<bool>,
}

/// A listening socket under this driver.
pub struct BlockingListener(Rc<Bound>);

/// A datagram socket under this driver.
pub struct BlockingDatagrams(Bound);

/// What wakes a driver from other threads, before there is the driver.
pub struct BlockingAlarm {
    alarm: Alarm,
    ring: Ring,
    orders: Option<Orders>,
}

impl BlockingAlarm {
    /// A pair of descriptors.
    ///
    /// # Errors
    /// The system has none left.
    pub fn new() -> io::Result<BlockingAlarm> {
        let (alarm, ring) = alarm()?;
        Ok(BlockingAlarm { alarm, ring, orders: None })
    }

    /// The same for a driver that obeys these, too.
    pub(crate) fn obeying(self, orders: Option<Orders>) -> BlockingAlarm {
        BlockingAlarm { orders, ..self }
    }
}

impl std::fmt::Debug for BlockingAlarm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BlockingAlarm")
    }
}

impl Blocking {
    /// A driver for the calling thread.
    ///
    /// # Errors
    /// The system has no descriptor left.
    pub fn new() -> io::Result<Blocking> {
        Ok(Blocking::with_alarm(BlockingAlarm::new()?))
    }

    /// A driver for the calling thread, whose descriptors another thread has made: so
    /// that running out of them is found out where one can wait for more.
    pub fn with_alarm(BlockingAlarm { alarm, ring, orders }: BlockingAlarm) -> Blocking {
        Blocking {
            connections: RefCell::default(),
            listeners: RefCell::default(),
            datagrams: RefCell::default(),
            alarm,
            waker: Arc::new(ring),
            orders: RefCell::new(orders),
            clock: MachineClock::of_process(),
            buffer: RefCell::new(vec![0; limits::READ_BUFFER_BYTES]),
            resolver: Resolver::default(),
            workers: Workers::default(),
        }
    }

    /// A socket that is connected already, for [`Engine::adopt`].
    ///
    /// # Errors
    /// It cannot be made non-blocking.
    pub fn io(socket: Socket) -> io::Result<BlockingIo> {
        socket.set_nonblocking(true)?;
        Ok(BlockingIo::new(socket))
    }

    fn wanted(entry: &Entry<Self>) -> Option<PollFlags> {
        let connection = entry.head.connection.borrow();
        let mut flags = PollFlags::empty();
        if connection.is_reading() {
            flags |= PollFlags::IN;
        } else if entry.head.io.hung_up.get() {
            return None;
        }
        if connection.waits_to_write() {
            flags |= PollFlags::OUT;
        }
        Some(flags)
    }

    /// Whether it can't be asked when there is room: its peer has ended, which each poll
    /// would say again at once. On Unix it is then too late to write; on Windows it may be
    /// that the peer still reads.
    fn is_tried_again(entry: &Entry<Self>) -> bool {
        let connection = entry.head.connection.borrow();
        entry.head.io.hung_up.get() && !connection.is_reading() && connection.waits_to_write()
    }

    fn obey(&self) {
        // Not while it is borrowed: what is obeyed comes back as mail.
        let orders = self.orders.borrow_mut().take();
        if let Some(orders) = orders {
            (orders.obey)();
        }
    }

    fn on_event(&self, engine: &Rc<Engine<Self>>, entry: &Entry<Self>, seen: PollFlags) {
        let head = &entry.head;
        if head.connection.borrow().is_connecting() {
            if let Some(result) = stream::connected(&head.io.socket) {
                engine.on_connected(entry, result);
            }
            return;
        }
        if seen.contains(PollFlags::OUT) && head.connection.borrow().waits_to_write() {
            engine.on_writable(entry);
        }
        if head.connection.borrow().is_reading() {
            return self.read(engine, entry);
        }
        if seen.intersects(PollFlags::ERR | PollFlags::HUP) {
            head.io.hung_up.set(true);
            match stream::pending_error(&head.io.socket) {
                Some(error) => engine.on_broken(entry, error),
                None => engine.on_peer_ended(entry),
            }
        }
    }

    fn read(&self, engine: &Rc<Engine<Self>>, entry: &Entry<Self>) {
        let mut buffer = self.buffer.borrow_mut();
        let mut left = limits::TURN_READ_BYTES;
        while left > 0 && entry.head.connection.borrow().is_reading() {
            match BlockingIo::recv(engine, entry, &mut buffer) {
                Ok(0) => return engine.on_eof(entry),
                Ok(count) => {
                    engine.on_data(entry, &buffer[..count]);
                    // `poll` is level-triggered: what is left is said again.
                    if count < buffer.len() {
                        return;
                    }
                    left = left.saturating_sub(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => return engine.on_error(entry, error),
            }
        }
    }

    /// Those that accept now, and are still there.
    fn listeners_to_poll(&self, engine: &Engine<Self>) -> Vec<(u32, Rc<Bound>)> {
        let mut found = Vec::new();
        self.listeners.borrow_mut().retain(|(number, bound)| match bound.upgrade() {
            Some(bound) => {
                if engine.accepts(*number) {
                    found.push((*number, bound));
                }
                true
            }
            None => false,
        });
        found
    }

    fn wanted_of_datagrams(entry: &DatagramEntry<Self>) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, entry.is_reading());
        flags.set(PollFlags::OUT, entry.waits_to_write());
        flags
    }

    /// The sockets to wait for, and what for.
    fn datagrams_to_poll(
        &self,
        engine: &Engine<Self>,
    ) -> Vec<(Rc<DatagramEntry<Self>>, PollFlags)> {
        let mut found = Vec::new();
        self.datagrams.borrow_mut().retain(|number| match engine.datagrams(*number) {
            Some(entry) => {
                let flags = Self::wanted_of_datagrams(&entry);
                // One that closes and waits for a timer is not asked, or an error of its
                // would end each wait at once.
                if !flags.is_empty() {
                    found.push((entry, flags));
                }
                true
            }
            None => false,
        });
        found
    }

    fn on_datagram_event(
        &self,
        engine: &Rc<Engine<Self>>,
        entry: &DatagramEntry<Self>,
        seen: PollFlags,
    ) {
        if entry.waits_to_write() && seen.intersects(PollFlags::OUT | PollFlags::ERR) {
            engine.on_datagrams_writable(entry);
        }
        self.read_datagrams_now(engine, entry);
    }

    fn accept_bound(&self, engine: &Rc<Engine<Self>>, number: u32, bound: &Bound, most: usize) {
        for _ in 0..most {
            if !engine.accepts(number) {
                return; // it pauses, and asks again itself
            }
            match stream::accept(&bound.socket) {
                Ok((socket, peer)) => {
                    let io = BlockingIo::new(socket);
                    engine.on_accepted(number, io, &peer);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    if !engine.on_accept_error(number, &error) {
                        return;
                    }
                }
            }
        }
    }
}

impl BlockingIo {
    fn new(socket: Socket) -> BlockingIo {
        BlockingIo { socket, hung_up: Cell::new(false), passing: Cell::new(false) }
    }

    fn recv(
        engine: &Rc<Engine<Blocking>>,
        entry: &Entry<Blocking>,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        let io = &entry.head.io;
        match io.passing.get() {
            true => passing::recv(engine, entry, &io.socket, buffer),
            false => stream::recv(&io.socket, buffer),
        }
    }
}

impl BlockingDatagrams {
    fn new(opened: Bound) -> (BlockingDatagrams, Addr) {
        let addr = opened.addr.clone();
        (BlockingDatagrams(opened), addr)
    }
}

impl Driver for Blocking {
    type Io = BlockingIo;
    type Listener = BlockingListener;
    type Datagrams = BlockingDatagrams;

    fn clock(&self) -> Box<dyn Clock> {
        Box::new(self.clock)
    }

    fn waker(&self) -> Arc<dyn Wake> {
        self.waker.clone()
    }

    fn turn(&self, engine: &Rc<Engine<Self>>, wait: Option<Duration>) -> io::Result<()> {
        let (mut entries, mut tried_again) = (Vec::new(), Vec::new());
        self.connections.borrow_mut().retain(|id| match engine.entry(*id) {
            Some(entry) => {
                if let Some(flags) = Self::wanted(&entry) {
                    entries.push((entry, flags));
                } else if Self::is_tried_again(&entry) {
                    tried_again.push(entry);
                }
                true
            }
            None => false,
        });
        let listeners = self.listeners_to_poll(engine);
        let datagrams = self.datagrams_to_poll(engine);
        let orders = self.orders.borrow();
        let mut fds = vec![PollFd::new(&self.alarm, PollFlags::IN)];
        fds.extend(orders.iter().map(|orders| PollFd::new(&*orders.line, PollFlags::IN)));
        fds.extend(entries.iter().map(|(entry, flags)| PollFd::new(&entry.head.io.socket, *flags)));
        fds.extend(listeners.iter().map(|(_, bound)| PollFd::new(&bound.socket, PollFlags::IN)));
        fds.extend(datagrams.iter().map(|(entry, flags)| PollFd::new(&entry.io.0.socket, *flags)));
        let wait = match tried_again.is_empty() {
            true => wait,
            false => Some(wait.map_or(limits::ROOM_PAUSE, |wait| wait.min(limits::ROOM_PAUSE))),
        };
        let timeout = wait.map(timespec);
        match poll(&mut fds, timeout.as_ref()) {
            Err(rustix::io::Errno::INTR) => return Ok(()),
            polled => polled?,
        };
        let seen: Vec<PollFlags> = fds.iter().map(PollFd::revents).collect();
        drop(fds);
        let is_ordered = orders.is_some();
        drop(orders);
        engine.context().forget_now();
        let mut seen = seen.into_iter();
        if seen.next().is_some_and(|seen| !seen.is_empty()) {
            self.alarm.hear();
        }
        if is_ordered && seen.next().is_some_and(|seen| !seen.is_empty()) {
            self.obey();
        }
        for ((entry, _), seen) in entries.iter().zip(&mut seen) {
            if !seen.is_empty() {
                self.on_event(engine, entry, seen);
            }
        }
        for entry in &tried_again {
            engine.on_writable(entry);
        }
        for ((number, bound), seen) in listeners.iter().zip(&mut seen) {
            if !seen.is_empty() {
                self.accept_bound(engine, *number, bound, limits::TURN_ACCEPTS);
            }
        }
        for ((entry, _), seen) in datagrams.iter().zip(seen) {
            if !seen.is_empty() {
                self.on_datagram_event(engine, entry, seen);
            }
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
    ) -> io::Result<(BlockingListener, Addr)> {
        let bound = Rc::new(stream::listen(at, options)?);
        let addr = bound.addr.clone();
        self.listeners.borrow_mut().push((number, Rc::downgrade(&bound)));
        Ok((BlockingListener(bound), addr))
    }

    fn accept_now(
        &self,
        engine: &Rc<Engine<Self>>,
        number: u32,
        listener: &BlockingListener,
        most: usize,
    ) {
        self.accept_bound(engine, number, &listener.0, most);
    }

    fn connect(
        &self,
        id: ConnectionId,
        to: &Addr,
        options: &SocketOptions,
    ) -> io::Result<BlockingIo> {
        let socket = stream::connect(to, options)?;
        self.connections.borrow_mut().push(id);
        Ok(BlockingIo::new(socket))
    }

    fn start(&self, id: ConnectionId, _: &BlockingIo) -> io::Result<()> {
        let mut connections = self.connections.borrow_mut();
        if !connections.contains(&id) {
            connections.push(id);
        }
        Ok(())
    }

    fn send(&self, _: ConnectionId, io: &BlockingIo, out: &mut Out) -> io::Result<Sent> {
        let unsent = out.unsent();
        let length = unsent.len();
        match stream::send(&io.socket, unsent) {
            Ok(bytes) => {
                out.consume(bytes);
                Ok(Sent { bytes, blocked: bytes < length })
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Ok(Sent { bytes: 0, blocked: true })
            }
            Err(error) => Err(error),
        }
    }

    fn reading(&self, _: ConnectionId, io: &BlockingIo, _: bool) {
        // Asked at each wait; but what was a hang-up is looked at again.
        io.hung_up.set(false);
    }

    fn read_now(&self, engine: &Rc<Engine<Self>>, entry: &Entry<Self>) {
        // Within a turn's budget: a fast peer must not keep a stop away.
        if stream::has_unread(&entry.head.io.socket) && entry.head.connection.borrow().is_reading()
        {
            self.read(engine, entry);
        }
    }

    fn unread(&self, _: ConnectionId, io: &BlockingIo) -> bool {
        stream::has_unread(&io.socket)
    }

    fn shutdown_write(&self, _: ConnectionId, io: &BlockingIo) {
        stream::shutdown_write(&io.socket);
    }

    fn end(&self, _: ConnectionId, io: &BlockingIo, reset: bool) {
        if reset {
            stream::reset_on_close(&io.socket);
        }
    }

    fn local_addr(&self, io: &BlockingIo) -> Addr {
        stream::local_addr(&io.socket)
    }

    fn tune(&self, io: &BlockingIo, options: &SocketOptions) -> io::Result<()> {
        settings::tune(&io.socket, options)
    }

    fn files(&self) -> &'static dyn Files {
        &file::Disk
    }

    fn send_file(
        &self,
        _: ConnectionId,
        io: &BlockingIo,
        file: &File,
        at: u64,
        most: usize,
    ) -> io::Result<Sent> {
        file::send(&io.socket, file, at, most)
    }

    fn send_descriptor(
        &self,
        _: ConnectionId,
        io: &BlockingIo,
        descriptor: &Descriptor,
        data: &[u8],
    ) -> io::Result<Sent> {
        passing::send(&io.socket, descriptor, data)
    }

    fn accept_descriptors(&self, io: &BlockingIo, on: bool) -> io::Result<()> {
        io.passing.set(on);
        Ok(())
    }

    fn bind_datagrams(
        &self,
        at: &Addr,
        options: &SocketOptions,
    ) -> io::Result<(BlockingDatagrams, Addr)> {
        datagram::bind(at, options).map(BlockingDatagrams::new)
    }

    fn connect_datagrams(
        &self,
        to: &Addr,
        options: &SocketOptions,
    ) -> io::Result<(BlockingDatagrams, Addr)> {
        datagram::connect(to, options).map(BlockingDatagrams::new)
    }

    fn start_datagrams(&self, number: u32, _: &BlockingDatagrams) -> io::Result<()> {
        self.datagrams.borrow_mut().push(number);
        Ok(())
    }

    fn send_datagram(
        &self,
        _: u32,
        io: &BlockingDatagrams,
        data: &[u8],
        to: Option<&Addr>,
    ) -> io::Result<bool> {
        datagram::unless_full(datagram::send(&io.0.socket, data, to))
    }

    fn read_datagrams_now(&self, engine: &Rc<Engine<Self>>, entry: &DatagramEntry<Self>) {
        let mut buffer = self.buffer.borrow_mut();
        // `poll` is level-triggered: what a budget leaves over is said again.
        datagram::read(engine, entry, &mut buffer, |buffer| {
            datagram::recv(&entry.io.0.socket, buffer)
        });
    }
}

impl std::fmt::Debug for Blocking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Blocking")
    }
}
