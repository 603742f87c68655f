//! A connection as a stream of bytes: `futures_io::AsyncRead` and `AsyncWrite`.
//!
//! Owns: what waits for the reader, and who waits for what. Never: touches a socket or keeps a
//! rule of a connection's life: it is a protocol like any other, so whatever layers its factory
//! stacks (TLS, a throttle) stand below it, and it runs on every engine.
//!
//! [`stream`] makes the two ends: a [`StreamProtocol`] for the engine, a [`Stream`] for a future.
//! [`connect_stream`](trait.Net.html#method.connect_stream) and
//! [`listen_streams`](trait.Net.html#method.listen_streams) do that for the commonest cases;
//! [`connecting`] and [`incoming`] give the factory too, to be stacked upon.

mod open;
mod protocol;
mod serve;

pub use open::{AcceptStreams, ConnectStream, Connecting, Incoming, connecting, incoming};
pub use protocol::StreamProtocol;
pub use serve::{Serve, Serving, serve};

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_io::{AsyncRead, AsyncWrite};

use crate::addr::Addr;
use crate::limits;
use crate::protocol::{Flow, Handle, HandleError, Kind, Reason};

/// Two ends of one connection: give the protocol to a factory, the stream to a future. Until
/// the connection is made, reading and writing wait.
///
/// ```
/// use futures_util::{AsyncReadExt, AsyncWriteExt};
/// use ropewalk::protocol::from_fn;
/// use ropewalk::testing::Network;
///
/// let network = Network::calm();
/// let (protocol, mut stream) = ropewalk::stream::stream();
/// let mut protocol = Some(protocol);
/// network.listen(1, from_fn(move |_| protocol.take())).unwrap(); // the first who comes
/// let shout = async move {
///     let mut word = [0; 5];
///     stream.read_exact(&mut word).await?;
///     stream.write_all(&word.to_ascii_uppercase()).await?;
///     stream.close().await
/// };
/// let shouted = network.net().spawn(shout);
/// let mut peer = network.dial(1).unwrap();
/// peer.send(b"hello");
/// assert_eq!(peer.read_to_end().unwrap(), b"HELLO");
/// assert!(shouted.is_finished());
/// ```
pub fn stream() -> (StreamProtocol, Stream) {
    let shared = Rc::new(RefCell::new(State::default()));
    (StreamProtocol::new(shared.clone()), Stream(shared))
}

/// A connection, as a future reads and writes it.
///
/// - **Reading** gives what came, in order. At most [`STREAM_READ_BYTES`] (and one more receive)
///   wait for the reader; then the peer is held up. The peer's end of input is `Ok(0)`; our
///   direction stays open. A connection that did not end in order is an error, after what had
///   come: a cut answer does not look whole. So is the reactor's stop, which ends the reading of
///   every stream, so that whoever waits for more can say goodbye within the grace.
/// - **Writing** takes at most [`STREAM_WRITE_BYTES`] at a time, and waits while the peer is
///   slow. What is written within one turn leaves together, in one system call.
/// - **`flush`** waits until the kernel has all that was written.
/// - **`close`** flushes, and ends our direction; the peer reads to its end, and we go on
///   receiving.
/// - **Dropping** it closes in order, by the rules of
///   [`Transport::close`](crate::Transport::close): what was written is still sent, for as long
///   as the loop runs. [`Stream::abort`] resets.
///
/// Each error is an `io::Error` of the fitting kind; its `get_ref` is the [`Reason`], which says
/// whose doing it was. Shared references read and write too, so that one future may read while
/// another writes; one at a time of each.
///
/// [`STREAM_READ_BYTES`]: limits::STREAM_READ_BYTES
/// [`STREAM_WRITE_BYTES`]: limits::STREAM_WRITE_BYTES
#[doc(alias = "StreamReader")]
#[doc(alias = "StreamWriter")]
#[doc(alias = "TcpStream")]
pub struct Stream(Rc<RefCell<State>>);

/// What the two ends share.
#[derive(Default)]
struct State {
    handle: Option<Handle>,
    /// The peer's, ours.
    addrs: Option<(Addr, Addr)>,
    /// What waits for the reader.
    input: VecDeque<u8>,
    /// It was too much: the connection does not read.
    is_paused: bool,
    /// The peer's end of input.
    at_end: bool,
    /// The reactor stops: nothing more will be read.
    cut: Option<Reason>,
    lost: Option<Reason>,
    /// Something was written that the kernel does not have yet.
    owed: bool,
    shut: Shut,
    /// The future's end is gone.
    dropped: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// How far `close` is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Shut {
    #[default]
    No,
    /// The connection was told; its answer follows.
    Asked,
    Done,
}

impl Stream {
    /// The other end, once the connection is made.
    #[doc(alias = "getPeer")]
    pub fn peer_addr(&self) -> Option<Addr> {
        self.0.borrow().addrs.as_ref().map(|(peer, _)| peer.clone())
    }

    /// This end, once the connection is made.
    #[doc(alias = "getHost")]
    pub fn local_addr(&self) -> Option<Addr> {
        self.0.borrow().addrs.as_ref().map(|(_, ours)| ours.clone())
    }

    /// Reaches the connection from anywhere, once it is made. What a handle writes goes between
    /// the stream's own writes.
    pub fn handle(&self) -> Option<Handle> {
        self.0.borrow().handle.clone()
    }

    /// How the connection ended, if it has. Bytes may still wait to be read.
    pub fn reason(&self) -> Option<Reason> {
        self.0.borrow().lost.clone()
    }

    /// Ends the connection now, with a reset; what is unsent is dropped.
    #[doc(alias = "abortConnection")]
    pub fn abort(self) {
        if let Some(handle) = self.handle() {
            let _ = handle.abort(); // one that is gone has ended already
        }
    }
}

impl State {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if !self.input.is_empty() {
            return Poll::Ready(self.take(buf));
        }
        if self.at_end || buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if let Some(why) = self.cut.as_ref().or(self.lost.as_ref()) {
            return Poll::Ready(Err(why.clone().into()));
        }
        self.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn take(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buf)?;
        if self.input.is_empty() {
            self.input = VecDeque::new(); // an idle stream owns no buffer
        }
        if self.is_paused && self.input.len() <= limits::STREAM_READ_BYTES / 2 {
            self.is_paused = false;
            if let Some(handle) = &self.handle {
                let _ = handle.resume_reading(); // one that is gone has given all it had
            }
        }
        Ok(count)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.shut != Shut::No || self.lost.is_some() {
            return Poll::Ready(Err(self.no_more_writes()));
        }
        let full = |handle: &Handle| match handle.buffered() {
            Some(bytes) => bytes >= limits::HARD_LIMIT_OF_NO_MARK_BYTES,
            None => true, // the loop does not run: it says when there is room
        };
        let handle = match &self.handle {
            Some(handle) if !(self.owed && full(handle)) => handle,
            _ => return self.writer_waits(cx),
        };
        let chunk = buf.get(..limits::STREAM_WRITE_BYTES).unwrap_or(buf);
        match handle.write(chunk) {
            Ok(Flow::More) => {}
            Ok(Flow::Full) => self.owed = true,
            Ok(Flow::Closed) | Err(HandleError::Gone) => {
                return Poll::Ready(Err(self.no_more_writes()));
            }
            Err(full) => return Poll::Ready(Err(io::Error::other(full))),
        }
        Poll::Ready(Ok(chunk.len()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.lost {
            Some(why) if why.unsent() > 0 || !why.is_clean() => {
                Poll::Ready(Err(self.no_more_writes()))
            }
            None if self.owed => self.writer_waits(cx),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.shut == Shut::Done {
            return Poll::Ready(Ok(()));
        }
        match &self.handle {
            _ if self.lost.is_some() => return self.poll_flush(cx),
            Some(handle) if !self.owed && self.shut == Shut::No => {
                self.shut = Shut::Asked;
                // The event comes after the connection has done the first. To one that is gone
                // `connection_lost` comes instead.
                let told = handle.shutdown_write().and_then(|()| handle.event(protocol::IsShut));
                if let Err(full @ HandleError::Full) = told {
                    return Poll::Ready(Err(io::Error::other(full)));
                }
            }
            _ => {}
        }
        self.writer_waits(cx)
    }

    fn writer_waits<T>(&mut self, cx: &Context<'_>) -> Poll<T> {
        self.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Why nothing can be written. What ended in order for the reader is a broken pipe for the
    /// writer.
    fn no_more_writes(&self) -> io::Error {
        match &self.lost {
            Some(why) if matches!(why.kind(), Kind::Closed | Kind::PeerClosed) => {
                io::Error::new(io::ErrorKind::BrokenPipe, why.clone())
            }
            Some(why) => why.clone().into(),
            None => io::Error::new(io::ErrorKind::BrokenPipe, "this direction was closed"),
        }
    }
}

impl AsyncRead for &Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().poll_read(cx, buf)
    }
}

impl AsyncWrite for &Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_close(cx)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_close(cx)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut state = self.0.borrow_mut();
        state.dropped = true;
        state.input = VecDeque::new();
        if let Some(handle) = &state.handle {
            let _ = handle.close(); // one that is gone has ended already
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.borrow();
        f.debug_struct("Stream")
            .field("peer", &state.addrs.as_ref().map(|(peer, _)| peer))
            .field("unread", &state.input.len())
            .field("at_end", &state.at_end)
            .field("lost", &state.lost)
            .finish_non_exhaustive()
    }
}
