//! The client: blocking sockets in threads, the same for every server.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use socket2::SockRef;

/// Connections at a time, a thread each.
pub(crate) const AT_A_TIME: usize = 8;
/// Bytes of a request, and of its answer.
pub(crate) const MESSAGE_BYTES: usize = 64;
/// Far more than any answer takes.
const WATCHDOG: Duration = Duration::from_secs(60);

/// How a client uses its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// A connection for each request, which the server ends after its answer.
    Once,
    /// All requests over one.
    Many,
}

impl Manner {
    pub(crate) fn named(name: &str) -> Manner {
        if name == Manner::Once.name() { Manner::Once } else { Manner::Many }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Manner::Once => "once",
            Manner::Many => "many",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Manner::Once => "A connection for each request",
            Manner::Many => "Many requests a connection",
        }
    }

    /// Requests in one round.
    pub(crate) fn requests(self) -> usize {
        match self {
            Manner::Once => 2_000,
            Manner::Many => 10_000,
        }
    }
}

/// What one round took.
pub(crate) struct Round {
    pub(crate) requests_a_second: f64,
    pub(crate) latencies: Vec<Duration>,
}

/// Asks one server for one round.
pub(crate) fn round(to: SocketAddr, manner: Manner) -> Round {
    let requests = manner.requests() / AT_A_TIME;
    let barrier = Barrier::new(AT_A_TIME + 1);
    let mut latencies = Vec::with_capacity(manner.requests());
    let mut began = Instant::now();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..AT_A_TIME)
            .map(|_| {
                scope.spawn(|| match manner {
                    Manner::Once => ask_once_each(to, requests, &barrier),
                    Manner::Many => ask_over_one(to, requests, &barrier),
                })
            })
            .collect();
        barrier.wait();
        began = Instant::now();
        for client in clients {
            latencies.extend(client.join().unwrap());
        }
    });
    let requests_a_second = latencies.len() as f64 / began.elapsed().as_secs_f64();
    Round { requests_a_second, latencies }
}

/// From before the connect until the answer is there; then the server ends it.
fn ask_once_each(to: SocketAddr, requests: usize, barrier: &Barrier) -> Vec<Duration> {
    barrier.wait();
    let ask = |_| {
        let began = Instant::now();
        let mut stream = connect(to);
        ask(&mut stream);
        let took = began.elapsed();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "the server ends it");
        took
    };
    (0..requests).map(ask).collect()
}

fn ask_over_one(to: SocketAddr, requests: usize, barrier: &Barrier) -> Vec<Duration> {
    let mut stream = connect(to);
    ask(&mut stream); // it is accepted
    barrier.wait();
    let mut ask = |_| {
        let began = Instant::now();
        ask(&mut stream);
        began.elapsed()
    };
    (0..requests).map(&mut ask).collect()
}

/// A connection that leaves no `TIME_WAIT` here, which would use up the ports.
pub(crate) fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(WATCHDOG)).unwrap();
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    stream
}

pub(crate) fn ask(stream: &mut TcpStream) {
    let message = [b'x'; MESSAGE_BYTES];
    let mut back = [0; MESSAGE_BYTES];
    stream.write_all(&message).unwrap();
    stream.read_exact(&mut back).unwrap();
    assert_eq!(back, message);
}
