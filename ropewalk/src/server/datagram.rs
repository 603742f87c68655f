//! Requests that are datagrams, and the handler that answers one with one.
//! Owns: receiving, and the reply that is sent if there is one.
//! Never: sends an empty reply by itself, or hides that a datagram was cut.

use std::io;
use std::sync::Arc;

use super::active::{Reach, UnderWay};
use super::handler::{BaseRequestHandler, HandlerResult};
use super::hooks::{Request, ServerSocket, sealed};
use super::shutdown::ShutdownHandle;
use crate::addr::{Addr, DatagramSite};
use crate::driver;
use crate::engine::{bind_everywhere, named};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::options::SocketOptions;
use crate::socket::{Kind, Socket, lookup_ips};

/// A datagram, as handlers get it, and the server's socket to answer by.
///
/// ```
/// use ropewalk::server::{BaseRequestHandler, DatagramRequest, HandlerResult};
///
/// struct Twice;
/// impl BaseRequestHandler<DatagramRequest> for Twice {
///     fn handle(&mut self, request: &mut DatagramRequest) -> HandlerResult {
///         for _ in 0..2 {
///             request.reply(&request.packet)?;
///         }
///         Ok(())
///     }
/// }
/// ```
#[derive(Debug)]
pub struct DatagramRequest {
    /// Its bytes. Python's `rfile` is `&request.packet[..]`.
    #[doc(alias = "rfile")]
    pub packet: Vec<u8>,
    /// Whether it was longer than the server's `max_packet_size`: then its rest is lost.
    /// Python does not tell.
    pub truncated: bool,
    /// What is to be sent back: a [`DatagramRequestHandler`] sends it as one datagram.
    pub wfile: Vec<u8>,
    /// Who sent it.
    pub client_address: Addr,
    /// The server's socket, to send by. A send does not wait: where the kernel has no room
    /// it fails with `WouldBlock`. Do not receive by it: what comes is the server's.
    pub socket: Arc<Socket>,
    /// Reaches the server that received it, to shut it down.
    pub server: ShutdownHandle,
    handled: bool,
    under_way: UnderWay,
}

impl DatagramRequest {
    /// Sends a datagram back, now: also an empty one, or one of several.
    ///
    /// ```
    /// use ropewalk::server::{BaseRequestHandler, DatagramRequest, HandlerResult};
    ///
    /// struct Heartbeat;
    /// impl BaseRequestHandler<DatagramRequest> for Heartbeat {
    ///     fn handle(&mut self, request: &mut DatagramRequest) -> HandlerResult {
    ///         Ok(request.reply(b"")?)
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// `WouldBlock`: the kernel has no room. `TooLong`. `InvalidInput`: a Unix client that
    /// has bound no path cannot be answered.
    pub fn reply(&self, data: &[u8]) -> Result<()> {
        self.socket.send_to(data, &self.client_address).map(drop)
    }
}

impl Request for DatagramRequest {
    fn client_address(&self) -> &Addr {
        &self.client_address
    }
    fn server(&self) -> &ShutdownHandle {
        &self.server
    }
    fn say_goodbye(&mut self) {}
}

impl sealed::Kind for DatagramRequest {
    type Site = DatagramSite;
    const KIND: Kind = Kind::Datagram;

    fn bind(site: &DatagramSite, options: &SocketOptions) -> Result<Vec<ServerSocket>> {
        let bind = |at: Addr| -> io::Result<(ServerSocket, Addr)> {
            let bound = driver::bind_datagram(&at, options)?;
            let addr = bound.addr.clone();
            Ok((ServerSocket::of(bound, Kind::Datagram), addr))
        };
        let bound = match site {
            DatagramSite::Udp(at) => bind_everywhere(at, lookup_ips, |ip| bind(ip.into()))?,
            DatagramSite::Unixgram(path) => {
                vec![bind(path.clone().into()).map_err(named(site))?]
            }
            DatagramSite::Memory(_) => {
                let error = io::Error::from(io::ErrorKind::Unsupported);
                return Err(Error::from_io(Operation::Listen, site, error));
            }
        };
        Ok(bound.into_iter().map(|(socket, _)| socket).collect())
    }

    fn take(from: &ServerSocket) -> Result<DatagramRequest> {
        let Some(socket) = from.replies.clone() else {
            let cause = "it is a stream server's socket, and takes no datagrams";
            return Err(Error::new(Operation::Run, ErrorKind::InvalidInput, cause).at(from.addr()));
        };
        // Handlers share the descriptor's mode by their `socket`, and may have changed it.
        from.keep_non_blocking()?;
        let server = from.server()?;
        let received = from.recv_from(from.max_packet_size)?;
        let under_way = server.enter(&received.from, Reach::No);
        Ok(DatagramRequest {
            packet: received.bytes,
            truncated: received.truncated,
            wfile: Vec::new(),
            client_address: received.from,
            socket,
            server,
            handled: false,
            under_way,
        })
    }

    fn under_way(&mut self) -> &mut UnderWay {
        &mut self.under_way
    }

    fn reset(&mut self) {}
}

/// Answers a datagram: what is written to `request.wfile` is sent back as one datagram when
/// [`handle`](DatagramRequestHandler::handle) has returned `Ok`.
///
/// If nothing was written nothing is sent, where Python sends an empty datagram
/// ([`reply`](DatagramRequest::reply) sends one); nor is half an answer sent when the handler
/// fails.
///
/// ```
/// use ropewalk::server::{DatagramRequest, DatagramRequestHandler, HandlerResult, UdpServer};
///
/// struct Upper;
///
/// impl DatagramRequestHandler for Upper {
///     fn handle(&mut self, request: &mut DatagramRequest) -> HandlerResult {
///         request.wfile = request.packet.to_ascii_uppercase();
///         Ok(())
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = UdpServer::new(0, || Upper)?;
/// # let client = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// # client.send_to(b"hello", server.local_addr().ip().unwrap())?;
/// server.handle_request()?;
/// # let mut answer = [0; 10];
/// # let length = client.recv(&mut answer)?;
/// # assert_eq!(&answer[..length], b"HELLO");
/// # Ok(())
/// # }
/// ```
pub trait DatagramRequestHandler {
    /// Before [`handle`](DatagramRequestHandler::handle).
    ///
    /// # Errors
    /// As [`BaseRequestHandler::setup`].
    fn setup(&mut self, request: &mut DatagramRequest) -> HandlerResult {
        let _ = request;
        Ok(())
    }

    /// Does the work.
    ///
    /// # Errors
    /// As [`BaseRequestHandler::handle`].
    fn handle(&mut self, request: &mut DatagramRequest) -> HandlerResult;

    /// After [`handle`](DatagramRequestHandler::handle), however it went, and before the
    /// answer is sent.
    ///
    /// # Errors
    /// As [`BaseRequestHandler::finish`]; then no answer is sent.
    fn finish(&mut self, request: &mut DatagramRequest) -> HandlerResult {
        let _ = request;
        Ok(())
    }
}

impl<T: DatagramRequestHandler> BaseRequestHandler<DatagramRequest> for T {
    fn setup(&mut self, request: &mut DatagramRequest) -> HandlerResult {
        DatagramRequestHandler::setup(self, request)
    }

    fn handle(&mut self, request: &mut DatagramRequest) -> HandlerResult {
        DatagramRequestHandler::handle(self, request)?;
        request.handled = true;
        Ok(())
    }

    fn finish(&mut self, request: &mut DatagramRequest) -> HandlerResult {
        DatagramRequestHandler::finish(self, request)?;
        if request.handled && !request.wfile.is_empty() {
            request.reply(&request.wfile)?;
        }
        Ok(())
    }
}
