//! Many seeds, each of which can be run again alone.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Runs `run` with each seed, or with the one that `ROPEWALK_SEED` names. Answers
/// whether it was all of them: only then must they have met what is rare.
pub fn run(seeds: u64, test: &str, mut run: impl FnMut(u64)) -> bool {
    let number = |name: &str| -> Option<u64> {
        let word = std::env::var(name).ok()?;
        Some(word.parse().unwrap_or_else(|_| panic!("{name}={word} is no number")))
    };
    let alone = number("ROPEWALK_SEED");
    let range = match alone {
        Some(seed) => seed..seed + 1,
        None => 0..number("ROPEWALK_SEEDS").unwrap_or(seeds),
    };
    let enough = alone.is_none() && range.end >= seeds;
    for seed in range {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| run(seed))) {
            eprintln!(
                "seed {seed} failed; again: \
                 ROPEWALK_SEED={seed} cargo test -p ropewalk --test simulation {test}"
            );
            resume_unwind(payload);
        }
    }
    enough
}

/// SplitMix64: small, and the same everywhere.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// A number below 2 to the power of `most`: of each length as often as of any other.
    pub fn below_power(&mut self, most: u64) -> u64 {
        let power = 1 + self.below(most);
        self.below(1 << power)
    }
}
