//! The names of the servers that fork, as [`Server`]'s other aliases.
//! Owns: nothing. Never: there on Windows, which has no fork.

use super::{DatagramRequest, Forking, PreForking, Server, StreamRequest};

/// Serves TCP, each connection in a child process: see [`Forking`]. Unix only.
///
/// ```
/// # use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler};
/// use ropewalk::server::ForkingTcpServer;
///
/// struct Pid;
/// impl StreamRequestHandler for Pid {
///     fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
///         request.send_all(std::process::id().to_string().as_bytes())?;
///         request.server.shutdown(); // one client was enough: this is told to the parent
///         Ok(())
///     }
/// }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = ForkingTcpServer::new(0, || Pid)?;
/// let client = std::net::TcpStream::connect(server.local_addr().ip().unwrap())?;
/// server.serve_forever()?;
/// assert_ne!(std::io::read_to_string(client)?, std::process::id().to_string());
/// # Ok(())
/// # }
/// ```
#[doc(alias = "ForkingTCPServer")]
pub type ForkingTcpServer<S> = Server<StreamRequest, S, Forking>;

/// Serves UDP, each datagram in a child process, which answers by the server's own socket:
/// see [`Forking`]. Unix only.
///
/// ```
/// # use ropewalk::server::{DatagramRequest, DatagramRequestHandler, HandlerResult};
/// # struct Echo;
/// # impl DatagramRequestHandler for Echo {
/// #     fn handle(&mut self, _: &mut DatagramRequest) -> HandlerResult { Ok(()) }
/// # }
/// use ropewalk::server::ForkingUdpServer;
/// # fn main() -> ropewalk::Result<()> {
/// let server = ForkingUdpServer::new(0, || Echo)?;
/// # server.shutdown();
/// server.serve_forever()
/// # }
/// ```
#[doc(alias = "ForkingUDPServer")]
pub type ForkingUdpServer<S> = Server<DatagramRequest, S, Forking>;

/// Serves a Unix stream socket, each connection in a child process: a [`ForkingTcpServer`]
/// at a path. Its file is the parent's to remove.
///
/// ```
/// # use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler};
/// # struct Echo;
/// # impl StreamRequestHandler for Echo {
/// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
/// # }
/// use ropewalk::server::ForkingUnixStreamServer;
/// # fn main() -> ropewalk::Result<()> {
/// let path = std::env::temp_dir().join(format!("example-forks-{}", std::process::id()));
/// let server = ForkingUnixStreamServer::new(path.as_path(), || Echo)?;
/// # server.shutdown();
/// server.serve_forever()
/// # }
/// ```
pub type ForkingUnixStreamServer<S> = ForkingTcpServer<S>;

/// Serves a Unix datagram socket, each datagram in a child process: a [`ForkingUdpServer`]
/// at a path.
///
/// ```
/// # use ropewalk::server::{DatagramRequest, DatagramRequestHandler, HandlerResult};
/// # struct Echo;
/// # impl DatagramRequestHandler for Echo {
/// #     fn handle(&mut self, _: &mut DatagramRequest) -> HandlerResult { Ok(()) }
/// # }
/// use ropewalk::server::ForkingUnixDatagramServer;
/// # fn main() -> ropewalk::Result<()> {
/// let path = std::env::temp_dir().join(format!("example-forkgrams-{}", std::process::id()));
/// let server = ForkingUnixDatagramServer::new(path.as_path(), || Echo)?;
/// # server.shutdown();
/// server.serve_forever()
/// # }
/// ```
pub type ForkingUnixDatagramServer<S> = ForkingUdpServer<S>;

/// Serves TCP from a fixed number of child processes: see [`PreForking`]. Unix only.
///
/// ```
/// # use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler};
/// # struct Echo;
/// # impl StreamRequestHandler for Echo {
/// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
/// # }
/// use ropewalk::server::PreForkingTcpServer;
/// # fn main() -> ropewalk::Result<()> {
/// let server = PreForkingTcpServer::new(0, || Echo)?;
/// # server.shutdown();
/// server.serve_forever() // `workers` children do
/// # }
/// ```
pub type PreForkingTcpServer<S> = Server<StreamRequest, S, PreForking>;

/// Serves UDP from a fixed number of child processes: see [`PreForking`]. Unix only.
///
/// ```
/// # use ropewalk::server::{DatagramRequest, DatagramRequestHandler, HandlerResult};
/// # struct Echo;
/// # impl DatagramRequestHandler for Echo {
/// #     fn handle(&mut self, _: &mut DatagramRequest) -> HandlerResult { Ok(()) }
/// # }
/// use ropewalk::server::PreForkingUdpServer;
/// # fn main() -> ropewalk::Result<()> {
/// let server = PreForkingUdpServer::new(0, || Echo)?;
/// # server.shutdown();
/// server.serve_forever()
/// # }
/// ```
pub type PreForkingUdpServer<S> = Server<DatagramRequest, S, PreForking>;

/// Serves a Unix stream socket from a fixed number of child processes: a
/// [`PreForkingTcpServer`] at a path.
///
/// ```
/// # use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler};
/// # struct Echo;
/// # impl StreamRequestHandler for Echo {
/// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
/// # }
/// use ropewalk::server::PreForkingUnixStreamServer;
/// # fn main() -> ropewalk::Result<()> {
/// let path = std::env::temp_dir().join(format!("example-workers-{}", std::process::id()));
/// let server = PreForkingUnixStreamServer::new(path.as_path(), || Echo)?;
/// # server.shutdown();
/// server.serve_forever()
/// # }
/// ```
pub type PreForkingUnixStreamServer<S> = PreForkingTcpServer<S>;

/// Serves a Unix datagram socket from a fixed number of child processes: a
/// [`PreForkingUdpServer`] at a path.
///
/// ```
/// # use ropewalk::server::{DatagramRequest, DatagramRequestHandler, HandlerResult};
/// # struct Echo;
/// # impl DatagramRequestHandler for Echo {
/// #     fn handle(&mut self, _: &mut DatagramRequest) -> HandlerResult { Ok(()) }
/// # }
/// use ropewalk::server::PreForkingUnixDatagramServer;
/// # fn main() -> ropewalk::Result<()> {
/// let path = std::env::temp_dir().join(format!("example-workgrams-{}", std::process::id()));
/// let server = PreForkingUnixDatagramServer::new(path.as_path(), || Echo)?;
/// # server.shutdown();
/// server.serve_forever()
/// # }
/// ```
pub type PreForkingUnixDatagramServer<S> = PreForkingUdpServer<S>;
