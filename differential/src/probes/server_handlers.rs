//! Attributes of servers and handlers, and what handlers get and give.

use std::io::{BufRead, Read, Write};
use std::net::Shutdown;
use std::path::Path as FilePath;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use ropewalk::Addr;
use ropewalk::error::{Error, ErrorKind, Operation, Result};
use ropewalk::server::{
    BaseRequestHandler, BaseServer, DatagramRequest, DatagramRequestHandler, HandlerError,
    HandlerResult, MixIn, Serial, Server, StreamRequest, StreamRequestHandler, Threading,
};
use ropewalk::socket::*;

use crate::ends::*;
use crate::outcome::{Failure, List, Show, Text, absent, caught, words};
use crate::probes;
use crate::traces::On::{Path, Port};
use crate::traces::*;

/// What a handler notes, and the error of one that fails.
type Notes = Sender<String>;

/// A handler of one function, as a base one.
struct Base<F>(F, Notes);

impl<R, T: Show, F: Fn(&mut R) -> Result<T>> BaseRequestHandler<R> for Base<F> {
    fn handle(&mut self, request: &mut R) -> HandlerResult {
        let note = (self.0)(request)?;
        Ok(self.1.send(note.show())?)
    }
}

/// The same with files, and a timeout.
struct Lines<F> {
    handle: F,
    notes: Notes,
    timeout: Option<Duration>,
    disable_nagle: bool,
}

impl<T: Show, F: Fn(&mut StreamRequest) -> Result<T, Failure>> StreamRequestHandler for Lines<F> {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        let note = (self.handle)(request).map_err(|failure| failure.0)?;
        Ok(self.notes.send(note.show())?)
    }
    fn timeout(&self) -> Option<Duration> {
        self.timeout
    }
    fn disable_nagle_algorithm(&self) -> bool {
        self.disable_nagle
    }
}

/// The same for datagrams.
struct Packets<F>(F, Notes);

impl<T: Show, F: Fn(&mut DatagramRequest) -> Result<T, Failure>> DatagramRequestHandler
    for Packets<F>
{
    fn handle(&mut self, request: &mut DatagramRequest) -> HandlerResult {
        let note = (self.0)(request).map_err(|failure| failure.0)?;
        Ok(self.1.send(note.show())?)
    }
}

/// Hooks that make such handlers, and say when one is done.
struct Handlers<F> {
    make: F,
    traced: Traced,
}

impl<R: Called, H: BaseRequestHandler<R>, F: Fn() -> H + Send + Sync + 'static> BaseServer<R>
    for Handlers<F>
{
    type Handler = H;
    fn handler(&self, _: &Addr) -> H {
        (self.make)()
    }
    fn handle_error(&self, error: &HandlerError, client: &Addr) {
        BaseServer::<R>::handle_error(&self.traced, error, client);
    }
    fn close_request(&self, request: R) {
        drop(request);
        self.traced.trace.add("close_request");
    }
}

/// Runs one request by a handler, and gives its client.
fn handled<R: Called, M: MixIn, H: BaseRequestHandler<R>>(
    on: On,
    make: impl Fn() -> H + Send + Sync + 'static,
) -> Result<Socket> {
    let traced = Traced::default();
    let server = serving::<R, _, M>(on, Handlers { make, traced: traced.clone() })?;
    let client = with_timeout(call(&server, "c")?, Duration::from_secs(10))?;
    server.0.handle_request()?;
    traced.trace.wait("close_request", 1);
    Ok(client)
}

/// What such a handler notes.
fn noted<R: Called, H: BaseRequestHandler<R>>(
    on: On,
    make: impl Fn(Notes) -> H + Send + Sync + 'static,
) -> Result<Text> {
    let (notes, noted) = channel();
    handled::<R, Serial, H>(on, move || make(notes.clone()))?;
    let nothing = |_| Error::new(Operation::Run, ErrorKind::Io, "it noted nothing");
    noted.try_recv().map(Text).map_err(nothing)
}

fn base<R: Called, T: Show + 'static>(on: On, handle: fn(&mut R) -> Result<T>) -> Result<Text> {
    noted::<R, _>(on, move |notes| Base(handle, notes))
}

fn lines<T: Show + 'static>(handle: fn(&mut StreamRequest) -> Result<T, Failure>) -> Result<Text> {
    lines_with(handle, None, true)
}

fn lines_with<T: Show + 'static>(
    handle: fn(&mut StreamRequest) -> Result<T, Failure>,
    timeout: Option<Duration>,
    disable_nagle: bool,
) -> Result<Text> {
    noted(Port, move |notes| Lines { handle, notes, timeout, disable_nagle })
}

fn packets<T: Show + 'static>(
    handle: fn(&mut DatagramRequest) -> Result<T, Failure>,
) -> Result<Text> {
    noted(Port, move |notes| Packets(handle, notes))
}

/// What comes to the client of a handler.
fn answer<R: Called, H: BaseRequestHandler<R>>(
    on: On,
    make: impl Fn(Notes) -> H + Send + Sync + 'static,
) -> Result<Vec<u8>> {
    handled::<R, Serial, H>(on, of_nobody(make))?.recv(16)
}

/// A handler whose notes nobody reads.
fn of_nobody<H>(
    make: impl Fn(Notes) -> H + Send + Sync + 'static,
) -> impl Fn() -> H + Send + Sync + 'static {
    let (notes, noted) = channel();
    let noted = std::sync::Mutex::new(noted);
    move || {
        let _kept = &noted;
        make(notes.clone())
    }
}

/// All that comes, until there is nothing.
fn after<R: Called, H: BaseRequestHandler<R>>(
    make: impl Fn(Notes) -> H + Send + Sync + 'static,
) -> Result<List<Text>> {
    let client = non_blocking(handled::<R, Serial, H>(Port, of_nobody(make))?)?;
    Ok(List((0..2).map(|_| caught(client.recv(16))).collect()))
}

fn yes(request: &mut StreamRequest) -> Result<()> {
    request.send_all(b"yes")
}

fn no_delay(request: &mut StreamRequest) -> Result<i32, Failure> {
    Ok(request.option(IPPROTO_TCP, TCP_NODELAY)?)
}

fn half(file: &mut dyn Write) -> Result<(), Failure> {
    file.write_all(b"half")?;
    Err(Failure("it fails".to_owned()))
}

fn facts<R: Called>(on: On) -> Result<(Family, Kind, Addr)> {
    let server = serving::<R, _, Serial>(on, Traced::default())?.0;
    Ok((server.address_family(), server.socket_type(), server.local_addr().clone()))
}

/// A handler that says nothing otherwise.
struct Plain;

impl StreamRequestHandler for Plain {
    fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult {
        Ok(())
    }
}

fn is_told_to_nobody(fails: bool) -> Result<bool> {
    let (folder, traced) = (Folder::new()?, Traced::default());
    let handle = move |request: &mut DatagramRequest| -> Result<(), Failure> {
        if fails {
            request.wfile = b"nobody gets it".to_vec();
        }
        Ok(())
    };
    let make = of_nobody(move |notes| Packets(handle, notes));
    let hooks = Handlers { make, traced: traced.clone() };
    let server = Server::<DatagramRequest, _, Serial>::new(folder.join("s"), hooks)?;
    unix(SOCK_DGRAM)?.send_to(b"hello", folder.join("s"))?;
    server.handle_request()?;
    Ok(traced.trace.has("handle_error"))
}

fn of_size<T: Show + 'static>(
    size: usize,
    note: fn(&mut DatagramRequest) -> Result<T>,
) -> Result<Text> {
    let (notes, noted) = channel();
    let make = move || Base(note, notes.clone());
    let hooks = Handlers { make, traced: Traced::default() };
    let server = Server::<DatagramRequest, _, Serial>::new((HOST, 0), hooks)?;
    udp()?.send_to(&vec![0; size], server.local_addr())?;
    server.handle_request()?;
    Ok(noted.try_recv().map_or(words("nothing"), Text))
}

/// What a client sees that is refused, or whose handler fails.
fn sees(fails: &'static str) -> Result<Vec<u8>> {
    let server = serving::<StreamRequest, _, Serial>(Port, Traced::failing(fails))?;
    let client = call(&server, "c")?;
    server.0.handle_request()?;
    client.recv(16)
}

fn stream_at(at: &FilePath) -> Result<()> {
    Server::<StreamRequest, _, Serial>::new(at, Traced::default()).map(drop)
}

type Stream = StreamRequest;
type Datagram = DatagramRequest;
type Nobody = fn() -> Steps;
const NOBODY: Nobody = Steps::default;

probes! { "server_handlers":
    request_queue_size = BaseServer::<Stream>::request_queue_size(&NOBODY);
    allow_reuse_address = BaseServer::<Stream>::allow_reuse_address(&NOBODY);
    allow_reuse_port = BaseServer::<Stream>::allow_reuse_port(&NOBODY);
    allow_reuse_address_of_datagrams = {
        let (server, _folder) = serving::<Datagram, _, Serial>(Port, Traced::default())?;
        server.sockets()[0].option(SOL_SOCKET, SO_REUSEADDR)? != 0
    };
    timeout = BaseServer::<Stream>::timeout(&NOBODY);
    timeout_of_threading = BaseServer::<Stream>::timeout(&NOBODY);
    max_packet_size = BaseServer::<Datagram>::max_packet_size(&NOBODY);
    handler_timeout = Plain.timeout();
    handler_disable_nagle_algorithm = Plain.disable_nagle_algorithm();
    block_on_close = absent();
    tcp_server = facts::<Stream>(Port)?;
    unix_server = facts::<Stream>(Path)?;
    udp_server = facts::<Datagram>(Port)?;
    unixgram_server = facts::<Datagram>(Path)?;
    ipv6_server = {
        let server = Server::<Stream, _, Serial>::new(("::1", 0), NOBODY)?;
        (server.address_family(), server.local_addr().clone())
    };
    is_selectable = {
        let (server, folder) = serving::<Stream, _, Serial>(Port, Traced::default())?;
        let server = (server, folder);
        let _client = call(&server, "c")?;
        wait_readable(&server.0.sockets()[0])?;
        server.0.descriptor().is_ok()
    };
    does_not_inherit = {
        let (server, _folder) = serving::<Stream, _, Serial>(Port, Traced::default())?;
        is_inherited(server.descriptor()?)
    };
    request_is_a_socket = base(Port, |r: &mut Stream| Ok(r.kind()))?;
    request_is_a_datagram = base(Port, |r: &mut Datagram| Ok(r.packet.clone()))?;
    request_brings_its_socket = base(Port, |r: &mut Datagram| Ok(r.socket.kind()))?;
    client_address = base(Port, |r: &mut Stream| Ok(r.client_address.clone()))?;
    client_address_of_a_datagram = base(Port, |r: &mut Datagram| Ok(r.client_address.clone()))?;
    client_address_unix = base(Path, |r: &mut Stream| Ok(r.client_address.clone()))?;
    client_address_of_a_unix_datagram = {
        base(Path, |r: &mut Datagram| Ok(r.client_address.clone()))?
    };
    connection_blocks = base(Port, |r: &mut Stream| Ok(r.timeout()))?;
    connection_has_no_timeout = lines(|r| Ok(r.timeout()))?;
    connection_has_its_timeout = {
        lines_with(|r| Ok(r.timeout()), Some(Duration::from_secs(5)), true)?
    };
    no_delay_on = lines_with(no_delay, None, true)?;
    no_delay_off = lines_with(no_delay, None, false)?;
    packet = packets(|r| Ok(r.packet.clone()))?;
    packet_as_a_file = packets(|r| {
        let mut all = Vec::new();
        (&r.packet[..]).read_to_end(&mut all)?;
        Ok(all)
    })?;
    answer = self::answer(Port, |notes| Base(yes, notes))?;
    answer_by_a_file = self::answer(Port, |notes| {
        let handle = |r: &mut Stream| Ok(r.wfile.write_all(b"yes")?);
        Lines { handle, notes, timeout: None, disable_nagle: true }
    })?;
    answer_unix = self::answer(Path, |notes| Base(yes, notes))?;
    answer_in_a_thread = {
        let make = of_nobody(|notes| Base(yes, notes));
        handled::<Stream, Threading, _>(Port, make)?.recv(16)?
    };
    answer_to_a_datagram = self::answer(Port, |notes| {
        Packets(|r: &mut Datagram| Ok(r.wfile.write_all(b"yes")?), notes)
    })?;
    answer_to_a_unix_datagram = self::answer(Path, |notes| {
        Packets(|r: &mut Datagram| Ok(r.wfile.write_all(b"yes")?), notes)
    })?;
    answer_to_a_datagram_by_its_socket = self::answer(Port, |notes| {
        Base(|r: &mut Datagram| r.socket.send_to(b"yes", &r.client_address), notes)
    })?;
    answer_to_a_datagram_in_two_parts = self::answer(Port, |notes| {
        let handle = |r: &mut Datagram| {
            r.wfile.write_all(b"ye")?;
            Ok(r.wfile.write_all(b"s")?)
        };
        Packets(handle, notes)
    })?;
    write_says_how_much = lines(|r| Ok(r.wfile.write(b"four")?))?;
    connection_is_closed_after_it = after(|notes| Base(|_: &mut Stream| Ok(()), notes))?;
    connection_is_closed_after_a_failure = after(|notes| {
        let handle = |r: &mut Stream| half(&mut r.wfile);
        Lines { handle, notes, timeout: None, disable_nagle: true }
    })?;
    no_answer_to_a_datagram = after(|notes| Packets(|_: &mut Datagram| Ok(()), notes))?;
    no_answer_by_a_base_handler = after(|notes| Base(|_: &mut Datagram| Ok(()), notes))?;
    half_an_answer_to_a_datagram = after(|notes| {
        Packets(|r: &mut Datagram| half(&mut r.wfile), notes)
    })?;
    a_refused_client_sees_the_end = sees("refuse")?;
    a_failed_client_sees_the_end = sees("handle")?;
    unread_input = {
        let make = of_nobody(|notes| Base(|r: &mut Stream| r.send_all(b"answer"), notes));
        let hooks = Handlers { make, traced: Traced::default() };
        let server = serving::<Stream, _, Serial>(Port, hooks)?;
        let client = call(&server, "c")?;
        client.send_all(b"never read")?;
        // It reads on for a while; that ends when the client is gone.
        std::thread::scope(|scope| {
            let serving = scope.spawn(|| server.0.handle_request());
            let outcomes = List((0..2).map(|_| caught(client.recv(16))).collect());
            drop(client);
            serving.join().unwrap_or(Ok(false)).map(|_| outcomes)
        })?
    };
    a_packet_of_8192 = of_size(8192, |r| Ok(r.packet.len()))?;
    a_packet_of_9000 = of_size(9000, |r| Ok(r.packet.len()))?;
    an_empty_packet = of_size(0, |r| Ok(r.packet.len()))?;
    a_cut_packet_says_so = of_size(9000, |r| Ok(r.truncated))?;
    lines = {
        let (notes, noted) = channel();
        let handle = |r: &mut Stream| {
            let mut lines = vec![Vec::new(), Vec::new(), Vec::new()];
            for line in &mut lines {
                r.rfile.read_until(b'\n', line)?;
            }
            Ok(List(lines))
        };
        let make = move || Lines {
            handle, notes: notes.clone(), timeout: None, disable_nagle: true
        };
        let hooks = Handlers { make, traced: Traced::default() };
        let server = serving::<Stream, _, Serial>(Port, hooks)?;
        let client = call(&server, "c")?;
        client.send_all(b"one\ntwo")?;
        client.shutdown(Shutdown::Write)?;
        server.0.handle_request()?;
        noted.try_recv().map_or(words("nothing"), Text)
    };
    a_silent_client_runs_out_of_time = lines_with(
        |r| Ok(caught(r.rfile.read_until(b'\n', &mut Vec::new()))),
        Some(MOMENT),
        true,
    )?;
    an_unbound_unix_client_cannot_be_answered = is_told_to_nobody(true)?;
    an_unbound_unix_client_that_is_not_answered = is_told_to_nobody(false)?;
    restarts_on_its_port = {
        let server = serving::<Stream, _, Serial>(Port, Traced::default())?;
        let mut client = call(&server, "c")?;
        server.0.handle_request()?;
        let at = server.0.local_addr().ip();
        drop(server);
        client.recv(16)?;
        client.close()?;
        let again = at.map(|at| Server::<Stream, _, Serial>::new(at, Traced::default()));
        again.map(|again| caught(again.map(drop)))
    };
    a_unix_file_goes_with_its_server = {
        let (server, folder) = serving::<Stream, _, Serial>(Path, Traced::default())?;
        drop(server);
        folder.join("s").exists()
    };
    a_unix_file_left_behind = {
        let folder = Folder::new()?;
        unix(SOCK_STREAM)?.bind(folder.join("s"))?;
        caught(stream_at(&folder.join("s")))
    };
}
