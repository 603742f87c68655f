//! How a future comes to a stream: by connecting, or by accepting.
//! Owns: the factories for both, and the queue of streams that wait to be accepted.
//! Never: connects or listens itself; the net does.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::{Stream, StreamProtocol, stream};
use crate::addr::{Addr, Site, Target};
use crate::error::Result;
use crate::limits;
use crate::protocol::{Connector, Factory, Kind, Listener, Net, Reason};

impl dyn Net + '_ {
    /// Connects, and gives the connection as a stream of bytes. It begins at once; dropping the
    /// future stops the attempt.
    ///
    /// ```
    /// use futures_util::{AsyncReadExt, AsyncWriteExt};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let reactor = ropewalk::Reactor::new()?;
    /// let mut incoming = reactor.listen_streams(0)?;
    /// let to = incoming.addrs()[0].clone();
    /// let server = async {
    ///     let mut stream = incoming.accept().await.expect("nobody stopped it");
    ///     let mut name = String::new();
    ///     stream.read_to_string(&mut name).await?;
    ///     stream.write_all(format!("hello {name}").as_bytes()).await?;
    ///     stream.close().await
    /// };
    /// let client = async {
    ///     let mut stream = reactor.connect_stream(to).await?;
    ///     stream.write_all(b"world").await?;
    ///     stream.close().await?;
    ///     let mut said = String::new();
    ///     stream.read_to_string(&mut said).await?;
    ///     std::io::Result::Ok(said)
    /// };
    /// let both = async { futures_util::try_join!(server, client) };
    /// assert_eq!(reactor.block_on(both)??.1, "hello world");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Of the future's answer: why the attempt failed, as an `io::Error` of the fitting kind,
    /// with the [`Reason`] inside.
    #[doc(alias = "open_connection")]
    pub fn connect_stream(&self, to: impl Into<Target>) -> Connecting {
        let (factory, connecting) = connecting();
        let connector = self.connect(to.into(), Box::new(factory));
        connecting.stops(connector)
    }

    /// Listens, and gives the connections as streams of bytes, until the [`Incoming`] is
    /// dropped or the engine stops.
    ///
    /// # Errors
    /// The address cannot be bound; nothing is left bound.
    #[doc(alias = "start_server")]
    pub fn listen_streams(&self, at: impl Into<Site>) -> Result<Incoming> {
        let (factory, incoming) = incoming();
        let listener = self.listen(at.into(), Box::new(factory))?;
        Ok(incoming.stops(listener))
    }
}

/// A factory for one connection, and the future that gives it as a stream: what
/// [`connect_stream`](trait.Net.html#method.connect_stream) does, for a factory that is to
/// have layers or options.
///
/// ```
/// use ropewalk::policy::Throttle;
/// use ropewalk::protocol::Factory;
/// # let network = ropewalk::testing::Network::calm();
/// let (factory, connecting) = ropewalk::stream::connecting();
/// let connector = network.connect(1, factory.layer(|| Throttle::new().read(1_000_000, 64_000)));
/// let connecting = connecting.stops(connector); // when it is dropped
/// # drop(connecting);
/// ```
pub fn connecting() -> (ConnectStream, Connecting) {
    let attempt = Rc::new(RefCell::new(Attempt::default()));
    (ConnectStream(attempt.clone()), Connecting { attempt, connector: None })
}

/// The factory of a [`Connecting`] stream. A connection after the first is refused: the future
/// has one answer.
#[derive(Debug)]
pub struct ConnectStream(Rc<RefCell<Attempt>>);

/// A stream that is being connected. Dropped, it stops.
#[must_use = "dropping it stops the attempt"]
#[derive(Debug)]
pub struct Connecting {
    attempt: Rc<RefCell<Attempt>>,
    connector: Option<Connector>,
}

#[derive(Debug, Default)]
struct Attempt {
    answer: Option<io::Result<Stream>>,
    over: bool,
    waiter: Option<Waker>,
}

impl Attempt {
    fn end(attempt: &RefCell<Attempt>, answer: io::Result<Stream>) {
        let mut state = attempt.borrow_mut();
        if std::mem::replace(&mut state.over, true) {
            return;
        }
        state.answer = Some(answer);
        let waiter = state.waiter.take();
        drop(state);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }
}

impl Factory for ConnectStream {
    type Protocol = StreamProtocol;

    fn build(&mut self, _: &Addr) -> Option<StreamProtocol> {
        if self.0.borrow().over {
            return None;
        }
        let (protocol, stream) = stream();
        Attempt::end(&self.0, Ok(stream));
        Some(protocol)
    }

    fn failed(&mut self, _: &dyn Net, why: &Reason) {
        Attempt::end(&self.0, Err(why.clone().into()));
    }
}

impl Drop for ConnectStream {
    /// Nobody will try any more.
    fn drop(&mut self) {
        Attempt::end(&self.0, Err(Reason::new(Kind::Stopped).into()));
    }
}

impl Connecting {
    /// The same, which stops this connector if it is dropped before it is connected.
    pub fn stops(mut self, connector: Connector) -> Connecting {
        self.connector = Some(connector);
        self
    }
}

impl Future for Connecting {
    type Output = io::Result<Stream>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        let mut attempt = self.attempt.borrow_mut();
        if let Some(answer) = attempt.answer.take() {
            return Poll::Ready(answer);
        }
        attempt.waiter = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Connecting {
    fn drop(&mut self) {
        let mut attempt = self.attempt.borrow_mut();
        let over = std::mem::replace(&mut attempt.over, true);
        let unseen = attempt.answer.take();
        drop(attempt);
        drop(unseen);
        if let (false, Some(connector)) = (over, &self.connector) {
            connector.stop();
        }
    }
}

/// A factory for a listener, and what gives its connections as streams: what
/// [`listen_streams`](trait.Net.html#method.listen_streams) does, for a factory that is to have
/// layers or options.
///
/// ```
/// use ropewalk::policy::Throttle;
/// use ropewalk::protocol::Factory;
/// # fn main() -> ropewalk::Result<()> {
/// let reactor = ropewalk::Reactor::new()?;
/// let (factory, incoming) = ropewalk::stream::incoming();
/// let slow = factory.layer(|| Throttle::new().read(1_000_000, 64_000));
/// let listener = reactor.listen_tcp(0, slow)?;
/// let incoming = incoming.stops(listener); // when it is dropped
/// # drop(incoming);
/// # Ok(())
/// # }
/// ```
pub fn incoming() -> (AcceptStreams, Incoming) {
    let queue = Rc::new(RefCell::new(Queue { listens: true, ..Queue::default() }));
    (AcceptStreams(queue.clone()), Incoming { queue, listener: None })
}

/// The factory of [`Incoming`] streams.
#[derive(Debug)]
pub struct AcceptStreams(Rc<RefCell<Queue>>);

/// Streams that come in, for a future to accept. At most
/// [`STREAMS_WAITING`](limits::STREAMS_WAITING) wait; whoever comes then is refused, and the log
/// says so. Dropped, it listens no more, and those that wait are closed.
#[derive(Debug)]
pub struct Incoming {
    queue: Rc<RefCell<Queue>>,
    listener: Option<Listener>,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Stream>,
    listens: bool,
    acceptor: Option<Waker>,
}

impl Queue {
    /// Nobody will come any more.
    pub(super) fn end(queue: &RefCell<Queue>) {
        queue.borrow_mut().listens = false;
        Queue::wake(queue);
    }

    fn wake(queue: &RefCell<Queue>) {
        let acceptor = queue.borrow_mut().acceptor.take();
        if let Some(acceptor) = acceptor {
            acceptor.wake();
        }
    }
}

impl Factory for AcceptStreams {
    type Protocol = StreamProtocol;

    fn build(&mut self, peer: &Addr) -> Option<StreamProtocol> {
        let mut queue = self.0.borrow_mut();
        if !queue.listens {
            return None;
        }
        if queue.waiting.len() >= limits::STREAMS_WAITING {
            let most = limits::STREAMS_WAITING;
            tracing::warn!("{peer} is turned away: {most} streams wait to be accepted");
            return None;
        }
        let (protocol, stream) = stream();
        queue.waiting.push_back(stream);
        drop(queue);
        Queue::wake(&self.0);
        Some(protocol.accepted_by(self.0.clone()))
    }
}

impl Drop for AcceptStreams {
    fn drop(&mut self) {
        Queue::end(&self.0);
    }
}

impl Incoming {
    /// The same, which stops this listener when it stops.
    #[must_use]
    pub fn stops(mut self, listener: Listener) -> Incoming {
        self.listener = Some(listener);
        self
    }

    /// The addresses bound, with the port that the system chose; none without a listener.
    #[doc(alias = "getHost")]
    pub fn addrs(&self) -> &[Addr] {
        self.listener.as_ref().map_or(&[], Listener::addrs)
    }

    /// The next stream, in the order in which they came. `None` once nobody listens any more,
    /// and all have been accepted. Dropping the future takes none.
    pub fn accept(&mut self) -> impl Future<Output = Option<Stream>> + '_ {
        poll_fn(|cx| {
            let mut queue = self.queue.borrow_mut();
            match queue.waiting.pop_front() {
                Some(stream) => Poll::Ready(Some(stream)),
                None if !queue.listens => Poll::Ready(None),
                None => {
                    queue.acceptor = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
    }

    /// Listens no more; those that wait can still be accepted, and their `accept` then gives
    /// `None`.
    #[doc(alias = "stopListening")]
    pub fn stop(&mut self) {
        if let Some(listener) = &self.listener {
            listener.stop();
        }
        Queue::end(&self.queue);
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.stop();
        let unseen = std::mem::take(&mut self.queue.borrow_mut().waiting);
        drop(unseen);
    }
}
