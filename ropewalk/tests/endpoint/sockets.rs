//! What an endpoint says is what its sockets do: served and connected to by their strings.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::protocol::client;
use ropewalk::service::Echo;
use ropewalk::{Protocol, Reactor, Transport};

use crate::parsed;

/// Far beyond any promise: what hangs, ends.
const WATCHDOG: Duration = Duration::from_secs(60);

/// Asks once, keeps the answer, closes.
struct Asks(Rc<RefCell<Vec<u8>>>);

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
fn assert_answered(served: &str, asked: &str, while_served: impl FnOnce()) {
    let reactor = Reactor::new().expect("a reactor");
    let served = parsed(served);
    let site = served.site().expect("a site");
    let listener = reactor.listen_with(&site, served.options(), || Echo).expect("it listens");
    while_served();
    let port = listener.addrs()[0].port().unwrap_or_default();
    let asked = parsed(&asked.replace("PORT", &port.to_string()));
    let answer = Rc::new(RefCell::new(Vec::new()));
    let kept = answer.clone();
    let asks = client(move || Asks(kept.clone())).on_end(|_, net, _| net.stop());
    let target = asked.target().expect("a target");
    reactor.connect_with(target, asked.options(), asks);
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
