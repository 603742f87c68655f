//! A signal interrupts no call, moves no deadline; and a peer that is gone is none.

#![allow(
    unsafe_code,
    reason = "only system calls send a signal to one thread, and catch it plainly"
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use ropewalk::error::ErrorKind;
use ropewalk::socket::*;

use crate::ends::{WATCHDOG, fill, full_listener, listener, tcp_pair, udp, watched};
use crate::parts;

/// Signals that were caught, of all tests.
static CAUGHT: AtomicUsize = AtomicUsize::new(0);

/// How many must interrupt a call before the test lets it end.
const ENOUGH: usize = 20;

extern "C" fn catch(_: libc::c_int) {
    CAUGHT.fetch_add(1, Ordering::Relaxed);
}

/// Catches it such that system calls are interrupted, and not begun again by the kernel.
fn catch_plainly() {
    // SAFETY: an action of zeros is a valid one; its handler only adds to an atomic, which
    // is allowed in any context.
    let done = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = catch as extern "C" fn(libc::c_int) as usize;
        libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut())
    };
    assert_eq!(done, 0);
}

/// Interrupts the thread again and again until it is over, and calls `enough` when it was
/// interrupted often.
fn interrupt<T>(thread: libc::pthread_t, over: &Receiver<T>, enough: impl FnOnce()) -> T {
    let before = CAUGHT.load(Ordering::Relaxed);
    let mut enough = Some(enough);
    let most = WATCHDOG.as_millis();
    for _ in 0..most {
        match over.recv_timeout(Duration::from_millis(1)) {
            Ok(over) => return over,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                // SAFETY: the thread waits to be joined by the scope around this, so its
                // name is valid.
                assert_eq!(unsafe { libc::pthread_kill(thread, libc::SIGUSR1) }, 0);
            }
        }
        if CAUGHT.load(Ordering::Relaxed) >= before + ENOUGH {
            if let Some(enough) = enough.take() {
                enough();
            }
        }
    }
    panic!("the call never came to an end");
}

/// What `call` gives though signals rain on it, which only ends after `enough`.
fn under_signals<T: Send>(call: impl FnOnce() -> T + Send, enough: impl FnOnce()) -> T {
    catch_plainly();
    let (name, named) = mpsc::channel();
    let (tell, over) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // SAFETY: it has no precondition.
            name.send(unsafe { libc::pthread_self() }).unwrap();
            tell.send(call()).unwrap();
        });
        interrupt(named.recv().unwrap(), &over, enough)
    })
}

#[test]
fn a_signal_does_not_move_a_deadline() {
    let socket = udp();
    socket.set_timeout(Some(Duration::from_millis(300))).unwrap();
    // Were the deadline set anew with each signal, it would never pass.
    let error = under_signals(|| socket.recv(1), || {}).unwrap_err();
    assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::TimedOut, None));
}

#[test]
fn receiving_goes_on_after_a_signal_in_every_mode() {
    for timeout in [None, Some(WATCHDOG)] {
        let (client, server) = tcp_pair();
        client.set_timeout(timeout).unwrap();
        let got = under_signals(|| client.recv(16), || server.send_all(b"hello").unwrap());
        assert_eq!(got.unwrap(), b"hello", "{timeout:?}");
        let mut buffer = [0; 16];
        let got =
            under_signals(|| client.recv_into(&mut buffer), || server.send_all(b"again").unwrap());
        assert_eq!(got.unwrap(), 5, "{timeout:?}");
    }
}

#[test]
fn receiving_a_datagram_goes_on_after_a_signal_in_every_mode() {
    for timeout in [None, Some(WATCHDOG)] {
        let (socket, other) = (udp(), udp());
        socket.set_timeout(timeout).unwrap();
        let to = socket.local_addr().unwrap();
        let got = under_signals(|| socket.recv_from(16), || drop(other.send_to(b"hello", &to)));
        assert_eq!(got.unwrap().bytes, b"hello", "{timeout:?}");
    }
}

#[test]
fn accepting_goes_on_after_a_signal_in_every_mode() {
    for timeout in [None, Some(WATCHDOG)] {
        let (listener, client) = (listener(), watched(AF_INET, SOCK_STREAM));
        listener.set_timeout(timeout).unwrap();
        let at = listener.local_addr().unwrap();
        let got = under_signals(|| listener.accept(), || client.connect(at.clone()).unwrap());
        assert_eq!(got.unwrap().1, client.local_addr().unwrap(), "{timeout:?}");
    }
}

#[test]
fn sending_all_goes_on_after_signals_and_sends_each_byte_once() {
    for timeout in [None, Some(WATCHDOG)] {
        let (client, server) = tcp_pair();
        client.set_timeout(timeout).unwrap();
        let data: Vec<u8> = (0..32 << 20).map(|n: u32| (n % 251) as u8).collect();
        let (ready, begins) = mpsc::channel();
        let arrived = std::thread::scope(|scope| {
            let reading = scope.spawn(move || {
                begins.recv().unwrap();
                let mut arrived = Vec::new();
                std::io::Read::read_to_end(&mut &server, &mut arrived).unwrap();
                arrived
            });
            under_signals(|| client.send_all(&data), || ready.send(()).unwrap()).unwrap();
            drop(client);
            reading.join().unwrap()
        });
        assert!(arrived == data, "{timeout:?}: {} bytes", arrived.len());
    }
}

#[test]
fn a_single_send_goes_on_after_a_signal() {
    let (client, server) = tcp_pair();
    fill(&client);
    server.set_blocking(false).unwrap();
    let make_room = || while server.recv(1 << 20).is_ok() {};
    assert_eq!(under_signals(|| client.send(b"x"), make_room).unwrap(), 1);
}

#[test]
fn connecting_goes_on_after_a_signal_in_every_mode() {
    for timeout in [None, Some(WATCHDOG)] {
        let (listener, queue, at) = full_listener(AF_INET, ("127.0.0.1", 0).into());
        let client = Socket::new(AF_INET, SOCK_STREAM).unwrap();
        client.set_timeout(timeout).unwrap();
        let make_room = || queue.iter().for_each(|_| drop(listener.accept().unwrap()));
        under_signals(|| client.connect(at), make_room).unwrap();
        assert!(client.peer_addr().is_ok(), "{timeout:?}");
    }
}

#[test]
fn connecting_to_a_full_unix_listener_goes_on_after_a_signal_in_every_mode() {
    for timeout in [None, Some(WATCHDOG)] {
        let at = crate::ends::abstract_name("signals");
        let (listener, queue, at) = full_listener(AF_UNIX, at.into());
        let client = Socket::new(AF_UNIX, SOCK_STREAM).unwrap();
        client.set_timeout(timeout).unwrap();
        let make_room = || queue.iter().for_each(|_| drop(listener.accept().unwrap()));
        under_signals(|| client.connect(at), make_room).unwrap();
        assert!(client.peer_addr().is_ok(), "{timeout:?}");
    }
}

#[test]
fn sending_to_a_peer_that_is_gone_is_an_error_and_no_signal() {
    parts::play(parts::command("signals::part_sends_to_a_peer_that_is_gone", "x"));
}

#[test]
#[ignore = "a part of another test"]
fn part_sends_to_a_peer_that_is_gone() {
    if parts::word().is_none() {
        return;
    }
    // Rust ignores it when a program starts; one that does not would die of it.
    // SAFETY: the default is always a valid action.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let (mut client, _server) = tcp_pair();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let error = client.send(b"x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert_eq!(client.send_all(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    client.close().unwrap();
    let (client, server) = unix_datagram_pair();
    drop(server);
    assert!(client.send(b"x").is_err());
    assert!(client.send_to(b"x", crate::ends::abstract_name("gone")).is_err());
}

fn unix_datagram_pair() -> (Socket, Socket) {
    let server = watched(AF_UNIX, SOCK_DGRAM);
    server.bind(crate::ends::abstract_name("pair")).unwrap();
    let client = watched(AF_UNIX, SOCK_DGRAM);
    client.connect(server.local_addr().unwrap()).unwrap();
    (client, server)
}
