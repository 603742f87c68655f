//! Lines: bytes up to a delimiter.
//! Owns: the search for it, over whatever cuts, and the unfinished line.
//! Never: looks at a byte twice, or decides what a line that is too long does.

use std::borrow::Cow;
use std::sync::Arc;

use super::{FrameError, Framing, join, keep, without_end};
use crate::limits;

/// What ends a line.
///
/// ```
/// use ropewalk::framing::Delimiter;
/// let nul = Delimiter::new(b"\0").unwrap();
/// assert_eq!(nul.as_bytes(), b"\0");
/// assert_eq!(Delimiter::CRLF.as_bytes(), b"\r\n");
/// assert!(Delimiter::new(b"").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "delimiter")]
pub struct Delimiter(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    CrLf,
    AnyNewline,
    // Shared by the connections of a factory.
    Other(Arc<Pattern>),
}

#[derive(Debug, PartialEq, Eq)]
struct Pattern {
    bytes: Vec<u8>,
    /// For each length of a match that fails: the longest one that it leaves (Knuth, Morris
    /// and Pratt), so that no byte is compared from the start again.
    left: Vec<u16>,
}

impl Delimiter {
    /// `\r\n`, and nothing else: the default.
    pub const CRLF: Delimiter = Delimiter(Kind::CrLf);

    /// `\r\n` or a bare `\n`; sent as `\r\n`. For people at a terminal.
    pub const ANY_NEWLINE: Delimiter = Delimiter(Kind::AnyNewline);

    /// Any bytes.
    ///
    /// # Errors
    /// None, or more than [`limits::DELIMITER_BYTES`].
    pub fn new(bytes: &[u8]) -> Result<Delimiter, FrameError> {
        if bytes.is_empty() || bytes.len() > limits::DELIMITER_BYTES {
            return Err(FrameError::BadDelimiter);
        }
        let mut left = vec![0u16; bytes.len()];
        for at in 1..bytes.len() {
            left[at] = extend(bytes, &left, usize::from(left[at - 1]), bytes[at]) as u16;
        }
        Ok(Delimiter(Kind::Other(Arc::new(Pattern { bytes: bytes.to_vec(), left }))))
    }

    /// As it is sent.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Kind::CrLf | Kind::AnyNewline => b"\r\n",
            Kind::Other(pattern) => &pattern.bytes,
        }
    }

    /// What is searched for, and its table.
    fn pattern(&self) -> (&[u8], &[u16]) {
        match &self.0 {
            Kind::CrLf => (b"\r\n", &[0, 0]),
            Kind::AnyNewline => (b"\n", &[0]),
            Kind::Other(pattern) => (&pattern.bytes, &pattern.left),
        }
    }

    /// How much of `input` ends with the first delimiter, of which `matched` bytes came before.
    fn find(&self, matched: &mut usize, input: &[u8]) -> Option<usize> {
        let (bytes, left) = self.pattern();
        let mut at = 0;
        while at < input.len() {
            if *matched == 0 {
                // Most bytes are none of the delimiter's.
                at += input[at..].iter().position(|byte| *byte == bytes[0])?;
            }
            *matched = extend(bytes, left, *matched, input[at]);
            at += 1;
            if *matched == bytes.len() {
                *matched = 0;
                return Some(at);
            }
        }
        None
    }

    /// Whether a peer would see the line end before its delimiter does: there is one in it, or
    /// its end and the delimiter's beginning are one.
    fn ends_early(&self, line: &[u8]) -> bool {
        let end = self.as_bytes();
        let mut matched = 0;
        self.find(&mut matched, line).is_some()
            || self.find(&mut matched, end).is_some_and(|at| at < end.len())
    }
}

/// How long a match is after one more byte.
fn extend(bytes: &[u8], left: &[u16], mut matched: usize, byte: u8) -> usize {
    while bytes[matched] != byte {
        if matched == 0 {
            return 0;
        }
        matched = usize::from(left[matched - 1]);
    }
    matched + 1
}

/// Finds lines in pieces of input. See [`Framing::step`], and `framing` for an example.
#[derive(Clone, Debug)]
pub struct LineReader {
    tail: Vec<u8>,
    delimiter: Delimiter,
    /// Bytes at the end of what came that may begin a delimiter.
    matched: usize,
    bytes_max: usize,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Reading,
    /// Until the next delimiter.
    Skipping,
    /// The line was too long; its end was seen, or not.
    Failed {
        at_end: bool,
    },
}

impl LineReader {
    /// Lines that end with `\r\n`, of at most [`limits::LINE_BYTES`] without it.
    pub fn new() -> LineReader {
        LineReader {
            tail: Vec::new(),
            delimiter: Delimiter::CRLF,
            matched: 0,
            bytes_max: limits::LINE_BYTES,
            stage: Stage::Reading,
        }
    }

    /// With this maximum, in bytes without the delimiter.
    #[must_use]
    #[doc(alias = "MAX_LENGTH")]
    pub fn with_max(mut self, bytes_max: usize) -> LineReader {
        self.set_max(bytes_max);
        self
    }

    /// With this delimiter.
    #[must_use]
    pub fn with_delimiter(mut self, delimiter: Delimiter) -> LineReader {
        self.set_delimiter(delimiter);
        self
    }

    /// Sets the maximum; a line that is under way meets it with its next bytes.
    pub fn set_max(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
    }

    /// Sets the delimiter of the lines to come; what has come of one is part of it.
    pub fn set_delimiter(&mut self, delimiter: Delimiter) {
        self.delimiter = delimiter;
        self.matched = 0;
    }

    /// What ends a line.
    pub fn delimiter(&self) -> &Delimiter {
        &self.delimiter
    }

    /// After [`FrameError::TooLong`]: goes on behind the end of that line, without keeping
    /// any of it.
    pub fn skip_line(&mut self) {
        if let Stage::Failed { at_end } = self.stage {
            self.stage = if at_end { Stage::Reading } else { Stage::Skipping };
        }
    }

    /// Bytes at the end of `tail` and `scanned` that are the delimiter's if it goes on.
    fn undecided(&self, scanned: &[u8]) -> usize {
        match self.delimiter.0 {
            Kind::AnyNewline => {
                usize::from(scanned.last().or(self.tail.last()).is_some_and(|byte| *byte == b'\r'))
            }
            _ => self.matched,
        }
    }

    fn fail(&mut self, scanned: &[u8], at_end: bool) -> FrameError {
        let kept = (self.bytes_max + 1).saturating_sub(self.tail.len()).min(scanned.len());
        self.tail.extend_from_slice(&scanned[..kept]);
        self.stage = Stage::Failed { at_end };
        FrameError::TooLong { bytes: None, bytes_max: self.bytes_max }
    }

    /// How many bytes of a whole line are its delimiter's.
    fn end_bytes(&self, line: &[u8]) -> usize {
        match self.delimiter.0 {
            Kind::AnyNewline if line.ends_with(b"\r\n") => 2,
            Kind::AnyNewline => 1,
            _ => self.delimiter.as_bytes().len(),
        }
    }
}

impl Default for LineReader {
    fn default() -> LineReader {
        LineReader::new()
    }
}

impl Framing for LineReader {
    fn step<'a>(&mut self, input: &mut &'a [u8]) -> Option<Result<Cow<'a, [u8]>, FrameError>> {
        let all = *input;
        if let Stage::Failed { .. } = self.stage {
            *input = &[];
            return None;
        }
        if self.stage == Stage::Skipping {
            let Some(end) = self.delimiter.find(&mut self.matched, all) else {
                *input = &[];
                return None;
            };
            *input = &all[end..];
            self.stage = Stage::Reading;
            return self.step(input); // once: it is reading now
        }
        // A line that ends behind these is too long, whatever they are.
        let most = self.bytes_max.saturating_add(self.delimiter.as_bytes().len());
        let seen = &all[..all.len().min(most.saturating_sub(self.tail.len()))];
        let Some(end) = self.delimiter.find(&mut self.matched, seen) else {
            *input = &all[seen.len()..];
            let bytes = self.tail.len() + seen.len() - self.undecided(seen);
            if bytes > self.bytes_max || !input.is_empty() {
                return Some(Err(self.fail(seen, false)));
            }
            keep(&mut self.tail, seen, most);
            return None;
        };
        *input = &all[end..];
        let line = join(&mut self.tail, &all[..end]);
        let end_bytes = self.end_bytes(&line);
        let line = without_end(line, end_bytes);
        if line.len() > self.bytes_max {
            // Only of a bare newline, where two bytes might have come.
            return Some(Err(self.fail(&line, true)));
        }
        Some(Ok(line))
    }

    fn encode(&self, line: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        if self.delimiter.ends_early(line) {
            return Err(FrameError::HoldsDelimiter);
        }
        out.extend_from_slice(line);
        out.extend_from_slice(self.delimiter.as_bytes());
        Ok(())
    }

    fn is_between_frames(&self) -> bool {
        self.tail.is_empty() && self.stage == Stage::Reading
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

    /// The plainest way: all bytes in one place, and the first delimiter searched anew.
    fn oracle(reader: &LineReader, input: &[u8]) -> Outcome {
        let Kind::Other(pattern) = &reader.delimiter.0 else { return by_newlines(reader, input) };
        let (mut frames, mut rest) = (Vec::new(), input);
        let ends = |rest: &[u8]| rest.windows(pattern.bytes.len()).position(|w| w == pattern.bytes);
        while let Some(at) = ends(rest) {
            if at > reader.bytes_max {
                return Outcome::failed(frames);
            }
            frames.push(rest[..at].to_vec());
            rest = &rest[at + pattern.bytes.len()..];
        }
        // Of a line that goes on, only a beginning of the delimiter may be too much.
        let begins = |count: &usize| rest.ends_with(&pattern.bytes[..*count]);
        let begun = (0..pattern.bytes.len()).rev().find(begins).unwrap_or(0);
        if rest.len() - begun > reader.bytes_max {
            return Outcome::failed(frames);
        }
        Outcome { frames, failed: false, unfinished: rest.to_vec() }
    }

    fn by_newlines(reader: &LineReader, input: &[u8]) -> Outcome {
        let mut frames = Vec::new();
        let mut rest = input;
        while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
            let line = &rest[..at];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.len() > reader.bytes_max {
                return Outcome::failed(frames);
            }
            frames.push(line.to_vec());
            rest = &rest[at + 1..];
        }
        if rest.strip_suffix(b"\r").unwrap_or(rest).len() > reader.bytes_max {
            return Outcome::failed(frames);
        }
        Outcome { frames, failed: false, unfinished: rest.to_vec() }
    }

    fn with(delimiter: &[u8]) -> LineReader {
        LineReader::new().with_delimiter(Delimiter::new(delimiter).unwrap())
    }

    #[test]
    fn lines_are_those_of_the_plainest_reader_however_they_are_cut() {
        // Delimiters that begin like themselves; few letters, so that they come often.
        let delimiters: [&[u8]; 7] = [b"\n", b"aab", b"abab", b"aa", b"abcabd", b"\r\n", b"a"];
        for seed in 0..3000 {
            let mut random = oracle::Random(seed);
            let delimiter = delimiters[random.below(delimiters.len())];
            let reader = match random.below(6) {
                0 => LineReader::new().with_delimiter(Delimiter::ANY_NEWLINE),
                _ => with(delimiter),
            };
            let reader = reader.with_max(random.below(9));
            let input = random.bytes(b"aabbcd\r\n", 40);
            let expected = oracle(&reader, &input);
            for _ in 0..4 {
                let pieces = random.cut(&input);
                let seen = oracle::run(reader.clone(), &pieces);
                assert_eq!(seen, expected, "seed {seed}: {reader:?} {pieces:?}");
            }
        }
    }

    #[test]
    fn the_default_is_a_carriage_return_and_a_newline() {
        every_split(b"one\r\n\r\na\nb\rc\r\r\nrest\r", |pieces| {
            let seen = oracle::run(LineReader::new(), pieces);
            assert_eq!(seen.frames, [&b"one"[..], b"", b"a\nb\rc\r"]);
            assert_eq!((seen.failed, &seen.unfinished[..]), (false, &b"rest\r"[..]));
        });
    }

    #[test]
    fn any_newline_takes_both() {
        every_split(b"one\r\ntwo\n\n\r\nr\r\r\nrest\r", |pieces| {
            let reader = LineReader::new().with_delimiter(Delimiter::ANY_NEWLINE);
            let seen = oracle::run(reader, pieces);
            assert_eq!(seen.frames, [&b"one"[..], b"two", b"", b"", b"r\r"]);
            assert_eq!(seen.unfinished, b"rest\r");
        });
    }

    #[test]
    fn a_line_of_the_maximum_passes_and_one_byte_more_is_found_at_once() {
        for delimiter in [Delimiter::CRLF, Delimiter::ANY_NEWLINE] {
            let new = || LineReader::new().with_max(4).with_delimiter(delimiter.clone());
            every_split(b"1234\r\n1234\r", |pieces| {
                let seen = oracle::run(new(), pieces);
                assert_eq!((seen.frames, seen.failed), (vec![b"1234".to_vec()], false));
            });
            // The fifth byte cannot be the delimiter's.
            let mut reader = new();
            assert!(reader.step(&mut &b"1234"[..]).is_none());
            assert!(reader.step(&mut &b"5"[..]).unwrap().is_err());
            // A carriage return could have been, until the next byte.
            let mut reader = new();
            assert!(reader.step(&mut &b"1234\r"[..]).is_none());
            assert!(reader.step(&mut &b"5"[..]).unwrap().is_err());
        }
    }

    #[test]
    fn after_an_error_nothing_is_delivered_or_kept() {
        every_split(b"12345678\r\nok\r\n", |pieces| {
            let mut reader = LineReader::new().with_max(4);
            let mut errors = 0;
            for piece in pieces {
                let mut input = *piece;
                while let Some(line) = reader.step(&mut input) {
                    assert!(line.is_err());
                    errors += 1;
                    assert_eq!(reader.take_unfinished(), b"12345");
                }
                assert!(input.is_empty());
            }
            assert_eq!((errors, reader.tail.capacity()), (1, 0));
        });
    }

    #[test]
    fn a_line_that_is_skipped_costs_nothing_and_the_next_one_comes() {
        for delimiter in [Delimiter::CRLF, Delimiter::ANY_NEWLINE] {
            for input in
                [&b"12345678\r\n12345\r\nok\r\nrest"[..], b"12345\r\n12345\r6\r\nok\r\nrest"]
            {
                every_split(input, |pieces| {
                    let mut reader =
                        LineReader::new().with_max(4).with_delimiter(delimiter.clone());
                    let mut lines = Vec::new();
                    for piece in pieces {
                        let mut input = *piece;
                        while let Some(line) = reader.step(&mut input) {
                            match line {
                                Ok(line) => lines.push(line.into_owned()),
                                Err(_) => {
                                    reader.take_unfinished();
                                    reader.skip_line();
                                }
                            }
                            assert!(reader.tail.len() <= 6);
                        }
                    }
                    assert_eq!(lines.last().unwrap(), b"ok", "{lines:?}");
                    assert_eq!(reader.take_unfinished(), b"rest");
                });
            }
        }
    }

    #[test]
    fn a_line_that_is_too_long_by_the_byte_that_ends_it_is_skipped_too() {
        every_split(b"12345\nok\n", |pieces| {
            let mut reader = LineReader::new().with_max(4).with_delimiter(Delimiter::ANY_NEWLINE);
            let mut lines = Vec::new();
            for piece in pieces {
                let mut input = *piece;
                while let Some(line) = reader.step(&mut input) {
                    match line {
                        Ok(line) => lines.push(line.into_owned()),
                        Err(_) => reader.skip_line(),
                    }
                    reader.take_unfinished();
                }
            }
            assert_eq!(lines, [b"ok"]);
        });
    }

    #[test]
    fn the_unfinished_line_is_never_more_than_its_maximum_and_delimiter() {
        let mut reader = LineReader::new();
        let mut input = &[b'x'; limits::LINE_BYTES][..];
        while let Some((byte, rest)) = input.split_first() {
            assert!(reader.step(&mut std::slice::from_ref(byte)).is_none());
            assert!(reader.tail.capacity() <= limits::LINE_BYTES + 2);
            input = rest;
        }
        assert!(reader.step(&mut &b"\r"[..]).is_none());
        let line = reader.step(&mut &b"\n"[..]).unwrap().unwrap();
        assert_eq!(line.len(), limits::LINE_BYTES);
        assert_eq!(reader.tail.capacity(), 0);
    }

    #[test]
    fn a_whole_line_is_lent() {
        let mut reader = LineReader::new();
        let mut input = &b"one\r\ntwo\r\nthr"[..];
        for _ in 0..2 {
            assert!(matches!(reader.step(&mut input), Some(Ok(Cow::Borrowed(_)))));
        }
        assert!(reader.step(&mut input).is_none());
        assert!(matches!(reader.step(&mut &b"ee\r\n"[..]), Some(Ok(Cow::Owned(_)))));
    }

    #[test]
    fn a_line_with_a_delimiter_in_it_cannot_be_sent() {
        let mut out = b"before".to_vec();
        let (strict, lenient) =
            (LineReader::new(), LineReader::new().with_delimiter(Delimiter::ANY_NEWLINE));
        assert_eq!(strict.encode(b"a\r\nb", &mut out), Err(FrameError::HoldsDelimiter));
        assert_eq!(lenient.encode(b"a\nb", &mut out), Err(FrameError::HoldsDelimiter));
        // Its end and the delimiter's beginning would be a delimiter.
        assert_eq!(with(b"aba").encode(b"xab", &mut out), Err(FrameError::HoldsDelimiter));
        assert_eq!(out, b"before");
        with(b"aba").encode(b"xa", &mut Vec::new()).unwrap();
        strict.encode(b"a\r", &mut Vec::new()).unwrap();
        strict.encode(b"a\nb", &mut out).unwrap();
        lenient.encode(b"c", &mut out).unwrap();
        assert_eq!(out, b"beforea\nb\r\nc\r\n");
    }

    #[test]
    fn a_delimiter_has_bounds() {
        assert!(Delimiter::new(&[0; limits::DELIMITER_BYTES]).is_ok());
        let long = Delimiter::new(&[0; limits::DELIMITER_BYTES + 1]);
        assert_eq!(long, Err(FrameError::BadDelimiter));
    }

    #[test]
    fn the_delimiter_and_the_maximum_may_change_between_lines() {
        let mut reader = LineReader::new();
        let mut input = &b"a\r\nb;c\r\nd;toolong"[..];
        assert_eq!(reader.step(&mut input).unwrap().unwrap(), &b"a"[..]);
        reader.set_delimiter(Delimiter::new(b";").unwrap());
        reader.set_max(4);
        assert_eq!(reader.step(&mut input).unwrap().unwrap(), &b"b"[..]);
        assert_eq!(reader.step(&mut input).unwrap().unwrap(), &b"c\r\nd"[..]);
        assert!(reader.step(&mut input).unwrap().is_err());
    }
}
