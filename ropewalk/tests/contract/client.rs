//! Contract: what a client's factory hears, whatever panics: `started` once, then exactly
//! one of `failed` and `lost`.

use ropewalk::addr::{Addr, Target};
use ropewalk::protocol::Kind;

use crate::rig::{Call, Kept, Rig, Script, on};

/// What the one client of this script heard, in all: the engine has come to rest.
#[track_caller]
fn heard(rig: &Rig, server: Script, client: Script) -> Vec<Call> {
    let number = rig.serve(server);
    rig.connect(number, client);
    let is_end = |call: &Call| matches!(call, Call::FactoryLost(_) | Call::Failed(_));
    let ended = |calls: &[(usize, Call)]| calls.iter().any(|(_, call)| is_end(call));
    rig.until_in(&rig.clients, "the client's end", ended);
    // What was to come in the same turn, and the one after it, has come now.
    rig.call(number, |_| {});
    rig.call(number, |_| {});
    rig.clients.of(0)
}

fn closes_at_once() -> Script {
    Script::new().made(|transport| transport.close())
}

#[test]
fn a_client_hears_its_whole_story_in_order() {
    on(
        |kind| kind.accepts_by_an_engine(),
        |rig| {
            let client = Script::new().made(|transport| {
                transport.write(b"hello");
            });
            let client = client.data(|transport, data| {
                if data.ends_with(b"o") {
                    transport.close();
                }
            });
            let (data, closed) = (Call::Data(b"hello".into()), Kind::Closed);
            let seen =
                [Call::Started, Call::Made, data, Call::Lost(closed), Call::FactoryLost(closed)];
            assert_eq!(heard(rig, Script::echo(), client), seen);
        },
    );
}

#[test]
fn a_panic_in_a_clients_connection_made_reaches_its_factory() {
    on(
        |kind| kind.accepts_by_an_engine(),
        |rig| {
            let why = Kind::Panicked;
            let seen = [Call::Started, Call::Made, Call::Lost(why), Call::FactoryLost(why)];
            assert_eq!(heard(rig, Script::new(), Script::new().made(|_| panic!("made"))), seen);
        },
    );
}

#[test]
fn a_panic_while_a_client_is_built_is_a_failed_attempt() {
    on(
        |kind| kind.accepts_by_an_engine(),
        |rig| {
            let client = Script::new().build(|_| panic!("build"));
            let seen = [Call::Started, Call::Failed(Kind::Panicked)];
            assert_eq!(heard(rig, Script::new(), client), seen);
        },
    );
}

#[test]
fn a_client_that_is_not_built_is_a_failed_attempt() {
    on(
        |kind| kind.accepts_by_an_engine(),
        |rig| {
            let client = Script::new().build(|_| false);
            let seen = [Call::Started, Call::Failed(Kind::Refused)];
            assert_eq!(heard(rig, Script::new(), client), seen);
        },
    );
}

#[test]
fn a_panic_in_a_clients_connection_lost_does_not_silence_its_factory() {
    on(
        |kind| kind.accepts_by_an_engine(),
        |rig| {
            let why = Kind::PeerClosed;
            let client = Script::new().lost(|_, _| panic!("lost"));
            let lost = [Call::Lost(why), Call::FactoryLost(why)];
            let seen = [&[Call::Started, Call::Made, Call::Eof][..], &lost].concat();
            assert_eq!(heard(rig, closes_at_once(), client), seen);
        },
    );
}

#[test]
fn a_client_factory_that_panics_in_lost_is_told_once() {
    on(
        |kind| kind.accepts_by_an_engine(),
        |rig| {
            let why = Kind::PeerClosed;
            let client = Script::new().client_end(|_, _| panic!("lost"));
            let lost = [Call::Lost(why), Call::FactoryLost(why)];
            let seen = [&[Call::Started, Call::Made, Call::Eof][..], &lost].concat();
            assert_eq!(heard(rig, closes_at_once(), client), seen);
        },
    );
}

#[test]
fn a_client_factory_that_panics_in_failed_is_told_once() {
    on(
        |kind| kind.accepts_by_an_engine(),
        |rig| {
            let client = Script::new().build(|_| false).client_end(|_, _| panic!("failed"));
            let seen = [Call::Started, Call::Failed(Kind::Refused)];
            assert_eq!(heard(rig, Script::new(), client), seen);
        },
    );
}

#[test]
fn a_client_factory_that_panics_in_started_connects_all_the_same() {
    on(
        |kind| kind.accepts_by_an_engine(),
        |rig| {
            let why = Kind::PeerClosed;
            let client = Script::new().started(|_| panic!("started"));
            let lost = [Call::Lost(why), Call::FactoryLost(why)];
            let seen = [&[Call::Started, Call::Made, Call::Eof][..], &lost].concat();
            assert_eq!(heard(rig, closes_at_once(), client), seen);
        },
    );
}

#[test]
fn a_client_whose_layers_panic_does_not_connect_without_them() {
    on(
        |kind| kind.accepts_by_an_engine(),
        |rig| {
            let client = Script::new().stack(|_| panic!("the layer that encrypts"));
            let seen = heard(rig, Script::new(), client);
            assert!(!seen.contains(&Call::Made), "{seen:?}");
            assert!(matches!(seen[..], [Call::Started, Call::Failed(_)]), "{seen:?}");
        },
    );
}

#[test]
fn a_clients_factory_hears_that_it_is_made_after_its_protocol_and_before_the_end() {
    on(
        |kind| kind.accepts_by_an_engine(),
        |rig| {
            let server = rig.serve(Script::echo());
            let (to, log, heard) = (rig.addr(server), rig.clients.clone(), Kept::new());
            let kept = heard.clone();
            rig.call(server, move |net| {
                let (made, lost, number) = (kept.clone(), kept, log.next());
                let seen = log.clone();
                let factory = ropewalk::protocol::client(move || Script::new().protocol(&log))
                    .on_made(move |connector, transport| {
                        let before = seen.of(number + 1);
                        made.put((connector.is_connected(), before));
                        transport.close();
                    })
                    .on_lost(move |connector, _, _| {
                        lost.put((connector.is_connected(), Vec::new()));
                    });
                net.connect(Target::Addr(to), Box::new(factory));
            });
            let heard = rig.until_kept(&heard, 2);
            assert_eq!(heard, [(true, vec![Call::Made]), (false, Vec::new())]);
        },
    );
}

#[test]
fn a_refused_connection_is_a_failed_attempt() {
    on(
        |kind| kind.accepts_by_an_engine(),
        |rig| {
            let server = rig.serve(Script::new());
            // A place where nobody listens any more, or ever did.
            let to = match rig.addr(server) {
                Addr::Ip(_) => {
                    let gone = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
                    Addr::Ip(gone.local_addr().unwrap())
                }
                Addr::Memory(_) => Addr::Memory(4711),
                _ => std::path::PathBuf::from("/nonexistent/socket").into(),
            };
            let ended = Kept::new();
            let end = ended.clone();
            rig.call(server, move |net| {
                let factory =
                    ropewalk::protocol::client(|| Script::new().protocol(&Default::default()));
                let factory = factory.on_failed({
                    let end = end.clone();
                    move |_, _, why| end.put(("failed", why.kind()))
                });
                let factory = factory.on_end(move |_, _, why| end.put(("end", why.kind())));
                net.connect(Target::Addr(to), Box::new(factory));
            });
            let heard = rig.until_kept(&ended, 2);
            assert_eq!(heard[0].0, "failed");
            assert_eq!(heard[1].0, "end");
            // No file is the system's own error; no listener is a refusal.
            assert!(matches!(heard[0].1, Kind::Refused | Kind::Io), "{heard:?}");
        },
    );
}

#[test]
fn a_connector_stopped_in_started_never_connects() {
    on(
        |kind| kind.accepts_by_an_engine(),
        |rig| {
            let client = Script::new().started(|connector| connector.stop());
            let seen = [Call::Started, Call::Failed(Kind::Aborted)];
            assert_eq!(heard(rig, Script::new(), client), seen);
            assert_eq!(rig.log.all(), []);
        },
    );
}

#[test]
fn a_client_may_connect_again_from_where_it_hears_of_the_end() {
    on(
        |kind| kind.accepts_by_an_engine(),
        |rig| {
            let clients = rig.clients.clone();
            let server = rig.serve(closes_at_once());
            rig.connect(
                server,
                Script::new().client_end(move |connector, _| {
                    let lost = |call: &&Call| matches!(call, Call::FactoryLost(_));
                    if clients.of(0).iter().filter(lost).count() < 3 {
                        connector.connect();
                        connector.connect(); // a second one does nothing
                    }
                }),
            );
            let lost = Call::FactoryLost(Kind::PeerClosed);
            let thrice = |calls: &[(usize, Call)]| {
                calls.iter().filter(|(_, call)| *call == lost).count() == 3
            };
            rig.until_in(&rig.clients, "three ends", thrice);
            rig.call(server, |_| {});
            let why = Kind::PeerClosed;
            let once =
                [Call::Started, Call::Made, Call::Eof, Call::Lost(why), Call::FactoryLost(why)];
            assert_eq!(rig.clients.of(0), [once.clone(), once.clone(), once].concat());
        },
    );
}

#[test]
fn a_stop_ends_the_clients_in_order() {
    // One loop for both; a thread server's clients are its accepting thread's.
    on(
        |kind| kind.is_one_loop(),
        |rig| {
            let server = rig.serve(Script::new());
            rig.connect(server, Script::new());
            rig.until_client(Call::Made);
            rig.remote(server).stop().unwrap();
            let lost = |call: &Call| matches!(call, Call::FactoryLost(_));
            let ended = |calls: &[(usize, Call)]| calls.iter().any(|(_, call)| lost(call));
            rig.until_in(&rig.clients, "the end", ended);
            let calls = rig.clients.of(0);
            let lost = calls.iter().find(|call| lost(call)).cloned().unwrap();
            assert!(
                matches!(lost, Call::FactoryLost(Kind::Closed | Kind::PeerClosed)),
                "a stop with time to spare is no cut: {calls:?}"
            );
        },
    );
}
