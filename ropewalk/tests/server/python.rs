//! CPython's clients at our servers, and one client at both kinds of server.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use ropewalk::server::{
    DatagramRequest, DatagramRequestHandler, HandlerResult, MixIn, Serial, Server, StreamRequest,
    StreamRequestHandler, Threading,
};

use crate::serve::{Ends, ask, datagrams, dial, has_python, python, serve};

/// One line in capitals; one datagram in capitals.
struct Upper;

impl StreamRequestHandler for Upper {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        let mut line = Vec::new();
        request.rfile.read_until(b'\n', &mut line)?;
        Ok(request.send_all(&line.to_ascii_uppercase())?)
    }
}

impl DatagramRequestHandler for Upper {
    fn handle(&mut self, request: &mut DatagramRequest) -> HandlerResult {
        request.wfile = request.packet.to_ascii_uppercase();
        Ok(())
    }
}

/// The notes' client for a server that closes after each answer.
const STREAM_CLIENT: &str = "import socket, sys\n\
    for word in (b'one', b'two', b'three'):\n\
    \x20   s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)\n\
    \x20   s.settimeout(60)\n\
    \x20   s.connect(('127.0.0.1', int(sys.argv[1])))\n\
    \x20   s.send(word + b'\\r\\n')\n\
    \x20   data = s.recv(1024)\n\
    \x20   assert s.recv(1024) == b''\n\
    \x20   s.close()\n\
    \x20   print(data.strip().decode())\n";

const DATAGRAM_CLIENT: &str = "import socket, sys\n\
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
    s.settimeout(60)\n\
    for word in (b'one', b'two', b'three'):\n\
    \x20   s.sendto(word, ('127.0.0.1', int(sys.argv[1])))\n\
    \x20   data, addr = s.recvfrom(1024)\n\
    \x20   assert addr == ('127.0.0.1', int(sys.argv[1]))\n\
    \x20   print(data.decode())\n";

fn answers_cpython<M: MixIn>() {
    let streams = serve(Server::<StreamRequest, _, M>::new(("127.0.0.1", 0), || Upper).unwrap());
    let packets = serve(Server::<DatagramRequest, _, M>::new(("127.0.0.1", 0), || Upper).unwrap());
    for (script, addr) in [(STREAM_CLIENT, streams.addr), (DATAGRAM_CLIENT, packets.addr)] {
        let printed = python(script, &[addr.port().to_string()]);
        assert_eq!(printed, "ONE\nTWO\nTHREE\n");
    }
}

#[test]
fn cpythons_clients_are_answered_by_serial_servers() {
    if has_python() {
        answers_cpython::<Serial>();
    }
}

#[test]
fn cpythons_clients_are_answered_by_threading_servers() {
    if has_python() {
        answers_cpython::<Threading>();
    }
}

/// The same two servers, by CPython's socketserver.
const SERVERS: &str = "import socketserver, sys, threading\n\
    class Stream(socketserver.StreamRequestHandler):\n\
    \x20   def handle(self):\n\
    \x20       self.wfile.write(self.rfile.readline().upper())\n\
    class Datagram(socketserver.DatagramRequestHandler):\n\
    \x20   def handle(self):\n\
    \x20       self.wfile.write(self.packet.upper())\n\
    servers = [socketserver.ThreadingTCPServer(('127.0.0.1', 0), Stream),\n\
    \x20          socketserver.ThreadingUDPServer(('127.0.0.1', 0), Datagram)]\n\
    for server in servers:\n\
    \x20   threading.Thread(target=server.serve_forever, daemon=True).start()\n\
    print(*('127.0.0.1:%d' % server.server_address[1] for server in servers), flush=True)\n\
    sys.stdin.read()\n";

#[test]
fn one_client_gets_the_same_from_cpythons_socketserver_and_from_ours() {
    if !has_python() {
        return;
    }
    let mut theirs = Command::new("python3")
        .args(["-c", SERVERS])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map(Ends)
        .unwrap();
    let mut line = String::new();
    BufReader::new(theirs.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let at: Vec<SocketAddr> = line.split_whitespace().map(|at| at.parse().unwrap()).collect();
    let streams =
        serve(Server::<StreamRequest, _, Threading>::new(("127.0.0.1", 0), || Upper).unwrap());
    let packets =
        serve(Server::<DatagramRequest, _, Threading>::new(("127.0.0.1", 0), || Upper).unwrap());
    for probe in ["hello\n", "two\nlines\n", "no end of line", ""] {
        let (theirs, ours) = (dial(at[0]), streams.dial());
        assert_eq!(ask(theirs, probe.as_bytes()), ask(ours, probe.as_bytes()), "{probe:?}");
    }
    for probe in [&b"hello"[..], &[0xff, 0, b'a'], &[b'x'; 8192]] {
        let answers = [at[1], packets.addr].map(|to| {
            let client = datagrams(to);
            client.send(probe).unwrap();
            let mut buffer = vec![0; 65536];
            let length = client.recv(&mut buffer).unwrap();
            buffer.truncate(length);
            buffer
        });
        assert_eq!(answers[0], answers[1]);
    }
}
