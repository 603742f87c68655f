//! Errors as a person reads them: what, why, what now; and the code that belongs to each.
//! Owns: the exit codes and the form of an error. Never: a backtrace, or the words of a
//! particular cause; those are `explain`'s.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use ropewalk::endpoint::EndpointError;

use crate::stdio;

/// Anything that has no code of its own.
pub(crate) const OTHER: u8 = 1;
/// Arguments or an endpoint that cannot be meant.
pub(crate) const USAGE: u8 = 2;
/// An address that cannot be listened on.
pub(crate) const LISTEN: u8 = 3;
/// A peer that cannot be reached, or a deadline that passed.
pub(crate) const CONNECT: u8 = 4;
/// TLS was refused: by us, or by the peer.
pub(crate) const TLS: u8 = 5;
/// The peer reset the connection.
pub(crate) const RESET: u8 = 6;
/// Standard output is gone: as if SIGPIPE had ended us.
pub(crate) const OUTPUT_GONE: u8 = 141;
/// And the number of a signal that cut a drain short.
pub(crate) const SIGNAL: u8 = 128;

/// For `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0      done
  1      anything else
  2      arguments or an endpoint that cannot be meant
  3      cannot listen
  4      cannot connect, or a deadline passed
  5      TLS was refused, by us or by the peer
  6      the peer reset the connection
  7      a comparison failed (not used yet)
  128+n  signal n ended it, or cut its drain short; 141: standard output is gone";

/// Why the program ends with an error.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    sentence: String,
    notes: Vec<String>,
    help: Option<String>,
}

impl Failure {
    /// What failed and why, in one sentence.
    pub(crate) fn new(code: u8, sentence: impl Into<String>) -> Failure {
        Failure { code, sentence: sentence.into(), notes: Vec::new(), help: None }
    }

    /// The same with a line that says more.
    #[must_use]
    pub(crate) fn note(mut self, note: impl Into<String>) -> Failure {
        self.notes.push(note.into());
        self
    }

    /// The same with what to do about it.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Failure {
        self.help = Some(help.into());
        self
    }

    /// A caret line stays under what it points at.
    fn from_rendered(code: u8, text: &str) -> Failure {
        let mut lines = text.lines();
        let failure = Failure::new(code, lines.next().unwrap_or_default());
        lines.fold(failure, |failure, line| failure.note(line.strip_prefix("  ").unwrap_or(line)))
    }

    /// Tells it, and gives the code.
    pub(crate) fn report(&self) -> ExitCode {
        let mut text = format!("error: {}\n", self.sentence);
        for note in &self.notes {
            let _ = writeln!(text, "  {note}");
        }
        if let Some(help) = &self.help {
            let _ = writeln!(text, "  help: {help}");
        }
        say(&text);
        ExitCode::from(self.code)
    }
}

/// Arguments that cannot be meant, in the parser's words and our form.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    let more = "\n\nFor more information, try '--help'.";
    say(&text.replace(more, "\n  help: ropewalk --help"));
    ExitCode::from(USAGE)
}

/// Tells it on standard error; if even that is gone, the code is all there is.
fn say(text: &str) {
    let _ = stdio::error().and_then(|mut error| error.write_all(text.as_bytes()));
}

/// What it means that standard output could not be written.
pub(crate) fn output(error: &std::io::Error) -> Result<u8, Failure> {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        return Ok(OUTPUT_GONE); // whoever read it knows
    }
    Err(Failure::new(OTHER, format!("cannot write to standard output: {error}"))
        .help("what is there is cut: make room for it, and ask again"))
}

impl From<EndpointError> for Failure {
    fn from(error: EndpointError) -> Failure {
        Failure::from_rendered(USAGE, &error.render())
    }
}
