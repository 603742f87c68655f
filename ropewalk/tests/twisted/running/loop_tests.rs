//! `test.test_task.LoopTests`: looping calls on a clock that the test moves.

use std::time::Duration;

use ropewalk::clock::{Clock, Time};
use ropewalk::protocol::{Every, LoopEnd, LoopingCall, Tick};
use ropewalk::testing::RecordedNet;
use ropewalk::{Net, Reactor};

use super::{Seen, run};

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

/// Millis since the beginning, and the count.
type Ticks = Seen<(u64, u64)>;

fn start(net: &RecordedNet, every: impl Into<Every>) -> (LoopingCall, Ticks) {
    let ticks = Ticks::default();
    let seen = ticks.clone();
    let tick = move |tick: &Tick<'_>| {
        let millis = (tick.net().now() - Time::ZERO).as_millis() as u64;
        seen.put((millis, tick.count()));
    };
    (net.net().call_every(every, tick), ticks)
}

/// The net behind the pointer that callbacks have.
trait AsNet {
    fn net(&self) -> &dyn Net;
    /// Time passes, and nothing is called before it has: the loop was held up.
    fn is_held_up(&self, time: Duration);
}

impl AsNet for RecordedNet {
    fn net(&self) -> &dyn Net {
        self
    }
    fn is_held_up(&self, time: Duration) {
        self.clock().advance(time);
        self.advance(Duration::ZERO);
    }
}

/// It follows the clock of whatever net it was given.
#[test]
fn test_default_clock() {
    let net = RecordedNet::new();
    let (_, ticks) = start(&net, Every::from(S).not_at_once());
    net.advance(S);
    assert_eq!(ticks.all(), [(1000, 1)]);
    assert_eq!(net.clock().now(), Time::ZERO + S);
}

/// Points that passed while a call was made are skipped.
#[test]
fn test_callback_time_skips() {
    let net = RecordedNet::new();
    let (clock, ticks) = (net.clock(), Ticks::default());
    let seen = ticks.clone();
    net.net().call_every(S, move |tick| {
        let millis = (tick.net().now() - Time::ZERO).as_millis() as u64;
        seen.put((millis, tick.count()));
        clock.advance(S + S / 2); // the call takes so long
    });
    net.advance(S * 5);
    assert_eq!(ticks.all(), [(0, 1), (2000, 2), (4000, 2)]);
}

#[test]
fn test_reactor_time_skips() {
    let net = RecordedNet::new();
    let (_, ticks) = start(&net, S);
    net.advance(Duration::ZERO);
    net.is_held_up(S / 2);
    net.is_held_up(S / 2);
    net.is_held_up(S);
    net.is_held_up(S * 7 / 2);
    net.is_held_up(S / 2);
    let times: Vec<u64> = ticks.all().iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [0, 1000, 2000, 5500, 6000]);
}

#[test]
fn test_reactor_time_count_skips() {
    let net = RecordedNet::new();
    let (_, ticks) = start(&net, S / 2);
    net.advance(Duration::ZERO);
    net.is_held_up(MS * 510);
    net.is_held_up(MS * 1500);
    net.is_held_up(MS * 500);
    assert_eq!(ticks.all(), [(0, 1), (510, 1), (2010, 3), (2510, 1)]);
}

#[test]
fn test_count_lengthy_interval_counts() {
    let net = RecordedNet::new();
    let (_, ticks) = start(&net, S / 2);
    net.advance(Duration::ZERO);
    net.is_held_up(MS * 510);
    net.is_held_up(MS * 875);
    net.is_held_up(MS * 125);
    assert_eq!(ticks.all(), [(0, 1), (510, 1), (1385, 1), (1510, 1)]);
}

/// Time is counted in nanoseconds, so that a tenth of a second is one.
#[test]
fn test_with_count_floating_point_boundary() {
    let net = RecordedNet::new();
    let interval = S / 10;
    let (_, ticks) = start(&net, Every::from(interval).not_at_once());
    for _ in 0..10 {
        net.advance(interval);
    }
    assert_eq!(ticks.all().len(), 10);
    assert!(ticks.all().iter().all(|(_, count)| *count == 1));
    // Even a third, which is no whole number of them, neither drifts nor comes twice.
    let net = RecordedNet::new();
    let (_, ticks) = start(&net, Every::from(S / 3).not_at_once());
    net.advance(S * 1000);
    assert_eq!(ticks.all().len(), 3000);
}

#[test]
fn test_with_count_interval_zero() {
    let (reactor, seen) = (Reactor::new().unwrap(), Seen::default());
    let counts = seen.clone();
    reactor.call_every(Duration::ZERO, move |tick| {
        counts.put(tick.count());
        if counts.all().len() > 4 {
            tick.stop();
            tick.net().stop();
        }
    });
    run(&reactor);
    assert_eq!(seen.all(), [1; 5]);
}

#[test]
fn test_with_count_interval_zero_delay() {
    let (reactor, seen) = (Reactor::new().unwrap(), Seen::default());
    let counts = seen.clone();
    reactor.call_every(Duration::ZERO, move |tick| {
        counts.put(tick.count());
        match counts.all().len() {
            2 => {
                let (busy, counts) = (tick.busy(), counts.clone());
                let over = move |_: &dyn Net| {
                    counts.put(7); // in its place among them
                    drop(busy);
                };
                tick.net().call_later(MS * 3, Box::new(over));
            }
            6 => {
                tick.stop();
                tick.net().stop();
            }
            _ => {}
        }
    });
    run(&reactor);
    assert_eq!(seen.all(), [1, 1, 7, 1, 1, 1]);
}

#[test]
fn test_basic_function() {
    let (net, ends) = (RecordedNet::new(), Seen::default());
    let (looping, ticks) = start(&net, S / 10);
    let told = ends.clone();
    looping.on_end(move |_, end| told.put(end));
    net.advance(MS * 250);
    assert_eq!(ticks.all(), [(0, 1), (100, 1), (200, 1)]);
    assert!(looping.is_running() && ends.all().is_empty());
    looping.stop();
    looping.stop();
    assert!(!looping.is_running());
    net.advance(S);
    assert_eq!((ticks.all().len(), ends.all()), (3, vec![LoopEnd::Stopped]));
    assert_eq!(net.pending_calls(), 0);
}

#[test]
fn test_delayed_start() {
    let net = RecordedNet::new();
    let (looping, ticks) = start(&net, Every::from(S / 10).not_at_once());
    net.advance(MS * 250);
    assert_eq!(ticks.all(), [(100, 1), (200, 1)]);
    looping.stop();
    net.advance(Duration::ZERO);
    assert_eq!(net.pending_calls(), 0);
}

#[test]
fn test_stop_at_once() {
    let net = RecordedNet::new();
    let (looping, ticks) = start(&net, Duration::ZERO);
    looping.stop();
    net.advance(S);
    assert!(ticks.all().is_empty() && net.pending_calls() == 0);
}

#[test]
fn test_stopping_before_delayed_start() {
    let net = RecordedNet::new();
    let (looping, ticks) = start(&net, Every::from(S * 10).not_at_once());
    looping.stop();
    net.advance(S * 30);
    assert!(ticks.all().is_empty() && net.pending_calls() == 0);
}

#[test]
fn test_reset() {
    let net = RecordedNet::new();
    let (looping, ticks) = start(&net, Every::from(S * 2).not_at_once());
    net.advance(S);
    looping.reset();
    net.advance(S);
    assert!(ticks.all().is_empty());
    net.advance(S);
    assert_eq!(ticks.all(), [(3000, 1)]);
    net.advance(S * 2);
    assert_eq!(ticks.all().len(), 2);
}

#[test]
fn test_repr_function() {
    let net = RecordedNet::new();
    let (looping, _) = start(&net, S);
    assert_eq!(format!("{looping:?}"), "LoopingCall(every 1s, running: true)");
    looping.stop();
    assert_eq!(format!("{looping:?}"), "LoopingCall(every 1s, running: false)");
}
