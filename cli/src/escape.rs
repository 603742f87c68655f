//! Text of others as it may be printed: what could drive a terminal, or look like another
//! line, is shown instead of obeyed.
//! Owns: which characters those are, and how they are written. Never: decides where text
//! goes; into a pipe bytes go as they are.

use std::fmt::Write as _;

use crate::limits::QUOTED_CHARS;

/// On one line: for addresses, names and command lines in errors and logs.
pub(crate) fn line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    text.chars().for_each(|c| push(&mut shown, c));
    shown
}

/// On one line, and no longer than [`QUOTED_CHARS`].
pub(crate) fn quote(text: &str) -> String {
    let shown = line(text);
    match shown.char_indices().nth(QUOTED_CHARS) {
        Some((at, _)) => format!("{}…", &shown[..at]),
        None => shown,
    }
}

/// Bytes of a peer as a terminal shows them. Lines stay lines and tabs tabs; every other
/// control character is written out, and so is what is not UTF-8.
///
/// It is fed piece by piece: a character that is cut in two is shown when it is whole.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// The beginning of a character, or a carriage return: at most three bytes.
    unfinished: Vec<u8>,
}

impl Shown {
    /// What can be shown now.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut input = std::mem::take(&mut self.unfinished);
        input.extend_from_slice(bytes);
        let mut shown = String::with_capacity(input.len());
        let mut chunks = input.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            let is_last = chunks.peek().is_none();
            let mut valid = chunk.valid();
            if is_last && chunk.invalid().is_empty() && valid.ends_with('\r') {
                self.unfinished.push(b'\r'); // a line's end, if a newline follows
                valid = &valid[..valid.len() - 1];
            }
            push_lines(&mut shown, valid);
            if is_last && may_go_on(chunk.invalid()) {
                self.unfinished.extend_from_slice(chunk.invalid());
            } else {
                push_bytes(&mut shown, chunk.invalid());
            }
        }
        shown.into_bytes()
    }

    /// What was left unfinished: no more comes.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let mut shown = String::new();
        match self.unfinished.as_slice() {
            b"\r" => push(&mut shown, '\r'),
            bytes => push_bytes(&mut shown, bytes),
        }
        self.unfinished.clear();
        shown.into_bytes()
    }
}

/// Whether these bytes are the beginning of a character.
fn may_go_on(bytes: &[u8]) -> bool {
    !bytes.is_empty() && std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

fn push_lines(shown: &mut String, text: &str) {
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\n' | '\t' => shown.push(c),
            '\r' if rest.peek() == Some(&'\n') => {} // the newline is enough
            _ => push(shown, c),
        }
    }
}

fn push(shown: &mut String, c: char) {
    match c {
        '\n' => shown.push_str("\\n"),
        '\r' => shown.push_str("\\r"),
        '\t' => shown.push_str("\\t"),
        _ if (c as u32) < 0x80 && c.is_control() => drop(write!(shown, "\\x{:02x}", c as u32)),
        _ if c.is_control() || reorders(c) => drop(write!(shown, "\\u{{{:x}}}", c as u32)),
        _ => shown.push(c),
    }
}

fn push_bytes(shown: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(shown, "\\x{byte:02x}");
    }
}

/// Characters that make a line read otherwise than it is: directions, separators of lines,
/// the invisible.
fn reorders(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
        | '\u{61c}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pieces: &[&[u8]]) -> String {
        let mut escape = Shown::default();
        let mut all: Vec<u8> = pieces.iter().flat_map(|piece| escape.feed(piece)).collect();
        all.extend(escape.finish());
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn what_drives_a_terminal_is_written_out() {
        assert_eq!(shown(&[b"\x1b[2Ja\x07\x7f\tb\r\nc\n"]), "\\x1b[2Ja\\x07\\x7f\tb\nc\n");
        assert_eq!(shown(&["\u{9b}31m\u{202e}é绳".as_bytes()]), "\\u{9b}31m\\u{202e}é绳");
        assert_eq!(shown(&[b"10%\r20%\r"]), "10%\\r20%\\r");
        assert_eq!(shown(&[b"\xff\xc3("]), "\\xff\\xc3(");
    }

    #[test]
    fn it_is_the_same_however_the_bytes_are_cut() {
        let all = "é\x1b绳\r\n\rx\u{202e}\u{1f9f5}\r".as_bytes();
        let mut broken = all.to_vec();
        broken.extend(b"\xf0\x9f\x41\xff\xe7\xbb");
        for bytes in [all, &broken] {
            let whole = shown(&[bytes]);
            for a in 0..=bytes.len() {
                for b in a..=bytes.len() {
                    assert_eq!(shown(&[&bytes[..a], &bytes[a..b], &bytes[b..]]), whole);
                }
            }
        }
    }

    #[test]
    fn a_quotation_is_one_line_and_cut() {
        assert_eq!(line("a\nb\u{1b}"), "a\\nb\\x1b");
        let long = quote(&"x".repeat(QUOTED_CHARS + 1));
        assert_eq!(long.chars().count(), QUOTED_CHARS + 1);
        assert!(long.ends_with("x…"));
    }
}
