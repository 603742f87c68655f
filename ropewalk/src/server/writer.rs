//! The file that a handler writes its answer to.
//! Owns: whether what is written leaves at once or in bigger pieces.
//! Never: keeps what could not be sent for another try when its handler is done.

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use crate::socket::{Socket, SocketIo};

/// A connection as a file to write: `request.wfile` of a
/// [`StreamRequest`](super::StreamRequest).
///
/// What `write_all` or `write!` is given leaves at once and in one piece; with a
/// [`wbufsize`](super::StreamRequestHandler::wbufsize), when so many bytes are there, at
/// `flush`, or when the handler is done.
///
/// ```
/// use std::io::Write;
/// use ropewalk::server::{HandlerResult, StreamRequest, StreamRequestHandler};
///
/// struct Squares;
///
/// impl StreamRequestHandler for Squares {
///     fn wbufsize(&self) -> usize {
///         8192 // a hundred lines, and one send
///     }
///     fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
///         for number in 0..100 {
///             writeln!(request.wfile, "{}", number * number)?;
///         }
///         Ok(())
///     }
/// }
/// ```
pub struct StreamWriter(BufWriter<SocketIo>);

impl StreamWriter {
    /// One that holds nothing back.
    pub(super) fn new(io: SocketIo) -> StreamWriter {
        StreamWriter(BufWriter::with_capacity(0, io))
    }

    /// The connection.
    ///
    /// ```
    /// use ropewalk::server::StreamRequest;
    /// fn is_open(request: &StreamRequest) -> bool {
    ///     !request.wfile.socket().is_closed()
    /// }
    /// ```
    pub fn socket(&self) -> &Arc<Socket> {
        self.0.get_ref().socket()
    }

    /// From now on so many bytes are held back at most; what it holds now is thrown away.
    pub(super) fn renew(&mut self, bytes: usize) {
        let io = self.0.get_ref().clone();
        let old = std::mem::replace(&mut self.0, BufWriter::with_capacity(bytes, io));
        drop(old.into_parts()); // else its drop would try once more to send
    }

    /// Sends what is held back. It is tried once: after that nothing is.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let flushed = self.0.flush();
        self.renew(0);
        flushed
    }

    /// Its connection; what it holds back is thrown away.
    pub(super) fn into_socket(self) -> Arc<Socket> {
        self.0.into_parts().0.into()
    }
}

impl Write for StreamWriter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.write(data)
    }

    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        self.0.write_all(data)
    }

    /// Formatted first: else each part of it would be a send.
    fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        let mut whole = String::new();
        let refused = |_| io::Error::other("what is to be written cannot be formatted");
        fmt::Write::write_fmt(&mut whole, text).map_err(refused)?;
        self.write_all(whole.as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl fmt::Debug for StreamWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamWriter({} bytes held back)", self.0.buffer().len())
    }
}
