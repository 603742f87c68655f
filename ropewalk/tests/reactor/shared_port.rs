//! A reactor for each core on one port, where the system shares ports.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use ropewalk::error::{ErrorKind, Operation};
use ropewalk::protocol::Phase;
use ropewalk::reactor::{Builder, Cores};
use ropewalk::{Error, Protocol, Transport};

use crate::{Echo, WATCHDOG};

/// Tells which thread it lives on.
#[derive(Clone)]
struct Where(Arc<Mutex<BTreeSet<String>>>);

impl Protocol for Where {
    fn connection_made(&mut self, _: &mut dyn Transport) {
        self.0.lock().unwrap().insert(format!("{:?}", thread::current().id()));
    }
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        match data {
            b"stop" => transport.net().stop(),
            b"panic" => panic!("a protocol's"),
            _ => drop(transport.write(data)),
        }
    }
}

fn dial(at: std::net::SocketAddr) -> TcpStream {
    let client = TcpStream::connect(at).unwrap();
    client.set_read_timeout(Some(WATCHDOG)).unwrap();
    client
}

#[test]
fn connections_are_spread_over_all_and_each_is_answered() {
    const CLIENTS: usize = 96;
    let threads: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let mut cores = Cores::of(3).unwrap();
    let seen = Where(threads.clone());
    let addrs = cores.listen_tcp(0, move || seen.clone()).unwrap();
    let ports: BTreeSet<_> = addrs.iter().map(|addr| addr.port()).collect();
    assert_eq!(ports.len(), 1, "one port in both families");
    let addrs: Vec<_> = addrs.iter().filter_map(|addr| addr.ip()).collect();
    let (remote, (tell, told)) = (cores.remote(), mpsc::channel());
    // Before they run only the first one listens.
    remote.call(move |_| tell.send(()).unwrap()).unwrap();
    let clients = thread::spawn(move || {
        told.recv_timeout(WATCHDOG).unwrap();
        let mut clients: Vec<_> =
            (0..CLIENTS).map(|number| dial(addrs[number % addrs.len()])).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            let said = [number as u8; 3];
            client.write_all(&said).unwrap();
            let mut heard = [0; 3];
            client.read_exact(&mut heard).unwrap();
            assert_eq!(heard, said);
        }
        remote.stop().unwrap();
        clients.iter_mut().for_each(|client| assert_eq!(client.read(&mut [0]).unwrap(), 0));
    });
    let report = cores.run_reporting().unwrap();
    clients.join().unwrap();
    assert_eq!((report.open, report.ended, report.cut), (CLIENTS, CLIENTS, 0));
    // The kernel spreads by a hash: that one of three gets none of 96 has no chance worth
    // naming (one in 10^16).
    assert_eq!(threads.lock().unwrap().len(), 3);
}

#[test]
fn a_stop_of_any_of_them_is_for_all_and_a_panic_is_for_its_connection() {
    let mut cores = Cores::with(4, Builder::default()).unwrap();
    let seen = Where(Arc::default());
    let at = cores.listen_tcp(("127.0.0.1", 0), move || seen.clone()).unwrap()[0].ip().unwrap();
    let (prepared, stopped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (prepares, stops) = (prepared.clone(), stopped.clone());
    let each = move |reactor: &ropewalk::Reactor, number: usize| {
        prepares.fetch_add(1 << (4 * number), Ordering::SeqCst);
        let stops = stops.clone();
        reactor.on_shutdown(Phase::After, move |_| {
            stops.fetch_add(1, Ordering::SeqCst);
        });
        Ok(())
    };
    cores.each(each).unwrap();
    let clients = thread::spawn(move || {
        let mut clients: Vec<_> = (0..16).map(|_| dial(at)).collect();
        let mut ends = |said: &[u8]| {
            let mut client = clients.pop().unwrap();
            client.write_all(said).unwrap();
            client.read(&mut [0])
        };
        assert!(ends(b"panic").is_err(), "a reset");
        assert!(matches!(ends(b"x"), Ok(1)));
        assert!(matches!(ends(b"stop"), Ok(0)));
        clients.iter_mut().for_each(|client| assert_eq!(client.read(&mut [0]).unwrap(), 0));
    });
    let report = cores.run_reporting().unwrap();
    clients.join().unwrap();
    assert_eq!(prepared.load(Ordering::SeqCst), 0x1111);
    assert_eq!(stopped.load(Ordering::SeqCst), 4);
    assert_eq!(report.cut, 0);
}

#[test]
fn one_that_cannot_start_ends_all() {
    let mut cores = Cores::of(3).unwrap();
    cores.listen_tcp(0, || Echo).unwrap();
    let fails = |_: &ropewalk::Reactor, number: usize| match number {
        2 => Err(Error::new(Operation::Start, ErrorKind::InvalidInput, "not this one")),
        _ => Ok(()),
    };
    cores.each(fails).unwrap();
    let error = cores.run().unwrap_err();
    assert_eq!(error.to_string(), "cannot start: not this one");

    let mut cores = Cores::of(3).unwrap();
    cores.each(|_, number| if number == 1 { panic!("nor this one") } else { Ok(()) }).unwrap();
    let error = cores.run().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panicked);
    assert!(error.to_string().starts_with("cannot run core 1: "), "{error}");
}

#[test]
fn one_that_does_not_answer_is_left_behind_and_counted() {
    let mut cores = Cores::of(2).unwrap();
    let (tell, told) = mpsc::channel::<()>();
    let told = Arc::new(Mutex::new(told));
    cores
        .each(move |reactor, number| {
            let told = told.clone();
            if number == 1 {
                // A callback that blocks, against all advice, until the test is over.
                reactor.call_when_running(move |_| assert!(told.lock().unwrap().recv().is_err()));
            }
            Ok(())
        })
        .unwrap();
    cores.remote().drain(Duration::from_millis(1)).unwrap();
    let report = cores.run_reporting().unwrap();
    assert_eq!((report.open, report.cut), (1, 1));
    drop(tell);
}
