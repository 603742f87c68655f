//! Half a connection, closed.

mod half_close_tests {
    use crate::transports::*;

    #[test]
    fn test_close_write_closer() {
        on(is_stream, |rig| {
            let server = rig.serve(
                Script::new()
                    .made(|transport| {
                        transport.write(b"hello");
                        transport.shutdown_write();
                    })
                    .eof(|transport| transport.close()),
            );
            let mut peer = rig.dial(server);
            assert_eq!(peer.read_to_end().unwrap(), b"hello");
            peer.send(b"still heard");
            rig.until_call(Call::Data(b"still heard".into()));
            peer.shutdown_write();
            ends(rig, Kind::PeerClosed);
        });
    }

    #[test]
    fn test_write_close_notification() {
        on(is_stream, |rig| {
            let server = rig.serve(Script::new().eof(|transport| {
                transport.write(b"answer");
                transport.shutdown_write();
            }));
            let mut peer = rig.dial(server);
            peer.shutdown_write();
            assert_eq!(peer.read_to_end().unwrap(), b"answer");
            ends(rig, Kind::PeerClosed);
            assert!(rig.log.calls().contains(&Call::Eof));
        });
    }
}

mod half_close_no_notification_and_shutdown_exception_tests {
    use crate::transports::*;

    /// A protocol that does not ask is closed by the end of its input.
    #[test]
    fn test_no_notification() {
        on(is_stream, |rig| {
            let server = rig.serve(Script::new());
            let mut peer = rig.dial(server);
            peer.shutdown_write();
            assert_eq!(peer.read_to_end().unwrap(), b"");
            ends(rig, Kind::PeerClosed);
        });
    }

    /// Ending a direction whose peer is gone already is no error of its own.
    #[test]
    fn test_shutdown_exception() {
        on(
            |kind| is_stream(kind) && kind.has_reset(),
            |rig| {
                let script = Script::new().made(|transport| transport.pause_reading());
                let kept = Kept::new();
                let handle = kept.clone();
                let server =
                    rig.serve(script.made(move |transport| handle.put(transport.handle())));
                let peer = rig.dial(server);
                rig.until_call(Call::Made);
                peer.reset();
                rig.until_kept(&kept, 1)[0].shutdown_write().ok();
                rig.until_lost(1);
                let calls = rig.log.calls();
                let ended = Some(&Call::Lost(Kind::Reset));
                assert_eq!(calls.last(), ended);
            },
        );
    }
}

mod half_close_buggy_application_tests {
    use crate::transports::*;

    #[test]
    fn test_read_notification_raises() {
        on(is_stream, |rig| {
            let server = rig.serve(Script::new().eof(|_| panic!("it is meant to")));
            let mut peer = rig.dial(server);
            peer.shutdown_write();
            peer.read_until_over();
            ends(rig, Kind::Panicked);
        });
    }
}
