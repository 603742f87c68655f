//! `--model fork`: each connection in a child, whose log and table are its parent's.
//! Owns: the one server of all endpoints, the line from the children up, and that a child
//! says all by it. Never: handles a connection itself; the protocols' own handler does.

use std::io::{self, ErrorKind, Read as _};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::os::unix::process::parent_id;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use ropewalk::addr::Site;
use ropewalk::options::SocketOptions;
use ropewalk::server::{
    BaseServer, Forking, HandlerError, HandlerResult, ProtocolHandler, Protocols, Server as OfAll,
    ServerSocket, ShutdownHandle, StreamRequest, run_handler,
};
use ropewalk::{Addr, Factory, Protocol};
use rustix::process::{Pid, test_kill_process};
use signal_hook::consts::SIGTERM;

use super::Server;
use super::spot::Wanted;
use crate::above::Event;
use crate::explain;
use crate::failure::{self, Failure};
use crate::limits::{EVENT_BYTES, EVENT_LOOK};
use crate::signals::Stop;
use crate::watch::Watch;

impl Server<'_> {
    /// Serves all endpoints from this thread alone: a server for each would leave its
    /// sockets open in the others' children.
    pub(super) fn run_forked<P, F>(&self, make: F) -> Result<u8, Failure>
    where
        P: Protocol + 'static,
        F: Fn() -> P + Clone + Send + 'static,
    {
        let hearing = Hearing::start(self.course.watch.clone()).map_err(|error| {
            Failure::new(failure::OTHER, format!("cannot hear children: {error}"))
        })?;
        let line = hearing.line.clone();
        self.course.log.keep(Box::new(move |event| line.tell(event)));
        let (mut spots, mut all) = (Vec::new(), Vec::new());
        let bound = self.bind(|spot, label| {
            let options = spot.endpoint.options();
            let sockets = match &spot.at {
                Wanted::Stream(at) => {
                    let sockets = ServerSocket::bind::<StreamRequest>(at, options)?;
                    let backlog = options.backlog;
                    let backlog = backlog.unwrap_or(ropewalk::limits::BACKLOG.unsigned_abs());
                    sockets.iter().try_for_each(|socket| socket.activate(backlog))?;
                    sockets
                }
                Wanted::Open => {
                    let sockets = spot.streams()?.into_iter();
                    sockets.map(ServerSocket::from_socket).collect::<ropewalk::Result<_>>()?
                }
                Wanted::Datagrams(_) | Wanted::Session => return Ok(Vec::new()), // refused
            };
            let addrs: Vec<Addr> = sockets.iter().map(|socket| socket.addr().clone()).collect();
            let factory = self.factory(spot, label, make.clone());
            let protocols =
                Protocols::with(factory, self.course.limits(), Some(self.course.watch.clone()));
            spots.push(ForkedSpot { addrs: addrs.clone(), protocols });
            all.extend(sockets);
            Ok(addrs)
        })?;
        let forked = Forked {
            spots,
            taken_at: AtomicUsize::new(0),
            sockets: Mutex::new(all),
            line: hearing.line.clone(),
        };
        // Its site is not asked for: the sockets are bound already.
        let server = OfAll::<StreamRequest, _, Forking>::new(0, forked)
            .map_err(|error| explain::plain(&error))?;
        let handle = server.shutdown_handle();
        let line = hearing.line.clone();
        let stop = Stop::Servers(vec![handle.clone()]);
        let signals = self.course.hear_and_list(stop, move || line.add(&Event::List));
        self.tell_serving(&bound);
        let report = server.serve_and_close(self.course.drain).map(|closed| {
            let mut report = handle.take_report();
            // Those that were killed have not said so themselves.
            let killed = closed.cut.len().saturating_sub(report.cut);
            let left = closed.still_running.len() + killed;
            (report.open, report.cut) = (report.open + left, report.cut + left);
            report
        });
        hearing.finish();
        self.course.conclude(report, signals.as_ref())
    }
}

/// The thread that hears the children.
struct Hearing {
    line: Line,
    thread: JoinHandle<()>,
}

impl Hearing {
    /// Begins to hear, for this table and its log.
    fn start(watch: Arc<Watch>) -> io::Result<Hearing> {
        let (below, above) = UnixDatagram::pair()?;
        below.set_write_timeout(Some(EVENT_LOOK))?;
        let line = Line { socket: Arc::new(below), hears: std::process::id() };
        let thread = std::thread::Builder::new().name("children".into()).spawn(move || {
            let mut buffer = vec![0; EVENT_BYTES];
            while let Ok(count) = above.recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..count]);
                match Event::read(&text) {
                    Some(Event::Over) => return,
                    Some(Event::Died) => watch.bury(is_there),
                    Some(event) => watch.note(event),
                    None => tracing::error!("a child said what nobody understands: {text:?}"),
                }
            }
        })?;
        Ok(Hearing { line, thread })
    }

    /// Hears all that was said before, and no more.
    fn finish(self) {
        self.line.add(&Event::Over);
        let _ = self.thread.join(); // a panic was told of when it happened
    }
}

/// The children's end of the line.
#[derive(Clone)]
struct Line {
    socket: Arc<UnixDatagram>,
    /// The process at the other end.
    hears: u32,
}

impl Line {
    /// In a child. Waits until there is room: who hears never waits for anybody. If he is
    /// gone, there is no log either; but the line has an end in the child itself (a copy of
    /// his), so that it does not say so.
    fn tell(&self, event: &Event) {
        while parent_id() == self.hears {
            match self.say(event) {
                Err(error) if is_no_room(&error) => {}
                _ => return,
            }
        }
    }

    /// In the parent: behind all that the children have said.
    fn add(&self, event: &Event) {
        while self.say(event).is_err_and(|error| is_no_room(&error)) {}
    }

    fn say(&self, event: &Event) -> io::Result<()> {
        self.socket.send(event.spelled().as_bytes()).map(drop)
    }
}

fn is_there(process: u32) -> bool {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    process.is_some_and(|process| test_kill_process(process).is_ok())
}

/// Whether it is to be tried again.
fn is_no_room(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// The hooks of protocols, in children.
struct Forked<F> {
    spots: Vec<ForkedSpot<F>>,
    /// Where the last connection was taken: the child is forked off before the next one.
    taken_at: AtomicUsize,
    /// Bound already, until the server has them.
    sockets: Mutex<Vec<ServerSocket>>,
    line: Line,
}

/// What runs at an endpoint.
struct ForkedSpot<F> {
    addrs: Vec<Addr>,
    protocols: Protocols<F>,
}

impl<F: Factory + Send + 'static> BaseServer<StreamRequest> for Forked<F> {
    type Handler = ProtocolHandler<F>;

    fn handler(&self, client: &Addr) -> ProtocolHandler<F> {
        self.spots[self.taken_at.load(Ordering::Relaxed)].protocols.handler(client)
    }

    fn server_bind(&self, _: &Site, _: &SocketOptions) -> ropewalk::Result<Vec<ServerSocket>> {
        Ok(std::mem::take(&mut *self.sockets.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    fn server_activate(&self, _: &[ServerSocket]) -> ropewalk::Result<()> {
        Ok(()) // each with its own queue, when it was bound
    }

    fn get_request(&self, socket: &ServerSocket) -> ropewalk::Result<StreamRequest> {
        let here = |spot: &ForkedSpot<F>| spot.addrs.contains(socket.addr());
        let spot = self.spots.iter().position(here).unwrap_or_default();
        self.taken_at.store(spot, Ordering::Relaxed);
        self.spots[spot].protocols.get_request(socket)
    }

    fn finish_request(&self, request: &mut StreamRequest, client: &Addr) -> HandlerResult {
        if let Err(error) = cut_when_terminated(request.server.clone()) {
            tracing::warn!("only a kill can cut the connection of {client}: {error}");
        }
        run_handler(&mut self.handler(client), request)
    }

    fn handle_error(&self, error: &HandlerError, client: &Addr) {
        self.spots[self.taken_at.load(Ordering::Relaxed)].protocols.handle_error(error, client);
        if let HandlerError::Exited(_) = error {
            self.line.add(&Event::Died); // here is the parent: the child is buried
        }
    }

    fn fork_with_threads(&self) -> bool {
        // The parent's threads write its log, hear its children and wait for its signals. The
        // locks that they take (the log's, the table's) no child does.
        true
    }
}

/// In a child: TERM, which its parent sends when connections are to be cut, does so, and they
/// are reported. The child has the parent's handlers otherwise, which tell nobody here: what a
/// terminal sends to both is the parent's to obey.
fn cut_when_terminated(server: ShutdownHandle) -> io::Result<()> {
    let (mut terminated, tells) = UnixStream::pair()?;
    signal_hook::low_level::pipe::register(SIGTERM, tells)?;
    std::thread::Builder::new().name("terminated".into()).spawn(move || {
        while terminated.read_exact(&mut [0]).is_ok() {
            server.abort_clients();
        }
    })?;
    Ok(())
}
