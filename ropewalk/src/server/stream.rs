//! Requests that are connections, and the handler that reads and writes them as files.
//! Owns: accepting, the two files, and the close that loses no answer.
//! Never: holds back what is written unasked, or waits beyond the named bounds when it closes.

use std::io::{self, BufReader};
use std::net::Shutdown;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::active::{Reach, UnderWay};
use super::handler::{BaseRequestHandler, HandlerResult};
use super::hooks::{Request, ServerSocket, sealed};
use super::shutdown::ShutdownHandle;
use super::writer::StreamWriter;
use crate::addr::{Addr, Site};
use crate::clock::{Clock, MachineClock};
use crate::driver::{self, BlockingAlarm};
use crate::engine::{bind_everywhere, named};
use crate::error::{Error, Operation, Result};
use crate::limits;
use crate::options::SocketOptions;
use crate::socket::{Kind, Socket, SocketIo, lookup_ips};

/// A connection, as handlers get it. It is a [`Socket`]: `request.recv(1024)`; and it has two
/// files, which share that socket: `rfile` reads with a buffer, `wfile` sends at once.
///
/// What `rfile` has buffered, `recv` does not see: use one of them.
///
/// ```
/// use std::io::{BufRead, Write};
/// use ropewalk::server::{BaseRequestHandler, HandlerResult, StreamRequest};
///
/// struct Echo;
/// impl BaseRequestHandler<StreamRequest> for Echo {
///     fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
///         let mut line = String::new();
///         while request.rfile.read_line(&mut line)? > 0 {
///             request.wfile.write_all(line.as_bytes())?;
///             line.clear();
///         }
///         Ok(())
///     }
/// }
/// ```
#[derive(Debug)]
#[doc(alias = "connection")]
pub struct StreamRequest {
    /// The connection as a file to read, with a buffer of
    /// [`rbufsize`](StreamRequestHandler::rbufsize).
    pub rfile: BufReader<SocketIo>,
    /// The connection as a file to write, without a buffer unless there is a
    /// [`wbufsize`](StreamRequestHandler::wbufsize).
    pub wfile: StreamWriter,
    /// Who connected.
    pub client_address: Addr,
    /// Reaches the server that accepted it, to shut it down.
    pub server: ShutdownHandle,
    /// What a protocol's engine is woken by, made before the connection was taken.
    pub(super) alarm: Option<BlockingAlarm>,
    /// Last, so that it is dropped when the connection is closed, and not before.
    pub(super) under_way: UnderWay,
}

impl StreamRequest {
    fn new(socket: Socket, client_address: Addr, server: ShutdownHandle) -> StreamRequest {
        let (rfile, wfile) = files(socket);
        let reach = Reach::Socket(Arc::downgrade(wfile.socket()));
        let under_way = server.enter(&client_address, reach);
        StreamRequest { rfile, wfile, client_address, server, alarm: None, under_way }
    }

    /// The connection itself: the request is one by `Deref`. A clone of it keeps the
    /// connection open after the handler has returned.
    ///
    /// ```
    /// use ropewalk::server::StreamRequest;
    /// fn is_open(request: &StreamRequest) -> bool {
    ///     !request.connection().is_closed()
    /// }
    /// ```
    pub fn connection(&self) -> &Arc<Socket> {
        self.wfile.socket()
    }

    /// Takes the connection out of the request: the server no longer closes it. What its
    /// files hold in their buffers is gone, so flush before, and a `deadline` no longer
    /// counts; the request's own socket is closed from now on. `None` if it was taken before,
    /// or if a clone of it is still about.
    ///
    /// ```
    /// # use ropewalk::server::{HandlerResult, StreamRequest, TcpServer, BaseRequestHandler};
    /// # use std::sync::mpsc::Sender;
    /// struct Collect(Sender<ropewalk::Socket>);
    /// impl BaseRequestHandler<StreamRequest> for Collect {
    ///     fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
    ///         self.0.send(request.detach().expect("nobody took it before"))?;
    ///         Ok(())
    ///     }
    /// }
    /// ```
    pub fn detach(&mut self) -> Option<Socket> {
        self.under_way.let_go(); // nobody else may have it in his hand
        let (rfile, wfile) = files(self.closed_like());
        self.rfile = rfile;
        let taken = std::mem::replace(&mut self.wfile, wfile).into_socket();
        // That fails where it is closed, and so for the answer `None`.
        Arc::into_inner(taken).filter(|socket| socket.set_deadline(None).is_ok())
    }

    /// As its handler wants it, before it is set up.
    fn prepare(&mut self, handler: &impl StreamRequestHandler) -> Result<()> {
        let (reads, writes) = (handler.rbufsize(), handler.wbufsize());
        if reads != self.rfile.capacity() {
            // Less than a byte would be nothing to find the end of a line in.
            self.rfile = BufReader::with_capacity(reads.max(1), self.rfile.get_ref().clone());
        }
        if writes != 0 {
            self.wfile.renew(writes);
        }
        self.set_timeout(handler.timeout())?;
        self.set_deadline(handler.deadline())?;
        // It is on already: an accepted socket has it from its listener.
        if !handler.disable_nagle_algorithm() && self.client_address.ip().is_some() {
            self.set_no_delay(false)?;
        }
        Ok(())
    }
}

impl Deref for StreamRequest {
    type Target = Socket;
    fn deref(&self) -> &Socket {
        self.wfile.socket()
    }
}

fn files(socket: Socket) -> (BufReader<SocketIo>, StreamWriter) {
    let io = SocketIo::from(Arc::new(socket));
    let rfile = BufReader::with_capacity(limits::FILE_BUFFER_BYTES, io.clone());
    (rfile, StreamWriter::new(io))
}

impl Request for StreamRequest {
    fn client_address(&self) -> &Addr {
        &self.client_address
    }
    fn server(&self) -> &ShutdownHandle {
        &self.server
    }

    fn say_goodbye(&mut self) {
        // From here on the bounds of a close hold, and no longer the handler's.
        let _ = self.set_deadline(None);
        // A peer that is gone already needs none.
        let _ = self.shutdown(Shutdown::Write);
        if self.under_way.is_begun() {
            linger(self);
        }
    }
}

impl sealed::Kind for StreamRequest {
    type Site = Site;
    const KIND: Kind = Kind::Stream;

    fn bind(site: &Site, options: &SocketOptions) -> Result<Vec<ServerSocket>> {
        let bind = |at: Addr| -> io::Result<(ServerSocket, Addr)> {
            let bound = driver::bind_stream(&at, options)?;
            let addr = bound.addr.clone();
            Ok((ServerSocket::of(bound, Kind::Stream), addr))
        };
        let bound = match site {
            Site::Tcp(at) => bind_everywhere(at, lookup_ips, |ip| bind(ip.into()))?,
            Site::Unix(path) => {
                vec![bind(path.clone().into()).map_err(named(site))?]
            }
            Site::Memory(_) => {
                let error = io::Error::from(io::ErrorKind::Unsupported);
                return Err(Error::from_io(Operation::Listen, site, error));
            }
        };
        Ok(bound.into_iter().map(|(socket, _)| socket).collect())
    }

    fn take(from: &ServerSocket) -> Result<StreamRequest> {
        let server = from.server()?;
        let (socket, client) = from.accept()?;
        Ok(StreamRequest::new(socket, client, server))
    }

    fn under_way(&mut self) -> &mut UnderWay {
        &mut self.under_way
    }

    fn reset(&mut self) {
        // Where there is no such thing (a Unix socket), it is closed all the same.
        let _ = self.set_linger(Some(Duration::ZERO));
    }
}

/// Reads what the handler left unread until the peer's end of input, within bounds.
fn linger(socket: &Socket) {
    let clock = MachineClock::begin();
    let until = clock.now() + limits::LINGER;
    let mut buffer = [0; 4096];
    let mut left = limits::LINGER_BYTES;
    // At first without waiting: where nothing is unread, a close resets nothing.
    let mut wait = Duration::ZERO;
    while left > 0 && socket.set_timeout(Some(wait)).is_ok() {
        match socket.recv_into(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(count) => left = left.saturating_sub(count),
        }
        wait = until - clock.now();
    }
}

/// Handles a connection by its files: `request.rfile`, `request.wfile`.
///
/// The connection is closed when [`handle`](StreamRequestHandler::handle) returns; one that
/// is to go on loops until its end of input.
///
/// ```
/// use std::io::{BufRead, Write};
/// use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler, TcpServer};
///
/// struct Shout;
///
/// impl StreamRequestHandler for Shout {
///     fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
///         let mut line = String::new();
///         request.rfile.read_line(&mut line)?;
///         write!(request.wfile, "{}", line.to_uppercase())?;
///         Ok(())
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = TcpServer::new(0, || Shout)?;
/// # let mut client = std::net::TcpStream::connect(server.local_addr().ip().unwrap())?;
/// # client.write_all(b"hello\n")?;
/// server.handle_request()?;
/// # assert_eq!(std::io::read_to_string(&mut client)?, "HELLO\n");
/// # Ok(())
/// # }
/// ```
pub trait StreamRequestHandler {
    /// Before [`handle`](StreamRequestHandler::handle).
    ///
    /// # Errors
    /// As [`BaseRequestHandler::setup`].
    fn setup(&mut self, request: &mut StreamRequest) -> HandlerResult {
        let _ = request;
        Ok(())
    }

    /// Does the work. When it returns, the connection is closed.
    ///
    /// # Errors
    /// As [`BaseRequestHandler::handle`].
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult;

    /// After [`handle`](StreamRequestHandler::handle), however it went.
    ///
    /// # Errors
    /// As [`BaseRequestHandler::finish`].
    fn finish(&mut self, request: &mut StreamRequest) -> HandlerResult {
        let _ = request;
        Ok(())
    }

    /// How long one read or write may take: a client that stays silent for longer ends in an
    /// error of the read, and holds no thread for ever. `None`, the default, is for ever.
    /// `read_until` and `fill_buf` keep what came before it, as with
    /// [`Socket::makefile`].
    fn timeout(&self) -> Option<Duration> {
        None
    }

    /// How long the whole request may take, as far as its reads and writes go: one that comes
    /// after that fails, as does one that waits then. A client that sends a byte now and then
    /// keeps within every [`timeout`](Self::timeout), and does not keep within this. `None`,
    /// the default, is for ever; Python has none. See [`Socket::set_deadline`].
    fn deadline(&self) -> Option<Duration> {
        None
    }

    /// Bytes that `rfile` reads ahead at most. With 0 it reads one at a time where it looks
    /// for the end of a line, and so never beyond what it gives: then `recv` sees the rest.
    fn rbufsize(&self) -> usize {
        limits::FILE_BUFFER_BYTES
    }

    /// Bytes that `wfile` holds back at most, to send them in one piece. With 0, the default,
    /// nothing: what is written leaves at once. What is held back when the handler is done is
    /// sent after [`finish`](Self::finish); if that fails it reaches `handle_error`, where
    /// Python is silent.
    fn wbufsize(&self) -> usize {
        0
    }

    /// Whether small answers leave at once (`TCP_NODELAY`): on, where Python has it off.
    /// Without it the second of two small writes waits for the peer's acknowledgement.
    fn disable_nagle_algorithm(&self) -> bool {
        true
    }
}

impl<T: StreamRequestHandler> BaseRequestHandler<StreamRequest> for T {
    fn setup(&mut self, request: &mut StreamRequest) -> HandlerResult {
        request.prepare(self)?;
        StreamRequestHandler::setup(self, request)
    }

    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        StreamRequestHandler::handle(self, request)
    }

    fn finish(&mut self, request: &mut StreamRequest) -> HandlerResult {
        let finished = StreamRequestHandler::finish(self, request);
        let flushed = request.wfile.finish();
        finished?;
        Ok(flushed?)
    }
}
