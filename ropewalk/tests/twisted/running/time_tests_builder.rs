//! `internet.test.test_time`.

use std::time::Duration;

use ropewalk::Reactor;

use super::{Seen, run};

#[test]
fn test_delayed_call_stops_reactor() {
    let reactor = Reactor::new().unwrap();
    reactor.call_later(Duration::ZERO, |net| net.stop());
    run(&reactor);
}

/// In centuries, or never: neither makes a wait that is over at once, or for ever.
#[test]
fn test_distant_delayed_call() {
    for distant in [Duration::from_secs(1 << 40), Duration::from_secs(1 << 33), Duration::MAX] {
        let (reactor, seen) = (Reactor::new().unwrap(), Seen::default());
        let call = reactor.call_later(distant, seen.says("distant"));
        let said = seen.clone();
        reactor.call_later(Duration::from_millis(2), move |net| {
            said.put("soon");
            net.stop();
        });
        assert!(call.is_pending());
        run(&reactor);
        assert_eq!(seen.all(), ["soon"]);
        assert!(!call.is_pending(), "it went with its run");
    }
}
