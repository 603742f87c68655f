//! A certificate of our own (`cert=auto`): made at the start, signed by itself, gone at the end.
//! Owns: whom it is for, and how one is told to believe it. Never: writes a key anywhere.

use ropewalk::addr::ListenHost;
use ropewalk::endpoint::{Endpoint, Place, Wraps};
use ropewalk::options::Cert;
use ropewalk::tls::Identity;

use crate::explain;
use crate::failure::{self, Failure};

/// The layers of an endpoint to listen on, and the SHA-256 of a certificate that was made for it.
pub(crate) fn wraps(endpoint: &Endpoint) -> Result<(Wraps, Option<[u8; 32]>), Failure> {
    let is_auto = endpoint.tls().is_some_and(|tls| tls.cert == Some(Cert::Auto));
    if !is_auto {
        let wraps = endpoint.wraps().map_err(|error| explain::plain(&error))?;
        return Ok((wraps, None));
    }
    let identity = made(endpoint)?;
    let wraps = endpoint.wraps_showing(&identity).map_err(|error| explain::plain(&error))?;
    Ok((wraps, Some(identity.sha256())))
}

/// For this machine by the names that its loopback has, and for the host that is listened on.
fn made(endpoint: &Endpoint) -> Result<Identity, Failure> {
    let mut names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    if let Place::Tls(at) = endpoint.place() {
        match &at.host {
            ListenHost::Ip(ip) => names.push(ip.to_string()),
            ListenHost::Name(name) => names.push(name.clone()),
            _ => {} // no name of its own
        }
    }
    names.sort();
    names.dedup();
    let failed = |error: rcgen::Error| {
        Failure::new(failure::OTHER, format!("cannot make a certificate: {error}"))
    };
    let made = rcgen::generate_simple_self_signed(names).map_err(failed)?;
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    Identity::from_pem(chain.as_bytes(), key.as_bytes()).map_err(|error| explain::plain(&error))
}

/// What is to be read again when a certificate has been renewed.
pub(crate) type Renewable = (Endpoint, Wraps);

/// The endpoint, if its certificate is in a file.
pub(crate) fn renewable(endpoint: &Endpoint, wraps: &Wraps) -> Option<Renewable> {
    let cert = endpoint.tls().and_then(|tls| tls.cert.as_ref());
    matches!(cert, Some(Cert::File(_))).then(|| (endpoint.clone(), wraps.clone()))
}

/// `9f:3c:…:a1`, as people compare it, and `9f3c…a1`, whole, to be pasted.
pub(crate) fn told(sha256: &[u8; 32]) -> (String, String) {
    let pairs: Vec<String> = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    (format!("{}:…:{}", pairs[..4].join(":"), pairs[31]), pairs.concat())
}
