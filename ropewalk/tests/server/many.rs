//! Many clients in all, few at a time: nothing is left of them. In processes of their own,
//! so that no other test is counted.

use std::net::SocketAddr;

use ropewalk::Addr;
use ropewalk::clock::{Clock, MachineClock, Time};
use ropewalk::server::{
    BaseServer, HandlerResult, StreamRequest, StreamRequestHandler, TcpServer, ThreadingTcpServer,
};

use crate::apart;
use crate::serve::{WATCHDOG, ask, dial, serve};

/// In all.
const CLIENTS: usize = 10_000;
/// At a time.
const AT_A_TIME: usize = 8;
/// What a thread leaves to those after it: the allocator's arenas, not a leak.
const KEPT_BYTES: usize = 4 << 20;

struct Echo;

impl StreamRequestHandler for Echo {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        let data = request.recv(1024)?;
        Ok(request.send_all(&data)?)
    }
}

/// Far fewer threads than there are clients in all: if one stayed for each, most would be
/// turned away.
struct Few;

impl BaseServer<StreamRequest> for Few {
    type Handler = Echo;
    fn handler(&self, _: &Addr) -> Echo {
        Echo
    }
    fn max_threads(&self) -> usize {
        AT_A_TIME * 64
    }
}

fn crowd(addr: SocketAddr, count: usize) {
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                for _ in 0..count / AT_A_TIME {
                    assert_eq!(ask(dial(addr), b"hello"), "hello");
                }
            });
        }
    });
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// Threads end a moment after their clients.
#[track_caller]
fn wait_for_threads(count: usize) {
    let clock = MachineClock::begin();
    while threads() > count {
        assert!(clock.now() < Time::ZERO + WATCHDOG, "{} threads, not {count}", threads());
        std::thread::yield_now();
    }
}

#[test]
#[ignore = "a part, in a process of its own"]
fn the_part_of_the_crowd() {
    if apart::words().is_none() {
        return;
    }
    let served = serve(ThreadingTcpServer::new(("127.0.0.1", 0), Few).unwrap());
    let idle = threads();
    crowd(served.addr, CLIENTS / 10);
    wait_for_threads(idle);
    let (open, resident) = (apart::descriptors(), apart::resident_bytes());
    crowd(served.addr, CLIENTS);
    wait_for_threads(idle);
    assert_eq!(apart::descriptors(), open, "descriptors open");
    let grown = apart::resident_bytes().saturating_sub(resident);
    assert!(grown <= KEPT_BYTES, "{grown} B more in memory after the crowd");
}

#[test]
fn ten_thousand_clients_leave_no_thread_and_no_descriptor() {
    apart::play("many::the_part_of_the_crowd", &["1".to_owned()]);
}

#[test]
#[ignore = "a part, in a process of its own"]
fn the_part_of_the_failing_binds() {
    if apart::words().is_none() {
        return;
    }
    let holder = TcpServer::new(("127.0.0.1", 0), || Echo).unwrap();
    let at = holder.local_addr().ip().unwrap();
    let open = apart::descriptors();
    for _ in 0..1024 {
        TcpServer::new(at, || Echo).unwrap_err();
    }
    assert_eq!(apart::descriptors(), open, "descriptors open");
}

/// CPython's `test_tcpserver_bind_leak`.
#[test]
fn a_thousand_binds_that_fail_leave_no_descriptor() {
    apart::play("many::the_part_of_the_failing_binds", &["1".to_owned()]);
}
