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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::oracle::{self, Outcome};
    use crate::testing::every_split;

    /// The plainest way: all bytes in one place.
    fn oracle<const N: usize>(bytes_max: usize, input: &[u8]) -> Outcome {
        let (mut frames, mut rest) = (Vec::new(), input);
        while let Some((prefix, behind)) = rest.split_at_checked(N) {
            let length = prefix.iter().fold(0u128, |sum, byte| sum * 256 + u128::from(*byte));
            if length > bytes_max as u128 {
                return Outcome::failed(frames);
            }
            let Some((frame, next)) = behind.split_at_checked(length as usize) else {
                return Outcome { frames, failed: false, unfinished: behind.to_vec() };
            };
            frames.push(frame.to_vec());
            rest = next;
        }
        Outcome { frames, failed: false, unfinished: Vec::new() }
    }

    fn any_input_however_cut<const N: usize>() {
        let mut frames = 0;
        for seed in 0..2000 {
            let mut random = oracle::Random(seed);
            let bytes_max = random.below(20);
            let mut input = Vec::new();
            for _ in 0..random.below(5) {
                let payload = random.bytes(b"\0\x01\x02x", 12);
                PrefixReader::<N>::new().encode(&payload, &mut input).unwrap();
            }
            input.extend(random.bytes(b"\0\0\0\0\0\x01\x05", 12));
            let expected = oracle::<N>(bytes_max, &input);
            frames += expected.frames.len();
            for _ in 0..4 {
                let pieces = random.cut(&input);
                let reader = PrefixReader::<N>::new().with_max(bytes_max);
                let seen = oracle::run(reader, &pieces);
                assert_eq!(seen, expected, "{N}, seed {seed}: {bytes_max} {pieces:?}");
            }
        }
        assert!(frames > 2000, "{frames}");
    }

    #[test]
    fn frames_are_those_of_the_plainest_reader_however_they_are_cut() {
        any_input_however_cut::<1>();
        any_input_however_cut::<2>();
        any_input_however_cut::<4>();
        any_input_however_cut::<8>();
    }

    #[test]
    fn a_length_above_the_maximum_is_told_as_soon_as_it_is_known() {
        let mut reader = PrefixReader::<4>::new();
        assert!(reader.step(&mut &b"\x00\x01\x86\x9f"[..]).is_none()); // 99,999
        let mut reader = PrefixReader::<4>::new();
        assert!(reader.step(&mut &b"\x00\x01\x86"[..]).is_none());
        let error = reader.step(&mut &b"\xa0"[..]).unwrap().unwrap_err();
        assert_eq!(error, FrameError::TooLong { bytes: Some(100_000), bytes_max: 99_999 });
        assert!(error.to_string().starts_with("a frame of 100000 bytes is announced"));
        assert!(reader.step(&mut &b"\0\0\0\x01a"[..]).is_none());
        assert_eq!(reader.tail.capacity(), 0);
        let mut reader = PrefixReader::<8>::new();
        assert!(reader.step(&mut &[0xff; 8][..]).unwrap().is_err());
    }

    #[test]
    fn what_does_not_fit_its_prefix_cannot_be_sent() {
        let mut out = Vec::new();
        let error = PrefixReader::<1>::new().encode(&[0; 256], &mut out).unwrap_err();
        assert_eq!(error, FrameError::CannotSend { bytes: 256, bytes_max: 255 });
        assert!(PrefixReader::<2>::new().encode(&[0; 65536], &mut out).is_err());
        assert_eq!(out, b"");
        PrefixReader::<1>::new().encode(&[7; 255], &mut out).unwrap();
        assert_eq!(out.len(), 256);
        PrefixReader::<2>::new().encode(&[7; 65535], &mut out).unwrap();
        assert_eq!(PrefixReader::<8>::SENT_BYTES_MAX, u64::MAX);
    }

    #[test]
    fn a_frame_in_pieces_is_kept_as_it_comes_and_freed_with_it() {
        every_split(b"\0\x03abc\0\0\0\x0bhello world\0\x04th", |pieces| {
            let mut reader = PrefixReader::<2>::new();
            let mut frames = Vec::new();
            for piece in pieces {
                let mut input = *piece;
                while let Some(frame) = reader.step(&mut input) {
                    frames.push(frame.unwrap().into_owned());
                }
                assert!(reader.tail.capacity() <= 11);
                assert!(!reader.is_between_frames() || reader.tail.capacity() == 0);
            }
            assert_eq!(frames, [&b"abc"[..], b"", b"hello world"]);
        });
        let mut reader = PrefixReader::<4>::new();
        assert!(reader.step(&mut &b"\0\x01\0\0x"[..]).is_none());
        assert!(reader.tail.capacity() < 16, "room is not made on a peer's word");
    }
}
