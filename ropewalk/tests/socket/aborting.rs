//! A call that waits is ended from another thread, whatever it waits for; and what follows.

use std::process::Command;
use std::sync::mpsc;

use ropewalk::Result;
use ropewalk::error::{Error, ErrorKind, Operation};
use ropewalk::socket::*;

use crate::ends::{SOON, WATCHDOG, fill, full_listener, listener, tcp_pair, udp, watched};
use crate::folder::Folder;
use crate::needs::has;
use crate::parts;

/// Ours: it has no code of the system's, and says what has happened.
#[track_caller]
fn assert_aborted<T: std::fmt::Debug>(result: Result<T>, operation: Operation) -> Error {
    let error = result.unwrap_err();
    assert_eq!((error.operation(), error.kind()), (operation, ErrorKind::Aborted), "{error}");
    assert_eq!(error.raw_os_error(), None, "{error}");
    assert!(error.to_string().contains("aborted from this side"), "{error}");
    error
}

/// Calls in another thread, with both timeouts that wait, and aborts: whether the call or the
/// abort is first, the outcome is one.
#[track_caller]
fn assert_ends<T: std::fmt::Debug + Send>(
    make: impl Fn() -> Socket,
    operation: Operation,
    call: impl Fn(&Socket) -> Result<T> + Sync,
) {
    for timeout in [None, Some(WATCHDOG)] {
        let socket = make();
        socket.set_timeout(timeout).unwrap();
        let handle = socket.abort_handle().unwrap();
        let (begun, begins) = mpsc::channel();
        std::thread::scope(|scope| {
            let calling = scope.spawn(|| {
                begun.send(()).unwrap();
                call(&socket)
            });
            begins.recv().unwrap();
            handle.abort();
            assert_aborted(calling.join().unwrap(), operation);
        });
        assert_aborted(call(&socket), operation);
        assert!(handle.is_aborted());
    }
}

#[cfg(unix)] // Unix sockets among them
#[test]
fn every_call_that_waits_is_ended_and_so_is_every_later_one() {
    use Operation::{Accept, Connect, Receive, Send};
    assert_ends(listener, Accept, Socket::accept);
    let kept = std::cell::RefCell::new(Vec::new());
    let stream = || {
        let (client, server) = tcp_pair();
        kept.borrow_mut().push(server);
        client
    };
    assert_ends(stream, Receive, |socket| socket.recv(16));
    assert_ends(stream, Receive, |socket| socket.recv_into(&mut [0; 16]));
    assert_ends(udp, Receive, |socket| socket.recv_from(16));
    assert_ends(udp, Receive, |socket| socket.recv_from_into(&mut [0; 16]));
    let full = || {
        let client = stream();
        fill(&client);
        client
    };
    assert_ends(full, Send, |socket| socket.send(&[0; 65536]));
    assert_ends(full, Send, |socket| socket.send_all(&[0; 65536]));
    let (_listener, _queue, at) = full_listener(AF_INET, ("127.0.0.1", 0).into());
    let new = || Socket::new(AF_INET, SOCK_STREAM).unwrap();
    assert_ends(new, Connect, |socket| socket.connect(at.clone()));
    assert_ends(new, Connect, |socket| socket.connect_ex(at.clone()));
    let folder = Folder::new();
    let (_listener, _queue, at) = full_listener(AF_UNIX, folder.path("s").into());
    let new = || Socket::new(AF_UNIX, SOCK_STREAM).unwrap();
    assert_ends(new, Connect, |socket| socket.connect(at.clone()));
}

/// Waits until the thread, known by its folder under `/proc`, is inside this system call:
/// whether it ever was.
// What a thread is doing is Linux's to tell.
#[cfg(target_os = "linux")]
fn until_it_waits_in(thread: &std::path::Path, call: i64) -> bool {
    let number = call.to_string();
    let (_held, never) = mpsc::channel::<()>();
    for _ in 0..WATCHDOG.as_millis() {
        let doing = std::fs::read_to_string(thread.join("syscall")).unwrap_or_default();
        if doing.split(' ').next() == Some(&number) {
            return true;
        }
        let _ = never.recv_timeout(std::time::Duration::from_millis(1));
    }
    false
}

// See above.
#[cfg(target_os = "linux")]
#[test]
fn a_call_that_waited_before_the_handle_was_made_is_ended_too() {
    type Call = fn(&Socket) -> Result<()>;
    let (client, _server) = tcp_pair();
    let cases: [(Socket, i64, Operation, Call); 3] = [
        (client, libc::SYS_recvmsg, Operation::Receive, |s| s.recv(16).map(drop)),
        (listener(), libc::SYS_accept4, Operation::Accept, |s| s.accept().map(drop)),
        (udp(), libc::SYS_recvmsg, Operation::Receive, |s| s.recv_from(16).map(drop)),
    ];
    for (socket, number, operation, call) in cases {
        socket.set_timeout(None).unwrap();
        let (name, named) = mpsc::channel();
        std::thread::scope(|scope| {
            let socket = &socket;
            let calling = scope.spawn(move || {
                name.send(std::fs::canonicalize("/proc/thread-self").unwrap()).unwrap();
                call(socket)
            });
            let has_waited = until_it_waits_in(&named.recv().unwrap(), number);
            socket.abort_handle().unwrap().abort();
            assert_aborted(calling.join().unwrap(), operation);
            assert!(has_waited, "{operation:?}");
        });
    }
}

#[test]
fn what_carries_nothing_can_be_asked_after_an_abort() {
    let (client, server) = tcp_pair();
    let ours = client.local_addr().unwrap();
    client.abort_handle().unwrap().abort();
    assert_eq!(client.local_addr().unwrap(), ours);
    assert!(client.option(SOL_SOCKET, SO_TYPE).is_ok());
    client.set_timeout(None).unwrap();
    let error = assert_aborted(client.recv(16), Operation::Receive);
    assert!(error.to_string().contains(&server.local_addr().unwrap().to_string()), "{error}");
    assert_eq!(server.recv(16).unwrap(), b"", "and the peer met the end of input");
    let fresh = watched(AF_INET, SOCK_STREAM);
    fresh.abort_handle().unwrap().abort();
    assert_aborted(fresh.bind(("127.0.0.1", 0)), Operation::Bind);
    assert_aborted(fresh.listen(), Operation::Listen);
    assert_aborted(fresh.send_to(b"x", ("127.0.0.1", 1)), Operation::Send);
}

#[test]
fn a_non_blocking_socket_is_aborted_rather_than_not_ready() {
    let socket = udp();
    socket.set_blocking(false).unwrap();
    let handle = socket.abort_handle().unwrap();
    assert_eq!(socket.recv(1).unwrap_err().kind(), ErrorKind::WouldBlock);
    handle.abort();
    assert_aborted(socket.recv(1), Operation::Receive);
}

#[test]
fn with_a_handle_a_socket_waits_as_before() {
    let (client, server) = tcp_pair();
    let handle = client.abort_handle().unwrap();
    client.set_timeout(Some(SOON)).unwrap();
    assert_eq!(client.recv(1).unwrap_err().kind(), ErrorKind::TimedOut);
    client.set_blocking(true).unwrap();
    assert!(client.is_blocking() && client.timeout().is_none());
    let (begun, begins) = mpsc::channel();
    std::thread::scope(|scope| {
        let receiving = scope.spawn(|| {
            begun.send(()).unwrap();
            client.recv(16)
        });
        begins.recv().unwrap();
        server.send_all(b"late").unwrap();
        assert_eq!(receiving.join().unwrap().unwrap(), b"late");
    });
    // More than the kernel holds: it has to wait in between.
    let data = vec![7; 8 << 20];
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| client.send_all(&data));
        let mut taken = 0;
        while taken < data.len() {
            taken += server.recv(65536).unwrap().len();
        }
        sending.join().unwrap().unwrap();
    });
    assert!(!handle.is_aborted());
}

#[test]
fn all_handles_are_one() {
    let socket = udp();
    let handles = [socket.abort_handle().unwrap(), socket.abort_handle().unwrap()];
    let copy = handles[0].clone();
    copy.abort();
    copy.abort();
    assert!(handles.iter().all(AbortHandle::is_aborted));
}

#[test]
fn a_handle_neither_keeps_a_socket_open_nor_reaches_what_was_given_away() {
    let (client, server) = tcp_pair();
    let handle = client.abort_handle().unwrap();
    drop(client);
    assert_eq!(server.recv(16).unwrap(), b"", "dropped, it is closed");
    handle.abort();
    let (mut client, server) = tcp_pair();
    let handle = client.abort_handle().unwrap();
    client.close().unwrap();
    assert_eq!(server.recv(16).unwrap(), b"", "and so it is once it is closed");
    assert_eq!(client.abort_handle().unwrap_err().kind(), ErrorKind::Closed);
    handle.abort();
    assert_eq!(client.recv(16).unwrap_err().kind(), ErrorKind::Closed);
    let (mut client, server) = tcp_pair();
    let handle = client.abort_handle().unwrap();
    let mut given = std::net::TcpStream::from(client.detach().unwrap());
    handle.abort();
    std::io::Write::write_all(&mut given, b"alive").unwrap();
    assert_eq!(server.recv(16).unwrap(), b"alive");
}

/// A part that exchanges so many messages, blocking and without a handle.
#[test]
#[ignore = "a part of another test"]
fn part_messages_come_and_go() {
    let Some(count) = parts::word() else { return };
    let (ours, theirs) = tcp_pair();
    for socket in [&ours, &theirs] {
        socket.set_timeout(None).unwrap();
    }
    for _ in 0..count.parse().unwrap() {
        ours.send(b"x").unwrap();
        assert_eq!(theirs.recv_into(&mut [0; 16]).unwrap(), 1);
        ours.send_all(b"x").unwrap();
        assert_eq!(theirs.recv(16).unwrap(), b"x");
    }
}

#[test]
fn without_a_handle_a_call_is_one_system_call() {
    if !has("strace") {
        return;
    }
    let folder = Folder::new();
    let calls = |count: usize| {
        let log = folder.path(&format!("{count}"));
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-e", "trace=network,poll,ppoll,select,pselect6,fcntl,ioctl"]);
        command.arg("-o").arg(&log).arg(std::env::current_exe().unwrap());
        command.args(parts::arguments("aborting::part_messages_come_and_go"));
        parts::mark(&mut command, &count.to_string());
        parts::play(command);
        std::fs::read_to_string(log).unwrap().lines().count()
    };
    let messages = 100;
    // Two sent and two received in each round, and nothing beside.
    assert_eq!(calls(messages) - calls(0), 4 * messages);
}
