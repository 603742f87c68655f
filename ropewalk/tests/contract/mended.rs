//! Contract: faults that were found once, each with the rule that it broke.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ropewalk::protocol::{Below, Kind, Layer, Up, client};
use ropewalk::server::ThreadServer;
use ropewalk::testing::Network;
use ropewalk::{Flow, Protocol, Reactor, Reason, Timer, Transport};

use crate::rig::{Call, Script, on_every_engine};

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        transport.write(data);
    }
}

/// A file that is no socket refuses a connection like a stale one does. It is somebody's.
#[cfg(unix)] // Unix sockets
#[test]
fn listening_never_removes_a_file_that_is_no_socket() {
    let path = std::env::temp_dir().join(format!("ropewalk-no-socket-{}", std::process::id()));
    std::fs::write(&path, "my thesis").unwrap();
    let refused = Reactor::new().unwrap().listen_unix(&path, || Echo).is_err();
    let kept = std::fs::read_to_string(&path);
    std::fs::remove_file(&path).unwrap();
    assert!(refused);
    assert_eq!(kept.unwrap(), "my thesis");
}

#[test]
fn a_timer_counts_from_when_it_is_set_not_from_when_the_turn_began() {
    let network = Network::calm();
    let fired = Rc::new(Cell::new(None));
    let told = fired.clone();
    network.net().now(); // the turn has its time now
    network.clock().advance(Duration::from_millis(300)); // and works for a while
    let set_at = Duration::from_millis(300);
    let after = Duration::from_millis(250);
    let tell = move |net: &dyn ropewalk::Net| told.set(Some(net.now()));
    network.net().call_later(after, Box::new(tell));
    network.run_for(Duration::from_secs(1));
    let at = fired.get().expect("it fired") - ropewalk::clock::Time::ZERO;
    assert!(at >= set_at + after, "{at:?}");
}

#[test]
fn a_client_that_reconnects_for_ever_rests_during_a_stop_and_can_begin_anew() {
    let reactor = Reactor::new().unwrap();
    let listener = reactor.listen_tcp(0, || Echo).unwrap();
    let port = listener.addrs()[0].port().unwrap();
    let ends = Rc::new(Cell::new(0));
    let (counted, stop_at) = (ends.clone(), Rc::new(Cell::new(true)));
    let stop = stop_at.clone();
    struct Leaves(Rc<Cell<bool>>);
    impl Protocol for Leaves {
        fn connection_made(&mut self, transport: &mut dyn Transport) {
            if self.0.get() {
                transport.net().stop();
            }
            transport.close();
        }
        fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
    }
    let factory = client(move || Leaves(stop.clone())).on_end(move |connector, _, _| {
        counted.set(counted.get() + 1);
        connector.connect();
    });
    let connector = reactor.connect_tcp("127.0.0.1", port, factory);
    reactor.run().unwrap();
    assert!(ends.get() <= 2, "it heard {} ends during one stop", ends.get());
    // The same connector, in the next run.
    let before = ends.get();
    connector.connect();
    reactor.call_later(Duration::from_millis(1), |net| net.stop());
    reactor.run().unwrap();
    assert!(ends.get() > before, "it began anew");
}

/// A layer whose drop panics.
struct Bomb;

impl Layer for Bomb {}

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in the layer's drop");
    }
}

#[test]
fn a_layer_that_panics_while_it_is_dropped_ends_nobody_else() {
    on_every_engine(|rig| {
        let server = rig.serve(Script::echo().stack(|layers| layers.push(Bomb)));
        drop(rig.dial(server));
        rig.until_lost(1);
        let mut other = rig.dial(server);
        other.send(b"still there");
        assert_eq!(other.read_exact(11).unwrap(), b"still there");
    });
}

#[test]
fn a_high_mark_of_nothing_asks_to_be_told_and_ends_nothing() {
    on_every_engine(|rig| {
        let server = rig.serve(Script::new().data(|transport, _| {
            transport.set_water_marks(0, 0);
            assert_eq!(transport.write(b"head"), Flow::Full);
            assert_eq!(transport.write(b"body"), Flow::Full);
        }));
        let mut peer = rig.dial(server);
        peer.send(b"?");
        assert_eq!(peer.read_exact(8).unwrap(), b"headbody");
        rig.until_call(Call::Resume);
    });
}

#[test]
fn a_stop_asked_for_in_a_threads_connection_stops_the_server() {
    let server = ThreadServer::new().unwrap();
    let lost = Arc::new(AtomicBool::new(false));
    struct Stops(Arc<AtomicBool>);
    impl Protocol for Stops {
        fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
            transport.write(data);
            transport.net().stop();
        }
        fn connection_lost(&mut self, _: &mut dyn Transport, _: &Reason) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let heard = lost.clone();
    let listener = server.listen_tcp(0, move || Stops(heard.clone())).unwrap();
    let port = listener.addrs()[0].port().unwrap();
    let client = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(b"x").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    });
    server.serve_forever().unwrap();
    assert_eq!(client.join().unwrap(), b"x");
    assert!(lost.load(Ordering::SeqCst));
}

/// Ready a while after it was started; what comes before, passes.
struct ReadyLater;

impl Layer for ReadyLater {
    fn started(&mut self, below: &mut Below<'_>, _: &mut Up<'_>) {
        below.set_timer(Timer(0), Duration::from_millis(50));
    }
    fn timer_fired(&mut self, _: &mut Below<'_>, _: Timer, up: &mut Up<'_>) {
        up.made();
    }
}

#[test]
fn what_comes_before_the_protocol_is_built_waits_for_it() {
    on_every_engine(|rig| {
        let server = rig.serve(Script::new().stack(|layers| layers.push(ReadyLater)));
        let mut peer = rig.dial(server);
        peer.send(b"early");
        peer.shutdown_write();
        assert_eq!(peer.read_to_end().unwrap(), b"");
        rig.until_lost(1);
        let end = Call::Lost(Kind::PeerClosed);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Data(b"early".into()), Call::Eof, end]);
    });
}

#[test]
fn a_stop_before_the_attempt_began_is_heard_as_started_and_failed() {
    let network = Network::calm();
    let heard = Rc::new(RefCell::new(Vec::new()));
    let (started, ended) = (heard.clone(), heard.clone());
    let factory = client(|| Echo)
        .on_started(move |_| started.borrow_mut().push("started".to_owned()))
        .on_end(move |_, _, why| ended.borrow_mut().push(why.to_string()));
    network.connect(1, factory).stop();
    network.run();
    assert_eq!(*heard.borrow(), ["started", "aborted"]);
}
