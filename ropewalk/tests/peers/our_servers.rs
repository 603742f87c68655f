//! Their clients at our servers, of every kind and mix-in.

use std::io::Read;

use ropewalk::server::{
    DatagramRequest, DatagramRequestHandler, HandlerResult, MixIn, Pooling, Serial, Server,
    StreamRequest, StreamRequestHandler, Threading,
};

use crate::folder::Folder;
use crate::serve::{Served, serve};
use crate::tool::{Net, Place, Tool, datagrams, streams};

/// Takes all until the end of the client's input, and only then answers: the same backwards.
struct Backwards;

impl StreamRequestHandler for Backwards {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        let mut data = Vec::new();
        request.rfile.read_to_end(&mut data)?;
        data.reverse();
        Ok(request.send_all(&data)?)
    }
}

impl DatagramRequestHandler for Backwards {
    fn handle(&mut self, request: &mut DatagramRequest) -> HandlerResult {
        request.wfile = request.packet.iter().rev().copied().collect();
        Ok(())
    }
}

/// More than any of them reads at once, with every value of a byte.
pub fn stream_probe() -> Vec<u8> {
    (0..300_000_u32).map(|n| (n % 251) as u8 ^ (n / 65_536) as u8).chain(0..=255).collect()
}

/// Every value of a byte, thrice: what all of them read at once, and so send as one datagram.
pub fn datagram_probe() -> Vec<u8> {
    (0..768_u32).map(|n| n as u8).collect()
}

pub fn reversed(data: &[u8]) -> Vec<u8> {
    data.iter().rev().copied().collect()
}

fn place(served: &Served, at: Place) -> Place {
    match at {
        Place::Port(_) => Place::Port(served.addr.port()),
        path => path,
    }
}

fn is_answered_over_streams<M: MixIn>(tool: Tool, net: Net) {
    let folder = Folder::new();
    let at = net.free(&folder.0, "server");
    let site: ropewalk::addr::Site = match &at {
        Place::Port(port) => (net.host(), *port).into(),
        Place::Path(path) => path.as_path().into(),
    };
    let served = serve(Server::<StreamRequest, _, M>::new(site, || Backwards).unwrap());
    let own = net.free(&folder.0, "client");
    let Some(mut client) = tool.client(net, &place(&served, at), &own) else { return };
    let probe = stream_probe();
    client.say(&probe);
    client.end_input();
    assert!(client.hear_all() == reversed(&probe), "{tool:?} over {net:?}");
}

fn is_answered_over_datagrams<M: MixIn>(tool: Tool, net: Net) {
    let folder = Folder::new();
    let at = net.free(&folder.0, "server");
    let site: ropewalk::addr::DatagramSite = match &at {
        Place::Port(port) => (net.host(), *port).into(),
        Place::Path(path) => path.as_path().into(),
    };
    let served = serve(Server::<DatagramRequest, _, M>::new(site, || Backwards).unwrap());
    let own = net.free(&folder.0, "client");
    let Some(mut client) = tool.client(net, &place(&served, at), &own) else { return };
    let probe = datagram_probe();
    client.say(&probe);
    assert_eq!(client.hear(probe.len()), reversed(&probe), "{tool:?} over {net:?}");
}

fn is_answered_by_every_server(tool: Tool) {
    if !tool.is_there() {
        return;
    }
    for net in streams() {
        is_answered_over_streams::<Serial>(tool, net);
        is_answered_over_streams::<Threading>(tool, net);
        is_answered_over_streams::<Pooling>(tool, net);
    }
    for net in datagrams() {
        is_answered_over_datagrams::<Serial>(tool, net);
        is_answered_over_datagrams::<Threading>(tool, net);
        is_answered_over_datagrams::<Pooling>(tool, net);
    }
}

#[test]
fn a_client_by_python_is_answered_by_every_server() {
    is_answered_by_every_server(Tool::Python);
}

#[test]
fn a_client_by_asyncio_is_answered_by_every_server() {
    is_answered_by_every_server(Tool::Asyncio);
}

#[test]
fn a_client_by_twisted_is_answered_by_every_server() {
    is_answered_by_every_server(Tool::Twisted);
}

#[test]
fn openbsds_netcat_is_answered_by_every_server() {
    is_answered_by_every_server(Tool::Netcat);
}

#[test]
fn nmaps_ncat_is_answered_by_every_server() {
    is_answered_by_every_server(Tool::Ncat);
}

#[test]
fn socat_is_answered_by_every_server() {
    is_answered_by_every_server(Tool::Socat);
}
