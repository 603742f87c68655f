//! `tls` endpoints, served and connected to by their strings.

use std::cell::RefCell;
use std::rc::Rc;

use ropewalk::Reactor;
use ropewalk::protocol::client;
use ropewalk::service::Echo;

use crate::parsed;
use crate::sockets::{Asks, WATCHDOG, assert_answered};

/// A certificate for this machine, as a file with its key.
struct Certificate(std::path::PathBuf);

impl Certificate {
    fn new(name: &str) -> Certificate {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let file = format!("ropewalk-{name},{}.pem", std::process::id());
        let path = std::env::temp_dir().join(file);
        let pem = made.cert.pem() + &made.signing_key.serialize_pem();
        std::fs::write(&path, pem).expect("a file");
        Certificate(path)
    }

    /// As an option's value.
    fn written(&self) -> String {
        self.0.to_string_lossy().replace('\\', r"\\").replace(',', r"\,")
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn tls_is_served_and_asked_as_the_words_say_with_a_header_in_front() {
    let file = Certificate::new("endpoint-tls");
    let served = format!("tls:127.0.0.1:0,cert={}", file.written());
    let ca = format!("ca={}", file.written());
    assert_answered(&served, &format!("tls:127.0.0.1:PORT,{ca}"), || {});
    assert_answered(&served, &format!("tls:127.0.0.1:PORT,{ca},sni=localhost"), || {});
    assert_answered(&served, "tls:127.0.0.1:PORT,insecure", || {});
    let served = format!("haproxy:{served},alpn=echo");
    let asked = format!("haproxy:tls:127.0.0.1:PORT,{ca},alpn=other+echo,proxy=v1");
    assert_answered(&served, &asked, || {});
}

#[test]
fn a_certificate_that_is_not_the_pinned_one_is_refused() {
    let file = Certificate::new("endpoint-pin");
    let reactor = Reactor::new().expect("a reactor");
    let served = parsed(&format!("tls:127.0.0.1:0,cert={}", file.written()));
    let listener = served.listen(&reactor, || Echo).expect("it listens");
    let port = listener.addrs()[0].port().unwrap_or_default();
    let asked = parsed(&format!("tls:127.0.0.1:{port},pin={}", "0a".repeat(32)));
    let why = Rc::new(RefCell::new(String::new()));
    let kept = why.clone();
    let asks = client(|| Asks(Rc::default())).on_failed(move |_, net, why| {
        *kept.borrow_mut() = why.to_string();
        net.stop();
    });
    asked.connect(&reactor, asks).expect("a target");
    reactor.call_later(WATCHDOG, |net| net.stop());
    reactor.run().expect("it runs");
    assert!(why.borrow().contains("pin"), "{}", why.borrow());
}

#[test]
fn files_that_are_not_there_and_certificates_that_are_to_be_made_are_said_before_it_listens() {
    let reactor = Reactor::new().expect("a reactor");
    for (text, words) in [
        ("tls:0,cert=/nowhere/c.pem", "/nowhere/c.pem"),
        ("tls:0,cert=auto", "makes no certificates"),
        ("tls:0", "has to show a certificate"),
    ] {
        let error = parsed(text).listen(&reactor, || Echo).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let error = parsed("tls:h:1,ca=/nowhere/ca.pem").connect(&reactor, || Echo).unwrap_err();
    assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
}
