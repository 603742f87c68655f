//! Whom a TLS client believes and what it shows: its configuration.
//! Owns: the builder, and the name that a server is asked for. Never: talks to a peer;
//! `session` does.

use std::fmt;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::identity::{self, Identity, bad};
use super::session::Session;
use super::{Error, Tls, VERSIONS, trust};
use crate::error::Result;
use crate::options::{self, Cert, TlsOptions};

/// A client's side of TLS: 1.3 and 1.2, without 0-RTT. Whom the system trusts is believed,
/// unless the builder says otherwise. Cheap to clone; the clones share the sessions that they
/// resume.
///
/// ```no_run
/// use ropewalk::protocol::Factory;
/// use ropewalk::tls::Client;
/// use ropewalk::{Protocol, Reactor, Transport};
/// struct Get;
/// impl Protocol for Get {
///     fn connection_made(&mut self, transport: &mut dyn Transport) {
///         transport.write(b"GET / HTTP/1.0\r\nHost: example.org\r\n\r\n");
///     }
///     fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) {
///         print!("{}", String::from_utf8_lossy(data));
///     }
/// }
/// fn main() -> ropewalk::Result<()> {
///     let tls = Client::new()?;
///     let reactor = Reactor::new()?;
///     reactor.connect_tcp("example.org", 443, (|| Get).layer(move || tls.layer("example.org")));
///     reactor.run()
/// }
/// ```
#[derive(Clone)]
#[doc(alias = "optionsForClientTLS")]
#[doc(alias = "SSLContext")]
#[doc(alias = "create_default_context")]
pub struct Client {
    config: Arc<ClientConfig>,
    /// The name to ask for, whatever the host connected to.
    name: Option<Arc<str>>,
}

impl Client {
    /// Believes whom the system trusts. It blocks while the system is asked.
    ///
    /// # Errors
    /// `InvalidInput` if the system names nobody.
    pub fn new() -> Result<Client> {
        Client::builder().build()
    }

    /// Whom to believe, what to show.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// What a `tls:` endpoint says, to connect to `host`. It blocks while the files are read.
    ///
    /// # Errors
    /// What reading the files gives; `InvalidInput` for what is not PEM, for a name that no
    /// certificate could be for, and for words that exclude each other.
    pub fn from_options(options: &TlsOptions, host: &str) -> Result<Client> {
        let client = Client::builder().options(options)?.build()?;
        let name = client.name.as_deref().unwrap_or(host);
        server_name(name).map_err(|error| bad(error.to_string()))?;
        Ok(Client { name: Some(name.into()), ..client })
    }

    /// A configuration of rustls' own. 0-RTT stays off, whatever it says.
    pub fn from_rustls(mut config: Arc<ClientConfig>) -> Client {
        if config.enable_early_data {
            Arc::make_mut(&mut config).enable_early_data = false;
        }
        Client { config, name: None }
    }

    /// A layer for one connection to the server of this name, which is asked for (SNI) and
    /// must be proved: a host name, or an IP address. [`ClientBuilder::sni`] and
    /// [`Client::from_options`] decide it beforehand.
    ///
    /// With a name that no certificate could be for, the connection fails at once with
    /// [`Error::BadName`].
    pub fn layer(&self, name: &str) -> Tls {
        Tls::new(self.session(name))
    }

    pub(crate) fn session(&self, name: &str) -> std::result::Result<Session, Error> {
        let name = server_name(self.name.as_deref().unwrap_or(name))?;
        Session::client(self.config.clone(), name)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The name as certificates have it: without the dot at its end, without brackets or scope.
fn server_name(name: &str) -> std::result::Result<ServerName<'static>, Error> {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let bare = bare.split_once('%').map_or(bare, |(address, _)| address);
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    ServerName::try_from(bare.to_owned()).map_err(|_| Error::BadName(name.to_owned()))
}

/// See [`Client::builder`].
#[derive(Clone, Debug, Default)]
pub struct ClientBuilder {
    ca: Option<Vec<u8>>,
    pin: Option<[u8; 32]>,
    insecure: bool,
    identity: Option<Identity>,
    alpn: Vec<Vec<u8>>,
    sni: Option<String>,
}

impl ClientBuilder {
    /// Believes whom one of these (in PEM) has signed, instead of whom the system trusts.
    #[must_use]
    #[doc(alias = "load_verify_locations")]
    #[doc(alias = "trustRoot")]
    pub fn ca(mut self, pem: &[u8]) -> ClientBuilder {
        self.ca = Some(pem.to_vec());
        self
    }

    /// Believes this one certificate by its SHA-256, whoever signed it, whatever name it is
    /// for, and however old it is.
    #[must_use]
    pub fn pin(mut self, sha256: [u8; 32]) -> ClientBuilder {
        self.pin = Some(sha256);
        self
    }

    /// Believes whoever answers: against a listener on the wire TLS then protects, against one
    /// in its middle not at all. For tests.
    #[must_use]
    #[doc(alias = "CERT_NONE")]
    #[doc(alias = "insecurely")]
    pub fn dangerously_believe_anybody(mut self) -> ClientBuilder {
        self.insecure = true;
        self
    }

    /// What is shown to a server that asks who we are.
    #[must_use]
    #[doc(alias = "clientCertificate")]
    pub fn identity(mut self, identity: Identity) -> ClientBuilder {
        self.identity = Some(identity);
        self
    }

    /// The protocols that are spoken, the most wanted first (ALPN). A server that speaks
    /// others only refuses; one that knows no ALPN does not, so look at
    /// [`Session::alpn`] where it matters.
    #[must_use]
    pub fn alpn<P: AsRef<[u8]>>(mut self, protocols: impl IntoIterator<Item = P>) -> ClientBuilder {
        self.alpn = protocols.into_iter().map(|name| name.as_ref().to_vec()).collect();
        self
    }

    /// The name that the server is asked for and must prove, whatever the host is called.
    #[must_use]
    #[doc(alias = "server_hostname")]
    pub fn sni(mut self, name: &str) -> ClientBuilder {
        self.sni = Some(name.to_owned());
        self
    }

    /// What a `tls:` endpoint says, beside what was said before. See
    /// [`Client::from_options`].
    ///
    /// # Errors
    /// As there.
    pub fn options(mut self, options: &TlsOptions) -> Result<ClientBuilder> {
        match &options.cert {
            Some(Cert::File(cert)) => {
                let key = options.key.as_ref().unwrap_or(cert);
                self.identity = Some(Identity::from_files(cert, key)?);
            }
            Some(Cert::Auto) => {
                let cause = "`cert=auto` is a server's";
                return Err(bad(cause).with_remedy("name a file, or show no certificate"));
            }
            None => {}
        }
        if let Some(ca) = &options.ca {
            let pem = options::read_file(ca)?;
            identity::roots(&pem).map_err(|error| error.at(ca.display()))?;
            self.ca = Some(pem);
        }
        self.pin = options.pin.or(self.pin);
        self.insecure |= options.insecure;
        self.sni = options.sni.clone().or(self.sni);
        if !options.alpn.is_empty() {
            self = self.alpn(&options.alpn);
        }
        Ok(self)
    }

    /// The client. It blocks while the system is asked whom it trusts, if that matters.
    ///
    /// # Errors
    /// `InvalidInput` for a CA that is not PEM, and where several are named to be believed;
    /// what the system says.
    pub fn build(self) -> Result<Client> {
        let provider = identity::provider();
        let verifier = match (&self.ca, self.pin, self.insecure) {
            (None, None, false) => trust::system(provider.clone())?,
            (Some(pem), None, false) => trust::signed_by(identity::roots(pem)?, provider.clone())?,
            (None, Some(pin), false) => trust::pinned(Some(pin), provider.clone()),
            (None, None, true) => trust::pinned(None, provider.clone()),
            _ => {
                return Err(bad("`ca`, `pin` and `insecure` exclude each other")
                    .with_remedy("say by one of them whom to believe"));
            }
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(VERSIONS)
            .map_err(|error| bad(error.to_string()))?
            .dangerous() // what rustls calls every verifier that is not its own
            .with_custom_certificate_verifier(verifier);
        let mut config = match self.identity {
            Some(identity) => builder.with_client_cert_resolver(Arc::new(
                rustls::sign::SingleCertAndKey::from(identity.0),
            )),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.alpn;
        let client = Client::from_rustls(Arc::new(config));
        Ok(Client { name: self.sni.map(Into::into), ..client })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_asked_for_as_certificates_have_it() {
        let told = |name| server_name(name).map(|name| name.to_str().into_owned());
        assert_eq!(told("Example.org."), Ok("Example.org".to_owned()));
        assert_eq!(told("[::1]"), Ok("::1".to_owned()));
        assert_eq!(told("fe80::1%eth0"), Ok("fe80::1".to_owned()));
        assert_eq!(told(""), Err(Error::BadName(String::new())));
        assert_eq!(told("a b"), Err(Error::BadName("a b".to_owned())));
    }
}
