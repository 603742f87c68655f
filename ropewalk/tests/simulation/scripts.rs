//! Random scripts of events: whatever happens in whatever order, the contract holds.
//! The fuzz target's interpreter, without a fuzzer.

use ropewalk::protocol::Kind;

use crate::campaign::{self, Random};
use crate::script::{self, Met};

type IsMet = fn(&Met) -> bool;

fn random_script(seed: u64) -> Vec<u8> {
    let mut random = Random(seed ^ 0x5c71);
    let length = random.below_power(9);
    // Small numbers are the commonest in some scripts, so that more of them live long.
    let mask = if random.below(2) == 0 { 0xff } else { 0x3f };
    (0..length).map(|_| random.next() as u8 & (mask | (random.next() as u8 & 0x80))).collect()
}

#[test]
fn whatever_happens_in_whatever_order_the_contract_holds() {
    let mut met = Vec::new();
    let all = campaign::run(20_000, "whatever", |seed| met.push(script::run(&random_script(seed))));
    if !all {
        return;
    }
    let rare: [(&str, IsMet); 9] = [
        ("never made", |met| !met.made),
        ("a pause", |met| met.paused),
        ("a resume", |met| met.resumed),
        ("an end of input", |met| met.eof),
        ("a layer pushed", |met| met.pushed),
        ("input given back", |met| met.gave_back),
        ("a timer", |met| met.timers),
        ("closed", |met| met.lost == Some(Kind::Closed)),
        ("peer closed", |met| met.lost == Some(Kind::PeerClosed)),
    ];
    for (what, is_met) in rare {
        let count = met.iter().filter(|met| is_met(met)).count();
        println!("{what}: {count} of {}", met.len());
        assert!(count > 0, "{what} was never met");
    }
}

/// Scripts that once broke a rule.
#[rustfmt::skip]
const FOUND: [&[u8]; 1] = [
    // What a layer had held back until the close was not counted when the peer reset.
    &[
        11, 35, 58, 184, 31, 138, 27, 18, 14, 167, 21, 37, 184, 9, 37, 46, 57, 61, 174, 132,
        28, 131, 14, 4, 50, 23, 12, 142, 2, 25, 51, 32, 148, 12, 33, 20, 130, 161, 189, 33,
        186, 156, 7, 168, 183, 35, 190, 16, 30, 0, 135, 50, 183, 13, 9, 18, 56, 191, 40, 43,
        27, 31, 8, 28, 5, 24, 5, 51, 148, 38, 8, 3, 18, 1, 32, 16, 37, 166, 19, 60, 8, 8, 182,
        137, 30, 189, 158, 167, 24, 42, 173, 35, 25, 40, 31, 27, 189, 12, 48, 24, 30, 173, 36,
        22, 63, 140, 40, 165, 168, 28, 190, 7, 165, 7, 22, 38, 54, 29,
    ],
];

#[test]
fn what_was_found_once_stays_mended() {
    for script in FOUND {
        assert!(script::run(script).made);
    }
}
