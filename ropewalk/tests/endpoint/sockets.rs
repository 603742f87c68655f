//! What an endpoint says is what its sockets do: served and connected to by their strings.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::protocol::client;
use ropewalk::service::Echo;
use ropewalk::{Protocol, Reactor, Transport};

use crate::parsed;

/// Far beyond any promise: what hangs, ends.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(60);

/// Asks once, keeps the answer, closes.
pub(crate) struct Asks(pub(crate) Rc<RefCell<Vec<u8>>>);

impl Protocol for Asks {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        transport.write(b"ask");
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        self.0.borrow_mut().extend_from_slice(data);
        if self.0.borrow().len() == 3 {
            transport.close();
        }
    }
}

/// Serves at one endpoint, and is answered at the other, which may name the port as `PORT`.
#[track_caller]
pub(crate) fn assert_answered(served: &str, asked: &str, while_served: impl FnOnce()) {
    let reactor = Reactor::new().expect("a reactor");
    let served = parsed(served);
    let listener = served.listen(&reactor, || Echo).expect("it listens");
    while_served();
    let port = listener.addrs()[0].port().unwrap_or_default();
    let asked = parsed(&asked.replace("PORT", &port.to_string()));
    let answer = Rc::new(RefCell::new(Vec::new()));
    let kept = answer.clone();
    let asks = client(move || Asks(kept.clone())).on_end(|_, net, _| net.stop());
    asked.connect(&reactor, asks).expect("a target");
    reactor.call_later(WATCHDOG, |net| net.stop());
    reactor.run().expect("it runs");
    assert_eq!(*answer.borrow(), b"ask", "{served} asked at {asked}");
}

#[test]
fn a_bare_port_is_served_and_answers_on_localhost() {
    assert_answered("0", "PORT", || {});
}

#[test]
fn a_tcp_endpoint_with_options_is_served_and_answers() {
    let served = "tcp:127.0.0.1:0,backlog=8,nodelay=off,keepalive=30s,ttl=64";
    assert_answered(served, "tcp:127.0.0.1:PORT,nodelay,keepalive=1m,timeout=10s,ttl=64", || {});
}

#[test]
fn a_header_is_sent_and_received_in_either_version() {
    assert_answered("haproxy:tcp:0", "haproxy:tcp:PORT", || {});
    assert_answered("haproxy:tcp:127.0.0.1:0", "haproxy:tcp:127.0.0.1:PORT,proxy=v1", || {});
}

#[test]
fn it_is_connected_from_the_source_that_it_names() {
    let asked = "tcp:127.0.0.1:PORT,source=127.0.0.1,keepinterval=9s,keepcount=3";
    assert_answered("tcp:127.0.0.1:0,linger=0s", asked, || {});
}

#[test]
fn a_callback_connects_to_what_an_endpoint_says() {
    let reactor = Reactor::new().expect("a reactor");
    let listener = parsed("haproxy:tcp:127.0.0.1:0").listen(&reactor, || Echo).expect("listens");
    let port = listener.addrs()[0].port().unwrap_or_default();
    let answer = Rc::new(RefCell::new(Vec::new()));
    let kept = answer.clone();
    reactor.call_later(Duration::ZERO, move |net| {
        let asked = parsed(&format!("haproxy:127.0.0.1:{port}"));
        let asks = client(move || Asks(kept.clone())).on_end(|_, net, _| net.stop());
        asked.connect_through(net, asks).expect("a target");
        let open = parsed("fd:3").connect_through(net, || Echo).unwrap_err();
        assert!(open.to_string().contains("open already"), "{open}");
    });
    reactor.call_later(WATCHDOG, |net| net.stop());
    reactor.run().expect("it runs");
    assert_eq!(*answer.borrow(), b"ask");
}

// What is said where TLS is left out.
#[cfg(not(feature = "tls"))]
#[test]
fn without_tls_an_endpoint_of_it_says_so() {
    let reactor = Reactor::new().expect("a reactor");
    for error in [
        parsed("tls:0,cert=x.pem").listen(&reactor, || Echo).unwrap_err(),
        parsed("tls:h:443").connect(&reactor, || Echo).unwrap_err(),
    ] {
        let sentence = error.to_string();
        assert!(sentence.contains("built without TLS"), "{sentence}");
        assert!(sentence.contains("the feature `tls`"), "{sentence}");
    }
}

#[test]
fn twisteds_spelling_is_served_and_answers() {
    let served = "tcp:0:interface=127.0.0.1:backlog=50";
    assert_answered(served, "tcp:host=127.0.0.1:port=PORT:timeout=10", || {});
}

// Other systems have no such files.
#[cfg(unix)]
#[test]
fn a_unix_endpoint_is_served_with_its_mode_under_the_path_that_was_escaped() {
    use std::os::unix::fs::MetadataExt as _;
    let name = format!("ropewalk-endpoint, {}", std::process::id());
    let path = std::env::temp_dir().join(&name);
    let written = path.to_string_lossy().replace(',', r"\,");
    let mode = || path.symlink_metadata().unwrap().mode() & 0o777;
    assert_answered(&format!("unix:{written},mode=0600"), &format!("unix:{written}"), || {
        assert_eq!(mode(), 0o600);
    });
    assert!(!path.exists(), "the listener took its file with it");
}

// Names without a file are Linux's.
#[cfg(target_os = "linux")]
#[test]
fn an_abstract_name_is_served_and_answers() {
    let name = format!("@ropewalk-endpoint-{}", std::process::id());
    assert_answered(&name, &format!("unix:{name},timeout=10s"), || {});
}
