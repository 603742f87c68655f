//! Contract: descriptors travel over Unix sockets, in order with the bytes.

use std::fs::File;
use std::io::{IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use ropewalk::addr::Addr;
use ropewalk::error::ErrorKind;
use ropewalk::limits::{DESCRIPTORS_QUEUED, DESCRIPTORS_RECEIVED};
use ropewalk::protocol::{Descriptor, Kind, Layer};
use ropewalk::socket::Socket;
use ropewalk::{Flow, Protocol, Reactor, Transport};

use crate::rig::{Call, Folder, Kept, Kind as Engine, Rig, Script, WATCHDOG, on, on_every_engine};

/// Those that pass descriptors.
fn has_unix(kind: Engine) -> bool {
    matches!(kind, Engine::PollUnix | Engine::ThreadsUnix)
}

fn dial(rig: &Rig, server: usize) -> Socket {
    let Addr::Unix(Some(path)) = rig.addr(server) else { panic!("a path") };
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(WATCHDOG)).unwrap();
    let socket = Socket::from(OwnedFd::from(stream));
    socket.set_timeout(Some(WATCHDOG)).unwrap();
    socket
}

/// One end of a pair to send, and the other to see that it is the same.
fn pipe() -> (OwnedFd, File) {
    let (reader, writer) = UnixStream::pair().unwrap();
    (writer.into(), OwnedFd::from(reader).into())
}

#[test]
fn a_descriptor_goes_with_its_first_byte_in_order_with_writes() {
    on(has_unix, |rig| {
        let readers = Kept::new();
        let kept = readers.clone();
        let server = rig.serve(Script::new().made(move |transport| {
            let (writer, reader) = pipe();
            kept.put(std::sync::Arc::new(reader));
            assert_eq!(transport.write(b"before"), Flow::More);
            let sent = transport.send_descriptor(writer.into(), b"with");
            assert_eq!(sent.unwrap(), Flow::More);
            assert_eq!(transport.write(b"after"), Flow::More);
            assert_eq!(transport.buffered(), b"beforewithafter".len());
            transport.close();
        }));
        let peer = dial(rig, server);
        let (mut bytes, mut came) = (Vec::new(), Vec::new());
        loop {
            let mut message = peer.recv_fds(1, 4).unwrap();
            let descriptors = message.take_descriptors();
            // It comes with the first byte of those that it was sent with.
            came.extend(descriptors.into_iter().map(|one| (bytes.len(), one)));
            match message.bytes[..] {
                [] => break,
                [byte] => bytes.push(byte),
                _ => panic!("more than was asked for"),
            }
        }
        assert_eq!(bytes, b"beforewithafter");
        let [(6, writer)] = &came[..] else { panic!("{came:?}") };
        File::from(writer.try_clone().unwrap()).write_all(b"it is the same").unwrap();
        drop(came);
        let mut said = String::new();
        (&*readers.first()).read_to_string(&mut said).unwrap(); // ours was closed, too
        assert_eq!(said, "it is the same");
        rig.until_lost(1);
        assert_eq!(rig.log.calls().last(), Some(&Call::Lost(Kind::Closed)));
    });
}

/// Takes what comes: a descriptor is a plus in the log.
struct Takes {
    log: crate::rig::Log,
    taken: Kept<std::sync::Arc<Descriptor>>,
}

impl Protocol for Takes {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        transport.accept_descriptors(true).unwrap();
        self.log.push(0, Call::Made);
    }
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        self.log.push(0, Call::Data(data.to_vec()));
        if data == b"no more" {
            transport.accept_descriptors(false).unwrap();
        }
        transport.write(b"."); // it was seen
    }
    fn event(&mut self, _: &mut dyn Transport, event: ropewalk::protocol::Event) {
        if let Ok(descriptor) = event.downcast::<Descriptor>() {
            self.log.note(0, "+");
            self.taken.put(std::sync::Arc::new(*descriptor));
        }
    }
    fn connection_lost(&mut self, _: &mut dyn Transport, why: &ropewalk::Reason) {
        self.log.push(0, Call::Lost(why.kind()));
    }
}

/// On a reactor, and in a thread of its own: a protocol that is no script.
fn serves_takers(body: impl Fn(&Socket, &crate::rig::Log, &Kept<std::sync::Arc<Descriptor>>)) {
    for threads in [false, true] {
        let folder = Folder::new();
        let path = folder.path("s");
        let (log, taken) = (crate::rig::Log::default(), Kept::new());
        let (seen, kept) = (log.clone(), taken.clone());
        let factory = move || Takes { log: seen.clone(), taken: kept.clone() };
        let site = ropewalk::addr::Site::from(path.clone());
        let (tell, told) = std::sync::mpsc::channel();
        let serving = std::thread::spawn(move || {
            if threads {
                let server = ropewalk::server::ThreadServer::new().unwrap();
                let _listener = server.listen(&site, factory).unwrap();
                tell.send(server.remote()).unwrap();
                server.serve_reporting().unwrap();
            } else {
                let reactor = Reactor::new().unwrap();
                let _listener = reactor.listen(&site, factory).unwrap();
                tell.send(reactor.remote()).unwrap();
                reactor.run().unwrap();
            }
        });
        let remote = told.recv_timeout(WATCHDOG).unwrap();
        let peer = Socket::from(OwnedFd::from(UnixStream::connect(path).unwrap()));
        peer.set_timeout(Some(WATCHDOG)).unwrap();
        body(&peer, &log, &taken);
        drop(peer);
        remote.stop().unwrap();
        serving.join().unwrap();
    }
}

fn send(peer: &Socket, data: &[u8], descriptors: &[&OwnedFd]) {
    let lent: Vec<_> = descriptors.iter().map(|one| one.as_fd()).collect();
    assert_eq!(peer.send_fds(&[IoSlice::new(data)], &lent).unwrap(), data.len());
}

#[test]
fn received_descriptors_come_before_the_bytes_that_carried_them() {
    serves_takers(|peer, log, taken| {
        let (one, mut reader) = pipe();
        send(peer, b"two", &[&one, &one]);
        drop(one);
        assert_eq!(peer.recv_exact(1).unwrap(), b".");
        send(peer, b"none", &[]);
        assert_eq!(peer.recv_exact(1).unwrap(), b".");
        let (note, data) = (|| Call::Note("+".into()), |data: &[u8]| Call::Data(data.to_vec()));
        assert_eq!(log.calls(), [Call::Made, note(), note(), data(b"twonone")]);
        for descriptor in taken.all() {
            let number = descriptor_number(&descriptor);
            let about = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}"));
            // Where the system tells.
            let Ok(about) = about else { continue };
            let flags = about.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
            let flags = i64::from_str_radix(flags.trim(), 8).unwrap();
            assert!(flags & i64::from(libc::O_CLOEXEC) != 0, "{flags:o}");
        }
        // Those that are dropped are closed: the pipe ends.
        let mut rest = Vec::new();
        taken.clear();
        reader.read_to_end(&mut rest).unwrap();
    });
}

#[test]
fn as_many_descriptors_as_one_message_carries_are_received() {
    // What Linux carries; other systems carry fewer, and say so.
    if !cfg!(target_os = "linux") {
        return;
    }
    serves_takers(|peer, log, taken| {
        let (one, _reader) = pipe();
        send(peer, b"many", &[&one; DESCRIPTORS_RECEIVED]);
        assert_eq!(peer.recv_exact(1).unwrap(), b".");
        assert_eq!(taken.all().len(), DESCRIPTORS_RECEIVED);
        assert_eq!(log.calls().last(), Some(&Call::Data(b"many".into())));
    });
}

fn descriptor_number(descriptor: &Descriptor) -> i32 {
    // By its own words: it is nobody's to borrow.
    let text = format!("{descriptor:?}");
    text.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

#[test]
fn unwanted_descriptors_are_closed() {
    serves_takers(|peer, log, taken| {
        send(peer, b"no more", &[]);
        assert_eq!(peer.recv_exact(1).unwrap(), b".");
        let (one, mut reader) = pipe();
        send(peer, b"x", &[&one]);
        drop(one);
        assert_eq!(peer.recv_exact(1).unwrap(), b".");
        reader.read_to_end(&mut Vec::new()).unwrap();
        assert!(taken.all().is_empty());
        assert!(!log.calls().contains(&Call::Note("+".into())));
    });
}

#[test]
fn more_descriptors_than_may_wait_are_refused() {
    on(has_unix, |rig| {
        let server = rig.serve(
            Script::new()
                .made(|transport| {
                    let null = || OwnedFd::from(File::open("/dev/null").unwrap());
                    for number in 1..=DESCRIPTORS_QUEUED {
                        let answer = transport.send_descriptor(null().into(), b"x").unwrap();
                        assert_eq!(answer == Flow::Full, number == DESCRIPTORS_QUEUED, "{number}");
                    }
                    let error = transport.send_descriptor(null().into(), b"x").unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
                })
                .resume(|transport| transport.close()),
        );
        let peer = dial(rig, server);
        let mut count = 0;
        loop {
            let mut message = peer.recv_fds(1, 1).unwrap();
            if message.bytes.is_empty() {
                break;
            }
            count += message.take_descriptors().len();
        }
        assert_eq!(count, DESCRIPTORS_QUEUED);
        rig.until_lost(1);
        let calls = rig.log.calls();
        assert!(calls.contains(&Call::Resume), "{calls:?}");
    });
}

/// Changes nothing.
struct Plain;
impl Layer for Plain {}

#[test]
fn descriptors_pass_no_layer_and_nothing_but_a_unix_socket() {
    for layered in [false, true] {
        on_every_engine(|rig| {
            let unix = has_unix(rig.kind);
            let script = Script::new().stack(move |layers| {
                if layered {
                    layers.push(Plain);
                }
            });
            let server = rig.serve(script.made(move |transport| {
                let null = OwnedFd::from(File::open("/dev/null").unwrap());
                let number = null.as_raw_fd();
                assert!(number >= 0);
                let refused = [
                    transport.send_descriptor(null.into(), b"x").map(|_| ()),
                    transport.accept_descriptors(true),
                ];
                for refused in refused {
                    match refused {
                        Ok(()) => assert!(unix && !layered),
                        Err(error) => {
                            assert!(!unix || layered);
                            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
                        }
                    }
                }
                if unix && !layered {
                    let null = OwnedFd::from(File::open("/dev/null").unwrap());
                    let error = transport.send_descriptor(null.into(), b"").unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::InvalidInput);
                }
                transport.close();
            }));
            let got = rig.dial(server).read_to_end().unwrap();
            assert_eq!(got, if unix && !layered { &b"x"[..] } else { b"" });
            rig.until_lost(1);
            assert_eq!(rig.log.calls().last(), Some(&Call::Lost(Kind::Closed)));
        });
    }
}
