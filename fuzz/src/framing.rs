//! Frames of arbitrary bytes, in one piece and in others: the same frames each time, and what
//! was encoded is read again.

use ropewalk::framing::{Delimiter, Framing, LineReader, NetstringReader, PrefixReader};

/// The frames, whether an error ended them, and what was left unfinished.
type Answer = (Vec<Vec<u8>>, bool, Vec<u8>);

fn read<R: Framing>(mut reader: R, pieces: &[&[u8]]) -> Answer {
    let (mut frames, mut failed) = (Vec::new(), false);
    for piece in pieces {
        let mut input = *piece;
        while let Some(frame) = reader.step(&mut input) {
            assert!(!failed, "a frame after an error");
            match frame {
                Ok(frame) => frames.push(frame.into_owned()),
                Err(_) => {
                    failed = true;
                    reader.take_unfinished();
                }
            }
        }
        assert!(input.is_empty(), "input was left");
    }
    let unfinished = reader.take_unfinished();
    assert!(!failed || unfinished.is_empty(), "kept after an error");
    (frames, failed, unfinished)
}

/// As all of it, cut as `cuts` say, and byte by byte.
fn check<R: Framing + Clone>(reader: &R, bytes_max: usize, cuts: &[u8], input: &[u8]) {
    let whole = read(reader.clone(), &[input]);
    let (mut pieces, mut rest) = (Vec::new(), input);
    for cut in cuts.iter().cycle().take(input.len()) {
        let (piece, next) = rest.split_at(usize::from(*cut).min(rest.len()));
        if !piece.is_empty() {
            pieces.push(piece);
        }
        rest = next;
    }
    pieces.push(rest);
    assert_eq!(read(reader.clone(), &pieces), whole, "in {} pieces", pieces.len());
    assert_eq!(read(reader.clone(), &input.chunks(1).collect::<Vec<_>>()), whole, "byte by byte");
    let mut sent = Vec::new();
    for frame in &whole.0 {
        assert!(frame.len() <= bytes_max);
        if let Err(error) = reader.encode(frame, &mut sent) {
            panic!("{error}: it had come");
        }
    }
    let (frames, failed, _) = read(reader.clone(), &[&sent]);
    assert_eq!((frames, failed), (whole.0, false), "what was sent is what was read");
}

/// The first byte says which format, the second its maximum, the third how many bytes say where
/// to cut, and of those that follow how many are a delimiter; the others are the input.
///
/// # Panics
/// If the answers differ, or a frame is longer than its maximum.
pub fn run(input: &[u8]) {
    let [format, most, cuts, input @ ..] = input else { return };
    let bytes_max = usize::from(*most);
    let (cuts, input) = input.split_at(usize::from(cuts % 8).min(input.len()));
    match format % 6 {
        0 => check(&LineReader::new().with_max(bytes_max), bytes_max, cuts, input),
        1 => {
            let reader = LineReader::new().with_max(bytes_max);
            let reader = reader.with_delimiter(Delimiter::ANY_NEWLINE);
            check(&reader, bytes_max, cuts, input);
        }
        2 => {
            let (delimiter, input) = input.split_at((1 + usize::from(format / 6)).min(input.len()));
            let Ok(delimiter) = Delimiter::new(delimiter) else { return };
            let reader = LineReader::new().with_max(bytes_max).with_delimiter(delimiter);
            check(&reader, bytes_max, cuts, input);
        }
        3 => check(&NetstringReader::new().with_max(bytes_max), bytes_max, cuts, input),
        4 => check(&PrefixReader::<1>::new().with_max(bytes_max), bytes_max, cuts, input),
        _ => check(&PrefixReader::<4>::new().with_max(bytes_max), bytes_max, cuts, input),
    }
}
