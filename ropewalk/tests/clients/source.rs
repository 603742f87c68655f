//! The address of ours from which a client connects.

use std::cell::RefCell;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::rc::Rc;

use ropewalk::addr::Target;
use ropewalk::options::SocketOptions;
use ropewalk::protocol::{DatagramProtocol, client};
use ropewalk::{Addr, DatagramTransport, Reactor};

use crate::rig::Quiet;

fn from(source: &str) -> SocketOptions {
    SocketOptions { source: Some(source.parse().unwrap()), ..SocketOptions::default() }
}

/// What became of an attempt: our own address, or the failure.
fn connect(to: SocketAddr, options: &SocketOptions) -> String {
    let reactor = Reactor::new().unwrap();
    let said = Rc::new(RefCell::new(String::new()));
    let (made, failed) = (said.clone(), said.clone());
    let factory = client(|| Quiet)
        .on_made(move |_, transport| {
            *made.borrow_mut() = transport.local_addr().to_string();
            transport.close();
        })
        .on_failed(move |_, _, why| *failed.borrow_mut() = why.to_string())
        .on_end(|_, net, _| net.stop());
    reactor.connect_with(Target::from(to), options, factory);
    reactor.run().unwrap();
    said.take()
}

#[cfg(target_os = "linux")] // where all of 127.0.0.0/8 is this machine
#[test]
fn a_client_connects_from_the_address_and_port_that_it_is_given() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = server.local_addr().unwrap();
    let mine = connect(to, &from("127.0.0.9:0"));
    assert!(mine.starts_with("127.0.0.9:"), "{mine}");
    assert_eq!(server.accept().unwrap().1.to_string(), mine);
    let free = TcpListener::bind("127.0.0.8:0").unwrap().local_addr().unwrap();
    assert_eq!(connect(to, &from(&free.to_string())), free.to_string());
}

#[test]
fn an_address_that_is_not_ours_is_named_and_not_the_peer_blamed() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let failed = connect(server.local_addr().unwrap(), &from("192.0.2.1:0"));
    assert!(failed.contains("cannot bind the source 192.0.2.1:0: "), "{failed}");
    assert!(failed.contains("EADDRNOTAVAIL") && failed.contains(" for 127.0.0.1"), "{failed}");
}

#[test]
fn a_source_of_the_other_family_is_said() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let failed = connect(server.local_addr().unwrap(), &from("[::1]:0"));
    assert!(failed.contains("an IPv6 source does not reach an IPv4 address"), "{failed}");
    let to = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 9));
    let failed = connect(to, &from("127.0.0.1:0"));
    assert!(failed.contains("an IPv4 source does not reach an IPv6 address"), "{failed}");
}

struct Says;

impl DatagramProtocol for Says {
    fn connection_made(&mut self, transport: &mut dyn DatagramTransport) {
        transport.send(b"hello");
        transport.net().stop();
    }
    fn datagram_received(&mut self, _: &mut dyn DatagramTransport, _: &[u8], _: &Addr, _: bool) {}
}

#[cfg(target_os = "linux")] // as above
#[test]
fn a_datagram_socket_sends_from_the_address_that_it_is_given() {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let reactor = Reactor::new().unwrap();
    let to = Target::from(peer.local_addr().unwrap());
    reactor.connect_datagrams_with(to, &from("127.0.0.7:0"), Says);
    reactor.run().unwrap();
    let (_, from) = peer.recv_from(&mut [0; 16]).unwrap();
    assert_eq!(from.ip().to_string(), "127.0.0.7");
}
