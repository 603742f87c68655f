//! The notes' Twisted client: sends a line, waits for the answer, and so on; an empty
//! line ends it. Standard input is read on a thread of its own: the loop never blocks.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the notes' client prints")]

use std::io::{BufRead, Write};

use ropewalk::addr::parse_port;
use ropewalk::protocol::{Event, client};
use ropewalk::{Handle, Protocol, Reactor, Transport};

const HOST: &str = "localhost"; // 主机名
const PORT: u16 = 21555; // 端口号

struct TsClntProtocol;

impl TsClntProtocol {
    /// Asks for a line, off the loop; it comes back as an event.
    fn send_data(&self, transport: &mut dyn Transport) {
        let handle: Handle = transport.handle();
        std::thread::spawn(move || {
            print!("> ");
            let _ = std::io::stdout().flush();
            let mut line = String::new();
            let _ = std::io::stdin().lock().read_line(&mut line);
            let _ = handle.event(line.trim_end_matches(['\r', '\n']).to_owned());
        });
    }
}

impl Protocol for TsClntProtocol {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        self.send_data(transport);
    }

    fn event(&mut self, transport: &mut dyn Transport, event: Event) {
        match event.downcast::<String>() {
            Ok(line) if !line.is_empty() => {
                println!("...sending {line}...");
                transport.write(line.as_bytes());
            }
            _ => transport.close(),
        }
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        println!("{}", String::from_utf8_lossy(data));
        self.send_data(transport);
    }
}

fn main() -> ropewalk::Result<()> {
    let reactor = Reactor::new()?;
    // clientConnectionLost = clientConnectionFailed = lambda …: reactor.stop()
    let factory = client(|| TsClntProtocol).on_end(|_, net, why| {
        if !why.is_clean() {
            eprintln!("{why}"); // the notes' client says nothing
        }
        net.stop();
    });
    reactor.connect_tcp(HOST, port()?, factory);
    reactor.run()
}

/// The notes' port, or the one that is the program's first argument.
fn port() -> ropewalk::Result<u16> {
    std::env::args().nth(1).map_or(Ok(PORT), |port| parse_port(&port))
}
