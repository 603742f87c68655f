//! Why an operation failed: what was tried, on which address, the cause, the remedy.
//! Owns: the crate's `Error`, its sentence, and the advice that belongs to a cause.
//! Never: decides, logs or retries. How a *connection* ended is `protocol::Reason`.

use std::error::Error as StdError;
use std::fmt;
use std::io;

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
    source: Option<Box<dyn StdError + Send + Sync>>,
    remedy: Option<String>,
}

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Making a reactor, a driver, or something they need.
    Start,
    /// Binding an address and listening on it.
    Listen,
    /// Taking a connection from a listener.
    Accept,
    /// Connecting to a peer.
    Connect,
    /// Finding the addresses of a name.
    Resolve,
    /// Running the loop.
    Run,
    /// Asking something of a reactor from another thread.
    Ask,
    /// Reading an address or an endpoint that a person wrote.
    Parse,
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
    /// A deadline passed.
    TimedOut,
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
    /// Anything else; the source has the system's code.
    Io,
}

impl Error {
    /// An error whose cause is the system's.
    pub fn from_io(operation: Operation, address: impl fmt::Display, source: io::Error) -> Error {
        let kind = kind_of(&source);
        Error(Box::new(Inner {
            operation,
            address: Some(address.to_string()),
            kind,
            remedy: remedy_for(operation, kind).map(str::to_owned),
            source: Some(Box::new(source)),
        }))
    }

    /// An error of our own; `cause` is its middle part, in words.
    pub fn new(operation: Operation, kind: ErrorKind, cause: impl Into<String>) -> Error {
        let cause: Box<dyn StdError + Send + Sync> = cause.into().into();
        Error(Box::new(Inner { operation, address: None, kind, source: Some(cause), remedy: None }))
    }

    /// The same with the address it is about.
    #[must_use]
    pub fn at(mut self, address: impl fmt::Display) -> Error {
        self.0.address = Some(address.to_string());
        self
    }

    /// The same with what a person can do about it.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Error {
        self.0.remedy = Some(remedy.into());
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
        self.0.source.as_deref()?.downcast_ref()
    }

    /// The cause in words, with the system's symbol: `address already in use (EADDRINUSE)`.
    pub fn cause(&self) -> String {
        match (self.io_error(), &self.0.source) {
            (Some(error), _) => describe_io(error),
            (None, Some(cause)) => cause.to_string(),
            (None, None) => format!("{:?}", self.0.kind),
        }
    }
}

/// A system error as a person reads it: `connection refused (ECONNREFUSED)`.
pub(crate) fn describe_io(error: &io::Error) -> String {
    match (words_for(error.kind()), error.raw_os_error()) {
        (Some((words, symbol)), _) => format!("{words} ({symbol})"),
        (None, _) if no_descriptors(error) => "no descriptor is left (EMFILE or ENFILE)".into(),
        (None, _) => error.to_string(),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.0.operation {
            Operation::Start => "cannot start",
            Operation::Listen => "cannot listen",
            Operation::Accept => "cannot accept",
            Operation::Connect => "cannot connect",
            Operation::Resolve => "cannot resolve",
            Operation::Run => "cannot run",
            Operation::Ask => "cannot reach the reactor",
            Operation::Parse => "cannot read",
        };
        let preposition = match self.0.operation {
            Operation::Listen | Operation::Accept => " on",
            Operation::Connect => " to",
            _ => "",
        };
        f.write_str(verb)?;
        if let Some(address) = &self.0.address {
            write!(f, "{preposition} {address}")?;
        }
        write!(f, ": {}", self.cause())?;
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
            .field("source", &self.0.source)
            .field("remedy", &self.0.remedy)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        let kind = error.io_error().map_or(io::ErrorKind::Other, io::Error::kind);
        io::Error::new(kind, error)
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
        Io::NetworkUnreachable | Io::HostUnreachable | Io::NetworkDown => ErrorKind::Unreachable,
        Io::TimedOut => ErrorKind::TimedOut,
        Io::NotFound => ErrorKind::NotFound,
        Io::InvalidInput => ErrorKind::InvalidInput,
        Io::Unsupported => ErrorKind::Unsupported,
        _ => ErrorKind::Io,
    }
}

fn words_for(kind: io::ErrorKind) -> Option<(&'static str, &'static str)> {
    use io::ErrorKind as Io;
    Some(match kind {
        Io::AddrInUse => ("address already in use", "EADDRINUSE"),
        Io::AddrNotAvailable => ("this machine has no such address", "EADDRNOTAVAIL"),
        Io::PermissionDenied => ("permission denied", "EACCES"),
        Io::ConnectionRefused => ("connection refused", "ECONNREFUSED"),
        Io::ConnectionReset => ("connection reset by peer", "ECONNRESET"),
        Io::ConnectionAborted => ("connection aborted", "ECONNABORTED"),
        Io::BrokenPipe => ("the peer no longer reads", "EPIPE"),
        Io::NetworkUnreachable => ("network unreachable", "ENETUNREACH"),
        Io::HostUnreachable => ("host unreachable", "EHOSTUNREACH"),
        Io::TimedOut => ("timed out", "ETIMEDOUT"),
        Io::NotFound => ("no such file", "ENOENT"),
        _ => return None,
    })
}

fn remedy_for(operation: Operation, kind: ErrorKind) -> Option<&'static str> {
    Some(match (operation, kind) {
        (Operation::Listen, ErrorKind::AddressInUse) => {
            "stop the program that holds it, or take a free port with port 0"
        }
        (Operation::Listen, ErrorKind::AddressNotAvailable) => {
            "name an address of this machine, or `*` for all of them"
        }
        (Operation::Listen, ErrorKind::PermissionDenied) => {
            "ports below the system's limit (1024 as a rule) need a privilege: take a higher port"
        }
        (Operation::Connect, ErrorKind::Refused) => "is the server running on that port?",
        (_, ErrorKind::NoDescriptors) => "raise the limit (`ulimit -n`) or close connections",
        _ => return None,
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
    fn it_is_one_word_wide() {
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }
}
