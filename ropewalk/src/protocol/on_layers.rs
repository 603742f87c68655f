//! A factory on layers that are chosen when it is given away, and not when it is written: by
//! an endpoint's words, by what carries it.
//! Owns: that everything a factory hears reaches the one inside. Never: makes a layer.

use std::fmt;

use super::{ClientFactory, Connector, Factory, Layers, Net, Reason, Transport};
use crate::addr::Addr;

/// A factory with these layers below its own, nearer to the wire. For one layer of a known
/// type there is [`Factory::layer`].
///
/// ```
/// use ropewalk::policy::Throttle;
/// use ropewalk::protocol::{Factory, Layers, on_layers};
/// use ropewalk::service::Echo;
/// let slow = true; // as somebody asks for
/// let mut factory = on_layers(|| Echo, move |layers| {
///     if slow {
///         layers.push(Throttle::new().write(1024, 1024));
///     }
/// });
/// let mut layers = Layers::new();
/// factory.stack(&mut layers);
/// assert_eq!(layers.len(), 1);
/// ```
pub fn on_layers<F: Factory, S: FnMut(&mut Layers)>(factory: F, stack: S) -> OnLayers<F, S> {
    OnLayers { factory, stack }
}

/// The same of a client's factory.
///
/// ```
/// use ropewalk::policy::{Header, ProxyHeader};
/// use ropewalk::protocol::{client, client_on_layers};
/// use ropewalk::service::Echo;
/// let factory = client(|| Echo).on_end(|_, net, _| net.stop());
/// let header = || ProxyHeader::send(&Header::Local);
/// let factory = client_on_layers(factory, move |layers| layers.push(header()));
/// # let _ = factory;
/// ```
pub fn client_on_layers<F, S>(factory: F, stack: S) -> ClientOnLayers<F, S>
where
    F: ClientFactory,
    S: FnMut(&mut Layers),
{
    ClientOnLayers { factory, stack }
}

/// See [`on_layers`].
#[derive(Clone)]
pub struct OnLayers<F, S> {
    factory: F,
    stack: S,
}

/// See [`client_on_layers`].
// A type of its own: every `Factory` is a `ClientFactory` already, in a way that would hear
// less.
#[derive(Clone)]
pub struct ClientOnLayers<F, S> {
    factory: F,
    stack: S,
}

impl<F: Factory, S: FnMut(&mut Layers)> Factory for OnLayers<F, S> {
    type Protocol = F::Protocol;
    fn build(&mut self, peer: &Addr) -> Option<F::Protocol> {
        self.factory.build(peer)
    }
    fn stack(&mut self, layers: &mut Layers) {
        (self.stack)(layers);
        self.factory.stack(layers);
    }
    fn failed(&mut self, net: &dyn Net, why: &Reason) {
        self.factory.failed(net, why);
    }
}

impl<F: ClientFactory, S: FnMut(&mut Layers)> ClientFactory for ClientOnLayers<F, S> {
    type Protocol = F::Protocol;
    fn started(&mut self, connector: &Connector) {
        self.factory.started(connector);
    }
    fn build(&mut self, peer: &Addr) -> Option<F::Protocol> {
        self.factory.build(peer)
    }
    fn stack(&mut self, layers: &mut Layers) {
        (self.stack)(layers);
        self.factory.stack(layers);
    }
    fn made(&mut self, connector: &Connector, transport: &mut dyn Transport) {
        self.factory.made(connector, transport);
    }
    fn failed(&mut self, connector: &Connector, net: &dyn Net, why: &Reason) {
        self.factory.failed(connector, net, why);
    }
    fn lost(&mut self, connector: &Connector, net: &dyn Net, why: &Reason) {
        self.factory.lost(connector, net, why);
    }
}

impl<F, S> fmt::Debug for OnLayers<F, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnLayers")
    }
}

impl<F, S> fmt::Debug for ClientOnLayers<F, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientOnLayers")
    }
}
