//! Against CPython's socket, both ways: a stream and datagrams, and what each says of the end.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use ropewalk::Addr;
use ropewalk::error::ErrorKind;
use ropewalk::socket::*;

use crate::ends::{WATCHDOG, listener, udp, watched};
use crate::folder::Folder;
use crate::needs::python;

/// What every script begins with. A server says its port on its first line.
const START: &str = "\
import socket, sys
def serve(kind, family=socket.AF_INET, at=('127.0.0.1', 0)):
    s = socket.socket(family, kind)
    s.settimeout(60)
    s.bind(at)
    if kind == socket.SOCK_STREAM:
        s.listen()
    print(s.getsockname()[1] if family == socket.AF_INET else 'ready', flush=True)
    return s
def client(kind, family=socket.AF_INET):
    s = socket.socket(family, kind)
    s.settimeout(60)
    return s
PORT = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else None
";

struct Python {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Python {
    /// Starts the script, if there is a Python.
    #[track_caller]
    fn start(script: &str, words: &[&str]) -> Option<Python> {
        let mut command: Command = python(&format!("{START}{script}"), words)?;
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Some(Python { child, output })
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn port(&mut self) -> u16 {
        self.line().parse().unwrap()
    }

    /// What it says until its end, which is a good one.
    fn rest(mut self) -> String {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success(), "{rest}");
        rest
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // It has ended, unless the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// More than the kernel holds between two ends.
fn megabytes() -> Vec<u8> {
    (0..8 << 20).map(|n: u32| (n % 251) as u8).collect()
}

#[test]
fn our_client_talks_to_a_server_of_pythons() {
    const ECHO: &str = "
s = serve(socket.SOCK_STREAM)
c, addr = s.accept()
print(addr[1], flush=True)
while data := c.recv(65536):
    c.sendall(data)
c.close()
";
    let Some(mut python) = Python::start(ECHO, &[]) else { return };
    let client = watched(AF_INET, SOCK_STREAM);
    client.connect(("localhost", python.port())).unwrap();
    assert_eq!(python.line(), client.local_addr().unwrap().port().unwrap().to_string());
    let data = megabytes();
    let mut back = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            client.send_all(&data).unwrap();
            client.shutdown(std::net::Shutdown::Write).unwrap();
        });
        (&client).read_to_end(&mut back).unwrap();
    });
    assert!(back == data, "{} bytes came back", back.len());
    python.rest();
}

#[test]
fn a_client_of_pythons_talks_to_our_server() {
    const ASK: &str = "
s = client(socket.SOCK_STREAM)
s.connect(('localhost', PORT))
data = bytes(n % 251 for n in range(8 << 20))
s.sendall(data)
s.shutdown(socket.SHUT_WR)
back = b''.join(iter(lambda: s.recv(65536), b''))
print(back == data[::-1])
";
    let listener = listener();
    let port = listener.local_addr().unwrap().port().unwrap().to_string();
    let Some(python) = Python::start(ASK, &[&port]) else { return };
    let (server, _) = listener.accept().unwrap();
    let mut asked = Vec::new();
    (&server).read_to_end(&mut asked).unwrap();
    assert!(asked == megabytes(), "{} bytes came", asked.len());
    asked.reverse();
    server.send_all(&asked).unwrap();
    drop(server);
    assert_eq!(python.rest(), "True\n");
}

#[test]
fn our_datagrams_are_answered_by_pythons() {
    const ECHO: &str = "
s = serve(socket.SOCK_DGRAM)
for _ in range(3):
    data, addr = s.recvfrom(65536)
    s.sendto(data.upper(), addr)
";
    let Some(mut python) = Python::start(ECHO, &[]) else { return };
    let to = ("127.0.0.1", python.port());
    let client = watched(AF_INET, SOCK_DGRAM);
    for (sent, expected) in [("hello", "HELLO"), ("", ""), ("again", "AGAIN")] {
        client.send_to(sent.as_bytes(), to).unwrap();
        let received = client.recv_from(1024).unwrap();
        assert_eq!(received.bytes, expected.as_bytes());
        assert_eq!(received.from.port(), Some(to.1));
    }
    python.rest();
}

#[test]
fn pythons_datagrams_are_answered_by_ours() {
    const ASK: &str = "
s = client(socket.SOCK_DGRAM)
for word in (b'hello', b'', b'again'):
    s.sendto(word, ('127.0.0.1', PORT))
    data, addr = s.recvfrom(1024)
    print(data, addr[1] == PORT)
";
    let server = udp();
    let port = server.local_addr().unwrap().port().unwrap().to_string();
    let Some(python) = Python::start(ASK, &[&port]) else { return };
    for _ in 0..3 {
        let received = server.recv_from(1024).unwrap();
        server.send_to(&received.bytes.to_ascii_uppercase(), &received.from).unwrap();
    }
    assert_eq!(python.rest(), "b'HELLO' True\nb'' True\nb'AGAIN' True\n");
}

#[test]
fn unix_sockets_of_both_kinds_talk_with_pythons() {
    const ECHO: &str = "
stream = serve(socket.SOCK_STREAM, socket.AF_UNIX, sys.argv[1])
datagrams = serve(socket.SOCK_DGRAM, socket.AF_UNIX, b'\\0' + sys.argv[2].encode())
c, addr = stream.accept()
c.sendall(c.recv(16) + repr(addr).encode())
data, addr = datagrams.recvfrom(16)
datagrams.sendto(data + b'!', addr)
";
    let folder = Folder::new();
    let path = folder.path("stream");
    let name = format!("ropewalk-python-{}", std::process::id());
    let Some(mut python) = Python::start(ECHO, &[path.to_str().unwrap(), &name]) else { return };
    assert_eq!((python.line(), python.line()), ("ready".to_owned(), "ready".to_owned()));
    let client = watched(AF_UNIX, SOCK_STREAM);
    client.connect(&path).unwrap();
    client.send_all(b"hello").unwrap();
    assert_eq!(client.recv(64).unwrap(), b"hello''", "Python has no name for us either");
    let datagrams = watched(AF_UNIX, SOCK_DGRAM);
    datagrams.bind(folder.path("ours")).unwrap();
    datagrams.send_to(b"hello", format!("\0{name}").as_str()).unwrap();
    let received = datagrams.recv_from(64).unwrap();
    assert_eq!(received.bytes, b"hello!");
    let theirs = Addr::from(std::path::PathBuf::from(format!("\0{name}")));
    assert_eq!(received.from, theirs);
    python.rest();
}

#[test]
fn a_reset_by_pythons_side_is_one_here_and_ours_is_one_there() {
    const RESET: &str = "
import struct
s = client(socket.SOCK_STREAM)
s.connect(('127.0.0.1', PORT))
print(s.recv(1))
s.sendall(b'read')
try:
    print(s.recv(1))
except ConnectionResetError:
    print('reset')
s.close()
s = client(socket.SOCK_STREAM)
s.connect(('127.0.0.1', PORT))
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
s.close()
";
    let listener = listener();
    let port = listener.local_addr().unwrap().port().unwrap().to_string();
    let Some(python) = Python::start(RESET, &[&port]) else { return };
    let (server, _) = listener.accept().unwrap();
    server.send_all(b"x").unwrap();
    assert_eq!(server.recv(4).unwrap(), b"read", "or the reset would destroy it");
    let for_nothing = [1_i32, 0].map(i32::to_ne_bytes).concat();
    server.set_option_bytes(SOL_SOCKET, libc::SO_LINGER, &for_nothing).unwrap();
    drop(server);
    let (server, _) = listener.accept().unwrap();
    server.set_timeout(Some(WATCHDOG)).unwrap();
    assert_eq!(server.recv(1).unwrap_err().kind(), ErrorKind::Reset);
    assert_eq!(python.rest(), "b'x'\nreset\n");
}
