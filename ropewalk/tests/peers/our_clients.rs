//! Our sockets as clients of their servers.

use std::io::Read;
use std::net::Shutdown;

use ropewalk::socket::*;

use crate::folder::Folder;
use crate::our_servers::{datagram_probe, reversed, stream_probe};
use crate::program::Program;
use crate::serve::WATCHDOG;
use crate::tool::{Net, Place, Tool, datagrams, streams};

pub fn family(net: Net) -> Family {
    match net {
        Net::Tcp | Net::Udp => AF_INET,
        Net::Tcp6 | Net::Udp6 => AF_INET6,
        _ => AF_UNIX,
    }
}

pub fn watched(net: Net, kind: Kind) -> Socket {
    let socket = Socket::new(family(net), kind).unwrap();
    socket.set_timeout(Some(WATCHDOG)).unwrap();
    socket
}

/// Asks and is answered; the other direction is used after one has been ended.
fn asks_over_streams(tool: Tool, net: Net) {
    let folder = Folder::new();
    let Some((mut server, at)) = tool.server(net, &net.free(&folder.0, "server")) else { return };
    let client = watched(net, SOCK_STREAM);
    client.connect(at.target(net)).unwrap();
    let probe = stream_probe();
    let answer = reversed(&probe);
    let (heard, back) = if tool.listens_on_after_our_end() {
        let heard = hears(&mut server, &client, &probe);
        (heard, answers(&mut server, &client, &answer))
    } else {
        let back = answers(&mut server, &client, &answer);
        (hears(&mut server, &client, &probe), back)
    };
    assert!(heard == probe, "to {tool:?} over {net:?}");
    assert!(back == answer, "from {tool:?} over {net:?}");
}

/// We send all of this, then end our direction.
fn hears(server: &mut Program, client: &Socket, data: &[u8]) -> Vec<u8> {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            client.send_all(data).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
        });
        server.hear(data.len())
    })
}

/// The server sends all of this, then ends its direction.
fn answers(server: &mut Program, mut client: &Socket, data: &[u8]) -> Vec<u8> {
    let mut back = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            server.say(data);
            server.end_input();
        });
        client.read_to_end(&mut back).unwrap();
    });
    back
}

fn asks_over_datagrams(tool: Tool, net: Net) {
    let folder = Folder::new();
    let Some((mut server, at)) = tool.server(net, &net.free(&folder.0, "server")) else { return };
    let client = watched(net, SOCK_DGRAM);
    if let Place::Path(own) = net.free(&folder.0, "client") {
        client.bind(own.as_path()).unwrap();
    }
    let probe = datagram_probe();
    client.send_to(&probe, at.target(net)).unwrap();
    assert_eq!(server.hear(probe.len()), probe, "to {tool:?} over {net:?}");
    let answer = reversed(&probe);
    server.say(&answer);
    let received = client.recv_from(65_536).unwrap();
    assert_eq!(received.bytes, answer, "from {tool:?} over {net:?}");
    assert!(!received.truncated);
}

fn asks_every_server_of(tool: Tool) {
    if !tool.is_there() {
        return;
    }
    for net in streams() {
        asks_over_streams(tool, net);
    }
    for net in datagrams() {
        asks_over_datagrams(tool, net);
    }
}

#[test]
fn our_socket_asks_every_server_by_python() {
    asks_every_server_of(Tool::Python);
}

#[test]
fn our_socket_asks_every_server_by_asyncio() {
    asks_every_server_of(Tool::Asyncio);
}

#[test]
fn our_socket_asks_every_server_by_twisted() {
    asks_every_server_of(Tool::Twisted);
}

#[test]
fn our_socket_asks_every_server_of_openbsds_netcat() {
    asks_every_server_of(Tool::Netcat);
}

#[test]
fn our_socket_asks_every_server_of_nmaps_ncat() {
    asks_every_server_of(Tool::Ncat);
}

#[test]
fn our_socket_asks_every_server_of_socat() {
    asks_every_server_of(Tool::Socat);
}
