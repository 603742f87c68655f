//! A TCP connection: reading, writing, its two ends.

mod tcp_connection_tests_builder {
    use crate::transports::*;

    #[test]
    fn test_stop_start_reading() {
        on(is_stream, |rig| {
            let server = rig.serve(
                Script::echo()
                    .made(|transport| {
                        for _ in 0..3 {
                            transport.pause_reading();
                            transport.resume_reading();
                        }
                        transport.pause_reading();
                        transport.set_timer(Timer(1), Duration::from_millis(1));
                    })
                    .timer(|transport| transport.resume_reading()),
            );
            let mut peer = rig.dial(server);
            peer.send(b"some bytes");
            assert_eq!(peer.read_exact(10).unwrap(), b"some bytes");
        });
    }

    #[test]
    fn test_resume_producing() {
        on(is_stream, |rig| {
            let server = rig.serve(Script::echo().made(|transport| transport.resume_reading()));
            let mut peer = rig.dial(server);
            peer.send(b"x");
            assert_eq!(peer.read_exact(1).unwrap(), b"x");
        });
    }

    #[test]
    fn test_resume_producing_while_disconnecting() {
        on(is_stream, |rig| {
            let much = rig.kind.too_much();
            let server = rig.serve(Script::new().made(move |transport| {
                transport.write(&vec![7; much]); // so that the close takes its time
                transport.close();
                transport.resume_reading();
            }));
            let mut peer = rig.dial(server);
            peer.send(b"unheard");
            assert_eq!(peer.read_to_end().unwrap().len(), much);
            peer.shutdown_write();
            ends(rig, Kind::Closed);
            assert!(!rig.log.calls().iter().any(|call| matches!(call, Call::Data(_))));
        });
    }

    #[test]
    fn test_resume_producing_while_disconnected() {
        on(is_stream, |rig| {
            let script = Script::new().made(|transport| transport.close());
            let server = rig.serve(script.lost(|transport, _| transport.resume_reading()));
            assert_eq!(rig.dial(server).read_to_end().unwrap(), b"");
            ends(rig, Kind::Closed);
        });
    }

    #[test]
    fn test_connection_lost_after_paused_transport() {
        on(is_stream, |rig| {
            let script = Script::new().data(|transport, _| {
                transport.pause_reading();
                transport.abort();
            });
            let server = rig.serve(script);
            let mut peer = rig.dial(server);
            peer.send(b"x");
            peer.read_until_over();
            ends(rig, Kind::Aborted);
        });
    }

    #[test]
    fn test_double_half_close() {
        on(is_stream, |rig| {
            let script = Script::new().made(|transport| transport.shutdown_write());
            let server = rig.serve(script.eof(|transport| transport.close()));
            let mut peer = rig.dial(server);
            assert_eq!(peer.read_to_end().unwrap(), b"");
            peer.shutdown_write();
            ends(rig, Kind::PeerClosed);
        });
    }
}

mod write_sequence_tests_mixin {
    use crate::transports::*;

    /// Pieces that are written in one callback leave in order, and together.
    #[test]
    fn test_write_sequece_without_write() {
        on(is_stream, |rig| {
            let server = rig.serve(Script::new().made(|transport| {
                for piece in [&b"so"[..], b"me", b"", b" bytes"] {
                    transport.write(piece);
                }
                transport.close();
            }));
            assert_eq!(rig.dial(server).read_to_end().unwrap(), b"some bytes");
        });
    }

    #[test]
    fn test_streaming_producer() {
        on(is_stream, |rig| {
            let (much, log) = (rig.kind.too_much(), rig.log.clone());
            let server = rig.serve(Script::new().made(move |transport| {
                let producer = Does::boxed(&log, |transport| {
                    transport.unregister_producer();
                    transport.close();
                });
                transport.register_producer(producer, Streaming::Push).unwrap();
                assert_eq!(transport.write(&vec![7; much]), Flow::Full);
            }));
            let mut peer = rig.dial(server);
            rig.until_call(note("pause"));
            assert_eq!(peer.read_to_end().unwrap().len(), much);
            ends(rig, Kind::Closed);
            assert!(rig.log.calls().contains(&note("resume")));
        });
    }

    #[test]
    fn test_non_streaming_producer() {
        on(is_stream, |rig| {
            let log = rig.log.clone();
            let server = rig.serve(Script::new().made(move |transport| {
                let log = log.clone();
                let told = log.clone();
                let producer = Does::boxed(&log, move |transport| {
                    transport.write(b"piece");
                    let resumes = told.of(0).iter().filter(|call| **call == note("resume")).count();
                    if resumes == 3 {
                        transport.unregister_producer();
                        transport.close();
                    }
                });
                transport.register_producer(producer, Streaming::Pull).unwrap();
            }));
            assert_eq!(rig.dial(server).read_to_end().unwrap(), b"piecepiecepiece");
            ends(rig, Kind::Closed);
            assert!(!rig.log.calls().contains(&note("pause")));
        });
    }
}

mod connection_tests_mixin {
    use crate::transports::*;

    #[test]
    fn test_protocol_garbage_after_lost_connection() {
        on(is_stream, |rig| {
            let (alive, kept) = (Arc::new(()), Kept::new());
            let (held, handle) = (Arc::downgrade(&alive), kept.clone());
            // The script's own copy dies with the test; a connection's would be held by its
            // protocol, were that kept.
            let script = Script::new().made(move |transport| {
                handle.put(transport.handle());
                let producer = Holds(alive.clone());
                transport.register_producer(Box::new(producer), Streaming::Push).unwrap();
                transport.abort();
            });
            let server = rig.serve(script);
            rig.dial(server).read_until_over();
            ends(rig, Kind::Aborted);
            // The one that the script has, which its factory keeps; none of the connection's.
            let gone = rig.until_kept(&kept, 1).remove(0);
            assert!(gone.is_gone());
            rig.finish();
            assert!(held.strong_count() <= 1, "{}", held.strong_count());
        });
    }

    struct Holds(#[allow(dead_code, reason = "it is there to be dropped")] Arc<()>);
    impl Producer for Holds {
        fn resume_producing(&mut self, _: &mut dyn Transport) {}
    }
}

mod stream_client_tests_mixin {
    use crate::transports::*;

    #[test]
    fn test_unregister_producer_after_disconnect() {
        on(is_stream, |rig| {
            let log = rig.log.clone();
            let script = Script::new().made(move |transport| {
                let producer = Does::boxed(&log, |_| {});
                transport.register_producer(producer, Streaming::Push).unwrap();
                transport.abort();
                transport.unregister_producer();
            });
            let server = rig.serve(script.lost(|transport, _| transport.unregister_producer()));
            rig.dial(server).read_until_over();
            ends(rig, Kind::Aborted);
            assert!(!rig.log.calls().contains(&note("stop")), "it had unregistered");
        });
    }

    #[test]
    fn test_disconnect_while_producing() {
        on(
            |kind| is_stream(kind) && kind.has_reset(),
            |rig| {
                let log = rig.log.clone();
                let server = rig.serve(Script::new().made(move |transport| {
                    let producer = Does::boxed(&log, |transport| {
                        transport.write(&[7; 1000]);
                    });
                    transport.register_producer(producer, Streaming::Pull).unwrap();
                }));
                let peer = rig.dial(server);
                rig.until_call(note("resume"));
                peer.reset();
                ends(rig, Kind::Reset);
                let calls = rig.log.calls();
                assert_eq!(calls.get(calls.len() - 2), Some(&note("stop")));
            },
        );
    }
}

mod local_remote_address_tests {
    use crate::transports::*;

    #[test]
    fn test_host_address() {
        on(is_loop, |rig| {
            let server = rig.serve(Script::new());
            let kept = Kept::new();
            let addrs = kept.clone();
            rig.connect(
                server,
                Script::new().made(move |transport| {
                    addrs.put((transport.local_addr(), transport.peer_addr()));
                    transport.close();
                }),
            );
            let (ours, theirs) = rig.until_kept(&kept, 1).remove(0);
            assert_eq!(theirs, rig.addr(server));
            assert_ne!(ours, theirs);
            rig.until_lost(1);
        });
    }
}

mod write_data_tests {
    use crate::transports::*;

    #[test]
    fn test_writer() {
        on(is_stream, |rig| {
            let server = rig.serve(Script::new().made(|transport| {
                transport.write(b"Hello Cleveland!\n");
                for piece in ["Goodbye", " cruel", " world", "\n"] {
                    transport.write(piece.as_bytes());
                }
                transport.close();
            }));
            let got = rig.dial(server).read_to_end().unwrap();
            assert_eq!(got, b"Hello Cleveland!\nGoodbye cruel world\n");
            ends(rig, Kind::Closed);
        });
    }

    #[test]
    fn test_write_after_shutdown_without_reading() {
        on(is_stream, |rig| {
            let kept = Kept::new();
            let handle = kept.clone();
            let server = rig.serve(Script::new().made(move |transport| {
                transport.pause_reading();
                handle.put(transport.handle());
            }));
            let peer = rig.dial(server);
            rig.until_call(Call::Made);
            peer.close();
            // Nobody reads, so the end is found out by writing, and told all the same.
            let write = |transport: &mut dyn Transport| {
                transport.write(&[7; 1000]);
                transport.close();
            };
            rig.until_kept(&kept, 1)[0].call(write).unwrap();
            rig.until_lost(1);
        });
    }
}

mod large_buffer_tests {
    use crate::transports::*;

    #[test]
    fn test_writer() {
        on(is_stream, |rig| {
            let much = rig.kind.too_much();
            let server = rig.serve(Script::sends_and_closes(much));
            assert_eq!(rig.dial(server).read_to_end().unwrap().len(), much);
            ends(rig, Kind::Closed);
        });
    }
}

mod pause_producing_tests {
    use crate::transports::*;

    #[test]
    fn test_pause_producing_in_connection_made() {
        on(is_stream, |rig| {
            let kept = Kept::new();
            let handle = kept.clone();
            let server = rig.serve(Script::new().made(move |transport| {
                transport.pause_reading();
                handle.put(transport.handle());
            }));
            let mut peer = rig.dial(server);
            peer.send(b"waits");
            peer.shutdown_write();
            rig.until_call(Call::Made);
            let log = rig.log.clone();
            let resume = move |transport: &mut dyn Transport| {
                assert_eq!(log.of(0), [Call::Made]);
                transport.resume_reading();
            };
            rig.until_kept(&kept, 1)[0].call(resume).unwrap();
            ends(rig, Kind::PeerClosed);
            assert!(rig.log.calls().contains(&Call::Data(b"waits".into())));
        });
    }
}

mod call_back_order_tests {
    use crate::transports::*;

    #[test]
    fn test_lose_order() {
        on(is_loop, |rig| {
            let server = rig.serve(Script::new().made(|transport| transport.close()));
            rig.connect(server, Script::new());
            rig.until_client(Call::FactoryLost(Kind::PeerClosed));
            let lost = Call::Lost(Kind::PeerClosed);
            let seen = [Call::Made, Call::Eof, lost, Call::FactoryLost(Kind::PeerClosed)];
            assert_eq!(rig.clients.calls(), [&[Call::Started][..], &seen].concat());
        });
    }
}
