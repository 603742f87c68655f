//! The handshake: what it agrees on, how long it may take, however its bytes are cut.

use std::time::Duration;

use ropewalk::protocol::{Deadline, Kind as End, Transport, with_layer};
use ropewalk::testing::every_split;
use ropewalk::tls::{Client, Server, Tls, rustls, sha256};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::benches::{End as Bench, agreed, both, carry};
use crate::meet::{AUTHORITY, LOCALHOST, assert_met, client, meet, meet_only, over, server};
use crate::rig::{Call, Kept, Kind, Rig, Script};

/// What one end says of the agreement.
type Agreement = (Option<&'static str>, Option<String>, Option<String>, Vec<[u8; 32]>, bool);

fn agreement(transport: &mut dyn Transport) -> Agreement {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    with_layer(transport, |tls: &mut Tls| {
        let tls = tls.agreed().unwrap();
        let suite = tls.cipher_suite().unwrap();
        assert!(suite.starts_with("TLS"), "{suite}");
        let shown = tls.peer_certificates().iter().map(|der| sha256(der)).collect();
        let name = tls.server_name().map(str::to_owned);
        (tls.version(), tls.alpn().map(text), name, shown, tls.is_resumed())
    })
    .unwrap()
}

/// Lets the two agree, and answers with what each says of it: the server, the client.
fn agree(server: &Server, client: &Client) -> (Agreement, Agreement) {
    let (at_server, at_client) = (Kept::new(), Kept::new());
    let (kept_server, kept_client) = (at_server.clone(), at_client.clone());
    let (server, client) = (server.clone(), client.clone());
    let met = meet(
        Kind::Memory,
        move || server.layer(),
        move || client.layer("localhost"),
        // Tickets come behind the handshake, and before data.
        Script::new().made(move |transport| {
            kept_server.put(agreement(transport));
            transport.write(b"hello");
        }),
        Script::new()
            .made(move |transport| kept_client.put(agreement(transport)))
            .data(|transport, _| transport.close()),
    );
    assert_met(&met);
    (at_server.first(), at_client.first())
}

fn der_of(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

/// A client of this version alone.
fn client_of(version: &'static rustls::SupportedProtocolVersion) -> Client {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(der_of(&AUTHORITY.pem())).unwrap();
    let provider = rustls::crypto::ring::default_provider();
    let config = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Client::from_rustls(config.into())
}

#[test]
fn both_ends_say_what_was_agreed_on() {
    let shown = sha256(&der_of(&LOCALHOST.cert));
    let named = Some("localhost".to_owned());
    for (client, version) in [
        (client(), "TLSv1.3"),
        (client_of(&rustls::version::TLS13), "TLSv1.3"),
        (client_of(&rustls::version::TLS12), "TLSv1.2"),
    ] {
        let (at_server, at_client) = agree(&server(), &client);
        assert_eq!(at_server, (Some(version), None, named.clone(), vec![], false));
        assert_eq!(at_client, (Some(version), None, None, vec![shown], false));
    }
}

#[test]
fn the_servers_most_wanted_protocol_is_agreed_on() {
    let server = Server::builder().identity(LOCALHOST.identity()).alpn(["h2", "http/1.1"]);
    let server = server.build().unwrap();
    let asks = |protocols: &[&str]| {
        let client = Client::builder().ca(AUTHORITY.pem().as_bytes()).alpn(protocols);
        agree(&server, &client.build().unwrap())
    };
    for (asked, agreed) in [
        (&["http/1.1", "h2"][..], Some("h2")),
        (&["http/1.1", "other"], Some("http/1.1")),
        (&[], None), // a client that names none is no error
    ] {
        let (at_server, at_client) = asks(asked);
        assert_eq!((at_server.1.as_deref(), at_client.1.as_deref()), (agreed, agreed));
    }
}

#[test]
fn a_session_is_gone_on_with_and_the_protocol_may_know() {
    for client in [client_of(&rustls::version::TLS13), client_of(&rustls::version::TLS12)] {
        let server = server();
        let first = agree(&server, &client);
        let second = agree(&server, &client);
        assert_eq!((first.0.4, first.1.4), (false, false));
        assert_eq!((second.0.4, second.1.4), (true, true));
        // Who the peer is, is known again.
        assert_eq!(first.1.3, second.1.3);
    }
}

#[test]
fn the_client_shows_who_it_is_where_it_is_asked() {
    let known = AUTHORITY.signs(&["a client"]);
    let server = Server::builder()
        .identity(LOCALHOST.identity())
        .client_ca(AUTHORITY.pem().as_bytes())
        .build()
        .unwrap();
    let client = Client::builder().ca(AUTHORITY.pem().as_bytes()).identity(known.identity());
    let (at_server, _) = agree(&server, &client.build().unwrap());
    assert_eq!(at_server.3, [sha256(&der_of(&known.cert))]);
}

#[test]
fn a_client_may_stay_unknown_where_it_may() {
    let server = Server::builder()
        .identity(LOCALHOST.identity())
        .client_ca(AUTHORITY.pem().as_bytes())
        .clients_may_be_unknown()
        .build()
        .unwrap();
    let (at_server, _) = agree(&server, &client());
    assert_eq!(at_server.3, Vec::<[u8; 32]>::new());
}

#[test]
fn a_handshake_that_does_not_end_has_a_deadline() {
    let limits = ropewalk::limits::Limits::default();
    let rig = Rig::new(Kind::Memory, limits);
    let ends = Kept::new();
    let tls = server();
    let number = rig.serve(over(Script::new(), move || tls.layer(), &ends));
    // One says nothing, one half a hello.
    let (silent, mut slow) = (rig.dial(number), rig.dial(number));
    slow.send(&[22, 3, 1, 1, 0, 1]);
    rig.until_lost(2);
    let deadline = End::Deadline(Deadline::Handshake);
    for connection in 0..2 {
        assert_eq!(rig.log.of(connection), [Call::Failed(deadline)]);
    }
    assert!(rig.now() >= limits.handshake && rig.now() < limits.handshake * 2);
    drop((silent, slow));
}

#[test]
fn a_client_does_not_wait_for_a_silent_server() {
    // Of the two deadlines that run, the attempt's own comes later.
    let handshake = Duration::from_secs(3);
    let limits = ropewalk::limits::Limits { handshake, ..Default::default() };
    let rig = Rig::new(Kind::Memory, limits);
    let server = rig.serve(Script::new());
    let (tls, ends) = (client(), Kept::new());
    rig.connect(server, over(Script::new(), move || tls.layer("localhost"), &ends));
    let deadline = End::Deadline(Deadline::Handshake);
    rig.until_client(Call::Failed(deadline));
    assert_eq!(rig.clients.of(0), [Call::Started, Call::Failed(deadline)]);
}

#[test]
fn a_handshake_without_a_word_more_ends_in_order() {
    let met = meet_only(&server(), &client(), "localhost");
    assert_met(&met);
    assert_eq!(met.server, [Call::Made, Call::Eof, Call::Lost(End::PeerClosed)]);
}

/// Gives the bytes in pieces of these lengths; what is more comes last.
fn in_pieces(end: &mut Bench, mut data: &[u8], pieces: &[&[u8]]) -> Vec<u8> {
    let mut got = Vec::new();
    for piece in pieces {
        let (now, later) = data.split_at(piece.len().min(data.len()));
        got.extend(end.receive(now));
        data = later;
    }
    got.extend(end.receive(data));
    got
}

#[test]
fn the_servers_end_agrees_however_the_clients_bytes_are_cut() {
    let hello = both().0.bench.take_wire();
    // Both of the client's flights are cut, the second with data behind it.
    let runs = every_split(&hello, |pieces| {
        let (mut client, mut server) = both();
        in_pieces(&mut server, &client.bench.take_wire(), pieces);
        client.receive(&server.bench.take_wire());
        assert!(client.bench.is_made());
        client.write_later(b"hello");
        assert_eq!(in_pieces(&mut server, &client.take_wire(), pieces), b"hello");
        assert!(server.bench.is_made());
    });
    assert!(runs > 200, "{runs}");
}

#[test]
fn the_clients_end_agrees_however_the_servers_bytes_are_cut() {
    let (mut client, mut server) = both();
    server.receive(&client.bench.take_wire());
    let flight = server.bench.take_wire();
    every_split(&flight, |pieces| {
        let (mut client, mut server) = both();
        server.receive(&client.bench.take_wire());
        in_pieces(&mut client, &server.bench.take_wire(), pieces);
        assert!(client.bench.is_made());
        carry(&mut client, &mut server);
        assert!(server.bench.is_made());
    });
}

#[test]
fn data_and_the_last_word_arrive_however_they_are_cut() {
    let (mut client, _) = agreed();
    let wire = [client.write(b"hello, "), client.write(b"world")].concat();
    let wire = [wire, client.bench.finish(&mut client.tls)].concat();
    every_split(&wire, |pieces| {
        let (mut client, mut server) = agreed();
        let data = [client.write(b"hello, "), client.write(b"world")].concat();
        let data = [data, client.bench.finish(&mut client.tls)].concat();
        assert_eq!(in_pieces(&mut server, &data, pieces), b"hello, world");
        assert!(server.bench.is_at_eof());
        // The wire's own end, after the word that announced it, is no other one.
        assert!(server.bench.eof(&mut server.tls) && server.bench.failure().is_none());
    });
}

#[test]
fn a_handshake_under_any_weather_ends_in_order() {
    for seed in 0..40 {
        let (server, client) = (server(), client());
        let met = meet(
            Kind::Seeded(seed),
            move || server.layer(),
            move || client.layer("localhost"),
            Script::echo(),
            Script::new()
                .made(|transport| {
                    transport.write(&[7; 20_000]);
                    transport.shutdown_write();
                })
                .eof(|transport| transport.close()),
        );
        assert_met(&met);
        assert!(met.client.contains(&Call::Data(vec![7; 20_000])), "of seed {seed}");
    }
}
