//! Sockets from a service manager: this binary again, as systemd would start it.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use ropewalk::error::ErrorKind;
use ropewalk::server::{TcpServer, UdpServer, listen_fds};
use ropewalk::socket::SOCK_STREAM;

use crate::serve::{Echo, Ends, ask, datagrams, dial};

/// What the part is to do.
const PART: &str = "ROPEWALK_ACTIVATION_PART";

/// Standard input and output become the descriptors 3 and 4, and the process its own manager.
const BECOME: &str = r#"export LISTEN_PID=${LISTEN_PID:-$$}; exec "$@" 3<&0 4<&1 1>&2 0</dev/null"#;

fn start(part: &str, count: &str, sockets: [OwnedFd; 2]) -> Command {
    let [first, second] = sockets;
    let mut command = Command::new("sh");
    command
        .args(["-c", BECOME, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["activation::the_part", "--exact", "--ignored", "--nocapture"])
        .env(PART, part)
        .env("LISTEN_FDS", count)
        .stdin(Stdio::from(first))
        .stdout(Stdio::from(second));
    command
}

/// Runs a part that needs no sockets of its own to its end, which must be well.
#[track_caller]
fn runs(part: &str, count: &str, pid: Option<&str>) {
    let sockets = [listener().0.into(), udp().0.into()];
    let mut command = start(part, count, sockets);
    if let Some(pid) = pid {
        command.env("LISTEN_PID", pid);
    }
    let status = command.status().unwrap();
    assert!(status.success(), "{part}: {status}");
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    (listener, at)
}

fn udp() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = socket.local_addr().unwrap();
    (socket, at)
}

#[test]
#[ignore = "a part, in a process of its own"]
fn the_part() {
    let Ok(part) = std::env::var(PART) else { return };
    let refused = |kind: ErrorKind, words: &str| {
        let error = listen_fds().unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    };
    match &*part {
        "serve" => serve_both(),
        "none" => assert!(listen_fds().unwrap().is_empty()),
        "malformed" => refused(ErrorKind::InvalidInput, "LISTEN_FDS: `two` is no number"),
        // Nothing is taken, so that the right number could be.
        "too many" => refused(ErrorKind::Closed, "descriptor 5 of LISTEN_FDS"),
        "no socket" => refused(ErrorKind::InvalidInput, "descriptor 4"),
        other => panic!("no such part: {other}"),
    }
}

/// A connection, then a datagram; each server ends after one.
fn serve_both() {
    let sockets = listen_fds().unwrap();
    assert_eq!(sockets.len(), 2);
    for socket in &sockets {
        assert!(!socket.is_inheritable().unwrap(), "closed on exec");
    }
    let again = listen_fds().unwrap_err();
    assert!(again.to_string().contains("taken before"), "{again}");
    let (streams, others) = sockets.into_iter().partition(|socket| socket.kind() == SOCK_STREAM);
    let server = TcpServer::from_sockets(streams, || Echo).unwrap();
    assert!(server.handle_request().unwrap());
    let server = UdpServer::from_sockets(others, || Echo).unwrap();
    assert!(server.handle_request().unwrap());
}

#[test]
fn sockets_of_a_service_manager_are_served() {
    let ((listener, at), (socket, other)) = (listener(), udp());
    let child: Child = start("serve", "2", [listener.into(), socket.into()]).spawn().unwrap();
    let mut child = Ends(child);
    // They wait in the queue, whether or not it has begun.
    assert_eq!(ask(dial(at), b"hello"), "hello");
    let client = datagrams(other);
    client.send(b"hello").unwrap();
    let mut answer = [0; 8];
    assert_eq!(client.recv(&mut answer).unwrap(), 5);
    assert!(child.0.wait().unwrap().success());
}

#[test]
fn variables_for_another_process_mean_nothing() {
    runs("none", "2", Some("1"));
    runs("none", "0", None);
}

#[test]
fn variables_that_cannot_be_meant_are_said() {
    runs("malformed", "two", None);
    runs("too many", "3", None);
}

#[test]
fn a_descriptor_that_is_no_socket_is_said() {
    let file = std::fs::File::open("/dev/null").unwrap();
    let status = start("no socket", "2", [listener().0.into(), file.into()]).status().unwrap();
    assert!(status.success(), "{status}");
}
