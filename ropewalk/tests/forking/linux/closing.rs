//! Closing a forking server: its children have the grace, and none is left.

use std::time::Duration;

use ropewalk::server::{Forking, PreForking, Server, StreamRequest};

use super::{Says, Test, apart, bound, children, line, say, tests};
use crate::serve::{WATCHDOG, read_all};

pub const TESTS: &[Test] = tests![
    a_close_waits_for_the_children,
    at_the_end_of_its_grace_a_close_ends_them,
    a_close_works_on_the_queue,
    who_comes_after_a_close_is_refused_though_a_child_works_on,
    a_server_that_serves_and_closes_listens_no_more_while_it_waits,
    a_pre_forking_server_has_nothing_to_close_but_its_sockets,
    a_client_that_is_aborted_has_its_child_ended,
    the_requests_of_children_are_listed,
];

/// Forks a child for the first client, then closes.
fn closes(grace: Duration) {
    let server = bound::<_, Forking>(Says::default());
    server.handle_request().unwrap();
    say("closing");
    let report = server.close(grace).unwrap();
    let (finished, cut) = (report.finished, report.cut.len());
    say(format!("finished {finished}, cut {cut}, left {}", children()));
}

fn a_close_waits_for_the_children() {
    let server = apart(|| closes(WATCHDOG));
    let Some(mut server) = server else { return };
    let (held, _) = server.asks("hold");
    server.hears("closing");
    drop(held);
    assert_eq!(server.hears("finished "), "1, cut 0, left 0");
}

fn at_the_end_of_its_grace_a_close_ends_them() {
    let server = apart(|| closes(Duration::from_millis(20)));
    let Some(mut server) = server else { return };
    let (held, _) = server.asks("hold");
    assert_eq!(server.hears("finished "), "0, cut 1, left 0");
    assert_eq!(read_all(held), "");
}

fn a_close_works_on_the_queue() {
    let server = apart(|| {
        let server = bound::<_, Forking>(Says { max_children: 1, ..Says::default() });
        server.handle_request().unwrap();
        say("taken");
        // Until the clients are in the queue.
        while server.handle_request().unwrap() {}
        let report = server.close(WATCHDOG).unwrap();
        say(format!("finished {}, cut {}", report.finished, report.cut.len()));
    });
    let Some(mut server) = server else { return };
    let (held, _) = server.asks("hold");
    server.hears("taken");
    // There is room for one child: the shutdown is the second's, and the rest still waits.
    let stops = server.sends("stop");
    let waits: Vec<_> = (0..3).map(|_| server.sends("word")).collect();
    drop(held);
    for client in std::iter::once(stops).chain(waits) {
        assert!(read_all(client).trim().parse::<u32>().is_ok());
    }
    server.hears("finished ");
    server.ends();
}

fn who_comes_after_a_close_is_refused_though_a_child_works_on() {
    let server = apart(|| closes(WATCHDOG));
    let Some(mut server) = server else { return };
    let (held, _) = server.asks("hold");
    server.hears("closing");
    let at = held.peer_addr().unwrap();
    // As soon as the socket is closed, which the child does not hold.
    let refused = (0..1_000_000).any(|_| std::net::TcpStream::connect(at).is_err());
    assert!(refused, "somebody listens");
    drop(held);
    server.hears("finished ");
}

fn a_server_that_serves_and_closes_listens_no_more_while_it_waits() {
    let server = apart(|| {
        let server = bound::<_, Forking>(Says::default());
        let report = server.serve_and_close(WATCHDOG).unwrap();
        say(format!("finished {}, left {}", report.finished, children()));
    });
    let Some(mut server) = server else { return };
    let (held, _) = server.asks("hold");
    server.asks("stop");
    let at = held.peer_addr().unwrap();
    let refused = (0..1_000_000).any(|_| std::net::TcpStream::connect(at).is_err());
    assert!(refused, "somebody listens");
    drop(held);
    assert!(server.hears("finished ").ends_with(", left 0"));
    server.ends();
}

fn a_pre_forking_server_has_nothing_to_close_but_its_sockets() {
    let server = apart(|| {
        let server = bound::<_, PreForking>(Says::default());
        server.serve_forever().unwrap();
        let report = server.close(WATCHDOG).unwrap();
        say(format!("finished {}, left {}", report.finished, children()));
    });
    let Some(mut server) = server else { return };
    server.asks("stop");
    assert_eq!(server.hears("finished "), "0, left 0");
}

fn a_client_that_is_aborted_has_its_child_ended() {
    let server = apart(|| {
        let server = bound::<_, Forking>(Says::default());
        server.handle_request().unwrap();
        assert_eq!(server.shutdown_handle().abort_clients(), 1);
        while server.handle_request().unwrap() {}
    });
    let Some(mut server) = server else { return };
    let _held = server.sends("hold");
    let said = server.hears("failed in the parent: ");
    assert!(said.contains("signal: 15"), "{said}");
    server.asks("stop");
    server.ends();
}

fn the_requests_of_children_are_listed() {
    let server = apart(|| {
        let server: Server<StreamRequest, _, Forking> = bound(Says::default());
        for _ in 0..2 {
            server.handle_request().unwrap();
        }
        let clients: Vec<_> =
            server.requests().iter().map(|request| request.client_address.to_string()).collect();
        say(format!("clients {}", clients.join(" ")));
    });
    let Some(mut server) = server else { return };
    let mut held = [server.sends("hold"), server.sends("hold")];
    let clients = server.hears("clients ");
    for client in &mut held {
        assert!(clients.contains(&client.local_addr().unwrap().to_string()), "{clients}");
        line(client);
    }
    drop(held);
    server.ends();
}
