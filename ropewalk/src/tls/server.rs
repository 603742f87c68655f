//! What a TLS server shows and asks: its configuration.
//! Owns: the builder, the choice of a certificate by the name asked for, the exchange of all
//! while it serves. Never: talks to a peer; `session` does.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;

use super::identity::{self, Identity, bad};
use super::session::Session;
use super::{Tls, VERSIONS};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::options::{self, Cert, TlsOptions};

/// A server's side of TLS: 1.3 and 1.2, without 0-RTT. Cheap to clone; the clones are one
/// server, so that [`Server::replace`] reaches all.
///
/// ```no_run
/// use ropewalk::protocol::Factory;
/// use ropewalk::tls::{Identity, Server};
/// use ropewalk::{Protocol, Reactor, Transport};
/// struct Echo;
/// impl Protocol for Echo {
///     fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
///         transport.write(data);
///     }
/// }
/// fn main() -> ropewalk::Result<()> {
///     let server = Server::builder()
///         .identity(Identity::from_files("cert.pem", "key.pem")?)
///         .alpn(["echo"])
///         .build()?;
///     let reactor = Reactor::new()?;
///     reactor.listen_tcp(8443, (|| Echo).layer(move || server.layer()))?;
///     reactor.run()
/// }
/// ```
#[derive(Clone)]
#[doc(alias = "CertificateOptions")]
#[doc(alias = "SSLContext")]
pub struct Server {
    config: Arc<RwLock<Arc<ServerConfig>>>,
}

impl Server {
    /// To be given at least an [`Identity`].
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// What a `tls:` endpoint says. It blocks while the files are read.
    ///
    /// # Errors
    /// What reading the files gives; `InvalidInput` for what is not PEM, for a certificate
    /// that is missing, or for words that belong to a client; `Unsupported` for `cert=auto`,
    /// which is the program's: give its [`Identity`] to [`Server::builder`].
    pub fn from_options(options: &TlsOptions) -> Result<Server> {
        Server::builder().options(options)?.build()
    }

    /// A configuration of rustls' own. 0-RTT is turned off in it: what comes by it may be
    /// somebody's replay.
    pub fn from_rustls(mut config: Arc<ServerConfig>) -> Server {
        if config.max_early_data_size > 0 {
            Arc::make_mut(&mut config).max_early_data_size = 0;
        }
        Server { config: Arc::new(RwLock::new(config)) }
    }

    /// A layer for one connection.
    pub fn layer(&self) -> Tls {
        Tls::new(self.session())
    }

    /// From now on this server and its clones show and ask what `with` does. Connections that
    /// there are keep what they began with; sessions are not resumed across the exchange.
    ///
    /// A certificate is renewed without a restart by
    /// `server.replace(&Server::from_options(&options)?)`: what fails there leaves all as it was.
    pub fn replace(&self, with: &Server) {
        let config = with.config();
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
    }

    pub(crate) fn session(&self) -> std::result::Result<Session, super::Error> {
        Session::server(self.config())
    }

    fn config(&self) -> Arc<ServerConfig> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

/// See [`Server::builder`].
#[derive(Clone, Debug, Default)]
pub struct ServerBuilder {
    identity: Option<Identity>,
    named: Vec<(String, Identity)>,
    alpn: Vec<Vec<u8>>,
    client_ca: Option<Vec<u8>>,
    clients_may_be_unknown: bool,
}

impl ServerBuilder {
    /// What is shown to whoever asks for no name, or for one that no other identity is for.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> ServerBuilder {
        self.identity = Some(identity);
        self
    }

    /// What is shown to whoever asks for this name (SNI): `example.org`, or `*.example.org`
    /// for one label more. Several may be given; a whole name goes before a star.
    #[must_use]
    pub fn identity_for(mut self, name: &str, identity: Identity) -> ServerBuilder {
        self.named.push((name.to_ascii_lowercase(), identity));
        self
    }

    /// The protocols that are spoken, the most wanted first (ALPN). A client that names only
    /// others is refused; one that names none is not.
    #[must_use]
    pub fn alpn<P: AsRef<[u8]>>(mut self, protocols: impl IntoIterator<Item = P>) -> ServerBuilder {
        self.alpn = protocols.into_iter().map(|name| name.as_ref().to_vec()).collect();
        self
    }

    /// Clients must show a certificate which one of these (in PEM) has signed.
    #[must_use]
    #[doc(alias = "CERT_REQUIRED")]
    pub fn client_ca(mut self, pem: &[u8]) -> ServerBuilder {
        self.client_ca = Some(pem.to_vec());
        self
    }

    /// Clients may also show no certificate. One that they show must be signed all the same.
    #[must_use]
    #[doc(alias = "CERT_OPTIONAL")]
    pub fn clients_may_be_unknown(mut self) -> ServerBuilder {
        self.clients_may_be_unknown = true;
        self
    }

    /// What a `tls:` endpoint says, beside what was said before. See
    /// [`Server::from_options`].
    ///
    /// # Errors
    /// As there.
    pub fn options(mut self, options: &TlsOptions) -> Result<ServerBuilder> {
        if options.insecure || options.pin.is_some() || options.sni.is_some() {
            return Err(bad("`insecure`, `pin` and `sni` are a client's"));
        }
        match &options.cert {
            Some(Cert::File(cert)) => {
                let key = options.key.as_ref().unwrap_or(cert);
                self.identity = Some(Identity::from_files(cert, key)?);
            }
            Some(Cert::Auto) => {
                let cause = "the library makes no certificates";
                return Err(Error::new(Operation::Secure, ErrorKind::Unsupported, cause)
                    .with_remedy("name a file (cert=FILE)"));
            }
            None => {}
        }
        if let Some(ca) = &options.ca {
            let pem = options::read_file(ca)?;
            identity::roots(&pem).map_err(|error| error.at(ca.display()))?;
            self.client_ca = Some(pem);
        }
        if !options.alpn.is_empty() {
            self = self.alpn(&options.alpn);
        }
        Ok(self)
    }

    /// The server.
    ///
    /// # Errors
    /// `InvalidInput` without an identity, and for a CA that is not PEM.
    pub fn build(self) -> Result<Server> {
        if self.identity.is_none() && self.named.is_empty() {
            let remedy = "give it one (cert=FILE,key=FILE)";
            return Err(bad("a server has to show a certificate").with_remedy(remedy));
        }
        let provider = identity::provider();
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(VERSIONS)
            .map_err(|error| bad(error.to_string()))?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let roots = identity::roots(pem)?;
                let mut verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                if self.clients_may_be_unknown {
                    verifier = verifier.allow_unauthenticated();
                }
                let verifier = verifier.build().map_err(|error| bad(error.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let shown = Shown { first: self.identity, named: self.named };
        let mut config = builder.with_cert_resolver(Arc::new(shown));
        config.alpn_protocols = self.alpn;
        Ok(Server::from_rustls(Arc::new(config)))
    }
}

/// Which certificate is shown to whom.
#[derive(Debug)]
struct Shown {
    first: Option<Identity>,
    named: Vec<(String, Identity)>,
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asked = hello.server_name().unwrap_or_default().to_ascii_lowercase();
        let whole = self.named.iter().find(|(name, _)| *name == asked);
        let found = whole.or_else(|| {
            let (_, parent) = asked.split_once('.')?;
            self.named.iter().find(|(name, _)| name.strip_prefix("*.") == Some(parent))
        });
        found.map(|(_, identity)| identity).or(self.first.as_ref()).map(|found| found.0.clone())
    }
}
