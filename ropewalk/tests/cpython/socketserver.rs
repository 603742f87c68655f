//! `test_socketserver.py`: every server with a line of three clients', how failures are told,
//! and the file that a handler writes to.
//!
//! Python's `SystemExit` is asked for here by `shutdown`: the end that a handler wants is no
//! failure.

use std::io::{BufRead, Read, Write};
use std::sync::{Arc, Mutex, mpsc};

use ropewalk::Addr;
use ropewalk::addr::Target;
use ropewalk::server::{
    BaseRequestHandler, BaseServer, DatagramRequest, DatagramRequestHandler, HandlerError,
    HandlerResult, MixIn, Request, Serial, Server, ShutdownHandle, StreamRequest,
    StreamRequestHandler, TcpServer, Threading, ThreadingTcpServer,
};
use ropewalk::socket::*;

use crate::ends::{WATCHDOG, watched};
use crate::folder::Folder;
// See `main`.
#[cfg(target_os = "linux")]
use crate::forking;

const LINE: &[u8] = b"hello world\n";

/// Echoes a line.
#[derive(Clone, Copy)]
pub struct Echo;

impl StreamRequestHandler for Echo {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        let mut line = Vec::new();
        request.rfile.read_until(b'\n', &mut line)?;
        Ok(request.wfile.write_all(&line)?)
    }
}

impl DatagramRequestHandler for Echo {
    fn handle(&mut self, request: &mut DatagramRequest) -> HandlerResult {
        let mut rfile = &request.packet[..];
        rfile.read_until(b'\n', &mut request.wfile)?;
        Ok(())
    }
}

/// An echo that keeps its failures for the test, which wants none.
#[derive(Clone, Default)]
struct Strict(Arc<Mutex<Vec<String>>>);

impl<R: Request> BaseServer<R> for Strict
where
    Echo: BaseRequestHandler<R>,
{
    type Handler = Echo;
    fn handler(&self, _: &Addr) -> Echo {
        Echo
    }
    fn handle_error(&self, error: &HandlerError, _: &Addr) {
        self.0.lock().unwrap().push(error.to_string());
    }
}

/// Whatever happens in the test, the thread that serves ends.
struct ShutsDown(ShutdownHandle);

impl Drop for ShutsDown {
    fn drop(&mut self) {
        self.0.shutdown();
    }
}

/// Serves three clients, is shut down and closed.
fn run_server<R, M>(at: impl Into<R::Site>, examine: impl Fn(&Addr))
where
    R: Request,
    M: MixIn,
    Echo: BaseRequestHandler<R>,
{
    let failures = Strict::default();
    let server = Server::<R, _, M>::new(at, failures.clone()).unwrap();
    let addr = server.local_addr().clone();
    assert_eq!(addr, server.sockets()[0].local_addr().unwrap());
    std::thread::scope(|scope| {
        let shuts_down = ShutsDown(server.shutdown_handle());
        let serving = scope.spawn(|| server.serve_forever());
        (0..3).for_each(|_| examine(&addr));
        drop(shuts_down);
        serving.join().unwrap().unwrap();
    });
    let (family, kind) = (server.address_family(), server.socket_type());
    let report = server.close(WATCHDOG).unwrap();
    assert!(report.cut.is_empty() && report.still_running.is_empty(), "{report:?}");
    assert_eq!(*failures.0.lock().unwrap(), [""; 0]);
    let after = watched(family, kind);
    match kind {
        SOCK_STREAM => drop(after.connect(Target::from(addr)).unwrap_err()),
        _ => after.bind(Target::from(addr)).unwrap(),
    }
}

/// A client that connects, sends a line, and gets it back.
fn stream_examine(addr: &Addr) {
    let family = if addr.ip().is_some() { AF_INET } else { AF_UNIX };
    let client = watched(family, SOCK_STREAM);
    client.connect(Target::from(addr.clone())).unwrap();
    client.send_all(LINE).unwrap();
    assert_eq!(client.recv_exact(LINE.len()).unwrap(), LINE);
    assert_eq!(client.recv(1).unwrap(), b"", "then the connection is over");
}

/// The same with datagrams; a Unix client binds a path to be answered at.
fn dgram_examine(addr: &Addr) {
    let folder = Folder::new();
    let client = match addr.ip() {
        Some(_) => watched(AF_INET, SOCK_DGRAM),
        None => {
            let client = watched(AF_UNIX, SOCK_DGRAM);
            client.bind(folder.path("client").as_path()).unwrap();
            client
        }
    };
    client.send_to(LINE, Target::from(addr.clone())).unwrap();
    assert_eq!(client.recv(100).unwrap(), LINE);
}

mod socket_server_test {
    use super::*;

    const HERE: (&str, u16) = ("127.0.0.1", 0);

    #[test]
    fn test_tcp_server() {
        run_server::<StreamRequest, Serial>(HERE, stream_examine);
    }

    #[test]
    fn test_threading_tcp_server() {
        run_server::<StreamRequest, Threading>(HERE, stream_examine);
    }

    #[cfg(unix)] // Unix sockets
    #[test]
    fn test_unix_stream_server() {
        let folder = Folder::new();
        run_server::<StreamRequest, Serial>(folder.path("socket").as_path(), stream_examine);
    }

    #[cfg(unix)] // Unix sockets
    #[test]
    fn test_threading_unix_stream_server() {
        let folder = Folder::new();
        run_server::<StreamRequest, Threading>(folder.path("socket").as_path(), stream_examine);
    }

    #[test]
    fn test_udp_server() {
        run_server::<DatagramRequest, Serial>(HERE, dgram_examine);
    }

    #[test]
    fn test_threading_udp_server() {
        run_server::<DatagramRequest, Threading>(HERE, dgram_examine);
    }

    #[cfg(unix)] // Unix sockets
    #[test]
    fn test_unix_datagram_server() {
        let folder = Folder::new();
        run_server::<DatagramRequest, Serial>(folder.path("socket").as_path(), dgram_examine);
    }

    #[cfg(unix)] // Unix sockets
    #[test]
    fn test_threading_unix_datagram_server() {
        let folder = Folder::new();
        run_server::<DatagramRequest, Threading>(folder.path("socket").as_path(), dgram_examine);
    }

    #[cfg(target_os = "linux")] // what a child tells is measured there
    #[test]
    fn test_forking_tcp_server() {
        forking::run_server("tcp", stream_examine);
    }

    #[cfg(target_os = "linux")] // see above
    #[test]
    fn test_forking_unix_stream_server() {
        forking::run_server("unix", stream_examine);
    }

    #[cfg(target_os = "linux")] // see above
    #[test]
    fn test_forking_udp_server() {
        forking::run_server("udp", dgram_examine);
    }

    #[cfg(target_os = "linux")] // see above
    #[test]
    fn test_forking_unix_datagram_server() {
        forking::run_server("unixgram", dgram_examine);
    }

    #[test]
    fn test_shutdown() {
        let servers: Vec<_> = (0..20).map(|_| TcpServer::new(HERE, || Echo).unwrap()).collect();
        std::thread::scope(|scope| {
            let serving: Vec<_> = servers
                .iter()
                .map(|server| {
                    let thread = scope.spawn(|| server.serve_forever());
                    server.shutdown(); // whether or not the loop has begun
                    thread
                })
                .collect();
            for thread in serving {
                thread.join().unwrap().unwrap();
            }
        });
    }

    #[test]
    fn test_close_immediately() {
        let server = ThreadingTcpServer::new(HERE, || Echo).unwrap();
        server.close(WATCHDOG).unwrap();
    }

    /// Python's has a port that cannot be; here it is one that is taken. That the descriptors
    /// are as many as before is counted in `tests/server`, in a process of its own.
    #[test]
    fn test_tcpserver_bind_leak() {
        let holder = TcpServer::new(HERE, || Echo).unwrap();
        let at = holder.local_addr().ip().unwrap();
        for _ in 0..1024 {
            TcpServer::new(at, || Echo).unwrap_err();
        }
    }

    #[test]
    fn test_context_manager() {
        let addr = {
            let server = TcpServer::new(HERE, || Echo).unwrap();
            server.local_addr().clone()
        };
        let client = watched(AF_INET, SOCK_STREAM);
        client.connect(Target::from(addr)).unwrap_err();
    }
}

mod error_handler_test {
    use super::*;

    /// How a handler ends.
    #[derive(Clone, Copy)]
    enum Ends {
        Fails,
        Exits,
    }

    struct BadHandler(Ends, mpsc::Sender<&'static str>);

    impl StreamRequestHandler for BadHandler {
        fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
            self.1.send("Handler called")?;
            match self.0 {
                Ends::Fails => Err("Test error".into()),
                Ends::Exits => {
                    request.server.shutdown();
                    Ok(())
                }
            }
        }
    }

    struct ErrorTestServer(Ends, mpsc::Sender<&'static str>);

    impl BaseServer<StreamRequest> for ErrorTestServer {
        type Handler = BadHandler;
        fn handler(&self, _: &Addr) -> BadHandler {
            BadHandler(self.0, self.1.clone())
        }
        fn handle_error(&self, _: &HandlerError, _: &Addr) {
            self.1.send("Error handled").unwrap();
        }
    }

    /// What is heard of one client. With a handler that exits the server has ended, too.
    fn heard<M: MixIn>(ends: Ends) -> Vec<&'static str> {
        let (tell, told) = mpsc::channel();
        let hooks = ErrorTestServer(ends, tell);
        let server = Server::<StreamRequest, _, M>::new(("127.0.0.1", 0), hooks).unwrap();
        let client = create_connection(server.local_addr().clone(), Some(WATCHDOG)).unwrap();
        match ends {
            Ends::Fails => assert!(server.handle_request().unwrap()),
            Ends::Exits => server.serve_forever().unwrap(),
        }
        assert_eq!(client.recv(1).unwrap(), b"", "either way the connection is over");
        assert!(server.close(WATCHDOG).unwrap().still_running.is_empty());
        told.try_iter().collect()
    }

    #[test]
    fn test_sync_handled() {
        assert_eq!(heard::<Serial>(Ends::Fails), ["Handler called", "Error handled"]);
    }

    #[test]
    fn test_sync_not_handled() {
        assert_eq!(heard::<Serial>(Ends::Exits), ["Handler called"]);
    }

    #[test]
    fn test_threading_handled() {
        assert_eq!(heard::<Threading>(Ends::Fails), ["Handler called", "Error handled"]);
    }

    #[test]
    fn test_threading_not_handled() {
        assert_eq!(heard::<Threading>(Ends::Exits), ["Handler called"]);
    }

    #[cfg(target_os = "linux")] // see above
    #[test]
    fn test_forking_handled() {
        let said = forking::heard("fails");
        assert_eq!(said, ["Handler called", "Error handled: the handler failed: Test error"]);
    }

    /// The child is gone before it could tell of anything; in its stead the server says how.
    #[cfg(target_os = "linux")] // see above
    #[test]
    fn test_forking_not_handled() {
        let said = forking::heard("exits");
        let how = "Error handled: the handler's process ended: exit status: 1";
        assert_eq!(said, ["Handler called", how]);
    }
}

#[cfg(unix)] // descriptors by number, signals
mod socket_writer_test {
    use super::*;
    use crate::rain::under_signals;
    use std::os::fd::AsRawFd;

    /// More than the buffers of both ends take.
    const BIG: usize = 16 << 20;

    struct Basics(mpsc::Sender<[i32; 3]>);

    impl StreamRequestHandler for Basics {
        fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
            let wfile: &mut dyn Write = &mut request.wfile;
            wfile.flush()?;
            let sockets = [request.wfile.socket(), request.rfile.get_ref().socket()];
            let [wfile, rfile] = sockets.map(|socket| socket.as_raw_fd());
            Ok(self.0.send([request.as_raw_fd(), wfile, rfile])?)
        }
    }

    #[test]
    fn test_basics() {
        let (tell, told) = mpsc::channel();
        let tell = Mutex::new(tell);
        let handler = move || Basics(tell.lock().unwrap().clone());
        let server = TcpServer::new(("127.0.0.1", 0), handler).unwrap();
        drop(create_connection(server.local_addr().clone(), Some(WATCHDOG)).unwrap());
        server.handle_request().unwrap();
        let [request, wfile, rfile] = told.recv().unwrap();
        assert!(request >= 0);
        assert_eq!((wfile, rfile), (request, request));
    }

    struct Writes;

    impl StreamRequestHandler for Writes {
        fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
            request.wfile.write_all(b"write data\n")?;
            // It has left, without a flush: else there would be no answer.
            let mut response = String::new();
            request.rfile.read_line(&mut response)?;
            assert_eq!(response, "client response\n");
            Ok(request.wfile.write_all(&vec![0; BIG])?)
        }
    }

    #[test]
    fn test_write() {
        let server = TcpServer::new(("127.0.0.1", 0), || Writes).unwrap();
        let at = server.local_addr().clone();
        let (interrupted, go_on) = mpsc::channel();
        std::thread::scope(|scope| {
            let client = scope.spawn(move || {
                let client = create_connection(at, Some(WATCHDOG)).unwrap();
                let (mut reader, _) = Arc::new(client).makefile();
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                reader.get_ref().socket().send_all(b"client response\n").unwrap();
                reader.read_exact(&mut [0; 100]).unwrap();
                // From here on the handler is held up inside its call.
                go_on.recv_timeout(WATCHDOG).unwrap();
                (line, reader.read_to_end(&mut Vec::new()).unwrap())
            });
            let enough = move || interrupted.send(()).unwrap();
            assert!(under_signals(|| server.handle_request(), enough).unwrap());
            let (line, rest) = client.join().unwrap();
            assert_eq!((line.as_str(), rest), ("write data\n", BIG - 100));
        });
    }
}

mod misc_test_case {
    use super::*;

    /// Python has a list of what it exports; here a name that one knows is found in the docs,
    /// as it is or by an alias.
    #[test]
    fn test_all() {
        let list = "import socketserver; print(*socketserver.__all__)";
        let Some(mut python) = crate::needs::python(list, &[]) else { return };
        let names = String::from_utf8(python.output().unwrap().stdout).unwrap();
        assert!(names.contains("TCPServer"), "{names}");
        let source = source("src/server".into());
        let missing: Vec<&str> = names
            .split_whitespace()
            .filter(|name| {
                let kinds = ["type", "trait", "enum", "struct"];
                let alias = format!("#[doc(alias = \"{name}\")]");
                !source.contains(&alias)
                    && !kinds.iter().any(|kind| {
                        source.contains(&format!("pub {kind} {name}<"))
                            || source.contains(&format!("pub {kind} {name} "))
                    })
            })
            .collect();
        assert_eq!(missing, [""; 0]);
    }

    fn source(folder: std::path::PathBuf) -> String {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let entries = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
        entries
            .map(|path| match path.is_dir() {
                true => source(path),
                false => std::fs::read_to_string(path).unwrap(),
            })
            .collect()
    }

    struct Refuses(mpsc::Sender<()>);

    impl BaseServer<StreamRequest> for Refuses {
        type Handler = Echo;
        fn handler(&self, _: &Addr) -> Echo {
            Echo
        }
        fn verify_request(&self, _: &StreamRequest, _: &Addr) -> bool {
            false
        }
        fn shutdown_request(&self, request: StreamRequest) {
            self.0.send(()).unwrap();
            self.close_request(request);
        }
    }

    #[test]
    fn test_shutdown_request_called_if_verify_request_false() {
        let (tell, told) = mpsc::channel();
        let server = TcpServer::new(("127.0.0.1", 0), Refuses(tell)).unwrap();
        drop(create_connection(server.local_addr().clone(), Some(WATCHDOG)).unwrap());
        server.handle_request().unwrap();
        assert_eq!(told.try_iter().count(), 1);
    }

    #[test]
    fn test_threads_reaped() {
        let server = ThreadingTcpServer::new(("127.0.0.1", 0), || Echo).unwrap();
        for _ in 0..10 {
            let client = create_connection(server.local_addr().clone(), Some(WATCHDOG)).unwrap();
            server.handle_request().unwrap();
            client.send_all(LINE).unwrap();
            assert_eq!(client.recv_exact(LINE.len()).unwrap(), LINE);
            assert_eq!(client.recv(1).unwrap(), b"");
        }
        assert!(server.requests().len() < 10);
    }
}
