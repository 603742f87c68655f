//! HAProxy in front of our server: who is the client, by the header of either version?

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::process::Command;

use ropewalk::policy::ProxyHeader;
use ropewalk::protocol::Factory;
use ropewalk::socket::Socket;
use ropewalk::{Protocol, Transport};

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

/// HAProxy on this listener, in front of this port; `send` is its word for the header.
fn haproxy(folder: &Folder, front: TcpListener, back: u16, send: &str) -> Program {
    let front = Socket::from(front);
    front.set_inheritable(true).unwrap();
    let config = format!(
        "global\n maxconn 64\n\
         defaults\n mode tcp\n timeout connect 60s\n timeout client 60s\n timeout server 60s\n\
         listen through\n bind fd@{}\n server ours 127.0.0.1:{back} {send}\n",
        front.as_raw_fd()
    );
    let file = folder.0.join("haproxy.cfg");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new("haproxy");
    command.args(["-db", "-f"]).arg(file);
    Program::start(command) // it has its own copy of the listener by now
}

fn names_the_client(send: &str) {
    if !needs::has("haproxy") {
        return;
    }
    let running = Running::start(|reactor| {
        let factory = (|| WhoAreYou).layer(ProxyHeader::new);
        let listener = reactor.listen_tcp(("127.0.0.1", 0), factory).unwrap();
        Place::Port(listener.addrs()[0].port().unwrap())
    });
    let Place::Port(back) = running.at else { unreachable!("it is TCP") };
    let front = TcpListener::bind("127.0.0.1:0").unwrap();
    let at: SocketAddr = front.local_addr().unwrap();
    let folder = Folder::new();
    let _haproxy = haproxy(&folder, front, back, send);
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
