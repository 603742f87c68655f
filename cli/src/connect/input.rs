//! Standard input, read on a thread of its own, a piece when it is asked for.
//! Owns: that no more than one piece is on its way. Never: knows what becomes of it.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::{self, Sender};

use crate::limits::PIECE_BYTES;
use crate::stdio;

/// What was read.
#[derive(Debug)]
pub(super) enum Piece {
    Bytes(Vec<u8>),
    End,
    Failed(io::Error),
}

/// How input is cut into pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// As it comes, at most so many bytes.
    AsItComes(usize),
    /// At the ends of lines, which are left out. What is longer than so many bytes comes in
    /// several.
    Lines(usize),
}

/// Asks the thread that reads.
pub(super) struct Input(Sender<()>);

impl Input {
    /// Starts the thread. `deliver` is called on it, and says whether anybody still listens.
    pub(super) fn start(
        cut: Cut,
        deliver: impl Fn(Piece) -> bool + Send + 'static,
    ) -> io::Result<Input> {
        let (asks, asked) = mpsc::channel();
        let mut reader = BufReader::with_capacity(PIECE_BYTES, stdio::input()?);
        std::thread::Builder::new().name("input".into()).spawn(move || {
            let mut in_line = false;
            while asked.recv().is_ok() {
                let piece = read(&mut reader, cut, &mut in_line);
                let more = matches!(piece, Piece::Bytes(_));
                if !deliver(piece) || !more {
                    return;
                }
            }
        })?;
        Ok(Input(asks))
    }

    /// Asks for the next piece.
    pub(super) fn ask(&self) {
        // After the end there is none, and nobody to ask.
        let _ = self.0.send(());
    }
}

/// `in_line` is what it has to remember: the last piece was not the end of its line.
fn read(reader: &mut impl BufRead, cut: Cut, in_line: &mut bool) -> Piece {
    let read = match cut {
        Cut::AsItComes(most) => as_it_comes(reader, most),
        Cut::Lines(most) => line(reader, most, in_line),
    };
    match read {
        Ok(Some(bytes)) => Piece::Bytes(bytes),
        Ok(None) => Piece::End,
        Err(error) => Piece::Failed(error),
    }
}

fn as_it_comes(reader: &mut impl BufRead, most: usize) -> io::Result<Option<Vec<u8>>> {
    let waiting = reader.fill_buf()?;
    let piece = waiting[..waiting.len().min(most)].to_vec();
    reader.consume(piece.len());
    Ok((!piece.is_empty()).then_some(piece))
}

/// A line without its end, or a part of one. Nothing but an end is no part: it is empty only
/// if the line is.
fn line(reader: &mut impl BufRead, most: usize, in_line: &mut bool) -> io::Result<Option<Vec<u8>>> {
    loop {
        let mut line = Vec::new();
        if reader.take(most as u64).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if line.ends_with(b"\r") && reader.fill_buf()?.first() == Some(&b'\n') {
            reader.consume(1); // an end that was cut in two
            line.push(b'\n');
        }
        let is_end = line.ends_with(b"\n");
        if is_end {
            line.pop();
            line.pop_if(|byte| *byte == b'\r');
        }
        let is_part = std::mem::replace(in_line, !is_end);
        if !(is_part && line.is_empty()) {
            return Ok(Some(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(input: &[u8], cut: Cut) -> Vec<Vec<u8>> {
        let mut reader = BufReader::with_capacity(8, input);
        let mut in_line = false;
        let pieces = std::iter::from_fn(|| match read(&mut reader, cut, &mut in_line) {
            Piece::Bytes(bytes) => Some(bytes),
            Piece::End => None,
            Piece::Failed(error) => panic!("{error}"),
        });
        pieces.collect()
    }

    #[test]
    fn pieces_are_what_comes_and_lines_are_lines() {
        assert_eq!(all(b"abc\ndefghij", Cut::AsItComes(6)), [&b"abc\nde"[..], b"fg", b"hij"]);
        assert_eq!(all(b"a\r\n\nb", Cut::Lines(8)), [&b"a"[..], b"", b"b"]);
    }

    #[test]
    fn a_part_of_a_line_is_never_empty() {
        let input = b"abc\nabcdef\r\n\nabcd";
        assert_eq!(all(input, Cut::Lines(3)), [&b"abc"[..], b"abc", b"def", b"", b"abc", b"d"]);
        assert_eq!(all(b"ab\r\ncd\r", Cut::Lines(3)), [&b"ab"[..], b"cd\r"]);
    }
}
