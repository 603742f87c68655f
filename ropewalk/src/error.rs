//! Why an operation failed: what was tried, on which address, the cause, the remedy.
//! Owns: the crate's `Error`, its sentence, and which cause is of which kind.
//! Never: decides, logs or retries. How a *connection* ended is `protocol::Reason`.

mod operation;
mod remedy;

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::io;

use rustix::io::Errno;

pub use self::operation::Operation;
use self::remedy::{is_path, path_remedy, privilege_remedy, remedy_for};
use crate::addr::Addr;
use crate::sys;

/// The result of this crate's fallible operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed.
///
/// `Display` and `Debug` are both one sentence for a person, so that
/// `fn main() -> ropewalk::Result<()>` prints something useful; `{:#?}` shows the fields.
///
/// ```
/// use ropewalk::{Error, error::{ErrorKind, Operation}};
/// let error = Error::from_io(
///     Operation::Listen,
///     "127.0.0.1:80",
///     std::io::Error::from(std::io::ErrorKind::PermissionDenied),
/// );
/// assert_eq!(error.kind(), ErrorKind::PermissionDenied);
/// assert!(format!("{error:?}").starts_with("cannot listen on 127.0.0.1:80: permission denied"));
/// ```
pub struct Error(Box<Inner>); // one word wide in every `Result`

struct Inner {
    operation: Operation,
    address: Option<String>,
    kind: ErrorKind,
    cause: Cause,
    remedy: Option<String>,
    sent: Option<usize>,
    received: Option<usize>,
    /// The address is our end's.
    ours: bool,
    /// What each address said, where several were tried.
    attempts: Vec<Error>,
}

#[derive(Debug)]
enum Cause {
    System(io::Error),
    Words(String),
}

/// The cause, as far as a program may want to decide on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Another socket holds the address.
    AddressInUse,
    /// This machine has no such address.
    AddressNotAvailable,
    /// The system does not permit it.
    PermissionDenied,
    /// The peer's machine said no.
    Refused,
    /// No route to the peer.
    Unreachable,
    /// A deadline passed. If it was ours [`Error::raw_os_error`] is `None`; the kernel's,
    /// which gave up on the peer, has its code.
    TimedOut,
    /// A non-blocking socket has nothing to receive, or no room to send.
    WouldBlock,
    /// A non-blocking socket's connection is being made.
    InProgress,
    /// The peer reset the connection.
    Reset,
    /// The connection was ended from this side, or before it was accepted.
    Aborted,
    /// The peer no longer reads, or our direction was shut down.
    BrokenPipe,
    /// The socket has no peer.
    NotConnected,
    /// The socket has a peer already.
    AlreadyConnected,
    /// The socket was closed before.
    Closed,
    /// A datagram that is too long to be sent whole, or a message that is longer than its
    /// limit.
    TooLong,
    /// The input ended in the middle of what was to be received.
    EndOfInput,
    /// No such name or file.
    NotFound,
    /// What was given can't be meant: a port out of range, a malformed address.
    InvalidInput,
    /// No descriptor is left, to the process or to the machine.
    NoDescriptors,
    /// This platform, or this build, cannot do it.
    Unsupported,
    /// The loop is running already: `run` was called inside a callback.
    AlreadyRunning,
    /// What was asked for is stopped or gone.
    Stopped,
    /// A bounded queue is full.
    Full,
    /// What was to be done panicked; the cause is what it said.
    Panicked,
    /// Other threads run in this process, and a child that is forked now might wait for ever
    /// for a lock that one of them holds.
    OtherThreads,
    /// Anything else; the source has the system's code.
    Io,
}

impl Error {
    /// An error whose cause is the system's.
    pub fn from_io(operation: Operation, address: impl fmt::Display, source: io::Error) -> Error {
        let address = address.to_string();
        let error = Error::without_address(operation, source);
        let remedy = match (operation, error.kind()) {
            _ if is_path(&address) => path_remedy(operation, error.kind()).map(str::to_owned),
            (Operation::Bind | Operation::Listen, ErrorKind::PermissionDenied) => {
                privilege_remedy(&address, sys::privileged_ports())
            }
            _ => None,
        };
        let error = error.at(address);
        match remedy {
            Some(remedy) => error.with_remedy(remedy),
            None => error,
        }
    }

    /// An error of our own; `cause` is its middle part, in words.
    pub fn new(operation: Operation, kind: ErrorKind, cause: impl Into<String>) -> Error {
        Error::from_parts(operation, kind, Cause::Words(cause.into()))
    }

    /// The system's, where it is about no address or where finding it out is not worth it:
    /// `WouldBlock` is an everyday answer.
    pub(crate) fn without_address(operation: Operation, source: io::Error) -> Error {
        let kind = kind_of(&source);
        let mut error = Error::from_parts(operation, kind, Cause::System(source));
        error.0.remedy = remedy_for(operation, kind).map(str::to_owned);
        error
    }

    /// The system's, of a kind that its code does not tell.
    pub(crate) fn of_kind(operation: Operation, kind: ErrorKind, source: io::Error) -> Error {
        Error::from_parts(operation, kind, Cause::System(source))
    }

    fn from_parts(operation: Operation, kind: ErrorKind, cause: Cause) -> Error {
        let (address, remedy, sent, received, ours) = (None, None, None, None, false);
        let attempts = Vec::new();
        Error(Box::new(Inner {
            operation,
            address,
            kind,
            cause,
            remedy,
            sent,
            received,
            ours,
            attempts,
        }))
    }

    /// The same with the address it is about.
    #[must_use]
    pub fn at(mut self, address: impl fmt::Display) -> Error {
        self.0.address = Some(address.to_string());
        self
    }

    /// The same with the address of our end, where there is no peer's.
    #[must_use]
    pub(crate) fn on(self, ours: impl fmt::Display) -> Error {
        let mut error = self.at(ours);
        error.0.ours = true;
        error
    }

    /// The same, told as a failure of this operation.
    #[must_use]
    pub(crate) fn during(mut self, operation: Operation) -> Error {
        self.0.operation = operation;
        self
    }

    /// The same with what a person can do about it.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Error {
        self.0.remedy = Some(remedy.into());
        self
    }

    /// The same with how many bytes had been sent before it.
    #[must_use]
    pub(crate) fn with_sent(mut self, bytes: usize) -> Error {
        self.0.sent = Some(bytes);
        self
    }

    /// Every address said no: one sentence of all, and the last one's kind and code.
    pub(crate) fn of_all(
        operation: Operation,
        address: impl fmt::Display,
        attempts: Vec<(Addr, Error)>,
    ) -> Error {
        let said: Vec<_> = attempts.iter().map(|(at, error)| (error.cause(), at.clone())).collect();
        let attempts: Vec<Error> = attempts.into_iter().map(|(at, error)| error.at(at)).collect();
        let kind = attempts.last().map_or(ErrorKind::NotFound, Error::kind);
        let mut error = Error::new(operation, kind, who_said_what(&said)).at(address);
        error.0.remedy = remedy_for(operation, kind).map(str::to_owned);
        error.0.attempts = attempts;
        error
    }

    /// The same with how many bytes had been received before it.
    #[must_use]
    pub(crate) fn with_received(mut self, bytes: usize) -> Error {
        self.0.received = Some(bytes);
        self
    }

    /// What was tried.
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// The address it was tried on, as written.
    pub fn address(&self) -> Option<&str> {
        self.0.address.as_deref()
    }

    /// The cause.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What a person can do about it.
    pub fn remedy(&self) -> Option<&str> {
        self.0.remedy.as_deref()
    }

    /// The system's error, if it was one.
    pub fn io_error(&self) -> Option<&io::Error> {
        match &self.0.cause {
            Cause::System(error) => Some(error),
            Cause::Words(_) => self.0.attempts.last()?.io_error(),
        }
    }

    /// What each address said, in the order in which they were tried, where several were: by
    /// [`create_connection`](crate::socket::create_connection). The error itself has the kind
    /// and the code of the last.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let nobody = Socket::new(AF_INET, SOCK_STREAM)?;
    /// nobody.bind(("localhost", 0))?; // and does not listen
    /// let port = nobody.local_addr()?.port().unwrap();
    /// let error = create_connection(("localhost", port), None).unwrap_err();
    /// assert!(error.attempts().iter().all(|attempt| attempt.kind() == error.kind()));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "all_errors")]
    #[doc(alias = "ExceptionGroup")]
    pub fn attempts(&self) -> &[Error] {
        &self.0.attempts
    }

    /// The resolver's code (`EAI_NONAME`, …; Winsock's on Windows), if it was the resolver
    /// that failed. Its numbers differ between systems.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// let error = getaddrinfo(Some("no-such-host.invalid"), 80, Hints::default()).unwrap_err();
    /// assert!(error.resolver_code().is_some());
    /// ```
    #[doc(alias = "gaierror")]
    #[doc(alias = "herror")]
    pub fn resolver_code(&self) -> Option<i32> {
        let inner = self.io_error()?.get_ref()?;
        inner.downcast_ref::<ResolverFailure>().map(|failure| failure.code)
    }

    /// The system's code (`errno`), if the system said no. A deadline of ours has none.
    ///
    /// ```
    /// use ropewalk::{Error, error::Operation};
    /// let system = std::io::Error::from_raw_os_error(1);
    /// assert_eq!(Error::from_io(Operation::Bind, "x:1", system).raw_os_error(), Some(1));
    /// ```
    #[doc(alias = "errno")]
    pub fn raw_os_error(&self) -> Option<i32> {
        self.io_error()?.raw_os_error()
    }

    /// How many bytes the kernel had taken when [`send_all`](crate::socket::Socket::send_all)
    /// or [`send_file`](crate::socket::Socket::send_file) failed; `None` for any other
    /// operation. What it took may still not have arrived.
    pub fn sent(&self) -> Option<usize> {
        self.0.sent
    }

    /// How many bytes had been received when
    /// [`recv_exact`](crate::socket::Socket::recv_exact),
    /// [`recv_exact_into`](crate::socket::Socket::recv_exact_into) or
    /// [`recv_until`](crate::socket::Socket::recv_until) failed; `None` for any other
    /// operation.
    pub fn received(&self) -> Option<usize> {
        self.0.received
    }

    /// The cause in words, with the system's symbol: `address already in use (EADDRINUSE)`.
    pub fn cause(&self) -> String {
        match &self.0.cause {
            Cause::System(error) => describe_io(error),
            Cause::Words(words) => words.clone(),
        }
    }
}

/// What the system's resolver says: no `errno`, but a code of its own.
#[derive(Debug)]
pub(crate) struct ResolverFailure {
    pub(crate) code: i32,
    pub(crate) words: String,
}

impl fmt::Display for ResolverFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl StdError for ResolverFailure {}

/// `connection refused by ::1 and 127.0.0.1 (ECONNREFUSED)`: who said the same is named
/// together, without the port, which they share. A path is the target itself.
pub(crate) fn who_said_what(refusals: &[(String, Addr)]) -> String {
    let mut sentences = Vec::new();
    let mut rest = refusals;
    while let Some((said, _)) = rest.first() {
        let same = rest.iter().take_while(|(other, _)| other == said).count();
        let hosts: Vec<_> = rest[..same].iter().filter_map(|(_, addr)| addr.ip()).collect();
        let hosts: Vec<String> = hosts.iter().map(|ip| ip.ip().to_string()).collect();
        let (words, symbol) = match said.rsplit_once(" (") {
            Some((words, symbol)) => (words, format!(" ({symbol}")),
            None => (said.as_str(), String::new()),
        };
        let by = match words {
            _ if words.starts_with(NO_ANSWER) => "from",
            _ if words.starts_with(NO_SOURCE) => "for",
            _ => "by",
        };
        sentences.push(match hosts.is_empty() {
            true => said.clone(),
            false => format!("{words} {by} {}{symbol}", hosts.join(" and ")),
        });
        rest = &rest[same..];
    }
    sentences.join("; ")
}

/// What is said of whoever has said nothing.
pub(crate) const NO_ANSWER: &str = "no answer";

/// What is said of an address that was not tried, since the one to try it from cannot be ours.
pub(crate) const NO_SOURCE: &str = "cannot bind the source";

/// A system error as a person reads it: `connection refused (ECONNREFUSED)`.
pub(crate) fn describe_io(error: &io::Error) -> String {
    match words_for(error) {
        Some((words, symbol)) => format!("{words} ({symbol})"),
        None if no_descriptors(error) => "no descriptor is left (EMFILE or ENFILE)".into(),
        None => error.to_string(),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, preposition) = self.0.operation.words();
        f.write_str(verb)?;
        if let Some(address) = &self.0.address {
            let preposition = if self.0.ours { " on" } else { preposition };
            write!(f, "{preposition} {address}")?;
        }
        write!(f, ": {}", self.cause())?;
        if let Some(sent) = self.0.sent {
            write!(f, ", after {sent} bytes were sent")?;
        }
        if let Some(received) = self.0.received {
            write!(f, ", after {received} bytes were received")?;
        }
        match &self.0.remedy {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() {
            return fmt::Display::fmt(self, f);
        }
        f.debug_struct("Error")
            .field("operation", &self.0.operation)
            .field("address", &self.0.address)
            .field("kind", &self.0.kind)
            .field("cause", &self.0.cause)
            .field("remedy", &self.0.remedy)
            .field("sent", &self.0.sent)
            .field("received", &self.0.received)
            .finish()
    }
}

impl StdError for Error {
    /// The system's error. Words of our own are in the sentence already.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.io_error().map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<Error> for io::Error {
    /// Of the kind that fits; the whole sentence is kept inside.
    fn from(error: Error) -> io::Error {
        let kind = match (error.io_error(), error.kind()) {
            (Some(system), _) => system.kind(),
            (None, ErrorKind::TimedOut) => io::ErrorKind::TimedOut,
            (None, ErrorKind::InvalidInput | ErrorKind::TooLong) => io::ErrorKind::InvalidInput,
            (None, ErrorKind::NotFound) => io::ErrorKind::NotFound,
            (None, ErrorKind::EndOfInput) => io::ErrorKind::UnexpectedEof,
            (None, ErrorKind::Unsupported) => io::ErrorKind::Unsupported,
            (None, _) => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

/// So that what cannot fail to become an address may stand where something else can.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Error {
        match never {}
    }
}

/// Whether the process or the machine has run out of descriptors.
pub(crate) fn no_descriptors(error: &io::Error) -> bool {
    // EMFILE, ENFILE on every Unix; WSAEMFILE on Windows.
    matches!(error.raw_os_error(), Some(23 | 24 | 10024))
}

fn kind_of(error: &io::Error) -> ErrorKind {
    use io::ErrorKind as Io;
    match error.kind() {
        _ if no_descriptors(error) => ErrorKind::NoDescriptors,
        Io::AddrInUse => ErrorKind::AddressInUse,
        Io::AddrNotAvailable => ErrorKind::AddressNotAvailable,
        Io::PermissionDenied => ErrorKind::PermissionDenied,
        Io::ConnectionRefused => ErrorKind::Refused,
        Io::ConnectionReset => ErrorKind::Reset,
        Io::ConnectionAborted => ErrorKind::Aborted,
        Io::BrokenPipe => ErrorKind::BrokenPipe,
        Io::NotConnected => ErrorKind::NotConnected,
        Io::NetworkUnreachable | Io::HostUnreachable | Io::NetworkDown => ErrorKind::Unreachable,
        Io::TimedOut => ErrorKind::TimedOut,
        Io::WouldBlock => ErrorKind::WouldBlock,
        Io::NotFound => ErrorKind::NotFound,
        Io::InvalidInput => ErrorKind::InvalidInput,
        Io::Unsupported => ErrorKind::Unsupported,
        _ => match Errno::from_io_error(error) {
            Some(Errno::INPROGRESS | Errno::ALREADY) => ErrorKind::InProgress,
            Some(Errno::BADF) => ErrorKind::Closed,
            Some(Errno::ISCONN) => ErrorKind::AlreadyConnected,
            Some(Errno::DESTADDRREQ) => ErrorKind::NotConnected,
            Some(Errno::MSGSIZE) => ErrorKind::TooLong,
            Some(Errno::NOTSOCK) => ErrorKind::InvalidInput,
            Some(Errno::OPNOTSUPP | Errno::AFNOSUPPORT) => ErrorKind::Unsupported,
            Some(Errno::PROTONOSUPPORT | Errno::SOCKTNOSUPPORT) => ErrorKind::Unsupported,
            // Windows' word, where the others have EPIPE.
            Some(Errno::SHUTDOWN) => ErrorKind::BrokenPipe,
            _ => ErrorKind::Io,
        },
    }
}

fn words_for(error: &io::Error) -> Option<(&'static str, &'static str)> {
    use io::ErrorKind as Io;
    if error.get_ref().is_some() {
        return None; // it has words of its own
    }
    Some(match error.kind() {
        Io::AddrInUse => ("address already in use", "EADDRINUSE"),
        Io::AddrNotAvailable => ("this machine has no such address", "EADDRNOTAVAIL"),
        // One kind for two codes; this one is the same on every Unix, and none on Windows.
        Io::PermissionDenied if error.raw_os_error() == Some(1) => ("not permitted", "EPERM"),
        Io::PermissionDenied => ("permission denied", "EACCES"),
        Io::ConnectionRefused => ("connection refused", "ECONNREFUSED"),
        Io::ConnectionReset => ("connection reset by peer", "ECONNRESET"),
        Io::ConnectionAborted => ("connection aborted", "ECONNABORTED"),
        Io::BrokenPipe => ("the peer no longer reads", "EPIPE"),
        Io::NotConnected => ("it is not connected", "ENOTCONN"),
        Io::NetworkUnreachable => ("network unreachable", "ENETUNREACH"),
        Io::HostUnreachable => ("host unreachable", "EHOSTUNREACH"),
        Io::TimedOut => ("timed out", "ETIMEDOUT"),
        Io::WouldBlock => ("it would have to wait", "EAGAIN"),
        Io::NotFound => ("no such file", "ENOENT"),
        _ => match Errno::from_io_error(error)? {
            Errno::INPROGRESS => ("the connection is being made", "EINPROGRESS"),
            Errno::ALREADY => ("the connection is still being made", "EALREADY"),
            Errno::BADF => ("the socket is closed", "EBADF"),
            Errno::ISCONN => ("it is connected already", "EISCONN"),
            Errno::DESTADDRREQ => ("it has no peer", "EDESTADDRREQ"),
            Errno::MSGSIZE => ("the datagram is too long", "EMSGSIZE"),
            Errno::OPNOTSUPP => ("this kind of socket cannot do it", "EOPNOTSUPP"),
            Errno::SHUTDOWN => ("this direction was shut down", "ESHUTDOWN"),
            Errno::PROTOTYPE => ("a socket of another kind is there", "EPROTOTYPE"),
            Errno::NOTSOCK => ("it is no socket", "ENOTSOCK"),
            Errno::PROTONOSUPPORT => ("there is no such protocol here", "EPROTONOSUPPORT"),
            Errno::SOCKTNOSUPPORT => ("the family has no such kind here", "ESOCKTNOSUPPORT"),
            Errno::AFNOSUPPORT => ("there is no such family here", "EAFNOSUPPORT"),
            _ => return None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_has_operation_address_cause_and_remedy() {
        let in_use = io::Error::from(io::ErrorKind::AddrInUse);
        let error = Error::from_io(Operation::Listen, "127.0.0.1:80", in_use);
        let sentence = "cannot listen on 127.0.0.1:80: address already in use (EADDRINUSE); \
                        stop the program that holds it, or take a free port with port 0";
        assert_eq!(error.to_string(), sentence);
        assert_eq!(format!("{error:?}"), sentence);
    }

    #[test]
    fn the_alternate_debug_shows_the_fields() {
        let error = Error::new(Operation::Run, ErrorKind::AlreadyRunning, "it runs already");
        let fields = format!("{error:#?}");
        assert!(fields.contains("operation: Run") && fields.contains("kind: AlreadyRunning"));
    }

    #[test]
    fn of_several_attempts_each_has_its_word_and_the_last_the_code() {
        let refused = |host: [u8; 4]| {
            let source = io::Error::from(Errno::CONNREFUSED);
            let at = Addr::Ip((host, 80).into());
            (at, Error::without_address(Operation::Connect, source))
        };
        let silent = {
            let cause = format!("{NO_ANSWER} (timed out after 1s)");
            let error = Error::new(Operation::Connect, ErrorKind::TimedOut, cause);
            (Addr::Ip(([10, 0, 0, 3], 80).into()), error)
        };
        let first = vec![refused([10, 0, 0, 1]), refused([10, 0, 0, 2])];
        let error = Error::of_all(Operation::Connect, "a.test:80", first);
        assert_eq!(
            error.to_string(),
            "cannot connect to a.test:80: connection refused by 10.0.0.1 and 10.0.0.2 \
             (ECONNREFUSED); is the server running on that port?"
        );
        assert_eq!(error.raw_os_error(), Some(Errno::CONNREFUSED.raw_os_error()));
        let error =
            Error::of_all(Operation::Connect, "a.test:80", vec![refused([10, 0, 0, 1]), silent]);
        assert_eq!(
            error.to_string(),
            "cannot connect to a.test:80: connection refused by 10.0.0.1 (ECONNREFUSED); \
             no answer from 10.0.0.3 (timed out after 1s)"
        );
        assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::TimedOut, None));
        assert_eq!(error.attempts()[0].address(), Some("10.0.0.1:80"));
    }

    #[test]
    fn it_is_one_word_wide() {
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }
}
