//! Netstrings: `5:hello,`.
//! Owns: the length in digits, and the unfinished string.
//! Never: keeps anything of a string whose length is refused.

use std::borrow::Cow;
use std::io::Write as _;

use super::{FrameError, Framing, join, keep, without_end};
use crate::limits;

/// Finds netstrings in pieces of input: decimal digits without a leading zero, a colon, so
/// many bytes, a comma.
///
/// ```
/// use ropewalk::framing::{Framing, NetstringReader};
/// let mut reader = NetstringReader::new();
/// let mut input = &b"5:hello,0:,3:rop"[..];
/// assert_eq!(reader.step(&mut input).unwrap().unwrap(), &b"hello"[..]);
/// assert_eq!(reader.step(&mut input).unwrap().unwrap(), &b""[..]);
/// assert!(reader.step(&mut input).is_none());
/// ```
#[derive(Clone, Debug)]
pub struct NetstringReader {
    tail: Vec<u8>,
    bytes_max: usize,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// So far; `None` before the first digit.
    Length(Option<usize>),
    Payload(usize),
    Failed,
}

impl NetstringReader {
    /// Strings of at most [`limits::FRAME_BYTES`].
    pub fn new() -> NetstringReader {
        let bytes_max = limits::FRAME_BYTES;
        NetstringReader { tail: Vec::new(), bytes_max, stage: Stage::Length(None) }
    }

    /// With this maximum, in bytes of the string itself.
    #[must_use]
    #[doc(alias = "MAX_LENGTH")]
    pub fn with_max(mut self, bytes_max: usize) -> NetstringReader {
        self.bytes_max = bytes_max;
        self
    }

    /// What the length is after one more byte.
    fn after(&self, length: Option<usize>, byte: u8) -> Result<Stage, FrameError> {
        let malformed = |expected| Err(FrameError::Malformed { expected, found: byte });
        let more = match (length, byte) {
            (Some(length), b':') => return Ok(Stage::Payload(length)),
            (Some(0), _) => return malformed("':' after the length 0"),
            (None, b'0'..=b'9') => usize::from(byte - b'0'),
            (Some(length), b'0'..=b'9') => {
                length.saturating_mul(10).saturating_add(usize::from(byte - b'0'))
            }
            (None, _) => return malformed("a netstring's length"),
            (Some(_), _) => return malformed("a digit or ':' in a netstring's length"),
        };
        if more > self.bytes_max {
            return Err(FrameError::TooLong { bytes: None, bytes_max: self.bytes_max });
        }
        Ok(Stage::Length(Some(more)))
    }

    fn try_step<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Cow<'a, [u8]>>, FrameError> {
        while let Stage::Length(length) = self.stage {
            let Some((byte, rest)) = input.split_first() else { return Ok(None) };
            *input = rest;
            self.stage = self.after(length, *byte)?;
        }
        let all = std::mem::take(input);
        let Stage::Payload(length) = self.stage else { return Ok(None) };
        let missing = length + 1 - self.tail.len();
        let Some((piece, rest)) = all.split_at_checked(missing) else {
            keep(&mut self.tail, all, length + 1);
            return Ok(None);
        };
        *input = rest;
        let whole = join(&mut self.tail, piece);
        match whole.last() {
            Some(b',') => {}
            found => {
                let found = found.copied().unwrap_or_default(); // it has a byte at least
                return Err(FrameError::Malformed { expected: "',' behind a netstring", found });
            }
        }
        self.stage = Stage::Length(None);
        Ok(Some(without_end(whole, 1)))
    }
}

impl Default for NetstringReader {
    fn default() -> NetstringReader {
        NetstringReader::new()
    }
}

impl Framing for NetstringReader {
    fn step<'a>(&mut self, input: &mut &'a [u8]) -> Option<Result<Cow<'a, [u8]>, FrameError>> {
        let answer = self.try_step(input);
        if answer.is_err() {
            self.stage = Stage::Failed;
        }
        answer.transpose()
    }

    fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        let _ = write!(out, "{}:", frame.len()); // a vector takes every byte
        out.extend_from_slice(frame);
        out.push(b',');
        Ok(())
    }

    fn is_between_frames(&self) -> bool {
        self.stage == Stage::Length(None)
    }

    fn take_unfinished(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.tail)
    }
}
