//! Closing with a grace: what waits is worked on, what is busy may finish, the rest is cut, and
//! the report says which.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use ropewalk::limits;
use ropewalk::protocol::Kind;
use ropewalk::server::{
    BaseServer, CloseReport, DatagramRequest, HandlerResult, MixIn, Pooling, Protocols, Request,
    Serial, Server, StreamRequest, StreamRequestHandler, TcpServer, Threading, ThreadingTcpServer,
    UdpServer,
};
use ropewalk::{Addr, Protocol, Reason, Transport};

use crate::gate::{Bounds, Gate, Gated, gate};
use crate::needs::resets;
use crate::serve::{A_MOMENT, WATCHDOG, datagrams, dial, read_all};

const LOOPBACK: (&str, u16) = ("127.0.0.1", 0);

/// A grace that is over before the test is.
const SHORT: Duration = Duration::from_millis(20);

fn at<R: Request, S: BaseServer<R>, M: MixIn>(server: &Server<R, S, M>) -> SocketAddr {
    server.local_addr().ip().unwrap()
}

fn addr(client: &TcpStream) -> Addr {
    client.local_addr().unwrap().into()
}

/// Echoes until its client ends.
struct Echo;

impl StreamRequestHandler for Echo {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        loop {
            let data = request.recv(1024)?;
            if data.is_empty() {
                return Ok(());
            }
            request.send_all(&data)?;
        }
    }
}

fn gated<M: MixIn>(bounds: Bounds) -> (Server<StreamRequest, Gated, M>, Gate) {
    let (hooks, gate) = gate(bounds);
    (Server::new(LOOPBACK, hooks).unwrap(), gate)
}

/// Takes one request, which is at work then.
fn with_one_at_work<M: MixIn>(
    bounds: Bounds,
) -> (Server<StreamRequest, Gated, M>, Gate, TcpStream) {
    let (server, gate) = gated::<M>(bounds);
    let client = dial(at(&server));
    assert!(server.handle_request().unwrap());
    gate.comes();
    (server, gate, client)
}

/// A close in a thread of its own.
struct Closes(mpsc::Receiver<ropewalk::Result<CloseReport>>);

impl Closes {
    fn new<R: Request, S: BaseServer<R>, M: MixIn>(
        server: Server<R, S, M>,
        grace: Duration,
    ) -> Closes {
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || tell.send(server.close(grace)));
        Closes(told)
    }

    #[track_caller]
    fn waits(&self) {
        assert!(self.0.recv_timeout(A_MOMENT).is_err(), "it did not wait");
    }

    #[track_caller]
    fn reports(self) -> CloseReport {
        self.0.recv_timeout(WATCHDOG).expect("close returns").unwrap()
    }
}

#[track_caller]
fn assert_report(report: &CloseReport, finished: usize, cut: &[Addr], still_running: &[Addr]) {
    let sorted = |addrs: &[Addr]| {
        let mut addrs: Vec<_> = addrs.iter().map(ToString::to_string).collect();
        addrs.sort();
        addrs
    };
    assert_eq!(report.finished, finished, "{report:?}");
    assert_eq!(sorted(&report.cut), sorted(cut), "{report:?}");
    assert_eq!(sorted(&report.still_running), sorted(still_running), "{report:?}");
}

fn with_nobody<M: MixIn>() {
    let server = Server::<StreamRequest, _, M>::new(LOOPBACK, || Echo).unwrap();
    let at = at(&server);
    assert_eq!(server.close(WATCHDOG).unwrap(), CloseReport::default());
    assert!(TcpStream::connect(at).is_err(), "nobody listens");
}

/// CPython's `test_close_immediately`.
#[test]
fn a_server_that_never_served_closes_at_once() {
    with_nobody::<Serial>();
    with_nobody::<Threading>();
    with_nobody::<Pooling>();
}

fn serving_and_closing<M: MixIn>() {
    let server = Server::<StreamRequest, _, M>::new(LOOPBACK, || Echo).unwrap();
    let (at, handle) = (at(&server), server.shutdown_handle());
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || tell.send(server.serve_and_close(WATCHDOG)));
    let mut client = dial(at);
    client.write_all(b"x").unwrap();
    client.read_exact(&mut [0; 1]).unwrap();
    handle.shutdown();
    let refused = (0..1_000_000).any(|_| TcpStream::connect(at).is_err());
    assert!(refused, "somebody listens");
    client.write_all(b"y").unwrap();
    client.read_exact(&mut [0; 1]).unwrap(); // who was there before is still served
    drop(client);
    let report = told.recv_timeout(WATCHDOG).expect("it closes").unwrap();
    assert!(report.cut.is_empty() && report.still_running.is_empty(), "{report:?}");
}

#[test]
fn a_server_that_serves_and_closes_listens_no_more_while_it_waits() {
    serving_and_closing::<Threading>();
    serving_and_closing::<Pooling>();
}

fn with_clients_in_the_queue<M: MixIn>() {
    struct Few;
    impl BaseServer<StreamRequest> for Few {
        type Handler = Echo;
        fn handler(&self, _: &Addr) -> Echo {
            Echo
        }
        fn max_workers(&self) -> usize {
            1 // so that the others of a pool have to wait
        }
        fn max_queued(&self) -> usize {
            0
        }
    }
    let server = Server::<StreamRequest, _, M>::new(LOOPBACK, Few).unwrap();
    let at = at(&server);
    let clients = ["one", "two", "three"].map(|word| {
        let mut client = dial(at);
        client.write_all(word.as_bytes()).unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        client
    });
    server.shutdown(); // as one does before: it does not keep the queue from being worked on
    let closes = Closes::new(server, WATCHDOG);
    assert_eq!(clients.map(read_all), ["one", "two", "three"]);
    assert_report(&closes.reports(), 3, &[], &[]);
    assert!(TcpStream::connect(at).is_err(), "nobody listens");
}

#[test]
fn clients_in_the_kernels_queue_are_served_by_a_serial_server() {
    with_clients_in_the_queue::<Serial>();
}

#[test]
fn clients_in_the_kernels_queue_are_served_by_a_threading_server() {
    with_clients_in_the_queue::<Threading>();
}

#[test]
fn clients_in_the_kernels_queue_are_served_by_a_pooling_server() {
    with_clients_in_the_queue::<Pooling>();
}

#[test]
fn a_grace_of_zero_takes_nothing_from_the_queue_and_cuts() {
    let (server, gate, client) = with_one_at_work::<Threading>(Bounds::default());
    let waits = dial(at(&server));
    gate.takes();
    let report = server.close(Duration::ZERO).unwrap();
    assert_report(&report, 0, &[], &[addr(&client)]);
    gate.takes_none();
    assert!(!(&waits).read(&mut [0; 1]).is_ok_and(|count| count > 0));
}

fn busy_ones_finish<M: MixIn>() {
    let (server, gate, client) = with_one_at_work::<M>(Bounds::default());
    let closes = Closes::new(server, WATCHDOG);
    closes.waits();
    gate.go_on();
    assert_report(&closes.reports(), 1, &[], &[]);
    assert_eq!(read_all(client), "");
}

#[test]
fn requests_under_way_finish_within_the_grace() {
    busy_ones_finish::<Threading>();
    busy_ones_finish::<Pooling>();
}

fn idle_clients_are_cut<M: MixIn>() {
    let server = Server::<StreamRequest, _, M>::new(LOOPBACK, || Echo).unwrap();
    let mut clients = [dial(at(&server)), dial(at(&server))];
    let closes = Closes::new(server, SHORT);
    let report = closes.reports();
    assert_report(&report, 0, &clients.each_ref().map(addr), &[]);
    for client in &mut clients {
        assert_eq!(client.read(&mut [0; 1]).unwrap(), 0, "the end of input");
    }
}

#[cfg(unix)] // on Windows a read without a timeout is not woken
#[test]
fn idle_clients_are_cut_at_the_end_of_the_grace() {
    idle_clients_are_cut::<Threading>();
    idle_clients_are_cut::<Pooling>();
}

#[cfg(unix)] // on Windows a read without a timeout is not woken
#[test]
fn the_idle_client_of_a_serial_server_is_cut_and_who_waits_behind_it_is_reset() {
    let server = TcpServer::new(LOOPBACK, || Echo).unwrap();
    let (first, second) = (dial(at(&server)), dial(at(&server)));
    let report = Closes::new(server, SHORT).reports();
    assert_report(&report, 0, &[addr(&first)], &[]);
    assert_eq!((&first).read(&mut [0; 1]).unwrap(), 0, "the end of input");
    let read = (&second).read(&mut [0; 1]);
    assert!(read.is_err() || !resets(), "nobody took it");
}

fn one_that_ignores_it<M: MixIn>() {
    let (server, gate) = gated::<M>(Bounds::default());
    let at = at(&server);
    let client = dial(at);
    let closes = Closes::new(server, SHORT);
    gate.comes();
    let report = closes.reports();
    assert_report(&report, 0, &[], &[addr(&client)]);
    assert!(TcpStream::connect(at).is_err(), "nobody listens, whoever still runs");
    assert_eq!((&client).read(&mut [0; 1]).unwrap(), 0, "it is cut all the same");
}

#[test]
fn a_handler_that_ignores_the_cut_is_reported_as_still_running() {
    one_that_ignores_it::<Serial>();
    one_that_ignores_it::<Threading>();
    one_that_ignores_it::<Pooling>();
}

#[test]
fn what_waits_for_a_worker_at_the_cut_gets_none() {
    let bounds = Bounds { workers: 1, queued: 1, ..Bounds::default() };
    let (server, gate, first) = with_one_at_work::<Pooling>(bounds);
    let second = dial(at(&server));
    let report = Closes::new(server, SHORT).reports();
    assert_report(&report, 0, &[], &[addr(&first), addr(&second)]);
    gate.go_on();
    assert_eq!(read_all(first), "");
    assert_eq!(read_all(second), "");
    gate.none_comes();
}

#[test]
fn datagrams_that_wait_are_answered() {
    struct Upper;
    impl ropewalk::server::DatagramRequestHandler for Upper {
        fn handle(&mut self, request: &mut ropewalk::server::DatagramRequest) -> HandlerResult {
            request.wfile = request.packet.to_ascii_uppercase();
            Ok(())
        }
    }
    let server = UdpServer::new(LOOPBACK, || Upper).unwrap();
    let client = datagrams(at(&server));
    client.send(b"hello").unwrap();
    let report = server.close(WATCHDOG).unwrap();
    assert_report(&report, 1, &[], &[]);
    let mut answer = [0; 8];
    assert_eq!(client.recv(&mut answer).unwrap(), 5);
    assert_eq!(&answer[..5], b"HELLO");
}

#[test]
fn a_request_that_is_refused_is_not_counted() {
    let (server, _gate) = gated::<Threading>(Bounds { requests: 0, ..Bounds::default() });
    let client = dial(at(&server));
    assert_report(&server.close(WATCHDOG).unwrap(), 0, &[], &[]);
    assert_eq!(read_all(client), "");
}

/// Connects to its own server, whose queue is never empty so.
struct Again(std::sync::Arc<std::sync::OnceLock<SocketAddr>>);

impl StreamRequestHandler for Again {
    fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult {
        // The last one may meet a server that is closed.
        let _ = self.0.get().map(TcpStream::connect);
        Ok(())
    }
}

#[test]
fn a_queue_that_is_never_empty_is_left_at_the_bound() {
    let known = std::sync::Arc::new(std::sync::OnceLock::new());
    let its = known.clone();
    let server = TcpServer::new(LOOPBACK, move || Again(its.clone())).unwrap();
    known.set(at(&server)).unwrap();
    drop(dial(at(&server)));
    let report = Closes::new(server, WATCHDOG).reports();
    assert_report(&report, limits::CLOSE_REQUESTS, &[], &[]);
}

/// Tells how it ended; at a stop it stays, or ends by default.
struct Tells {
    tell: mpsc::Sender<Kind>,
    stays: bool,
}

impl Protocol for Tells {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        transport.write(data);
    }
    fn stopping(&mut self, transport: &mut dyn Transport) {
        if !self.stays {
            transport.close();
        }
    }
    fn connection_lost(&mut self, _: &mut dyn Transport, why: &Reason) {
        self.tell.send(why.kind()).unwrap();
    }
}

fn of_protocols<M: MixIn>(
    stays: bool,
) -> (Server<StreamRequest, impl BaseServer<StreamRequest>, M>, mpsc::Receiver<Kind>) {
    let (tell, told) = mpsc::channel();
    let factory = move || Tells { tell: tell.clone(), stays };
    (Server::new(LOOPBACK, Protocols::new(factory)).unwrap(), told)
}

fn protocols_end<M: MixIn>() {
    let (server, told) = of_protocols::<M>(false);
    let mut client = dial(at(&server));
    client.write_all(b"hello").unwrap();
    // It is in the kernel's queue, and so is what it said.
    let report = Closes::new(server, WATCHDOG).reports();
    assert_report(&report, 1, &[], &[]);
    assert_eq!(told.recv_timeout(WATCHDOG).unwrap(), Kind::Closed);
    assert_eq!(read_all(client), "hello");
}

#[test]
fn protocols_answer_what_had_arrived_and_come_to_their_end() {
    protocols_end::<Serial>();
    protocols_end::<Threading>();
    protocols_end::<Pooling>();
}

fn protocols_are_cut<M: MixIn>() {
    let (server, told) = of_protocols::<M>(true);
    let mut client = dial(at(&server));
    let report = Closes::new(server, SHORT).reports();
    assert_report(&report, 0, &[addr(&client)], &[]);
    assert_eq!(told.recv_timeout(WATCHDOG).unwrap(), Kind::Stopped);
    let read = client.read(&mut [0; 1]);
    assert!(read.is_err() || !resets(), "cut, so that it does not look whole");
}

#[test]
fn protocols_that_stay_are_reset_at_the_end_of_the_grace() {
    protocols_are_cut::<Serial>();
    protocols_are_cut::<Threading>();
    protocols_are_cut::<Pooling>();
}

/// Nothing can be done to a datagram's handler, and so nothing was.
#[test]
fn a_datagram_at_work_is_nobodys_to_cut() {
    let (hooks, gate) = gate(Bounds::default());
    let server = Server::<DatagramRequest, _, Threading>::new(LOOPBACK, hooks).unwrap();
    datagrams(at(&server)).send(b"x").unwrap();
    assert!(server.handle_request().unwrap());
    gate.comes();
    assert_eq!(server.shutdown_handle().abort_clients(), 0);
    let closes = Closes::new(server, WATCHDOG);
    closes.waits();
    gate.go_on();
    assert_report(&closes.reports(), 1, &[], &[]);
}

#[test]
fn protocols_that_come_to_their_end_at_a_grace_of_zero_were_not_cut() {
    let (server, told) = of_protocols::<Threading>(false);
    let mut client = dial(at(&server));
    assert!(server.handle_request().unwrap());
    client.write_all(b"x").unwrap();
    client.read_exact(&mut [0; 1]).unwrap(); // it is there
    let report = Closes::new(server, Duration::ZERO).reports();
    assert_eq!(told.recv_timeout(WATCHDOG).unwrap(), Kind::Closed);
    assert_eq!(read_all(client), "");
    assert_report(&report, 1, &[], &[]);
}

#[test]
fn a_grace_without_end_is_no_overflow() {
    let (server, gate, client) = with_one_at_work::<Threading>(Bounds::default());
    let closes = Closes::new(server, Duration::MAX);
    closes.waits();
    gate.go_on();
    assert_report(&closes.reports(), 1, &[], &[]);
    assert_eq!(read_all(client), "");
}

#[test]
fn the_requests_under_way_are_listed_and_leave_the_list() {
    let (server, gate, client) = with_one_at_work::<Threading>(Bounds::default());
    let handle = server.shutdown_handle();
    let listed = |requests: Vec<ropewalk::server::ActiveRequest>| -> Vec<Addr> {
        requests.into_iter().map(|request| request.client_address).collect()
    };
    assert_eq!(listed(server.requests()), [addr(&client)]);
    assert_eq!(listed(handle.requests()), [addr(&client)]);
    let second = dial(at(&server));
    assert!(server.handle_request().unwrap());
    assert_eq!(listed(server.requests()), [addr(&client), addr(&second)]);
    let both = server.requests();
    assert!(both[0].age >= both[1].age, "the oldest is the first");
    gate.go_on();
    gate.go_on();
    server.close(WATCHDOG).unwrap();
    assert_eq!(listed(handle.requests()), []);
}

#[cfg(unix)] // on Windows a read without a timeout is not woken
#[test]
fn clients_are_closed_while_the_server_goes_on() {
    struct SaysGoodbye;
    impl StreamRequestHandler for SaysGoodbye {
        fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
            let mut heard = Vec::new();
            request.rfile.read_to_end(&mut heard)?;
            heard.extend_from_slice(b" and goodbye");
            Ok(request.send_all(&heard)?)
        }
    }
    let server = ThreadingTcpServer::new(LOOPBACK, || SaysGoodbye).unwrap();
    let mut client = dial(at(&server));
    client.write_all(b"hello").unwrap();
    assert!(server.handle_request().unwrap());
    assert_eq!(server.shutdown_handle().close_clients(), 1);
    // What had arrived is read, then the end; and the answer arrives.
    assert_eq!(read_all(client), "hello and goodbye");
    let mut later = dial(at(&server));
    assert!(server.handle_request().unwrap());
    later.write_all(b"later").unwrap();
    later.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(read_all(later), "later and goodbye");
}

#[test]
fn clients_are_cut_while_the_server_goes_on() {
    let server = ThreadingTcpServer::new(LOOPBACK, || Echo).unwrap();
    let client = dial(at(&server));
    assert!(server.handle_request().unwrap());
    assert_eq!(server.shutdown_handle().abort_clients(), 1);
    assert_eq!(read_all(client), "");
    let mut later = dial(at(&server));
    later.write_all(b"later").unwrap();
    assert!(server.handle_request().unwrap());
    later.read_exact(&mut [0; 5]).unwrap();
}

fn protocols_are_asked_to_end<M: MixIn>(cut: bool, ended: Kind) {
    let ask = |handle: ropewalk::server::ShutdownHandle| {
        if cut { handle.abort_clients() } else { handle.close_clients() }
    };
    let (server, told) = of_protocols::<M>(cut);
    let mut client = dial(at(&server));
    assert!(server.handle_request().unwrap());
    client.write_all(b"x").unwrap();
    client.read_exact(&mut [0; 1]).unwrap();
    assert_eq!(ask(server.shutdown_handle()), 1);
    assert_eq!(told.recv_timeout(WATCHDOG).unwrap(), ended);
    // One whose engine may not be there yet hears of it as soon as it is.
    for round in 0..500 {
        let client = dial(at(&server));
        assert!(server.handle_request().unwrap());
        (0..round * 20).for_each(|_| std::hint::spin_loop()); // at another instant each time
        ask(server.shutdown_handle());
        let end = (&client).read(&mut [0; 1]);
        let is_end = |error: &std::io::Error| error.kind() == std::io::ErrorKind::ConnectionReset;
        assert!(matches!(end, Ok(0)) || end.as_ref().is_err_and(is_end), "{end:?}");
    }
}

#[test]
fn protocols_are_asked_to_end_while_the_server_goes_on() {
    protocols_are_asked_to_end::<Threading>(false, Kind::Closed);
    protocols_are_asked_to_end::<Pooling>(false, Kind::Closed);
}

#[test]
fn protocols_are_cut_while_the_server_goes_on() {
    protocols_are_asked_to_end::<Threading>(true, Kind::Stopped);
    protocols_are_asked_to_end::<Pooling>(true, Kind::Stopped);
}

#[test]
fn a_connection_that_was_detached_is_nobodys_to_cut() {
    struct HandsOver(mpsc::Sender<ropewalk::Socket>);
    impl StreamRequestHandler for HandsOver {
        fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
            self.0.send(request.detach().expect("it is there"))?;
            request.server.abort_clients();
            Ok(())
        }
    }
    let (tell, told) = mpsc::channel();
    let tell = std::sync::Mutex::new(tell);
    let handler = move || HandsOver(tell.lock().unwrap().clone());
    let server = TcpServer::new(LOOPBACK, handler).unwrap();
    let client = dial(at(&server));
    assert!(server.handle_request().unwrap());
    server.close(Duration::ZERO).unwrap();
    told.recv_timeout(WATCHDOG).unwrap().send_all(b"still here").unwrap();
    assert_eq!(read_all(client), "still here");
}

#[test]
fn a_connection_can_be_detached_while_somebody_asks_it_to_end() {
    use std::sync::atomic::{AtomicBool, Ordering};
    struct Detaches;
    impl StreamRequestHandler for Detaches {
        fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
            let socket = request.detach().ok_or("somebody else had it")?;
            Ok(socket.send_all(b"mine")?)
        }
    }
    let server = TcpServer::new(LOOPBACK, || Detaches).unwrap();
    let (handle, over) = (server.shutdown_handle(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                handle.close_clients();
            }
        });
        let failed = (0..500).find(|_| {
            let client = dial(at(&server));
            server.handle_request().unwrap();
            read_all(client) != "mine"
        });
        over.store(true, Ordering::SeqCst);
        assert_eq!(failed, None);
    });
}
