//! Forwarding with back-pressure: every byte of both directions, wherever it runs.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ropewalk::Reactor;
use ropewalk::addr::{Addr, Target};
use ropewalk::driver::Weather;
use ropewalk::limits::Limits;
use ropewalk::protocol::client;
use ropewalk::testing::Network;

use crate::campaign::{self, Random};
use crate::forward::{Seen, forward};
use crate::pump::{Outcome, Plan, Pump};
use crate::serve::{MODELS, Model, Server, WATCHDOG};

/// What one seed makes of it.
struct Setting {
    weather: Weather,
    limits: Limits,
    plans: [Plan; 2],
}

fn setting(seed: u64) -> Setting {
    let mut random = Random(seed ^ 0xf0a2);
    let high = 1usize << (5 + random.below(9));
    let limits = Limits {
        water_high_bytes: high,
        water_low_bytes: random.below(high as u64 + 1) as usize,
        ..Limits::default()
    };
    let message = 1 + random.below_power(11) as usize;
    // Most are short, some long, and a few have nothing to say.
    let mut size = || (random.below_power(17) & !1) as usize;
    let sizes = [size(), size()];
    let last = random.below(3);
    let plans = [0, 1].map(|end| Plan {
        seed,
        direction: end as u64,
        send: sizes[end],
        get: sizes[end ^ 1],
        message,
        pause_every: (random.below(2) * (1 + random.below(4_000))) as usize,
        pause: Duration::from_micros(random.below(20_000)),
        ends_last: last == end as u64,
    });
    Setting { weather: Weather::of_seed(seed), limits, plans }
}

/// What a run did, to compare with the same seed's next one.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    events: u64,
    nanos: u64,
    outcomes: Vec<Outcome>,
    pauses: usize,
    half_closes: usize,
}

fn forward_in_memory(seed: u64) -> Run {
    let Setting { weather, limits, plans } = setting(seed);
    let network = Network::new(seed, weather, limits);
    let seen = Arc::new(Seen::default());
    let report = Arc::new(Mutex::new(Vec::new()));
    let (target_report, forward_seen) = (report.clone(), seen.clone());
    let target = network.listen(2, move || Pump::new(plans[1], target_report.clone())).unwrap();
    let relay = network.listen(1, forward(Target::Addr(Addr::Memory(2)), forward_seen)).unwrap();
    let client_report = report.clone();
    network.connect(1, client(move || Pump::new(plans[0], client_report.clone())));
    let ended = network
        .run_until(|| report.lock().unwrap().len() == 2 && seen.lost.load(Ordering::Relaxed) == 2);
    let outcomes = report.lock().unwrap().clone();
    assert!(ended, "not all ended; {} live; {outcomes:?}", network.connections());
    relay.stop();
    target.stop();
    network.run();
    assert_eq!(network.connections(), 0, "connections left");
    check_outcomes(&plans, &outcomes);
    assert_eq!(seen.unclean.load(Ordering::Relaxed), 0, "the forwarder's ends are in order");
    let high = limits.water_high_bytes;
    let bound = high + seen.read_most.load(Ordering::Relaxed);
    let most = seen.buffered_most.load(Ordering::Relaxed);
    assert!(most <= bound, "{most} B buffered by the forwarder, of {bound}");
    for outcome in &outcomes {
        let bound = high + plans[0].message;
        assert!(outcome.buffered_most <= bound, "{outcome:?}, of {bound}");
    }
    Run {
        events: network.events(),
        nanos: network.net().now().as_nanos(),
        pauses: seen.pauses.load(Ordering::Relaxed),
        half_closes: outcomes.iter().map(|outcome| outcome.half_closes).sum(),
        outcomes,
    }
}

fn check_outcomes(plans: &[Plan; 2], outcomes: &[Outcome]) {
    let mut got: Vec<_> = outcomes.iter().map(|outcome| outcome.got).collect();
    let mut wanted: Vec<_> = plans.iter().map(|plan| plan.get).collect();
    got.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(got, wanted, "{outcomes:?}");
    for outcome in outcomes {
        assert!(outcome.eof, "{outcome:?}");
        assert_eq!(outcome.lost.as_deref(), Some("peer closed"), "{outcome:?}");
    }
}

#[test]
fn forwarding_loses_no_byte_and_buffers_no_more_than_its_mark_in_memory() {
    let (mut pauses, mut splits, mut half_closes, mut events) = (0, 0, 0, 0);
    let all = campaign::run(300, "forwarding", |seed| {
        let run = forward_in_memory(seed);
        assert_eq!(run, forward_in_memory(seed), "the same seed, the same run");
        events += run.events;
        pauses += run.pauses;
        half_closes += run.half_closes;
        splits += run.outcomes.iter().map(|outcome| outcome.splits).sum::<usize>();
    });
    println!("{events} events; {pauses} pauses, {splits} splits, {half_closes} half-closes");
    if all {
        assert!(pauses > 0 && splits > 0 && half_closes > 0, "what is rare was met");
    }
}

fn forward_on(model: Model) {
    let plans = [0, 1].map(|end: usize| Plan {
        seed: 7,
        direction: end as u64,
        send: [16_000_001, 13_000_002][end],
        get: [13_000_002, 16_000_001][end],
        message: 50_000,
        pause_every: 6_000_000,
        pause: Duration::from_millis(150),
        ends_last: end == 1,
    });
    let report = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::new(Seen::default());
    let (target_report, forward_seen) = (report.clone(), seen.clone());
    let limits = Limits::default();
    let target = Server::start(model, limits, move || Pump::new(plans[1], target_report.clone()));
    let to = target.addr;
    let relay = Server::start(model, limits, forward(Target::Addr(to.into()), forward_seen));
    let reactor = Reactor::new().unwrap();
    let client_report = report.clone();
    let pump = move || Pump::new(plans[0], client_report.clone()).stopping_its_reactor();
    reactor.connect(Target::Addr(relay.addr.into()), client(pump));
    reactor.call_later(WATCHDOG, |net| net.stop());
    reactor.run().unwrap();
    relay.stop();
    target.stop();
    check_outcomes(&plans, &report.lock().unwrap());
    assert_eq!(seen.lost.load(Ordering::Relaxed), 2);
    assert_eq!(seen.unclean.load(Ordering::Relaxed), 0);
    let bound = limits.water_high_bytes + seen.read_most.load(Ordering::Relaxed);
    let most = seen.buffered_most.load(Ordering::Relaxed);
    assert!(most <= bound, "{most} B buffered by the forwarder, of {bound}");
    let pauses = seen.pauses.load(Ordering::Relaxed);
    println!("{model:?}: {most} B buffered at most, of {bound}; {pauses} pauses");
}

#[test]
fn forwarding_loses_no_byte_on_loop_and_threads() {
    for model in MODELS {
        forward_on(model);
    }
}

#[test]
fn a_target_that_refuses_ends_the_accepted_connection() {
    let network = Network::calm();
    let seen = Arc::new(Seen::default());
    let forward_seen = seen.clone();
    let target = Target::Addr(Addr::Memory(99));
    let _listener = network.listen(1, forward(target, forward_seen)).unwrap();
    let mut peer = network.dial(1).unwrap();
    peer.send(b"hello");
    let error = peer.read_to_end().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(network.run_until(|| network.connections() == 0));
    assert_eq!(seen.lost.load(Ordering::Relaxed), 1);
}
