//! Handshakes that fail: each cause by itself, told to both factories, with no protocol built.

use rcgen::{CertificateParams, date_time_ymd};
use ropewalk::protocol::{By, Kind as End};
use ropewalk::tls::{Client, Error, Server, rustls, sha256};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::meet::{AUTHORITY, LOCALHOST, Met, assert_met, client, meet_only, over, server};
use crate::rig::certs::{Authority, Pem};
use crate::rig::{Call, Kept, Kind, Rig, Script};

fn shows(pem: &Pem) -> Server {
    Server::builder().identity(pem.identity()).build().unwrap()
}

fn shows_otherwise(set: impl FnOnce(&mut CertificateParams)) -> Server {
    shows(&AUTHORITY.signs_with(&["localhost"], set))
}

fn fingerprint(pem: &Pem) -> [u8; 32] {
    sha256(&CertificateDer::from_pem_slice(pem.cert.as_bytes()).unwrap())
}

/// What the client says to this server's certificate, and what the server hears of it.
#[track_caller]
fn refused(server: &Server, client: &Client, name: &'static str) -> (Error, Error) {
    let met = meet_only(server, client, name);
    let why = met.client_reason();
    assert_eq!((why.kind(), why.by()), (End::Failed, By::Peer), "{why}");
    (met.client_refusal(), met.server_refusal())
}

#[test]
fn a_certificate_that_nobody_trusted_has_signed_is_untrusted() {
    let strange = Authority::new("a stranger").signs(&["localhost"]);
    let (ours, theirs) = refused(&shows(&strange), &client(), "localhost");
    // What to pin, if it is to be believed all the same.
    assert_eq!(ours, Error::Untrusted { sha256: Some(fingerprint(&strange)) });
    assert_eq!(theirs, Error::Rejected("unknown CA"));
    let sentence = ours.to_string();
    assert!(sentence.contains("ca=FILE") && sentence.contains("pin="), "{sentence}");
}

#[test]
fn a_certificate_that_signed_itself_is_untrusted_even_if_it_may_sign() {
    let own = |set: fn(&mut CertificateParams)| {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        set(&mut params);
        let key = rcgen::KeyPair::generate().unwrap();
        let cert = params.self_signed(&key).unwrap();
        Pem { cert: cert.pem(), key: key.serialize_pem() }
    };
    for pem in [
        own(|_| {}),
        own(|params| params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained)),
    ] {
        let (ours, _) = refused(&shows(&pem), &client(), "localhost");
        assert_eq!(ours, Error::Untrusted { sha256: Some(fingerprint(&pem)) });
    }
}

#[test]
fn a_certificate_for_another_name_is_for_the_wrong_name() {
    let (ours, theirs) = refused(&server(), &client(), "elsewhere.example");
    let presented = vec!["DnsName(\"localhost\")".to_owned()];
    let wanted = "elsewhere.example".to_owned();
    assert_eq!(ours, Error::WrongName { wanted, presented });
    assert!(matches!(theirs, Error::Rejected(_)), "{theirs:?}");
    assert!(ours.to_string().contains("not for `elsewhere.example`"), "{ours}");
}

#[test]
fn a_certificate_out_of_its_time_is_expired_or_not_valid_yet() {
    let old = shows_otherwise(|params| params.not_after = date_time_ymd(2001, 1, 1));
    let (ours, theirs) = refused(&old, &client(), "localhost");
    assert!(matches!(ours, Error::Expired { for_seconds: Some(1..) }), "{ours:?}");
    assert_eq!(theirs, Error::Rejected("certificate expired"));
    let new = shows_otherwise(|params| {
        params.not_before = date_time_ymd(4000, 1, 1);
        params.not_after = date_time_ymd(4001, 1, 1);
    });
    let (ours, _) = refused(&new, &client(), "localhost");
    assert!(matches!(ours, Error::NotYetValid { in_seconds: Some(1..) }), "{ours:?}");
    assert!(ours.to_string().contains("clock"), "{ours}");
}

#[test]
fn another_certificate_than_the_pinned_one_is_refused_and_that_one_believed() {
    let strange = Authority::new("a stranger").signs(&["elsewhere"]);
    let (wanted, presented) = (fingerprint(&LOCALHOST), fingerprint(&strange));
    let pins = |sha256| Client::builder().pin(sha256).build().unwrap();
    let (ours, theirs) = refused(&shows(&strange), &pins(wanted), "localhost");
    assert_eq!(ours, Error::WrongPin { wanted, presented });
    assert!(matches!(theirs, Error::Rejected(_)), "{theirs:?}");
    // Whoever signed it, whatever name it is for.
    assert_met(&meet_only(&shows(&strange), &pins(presented), "localhost"));
}

#[test]
fn whoever_answers_is_believed_by_whom_it_is_said_to() {
    let strange = Authority::new("a stranger").signs(&["elsewhere"]);
    let client = Client::builder().dangerously_believe_anybody().build().unwrap();
    assert_met(&meet_only(&shows(&strange), &client, "localhost"));
}

#[test]
fn a_name_that_no_certificate_could_be_for_fails_before_a_byte_is_sent() {
    let met = meet_only(&server(), &client(), "no such name");
    assert_eq!(met.client_refusal(), Error::BadName("no such name".to_owned()));
    assert_eq!(met.client_reason().by(), By::User);
    assert_eq!(met.server_refusal(), Error::HandshakeCut);
}

fn wants_clients() -> Server {
    let builder = Server::builder().identity(LOCALHOST.identity());
    builder.client_ca(AUTHORITY.pem().as_bytes()).build().unwrap()
}

fn shown_by_client(pem: &Pem) -> Client {
    let builder = Client::builder().ca(AUTHORITY.pem().as_bytes());
    builder.identity(pem.identity()).build().unwrap()
}

/// A client's certificate is refused behind its own handshake, in TLS 1.3: it was made.
#[track_caller]
fn refuses_the_client(met: &Met, wanted: &Error, told: &'static str) {
    assert_eq!(met.server_refusal(), *wanted);
    assert_eq!(met.client[..2], [Call::Started, Call::Made]);
    let why = met.client_reason();
    assert_eq!(Error::of(&why), Some(&Error::Rejected(told)), "{why}");
}

fn waits(server: &Server, client: &Client) -> Met {
    let (server, client) = (server.clone(), client.clone());
    let layers = (move || server.layer(), move || client.layer("localhost"));
    crate::meet::meet(Kind::Memory, layers.0, layers.1, Script::new(), Script::new())
}

#[test]
fn a_client_without_a_certificate_is_refused_where_one_is_required() {
    let met = waits(&wants_clients(), &client());
    refuses_the_client(&met, &Error::NoCertificate, "certificate required");
}

#[test]
fn a_client_whom_nobody_trusted_has_signed_is_refused() {
    let strange = Authority::new("a stranger").signs(&["a client"]);
    let met = waits(&wants_clients(), &shown_by_client(&strange));
    refuses_the_client(&met, &Error::Untrusted { sha256: None }, "unknown CA");
    let old =
        AUTHORITY.signs_with(&["a client"], |params| params.not_after = date_time_ymd(2001, 1, 1));
    let met = waits(&wants_clients(), &shown_by_client(&old));
    assert!(matches!(met.server_refusal(), Error::Expired { .. }));
}

#[test]
fn ends_without_a_common_protocol_say_so() {
    let server = Server::builder().identity(LOCALHOST.identity()).alpn(["h2"]).build().unwrap();
    let client = Client::builder().ca(AUTHORITY.pem().as_bytes()).alpn(["smtp"]).build().unwrap();
    let (ours, theirs) = refused(&server, &client, "localhost");
    assert_eq!((ours, theirs), (Error::NoCommonProtocol, Error::NoCommonProtocol));
}

#[test]
fn ends_without_a_common_version_say_so() {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let chain = vec![CertificateDer::from_pem_slice(LOCALHOST.cert.as_bytes()).unwrap()];
    let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(LOCALHOST.key.as_bytes()).unwrap();
    let server = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let server = Server::from_rustls(server.into());
    let (ours, theirs) = refused(&server, &Client::from_rustls(client.into()), "localhost");
    assert_eq!((ours, theirs), (Error::NoCommonVersion, Error::NoCommonVersion));
}

#[test]
fn a_server_without_a_certificate_for_the_name_says_so() {
    let server = Server::builder().identity_for("only.example", LOCALHOST.identity());
    let (ours, _) = refused(&server.build().unwrap(), &client(), "localhost");
    // rustls' server answers with a general alert, others with `unrecognised_name`.
    assert!(matches!(ours, Error::Rejected(_) | Error::UnknownName), "{ours:?}");
}

/// What a server says to these first bytes.
fn server_says_to(first: &[u8]) -> Error {
    let rig = Rig::new(Kind::Memory, Default::default());
    let (tls, ends) = (server(), Kept::new());
    let number = rig.serve(over(Script::new(), move || tls.layer(), &ends));
    let mut peer = rig.dial(number);
    peer.send(first);
    // Its alert arrives, in order: a reset would destroy it.
    let answer = peer.read_to_end().unwrap();
    assert!(answer.is_empty() || answer[0] == 21, "{answer:?}");
    peer.close();
    rig.until_lost(1);
    assert_eq!(rig.log.of(0), [Call::Failed(End::Failed)]);
    Error::of(&ends.first()).unwrap().clone()
}

#[test]
fn plain_text_on_a_port_of_tls_is_named() {
    for (first, what) in [
        (&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], "an HTTP request"),
        (b"EHLO example.org\r\n", "plain text"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "SSH"),
        (b"\xff\xfe\xfd\xfc\xfb\xfa", "bytes of another protocol"),
    ] {
        assert_eq!(server_says_to(first), Error::NotTls(what));
    }
    // A record of TLS with nonsense in it is another matter.
    let nonsense = server_says_to(&[22, 3, 1, 0, 4, 99, 0, 0, 0]);
    assert!(matches!(nonsense, Error::Broken(_)), "{nonsense:?}");
}

#[test]
fn a_server_of_plain_text_is_named_at_the_client() {
    let rig = Rig::new(Kind::Memory, Default::default());
    let server = rig.serve(Script::new().made(|transport| {
        transport.write(b"220 mail.example ESMTP\r\n");
    }));
    let (tls, ends) = (client(), Kept::new());
    rig.connect(server, over(Script::new(), move || tls.layer("localhost"), &ends));
    rig.until_client(Call::Failed(End::Failed));
    let why = ends.first();
    assert_eq!(Error::of(&why), Some(&Error::NotTls("a greeting in plain text")), "{why}");
}

#[test]
fn a_peer_that_goes_in_the_handshake_is_told_as_that() {
    let rig = Rig::new(Kind::Memory, Default::default());
    let (tls, ends) = (server(), Kept::new());
    let number = rig.serve(over(Script::new(), move || tls.layer(), &ends));
    let mut peer = rig.dial(number);
    peer.send(&[22, 3, 1]);
    peer.shutdown_write();
    rig.until_lost(1);
    let why = ends.first();
    assert_eq!((why.kind(), Error::of(&why)), (End::Truncated, Some(&Error::HandshakeCut)));
    assert_eq!(rig.log.of(0), [Call::Failed(End::Truncated)]);
}

#[test]
fn a_name_with_brackets_a_scope_or_a_dot_at_its_end_is_the_same_name() {
    let pem = AUTHORITY.signs(&["::1", "localhost"]);
    for name in ["::1", "[::1]", "::1%lo", "localhost.", "LOCALHOST"] {
        assert_met(&meet_only(&shows(&pem), &client(), name));
    }
}
