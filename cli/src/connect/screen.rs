//! What the peer says, on its way to standard output: as it is, or shown to a person.
//! Owns: the form of the notes' client's lines. Never: waits; a thread writes.

use std::cell::RefCell;

use crate::escape::{self, Shown};
use crate::writer::Writer;

/// Standard output, as the conversation sees it.
pub(super) struct Screen {
    output: Writer,
    /// For a terminal.
    shown: Option<RefCell<Shown>>,
}

impl Screen {
    pub(super) fn new(output: Writer, escaped: bool) -> Screen {
        Screen { output, shown: escaped.then(RefCell::default) }
    }

    /// Bytes from the peer. Whether there is room for more.
    pub(super) fn received(&self, data: &[u8]) -> bool {
        match &self.shown {
            Some(shown) => self.output.put(&shown.borrow_mut().feed(data)),
            None => self.output.put(data),
        }
    }

    /// The same, as a line of its own: an answer under `--prompt`.
    pub(super) fn answer(&self, data: &[u8]) -> bool {
        self.received(data);
        self.finish();
        self.output.put(b"\n")
    }

    /// The peer says no more.
    pub(super) fn finish(&self) {
        if let Some(shown) = &self.shown {
            self.output.put(&shown.borrow_mut().finish());
        }
    }

    /// The notes' prompt.
    pub(super) fn prompt(&self) {
        self.output.put(b"> ");
    }

    /// An answer came behind the prompt: a person gets another one.
    pub(super) fn prompt_again(&self) {
        if self.shown.is_some() {
            self.prompt();
        }
    }

    /// The prompt stays unanswered: a terminal's next line begins at its beginning.
    pub(super) fn leave_prompt(&self) {
        if self.shown.is_some() {
            self.output.put(b"\n");
        }
    }

    /// The notes' line before a message goes.
    pub(super) fn sending(&self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text = if self.shown.is_some() { escape::line(&text) } else { text.into_owned() };
        self.output.put(format!("...sending {text}...\n").as_bytes());
    }

    /// Who is told that there is room again, or that nobody reads.
    pub(super) fn listen(&self, listener: impl Fn(crate::writer::Told) + Send + 'static) {
        self.output.listen(listener);
    }
}
