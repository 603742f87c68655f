//! Chance in the simulated network: what it does to bytes, and the numbers it draws.
//! Owns: the seed's decisions. Never: asks the system for anything random.

use std::time::Duration;

/// What the network does to bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weather {
    /// Reads and sends are cut at random places.
    pub splits: bool,
    /// Bytes are on their way for up to so long.
    pub delay_max: Duration,
    /// Bytes that fit on one direction of a link, unread ones included.
    pub window_bytes: usize,
}

impl Weather {
    /// Nothing is cut, nothing takes time.
    pub fn calm() -> Weather {
        Weather { splits: false, delay_max: Duration::ZERO, window_bytes: 256 * 1024 }
    }

    /// What a seed makes of it: small windows and large, delays and none.
    pub fn of_seed(seed: u64) -> Weather {
        let mut random = Random(seed ^ 0x5eed);
        Weather {
            splits: random.below(4) != 0,
            delay_max: Duration::from_micros(random.below(3) * random.below(5_000)),
            window_bytes: 1 << (6 + random.below(13)),
        }
    }
}

/// SplitMix64: small, and the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound` (0 for a bound of 0).
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }
}
