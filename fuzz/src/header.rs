//! A PROXY header in one piece, cut in two, and byte by byte: the same answer each time.

use ropewalk::policy::{HEADER_BYTES, Header, HeaderParser};

/// The header and the bytes it took, or that it is none, or that it is not whole.
type Answer = Result<Option<(Header, usize)>, String>;

fn parse(pieces: &[&[u8]]) -> Answer {
    let mut parser = HeaderParser::new();
    let mut before = 0;
    for piece in pieces {
        match parser.feed(piece) {
            Ok(Some((header, used))) => {
                assert!(used <= piece.len(), "took more than it was given");
                return Ok(Some((header, before + used)));
            }
            Ok(None) => before += piece.len(),
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(None)
}

/// The first byte says where to cut; the others are the input.
///
/// # Panics
/// If the answers differ, or a header is longer than one may be.
pub fn run(input: &[u8]) {
    let Some((cut, input)) = input.split_first() else { return };
    let whole = parse(&[input]);
    let (first, rest) = input.split_at(usize::from(*cut).min(input.len()));
    assert_eq!(parse(&[first, rest]), whole, "cut at {cut}");
    assert_eq!(parse(&input.chunks(1).collect::<Vec<_>>()), whole, "byte by byte");
    match whole {
        Ok(Some((_, used))) => {
            assert!(used <= HEADER_BYTES, "{used} B");
            assert!(input[..used].ends_with(b"\r\n"));
            assert!(input.starts_with(b"PROXY "));
        }
        Ok(None) => assert!(input.len() < HEADER_BYTES, "{} B and still no answer", input.len()),
        Err(_) => {}
    }
}
