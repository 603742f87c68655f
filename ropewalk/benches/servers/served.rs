//! The servers, all with the same echo: read up to 1,024 bytes, send them back, at once.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};

use ropewalk::server::{
    HandlerResult, MixIn, Pooling, Server, StreamRequest, StreamRequestHandler, Threading,
};

use crate::client::Manner;

/// In the order of the tables. Ratios are to the first two.
pub(crate) const NAMES: [&str; 4] =
    ["plain std threads", "CPython's", "ThreadingTcpServer", "PoolingTcpServer"];

const BUFFER_BYTES: usize = 1024;

/// A server in a process of its own, until this is dropped.
pub(crate) struct Running {
    child: Child,
    input: Option<ChildStdin>,
    pub(crate) addr: SocketAddr,
}

impl Running {
    pub(crate) fn start(name: &str, manner: Manner) -> Running {
        let mut command = match name {
            "CPython's" => python(&["serve", manner.name()]),
            name => itself(&["serve", name, manner.name()]),
        };
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| panic!("{name} says no port: {line:?}"));
        let input = child.stdin.take();
        Running { child, input, addr: SocketAddr::from(([127, 0, 0, 1], port)) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.input = None; // at the end of its input it ends
        let _ = self.child.wait();
    }
}

pub(crate) fn python(words: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", include_str!("cpython.py")]).args(words);
    command
}

pub(crate) fn itself(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(words);
    command
}

/// Serves until the end of the input.
pub(crate) fn serve(name: &str, manner: Manner) {
    match name {
        "plain std threads" => plain(manner),
        "ThreadingTcpServer" => ours::<Threading>(manner),
        "PoolingTcpServer" => ours::<Pooling>(manner),
        other => panic!("no server is {other}"),
    }
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// A server by hand: a thread for each connection, and nothing else.
fn plain(manner: Manner) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            std::thread::spawn(move || talk(stream, manner));
        }
    });
}

/// An error is the client's end.
fn talk(mut stream: TcpStream, manner: Manner) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0; BUFFER_BYTES];
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count])?;
        if manner == Manner::Once {
            return Ok(());
        }
    }
}

fn ours<M: MixIn>(manner: Manner) {
    let server = Server::<StreamRequest, _, M>::new(("127.0.0.1", 0), move || Echo(manner));
    let server = server.unwrap();
    println!("{}", server.local_addr().port().unwrap());
    std::thread::spawn(move || server.serve_forever().unwrap());
}

pub(crate) struct Echo(pub(crate) Manner);

impl StreamRequestHandler for Echo {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        let mut buffer = [0; BUFFER_BYTES];
        loop {
            // Whoever has asked enough is gone without a word.
            let Ok(count @ 1..) = request.recv_into(&mut buffer) else { return Ok(()) };
            request.send_all(&buffer[..count])?;
            if self.0 == Manner::Once {
                return Ok(());
            }
        }
    }
}
