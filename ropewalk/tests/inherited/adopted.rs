//! Sockets that somebody else has opened, on a reactor.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use ropewalk::error::ErrorKind;
use ropewalk::protocol::{Kind, client};
use ropewalk::service::Echo;
use ropewalk::socket::{AF_INET, SOCK_STREAM, Socket, socketpair};
use ropewalk::{Addr, Reactor};

use crate::rig::{Call, Log, Script, WATCHDOG};
use crate::{run, until_over};

fn listener() -> (TcpListener, std::net::SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    (listener, at)
}

/// Says so to a server, and what it answers until it ends.
pub(crate) fn ask(at: std::net::SocketAddr, what: &str) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(WATCHDOG)).unwrap();
    stream.write_all(what.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn listeners_that_others_have_bound_are_one_listener_and_end_with_it() {
    let reactor = Reactor::new().unwrap();
    let ((one, first), (other, second)) = (listener(), listener());
    let sockets = vec![Socket::from(one), Socket::from(other)];
    let listener = reactor.listen_from(sockets, || Echo).unwrap();
    assert_eq!(listener.addrs(), [Addr::from(first), Addr::from(second)]);
    let remote = reactor.remote();
    let asking = std::thread::spawn(move || {
        let answers = [ask(first, "one"), ask(second, "other")];
        remote.stop().unwrap();
        answers
    });
    run(&reactor);
    assert_eq!(asking.join().unwrap(), ["one", "other"]);
    assert!(TcpStream::connect(first).is_err(), "it listens no more");
}

#[test]
fn stopping_the_listener_closes_the_socket_that_was_handed_over() {
    let reactor = Reactor::new().unwrap();
    let (ready, at) = listener();
    let listener = reactor.listen_from(vec![ready.into()], || Echo).unwrap();
    listener.stop();
    reactor.call_later(Duration::ZERO, |net| net.stop());
    run(&reactor);
    TcpListener::bind(at).unwrap();
}

#[test]
fn what_cannot_be_listened_on_is_refused_with_what_it_is() {
    let reactor = Reactor::new().unwrap();
    let refused = |socket: Vec<Socket>| reactor.listen_from(socket, || Echo).unwrap_err();
    let bound = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    bound.bind(("127.0.0.1", 0)).unwrap();
    let error = refused(vec![bound]);
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("127.0.0.1:"), "{error}");
    assert!(error.to_string().contains("it does not listen"), "{error}");
    let (ready, at) = listener();
    let connected = TcpStream::connect(at).unwrap();
    assert!(refused(vec![connected.into()]).to_string().contains("it does not listen"));
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let error = refused(vec![ready.into(), datagrams.into()]);
    assert!(error.to_string().contains("`adopt_datagrams` takes it"), "{error}");
    assert!(refused(Vec::new()).to_string().contains("there is no socket"));
    // One that is not right closes them all.
    assert!(TcpStream::connect(at).is_err());
}

#[test]
fn a_connection_that_was_handed_over_lives_as_one_that_was_made_here() {
    let reactor = Reactor::new().unwrap();
    let (ours, theirs) = socketpair().unwrap();
    let log = Log::default();
    let connector = reactor.adopt(ours, until_over(Script::echo(), &log)).unwrap();
    assert!(log.calls().is_empty(), "nothing is called before the loop runs");
    theirs.send_all(b"hello").unwrap();
    theirs.shutdown(Shutdown::Write).unwrap();
    run(&reactor);
    let expected = [
        Call::Started,
        Call::Made,
        Call::Data(b"hello".to_vec()),
        Call::Eof,
        Call::Lost(Kind::PeerClosed),
        Call::FactoryLost(Kind::PeerClosed),
    ];
    assert_eq!(log.calls(), expected);
    assert_eq!(theirs.recv(16).unwrap(), b"hello");
    connector.connect();
    assert_eq!(log.calls(), expected, "there is nothing to connect again");
}

#[test]
fn a_connection_that_is_handed_over_in_a_callback_begins_after_it() {
    let reactor = Reactor::new().unwrap();
    let (ours, theirs) = socketpair().unwrap();
    let (inner, other) = socketpair().unwrap();
    other.send_all(b"inner").unwrap();
    other.shutdown(Shutdown::Write).unwrap();
    let log = Log::default();
    let (within, seen) = (reactor.clone(), log.clone());
    let mut inner = Some(inner);
    let outer = client(move || {
        let factory = until_over(Script::echo(), &seen);
        within.adopt(inner.take().unwrap(), factory).unwrap();
        assert!(seen.calls().is_empty(), "not inside this callback");
        Echo
    });
    reactor.adopt(ours, outer).unwrap();
    run(&reactor);
    assert_eq!(other.recv(16).unwrap(), b"inner");
    assert!(log.broken().is_empty(), "{:?}", log.broken());
    drop(theirs);
}

#[test]
fn stopped_before_it_began_it_fails_as_aborted() {
    let reactor = Reactor::new().unwrap();
    let (ours, theirs) = socketpair().unwrap();
    let log = Log::default();
    let connector = reactor.adopt(ours, until_over(Script::new(), &log)).unwrap();
    connector.stop();
    run(&reactor);
    assert_eq!(log.calls(), [Call::Started, Call::Failed(Kind::Aborted)]);
    assert_eq!(theirs.recv(1).unwrap(), b"", "it is closed");
}

#[test]
fn stopped_while_it_lives_it_closes_in_order() {
    let reactor = Reactor::new().unwrap();
    let (ours, theirs) = socketpair().unwrap();
    let log = Log::default();
    let made = Script::new().made(|transport| {
        transport.write(b"last words");
    });
    let connector = reactor.adopt(ours, until_over(made, &log)).unwrap();
    // In the second turn: in the first, timers come before what was handed over.
    reactor.call_later(Duration::ZERO, move |net| {
        net.call_later(Duration::ZERO, Box::new(move |_| connector.stop()));
    });
    run(&reactor);
    assert_eq!(theirs.recv(16).unwrap(), b"last words");
    assert_eq!(log.calls().last(), Some(&Call::FactoryLost(Kind::Closed)));
}

#[test]
fn a_reactor_that_stops_before_it_began_says_so() {
    let reactor = Reactor::new().unwrap();
    let (ours, _theirs) = socketpair().unwrap();
    let log = Log::default();
    reactor.stop();
    reactor.adopt(ours, until_over(Script::new(), &log)).unwrap();
    run(&reactor);
    assert_eq!(log.calls(), [Call::Started, Call::Failed(Kind::Stopped)]);
}

#[test]
fn a_factory_that_refuses_it_hears_of_that() {
    let reactor = Reactor::new().unwrap();
    let (ours, theirs) = socketpair().unwrap();
    let log = Log::default();
    reactor.adopt(ours, until_over(Script::new().build(|_| false), &log)).unwrap();
    run(&reactor);
    assert!(matches!(log.calls()[..], [Call::Started, Call::Failed(_)]), "{:?}", log.calls());
    assert_eq!(theirs.recv(1).unwrap(), b"");
}

#[test]
fn what_is_no_connection_is_refused_with_what_it_is() {
    let reactor = Reactor::new().unwrap();
    let refused = |socket: Socket| reactor.adopt(socket, || Echo).unwrap_err();
    let error = refused(listener().0.into());
    assert!(error.to_string().contains("`listen_from` takes it"), "{error}");
    let error = refused(Socket::new(AF_INET, SOCK_STREAM).unwrap());
    assert_eq!(error.kind(), ErrorKind::NotConnected, "{error}");
    let error = refused(UdpSocket::bind("127.0.0.1:0").unwrap().into());
    assert!(error.to_string().contains("`adopt_datagrams` takes it"), "{error}");
    let (mut closed, _other) = socketpair().unwrap();
    closed.close().unwrap();
    assert_eq!(refused(closed).kind(), ErrorKind::Closed);
}

#[test]
fn datagram_sockets_that_others_have_bound_are_answered_from() {
    let reactor = Reactor::new().unwrap();
    let bound = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = bound.local_addr().unwrap();
    let port = reactor.adopt_datagrams(vec![bound.into()], || Echo).unwrap();
    assert_eq!(port.addrs(), [Addr::from(at)]);
    let remote = reactor.remote();
    let asking = std::thread::spawn(move || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(WATCHDOG)).unwrap();
        socket.send_to(b"hello", at).unwrap();
        let mut answer = [0; 16];
        let count = socket.recv(&mut answer).unwrap();
        remote.stop().unwrap();
        answer[..count].to_vec()
    });
    run(&reactor);
    assert_eq!(asking.join().unwrap(), b"hello");
    let stream = reactor.adopt_datagrams(vec![listener().0.into()], || Echo).unwrap_err();
    assert!(stream.to_string().contains("a datagram socket is wanted"), "{stream}");
    let none = reactor.adopt_datagrams(Vec::new(), || Echo).unwrap_err();
    assert_eq!(none.kind(), ErrorKind::InvalidInput);
}

#[test]
fn small_answers_of_what_was_handed_over_leave_at_once() {
    let reactor = Reactor::new().unwrap();
    let (ready, at) = listener();
    let copy = Socket::from(ready.try_clone().unwrap());
    reactor.listen_from(vec![ready.into()], || Echo).unwrap();
    assert!(copy.no_delay().unwrap());
    let (ready, _) = (TcpStream::connect(at).unwrap(), ());
    let copy = Socket::from(ready.try_clone().unwrap());
    reactor.adopt(ready.into(), || Echo).unwrap();
    assert!(copy.no_delay().unwrap());
}

// Where descriptors can be looked at, and sockets have files.
#[cfg(unix)]
mod unix {
    use super::*;
    use crate::rig::ScriptedFactory;
    use rustix::fs::{OFlags, fcntl_getfl};
    use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
    use std::os::fd::{AsFd, OwnedFd};
    use std::os::unix::net::UnixListener;

    #[test]
    fn what_is_handed_over_is_non_blocking_and_closed_on_exec() {
        let reactor = Reactor::new().unwrap();
        let (ready, _) = listener();
        fcntl_setfd(&ready, FdFlags::empty()).unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&ready);
        let copy: OwnedFd = ready.as_fd().try_clone_to_owned().unwrap();
        reactor.listen_from(vec![ready.into()], || Echo).unwrap();
        assert!(fcntl_getfl(&copy).unwrap().contains(OFlags::NONBLOCK));
        // The same number still: the copy's own flag says nothing of it.
        let flags = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}"));
        if let Ok(flags) = flags {
            let flags = flags.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
            let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
            assert_ne!(flags & OFlags::CLOEXEC.bits(), 0);
        }
        let _ = fcntl_getfd(&copy).unwrap();
    }

    #[test]
    fn the_file_of_a_unix_listener_is_left_to_whoever_made_it() {
        let path = std::env::temp_dir().join(format!("ropewalk-adopted-{}", std::process::id()));
        let ready = UnixListener::bind(&path).unwrap();
        let reactor = Reactor::new().unwrap();
        let socket = Socket::from(OwnedFd::from(ready));
        let log = Log::default();
        let factory = ScriptedFactory::server(Script::echo(), log.clone());
        let listener = reactor.listen_from(vec![socket], factory).unwrap();
        assert_eq!(listener.addrs()[0].path(), Some(path.as_path()));
        listener.stop();
        reactor.call_later(Duration::ZERO, |net| net.stop());
        run(&reactor);
        let left = path.exists();
        std::fs::remove_file(&path).unwrap();
        assert!(left);
    }
}
