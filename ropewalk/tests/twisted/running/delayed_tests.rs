//! `test.test_internet.DelayedTests`.

use std::time::Duration;

use ropewalk::Net;
use ropewalk::testing::RecordedNet;

const S: Duration = Duration::from_secs(1);

/// How many wait is told; which they are is in the handles that whoever set them has.
#[test]
fn test_get_delayed_calls() {
    let net = RecordedNet::new();
    let calls: Vec<_> = (1..=3).map(|n| net.call_later(S * n, Box::new(|_| {}))).collect();
    assert_eq!(net.pending_calls(), 3);
    let due: Vec<_> = calls.iter().map(|call| call.due().unwrap() - net.now()).collect();
    assert_eq!(due, [S, S * 2, S * 3]);
    net.advance(S);
    assert_eq!((net.pending_calls(), calls[0].due()), (2, None));
    calls[1].cancel();
    assert_eq!(net.pending_calls(), 1);
}

#[test]
fn test_active() {
    let net = RecordedNet::new();
    let call = net.call_later(S, Box::new(|_| {}));
    assert!(call.is_pending());
    net.advance(S);
    assert!(!call.is_pending());
}
