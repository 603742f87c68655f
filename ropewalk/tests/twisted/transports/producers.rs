//! Producers, and files.

mod producer_tests {
    use crate::transports::*;
    use ropewalk::error::ErrorKind;

    #[test]
    fn test_double_producer() {
        on(is_stream, |rig| {
            let log = rig.log.clone();
            let server = rig.serve(Script::new().made(move |transport| {
                let mut register = || {
                    let producer = Does::boxed(&log, |_| {});
                    transport.register_producer(producer, Streaming::Push)
                };
                register().unwrap();
                assert_eq!(register().unwrap_err().kind(), ErrorKind::Full);
                transport.unregister_producer();
                let producer = Does::boxed(&log, |_| {});
                transport.register_producer(producer, Streaming::Push).unwrap();
                transport.unregister_producer();
                transport.close();
            }));
            assert_eq!(rig.dial(server).read_to_end().unwrap(), b"");
            ends(rig, Kind::Closed);
        });
    }

    /// It is refused, not stopped: whoever registers hears so at once.
    #[test]
    fn test_unconnected_file_descriptor() {
        on(is_stream, |rig| {
            let log = rig.log.clone();
            let script = Script::new().made(|transport| transport.close());
            let server = rig.serve(script.lost(move |transport, _| {
                let producer = Does::boxed(&log, |_| {});
                let refused = transport.register_producer(producer, Streaming::Push);
                assert_eq!(refused.unwrap_err().kind(), ErrorKind::Closed);
            }));
            rig.dial(server).read_to_end().unwrap();
            ends(rig, Kind::Closed);
            assert!(!rig.log.calls().contains(&note("stop")));
        });
    }

    #[test]
    fn test_dont_pause_pull_consumer_on_write() {
        on(is_stream, |rig| {
            let (much, log) = (rig.kind.too_much(), rig.log.clone());
            let server = rig.serve(Script::new().made(move |transport| {
                let producer = Does::boxed(&log, |transport| {
                    transport.unregister_producer();
                    transport.close();
                });
                transport.register_producer(producer, Streaming::Pull).unwrap();
                transport.write(&vec![7; much]);
            }));
            assert_eq!(rig.dial(server).read_to_end().unwrap().len(), much);
            ends(rig, Kind::Closed);
            let calls = rig.log.calls();
            assert!(calls.contains(&note("resume")) && !calls.contains(&note("pause")));
        });
    }

    /// One that writes too much as soon as it may is paused again, but never inside its own
    /// call.
    #[test]
    fn test_reentrant_streaming_producer_using_write() {
        on(is_stream, |rig| {
            let (much, log) = (rig.kind.too_much(), rig.log.clone());
            let server = rig.serve(Script::new().made(move |transport| {
                let seen = log.clone();
                let producer = Does::boxed(&log, move |transport| {
                    if seen.of(0).iter().filter(|call| **call == note("resume")).count() == 3 {
                        transport.unregister_producer();
                        return transport.close();
                    }
                    transport.write(&vec![7; much]);
                    seen.note(0, "returns");
                });
                transport.register_producer(producer, Streaming::Push).unwrap();
                transport.write(&vec![7; much]);
            }));
            let mut peer = rig.dial(server);
            rig.until_call(note("pause"));
            assert_eq!(peer.read_to_end().unwrap().len(), 3 * much);
            ends(rig, Kind::Closed);
            let mut calls = rig.log.calls();
            calls.retain(|call| matches!(call, Call::Note(_)));
            let round = ["pause", "resume", "returns"].map(note);
            let seen = [&round[..], &round[..], &[note("pause"), note("resume")]].concat();
            assert_eq!(calls, seen);
        });
    }
}

mod file_sender_tests {
    use crate::transports::*;
    use std::io::Read;

    /// A file that is changed on its way needs a producer; as it is, `send_file` does.
    #[test]
    fn test_transfer_with_transform() {
        struct Upper(std::fs::File);
        impl Producer for Upper {
            fn resume_producing(&mut self, transport: &mut dyn Transport) {
                let mut piece = [0; 16 * 1024];
                match self.0.read(&mut piece).unwrap() {
                    0 => transport.unregister_producer(),
                    count => {
                        piece[..count].make_ascii_uppercase();
                        transport.write(&piece[..count]);
                    }
                }
            }
        }
        on(is_stream, |rig| {
            let folder = crate::rig::Folder::new();
            let path = folder.path("text");
            std::fs::write(&path, b"some text, ".repeat(20_000)).unwrap();
            let server = rig.serve(Script::new().made(move |transport| {
                let file = std::fs::File::open(&path).unwrap();
                transport.register_producer(Box::new(Upper(file)), Streaming::Pull).unwrap();
                transport.close();
            }));
            let got = rig.dial(server).read_to_end().unwrap();
            assert!(got == b"SOME TEXT, ".repeat(20_000));
            ends(rig, Kind::Closed);
        });
    }
}
