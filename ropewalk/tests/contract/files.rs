//! Contract: a file goes out in order with other writes, in bounded memory.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::time::Duration;

use ropewalk::error::ErrorKind;
use ropewalk::limits::{DESCRIPTORS_QUEUED, Limits, SEND_FILE_BUFFER_BYTES, WATER_LOW_BYTES};
use ropewalk::protocol::{Deadline, Kind, Layer, Producer, Streaming};
use ropewalk::{Flow, Transport};

use crate::rig::{Call, Folder, Kept, Script, on, on_every_engine, on_with};

/// Bytes in which a piece that is left out or sent twice shows.
fn pattern(count: usize) -> Vec<u8> {
    let block: Vec<u8> = (0..65_521_u32).map(|at| (at * at / 7) as u8).collect();
    let mut all = block.repeat(count / block.len() + 1);
    all.truncate(count);
    all
}

/// A file with this content, open, in a folder of its own.
fn file_of(content: &[u8]) -> (Folder, std::path::PathBuf) {
    let folder = Folder::new();
    let path = folder.path("content");
    std::fs::write(&path, content).unwrap();
    (folder, path)
}

/// Changes nothing: the bytes pass through it all the same.
struct Plain;
impl Layer for Plain {}

#[test]
fn a_file_keeps_its_place_among_writes_with_layers_and_without() {
    for layered in [false, true] {
        on_every_engine(|rig| {
            let content = pattern(rig.kind.too_much());
            let (_folder, path) = file_of(&content);
            let script = Script::new().stack(move |layers| {
                if layered {
                    layers.push(Plain);
                    layers.push(Plain);
                }
            });
            let server = rig.serve(script.made(move |transport| {
                assert_eq!(transport.write(b"before"), Flow::More);
                let mut file = File::open(&path).unwrap();
                file.seek(SeekFrom::Start(7)).unwrap(); // which does not matter
                assert_eq!(transport.send_file(file, 0, None).unwrap(), Flow::Full);
                assert_eq!(transport.write(b"between"), Flow::Full);
                let file = File::open(&path).unwrap();
                assert_eq!(transport.send_file(file, 5, Some(10)).unwrap(), Flow::Full);
                assert_eq!(transport.write(b"after"), Flow::Full);
                assert_eq!(transport.buffered(), b"beforebetweenafter".len());
                transport.close();
                let file = File::open(&path).unwrap();
                assert_eq!(transport.send_file(file, 0, None).unwrap(), Flow::Closed);
            }));
            let got = rig.dial(server).read_to_end().unwrap();
            let parts = [b"before", &content[..], b"between", &content[5..15], b"after"];
            assert!(got == parts.concat(), "{} bytes came", got.len());
            rig.until_lost(1);
            assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Closed)]);
        });
    }
}

#[test]
fn a_resume_says_that_a_file_has_left() {
    for layered in [false, true] {
        on_every_engine(|rig| {
            let content = pattern(rig.kind.too_much());
            let (_folder, path) = file_of(&content);
            let script = Script::new().stack(move |layers| {
                if layered {
                    layers.push(Plain);
                }
            });
            let script = script.made(move |transport| {
                let sent = transport.send_file(File::open(&path).unwrap(), 0, None);
                assert_eq!(sent.unwrap(), Flow::Full);
            });
            let script = script.pause(|transport| {
                let most = WATER_LOW_BYTES + SEND_FILE_BUFFER_BYTES;
                assert!(transport.buffered() <= most, "{}", transport.buffered());
            });
            let server = rig.serve(script.resume(|transport| {
                assert_eq!(transport.write(b"done"), Flow::More);
                transport.close();
            }));
            let mut peer = rig.dial(server);
            rig.until_call(Call::Pause);
            let got = peer.read_to_end().unwrap();
            assert!(got == [&content[..], b"done"].concat());
            rig.until_lost(1);
            let seen = [Call::Made, Call::Pause, Call::Resume, Call::Lost(Kind::Closed)];
            assert_eq!(rig.log.calls(), seen);
        });
    }
}

#[test]
fn no_bytes_of_a_file_are_sent_at_once() {
    on_every_engine(|rig| {
        let (_folder, path) = file_of(b"abc");
        let server = rig.serve(Script::new().made(move |transport| {
            for (offset, count) in [(3, None), (9, Some(0)), (1, Some(0))] {
                let sent = transport.send_file(File::open(&path).unwrap(), offset, count);
                match offset {
                    9 => assert_eq!(sent.unwrap_err().kind(), ErrorKind::InvalidInput),
                    _ => assert_eq!(sent.unwrap(), Flow::More),
                }
            }
            transport.close();
        }));
        assert_eq!(rig.dial(server).read_to_end().unwrap(), b"");
        rig.until_lost(1);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Closed)]);
    });
}

#[test]
fn a_file_that_has_not_so_much_is_refused_and_nothing_is_sent() {
    on_every_engine(|rig| {
        let (_folder, path) = file_of(b"abc");
        let server = rig.serve(Script::new().made(move |transport| {
            let refused = |file, offset, count, transport: &mut dyn Transport| {
                let error = transport.send_file(file, offset, count).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
                error.to_string()
            };
            for (offset, count) in [(0, 4), (3, 1), (u64::MAX, 1), (1, u64::MAX)] {
                let file = File::open(&path).unwrap();
                let said = refused(file, offset, Some(count), transport);
                assert!(said.contains("the file has 3 bytes"), "{said}");
            }
            #[cfg(unix)] // a folder can be opened there
            refused(File::open("/").unwrap(), 0, None, transport);
            transport.write(b"sorry");
            transport.close();
        }));
        assert_eq!(rig.dial(server).read_to_end().unwrap(), b"sorry");
        rig.until_lost(1);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Closed)]);
    });
}

#[test]
fn a_file_that_becomes_shorter_ends_the_connection() {
    for layered in [false, true] {
        on(
            |kind| kind.is_here(),
            |rig| {
                let much = rig.kind.too_much();
                let (_folder, path) = file_of(&pattern(much));
                let (told, why_told) = (Kept::new(), path.clone());
                let left = told.clone();
                let script = Script::new().stack(move |layers| {
                    if layered {
                        layers.push(Plain);
                    }
                });
                let script = script.made(move |transport| {
                    let file = File::open(&path).unwrap();
                    transport.send_file(file, 0, None).unwrap();
                });
                let server =
                    rig.serve(script.lost(move |_, why| left.put((why.to_string(), why.unsent()))));
                let mut peer = rig.dial(server);
                rig.until_call(Call::Pause); // it is under way
                let file = File::options().write(true).open(why_told).unwrap();
                file.set_len(1000).unwrap();
                let (got, _) = peer.read_until_over();
                rig.until_lost(1);
                assert_eq!(rig.log.calls().last(), Some(&Call::Lost(Kind::Failed)));
                assert!(got.len() < much);
                let (why, unsent) = told.first();
                assert!(why.contains("the file ended") && unsent > 0, "{why}");
            },
        );
    }
}

#[test]
fn what_of_a_file_is_unsent_is_in_the_reason() {
    on(
        |kind| kind.is_here(),
        |rig| {
            let much = rig.kind.too_much();
            let (_folder, path) = file_of(&pattern(much));
            let left = Kept::new();
            let unsent = left.clone();
            let script = Script::new().made(move |transport| {
                transport.send_file(File::open(&path).unwrap(), 0, None).unwrap();
                transport.abort();
            });
            let server = rig.serve(script.lost(move |_, why| unsent.put(why.unsent())));
            rig.dial(server).read_until_over();
            rig.until_lost(1);
            assert_eq!(left.first(), much as u64);
        },
    );
}

#[test]
fn a_peer_that_reads_nothing_of_a_file_ends_by_the_flush_deadline() {
    let limits = Limits { flush: Duration::from_millis(200), ..Limits::default() };
    on_with(
        limits,
        |_| true,
        |rig| {
            let (_folder, path) = file_of(&pattern(rig.kind.too_much()));
            let server = rig.serve(Script::new().made(move |transport| {
                transport.send_file(File::open(&path).unwrap(), 0, None).unwrap();
                transport.close();
            }));
            let mut peer = rig.dial(server);
            rig.until_lost(1);
            let flush = Kind::Deadline(Deadline::Flush);
            assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(flush)]);
            peer.read_until_over();
        },
    );
}

#[test]
fn a_peer_that_takes_nothing_of_a_file_for_long_has_stalled() {
    let limits = Limits { write_stall: Duration::from_millis(200), ..Limits::default() };
    on_with(
        limits,
        |_| true,
        |rig| {
            let (_folder, path) = file_of(&pattern(rig.kind.too_much()));
            let server = rig.serve(Script::new().made(move |transport| {
                transport.send_file(File::open(&path).unwrap(), 0, None).unwrap();
            }));
            let mut peer = rig.dial(server);
            rig.until_lost(1);
            let stall = Kind::Deadline(Deadline::WriteStall);
            assert_eq!(rig.log.calls(), [Call::Made, Call::Pause, Call::Lost(stall)]);
            peer.read_until_over();
        },
    );
}

#[test]
fn more_files_than_may_wait_are_refused() {
    on_every_engine(|rig| {
        let (_folder, path) = file_of(b"abc");
        let server = rig.serve(Script::new().made(move |transport| {
            for _ in 0..DESCRIPTORS_QUEUED {
                let file = File::open(&path).unwrap();
                assert_eq!(transport.send_file(file, 0, None).unwrap(), Flow::Full);
            }
            let error = transport.send_file(File::open(&path).unwrap(), 0, None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Full, "{error}");
            transport.close();
        }));
        let got = rig.dial(server).read_to_end().unwrap();
        assert_eq!(got, b"abc".repeat(DESCRIPTORS_QUEUED));
        rig.until_lost(1);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Closed)]);
    });
}

#[test]
fn writes_behind_a_file_are_bounded_as_all_are() {
    on_every_engine(|rig| {
        let (_folder, path) = file_of(b"abc");
        let limit = Limits::default().hard_limit_bytes();
        let server = rig.serve(Script::new().made(move |transport| {
            transport.send_file(File::open(&path).unwrap(), 0, None).unwrap();
            assert_eq!(transport.write(&vec![7; limit]), Flow::Full);
            assert_eq!(transport.write(b"!"), Flow::Closed);
        }));
        rig.dial(server).read_until_over();
        rig.until_lost(1);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Overrun)]);
    });
}

#[test]
fn a_layer_cannot_be_pushed_under_a_file_on_its_way() {
    on_every_engine(|rig| {
        let (_folder, path) = file_of(b"abc");
        let server = rig.serve(Script::new().made(move |transport| {
            transport.send_file(File::open(&path).unwrap(), 0, None).unwrap();
            transport.push_layer(Box::new(Plain));
        }));
        rig.dial(server).read_until_over();
        rig.until_lost(1);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Failed)]);
    });
}

#[test]
fn a_pull_producer_waits_for_the_file_that_it_sent() {
    struct Sends(std::path::PathBuf, u32);
    impl Producer for Sends {
        fn resume_producing(&mut self, transport: &mut dyn Transport) {
            assert!(transport.buffered() <= WATER_LOW_BYTES);
            let file = File::open(&self.0).unwrap();
            assert_eq!(transport.send_file(file, 0, None).unwrap(), Flow::Full);
            self.1 -= 1;
            if self.1 == 0 {
                transport.unregister_producer();
            }
        }
    }
    on_every_engine(|rig| {
        let content = pattern(rig.kind.too_much() / 10);
        let (_folder, path) = file_of(&content);
        let server = rig.serve(Script::new().made(move |transport| {
            let producer = Box::new(Sends(path.clone(), 3));
            transport.register_producer(producer, Streaming::Pull).unwrap();
            transport.close();
        }));
        let got = rig.dial(server).read_to_end().unwrap();
        assert!(got == content.repeat(3));
        rig.until_lost(1);
        assert_eq!(rig.log.calls(), [Call::Made, Call::Lost(Kind::Closed)]);
    });
}

#[test]
fn half_a_close_waits_for_a_file() {
    on_every_engine(|rig| {
        let content = pattern(100_000);
        let (_folder, path) = file_of(&content);
        let server = rig.serve(Script::new().made(move |transport| {
            transport.send_file(File::open(&path).unwrap(), 0, None).unwrap();
            transport.shutdown_write();
        }));
        let mut peer = rig.dial(server);
        assert!(peer.read_to_end().unwrap() == content);
        peer.shutdown_write();
        rig.until_lost(1);
        assert_eq!(rig.log.calls().last(), Some(&Call::Lost(Kind::PeerClosed)));
    });
}

#[test]
fn a_file_that_grew_is_sent_as_it_was_when_asked_for() {
    on_every_engine(|rig| {
        let (_folder, path) = file_of(b"abc");
        let server = rig.serve(Script::new().made(move |transport| {
            transport.send_file(File::open(&path).unwrap(), 0, None).unwrap();
            File::options().append(true).open(&path).unwrap().write_all(b"more").unwrap();
            transport.close();
        }));
        assert_eq!(rig.dial(server).read_to_end().unwrap(), b"abc");
        rig.until_lost(1);
    });
}
