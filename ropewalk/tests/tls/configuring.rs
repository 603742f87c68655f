//! Configurations: what they show, to whom; what is wrong with one; the exchange while serving.

use std::path::PathBuf;

use ropewalk::error::{ErrorKind, Operation};
use ropewalk::limits::PEM_BYTES;
use ropewalk::options::{Cert, TlsOptions};
use ropewalk::tls::{Client, Error, Identity, Server};

use crate::meet::{AUTHORITY, LOCALHOST, assert_met, client, meet_only};
use crate::rig::Folder;
use crate::rig::certs::{Authority, Pem};

/// A file with this in it.
fn file(folder: &Folder, name: &str, text: &str) -> PathBuf {
    let path = folder.0.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn cert(path: PathBuf) -> Option<Cert> {
    Some(Cert::File(path))
}

#[test]
fn each_name_is_shown_its_own_certificate() {
    let (one, two) = (AUTHORITY.signs(&["one.example"]), AUTHORITY.signs(&["*.example"]));
    let server = Server::builder()
        .identity(LOCALHOST.identity())
        .identity_for("ONE.example", one.identity())
        .identity_for("*.example", two.identity())
        .build()
        .unwrap();
    for (name, pem) in [
        ("localhost", &*LOCALHOST),
        ("one.example", &one),
        ("ONE.EXAMPLE", &one),
        ("two.example", &two),
    ] {
        let client = Client::builder().pin(pem.identity().sha256()).build().unwrap();
        assert_met(&meet_only(&server, &client, name));
    }
    // Whoever asks for another name sees the first, and that it is not for it.
    let met = meet_only(&server, &client(), "deep.two.example");
    assert!(matches!(met.client_refusal(), Error::WrongName { .. }));
}

#[test]
fn what_is_shown_can_be_exchanged_while_it_is_served() {
    let (old, new) = (AUTHORITY.signs(&["localhost"]), AUTHORITY.signs(&["localhost"]));
    let pins = |pem: &Pem| Client::builder().pin(pem.identity().sha256()).build().unwrap();
    let shows = |pem: &Pem| Server::builder().identity(pem.identity()).build().unwrap();
    let server = shows(&old);
    let serving = server.clone(); // as a listener has it
    assert_met(&meet_only(&serving, &pins(&old), "localhost"));
    server.replace(&shows(&new));
    assert_met(&meet_only(&serving, &pins(&new), "localhost"));
    let met = meet_only(&serving, &pins(&old), "localhost");
    assert!(matches!(met.client_refusal(), Error::WrongPin { .. }));
}

#[test]
fn the_words_of_an_endpoint_are_a_configuration() {
    let folder = Folder::new();
    let both = file(&folder, "both.pem", &[&*LOCALHOST.cert, &LOCALHOST.key].concat());
    let key = file(&folder, "key.pem", &LOCALHOST.key);
    let ca = file(&folder, "ca.pem", &AUTHORITY.pem());
    // The key may stand in the certificate's own file, or in one of its own.
    for key in [None, Some(key)] {
        let cert = cert(both.clone());
        let alpn = vec!["echo".to_owned()];
        let options = TlsOptions { cert, key, alpn: alpn.clone(), ..TlsOptions::default() };
        let server = Server::from_options(&options).unwrap();
        let by_ca = TlsOptions { ca: Some(ca.clone()), alpn, ..TlsOptions::default() };
        let pin = Some(LOCALHOST.identity().sha256());
        let by_pin = TlsOptions { pin, ..TlsOptions::default() };
        let anybody = TlsOptions { insecure: true, ..TlsOptions::default() };
        for options in [by_ca, by_pin, anybody] {
            let client = Client::from_options(&options, "localhost").unwrap();
            // The host was said before.
            assert_met(&meet_only(&server, &client, "elsewhere.example"));
        }
    }
    // Clients must show what this authority signed, where it is named at the listening end.
    let options =
        TlsOptions { cert: cert(both.clone()), ca: Some(ca.clone()), ..TlsOptions::default() };
    let server = Server::from_options(&options).unwrap();
    let options = TlsOptions { cert: cert(both), ca: Some(ca.clone()), ..TlsOptions::default() };
    let known = Client::from_options(&options, "localhost").unwrap();
    assert_met(&meet_only(&server, &known, "localhost"));
    // Another name may be asked for than the host's.
    let sni = Some("localhost".to_owned());
    let options = TlsOptions { ca: Some(ca), sni, insecure: false, ..TlsOptions::default() };
    let client = Client::from_options(&options, "127.0.0.1").unwrap();
    assert_met(&meet_only(&crate::meet::server(), &client, "127.0.0.1"));
}

/// Says what is wrong, of which file.
#[track_caller]
fn assert_wrong(error: &ropewalk::Error, kind: ErrorKind, parts: &[&str]) {
    assert_eq!((error.operation(), error.kind()), (Operation::Secure, kind), "{error}");
    let sentence = error.to_string();
    assert!(sentence.starts_with("cannot set up TLS"), "{sentence}");
    for part in parts {
        assert!(sentence.contains(part), "{part:?} is not in: {sentence}");
    }
}

#[test]
fn what_is_wrong_with_a_servers_files_is_said_of_the_file() {
    let folder = Folder::new();
    let good = file(&folder, "cert.pem", &LOCALHOST.cert);
    let key = file(&folder, "key.pem", &LOCALHOST.key);
    let other = file(&folder, "other.pem", &AUTHORITY.signs(&["other"]).key);
    let empty = file(&folder, "empty.pem", "nothing of the kind\n");
    let huge = file(&folder, "huge.pem", &"x".repeat(PEM_BYTES + 1));
    let missing = folder.0.join("missing.pem");
    let serve = |cert_at: &PathBuf, key: Option<&PathBuf>, ca: Option<&PathBuf>| {
        let (key, ca) = (key.cloned(), ca.cloned());
        let options = TlsOptions { cert: cert(cert_at.clone()), key, ca, ..TlsOptions::default() };
        Server::from_options(&options).unwrap_err()
    };
    let bad = ErrorKind::InvalidInput;
    assert_wrong(&serve(&missing, None, None), ErrorKind::NotFound, &["missing.pem"]);
    assert_wrong(&serve(&empty, None, None), bad, &["empty.pem", "no certificate is in it"]);
    assert_wrong(&serve(&good, None, None), bad, &["cert.pem", "no private key"]);
    assert_wrong(&serve(&good, Some(&empty), None), bad, &["empty.pem", "no private key"]);
    assert_wrong(&serve(&good, Some(&other), None), bad, &["other.pem", "not that of"]);
    assert_wrong(&serve(&good, Some(&key), Some(&empty)), bad, &["empty.pem"]);
    assert_wrong(&serve(&huge, None, None), ErrorKind::TooLong, &["huge.pem", "right file"]);
}

#[test]
fn words_that_make_no_sense_together_are_refused() {
    let bad = ErrorKind::InvalidInput;
    let none = TlsOptions::default;
    assert_wrong(&Server::from_options(&none()).unwrap_err(), bad, &["cert=FILE"]);
    let auto = TlsOptions { cert: Some(Cert::Auto), ..none() };
    let unsupported = ErrorKind::Unsupported;
    assert_wrong(&Server::from_options(&auto).unwrap_err(), unsupported, &["cert=FILE"]);
    assert_wrong(&Client::from_options(&auto, "localhost").unwrap_err(), bad, &["server"]);
    for options in [
        TlsOptions { insecure: true, ..none() },
        TlsOptions { pin: Some([1; 32]), ..none() },
        TlsOptions { sni: Some("x".to_owned()), ..none() },
    ] {
        assert_wrong(&Server::from_options(&options).unwrap_err(), bad, &["client"]);
    }
    let both = TlsOptions { insecure: true, pin: Some([1; 32]), ..none() };
    assert_wrong(&Client::from_options(&both, "localhost").unwrap_err(), bad, &["exclude"]);
    let insecure = TlsOptions { insecure: true, ..none() };
    let error = Client::from_options(&insecure, "no such name").unwrap_err();
    assert_wrong(&error, bad, &["no such name"]);
}

#[test]
fn a_key_of_another_certificate_is_refused_in_memory_too() {
    let (one, two) = (AUTHORITY.signs(&["one"]), AUTHORITY.signs(&["two"]));
    let error = Identity::from_pem(one.cert.as_bytes(), two.key.as_bytes()).unwrap_err();
    assert_wrong(&error, ErrorKind::InvalidInput, &["not that of the certificate"]);
    let error = Client::builder().ca(b"no PEM").build().unwrap_err();
    assert_wrong(&error, ErrorKind::InvalidInput, &["no certificate"]);
}

#[test]
fn a_secret_is_not_printed() {
    let printed = format!("{:?}", Server::builder().identity(LOCALHOST.identity()));
    let secret = LOCALHOST.key.lines().nth(1).unwrap();
    assert!(printed.contains("Identity") && !printed.contains(secret), "{printed}");
}

#[test]
fn another_authority_is_believed_by_its_own_clients_alone() {
    let stranger = Authority::new("a stranger");
    let server = Server::builder().identity(stranger.signs(&["localhost"]).identity());
    let server = server.build().unwrap();
    let theirs = Client::builder().ca(stranger.pem().as_bytes()).build().unwrap();
    assert_met(&meet_only(&server, &theirs, "localhost"));
    let met = meet_only(&server, &client(), "localhost");
    assert!(matches!(met.client_refusal(), Error::Untrusted { .. }));
}
