//! TLS as an endpoint's words set it. Owns: which side it is. Never: a rule of TLS.

use crate::error::Result;
use crate::options::TlsOptions;
use crate::protocol::Layers;
use crate::tls::{Client, Identity, Server};

/// One side's configuration.
#[derive(Clone)]
pub(super) enum Tls {
    Server(Server),
    /// With the name that the peer must prove.
    Client(Client, String),
}

impl Tls {
    pub(super) fn server(options: &TlsOptions) -> Result<Tls> {
        Server::from_options(options).map(Tls::Server)
    }

    pub(super) fn showing(options: &TlsOptions, identity: &Identity) -> Result<Tls> {
        let options = TlsOptions { cert: None, ..options.clone() };
        let builder = Server::builder().identity(identity.clone()).options(&options)?;
        builder.build().map(Tls::Server)
    }

    /// From now on new connections get what this one has.
    pub(super) fn replace(&self, with: &Tls) {
        if let (Tls::Server(server), Tls::Server(with)) = (self, with) {
            server.replace(with);
        }
    }

    pub(super) fn client(options: &TlsOptions, host: &str) -> Result<Tls> {
        Client::from_options(options, host).map(|client| Tls::Client(client, host.to_owned()))
    }

    pub(super) fn push(&self, layers: &mut Layers) {
        match self {
            Tls::Server(server) => layers.push(server.layer()),
            Tls::Client(client, name) => layers.push(client.layer(name)),
        }
    }
}
