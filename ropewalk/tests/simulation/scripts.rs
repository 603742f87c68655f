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
