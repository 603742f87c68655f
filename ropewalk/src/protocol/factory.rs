//! Who builds protocols: factories for servers and for clients, and what they are told.
//! Owns: `Factory`, `ClientFactory`, their closures and combinators.
//! Never: keeps a table of connections or does I/O.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Connector, Layer, Layers, Net, Protocol, Reason, Transport};
use crate::addr::Addr;

/// Builds a protocol for each connection that a listener accepts.
///
/// A closure that returns a protocol is a factory: `|| Echo`. [`from_fn`] makes one that
/// sees the peer and may refuse.
#[doc(alias = "buildProtocol")]
pub trait Factory {
    /// What it builds.
    type Protocol: Protocol + 'static;

    /// Builds a protocol, once every layer is ready; `None` refuses the connection.
    fn build(&mut self, peer: &Addr) -> Option<Self::Protocol>;

    /// Puts layers between wire and protocol, from the wire up.
    fn stack(&mut self, layers: &mut Layers) {
        let _ = layers;
    }

    /// A connection ended before its protocol was built.
    fn failed(&mut self, net: &dyn Net, why: &Reason) {
        let _ = (net, why);
    }

    /// Wraps each protocol: the way of typed adapters such as framers.
    fn map<G, Q>(self, wrap: G) -> Map<Self, G>
    where
        Self: Sized,
        G: FnMut(Self::Protocol) -> Q,
        Q: Protocol + 'static,
    {
        Map { inner: self, wrap }
    }

    /// Puts a layer below those that are there, nearer to the wire: written bytes meet
    /// them in the order in which they were added.
    fn layer<G, L>(self, make: G) -> WithLayer<Self, G>
    where
        Self: Sized,
        G: FnMut() -> L,
        L: Layer,
    {
        WithLayer { inner: self, make }
    }
}

impl<F, P> Factory for F
where
    F: FnMut() -> P,
    P: Protocol + 'static,
{
    type Protocol = P;
    fn build(&mut self, _: &Addr) -> Option<P> {
        Some(self())
    }
}

/// A factory from a closure that sees the peer, and refuses by `None`.
///
/// ```
/// use ropewalk::protocol::{Factory, from_fn};
/// # struct Echo;
/// # impl ropewalk::Protocol for Echo {
/// #     fn data_received(&mut self, t: &mut dyn ropewalk::Transport, d: &[u8]) { t.write(d); }
/// # }
/// let mut friends = from_fn(|peer| (peer.host() == "127.0.0.1").then_some(Echo));
/// let peer: std::net::SocketAddr = "10.0.0.1:5".parse().unwrap();
/// assert!(friends.build(&peer.into()).is_none());
/// ```
pub fn from_fn<F, P>(build: F) -> FromFn<F>
where
    F: FnMut(&Addr) -> Option<P>,
    P: Protocol + 'static,
{
    FromFn(build)
}

/// See [`from_fn`].
#[derive(Debug, Clone)]
pub struct FromFn<F>(F);

impl<F, P> Factory for FromFn<F>
where
    F: FnMut(&Addr) -> Option<P>,
    P: Protocol + 'static,
{
    type Protocol = P;
    fn build(&mut self, peer: &Addr) -> Option<P> {
        (self.0)(peer)
    }
}

/// See [`Factory::map`].
#[derive(Debug, Clone)]
pub struct Map<F, G> {
    inner: F,
    wrap: G,
}

impl<F, G, Q> Factory for Map<F, G>
where
    F: Factory,
    G: FnMut(F::Protocol) -> Q,
    Q: Protocol + 'static,
{
    type Protocol = Q;
    fn build(&mut self, peer: &Addr) -> Option<Q> {
        self.inner.build(peer).map(&mut self.wrap)
    }
    fn stack(&mut self, layers: &mut Layers) {
        self.inner.stack(layers);
    }
    fn failed(&mut self, net: &dyn Net, why: &Reason) {
        self.inner.failed(net, why);
    }
}

/// See [`Factory::layer`].
#[derive(Debug, Clone)]
pub struct WithLayer<F, G> {
    inner: F,
    make: G,
}

impl<F, G, L> Factory for WithLayer<F, G>
where
    F: Factory,
    G: FnMut() -> L,
    L: Layer,
{
    type Protocol = F::Protocol;
    fn build(&mut self, peer: &Addr) -> Option<F::Protocol> {
        self.inner.build(peer)
    }
    fn stack(&mut self, layers: &mut Layers) {
        layers.push((self.make)());
        self.inner.stack(layers);
    }
    fn failed(&mut self, net: &dyn Net, why: &Reason) {
        self.inner.failed(net, why);
    }
}

/// One factory for many threads. `build` runs in the connection's own thread, under the
/// lock; the protocol itself never crosses a thread.
#[derive(Debug)]
pub struct Shared<F>(Arc<Mutex<F>>);

impl<F> Shared<F> {
    /// Shares a factory.
    pub fn new(factory: F) -> Shared<F> {
        Shared(Arc::new(Mutex::new(factory)))
    }

    fn with<R>(&self, f: impl FnOnce(&mut F) -> R) -> R {
        // A factory that panicked in one thread is still the others' factory.
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<F> Clone for Shared<F> {
    fn clone(&self) -> Shared<F> {
        Shared(self.0.clone())
    }
}

impl<F: Factory> Factory for Shared<F> {
    type Protocol = F::Protocol;
    fn build(&mut self, peer: &Addr) -> Option<F::Protocol> {
        self.with(|factory| factory.build(peer))
    }
    fn stack(&mut self, layers: &mut Layers) {
        self.with(|factory| factory.stack(layers));
    }
    fn failed(&mut self, net: &dyn Net, why: &Reason) {
        self.with(|factory| factory.failed(net, why));
    }
}

/// Builds the protocol of a connection that we open, and hears how it went: `started`
/// once, then exactly one of `failed` and `lost`, with `made` before `lost` unless
/// `connection_made` panicked; again for each `connector.connect()`.
///
/// Every [`Factory`] is one that does not care how it went; [`client`] adds closures.
pub trait ClientFactory {
    /// What it builds.
    type Protocol: Protocol + 'static;

    /// An attempt begins.
    #[doc(alias = "startedConnecting")]
    fn started(&mut self, connector: &Connector) {
        let _ = connector;
    }

    /// Builds the protocol, once every layer is ready; `None` refuses the connection.
    fn build(&mut self, peer: &Addr) -> Option<Self::Protocol>;

    /// Puts layers between wire and protocol, from the wire up. Called once the kernel has
    /// connected: of a name's addresses only the first that answers gets layers.
    fn stack(&mut self, layers: &mut Layers) {
        let _ = layers;
    }

    /// The protocol's `connection_made` has returned, whatever it asked for. A panic here ends
    /// the connection.
    fn made(&mut self, connector: &Connector, transport: &mut dyn Transport) {
        let _ = (connector, transport);
    }

    /// The attempt ended before its protocol was built.
    #[doc(alias = "clientConnectionFailed")]
    fn failed(&mut self, connector: &Connector, net: &dyn Net, why: &Reason) {
        let _ = (connector, net, why);
    }

    /// The connection is over; its protocol has heard.
    #[doc(alias = "clientConnectionLost")]
    fn lost(&mut self, connector: &Connector, net: &dyn Net, why: &Reason) {
        let _ = (connector, net, why);
    }
}

impl<F: Factory> ClientFactory for F {
    type Protocol = F::Protocol;
    fn build(&mut self, peer: &Addr) -> Option<F::Protocol> {
        Factory::build(self, peer)
    }
    fn stack(&mut self, layers: &mut Layers) {
        Factory::stack(self, layers);
    }
    fn failed(&mut self, _: &Connector, net: &dyn Net, why: &Reason) {
        Factory::failed(self, net, why);
    }
}

/// A client factory from any factory: add what to do when it ends.
///
/// ```
/// # struct Echo;
/// # impl ropewalk::Protocol for Echo {
/// #     fn data_received(&mut self, t: &mut dyn ropewalk::Transport, d: &[u8]) { t.write(d); }
/// # }
/// use ropewalk::protocol::client;
/// // As in the notes: one closure for "failed" and for "lost".
/// let factory = client(|| Echo).on_end(|_connector, net, _why| net.stop());
/// ```
pub fn client<F: Factory>(factory: F) -> Client<F> {
    Client { factory, started: None, made: None, failed: None, lost: None, end: None }
}

type Told = Box<dyn FnMut(&Connector, &dyn Net, &Reason)>;
type Made = Box<dyn FnMut(&Connector, &mut dyn Transport)>;

/// See [`client`].
pub struct Client<F> {
    factory: F,
    started: Option<Box<dyn FnMut(&Connector)>>,
    made: Option<Made>,
    failed: Option<Told>,
    lost: Option<Told>,
    end: Option<Told>,
}

impl<F: Factory> Client<F> {
    /// Called when an attempt begins.
    #[must_use]
    pub fn on_started(mut self, f: impl FnMut(&Connector) + 'static) -> Client<F> {
        self.started = Some(Box::new(f));
        self
    }

    /// Called when the protocol has heard that it is connected.
    #[must_use]
    pub fn on_made(mut self, f: impl FnMut(&Connector, &mut dyn Transport) + 'static) -> Client<F> {
        self.made = Some(Box::new(f));
        self
    }

    /// Called when an attempt failed.
    #[must_use]
    pub fn on_failed(
        mut self,
        f: impl FnMut(&Connector, &dyn Net, &Reason) + 'static,
    ) -> Client<F> {
        self.failed = Some(Box::new(f));
        self
    }

    /// Called when an established connection is over.
    #[must_use]
    pub fn on_lost(mut self, f: impl FnMut(&Connector, &dyn Net, &Reason) + 'static) -> Client<F> {
        self.lost = Some(Box::new(f));
        self
    }

    /// Called in either case, after the one above.
    #[must_use]
    pub fn on_end(mut self, f: impl FnMut(&Connector, &dyn Net, &Reason) + 'static) -> Client<F> {
        self.end = Some(Box::new(f));
        self
    }
}

impl<F: Factory> ClientFactory for Client<F> {
    type Protocol = F::Protocol;
    fn started(&mut self, connector: &Connector) {
        if let Some(started) = &mut self.started {
            started(connector);
        }
    }
    fn build(&mut self, peer: &Addr) -> Option<F::Protocol> {
        self.factory.build(peer)
    }
    fn stack(&mut self, layers: &mut Layers) {
        self.factory.stack(layers);
    }
    fn made(&mut self, connector: &Connector, transport: &mut dyn Transport) {
        if let Some(made) = &mut self.made {
            made(connector, transport);
        }
    }
    fn failed(&mut self, connector: &Connector, net: &dyn Net, why: &Reason) {
        self.factory.failed(net, why);
        for told in [&mut self.failed, &mut self.end].into_iter().flatten() {
            told(connector, net, why);
        }
    }
    fn lost(&mut self, connector: &Connector, net: &dyn Net, why: &Reason) {
        for told in [&mut self.lost, &mut self.end].into_iter().flatten() {
            told(connector, net, why);
        }
    }
}

impl<F> fmt::Debug for Client<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

/// A [`Factory`] behind a pointer, for [`Net::listen`]. Every factory is one.
pub trait DynFactory {
    /// As [`Factory::build`].
    fn build_boxed(&mut self, peer: &Addr) -> Option<Box<dyn Protocol>>;
    /// As [`Factory::stack`].
    fn stack_dyn(&mut self, layers: &mut Layers);
    /// As [`Factory::failed`].
    fn failed_dyn(&mut self, net: &dyn Net, why: &Reason);
}

impl<F: Factory> DynFactory for F {
    fn build_boxed(&mut self, peer: &Addr) -> Option<Box<dyn Protocol>> {
        self.build(peer).map(|protocol| Box::new(protocol) as Box<dyn Protocol>)
    }
    fn stack_dyn(&mut self, layers: &mut Layers) {
        self.stack(layers);
    }
    fn failed_dyn(&mut self, net: &dyn Net, why: &Reason) {
        self.failed(net, why);
    }
}

impl Factory for Box<dyn DynFactory> {
    type Protocol = Box<dyn Protocol>;
    fn build(&mut self, peer: &Addr) -> Option<Box<dyn Protocol>> {
        (**self).build_boxed(peer)
    }
    fn stack(&mut self, layers: &mut Layers) {
        (**self).stack_dyn(layers);
    }
    fn failed(&mut self, net: &dyn Net, why: &Reason) {
        (**self).failed_dyn(net, why);
    }
}

/// A [`ClientFactory`] behind a pointer, for [`Net::connect`]. Every one is one.
pub trait DynClientFactory {
    /// As [`ClientFactory::started`].
    fn started_dyn(&mut self, connector: &Connector);
    /// As [`ClientFactory::build`].
    fn build_boxed(&mut self, peer: &Addr) -> Option<Box<dyn Protocol>>;
    /// As [`ClientFactory::stack`].
    fn stack_dyn(&mut self, layers: &mut Layers);
    /// As [`ClientFactory::made`].
    fn made_dyn(&mut self, connector: &Connector, transport: &mut dyn Transport);
    /// As [`ClientFactory::failed`].
    fn failed_dyn(&mut self, connector: &Connector, net: &dyn Net, why: &Reason);
    /// As [`ClientFactory::lost`].
    fn lost_dyn(&mut self, connector: &Connector, net: &dyn Net, why: &Reason);
}

impl<F: ClientFactory> DynClientFactory for F {
    fn started_dyn(&mut self, connector: &Connector) {
        self.started(connector);
    }
    fn build_boxed(&mut self, peer: &Addr) -> Option<Box<dyn Protocol>> {
        self.build(peer).map(|protocol| Box::new(protocol) as Box<dyn Protocol>)
    }
    fn stack_dyn(&mut self, layers: &mut Layers) {
        self.stack(layers);
    }
    fn made_dyn(&mut self, connector: &Connector, transport: &mut dyn Transport) {
        self.made(connector, transport);
    }
    fn failed_dyn(&mut self, connector: &Connector, net: &dyn Net, why: &Reason) {
        self.failed(connector, net, why);
    }
    fn lost_dyn(&mut self, connector: &Connector, net: &dyn Net, why: &Reason) {
        self.lost(connector, net, why);
    }
}

impl ClientFactory for Box<dyn DynClientFactory> {
    type Protocol = Box<dyn Protocol>;
    fn started(&mut self, connector: &Connector) {
        (**self).started_dyn(connector);
    }
    fn build(&mut self, peer: &Addr) -> Option<Box<dyn Protocol>> {
        (**self).build_boxed(peer)
    }
    fn stack(&mut self, layers: &mut Layers) {
        (**self).stack_dyn(layers);
    }
    fn made(&mut self, connector: &Connector, transport: &mut dyn Transport) {
        (**self).made_dyn(connector, transport);
    }
    fn failed(&mut self, connector: &Connector, net: &dyn Net, why: &Reason) {
        (**self).failed_dyn(connector, net, why);
    }
    fn lost(&mut self, connector: &Connector, net: &dyn Net, why: &Reason) {
        (**self).lost_dyn(connector, net, why);
    }
}
