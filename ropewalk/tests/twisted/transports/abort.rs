//! Aborting, from everywhere.

mod abort_connection_mixin {
    use crate::transports::*;

    #[test]
    fn test_data_received_abort() {
        on(is_stream, |rig| {
            let server = rig.serve(Script::new().data(|transport, _| transport.abort()));
            let mut peer = rig.dial(server);
            peer.send(b"x");
            assert_eq!(peer.read_until_over().0, b"");
            ends(rig, Kind::Aborted);
        });
    }

    /// Aborts, and does this too.
    fn client_aborts_and(then: impl Fn(&mut dyn Transport) + Send + Sync + Clone + 'static) {
        on(
            |kind| is_loop(kind) || kind == Engine::Memory,
            |rig| {
                let server = rig.serve(Script::new());
                let then = then.clone();
                rig.connect(
                    server,
                    Script::new().made(move |transport| {
                        transport.abort();
                        then(transport);
                    }),
                );
                rig.until_client(Call::FactoryLost(Kind::Aborted));
                rig.until_lost(1);
            },
        );
    }

    fn server_aborts_and(then: impl Fn(&mut dyn Transport) + Send + Sync + Clone + 'static) {
        on(is_stream, |rig| {
            let then = then.clone();
            let server = rig.serve(Script::new().made(move |transport| {
                transport.abort();
                then(transport);
            }));
            rig.dial(server).read_until_over();
            ends(rig, Kind::Aborted);
        });
    }

    #[test]
    fn test_client_aborts_connection_twice() {
        client_aborts_and(|transport| transport.abort());
    }

    #[test]
    fn test_client_aborts_connection_then_loses_connection() {
        client_aborts_and(|transport| transport.close());
    }

    #[test]
    fn test_server_aborts_connection_twice() {
        server_aborts_and(|transport| transport.abort());
    }

    #[test]
    fn test_server_aborts_connection_then_loses_connection() {
        server_aborts_and(|transport| transport.close());
    }

    /// A peer that reads nothing, then all: the producer is told to resume.
    fn in_resume(f: impl Fn(&mut dyn Transport) + Send + Sync + Clone + 'static, ended: Kind) {
        on(is_stream, |rig| {
            let (much, log, f) = (rig.kind.too_much(), rig.log.clone(), f.clone());
            let server = rig.serve(
                Script::new()
                    .made(move |transport| {
                        transport
                            .register_producer(Does::boxed(&log, f.clone()), Streaming::Push)
                            .unwrap();
                        transport.write(&vec![7; much]);
                    })
                    .timer(|transport| transport.abort()),
            );
            let mut peer = rig.dial(server);
            rig.until_call(note("pause"));
            peer.read_until_over();
            ends(rig, ended);
            let calls = rig.log.calls();
            let told = |what: &str| calls.iter().filter(|call| **call == note(what)).count();
            assert_eq!((told("resume"), told("stop")), (1, 1), "{calls:?}");
        });
    }

    #[test]
    fn test_resume_producing_abort() {
        in_resume(|transport| transport.abort(), Kind::Aborted);
    }

    #[test]
    fn test_resume_producing_abort_later() {
        let later = |transport: &mut dyn Transport| transport.set_timer(Timer(1), Duration::ZERO);
        in_resume(later, Kind::Aborted);
    }

    #[test]
    fn test_resume_producing_throws() {
        in_resume(|_| panic!("it is meant to"), Kind::Panicked);
    }

    /// Aborts once the kernel is full.
    fn full(first: &'static [u8]) {
        on(is_stream, |rig| {
            let (much, unsent) = (rig.kind.too_much(), Kept::new());
            let left = unsent.clone();
            let fill = move |transport: &mut dyn Transport| {
                transport.write(&vec![7; much]);
            };
            let script = if first.is_empty() {
                Script::new().made(fill)
            } else {
                Script::new().data(move |transport, _| fill(transport))
            };
            let script = script.pause(|transport| transport.abort());
            let server = rig.serve(script.lost(move |_, why| left.put(why.unsent())));
            let mut peer = rig.dial(server);
            if !first.is_empty() {
                peer.send(first);
            }
            ends(rig, Kind::Aborted);
            let unsent = rig.until_kept(&unsent, 1).remove(0);
            assert!(unsent > 0 && peer.read_until_over().0.len() < much);
        });
    }

    #[test]
    fn test_full_write_buffer() {
        full(b"");
    }

    #[test]
    fn test_full_write_buffer_after_byte_exchange() {
        full(b"x");
    }

    #[test]
    fn test_data_received_throws() {
        on(is_stream, |rig| {
            let server = rig.serve(Script::new().data(|_, _| panic!("it is meant to")));
            let mut peer = rig.dial(server);
            peer.send(b"x");
            peer.read_until_over();
            ends(rig, Kind::Panicked);
        });
    }
}
