//! The notes' `TCPServer` with a `StreamRequestHandler`: take the connection, take the
//! request, close (接受连接，获取请求，然后关闭连接).
//!
//! One client at a time; `ThreadingTcpServer` in its place has a thread for each. Run it,
//! then `printf 'hello\n' | nc 127.0.0.1 21567` in a second terminal.
#![allow(clippy::print_stdout, reason = "it tells who connects")]

use std::io::{BufRead, Write};

use ropewalk::clock::{Clock, MachineClock};
use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler, TcpServer};
use ropewalk::service::ctime;

const ADDRESS: &str = "127.0.0.1:21567"; // 主机名 + 端口号: host and port

/// The handler (服务处理器): one for each request.
struct MyRequestHandler;

impl StreamRequestHandler for MyRequestHandler {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        println!("...connected from: {}", request.client_address);
        let mut line = Vec::new();
        request.rfile.read_until(b'\n', &mut line)?; // bytes: they need not be text
        let now = ctime(MachineClock::begin().wall());
        request.wfile.write_all(&[format!("[{now}] ").as_bytes(), &line].concat())?;
        Ok(()) // and the connection is closed
    }
}

fn main() -> ropewalk::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| ADDRESS.to_owned());
    let at: ropewalk::addr::ListenAt = address.parse()?;
    let server = TcpServer::new(at, || MyRequestHandler)?;
    println!("waiting for connection on {}...", server.local_addr());
    server.serve_forever()
}
