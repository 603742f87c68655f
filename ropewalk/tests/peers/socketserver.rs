//! Our sockets at CPython's `socketserver`, each of its kinds and mix-ins.

use std::io::{BufRead, BufReader, Read};
use std::net::Shutdown;
use std::process::Stdio;

use ropewalk::socket::*;

use crate::folder::Folder;
use crate::needs;
use crate::our_clients::watched;
use crate::our_servers::{datagram_probe, reversed, stream_probe};
use crate::serve::Ends;
use crate::tool::{Net, Place};

/// Every class of `socketserver`, with the same two handlers, until the end of its input. It
/// prints a line for each: name, kind, place.
const SERVERS: &str = "\
import socketserver, sys, threading
class Stream(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(self.rfile.read()[::-1])
class Datagram(socketserver.DatagramRequestHandler):
    def handle(self):
        self.wfile.write(self.packet[::-1])
folder = sys.argv[1]
for mixin in ('', 'Threading', 'Forking'):
    for kind, handler in (('TCP', Stream), ('UDP', Datagram),
                          ('UnixStream', Stream), ('UnixDatagram', Datagram)):
        name = mixin + kind + 'Server'
        base = getattr(socketserver, kind + 'Server')
        if mixin:
            mix = getattr(socketserver, mixin + 'MixIn')
            base = type(name, (mix, base), {})
        at = folder + '/' + name if kind.startswith('Unix') else ('127.0.0.1', 0)
        server = base(at, handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = server.server_address
        print(name, kind, place if isinstance(place, str) else place[1], flush=True)
print(flush=True)
sys.stdin.read()
";

fn asks_a_stream(net: Net, at: &Place, name: &str) {
    let client = watched(net, SOCK_STREAM);
    client.connect(at.target(net)).unwrap();
    let (probe, mut back) = (stream_probe(), Vec::new());
    client.send_all(&probe).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    (&client).read_to_end(&mut back).unwrap();
    assert!(back == reversed(&probe), "{name}");
}

fn asks_a_datagram(net: Net, at: &Place, own: &Place, name: &str) {
    let client = watched(net, SOCK_DGRAM);
    if let Place::Path(own) = own {
        client.bind(own.as_path()).unwrap();
    }
    let probe = datagram_probe();
    client.send_to(&probe, at.target(net)).unwrap();
    assert_eq!(client.recv_from(65_536).unwrap().bytes, reversed(&probe), "{name}");
}

#[test]
fn our_socket_is_answered_by_every_server_of_pythons_socketserver() {
    let folder = Folder::new();
    let words = [folder.0.to_str().unwrap()];
    let Some(mut command) = needs::python(SERVERS, &words) else { return };
    let mut servers = Ends(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    let lines = BufReader::new(servers.0.stdout.take().unwrap()).lines();
    let lines: Vec<_> = lines.map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 12, "{lines:?}");
    for line in lines {
        let [name, kind, at] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let net = match kind {
            "TCP" => Net::Tcp,
            "UDP" => Net::Udp,
            "UnixStream" => Net::UnixStreams,
            _ => Net::UnixDatagrams,
        };
        let at = at.parse().map_or_else(|_| Place::Path(at.into()), Place::Port);
        if matches!(net, Net::Tcp | Net::UnixStreams) {
            asks_a_stream(net, &at, name);
        } else {
            asks_a_datagram(net, &at, &net.free(&folder.0, &format!("of-{name}")), name);
        }
    }
}
