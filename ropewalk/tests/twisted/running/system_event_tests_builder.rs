//! `internet.test.test_core`: start, stop, and what happens around them.

use std::io::Read;
use std::net::TcpStream;

use ropewalk::error::ErrorKind;
use ropewalk::protocol::Phase;
use ropewalk::{Protocol, Reactor, Reason, Transport};

use super::{Seen, run};

/// A stop that is asked for before the run is kept, instead of refused.
#[test]
fn test_stop_when_not_started() {
    let reactor = Reactor::new().unwrap();
    reactor.stop();
    run(&reactor);
}

/// And so is one that is asked for after it: it ends the next run.
#[test]
fn test_stop_when_already_stopped() {
    let reactor = Reactor::new().unwrap();
    reactor.call_when_running(|net| net.stop());
    run(&reactor);
    reactor.stop();
    run(&reactor);
}

#[test]
fn test_call_when_running_order() {
    let (reactor, seen) = (Reactor::new().unwrap(), Seen::default());
    reactor.call_when_running(seen.says("first"));
    reactor.call_when_running(seen.says("second"));
    reactor.call_when_running(|net| net.stop());
    run(&reactor);
    assert_eq!(seen.all(), ["first", "second"]);
}

/// All three phases are part of the run, which cannot be begun again inside them.
#[test]
fn test_running_for_startup_events() {
    let (reactor, seen) = (Reactor::new().unwrap(), Seen::default());
    reactor.call_when_running(|net| net.stop());
    for phase in [Phase::After, Phase::During, Phase::Before] {
        let (seen, this) = (seen.clone(), reactor.clone());
        reactor.on_startup(phase, move |_| seen.put((phase, this.run().unwrap_err().kind())));
    }
    assert!(seen.all().is_empty());
    run(&reactor);
    let all = [Phase::Before, Phase::During, Phase::After];
    assert_eq!(seen.all(), all.map(|phase| (phase, ErrorKind::AlreadyRunning)));
}

#[test]
fn test_stop_shut_down_events() {
    let (reactor, seen) = (Reactor::new().unwrap(), Seen::default());
    for phase in [Phase::After, Phase::During, Phase::Before] {
        let seen = seen.clone();
        reactor.on_shutdown(phase, move |_| seen.put(phase));
    }
    reactor.call_when_running(|net| net.stop());
    run(&reactor);
    assert_eq!(seen.all(), [Phase::Before, Phase::During, Phase::After]);
}

#[test]
fn test_shutdown_fires_triggers_asynchronously() {
    let (reactor, seen) = (Reactor::new().unwrap(), Seen::default());
    let (hook, stops) = (seen.clone(), seen.clone());
    reactor.on_shutdown(Phase::Before, move |_| hook.put("before shutdown"));
    reactor.call_when_running(move |net| {
        net.stop();
        stops.put("stopped");
    });
    run(&reactor);
    assert_eq!(seen.all(), ["stopped", "before shutdown"]);
}

/// The first of several connections to be lost panics there.
struct Problematic(Seen<usize>);

impl Protocol for Problematic {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        self.0.put(0);
        if self.0.all().len() == 3 {
            transport.net().stop();
        }
    }
    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
    fn connection_lost(&mut self, _: &mut dyn Transport, _: &Reason) {
        self.0.put(1);
        assert!(self.0.all().len() > 4, "the first one's");
    }
}

#[test]
fn test_shutdown_disconnects_cleanly() {
    let (reactor, seen) = (Reactor::new().unwrap(), Seen::default());
    let problem = seen.clone();
    let factory = move || Problematic(problem.clone());
    let listener = reactor.listen_tcp(("127.0.0.1", 0), factory).unwrap();
    let at = listener.addrs()[0].ip().unwrap();
    let clients = [(); 3].map(|()| TcpStream::connect(at).unwrap());
    let report = run(&reactor);
    assert_eq!(seen.all(), [0, 0, 0, 1, 1, 1]);
    assert_eq!((report.open, report.ended), (3, 3));
    for mut client in clients {
        let _ = client.read(&mut [0]).unwrap();
    }
}

#[test]
fn test_multiple_run() {
    let (reactor, seen) = (Reactor::new().unwrap(), Seen::default());
    let (this, tested) = (reactor.clone(), seen.clone());
    reactor.call_when_running(move |net| {
        tested.put(this.run().unwrap_err().kind());
        net.stop();
    });
    run(&reactor);
    assert_eq!(seen.all(), [ErrorKind::AlreadyRunning]);
}

#[test]
fn test_run_with_asynchronous_before_startup_trigger() {
    let (reactor, seen) = (Reactor::new().unwrap(), Seen::default());
    let trigger = seen.clone();
    reactor.on_startup(Phase::Before, move |hook| {
        trigger.put("trigger");
        let hold = hook.hold();
        let callback = move |net: &dyn ropewalk::Net| {
            trigger.put("callback");
            drop(hold);
            net.stop();
        };
        hook.net().call_later(std::time::Duration::ZERO, Box::new(callback));
    });
    run(&reactor);
    assert_eq!(seen.all(), ["trigger", "callback"]);
}

/// It can be run again.
#[test]
fn test_run_after_stop() {
    let (reactor, seen) = (Reactor::new().unwrap(), Seen::default());
    for round in 0..3 {
        let (during, after) = (seen.clone(), seen.clone());
        reactor.on_shutdown(Phase::After, move |_| after.put((round, "after")));
        reactor.call_when_running(move |net| {
            during.put((round, "running"));
            net.stop();
        });
        run(&reactor);
        assert_eq!(seen.all().len(), 2 * (round + 1));
    }
    assert_eq!(seen.all()[4..], [(2, "running"), (2, "after")]);
}
