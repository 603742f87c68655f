//! The completion driver: io_uring, thin and without promise yet. TCP only.
//!
//! It is here to prove the seam: receives are armed, sends are taken along, and the
//! machine above is the same. Owns: the ring, and every buffer that the kernel has in
//! its hands, until that operation's own completion. Never: holds a rule of a
//! connection's life, or frees a buffer because its connection is gone.
#![allow(unsafe_code, reason = "submission is unsafe; the table of operations makes it sound")]

mod adopt;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use io_uring::types::{Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use rustix::event::{EventfdFlags, eventfd};
use rustix::net::{RecvFlags, recv};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::stream;
use super::workers::Workers;
use super::{file, settings};
use crate::addr::Addr;
use crate::clock::{Clock, MachineClock};
use crate::engine::{Driver, Engine, Entry, Files, Reply, Sent, Wake};
use crate::error::Result;
use crate::limits;
use crate::options::SocketOptions;
use crate::protocol::{ConnectionId, Out};
use crate::socket::{Resolver, lookup_ips};

use crate::limits::RING_ENTRIES;
use crate::limits::RING_LAST_WAITS as LAST_WAITS;
use crate::limits::RING_RECEIVE_BYTES as RECEIVE_BYTES;

/// The completion driver.
pub struct Uring {
    ring: RefCell<IoUring>,
    /// What the kernel has in its hands, with its buffers.
    operations: RefCell<BTreeMap<u64, Operation>>,
    next: Cell<u64>,
    listeners: RefCell<BTreeMap<u32, Weak<Socket>>>,
    event: Arc<EventFd>,
    clock: MachineClock,
    resolver: Resolver,
    workers: Workers,
}

enum Operation {
    Accept(u32),
    Connect(ConnectionId, #[allow(dead_code, reason = "the kernel reads it")] Box<SockAddr>),
    Receive(ConnectionId, Box<[u8]>),
    Send(ConnectionId, Vec<u8>),
    /// Nobody reads: tells of a reset, or of the end.
    Watch(ConnectionId),
    Wake(Box<[u8; 8]>),
}

/// A connection's socket under this driver.
pub struct UringIo {
    socket: Socket,
    receiving: Cell<Option<u64>>,
    watching: Cell<Option<u64>>,
    sending: Cell<Option<u64>>,
}

/// A listening socket under this driver.
pub struct UringListener {
    socket: Rc<Socket>,
    addr: Addr,
}

impl Uring {
    /// A ring of its own.
    ///
    /// # Errors
    /// The kernel refuses one.
    pub fn new() -> io::Result<Uring> {
        let event = Arc::new(EventFd(eventfd(0, EventfdFlags::CLOEXEC)?));
        let driver = Uring {
            ring: RefCell::new(IoUring::new(RING_ENTRIES)?),
            operations: RefCell::default(),
            next: Cell::new(1),
            listeners: RefCell::default(),
            event,
            clock: MachineClock::of_process(),
            resolver: Resolver::default(),
            workers: Workers::default(),
        };
        driver.listen_for_wakes();
        Ok(driver)
    }

    /// Puts an operation into the table, then into the ring.
    fn submit(
        &self,
        operation: Operation,
        entry: impl FnOnce(&mut Operation) -> squeue::Entry,
    ) -> u64 {
        let key = self.next.get();
        self.next.set(key + 1);
        let mut operations = self.operations.borrow_mut();
        let place = operations.entry(key).or_insert(operation);
        let entry = entry(place).user_data(key);
        drop(operations);
        self.push(&entry);
        key
    }

    fn push(&self, entry: &squeue::Entry) {
        let mut ring = self.ring.borrow_mut();
        loop {
            // SAFETY: what the entry points to is in `operations` (on the heap, so it
            // does not move with the table) until the completion of this very entry is
            // reaped; the descriptor may be closed before, which the kernel permits.
            if unsafe { ring.submission().push(entry) }.is_ok() {
                return;
            }
            if let Err(error) = ring.submit() {
                // The ring stays full only if the kernel refuses it altogether.
                tracing::error!("io_uring refused submissions: {error}");
                return;
            }
        }
    }

    fn cancel(&self, key: Option<u64>) {
        if let Some(key) = key {
            self.push(&opcode::AsyncCancel::new(key).build().user_data(0));
        }
    }

    fn listen_for_wakes(&self) {
        let fd = Fd(self.event.0.as_raw_fd());
        self.submit(Operation::Wake(Box::new([0; 8])), |operation| match operation {
            Operation::Wake(bytes) => opcode::Read::new(fd, bytes.as_mut_ptr(), 8).build(),
            _ => unreachable!("made above"),
        });
    }

    fn accept(&self, number: u32, socket: &Socket) {
        let fd = Fd(socket.as_raw_fd());
        self.submit(Operation::Accept(number), |_| {
            opcode::Accept::new(fd, std::ptr::null_mut(), std::ptr::null_mut())
                .flags(libc_cloexec())
                .build()
        });
    }

    fn accepts_of(&self, number: u32) -> Vec<u64> {
        let is_its = |operation: &Operation| match operation {
            Operation::Accept(of) => *of == number,
            _ => false,
        };
        let operations = self.operations.borrow();
        operations.iter().filter(|(_, operation)| is_its(operation)).map(|(key, _)| *key).collect()
    }

    /// Takes an armed accept back, and hands out what it had taken already.
    fn disarm(&self, engine: &Rc<Engine<Self>>, number: u32) {
        let wait = Timespec::from(Duration::from_millis(10));
        self.accepts_of(number).into_iter().for_each(|key| self.cancel(Some(key)));
        for _ in 0..LAST_WAITS {
            if self.accepts_of(number).is_empty() {
                return;
            }
            let args = SubmitArgs::new().timespec(&wait);
            let _ = self.ring.borrow().submitter().submit_with_args(1, &args);
            self.reap(engine);
        }
    }

    /// An armed accept holds its listener open, closed or not: let go of those that are.
    fn forget_closed_listeners(&self) {
        let mut gone = Vec::new();
        self.listeners.borrow_mut().retain(|number, listener| {
            let open = listener.strong_count() > 0;
            if !open {
                gone.push(*number);
            }
            open
        });
        for number in gone {
            self.accepts_of(number).into_iter().for_each(|key| self.cancel(Some(key)));
        }
    }

    fn receive(&self, id: ConnectionId, io: &UringIo) {
        if io.receiving.get().is_some() {
            return;
        }
        let fd = Fd(io.socket.as_raw_fd());
        let buffer = vec![0; RECEIVE_BYTES].into_boxed_slice();
        let key = self.submit(Operation::Receive(id, buffer), |operation| match operation {
            Operation::Receive(_, buffer) => {
                opcode::Recv::new(fd, buffer.as_mut_ptr(), RECEIVE_BYTES as u32).build()
            }
            _ => unreachable!("made above"),
        });
        io.receiving.set(Some(key));
    }

    fn watch(&self, id: ConnectionId, io: &UringIo) {
        if io.watching.get().is_none() && io.receiving.get().is_none() {
            let fd = Fd(io.socket.as_raw_fd());
            let ends = rustix::event::PollFlags::RDHUP.bits().into();
            let key = self.submit(Operation::Watch(id), |_| opcode::PollAdd::new(fd, ends).build());
            io.watching.set(Some(key));
        }
    }

    /// Hands out what has completed.
    fn reap(&self, engine: &Rc<Engine<Self>>) {
        let mut done = Vec::new();
        {
            let mut ring = self.ring.borrow_mut();
            done.extend(ring.completion().map(|c: cqueue::Entry| (c.user_data(), c.result())));
        }
        for (key, result) in done {
            let operation = self.operations.borrow_mut().remove(&key);
            let result = match result {
                0.. => Ok(result as usize),
                _ => Err(io::Error::from_raw_os_error(-result)),
            };
            if let Some(operation) = operation {
                self.complete(engine, operation, result);
            }
        }
    }

    fn complete(&self, engine: &Rc<Engine<Self>>, operation: Operation, result: io::Result<usize>) {
        match operation {
            Operation::Wake(_) => self.listen_for_wakes(),
            Operation::Accept(number) => self.accepted(engine, number, result),
            Operation::Connect(id, _) => {
                if let Some(entry) = engine.entry(id) {
                    engine.on_connected(&entry, result.map(|_| ()));
                }
            }
            Operation::Receive(id, buffer) => {
                let Some(entry) = engine.entry(id) else { return };
                entry.head.io.receiving.set(None);
                self.received(engine, &entry, &buffer, result);
            }
            Operation::Send(id, data) => {
                let Some(entry) = engine.entry(id) else { return };
                entry.head.io.sending.set(None);
                match result {
                    Ok(count) => engine.on_sent(&entry, count, &data[count.min(data.len())..]),
                    Err(error) => engine.on_broken(&entry, error),
                }
            }
            Operation::Watch(id) => {
                let Some(entry) = engine.entry(id) else { return };
                entry.head.io.watching.set(None);
                if result.is_err() || entry.head.connection.borrow().is_reading() {
                    return;
                }
                match stream::pending_error(&entry.head.io.socket) {
                    Some(error) => engine.on_broken(&entry, error),
                    None => engine.on_peer_ended(&entry),
                }
            }
        }
    }

    fn accepted(&self, engine: &Rc<Engine<Self>>, number: u32, result: io::Result<usize>) {
        let listener = self.listeners.borrow().get(&number).and_then(Weak::upgrade);
        match result {
            Ok(fd) => {
                // SAFETY: the completion of an accept gives a new descriptor, and nobody
                // else has it.
                let socket = Socket::from(unsafe { OwnedFd::from_raw_fd(fd as i32) });
                let peer =
                    socket.peer_addr().map_or(Addr::Unix(None), |peer| stream::addr_of(&peer));
                engine.on_accepted(number, UringIo::new(socket), &peer);
                if let Some(listener) = listener {
                    self.accept(number, &listener);
                }
            }
            Err(error) => {
                if let Some(listener) = listener {
                    if engine.on_accept_error(number, &error) {
                        self.accept(number, &listener);
                    }
                }
            }
        }
    }

    fn received(
        &self,
        engine: &Rc<Engine<Self>>,
        entry: &Entry<Self>,
        buffer: &[u8],
        result: io::Result<usize>,
    ) {
        let head = &entry.head;
        match result {
            Ok(0) => engine.on_eof(entry),
            Ok(count) => {
                engine.on_data(entry, &buffer[..count.min(buffer.len())]);
                if head.connection.borrow().is_reading() {
                    self.receive(head.id, &head.io);
                } else if !head.connection.borrow().is_over() {
                    self.watch(head.id, &head.io);
                }
            }
            // Cancelled: its connection paused or ended, and knows.
            Err(error) if error.raw_os_error() == Some(ECANCELED) => {
                if head.connection.borrow().is_reading() {
                    self.receive(head.id, &head.io);
                }
            }
            Err(error) => engine.on_error(entry, error),
        }
    }
}

const ECANCELED: i32 = 125;

/// `SOCK_CLOEXEC`, as the operation wants it.
fn libc_cloexec() -> i32 {
    rustix::net::SocketFlags::CLOEXEC.bits() as i32
}

impl UringIo {
    fn new(socket: Socket) -> UringIo {
        UringIo {
            socket,
            receiving: Cell::new(None),
            watching: Cell::new(None),
            sending: Cell::new(None),
        }
    }
}

impl Uring {
    fn arm(&self, number: u32, bound: stream::Bound) -> io::Result<(UringListener, Addr)> {
        // The ring waits only where the descriptor would block.
        bound.socket.set_nonblocking(false)?;
        let socket = Rc::new(bound.socket);
        self.listeners.borrow_mut().insert(number, Rc::downgrade(&socket));
        self.accept(number, &socket);
        Ok((UringListener { socket, addr: bound.addr.clone() }, bound.addr))
    }
}

impl Driver for Uring {
    type Io = UringIo;
    type Listener = UringListener;
    type Datagrams = std::convert::Infallible;

    fn clock(&self) -> Box<dyn Clock> {
        Box::new(self.clock)
    }

    fn waker(&self) -> Arc<dyn Wake> {
        self.event.clone()
    }

    fn turn(&self, engine: &Rc<Engine<Self>>, wait: Option<Duration>) -> io::Result<()> {
        self.forget_closed_listeners();
        let timespec = wait.map(Timespec::from);
        let mut args = SubmitArgs::new();
        if let Some(timespec) = &timespec {
            args = args.timespec(timespec);
        }
        let submitted = self.ring.borrow().submitter().submit_with_args(1, &args);
        if let Err(error) = submitted {
            // ETIME: the wait is over; EINTR: a signal; EBUSY: completions wait.
            if !matches!(error.raw_os_error(), Some(62 | 4 | 16)) {
                return Err(error);
            }
        }
        engine.context().forget_now();
        self.reap(engine);
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
    ) -> io::Result<(UringListener, Addr)> {
        if !matches!(at, Addr::Ip(_)) {
            return Err(stream::unsupported("a Unix socket with io_uring"));
        }
        self.arm(number, stream::listen(at, options)?)
    }

    fn accept_now(
        &self,
        engine: &Rc<Engine<Self>>,
        number: u32,
        listener: &UringListener,
        most: usize,
    ) {
        // What the armed accept has taken is handed out first; unknown, it is not armed anew.
        let known = self.listeners.borrow_mut().remove(&number);
        self.disarm(engine, number);
        let socket = &listener.socket;
        if socket.set_nonblocking(true).is_err() {
            return;
        }
        for _ in 0..most {
            match stream::accept(socket) {
                Ok((accepted, peer)) => {
                    if accepted.set_nonblocking(false).is_ok() {
                        engine.on_accepted(number, UringIo::new(accepted), &peer);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    if !engine.on_accept_error(number, &error) {
                        break;
                    }
                }
            }
        }
        let _ = socket.set_nonblocking(false);
        if let Some(known) = known {
            self.listeners.borrow_mut().insert(number, known);
            self.accept(number, socket);
        }
    }

    fn connect(&self, id: ConnectionId, to: &Addr, options: &SocketOptions) -> io::Result<UringIo> {
        let Addr::Ip(ip) = to else {
            return Err(stream::unsupported("a Unix socket with io_uring"));
        };
        let socket = Socket::new(Domain::for_address(*ip), Type::STREAM, Some(Protocol::TCP))?;
        settings::apply(&socket, to, options)?;
        settings::apply_tcp(&socket, options)?;
        settings::bind_source(&socket, to, options)?;
        let fd = Fd(socket.as_raw_fd());
        let address = Box::new(SockAddr::from(*ip));
        let key = self.submit(Operation::Connect(id, address), |operation| match operation {
            Operation::Connect(_, address) => {
                opcode::Connect::new(fd, address.as_ptr().cast(), address.len() as _).build()
            }
            _ => unreachable!("made above"),
        });
        let io = UringIo::new(socket);
        io.sending.set(Some(key));
        Ok(io)
    }

    fn start(&self, id: ConnectionId, io: &UringIo) -> io::Result<()> {
        io.sending.set(None);
        self.receive(id, io);
        Ok(())
    }

    fn send(&self, id: ConnectionId, io: &UringIo, out: &mut Out) -> io::Result<Sent> {
        if io.sending.get().is_some() || out.unsent().is_empty() {
            return Ok(Sent { bytes: 0, blocked: true }); // one at a time, in order
        }
        let data = out.take();
        let length = data.len() as u32;
        let fd = Fd(io.socket.as_raw_fd());
        let key = self.submit(Operation::Send(id, data), |operation| match operation {
            Operation::Send(_, data) => opcode::Send::new(fd, data.as_ptr(), length)
                .flags(rustix::net::SendFlags::NOSIGNAL.bits() as i32)
                .build(),
            _ => unreachable!("made above"),
        });
        io.sending.set(Some(key));
        Ok(Sent { bytes: 0, blocked: true })
    }

    fn reading(&self, id: ConnectionId, io: &UringIo, on: bool) {
        if on {
            self.cancel(io.watching.get());
            self.receive(id, io);
        } else {
            // What is armed stays: what it brings waits in the machine.
            self.watch(id, io);
        }
    }

    fn read_now(&self, engine: &Rc<Engine<Self>>, entry: &Entry<Self>) {
        let head = &entry.head;
        // What an armed receive took already comes with the completions; a submission
        // without a wait runs what can run at once.
        for _ in 0..limits::TURN_READ_BYTES / RECEIVE_BYTES {
            if self.ring.borrow().submit().is_err() {
                return;
            }
            self.reap(engine);
            if !head.connection.borrow().is_reading() || !self.unread(head.id, &head.io) {
                return;
            }
        }
    }

    fn unread(&self, _: ConnectionId, io: &UringIo) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        recv(&io.socket, &mut [0; 1][..], flags).is_ok_and(|(count, _)| count > 0)
    }

    fn shutdown_write(&self, _: ConnectionId, io: &UringIo) {
        stream::shutdown_write(&io.socket);
    }

    fn end(&self, _: ConnectionId, io: &UringIo, reset: bool) {
        if reset {
            stream::reset_on_close(&io.socket);
        }
        // The kernel holds the socket for what is under way: let go of it.
        for key in [&io.receiving, &io.watching, &io.sending] {
            self.cancel(key.take());
        }
    }

    fn local_addr(&self, io: &UringIo) -> Addr {
        stream::local_addr(&io.socket)
    }

    fn tune(&self, io: &UringIo, options: &SocketOptions) -> io::Result<()> {
        settings::tune(&io.socket, options)
    }

    fn files(&self) -> &'static dyn Files {
        &file::Disk
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        let keys: Vec<u64> = self.operations.get_mut().keys().copied().collect();
        for key in keys {
            self.cancel(Some(key));
        }
        let wait = Timespec::from(Duration::from_millis(10));
        for _ in 0..LAST_WAITS {
            if self.operations.get_mut().is_empty() {
                return;
            }
            let args = SubmitArgs::new().timespec(&wait);
            let _ = self.ring.borrow().submitter().submit_with_args(1, &args);
            let done: Vec<u64> =
                self.ring.get_mut().completion().map(|done| done.user_data()).collect();
            for key in done {
                self.operations.get_mut().remove(&key);
            }
        }
        // Never freed under the kernel's hands.
        std::mem::forget(std::mem::take(self.operations.get_mut()));
    }
}

struct EventFd(OwnedFd);

impl Wake for EventFd {
    fn wake(&self) {
        if let Err(error) = rustix::io::write(&self.0, &1_u64.to_ne_bytes()) {
            tracing::error!("a loop could not be woken: {error}");
        }
    }
}

impl std::fmt::Debug for Uring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Uring")
    }
}

impl std::fmt::Debug for UringListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UringListener({})", self.addr)
    }
}
