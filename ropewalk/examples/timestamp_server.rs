//! The notes' Twisted server (Reactor 类 & Protocol 类), on one screen.
//!
//! Run it, then `printf 'hello\r\n' | nc -N 127.0.0.1 21555` in a second terminal.
#![allow(clippy::print_stdout, reason = "the notes' server prints")]

use ropewalk::addr::parse_port;
use ropewalk::service::ctime;
use ropewalk::{Protocol, Reactor, Transport};

/// The port: 端口号. Bare, it is loopback; `("*", PORT)` would be all interfaces.
const PORT: u16 = 21555;

/// A protocol (协议): one for each connection.
struct TsServProtocol;

impl Protocol for TsServProtocol {
    /// 当客户端连接到服务器会执行: runs when a client has connected.
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        println!("...connected from: {}", transport.peer_addr().host());
    }

    /// 服务器收到客户端通过网络发送的数据会执行: runs when data has come.
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        // Both writes leave in one system call, when this returns.
        transport.write(format!("[{}] ", ctime(transport.wall_time())).as_bytes());
        transport.write(data);
    }
}

fn main() -> ropewalk::Result<()> {
    let reactor = Reactor::new()?; // a value, not a global
    // The factory (工厂): `factory.protocol = TSServProtocol` becomes a closure.
    reactor.listen_tcp(port()?, || TsServProtocol)?;
    println!("waiting for connection..");
    reactor.run()
}

/// The notes' port, or the one that is the program's first argument.
fn port() -> ropewalk::Result<u16> {
    std::env::args().nth(1).map_or(Ok(PORT), |port| parse_port(&port))
}
