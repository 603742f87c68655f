//! Reads a header of either version: its first byte says which.
//! Owns: the position, the error's sentence, and that it ends with the first error.
//! Never: takes a byte more than the header has.

use super::binary::{Binary, SIGNATURE};
use super::header::{Header, Tlv};
use super::text::Text;
use crate::error::{Error, ErrorKind, Operation, Result};

/// Reads a header, byte by byte if need be; pure.
///
/// ```
/// use ropewalk::policy::{Header, HeaderParser};
/// let mut parser = HeaderParser::new();
/// assert_eq!(parser.feed(b"PROXY UNK").unwrap(), None);
/// assert_eq!(parser.feed(b"NOWN\r\nhello").unwrap(), Some((Header::Unknown, 6)));
/// assert!(HeaderParser::new().feed(b"GET / HTTP/1.1\r\n").is_err());
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "V1Parser")]
#[doc(alias = "V2Parser")]
pub struct HeaderParser {
    format: Format,
    /// Bytes taken so far.
    count: usize,
    tlvs: Vec<Tlv>,
}

#[derive(Clone, Debug)]
enum Format {
    /// Nothing has come yet.
    Unknown,
    Text(Text),
    Binary(Binary),
    /// It is over, whole or refused.
    Over,
}

impl HeaderParser {
    /// At the beginning of a header.
    pub fn new() -> HeaderParser {
        HeaderParser { format: Format::Unknown, count: 0, tlvs: Vec::new() }
    }

    /// Takes bytes up to the header's end. Answers, once it is whole, what it says and
    /// how many of `data` belong to it.
    ///
    /// # Errors
    /// At the first byte that no header has at its place; and for whatever comes after
    /// the end or an error.
    pub fn feed(&mut self, data: &[u8]) -> Result<Option<(Header, usize)>> {
        for (at, &byte) in data.iter().enumerate() {
            if let Some(header) = self.push(byte)? {
                return Ok(Some((header, at + 1)));
            }
        }
        Ok(None)
    }

    /// Takes one byte.
    ///
    /// # Errors
    /// As [`HeaderParser::feed`].
    pub fn push(&mut self, byte: u8) -> Result<Option<Header>> {
        self.count += 1;
        if let Format::Unknown = self.format {
            self.format = match byte == SIGNATURE[0] {
                true => Format::Binary(Binary::default()),
                false => Format::Text(Text::new()),
            };
        }
        let answer = match &mut self.format {
            Format::Text(text) => text.push(byte),
            Format::Binary(binary) => binary.push(byte),
            Format::Unknown | Format::Over => Err("the header is over"),
        };
        if !matches!(answer, Ok(None)) {
            if let Format::Binary(binary) = std::mem::replace(&mut self.format, Format::Over) {
                self.tlvs = binary.tlvs;
            }
        }
        answer.map_err(|why| {
            let sentence = format!("byte {} of the PROXY header is wrong: {why}", self.count);
            Error::new(Operation::Parse, ErrorKind::InvalidInput, sentence)
        })
    }

    /// The additions of a binary header, once it is whole, in their order.
    pub fn tlvs(&self) -> &[Tlv] {
        &self.tlvs
    }
}

impl Default for HeaderParser {
    fn default() -> HeaderParser {
        HeaderParser::new()
    }
}
