//! Request handlers: set up, handle, finish.
//! Owns: the base handler, the order of its three hooks, and how one fails.
//! Never: closes a request or decides where it runs; the server and its mix-in do.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitStatus;

use crate::error::{Error, ErrorKind, Operation};
use crate::protocol::Reason;

/// How a handler's hook ends. Any error will do, so `?` takes this crate's, `std::io`'s and
/// your own.
///
/// ```
/// use ropewalk::server::HandlerResult;
/// fn port(line: &str) -> Result<u16, std::num::ParseIntError> { line.trim().parse() }
/// fn handle(line: &str) -> HandlerResult {
///     let port = port(line)?;
///     if port == 0 {
///         return Err("port 0 is nobody's".into());
///     }
///     Ok(())
/// }
/// assert!(handle("80\n").is_ok());
/// assert_eq!(handle("0\n").unwrap_err().to_string(), "port 0 is nobody's");
/// ```
pub type HandlerResult = Result<(), Box<dyn StdError + Send + Sync>>;

/// What handles a request: made for each one, in the thread where it runs.
///
/// `R` is [`StreamRequest`](crate::server::StreamRequest) or
/// [`DatagramRequest`](crate::server::DatagramRequest). A handler that wants lines and files
/// implements [`StreamRequestHandler`](crate::server::StreamRequestHandler), one that answers
/// a datagram [`DatagramRequestHandler`](crate::server::DatagramRequestHandler); each is a
/// `BaseRequestHandler` with something prepared.
///
/// In Python `self.request`, `self.client_address` and `self.server` are attributes; here
/// they are the argument, `request.client_address` and `request.server`.
///
/// ```
/// use ropewalk::server::{BaseRequestHandler, HandlerResult, StreamRequest, TcpServer};
///
/// struct Upper;
///
/// impl BaseRequestHandler<StreamRequest> for Upper {
///     fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
///         let data = request.recv(1024)?;
///         request.send_all(&data.to_ascii_uppercase())?;
///         Ok(())
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = TcpServer::new(0, || Upper)?;
/// # use std::io::{Read, Write};
/// # let mut client = std::net::TcpStream::connect(server.local_addr().ip().unwrap())?;
/// # client.write_all(b"hello")?;
/// server.handle_request()?;
/// # let mut answer = String::new();
/// # client.read_to_string(&mut answer)?;
/// # assert_eq!(answer, "HELLO");
/// # Ok(())
/// # }
/// ```
///
/// It is a trait, and so can't be made alone: implement it, and give the server a closure
/// that makes yours.
///
/// ```compile_fail,E0423
/// let handler = ropewalk::server::BaseRequestHandler; // implement it for a type of yours
/// ```
pub trait BaseRequestHandler<R> {
    /// Before [`handle`](BaseRequestHandler::handle). If it fails, neither that nor
    /// [`finish`](BaseRequestHandler::finish) is called.
    ///
    /// # Errors
    /// Whatever you like: it reaches the server's `handle_error`.
    fn setup(&mut self, request: &mut R) -> HandlerResult {
        let _ = request;
        Ok(())
    }

    /// Does the work. When it returns, the request is over.
    ///
    /// # Errors
    /// As [`setup`](BaseRequestHandler::setup). A panic reaches `handle_error`, too.
    fn handle(&mut self, request: &mut R) -> HandlerResult;

    /// After [`handle`](BaseRequestHandler::handle), however it went, even if it panicked.
    ///
    /// # Errors
    /// As [`setup`](BaseRequestHandler::setup).
    fn finish(&mut self, request: &mut R) -> HandlerResult {
        let _ = request;
        Ok(())
    }
}

/// The three hooks of a handler in their order: what
/// [`finish_request`](crate::server::BaseServer::finish_request) does by default, for those
/// that say it otherwise.
///
/// ```
/// # use ropewalk::Addr;
/// use ropewalk::server::{BaseRequestHandler, BaseServer, HandlerResult, StreamRequest};
/// use ropewalk::server::run_handler;
/// # struct Echo;
/// # impl BaseRequestHandler<StreamRequest> for Echo {
/// #     fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult { Ok(()) }
/// # }
/// struct Logged;
/// impl BaseServer<StreamRequest> for Logged {
///     type Handler = Echo;
///     fn handler(&self, _: &Addr) -> Echo {
///         Echo
///     }
///     fn finish_request(&self, request: &mut StreamRequest, client: &Addr) -> HandlerResult {
///         println!("...connected from: {}", client.host());
///         run_handler(&mut self.handler(client), request)
///     }
/// }
/// ```
///
/// # Errors
/// The first that a hook gave. If `handle` and `finish` both fail, the second is logged.
pub fn run_handler<R>(handler: &mut impl BaseRequestHandler<R>, request: &mut R) -> HandlerResult {
    handler.setup(request)?;
    let handled = catch_unwind(AssertUnwindSafe(|| handler.handle(request)));
    let finished = catch_unwind(AssertUnwindSafe(|| handler.finish(request)));
    match (handled, finished) {
        (Ok(Ok(())), finished) => finished.unwrap_or_else(|panic| resume_unwind(panic)),
        (Ok(Err(error)), finished) => {
            log_second(finished);
            Err(error)
        }
        (Err(panic), finished) => {
            log_second(finished);
            resume_unwind(panic)
        }
    }
}

fn log_second(finished: std::thread::Result<HandlerResult>) {
    let second = match finished {
        Ok(Ok(())) => return,
        Ok(Err(error)) => HandlerError::Failed(error),
        Err(panic) => HandlerError::of_panic(&*panic),
    };
    tracing::error!("after a handler had failed, its finish failed as well: {second}");
}

/// Why a handler failed: what [`handle_error`](crate::server::BaseServer::handle_error) gets.
///
/// ```
/// use ropewalk::server::HandlerError;
/// let error = HandlerError::Panicked("index out of bounds".to_owned());
/// assert_eq!(error.to_string(), "the handler panicked: index out of bounds");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum HandlerError {
    /// One of its hooks gave an error, or no thread could be had for it.
    Failed(Box<dyn StdError + Send + Sync>),
    /// It panicked, with this message.
    Panicked(String),
    /// On a forking server: its process ended otherwise than by the handler's return, as it
    /// does by a signal or by `std::process::exit`. Told in the serving process, since the
    /// other one is gone.
    Exited(ExitStatus),
}

impl HandlerError {
    /// Whether a peer that went away is all that failed: it reset the connection, no longer
    /// reads, or is no more there for a datagram. That is an everyday thing, and no fault of
    /// the handler's. Which peer, a handler that talks with several knows better.
    ///
    /// ```
    /// use ropewalk::server::HandlerError;
    /// use std::io;
    /// let gone = io::Error::from(io::ErrorKind::BrokenPipe);
    /// assert!(HandlerError::Failed(gone.into()).is_peer_gone());
    /// assert!(!HandlerError::Failed("no such command".into()).is_peer_gone());
    /// ```
    pub fn is_peer_gone(&self) -> bool {
        let mut next: Option<&(dyn StdError + 'static)> = self.source();
        while let Some(error) = next {
            let system = error.downcast_ref::<io::Error>();
            if error.downcast_ref::<Error>().is_some_and(says_gone)
                || system.is_some_and(|error| is_gone(error.kind()))
            {
                return true;
            }
            // What an error of std's wraps is not its source.
            let inside = system.and_then(io::Error::get_ref);
            next = match inside {
                Some(inside) => Some(inside),
                None => error.source(),
            };
        }
        false
    }

    /// What a panic left behind.
    pub(super) fn of_panic(payload: &(dyn std::any::Any + Send)) -> HandlerError {
        let why = Reason::panicked(payload);
        HandlerError::Panicked(why.source().map(ToString::to_string).unwrap_or_default())
    }
}

fn says_gone(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Reset | ErrorKind::BrokenPipe => true,
        // What a datagram's send meets: a port or a path where nobody is.
        ErrorKind::Refused | ErrorKind::NotFound => error.operation() == Operation::Send,
        _ => false,
    }
}

fn is_gone(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandlerError::Failed(error) => write!(f, "the handler failed: {error}"),
            HandlerError::Panicked(message) => write!(f, "the handler panicked: {message}"),
            HandlerError::Exited(status) => write!(f, "the handler's process ended: {status}"),
        }
    }
}

impl StdError for HandlerError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            HandlerError::Failed(error) => Some(&**error),
            HandlerError::Panicked(_) | HandlerError::Exited(_) => None,
        }
    }
}
