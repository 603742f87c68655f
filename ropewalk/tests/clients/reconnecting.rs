//! A client that keeps its connection: when it tries again, and what is heard of it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use ropewalk::addr::{Addr, Target};
use ropewalk::driver::Reach;
use ropewalk::error::ErrorKind;
use ropewalk::limits;
use ropewalk::protocol::client;
use ropewalk::server::ThreadServer;
use ropewalk::service::reconnecting::{Builder, Counts, Ready, State};
use ropewalk::service::{Reconnecting, Retry};
use ropewalk::testing::Network;
use ropewalk::{Listener, Protocol, Reactor, Reason, Transport};

use crate::rig::{Heard, Quiet, at, ip, millis, noting};

const S: Duration = Duration::from_secs(1);

/// No chance: 1, 1.5, 2.25 s and so on.
fn plain() -> Retry {
    Retry { jitter: 0.0, ..Retry::default() }
}

fn to_one() -> Builder {
    Reconnecting::to(Target::Addr(Addr::Memory(1))).retry(plain())
}

fn serve(network: &Network) -> Listener {
    network.listen(1, || Quiet).unwrap()
}

fn started(heard: &Heard) -> Vec<u64> {
    heard.all().into_iter().filter(|(_, word)| word == "started").map(|(at, _)| at).collect()
}

/// Ends the connection from outside of the client.
fn cut(client: &Reconnecting) {
    client.current().expect("it is connected").abort().unwrap();
}

/// Closes at once.
struct Closes;

impl Protocol for Closes {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        transport.close();
    }
    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
}

#[test]
fn the_delays_grow_by_the_factor_up_to_the_cap_and_are_exact() {
    let network = Network::calm();
    let heard = Heard::on(&network);
    let retry = Retry { cap: 3 * S, ..plain() };
    let client = to_one().retry(retry).start(network.net(), noting(&heard));
    network.run_for(15 * S);
    assert_eq!(started(&heard), [0, 1_000, 2_500, 4_750, 7_750, 10_750, 13_750]);
    assert_eq!((client.failures(), client.next_delay()), (7, Some(3 * S)));
    assert_eq!(client.next_at().unwrap().as_nanos(), 16_750_000_000);
}

#[test]
fn the_cap_holds_for_the_first_delay_and_after_chance() {
    let network = Network::calm();
    let heard = Heard::on(&network);
    let retry = Retry { cap: millis(500), jitter: 1.0, seed: Some(3), ..Retry::default() };
    to_one().retry(retry).start(network.net(), noting(&heard));
    network.run_for(60 * S);
    let starts = started(&heard);
    assert!(starts.windows(2).all(|pair| pair[1] - pair[0] <= 500), "{starts:?}");
    assert!(starts.windows(2).any(|pair| pair[1] - pair[0] < 250), "chance is used: {starts:?}");
}

#[test]
fn one_seed_waits_the_same_and_another_does_not() {
    let starts = |seed| {
        let network = Network::calm();
        let heard = Heard::on(&network);
        let retry = Retry { seed: Some(seed), ..Retry::default() };
        to_one().retry(retry).start(network.net(), noting(&heard));
        network.run_for(100 * S);
        started(&heard)
    };
    assert!(starts(1) == starts(1) && starts(1) != starts(2));
}

#[test]
fn clients_without_a_seed_do_not_come_back_together() {
    let network = Network::calm();
    let start = |_| to_one().retry(Retry::default()).start(network.net(), || Quiet);
    let clients: Vec<_> = (0..8).map(start).collect();
    network.run_for(millis(10));
    let mut delays: Vec<_> = clients.iter().map(|client| client.next_delay().unwrap()).collect();
    delays.sort_unstable();
    delays.dedup();
    assert_eq!(delays.len(), 8);
}

#[test]
fn after_a_good_connection_counting_starts_anew() {
    let network = Network::calm();
    let heard = Heard::on(&network);
    let client = to_one().start(network.net(), noting(&heard));
    network.run_for(millis(4_000)); // three failures: at 0, 1,000 and 2,500
    let _listener = serve(&network);
    network.run_for(millis(750) + limits::RECONNECT_STABLE);
    assert_eq!((client.state(), client.failures()), (State::Connected, 3));
    cut(&client);
    network.run_for(millis(1));
    assert_eq!((client.failures(), client.next_delay()), (0, Some(S)));
    network.run_for(S);
    assert_eq!(client.state(), State::Connected);
}

#[test]
fn a_server_that_accepts_and_closes_is_not_stormed() {
    let network = Network::calm();
    let heard = Heard::on(&network);
    let _listener = network.listen(1, || Closes).unwrap();
    let client = to_one().start(network.net(), noting(&heard));
    network.run_for(millis(5_000));
    assert_eq!(started(&heard), [0, 1_000, 2_500, 4_750]);
    let Counts { attempts, made, failed, lost, .. } = client.counts();
    assert_eq!((attempts, made, failed, lost), (4, 4, 0, 4));
}

#[test]
fn who_says_that_a_connection_is_good_makes_it_so_however_short_it_lives() {
    let network = Network::calm();
    let _listener = network.listen(1, || Closes).unwrap();
    let heard = Heard::on(&network);
    let own: Rc<RefCell<Option<Reconnecting>>> = Rc::default();
    let (of_made, noted) = (own.clone(), heard.clone());
    let factory = client(|| Quiet).on_made(move |_, _| {
        noted.note("made");
        of_made.borrow().as_ref().unwrap().reset();
    });
    own.replace(Some(to_one().start(network.net(), factory)));
    network.run_for(millis(3_500));
    heard.is(&[(0, "made"), (1_000, "made"), (2_000, "made"), (3_000, "made")]);
}

#[test]
fn after_so_many_failures_in_a_row_it_gives_up_and_says_so_once() {
    let network = Network::calm();
    let heard = Heard::on(&network);
    let (gave_up, waits, ends) = (heard.clone(), heard.clone(), heard.clone());
    let client = to_one()
        .retry(Retry { limit: Some(3), ..plain() })
        .on_gave_up(move |_, why| gave_up.note(format!("gave up: {why}")))
        .start(network.net(), || Quiet);
    client.when_connected(network.net(), None, move |found| {
        waits.note(format!("{}", found.unwrap_err()));
    });
    client.when_stopped(network.net(), move || ends.note("the end")).unwrap();
    network.run();
    let refused = "refused: connection refused (ECONNREFUSED)";
    let all = heard.all();
    assert_eq!(all[0].0, 2_500, "{all:?}");
    assert!(all[0].1.starts_with("gave up: refused: cannot connect to memory:1"), "{all:?}");
    assert!(all[1].1.contains("cannot connect to memory:1: 3 failures in a row; "), "{all:?}");
    assert!(all[1].1.contains(refused.trim_start_matches("refused: ")), "{all:?}");
    assert_eq!((all[2].1.as_str(), all.len()), ("the end", 3));
    assert_eq!((client.state(), client.next_delay()), (State::GaveUp, None));
    // It may be asked to go on, and then has as many again.
    client.resume(network.net());
    network.run();
    assert_eq!((client.counts().failed, client.state()), (6, State::GaveUp));
}

#[test]
fn what_it_waits_for_is_told_with_the_reason() {
    let network = Network::calm();
    let heard = Heard::on(&network);
    let waits = heard.clone();
    let client = to_one()
        .on_waiting(move |_, delay, why| waits.note(format!("{delay:?} {:?}", why.kind())))
        .start(network.net(), || Quiet);
    network.run_for(millis(2_600));
    heard.is(&[(0, "1s Refused"), (1_000, "1.5s Refused"), (2_500, "2.25s Refused")]);
    assert_eq!(client.state(), State::Waiting);
}

#[test]
fn a_pause_ends_the_waiting_and_going_on_connects_at_once() {
    let network = Network::calm();
    let heard = Heard::on(&network);
    let client = to_one().start(network.net(), noting(&heard));
    network.run_for(millis(500));
    client.pause();
    assert_eq!((client.state(), client.next_delay()), (State::Paused, None));
    network.run_for(60 * S);
    let _listener = serve(&network);
    client.resume(network.net());
    network.run_for(millis(1));
    assert_eq!(started(&heard), [0, 60_500]);
    assert_eq!(client.state(), State::Connected);
    // A pause leaves a connection, and makes no other.
    client.pause();
    network.run_for(millis(1));
    assert_eq!(client.state(), State::Connected);
    cut(&client);
    network.run_for(60 * S);
    assert_eq!((client.state(), client.counts().attempts), (State::Paused, 2));
}

#[test]
fn a_pause_ends_an_attempt_and_that_is_no_failure() {
    let network = Network::calm();
    network.set_reach(at(ip(1)), Reach::Silent);
    let heard = Heard::on(&network);
    let client = Reconnecting::to(at(ip(1))).start(network.net(), noting(&heard));
    network.run_for(millis(100));
    client.pause();
    network.run_for(millis(1));
    assert_eq!(heard.words(), ["started", "failed: aborted"]);
    assert_eq!((client.state(), client.failures(), network.connections()), (State::Paused, 0, 0));
    // Paused and resumed in one breath, it begins again once the first has ended.
    client.resume(network.net());
    network.run_for(millis(100));
    client.pause();
    client.resume(network.net());
    network.run_for(millis(1));
    assert_eq!((client.state(), client.counts().attempts), (State::Connecting, 3));
    assert_eq!(client.failures(), 0);
}

#[test]
fn a_stop_closes_the_connection_and_tells_when_it_is_lost() {
    let network = Network::calm();
    let _listener = serve(&network);
    let heard = Heard::on(&network);
    let client = to_one().start(network.net(), noting(&heard));
    network.run_for(millis(5));
    let ends = heard.clone();
    client.when_stopped(network.net(), move || ends.note("the end")).unwrap();
    client.stop(network.net());
    client.stop(network.net());
    assert_eq!((client.state(), client.current()), (State::Stopping, None));
    network.run_for(60 * S);
    assert_eq!(heard.words()[2..], ["lost: closed", "the end"]);
    assert_eq!((client.state(), network.connections()), (State::Stopped, 0));
    let ends = heard.clone();
    client.when_stopped(network.net(), move || ends.note("still")).unwrap();
    assert_eq!(heard.words().len(), 4, "not within the call");
    network.run();
    assert_eq!(heard.words()[4..], ["still"]);
}

#[test]
fn a_stop_while_it_waits_or_connects_leaves_nothing_behind() {
    let network = Network::calm();
    network.set_reach(at(ip(1)), Reach::Silent);
    let heard = Heard::on(&network);
    let waiting = to_one().start(network.net(), || Quiet);
    let connecting = Reconnecting::to(at(ip(1))).start(network.net(), || Quiet);
    network.run_for(millis(100));
    assert_eq!((waiting.state(), connecting.state()), (State::Waiting, State::Connecting));
    for (client, name) in [(&waiting, "waiting"), (&connecting, "connecting")] {
        let ends = heard.clone();
        client.when_stopped(network.net(), move || ends.note(name)).unwrap();
        client.stop(network.net());
    }
    network.run();
    heard.is(&[(100, "waiting"), (100, "connecting")]);
    assert_eq!((waiting.counts().attempts, network.connections()), (1, 0));
}

#[test]
fn a_stop_and_a_resume_before_the_end_make_a_new_connection() {
    let network = Network::calm();
    let _listener = serve(&network);
    let client = to_one().start(network.net(), || Quiet);
    network.run_for(millis(5));
    let before = client.current().unwrap();
    client.stop(network.net());
    client.resume(network.net());
    network.run_for(millis(5));
    let after = client.current().expect("connected again, without a delay");
    assert!(before.is_gone() && before != after);
}

#[test]
fn who_waits_for_a_connection_gets_the_next_one_and_then_the_current_one() {
    let network = Network::calm();
    let heard = Heard::on(&network);
    let client = to_one().start(network.net(), || Quiet);
    for name in ["first", "second"] {
        let noted = heard.clone();
        client.when_connected(network.net(), None, move |found| {
            noted.note(format!("{name} {}", found.is_ok()));
        });
    }
    network.run_for(millis(10));
    let _listener = serve(&network);
    network.run_for(2 * S);
    heard.is(&[(1_000, "first true"), (1_000, "second true")]);
    let (noted, current) = (heard.clone(), client.current());
    client.when_connected(network.net(), None, move |found| {
        noted.note(format!("third {}", found.ok() == current));
    });
    assert_eq!(heard.words().len(), 2, "not within the call");
    network.run_for(millis(1));
    assert_eq!(heard.words()[2], "third true");
}

#[test]
fn who_waits_for_so_many_failures_hears_the_last_of_them_counted_from_the_call() {
    let network = Network::calm();
    let heard = Heard::on(&network);
    let client = to_one().start(network.net(), || Quiet);
    network.run_for(millis(500)); // one failure before
    for (count, name) in [(1, "one"), (2, "two"), (0, "none")] {
        let noted = heard.clone();
        client.when_connected(network.net(), Some(count), move |found| {
            let error = found.unwrap_err();
            assert!(error.to_string().contains("ECONNREFUSED"), "{error}");
            noted.note(name);
        });
    }
    network.run_for(5 * S);
    heard.is(&[(1_000, "one"), (1_000, "none"), (2_500, "two")]);
}

#[test]
fn who_waits_when_it_is_stopped_hears_so_and_so_does_who_asks_later() {
    let network = Network::calm();
    let heard = Heard::on(&network);
    let client = to_one().start(network.net(), || Quiet);
    let ask = || {
        let noted = heard.clone();
        client.when_connected(network.net(), None, move |found| {
            noted.note(format!("{:?}", found.unwrap_err().kind()));
        });
    };
    ask();
    network.run_for(millis(10));
    client.stop(network.net());
    ask();
    network.run_for(millis(10));
    ask();
    network.run();
    assert_eq!(heard.words(), ["Stopped"; 3]);
}

#[test]
fn no_more_than_the_bound_wait_for_a_connection_or_for_the_end() {
    let network = Network::calm();
    let client = to_one().start(network.net(), || Quiet);
    let full = Rc::new(Cell::new(0));
    for _ in 0..limits::RECONNECT_WAITERS + 2 {
        let full = full.clone();
        client.when_connected(network.net(), None, move |found| {
            full.set(full.get() + usize::from(found.unwrap_err().kind() == ErrorKind::Full));
        });
    }
    network.run_for(millis(10));
    assert_eq!(full.get(), 2);
    let taken = (0..limits::RECONNECT_WAITERS + 2)
        .filter(|_| client.when_stopped(network.net(), || {}).is_ok())
        .count();
    assert_eq!(taken, limits::RECONNECT_WAITERS);
    client.stop(network.net());
    network.run();
}

#[test]
fn a_connection_is_handed_out_when_it_is_prepared_and_not_before() {
    let network = Network::calm();
    let _listener = serve(&network);
    let heard = Heard::on(&network);
    let client = to_one()
        .prepare(|transport, ready| {
            let later = move |net: &dyn ropewalk::Net| ready.accept(net);
            transport.net().call_later(millis(700), Box::new(later));
        })
        .start(network.net(), || Quiet);
    let noted = heard.clone();
    client.when_connected(network.net(), None, move |found| {
        noted.note(format!("connected {}", found.is_ok()));
    });
    network.run_for(millis(500));
    assert_eq!((client.state(), client.current()), (State::Preparing, None));
    network.run_for(60 * S);
    heard.is(&[(700, "connected true")]);
    assert_eq!(client.state(), State::Connected, "the preparation's deadline is over");
}

#[test]
fn a_connection_that_is_refused_in_its_preparation_is_a_failure_and_tried_again() {
    let network = Network::calm();
    let _listener = serve(&network);
    let heard = Heard::on(&network);
    let nth = Cell::new(0);
    let client = to_one()
        .prepare(move |transport, ready: Ready| {
            nth.set(nth.get() + 1);
            match nth.get() {
                1 => ready.refuse("the server is too old"),
                2 => drop(ready),
                _ => ready.accept(transport.net()),
            }
        })
        .start(network.net(), noting(&heard));
    network.run_for(4 * S);
    let lost: Vec<_> = heard.all().into_iter().filter(|(_, word)| word.contains("lost")).collect();
    let refused = "lost: refused: the server is too old".to_owned();
    let dropped = "lost: refused: its preparation was given up".to_owned();
    assert_eq!(lost, [(0, refused), (1_000, dropped)]);
    let Counts { made, failed, lost, .. } = client.counts();
    assert_eq!((client.state(), made, failed, lost), (State::Connected, 3, 2, 0));
}

#[test]
fn a_preparation_that_does_not_end_meets_its_deadline() {
    let network = Network::calm();
    let _listener = serve(&network);
    let heard = Heard::on(&network);
    let kept: Rc<RefCell<Vec<Ready>>> = Rc::default();
    let keep = kept.clone();
    to_one()
        .prepare(move |_, ready| keep.borrow_mut().push(ready))
        .start(network.net(), noting(&heard));
    network.run_for(limits::RECONNECT_PREPARE + millis(10));
    let late = "lost: start deadline passed: the connection was not prepared in time";
    assert_eq!(heard.all().last().unwrap(), &(10_000, late.to_owned()));
    // A word about a connection that is gone is nobody's.
    network.run_for(2 * S);
    kept.borrow_mut().remove(0).accept(network.net());
    network.run_for(millis(10));
    assert_eq!(heard.all().len(), 5, "the second one is still prepared: {:?}", heard.all());
}

#[test]
fn a_panic_of_the_users_in_any_callback_does_not_end_the_client() {
    let network = Network::calm();
    let _listener = network.listen(1, || Closes).unwrap();
    let calls = Rc::new(Cell::new(0));
    let count = move || {
        calls.set(calls.get() + 1);
        calls.get()
    };
    let factory = client(|| Quiet)
        .on_made(move |_, _| {
            if count() % 2 == 0 {
                panic!("made")
            }
        })
        .on_end(|_, _, _| panic!("end"));
    let client = to_one()
        .prepare(|transport, ready| {
            ready.accept(transport.net());
            if transport.now().as_nanos() == 2_500_000_000 {
                panic!("prepare");
            }
        })
        .on_waiting(|_, _, _| panic!("waiting"))
        .start(network.net(), factory);
    network.run_for(10 * S);
    assert_eq!((client.counts().attempts, client.counts().made), (5, 5));
}

#[test]
fn while_its_reactor_stops_it_begins_nothing_and_then_it_is_stopped() {
    let reactor = Reactor::new().unwrap();
    let listener = reactor.listen_tcp(("127.0.0.1", 0), || Quiet).unwrap();
    let to = Target::Addr(listener.addrs()[0].clone());
    let heard = Heard::default();
    let (made, waits, ends) = (heard.clone(), heard.clone(), heard.clone());
    let factory = client(|| Quiet).on_made(move |_, transport| {
        made.note("made");
        transport.net().stop();
    });
    let client = Reconnecting::to(to).start(reactor.net(), factory);
    client.when_connected(reactor.net(), None, move |found| waits.note(found.is_ok().to_string()));
    client.when_stopped(reactor.net(), move || ends.note("the end")).unwrap();
    reactor.run().unwrap();
    assert_eq!((client.state(), client.counts().attempts), (State::Stopped, 1));
    assert_eq!(heard.words().len(), 3, "{:?}", heard.words());
    assert!(heard.words().contains(&"the end".to_owned()));
    // In the next run it can go on.
    let _listener = reactor.listen_tcp(listener.addrs()[0].ip().unwrap(), || Quiet).unwrap();
    client.resume(reactor.net());
    reactor.run().unwrap();
    assert_eq!((client.state(), client.counts().made), (State::Stopped, 2));
}

#[test]
fn a_reactor_that_ends_tells_who_waits() {
    let reactor = Reactor::new().unwrap();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let heard = Heard::default();
    let (waits, noted) = (heard.clone(), heard.clone());
    let client =
        Reconnecting::to(gone).on_waiting(|net, _, _| net.stop()).start(reactor.net(), || Quiet);
    client.when_connected(reactor.net(), None, move |found| {
        waits.note(format!("{:?}", found.unwrap_err().kind()));
    });
    client.when_stopped(reactor.net(), move || noted.note("the end")).unwrap();
    reactor.run().unwrap();
    assert_eq!(heard.words(), ["Stopped", "the end"]);
    assert_eq!(client.state(), State::Stopped);
}

/// Keeps a connection of its own to the address that it is sent to.
struct Keeper {
    to: std::net::SocketAddr,
}

impl Protocol for Keeper {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        let handle = transport.handle();
        let client = Reconnecting::to(self.to).start(transport.net(), || Quiet);
        let done = client.clone();
        client.when_connected(transport.net(), None, move |found| {
            handle.write(format!("{}", found.is_ok()).as_bytes()).unwrap();
            handle.close().unwrap();
            let _keep = done;
        });
    }
    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
}

#[test]
fn it_runs_on_the_net_of_a_connections_own_thread() {
    use std::io::Read;
    let far = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = far.local_addr().unwrap();
    let server = ThreadServer::new().unwrap();
    let listener = server.listen(&("127.0.0.1", 0).into(), move || Keeper { to }).unwrap();
    let (at, remote) = (listener.addrs()[0].ip().unwrap(), server.remote());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut stream = std::net::TcpStream::connect(at).unwrap();
            stream.set_read_timeout(Some(60 * S)).unwrap();
            let mut said = String::new();
            stream.read_to_string(&mut said).unwrap();
            remote.drain(Duration::ZERO).unwrap();
            assert_eq!(said, "true");
        });
        server.serve_forever().unwrap();
    });
}

#[test]
fn what_the_user_is_told_of_a_failure_is_the_attempts_own_reason() {
    let network = Network::calm();
    let reasons: Rc<RefCell<Vec<Reason>>> = Rc::default();
    let seen = reasons.clone();
    let factory = client(|| Quiet).on_failed(move |_, _, why| seen.borrow_mut().push(why.clone()));
    let client = Reconnecting::to(Target::tcp("nobody.test", 80)).start(network.net(), factory);
    network.run_for(millis(10));
    let why = reasons.borrow()[0].to_string();
    assert!(why.contains("cannot resolve nobody.test:80"), "{why}");
    assert_eq!(client.failures(), 1);
}
