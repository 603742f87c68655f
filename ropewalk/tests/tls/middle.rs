//! TLS from the middle of a connection on: `start_tls`.

use std::sync::Mutex;
use std::time::Duration;

use ropewalk::protocol::{Deadline, Kind as End, Transport, with_layer};
use ropewalk::tls::{self, Client, Error, Server, Tls};
use ropewalk::{Reason, Timer};

use crate::meet::{KINDS, client, server};
use crate::rig::{Call, Kept, Kind, Rig, Script};

const COMMAND: &[u8] = b"STARTTLS\r\n";
const ANSWER: &[u8] = b"220 go ahead\r\n";
const READY: &str = "?"; // an event that is not the rig's

/// What came of a line that weather may have cut; and, once it is whole, the rest behind it.
fn rest_of(line: &Mutex<Vec<u8>>, whole: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let mut line = line.lock().unwrap();
    line.extend_from_slice(data);
    line.strip_prefix(whole).map(<[u8]>::to_vec)
}

/// Starts TLS at the command, then sends back what comes; notes whether it is encrypted.
fn mail(tls: Server, encrypted: &Kept<bool>) -> Script {
    let (encrypted, line) = (encrypted.clone(), Mutex::default());
    Script::new().data(move |transport, data| {
        let layer = with_layer(transport, |tls: &mut Tls| tls.agreed().is_some());
        if layer.is_some() {
            encrypted.put(layer == Some(true));
            transport.write(data);
        } else if let Some(rest) = rest_of(&line, COMMAND, data) {
            transport.write(ANSWER);
            tls::start_tls(transport, tls.layer(), &rest);
        }
    })
}

/// Asks for TLS, starts it at the answer, and then does this.
fn asks(tls: Client, then: impl Fn(&mut dyn Transport) + Send + Sync + 'static) -> Script {
    let line = Mutex::default();
    Script::new()
        .made(|transport| {
            transport.write(COMMAND);
        })
        .data(move |transport, data| {
            if with_layer(transport, |_: &mut Tls| ()).is_some() {
                transport.shutdown_write();
            } else if let Some(rest) = rest_of(&line, ANSWER, data) {
                tls::start_tls(transport, tls.layer("localhost"), &rest);
                then(transport);
            }
        })
}

/// What both ends heard, and the reasons: the server's, the client's.
fn run(kind: Kind, at_server: Script, at_client: Script) -> (Vec<Call>, Vec<Call>, [Reason; 2]) {
    let rig = Rig::new(kind, Default::default());
    let (ended, other) = (Kept::new(), Kept::new());
    let (server_end, client_end) = (ended.clone(), other.clone());
    let server = rig.serve(at_server.lost(move |_, why| server_end.put(why.clone())));
    rig.connect(server, at_client.lost(move |_, why| client_end.put(why.clone())));
    rig.network().run();
    (rig.log.of(0), rig.clients.of(0), [ended.first(), other.first()])
}

#[test]
fn what_is_written_after_the_start_waits_for_the_handshake_and_is_encrypted() {
    for kind in KINDS {
        let encrypted = Kept::new();
        let at_client = asks(client(), |transport| {
            transport.write(b"secret");
        });
        let (seen, heard, ends) = run(*kind, mail(server(), &encrypted), at_client);
        assert!(encrypted.all().iter().all(|it_is| *it_is) && !encrypted.all().is_empty());
        // Made once; the handshake's end is an event; the client ends its direction first.
        let event = Call::Event(READY.to_owned());
        let secret = Call::Data(b"secret".into());
        let (command, closed) = (Call::Data(COMMAND.into()), Call::Lost(End::PeerClosed));
        let told = [Call::Made, command, event.clone(), secret.clone(), Call::Eof, closed];
        assert_eq!(seen, told, "on {kind:?}");
        let answer = Call::Data(ANSWER.into());
        let told = [Call::Started, Call::Made, answer, event, secret, Call::Eof];
        assert_eq!(heard[..6], told, "on {kind:?}");
        assert!(ends.iter().all(Reason::is_clean), "on {kind:?}: {ends:?}");
    }
}

#[test]
fn commands_behind_the_command_are_no_commands_of_the_encrypted_peer() {
    // CVE-2011-0411: they were put there by somebody else, in plain.
    let rig = Rig::new(Kind::Memory, Default::default());
    let (encrypted, ends) = (Kept::new(), Kept::new());
    let end = ends.clone();
    let script = mail(server(), &encrypted).lost(move |_, why| end.put(why.clone()));
    let number = rig.serve(script);
    let mut peer = rig.dial(number);
    peer.send(b"STARTTLS\r\nMAIL FROM:<evil@example.org>\r\n");
    let answer = peer.read_to_end().unwrap();
    assert!(answer.starts_with(ANSWER), "{answer:?}");
    peer.close();
    rig.until_lost(1);
    assert_eq!(encrypted.all(), Vec::<bool>::new(), "the protocol never hears them");
    let why = ends.first();
    assert_eq!(Error::of(&why), Some(&Error::NotTls("plain text")), "{why}");
}

#[test]
fn a_hello_in_the_read_of_the_command_is_the_handshakes() {
    // A client that does not wait for the answer is a client all the same.
    let rig = Rig::new(Kind::Memory, Default::default());
    let encrypted = Kept::new();
    let number = rig.serve(mail(server(), &encrypted));
    let mut end = crate::benches::End::new(client().layer("localhost"));
    let mut peer = rig.dial(number);
    peer.send(&[COMMAND, &end.bench.take_wire()].concat());
    assert_eq!(peer.read_exact(ANSWER.len()).unwrap(), ANSWER);
    let mut got = Vec::new();
    while got.is_empty() {
        let wire = peer.read_some().unwrap();
        got = end.receive(&wire);
        peer.send(&end.bench.take_wire());
        if end.bench.is_made() && encrypted.all().is_empty() {
            let hello = end.write(b"hello");
            peer.send(&hello);
        }
    }
    assert!(got.starts_with(b"hello"));
}

#[test]
fn a_close_during_the_handshake_loses_nothing_that_was_written() {
    for kind in KINDS {
        let encrypted = Kept::new();
        let at_client = asks(client(), |transport| {
            transport.write(b"last words");
            transport.close();
            assert!(!transport.is_open());
        });
        let (seen, _, ends) = run(*kind, mail(server(), &encrypted), at_client);
        assert!(seen.contains(&Call::Data(b"last words".into())), "on {kind:?}: {seen:?}");
        assert!(ends.iter().all(Reason::is_clean), "on {kind:?}: {ends:?}");
    }
}

#[test]
fn a_half_close_during_the_handshake_comes_after_it() {
    for kind in KINDS {
        let encrypted = Kept::new();
        let at_client = asks(client(), |transport| transport.shutdown_write());
        let (seen, _, ends) = run(*kind, mail(server(), &encrypted), at_client);
        let told = [Call::Event(READY.into()), Call::Eof, Call::Lost(End::PeerClosed)];
        assert_eq!(seen[2..], told, "on {kind:?}");
        assert!(ends.iter().all(Reason::is_clean), "on {kind:?}: {ends:?}");
    }
}

#[test]
fn a_close_with_nothing_to_say_ends_at_once() {
    let (encrypted, when) = (Kept::new(), Kept::new());
    let ended = when.clone();
    let at_client = asks(client(), |transport| transport.close());
    let at_server = mail(server(), &encrypted);
    let (_, _, [_, why]) = run(Kind::Memory, at_server, at_client.event(move |_| ended.put(())));
    assert_eq!(why.kind(), End::Closed);
    assert_eq!(when.all(), [], "the handshake is not waited for");
}

#[test]
fn a_pause_does_not_hold_the_handshake_up_but_its_data() {
    for kind in KINDS {
        let encrypted = Kept::new();
        let at_client = asks(client(), |transport| {
            transport.write(b"wait for it");
            transport.pause_reading();
            transport.set_timer(Timer(1), Duration::from_secs(20)); // past the handshake's deadline
        });
        let at_client = at_client.timer(|transport| transport.resume_reading());
        let (_, heard, ends) = run(*kind, mail(server(), &encrypted), at_client);
        let told = [
            Call::Event(READY.into()),
            Call::Timer(1),
            Call::Data(b"wait for it".into()),
            Call::Eof,
        ];
        assert_eq!(heard[3..7], told, "on {kind:?}");
        assert!(ends.iter().all(Reason::is_clean), "on {kind:?}: {ends:?}");
    }
}

#[test]
fn a_handshake_in_the_middle_has_its_deadline_too() {
    let rig = Rig::new(Kind::Memory, Default::default());
    let encrypted = Kept::new();
    let number = rig.serve(mail(server(), &encrypted));
    let mut peer = rig.dial(number);
    peer.send(COMMAND);
    rig.until_lost(1);
    let deadline = Call::Lost(End::Deadline(Deadline::Handshake));
    assert_eq!(rig.log.of(0), [Call::Made, Call::Data(COMMAND.into()), deadline]);
}

#[test]
fn a_handshake_that_fails_in_the_middle_ends_the_connection_by_its_cause() {
    let stranger = Client::builder().pin([7; 32]).build().unwrap();
    let encrypted = Kept::new();
    let at_client = asks(stranger, |transport| {
        transport.write(b"never to a stranger");
    });
    let (seen, _, [why, other]) = run(Kind::Memory, mail(server(), &encrypted), at_client);
    assert!(matches!(Error::of(&other), Some(Error::WrongPin { .. })), "{other}");
    assert_eq!(other.unsent(), 19, "what waited for the handshake was never sent");
    assert!(matches!(Error::of(&why), Some(Error::Rejected(_))), "{why}");
    assert_eq!(seen, [Call::Made, Call::Data(COMMAND.into()), Call::Lost(End::Failed)]);
}
