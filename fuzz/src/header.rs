//! A PROXY header in one piece, cut in two, and byte by byte: the same answer each time.

use ropewalk::policy::{BINARY_HEADER_BYTES, HEADER_BYTES, Header, HeaderParser};

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
    let is_text = input.starts_with(b"P");
    let longest = if is_text { HEADER_BYTES } else { BINARY_HEADER_BYTES };
    match whole {
        Ok(Some((header, used))) => {
            assert!(used <= longest, "{used} B");
            assert!(!is_text || input[..used].ends_with(b"\r\n") && input.starts_with(b"PROXY "));
            again(&header);
        }
        Ok(None) => assert!(input.len() < longest, "{} B and still no answer", input.len()),
        Err(_) => {}
    }
}

/// What was read is written so that it is read the same; but a path that was cut at a zero or
/// is no text, and what version 1 has no words for.
fn again(header: &Header) {
    let parsed = |bytes: &[u8]| parse(&[bytes]).expect("it is a header").expect("it is whole").0;
    let text = parsed(&header.to_text());
    match header {
        Header::Stream { source, .. } if source.ip().is_some() => assert_eq!(text, *header),
        _ => assert_eq!(text, Header::Unknown),
    }
    let is_path = |(source, _): (&ropewalk::Addr, _)| source.ip().is_none();
    if !header.addresses().is_some_and(is_path) {
        let binary = header.to_binary(&[]).expect("it is short");
        assert_eq!(parsed(&binary), *header);
    }
}
