//! `test.test_task.ClockTests`: the clock that a test moves is `testing::RecordedNet`'s.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::clock::Time;
use ropewalk::testing::RecordedNet;
use ropewalk::{Net, TimerHandle};

use super::Seen;

const S: Duration = Duration::from_secs(1);

#[test]
fn test_seconds() {
    assert_eq!(RecordedNet::new().now(), Time::ZERO);
}

#[test]
fn test_call_later() {
    let (net, seen) = (RecordedNet::new(), Seen::default());
    let call = net.call_later(S, seen.says("a"));
    assert_eq!(call.due(), Some(Time::ZERO + S));
    assert!(seen.all().is_empty());
}

#[test]
fn test_call_later_cancelled() {
    let net = RecordedNet::new();
    let call = net.call_later(S, Box::new(|_| panic!("cancelled")));
    assert!(call.cancel());
    net.advance(S);
    assert_eq!(net.pending_calls(), 0);
}

#[test]
fn test_call_later_ordering() {
    let (net, seen) = (RecordedNet::new(), Seen::default());
    for millis in [20, 10, 5] {
        net.call_later(Duration::from_millis(millis), seen.says(millis));
    }
    net.advance(S);
    assert_eq!(seen.all(), [5, 10, 20]);
}

#[test]
fn test_advance() {
    let (net, seen) = (RecordedNet::new(), Seen::default());
    net.call_later(S * 2, seen.says("ran"));
    net.advance(S);
    assert!(seen.all().is_empty());
    net.advance(S);
    assert_eq!(seen.all(), ["ran"]);
}

#[test]
fn test_advance_cancel() {
    let net = RecordedNet::new();
    let other: Rc<RefCell<Option<TimerHandle>>> = Rc::default();
    let cancels = other.clone();
    let cancel = move |_: &dyn Net| assert!(cancels.borrow().as_ref().unwrap().cancel());
    net.call_later(S, Box::new(cancel));
    other.replace(Some(net.call_later(S, Box::new(|_| panic!("cancelled")))));
    net.advance(S);
}

/// Moved by so much from where it was: `due` and `reset` together.
#[test]
fn test_call_later_delayed() {
    let (net, seen) = (RecordedNet::new(), Seen::default());
    let call = net.call_later(S, seen.says("ran"));
    let due = call.due().unwrap();
    assert!(call.reset(due - net.now() + S));
    net.advance(S + S / 2);
    assert!(seen.all().is_empty());
    net.advance(S / 2);
    assert_eq!(seen.all(), ["ran"]);
}

#[test]
fn test_call_later_reset_later() {
    let (net, seen) = (RecordedNet::new(), Seen::default());
    let call = net.call_later(S * 2, seen.says("ran"));
    call.reset(S * 3);
    net.advance(S * 2);
    assert!(seen.all().is_empty());
    net.advance(S);
    assert_eq!(seen.all(), ["ran"]);
}

#[test]
fn test_call_later_reset_sooner() {
    let (net, seen) = (RecordedNet::new(), Seen::default());
    let call = net.call_later(S * 4, seen.says("ran"));
    call.reset(S * 3);
    net.advance(S * 3);
    assert_eq!(seen.all(), ["ran"]);
}

#[test]
fn test_get_delayed_calls() {
    let net = RecordedNet::new();
    let calls = [1, 2].map(|n| net.call_later(S * n, Box::new(|_| {})));
    assert_eq!(net.pending_calls(), 2);
    calls[0].cancel();
    assert_eq!(net.pending_calls(), 1);
}

#[test]
fn test_get_delayed_calls_empty() {
    assert_eq!(RecordedNet::new().pending_calls(), 0);
}

#[test]
fn test_call_later_keeps_calls_ordered() {
    let (net, seen) = (RecordedNet::new(), Seen::default());
    for (number, after) in [3, 1, 2, 1].into_iter().enumerate() {
        net.call_later(S * after, seen.says((after, number)));
    }
    net.advance(S * 3);
    assert_eq!(seen.all(), [(1, 1), (1, 3), (2, 2), (3, 0)]);
}

#[test]
fn test_call_later_reset_keeps_calls_ordered() {
    let (net, seen) = (RecordedNet::new(), Seen::default());
    net.call_later(S * 2, seen.says("a"));
    let moved = net.call_later(S, seen.says("moved"));
    net.call_later(S * 3, seen.says("b"));
    moved.reset(S * 4);
    net.advance(S * 9);
    assert_eq!(seen.all(), ["a", "b", "moved"]);
}

#[test]
fn test_call_later_reset_inside_call_keeps_calls_ordered() {
    let (net, seen) = (RecordedNet::new(), Seen::default());
    let moved = net.call_later(S * 2, seen.says("moved"));
    let said = seen.clone();
    let moves = move |_: &dyn Net| {
        said.put("moves");
        assert!(moved.reset(S * 3));
    };
    net.call_later(S, Box::new(moves));
    net.call_later(S * 3, seen.says("between"));
    net.advance(S * 9);
    assert_eq!(seen.all(), ["moves", "between", "moved"]);
}
