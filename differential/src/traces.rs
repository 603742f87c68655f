//! Servers whose hooks write down that they were called: `probes/traces.py` in Rust.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ropewalk::Addr;
use ropewalk::addr::{DatagramSite, Site};
use ropewalk::error::{Error, ErrorKind, Operation, Result};
use ropewalk::server::{
    BaseRequestHandler, BaseServer, DatagramRequest, HandlerError, HandlerResult, MixIn, Request,
    Server, ServerSocket, StreamRequest,
};
use ropewalk::socket::*;

use crate::ends::*;
use crate::outcome::{Text, words};

const PATIENCE: Duration = Duration::from_secs(10);

/// What was called, in its order.
pub(crate) struct Trace {
    names: Mutex<Vec<&'static str>>,
    changed: Condvar,
    /// The process that it is of. What a forked child calls it tells by the other field.
    process: u32,
    told: Mutex<Option<UnixStream>>,
}

impl Default for Trace {
    fn default() -> Trace {
        let (names, changed, told) = (Mutex::default(), Condvar::new(), Mutex::default());
        Trace { names, changed, process: std::process::id(), told }
    }
}

impl Trace {
    /// What children will tell, once it is read to its end.
    pub(crate) fn told(&self) -> Result<UnixStream> {
        let pair = UnixStream::pair();
        let (ours, theirs) =
            pair.map_err(|error| Error::from_io(Operation::Open, "(a pair)", error))?;
        *self.telling() = Some(theirs);
        Ok(ours)
    }

    /// From now on only children that there are can tell.
    pub(crate) fn no_more_children(&self) {
        *self.telling() = None;
    }

    fn telling(&self) -> MutexGuard<'_, Option<UnixStream>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn names(&self) -> MutexGuard<'_, Vec<&'static str>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, name: &'static str) {
        if std::process::id() != self.process {
            let told = self.telling().as_ref().map(|mut told| writeln!(told, "{name}"));
            return drop(told);
        }
        self.names().push(name);
        self.changed.notify_all();
    }

    /// Waits until it was called so often. Where it is not, the text says so.
    pub(crate) fn wait(&self, name: &str, count: usize) {
        let less = |names: &mut Vec<&str>| names.iter().filter(|it| **it == name).count() < count;
        let waited = self.changed.wait_timeout_while(self.names(), PATIENCE, less);
        if waited.is_ok_and(|(_, waited)| waited.timed_out()) {
            self.add("(waited in vain)");
        }
    }

    pub(crate) fn clear(&self) {
        self.names().clear();
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.names().contains(&name)
    }

    pub(crate) fn text(&self) -> Text {
        let names = self.names();
        if names.is_empty() { words("-") } else { Text(names.join(" ")) }
    }
}

/// A server's hooks, one of which may fail; and its handler, with the same steps.
#[derive(Clone, Default)]
pub(crate) struct Traced {
    pub(crate) trace: Arc<Trace>,
    pub(crate) fails: &'static str,
    pub(crate) timeout: Option<Duration>,
    pub(crate) traces_service: bool,
}

impl Traced {
    pub(crate) fn failing(fails: &'static str) -> Traced {
        Traced { fails, ..Traced::default() }
    }

    #[allow(clippy::panic, reason = "it is what such a probe is about")]
    fn hook(&self, name: &'static str) {
        self.trace.add(name);
        assert!(self.fails != name, "it fails");
    }

    fn opening(&self, name: &'static str) -> Result<()> {
        self.trace.add(name);
        let error = || Error::new(Operation::Listen, ErrorKind::InvalidInput, "it fails");
        if self.fails == name { Err(error()) } else { Ok(()) }
    }
}

/// A handler that writes its steps down.
#[derive(Default)]
pub(crate) struct Steps(Traced);

impl Steps {
    fn step(&self, name: &'static str) -> HandlerResult {
        self.0.trace.add(name);
        let panics = self.0.fails.strip_prefix("panic:");
        assert!(panics != Some(name), "it panics");
        match self.0.fails.split('+').any(|fails| fails == name) {
            true => Err("it fails".into()),
            false => Ok(()),
        }
    }
}

impl<R> BaseRequestHandler<R> for Steps {
    fn setup(&mut self, _: &mut R) -> HandlerResult {
        self.step("setup")
    }
    fn handle(&mut self, _: &mut R) -> HandlerResult {
        self.step("handle")
    }
    fn finish(&mut self, _: &mut R) -> HandlerResult {
        self.step("finish")
    }
}

impl<R: Request> BaseServer<R> for Traced {
    type Handler = Steps;
    fn handler(&self, _: &Addr) -> Steps {
        Steps(self.clone())
    }
    fn timeout(&self) -> Option<Duration> {
        self.timeout
    }
    /// Its handlers take no lock that another thread of this program may hold.
    fn fork_with_threads(&self) -> bool {
        true
    }
    fn server_bind(
        &self,
        at: &R::Site,
        options: &ropewalk::options::SocketOptions,
    ) -> Result<Vec<ServerSocket>> {
        self.opening("server_bind")?;
        ServerSocket::bind::<R>(at, options)
    }
    fn server_activate(&self, sockets: &[ServerSocket]) -> Result<()> {
        self.opening("server_activate")?;
        sockets
            .iter()
            .try_for_each(|socket| socket.activate(BaseServer::<R>::request_queue_size(self)))
    }
    fn server_close(&self, sockets: Vec<ServerSocket>) -> Result<()> {
        self.trace.add("server_close");
        sockets.into_iter().map(ServerSocket::close).fold(Ok(()), Result::and)
    }
    fn get_request(&self, socket: &ServerSocket) -> Result<R> {
        self.trace.add("get_request");
        match self.fails {
            "get_request" => Err(Error::new(Operation::Accept, ErrorKind::Io, "it fails")),
            _ => socket.take(),
        }
    }
    fn verify_request(&self, _: &R, _: &Addr) -> bool {
        self.hook("verify_request");
        self.fails != "refuse"
    }
    fn process_request(&self, request: R, process: &dyn Fn(R)) {
        self.hook("process_request");
        process(request);
    }
    fn finish_request(&self, request: &mut R, client: &Addr) -> HandlerResult {
        self.trace.add("finish_request");
        let mut handler = BaseServer::<R>::handler(self, client);
        ropewalk::server::run_handler(&mut handler, request)
    }
    fn handle_error(&self, _: &HandlerError, _: &Addr) {
        self.trace.add("handle_error");
    }
    fn shutdown_request(&self, mut request: R) {
        self.trace.add("shutdown_request");
        request.say_goodbye();
        self.close_request(request);
    }
    fn close_request(&self, request: R) {
        self.trace.add("close_request");
        drop(request);
    }
    fn service_actions(&self) {
        if self.traces_service {
            self.trace.add("service");
        }
    }
    fn handle_timeout(&self) {
        self.trace.add("handle_timeout");
    }
}

/// Where a probe's server is: on a port, or in a folder of its own.
#[derive(Clone, Copy)]
pub(crate) enum On {
    Port,
    Path,
}

/// What a server takes, and a client of it.
pub(crate) trait Called: Request {
    fn site(on: On, folder: &Folder) -> Self::Site;
}

impl Called for StreamRequest {
    fn site(on: On, folder: &Folder) -> Site {
        match on {
            On::Port => (HOST, 0).into(),
            On::Path => folder.join("s").into(),
        }
    }
}

impl Called for DatagramRequest {
    fn site(on: On, folder: &Folder) -> DatagramSite {
        match on {
            On::Port => (HOST, 0).into(),
            On::Path => folder.join("s").into(),
        }
    }
}

/// Such a server, bound, with nothing written down yet.
pub(crate) fn serving<R: Called, S: BaseServer<R>, M: MixIn>(
    on: On,
    hooks: S,
) -> Result<(Server<R, S, M>, Folder)> {
    let folder = Folder::new()?;
    Ok((Server::new(R::site(on, &folder), hooks)?, folder))
}

/// A client that has connected, or has sent its datagram.
pub(crate) fn call<R: Called, S: BaseServer<R>, M: MixIn>(
    (server, folder): &(Server<R, S, M>, Folder),
    name: &str,
) -> Result<Socket> {
    let client = Socket::new(server.address_family(), server.socket_type())?;
    if server.socket_type() == SOCK_DGRAM && server.address_family() == AF_UNIX {
        client.bind(folder.join(name))?;
    }
    client.connect(server.local_addr())?;
    if server.socket_type() == SOCK_DGRAM {
        client.send(b"hello")?;
    }
    Ok(client)
}
