//! A client that keeps its connection: it says hello whenever it has one, and while nobody
//! answers it waits longer and longer, until it gives up.
#![allow(clippy::print_stdout, reason = "it shows what happens")]

use std::time::Duration;

use ropewalk::addr::{Target, parse_port};
use ropewalk::service::{Reconnecting, Retry};
use ropewalk::{Protocol, Reactor, Transport};

const HOST: &str = "localhost"; // 主机名
const PORT: u16 = 21555; // 端口号

struct Hello;

impl Protocol for Hello {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        println!("...connected to {}", transport.peer_addr());
        transport.write(b"hello");
    }

    fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) {
        println!("{}", String::from_utf8_lossy(data));
    }
}

fn main() -> ropewalk::Result<()> {
    let reactor = Reactor::new()?;
    let retry = Retry {
        initial: Duration::from_millis(100),
        cap: Duration::from_secs(5),
        limit: Some(8),
        ..Retry::default()
    };
    Reconnecting::to(Target::tcp(HOST, port()?))
        .retry(retry)
        .on_waiting(|_, delay, why| println!("...{why}: again in {delay:.0?}"))
        .on_gave_up(|net, why| {
            println!("...{why}: no more");
            net.stop();
        })
        .start(reactor.net(), || Hello);
    reactor.run()
}

/// The notes' port, or the one that is the program's first argument.
fn port() -> ropewalk::Result<u16> {
    std::env::args().nth(1).map_or(Ok(PORT), |port| parse_port(&port))
}
