//! A reactor's clients in a machine of their own: its names have several addresses or none that
//! comes, and its addresses answer, refuse, or hold their tongues.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use ropewalk::error::ErrorKind;
use ropewalk::limits::{self, Limits};
use ropewalk::protocol::client;
use ropewalk::{Protocol, Reactor, Transport};

use crate::ends::{SOON, WATCHDOG};
use crate::isolated::{SLOW, listeners, play_isolated, silent_server};
use crate::parts;

struct Quiet;

impl Protocol for Quiet {
    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
}

/// With this deadline for a whole attempt, and for a name.
fn reactor(connect: Duration, resolve: Duration) -> Reactor {
    let limits = Limits { connect, resolve, ..Limits::default() };
    Reactor::builder().limits(limits).build().unwrap()
}

/// Whom it is connected with, or why it is not.
fn connect(reactor: &Reactor, host: &str, port: u16) -> String {
    let said = Rc::new(RefCell::new(String::new()));
    let (made, failed) = (said.clone(), said.clone());
    let factory = client(|| Quiet)
        .on_made(move |_, transport| {
            *made.borrow_mut() = transport.peer_addr().host().into_owned();
            transport.net().stop();
        })
        .on_failed(move |_, net, why| {
            *failed.borrow_mut() = why.to_string();
            net.stop();
        });
    reactor.connect_tcp(host, port, factory);
    reactor.run().unwrap();
    assert_eq!(reactor.connections(), 0);
    said.take()
}

#[test]
fn a_reactors_clients_connect_to_whichever_address_answers() {
    play_isolated("isolated_loop::part_a_reactors_addresses_race");
}

#[test]
#[ignore = "a part of another test"]
fn part_a_reactors_addresses_race() {
    if parts::word().is_none() {
        return;
    }
    // Two hold their tongues; the third is there.
    let (kept, port) = listeners(&[("::1", true), ("127.0.0.2", true), ("127.0.0.3", false)]);
    assert_eq!(connect(&reactor(WATCHDOG, WATCHDOG), "many.test", port), "127.0.0.3");
    drop(kept);

    // One refuses, one holds its tongue.
    let (kept, port) = listeners(&[("127.0.0.2", true), ("127.0.0.3", false)]);
    assert_eq!(connect(&reactor(WATCHDOG, WATCHDOG), "many.test", port), "127.0.0.3");
    drop(kept);

    // Nobody is there: one sentence names all.
    let failed = connect(&reactor(WATCHDOG, WATCHDOG), "many.test", 1);
    for host in ["::1", "127.0.0.2", "127.0.0.3"] {
        assert!(failed.contains(host), "{failed}");
    }
    assert_eq!(failed.matches("ECONNREFUSED").count(), 1, "{failed}");

    // One deadline for all of them, and who has not answered is named.
    let (_kept, port) = listeners(&[("::1", true), ("127.0.0.2", true), ("127.0.0.3", true)]);
    let failed = connect(&reactor(SOON * 8, WATCHDOG), "many.test", port);
    assert!(failed.starts_with("connect deadline passed"), "{failed}");
}

#[test]
fn a_reactors_names_have_a_deadline_a_cancel_and_a_bound() {
    play_isolated("isolated_loop::part_a_reactors_slow_names");
}

#[test]
#[ignore = "a part of another test"]
fn part_a_reactors_slow_names() {
    if parts::word().is_none() {
        return;
    }
    let _server = silent_server();
    let failed = connect(&reactor(WATCHDOG, SOON), SLOW, 80);
    assert_eq!(failed, "connect deadline passed");

    let reactor = reactor(WATCHDOG, SOON);
    let found = Rc::new(RefCell::new(None));
    let told = found.clone();
    reactor.resolve(SLOW, 80, move |net, found| {
        told.replace(Some(found));
        net.stop();
    });
    reactor.run().unwrap();
    let error = found.take().expect("it was told").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.to_string().contains(SLOW), "{error}");
    a_stop_and_a_cancel_need_no_answer();
    a_full_resolver_says_so_and_an_address_needs_none();
}

fn a_stop_and_a_cancel_need_no_answer() {
    let reactor = reactor(WATCHDOG, WATCHDOG);
    let said = Rc::new(RefCell::new(Vec::new()));
    let (failed, told) = (said.clone(), said.clone());
    let factory = client(|| Quiet).on_failed(move |_, net, why| {
        failed.borrow_mut().push(why.to_string());
        net.stop();
    });
    let connector = reactor.connect_tcp(SLOW, 80, factory);
    let lookup = reactor.resolve(SLOW, 80, move |_, _| told.borrow_mut().push("told".into()));
    reactor.call_later(Duration::from_millis(1), move |_| {
        lookup.cancel();
        connector.stop();
    });
    reactor.run().unwrap();
    assert_eq!(*said.borrow(), ["aborted"]);
}

fn a_full_resolver_says_so_and_an_address_needs_none() {
    let reactor = reactor(WATCHDOG, WATCHDOG);
    let (full, stopped) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let most = limits::RESOLVER_THREADS + limits::RESOLVER_WAITING;
    for _ in 0..=most {
        let (full, stopped) = (full.clone(), stopped.clone());
        // A panic here would be told in the log, and fail nothing.
        reactor.resolve(SLOW, 80, move |_, found| match found.unwrap_err().kind() {
            ErrorKind::Full => full.set(full.get() + 1),
            ErrorKind::Stopped => stopped.set(stopped.get() + 1),
            _ => {}
        });
    }
    let literal = Rc::new(Cell::new(false));
    let found_it = literal.clone();
    reactor.resolve("127.0.0.1", 80, move |net, found| {
        found_it.set(found.is_ok());
        net.stop();
    });
    reactor.run().unwrap();
    assert!(literal.get() && full.get() > 0, "{} found no room", full.get());
    // Each heard, whether it had a thread, waited for one, or found no room.
    assert_eq!(full.get() + stopped.get(), most + 1);
    assert!(stopped.get() >= limits::RESOLVER_WAITING, "{} waited", stopped.get());
}
