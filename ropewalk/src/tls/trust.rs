//! Whom a client believes: whoever the system trusts, an own CA, one pinned certificate,
//! anybody.
//! Owns: the verifiers, and the note of which certificate was refused.
//! Never: weakens the proof that the peer holds its certificate's key: every verifier asks
//! for it.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, OtherError, RootCertStore,
    SignatureScheme, SupportedCipherSuite,
};

use super::Error;
use super::identity::bad;
use crate::error;

/// The SHA-256 of these bytes: of a certificate, what a pin is.
///
/// ```
/// assert_eq!(ropewalk::tls::sha256(b"abc")[..4], [0xba, 0x78, 0x16, 0xbf]);
/// ```
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    // The suite's own hash: TLS needs no second implementation beside it.
    let SupportedCipherSuite::Tls13(suite) = TLS13_AES_128_GCM_SHA256 else {
        unreachable!("it is a suite of TLS 1.3");
    };
    let mut digest = [0; 32];
    digest.copy_from_slice(suite.common.hash_provider.hash(bytes).as_ref());
    digest
}

thread_local! {
    /// The certificate that was looked at last: rustls keeps a refused one to itself, and
    /// whoever is refused wants to know what to pin. A verifier runs inside its session's
    /// call, on its thread; a field of a verifier would be shared by all connections.
    static LAST_SEEN: Cell<Option<[u8; 32]>> = const { Cell::new(None) };
}

/// Takes the note of the certificate that was looked at in this call.
pub(super) fn take_last_seen() -> Option<[u8; 32]> {
    LAST_SEEN.take()
}

/// What the system trusts.
pub(super) fn system(provider: Arc<CryptoProvider>) -> error::Result<Arc<dyn ServerCertVerifier>> {
    let verifier = rustls_platform_verifier::Verifier::new(provider);
    let inner = verifier.map_err(|error| {
        bad(format!("what the system trusts cannot be read: {error}"))
            .with_remedy("install the system's CA certificates, or name one (ca=FILE)")
    })?;
    Ok(Arc::new(Noting { inner: Arc::new(inner) }))
}

/// Who these have signed.
pub(super) fn signed_by(
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
) -> error::Result<Arc<dyn ServerCertVerifier>> {
    let inner = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
    let inner = inner.map_err(|error| bad(error.to_string()))?;
    Ok(Arc::new(Noting { inner }))
}

/// Whoever shows this one certificate, or (without one) whoever answers.
pub(super) fn pinned(
    sha256: Option<[u8; 32]>,
    provider: Arc<CryptoProvider>,
) -> Arc<dyn ServerCertVerifier> {
    Arc::new(Pinned { sha256, provider })
}

/// Another verifier, and a note of what it looked at.
#[derive(Debug)]
struct Noting {
    inner: Arc<dyn ServerCertVerifier>,
}

impl ServerCertVerifier for Noting {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        LAST_SEEN.set(Some(sha256(end_entity)));
        self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.inner.root_hint_subjects()
    }
}

/// One certificate, whoever signed it and whatever it is for; or any.
struct Pinned {
    sha256: Option<[u8; 32]>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let presented = sha256(end_entity);
        match self.sha256 {
            Some(wanted) if wanted != presented => {
                let other = Error::WrongPin { wanted, presented };
                Err(CertificateError::Other(OtherError(Arc::new(other))).into())
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinned").finish_non_exhaustive()
    }
}
