//! HAProxy in front of our server: who is the client, by the header of either version? And behind
//! our client: does it believe the header that we send?

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::sync::mpsc;

use ropewalk::addr::Target;
use ropewalk::policy::{Header, HeaderSender, ProxyHeader};
use ropewalk::protocol::Factory;
use ropewalk::socket::Socket;
use ropewalk::{Protocol, Reactor, Reason, Transport};

use crate::folder::Folder;
use crate::needs;
use crate::our_reactors::Running;
use crate::program::Program;
use crate::serve::WATCHDOG;
use crate::tool::Place;

/// Says who its peer is, and closes.
struct WhoAreYou;

impl Protocol for WhoAreYou {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        transport.write(transport.peer_addr().to_string().as_bytes());
        transport.close();
    }

    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
}

/// HAProxy on this listener, in front of this port; `accept` and `send` are its words for the
/// headers.
fn haproxy(folder: &Folder, front: TcpListener, back: u16, accept: &str, send: &str) -> Program {
    let front = Socket::from(front);
    front.set_inheritable(true).unwrap();
    let config = format!(
        "global\n maxconn 64\n\
         defaults\n mode tcp\n timeout connect 60s\n timeout client 60s\n timeout server 60s\n\
         listen through\n bind fd@{} {accept}\n server ours 127.0.0.1:{back} {send}\n",
        front.as_raw_fd()
    );
    let file = folder.0.join("haproxy.cfg");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new("haproxy");
    command.args(["-db", "-f"]).arg(file);
    Program::start(command) // it has its own copy of the listener by now
}

/// A server that believes its balancer, and its port.
fn who_are_you() -> (Running, u16) {
    let running = Running::start(|reactor| {
        let factory = (|| WhoAreYou).layer(ProxyHeader::new);
        let listener = reactor.listen_tcp(("127.0.0.1", 0), factory).unwrap();
        Place::Port(listener.addrs()[0].port().unwrap())
    });
    let Place::Port(port) = running.at else { unreachable!("it is TCP") };
    (running, port)
}

fn names_the_client(send: &str) {
    if !needs::has("haproxy") {
        return;
    }
    let (_running, back) = who_are_you();
    let front = TcpListener::bind("127.0.0.1:0").unwrap();
    let at: SocketAddr = front.local_addr().unwrap();
    let folder = Folder::new();
    let _haproxy = haproxy(&folder, front, back, "", send);
    for _ in 0..10 {
        let mut client = TcpStream::connect(at).unwrap();
        client.set_read_timeout(Some(WATCHDOG)).unwrap();
        let mut told = String::new();
        client.read_to_string(&mut told).unwrap();
        assert_eq!(told, client.local_addr().unwrap().to_string());
    }
}

#[test]
fn haproxy_names_the_client_by_version_1() {
    names_the_client("send-proxy");
}

#[test]
fn haproxy_names_the_client_by_version_2() {
    names_the_client("send-proxy-v2");
}

/// Hears to the end what it is told.
struct Hears(Vec<u8>, mpsc::Sender<Vec<u8>>);

impl Protocol for Hears {
    fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) {
        self.0.extend_from_slice(data);
    }

    fn connection_lost(&mut self, transport: &mut dyn Transport, _: &Reason) {
        self.1.send(std::mem::take(&mut self.0)).unwrap();
        transport.net().stop();
    }
}

fn believes_what_we_send(header: fn(&Header) -> HeaderSender) {
    if !needs::has("haproxy") {
        return;
    }
    let (_running, back) = who_are_you();
    let front = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = front.local_addr().unwrap();
    let folder = Folder::new();
    let _haproxy = haproxy(&folder, front, back, "accept-proxy", "send-proxy-v2");
    for client in ["192.0.2.7:4711", "[2001:db8::7]:4711"] {
        let source: SocketAddr = client.parse().unwrap();
        let destination = SocketAddr::new(source.ip(), 80);
        let (tell, told) = mpsc::channel();
        let reactor = Reactor::new().unwrap();
        let factory = (move || Hears(Vec::new(), tell.clone()))
            .layer(move || header(&Header::stream(source, destination)));
        reactor.connect(Target::Addr(at.into()), factory);
        reactor.call_later(WATCHDOG, |net| net.stop());
        reactor.run().unwrap();
        assert_eq!(told.try_recv().unwrap(), client.as_bytes());
    }
}

#[test]
fn haproxy_believes_our_header_of_version_1() {
    believes_what_we_send(ProxyHeader::send_text);
}

#[test]
fn haproxy_believes_our_header_of_version_2() {
    believes_what_we_send(ProxyHeader::send);
}
