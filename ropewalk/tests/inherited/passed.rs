//! `fd` and `systemd` endpoints: this binary again, as a parent or a service manager starts it.

use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use ropewalk::Reactor;
use ropewalk::endpoint::Endpoint;
use ropewalk::error::ErrorKind;
use ropewalk::protocol::client;
use ropewalk::server::listen_fds;
use ropewalk::service::Echo;
use ropewalk::socket::{SOCK_DGRAM, Socket};

use crate::adopted::ask;
use crate::run;

/// What the part is to do.
const PART: &str = "ROPEWALK_PASSED_PART";

/// Standard input and output become the descriptors 3 and 4, and the process its own manager.
const BECOME: &str = r#"export LISTEN_PID=$$; exec "$@" 3<&0 4<&1 1>&2 0</dev/null"#;

/// The same, but that they stay where they are.
const STAY: &str = r#"exec "$@" 1>&2"#;

fn start(how: &str, part: &str, names: &str, first: OwnedFd, second: OwnedFd) -> Part {
    let mut command = Command::new("sh");
    command
        .args(["-c", how, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["passed::the_part", "--exact", "--ignored", "--nocapture"])
        .env(PART, part)
        .env("LISTEN_FDS", "2")
        .stdin(Stdio::from(first))
        .stdout(Stdio::from(second));
    if !names.is_empty() {
        command.env("LISTEN_FDNAMES", names);
    }
    Part(command.spawn().unwrap())
}

struct Part(Child);

impl Part {
    #[track_caller]
    fn ends_well(mut self) {
        let status = self.0.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn listener() -> (OwnedFd, std::net::SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    (listener.into(), at)
}

fn endpoint(text: &str) -> Endpoint {
    text.parse().unwrap()
}

/// Serves one connection at each of these.
fn serve_once(endpoints: &[&str]) {
    let reactor = Reactor::new().unwrap();
    let left = std::rc::Rc::new(std::cell::Cell::new(endpoints.len()));
    for text in endpoints {
        let left = left.clone();
        let once = ropewalk::protocol::from_fn(move |_| Some(Counted(left.clone())));
        endpoint(text).listen(&reactor, once).unwrap();
    }
    run(&reactor);
}

/// An echo; the last one stops the reactor.
struct Counted(std::rc::Rc<std::cell::Cell<usize>>);

impl ropewalk::Protocol for Counted {
    fn data_received(&mut self, transport: &mut dyn ropewalk::Transport, data: &[u8]) {
        transport.write(data);
    }
    fn connection_lost(&mut self, transport: &mut dyn ropewalk::Transport, _: &ropewalk::Reason) {
        self.0.set(self.0.get() - 1);
        if self.0.get() == 0 {
            transport.net().stop();
        }
    }
}

#[test]
#[ignore = "a part, in a process of its own"]
fn the_part() {
    let Ok(part) = std::env::var(PART) else { return };
    let refused = |text: &str, kind: ErrorKind, words: &str| {
        let error = endpoint(text).sockets().unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    };
    match &*part {
        "by name" => serve_once(&["systemd:web", "systemd:name=0"]),
        "by index" => serve_once(&["systemd:1", "systemd:INET:index=0"]),
        "by number" => serve_once(&["fd:3", "fd:4"]),
        "all" => {
            assert_eq!(endpoint("systemd:").sockets().unwrap().len(), 2);
            refused("systemd:", ErrorKind::NotFound, "or it is taken");
            let again = listen_fds().unwrap_err();
            assert!(again.to_string().contains("it was taken before"), "{again}");
            refused("fd:3", ErrorKind::Io, "it was taken before");
        }
        "the rest" => {
            assert_eq!(endpoint("systemd:0").sockets().unwrap().len(), 1);
            refused("systemd:0", ErrorKind::NotFound, "or it is taken");
            refused("systemd:nobody", ErrorKind::NotFound, "LISTEN_FDNAMES");
            let rest = endpoint("systemd:").sockets().unwrap();
            assert_eq!(rest.iter().map(Socket::kind).collect::<Vec<_>>(), [SOCK_DGRAM]);
            assert!(!rest[0].is_inheritable().unwrap(), "closed on exec");
        }
        "unnamed" => assert_eq!(endpoint("systemd:unknown").sockets().unwrap().len(), 2),
        "misnamed" => refused("systemd:", ErrorKind::InvalidInput, "3 names for 2 sockets"),
        "not for us" => {
            refused("systemd:", ErrorKind::NotFound, "no service manager");
            refused("fd:77", ErrorKind::Closed, "descriptor 77");
            refused("tcp:80", ErrorKind::InvalidInput, "is an address");
        }
        "no listener" => {
            let reactor = Reactor::new().unwrap();
            let error = endpoint("fd:3").listen(&reactor, || Echo).unwrap_err();
            assert!(error.to_string().contains("`adopt_datagrams` takes it"), "{error}");
        }
        "connected" => {
            let reactor = Reactor::new().unwrap();
            let echo = client(|| Echo).on_end(|_, net, _| net.stop());
            endpoint("fd:3").connect(&reactor, echo).unwrap();
            run(&reactor);
        }
        "standard" => {
            let reactor = Reactor::new().unwrap();
            let echo = client(|| Echo).on_end(|_, net, _| net.stop());
            endpoint("fd:0").connect(&reactor, echo).unwrap();
            // What standard input was has moved; its number is nobody's next descriptor.
            let mut nothing = String::new();
            assert_eq!(std::io::stdin().read_line(&mut nothing).unwrap(), 0);
            run(&reactor);
            drop(reactor);
            let next = std::fs::File::open("/dev/null").unwrap();
            assert!(std::os::fd::AsRawFd::as_raw_fd(&next) > 2);
        }
        other => panic!("no such part: {other}"),
    }
}

fn udp() -> OwnedFd {
    UdpSocket::bind("127.0.0.1:0").unwrap().into()
}

#[test]
fn sockets_are_served_by_the_names_that_the_manager_gave_them_and_by_their_place() {
    for (part, names) in [("by name", "web:0"), ("by index", ""), ("by number", "x:y")] {
        let ((one, first), (other, second)) = (listener(), listener());
        let served = start(BECOME, part, names, one, other);
        assert_eq!(ask(first, "one"), "one", "{part}");
        assert_eq!(ask(second, "other"), "other", "{part}");
        served.ends_well();
    }
}

#[test]
fn each_socket_is_taken_once_and_the_others_are_left() {
    for (part, names) in
        [("all", "a:b"), ("the rest", "a:b"), ("unnamed", ""), ("misnamed", "a:b:c")]
    {
        start(BECOME, part, names, listener().0, udp()).ends_well();
    }
}

#[test]
fn what_was_not_passed_is_said() {
    start(STAY, "not for us", "", listener().0, udp()).ends_well();
    start(BECOME, "no listener", "", udp(), udp()).ends_well();
}

#[test]
fn a_connection_that_was_passed_is_connected_to() {
    for (how, part) in [(BECOME, "connected"), (STAY, "standard")] {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let served = start(how, part, "", theirs.into(), udp());
        std::io::Write::write_all(&mut &ours, b"hello").unwrap();
        ours.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut &ours, &mut answer).unwrap();
        assert_eq!(answer, "hello", "{part}");
        served.ends_well();
    }
}
