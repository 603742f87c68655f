//! Twisted's `TCPClientTestsBase`: a client over real sockets.

use std::cell::RefCell;
use std::net::TcpListener;
use std::rc::Rc;

use ropewalk::addr::Target;
use ropewalk::protocol::{Kind, client, from_fn};
use ropewalk::{Protocol, Reactor, Reason, Transport};

use super::rig::{Heard, Quiet};

/// Both families, where this machine has both.
fn on_each_family(test: impl Fn(&str)) {
    test("127.0.0.1");
    if TcpListener::bind("[::1]:0").is_ok() {
        test("::1");
    }
}

/// Why a connection to this cannot be made.
fn failure(host: &str, port: u16) -> Reason {
    let reactor = Reactor::new().unwrap();
    let why = Rc::new(RefCell::new(None));
    let told = why.clone();
    let factory = client(|| Quiet)
        .on_failed(move |_, _, why| drop(told.replace(Some(why.clone()))))
        .on_end(|_, net, _| net.stop());
    reactor.connect_tcp(host, port, factory);
    reactor.run().unwrap();
    why.take().expect("it failed")
}

struct Loses(Heard);

impl Protocol for Loses {
    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
    fn connection_lost(&mut self, transport: &mut dyn Transport, why: &Reason) {
        self.0.note(format!("the server's end: {why}"));
        transport.net().stop();
    }
}

#[test]
fn test_build_protocol_returns_none() {
    on_each_family(|host| {
        let reactor = Reactor::new().unwrap();
        let heard = Heard::default();
        let (server, failed) = (heard.clone(), heard.clone());
        let listener = reactor.listen_tcp((host, 0), move || Loses(server.clone())).unwrap();
        let factory = client(from_fn(|_| None::<Quiet>))
            .on_failed(move |_, _, why| failed.note(format!("failed: {:?}", why.kind())));
        reactor.connect_tcp(host, listener.addrs()[0].port().unwrap(), factory);
        reactor.run().unwrap();
        let mut words = heard.words();
        words.sort();
        assert_eq!(words, ["failed: Refused", "the server's end: peer closed"]);
    });
}

#[test]
fn test_addresses() {
    on_each_family(|host| {
        let reactor = Reactor::new().unwrap();
        let listener = reactor.listen_tcp((host, 0), || Quiet).unwrap();
        let server = listener.addrs()[0].clone();
        let heard = Heard::default();
        let made = heard.clone();
        let factory = client(|| Quiet).on_made(move |_, transport| {
            made.note(transport.peer_addr().to_string());
            made.note(transport.local_addr().host());
            transport.net().stop();
        });
        reactor.connect(Target::Addr(server.clone()), factory);
        reactor.run().unwrap();
        assert_eq!(heard.words(), [server.to_string(), host.to_owned()]);
    });
}

#[test]
fn test_connect_port_underflow() {
    let error = Target::try_from("localhost:-1").unwrap_err().to_string();
    assert!(error.contains("`-1` is not a port") && error.contains("0 to 65535"), "{error}");
}

#[test]
fn test_connect_port_overflow() {
    let error = Target::try_from("localhost:65536").unwrap_err().to_string();
    assert!(error.contains("ports go from 0 to 65535"), "{error}");
}

#[cfg(target_os = "linux")] // others have another error for it
#[test]
fn test_connect_port_zero() {
    on_each_family(|host| {
        let why = failure(host, 0);
        assert_eq!(why.kind(), Kind::Refused, "{why}");
    });
}

#[test]
fn test_connect_port_not_numeric() {
    let error = Target::try_from("localhost:invalid").unwrap_err().to_string();
    assert!(error.contains("invalid") && error.contains("0 to 65535"), "{error}");
}

#[test]
fn test_connection_refused_error_number() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let why = failure("127.0.0.1", gone.port());
    assert_eq!(why.kind(), Kind::Refused);
    assert!(why.to_string().contains("(ECONNREFUSED)"), "{why}");
}
