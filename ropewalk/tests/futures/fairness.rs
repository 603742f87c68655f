//! A future that is always ready starves nobody.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::limits::TURN_TASKS;
use ropewalk::protocol::yield_now;
use ropewalk::{Protocol, Reactor, Transport};

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        transport.write(data);
    }
}

#[test]
fn io_timers_and_other_threads_have_their_turn_beside_futures_that_never_rest() {
    let reactor = Reactor::new().unwrap();
    let listener = reactor.listen_tcp(("127.0.0.1", 0), || Echo).unwrap();
    let to = listener.addrs()[0].ip().unwrap();
    // More than a turn polls.
    for _ in 0..TURN_TASKS + 10 {
        reactor
            .spawn(async {
                loop {
                    yield_now().await;
                }
            })
            .detach();
    }
    let ticked = Rc::new(Cell::new(false));
    let tick = ticked.clone();
    reactor.call_later(Duration::from_millis(1), move |_| tick.set(true));
    let remote = reactor.remote();
    let talking = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        for _ in 0..20 {
            stream.write_all(b"hello").unwrap();
            let mut word = [0; 5];
            stream.read_exact(&mut word).unwrap();
            assert_eq!(&word, b"hello");
        }
        remote.stop().unwrap();
    });
    reactor.run().unwrap();
    talking.join().unwrap();
    assert!(ticked.get());
}

#[test]
fn a_turn_polls_so_many_futures_and_goes_on_with_the_rest_in_the_next() {
    let reactor = Reactor::new().unwrap();
    let polled = Rc::new(Cell::new(0));
    for _ in 0..3 * TURN_TASKS {
        let polled = polled.clone();
        reactor.spawn(async move { polled.set(polled.get() + 1) }).detach();
    }
    // A turn has two occasions: before its wait, and after.
    let mut seen = Vec::new();
    let watch = async {
        while seen.last() != Some(&(3 * TURN_TASKS)) {
            yield_now().await;
            seen.push(polled.get());
        }
    };
    reactor.block_on(watch).unwrap();
    assert!(seen[0] <= 2 * TURN_TASKS, "{seen:?}");
    assert!(seen.len() >= 2, "{seen:?}");
}

#[test]
fn a_future_that_asks_again_and_again_is_polled_once_a_round() {
    let reactor = Reactor::new().unwrap();
    let greedy = Rc::new(Cell::new(0u32));
    let count = greedy.clone();
    let task = reactor.spawn(async move {
        loop {
            count.set(count.get() + 1);
            yield_now().await;
        }
    });
    let modest = async {
        let mut most = 0;
        for _ in 0..100 {
            let before = greedy.get();
            yield_now().await;
            most = most.max(greedy.get() - before);
        }
        most
    };
    let most = reactor.block_on(modest).unwrap();
    assert!((1..=2).contains(&most), "{most} polls while another had one");
    drop(task);
}
