//! What these tests share: servers in threads of their own, clients with a watchdog, and
//! lists that can be waited for.

use crate::needs::has;
use std::io::Read;
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, Command, Output};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use ropewalk::server::{
    BaseServer, DatagramRequest, DatagramRequestHandler, HandlerResult, MixIn, Request, Server,
    ShutdownHandle, StreamRequest, StreamRequestHandler,
};

/// Far beyond any promise: only a hang meets it.
pub const WATCHDOG: Duration = Duration::from_secs(60);

/// Long enough for what must not happen to happen, if the rule is broken. Nothing that is
/// right depends on it.
pub const A_MOMENT: Duration = Duration::from_millis(200);

/// Sends back what comes, once.
pub struct Echo;

impl StreamRequestHandler for Echo {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        let data = request.recv(1024)?;
        Ok(request.send_all(&data)?)
    }
}

impl DatagramRequestHandler for Echo {
    fn handle(&mut self, request: &mut DatagramRequest) -> HandlerResult {
        request.wfile.clone_from(&request.packet);
        Ok(())
    }
}

/// A server that serves in a thread of its own. Dropped, it is shut down, and must end.
pub struct Served {
    pub addr: SocketAddr,
    pub handle: ShutdownHandle,
    ended: mpsc::Receiver<ropewalk::Result<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Serves until it is dropped.
pub fn serve<R, S, M>(server: Server<R, S, M>) -> Served
where
    R: Request,
    S: BaseServer<R>,
    M: MixIn,
{
    let addr = server.local_addr().ip().unwrap_or_else(|| ([0, 0, 0, 0], 0).into());
    let handle = server.shutdown_handle();
    let (tell, ended) = mpsc::channel();
    let thread = std::thread::spawn(move || tell.send(server.serve_forever()).unwrap());
    Served { addr, handle, ended, thread: Some(thread) }
}

impl Served {
    pub fn dial(&self) -> TcpStream {
        dial(self.addr)
    }

    /// Waits until `serve_forever` has returned.
    #[track_caller]
    pub fn ends(&mut self) {
        self.ended.recv_timeout(WATCHDOG).expect("serve_forever returns").unwrap();
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Served {
    /// Whether `serve_forever` returns in this time.
    pub fn ends_within(&self, time: Duration) -> bool {
        self.ended.recv_timeout(time).is_ok()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if self.thread.is_some() && !std::thread::panicking() {
            self.handle.shutdown();
            self.ends();
        }
    }
}

pub fn dial(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(WATCHDOG)).unwrap();
    stream.set_write_timeout(Some(WATCHDOG)).unwrap();
    stream
}

/// A client's end for datagrams, on the address's family.
pub fn datagrams(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((to.ip(), 0)).unwrap();
    socket.connect(to).unwrap();
    socket.set_read_timeout(Some(WATCHDOG)).unwrap();
    socket
}

/// Everything up to the server's end, which must be in order.
#[track_caller]
pub fn read_all(mut stream: impl Read) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// Sends, half-closes, and gives the whole answer.
#[track_caller]
pub fn ask(mut stream: TcpStream, data: &[u8]) -> String {
    use std::io::Write;
    stream.write_all(data).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    read_all(stream)
}

/// What was seen, in order, by whichever thread.
#[derive(Clone, Default)]
pub struct Trace(Arc<(Mutex<Vec<String>>, Condvar)>);

impl Trace {
    pub fn note(&self, what: impl Into<String>) {
        self.0.0.lock().unwrap().push(what.into());
        self.0.1.notify_all();
    }

    /// From here on only what comes counts.
    pub fn forget(&self) {
        self.0.0.lock().unwrap().clear();
    }

    /// Waits for so many notes.
    #[track_caller]
    pub fn at_least(&self, count: usize) -> Vec<String> {
        let enough = |notes: &mut Vec<String>| notes.len() < count;
        let (notes, time) =
            self.0.1.wait_timeout_while(self.0.0.lock().unwrap(), WATCHDOG, enough).unwrap();
        assert!(!time.timed_out(), "only came: {notes:?}");
        notes.clone()
    }

    /// Waits for a note, then gives all as one line.
    #[track_caller]
    pub fn through(&self, last: &str) -> String {
        let missing = |notes: &mut Vec<String>| !notes.iter().any(|note| note == last);
        let (notes, time) =
            self.0.1.wait_timeout_while(self.0.0.lock().unwrap(), WATCHDOG, missing).unwrap();
        assert!(!time.timed_out(), "never came: {last}; only {notes:?}");
        notes.join(" ")
    }
}

/// A process that ends with the test.
pub struct Ends(pub Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn has_python() -> bool {
    has("python3")
}

/// Runs a Python script, and gives what it printed.
#[track_caller]
pub fn python(script: &str, arguments: &[String]) -> String {
    let output: Output =
        Command::new("python3").args(["-c", script]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
