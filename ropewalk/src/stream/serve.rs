//! A function for each connection, as a future beside it.
//! Owns: the factory that spawns it. Never: ends a connection; the stream does, when the
//! function drops it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use super::{Stream, StreamProtocol, stream};
use crate::addr::Addr;
use crate::protocol::{Event, Factory, Net, Protocol, Reason, Transport};

/// A factory that runs an async function for each connection: on the loop, and as well in a
/// thread of its own, wherever protocols run. The function gets the stream, and the net of the
/// engine it runs on. The connection ends in order when the function drops the stream.
///
/// ```
/// use futures_util::{AsyncReadExt, AsyncWriteExt};
/// use ropewalk::stream::{Stream, serve};
/// # fn main() -> ropewalk::Result<()> {
/// let reactor = ropewalk::Reactor::new()?;
/// let echo = serve(|stream: Stream, _net| async move {
///     let (mut from, mut to) = (&stream, &stream);
///     if let Err(error) = futures_util::io::copy(&mut from, &mut to).await {
///         eprintln!("{error}");
///     }
/// });
/// let listener = reactor.listen_tcp(0, echo)?;
/// # let to = listener.addrs()[0].clone();
/// # let client = async {
/// #     let mut stream = reactor.connect_stream(to).await.unwrap();
/// #     stream.write_all(b"hello").await.unwrap();
/// #     stream.close().await.unwrap();
/// #     let mut said = Vec::new();
/// #     stream.read_to_end(&mut said).await.unwrap();
/// #     said
/// # };
/// # assert_eq!(reactor.block_on(client)?, b"hello");
/// # Ok(())
/// # }
/// ```
#[doc(alias = "start_server")]
pub fn serve<F, Fut>(function: F) -> Serve<F>
where
    F: FnMut(Stream, Rc<dyn Net>) -> Fut + Clone + 'static,
    Fut: Future<Output = ()> + 'static,
{
    Serve(function)
}

/// See [`serve`].
#[derive(Clone)]
pub struct Serve<F>(F);

impl<F, Fut> Factory for Serve<F>
where
    F: FnMut(Stream, Rc<dyn Net>) -> Fut + Clone + 'static,
    Fut: Future<Output = ()> + 'static,
{
    type Protocol = Serving;

    fn build(&mut self, _: &Addr) -> Option<Serving> {
        let (protocol, stream) = stream();
        let mut function = self.0.clone();
        // Called once the connection is made: only then is there a net.
        let start = move |net| Box::pin(function(stream, net)) as Started;
        Some(Serving { protocol, start: Some(Box::new(start)) })
    }
}

type Started = Pin<Box<dyn Future<Output = ()>>>;

/// The protocol of a [`serve`]d connection.
pub struct Serving {
    protocol: StreamProtocol,
    start: Option<Box<dyn FnOnce(Rc<dyn Net>) -> Started>>,
}

impl Protocol for Serving {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        self.protocol.connection_made(transport);
        if let Some(start) = self.start.take() {
            let net = transport.net();
            net.spawn(start(net.owned())).detach();
        }
    }
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        self.protocol.data_received(transport, data);
    }
    fn eof_received(&mut self, transport: &mut dyn Transport) {
        self.protocol.eof_received(transport);
    }
    fn pause_writing(&mut self, transport: &mut dyn Transport) {
        self.protocol.pause_writing(transport);
    }
    fn resume_writing(&mut self, transport: &mut dyn Transport) {
        self.protocol.resume_writing(transport);
    }
    fn event(&mut self, transport: &mut dyn Transport, event: Event) {
        self.protocol.event(transport, event);
    }
    fn stopping(&mut self, transport: &mut dyn Transport) {
        self.protocol.stopping(transport);
    }
    fn connection_lost(&mut self, transport: &mut dyn Transport, why: &Reason) {
        self.protocol.connection_lost(transport, why);
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Serving")
    }
}

impl<F> fmt::Debug for Serve<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Serve")
    }
}
