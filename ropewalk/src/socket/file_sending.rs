//! A file's content, sent.
//! Owns: that its position afterwards tells how far it went, and the deadline of the whole.
//! Never: sends a byte twice, or reads more of a file than it sends, where it can go back.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use rustix::io::Errno;

use super::deadline::{Budget, Until};
use super::{Flags, Kind, Socket, sys};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::limits;

impl Socket {
    /// Sends a file's content from `offset` on: `count` bytes, or up to its end. Gives how many
    /// bytes that were: fewer than `count` if the file ends before. Blocks until the kernel has
    /// taken the last; the socket's timeout is for the whole call (Python's is for each wait).
    /// Reading a file that has to be waited for, a pipe, is outside of it.
    ///
    /// On Linux the kernel sends a regular file by itself; any other, and elsewhere all, go
    /// through a buffer. Afterwards, also after an error, the file stands behind the last byte
    /// that was sent. One that cannot be moved in (a pipe, with `offset` 0) stands behind the
    /// last that was read.
    ///
    /// A `count` of 0 sends nothing; Python refuses it. That a peer is gone is an error and no
    /// signal here, too, while the process ignores `SIGPIPE`, as Rust's programs do from their
    /// start: `sendfile(2)` has no flag for it.
    ///
    /// # Errors
    /// As [`Socket::send`]; `InvalidInput` from a non-blocking socket, or for a file that was not
    /// opened to be read; `Unsupported` for what is no stream; what reading the file says.
    /// [`Error::sent`] says how many bytes were sent.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// use std::{fs::File, io::Write};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let path = std::env::temp_dir().join(format!("ropewalk-doc-{}", std::process::id()));
    /// # let server = Socket::new(AF_INET, SOCK_STREAM)?;
    /// # server.bind(("localhost", 0))?;
    /// # server.listen()?;
    /// # let client = Socket::new(AF_INET, SOCK_STREAM)?;
    /// # client.connect(server.local_addr()?)?;
    /// # let (peer, _) = server.accept()?;
    /// File::create(&path)?.write_all(b"the content of a file")?;
    /// let file = File::open(&path)?;
    /// # std::fs::remove_file(&path)?;
    /// assert_eq!(client.send_file(&file, 4, Some(7))?, 7);
    /// assert_eq!(peer.recv_exact(7)?, b"content");
    /// assert_eq!(client.send_file(&file, 11, None)?, 10);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "sendfile")]
    pub fn send_file(&self, file: &File, offset: u64, count: Option<u64>) -> Result<u64> {
        let socket = self.open(Operation::Send)?;
        let refuse = |kind, cause: String| Err(Error::new(Operation::Send, kind, cause));
        if self.kind() != Kind::Stream {
            let cause = format!("a file is sent over a stream, not a {} socket", self.kind());
            return refuse(ErrorKind::Unsupported, cause);
        }
        if !self.is_blocking() {
            let cause = "a file is sent by a socket that may wait, not by a non-blocking one";
            return refuse(ErrorKind::InvalidInput, cause.into());
        }
        let mut sending = Sending {
            socket,
            file,
            offset,
            count: count.unwrap_or(u64::MAX),
            sent: 0,
            budget: self.budget(Flags::default()),
        };
        let outcome = sending.run();
        let sent = sending.sent;
        match outcome.and(sending.leave()) {
            Ok(()) => Ok(sent),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::BADF) => {
                // The socket is open: it was borrowed.
                let cause = "the file was not opened to be read";
                let error = Error::new(Operation::Send, ErrorKind::InvalidInput, cause);
                Err(error.with_sent(sent as usize)) // as below
            }
            // As wide as 64 bits.
            Err(error) => Err(self.failed(Operation::Send, error).with_sent(sent as usize)),
        }
    }
}

/// A file being sent.
struct Sending<'a> {
    socket: &'a socket2::Socket,
    file: &'a File,
    offset: u64,
    count: u64,
    sent: u64,
    budget: Budget<'a>,
}

impl Sending<'_> {
    fn run(&mut self) -> io::Result<()> {
        let is_regular = self.file.metadata()?.is_file();
        match is_regular.then(|| self.by_the_kernel()) {
            // Some file systems cannot.
            Some(Err(error)) if self.sent == 0 && sys::cannot_send_file(&error) => {}
            Some(result) => return result,
            None => {}
        }
        self.through_a_buffer()
    }

    fn left(&self, most: usize) -> usize {
        (self.count - self.sent).min(most as u64) as usize // no more than `most`
    }

    fn by_the_kernel(&mut self) -> io::Result<()> {
        let (socket, file) = (self.socket, self.file);
        loop {
            let (at, most) = (self.offset + self.sent, self.left(limits::SEND_FILE_BYTES));
            if most == 0 {
                return Ok(());
            }
            let call = || sys::send_file(socket, file, at, most);
            match self.budget.call(socket, Until::Writable, call)? {
                0 => return Ok(()), // the file's end
                count => self.sent += count as u64,
            }
        }
    }

    fn through_a_buffer(&mut self) -> io::Result<()> {
        let (socket, mut file) = (self.socket, self.file);
        if self.offset != 0 || file.metadata()?.is_file() {
            file.seek(SeekFrom::Start(self.offset))?;
        }
        let mut buffer = vec![0; limits::SEND_FILE_BUFFER_BYTES];
        loop {
            let most = self.left(buffer.len());
            let read = sys::retry(|| file.read(&mut buffer[..most]))?;
            let mut unsent = &buffer[..read];
            while !unsent.is_empty() {
                let call = || sys::send(socket, unsent);
                let count = self.budget.call(socket, Until::Writable, call)?;
                self.sent += count as u64;
                unsent = &unsent[count..];
            }
            if read == 0 {
                return Ok(());
            }
        }
    }

    /// Leaves the file behind the last byte that was sent.
    fn leave(&self) -> io::Result<()> {
        let mut file = self.file;
        match file.seek(SeekFrom::Start(self.offset + self.sent)) {
            Err(error) if error.kind() != io::ErrorKind::NotSeekable => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::socket::socketpair;

    /// Where the kernel sends a regular file by itself, no call of the library shows that it
    /// goes through a buffer as well.
    #[test]
    fn a_file_through_a_buffer_is_sent_from_its_offset_and_stands_behind_what_was_sent() {
        let path = std::env::temp_dir().join(format!("ropewalk-buffer-{}", std::process::id()));
        let content: Vec<u8> = (0..200_000_u32).map(|at| (at ^ at >> 8) as u8).collect();
        File::create(&path).unwrap().write_all(&content).unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let (ours, theirs) = socketpair().unwrap();
        for (offset, count) in [(0, u64::MAX), (5000, u64::MAX), (2007, 100_007), (3, 0)] {
            let sent = std::thread::scope(|scope| {
                let from = offset as usize;
                let expected = content.len().saturating_sub(from).min(count as usize);
                let theirs = &theirs;
                let receiver = scope.spawn(move || theirs.recv_exact(expected).unwrap());
                let socket = ours.open(Operation::Send).unwrap();
                let budget = ours.budget(Flags::default());
                let mut sending = Sending { socket, file: &file, offset, count, sent: 0, budget };
                sending.through_a_buffer().unwrap();
                sending.leave().unwrap();
                assert!(receiver.join().unwrap() == content[from..][..expected]);
                sending.sent
            });
            assert_eq!((&file).stream_position().unwrap(), offset + sent);
        }
    }
}
