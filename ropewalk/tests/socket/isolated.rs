//! Names and descriptors in a machine of their own: its files say what a name is, its resolver's
//! server says nothing, and nobody else has a descriptor there.

#![allow(unsafe_code, reason = "only a system call forks")]

use std::net::UdpSocket;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use ropewalk::addr::Target;
use ropewalk::error::{ErrorKind, Operation};
use ropewalk::limits;
use ropewalk::socket::*;

use crate::ends::{SOON, WATCHDOG, full_listener, watched};
use crate::folder::Folder;
use crate::needs::{has, needs};
use crate::parts;

/// A name with three addresses, of both families.
const HOSTS: &str = "127.0.0.1 localhost\n::1 localhost\n\
                     127.0.0.2 many.test\n127.0.0.3 many.test\n::1 many.test\n";

/// One server, which is asked once and for as long as the resolver allows.
const RESOLV_CONF: &str = "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n";

/// A name that only that server could know.
pub(crate) const SLOW: &str = "slow.example";

/// A network and files of its own, for one part.
pub(crate) fn play_isolated(part: &str) {
    let root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    let possible = Command::new("unshare").args(["--net", "--mount", "true"]).output();
    let possible = root && possible.is_ok_and(|output| output.status.success());
    if !has("ip") || !needs("the right to make a network and a file system", possible) {
        return;
    }
    let folder = Folder::new();
    std::fs::write(folder.path("hosts"), HOSTS).unwrap();
    std::fs::write(folder.path("resolv.conf"), RESOLV_CONF).unwrap();
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "sh", "-ec"]).arg(
        "ip link set lo up && mount --bind \"$1/hosts\" /etc/hosts && \
         mount --bind \"$1/resolv.conf\" /etc/resolv.conf && shift && exec \"$@\"",
    );
    command.arg("sh").arg(folder.path("")).arg(std::env::current_exe().unwrap());
    command.args(parts::arguments(part));
    parts::mark(&mut command, "isolated");
    parts::play(command);
}

/// The server of names that never answers.
pub(crate) fn silent_server() -> UdpSocket {
    UdpSocket::bind(("127.0.0.1", 53)).unwrap() // in a network of its own
}

#[test]
fn a_name_that_is_not_answered_meets_the_callers_deadline() {
    play_isolated("isolated::part_a_slow_name_meets_the_deadline");
}

#[test]
#[ignore = "a part of another test"]
fn part_a_slow_name_meets_the_deadline() {
    if parts::word().is_none() {
        return;
    }
    let _server = silent_server();
    let assert_timed_out = |error: ropewalk::Error| {
        assert_eq!((error.operation(), error.kind()), (Operation::Resolve, ErrorKind::TimedOut));
        assert_eq!(error.raw_os_error(), None);
        let sentence = error.to_string();
        assert!(sentence.contains(SLOW) && sentence.contains("timed out after"), "{sentence}");
    };
    let client = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    client.set_timeout(Some(SOON)).unwrap();
    assert_timed_out(client.connect((SLOW, 80)).unwrap_err());
    assert_timed_out(client.connect_ex((SLOW, 80)).unwrap_err());
    assert_timed_out(client.send_to(b"x", (SLOW, 80)).unwrap_err());
    assert_timed_out(create_connection((SLOW, 80), Some(SOON)).unwrap_err());
    let ask = |timeout| getaddrinfo_timeout(Some(SLOW), 80, Hints::default(), Some(timeout));
    assert_timed_out(ask(SOON).unwrap_err());

    // All threads are busy with what nobody waits for any more: an abort is heard at once.
    let waits = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    let handle = waits.abort_handle().unwrap();
    let (begun, begins) = mpsc::channel();
    std::thread::scope(|scope| {
        let connecting = scope.spawn(|| {
            begun.send(()).unwrap();
            waits.connect((SLOW, 80))
        });
        begins.recv().unwrap();
        handle.abort();
        assert_eq!(connecting.join().unwrap().unwrap_err().kind(), ErrorKind::Aborted);
    });

    // And the queue has an end, where the answer is another one.
    let mut asked = 0;
    let error = loop {
        match ask(Duration::from_millis(1)).unwrap_err() {
            error if error.kind() == ErrorKind::TimedOut => asked += 1,
            error => break error,
        }
        assert!(asked <= limits::RESOLVER_WAITING, "the queue has no end");
    };
    assert_eq!((error.operation(), error.kind()), (Operation::Resolve, ErrorKind::Full), "{error}");
    assert!(asked > limits::RESOLVER_WAITING / 2, "{asked} fit before");
    let error = client.connect((SLOW, 80)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    // An address needs no resolver.
    let server = create_server(("127.0.0.1", 0)).unwrap();
    create_connection(server.local_addr().unwrap(), Some(WATCHDOG)).unwrap();
}

#[test]
fn a_name_with_several_addresses_is_connected_by_whichever_answers() {
    play_isolated("isolated::part_addresses_of_one_name_race");
}

/// Listens at each of these hosts, at one port; whether each has a full queue.
pub(crate) fn listeners(hosts: &[(&str, bool)]) -> (Vec<Socket>, u16) {
    let port = 20_000; // the network is this test's own
    let mut kept = Vec::new();
    for (host, is_full) in hosts {
        let at = Target::tcp(host, port);
        let family = if host.contains(':') { AF_INET6 } else { AF_INET };
        if *is_full {
            let (listener, queue, _) = full_listener(family, at);
            kept.push(listener);
            kept.extend(queue);
        } else {
            let listener = watched(family, SOCK_STREAM);
            listener.bind(at).unwrap();
            listener.listen().unwrap();
            kept.push(listener);
        }
    }
    (kept, port)
}

#[test]
#[ignore = "a part of another test"]
fn part_addresses_of_one_name_race() {
    if parts::word().is_none() {
        return;
    }
    let hints = Hints { kind: Some(SOCK_STREAM), ..Hints::default() };
    let found = getaddrinfo(Some("many.test"), 80, hints).unwrap();
    assert_eq!(found.len(), 3, "{found:?}");

    // Two hold their tongues; the third is there.
    let (kept, port) = listeners(&[("::1", true), ("127.0.0.2", true), ("127.0.0.3", false)]);
    let client = create_connection(("many.test", port), Some(WATCHDOG)).unwrap();
    assert_eq!(client.peer_addr().unwrap().host(), "127.0.0.3");
    assert_eq!(client.timeout(), Some(WATCHDOG));
    drop((kept, client));

    // From an address of IPv4, the one of IPv6 is no choice.
    let (kept, port) = listeners(&[("::1", false), ("127.0.0.3", false)]);
    let source = ("127.0.0.1", 0);
    let client = create_connection_from(("many.test", port), Some(WATCHDOG), source).unwrap();
    assert_eq!(client.peer_addr().unwrap().host(), "127.0.0.3");
    assert_eq!(client.local_addr().unwrap().host(), "127.0.0.1");
    drop((kept, client));

    // Nobody is there: one sentence names all, in the order in which they were tried.
    let error = create_connection(("many.test", 1), Some(WATCHDOG)).unwrap_err();
    assert_eq!(
        (error.kind(), error.raw_os_error()),
        (ErrorKind::Refused, Some(libc::ECONNREFUSED))
    );
    let hosts: Vec<_> = error.attempts().iter().filter_map(|attempt| attempt.address()).collect();
    assert_eq!(hosts.len(), 3, "{hosts:?}");
    let sentence = error.to_string();
    assert!(sentence.starts_with("cannot connect to many.test:1: connection refused by "));
    for host in ["::1", "127.0.0.2", "127.0.0.3"] {
        assert!(sentence.contains(host), "{sentence}");
    }
    assert_eq!(sentence.matches("ECONNREFUSED").count(), 1, "{sentence}");

    // One deadline for all of them.
    let hosts = [("::1", true), ("127.0.0.2", true), ("127.0.0.3", true)];
    let (_kept, port) = listeners(&hosts);
    let tried = || create_connection(("many.test", port), Some(SOON)).unwrap_err();
    // On a busy machine the lookup alone may take so long.
    let mut errors = std::iter::repeat_with(tried).take(100);
    let error = errors.find(|error| error.operation() == Operation::Connect).expect("it looks up");
    assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::TimedOut, None), "{error}");
    assert!(error.to_string().contains("no answer from "), "{error}");
}

#[test]
fn nothing_is_left_open_by_what_fails_or_is_dropped() {
    play_isolated("isolated::part_no_descriptor_is_left");
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// A resolver's thread may let go of an answer a moment after it was taken.
#[track_caller]
fn assert_open_soon(most: usize) {
    let (_held, never) = mpsc::channel::<()>();
    for _ in 0..WATCHDOG.as_millis() {
        if open_descriptors() <= most {
            return;
        }
        let _ = never.recv_timeout(Duration::from_millis(1));
    }
    panic!("{} are open, {most} were", open_descriptors());
}

#[test]
#[ignore = "a part of another test"]
fn part_no_descriptor_is_left() {
    if parts::word().is_none() {
        return;
    }
    let _server = silent_server();
    let (busy, _queue, at) = full_listener(AF_INET, ("127.0.0.1", 0).into());
    let taken = Target::from(busy.local_addr().unwrap());
    let before = open_descriptors();
    assert!(create_connection(at.clone(), Some(SOON)).is_err());
    assert!(create_connection(("many.test", 1), Some(WATCHDOG)).is_err());
    assert!(create_connection_from(("many.test", 1), None, ("192.0.2.1", 0)).is_err());
    assert!(create_server(taken).is_err());
    let options = ServerOptions { dual_stack: true, ..ServerOptions::default() };
    assert!(create_server_with(("127.0.0.1", 0), &options).is_err());
    assert!(socketpair_of(AF_INET, SOCK_DGRAM).is_err());
    drop(socketpair_of(AF_INET6, SOCK_STREAM).unwrap());
    let (ours, _theirs) = socketpair().unwrap();
    let handle = ours.abort_handle().unwrap();
    handle.abort();
    drop((ours, _theirs, handle));
    assert_open_soon(before);
    // A lookup that nobody waits for has the resolver's own socket open, and nothing else.
    assert!(getaddrinfo_timeout(Some(SLOW), 80, Hints::default(), Some(SOON)).is_err());
    assert_open_soon(before + 1);
}

#[test]
fn a_forked_child_has_resolver_threads_of_its_own() {
    parts::play(parts::command("isolated::part_a_child_resolves", "fork"));
}

#[test]
#[ignore = "a part of another test"]
fn part_a_child_resolves() {
    if parts::word().is_none() {
        return;
    }
    let ask = || getaddrinfo_timeout(Some("localhost"), 80, Hints::default(), Some(WATCHDOG));
    ask().unwrap(); // now there is a thread, which the child has not
    assert_child_can(|| ask().is_ok());
}

#[test]
fn a_child_that_is_forked_while_others_resolve_keeps_its_deadline() {
    parts::play(parts::command("isolated::part_children_resolve", "fork"));
}

#[test]
#[ignore = "a part of another test"]
fn part_children_resolve() {
    if parts::word().is_none() {
        return;
    }
    let ask = || getaddrinfo_timeout(Some("127.0.0.1"), 80, Hints::default(), Some(WATCHDOG));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Whatever they are inside of at that moment, the child has it as it is.
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    ask().unwrap();
                }
            });
        }
        let all = std::panic::catch_unwind(|| {
            (0..64).for_each(|_| assert_child_can(|| ask().is_ok()));
        });
        done.store(true, Ordering::Relaxed);
        all.unwrap();
    });
}

/// A forked child does this, and is ended if it hangs.
fn assert_child_can(call: impl Fn() -> bool) {
    // SAFETY: the child does nothing but call and exit; the C library has its own locks free
    // in a child, and nothing else that another thread may have locked is touched there: that
    // is what is tested.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: it asks for a signal that ends the process.
            unsafe { libc::alarm(10) };
            let code = i32::from(!call());
            // SAFETY: it ends the process at once, and runs nothing of it.
            unsafe { libc::_exit(code) };
        }
        child => {
            assert!(child > 0, "{}", std::io::Error::last_os_error());
            let mut status = 0;
            // SAFETY: the child is ours and was not waited for before.
            let ended = unsafe { libc::waitpid(child, &raw mut status, 0) };
            assert_eq!((ended, status), (child, 0));
        }
    }
}
