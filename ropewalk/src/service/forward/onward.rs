//! Where a forwarded connection goes on to.
//! Owns: how the connection to the target is opened, and what it says of the client. Never:
//! passes a byte.

use crate::addr::Target;
use crate::endpoint::{Endpoint, Place, Wraps};
use crate::error::Result;
use crate::protocol::{Connector, DynClientFactory, Transport};
use crate::reactor::Reactor;

/// How the connection to the target is opened. A [`Target`] is one that does it plainly,
/// [`ToEndpoint`] one with an endpoint's options and layers; a closure may choose by the client.
pub trait Onward {
    /// Begins to connect, for this client.
    ///
    /// # Errors
    /// It cannot even begin: the client's connection ends with that as its reason.
    fn connect(
        &self,
        client: &mut dyn Transport,
        factory: Box<dyn DynClientFactory>,
    ) -> Result<Connector>;
}

impl Onward for Target {
    fn connect(
        &self,
        client: &mut dyn Transport,
        factory: Box<dyn DynClientFactory>,
    ) -> Result<Connector> {
        Ok(client.net().connect(self.clone(), factory))
    }
}

impl<F> Onward for F
where
    F: Fn(&mut dyn Transport, Box<dyn DynClientFactory>) -> Result<Connector>,
{
    fn connect(
        &self,
        client: &mut dyn Transport,
        factory: Box<dyn DynClientFactory>,
    ) -> Result<Connector> {
        self(client, factory)
    }
}

/// An endpoint to go on to, with its options and the layers of its words. A PROXY header that it
/// sends names the client. Standard input and output, and a descriptor that is open already, are
/// for one connection: the second one is refused.
///
/// ```
/// use ropewalk::Reactor;
/// use ropewalk::service::{Forward, ToEndpoint};
/// # fn main() -> ropewalk::Result<()> {
/// let reactor = Reactor::new()?;
/// let target = ToEndpoint::new(&"haproxy:tcp:localhost:8080".parse()?, &reactor)?;
/// reactor.listen_tcp(0, Forward::to(target))?;
/// # reactor.call_later(std::time::Duration::ZERO, |net| net.stop());
/// reactor.run()
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ToEndpoint {
    endpoint: Endpoint,
    /// `None`: it is open already.
    target: Option<Target>,
    wraps: Wraps,
    /// It alone takes what is open already.
    reactor: Reactor,
}

impl ToEndpoint {
    /// An endpoint to connect to from this reactor's callbacks. Certificates are read now.
    ///
    /// # Errors
    /// As [`Endpoint::target`] and [`Endpoint::client_wraps`].
    pub fn new(endpoint: &Endpoint, reactor: &Reactor) -> Result<ToEndpoint> {
        let target = match endpoint.place() {
            Place::Stdio | Place::Fd(_) => None,
            _ => Some(endpoint.target()?),
        };
        let (wraps, reactor) = (endpoint.client_wraps()?, reactor.clone());
        Ok(ToEndpoint { endpoint: endpoint.clone(), target, wraps, reactor })
    }
}

impl Onward for ToEndpoint {
    fn connect(
        &self,
        client: &mut dyn Transport,
        factory: Box<dyn DynClientFactory>,
    ) -> Result<Connector> {
        let Some(target) = &self.target else {
            return self.endpoint.connect(&self.reactor, factory);
        };
        let wraps = self.wraps.on_behalf_of(&client.peer_addr(), &client.local_addr());
        let factory = Box::new(wraps.on_client(factory));
        Ok(client.net().connect_with(target.clone(), self.endpoint.options(), factory))
    }
}
