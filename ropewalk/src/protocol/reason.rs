//! Why a connection ended, and by whom.
//! Owns: the kinds of ends, their words, and how a system error is read as one.
//! Never: decides whether a connection ends; that is `connection`'s.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

/// Why a connection ended.
///
/// ```
/// use ropewalk::protocol::{By, Kind, Reason};
/// let why = Reason::failed("line too long");
/// assert_eq!((why.kind(), why.by()), (Kind::Failed, By::User));
/// assert!(!why.is_clean());
/// assert_eq!(why.to_string(), "failed: line too long");
/// ```
#[derive(Clone)]
pub struct Reason {
    kind: Kind,
    by: By,
    unsent: u64,
    undelivered: u64,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// What kind of end it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// We closed, and everything was handed to the kernel.
    #[doc(alias = "ConnectionDone")]
    Closed,
    /// The peer ended its input first, and both directions ended in order.
    #[doc(alias = "ConnectionDone")]
    PeerClosed,
    /// We aborted.
    #[doc(alias = "ConnectionAborted")]
    Aborted,
    /// The peer reset the connection, or no longer took what we sent.
    #[doc(alias = "ConnectionLost")]
    Reset,
    /// The input ended in the middle of something that has an end of its own (TLS).
    Truncated,
    /// A write was begun at or past the hard limit: the writer did not heed `Full`.
    Overrun,
    /// Nobody listens there, or a factory or layer refused.
    Refused,
    /// The reactor or server stopped, and its grace was over.
    Stopped,
    /// The protocol or a layer gave up; the source says why.
    Failed,
    /// A callback panicked; the source is what it said.
    Panicked,
    /// The system's error, which is the source.
    Io,
    /// A deadline passed.
    Deadline(Deadline),
}

/// Which deadline. `Total` and `Rate` are policies'; each of the others is a field of
/// [`Limits`](crate::limits::Limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Deadline {
    /// The attempt to connect, names and all addresses included.
    Connect,
    /// The time until the topmost layer was ready.
    Start,
    /// A layer's handshake.
    Handshake,
    /// The PROXY header.
    ProxyHeader,
    /// No byte either way.
    Idle,
    /// The peer took nothing of what was unsent.
    WriteStall,
    /// The same, after close.
    Flush,
    /// The peer did not end its input after our close.
    Linger,
    /// The stop's grace.
    Drain,
    /// The whole connection: see [`TotalDeadline`](crate::policy::TotalDeadline).
    Total,
    /// Too few bytes in time: see [`MinimumRate`](crate::policy::MinimumRate).
    Rate,
}

/// Whose doing the end was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// The protocol, its factory or a handle asked for it.
    User,
    /// The peer did it, or failed to do what a deadline asks.
    Peer,
    /// Our own rule: a bound, a stop.
    Us,
    /// The operating system.
    System,
}

impl Kind {
    /// The end that a system error means.
    pub(crate) fn of(error: &io::Error) -> Kind {
        use io::ErrorKind as Io;
        match error.kind() {
            Io::ConnectionReset | Io::BrokenPipe | Io::ConnectionAborted => Kind::Reset,
            Io::ConnectionRefused => Kind::Refused,
            _ => Kind::Io,
        }
    }
}

impl Reason {
    /// A reason of this kind; whose doing it is follows from the kind.
    pub fn new(kind: Kind) -> Reason {
        let by = match kind {
            Kind::Closed | Kind::Aborted | Kind::Failed | Kind::Panicked => By::User,
            Kind::PeerClosed | Kind::Reset | Kind::Truncated | Kind::Refused => By::Peer,
            Kind::Overrun | Kind::Stopped => By::Us,
            Kind::Io => By::System,
            Kind::Deadline(Deadline::Drain | Deadline::Total) => By::Us,
            Kind::Deadline(_) => By::Peer,
        };
        Reason { kind, by, unsent: 0, undelivered: 0, source: None }
    }

    /// The protocol or a layer gives up, for this cause: text or any error.
    pub fn failed(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Reason {
        Reason::new(Kind::Failed).because(cause)
    }

    /// Refused by the user's own factory, layer or policy.
    pub fn refused(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Reason {
        Reason { by: By::User, ..Reason::new(Kind::Refused).because(cause) }
    }

    /// The peer broke the protocol that it is to speak, in this way.
    pub fn peer_failed(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Reason {
        Reason { by: By::Peer, ..Reason::failed(cause) }
    }

    /// A callback panicked with this.
    pub fn panicked(payload: &(dyn Any + Send)) -> Reason {
        let said = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a message".to_owned());
        Reason::new(Kind::Panicked).because(said)
    }

    /// The end that a system error means. `ECONNRESET`, `EPIPE` and `ECONNABORTED` are
    /// the peer's reset, `ECONNREFUSED` its refusal; the error itself is the source.
    pub fn io(error: io::Error) -> Reason {
        Reason::new(Kind::of(&error)).because(error)
    }

    /// The same with this cause as its source.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Reason {
        self.source = Some(Arc::from(cause.into()));
        self
    }

    /// What kind of end it was.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whose doing it was.
    pub fn by(&self) -> By {
        self.by
    }

    /// Bytes that were written and never reached the kernel.
    pub fn unsent(&self) -> u64 {
        self.unsent
    }

    /// Bytes that had arrived and were never given to the protocol, as its reading was
    /// paused to the end.
    pub fn undelivered(&self) -> u64 {
        self.undelivered
    }

    /// What lies behind it, if anything does.
    pub fn source(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.source.as_deref()
    }

    /// Whether both sides ended in order and everything written was handed over.
    pub fn is_clean(&self) -> bool {
        matches!(self.kind, Kind::Closed | Kind::PeerClosed) && self.unsent == 0
    }

    pub(crate) fn with_counts(mut self, unsent: u64, undelivered: u64) -> Reason {
        self.unsent = unsent;
        self.undelivered = undelivered;
        self
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Closed => "closed",
            Kind::PeerClosed => "peer closed",
            Kind::Aborted => "aborted",
            Kind::Reset => "reset by peer",
            Kind::Truncated => "truncated",
            Kind::Overrun => "overrun: written past the hard limit",
            Kind::Refused => "refused",
            Kind::Stopped => "stopped",
            Kind::Failed => "failed",
            Kind::Panicked => "panicked",
            Kind::Io => "system error",
            Kind::Deadline(deadline) => match deadline {
                Deadline::Connect => "connect deadline passed",
                Deadline::Start => "start deadline passed",
                Deadline::Handshake => "handshake deadline passed",
                Deadline::ProxyHeader => "PROXY header deadline passed",
                Deadline::Idle => "idle deadline passed",
                Deadline::WriteStall => "write stall: the peer reads nothing",
                Deadline::Flush => "flush deadline passed",
                Deadline::Linger => "linger deadline passed",
                Deadline::Drain => "drain deadline passed",
                Deadline::Total => "total deadline passed",
                Deadline::Rate => "the peer is slower than the least rate",
            },
        })?;
        if let Some(source) = &self.source {
            match source.downcast_ref::<io::Error>() {
                Some(error) => write!(f, ": {}", crate::error::describe_io(error))?,
                None => write!(f, ": {source}")?,
            }
        }
        if self.unsent > 0 {
            write!(f, ", {} B unsent", self.unsent)?;
        }
        if self.undelivered > 0 {
            write!(f, ", {} B undelivered", self.undelivered)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() {
            return write!(f, "{self} (by {:?})", self.by);
        }
        f.debug_struct("Reason")
            .field("kind", &self.kind)
            .field("by", &self.by)
            .field("unsent", &self.unsent)
            .field("undelivered", &self.undelivered)
            .field("source", &self.source)
            .finish()
    }
}

impl StdError for Reason {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<Reason> for io::Error {
    /// The `io::Error` of the fitting kind, with the reason inside: `get_ref` and `downcast_ref`
    /// find it.
    fn from(why: Reason) -> io::Error {
        use io::ErrorKind as Io;
        let kind = match why.kind {
            Kind::Closed | Kind::PeerClosed => Io::UnexpectedEof,
            Kind::Aborted | Kind::Stopped => Io::ConnectionAborted,
            Kind::Reset => Io::ConnectionReset,
            Kind::Truncated => Io::UnexpectedEof,
            Kind::Refused => Io::ConnectionRefused,
            Kind::Deadline(_) => Io::TimedOut,
            Kind::Io => why
                .source()
                .and_then(|source| source.downcast_ref::<io::Error>())
                .map_or(Io::Other, io::Error::kind),
            Kind::Overrun | Kind::Failed | Kind::Panicked => Io::Other,
        };
        io::Error::new(kind, why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_left_bytes_behind_is_not_clean() {
        assert!(Reason::new(Kind::PeerClosed).is_clean());
        assert!(!Reason::new(Kind::Closed).with_counts(1, 0).is_clean());
        assert!(!Reason::new(Kind::Reset).is_clean());
    }

    #[test]
    fn a_system_error_keeps_its_words() {
        let why = Reason::io(io::Error::from(io::ErrorKind::ConnectionReset));
        assert_eq!(why.kind(), Kind::Reset);
        assert_eq!(why.to_string(), "reset by peer: connection reset by peer (ECONNRESET)");
    }
}
