//! What a server says of its stop, whatever the mix-in.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use ropewalk::limits::Limits;
use ropewalk::server::{
    MixIn, Pooling, Protocols, Serial, Server, ShutdownHandle, StreamRequest, Threading,
    ThreadingTcpServer,
};
use ropewalk::{Factory, Protocol, Report, Transport};

use crate::needs::resets;
use crate::serve::{WATCHDOG, dial};

/// Echoes, and closes when it is told to stop, unless it was sent `stay`.
#[derive(Default)]
struct Guest {
    stays: bool,
}

impl Protocol for Guest {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        self.stays |= data == b"stay";
        transport.write(data);
    }
    fn stopping(&mut self, transport: &mut dyn Transport) {
        if !self.stays {
            transport.close();
        }
    }
}

/// A server that serves, and its report when it ends.
struct Reporting {
    handle: ShutdownHandle,
    at: std::net::SocketAddr,
    thread: JoinHandle<Report>,
}

fn reporting<M: MixIn, F: Factory + Send + 'static>(protocols: Protocols<F>) -> Reporting {
    let server = Server::<StreamRequest, _, M>::new(("127.0.0.1", 0), protocols).unwrap();
    let (handle, at) = (server.shutdown_handle(), server.local_addr().ip().unwrap());
    let report = handle.clone();
    let thread = std::thread::spawn(move || {
        server.serve_forever().unwrap();
        report.take_report()
    });
    Reporting { handle, at, thread }
}

/// A client that has been answered, so that its protocol is there.
fn client(at: std::net::SocketAddr, word: &[u8]) -> TcpStream {
    let mut client = dial(at);
    client.write_all(word).unwrap();
    client.read_exact(&mut vec![0; word.len()]).unwrap();
    client
}

/// As long as nothing should ever take.
fn patient() -> Protocols<impl Factory + Send + 'static> {
    let limits = Limits { drain_grace: WATCHDOG * 10, ..Limits::default() };
    Protocols::with(Guest::default, limits, None)
}

#[test]
fn a_stop_reports_who_ended_and_who_was_cut() {
    let server = reporting::<Threading, _>(patient());
    let mut leaves = client(server.at, b"leave");
    let mut stays = client(server.at, b"stay");
    server.handle.shutdown();
    // Whoever is told to stop has said so before the grace is cut.
    assert_eq!(leaves.read(&mut [0]).unwrap(), 0);
    server.handle.abort_clients();
    let report = server.thread.join().unwrap();
    assert_eq!((report.open, report.ended, report.cut), (2, 1, 1), "{report:?}");
    let read = stays.read(&mut [0]);
    assert!(read.is_err() || !resets(), "it was cut");
}

#[test]
fn a_serial_server_and_a_pool_report_as_well() {
    for server in [reporting::<Serial, _>(patient()), reporting::<Pooling, _>(patient())] {
        let mut stays = client(server.at, b"stay");
        server.handle.shutdown();
        server.handle.abort_clients();
        assert_eq!(server.thread.join().unwrap().cut, 1);
        let read = stays.read(&mut [0]);
        assert!(read.is_err() || !resets(), "it was cut");
    }
}

#[test]
fn a_report_counts_its_own_stop_alone() {
    let server = ThreadingTcpServer::new(("127.0.0.1", 0), patient()).unwrap();
    let server = Arc::new(server);
    let serve = || {
        let server = server.clone();
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            server.serve_forever().unwrap();
            tell.send(server.shutdown_handle().take_report()).unwrap();
        });
        told
    };
    let first = serve();
    let _stays = client(server.local_addr().ip().unwrap(), b"stay");
    server.shutdown();
    server.shutdown_handle().abort_clients();
    assert_eq!(first.recv_timeout(WATCHDOG).unwrap().cut, 1);
    let second = serve();
    let leaves = client(server.local_addr().ip().unwrap(), b"leave");
    server.shutdown();
    let report = second.recv_timeout(WATCHDOG).unwrap();
    assert_eq!((report.open, report.cut), (1, 0), "{report:?}");
    drop(leaves);
}
