//! Frames with their length before them, as a big-endian number of N bytes.
//! Owns: the length so far, and the unfinished frame.
//! Never: makes room on a peer's word; the buffer grows with what comes.

use std::borrow::Cow;

use super::{FrameError, Framing, join, keep};
use crate::limits;

/// Finds frames behind a length of `N` bytes, most significant first; 1, 2 and 4 are common,
/// 8 is the most.
///
/// ```
/// use ropewalk::framing::{Framing, PrefixReader};
/// let mut reader = PrefixReader::<2>::new();
/// let mut input = &b"\0\x05hello\0"[..];
/// assert_eq!(reader.step(&mut input).unwrap().unwrap(), &b"hello"[..]);
/// assert!(reader.step(&mut input).is_none());
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "IntNStringReceiver")]
pub struct PrefixReader<const N: usize> {
    tail: Vec<u8>,
    bytes_max: usize,
    length: u64,
    /// Bytes of the length that have come.
    prefix_bytes: usize,
    failed: bool,
}

impl<const N: usize> PrefixReader<N> {
    /// Frames of at most [`limits::FRAME_BYTES`].
    pub fn new() -> PrefixReader<N> {
        const { assert!(N >= 1 && N <= 8, "a prefix has 1 to 8 bytes") };
        PrefixReader {
            tail: Vec::new(),
            bytes_max: limits::FRAME_BYTES,
            length: 0,
            prefix_bytes: 0,
            failed: false,
        }
    }

    /// With this maximum, in bytes without the prefix.
    #[must_use]
    #[doc(alias = "MAX_LENGTH")]
    pub fn with_max(mut self, bytes_max: usize) -> PrefixReader<N> {
        self.bytes_max = bytes_max;
        self
    }

    /// The longest frame that the prefix can announce.
    const SENT_BYTES_MAX: u64 = u64::MAX >> (64 - 8 * N);
}

impl<const N: usize> Default for PrefixReader<N> {
    fn default() -> PrefixReader<N> {
        PrefixReader::new()
    }
}

impl<const N: usize> Framing for PrefixReader<N> {
    fn step<'a>(&mut self, input: &mut &'a [u8]) -> Option<Result<Cow<'a, [u8]>, FrameError>> {
        while self.prefix_bytes < N && !self.failed {
            let (byte, rest) = input.split_first()?;
            *input = rest;
            self.length = self.length << 8 | u64::from(*byte);
            self.prefix_bytes += 1;
            let bytes_max = self.bytes_max;
            if self.prefix_bytes == N && self.length > bytes_max as u64 {
                self.failed = true;
                let bytes = Some(self.length);
                return Some(Err(FrameError::TooLong { bytes, bytes_max }));
            }
        }
        let all = std::mem::take(input);
        if self.failed {
            return None;
        }
        let length = self.length as usize; // at most the maximum, which is one
        let Some((piece, rest)) = all.split_at_checked(length - self.tail.len()) else {
            keep(&mut self.tail, all, length);
            return None;
        };
        *input = rest;
        (self.length, self.prefix_bytes) = (0, 0);
        Some(Ok(join(&mut self.tail, piece)))
    }

    fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        let (bytes, bytes_max) = (frame.len(), Self::SENT_BYTES_MAX);
        if bytes as u64 > bytes_max {
            return Err(FrameError::CannotSend { bytes, bytes_max });
        }
        out.extend_from_slice(&(bytes as u64).to_be_bytes()[8 - N..]);
        out.extend_from_slice(frame);
        Ok(())
    }

    fn is_between_frames(&self) -> bool {
        self.prefix_bytes == 0
    }

    fn take_unfinished(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.tail)
    }
}
