//! Their clients at our plain sockets.

use std::io::Read;

use ropewalk::socket::*;

use crate::folder::Folder;
use crate::our_clients::watched;
use crate::our_servers::{datagram_probe, reversed, stream_probe};
use crate::serve::WATCHDOG;
use crate::tool::{Net, Place, Tool, datagrams, streams};

/// Binds at this place, and says where that is.
fn bound(net: Net, kind: Kind, at: Place) -> (Socket, Place) {
    let socket = watched(net, kind);
    socket.bind(at.target(net)).unwrap();
    let at = match at {
        Place::Port(_) => Place::Port(socket.local_addr().unwrap().port().unwrap()),
        path => path,
    };
    (socket, at)
}

fn takes_a_stream(tool: Tool, net: Net) {
    let folder = Folder::new();
    let (listener, at) = bound(net, SOCK_STREAM, net.free(&folder.0, "server"));
    listener.listen().unwrap();
    let own = net.free(&folder.0, "client");
    let Some(mut client) = tool.client(net, &at, &own) else { return };
    let probe = stream_probe();
    let mut asked = Vec::new();
    let (accepted, _) = std::thread::scope(|scope| {
        scope.spawn(|| {
            client.say(&probe);
            client.end_input();
        });
        let accepted = listener.accept().unwrap();
        accepted.0.set_timeout(Some(WATCHDOG)).unwrap();
        (&accepted.0).read_to_end(&mut asked).unwrap();
        accepted
    });
    assert!(asked == probe, "from {tool:?} over {net:?}");
    let answer = reversed(&probe);
    let heard = std::thread::scope(|scope| {
        scope.spawn(|| {
            accepted.send_all(&answer).unwrap();
            drop(accepted);
        });
        client.hear_all()
    });
    assert!(heard == answer, "to {tool:?} over {net:?}");
}

fn takes_a_datagram(tool: Tool, net: Net) {
    let folder = Folder::new();
    let (server, at) = bound(net, SOCK_DGRAM, net.free(&folder.0, "server"));
    let own = net.free(&folder.0, "client");
    let Some(mut client) = tool.client(net, &at, &own) else { return };
    let probe = datagram_probe();
    client.say(&probe);
    let received = server.recv_from(65_536).unwrap();
    assert_eq!(received.bytes, probe, "from {tool:?} over {net:?}");
    let answer = reversed(&probe);
    server.send_to(&answer, &received.from).unwrap();
    assert_eq!(client.hear(answer.len()), answer, "to {tool:?} over {net:?}");
}

fn is_taken_by_our_socket(tool: Tool) {
    if !tool.is_there() {
        return;
    }
    for net in streams() {
        takes_a_stream(tool, net);
    }
    for net in datagrams() {
        takes_a_datagram(tool, net);
    }
}

#[test]
fn a_client_by_python_is_taken_by_our_socket() {
    is_taken_by_our_socket(Tool::Python);
}

#[test]
fn openbsds_netcat_is_taken_by_our_socket() {
    is_taken_by_our_socket(Tool::Netcat);
}

#[test]
fn nmaps_ncat_is_taken_by_our_socket() {
    is_taken_by_our_socket(Tool::Ncat);
}

#[test]
fn socat_is_taken_by_our_socket() {
    is_taken_by_our_socket(Tool::Socat);
}
