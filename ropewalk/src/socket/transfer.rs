//! Sending and receiving, each within the socket's time.
//! Owns: what a call of Python's takes and gives. Never: buffers, or sends a byte twice.

use std::io::{self, Read, Write};

use super::deadline::Until;
use super::{Family, Kind, Socket, sys};
use crate::addr::{Addr, Target};
use crate::error::{Error, ErrorKind, Operation, Result};

/// What was received, and from whom.
///
/// ```
/// # use ropewalk::socket::*;
/// # fn main() -> ropewalk::Result<()> {
/// # let server = Socket::new(AF_INET, SOCK_DGRAM)?;
/// # server.bind(("localhost", 0))?;
/// # let client = Socket::new(AF_INET, SOCK_DGRAM)?;
/// # client.send_to(b"hello", server.local_addr()?)?;
/// let Received { bytes, from, truncated, .. } = server.recv_from(1024)?;
/// println!("{} bytes from {from}, {}", bytes.len(), if truncated { "cut" } else { "whole" });
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received<T> {
    /// The bytes, or how many were put into the buffer.
    pub bytes: T,
    /// Who sent them. [`Addr::Unix(None)`](Addr::Unix) is a sender without an address.
    pub from: Addr,
    /// The datagram was longer than the room for it, and its rest is lost. Python does not
    /// tell. Never set for a stream, which keeps the rest.
    pub truncated: bool,
}

impl Socket {
    /// Receives at most `max` bytes. Corresponds to `recv(2)`.
    ///
    /// Blocks until something is there. An empty answer is the end of input, or a datagram
    /// without content; `max` 0 answers empty at once, without a system call. The buffer is
    /// new each time: [`Socket::recv_into`] fills one again and again.
    ///
    /// # Errors
    /// `TimedOut`, `WouldBlock` (non-blocking), `Reset` once when the peer resets (then the
    /// end of input), `NotConnected`; `InvalidInput` if there is no memory for `max` bytes.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// # let server = Socket::new(AF_INET, SOCK_STREAM)?;
    /// # server.bind(("localhost", 0))?;
    /// # server.listen()?;
    /// let client = Socket::new(AF_INET, SOCK_STREAM)?;
    /// client.connect(server.local_addr()?)?;
    /// let (mut peer, _) = server.accept()?;
    /// peer.send_all(b"hello")?;
    /// peer.close()?;
    /// assert_eq!(client.recv(1024)?, b"hello");
    /// assert_eq!(client.recv(1024)?, b""); // the end of input
    /// # Ok(())
    /// # }
    /// ```
    pub fn recv(&self, max: usize) -> Result<Vec<u8>> {
        let socket = self.open(Operation::Receive)?;
        if max == 0 {
            return Ok(Vec::new());
        }
        let mut bytes = room_for(max)?;
        self.mode
            .budget()
            .call(socket, Until::Readable, || sys::recv_vec(socket, &mut bytes, max))
            .map_err(|error| self.failed(Operation::Receive, error))?;
        bytes.shrink_to_fit();
        Ok(bytes)
    }

    /// Receives into `buffer`, and gives how many bytes. Otherwise as [`Socket::recv`]; 0 is
    /// the end of input, unless the buffer is empty.
    ///
    /// # Errors
    /// As [`Socket::recv`].
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// # let server = Socket::new(AF_INET, SOCK_STREAM)?;
    /// # server.bind(("localhost", 0))?;
    /// # server.listen()?;
    /// # let client = Socket::new(AF_INET, SOCK_STREAM)?;
    /// # client.connect(server.local_addr()?)?;
    /// # let (peer, _) = server.accept()?;
    /// peer.send_all(b"hello")?;
    /// let mut buffer = [0; 3];
    /// assert_eq!(client.recv_into(&mut buffer)?, 3);
    /// assert_eq!(&buffer, b"hel"); // the rest comes with the next
    /// # Ok(())
    /// # }
    /// ```
    pub fn recv_into(&self, buffer: &mut [u8]) -> Result<usize> {
        let socket = self.open(Operation::Receive)?;
        if buffer.is_empty() {
            return Ok(0);
        }
        self.mode
            .budget()
            .call(socket, Until::Readable, || sys::recv(socket, buffer))
            .map_err(|error| self.failed(Operation::Receive, error))
    }

    /// Receives a datagram of at most `max` bytes, and says who sent it. Corresponds to
    /// `recvmsg(2)`. `max` 0 takes a datagram, too.
    ///
    /// Of a connected stream it receives as [`Socket::recv`] does, from the peer.
    ///
    /// # Errors
    /// As [`Socket::recv`]; `Refused` from a connected datagram socket to whose peer an
    /// earlier datagram could not be delivered.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// server.bind(("localhost", 0))?;
    /// let client = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// client.send_to(b"hello", server.local_addr()?)?;
    /// let received = server.recv_from(3)?;
    /// assert_eq!(received.bytes, b"hel");
    /// assert!(received.truncated);
    /// server.send_to(b"and back", &received.from)?;
    /// assert_eq!(client.recv_from(1024)?.bytes, b"and back");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "recvfrom")]
    pub fn recv_from(&self, max: usize) -> Result<Received<Vec<u8>>> {
        let socket = self.open(Operation::Receive)?;
        let mut bytes = room_for(max)?;
        let call = || sys::recv_from_vec(socket, &mut bytes, max);
        let (from, truncated) = self
            .mode
            .budget()
            .call(socket, Until::Readable, call)
            .map_err(|error| self.failed(Operation::Receive, error))?;
        bytes.shrink_to_fit();
        Ok(self.received(bytes, from, truncated))
    }

    /// Receives a datagram into `buffer`; otherwise as [`Socket::recv_from`].
    ///
    /// # Errors
    /// As [`Socket::recv_from`].
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// # let server = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// # let client = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// server.bind(("localhost", 0))?;
    /// client.send_to(b"hello", server.local_addr()?)?;
    /// let mut buffer = [0; 1024];
    /// let received = server.recv_from_into(&mut buffer)?;
    /// assert_eq!(&buffer[..received.bytes], b"hello");
    /// assert!(!received.truncated);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "recvfrom_into")]
    pub fn recv_from_into(&self, buffer: &mut [u8]) -> Result<Received<usize>> {
        let socket = self.open(Operation::Receive)?;
        let (count, (from, truncated)) = self
            .mode
            .budget()
            .call(socket, Until::Readable, || sys::recv_from(socket, buffer))
            .map_err(|error| self.failed(Operation::Receive, error))?;
        Ok(self.received(count, from, truncated))
    }

    /// Sends what the kernel takes, and gives how many bytes that is. Corresponds to
    /// `send(2)`. Blocks until there is room for one byte at least. A peer that is gone is an
    /// error, and never a signal.
    ///
    /// # Errors
    /// `TimedOut`, `WouldBlock` (non-blocking), `BrokenPipe`, `Reset`, `NotConnected`;
    /// `TooLong` for a datagram that cannot be sent whole.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// # let server = Socket::new(AF_INET, SOCK_STREAM)?;
    /// # server.bind(("localhost", 0))?;
    /// # server.listen()?;
    /// # let client = Socket::new(AF_INET, SOCK_STREAM)?;
    /// # client.connect(server.local_addr()?)?;
    /// let mut unsent: &[u8] = b"hello";
    /// while !unsent.is_empty() {
    ///     let count = client.send(unsent)?;
    ///     unsent = &unsent[count..];
    /// } // which is what `send_all` does
    /// # Ok(())
    /// # }
    /// ```
    pub fn send(&self, data: &[u8]) -> Result<usize> {
        let socket = self.open(Operation::Send)?;
        self.mode
            .budget()
            .call(socket, Until::Writable, || sys::send(socket, data))
            .map_err(|error| self.failed(Operation::Send, error))
    }

    /// Sends all of `data`. Blocks until the kernel has taken the last byte; the socket's
    /// timeout is for the whole call.
    ///
    /// # Errors
    /// As [`Socket::send`]. [`Error::sent`] says how many bytes had been taken: a non-blocking
    /// socket goes on from there (Python does not tell).
    ///
    /// ```
    /// use ropewalk::{error::ErrorKind, socket::*};
    /// # fn main() -> ropewalk::Result<()> {
    /// # let server = Socket::new(AF_INET, SOCK_STREAM)?;
    /// # server.bind(("localhost", 0))?;
    /// # server.listen()?;
    /// # let client = Socket::new(AF_INET, SOCK_STREAM)?;
    /// # client.connect(server.local_addr()?)?;
    /// client.send_all(b"hello")?;
    /// client.set_blocking(false)?;
    /// let error = client.send_all(&vec![0; 100 << 20]).unwrap_err(); // and nobody reads
    /// assert_eq!(error.kind(), ErrorKind::WouldBlock);
    /// assert!(error.sent().unwrap() < 100 << 20);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "sendall")]
    pub fn send_all(&self, data: &[u8]) -> Result<()> {
        let socket = self.open(Operation::Send)?;
        let mut budget = self.mode.budget();
        let mut sent = 0;
        loop {
            // No bytes are sent as none: an empty datagram is one.
            match budget.call(socket, Until::Writable, || sys::send(socket, &data[sent..])) {
                Ok(count) => sent += count,
                Err(error) => return Err(self.failed(Operation::Send, error).with_sent(sent)),
            }
            if sent >= data.len() {
                return Ok(());
            }
        }
    }

    /// Sends a datagram to an address: `(host, port)`, an [`Addr`], a path. Corresponds to
    /// `sendto(2)`. A name is resolved first, which may block beyond the timeout.
    ///
    /// # Errors
    /// As [`Socket::send`], and what a name or an address can do wrong.
    /// [`Socket::recv_from`] has an example.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let peer = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// peer.bind(("127.0.0.1", 0))?;
    /// let port = peer.local_addr()?.port().unwrap_or(0);
    /// let socket = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// assert_eq!(socket.send_to(b"hello", ("127.0.0.1", port))?, 5);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "sendto")]
    pub fn send_to(
        &self,
        data: &[u8],
        to: impl TryInto<Target, Error: Into<Error>>,
    ) -> Result<usize> {
        let mut budget = self.mode.budget();
        let (target, address) = self.address(to, Operation::Send, &mut budget)?;
        let socket = self.open(Operation::Send)?;
        // A Unix socket is writable when its own buffer has room; whether the other's queue
        // has, nobody says.
        let until = match self.family {
            Family::Unix => Until::TriedAgain,
            _ => Until::Writable,
        };
        budget.call(socket, until, || sys::send_to(socket, data, &address)).map_err(|error| {
            match error.kind() {
                io::ErrorKind::WouldBlock => Error::without_address(Operation::Send, error),
                _ => Error::from_io(Operation::Send, target, error),
            }
        })
    }

    /// Of a stream the kernel does not say with each receive whose it is, and what there was
    /// no room for is not lost.
    fn received<T>(&self, bytes: T, from: Addr, truncated: bool) -> Received<T> {
        let from = match (from, self.family) {
            (Addr::Unix(None), Family::Inet | Family::Inet6) => {
                self.peer_known().unwrap_or(Addr::Unix(None))
            }
            (from, _) => from,
        };
        Received { bytes, from, truncated: truncated && self.kind == Kind::Datagram }
    }
}

fn room_for(max: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match bytes.try_reserve_exact(max) {
        Ok(()) => Ok(bytes),
        Err(_) => {
            let cause = format!("there is no memory for {max} bytes at once");
            Err(Error::new(Operation::Receive, ErrorKind::InvalidInput, cause))
        }
    }
}

impl Read for &Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.recv_into(buffer)?)
    }
}

impl Write for &Socket {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        Ok(self.send(data)?)
    }

    /// One budget for the whole call, as [`Socket::send_all`] has it.
    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        Ok(self.send_all(data)?)
    }

    /// Nothing is held back.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        (&*self).write(data)
    }

    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        (&*self).write_all(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
