//! Twisted's tests of `protocols.policies`.
//!
//! What is a protocol around a protocol there is a layer below it here.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::driver::Weather;
use ropewalk::limits::Limits;
use ropewalk::policy::{ConnectionLimit, Overflow, SharedRate, Throttle, TrafficLog};
use ropewalk::protocol::{Factory, Layer, client};
use ropewalk::testing::{LayerBench, Network, Recorder};
use ropewalk::{Protocol, Reason, Timer, Transport};

const S: Duration = Duration::from_secs(1);

/// What a test has seen, in order.
pub(crate) type Seen = Rc<RefCell<Vec<String>>>;

pub(crate) fn seen(seen: &Seen) -> Vec<String> {
    seen.take()
}

/// Sends back what comes, and writes down its life.
pub(crate) struct Echo(Seen);

impl Protocol for Echo {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        let (peer, local) = (transport.peer_addr(), transport.local_addr());
        self.0.borrow_mut().push(format!("made from {peer} to {local}"));
    }
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        self.0.borrow_mut().push(format!("data {}", data.escape_ascii()));
        transport.write(data);
    }
    fn connection_lost(&mut self, _: &mut dyn Transport, why: &Reason) {
        self.0.borrow_mut().push(format!("lost: {why}"));
    }
}

pub(crate) fn echo(seen: &Seen) -> impl FnMut() -> Echo + 'static {
    let seen = seen.clone();
    move || Echo(seen.clone())
}

/// A layer that changes nothing: the plainest wrapper.
struct Wrapper;

impl Layer for Wrapper {}

mod wrapper_tests {
    use super::*;

    /// What a protocol sees of its transport, with a wrapper and without.
    fn addresses(wrapped: bool) -> String {
        let (network, story) = (Network::calm(), Seen::default());
        let _listener = match wrapped {
            true => network.listen(7, echo(&story).layer(|| Wrapper)),
            false => network.listen(7, echo(&story)),
        };
        let _peer = network.dial(7).unwrap();
        network.run_for(S);
        seen(&story).remove(0)
    }

    #[test]
    fn test_get_host() {
        let address = |text: String| text.split_once(" to ").unwrap().1.to_owned();
        assert_eq!(address(addresses(true)), address(addresses(false)));
    }

    #[test]
    fn test_get_peer() {
        let address = |text: String| text.split(' ').nth(2).unwrap().to_owned();
        let (wrapped, bare) = (address(addresses(true)), address(addresses(false)));
        assert!(wrapped.starts_with("memory:"), "{wrapped}");
        assert_eq!(wrapped, bare);
    }

    /// What a client's factory hears, through a wrapper.
    fn client_story(number: u64) -> Vec<String> {
        let (network, story) = (Network::calm(), Seen::default());
        struct Closes;
        impl Protocol for Closes {
            fn connection_made(&mut self, transport: &mut dyn Transport) {
                transport.close();
            }
            fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
        }
        let _listener = network.listen(7, || Closes).unwrap();
        let [started, failed, lost] = [(); 3].map(|()| story.clone());
        let factory = client(echo(&Seen::default()).layer(|| Wrapper))
            .on_started(move |_| started.borrow_mut().push("started".into()))
            .on_failed(move |_, _, why| failed.borrow_mut().push(format!("failed: {why}")))
            .on_lost(move |_, _, why| lost.borrow_mut().push(format!("lost: {why}")));
        network.connect(number, factory);
        network.run_for(S);
        seen(&story)
    }

    #[test]
    fn test_started_connecting() {
        assert_eq!(client_story(7)[0], "started");
    }

    #[test]
    fn test_client_connection_lost() {
        assert_eq!(client_story(7)[1..], ["lost: peer closed"]);
    }

    #[test]
    fn test_client_connection_failed() {
        let story = client_story(8);
        assert!(story.len() == 2 && story[1].starts_with("failed: refused"), "{story:?}");
    }

    /// Both are dropped when the connection is over.
    #[test]
    fn test_break_reference_cycle() {
        struct Counted {
            #[allow(dead_code, reason = "it is counted")]
            alive: Rc<()>,
        }
        impl Layer for Counted {}
        impl Protocol for Counted {
            fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
        }
        let (network, alive) = (Network::calm(), Rc::new(()));
        let (protocol, layer) = (alive.clone(), alive.clone());
        let factory = move || Counted { alive: protocol.clone() };
        let factory = factory.layer(move || Counted { alive: layer.clone() });
        let _listener = network.listen(7, factory).unwrap();
        network.run_for(S);
        let without = Rc::strong_count(&alive);
        let mut peer = network.dial(7).unwrap();
        network.run_for(S);
        assert_eq!(Rc::strong_count(&alive), without + 2);
        peer.close();
        network.run_for(S);
        assert_eq!(Rc::strong_count(&alive), without);
    }
}

mod throttling_tests {
    use super::*;

    #[test]
    fn test_limit() {
        let (network, story) = (Network::calm(), Seen::default());
        let limit = ConnectionLimit::new().in_all(2);
        let counts = limit.clone();
        let factory = echo(&story).layer(move || limit.clone());
        let _listener = network.listen(7, factory).unwrap();
        let connect = || {
            let mut peer = network.dial(7).unwrap();
            peer.send(b"x");
            network.run_for(S);
            let is_served = peer.take(1) == b"x";
            (peer, is_served)
        };
        let (mut first, second, mut third) = (connect(), connect(), connect());
        assert_eq!([first.1, second.1, third.1], [true, true, false]);
        assert_eq!(third.0.take(1), b"");
        assert_eq!(counts.count(), 2);
        // Another one can connect when one has gone.
        first.0.close();
        network.run_for(S);
        assert!(connect().1);
    }

    /// What is written piece by piece counts as a whole.
    #[test]
    fn test_write_sequence() {
        let (mut bench, mut layer) = (LayerBench::new(), Throttle::new().write(20, 20));
        for _ in 0..4 {
            assert_eq!(bench.write(&mut layer, b"bytes"), b"bytes");
        }
        assert_eq!(bench.write(&mut layer, b"more"), b"");
    }

    /// Twisted writes all, and pauses a producer a second later; here what is over the limit
    /// waits.
    #[test]
    fn test_write_limit() {
        let rate = SharedRate::new(10, 10);
        let (mut bench, mut layer) = (LayerBench::new(), Throttle::new().write_shared(&rate));
        assert_eq!(bench.write(&mut layer, b"0123456789"), b"0123456789");
        assert_eq!(bench.write(&mut layer, b"abcdefghij"), b"");
        assert_eq!(layer.pending(), 10);
        bench.advance(&mut layer, S);
        assert_eq!((&bench.take_wire()[..], layer.pending()), (&b"abcdefghij"[..], 0));
    }

    #[test]
    fn test_read_limit() {
        let rate = SharedRate::new(10, 10);
        let (mut bench, mut layer) = (LayerBench::new(), Throttle::new().read_shared(&rate));
        for _ in 0..2 {
            assert_eq!(bench.receive(&mut layer, b"0123456789abcdefghij").len(), 20);
            assert!(bench.is_reading_paused());
            bench.advance(&mut layer, S - Duration::from_millis(1));
            assert!(bench.is_reading_paused());
            bench.advance(&mut layer, Duration::from_millis(1));
            assert!(!bench.is_reading_paused());
            bench.advance(&mut layer, S); // the burst comes back
        }
    }
}

/// A connection with an idle timeout of three seconds, on a network whose clock is the test's.
fn idle(story: &Seen) -> Network {
    let limits = Limits { idle: Some(S * 3), ..Limits::default() };
    let network = Network::new(0, Weather::calm(), limits);
    network.listen(7, echo(story)).unwrap();
    network
}

fn is_lost(story: &Seen) -> bool {
    story.borrow().iter().any(|line| line == "lost: idle deadline passed")
}

mod timeout_factory_tests {
    use super::*;

    #[test]
    fn test_timeout() {
        let story = Seen::default();
        let network = idle(&story);
        let _peer = network.dial(7).unwrap();
        network.run_for(S * 29 / 10);
        assert!(!is_lost(&story));
        network.run_for(S / 5);
        assert!(is_lost(&story));
    }

    #[test]
    fn test_send_avoids_timeout() {
        let story = Seen::default();
        let network = idle(&story);
        let mut peer = network.dial(7).unwrap();
        for _ in 0..3 {
            network.run_for(S * 2);
            peer.send(b"bytes"); // which it sends back
        }
        network.run_for(S * 2);
        assert!(!is_lost(&story));
        network.run_for(S * 2);
        assert!(is_lost(&story));
    }

    #[test]
    fn test_receive_avoids_timeout() {
        struct Mute(Seen);
        impl Protocol for Mute {
            fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
            fn connection_lost(&mut self, _: &mut dyn Transport, why: &Reason) {
                self.0.borrow_mut().push(format!("lost: {why}"));
            }
        }
        let limits = Limits { idle: Some(S * 3), ..Limits::default() };
        let network = Network::new(0, Weather::calm(), limits);
        let story = Seen::default();
        let kept = story.clone();
        network.listen(7, move || Mute(kept.clone())).unwrap();
        let mut peer = network.dial(7).unwrap();
        network.run_for(S * 2);
        peer.send(b"bytes");
        network.run_for(S * 2);
        assert!(!is_lost(&story));
        network.run_for(S * 2);
        assert!(is_lost(&story));
    }
}

mod timeout_protocol_tests {
    use super::*;

    /// Sets an idle timeout of three seconds, and cancels it when told.
    struct Cancels(Seen);

    impl Protocol for Cancels {
        fn connection_made(&mut self, transport: &mut dyn Transport) {
            transport.set_idle_timeout(Some(S * 3));
        }
        fn data_received(&mut self, transport: &mut dyn Transport, _: &[u8]) {
            transport.set_idle_timeout(None);
            transport.set_idle_timeout(None); // again, which is nothing
        }
        fn connection_lost(&mut self, transport: &mut dyn Transport, why: &Reason) {
            transport.set_idle_timeout(None); // too late, and no error
            self.0.borrow_mut().push(format!("lost: {why}"));
        }
    }

    fn network(story: &Seen) -> Network {
        let (network, story) = (Network::calm(), story.clone());
        network.listen(7, move || Cancels(story.clone())).unwrap();
        network
    }

    #[test]
    fn test_cancel_timeout() {
        let story = Seen::default();
        let network = network(&story);
        let mut peer = network.dial(7).unwrap();
        network.run_for(S);
        peer.send(b"cancel");
        network.run_for(S * 100);
        assert!(seen(&story).is_empty());
    }

    #[test]
    fn test_cancel_timeout_no_timeout() {
        let mut recorder = Recorder::new();
        assert_eq!(recorder.idle_timeout(), None);
        recorder.set_idle_timeout(None);
        assert!(recorder.idle_timeout().is_none() && recorder.is_open());
    }

    #[test]
    fn test_cancel_timeout_already_called() {
        let story = Seen::default();
        let network = network(&story);
        let _peer = network.dial(7).unwrap();
        network.run_for(S * 4);
        assert_eq!(seen(&story), ["lost: idle deadline passed"]);
    }
}

mod timeout_mixin_tests {
    use super::*;

    const TIMEOUT: Timer = Timer(1);

    /// A timeout of a protocol's own: a named timer, which each input sets anew.
    #[derive(Default)]
    struct Tester {
        timed_out: bool,
    }

    impl Protocol for Tester {
        fn connection_made(&mut self, transport: &mut dyn Transport) {
            transport.set_timer(TIMEOUT, S * 3);
        }
        fn data_received(&mut self, transport: &mut dyn Transport, _: &[u8]) {
            transport.set_timer(TIMEOUT, S * 3);
        }
        fn timer_fired(&mut self, _: &mut dyn Transport, timer: Timer) {
            assert_eq!(timer, TIMEOUT);
            self.timed_out = true;
        }
    }

    fn made() -> (Recorder, Tester) {
        let (mut recorder, mut protocol) = (Recorder::new(), Tester::default());
        protocol.connection_made(&mut recorder);
        (recorder, protocol)
    }

    #[test]
    fn test_overridden_call_later() {
        let (recorder, _) = made();
        let clock = recorder.clock();
        use ropewalk::clock::Clock;
        assert_eq!(recorder.timers(), [(TIMEOUT, clock.now() + S * 3)]);
    }

    #[test]
    fn test_timeout() {
        let (mut recorder, mut protocol) = made();
        recorder.advance(&mut protocol, S * 5 / 2);
        assert!(!protocol.timed_out);
        recorder.advance(&mut protocol, S);
        assert!(protocol.timed_out);
    }

    #[test]
    fn test_no_timeout() {
        let (mut recorder, mut protocol) = made();
        recorder.advance(&mut protocol, S * 5 / 2);
        protocol.data_received(&mut recorder, b"hello there");
        recorder.advance(&mut protocol, S * 5 / 2);
        assert!(!protocol.timed_out);
        recorder.advance(&mut protocol, S);
        assert!(protocol.timed_out);
    }

    #[test]
    fn test_reset_timeout() {
        let (mut recorder, mut protocol) = made();
        recorder.set_timer(TIMEOUT, S);
        assert_eq!(recorder.timers().len(), 1);
        recorder.advance(&mut protocol, S * 9 / 10);
        assert!(!protocol.timed_out);
        recorder.advance(&mut protocol, S / 5);
        assert!(protocol.timed_out);
    }

    #[test]
    fn test_cancel_timeout() {
        let (mut recorder, mut protocol) = made();
        recorder.cancel_timer(TIMEOUT);
        recorder.cancel_timer(TIMEOUT); // again, which is nothing
        recorder.advance(&mut protocol, S * 15);
        assert!(!protocol.timed_out);
    }
}

mod limit_total_connections_factory_tests {
    use super::*;

    fn connect(limit: &ConnectionLimit) -> LayerBench {
        let mut bench = LayerBench::new();
        bench.start(&mut limit.clone());
        bench
    }

    #[test]
    fn test_connection_counting() {
        let limit = ConnectionLimit::new();
        assert_eq!(limit.count(), 0);
        let first = connect(&limit);
        assert_eq!(limit.count(), 1);
        let second = connect(&limit);
        assert_eq!(limit.count(), 2);
        drop(first);
        assert_eq!(limit.count(), 1);
        drop(second);
        assert_eq!(limit.count(), 0);
    }

    /// Unlike there, what is refused does not count, whatever it is answered.
    #[test]
    fn test_connection_limiting() {
        let limit = ConnectionLimit::new().in_all(1);
        let first = connect(&limit);
        let second = connect(&limit);
        assert!(first.is_made() && !second.is_made() && second.failure().is_some());
        assert_eq!(limit.count(), 1);
        let limit = limit.on_overflow(Overflow::Answer(b"come back later".to_vec()));
        let mut third = connect(&limit);
        assert_eq!(third.take_wire(), b"come back later");
        assert!(third.is_closing());
        assert_eq!(limit.count(), 1);
        drop(first);
        assert!(connect(&limit).is_made());
    }
}

mod logging_factory_tests {
    use super::*;

    /// A server whose connections have a log each, in text.
    fn logged(name: &'static str) -> (Network, Rc<RefCell<Vec<Seen>>>) {
        let (network, logs) = (Network::calm(), Rc::new(RefCell::new(Vec::<Seen>::new())));
        let all = logs.clone();
        let factory = echo(&Seen::default()).layer(move || {
            let log = Seen::default();
            all.borrow_mut().push(log.clone());
            let label = format!("{name}-{}", all.borrow().len());
            TrafficLog::text(label, move |line| log.borrow_mut().push(line.to_owned()))
        });
        network.listen(7, factory).unwrap();
        (network, logs)
    }

    #[test]
    fn test_things_get_logged() {
        let (network, logs) = logged("test");
        let mut peer = network.dial(7).unwrap();
        peer.send(b"here are some bytes");
        network.run_for(S);
        assert_eq!(peer.take(100), b"here are some bytes");
        peer.close();
        network.run_for(S);
        let log = logs.borrow()[0].take();
        assert!(log[0].starts_with("test-1 - started, the peer is "), "{log:?}");
        let wanted = [
            r#"test-1 < "here are some bytes""#,
            r#"test-1 > "here are some bytes""#,
            "test-1 - the peer ended its input",
            "test-1 - we ended our output",
            "test-1 - over: peer closed",
        ];
        assert_eq!(log[1..], wanted);
    }

    /// Each connection has its own, as its factory says.
    #[test]
    fn test_logging_factory_opens_logfile_automatically() {
        let (network, logs) = logged("test");
        let mut peers = [network.dial(7).unwrap(), network.dial(7).unwrap()];
        peers[1].send(b"second");
        network.run_for(S);
        assert_eq!(logs.borrow().len(), 2);
        let second = logs.borrow()[1].take();
        assert_eq!(second[1], r#"test-2 < "second""#);
        assert_eq!(logs.borrow()[0].borrow().len(), 1);
    }
}
