//! What of a server can be said otherwise: its attributes and hooks, in one trait.
//! Owns: `BaseServer`, each hook with its default body, and the socket that hooks get.
//! Never: calls a hook; `serving` and `worker` do.

use std::fmt;
use std::io;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::handler::{BaseRequestHandler, HandlerError, HandlerResult, run_handler};
use super::shutdown::ShutdownHandle;
use crate::addr::Addr;
use crate::driver::{Bound, UnixFile};
use crate::error::Result;
use crate::limits;
use crate::options::SocketOptions;
use crate::socket::{Family, Kind, Socket};

/// A server's hooks and attributes: implement it to say one otherwise. Most servers need
/// none, and are a closure that makes the handler: `|| Echo`.
///
/// Grouped by who calls them, in the order of the calls:
///
/// | who | hooks |
/// | --- | --- |
/// | `new` | [`request_queue_size`](Self::request_queue_size), [`allow_reuse_address`](Self::allow_reuse_address), [`allow_reuse_port`](Self::allow_reuse_port), [`max_packet_size`](Self::max_packet_size) |
/// | the serving thread | [`get_request`](Self::get_request), [`verify_request`](Self::verify_request), [`process_request`](Self::process_request), then (all of the next row on a serial server, and) [`service_actions`](Self::service_actions); [`handle_timeout`](Self::handle_timeout) |
/// | the thread that works | [`finish_request`](Self::finish_request), which is [`handler`](Self::handler), then its `setup`, `handle`, `finish`; [`handle_error`](Self::handle_error) if that failed; [`shutdown_request`](Self::shutdown_request), [`close_request`](Self::close_request) |
///
/// A refused request goes from [`verify_request`](Self::verify_request) straight to
/// [`shutdown_request`](Self::shutdown_request). What panics in the thread that works, in
/// `verify_request` or in `process_request` reaches `handle_error`; a panic of another hook
/// of the serving thread is `serve_forever`'s own.
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
/// use ropewalk::server::{
///     BaseRequestHandler, BaseServer, HandlerError, HandlerResult, Request, ServerSocket,
///     StreamRequest, StreamRequestHandler, TcpServer, run_handler,
/// };
///
/// struct Echo;
///
/// impl StreamRequestHandler for Echo {
///     fn timeout(&self) -> Option<Duration> {
///         Some(Duration::from_secs(5))
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
///     fn max_packet_size(&self) -> usize {
///         8192 // of datagram servers
///     }
///     fn timeout(&self) -> Option<Duration> {
///         Some(Duration::from_secs(5)) // of `handle_request`
///     }
///     fn max_threads(&self) -> usize {
///         64 // of threading servers
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

    /// Bytes of a datagram that are received at most; the request says if there were more.
    /// Asked once, by `new`; for datagram servers.
    fn max_packet_size(&self) -> usize {
        limits::PACKET_BYTES
    }

    /// How long `handle_request` waits for a request. `None`: for as long as it takes.
    fn timeout(&self) -> Option<Duration> {
        None
    }

    /// Requests that a threading server works on at once. At it the next one is closed
    /// unheard, and the log says so.
    fn max_threads(&self) -> usize {
        limits::THREADS
    }

    /// After a shutdown `serve_forever` waits so long at most for requests under way.
    /// `None`: it does not wait, and their threads go on by themselves, as in Python.
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
    #[allow(clippy::print_stderr, reason = "else nobody would ever know")]
    fn handle_error(&self, error: &HandlerError, client: &Addr) {
        if tracing::dispatcher::has_been_set() {
            tracing::error!("request from {client}: {error}");
        } else {
            eprintln!("request from {client}: {error}");
        }
    }

    /// Says [goodbye](Request::say_goodbye), then calls
    /// [`close_request`](Self::close_request).
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

        /// Binds every address of the site, or none.
        fn bind(
            site: &Self::Site,
            options: &SocketOptions,
            max_packet_size: usize,
            server: &ShutdownHandle,
        ) -> Result<Vec<ServerSocket>>;

        /// The next request. `WouldBlock` says that there is none.
        fn take(socket: &ServerSocket) -> Result<Self>;

        /// A handler is about to get it: from now on there may be an answer to lose.
        fn begin(&mut self) {}
    }
}

/// One of a server's own sockets, as [`get_request`](BaseServer::get_request) gets it: a
/// [`Socket`] that never blocks.
///
/// ```
/// use ropewalk::server::{Request, ServerSocket};
/// fn next<R: Request>(socket: &ServerSocket) -> ropewalk::Result<R> {
///     let request = socket.take()?; // what the default hook does
///     Ok(request)
/// }
/// ```
pub struct ServerSocket {
    pub(super) socket: Socket,
    pub(super) addr: Addr,
    /// For answers to datagrams: the same socket, with a deadline of its own.
    pub(super) replies: Option<Arc<Socket>>,
    pub(super) max_packet_size: usize,
    pub(super) server: ShutdownHandle,
    /// The file of a Unix socket, removed when this is dropped.
    #[allow(dead_code, reason = "its drop removes the file")]
    file: Option<UnixFile>,
}

impl ServerSocket {
    /// Takes a connection, or a datagram.
    ///
    /// ```
    /// use ropewalk::server::{ServerSocket, StreamRequest};
    /// fn next(socket: &ServerSocket) -> ropewalk::Result<StreamRequest> {
    ///     socket.take()
    /// }
    /// ```
    ///
    /// # Errors
    /// `WouldBlock`: there is none. What accept and receive say.
    pub fn take<R: Request>(&self) -> Result<R> {
        R::take(self)
    }

    /// Where it is bound.
    ///
    /// ```
    /// use ropewalk::server::ServerSocket;
    /// fn tell(socket: &ServerSocket) {
    ///     println!("somebody came to {}", socket.addr());
    /// }
    /// ```
    pub fn addr(&self) -> &Addr {
        &self.addr
    }
}

impl ServerSocket {
    /// Whatever somebody did to a copy of the descriptor.
    pub(super) fn keep_non_blocking(&self) -> Result<()> {
        self.socket.set_timeout(Some(Duration::ZERO))
    }

    pub(super) fn new(
        bound: Bound,
        kind: Kind,
        server: &ShutdownHandle,
    ) -> io::Result<ServerSocket> {
        let socket = Socket::adopt(bound.socket, family_of(&bound.addr), kind);
        socket.set_timeout(Some(Duration::ZERO))?;
        Ok(ServerSocket {
            socket,
            addr: bound.addr,
            replies: None,
            max_packet_size: 0,
            server: server.clone(),
            file: bound.file,
        })
    }
}

impl Deref for ServerSocket {
    type Target = Socket;
    fn deref(&self) -> &Socket {
        &self.socket
    }
}

impl fmt::Debug for ServerSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerSocket({})", self.addr)
    }
}

pub(super) fn family_of(addr: &Addr) -> Family {
    match addr.ip() {
        Some(ip) if ip.is_ipv4() => Family::Inet,
        Some(_) => Family::Inet6,
        None => Family::Unix,
    }
}
