//! A deadline is kept by every call, and is told from what the kernel gave up on.

use std::time::Duration;

use ropewalk::Result;
use ropewalk::addr::Target;
use ropewalk::error::{Error, ErrorKind, Operation};
use ropewalk::socket::*;
use rustix::io::Errno;

use crate::ends::{
    SOON, WATCHDOG, abstract_name, fill, full_listener, listener, tcp_pair, udp, watched,
};
use crate::folder::Folder;

/// Ours, of this operation: it has no code of the system's.
#[track_caller]
fn assert_timed_out<T: std::fmt::Debug>(result: Result<T>, operation: Operation) -> Error {
    let error = result.unwrap_err();
    assert_eq!((error.operation(), error.kind()), (operation, ErrorKind::TimedOut), "{error}");
    assert_eq!(error.raw_os_error(), None, "{error}");
    error
}

#[test]
fn accept_keeps_the_deadline() {
    let listener = listener();
    listener.set_timeout(Some(SOON)).unwrap();
    let error = assert_timed_out(listener.accept(), Operation::Accept);
    let at = listener.local_addr().unwrap();
    assert_eq!(error.to_string(), format!("cannot accept on {at}: timed out after 50ms"));
}

#[test]
fn each_receive_keeps_the_deadline_and_names_the_peer() {
    let (client, server) = tcp_pair();
    client.set_timeout(Some(SOON)).unwrap();
    let error = assert_timed_out(client.recv(1), Operation::Receive);
    let peer = server.local_addr().unwrap();
    assert_eq!(error.to_string(), format!("cannot receive from {peer}: timed out after 50ms"));
    assert_timed_out(client.recv_into(&mut [0; 1]), Operation::Receive);
    assert_timed_out(client.recv_from(1), Operation::Receive);
    assert_timed_out(client.recv_from_into(&mut [0; 1]), Operation::Receive);
    server.send_all(b"late").unwrap();
    client.set_timeout(Some(WATCHDOG)).unwrap();
    assert_eq!(client.recv(16).unwrap(), b"late", "it goes on afterwards");
}

#[test]
fn a_datagram_that_does_not_come_is_waited_for_until_the_deadline() {
    let socket = udp();
    socket.set_timeout(Some(SOON)).unwrap();
    let error = assert_timed_out(socket.recv_from(1), Operation::Receive);
    let ours = socket.local_addr().unwrap();
    assert_eq!(error.to_string(), format!("cannot receive on {ours}: timed out after 50ms"));
}

#[test]
fn a_send_to_a_peer_that_does_not_read_keeps_the_deadline() {
    let (client, _server) = tcp_pair();
    fill(&client);
    client.set_timeout(Some(SOON)).unwrap();
    assert_timed_out(client.send(&[0; 65536]), Operation::Send);
}

#[test]
fn send_all_has_one_deadline_for_the_whole_call_and_says_how_much_was_sent() {
    let (client, server) = tcp_pair();
    client.set_timeout(Some(Duration::from_millis(300))).unwrap();
    let data = vec![7; 256 << 20];
    let (over, is_over) = std::sync::mpsc::channel();
    let (sent, taken) = std::thread::scope(|scope| {
        // It takes a little again and again, so that no single send waits for long.
        let reading = scope.spawn(move || {
            let (mut taken, mut is_slow) = (0, true);
            loop {
                match server.recv(32 * 1024).unwrap().len() {
                    0 => return taken,
                    count => taken += count,
                }
                is_slow = is_slow && is_over.recv_timeout(Duration::from_millis(5)).is_err();
            }
        });
        let error = assert_timed_out(client.send_all(&data), Operation::Send);
        over.send(()).unwrap();
        drop(client);
        let sent = error.sent().unwrap();
        assert!(error.to_string().ends_with(&format!(", after {sent} bytes were sent")), "{error}");
        (sent, reading.join().unwrap())
    });
    assert!(0 < sent && sent < data.len(), "{sent}");
    assert_eq!(taken, sent, "what it counted is what arrived");
}

#[test]
fn connect_keeps_the_deadline_where_a_listeners_queue_is_full() {
    let (_listener, _queue, at) = full_listener(AF_INET, ("127.0.0.1", 0).into());
    let client = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    client.set_timeout(Some(SOON)).unwrap();
    let error = assert_timed_out(client.connect(at.clone()), Operation::Connect);
    assert_eq!(error.to_string(), format!("cannot connect to {at}: timed out after 50ms"));
    let other = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    other.set_timeout(Some(SOON)).unwrap();
    assert_eq!(other.connect_ex(at).unwrap(), Errno::TIMEDOUT.raw_os_error(), "and by its code");
}

#[test]
fn a_connect_that_timed_out_goes_on_when_it_is_called_again() {
    let (listener, queue, at) = full_listener(AF_INET, ("127.0.0.1", 0).into());
    let client = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    client.set_timeout(Some(SOON)).unwrap();
    assert_timed_out(client.connect(at.clone()), Operation::Connect);
    for _ in &queue {
        listener.accept().unwrap(); // now there is room
    }
    client.set_timeout(Some(WATCHDOG)).unwrap();
    client.connect(at).unwrap();
    assert!(client.peer_addr().is_ok());
}

#[cfg(target_os = "linux")] // its option alone makes the kernel give up soon
#[test]
fn a_deadline_of_the_kernels_has_its_code() {
    const TCP_USER_TIMEOUT: i32 = 18;
    let (_listener, _queue, at) = full_listener(AF_INET, ("127.0.0.1", 0).into());
    let client = watched(AF_INET, SOCK_STREAM);
    client.set_option(IPPROTO_TCP, TCP_USER_TIMEOUT, 1).unwrap(); // ms, at its next try
    let error = client.connect(at).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(error.raw_os_error(), Some(Errno::TIMEDOUT.raw_os_error()));
    assert!(error.to_string().contains("timed out (ETIMEDOUT)"), "{error}");
}

#[cfg(unix)] // Unix sockets
#[test]
fn a_unix_listener_whose_queue_is_full_is_waited_for_until_the_deadline() {
    let folder = Folder::new();
    for at in [Target::from(folder.path("s")), abstract_name("full").into()] {
        // That it is found full means that a connect has waited, and met its deadline.
        let (listener, queue, at) = full_listener(AF_UNIX, at);
        let hasty = Socket::new(AF_UNIX, SOCK_STREAM).unwrap();
        hasty.set_blocking(false).unwrap();
        let error = hasty.connect(at.clone()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "the kernel says nothing else");
        let (begun, begins) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let connecting = scope.spawn(|| {
                begun.send(()).unwrap();
                watched(AF_UNIX, SOCK_STREAM).connect(at.clone())
            });
            begins.recv().unwrap();
            for _ in &queue {
                listener.accept().unwrap();
            }
            connecting.join().unwrap().unwrap();
        });
    }
}

#[cfg(unix)] // Unix sockets
#[test]
fn a_unix_receiver_whose_queue_is_full_is_waited_for_until_the_deadline() {
    let folder = Folder::new();
    let receiver = watched(AF_UNIX, SOCK_DGRAM);
    receiver.bind(folder.path("receiver")).unwrap();
    let sender = Socket::new(AF_UNIX, SOCK_DGRAM).unwrap();
    sender.set_blocking(false).unwrap();
    let to = receiver.local_addr().unwrap();
    let mut queued = 0;
    let error = loop {
        match sender.send_to(b"x", &to) {
            Ok(_) => queued += 1,
            Err(error) => break error,
        }
        assert!(queued < 100_000, "the queue has no end");
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    sender.set_timeout(Some(SOON)).unwrap();
    assert_timed_out(sender.send_to(b"x", &to), Operation::Send);
    sender.set_timeout(Some(WATCHDOG)).unwrap();
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| sender.send_to(b"last", &to));
        for _ in 0..queued {
            assert_eq!(receiver.recv(8).unwrap(), b"x");
        }
        assert_eq!(receiver.recv(8).unwrap(), b"last");
        sending.join().unwrap().unwrap();
    });
}

#[test]
fn each_call_has_a_budget_of_its_own() {
    let (client, server) = tcp_pair();
    client.set_timeout(Some(SOON)).unwrap();
    for _ in 0..3 {
        assert_timed_out(client.recv(1), Operation::Receive);
        server.send_all(b"x").unwrap();
        // Were the deadline the socket's, it would have passed.
        assert_eq!(client.recv(1).unwrap(), b"x");
    }
}

#[test]
fn a_deadline_for_all_calls_together_is_kept_by_each_and_can_be_taken_away() {
    let (client, server) = tcp_pair();
    client.set_timeout(None).unwrap();
    client.set_deadline(Some(SOON)).unwrap();
    assert_eq!((client.timeout(), client.is_blocking()), (None, true), "that is another thing");
    server.send_all(b"at once").unwrap();
    assert_eq!(client.recv(1).unwrap(), b"a");
    let error = assert_timed_out(
        std::iter::repeat_with(|| client.recv(1)).find(Result::is_err).unwrap(),
        Operation::Receive,
    );
    assert!(error.to_string().contains("the deadline of 50ms has passed"), "{error}");
    // There is something now, and room to send; but no time.
    server.send_all(b"later").unwrap();
    assert_timed_out(client.recv(1), Operation::Receive);
    assert_timed_out(client.send_all(b"x"), Operation::Send);
    client.set_deadline(None).unwrap();
    assert_eq!(client.recv(5).unwrap(), b"later");
}

#[test]
fn the_earlier_of_timeout_and_deadline_ends_a_call() {
    let (client, _server) = tcp_pair();
    client.set_deadline(Some(WATCHDOG)).unwrap();
    client.set_timeout(Some(SOON)).unwrap();
    let error = assert_timed_out(client.recv(1), Operation::Receive);
    assert!(error.to_string().ends_with("timed out after 50ms"), "{error}");
    client.set_timeout(Some(WATCHDOG)).unwrap();
    client.set_deadline(Some(SOON)).unwrap();
    let error = assert_timed_out(client.recv(1), Operation::Receive);
    assert!(error.to_string().ends_with("the deadline of 50ms has passed"), "{error}");
}

/// The processor's time of this thread, in the kernel's ticks: 100 a second.
#[cfg(target_os = "linux")] // it tells in a file
fn ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let after_the_name = stat.rsplit(')').next().unwrap();
    after_the_name.split_whitespace().skip(11).take(2).map(|n| n.parse::<u64>().unwrap()).sum()
}

#[test]
#[cfg(target_os = "linux")] // it alone keeps errors apart
fn an_error_that_stays_is_waited_with_and_costs_no_processor() {
    let nobody = udp().local_addr().unwrap();
    let one_second = Duration::from_secs(1);
    // Neither does a plain receive take what is in the error queue, nor the other way round.
    for (keeps_them_apart, flags) in [(1, Flags::default()), (0, MSG_ERRQUEUE)] {
        let client = watched(AF_INET, SOCK_DGRAM);
        client.set_option(libc::IPPROTO_IP, libc::IP_RECVERR, keeps_them_apart).unwrap();
        client.connect(nobody.clone()).unwrap();
        client.send(b"x").unwrap();
        if keeps_them_apart == 1 {
            assert_eq!(client.recv(1).unwrap_err().kind(), ErrorKind::Refused, "it is told once");
        }
        client.set_timeout(Some(one_second)).unwrap();
        let before = ticks();
        assert_timed_out(client.recv_with(1, flags), Operation::Receive);
        let spent = ticks() - before;
        assert!(spent < 50, "{spent} hundredths of a second for {flags:?}");
    }
}
