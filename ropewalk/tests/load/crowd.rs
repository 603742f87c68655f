//! Many connections at once, from another process: nothing is lost, and nothing is left.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::clock::{Clock, MachineClock};
use ropewalk::{Protocol, Reactor, Reason, Transport};

use crate::{apart, client, serve};

/// What may stay in memory when all have gone, in bytes a connection of the crowd: the
/// table's row, and what the allocator keeps for the next crowd.
const KEPT_BYTES_A_CONNECTION: usize = 256;
/// What the first crowd may leave besides: pages of code and of buffers touched once.
const KEPT_BYTES: usize = 2 << 20;
/// By how much a second crowd may raise what the first one left: nothing leaks.
const SECOND_CROWD_BYTES: usize = 1 << 20;

#[derive(Default)]
struct Tally {
    made: Cell<usize>,
    lost: Cell<usize>,
    most_at_once: Cell<usize>,
    resident_at_most: Cell<usize>,
    unclean: Cell<usize>,
}

struct Echo {
    tally: Rc<Tally>,
    crowd: usize,
}

impl Protocol for Echo {
    fn connection_made(&mut self, _: &mut dyn Transport) {
        let tally = &self.tally;
        tally.made.set(tally.made.get() + 1);
        let at_once = tally.made.get() - tally.lost.get();
        tally.most_at_once.set(tally.most_at_once.get().max(at_once));
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        transport.write(data);
    }

    fn connection_lost(&mut self, transport: &mut dyn Transport, why: &Reason) {
        let tally = &self.tally;
        if tally.lost.get() == 0 {
            tally.resident_at_most.set(apart::resident_bytes());
        }
        tally.lost.set(tally.lost.get() + 1);
        if !why.is_clean() {
            tally.unclean.set(tally.unclean.get() + 1);
        }
        if tally.lost.get() == self.crowd {
            transport.net().stop();
        }
    }
}

/// Serves one crowd to its end, and answers what stayed in memory.
fn serve_crowd(reactor: &Reactor, connections: usize, messages: usize) -> usize {
    let descriptors = apart::descriptors();
    let resident = apart::resident_bytes();
    let clock = MachineClock::begin();
    let tally = Rc::new(Tally::default());
    let factory_tally = tally.clone();
    let listener = reactor
        .listen_tcp(("127.0.0.1", 0), move || Echo {
            tally: factory_tally.clone(),
            crowd: connections,
        })
        .unwrap();
    let port = listener.addrs()[0].port().unwrap();
    let words = [port as usize, connections, messages].map(|word| word.to_string());
    let mut client = apart::start("crowd::the_client_of_a_crowd", &words);
    let remote = reactor.remote();
    let waiting = std::thread::spawn(move || {
        let status = client.wait().unwrap();
        if !status.success() {
            let _ = remote.drain(Duration::ZERO); // it may have stopped by itself
        }
        status
    });
    let watchdog = reactor.call_later(serve::WATCHDOG * 5, |net| net.stop());
    reactor.run().unwrap();
    watchdog.cancel();
    let status = waiting.join().unwrap();
    assert!(status.success(), "the client: {status}");
    let took = clock.now().since(ropewalk::clock::Time::ZERO);
    drop(listener);

    assert_eq!(tally.most_at_once.get(), connections, "open at once");
    assert_eq!(tally.lost.get(), connections);
    assert_eq!(tally.unclean.get(), 0, "ends that were not in order");
    assert_eq!(reactor.connections(), 0);
    assert_eq!(apart::descriptors(), descriptors, "descriptors open");
    let left = apart::resident_bytes();
    println!(
        "{connections} connections at once echoed {messages} messages each in {took:.2?}; \
         descriptors {descriptors}, as before; resident KiB: {} before, {} with all open, \
         {} after",
        resident / 1024,
        tally.resident_at_most.get() / 1024,
        left / 1024,
    );
    left
}

#[test]
#[ignore = "the server's part of the crowd, in a process of its own"]
fn the_server_of_a_crowd() {
    let Some(words) = apart::words() else { return };
    let [connections, messages] = [0, 1].map(|at| words[at].parse::<usize>().unwrap());
    let reactor = Reactor::new().unwrap();
    let before = apart::resident_bytes();
    let first = serve_crowd(&reactor, connections, messages);
    let bound = before + KEPT_BYTES + connections * KEPT_BYTES_A_CONNECTION;
    assert!(first <= bound, "{first} B resident after the crowd, {before} before");
    let second = serve_crowd(&reactor, connections, messages);
    assert!(second <= first + SECOND_CROWD_BYTES, "a second crowd left {second} B, not {first}");
}

#[test]
#[ignore = "the client's part of the crowd, in a process of its own"]
fn the_client_of_a_crowd() {
    let Some(words) = apart::words() else { return };
    let [port, connections, messages] = [0, 1, 2].map(|at| words[at].parse::<usize>().unwrap());
    let port = u16::try_from(port).unwrap();
    client::run(([127, 0, 0, 1], port).into(), connections, messages);
}

#[test]
fn ten_thousand_connections_echo_a_hundred_messages() {
    let long = std::env::var_os("ROPEWALK_LONG").is_some();
    let (connections, messages) = if long { (10_000, 100) } else { (2_000, 20) };
    let words = [connections, messages].map(|word: usize| word.to_string());
    apart::play("crowd::the_server_of_a_crowd", &words);
}
