//! A quote for each who connects (RFC 865).
//! Owns: the quotes, and whose turn it is. Never: reads, from a peer or a file.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::limits;
use crate::protocol::{Protocol, Transport};

/// The quote of the day: one of these quotes, and the end. Each client gets the next one.
///
/// ```
/// use ropewalk::{Protocol, service::{Qotd, Quotes}, testing::Recorder};
/// let quotes = Quotes::parse("Knots hold by friction.\n%\nSplice, do not tie.\n").unwrap();
/// let mut recorder = Recorder::new();
/// Qotd::new(quotes).connection_made(&mut recorder);
/// assert_eq!(recorder.written(), b"Knots hold by friction.\r\n");
/// assert!(recorder.is_closed());
/// ```
#[derive(Clone, Debug)]
pub struct Qotd {
    quotes: Quotes,
}

impl Qotd {
    /// A protocol that tells the next of these quotes.
    pub fn new(quotes: Quotes) -> Qotd {
        Qotd { quotes }
    }
}

impl Protocol for Qotd {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        transport.write(self.quotes.next().as_bytes());
        transport.close();
    }

    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
}

/// Quotes to tell, in turn; its copies share the turn, on whatever thread.
#[derive(Clone, Debug)]
pub struct Quotes(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    quotes: Vec<String>,
    next: AtomicUsize,
}

/// Why quotes cannot be told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuoteError {
    /// There is none.
    None,
    /// One has more than [`limits::QUOTE_BYTES`], line ends included.
    TooLong {
        /// Which, counted from 1.
        number: usize,
        /// Its bytes.
        bytes: usize,
    },
    /// One has a control character, which a client's terminal would obey.
    Control {
        /// Which, counted from 1.
        number: usize,
        /// The character.
        found: char,
    },
}

impl Quotes {
    /// These quotes. Their lines end as they are sent, with `\r\n`.
    ///
    /// # Errors
    /// There is none, or one is too long or holds control characters.
    pub fn new<S: AsRef<str>>(quotes: impl IntoIterator<Item = S>) -> Result<Quotes, QuoteError> {
        let quotes: Vec<String> = quotes
            .into_iter()
            .map(|quote| {
                quote.as_ref().trim_end().lines().map(|line| format!("{line}\r\n")).collect()
            })
            .filter(|quote: &String| !quote.is_empty())
            .collect();
        for (number, quote) in (1..).zip(&quotes) {
            if quote.len() > limits::QUOTE_BYTES {
                return Err(QuoteError::TooLong { number, bytes: quote.len() });
            }
            let is_bad = |c: &char| c.is_control() && !matches!(c, '\r' | '\n' | '\t');
            if let Some(found) = quote.chars().find(is_bad) {
                return Err(QuoteError::Control { number, found });
            }
        }
        if quotes.is_empty() {
            return Err(QuoteError::None);
        }
        Ok(Quotes(Arc::new(Inner { quotes, next: AtomicUsize::new(0) })))
    }

    /// The quotes of a text, between lines that are a single `%`, as `fortune` has them.
    ///
    /// # Errors
    /// As [`Quotes::new`].
    pub fn parse(text: &str) -> Result<Quotes, QuoteError> {
        let mut quotes = vec![String::new()];
        for line in text.lines() {
            if line == "%" {
                quotes.push(String::new());
            } else if let Some(quote) = quotes.last_mut() {
                quote.push_str(line);
                quote.push('\n');
            }
        }
        Quotes::new(quotes.iter().filter(|quote| !quote.trim().is_empty()))
    }

    /// The next one.
    fn next(&self) -> &str {
        // Relaxed: it orders nothing; two clients at once get two quotes.
        let turn = self.0.next.fetch_add(1, Ordering::Relaxed);
        &self.0.quotes[turn % self.0.quotes.len()] // `new` refuses none
    }
}

impl fmt::Display for QuoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QuoteError::None => f.write_str("there is no quote; a line `%` stands between two"),
            QuoteError::TooLong { number, bytes } => write!(
                f,
                "quote {number} has {bytes} bytes, and RFC 865 allows {}; a line `%` stands \
                 between two",
                limits::QUOTE_BYTES
            ),
            QuoteError::Control { number, found } => write!(
                f,
                "quote {number} has the control character {found:?}, which a client's terminal \
                 would obey; take it out"
            ),
        }
    }
}

impl std::error::Error for QuoteError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_gets_the_next_quote_and_after_the_last_the_first() {
        let quotes = Quotes::parse("one\n%\ntwo\nlines\n%\n\n%\nthree").unwrap();
        let told: Vec<_> = (0..4).map(|_| quotes.clone().next().to_owned()).collect();
        assert_eq!(told, ["one\r\n", "two\r\nlines\r\n", "three\r\n", "one\r\n"]);
    }

    #[test]
    fn a_quote_has_bounds() {
        let longest = "x".repeat(limits::QUOTE_BYTES - 2);
        assert!(Quotes::new([&longest]).is_ok());
        let error = Quotes::new(["short", &format!("{longest}x")]).unwrap_err();
        assert_eq!(error, QuoteError::TooLong { number: 2, bytes: limits::QUOTE_BYTES + 1 });
        assert!(error.to_string().starts_with("quote 2 has 512 bytes"));
        assert_eq!(Quotes::parse("%\n%\n").unwrap_err(), QuoteError::None);
        assert_eq!(Quotes::new([""; 0]).unwrap_err(), QuoteError::None);
        let error = Quotes::parse("\x1b[2J").unwrap_err();
        assert_eq!(error, QuoteError::Control { number: 1, found: '\x1b' });
    }
}
