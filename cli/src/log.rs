//! What is told on standard error while the program runs.
//! Owns: the way there, which never holds up a connection: a reader that is too slow loses
//! lines, and is told how many. Never: decides what is worth a line.

use std::io::{self, Write};
use std::sync::{Arc, OnceLock};

use tracing::level_filters::LevelFilter;

use crate::above::Event;
use crate::escape;
use crate::limits::{LOG_BYTES, LOG_FLUSH};
use crate::stdio;
use crate::writer::Writer;

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// The first line, the last, and errors (`-q`).
    Quiet,
    /// A line for each closed connection.
    Usual,
    /// And for each opened one, and what the library has to say (`-v`).
    More,
    /// And what helps to find a fault (`-vv`).
    Most,
}

/// Standard error. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Log {
    writer: Writer,
    level: Level,
    /// For forked children: the log is their parent's.
    above: Arc<OnceLock<Above>>,
}

/// The way from children to the process whose log it is.
struct Above {
    process: u32,
    tell: Tell,
}

/// Tells it to the process above.
type Tell = Box<dyn Fn(&Event) + Send + Sync>;

impl Log {
    /// A log at this level, on standard error.
    pub(crate) fn start(level: Level) -> io::Result<Log> {
        let lost = |count| format!("({count} lines are lost here: they were not read in time)\n");
        let writer = Writer::start("log", stdio::error()?, LOG_BYTES, lost)?;
        Ok(Log { writer, level, above: Arc::default() })
    }

    /// It is the library's log as well.
    pub(crate) fn hear_library(&self) {
        let library = match self.level {
            Level::Quiet => LevelFilter::ERROR,
            Level::Usual => LevelFilter::WARN,
            Level::More => LevelFilter::INFO,
            Level::Most => LevelFilter::DEBUG,
        };
        let writer = self.clone();
        tracing_subscriber::fmt()
            .with_max_level(library)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .log_internal_errors(false) // nobody reads the log: no reason to panic
            .init();
    }

    /// The same, of which less is told.
    pub(crate) fn at(&self, level: Level) -> Log {
        Log { level, ..self.clone() }
    }

    pub(crate) fn level(&self) -> Level {
        self.level
    }

    /// A line, which others may have had a word in: shown, not obeyed.
    pub(crate) fn say(&self, line: &str) {
        self.lines(&format!("{}\n", escape::line(line)));
    }

    /// Several lines of our own.
    pub(crate) fn lines(&self, lines: &str) {
        match self.above() {
            Some(tell) => tell(&Event::Lines(lines.to_owned())),
            None => self.writer.offer(lines.as_bytes()),
        }
    }

    /// Waits, within a bound, until what was said is written.
    pub(crate) fn finish(&self) {
        // If nobody reads it, that is no reason to end otherwise.
        let _ = self.writer.flush(Some(LOG_FLUSH));
    }

    /// In a forked child: who is to be told, instead.
    pub(crate) fn above(&self) -> Option<&Tell> {
        let above = self.above.get().filter(|above| above.process != std::process::id())?;
        Some(&above.tell)
    }

    /// The log stays this process's: from its first step on, a child tells it so, since it
    /// has no thread that writes, and the writer's lock may be held for ever there.
    // Only Unix has such children.
    #[cfg(unix)]
    pub(crate) fn keep(&self, tell: Tell) {
        let _ = self.above.set(Above { process: std::process::id(), tell }); // once a program
    }
}

/// The library's lines, each written at once.
impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        self.say(text.trim_end_matches('\n'));
        Ok(line.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
