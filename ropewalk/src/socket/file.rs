//! A socket as a pair of files: one to read lines from, one to write to.
//! Owns: that the socket stays open as long as one of them is there.
//! Never: refuses after a deadline: the next read goes on.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::sync::Arc;

use super::Socket;
use crate::limits;

/// A shared socket, read from and written to without a buffer: what stands below the files
/// of [`Socket::makefile`].
///
/// ```
/// use ropewalk::socket::*;
/// use std::{io::Write, sync::Arc};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let server = Socket::new(AF_INET, SOCK_STREAM)?;
/// # server.bind(("localhost", 0))?;
/// # server.listen()?;
/// # let client = Socket::new(AF_INET, SOCK_STREAM)?;
/// # client.connect(server.local_addr()?)?;
/// let client = Arc::new(client);
/// let mut io = SocketIo::from(client.clone());
/// io.write_all(b"hello")?; // has left: there is no buffer
/// assert!(Arc::ptr_eq(io.socket(), &client));
/// # assert_eq!(server.accept()?.0.recv(16)?, b"hello");
/// # Ok(())
/// # }
/// ```
#[doc(alias = "SocketIO")]
#[derive(Clone, Debug)]
pub struct SocketIo(Arc<Socket>);

impl SocketIo {
    /// The socket.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let file = SocketIo::from(std::sync::Arc::new(Socket::new(AF_INET, SOCK_STREAM)?));
    /// file.socket().set_timeout(Some(std::time::Duration::from_secs(5)))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn socket(&self) -> &Arc<Socket> {
        &self.0
    }
}

impl From<Arc<Socket>> for SocketIo {
    fn from(socket: Arc<Socket>) -> SocketIo {
        SocketIo(socket)
    }
}

impl From<SocketIo> for Arc<Socket> {
    fn from(io: SocketIo) -> Arc<Socket> {
        io.0
    }
}

impl Socket {
    /// A buffered reader and a buffered writer, independent of one another. The descriptor is
    /// closed when the socket and both are gone.
    ///
    /// They keep the socket's timeout: a read that meets it fails with
    /// [`TimedOut`](io::ErrorKind::TimedOut), and can be called again; Python's refuses from
    /// then on. `read_until` and `fill_buf` keep what came before, and so does `read_line`
    /// unless the deadline falls inside a character; `read_exact` and `read_to_string` are of
    /// std, and lose it.
    /// What was written leaves when the buffer is full, at `flush`, or when the writer is
    /// dropped, which cannot tell that it failed: flush what matters.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// use std::io::{BufRead, Write};
    /// use std::sync::Arc;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = Socket::new(AF_INET, SOCK_STREAM)?;
    /// # server.bind(("localhost", 0))?;
    /// # server.listen()?;
    /// # let client = Socket::new(AF_INET, SOCK_STREAM)?;
    /// # client.connect(server.local_addr()?)?;
    /// let (mut reader, mut writer) = Arc::new(client).makefile();
    /// # let (peer, _) = server.accept()?;
    /// peer.send_all(b"one\ntwo\n")?;
    /// let mut line = String::new();
    /// reader.read_line(&mut line)?;
    /// assert_eq!(line, "one\n");
    /// writeln!(writer, "three")?;
    /// writer.flush()?;
    /// assert_eq!(peer.recv(1024)?, b"three\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn makefile(self: &Arc<Self>) -> (BufReader<SocketIo>, BufWriter<SocketIo>) {
        let io = SocketIo(self.clone());
        (
            BufReader::with_capacity(limits::FILE_BUFFER_BYTES, io.clone()),
            BufWriter::with_capacity(limits::FILE_BUFFER_BYTES, io),
        )
    }
}

impl Read for SocketIo {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

impl Write for SocketIo {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        (&*self.0).write(data)
    }

    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        (&*self.0).write_all(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
