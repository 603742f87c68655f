//! A pool of threads: its bounds, what it does at them, and what it survives.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use ropewalk::server::{
    Pooling, PoolingTcpServer, PoolingUdpServer, Server, StreamRequest, WhenFull,
};

use crate::gate::{Bounds, Gate, Gated, gate};
use crate::needs::resets;
use crate::serve::{Served, WATCHDOG, datagrams, dial, read_all, serve};

fn one_worker(queued: usize, when_full: WhenFull) -> Bounds {
    Bounds { workers: 1, queued, when_full, ..Bounds::default() }
}

fn pool(bounds: Bounds) -> (Served, Gate) {
    let (hooks, gate) = gate(bounds);
    (serve(PoolingTcpServer::new(("127.0.0.1", 0), hooks).unwrap()), gate)
}

/// One at work and one in the queue of one: the pool is full.
fn full(when_full: WhenFull) -> (Served, Gate, [TcpStream; 2]) {
    let (served, gate) = pool(one_worker(1, when_full));
    let first = served.dial();
    gate.takes();
    gate.comes();
    let second = served.dial();
    gate.takes();
    (served, gate, [first, second])
}

fn port(client: &TcpStream) -> Option<u16> {
    Some(client.local_addr().unwrap().port())
}

#[test]
fn requests_beyond_the_workers_wait_and_are_worked_on_in_their_order() {
    let (served, gate) = pool(Bounds { workers: 2, ..Bounds::default() });
    let clients: Vec<_> = (0..5).map(|_| served.dial()).collect();
    let mut came = vec![gate.comes().0.port(), gate.comes().0.port()];
    gate.none_comes();
    for _ in 2..5 {
        gate.go_on();
        came.push(gate.comes().0.port());
    }
    let dialled: Vec<_> = clients.iter().map(port).collect();
    assert_eq!(came[2..], dialled[2..]);
    gate.go_on();
    gate.go_on();
    for client in clients {
        assert_eq!(read_all(client), "");
    }
}

#[test]
fn a_full_pool_that_waits_leaves_the_rest_to_the_kernel_until_there_is_room() {
    let (served, gate, [first, second]) = full(WhenFull::Wait);
    let third = served.dial();
    gate.takes_none();
    let wakes = gate.wakes();
    gate.takes_none();
    assert_eq!(gate.wakes(), wakes, "it polls");
    assert_eq!(served.handle.requests().len(), 2);
    gate.go_on();
    assert_eq!(read_all(first), "");
    gate.takes();
    for client in [second, third] {
        assert_eq!(gate.comes().0.port(), port(&client));
        gate.go_on();
        assert_eq!(read_all(client), "");
    }
}

#[test]
fn without_a_queue_a_request_is_taken_when_a_worker_is_free() {
    let (served, gate) = pool(one_worker(0, WhenFull::Wait));
    for round in 0..3 {
        let (first, second) = (served.dial(), served.dial());
        gate.takes();
        gate.comes();
        if round == 0 {
            gate.takes_none();
        }
        gate.go_on();
        assert_eq!(read_all(first), "");
        gate.takes();
        gate.comes();
        gate.go_on();
        assert_eq!(read_all(second), "");
    }
}

#[test]
fn a_full_pool_that_waits_hears_a_shutdown_and_what_it_took_goes_on() {
    let (mut served, gate, [first, second]) = full(WhenFull::Wait);
    let third = served.dial();
    gate.takes_none();
    served.handle.shutdown();
    served.ends(); // and with the thread goes the server
    // Who was not taken is not served.
    assert!(!(&third).read(&mut [0; 1]).is_ok_and(|count| count > 0));
    gate.go_on();
    assert_eq!(read_all(first), "");
    assert_eq!(gate.comes().0.port(), port(&second));
    gate.go_on();
    assert_eq!(read_all(second), "");
}

#[test]
fn a_full_pool_that_waits_leaves_handle_request_its_timeout() {
    let (hooks, gate) = gate(one_worker(0, WhenFull::Wait));
    let server = PoolingTcpServer::new(("127.0.0.1", 0), hooks).unwrap();
    let server = Arc::new(server);
    let at = server.local_addr().ip().unwrap();
    let (first, second) = (dial(at), dial(at));
    assert!(server.handle_request().unwrap());
    gate.comes();
    let waits = server.clone();
    let waiting = std::thread::spawn(move || waits.handle_request());
    gate.takes();
    gate.takes_none();
    gate.go_on();
    assert!(waiting.join().unwrap().unwrap());
    gate.comes();
    gate.go_on();
    assert_eq!(read_all(first), "");
    assert_eq!(read_all(second), "");
}

#[test]
fn a_full_pool_that_refuses_resets_the_newcomer() {
    let (served, gate, [first, second]) = full(WhenFull::Refuse);
    let read = served.dial().read(&mut [0; 1]);
    let is_reset = |error: std::io::Error| error.kind() == std::io::ErrorKind::ConnectionReset;
    assert!(read.is_err_and(is_reset) || !resets());
    // It is one that came too late, and no more.
    gate.go_on();
    gate.go_on();
    assert_eq!(read_all(first), "");
    assert_eq!(read_all(second), "");
    let third = served.dial();
    gate.go_on();
    assert_eq!(read_all(third), "");
}

#[test]
fn a_full_pool_that_closes_closes_the_newcomer_in_order() {
    let (served, gate, clients) = full(WhenFull::Close);
    assert_eq!(read_all(served.dial()), "");
    gate.go_on();
    gate.go_on();
    for client in clients {
        assert_eq!(read_all(client), "");
    }
}

/// Three datagrams to a pool that is full with two, and one when it is not; the ports whose
/// datagrams came to a handler, and of all.
fn three_datagrams(when_full: WhenFull) -> (Vec<Option<u16>>, Vec<Option<u16>>) {
    let (hooks, gate) = gate(one_worker(1, when_full));
    let server = PoolingUdpServer::new(("127.0.0.1", 0), hooks).unwrap();
    let served = serve(server);
    let clients: Vec<_> = (0..4).map(|_| datagrams(served.addr)).collect();
    let sent = clients.iter().map(|client| Some(client.local_addr().unwrap().port())).collect();
    clients[0].send(b"x").unwrap();
    gate.takes();
    let mut came = vec![gate.comes().0.port()];
    clients[1].send(b"x").unwrap();
    gate.takes();
    clients[2].send(b"x").unwrap();
    match when_full {
        WhenFull::Wait => gate.takes_none(),
        _ => gate.closes(),
    }
    gate.go_on();
    came.push(gate.comes().0.port());
    clients[3].send(b"x").unwrap();
    gate.go_on();
    came.push(gate.comes().0.port());
    (came, sent)
}

#[test]
fn a_full_pool_that_waits_leaves_datagrams_to_the_kernel() {
    let (came, sent) = three_datagrams(WhenFull::Wait);
    assert_eq!(came, sent[..3]);
}

#[test]
fn a_full_pool_that_refuses_or_closes_drops_datagrams() {
    for when_full in [WhenFull::Refuse, WhenFull::Close] {
        let (came, sent) = three_datagrams(when_full);
        assert_eq!(came, [sent[0], sent[1], sent[3]], "{when_full:?}");
    }
}

#[test]
fn a_worker_survives_a_handler_that_panics() {
    let (served, gate) = pool(one_worker(1, WhenFull::Wait));
    let mut workers = Vec::new();
    for _ in 0..3 {
        let client = served.dial();
        workers.push(gate.comes().1);
        gate.go_on_and_panic();
        assert_eq!(read_all(client), "", "closed in order");
    }
    assert!(workers.iter().all(|worker| *worker == workers[0]), "{workers:?}");
}

#[test]
fn a_worker_that_is_free_is_taken_before_another_is_started() {
    const ROUNDS: usize = 60;
    let (served, gate) = pool(Bounds { workers: ROUNDS, ..Bounds::default() });
    let mut workers = Vec::new();
    for _ in 0..ROUNDS {
        let client = served.dial();
        let (_, worker) = gate.comes();
        gate.go_on();
        assert_eq!(read_all(client), "");
        if !workers.contains(&worker) {
            workers.push(worker);
        }
    }
    // A client may hear its end a moment before its worker is free: then, and only then, another
    // one is started.
    assert!(workers.len() < ROUNDS / 2, "{} workers", workers.len());
}

#[test]
fn no_workers_are_one() {
    let (served, gate) = pool(Bounds { workers: 0, queued: 0, ..Bounds::default() });
    let client = served.dial();
    gate.comes();
    gate.go_on();
    assert_eq!(read_all(client), "");
}

#[test]
fn what_a_hook_held_back_is_queued_though_the_pool_is_full() {
    struct HoldsBack(Gated, std::sync::Mutex<Vec<StreamRequest>>);
    impl ropewalk::server::BaseServer<StreamRequest> for HoldsBack {
        type Handler = crate::gate::AtTheGate;
        fn handler(&self, client: &ropewalk::Addr) -> Self::Handler {
            ropewalk::server::BaseServer::<StreamRequest>::handler(&self.0, client)
        }
        fn max_workers(&self) -> usize {
            1
        }
        fn max_queued(&self) -> usize {
            0
        }
        fn process_request(&self, request: StreamRequest, process: &dyn Fn(StreamRequest)) {
            let mut held = self.1.lock().unwrap();
            held.push(request);
            if held.len() == 3 {
                held.drain(..).for_each(process);
            }
        }
    }
    let (hooks, gate) = gate(Bounds::default());
    let hooks = HoldsBack(hooks, std::sync::Mutex::default());
    let served = serve(PoolingTcpServer::new(("127.0.0.1", 0), hooks).unwrap());
    let clients: Vec<_> = (0..3).map(|_| served.dial()).collect();
    for client in clients {
        assert_eq!(gate.comes().0.port(), port(&client));
        gate.go_on();
        assert_eq!(read_all(client), "");
    }
}

#[test]
fn a_protocol_keeps_its_worker_until_its_connection_is_over() {
    struct Few<S>(S);
    impl<S> ropewalk::server::BaseServer<StreamRequest> for Few<S>
    where
        S: ropewalk::server::BaseServer<StreamRequest>,
    {
        type Handler = S::Handler;
        fn handler(&self, client: &ropewalk::Addr) -> S::Handler {
            self.0.handler(client)
        }
        fn max_workers(&self) -> usize {
            1
        }
        fn drain_grace(&self) -> Option<std::time::Duration> {
            self.0.drain_grace()
        }
    }
    let hooks = Few(ropewalk::server::Protocols::new(|| ropewalk::service::Echo));
    let served = serve(Server::<StreamRequest, _, Pooling>::new(("127.0.0.1", 0), hooks).unwrap());
    let mut first = served.dial();
    let echoes = |client: &mut TcpStream, word: &[u8]| {
        client.write_all(word).unwrap();
        let mut answer = vec![0; word.len()];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(answer, word);
    };
    echoes(&mut first, b"one");
    let mut second = served.dial();
    second.write_all(b"two").unwrap();
    second.set_read_timeout(Some(crate::serve::A_MOMENT)).unwrap();
    assert!(second.read(&mut [0; 3]).is_err(), "the second did not wait");
    echoes(&mut first, b"three");
    drop(first);
    second.set_read_timeout(Some(WATCHDOG)).unwrap();
    second.read_exact(&mut [0; 3]).unwrap();
}
