//! What the readers' own tests share: a run over pieces, and seeded inputs.
//! Owns: the form in which two readers are compared. Never: is part of the library.

use super::Framing;

/// What came of an input.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) frames: Vec<Vec<u8>>,
    pub(super) failed: bool,
    /// What had come of the last frame, if nothing failed.
    pub(super) unfinished: Vec<u8>,
}

impl Outcome {
    pub(super) fn failed(frames: Vec<Vec<u8>>) -> Outcome {
        Outcome { frames, failed: true, unfinished: Vec::new() }
    }
}

/// Gives a reader these pieces.
pub(super) fn run(mut reader: impl Framing, pieces: &[&[u8]]) -> Outcome {
    let mut frames = Vec::new();
    for piece in pieces {
        let mut input = *piece;
        while let Some(frame) = reader.step(&mut input) {
            match frame {
                Ok(frame) => frames.push(frame.into_owned()),
                Err(_) => return Outcome::failed(frames),
            }
        }
        assert!(input.is_empty(), "input is left, and no frame came");
    }
    Outcome { frames, failed: false, unfinished: reader.take_unfinished() }
}

/// Numbers that look random (SplitMix64), the same for a seed.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }

    /// At most so many of these bytes.
    pub(super) fn bytes(&mut self, of: &[u8], most: usize) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| of[self.below(of.len())]).collect()
    }

    /// In pieces, none of them empty.
    pub(super) fn cut<'a>(&mut self, mut input: &'a [u8]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        while !input.is_empty() {
            let (piece, rest) = input.split_at(1 + self.below(input.len()));
            pieces.push(piece);
            input = rest;
        }
        pieces
    }
}
