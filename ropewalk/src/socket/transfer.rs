//! Sending and receiving, each within the socket's time.
//! Owns: what a call of Python's takes and gives. Never: buffers, or sends a byte twice.

use std::io::{self, Read, Write};

use super::deadline::{Budget, Until};
use super::{Family, Flags, Kind, Socket, sys};
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
        self.recv_with(max, Flags::default())
    }

    /// The same with flags: [`MSG_PEEK`](super::MSG_PEEK), [`MSG_OOB`](super::MSG_OOB)…
    ///
    /// # Errors
    /// As [`Socket::recv`]; `InvalidInput` for urgent data where there is none.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// # let server = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// # server.bind(("localhost", 0))?;
    /// # let client = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// # client.connect(server.local_addr()?)?;
    /// client.send(b"hello")?;
    /// assert_eq!(server.recv_with(2, MSG_PEEK)?, b"he"); // and the datagram stays
    /// assert_eq!(server.recv(1024)?, b"hello");
    /// # Ok(())
    /// # }
    /// ```
    pub fn recv_with(&self, max: usize, flags: Flags) -> Result<Vec<u8>> {
        let socket = self.open(Operation::Receive)?;
        if max == 0 {
            return Ok(Vec::new());
        }
        let mut bytes = room_for(max)?;
        let call = || sys::recv_vec(socket, &mut bytes, max, flags.bits());
        self.budget(flags)
            .call(socket, until(flags), call)
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
        self.recv_into_with(buffer, Flags::default())
    }

    /// The same with flags.
    ///
    /// # Errors
    /// As [`Socket::recv_with`].
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// # let server = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// # server.bind(("localhost", 0))?;
    /// # let client = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// # client.connect(server.local_addr()?)?;
    /// client.send(b"hello")?;
    /// let mut buffer = [0; 16];
    /// assert_eq!(server.recv_into_with(&mut buffer, MSG_PEEK)?, 5);
    /// assert_eq!(server.recv_into(&mut buffer)?, 5);
    /// # Ok(())
    /// # }
    /// ```
    pub fn recv_into_with(&self, buffer: &mut [u8], flags: Flags) -> Result<usize> {
        let socket = self.open(Operation::Receive)?;
        if buffer.is_empty() {
            return Ok(0);
        }
        self.budget(flags)
            .call(socket, until(flags), || sys::recv_with(socket, buffer, flags.bits()))
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
        self.recv_from_with(max, Flags::default())
    }

    /// The same with flags.
    ///
    /// # Errors
    /// As [`Socket::recv_from`].
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// # let server = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// # server.bind(("localhost", 0))?;
    /// # let client = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// # client.connect(server.local_addr()?)?;
    /// client.send(b"hello")?;
    /// assert_eq!(server.recv_from_with(1024, MSG_PEEK)?, server.recv_from(1024)?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn recv_from_with(&self, max: usize, flags: Flags) -> Result<Received<Vec<u8>>> {
        let socket = self.open(Operation::Receive)?;
        let mut bytes = room_for(max)?;
        let call = || sys::recv_from_vec(socket, &mut bytes, max, flags.bits());
        let (from, truncated) = self
            .budget(flags)
            .call(socket, until(flags), call)
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
        self.recv_from_into_with(buffer, Flags::default())
    }

    /// The same with flags.
    ///
    /// # Errors
    /// As [`Socket::recv_from`].
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// # let server = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// # server.bind(("localhost", 0))?;
    /// # let client = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// # client.connect(server.local_addr()?)?;
    /// client.send(b"hello")?;
    /// assert_eq!(server.recv_from_into_with(&mut [0; 16], MSG_PEEK)?.bytes, 5);
    /// # Ok(())
    /// # }
    /// ```
    pub fn recv_from_into_with(&self, buffer: &mut [u8], flags: Flags) -> Result<Received<usize>> {
        let socket = self.open(Operation::Receive)?;
        let (count, (from, truncated)) = self
            .budget(flags)
            .call(socket, until(flags), || sys::recv_from(socket, buffer, flags.bits()))
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
        self.send_with(data, Flags::default())
    }

    /// The same with flags.
    ///
    /// # Errors
    /// As [`Socket::send`].
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// # let server = Socket::new(AF_INET, SOCK_STREAM)?;
    /// # server.bind(("localhost", 0))?;
    /// # server.listen()?;
    /// # let client = Socket::new(AF_INET, SOCK_STREAM)?;
    /// # client.connect(server.local_addr()?)?;
    /// assert_eq!(client.send_with(b"!", MSG_OOB)?, 1); // urgent
    /// # Ok(())
    /// # }
    /// ```
    pub fn send_with(&self, data: &[u8], flags: Flags) -> Result<usize> {
        let socket = self.open(Operation::Send)?;
        self.budget(flags)
            .call(socket, Until::Writable, || sys::send_with(socket, data, flags.bits()))
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
        self.send_all_with(data, Flags::default())
    }

    /// The same with flags.
    ///
    /// # Errors
    /// As [`Socket::send_all`].
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// # let server = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// # server.bind(("localhost", 0))?;
    /// # let client = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// # client.connect(server.local_addr()?)?;
    /// client.send_all_with(b"hello", MSG_DONTROUTE)?;
    /// assert_eq!(server.recv(1024)?, b"hello");
    /// # Ok(())
    /// # }
    /// ```
    pub fn send_all_with(&self, data: &[u8], flags: Flags) -> Result<()> {
        let socket = self.open(Operation::Send)?;
        let mut budget = self.budget(flags);
        let mut sent = 0;
        loop {
            // No bytes are sent as none: an empty datagram is one.
            let call = || sys::send_with(socket, &data[sent..], flags.bits());
            match budget.call(socket, Until::Writable, call) {
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
        self.send_to_with(data, Flags::default(), to)
    }

    /// The same with flags, which stand in the middle as in Python.
    ///
    /// # Errors
    /// As [`Socket::send_to`].
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// # let server = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// # server.bind(("localhost", 0))?;
    /// # let client = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// # client.connect(server.local_addr()?)?;
    /// # let client = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// assert_eq!(client.send_to_with(b"hello", MSG_DONTROUTE, server.local_addr()?)?, 5);
    /// # Ok(())
    /// # }
    /// ```
    pub fn send_to_with(
        &self,
        data: &[u8],
        flags: Flags,
        to: impl TryInto<Target, Error: Into<Error>>,
    ) -> Result<usize> {
        let mut budget = self.budget(flags);
        let (target, address) = self.address(to, Operation::Send, &mut budget)?;
        let socket = self.open(Operation::Send)?;
        let call = || sys::send_to_with(socket, data, &address, flags.bits());
        let sent = budget.call(socket, self.until_named_has_room(), call);
        sent.map_err(|error| not_sent_to(target, error))
    }

    /// What one call with these flags may spend.
    pub(super) fn budget(&self, flags: Flags) -> Budget<'_> {
        let budget = self.mode.budget();
        if flags.at_once() { budget.at_once() } else { budget }
    }

    /// When to send again to an address that had no room. A Unix socket is writable when its
    /// own buffer has room; whether the other's queue has, nobody says.
    pub(super) fn until_named_has_room(&self) -> Until {
        match self.family {
            Family::Unix => Until::TriedAgain,
            _ => Until::Writable,
        }
    }

    /// Of a stream the kernel does not say with each receive whose it is, and what there was
    /// no room for is not lost.
    fn received<T>(&self, bytes: T, from: Addr, truncated: bool) -> Received<T> {
        let from = self.sender(from);
        Received { bytes, from, truncated: truncated && self.kind != Kind::Stream }
    }

    /// Whose it is, from what the kernel said with it.
    pub(super) fn sender(&self, from: Addr) -> Addr {
        match (from, self.family) {
            (Addr::Unix(None), Family::Inet | Family::Inet6) => {
                self.peer_known().unwrap_or(Addr::Unix(None))
            }
            (from, _) => from,
        }
    }
}

/// What a call waits for that receives with these flags.
pub(super) fn until(flags: Flags) -> Until {
    if flags.besides_the_stream() { Until::Urgent } else { Until::Readable }
}

/// What failed, unless it would only have to wait, has the address.
pub(super) fn not_sent_to(target: Target, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => Error::without_address(Operation::Send, error),
        _ => Error::from_io(Operation::Send, target, error),
    }
}

pub(super) fn room_for(max: usize) -> Result<Vec<u8>> {
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
