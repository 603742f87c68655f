//! What is wrong with an endpoint, and where: a sentence, and a caret under the fault.
//! Owns: the error, its span, how it is shown. Never: decides what is wrong.

use std::error::Error as StdError;
use std::fmt;
use std::ops::Range;

use crate::error::{Error, ErrorKind, Operation};
use crate::limits;

/// Why a text is no endpoint, or not one for what was asked.
///
/// `{}` is one sentence. `{:#}` is for a person at a terminal: the text with a caret under
/// what is wrong, and what to do. Characters that would not be seen, or that a terminal
/// would obey, are shown escaped; a text that is too long for a line is cut around the fault.
///
/// ```
/// use ropewalk::endpoint::Endpoint;
/// let error = "tcp:8080,bakclog=512".parse::<Endpoint>().unwrap_err();
/// assert_eq!(error.to_string(), "unknown option `bakclog` in endpoint");
/// assert_eq!(&error.text()[error.span()], "bakclog");
/// let shown = [
///     "unknown option `bakclog` in endpoint",
///     "  tcp:8080,bakclog=512",
///     "           ^^^^^^^ did you mean `backlog`?",
///     "  help: ropewalk help endpoints",
/// ];
/// assert_eq!(format!("{error:#}"), shown.join("\n"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointError(Box<Inner>); // one word wide in every `Result`

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    text: String,
    fault: Fault,
}

/// The same without the text, as whoever finds it knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    span: Range<usize>,
    cause: String,
    label: String,
    help: String,
}

impl EndpointError {
    /// `text` is the whole of what was written.
    pub(super) fn new(text: &str, fault: Fault) -> EndpointError {
        let kept = boundary(text, limits::ENDPOINT_BYTES);
        let start = boundary(text, fault.span.start.min(kept));
        let end = boundary(text, fault.span.end.clamp(start, kept));
        let fault = Fault { span: start..end, ..fault };
        EndpointError(Box::new(Inner { text: text[..kept].to_owned(), fault }))
    }

    /// What was written; of a text that is too long, its first
    /// [`ENDPOINT_BYTES`](limits::ENDPOINT_BYTES).
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Which bytes of [`text`](EndpointError::text) are wrong: on the boundaries of
    /// characters, and never past its end. Empty where something is missing.
    pub fn span(&self) -> Range<usize> {
        self.0.fault.span.clone()
    }

    /// What is wrong, as a sentence.
    pub fn cause(&self) -> &str {
        &self.0.fault.cause
    }

    /// What stands beside the caret: how it would be right. May be empty.
    pub fn label(&self) -> &str {
        &self.0.fault.label
    }

    /// What to do, or where to read more.
    pub fn help(&self) -> &str {
        match self.0.fault.help.as_str() {
            "" => "ropewalk help endpoints",
            help => help,
        }
    }

    /// The same as `{:#}`: cause, text, caret with its label, help; four lines, without a
    /// line end after the last.
    pub fn render(&self) -> String {
        let (shown, before, under) = excerpt(self.text(), &self.span());
        let pointer = format!("{}{} {}", " ".repeat(before), "^".repeat(under), self.label());
        format!("{}\n  {shown}\n  {}\n  help: {}", self.cause(), pointer.trim_end(), self.help())
    }
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match f.alternate() {
            true => f.write_str(&self.render()),
            false => f.write_str(self.cause()),
        }
    }
}

impl fmt::Debug for EndpointError {
    /// As [`Error`]'s: what `main` prints is for a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match f.alternate() {
            true => self.0.fmt(f),
            false => f.write_str(&self.render()),
        }
    }
}

impl StdError for EndpointError {}

impl From<EndpointError> for Error {
    fn from(error: EndpointError) -> Error {
        let remedy = if error.label().is_empty() { error.help() } else { error.label() };
        Error::new(Operation::Parse, ErrorKind::InvalidInput, error.cause())
            .at(excerpt(error.text(), &error.span()).0)
            .with_remedy(remedy)
    }
}

impl Fault {
    pub(super) fn new(span: Range<usize>, cause: impl Into<String>) -> Fault {
        Fault { span, cause: cause.into(), label: String::new(), help: String::new() }
    }

    #[must_use]
    pub(super) fn label(mut self, label: impl Into<String>) -> Fault {
        self.label = label.into();
        self
    }

    pub(super) fn has_help(&self) -> bool {
        !self.help.is_empty()
    }

    #[must_use]
    pub(super) fn help(mut self, help: impl Into<String>) -> Fault {
        self.help = help.into();
        self
    }
}

/// A piece of the text inside a sentence, in backticks.
pub(super) fn quoted(piece: &str) -> String {
    format!("`{}`", shown(piece))
}

/// A piece of the text, escaped and cut.
pub(super) fn shown(piece: &str) -> String {
    let mut shown: String =
        piece.chars().take(limits::ENDPOINT_QUOTED_CHARS).map(visible).collect();
    if piece.chars().nth(limits::ENDPOINT_QUOTED_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// Where the fault stands at most in a line that was cut on the left, so that what comes
/// before it is seen, too.
const CONTEXT_COLUMNS: usize = 40;

/// The text on one line, the column where the caret begins, and how wide it is.
fn excerpt(text: &str, span: &Range<usize>) -> (String, usize, usize) {
    let mut cells = Vec::new();
    let mut column = 0;
    for (at, c) in text.char_indices() {
        let shown = visible(c);
        let width = shown.chars().map(columns_of).sum::<usize>();
        cells.push(Cell { at, column, shown });
        column += width;
    }
    let total = column;
    let column_at = |at: usize| {
        let index = cells.partition_point(|cell| cell.at < at);
        cells.get(index).map_or(total, |cell| cell.column)
    };
    let (start, end) = (column_at(span.start), column_at(span.end));
    let most = limits::ENDPOINT_SHOWN_COLUMNS;
    if total <= most {
        let shown = cells.into_iter().map(|cell| cell.shown).collect();
        return (shown, start, (end - start).max(1));
    }
    // Each mark that something is left out takes a column.
    let from = start.saturating_sub(CONTEXT_COLUMNS);
    let first = cells.partition_point(|cell| cell.column < from);
    let from = cells.get(first).map_or(total, |cell| cell.column);
    let mark_before = usize::from(first > 0);
    let room = most - mark_before;
    let ends_within = |column: usize| column - from <= room;
    let mut shown = "…".repeat(mark_before);
    let mut last = from;
    for (index, cell) in cells.iter().enumerate().skip(first) {
        let next = cells.get(index + 1).map_or(total, |next| next.column);
        // The last column is kept for the mark, unless this is the end.
        if !ends_within(if next == total { next } else { next + 1 }) {
            shown.push('…');
            last += 1;
            break;
        }
        shown.push_str(&cell.shown);
        last = next;
    }
    let under = end.min(last).saturating_sub(start).max(1);
    (shown, start - from + mark_before, under)
}

/// A character as it is shown.
struct Cell {
    at: usize,
    column: usize,
    shown: String,
}

/// A character as it can be shown: itself, or its escape if it would not be seen.
fn visible(c: char) -> String {
    match c {
        ' '..='~' => c.to_string(),
        c => c.escape_debug().to_string(),
    }
}

/// How wide a terminal draws it. Rough (no combined emoji), for a caret that stands right
/// under the scripts that people write.
fn columns_of(c: char) -> usize {
    let wide = matches!(c as u32,
        0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF
        | 0xFE30..=0xFE6F | 0xFF00..=0xFF60 | 0xFFE0..=0xFFE6 | 0x1F300..=0x1FAFF
        | 0x20000..=0x3FFFD);
    if wide { 2 } else { 1 }
}

/// The last boundary of a character that is not after `at`.
fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
