//! Datagrams: received, answered, cut, and not answered.

use std::sync::{Arc, Mutex, mpsc};

use ropewalk::Addr;
use ropewalk::server::{
    BaseRequestHandler, BaseServer, DatagramRequest, DatagramRequestHandler, HandlerError,
    HandlerResult, MixIn, Pooling, Serial, Server, Threading, ThreadingUdpServer, UdpServer,
};

use crate::needs::resets;
use crate::serve::{Trace, WATCHDOG, datagrams, serve};

/// Answers in capitals; nothing to `quiet`; fails at `fail` after having written.
struct Upper;

impl DatagramRequestHandler for Upper {
    fn handle(&mut self, request: &mut DatagramRequest) -> HandlerResult {
        match &request.packet[..] {
            b"quiet" => Ok(()),
            b"fail" => {
                request.wfile = b"half an answer".to_vec();
                Err("as the client wants it".into())
            }
            packet => {
                request.wfile = packet.to_ascii_uppercase();
                Ok(())
            }
        }
    }
}

fn is_answered<M: MixIn>() {
    let server = Server::<DatagramRequest, _, M>::new(0, || Upper).unwrap();
    let addrs: Vec<_> = server.addrs().map(|addr| addr.ip().unwrap()).collect();
    let _served = serve(server);
    for addr in addrs {
        let client = datagrams(addr);
        let mut buffer = [0; 64];
        for word in ["one", "two", "three"] {
            client.send(word.as_bytes()).unwrap();
            let length = client.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], word.to_uppercase().as_bytes());
        }
    }
}

#[test]
fn a_datagram_is_answered_by_a_serial_server() {
    is_answered::<Serial>();
}

#[test]
fn a_datagram_is_answered_by_a_threading_server() {
    is_answered::<Threading>();
}

#[test]
fn a_datagram_is_answered_by_a_pooling_server() {
    is_answered::<Pooling>();
}

#[test]
fn nothing_written_is_no_reply_and_half_an_answer_is_none_either() {
    let served = serve(UdpServer::new(("127.0.0.1", 0), || Upper).unwrap());
    let client = datagrams(served.addr);
    // Served in turn: if the first two were answered, their answers would come first.
    for word in ["quiet", "fail", "then"] {
        client.send(word.as_bytes()).unwrap();
    }
    let mut buffer = [0; 64];
    let length = client.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"THEN");
}

/// Tells what it gets.
struct Tells(Arc<Mutex<mpsc::Sender<(usize, bool)>>>, usize);

struct Told(mpsc::Sender<(usize, bool)>);

impl BaseRequestHandler<DatagramRequest> for Told {
    fn handle(&mut self, request: &mut DatagramRequest) -> HandlerResult {
        Ok(self.0.send((request.packet.len(), request.truncated))?)
    }
}

impl BaseServer<DatagramRequest> for Tells {
    type Handler = Told;
    fn handler(&self, _: &Addr) -> Told {
        Told(self.0.lock().unwrap().clone())
    }
    fn max_packet_size(&self) -> usize {
        self.1
    }
}

#[test]
fn a_datagram_longer_than_the_most_is_cut_and_says_so() {
    for most in [10, ropewalk::limits::PACKET_BYTES] {
        let (tell, told) = mpsc::channel();
        let hooks = Tells(Arc::new(Mutex::new(tell)), most);
        let served = serve(UdpServer::new(("127.0.0.1", 0), hooks).unwrap());
        let client = datagrams(served.addr);
        for (length, expected) in [(most, false), (most + 1, true), (0, false)] {
            client.send(&vec![b'x'; length]).unwrap();
            let (received, truncated) = told.recv_timeout(WATCHDOG).unwrap();
            assert_eq!((received, truncated), (length.min(most), expected));
        }
    }
}

/// Holds its first datagram until the second has come.
struct Meets(Arc<(Mutex<usize>, std::sync::Condvar)>);

impl DatagramRequestHandler for Meets {
    fn handle(&mut self, request: &mut DatagramRequest) -> HandlerResult {
        let (count, changed) = &*self.0;
        let mut count = count.lock().unwrap();
        *count += 1;
        changed.notify_all();
        let alone = |count: &mut usize| *count < 2;
        let (count, time) = changed.wait_timeout_while(count, WATCHDOG, alone).unwrap();
        drop(count);
        assert!(!time.timed_out(), "the other never came");
        request.wfile = request.packet.to_vec();
        Ok(())
    }
}

#[test]
fn a_threading_servers_second_datagram_does_not_wait() {
    if !resets() {
        return;
    }
    let meeting = Arc::new((Mutex::new(0), std::sync::Condvar::new()));
    let handler = move || Meets(meeting.clone());
    let served = serve(ThreadingUdpServer::new(("127.0.0.1", 0), handler).unwrap());
    let (one, two) = (datagrams(served.addr), datagrams(served.addr));
    for client in [&one, &two] {
        client.send(b"x").unwrap();
    }
    for client in [&one, &two] {
        assert_eq!(client.recv(&mut [0; 4]).unwrap(), 1);
    }
}

/// Counts what is told.
struct Noted(Trace);

impl BaseServer<DatagramRequest> for Noted {
    type Handler = Upper;
    fn handler(&self, _: &Addr) -> Upper {
        Upper
    }
    fn handle_error(&self, error: &HandlerError, _: &Addr) {
        self.0.note(error.to_string());
    }
}

#[test]
fn a_datagram_handlers_failure_is_told_of_and_the_server_goes_on() {
    let trace = Trace::default();
    let served = serve(UdpServer::new(("127.0.0.1", 0), Noted(trace.clone())).unwrap());
    let client = datagrams(served.addr);
    client.send(b"fail").unwrap();
    assert_eq!(trace.at_least(1), ["the handler failed: as the client wants it"]);
    client.send(b"x").unwrap();
    assert_eq!(client.recv(&mut [0; 4]).unwrap(), 1);
}

/// Shuts its server down and answers.
struct Last;

impl DatagramRequestHandler for Last {
    fn handle(&mut self, request: &mut DatagramRequest) -> HandlerResult {
        request.server.shutdown();
        request.wfile = b"bye".to_vec();
        Ok(())
    }
}

#[test]
fn a_datagram_handler_shuts_its_server_down() {
    let mut served = serve(UdpServer::new(("127.0.0.1", 0), || Last).unwrap());
    let client = datagrams(served.addr);
    client.send(b"x").unwrap();
    served.ends();
    assert_eq!(client.recv(&mut [0; 4]).unwrap(), 3);
}

#[test]
fn a_udp_port_that_is_taken_is_said() {
    let holder = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = holder.local_addr().unwrap();
    let error = UdpServer::new(at, || Upper).unwrap_err();
    assert_eq!(error.kind(), ropewalk::error::ErrorKind::AddressInUse);
    assert!(error.to_string().contains(&at.to_string()), "{error}");
}

#[test]
fn a_packet_size_without_bound_is_as_much_as_there_can_be() {
    struct Unbounded;
    impl BaseServer<DatagramRequest> for Unbounded {
        type Handler = Upper;
        fn handler(&self, _: &Addr) -> Upper {
            Upper
        }
        fn max_packet_size(&self) -> usize {
            usize::MAX
        }
    }
    let served = serve(UdpServer::new(("127.0.0.1", 0), Unbounded).unwrap());
    let client = datagrams(served.addr);
    client.send(&[b'a'; 60_000]).unwrap();
    let mut answer = vec![0; 65_536];
    assert_eq!(client.recv(&mut answer).unwrap(), 60_000);
}
