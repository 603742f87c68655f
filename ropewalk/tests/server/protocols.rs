//! Protocols on these servers: the connection lives until the protocol closes it, and a
//! shutdown drains.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use ropewalk::limits::Limits;
use ropewalk::protocol::{Kind, from_fn};
use ropewalk::server::{MixIn, Pooling, Protocols, Serial, Server, StreamRequest, Threading};
use ropewalk::{Protocol, Reason, Transport};

use crate::needs::resets;
use crate::serve::{A_MOMENT, Served, WATCHDOG, dial, read_all, serve};

/// Echoes; `!` closes, `#` stops the server, `?` panics. Tells of its life.
struct Echo {
    tell: mpsc::Sender<Said>,
    stays: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Said {
    Made,
    Stopping,
    Lost(Kind),
}

impl Protocol for Echo {
    fn connection_made(&mut self, _: &mut dyn Transport) {
        self.tell.send(Said::Made).unwrap();
    }
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        transport.write(data);
        match data.last() {
            Some(b'!') => transport.close(),
            Some(b'#') => transport.net().stop(),
            Some(b'?') => panic!("as the client wants it"),
            _ => {}
        }
    }
    fn stopping(&mut self, transport: &mut dyn Transport) {
        self.tell.send(Said::Stopping).unwrap();
        if !self.stays {
            transport.close();
        }
    }
    fn connection_lost(&mut self, _: &mut dyn Transport, why: &Reason) {
        self.tell.send(Said::Lost(why.kind())).unwrap();
    }
}

struct Serves {
    served: Served,
    told: mpsc::Receiver<Said>,
}

impl Serves {
    fn new<M: MixIn>(stays: bool, grace: Duration) -> Serves {
        let (tell, told) = mpsc::channel();
        let limits = Limits { drain_grace: grace, ..Limits::default() };
        let factory = move || Echo { tell: tell.clone(), stays };
        let protocols = Protocols::with(factory, limits, None);
        let server = Server::<StreamRequest, _, M>::new(("127.0.0.1", 0), protocols).unwrap();
        Serves { served: serve(server), told }
    }

    fn dial(&self) -> TcpStream {
        self.served.dial()
    }

    #[track_caller]
    fn hears(&self, said: Said) {
        assert_eq!(self.told.recv_timeout(WATCHDOG).expect("it is told"), said);
    }
}

#[track_caller]
fn echoes(client: &mut TcpStream, word: &str) {
    client.write_all(word.as_bytes()).unwrap();
    let mut answer = vec![0; word.len()];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(answer, word.as_bytes());
}

fn lives_until_its_protocol_closes_it<M: MixIn>() {
    let serves = Serves::new::<M>(false, WATCHDOG);
    let mut client = serves.dial();
    for word in ["one", "two", "three", "end!"] {
        echoes(&mut client, word);
    }
    assert_eq!(read_all(client), "");
    serves.hears(Said::Made);
    serves.hears(Said::Lost(Kind::Closed));
}

#[test]
fn a_connection_lives_until_its_protocol_closes_it_on_a_serial_server() {
    lives_until_its_protocol_closes_it::<Serial>();
}

#[test]
fn a_connection_lives_until_its_protocol_closes_it_on_a_threading_server() {
    lives_until_its_protocol_closes_it::<Threading>();
}

#[test]
fn a_connection_lives_until_its_protocol_closes_it_on_a_pooling_server() {
    lives_until_its_protocol_closes_it::<Pooling>();
}

#[test]
fn a_serial_servers_second_client_waits_until_the_firsts_protocol_closes() {
    let serves = Serves::new::<Serial>(false, WATCHDOG);
    let mut first = serves.dial();
    echoes(&mut first, "first");
    serves.hears(Said::Made);
    let mut second = serves.dial();
    second.write_all(b"second").unwrap();
    assert!(serves.told.recv_timeout(A_MOMENT).is_err(), "the second client did not wait");
    echoes(&mut first, "end!");
    serves.hears(Said::Lost(Kind::Closed));
    serves.hears(Said::Made);
    second.read_exact(&mut [0; 6]).unwrap();
}

#[test]
fn a_threading_servers_second_client_does_not_wait() {
    let serves = Serves::new::<Threading>(false, WATCHDOG);
    let (mut first, mut second) = (serves.dial(), serves.dial());
    for word in ["one", "two"] {
        echoes(&mut first, word);
        echoes(&mut second, word);
    }
}

fn a_shutdown_drains<M: MixIn>() {
    let mut serves = Serves::new::<M>(false, WATCHDOG);
    let mut client = serves.dial();
    echoes(&mut client, "hello");
    serves.served.handle.shutdown();
    serves.served.ends();
    // Everything is over by then.
    let said: Vec<_> = serves.told.try_iter().collect();
    assert_eq!(said, [Said::Made, Said::Stopping, Said::Lost(Kind::Closed)]);
    assert_eq!(read_all(client), "", "closed in order");
}

#[test]
fn a_shutdown_drains_a_serial_server() {
    a_shutdown_drains::<Serial>();
}

#[test]
fn a_shutdown_drains_a_threading_server() {
    a_shutdown_drains::<Threading>();
}

#[test]
fn a_shutdown_drains_a_pooling_server() {
    a_shutdown_drains::<Pooling>();
}

/// Every protocol stays: at the end of the grace they are cut.
fn a_grace_that_is_over_cuts<M: MixIn>() {
    let mut serves = Serves::new::<M>(true, Duration::from_millis(20));
    let mut client = serves.dial();
    echoes(&mut client, "hello");
    serves.served.handle.shutdown();
    serves.served.ends();
    let said: Vec<_> = serves.told.try_iter().collect();
    assert_eq!(said, [Said::Made, Said::Stopping, Said::Lost(Kind::Stopped)]);
    let read = client.read(&mut [0; 1]);
    assert!(read.is_err() || !resets(), "cut, so that it does not look whole");
}

#[test]
fn a_grace_that_is_over_cuts_on_a_serial_server() {
    a_grace_that_is_over_cuts::<Serial>();
}

#[test]
fn a_grace_that_is_over_cuts_on_a_threading_server() {
    a_grace_that_is_over_cuts::<Threading>();
}

#[test]
fn a_grace_that_is_over_cuts_on_a_pooling_server() {
    a_grace_that_is_over_cuts::<Pooling>();
}

fn a_protocol_stops_its_server<M: MixIn>() {
    let mut serves = Serves::new::<M>(false, WATCHDOG);
    let mut client = serves.dial();
    echoes(&mut client, "stop#");
    serves.served.ends();
    assert_eq!(read_all(client), "");
}

#[test]
fn a_protocol_stops_its_serial_server() {
    a_protocol_stops_its_server::<Serial>();
}

#[test]
fn a_protocol_stops_its_threading_server() {
    a_protocol_stops_its_server::<Threading>();
}

#[test]
fn a_protocol_stops_its_pooling_server() {
    a_protocol_stops_its_server::<Pooling>();
}

#[test]
fn a_protocol_that_panics_ends_its_own_connection_with_a_reset() {
    let serves = Serves::new::<Serial>(false, WATCHDOG);
    let mut client = serves.dial();
    client.write_all(b"?").unwrap();
    let read = client.read_to_end(&mut Vec::new());
    assert!(read.is_err() || !resets(), "a cut answer does not look whole");
    echoes(&mut serves.dial(), "still here!");
}

#[test]
fn a_factory_refuses_whom_it_likes() {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let factory = from_fn(move |peer| {
        tell.lock().unwrap().send(peer.clone()).unwrap();
        None::<Echo>
    });
    let server =
        Server::<StreamRequest, _, Threading>::protocol(("127.0.0.1", 0), factory).unwrap();
    let served = serve(server);
    let mut client = dial(served.addr);
    let asked = told.recv_timeout(WATCHDOG).unwrap();
    assert_eq!(asked.ip(), Some(client.local_addr().unwrap()));
    // However it ends, nothing comes.
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer);
    assert!(answer.is_empty());
}

#[test]
fn a_server_of_protocols_serves_again_after_a_shutdown() {
    let server = Server::<StreamRequest, _, Threading>::protocol(("127.0.0.1", 0), || {
        ropewalk::service::Echo
    });
    let server = std::sync::Arc::new(server.unwrap());
    for word in ["one", "two"] {
        let serving = server.clone();
        let thread = std::thread::spawn(move || serving.serve_forever());
        let mut client = dial(server.local_addr().ip().unwrap());
        echoes(&mut client, word);
        server.shutdown();
        thread.join().unwrap().unwrap();
        assert_eq!(read_all(client), "");
    }
}

#[test]
fn a_shutdown_reaches_a_protocol_whose_thread_was_on_its_way() {
    for _ in 0..50 {
        let (tell, told) = mpsc::channel();
        let factory = move || Echo { tell: tell.clone(), stays: false };
        let at = ("127.0.0.1", 0);
        let server = ropewalk::server::ThreadingTcpServer::protocol(at, factory).unwrap();
        let client = dial(server.local_addr().ip().unwrap());
        assert!(server.handle_request().unwrap());
        server.shutdown();
        assert!(!server.handle_request().unwrap(), "it obeys at once");
        assert!(read_all(&client).is_empty(), "the connection is drained");
        let lost = told.iter().find(|said| matches!(said, Said::Lost(_)));
        assert_eq!(lost, Some(Said::Lost(Kind::Closed)));
    }
}

#[test]
fn a_grace_without_end_is_no_overflow() {
    let serves = Serves::new::<Threading>(false, Duration::MAX);
    let mut client = serves.dial();
    echoes(&mut client, "one");
    serves.served.handle.shutdown();
    assert!(read_all(&client).is_empty());
}
