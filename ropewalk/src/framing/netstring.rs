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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::oracle::{self, Outcome};
    use crate::testing::every_split;

    /// The plainest way: all bytes in one place.
    fn oracle(bytes_max: usize, input: &[u8]) -> Outcome {
        let (mut frames, mut rest) = (Vec::new(), input);
        loop {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let text = std::str::from_utf8(&rest[..digits]).unwrap();
            let zero_first = digits > 1 && rest[0] == b'0';
            let too_long = digits > 0 && text.parse::<usize>().map_or(true, |n| n > bytes_max);
            let wrong_next = rest.get(digits).is_some_and(|next| digits == 0 || *next != b':');
            if zero_first || too_long || wrong_next {
                return Outcome::failed(frames);
            }
            if digits == rest.len() {
                return Outcome { frames, failed: false, unfinished: Vec::new() };
            }
            let length: usize = text.parse().unwrap();
            rest = &rest[digits + 1..];
            let Some(comma) = rest.get(length) else {
                return Outcome { frames, failed: false, unfinished: rest.to_vec() };
            };
            if *comma != b',' {
                return Outcome::failed(frames);
            }
            frames.push(rest[..length].to_vec());
            rest = &rest[length + 1..];
        }
    }

    #[test]
    fn netstrings_are_those_of_the_plainest_reader_however_they_are_cut() {
        let mut frames = 0;
        for seed in 0..5000 {
            let mut random = oracle::Random(seed);
            let bytes_max = random.below(30);
            let mut input = Vec::new();
            for _ in 0..random.below(5) {
                let payload = random.bytes(b"0:,x", 12);
                NetstringReader::new().encode(&payload, &mut input).unwrap();
            }
            input.extend(random.bytes(b"0123:,x", 6));
            if random.below(3) == 0 && !input.is_empty() {
                let at = random.below(input.len());
                input[at] = b"0:,x"[random.below(4)];
            }
            let expected = oracle(bytes_max, &input);
            frames += expected.frames.len();
            for _ in 0..4 {
                let pieces = random.cut(&input);
                let reader = NetstringReader::new().with_max(bytes_max);
                let seen = oracle::run(reader, &pieces);
                assert_eq!(seen, expected, "seed {seed}: {bytes_max} {pieces:?}");
            }
        }
        assert!(frames > 5000, "{frames}");
    }

    #[test]
    fn what_is_no_netstring_is_refused_at_its_first_byte() {
        let wrong: [&[u8]; 8] = [b":", b"-", b" ", b"03", b"3 ", b"3x", b"2:abc", b"3:abc;"];
        for input in wrong {
            let (last, before) = input.split_last().unwrap();
            let mut reader = NetstringReader::new();
            assert!(reader.step(&mut &before[..]).is_none(), "{}", input.escape_ascii());
            let error = reader.step(&mut std::slice::from_ref(last)).unwrap().unwrap_err();
            assert!(matches!(error, FrameError::Malformed { found, .. } if found == *last));
            assert!(error.to_string().ends_with(&format!("'{}'", last.escape_ascii())));
            assert!(reader.step(&mut &b"1:a,"[..]).is_none());
        }
    }

    #[test]
    fn one_that_is_too_long_is_refused_before_any_of_it_is_kept() {
        let mut reader = NetstringReader::new();
        assert!(reader.step(&mut &b"99999"[..]).is_none());
        let error = reader.step(&mut &b"9"[..]).unwrap().unwrap_err();
        assert_eq!(error, FrameError::TooLong { bytes: None, bytes_max: 99_999 });
        // However many digits there are.
        let mut reader = NetstringReader::new().with_max(usize::MAX - 1);
        assert!(reader.step(&mut &b"99999999999999999999999:"[..]).unwrap().is_err());
    }

    #[test]
    fn a_string_in_pieces_is_kept_as_it_comes_and_freed_with_it() {
        every_split(b"3:abc,0:,12:hello, world,4:th", |pieces| {
            let mut reader = NetstringReader::new();
            let mut frames = Vec::new();
            for piece in pieces {
                let mut input = *piece;
                while let Some(frame) = reader.step(&mut input) {
                    frames.push(frame.unwrap().into_owned());
                }
                assert!(reader.tail.capacity() <= 13);
                assert!(!reader.is_between_frames() || reader.tail.capacity() == 0);
            }
            assert_eq!(frames, [&b"abc"[..], b"", b"hello, world"]);
        });
        let mut reader = NetstringReader::new();
        assert!(reader.step(&mut &b"99999:x"[..]).is_none());
        assert!(reader.tail.capacity() < 16, "room is not made on a peer's word");
    }
}
