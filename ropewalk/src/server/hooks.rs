//! What of a server can be said otherwise: its attributes and hooks, in one trait.
//! Owns: `BaseServer`, each hook with its default body.
//! Never: calls a hook; `serving` and `worker` do.

use std::fmt;
use std::num::NonZero;
use std::time::Duration;

use super::active::UnderWay;
pub use super::bound::ServerSocket;
use super::handler::{BaseRequestHandler, HandlerError, HandlerResult, run_handler};
use super::mixin::WhenFull;
use super::shutdown::ShutdownHandle;
use crate::addr::Addr;
use crate::error::Result;
use crate::limits;
use crate::options::SocketOptions;
use crate::socket;

/// A server's hooks and attributes: implement it to say one otherwise. Most servers need
/// none, and are a closure that makes the handler: `|| Echo`.
///
/// Grouped by who calls them, in the order of the calls:
///
/// | who | hooks |
/// | --- | --- |
/// | `new` | [`request_queue_size`](Self::request_queue_size), [`allow_reuse_address`](Self::allow_reuse_address), [`allow_reuse_port`](Self::allow_reuse_port), all in [`socket_options`](Self::socket_options), [`max_packet_size`](Self::max_packet_size); [`server_bind`](Self::server_bind), [`server_activate`](Self::server_activate), and [`server_close`](Self::server_close) if one of them failed |
/// | the serving thread | [`get_request`](Self::get_request), [`verify_request`](Self::verify_request), [`process_request`](Self::process_request), then (all of the next row on a serial server, and) [`service_actions`](Self::service_actions); [`handle_timeout`](Self::handle_timeout) |
/// | the thread that works | [`finish_request`](Self::finish_request), which is [`handler`](Self::handler), then its `setup`, `handle`, `finish`; [`handle_error`](Self::handle_error) if that failed; [`shutdown_request`](Self::shutdown_request), [`close_request`](Self::close_request) |
/// | `close`, or the drop | [`server_close`](Self::server_close) |
///
/// Bounds are asked each time anew: [`max_requests`](Self::max_requests) and
/// [`max_requests_by_peer`](Self::max_requests_by_peer) after
/// [`get_request`](Self::get_request), those of a pool ([`max_workers`](Self::max_workers),
/// [`max_queued`](Self::max_queued), [`when_full`](Self::when_full)) before it as well. A
/// request that is refused, by a bound or by [`verify_request`](Self::verify_request), goes
/// straight to [`shutdown_request`](Self::shutdown_request).
///
/// What panics in the thread that works, in `verify_request` or in `process_request` reaches
/// `handle_error`; a panic of another hook of the serving thread is `serve_forever`'s own.
///
/// The hooks are shared by all threads, so a server's state is atomics and locks.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use ropewalk::Addr;
/// use ropewalk::server::{BaseServer, HandlerResult, StreamRequest, StreamRequestHandler};
/// use ropewalk::server::ThreadingTcpServer;
///
/// struct Greet(usize);
///
/// impl StreamRequestHandler for Greet {
///     fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
///         request.send_all(format!("you are number {}\n", self.0).as_bytes())?;
///         Ok(())
///     }
/// }
///
/// #[derive(Default)]
/// struct Greeter(AtomicUsize);
///
/// impl BaseServer<StreamRequest> for Greeter {
///     type Handler = Greet;
///     fn handler(&self, _: &Addr) -> Greet {
///         Greet(self.0.fetch_add(1, Ordering::Relaxed) + 1)
///     }
///     fn verify_request(&self, _: &StreamRequest, client: &Addr) -> bool {
///         client.host() == "127.0.0.1" || client.host() == "::1"
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = ThreadingTcpServer::new(0, Greeter::default())?;
/// # let mut client = std::net::TcpStream::connect(server.local_addr().ip().unwrap())?;
/// server.handle_request()?;
/// # assert_eq!(std::io::read_to_string(&mut client)?, "you are number 1\n");
/// # Ok(())
/// # }
/// ```
///
/// Every attribute and hook, in the order in which they are asked:
///
/// ```
/// use std::time::Duration;
/// use ropewalk::Addr;
/// use ropewalk::addr::Site;
/// use ropewalk::options::SocketOptions;
/// use ropewalk::server::{
///     BaseRequestHandler, BaseServer, HandlerError, HandlerResult, Request, ServerSocket,
///     StreamRequest, StreamRequestHandler, TcpServer, WhenFull, run_handler,
/// };
///
/// struct Echo;
///
/// impl StreamRequestHandler for Echo {
///     fn timeout(&self) -> Option<Duration> {
///         Some(Duration::from_secs(5))
///     }
///     fn deadline(&self) -> Option<Duration> {
///         Some(Duration::from_secs(60)) // of the whole request
///     }
///     fn rbufsize(&self) -> usize {
///         8192
///     }
///     fn wbufsize(&self) -> usize {
///         0 // what is written leaves at once
///     }
///     fn disable_nagle_algorithm(&self) -> bool {
///         true
///     }
///     fn setup(&mut self, request: &mut StreamRequest) -> HandlerResult {
///         println!("{} is here", request.client_address());
///         Ok(())
///     }
///     fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
///         let data = request.recv(1024)?;
///         Ok(request.send_all(&data)?)
///     }
///     fn finish(&mut self, request: &mut StreamRequest) -> HandlerResult {
///         request.server().shutdown(); // one client was enough
///         Ok(())
///     }
/// }
///
/// struct Careful;
///
/// impl BaseServer<StreamRequest> for Careful {
///     type Handler = Echo;
///     fn request_queue_size(&self) -> u32 {
///         16
///     }
///     fn allow_reuse_address(&self) -> bool {
///         true
///     }
///     fn allow_reuse_port(&self) -> bool {
///         false
///     }
///     fn socket_options(&self) -> SocketOptions {
///         SocketOptions { backlog: Some(16), ttl: Some(8), ..SocketOptions::default() }
///     }
///     fn max_packet_size(&self) -> usize {
///         8192 // of datagram servers
///     }
///     fn server_bind(
///         &self,
///         at: &Site,
///         options: &SocketOptions,
///     ) -> ropewalk::Result<Vec<ServerSocket>> {
///         ServerSocket::bind::<StreamRequest>(at, options)
///     }
///     fn server_activate(&self, sockets: &[ServerSocket]) -> ropewalk::Result<()> {
///         sockets.iter().try_for_each(|socket| socket.activate(self.request_queue_size()))
///     }
///     fn timeout(&self) -> Option<Duration> {
///         Some(Duration::from_secs(5)) // of `handle_request`
///     }
///     fn max_requests(&self) -> usize {
///         64
///     }
///     fn max_requests_by_peer(&self) -> Option<usize> {
///         Some(8)
///     }
///     fn max_workers(&self) -> usize {
///         8 // of pooling servers, as is all until
///     }
///     fn max_queued(&self) -> usize {
///         16
///     }
///     fn when_full(&self) -> WhenFull {
///         WhenFull::Wait // here
///     }
///     fn max_children(&self) -> usize {
///         40 // of forking servers
///     }
///     fn workers(&self) -> usize {
///         4 // of pre-forking servers
///     }
///     fn fork_with_threads(&self) -> bool {
///         false // a child might wait for a lock for ever
///     }
///     fn drain_grace(&self) -> Option<Duration> {
///         Some(Duration::from_secs(5))
///     }
///     fn get_request(&self, socket: &ServerSocket) -> ropewalk::Result<StreamRequest> {
///         socket.take()
///     }
///     fn verify_request(&self, _: &StreamRequest, client: &Addr) -> bool {
///         client.host() == "127.0.0.1"
///     }
///     fn process_request(&self, request: StreamRequest, process: &dyn Fn(StreamRequest)) {
///         process(request);
///     }
///     fn handler(&self, _: &Addr) -> Echo {
///         Echo
///     }
///     fn finish_request(&self, request: &mut StreamRequest, client: &Addr) -> HandlerResult {
///         run_handler(&mut self.handler(client), request)
///     }
///     fn handle_error(&self, error: &HandlerError, client: &Addr) {
///         eprintln!("{client}: {error}");
///     }
///     fn shutdown_request(&self, mut request: StreamRequest) {
///         request.say_goodbye();
///         self.close_request(request);
///     }
///     fn close_request(&self, request: StreamRequest) {
///         drop(request);
///     }
///     fn service_actions(&self) {}
///     fn handle_timeout(&self) {
///         println!("nobody came");
///     }
///     fn server_close(&self, sockets: Vec<ServerSocket>) -> ropewalk::Result<()> {
///         sockets.into_iter().try_for_each(ServerSocket::close)
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = TcpServer::new(("127.0.0.1", 0), Careful)?;
/// # use std::io::Write;
/// # let mut client = std::net::TcpStream::connect(server.local_addr().ip().unwrap())?;
/// # client.write_all(b"hello")?;
/// server.serve_forever()?;
/// # assert_eq!(std::io::read_to_string(&mut client)?, "hello");
/// # Ok(())
/// # }
/// ```
///
/// It is a trait, and so can't be made alone: take
/// [`TcpServer`](crate::server::TcpServer) or [`UdpServer`](crate::server::UdpServer).
///
/// ```compile_fail,E0423
/// let server = ropewalk::server::BaseServer; // make a TcpServer of an implementation
/// ```
pub trait BaseServer<R: Request>: Send + Sync + 'static {
    /// What handles its requests.
    type Handler: BaseRequestHandler<R>;

    /// A handler for one request, made in the thread where it runs.
    #[doc(alias = "RequestHandlerClass")]
    fn handler(&self, client: &Addr) -> Self::Handler;

    /// Connections that the kernel keeps until they are accepted: no limit on clients.
    /// Python's 5 loses some in a burst. Asked once, by `new`.
    fn request_queue_size(&self) -> u32 {
        limits::BACKLOG.unsigned_abs()
    }

    /// Whether the port may be bound while connections of its last holder wait in
    /// `TIME_WAIT`, as they do after each restart: on, where Python has it off. On Windows
    /// without effect, since there it would let another program take the port. Asked once,
    /// by `new`; for stream servers.
    fn allow_reuse_address(&self) -> bool {
        true
    }

    /// Whether several sockets share the port (`SO_REUSEPORT`). Asked once, by `new`.
    fn allow_reuse_port(&self) -> bool {
        false
    }

    /// How its sockets are set. By default the three above say so, and the rest is as always;
    /// for what they do not name, such as keep-alive. Asked once, by `new`.
    fn socket_options(&self) -> SocketOptions {
        SocketOptions {
            backlog: Some(self.request_queue_size()),
            reuse_address: Some(self.allow_reuse_address()),
            reuse_port: Some(self.allow_reuse_port()),
            ..SocketOptions::default()
        }
    }

    /// Bytes of a datagram that are received at most; the request says if there were more.
    /// Asked once, by `new`; for datagram servers.
    fn max_packet_size(&self) -> usize {
        limits::PACKET_BYTES
    }

    /// Makes the server's sockets, and gives them their addresses: each of them, or none. Not
    /// asked by [`from_sockets`](crate::server::Server::from_sockets), whose sockets have
    /// theirs. `options` says what the attributes above say.
    ///
    /// Here sockets can be set up in ways that this crate does not have; Python passes
    /// `bind_and_activate=False` for that.
    ///
    /// ```
    /// # use ropewalk::Addr;
    /// # use ropewalk::server::{HandlerResult, StreamRequestHandler};
    /// use ropewalk::addr::Site;
    /// use ropewalk::options::SocketOptions;
    /// use ropewalk::server::{BaseServer, ServerSocket, StreamRequest, TcpServer};
    /// use ropewalk::socket::{SO_RCVBUF, SOL_SOCKET};
    /// # struct Echo;
    /// # impl StreamRequestHandler for Echo {
    /// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
    /// # }
    ///
    /// struct Roomy;
    ///
    /// impl BaseServer<StreamRequest> for Roomy {
    ///     type Handler = Echo;
    ///     fn handler(&self, _: &Addr) -> Echo {
    ///         Echo
    ///     }
    ///     fn server_bind(
    ///         &self,
    ///         at: &Site,
    ///         options: &SocketOptions,
    ///     ) -> ropewalk::Result<Vec<ServerSocket>> {
    ///         let sockets = ServerSocket::bind::<StreamRequest>(at, options)?;
    ///         for socket in &sockets {
    ///             socket.set_option(SOL_SOCKET, SO_RCVBUF, 1 << 20)?; // before it listens
    ///         }
    ///         Ok(sockets)
    ///     }
    /// }
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = TcpServer::new(0, Roomy)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Whatever it gives is the constructor's, after
    /// [`server_close`](Self::server_close) with no sockets.
    fn server_bind(&self, at: &R::Site, options: &SocketOptions) -> Result<Vec<ServerSocket>> {
        ServerSocket::bind::<R>(at, options)
    }

    /// Lets clients queue: a stream server's sockets listen from now on, with
    /// [`request_queue_size`](Self::request_queue_size). A datagram server's do nothing.
    ///
    /// # Errors
    /// Whatever it gives is the constructor's, after
    /// [`server_close`](Self::server_close) with the sockets.
    fn server_activate(&self, sockets: &[ServerSocket]) -> Result<()> {
        sockets.iter().try_for_each(|socket| socket.activate(self.request_queue_size()))
    }

    /// Closes the server's sockets, by dropping them. Called once: by
    /// [`close`](crate::server::Server::close), or when the server is dropped; or when it
    /// could not be made.
    ///
    /// # Errors
    /// Whatever it gives is `close`'s; after a drop it goes to the log.
    fn server_close(&self, sockets: Vec<ServerSocket>) -> Result<()> {
        // All are closed, whatever one of them says.
        sockets.into_iter().map(ServerSocket::close).fold(Ok(()), Result::and)
    }

    /// How long `handle_request` waits for a request. `None`: for as long as it takes.
    fn timeout(&self) -> Option<Duration> {
        None
    }

    /// Requests that the server has at once, those that wait for a worker of a pool included.
    /// At it the newcomer is closed unheard, before any other hook sees it, and the log says so
    /// ([`limits::TURNED_AWAY_LINES`]). On a serial server there is never more than one.
    fn max_requests(&self) -> usize {
        limits::REQUESTS
    }

    /// The same for those of one IP address, whatever the port; an IPv4 address that is mapped
    /// into IPv6 is the IPv4 address. Clients of a Unix socket have none, and are not counted.
    /// A datagram's address is what its sender says it is. `None`: there is no such bound.
    fn max_requests_by_peer(&self) -> Option<usize> {
        None
    }

    /// Threads of a pooling server. They are started when there is work for them, and end with
    /// the server. At least one.
    fn max_workers(&self) -> usize {
        limits::POOL_WORKERS
    }

    /// Requests that a pooling server has taken and that wait for a worker. With 0 it takes
    /// one only when a worker is free.
    fn max_queued(&self) -> usize {
        limits::POOL_QUEUED
    }

    /// What a pooling server does when all its workers are busy, and as many requests wait as
    /// may. The log says when that begins, and when it is over.
    fn when_full(&self) -> WhenFull {
        WhenFull::Wait
    }

    /// Children that a forking server has at once; 0 is 1. At it no request is taken until one
    /// of them ends.
    fn max_children(&self) -> usize {
        limits::CHILDREN
    }

    /// Children that serve for a pre-forking server: one a processor, unless said otherwise;
    /// at least one, and at most [`limits::WORKERS`]. Asked when it begins to serve.
    fn workers(&self) -> usize {
        std::thread::available_parallelism().map_or(1, NonZero::get)
    }

    /// Whether a forking server forks even though other threads run in its process. Say so
    /// only if none of them ever holds a lock that a child needs: the log's, your own, the
    /// allocator's if it is one that does not survive a fork. (glibc's does. Standard output is
    /// seen to.)
    fn fork_with_threads(&self) -> bool {
        false
    }

    /// After a shutdown `serve_forever` waits so long at most for requests under way.
    /// `None`: it does not wait, and their threads go on by themselves, as in Python; but the
    /// servers that fork wait for [`limits::DRAIN_GRACE`], and then end their children.
    fn drain_grace(&self) -> Option<Duration> {
        None
    }

    /// Takes the next request. Called when there seems to be one; what it waits for, all
    /// other clients wait for, so it must not talk with the peer: the handler's `setup` is
    /// the place for that.
    ///
    /// # Errors
    /// `WouldBlock`, or a peer that is gone already: nothing happens. With any other,
    /// accepting pauses ([`limits::ACCEPT_PAUSE`]), and the log says so.
    fn get_request(&self, socket: &ServerSocket) -> Result<R> {
        socket.take()
    }

    /// Whether to work on this request. Called in the serving thread.
    fn verify_request(&self, request: &R, client: &Addr) -> bool {
        let _ = (request, client);
        true
    }

    /// Has the request worked on: `process` does so where the mix-in says, at once or in a
    /// thread. A request that is not passed on is closed by being dropped.
    fn process_request(&self, request: R, process: &dyn Fn(R)) {
        process(request);
    }

    /// `handle_request` waited for [`timeout`](Self::timeout), and nobody came.
    fn handle_timeout(&self) {}

    /// Called by `serve_forever` after each wake-up, so after each request. Nothing is
    /// polled: while nobody comes it is not called.
    fn service_actions(&self) {}

    /// Makes the handler and runs it, by [`run_handler`].
    ///
    /// # Errors
    /// What the handler gave: it goes to [`handle_error`](Self::handle_error).
    fn finish_request(&self, request: &mut R, client: &Addr) -> HandlerResult {
        run_handler(&mut self.handler(client), request)
    }

    /// A request failed. The server goes on. By default one line in the log, as an error; in
    /// a program that has no log (no `tracing` subscriber), on standard error, as in Python.
    /// A [peer that is gone](HandlerError::is_peer_gone) is no more than a note for whoever
    /// looks for bugs.
    #[allow(clippy::print_stderr, reason = "else nobody would ever know")]
    fn handle_error(&self, error: &HandlerError, client: &Addr) {
        if error.is_peer_gone() {
            tracing::debug!("request from {client}: {error}");
        } else if tracing::dispatcher::has_been_set() {
            tracing::error!("request from {client}: {error}");
        } else {
            eprintln!("request from {client}: {error}");
        }
    }

    /// Says [goodbye](Request::say_goodbye), then calls
    /// [`close_request`](Self::close_request).
    ///
    /// Called in the thread that worked; for a request that was refused, in the serving thread:
    /// what it waits for there, all other clients wait for.
    fn shutdown_request(&self, mut request: R) {
        request.say_goodbye();
        self.close_request(request);
    }

    /// Closes the request, by dropping it.
    fn close_request(&self, request: R) {
        drop(request);
    }
}

/// A closure that makes a handler is a server whose hooks are all as they are by default.
impl<R, F, H> BaseServer<R> for F
where
    R: Request,
    F: Fn() -> H + Send + Sync + 'static,
    H: BaseRequestHandler<R>,
{
    type Handler = H;
    fn handler(&self, _: &Addr) -> H {
        self()
    }
}

/// What a server takes: a connection ([`StreamRequest`](crate::server::StreamRequest)) or a
/// datagram ([`DatagramRequest`](crate::server::DatagramRequest)). There are no others.
///
/// ```
/// use ropewalk::server::Request;
/// fn who<R: Request>(request: &R) -> String {
///     request.client_address().to_string()
/// }
/// ```
pub trait Request: Sized + Send + 'static + sealed::Kind {
    /// Who sent it.
    fn client_address(&self) -> &Addr;

    /// Reaches the server that took it, to shut it down.
    fn server(&self) -> &ShutdownHandle;

    /// What is done before the request is closed. A stream: our direction is ended; if its
    /// handler left input unread, that is read and thrown away for a while
    /// ([`limits::LINGER`], [`limits::LINGER_BYTES`]), since closing over it would be a reset,
    /// which destroys an answer that is still on its way. One that no handler got is not
    /// waited for. A datagram: nothing.
    fn say_goodbye(&mut self);
}

pub(super) mod sealed {
    //! What stream and datagram servers do differently. Never: implemented elsewhere.
    use super::*;

    pub trait Kind: Sized {
        /// Where such a server can be.
        type Site: fmt::Display;

        /// Of which kind its sockets are.
        const KIND: socket::Kind;

        /// Binds every address of the site, or none.
        fn bind(site: &Self::Site, options: &SocketOptions) -> Result<Vec<ServerSocket>>;

        /// The next request. `WouldBlock` says that there is none.
        fn take(socket: &ServerSocket) -> Result<Self>;

        /// Its place among those under way.
        fn under_way(&mut self) -> &mut UnderWay;

        /// From now on its close is not one in order, where there is such a thing.
        fn reset(&mut self);
    }
}
