//! Every way in which a stream may cut the same input into pieces.
//! Owns: the list of cuts, and saying which one a failing test failed at.
//! Never: picks at random; the same input gives the same runs.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Inputs up to this many bytes are also cut at every two places. Cost at it: 1,953
/// runs more.
pub const THREE_WAY_BYTES: usize = 64;

/// Calls `run` with the input in one piece, cut at every place, in single bytes, and (up
/// to [`THREE_WAY_BYTES`]) cut at every two places. Answers how often it ran.
///
/// A stream has no message boundaries, so whatever takes bytes must do the same for all
/// of these. No piece is empty, as `data_received` gets none; an empty input runs once,
/// without pieces.
///
/// ```
/// use ropewalk::testing::every_split;
/// let runs = every_split(b"abc", |pieces| assert_eq!(pieces.concat(), b"abc"));
/// assert_eq!(runs, 4); // abc, a|bc, ab|c, a|b|c
/// ```
///
/// # Panics
/// If `run` does, naming the cut.
pub fn every_split(input: &[u8], mut run: impl FnMut(&[&[u8]])) -> usize {
    let mut runs = 0;
    let mut once = |pieces: &[&[u8]]| {
        runs += 1;
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| run(pieces))) {
            let lengths: Vec<usize> = pieces.iter().map(|piece| piece.len()).collect();
            panic!("with pieces of {lengths:?} B: {}", said(&*payload));
        }
    };
    let len = input.len();
    if len == 0 {
        once(&[]);
        return runs;
    }
    once(&[input]);
    for cut in 1..len {
        let (first, rest) = input.split_at(cut);
        once(&[first, rest]);
        if len > THREE_WAY_BYTES {
            continue;
        }
        for second in 1..rest.len() {
            let (middle, last) = rest.split_at(second);
            once(&[first, middle, last]);
        }
    }
    // Shorter inputs were cut into single bytes above.
    if len > 3 {
        once(&input.chunks(1).collect::<Vec<_>>());
    }
    runs
}

fn said(payload: &(dyn Any + Send)) -> &str {
    match payload.downcast_ref::<&str>() {
        Some(text) => text,
        None => payload.downcast_ref::<String>().map_or("a panic", String::as_str),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn cuts(input: &[u8]) -> (usize, BTreeSet<Vec<Vec<u8>>>) {
        let mut seen = BTreeSet::new();
        let runs = every_split(input, |pieces| {
            assert_eq!(pieces.concat(), input);
            assert!(pieces.iter().all(|piece| !piece.is_empty()));
            seen.insert(pieces.iter().map(|piece| piece.to_vec()).collect());
        });
        (runs, seen)
    }

    #[test]
    fn every_cut_comes_once() {
        for len in 0..=12 {
            let (runs, seen) = cuts(&(0..len).collect::<Vec<u8>>());
            assert_eq!(runs, seen.len(), "length {len}");
        }
        assert_eq!(cuts(b"").0, 1);
        assert_eq!(cuts(b"abcd").0, 1 + 3 + 3 + 1);
    }

    #[test]
    fn a_long_input_is_cut_at_one_place_and_into_bytes() {
        assert_eq!(cuts(&[b'x'; 64]).0, 1 + 63 + 63 * 62 / 2 + 1);
        assert_eq!(cuts(&(0..65).collect::<Vec<u8>>()).0, 1 + 64 + 1);
    }

    #[test]
    #[should_panic(expected = "with pieces of [2, 3] B: lost a byte")]
    fn a_failure_names_its_cut() {
        every_split(b"hello", |pieces| {
            assert!(pieces.len() != 2 || pieces[0] != b"he", "lost a byte");
        });
    }
}
