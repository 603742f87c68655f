//! Listening: which addresses are bound, who gets what is accepted, and what happens
//! when the system has no more to give.
//! Owns: the listeners of an engine. Never: binds or accepts itself; the driver does.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::{Rc, Weak};
use std::time::Duration;

use super::driver::Driver;
use super::{Engine, Task};
use crate::addr::{Addr, ListenAt, ListenHost, Site};
use crate::error::{Error, ErrorKind, Operation, Result, no_descriptors};
use crate::limits;
use crate::options::SocketOptions;
use crate::protocol::{Factory, Listener, StopListening};

/// One bound address.
pub(crate) struct Listening<D: Driver> {
    number: u32,
    addr: Addr,
    listener: RefCell<Option<D::Listener>>,
    accept: RefCell<Accept<D>>,
    /// How long accepting pauses next time; zero while all is well.
    pause: Cell<Duration>,
    /// Accepting pauses now.
    paused: Cell<bool>,
}

/// A bound listener with its number, and its address.
type Numbered<D> = ((u32, <D as Driver>::Listener), Addr);

/// What is done with an accepted socket.
type Accept<D> = Box<dyn FnMut(&Rc<Engine<D>>, <D as Driver>::Io, &Addr) -> io::Result<()>>;

impl<D: Driver> Engine<D> {
    /// Listens, and builds a protocol for each connection.
    ///
    /// # Errors
    /// The address cannot be bound; nothing is left half bound.
    pub fn listen_with<F: Factory + 'static>(
        &self,
        at: &Site,
        options: &SocketOptions,
        factory: F,
    ) -> Result<Listener> {
        let factory = Rc::new(RefCell::new(factory));
        self.listen_raw(at, options, move || {
            let factory = factory.clone();
            Box::new(move |engine, io, peer| engine.adopt(io, peer, factory.clone()))
        })
    }

    /// Listens, and hands each accepted socket over: how a thread gets its connection.
    ///
    /// # Errors
    /// As [`Engine::listen_with`].
    pub fn listen_raw(
        &self,
        at: &Site,
        options: &SocketOptions,
        accept: impl Fn() -> Accept<D>,
    ) -> Result<Listener> {
        if self.draining.borrow().is_some() {
            return Err(Error::new(Operation::Listen, ErrorKind::Stopped, "it is stopping").at(at));
        }
        let bound = match at {
            Site::Tcp(at) => {
                let lookup = |name: &str| self.driver.lookup(name);
                bind_everywhere(at, lookup, |ip| self.bind(&ip.into(), options))?
            }
            Site::Unix(path) => {
                let path = path.clone().into();
                vec![self.bind(&path, options).map_err(named(at))?]
            }
            Site::Memory(number) => {
                vec![self.bind(&Addr::Memory(*number), options).map_err(named(at))?]
            }
        };
        Ok(self.keep_listening(bound, accept))
    }

    /// Listens on what is bound already: `open` makes the driver's listeners of it, each
    /// under the number it is given.
    ///
    /// # Errors
    /// What `open` says; the engine is stopping. All are closed.
    pub fn listen_opened<F: Factory + 'static, L>(
        &self,
        sockets: Vec<L>,
        open: impl Fn(u32, L) -> Result<(D::Listener, Addr)>,
        factory: F,
    ) -> Result<Listener> {
        if self.draining.borrow().is_some() {
            return Err(Error::new(Operation::Listen, ErrorKind::Stopped, "it is stopping"));
        }
        let mut bound = Vec::new();
        for socket in sockets {
            let number = self.next_number();
            let (listener, addr) = open(number, socket)?;
            bound.push(((number, listener), addr));
        }
        let factory = Rc::new(RefCell::new(factory));
        Ok(self.keep_listening(bound, move || {
            let factory = factory.clone();
            Box::new(move |engine, io, peer| engine.adopt(io, peer, factory.clone()))
        }))
    }

    fn keep_listening(&self, bound: Vec<Numbered<D>>, accept: impl Fn() -> Accept<D>) -> Listener {
        let mut stoppers = Vec::new();
        let mut addrs = Vec::new();
        for ((number, listener), addr) in bound {
            let listening = Rc::new(Listening {
                number,
                addr: addr.clone(),
                listener: RefCell::new(Some(listener)),
                accept: RefCell::new(accept()),
                pause: Cell::new(Duration::ZERO),
                paused: Cell::new(false),
            });
            stoppers.push(Rc::downgrade(&listening));
            self.listeners.borrow_mut().insert(number, listening);
            addrs.push(addr);
        }
        let engine = self.this.clone();
        Listener::new(addrs, Rc::new(Stopper { engine, listeners: RefCell::new(stoppers) }))
    }

    fn next_number(&self) -> u32 {
        let number = self.next_listener.get();
        self.next_listener.set(number.wrapping_add(1));
        number
    }

    fn bind(&self, at: &Addr, options: &SocketOptions) -> io::Result<Numbered<D>> {
        let number = self.next_number();
        let (listener, addr) = self.driver.listen(number, at, options)?;
        Ok(((number, listener), addr))
    }

    /// The driver accepted a connection.
    pub fn on_accepted(self: &Rc<Self>, number: u32, io: D::Io, peer: &Addr) {
        let listening = self.listeners.borrow().get(&number).cloned();
        // Stopped by a callback of the same batch: the socket is dropped, and so closed.
        let Some(listening) = listening else { return };
        if !listening.pause.replace(Duration::ZERO).is_zero() {
            self.tell_pause(&listening, None);
        }
        self.guarded("a factory's stack", || {
            let accepted = listening.accept.borrow_mut()(self, io, peer);
            if let Err(error) = accepted {
                tracing::warn!("connection from {peer} dropped: {error}");
                if no_descriptors(&error) {
                    self.on_accept_error(number, &error);
                }
            }
        });
    }

    /// Accepting failed. Answers whether to go on at once; if not, the engine asks again
    /// after a pause.
    pub fn on_accept_error(self: &Rc<Self>, number: u32, error: &io::Error) -> bool {
        use io::ErrorKind as Io;
        if matches!(error.kind(), Io::ConnectionAborted | Io::ConnectionReset | Io::Interrupted) {
            return true; // that one peer is gone; the next may be there
        }
        let listening = self.listeners.borrow().get(&number).cloned();
        let Some(listening) = listening else { return false };
        self.accept_paused.set(true);
        if listening.paused.replace(true) {
            return false;
        }
        let last = listening.pause.get();
        if last.is_zero() {
            tracing::warn!("accept paused on {}: {error}", listening.addr);
            self.tell_pause(&listening, Some(error));
        }
        let pause = (last * 2).clamp(limits::ACCEPT_PAUSE, limits::ACCEPT_PAUSE_MAX);
        listening.pause.set(pause);
        let engine = self.this.clone();
        let again = move |_: &dyn crate::protocol::Net| {
            if let Some(engine) = engine.upgrade() {
                engine.accept_now(&listening);
            }
        };
        self.call_at(self.context.now() + pause, Box::new(again));
        false
    }

    fn tell_pause(&self, listening: &Listening<D>, why: Option<&io::Error>) {
        if why.is_none() {
            tracing::info!("accepting again on {}", listening.addr);
        }
        if let Some(observer) = &self.observer {
            observer.accept_paused(&listening.addr, why);
        }
    }

    /// Whether a listener's queue is to be looked at: not while accepting pauses, or a
    /// level-triggered wait would not wait.
    pub fn accepts(&self, number: u32) -> bool {
        self.listeners.borrow().get(&number).is_some_and(|listening| !listening.paused.get())
    }

    /// A connection ended: what it gave back may be what a paused listener lacks.
    pub(super) fn descriptor_came_back(&self) {
        if self.accept_paused.replace(false) {
            self.task(Task::AcceptAgain);
        }
    }

    pub(super) fn accept_again(self: &Rc<Self>) {
        let all: Vec<_> = self.listeners.borrow().values().cloned().collect();
        for listening in all.iter().filter(|listening| listening.paused.get()) {
            self.accept_now(listening);
        }
    }

    fn accept_now(self: &Rc<Self>, listening: &Rc<Listening<D>>) {
        listening.paused.set(false);
        if let Some(listener) = &*listening.listener.borrow() {
            self.driver.accept_now(self, listening.number, listener, limits::TURN_ACCEPTS);
        }
    }

    /// Takes what the kernel has queued, then closes: whoever was told "connected" is
    /// served.
    pub(super) fn stop_listening(self: &Rc<Self>, listening: &Rc<Listening<D>>) {
        let still = self.listeners.borrow().contains_key(&listening.number);
        if !still {
            return;
        }
        if let Some(listener) = &*listening.listener.borrow() {
            let most = limits::BACKLOG as usize;
            self.driver.accept_now(self, listening.number, listener, most);
        }
        self.listeners.borrow_mut().remove(&listening.number);
        drop(listening.listener.borrow_mut().take());
    }

    pub(super) fn stop_all_listening(self: &Rc<Self>) {
        let all: Vec<_> = self.listeners.borrow().values().cloned().collect();
        for listening in all {
            self.stop_listening(&listening);
        }
    }
}

struct Stopper<D: Driver> {
    engine: Weak<Engine<D>>,
    /// Not theirs to keep: a factory goes when nobody listens for it any more.
    listeners: RefCell<Vec<Weak<Listening<D>>>>,
}

impl<D: Driver> StopListening for Stopper<D> {
    fn stop(&self) {
        let Some(engine) = self.engine.upgrade() else { return };
        for listening in self.listeners.take().iter().filter_map(Weak::upgrade) {
            // Accepting the queue builds protocols: not inside a callback.
            engine.task(Task::StopListening(listening));
        }
    }
}

/// Every address of `at` on one port, by whatever binds one of them. A port taken in one
/// family is an error, and what was bound before it is dropped with it.
///
/// # Errors
/// The name has no address; one of them cannot be bound.
pub(crate) fn bind_everywhere<T>(
    at: &ListenAt,
    lookup: impl Fn(&str) -> io::Result<Vec<IpAddr>>,
    bind: impl Fn(SocketAddr) -> io::Result<(T, Addr)>,
) -> Result<Vec<(T, Addr)>> {
    let ips = match &at.host {
        ListenHost::Name(name) => lookup(name).map_err(named(at))?,
        _ => at.ips(),
    };
    for attempt in 1..=limits::PORT_ZERO_TRIES {
        match bind_all(&ips, at.port, &bind) {
            // The port that the system gave for one family is taken in the other.
            Err((ip, error))
                if at.port == 0
                    && error.kind() == io::ErrorKind::AddrInUse
                    && attempt < limits::PORT_ZERO_TRIES =>
            {
                tracing::debug!("port chosen by the system is taken on {ip}, trying another");
            }
            Err((ip, error)) => return Err(named(SocketAddr::new(ip, at.port))(error)),
            Ok(bound) if bound.is_empty() => {
                let cause = "this machine has no address for it";
                let kind = ErrorKind::AddressNotAvailable;
                return Err(Error::new(Operation::Listen, kind, cause).at(at));
            }
            Ok(bound) => return Ok(bound),
        }
    }
    unreachable!("the last attempt returns")
}

#[allow(clippy::type_complexity, reason = "named nowhere else")]
fn bind_all<T>(
    ips: &[IpAddr],
    mut port: u16,
    bind: impl Fn(SocketAddr) -> io::Result<(T, Addr)>,
) -> std::result::Result<Vec<(T, Addr)>, (IpAddr, io::Error)> {
    let mut bound: Vec<(T, Addr)> = Vec::new();
    for ip in ips {
        match bind(SocketAddr::new(*ip, port)) {
            Ok(one) => {
                port = one.1.port().unwrap_or(port);
                bound.push(one);
            }
            Err(error) if ip.is_ipv6() && !bound.is_empty() && no_such_family(&error) => {
                tracing::info!("no IPv6 on this machine, listening on IPv4 alone");
            }
            Err(error) => return Err((*ip, error)),
        }
    }
    Ok(bound)
}

pub(crate) fn named(at: impl std::fmt::Display) -> impl FnOnce(io::Error) -> Error {
    move |error| Error::from_io(Operation::Listen, at, error)
}

fn no_such_family(error: &io::Error) -> bool {
    // EAFNOSUPPORT has no kind of its own; its numbers: Linux, BSD and macOS, Windows.
    error.kind() == io::ErrorKind::AddrNotAvailable
        || matches!(error.raw_os_error(), Some(97 | 47 | 10047))
}
