//! A server: its sockets, and the thread that serves.
//! Owns: the wait for requests, and what happens when the system has no more to give.
//! Never: works on a request; that is the mix-in's and the worker's.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};

use super::active::ActiveRequest;
use super::handler::HandlerError;
use super::hooks::{BaseServer, Request, ServerSocket};
use super::mixin::MixIn;
use super::protocols::Protocols;
use super::shutdown::ShutdownHandle;
use super::stream::StreamRequest;
use super::worker::Worker;
use crate::addr::{Addr, Site};
use crate::clock::{Clock, MachineClock, Time};
use crate::error::{Error, Operation, Result};
use crate::limits;
use crate::protocol::Factory;

/// A server, by three types: what it takes (`R`), whose hooks and handlers (`S`), and where a
/// request runs (`M`). Its aliases have the names that one looks for:
/// [`TcpServer`](super::TcpServer), [`ThreadingUdpServer`](super::ThreadingUdpServer), ….
///
/// It serves from one thread at a time, whichever calls; share it by reference or in an
/// `Arc`. Dropping it closes its sockets and waits for nobody: requests under way go on.
/// [`close`](Server::close) waits for them, within a grace.
///
/// ```
/// use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler, TcpServer};
///
/// struct Yes;
/// impl StreamRequestHandler for Yes {
///     fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
///         request.send_all(b"yes\n")?;
///         request.server.shutdown(); // one client was enough
///         Ok(())
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = TcpServer::new(0, || Yes)?; // port 0: the system chooses one
/// let at = server.local_addr().ip().expect("an IP address");
/// let client = std::thread::spawn(move || {
///     std::io::read_to_string(std::net::TcpStream::connect(at).unwrap())
/// });
/// server.serve_forever()?;
/// assert_eq!(client.join().unwrap()?, "yes\n");
/// # Ok(())
/// # }
/// ```
#[doc(alias = "socketserver")]
pub struct Server<R: Request, S: BaseServer<R>, M: MixIn> {
    pub(super) sockets: Vec<ServerSocket>,
    pub(super) worker: Arc<Worker<S>>,
    /// What its mix-in keeps.
    pub(super) crew: M::Crew<R>,
}

impl<R: Request, S: BaseServer<R>, M: MixIn> Server<R, S, M> {
    /// Serves until it is [shut down](ShutdownHandle::shutdown). Blocks; wakes up when there
    /// is something to do, and only then.
    ///
    /// # Errors
    /// `AlreadyRunning`: it serves in another thread, or the caller is one of its serial
    /// handlers. What the system's wait says.
    ///
    /// ```
    /// # use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler, TcpServer};
    /// # struct Echo;
    /// # impl StreamRequestHandler for Echo {
    /// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
    /// # }
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = TcpServer::new(0, || Echo)?;
    /// let handle = server.shutdown_handle();
    /// let thread = std::thread::spawn(move || server.serve_forever());
    /// handle.shutdown(); // it may come before the loop does
    /// thread.join().expect("it does not panic")
    /// # }
    /// ```
    pub fn serve_forever(&self) -> Result<()> {
        let _serving = self.worker.state.serve()?;
        self.serve_to_the_shutdown()?;
        if let Some(grace) = M::drain_grace(&self.worker.server) {
            self.drain(grace)?;
        }
        self.worker.state.obeyed();
        Ok(())
    }

    /// Takes one request and has it worked on; or waits for
    /// [`timeout`](BaseServer::timeout), and calls
    /// [`handle_timeout`](BaseServer::handle_timeout). Answers whether there was a request:
    /// `false` says that time is over, or that it was shut down.
    ///
    /// # Errors
    /// As [`serve_forever`](Self::serve_forever); and where that would pause accepting, the
    /// reason.
    ///
    /// ```
    /// # use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler, TcpServer};
    /// # struct Echo;
    /// # impl StreamRequestHandler for Echo {
    /// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
    /// # }
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = TcpServer::new(0, || Echo)?;
    /// let at = server.local_addr().ip().expect("an IP address");
    /// let client = std::net::TcpStream::connect(at);
    /// assert!(server.handle_request()?);
    /// server.shutdown();
    /// assert!(!server.handle_request()?); // `while server.handle_request()? {}` ends
    /// # Ok(())
    /// # }
    /// ```
    pub fn handle_request(&self) -> Result<bool> {
        M::handles_requests()?;
        let state = &self.worker.state;
        let _serving = state.serve()?;
        M::begin(&self.worker)?;
        let clock = MachineClock::begin();
        let until = self.worker.server.timeout().map(|timeout| clock.now() + timeout);
        loop {
            M::tend(&self.crew, &self.worker);
            if state.is_asked() {
                state.obeyed();
                return Ok(false);
            }
            let left = until.map(|until| until - clock.now());
            let mut failed = Ok(());
            for socket in self.wait(&self.asked(), left)? {
                match self.take(socket) {
                    Ok(true) => return Ok(true),
                    Ok(false) => {}
                    Err(error) => failed = Err(error), // another socket may have one
                }
            }
            failed?;
            if until.is_some_and(|until| until <= clock.now()) {
                self.worker.server.handle_timeout();
                return Ok(false);
            }
        }
    }

    /// Shuts it down from anywhere.
    ///
    /// ```
    /// # use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler, TcpServer};
    /// # struct Echo;
    /// # impl StreamRequestHandler for Echo {
    /// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
    /// # }
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = TcpServer::new(0, || Echo)?;
    /// let handle = server.shutdown_handle();
    /// std::thread::spawn(move || handle.shutdown());
    /// server.serve_forever()
    /// # }
    /// ```
    #[doc(alias = "shutdown")]
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        ShutdownHandle::new(self.worker.state.clone())
    }

    /// The same as [`ShutdownHandle::shutdown`], for who has the server itself.
    ///
    /// ```
    /// # use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler, TcpServer};
    /// # struct Echo;
    /// # impl StreamRequestHandler for Echo {
    /// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
    /// # }
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = TcpServer::new(0, || Echo)?;
    /// std::thread::scope(|scope| {
    ///     let serving = scope.spawn(|| server.serve_forever());
    ///     server.shutdown();
    ///     serving.join().expect("it does not panic")
    /// })
    /// # }
    /// ```
    pub fn shutdown(&self) {
        self.shutdown_handle().shutdown();
    }

    /// Where it is bound: the first of [`addrs`](Self::addrs).
    ///
    /// ```
    /// # use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler, TcpServer};
    /// # struct Echo;
    /// # impl StreamRequestHandler for Echo {
    /// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
    /// # }
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = TcpServer::new(("127.0.0.1", 0), || Echo)?;
    /// assert_ne!(server.local_addr().port(), Some(0)); // the system has chosen
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "server_address")]
    pub fn local_addr(&self) -> &Addr {
        self.sockets[0].addr()
    }

    /// Every address it is bound to.
    ///
    /// ```
    /// # use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler, TcpServer};
    /// # struct Echo;
    /// # impl StreamRequestHandler for Echo {
    /// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
    /// # }
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = TcpServer::new(0, || Echo)?;
    /// for addr in server.addrs() {
    ///     println!("serving on {addr}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn addrs(&self) -> impl Iterator<Item = &Addr> {
        self.sockets.iter().map(ServerSocket::addr)
    }

    /// What it was made of: the closure, or your [`BaseServer`].
    ///
    /// ```
    /// # use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler, TcpServer};
    /// # struct Echo;
    /// # impl StreamRequestHandler for Echo {
    /// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
    /// # }
    /// # fn main() -> ropewalk::Result<()> {
    /// # use ropewalk::{Addr, server::BaseServer};
    /// struct Named(&'static str);
    /// impl BaseServer<StreamRequest> for Named {
    ///     type Handler = Echo;
    ///     fn handler(&self, _: &Addr) -> Echo {
    ///         Echo
    ///     }
    /// }
    /// let server = TcpServer::new(0, Named("echo"))?;
    /// assert_eq!(server.hooks().0, "echo");
    /// # Ok(())
    /// # }
    /// ```
    pub fn hooks(&self) -> &S {
        &self.worker.server
    }

    /// The requests that it has: see [`ShutdownHandle::requests`].
    ///
    /// ```
    /// # use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler, TcpServer};
    /// # struct Echo;
    /// # impl StreamRequestHandler for Echo {
    /// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
    /// # }
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = TcpServer::new(0, || Echo)?;
    /// assert_eq!(server.requests().len(), 0);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "connections")]
    pub fn requests(&self) -> Vec<ActiveRequest> {
        self.worker.state.active().list()
    }

    /// The caller has seen that nobody else serves, and waits for what is under way.
    pub(super) fn serve_to_the_shutdown(&self) -> Result<()> {
        M::begin(&self.worker)?;
        let served = M::serve(self);
        self.worker.state.say_turned_away();
        served?;
        M::tend(&self.crew, &self.worker);
        Ok(())
    }

    pub(super) fn serve_until_asked(&self) -> Result<()> {
        let state = &self.worker.state;
        let clock = MachineClock::begin();
        let mut pauses: Vec<Pause> = self.sockets.iter().map(|_| Pause::default()).collect();
        while !state.is_asked() {
            let until = pauses.iter().filter_map(|pause| pause.until).min();
            let asked = self.asked().into_iter().zip(&pauses);
            let asked = asked.filter(|(_, pause)| pause.until.is_none());
            let asked: Vec<_> = asked.map(|(socket, _)| socket).collect();
            let ready = self.wait(&asked, until.map(|until| until - clock.now()))?;
            for (socket, pause) in self.sockets.iter().zip(&mut pauses) {
                // Time is over, or a worker gave back what accepting lacked.
                let tries_again = pause.until.take().is_some();
                if !tries_again && !ready.iter().any(|ready| std::ptr::eq(*ready, socket)) {
                    continue;
                }
                match self.take(socket) {
                    Ok(taken) => pause.end(taken, socket),
                    Err(error) => pause.begin(&error, socket, clock.now()),
                }
            }
            state.heed_ends(pauses.iter().any(|pause| pause.until.is_some()));
            self.tend();
        }
        Ok(())
    }

    /// The sockets to ask for requests: none while the mix-in has no room for one.
    fn asked(&self) -> Vec<&ServerSocket> {
        if self.has_room() { self.sockets.iter().collect() } else { Vec::new() }
    }

    /// What is done after each wake-up.
    pub(super) fn tend(&self) {
        M::tend(&self.crew, &self.worker);
        self.worker.server.service_actions();
    }

    pub(super) fn has_room(&self) -> bool {
        M::has_room(&self.crew, &self.worker)
    }

    /// Takes a request, if there is one.
    fn take(&self, socket: &ServerSocket) -> Result<bool> {
        if !self.has_room() || !self.worker.state.may_take() {
            return Ok(false);
        }
        let Some(request) = self.worker.receive(socket)? else { return Ok(false) };
        self.work_on(request);
        Ok(true)
    }

    /// Has a request worked on, unless a bound or a hook says otherwise.
    pub(super) fn work_on(&self, request: R) {
        let worker = &self.worker;
        if self.is_crowded(&request) {
            return worker.refuse(request);
        }
        let client = request.client_address().clone();
        let verify = AssertUnwindSafe(|| worker.server.verify_request(&request, &client));
        match catch_unwind(verify) {
            Ok(true) => self.process(request, &client),
            Ok(false) => worker.refuse(request),
            Err(panic) => worker.fail(request, &HandlerError::of_panic(&*panic)),
        }
    }

    /// Whether there are as many as may be already. Only the serving thread takes any, so
    /// there are never more.
    fn is_crowded(&self, request: &R) -> bool {
        let Worker { server, state } = &*self.worker;
        let client = request.client_address();
        let (all, most) = (state.active().len(), server.max_requests());
        let of_peer = server.max_requests_by_peer().and_then(|most| {
            let count = state.active().of_peer(client)?;
            (count > most).then_some(most)
        });
        // The newcomer is among them.
        let why = match of_peer {
            _ if all > most => format!("the server has {most} requests already"),
            Some(most) => format!("its address has {most} requests already"),
            None => return false,
        };
        state.turned_away(client, &why);
        true
    }

    fn process(&self, request: R, client: &Addr) {
        let worker = &self.worker;
        let process = |request| M::process(&self.crew, worker, &self.sockets, request);
        let call = AssertUnwindSafe(|| worker.server.process_request(request, &process));
        if let Err(panic) = catch_unwind(call) {
            worker.tell::<R>(&HandlerError::of_panic(&*panic), client);
        }
    }

    /// Waits until one of these sockets has something, somebody wakes this thread, or time
    /// is over.
    pub(super) fn wait<'a>(
        &self,
        sockets: &[&'a ServerSocket],
        left: Option<Duration>,
    ) -> Result<Vec<&'a ServerSocket>> {
        let state = &self.worker.state;
        let mut fds = vec![PollFd::new(state.alarm(), PollFlags::IN)];
        // Without a parent, the same once more.
        let orders = state.above().map_or(state.alarm(), |above| &above.orders);
        fds.push(PollFd::new(orders, PollFlags::IN));
        fds.extend(sockets.iter().map(|socket| PollFd::new(&socket.socket, PollFlags::IN)));
        let seen = match M::wait(&self.crew, fds, left) {
            Err(rustix::io::Errno::INTR) => return Ok(Vec::new()),
            Err(error) => {
                let error = io::Error::from(error);
                return Err(Error::from_io(Operation::Run, "the server's wait", error));
            }
            Ok(seen) => seen,
        };
        if !seen[0].is_empty() {
            state.alarm().hear();
        }
        if state.above().is_some() && !seen[1].is_empty() {
            state.end();
        }
        let seen = sockets.iter().copied().zip(&seen[2..]);
        Ok(seen.filter(|(_, seen)| !seen.is_empty()).map(|(socket, _)| socket).collect())
    }

    /// Waits for the requests under way.
    fn drain(&self, grace: Duration) -> Result<()> {
        let state = &self.worker.state;
        let until = state.active().now() + grace;
        if self.is_over_until(until)? {
            return Ok(());
        }
        let ended = M::cut(&self.crew, &self.worker);
        let go_on = state.active().len();
        if ended > 0 {
            tracing::warn!("{ended} children were ended after the shutdown");
        }
        if go_on > 0 {
            tracing::warn!("{go_on} requests go on after the shutdown");
        }
        Ok(())
    }

    /// Waits until nothing is under way: whether that is so before time is over.
    pub(super) fn is_over_until(&self, until: Time) -> Result<bool> {
        let state = &self.worker.state;
        state.heed_ends(true); // before they are counted
        while M::is_busy(&self.crew, &self.worker) {
            let left = until - state.active().now();
            if left.is_zero() {
                return Ok(false);
            }
            self.wait(&[], Some(left))?;
            M::tend(&self.crew, &self.worker);
        }
        Ok(true)
    }
}

impl<F: Factory + Send + 'static, M: MixIn> Server<StreamRequest, Protocols<F>, M> {
    /// A server that runs a [`Protocol`](crate::Protocol) on each connection, by the same
    /// machine as a reactor. The connection lives until the protocol, or its peer, closes it.
    ///
    /// The same as [`new`](Self::new) with [`Protocols::new`], which has more to set.
    ///
    /// ```
    /// use ropewalk::server::ThreadingTcpServer;
    /// use ropewalk::service::Echo;
    /// # use std::io::{Read, Write};
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = ThreadingTcpServer::protocol(0, || Echo)?;
    /// # let at = server.local_addr().ip().unwrap();
    /// # let handle = server.shutdown_handle();
    /// # let client = std::thread::spawn(move || {
    /// #     let mut client = std::net::TcpStream::connect(at).unwrap();
    /// #     client.write_all(b"hello").unwrap();
    /// #     client.read_exact(&mut [0; 5]).unwrap();
    /// #     handle.shutdown();
    /// # });
    /// server.serve_forever()?;
    /// # client.join().unwrap();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn protocol(at: impl Into<Site>, factory: F) -> Result<Self> {
        Self::new(at.into(), Protocols::new(factory))
    }
}

impl<R: Request, S: BaseServer<R>, M: MixIn> fmt::Debug for Server<R, S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addrs: Vec<_> = self.sockets.iter().map(ServerSocket::addr).collect();
        f.debug_struct("Server").field("addrs", &addrs).finish_non_exhaustive()
    }
}

/// Accepting pauses while the system has nothing to give.
#[derive(Default)]
struct Pause {
    /// How long the last one was; zero while all is well.
    last: Duration,
    /// It pauses now.
    until: Option<Time>,
}

impl Pause {
    fn begin(&mut self, error: &Error, socket: &ServerSocket, now: Time) {
        if self.last.is_zero() {
            tracing::warn!("accept paused on {}: {}", socket.addr(), error.cause());
        }
        self.last = (self.last * 2).clamp(limits::ACCEPT_PAUSE, limits::ACCEPT_PAUSE_MAX);
        self.until = Some(now + self.last);
    }

    fn end(&mut self, taken: bool, socket: &ServerSocket) {
        if taken && !std::mem::take(&mut self.last).is_zero() {
            tracing::info!("accepting again on {}", socket.addr());
        }
    }
}
