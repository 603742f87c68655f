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

    fn is_in(&self, line: &[u8]) -> bool {
        self.find(&mut 0, line).is_some()
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
        if self.delimiter.is_in(line) {
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
