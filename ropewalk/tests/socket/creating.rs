//! Connections, servers and pairs in one call: what is theirs beyond CPython's tests.

use std::time::Duration;

use ropewalk::addr::Target;
use ropewalk::error::{ErrorKind, Operation};
use ropewalk::limits;
use ropewalk::socket::*;
use rustix::io::Errno;

use crate::ends::{SOON, WATCHDOG, full_listener, listener};
use crate::folder::Folder;

#[test]
fn a_connection_to_an_address_keeps_the_deadline_and_names_it() {
    let (_listener, _queue, at) = full_listener(AF_INET, ("127.0.0.1", 0).into());
    let error = create_connection(at.clone(), Some(SOON)).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot connect to {at}: timed out after 50ms"));
    assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::TimedOut, None));
}

#[test]
fn a_connection_to_a_name_keeps_the_deadline_and_says_who_has_not_answered() {
    let (_listener, _queue, at) = full_listener(AF_INET, ("127.0.0.1", 0).into());
    let Target::Addr(at) = at else { panic!("it is an address") };
    let tried = || create_connection(("localhost", at.port().unwrap()), Some(SOON)).unwrap_err();
    // On a busy machine the lookup alone may take so long.
    let mut errors = std::iter::repeat_with(tried).take(100);
    let error = errors.find(|error| error.operation() == Operation::Connect).expect("it looks up");
    assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::TimedOut, None), "{error}");
    let sentence = "no answer from 127.0.0.1 (timed out after 50ms)";
    assert!(error.to_string().contains(sentence), "{error}");
    assert!(error.attempts().iter().any(|attempt| attempt.kind() == ErrorKind::TimedOut));
}

#[test]
fn no_time_at_all_is_refused_with_what_helps() {
    let error = create_connection(("localhost", 80), Some(Duration::ZERO)).unwrap_err();
    assert_eq!((error.operation(), error.kind()), (Operation::Connect, ErrorKind::InvalidInput));
    assert!(error.remedy().is_some_and(|remedy| remedy.contains("set_blocking")), "{error}");
}

#[cfg(unix)] // Unix sockets
#[test]
fn a_connection_may_go_to_a_path() {
    let folder = Folder::new();
    let server = create_server(folder.path("s")).unwrap();
    let client = create_connection(folder.path("s"), Some(WATCHDOG)).unwrap();
    assert_eq!((server.family(), client.family()), (AF_UNIX, AF_UNIX));
    assert!(server.accept().is_ok());
}

#[test]
fn a_name_that_is_not_known_is_told_with_the_resolvers_code() {
    let error = create_connection(("no-such-host.invalid", 80), Some(WATCHDOG)).unwrap_err();
    assert_eq!((error.operation(), error.kind()), (Operation::Resolve, ErrorKind::NotFound));
    assert!(error.resolver_code().is_some(), "{error}");
    assert_eq!(error.raw_os_error(), None);
    assert!(error.to_string().contains("no-such-host.invalid"), "{error}");
}

#[test]
fn a_source_that_this_machine_has_not_is_told() {
    let server = listener();
    let at = server.local_addr().unwrap();
    let error = create_connection_from(&at, None, ("192.0.2.200", 0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddressNotAvailable, "{error}");
    let port = at.port().unwrap();
    let error = create_connection_from(("localhost", port), None, ("192.0.2.200", 0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddressNotAvailable, "{error}");
}

#[test]
fn a_server_that_cannot_be_bound_names_the_address_and_keeps_the_code() {
    let taken = listener().local_addr().unwrap();
    let first = create_server(&taken).unwrap();
    let error = create_server(&taken).unwrap_err();
    assert_eq!((error.operation(), error.kind()), (Operation::Bind, ErrorKind::AddressInUse));
    assert_eq!(error.raw_os_error(), Some(Errno::ADDRINUSE.raw_os_error()));
    assert!(error.to_string().contains(&taken.to_string()), "{error}");
    drop(first);
}

#[test]
fn a_server_may_take_a_port_on_which_old_connections_linger() {
    let server = create_server(("127.0.0.1", 0)).unwrap();
    let at = server.local_addr().unwrap();
    let client = create_connection(&at, Some(WATCHDOG)).unwrap();
    let (peer, _) = server.accept().unwrap();
    drop(peer); // closes first, and so lingers
    assert_eq!(client.recv(1).unwrap(), b"");
    drop((client, server));
    create_server(&at).unwrap();
}

#[test]
fn a_server_has_the_backlog_that_it_is_given() {
    let options = ServerOptions { backlog: Some(0), ..ServerOptions::default() };
    let server = create_server_with(("127.0.0.1", 0), &options).unwrap();
    let at = server.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(client) = create_connection(&at, Some(SOON)) {
        queued.push(client);
        assert!(queued.len() < limits::BACKLOG.unsigned_abs() as usize, "the queue has no end");
    }
    assert!(!queued.is_empty());
}

#[test]
fn two_families_are_not_asked_of_ipv4() {
    let options = ServerOptions { dual_stack: true, ..ServerOptions::default() };
    let error = create_server_with(("127.0.0.1", 0), &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    let options = ServerOptions { family: Some(AF_INET), ..options };
    let error = create_server_with(("", 0), &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
}

#[test]
fn an_ipv4_peer_of_a_server_of_both_families_is_told_as_ipv4() {
    let options = ServerOptions { dual_stack: true, ..ServerOptions::default() };
    let server = create_server_with(("", 0), &options).unwrap();
    let port = server.local_addr().unwrap().port().unwrap();
    let client = create_connection(("127.0.0.1", port), Some(WATCHDOG)).unwrap();
    let (_peer, from) = server.accept().unwrap();
    assert_eq!(from, client.local_addr().unwrap());
}

#[test]
fn a_server_at_a_name_is_of_ipv4_if_the_name_is() {
    let server = create_server(("localhost", 0)).unwrap();
    assert_eq!(server.family(), AF_INET);
    assert_eq!(server.local_addr().unwrap().host(), "127.0.0.1");
}

#[cfg(unix)] // Unix sockets
#[test]
fn a_pair_of_datagram_sockets_keeps_the_messages_apart() {
    let (ours, theirs) = socketpair_of(AF_UNIX, SOCK_DGRAM).unwrap();
    ours.send(b"one").unwrap();
    ours.send(b"two").unwrap();
    assert_eq!(theirs.recv(16).unwrap(), b"one");
    assert_eq!(theirs.recv(16).unwrap(), b"two");
    for family in [AF_INET, AF_INET6] {
        let error = socketpair_of(family, SOCK_DGRAM).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
}

#[cfg(unix)] // Windows resolves numbers of interfaces alone
#[test]
fn an_address_with_a_scope_is_understood() {
    let (index, name) = if_nameindex().unwrap().remove(0);
    let hints = Hints { kind: Some(SOCK_STREAM), ..Hints::default() };
    let found = getaddrinfo(Some(&format!("fe80::1%{name}")), 80, hints).unwrap();
    let Some(std::net::SocketAddr::V6(v6)) = found[0].addr.ip() else { panic!("{found:?}") };
    assert_eq!(v6.scope_id(), index);
}

#[test]
fn a_source_of_the_other_family_is_refused_as_such() {
    for (to, source) in [("::1", "127.0.0.1"), ("127.0.0.1", "::1")] {
        let error = create_connection_from((to, 9), Some(WATCHDOG), (source, 0)).unwrap_err();
        let what = (error.operation(), error.kind());
        assert_eq!(what, (Operation::Bind, ErrorKind::InvalidInput), "{error}");
        assert!(
            error.to_string().contains("IPv4") && error.to_string().contains("IPv6"),
            "{error}"
        );
    }
    // What is IPv4 by another name is reached by it, where one socket may be of both.
    if cfg!(windows) {
        return;
    }
    let server = create_server(("127.0.0.1", 0)).unwrap();
    let port = server.local_addr().unwrap().port().unwrap();
    let mapped = std::net::SocketAddr::new("::ffff:127.0.0.1".parse().unwrap(), port);
    create_connection_from(mapped, Some(WATCHDOG), ("127.0.0.1", 0)).unwrap();
}
