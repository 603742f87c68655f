//! Who one side is, and whom it believes: certificates and keys in PEM.
//! Owns: reading them out of bytes. Never: decides whether a peer is believed.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::error::{Error, ErrorKind, Operation, Result};
use crate::options;

/// A chain of certificates, the own one first, and its private key.
///
/// ```no_run
/// use ropewalk::tls::{Identity, Server};
/// # fn main() -> ropewalk::Result<()> {
/// let server = Server::builder().identity(Identity::from_files("cert.pem", "key.pem")?).build()?;
/// # let _ = server;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[doc(alias = "load_cert_chain")]
#[doc(alias = "KeyPair")]
#[doc(alias = "PrivateCertificate")]
pub struct Identity(pub(super) Arc<CertifiedKey>);

impl Identity {
    /// From PEM; both may stand in one text.
    ///
    /// # Errors
    /// `InvalidInput` if one holds no certificate or no (unencrypted) key, or if they do not
    /// belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Identity> {
        let chain = certificates(chain)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| {
            let remedy = "PEM of a key has `PRIVATE KEY` in its first line; one that is encrypted \
                          must be decrypted first (`openssl pkey`)";
            bad("no private key is in it").with_remedy(remedy)
        })?;
        let signer = CertifiedKey::from_der(chain, key, &provider());
        let signer = signer.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                bad("the private key is not that of the certificate")
                    .with_remedy("is the own certificate the first of the chain?")
            }
            other => bad(other.to_string()),
        })?;
        Ok(Identity(Arc::new(signer)))
    }

    /// From files in PEM. It blocks while they are read.
    ///
    /// # Errors
    /// As [`Identity::from_pem`], and what reading them gives.
    pub fn from_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Identity> {
        let (chain, key) = (chain.as_ref(), key.as_ref());
        // What is wrong is said of the file in which it is.
        let chain_pem = options::read_file(chain)?;
        certificates(&chain_pem).map_err(|error| error.at(chain.display()))?;
        let key_pem = options::read_file(key)?;
        Identity::from_pem(&chain_pem, &key_pem).map_err(|error| error.at(key.display()))
    }

    /// The SHA-256 of the own certificate: what a peer may pin.
    pub fn sha256(&self) -> [u8; 32] {
        self.0.cert.first().map(|own| super::sha256(own)).unwrap_or_default()
    }
}

impl fmt::Debug for Identity {
    /// Says nothing of the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificates", &self.0.cert.len()).finish_non_exhaustive()
    }
}

/// Whose signatures are believed.
pub(super) fn roots(pem: &[u8]) -> Result<Arc<RootCertStore>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate).map_err(|error| bad(error.to_string()))?;
    }
    Ok(Arc::new(roots))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| bad(error.to_string()))?;
    if found.is_empty() {
        let remedy = "PEM of a certificate begins with `-----BEGIN CERTIFICATE-----`";
        return Err(bad("no certificate is in it").with_remedy(remedy));
    }
    Ok(found)
}

pub(super) fn bad(cause: impl Into<String>) -> Error {
    Error::new(Operation::Secure, ErrorKind::InvalidInput, cause)
}

/// The algorithms: ring's.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
