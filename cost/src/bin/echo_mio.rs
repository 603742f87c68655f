//! Echo on bare mio: what the poll driver stands on, and so the least it can cost.
//!
//! Owns a slab of connections and one read buffer. Never polls for what did not happen:
//! edge triggered, a short read ends the loop, and what the kernel does not take waits
//! with its connection, which is not read from meanwhile.

use cost::Outcome;
use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};
use slab::Slab;
use std::io::{self, ErrorKind, Read, Write};

struct Connection {
    stream: TcpStream,
    /// What came in and the kernel has not taken back yet.
    unsent: Vec<u8>,
}

/// What becomes of a connection after an event.
#[derive(PartialEq)]
enum Next {
    Wait,
    Close,
}

const LISTENER: Token = Token(usize::MAX);
/// More than 64 KiB, or a message of 64 KiB would fill it: not a short read, one call more.
const READ_BUFFER_BYTES: usize = 68 * 1024;
const EVENTS_PER_TURN: usize = 1024;

fn main() -> Outcome {
    let port = cost::start()?;
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(cost::address(port))?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(EVENTS_PER_TURN);
    let mut buffer = vec![0; READ_BUFFER_BYTES];
    let mut open = Slab::new();
    cost::announce(listener.local_addr()?.port());
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result?,
        }
        for event in &events {
            if event.token() == LISTENER {
                accept(&poll, &listener, &mut open)?;
                continue;
            }
            // An event for a connection closed earlier in this turn finds nothing, or the
            // slot's new owner, whose read then says `WouldBlock`.
            let Some(connection) = open.get_mut(event.token().0) else { continue };
            // A connection's error is its own end, not the server's.
            if connection.ready(&mut buffer, event.is_read_closed()).unwrap_or(Next::Close)
                == Next::Close
            {
                close(&poll, &mut open, event.token())?;
                if open.is_empty() {
                    return Ok(());
                }
            }
        }
    }
}

/// Accepts all that wait. Cold, like all that is not done for each message: inlined, it
/// would take the registers that the loop needs.
#[cold]
fn accept(poll: &Poll, listener: &TcpListener, open: &mut Slab<Connection>) -> io::Result<()> {
    loop {
        match listener.accept() {
            Ok((mut stream, _)) => {
                let slot = open.vacant_entry();
                let interest = Interest::READABLE | Interest::WRITABLE;
                poll.registry().register(&mut stream, Token(slot.key()), interest)?;
                slot.insert(Connection { stream, unsent: Vec::new() });
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => return Ok(()),
                ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                _ => return Err(error),
            },
        }
    }
}

#[cold]
fn close(poll: &Poll, open: &mut Slab<Connection>, token: Token) -> io::Result<()> {
    let mut connection = open.remove(token.0);
    poll.registry().deregister(&mut connection.stream)
}

impl Connection {
    /// Does whatever can be done now. Which event it was does not matter: an edge is never
    /// told twice, so one that came while output waited must be made up for anyway.
    fn ready(&mut self, buffer: &mut [u8], read_closed: bool) -> io::Result<Next> {
        if !self.unsent.is_empty() && !self.send_unsent()? {
            return Ok(Next::Wait);
        }
        loop {
            let read = match self.stream.read(buffer) {
                Ok(0) => return Ok(Next::Close),
                Ok(read) => read,
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return Ok(Next::Wait),
                    ErrorKind::Interrupted => continue,
                    _ => return Err(error),
                },
            };
            let sent = send(&mut self.stream, &buffer[..read])?;
            if sent < read {
                self.unsent.extend_from_slice(&buffer[sent..read]);
                return Ok(Next::Wait);
            }
            // A short read has emptied the socket; what comes later is a new edge. Only the
            // end, if it is already there, must be read now.
            if read < buffer.len() && !read_closed {
                return Ok(Next::Wait);
            }
        }
    }

    /// Says whether all is sent.
    #[cold]
    fn send_unsent(&mut self) -> io::Result<bool> {
        let sent = send(&mut self.stream, &self.unsent)?;
        self.unsent.drain(..sent);
        if self.unsent.is_empty() {
            self.unsent = Vec::new();
        }
        Ok(self.unsent.is_empty())
    }
}

/// Writes until all is taken or the kernel is full. Says how much was taken.
fn send(stream: &mut TcpStream, data: &[u8]) -> io::Result<usize> {
    let mut sent = 0;
    while sent < data.len() {
        match stream.write(&data[sent..]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(taken) => sent += taken,
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => break,
                ErrorKind::Interrupted => {}
                _ => return Err(error),
            },
        }
    }
    Ok(sent)
}
