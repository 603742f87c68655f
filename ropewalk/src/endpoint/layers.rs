//! The words of an endpoint that are layers: `haproxy`, `tls`.
//! Owns: which layers they are, and their order from the wire up. Never: makes a socket.

use std::fmt;

use super::Endpoint;
use crate::addr::Addr;
use crate::error::Result;
use crate::options::ProxyVersion;
use crate::policy::{AccessList, Header, HeaderSender, ProxyHeader};
use crate::protocol::{
    ClientFactory, ClientOnLayers, Factory, Layers, OnLayers, client_on_layers, on_layers,
};

#[cfg(feature = "tls")] // what the default build does not need
mod tls;
#[cfg(not(feature = "tls"))] // instead of it
mod without_tls;
#[cfg(not(feature = "tls"))] // as above
use without_tls as tls;

/// The layers that an endpoint's words put below the protocols of whoever listens or
/// connects.
///
/// ```
/// use ropewalk::endpoint::Endpoint;
/// use ropewalk::server::{Protocols, ThreadingTcpServer};
/// use ropewalk::service::Echo;
/// # fn main() -> ropewalk::Result<()> {
/// let endpoint: Endpoint = "haproxy:tcp:0".parse()?;
/// let factory = endpoint.wraps()?.on(|| Echo); // wherever protocols run
/// let server = ThreadingTcpServer::new(endpoint.site()?, Protocols::new(factory))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Wraps {
    header: Option<PutHeader>,
    tls: Option<tls::Tls>,
}

/// What `haproxy` means.
#[derive(Clone)]
enum PutHeader {
    /// From these; from everybody, if it is not said.
    Received(Option<AccessList>),
    /// With what it says of the client, if there is one behind us.
    Sent(ProxyVersion, Option<Header>),
}

/// What puts the layers of [`Wraps`] on a connection.
pub type PutLayers = Box<dyn FnMut(&mut Layers) + Send>;

impl Wraps {
    /// The factory's protocols above these layers, and above its own, which are nearer to the
    /// protocols.
    pub fn on<F: Factory>(&self, factory: F) -> OnLayers<F, PutLayers> {
        on_layers(factory, self.put())
    }

    /// The same for whoever connects.
    pub fn on_client<F: ClientFactory>(&self, factory: F) -> ClientOnLayers<F, PutLayers> {
        client_on_layers(factory, self.put())
    }

    /// The same for a connection that is made on behalf of a client of ours, which had
    /// connected to this address: a PROXY header that is sent names both.
    #[must_use]
    pub fn on_behalf_of(&self, client: &Addr, destination: &Addr) -> Wraps {
        let mut wraps = self.clone();
        if let Some(PutHeader::Sent(_, header)) = &mut wraps.header {
            *header = Some(Header::stream(client.clone(), destination.clone()));
        }
        wraps
    }

    /// Only these may send a PROXY header, where one is received: whoever else connects is
    /// reset before a byte of it is read.
    #[must_use]
    pub fn believing(mut self, balancers: AccessList) -> Wraps {
        if let Some(PutHeader::Received(from)) = &mut self.header {
            *from = Some(balancers);
        }
        self
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.header.is_none() && self.tls.is_none()
    }

    fn put(&self) -> PutLayers {
        let Wraps { header, tls } = self.clone();
        // As it comes from the wire: a balancer's header is not encrypted.
        Box::new(move |layers| {
            match &header {
                None => {}
                Some(PutHeader::Received(from)) => layers.push(receiver(from.clone())),
                Some(PutHeader::Sent(version, header)) => {
                    layers.push(sender(*version, header.as_ref()));
                }
            }
            if let Some(tls) = &tls {
                tls.push(layers);
            }
        })
    }
}

/// A PROXY header to be received.
fn receiver(from: Option<AccessList>) -> ProxyHeader {
    match from {
        Some(list) => ProxyHeader::new().allow(move |peer| list.allows(peer)),
        None => ProxyHeader::new(),
    }
}

/// A PROXY header to be sent. If nobody is behind us, our own addresses are the client's.
fn sender(version: ProxyVersion, header: Option<&Header>) -> HeaderSender {
    match (version, header) {
        (ProxyVersion::V1, header) => ProxyHeader::send_text(header.unwrap_or(&Header::Unknown)),
        (ProxyVersion::V2, header) => ProxyHeader::send(header.unwrap_or(&Header::Local)),
    }
}

impl Endpoint {
    /// The layers for whoever listens: a PROXY header is received, TLS is a server's. A
    /// certificate and its key are read now; it blocks for so long.
    ///
    /// # Errors
    /// What reading and understanding the files gives; `cert=auto`, which is for the program
    /// that serves to make; `Unsupported` where this crate was built without TLS.
    pub fn wraps(&self) -> Result<Wraps> {
        Ok(Wraps {
            header: self.proxy_header().then_some(PutHeader::Received(None)),
            tls: self.tls().map(tls::Tls::server).transpose()?,
        })
    }

    /// The same with this server's TLS: of a certificate that was made (`cert=auto`), or one
    /// that is to be exchanged while it serves. An endpoint without TLS has none of it.
    #[cfg(feature = "tls")] // what the default build does not need
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn wraps_with(&self, server: crate::tls::Server) -> Wraps {
        Wraps {
            header: self.proxy_header().then_some(PutHeader::Received(None)),
            tls: self.tls().map(|_| tls::Tls::Server(server)),
        }
    }

    /// The layers for whoever listens with this certificate, whatever the endpoint says of
    /// one: what `cert=auto` asks for.
    ///
    /// # Errors
    /// As [`Endpoint::wraps`].
    #[cfg(feature = "tls")] // as above
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn wraps_showing(&self, identity: &crate::tls::Identity) -> Result<Wraps> {
        Ok(Wraps {
            header: self.proxy_header().then_some(PutHeader::Received(None)),
            tls: self.tls().map(|tls| tls::Tls::showing(tls, identity)).transpose()?,
        })
    }

    /// Reads certificates and keys again: connections that come from now on get them, whoever
    /// holds a clone of these layers.
    ///
    /// # Errors
    /// As [`Endpoint::wraps`]; then what was there before stays.
    pub fn read_again(&self, wraps: &Wraps) -> Result<()> {
        let now = self.wraps()?;
        #[cfg(feature = "tls")] // as above
        if let (Some(before), Some(now)) = (&wraps.tls, &now.tls) {
            before.replace(now);
        }
        #[cfg(not(feature = "tls"))] // instead of it
        let _ = (wraps, now);
        Ok(())
    }

    /// The layers for whoever connects: a PROXY header is sent, TLS is a client's, which asks
    /// for the endpoint's host unless `sni` says otherwise.
    ///
    /// # Errors
    /// As [`Endpoint::wraps`].
    pub fn client_wraps(&self) -> Result<Wraps> {
        let version = self.options.settings.proxy.unwrap_or(ProxyVersion::V2);
        Ok(Wraps {
            header: self.proxy_header().then_some(PutHeader::Sent(version, None)),
            tls: self.tls().map(|tls| tls::Tls::client(tls, &self.host())).transpose()?,
        })
    }
}

impl fmt::Debug for Wraps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wraps")
            .field("haproxy", &self.header.is_some())
            .field("tls", &self.tls.is_some())
            .finish()
    }
}
