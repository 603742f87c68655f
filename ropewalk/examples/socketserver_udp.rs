//! The notes' `UDPServer` with a `DatagramRequestHandler`: what the handler writes goes back
//! to whoever sent the datagram.
//!
//! Run it, then `cargo run --example udp_client` in a second terminal.
#![allow(clippy::print_stdout, reason = "it tells who asks")]

use std::io::Write;

use ropewalk::clock::{Clock, MachineClock};
use ropewalk::server::{DatagramRequest, DatagramRequestHandler, HandlerResult, UdpServer};
use ropewalk::service::ctime;

const ADDRESS: &str = "127.0.0.1:21567"; // 主机名 + 端口号: host and port

/// The handler (服务处理器): one for each datagram.
struct MyRequestHandler;

impl DatagramRequestHandler for MyRequestHandler {
    fn handle(&mut self, request: &mut DatagramRequest) -> HandlerResult {
        println!("...received from and returned to: {}", request.client_address);
        let now = ctime(MachineClock::begin().wall());
        write!(request.wfile, "[{now}] ")?;
        request.wfile.write_all(&request.packet)?;
        Ok(()) // and what was written is sent
    }
}

fn main() -> ropewalk::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| ADDRESS.to_owned());
    let at: ropewalk::addr::ListenAt = address.parse()?;
    let server = UdpServer::new(at, || MyRequestHandler)?;
    println!("waiting for message on {}...", server.local_addr());
    server.serve_forever()
}
