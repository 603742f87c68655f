//! TLS for what blocks: a stream over a socket, and handlers that get one.
//! Owns: the handshake in the caller's thread, and what waits in either direction.
//! Never: speaks TLS itself; the session is `tls`', the same that protocols have.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

use super::handler::{BaseRequestHandler, HandlerResult};
use super::stream::StreamRequest;
use crate::clock::{Clock, MachineClock};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::limits;
use crate::socket::{Socket, SocketIo};
use crate::tls::{self, Session};

/// A socket through TLS: a file to read and to write, for code that blocks. Protocols have the
/// layer instead.
///
/// Each call waits as long as the socket's timeout says, and can be called again after one that
/// met it. Each write is a record of its own, and leaves at once: put a
/// [`BufWriter`](io::BufWriter) around it for many small ones. A failure of TLS is an
/// `io::Error` (`InvalidData`; `UnexpectedEof` where the peer ended without its last word), in
/// which [`tls::Error::of_io`] finds the cause.
///
/// ```no_run
/// use ropewalk::server::TlsStream;
/// use ropewalk::socket::create_connection;
/// use ropewalk::tls::Client;
/// use std::io::{Read, Write};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let socket = create_connection(("example.org", 443), None)?;
/// let mut stream = TlsStream::connect(socket, &Client::new()?, "example.org")?;
/// stream.write_all(b"GET / HTTP/1.0\r\nHost: example.org\r\n\r\n")?;
/// let mut page = Vec::new();
/// stream.read_to_end(&mut page)?; // fails if it was cut
/// # Ok(())
/// # }
/// ```
#[doc(alias = "SSLSocket")]
#[doc(alias = "wrap_socket")]
pub struct TlsStream {
    io: SocketIo,
    session: Session,
    /// Received, and not read yet: from this place on.
    plain: Vec<u8>,
    read: usize,
    /// In records, and not sent yet.
    unsent: Vec<u8>,
    /// Where input is received into.
    wire: Vec<u8>,
    /// Why nothing more can be read.
    failure: Option<tls::Error>,
}

impl TlsStream {
    /// The server's end of a handshake, on a socket that was accepted. It blocks until the
    /// handshake is done, for [`HANDSHAKE`](limits::HANDSHAKE) at most.
    ///
    /// ```no_run
    /// use ropewalk::Socket;
    /// use ropewalk::server::TlsStream;
    /// use ropewalk::tls::Server;
    /// fn next(listener: &Socket, tls: &Server) -> ropewalk::Result<TlsStream> {
    ///     let (socket, _) = listener.accept()?;
    ///     TlsStream::accept(socket, tls)
    /// }
    /// ```
    ///
    /// # Errors
    /// What sending and receiving give, `TimedOut` at the deadline; what TLS says.
    pub fn accept(socket: impl Into<Arc<Socket>>, server: &tls::Server) -> Result<TlsStream> {
        TlsStream::begin(socket.into(), server.session(), Operation::Accept)
    }

    /// The client's end, to the server of this name: see [`tls::Client::layer`]. It blocks as
    /// [`TlsStream::accept`] does.
    ///
    /// ```no_run
    /// use ropewalk::server::TlsStream;
    /// use ropewalk::socket::create_connection;
    /// use ropewalk::tls::Client;
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = create_connection(("example.org", 443), None)?;
    /// let stream = TlsStream::connect(socket, &Client::new()?, "example.org")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As there.
    pub fn connect(
        socket: impl Into<Arc<Socket>>,
        client: &tls::Client,
        name: &str,
    ) -> Result<TlsStream> {
        TlsStream::begin(socket.into(), client.session(name), Operation::Connect)
    }

    fn begin(
        socket: Arc<Socket>,
        session: std::result::Result<Session, tls::Error>,
        operation: Operation,
    ) -> Result<TlsStream> {
        let failed = |socket: &Socket, error: io::Error| {
            let error = Error::without_address(operation, error);
            match socket.peer_addr() {
                Ok(peer) => error.at(peer),
                Err(_) => error, // it is gone
            }
        };
        let session = session.map_err(|error| failed(&socket, in_io(error)))?;
        let timeout = socket.timeout();
        let mut stream = TlsStream {
            io: socket.into(),
            session,
            plain: Vec::new(),
            read: 0,
            unsent: Vec::new(),
            wire: Vec::new(),
            failure: None,
        };
        let shaken = stream.handshake();
        let socket = stream.socket();
        shaken.map_err(|error| failed(socket, error))?;
        socket.set_timeout(timeout)?;
        Ok(stream)
    }

    fn handshake(&mut self) -> io::Result<()> {
        let clock = MachineClock::begin();
        let until = clock.now() + limits::HANDSHAKE;
        let timeout = self.socket().timeout();
        self.session.emit(&mut |data| self.unsent.extend_from_slice(data));
        while !self.session.is_established() || !self.unsent.is_empty() {
            let left = until - clock.now();
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let wait = timeout.map_or(left, |timeout| timeout.min(left));
            self.socket().set_timeout(Some(wait)).map_err(in_io)?;
            self.send_unsent()?;
            if !self.session.is_established() {
                self.receive()?;
            }
        }
        Ok(())
    }

    /// The socket below. What is sent or received on it goes past TLS.
    ///
    /// ```
    /// use ropewalk::server::TlsStream;
    /// use std::time::Duration;
    /// fn impatient(stream: &TlsStream) -> ropewalk::Result<()> {
    ///     stream.socket().set_timeout(Some(Duration::from_secs(1)))
    /// }
    /// ```
    pub fn socket(&self) -> &Socket {
        self.io.socket()
    }

    /// Our last word, and the end of our direction; reading goes on. Without it the peer
    /// takes what it received for cut.
    ///
    /// ```
    /// use ropewalk::server::TlsStream;
    /// use std::io::{Read, Write};
    /// fn ask(mut stream: TlsStream, question: &[u8]) -> std::io::Result<Vec<u8>> {
    ///     stream.write_all(question)?;
    ///     stream.finish()?; // that was all
    ///     let mut answer = Vec::new();
    ///     stream.read_to_end(&mut answer)?;
    ///     Ok(answer)
    /// }
    /// ```
    ///
    /// # Errors
    /// What sending gives.
    #[doc(alias = "unwrap")]
    pub fn finish(&mut self) -> io::Result<()> {
        self.session.end(&mut |data| self.unsent.extend_from_slice(data));
        self.send_unsent()?;
        match self.socket().shutdown(Shutdown::Write) {
            // The peer has ended both directions by now.
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(()),
            ended => ended.map_err(in_io),
        }
    }

    /// What the two ends agreed on.
    ///
    /// ```
    /// use ropewalk::server::TlsStream;
    /// fn who(stream: &TlsStream) -> Option<[u8; 32]> {
    ///     let shown = stream.agreed().peer_certificates();
    ///     shown.first().map(|own| ropewalk::tls::sha256(own))
    /// }
    /// ```
    pub fn agreed(&self) -> &Session {
        &self.session
    }

    /// Takes what the socket has, in the order of the wire.
    fn receive(&mut self) -> io::Result<()> {
        if let Some(error) = &self.failure {
            return Err(in_io(error.clone()));
        }
        self.wire.resize(limits::TLS_RECORD_BYTES, 0);
        let count = self.io.read(&mut self.wire)?;
        let ended = match self.session.is_established() {
            true => tls::Error::Cut,
            false => tls::Error::HandshakeCut,
        };
        if count == 0 {
            self.failure = Some(ended);
        }
        let mut data = &self.wire[..count];
        while !data.is_empty() && self.failure.is_none() {
            self.failure = self.session.take(&mut data).err();
            if self.session.is_established() {
                self.session.read_into(&mut self.plain);
            }
            let unsent = &mut self.unsent;
            match self.failure {
                None => self.session.emit(&mut |data| unsent.extend_from_slice(data)),
                Some(_) => _ = self.session.give_up(&mut |data| unsent.extend_from_slice(data)),
            }
        }
        // An answer to a change of keys, or an alert: it may wait for the next write.
        let _ = self.send_unsent();
        match &self.failure {
            Some(error) if self.plain.is_empty() => Err(in_io(error.clone())),
            _ => Ok(()),
        }
    }

    fn send_unsent(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.io.write(&self.unsent)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                sent => _ = self.unsent.drain(..sent),
            }
        }
        Ok(())
    }
}

impl Read for TlsStream {
    /// 0 is the peer's word that this was all.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.plain.len() && !buffer.is_empty() {
            self.plain.clear();
            self.read = 0;
            if self.session.has_peer_ended() {
                return Ok(0);
            }
            self.receive()?;
        }
        let count = buffer.len().min(self.plain.len() - self.read);
        buffer[..count].copy_from_slice(&self.plain[self.read..self.read + count]);
        self.read += count;
        Ok(count)
    }
}

impl Write for TlsStream {
    /// Takes a record's worth at most.
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.session.has_ended() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.send_unsent()?; // of an earlier call that met the timeout
        let data = &data[..data.len().min(limits::TLS_RECORD_BYTES)];
        let unsent = &mut self.unsent;
        self.session.write(data, &mut |bytes| unsent.extend_from_slice(bytes));
        self.session.flush(&mut |bytes| unsent.extend_from_slice(bytes));
        match self.send_unsent() {
            // It is in a record, and may not be given again: the next call goes on with it.
            Err(error) if waits(&error) => Ok(data.len()),
            sent => sent.map(|()| data.len()),
        }
    }

    /// Formatted first: else each part of it would be a record.
    fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        self.write_all(text.to_string().as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send_unsent()
    }
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream")
            .field("socket", self.socket())
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

fn waits(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

fn in_io(error: impl Into<io::Error>) -> io::Error {
    error.into()
}

/// A server's handlers through TLS: each connection's handshake is done where its request runs,
/// so that a slow client holds up nobody but its own worker, and that one for
/// [`HANDSHAKE`](limits::HANDSHAKE) at most.
///
/// When the handler has returned, our last word is said (`close_notify`) and the connection
/// closed as ever. One that fails says no last word: a cut answer must not look whole. A
/// handshake that fails reaches [`handle_error`](super::BaseServer::handle_error).
///
/// `request` is beside the stream for what belongs to it: the client's address, the server. What
/// is read or written through it goes past TLS.
///
/// ```
/// use ropewalk::server::{TcpServer, over_tls};
/// use ropewalk::tls::{Identity, Server};
/// use std::io::{BufRead, BufReader, Write};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
/// # let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
/// let tls = Server::builder()
///     .identity(Identity::from_pem(cert.as_bytes(), key.as_bytes())?)
///     .build()?;
/// let server = TcpServer::new(0, over_tls(tls, |stream, request| {
///     println!("...connected from: {}", request.client_address);
///     let mut line = String::new();
///     BufReader::new(&mut *stream).read_line(&mut line)?;
///     Ok(write!(stream, "{}", line.to_uppercase())?)
/// }))?;
/// # server.shutdown();
/// server.serve_forever()?;
/// # Ok(())
/// # }
/// ```
pub fn over_tls<F>(
    server: tls::Server,
    handle: F,
) -> impl Fn() -> OverTls<F> + Clone + Send + Sync + 'static
where
    F: Fn(&mut TlsStream, &mut StreamRequest) -> HandlerResult + Send + Sync + 'static,
{
    let handle = Arc::new(handle);
    move || OverTls { server: server.clone(), handle: handle.clone() }
}

/// See [`over_tls`], whose handlers these are.
///
/// ```
/// use ropewalk::Addr;
/// use ropewalk::server::{BaseServer, HandlerResult, OverTls, StreamRequest, TlsStream};
/// use ropewalk::tls::Server;
///
/// type Handle = fn(&mut TlsStream, &mut StreamRequest) -> HandlerResult;
/// struct Hooks(Box<dyn Fn() -> OverTls<Handle> + Send + Sync>);
///
/// impl BaseServer<StreamRequest> for Hooks {
///     type Handler = OverTls<Handle>;
///     fn handler(&self, _: &Addr) -> OverTls<Handle> {
///         (self.0)() // what `over_tls(server, handle)` gave
///     }
///     fn max_requests(&self) -> usize {
///         64
///     }
/// }
/// ```
pub struct OverTls<F> {
    server: tls::Server,
    handle: Arc<F>,
}

impl<F> BaseRequestHandler<StreamRequest> for OverTls<F>
where
    F: Fn(&mut TlsStream, &mut StreamRequest) -> HandlerResult,
{
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        let mut stream = TlsStream::accept(request.connection().clone(), &self.server)?;
        (self.handle)(&mut stream, request)?;
        Ok(stream.finish()?)
    }
}

impl<F> fmt::Debug for OverTls<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OverTls").field("server", &self.server).finish_non_exhaustive()
    }
}
