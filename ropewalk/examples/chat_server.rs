//! A chat on an event loop or on a thread for each member: the same source, chosen by a word.
//!
//! `cargo run --example chat_server -- reactor`, or `threads`, and a port if it is not to be
//! 21555; then `nc 127.0.0.1 21555` in two terminals.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ropewalk::addr::parse_port;
use ropewalk::framing::{Delimiter, LineProtocol, LineReader, LineTransport, Lines};
use ropewalk::protocol::ConnectionId;
use ropewalk::server::ThreadServer;
use ropewalk::{Handle, Reactor, Reason};

/// Who is here: a handle reaches its connection from every thread.
type Members = Arc<Mutex<BTreeMap<ConnectionId, Handle>>>;

/// One member, who is called by his address.
struct Member(Members);

impl Member {
    /// Tells all others, and waits for none of them.
    fn tell(&self, transport: &mut LineTransport<'_>, what: &str) {
        let (me, line) = (transport.handle(), format!("{} {what}\r\n", transport.peer_addr()));
        let members = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for other in members.values().filter(|other| **other != me) {
            let _ = other.write(line.as_bytes()); // who has gone says so himself
        }
    }
}

impl LineProtocol for Member {
    fn connection_made(&mut self, transport: &mut LineTransport<'_>) {
        let me = transport.handle();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(me.id(), me);
        self.tell(transport, "is here");
        transport.write(b"welcome\r\n");
    }

    fn line_received(&mut self, transport: &mut LineTransport<'_>, line: &[u8]) {
        self.tell(transport, &format!("says {}", line.escape_ascii()));
    }

    /// He does not read what is said: nobody waits for him.
    fn pause_writing(&mut self, transport: &mut LineTransport<'_>) {
        transport.fail(Reason::peer_failed("reads too slowly"));
    }

    fn connection_lost(&mut self, transport: &mut LineTransport<'_>, why: &Reason) {
        let me = transport.handle().id();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&me);
        self.tell(transport, &format!("has left: {why}"));
    }
}

fn main() -> ropewalk::Result<()> {
    let mut words = std::env::args().skip(1);
    let model = words.next().unwrap_or_else(|| "reactor".to_owned());
    let port = words.next().map_or(Ok(21555), |port| parse_port(&port))?;
    let members = Members::default();
    let member = move || {
        let reader = LineReader::new().with_delimiter(Delimiter::ANY_NEWLINE);
        Lines::with_reader(reader, Member(members.clone()))
    };
    if model == "threads" {
        let server = ThreadServer::new()?;
        server.listen_tcp(port, member)?;
        println!("chatting on threads");
        return server.serve_forever();
    }
    let reactor = Reactor::new()?;
    reactor.listen_tcp(port, member)?;
    println!("chatting on a reactor");
    reactor.run()
}
