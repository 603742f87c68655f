//! TLS as a user of the program meets it: a certificate made at the start, one from a file that
//! is renewed, who is believed, and what is said and answered when nobody is.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::process::Command;

use rustix::process::Signal;

use crate::rig::{Certificate, Peer, Running, Serving, has, program, serve};

/// `ropewalk connect` with this input, to its end.
fn connect(endpoint: &str, input: &str) -> (Option<i32>, String, String) {
    let mut run = Running::start(&mut program(["connect", endpoint]));
    run.write(input.as_bytes());
    let ended = run.finish();
    (ended.code, String::from_utf8(ended.stdout).unwrap(), ended.said)
}

/// The endpoint that the server says to try, with its own port and pin.
fn to_be_tried(serving: &mut Serving) -> String {
    let told = serving.run.said("try: ");
    let line = told.lines().last().unwrap();
    line.split_once("ropewalk connect ").unwrap().1.to_owned()
}

#[test]
fn a_certificate_of_its_own_is_told_and_believed_by_its_pin() {
    for model in ["reactor", "threads", "pool", "fork"] {
        let mut serving = serve(["echo", "tls:0,cert=auto", "--model", model]);
        assert!(serving.first.starts_with("serving echo on tls:127.0.0.1:"), "{}", serving.first);
        let endpoint = to_be_tried(&mut serving);
        assert!(endpoint.starts_with(&format!("tls:{},pin=", serving.port)), "{endpoint}");
        let (code, answer, said) = connect(&endpoint, "hello");
        assert_eq!((code, &answer[..]), (Some(0), "hello"), "{model}: {said}");
        assert_eq!(serving.terminate().code, Some(0));
    }
}

#[test]
fn whoever_is_not_believed_ends_it_with_5_and_a_remedy() {
    let serving = serve(["echo", "tls:0,cert=auto"]);
    let endpoint = format!("tls:127.0.0.1:{}", serving.port);
    let (code, _, said) = connect(&endpoint, "");
    assert_eq!(code, Some(5), "{said}");
    assert!(said.starts_with(&format!("error: cannot speak TLS with {endpoint}: ")), "{said}");
    assert!(said.contains("help: ") && said.contains("pin=SHA256"), "{said}");
    let (code, _, said) = connect(&format!("{endpoint},pin={}", "ab".repeat(32)), "");
    assert_eq!(code, Some(5), "{said}");
    // Waiting would not change that: far within the time it ends.
    let ended = Running::start(&mut program(["connect", &endpoint, "--retry", "1h"])).finish();
    assert_eq!(ended.code, Some(5), "{}", ended.said);
    let (code, answer, _) = connect(&format!("{endpoint},insecure"), "hello");
    assert_eq!((code, &answer[..]), (Some(0), "hello"));
}

#[test]
fn a_peer_without_tls_is_named_as_one() {
    let peer = Peer::new(|mut stream| {
        let _ = stream.write_all(b"220 mail.example ESMTP\r\n"); // it may be gone already
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let (code, _, said) = connect(&format!("tls:127.0.0.1:{}", peer.port), "");
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("without TLS it is tcp:"), "{said}");
    peer.join();
}

#[test]
fn a_renewed_certificate_is_read_again_and_no_connection_is_lost() {
    let (before, after) = (Certificate::new(), Certificate::new());
    let file = before.0.text();
    let mut serving = serve(["echo", &format!("tls:127.0.0.1:0,cert={file}")]);
    let to = |ca: &str| format!("tls:127.0.0.1:{},ca={ca}", serving.port);
    let (old, new) = (to(file), to(after.0.text()));
    let old_copy = Certificate::copy(&before);
    let mut open = Running::start(&mut program(["connect", &old]));
    open.write(b"one");
    assert_eq!(open.read(3), b"one");
    assert_eq!(connect(&new, "x").0, Some(5));
    std::fs::copy(&after.0.0, &before.0.0).unwrap();
    serving.run.signal(Signal::HUP);
    serving.run.said("read the certificate of ");
    let (code, answer, said) = connect(&new, "renewed");
    assert_eq!((code, &answer[..]), (Some(0), "renewed"), "{said}");
    assert_eq!(connect(&to(old_copy.0.text()), "x").0, Some(5));
    open.write(b"two");
    assert_eq!(open.read(3), b"two");
    // What cannot be read changes nothing.
    std::fs::write(&before.0.0, "no certificate").unwrap();
    serving.run.signal(Signal::HUP);
    serving.run.said(" stays: ");
    assert_eq!(connect(&new, "still").1, "still");
    drop(open);
    assert_eq!(serving.terminate().code, Some(0));
}

#[test]
fn openssl_talks_with_it() {
    if !has("openssl") {
        return;
    }
    let certificate = Certificate::new();
    let serving = serve(["echo", &format!("tls:127.0.0.1:0,cert={}", certificate.0.text())]);
    for version in ["-tls1_2", "-tls1_3"] {
        let mut client = Command::new("openssl");
        client.args(["s_client", "-quiet", "-verify_return_error", version]);
        client.args(["-CAfile", certificate.0.text(), "-servername", "localhost"]);
        client.args(["-connect", &format!("127.0.0.1:{}", serving.port)]);
        let mut run = Running::start(&mut client);
        run.write(b"hello\n");
        assert_eq!(run.read(6), b"hello\n", "{version}");
    }
    assert_eq!(serving.terminate().code, Some(0));
}

#[test]
fn it_talks_with_openssls_server() {
    if !has("openssl") {
        return;
    }
    let certificate = Certificate::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut server = Command::new("openssl");
    server.args(["s_server", "-quiet", "-rev", "-cert", certificate.0.text()]);
    server.args(["-key", certificate.0.text(), "-accept", &format!("127.0.0.1:{free}")]);
    let _server = Running::start(&mut server);
    let endpoint = format!("tls:127.0.0.1:{free},ca={}", certificate.0.text());
    let mut run = Running::start(&mut program(["connect", &endpoint, "--retry", "30s"]));
    run.write(b"hello\n");
    assert_eq!(run.read(6), b"olleh\n");
}

#[test]
fn no_plaintext_shows_on_the_wire() {
    let watcher = Peer::new(|mut stream| {
        let mut hello = [0; 3];
        stream.read_exact(&mut hello).unwrap();
        assert_eq!(hello[..2], [22, 3], "a TLS handshake's record");
        stream.shutdown(Shutdown::Both).unwrap();
    });
    let (code, ..) = connect(&format!("tls:127.0.0.1:{}", watcher.port), "secret");
    assert_ne!(code, Some(0));
    watcher.join();
}
