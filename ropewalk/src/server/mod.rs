//! Servers in the manner of Python's `socketserver`: a handler for each request, or a
//! protocol for each connection; one after another, or in a thread or a process for each, or
//! in a pool of either.
//! Owns: the servers, their hooks, their mix-ins, and the handlers. Never: holds a rule of a
//! protocol's life, or polls.
//!
//! # The design
//!
//! A server is three choices, each a type:
//!
//! | choice | types |
//! | --- | --- |
//! | what it takes | [`StreamRequest`]: a connection, over TCP or Unix sockets; [`DatagramRequest`]: a datagram |
//! | whose hooks and handlers | a closure that makes a handler; or an implementation of [`BaseServer`], which may say each hook otherwise; or [`Protocols`] |
//! | where a request runs (the mix-in) | [`Serial`]: in the serving thread; [`Threading`]: in a thread for each; [`Pooling`]: in one of a pool, after a queue; on Unix `Forking`: in a child process for each, and `PreForking`: in one of a fixed number of children |
//!
//! [`Server`] is all of them, and its aliases have Python's names:
//!
//! | | serial | threading | pooling |
//! | --- | --- | --- | --- |
//! | TCP | [`TcpServer`] | [`ThreadingTcpServer`] | [`PoolingTcpServer`] |
//! | UDP | [`UdpServer`] | [`ThreadingUdpServer`] | [`PoolingUdpServer`] |
//! | Unix streams | [`UnixStreamServer`] | [`ThreadingUnixStreamServer`] | [`PoolingUnixStreamServer`] |
//! | Unix datagrams | [`UnixDatagramServer`] | [`ThreadingUnixDatagramServer`] | [`PoolingUnixDatagramServer`] |
//!
//! and on Unix `ForkingTcpServer`, `ForkingUdpServer`, `ForkingUnixStreamServer`,
//! `ForkingUnixDatagramServer`, and the same four as `PreForking…`.
//!
//! A request's way, with the hooks of [`BaseServer`] in their order:
//!
//! ```text
//! serving thread   get_request ─▶ verify_request ─yes▶ process_request    (service_actions)
//!                                       │no                  │ Serial: stays; the others: goes
//! ───────────────────────────────────── │ ────────────────── ▼ ─────────────────────────────
//! where it runs                         │             finish_request: setup, handle, finish
//!                                       ▼                    │ handle_error, if it failed
//!                   close_request ◀─ shutdown_request ◀──────┘
//! ```
//!
//! Between the first two the bounds are looked at; a request that one refuses goes the way of
//! "no". By default a server accepts, takes the request, and closes: the connection is over when
//! the handler returns.
//!
//! # Handler or protocol
//!
//! Both run on every stream server. They differ in who decides that it is over:
//!
//! | | a handler | a protocol |
//! | --- | --- | --- |
//! | is | a function that blocks: [`StreamRequestHandler`] | a state machine that is called: [`Protocol`](crate::Protocol) |
//! | made by | `TcpServer::new(at, \|\| Handler)` | `TcpServer::protocol(at, \|\| Protocol)` |
//! | the connection ends | when `handle` returns | when the protocol closes it, or its peer does |
//! | on a serial server the second client waits | until the first one's handler has returned | until the first one's connection is over |
//! | at a shutdown | goes on; the server does not wait, unless [`drain_grace`](BaseServer::drain_grace) says so | is told [`stopping`](crate::Protocol::stopping), and drains |
//! | at a [`close`](Server::close) | has the grace, then its connection is shut down | the same, but has the close's grace, then is reset |
//! | on a pooling server has a worker | until `handle` returns | until the connection is over |
//! | a failure | is told to [`handle_error`](BaseServer::handle_error), then the close is in order | resets the connection |
//! | runs on a reactor as well | no | yes |
//!
//! [`ThreadServer`] runs protocols on threads, too: with several listeners, a drain that
//! reports, and a stop by signals.
//!
//! # Bounds
//!
//! | what | hook | at it |
//! | --- | --- | --- |
//! | requests at once | [`max_requests`](BaseServer::max_requests) | the newcomer is closed unheard |
//! | those of one address | [`max_requests_by_peer`](BaseServer::max_requests_by_peer) | as above |
//! | threads of a pool | [`max_workers`](BaseServer::max_workers) | requests wait for one |
//! | requests that wait for one | [`max_queued`](BaseServer::max_queued) | [`when_full`](BaseServer::when_full): it takes no more, or refuses |
//! | connections in the kernel's queue | [`request_queue_size`](BaseServer::request_queue_size) | the system's way |
//!
//! # Ending
//!
//! [`ShutdownHandle::shutdown`] ends `serve_forever`, and [`Server::close`] the server: it
//! works on what waits, gives requests under way a grace, cuts the rest, and reports.
//! [`Server::requests`] lists them; [`ShutdownHandle::close_clients`] and
//! [`abort_clients`](ShutdownHandle::abort_clients) end them while the server goes on.
//!
//! # What differs from Python
//!
//! - [`ShutdownHandle::shutdown`] never waits, so cannot deadlock; it takes effect at once,
//!   without polling.
//! - A panic reaches `handle_error` as an error does.
//! - A close over input that has arrived and was not read lingers, so that the answer arrives.
//! - Out of descriptors, accepting pauses and says so, where Python spins in silence.
//! - Threads are bounded, and requests; a pool of threads is a mix-in.
//! - `server_close` waits for an idle client for ever; [`close`](Server::close) has a grace.
//! - A forking server waits for its own children only, never blocks for one while it serves,
//!   and refuses to fork beside other threads; its children keep no listening socket.
//! - The port can be bound again at once after a restart, and small answers leave at once.
//! - A bare port is this machine only, on IPv4 and IPv6.
//! - A datagram that was cut says so; an empty reply is not sent; nor is half of one.
//! - A Unix socket's file is removed with its server if it is still the server's, and one left
//!   behind is replaced.
//! - A client that is gone is told from a failure ([`HandlerError::is_peer_gone`]).
//! - A handler has a [`deadline`](StreamRequestHandler::deadline) for the whole request; what
//!   its `wfile` could not send at the end is told.
//! - `bind_and_activate=False` is [`from_sockets`](Server::from_sockets), and
//!   [`listen_fds`] has a service manager's.

mod above;
mod activation;
mod active;
mod bound;
// Windows has no fork.
#[cfg(unix)]
mod children;
mod closing;
mod datagram;
// As above.
#[cfg(unix)]
mod forks;
mod handler;
mod hooks;
mod mixin;
mod opening;
mod protocols;
mod seldom;
mod serving;
mod shutdown;
mod stream;
mod threads;
#[cfg(feature = "tls")] // what the default build does not need
mod tls;
mod worker;
mod writer;

pub use activation::{listen_fds, listen_fds_with_names};
pub(crate) use activation::{take_descriptor, take_passed};
pub use active::ActiveRequest;
pub use closing::CloseReport;
pub use datagram::{DatagramRequest, DatagramRequestHandler};
// As above.
#[cfg(unix)]
pub use forks::*;
pub use handler::{BaseRequestHandler, HandlerError, HandlerResult, run_handler};
pub use hooks::{BaseServer, Request, ServerSocket};
// See above.
#[cfg(unix)]
pub use mixin::{Forking, PreForking};
pub use mixin::{MixIn, Pooling, Serial, Threading, WhenFull};
pub use protocols::{ProtocolHandler, Protocols};
pub use serving::Server;
pub use shutdown::ShutdownHandle;
pub use stream::{StreamRequest, StreamRequestHandler};
pub use threads::ThreadServer;
#[cfg(feature = "tls")] // as above
pub use tls::{OverTls, TlsStream, over_tls};
pub use writer::StreamWriter;

/// Serves TCP, one connection after another.
///
/// ```
/// use std::io::{BufRead, Write};
/// use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler, TcpServer};
/// use ropewalk::service::ctime;
///
/// struct Timestamp;
///
/// impl StreamRequestHandler for Timestamp {
///     fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
///         println!("...connected from: {}", request.client_address);
///         let mut line = String::new();
///         request.rfile.read_line(&mut line)?;
///         write!(request.wfile, "[{}] {line}", ctime(std::time::SystemTime::now()))?;
///         Ok(())
///     }
/// }
///
/// # fn main() -> ropewalk::Result<()> {
/// let server = TcpServer::new(0, || Timestamp)?;
/// println!("waiting for connection..");
/// # server.shutdown();
/// server.serve_forever()
/// # }
/// ```
#[doc(alias = "TCPServer")]
pub type TcpServer<S> = Server<StreamRequest, S, Serial>;

/// Serves TCP, each connection in a thread of its own.
///
/// ```
/// # use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler};
/// # struct Echo;
/// # impl StreamRequestHandler for Echo {
/// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
/// # }
/// use ropewalk::server::ThreadingTcpServer;
/// # fn main() -> ropewalk::Result<()> {
/// let server = ThreadingTcpServer::new(("*", 0), || Echo)?; // on every interface
/// # server.shutdown();
/// server.serve_forever()
/// # }
/// ```
#[doc(alias = "ThreadingTCPServer")]
pub type ThreadingTcpServer<S> = Server<StreamRequest, S, Threading>;

/// Serves UDP, one datagram after another.
///
/// ```
/// # use ropewalk::server::{DatagramRequest, DatagramRequestHandler, HandlerResult};
/// # struct Echo;
/// # impl DatagramRequestHandler for Echo {
/// #     fn handle(&mut self, _: &mut DatagramRequest) -> HandlerResult { Ok(()) }
/// # }
/// use ropewalk::server::UdpServer;
/// # fn main() -> ropewalk::Result<()> {
/// let server = UdpServer::new(0, || Echo)?;
/// # server.shutdown();
/// server.serve_forever()
/// # }
/// ```
#[doc(alias = "UDPServer")]
pub type UdpServer<S> = Server<DatagramRequest, S, Serial>;

/// Serves UDP, each datagram in a thread of its own; they share the server's socket, which
/// stays bound until the last of them is done.
///
/// ```
/// # use ropewalk::server::{DatagramRequest, DatagramRequestHandler, HandlerResult};
/// # struct Echo;
/// # impl DatagramRequestHandler for Echo {
/// #     fn handle(&mut self, _: &mut DatagramRequest) -> HandlerResult { Ok(()) }
/// # }
/// use ropewalk::server::ThreadingUdpServer;
/// # fn main() -> ropewalk::Result<()> {
/// let server = ThreadingUdpServer::new(0, || Echo)?;
/// # server.shutdown();
/// server.serve_forever()
/// # }
/// ```
#[doc(alias = "ThreadingUDPServer")]
pub type ThreadingUdpServer<S> = Server<DatagramRequest, S, Threading>;

/// Serves a Unix stream socket, one connection after another: a [`TcpServer`] at a path.
///
/// ```
/// # use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler};
/// # struct Echo;
/// # impl StreamRequestHandler for Echo {
/// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
/// # }
/// use ropewalk::server::UnixStreamServer;
/// # fn main() -> ropewalk::Result<()> {
/// # if cfg!(not(unix)) { return Ok(()) }
/// let path = std::env::temp_dir().join(format!("example-{}", std::process::id()));
/// let server = UnixStreamServer::new(path.as_path(), || Echo)?;
/// assert!(path.exists());
/// drop(server);
/// assert!(!path.exists());
/// # Ok(())
/// # }
/// ```
pub type UnixStreamServer<S> = TcpServer<S>;

/// Serves a Unix stream socket, each connection in a thread: a [`ThreadingTcpServer`] at a
/// path. See [`UnixStreamServer`].
///
/// ```
/// # use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler};
/// # struct Echo;
/// # impl StreamRequestHandler for Echo {
/// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
/// # }
/// use ropewalk::server::ThreadingUnixStreamServer;
/// # fn main() -> ropewalk::Result<()> {
/// # if cfg!(not(unix)) { return Ok(()) }
/// let path = std::env::temp_dir().join(format!("example-threads-{}", std::process::id()));
/// let server = ThreadingUnixStreamServer::new(path.as_path(), || Echo)?;
/// # server.shutdown();
/// server.serve_forever()
/// # }
/// ```
pub type ThreadingUnixStreamServer<S> = ThreadingTcpServer<S>;

/// Serves a Unix datagram socket, one datagram after another: a [`UdpServer`] at a path. A
/// client that is to be answered binds a path of its own.
///
/// ```
/// # use ropewalk::server::{DatagramRequest, DatagramRequestHandler, HandlerResult};
/// # struct Echo;
/// # impl DatagramRequestHandler for Echo {
/// #     fn handle(&mut self, _: &mut DatagramRequest) -> HandlerResult { Ok(()) }
/// # }
/// use ropewalk::server::UnixDatagramServer;
/// # fn main() -> ropewalk::Result<()> {
/// # if cfg!(not(unix)) { return Ok(()) }
/// let path = std::env::temp_dir().join(format!("example-datagrams-{}", std::process::id()));
/// let server = UnixDatagramServer::new(path.as_path(), || Echo)?;
/// # server.shutdown();
/// server.serve_forever()
/// # }
/// ```
pub type UnixDatagramServer<S> = UdpServer<S>;

/// Serves a Unix datagram socket, each datagram in a thread: a [`ThreadingUdpServer`] at a
/// path. See [`UnixDatagramServer`].
///
/// ```
/// # use ropewalk::server::{DatagramRequest, DatagramRequestHandler, HandlerResult};
/// # struct Echo;
/// # impl DatagramRequestHandler for Echo {
/// #     fn handle(&mut self, _: &mut DatagramRequest) -> HandlerResult { Ok(()) }
/// # }
/// use ropewalk::server::ThreadingUnixDatagramServer;
/// # fn main() -> ropewalk::Result<()> {
/// # if cfg!(not(unix)) { return Ok(()) }
/// let path = std::env::temp_dir().join(format!("example-packets-{}", std::process::id()));
/// let server = ThreadingUnixDatagramServer::new(path.as_path(), || Echo)?;
/// # server.shutdown();
/// server.serve_forever()
/// # }
/// ```
pub type ThreadingUnixDatagramServer<S> = ThreadingUdpServer<S>;

/// Serves TCP, with a pool of threads: see [`Pooling`].
///
/// ```
/// use ropewalk::Addr;
/// use ropewalk::server::{BaseServer, HandlerResult, PoolingTcpServer};
/// use ropewalk::server::{StreamRequest, StreamRequestHandler};
///
/// struct Echo;
///
/// impl StreamRequestHandler for Echo {
///     fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
///         let data = request.recv(1024)?;
///         Ok(request.send_all(&data)?)
///     }
/// }
///
/// struct Pool;
///
/// impl BaseServer<StreamRequest> for Pool {
///     type Handler = Echo;
///     fn handler(&self, _: &Addr) -> Echo {
///         Echo
///     }
///     fn max_workers(&self) -> usize {
///         8
///     }
/// }
///
/// # fn main() -> ropewalk::Result<()> {
/// let server = PoolingTcpServer::new(0, Pool)?;
/// # server.shutdown();
/// server.serve_forever()
/// # }
/// ```
pub type PoolingTcpServer<S> = Server<StreamRequest, S, Pooling>;

/// Serves UDP, with a pool of threads: see [`Pooling`]. They share the server's socket.
///
/// ```
/// # use ropewalk::server::{DatagramRequest, DatagramRequestHandler, HandlerResult};
/// # struct Echo;
/// # impl DatagramRequestHandler for Echo {
/// #     fn handle(&mut self, _: &mut DatagramRequest) -> HandlerResult { Ok(()) }
/// # }
/// use ropewalk::server::PoolingUdpServer;
/// # fn main() -> ropewalk::Result<()> {
/// let server = PoolingUdpServer::new(0, || Echo)?;
/// # server.shutdown();
/// server.serve_forever()
/// # }
/// ```
pub type PoolingUdpServer<S> = Server<DatagramRequest, S, Pooling>;

/// Serves a Unix stream socket, with a pool of threads: a [`PoolingTcpServer`] at a path. See
/// [`UnixStreamServer`].
///
/// ```
/// # use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler};
/// # struct Echo;
/// # impl StreamRequestHandler for Echo {
/// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
/// # }
/// use ropewalk::server::PoolingUnixStreamServer;
/// # fn main() -> ropewalk::Result<()> {
/// # if cfg!(not(unix)) { return Ok(()) }
/// let path = std::env::temp_dir().join(format!("example-pool-{}", std::process::id()));
/// let server = PoolingUnixStreamServer::new(path.as_path(), || Echo)?;
/// # server.shutdown();
/// server.serve_forever()
/// # }
/// ```
pub type PoolingUnixStreamServer<S> = PoolingTcpServer<S>;

/// Serves a Unix datagram socket, with a pool of threads: a [`PoolingUdpServer`] at a path. See
/// [`UnixDatagramServer`].
///
/// ```
/// # use ropewalk::server::{DatagramRequest, DatagramRequestHandler, HandlerResult};
/// # struct Echo;
/// # impl DatagramRequestHandler for Echo {
/// #     fn handle(&mut self, _: &mut DatagramRequest) -> HandlerResult { Ok(()) }
/// # }
/// use ropewalk::server::PoolingUnixDatagramServer;
/// # fn main() -> ropewalk::Result<()> {
/// # if cfg!(not(unix)) { return Ok(()) }
/// let path = std::env::temp_dir().join(format!("example-pooled-{}", std::process::id()));
/// let server = PoolingUnixDatagramServer::new(path.as_path(), || Echo)?;
/// # server.shutdown();
/// server.serve_forever()
/// # }
/// ```
pub type PoolingUnixDatagramServer<S> = PoolingUdpServer<S>;
