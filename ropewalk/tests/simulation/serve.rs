//! A server on real sockets, in a thread of the test's: an event loop, or a thread for
//! each connection.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use ropewalk::limits::Limits;
use ropewalk::server::ThreadServer;
use ropewalk::{Factory, Listener, Reactor, Remote, Report};

/// Far beyond any promise of these tests: an end if what they wait for never comes.
pub const WATCHDOG: Duration = Duration::from_secs(120);

/// What serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    Reactor,
    Threads,
}

pub const MODELS: [Model; 2] = [Model::Reactor, Model::Threads];

/// A server that runs. Stop it, or its thread stays.
pub struct Server {
    pub addr: SocketAddr,
    pub remote: Remote,
    thread: JoinHandle<Report>,
}

impl Server {
    /// Serves on a port of the system's choice.
    pub fn start<F>(model: Model, limits: Limits, factory: F) -> Server
    where
        F: Factory + Send + 'static,
    {
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || match model {
            Model::Reactor => {
                let reactor = Reactor::builder().limits(limits).build().unwrap();
                let listener = reactor.listen_tcp(("127.0.0.1", 0), factory).unwrap();
                tell.send((bound(&listener), reactor.remote())).unwrap();
                let report = reactor.run_reporting().unwrap();
                assert_eq!(reactor.connections(), 0);
                report
            }
            Model::Threads => {
                let server = ThreadServer::with(limits, None).unwrap();
                let listener = server.listen_tcp(("127.0.0.1", 0), factory).unwrap();
                tell.send((bound(&listener), server.remote())).unwrap();
                server.serve_reporting().unwrap()
            }
        });
        let (addr, remote) = told.recv_timeout(WATCHDOG).expect("it listens");
        Server { addr, remote, thread }
    }

    /// Stops it in order, and answers how that went.
    pub fn stop(self) -> Report {
        self.remote.stop().unwrap();
        self.thread.join().expect("the server did not panic")
    }
}

fn bound(listener: &Listener) -> SocketAddr {
    listener.addrs()[0].ip().expect("an IP address")
}
