//! Receiving as much as is meant: so many bytes, or up to a delimiter.
//! Owns: the one deadline of the whole, and that nothing behind it is taken from the socket.
//! Never: keeps bytes: what has come is in the caller's hands, and the next call goes on there.

use super::deadline::Until;
use super::{Flags, Kind, MSG_PEEK, Socket, sys};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::limits;

impl Socket {
    /// Receives exactly `count` bytes of a stream, under one deadline. Python has no such
    /// call; its users write the loop.
    ///
    /// Memory is taken as the bytes come. After an error those that had come are lost, and the
    /// stream stands in the middle: where it is to go on after a deadline, take
    /// [`Socket::recv_exact_into`].
    ///
    /// # Errors
    /// As [`Socket::recv`]; `EndOfInput` if the peer ends before; `Unsupported` for what is no
    /// stream. [`Error::received`] says how many bytes had come.
    ///
    /// ```
    /// use ropewalk::{error::ErrorKind, socket::*};
    /// # fn main() -> ropewalk::Result<()> {
    /// # let server = Socket::new(AF_INET, SOCK_STREAM)?;
    /// # server.bind(("localhost", 0))?;
    /// # server.listen()?;
    /// # let client = Socket::new(AF_INET, SOCK_STREAM)?;
    /// # client.connect(server.local_addr()?)?;
    /// # let (mut peer, _) = server.accept()?;
    /// peer.send_all(b"\x05hello and")?;
    /// peer.close()?;
    /// let length = client.recv_exact(1)?[0];
    /// assert_eq!(client.recv_exact(length.into())?, b"hello");
    /// let error = client.recv_exact(100).unwrap_err();
    /// assert_eq!((error.kind(), error.received()), (ErrorKind::EndOfInput, Some(4)));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "readexactly")]
    pub fn recv_exact(&self, count: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.receive_exactly(count, |socket, done| {
            let step = (count - done).min(limits::RECEIVE_STEP_BYTES);
            bytes.try_reserve(step).map_err(|_| std::io::ErrorKind::OutOfMemory)?;
            sys::recv_vec(socket, &mut bytes, step, 0)?;
            Ok(bytes.len() - done)
        })?;
        Ok(bytes)
    }

    /// Fills the buffer from a stream, under one deadline. After an error its beginning is
    /// filled, as far as [`Error::received`] says: a later call goes on with the rest.
    ///
    /// # Errors
    /// As [`Socket::recv_exact`].
    ///
    /// ```
    /// use ropewalk::{error::ErrorKind, socket::*};
    /// # fn main() -> ropewalk::Result<()> {
    /// # let server = Socket::new(AF_INET, SOCK_STREAM)?;
    /// # server.bind(("localhost", 0))?;
    /// # server.listen()?;
    /// # let client = Socket::new(AF_INET, SOCK_STREAM)?;
    /// # client.connect(server.local_addr()?)?;
    /// # let (peer, _) = server.accept()?;
    /// client.set_timeout(Some(std::time::Duration::from_millis(100)))?;
    /// peer.send_all(b"hel")?;
    /// let mut buffer = [0; 5];
    /// let error = client.recv_exact_into(&mut buffer).unwrap_err();
    /// assert_eq!((error.kind(), error.received()), (ErrorKind::TimedOut, Some(3)));
    /// peer.send_all(b"lo")?;
    /// client.recv_exact_into(&mut buffer[3..])?;
    /// assert_eq!(&buffer, b"hello");
    /// # Ok(())
    /// # }
    /// ```
    pub fn recv_exact_into(&self, buffer: &mut [u8]) -> Result<()> {
        let count = buffer.len();
        self.receive_exactly(count, |socket, done| sys::recv(socket, &mut buffer[done..]))
    }

    fn receive_exactly(
        &self,
        count: usize,
        mut receive: impl FnMut(&socket2::Socket, usize) -> std::io::Result<usize>,
    ) -> Result<()> {
        let socket = self.stream()?;
        let mut budget = self.budget(Flags::default());
        let mut done = 0;
        while done < count {
            match budget.call(socket, Until::Readable, || receive(socket, done)) {
                Ok(0) => return Err(ended(count - done).with_received(done)),
                Ok(more) => done += more,
                Err(error) => {
                    return Err(self.failed(Operation::Receive, error).with_received(done));
                }
            }
        }
        Ok(())
    }

    /// Receives from a stream up to a delimiter, and adds it all to `bytes`, the delimiter
    /// included; nothing behind it is taken from the socket. `false` is the end of input where
    /// no message had begun.
    ///
    /// What `bytes` holds before, unless it ends with the delimiter, is the beginning of the
    /// message: so a call after a deadline, or of a non-blocking socket, goes on where the last
    /// one stopped. `limit` is the most that `bytes` may come to hold. The whole call has one
    /// deadline. Each byte is looked at twice, and compared at most as often as the delimiter
    /// is long. Two threads that receive from one socket at once get in each other's way.
    ///
    /// # Errors
    /// As [`Socket::recv`]; `TooLong` if there is no delimiter within the limit; `EndOfInput`
    /// in the middle of a message; `Unsupported` for what is no stream; `InvalidInput` for an
    /// empty delimiter or one of more than [`limits::DELIMITER_BYTES`]. What had come is in
    /// `bytes`; [`Error::received`] says how much of that this call has added.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// # let server = Socket::new(AF_INET, SOCK_STREAM)?;
    /// # server.bind(("localhost", 0))?;
    /// # server.listen()?;
    /// # let client = Socket::new(AF_INET, SOCK_STREAM)?;
    /// # client.connect(server.local_addr()?)?;
    /// # let (mut peer, _) = server.accept()?;
    /// peer.send_all(b"one\r\ntwo\r\n")?;
    /// peer.close()?;
    /// let (mut line, mut count) = (Vec::new(), 0);
    /// while client.recv_until(b"\r\n", 1024, &mut line)? {
    ///     println!("{}", String::from_utf8_lossy(&line));
    ///     line.clear();
    ///     count += 1;
    /// }
    /// assert_eq!(count, 2);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "read_until")]
    #[doc(alias = "read_line")]
    #[doc(alias = "readuntil")]
    #[doc(alias = "readline")]
    pub fn recv_until(&self, delimiter: &[u8], limit: usize, bytes: &mut Vec<u8>) -> Result<bool> {
        let socket = self.stream()?;
        if delimiter.is_empty() || delimiter.len() > limits::DELIMITER_BYTES {
            let most = limits::DELIMITER_BYTES;
            let cause = format!("a delimiter has 1 to {most} bytes, not {}", delimiter.len());
            return Err(Error::new(Operation::Receive, ErrorKind::InvalidInput, cause));
        }
        let mut budget = self.budget(Flags::default());
        let before = bytes.len();
        let begun = !bytes.is_empty() && !bytes.ends_with(delimiter);
        // A delimiter may have begun in what came before, but not in the last message's own.
        let first = if begun { before.saturating_sub(delimiter.len() - 1) } else { before };
        loop {
            let at = bytes.len();
            let most = limit.saturating_sub(at).min(limits::RECEIVE_STEP_BYTES);
            if most == 0 {
                let cause = format!("there is no delimiter within {limit} bytes");
                let error = Error::new(Operation::Receive, ErrorKind::TooLong, cause);
                return Err(error.with_received(at - before));
            }
            let from = at.saturating_sub(delimiter.len() - 1).max(first);
            bytes.reserve(most);
            let peek = || sys::recv_vec(socket, bytes, most, MSG_PEEK.bits());
            if let Err(error) = budget.call(socket, Until::Readable, peek) {
                bytes.truncate(at);
                return Err(self.failed(Operation::Receive, error).with_received(at - before));
            }
            if bytes.len() == at {
                return match at > before || begun {
                    false => Ok(false),
                    true => Err(ended(1).with_received(at - before)),
                };
            }
            let found = bytes[from..].windows(delimiter.len()).position(|seen| seen == delimiter);
            let end = found.map_or(bytes.len(), |found| from + found + delimiter.len());
            // Taken now, over what was only looked at.
            bytes.truncate(at);
            let take = || sys::recv_vec(socket, bytes, end - at, 0);
            if let Err(error) = budget.call(socket, Until::Readable, take) {
                let count = bytes.len() - before;
                return Err(self.failed(Operation::Receive, error).with_received(count));
            }
            if found.is_some() && bytes.len() == end {
                return Ok(true);
            }
        }
    }

    /// The socket, if it carries a stream.
    fn stream(&self) -> Result<&socket2::Socket> {
        let socket = self.open(Operation::Receive)?;
        if self.kind() == Kind::Stream {
            return Ok(socket);
        }
        let cause = format!("a {} socket has no stream of bytes", self.kind());
        Err(Error::new(Operation::Receive, ErrorKind::Unsupported, cause))
    }
}

fn ended(missing: usize) -> Error {
    let cause = format!("the input ended, and at least {missing} bytes are missing");
    Error::new(Operation::Receive, ErrorKind::EndOfInput, cause)
}
