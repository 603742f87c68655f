//! Messages out of a stream of bytes: lines, netstrings, length prefixes.
//!
//! Owns: where one message ends and the next begins, and the unfinished one's bytes. Never:
//! does I/O, keeps a whole message that could be lent, or looks at a byte twice.
//!
//! # Two levels
//!
//! A *reader* ([`LineReader`], [`NetstringReader`], [`PrefixReader`]) is given bytes and gives
//! frames. It knows no connection:
//!
//! ```
//! use ropewalk::framing::{Framing, LineReader};
//! let mut reader = LineReader::new();
//! let mut lines = Vec::new();
//! for piece in [&b"one\r\ntw"[..], b"o\r\nthr"] {
//!     let mut input = piece;
//!     while let Some(line) = reader.step(&mut input) {
//!         lines.push(String::from_utf8(line.unwrap().into_owned()).unwrap());
//!     }
//! }
//! assert_eq!(lines, ["one", "two"]); // "thr" waits for its end
//! ```
//!
//! An *adapter* ([`Lines`], [`Netstrings`], [`Prefixed`]) is a [`Protocol`](crate::Protocol)
//! around a protocol that wants frames ([`LineProtocol`], [`FrameProtocol`]), and so runs
//! wherever protocols do: `reactor.listen_tcp(port, || Lines::new(Greeter))`.
//!
//! # What is promised
//!
//! - The same bytes give the same frames, however the network cuts them.
//! - A frame that came whole is lent, not copied. Of one in pieces the beginning is kept, at
//!   most the reader's maximum and the delimiter, and freed with the frame.
//! - A frame longer than the maximum is refused at the first byte that shows it.
//! - `pause_reading` stops between two frames; the rest waits in the connection, uncopied,
//!   and goes on after `resume_reading`, in front of all that comes later.
//! - After an error, `close` or `fail` nothing more is delivered and nothing more is kept.
//! - What came in plain behind the command that starts TLS goes to TLS, which refuses it; it
//!   never passes for something that was encrypted (CVE-2011-0411). A layer that is pushed in
//!   the middle of a frame ends the connection.

mod framed;
mod length_prefix;
mod line;
mod lines;
mod netstring;
#[cfg(test)]
mod oracle;
mod transport;

use std::borrow::Cow;
use std::fmt;

pub use framed::{FrameProtocol, Framed, Netstrings, Prefixed};
pub use length_prefix::PrefixReader;
pub use line::{Delimiter, LineReader};
pub use lines::{LineProtocol, Lines};
pub use netstring::NetstringReader;
pub use transport::{FrameTransport, LineTransport};

/// A format: how frames are found in bytes, and made of them. For one of your own, implement
/// it and use [`Framed`].
pub trait Framing {
    /// The next frame, if it is whole. `input` becomes what was not looked at; when the answer
    /// is `None` that is nothing, and a frame's beginning was kept.
    ///
    /// # Errors
    /// The peer broke the format, or a frame is too long. From then on input is taken, and
    /// neither kept nor looked at.
    fn step<'a>(&mut self, input: &mut &'a [u8]) -> Option<Result<Cow<'a, [u8]>, FrameError>>;

    /// Appends this frame as it goes over the wire.
    ///
    /// # Errors
    /// It cannot be framed; nothing was appended.
    fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError>;

    /// Whether no frame is under way.
    fn is_between_frames(&self) -> bool;

    /// Takes what has come of the frame under way, without its prefix. The reader is of no use
    /// afterwards, unless an error had been answered.
    fn take_unfinished(&mut self) -> Vec<u8>;
}

/// What is wrong with a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "NetstringParseError")]
#[doc(alias = "StringTooLongError")]
pub enum FrameError {
    /// One that came, or is coming, is longer than the reader's maximum.
    TooLong {
        /// Its bytes, where they are known before they have come.
        bytes: Option<u64>,
        /// The reader's maximum.
        bytes_max: usize,
    },
    /// What came is not of the format.
    Malformed {
        /// What it should have been.
        expected: &'static str,
        /// The byte that was there instead.
        found: u8,
    },
    /// One to be sent is longer than its prefix can say.
    CannotSend {
        /// Its bytes.
        bytes: usize,
        /// The most that can be sent.
        bytes_max: u64,
    },
    /// A line to be sent has a delimiter in it, and so would be two.
    HoldsDelimiter,
    /// A delimiter has no bytes, or more than
    /// [`DELIMITER_BYTES`](crate::limits::DELIMITER_BYTES).
    BadDelimiter,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::TooLong { bytes: Some(bytes), bytes_max } => write!(
                f,
                "a frame of {bytes} bytes is announced, and at most {bytes_max} are taken: \
                 `with_max` sets how many"
            ),
            FrameError::TooLong { bytes: None, bytes_max } => write!(
                f,
                "more than {bytes_max} bytes came without an end: `with_max` sets how many may"
            ),
            FrameError::Malformed { expected, found } => {
                write!(f, "expected {expected}, found '{}'", found.escape_ascii())
            }
            FrameError::CannotSend { bytes, bytes_max } => write!(
                f,
                "cannot send {bytes} bytes in one frame: its prefix says at most {bytes_max}; \
                 send it in parts, or use a wider prefix"
            ),
            FrameError::HoldsDelimiter => f.write_str(
                "cannot send a line with a delimiter in it: the peer would read two; \
                 split it, or `write` it",
            ),
            FrameError::BadDelimiter => {
                write!(f, "a delimiter has 1 to {} bytes", crate::limits::DELIMITER_BYTES)
            }
        }
    }
}

impl std::error::Error for FrameError {}

/// Keeps the beginning of a frame. Its buffer doubles, so that a peer costs no more than twice
/// what it sent, whatever it announced; and is never larger than a whole frame.
fn keep(tail: &mut Vec<u8>, data: &[u8], bytes_max: usize) {
    let needed = tail.len() + data.len();
    if needed > tail.capacity() {
        let capacity = (2 * tail.len()).min(bytes_max).max(needed);
        tail.reserve_exact(capacity - tail.len());
    }
    tail.extend_from_slice(data);
}

/// What was kept and this, which ends the frame: as it was lent if nothing was kept.
fn join<'a>(tail: &mut Vec<u8>, data: &'a [u8]) -> Cow<'a, [u8]> {
    if tail.is_empty() {
        return Cow::Borrowed(data);
    }
    tail.extend_from_slice(data);
    Cow::Owned(std::mem::take(tail))
}

/// A whole frame without the last bytes, which were its end's.
fn without_end(frame: Cow<'_, [u8]>, end_bytes: usize) -> Cow<'_, [u8]> {
    let bytes = frame.len() - end_bytes;
    match frame {
        Cow::Borrowed(whole) => Cow::Borrowed(&whole[..bytes]),
        Cow::Owned(mut whole) => {
            whole.truncate(bytes);
            Cow::Owned(whole)
        }
    }
}
