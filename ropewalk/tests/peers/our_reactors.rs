//! Every peer at a protocol on our reactor, and a protocol of our reactor's at every peer.

use std::sync::mpsc;

use ropewalk::addr::{DatagramSite, Site};
use ropewalk::protocol::client;
use ropewalk::{
    Addr, DatagramProtocol, DatagramTransport, Protocol, Reactor, Reason, Remote, Transport,
};

use crate::folder::Folder;
use crate::our_servers::{datagram_probe, reversed, stream_probe};
use crate::serve::WATCHDOG;
use crate::tool::{Net, Place, Tool, datagrams, streams};

/// Answers, at the end of its peer's input, with the same backwards.
#[derive(Default)]
struct Backwards(Vec<u8>);

impl Protocol for Backwards {
    fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) {
        self.0.extend_from_slice(data);
    }

    fn eof_received(&mut self, transport: &mut dyn Transport) {
        self.0.reverse();
        transport.write(&self.0);
        transport.close();
    }
}

impl DatagramProtocol for Backwards {
    fn datagram_received(
        &mut self,
        transport: &mut dyn DatagramTransport,
        data: &[u8],
        from: &Addr,
        truncated: bool,
    ) {
        assert!(!truncated, "it is received whole");
        transport.send_to(&reversed(data), from);
    }
}

/// A reactor in a thread. Dropped, it stops, and must end.
pub struct Running {
    pub at: Place,
    remote: Remote,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Running {
    pub fn start(listen: impl FnOnce(&Reactor) -> Place + Send + 'static) -> Running {
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let reactor = Reactor::new().unwrap();
            let at = listen(&reactor);
            tell.send((at, reactor.remote())).unwrap();
            reactor.run().unwrap();
        });
        let (at, remote) = told.recv_timeout(WATCHDOG).expect("it listens");
        Running { at, remote, thread: Some(thread) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.remote.stop(); // it may have panicked
        let ended = self.thread.take().map(std::thread::JoinHandle::join);
        if !std::thread::panicking() {
            assert!(matches!(ended, Some(Ok(()))), "the reactor ended in order");
        }
    }
}

fn at(place: &Place, addrs: &[Addr]) -> Place {
    match place {
        Place::Port(_) => Place::Port(addrs[0].port().unwrap()),
        path => path.clone(),
    }
}

fn is_answered_over_streams(tool: Tool, net: Net) {
    let folder = Folder::new();
    let place = net.free(&folder.0, "server");
    let running = Running::start(move |reactor| {
        let site: Site = match &place {
            Place::Port(port) => (net.host(), *port).into(),
            Place::Path(path) => path.as_path().into(),
        };
        at(&place, reactor.listen(&site, Backwards::default).unwrap().addrs())
    });
    let own = net.free(&folder.0, "client");
    let Some(mut peer) = tool.client(net, &running.at, &own) else { return };
    let probe = stream_probe();
    peer.say(&probe);
    peer.end_input();
    assert!(peer.hear_all() == reversed(&probe), "{tool:?} over {net:?}");
}

fn is_answered_over_datagrams(tool: Tool, net: Net) {
    let folder = Folder::new();
    let place = net.free(&folder.0, "server");
    let running = Running::start(move |reactor| {
        let site: DatagramSite = match &place {
            Place::Port(port) => (net.host(), *port).into(),
            Place::Path(path) => path.as_path().into(),
        };
        at(&place, reactor.listen_datagrams(&site, Backwards::default).unwrap().addrs())
    });
    let own = net.free(&folder.0, "client");
    let Some(mut peer) = tool.client(net, &running.at, &own) else { return };
    let probe = datagram_probe();
    peer.say(&probe);
    assert_eq!(peer.hear(probe.len()), reversed(&probe), "{tool:?} over {net:?}");
}

/// Sends what it has, ends its direction, and gives what comes back.
struct Asks {
    probe: Vec<u8>,
    back: Vec<u8>,
    answered: mpsc::Sender<Vec<u8>>,
}

impl Protocol for Asks {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        transport.write(&self.probe);
        transport.shutdown_write();
    }

    fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) {
        self.back.extend_from_slice(data);
    }

    fn eof_received(&mut self, _: &mut dyn Transport) {}

    fn connection_lost(&mut self, transport: &mut dyn Transport, why: &Reason) {
        assert!(why.is_clean(), "{why}");
        self.answered.send(std::mem::take(&mut self.back)).unwrap();
        transport.net().stop();
    }
}

/// The same with one datagram.
impl DatagramProtocol for Asks {
    fn connection_made(&mut self, transport: &mut dyn DatagramTransport) {
        transport.send(&self.probe);
    }

    fn datagram_received(
        &mut self,
        transport: &mut dyn DatagramTransport,
        data: &[u8],
        _: &Addr,
        truncated: bool,
    ) {
        assert!(!truncated, "it is received whole");
        self.answered.send(data.to_vec()).unwrap();
        transport.net().stop();
    }
}

fn asks_over_streams(tool: Tool, net: Net) {
    let folder = Folder::new();
    let Some((mut server, place)) = tool.server(net, &net.free(&folder.0, "server")) else {
        return;
    };
    let (answered, back) = mpsc::channel();
    let (probe, target) = (stream_probe(), place.target(net));
    let sent = probe.clone();
    let reactor = std::thread::spawn(move || {
        let reactor = Reactor::new().unwrap();
        let asks = move || {
            let (probe, answered) = (sent.clone(), answered.clone());
            Asks { probe, back: Vec::new(), answered }
        };
        let factory = client(asks).on_failed(|_, net, why| {
            tracing::error!("{why}");
            net.stop();
        });
        reactor.connect(target, factory);
        reactor.run().unwrap();
    });
    let answer = reversed(&probe);
    let heard = server.hear(probe.len());
    server.say(&answer);
    server.end_input();
    assert!(heard == probe, "to {tool:?} over {net:?}");
    let back = back.recv_timeout(WATCHDOG).expect("it is answered");
    assert!(back == answer, "from {tool:?} over {net:?}");
    reactor.join().unwrap();
}

fn asks_over_datagrams(tool: Tool, net: Net) {
    let folder = Folder::new();
    let Some((mut server, place)) = tool.server(net, &net.free(&folder.0, "server")) else {
        return;
    };
    let (answered, back) = mpsc::channel();
    let (probe, target) = (datagram_probe(), place.target(net));
    let sent = probe.clone();
    let reactor = std::thread::spawn(move || {
        let reactor = Reactor::new().unwrap();
        reactor.connect_datagrams(target, Asks { probe: sent, back: Vec::new(), answered });
        reactor.run().unwrap();
    });
    assert_eq!(server.hear(probe.len()), probe, "to {tool:?} over {net:?}");
    let answer = reversed(&probe);
    server.say(&answer);
    assert_eq!(back.recv_timeout(WATCHDOG).expect("it is answered"), answer, "{tool:?}, {net:?}");
    reactor.join().unwrap();
}

fn is_answered(tool: Tool) {
    if !tool.is_there() {
        return;
    }
    streams().into_iter().for_each(|net| is_answered_over_streams(tool, net));
    datagrams().into_iter().for_each(|net| is_answered_over_datagrams(tool, net));
}

/// A server that hears our end, and answers after it, as neither netcat does.
fn asks(tool: Tool) {
    if !tool.is_there() {
        return;
    }
    streams().into_iter().for_each(|net| asks_over_streams(tool, net));
    datagrams().into_iter().for_each(|net| asks_over_datagrams(tool, net));
}

#[test]
fn a_client_by_python_is_answered_by_our_reactor() {
    is_answered(Tool::Python);
}

#[test]
fn a_client_by_asyncio_is_answered_by_our_reactor() {
    is_answered(Tool::Asyncio);
}

#[test]
fn a_client_by_twisted_is_answered_by_our_reactor() {
    is_answered(Tool::Twisted);
}

#[test]
fn openbsds_netcat_is_answered_by_our_reactor() {
    is_answered(Tool::Netcat);
}

#[test]
fn nmaps_ncat_is_answered_by_our_reactor() {
    is_answered(Tool::Ncat);
}

#[test]
fn socat_is_answered_by_our_reactor() {
    is_answered(Tool::Socat);
}

#[test]
fn our_reactor_asks_every_server_by_python() {
    asks(Tool::Python);
}

#[test]
fn our_reactor_asks_every_server_by_asyncio() {
    asks(Tool::Asyncio);
}

#[test]
fn our_reactor_asks_every_server_by_twisted() {
    asks(Tool::Twisted);
}

#[test]
fn our_reactor_asks_every_server_of_socat() {
    asks(Tool::Socat);
}
