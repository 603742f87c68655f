//! Each program of the notes against its Python original, both ways, and against itself.
//!
//! The programs are those in `examples/`; the originals stand in `python/`, the notes'
//! two Twisted programs as they are, but for the number of their port.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking")]
#![cfg(target_os = "linux")] // where the ports of a process can be looked up

mod clients;
#[cfg(feature = "tls")] // its example is built with it
mod encrypted;
mod futures;
// It shows how a protocol is tested: here its tests are run. (An example that cargo tests is not
// built to be run as well.)
#[path = "../../examples/own_protocol.rs"]
#[allow(dead_code, reason = "its `main` is run as a program")]
mod own_protocol;
mod program;

use program::{Program, example, has_twisted, python, python_as_written};

const SAID: &str = "hello\nworld\n\n";
/// What a client of an echo shows for it.
const ECHOED: &str = "> hello\n> world\n> ";

/// Every server with every client: ours and CPython's.
fn every_pair(server: &str, client: &str) {
    for start_server in [start_example, start_python] {
        let mut serving = start_server(server);
        let address = serving.address();
        for talk in [talk_example, talk_python] {
            let said = talk(client, &address);
            assert_eq!(said, ECHOED, "{server} and {client} at {address}");
        }
    }
}

fn start_example(name: &str) -> Program {
    Program::start(example(name).arg("127.0.0.1:0"))
}

fn start_python(name: &str) -> Program {
    Program::start(&mut python(name))
}

fn talk_example(name: &str, address: &str) -> String {
    Program::start(example(name).arg(address)).talk(SAID)
}

fn talk_python(name: &str, address: &str) -> String {
    Program::start(python(name).arg(address)).talk(SAID)
}

#[test]
fn the_tcp_server_and_client_of_the_pseudo_code() {
    every_pair("tcp_server", "tcp_client");
}

#[test]
fn the_udp_server_and_client_of_the_pseudo_code() {
    every_pair("udp_server", "udp_client");
}

#[test]
fn a_client_that_leaves_in_mid_conversation_is_not_the_end_of_the_tcp_server() {
    let mut serving = start_example("tcp_server");
    let address = serving.address();
    for _ in 0..3 {
        let gone = std::net::TcpStream::connect(&address).unwrap();
        std::io::Write::write_all(&mut &gone, b"unread").unwrap();
        socket2::SockRef::from(&gone).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }
    assert_eq!(talk_python("tcp_client", &address), ECHOED);
}

/// `[Tue Nov 24 12:00:00 2026] rest`: the rest.
fn unstamped(line: &str) -> &str {
    let (time, rest) = line.split_once("] ").unwrap_or_else(|| panic!("no stamp: {line:?}"));
    assert!(time.starts_with('[') && time.len() == 25, "{line:?}");
    rest
}

#[test]
fn the_socketserver_programs_answer_and_the_tcp_one_closes() {
    let tcp = "import socket, sys\n\
        host, port = sys.argv[1].rsplit(':', 1)\n\
        s = socket.create_connection((host, int(port)), timeout=60)\n\
        s.sendall(b'hello\\n')\n\
        print(b''.join(iter(lambda: s.recv(1024), b'')).decode(), end='')\n";
    let udp = "import socket, sys\n\
        host, port = sys.argv[1].rsplit(':', 1)\n\
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
        s.settimeout(60)\n\
        s.sendto(b'hello\\n', (host, int(port)))\n\
        print(s.recv(1024).decode(), end='')\n";
    for (server, client) in [("socketserver_tcp", tcp), ("socketserver_udp", udp)] {
        for start_server in [start_example, start_python] {
            let mut serving = start_server(server);
            let address = serving.address();
            for _ in 0..3 {
                let asking = Program::start(python_as_written(client).arg(&address));
                assert_eq!(unstamped(&asking.talk("")), "hello\n", "{server} at {address}");
            }
        }
    }
}

/// The notes' Twisted client, told another port.
fn twisted(name: &str, port: u16) -> Program {
    let program = match name {
        "server" => include_str!("python/timestamp_server.py"),
        _ => include_str!("python/timestamp_client.py"),
    };
    assert!(program.contains("PORT = 21555"), "the notes' port");
    let program = program.replace("PORT = 21555", &format!("PORT = {port}"));
    Program::start(&mut python_as_written(&program))
}

fn timestamp_server(ours: bool) -> (Program, u16) {
    let mut serving = match ours {
        true => Program::start(example("timestamp_server").arg("0")),
        false => twisted("server", 0),
    };
    assert_eq!(serving.line(), "waiting for connection..");
    let port = serving.port();
    (serving, port)
}

#[test]
fn the_twisted_programs_of_the_notes_both_ways() {
    if !has_twisted() {
        return;
    }
    for (our_server, our_client) in [(true, true), (true, false), (false, true)] {
        let (mut serving, port) = timestamp_server(our_server);
        let client = match our_client {
            true => Program::start(example("timestamp_client").arg(port.to_string())),
            false => twisted("client", port),
        };
        let said = client.talk(SAID);
        let lines: Vec<&str> = said.lines().collect();
        let sent: Vec<&str> = lines.iter().copied().step_by(2).collect();
        assert_eq!(sent, ["> ...sending hello...", "> ...sending world...", "> "], "{said}");
        let shown = |line: &str| match (our_server, our_client) {
            // Twisted's server sends Python's way of writing bytes, and its client prints so.
            (true, true) => unstamped(line).to_owned(),
            (true, false) => unstamped(line.strip_prefix("b'").unwrap()).replace('\'', ""),
            _ => unstamped(line).replace(['b', '\''], ""),
        };
        assert_eq!(
            (shown(lines[1]).as_str(), shown(lines[3]).as_str()),
            ("hello", "world"),
            "{said}"
        );
        let connected = serving.line();
        assert!(
            ["...connected from: 127.0.0.1", "...connected from: ::1"]
                .contains(&connected.as_str()),
            "{connected}"
        );
    }
}

/// A client of lines, with a watchdog.
struct Caller(std::io::BufReader<std::net::TcpStream>);

impl Caller {
    fn new(port: u16) -> Caller {
        let stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
        Caller(std::io::BufReader::new(stream))
    }

    fn say(&mut self, said: &str) {
        std::io::Write::write_all(self.0.get_mut(), said.as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut self.0, &mut line).unwrap();
        line
    }
}

#[test]
fn the_chat_on_a_reactor_and_on_threads() {
    for model in ["reactor", "threads"] {
        let mut serving = Program::start(example("chat_server").args([model, "0"]));
        assert!(serving.line().ends_with(model));
        let port = serving.port();
        let mut ann = Caller::new(port);
        assert_eq!(ann.line(), "welcome\r\n");
        let mut bob = Caller::new(port);
        assert_eq!(bob.line(), "welcome\r\n");
        assert!(ann.line().ends_with(" is here\r\n"));
        bob.say("hello\n");
        assert!(ann.line().ends_with(" says hello\r\n"));
        ann.say("\x1b[2J\r\n");
        assert!(bob.line().ends_with(" says \\x1b[2J\r\n"));
        drop(ann);
        assert!(bob.line().contains(" has left: "));
    }
}

#[test]
fn the_protocol_of_ones_own() {
    let mut serving = Program::start(example("own_protocol").arg("0"));
    assert_eq!(serving.line(), "adding");
    let mut caller = Caller::new(serving.port());
    caller.say("2:40,1:2,3:two,");
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut caller.0, &mut answer).unwrap();
    assert_eq!(answer, "2:40,2:42,");
}
