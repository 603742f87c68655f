//! What others have opened: standard input and output, listeners, datagram sockets.

use std::cell::RefCell;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use ropewalk::protocol::{Kind, client, from_fn};
use ropewalk::service::Echo;
use ropewalk::{Addr, Protocol, Reactor, Reason, Socket, Transport};

/// Far beyond any promise: what hangs, ends.
const WATCHDOG: Duration = Duration::from_secs(60);

/// The end to read from, and the one to write to.
fn pipe() -> (File, File) {
    let (from, to) = rustix::pipe::pipe().unwrap();
    (from.into(), to.into())
}

/// What a protocol between two pipes wrote, given this input; and why it ended.
fn between_pipes<P: Protocol + 'static>(input: &[u8], protocol: P) -> (Vec<u8>, Reason) {
    let reactor = Reactor::new().unwrap();
    let ((from, mut to), (mut answer, output)) = (pipe(), pipe());
    let end = run_on(&reactor, from, output, protocol);
    let input = input.to_owned();
    let writes = std::thread::spawn(move || drop(to.write_all(&input)));
    let reads = std::thread::spawn(move || {
        let mut all = Vec::new();
        answer.read_to_end(&mut all).unwrap();
        all
    });
    reactor.run().unwrap();
    writes.join().unwrap();
    (reads.join().unwrap(), end.take().expect("it ended, and not by the watchdog"))
}

type End = Rc<RefCell<Option<Reason>>>;

fn run_on<P: Protocol + 'static>(reactor: &Reactor, from: File, to: File, protocol: P) -> End {
    let end = End::default();
    let kept = end.clone();
    let mut protocol = Some(protocol);
    let factory = client(from_fn(move |_: &Addr| protocol.take())).on_end(move |_, net, why| {
        *kept.borrow_mut() = Some(why.clone());
        net.stop();
    });
    reactor.open_pair(from, to, factory).unwrap();
    reactor.call_later(WATCHDOG, |net| net.stop());
    end
}

mod standard_input_output_tests {
    use super::*;

    #[test]
    fn test_lose_connection() {
        struct Closes;
        impl Protocol for Closes {
            fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
            fn connection_made(&mut self, transport: &mut dyn Transport) {
                transport.close();
            }
        }
        let (written, why) = between_pipes(b"", Closes);
        assert_eq!((written.as_slice(), why.is_clean()), (&b""[..], true));
    }

    struct AtEnd(fn(&mut dyn Transport));
    impl Protocol for AtEnd {
        fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
        fn eof_received(&mut self, transport: &mut dyn Transport) {
            (self.0)(transport);
        }
    }

    #[test]
    fn test_read_connection_lost() {
        let (written, why) = between_pipes(
            b"",
            AtEnd(|transport| {
                transport.write(b"the input has ended");
                transport.close();
            }),
        );
        assert_eq!(written, b"the input has ended");
        assert_eq!(why.kind(), Kind::PeerClosed);
    }

    #[test]
    fn test_buggy_read_connection_lost() {
        let (_, why) = between_pipes(b"", AtEnd(|_| panic!("on purpose")));
        assert_eq!(why.kind(), Kind::Panicked);
    }

    /// Says in standard output that it is over, after it is.
    #[test]
    #[ignore = "a part, in a process of its own"]
    fn the_part() {
        let reactor = Reactor::new().unwrap();
        let echo = client(|| Echo).on_end(|_, net, _| net.stop());
        reactor.open_stdio(echo).unwrap();
        reactor.run().unwrap();
        rustix::io::write(rustix::stdio::stdout(), b"the last write").unwrap();
    }

    #[test]
    fn test_last_write_received() {
        let module = module_path!().split_once("::").unwrap().1;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([&format!("{module}::the_part"), "--exact", "--ignored", "--nocapture"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(b"echoed first, then ").unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("echoed first, then the last write"), "{said}");
        assert!(output.status.success());
    }

    #[test]
    fn test_host_and_peer() {
        struct Asks(Rc<RefCell<Vec<Addr>>>);
        impl Protocol for Asks {
            fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
            fn connection_made(&mut self, transport: &mut dyn Transport) {
                *self.0.borrow_mut() = vec![transport.local_addr(), transport.peer_addr()];
                transport.close();
            }
        }
        let seen = Rc::default();
        between_pipes(b"", Asks(Rc::clone(&seen)));
        assert_eq!(*seen.borrow(), [Addr::Unix(None), Addr::Unix(None)], "they have no names");
    }

    #[test]
    fn test_write() {
        struct Writes;
        impl Protocol for Writes {
            fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
            fn connection_made(&mut self, transport: &mut dyn Transport) {
                for piece in [&b"o"[..], b"k", b"!"] {
                    transport.write(piece);
                }
                transport.close();
            }
        }
        assert_eq!(between_pipes(b"", Writes).0, b"ok!");
    }

    /// Keeps what comes.
    struct Keeps(Rc<RefCell<Vec<u8>>>);
    impl Protocol for Keeps {
        fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) {
            self.0.borrow_mut().extend_from_slice(data);
        }
    }

    #[test]
    fn test_producer() {
        let kept = Rc::default();
        let (_, why) = between_pipes(b"toto", Keeps(Rc::clone(&kept)));
        assert_eq!(*kept.borrow(), b"toto");
        assert_eq!(why.kind(), Kind::PeerClosed);
    }

    #[test]
    fn test_consumer() {
        let junk: Vec<u8> = (0..500_000_u32).map(|at| (at % 251) as u8).collect();
        let (written, why) = between_pipes(&junk, Echo);
        assert!(written == junk, "{} bytes", written.len());
        assert!(why.is_clean());
    }

    #[test]
    fn test_normal_file_standard_out() {
        struct Counts(u32);
        impl Protocol for Counts {
            fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
            fn connection_made(&mut self, transport: &mut dyn Transport) {
                self.next(transport);
            }
            fn timer_fired(&mut self, transport: &mut dyn Transport, _: ropewalk::Timer) {
                self.next(transport);
            }
        }
        impl Counts {
            fn next(&mut self, transport: &mut dyn Transport) {
                if self.0 == 20 {
                    return transport.close();
                }
                transport.write(self.0.to_string().as_bytes());
                self.0 += 1;
                transport.set_timer(ropewalk::Timer(0), Duration::ZERO);
            }
        }
        let name = format!("ropewalk-stdio-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let reactor = Reactor::new().unwrap();
        let (from, to) = pipe();
        let end = run_on(&reactor, from, File::create(&path).unwrap(), Counts(0));
        reactor.run().unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(written, (0..20).map(|n| n.to_string()).collect::<String>());
        assert_eq!(end.take().unwrap().kind(), Kind::Closed);
        drop(to);
    }
}

mod adopt_stream_port_errors_tests_builder {
    use super::*;

    #[test]
    fn test_invalid_descriptor() {
        let reactor = Reactor::new().unwrap();
        let mut closed = Socket::from(TcpListener::bind("127.0.0.1:0").unwrap());
        closed.close().unwrap();
        let error = reactor.listen_from(vec![closed], || Echo).unwrap_err();
        assert_eq!(error.kind(), ropewalk::error::ErrorKind::Closed, "{error}");
        let file = std::os::fd::OwnedFd::from(File::open("/dev/null").unwrap());
        let error = reactor.listen_from(vec![Socket::from(file)], || Echo).unwrap_err();
        assert!(error.to_string().contains("it is no socket"), "{error}");
    }

    #[test]
    fn test_stop_only_closes() {
        let reactor = Reactor::new().unwrap();
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = other.try_clone().unwrap();
        let listener = reactor.listen_from(vec![ours.into()], || Echo).unwrap();
        listener.stop();
        reactor.call_later(Duration::ZERO, |net| net.stop());
        reactor.run().unwrap();
        // It was not shut down: whoever has a copy goes on accepting.
        assert_eq!(other.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

mod adopt_datagram_port_errors_tests_builder {
    use super::*;

    #[test]
    fn test_invalid_descriptor() {
        let reactor = Reactor::new().unwrap();
        let mut closed = Socket::from(UdpSocket::bind("127.0.0.1:0").unwrap());
        closed.close().unwrap();
        let error = reactor.adopt_datagrams(vec![closed], || Echo).unwrap_err();
        assert_eq!(error.kind(), ropewalk::error::ErrorKind::Closed, "{error}");
    }

    #[test]
    fn test_stop_only_closes() {
        let reactor = Reactor::new().unwrap();
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        let ours = other.try_clone().unwrap();
        let port = reactor.adopt_datagrams(vec![ours.into()], || Echo).unwrap();
        port.stop();
        reactor.call_later(Duration::ZERO, |net| net.stop());
        reactor.run().unwrap();
        assert_eq!(other.recv_from(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}
