//! Why TLS failed, in words, and as far as a program may want to decide on it.
//! Owns: the causes, each with its sentence and its remedy. Never: decides how the
//! connection ends; the layer does.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use rustls::{AlertDescription, CertificateError, PeerIncompatible};

use crate::protocol::Reason;

/// Why TLS failed: what a connection's [`Reason`] has as its source.
///
/// ```
/// use ropewalk::Reason;
/// use ropewalk::tls;
/// fn advice(why: &Reason) -> &str {
///     match tls::Error::of(why) {
///         Some(tls::Error::Untrusted { .. }) => "is it the test server?",
///         Some(tls::Error::Expired { .. }) => "call the administrator",
///         Some(_) => "TLS failed otherwise",
///         None => "it was not TLS",
///     }
/// }
/// let why = Reason::peer_failed(tls::Error::HandshakeCut);
/// assert_eq!(advice(&why), "TLS failed otherwise");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "SSLError")]
#[doc(alias = "SSLCertVerificationError")]
pub enum Error {
    /// Nobody whom we trust has signed the peer's certificate.
    Untrusted {
        /// The SHA-256 of the certificate, if it was seen: what a pin would be.
        sha256: Option<[u8; 32]>,
    },
    /// The peer's certificate is for other names than the one that was asked for.
    WrongName {
        /// The name that was asked for.
        wanted: String,
        /// What the certificate is for.
        presented: Vec<String>,
    },
    /// The peer's certificate was valid once.
    Expired {
        /// For so many seconds it has not been valid, where that is known.
        for_seconds: Option<u64>,
    },
    /// The peer's certificate will be valid, or our clock is slow.
    NotYetValid {
        /// In so many seconds it will be valid, where that is known.
        in_seconds: Option<u64>,
    },
    /// The peer's certificate was revoked.
    Revoked,
    /// The peer's certificate is not the pinned one.
    WrongPin {
        /// The SHA-256 that was asked for.
        wanted: [u8; 32],
        /// The peer's.
        presented: [u8; 32],
    },
    /// The peer's certificate is bad in another way.
    BadCertificate(String),
    /// The peer showed no certificate, and must.
    NoCertificate,
    /// The peer will not have us: our certificate, or that we showed none. It is the alert's
    /// name.
    Rejected(&'static str),
    /// What came is no TLS: the peer speaks this instead.
    NotTls(&'static str),
    /// No version of TLS is both ours and the peer's.
    NoCommonVersion,
    /// No cipher suite or key exchange is both ours and the peer's.
    NoCommonCipher,
    /// No protocol (ALPN) is both ours and the peer's.
    NoCommonProtocol,
    /// The server has no certificate for the name that it was asked for.
    UnknownName,
    /// The peer gave up; it is the alert's name.
    Alert(String),
    /// What the peer sent breaks TLS, or was changed on its way.
    Broken(String),
    /// The peer ended the connection during the handshake.
    HandshakeCut,
    /// The input ended without the peer's word that this was all: it may be cut.
    Cut,
    /// No name that a certificate could be for.
    BadName(String),
    /// TLS itself could not go on: no random numbers, no time.
    Local(String),
}

impl Error {
    /// The cause of an end, if TLS was it.
    pub fn of(why: &Reason) -> Option<&Error> {
        why.source()?.downcast_ref()
    }

    /// The cause of a blocking stream's failure, if TLS was it.
    pub fn of_io(error: &io::Error) -> Option<&Error> {
        error.get_ref()?.downcast_ref()
    }

    /// Whether it is about whom the certificates belong to and who believes them, rather than
    /// about a peer that speaks otherwise.
    pub fn is_about_certificates(&self) -> bool {
        matches!(
            self,
            Error::Untrusted { .. }
                | Error::WrongName { .. }
                | Error::Expired { .. }
                | Error::NotYetValid { .. }
                | Error::Revoked
                | Error::WrongPin { .. }
                | Error::BadCertificate(_)
                | Error::NoCertificate
                | Error::Rejected(_)
        )
    }

    /// What rustls says, in our words.
    pub(super) fn from_rustls(error: rustls::Error, sha256: Option<[u8; 32]>) -> Error {
        use rustls::Error as Tls;
        match error {
            Tls::InvalidCertificate(error) => of_certificate(error, sha256),
            Tls::NoCertificatesPresented => Error::NoCertificate,
            Tls::AlertReceived(alert) => of_alert(alert),
            Tls::NoApplicationProtocol => Error::NoCommonProtocol,
            Tls::PeerIncompatible(what) => of_incompatible(what),
            Tls::FailedToGetCurrentTime | Tls::FailedToGetRandomBytes | Tls::General(_) => {
                Error::Local(error.to_string())
            }
            other => Error::Broken(other.to_string()),
        }
    }
}

fn of_certificate(error: CertificateError, sha256: Option<[u8; 32]>) -> Error {
    use CertificateError as Bad;
    let seconds = |late: u64, early: u64| Some(late.saturating_sub(early));
    match error {
        Bad::UnknownIssuer | Bad::BadSignature => Error::Untrusted { sha256 },
        Bad::NotValidForNameContext { expected, presented } => {
            Error::WrongName { wanted: expected.to_str().into_owned(), presented }
        }
        Bad::NotValidForName => Error::WrongName { wanted: String::new(), presented: Vec::new() },
        Bad::ExpiredContext { time, not_after } => {
            Error::Expired { for_seconds: seconds(time.as_secs(), not_after.as_secs()) }
        }
        Bad::Expired => Error::Expired { for_seconds: None },
        Bad::NotValidYetContext { time, not_before } => {
            Error::NotYetValid { in_seconds: seconds(not_before.as_secs(), time.as_secs()) }
        }
        Bad::NotValidYet => Error::NotYetValid { in_seconds: None },
        Bad::Revoked => Error::Revoked,
        Bad::Other(other) => match other.0.downcast_ref::<Error>() {
            Some(ours) => ours.clone(),
            // A certificate that may sign others, shown as a server's own: what signs itself.
            None if other.to_string().contains("CaUsedAsEndEntity") => Error::Untrusted { sha256 },
            None => Error::BadCertificate(other.to_string()),
        },
        other => Error::BadCertificate(other.to_string()),
    }
}

fn of_alert(alert: AlertDescription) -> Error {
    use AlertDescription as Alert;
    Error::Rejected(match alert {
        Alert::BadCertificate => "bad certificate",
        Alert::UnsupportedCertificate => "unsupported certificate",
        Alert::CertificateRevoked => "certificate revoked",
        Alert::CertificateExpired => "certificate expired",
        Alert::CertificateUnknown => "certificate unknown",
        Alert::UnknownCA => "unknown CA",
        Alert::AccessDenied => "access denied",
        Alert::CertificateRequired | Alert::NoCertificate => "certificate required",
        Alert::BadCertificateHashValue => "bad certificate hash value",
        Alert::ProtocolVersion => return Error::NoCommonVersion,
        Alert::InsufficientSecurity | Alert::HandshakeFailure => return Error::NoCommonCipher,
        Alert::NoApplicationProtocol => return Error::NoCommonProtocol,
        Alert::UnrecognisedName => return Error::UnknownName,
        other => return Error::Alert(format!("{other:?}")),
    })
}

fn of_incompatible(what: PeerIncompatible) -> Error {
    use PeerIncompatible as Cannot;
    match what {
        Cannot::ServerDoesNotSupportTls12Or13
        | Cannot::ServerTlsVersionIsDisabledByOurConfig
        | Cannot::SupportedVersionsExtensionRequired
        | Cannot::Tls12NotOffered
        | Cannot::Tls12NotOfferedOrEnabled => Error::NoCommonVersion,
        Cannot::NoCipherSuitesInCommon
        | Cannot::NoKxGroupsInCommon
        | Cannot::NoSignatureSchemesInCommon
        | Cannot::NoCertificateRequestSignatureSchemesInCommon
        | Cannot::NoEcPointFormatsInCommon => Error::NoCommonCipher,
        other => Error::Broken(format!("the peer cannot do what is needed: {other:?}")),
    }
}

/// What a peer speaks that sent these bytes where TLS was to begin.
pub(super) fn what_speaks(first: &[u8]) -> Option<&'static str> {
    const KNOWN: &[(&[u8], &str)] = &[
        (b"GET ", "an HTTP request"),
        (b"POST", "an HTTP request"),
        (b"HEAD", "an HTTP request"),
        (b"PUT ", "an HTTP request"),
        (b"OPTI", "an HTTP request"),
        (b"PRI ", "an HTTP/2 request"),
        (b"HTTP", "an HTTP response"),
        (b"SSH-", "SSH"),
        (b"PROX", "a PROXY header"),
        (b"\r\n\r\n", "a PROXY header"),
        (b"220 ", "a greeting in plain text"),
    ];
    // Content types of TLS records; 0x80 begins SSL 2's hello.
    let is_record = matches!(first.first(), None | Some(20..=24 | 0x80));
    let known = KNOWN.iter().find(|(start, _)| first.starts_with(start));
    let is_text = first.iter().all(|byte| byte.is_ascii_graphic() || b" \t\r\n".contains(byte));
    let unknown = if is_text { "plain text" } else { "bytes of another protocol" };
    (!is_record).then(|| known.map_or(unknown, |(_, what)| what))
}

/// 64 digits.
fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn span(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Untrusted { sha256: Some(sha256) } => {
                write!(f, "{}, or this one certificate (pin={})", self.words(), hex(sha256))
            }
            Error::WrongName { wanted, presented } if presented.is_empty() => {
                write!(f, "the peer's certificate is not for `{wanted}`")
            }
            Error::WrongName { wanted, presented } => {
                write!(f, "the peer's certificate is for {}, not ", presented.join(", "))?;
                write!(f, "for `{wanted}`; ask for one of its names (sni=NAME), if it is ")?;
                f.write_str("whom you want")
            }
            Error::Expired { for_seconds } => {
                f.write_str("the peer's certificate has expired")?;
                for_seconds.iter().try_for_each(|ago| write!(f, " ({} ago)", span(*ago)))?;
                f.write_str("; the peer has to renew it, unless this machine's clock is fast")
            }
            Error::NotYetValid { in_seconds } => {
                f.write_str("the peer's certificate is not valid yet")?;
                in_seconds.iter().try_for_each(|wait| write!(f, " (in {})", span(*wait)))?;
                f.write_str("; is this machine's clock slow?")
            }
            Error::WrongPin { wanted, presented } => {
                let (wanted, presented) = (hex(wanted), hex(presented));
                write!(f, "the peer's certificate has the SHA-256 {presented}, and {wanted} is ")?;
                f.write_str("pinned; pin the new one if you know that it was renewed")
            }
            Error::BadCertificate(what) => write!(f, "the peer's certificate is bad: {what}"),
            Error::Rejected(alert) => {
                write!(f, "the peer refuses us: {alert}; it does not trust the certificate that ")?;
                f.write_str("we show, or wants one")
            }
            Error::NotTls(what) => {
                write!(f, "the peer speaks no TLS: {what} came; is it the right port?")
            }
            Error::Alert(alert) => write!(f, "the peer gave up: {alert}"),
            Error::Broken(what) => write!(f, "what came breaks TLS: {what}"),
            Error::BadName(name) => {
                write!(f, "`{name}` is no name that a certificate could be for; give a host ")?;
                f.write_str("name or an IP address")
            }
            Error::Local(what) => write!(f, "TLS cannot go on here: {what}"),
            _ => f.write_str(self.words()),
        }
    }
}

impl Error {
    /// The sentence, as far as it is always the same.
    fn words(&self) -> &'static str {
        match self {
            Error::Untrusted { .. } => {
                "the peer's certificate is signed by nobody who is trusted; \
                 trust its issuer (ca=FILE)"
            }
            Error::Revoked => "the peer's certificate was revoked",
            Error::NoCertificate => {
                "the peer showed no certificate; it has to (cert=FILE at its end)"
            }
            Error::NoCommonVersion => {
                "the peer speaks neither TLS 1.2 nor 1.3; it has to be renewed"
            }
            Error::NoCommonCipher => {
                "no cipher or signature is both ours and the peer's; \
                 are its keys and settings of today?"
            }
            Error::NoCommonProtocol => {
                "no protocol (ALPN) is both ours and the peer's; name one that it speaks"
            }
            Error::UnknownName => {
                "the server has no certificate for the name that it was asked for; \
                 ask for another (sni=NAME)"
            }
            Error::HandshakeCut => {
                "the peer ended the connection during the handshake; does it speak TLS?"
            }
            Error::Cut => "the input ended without the peer's word that it was all (close_notify)",
            _ => "TLS failed", // those with something of their own to say have said it
        }
    }
}

impl StdError for Error {}

impl From<Error> for io::Error {
    /// `UnexpectedEof` where the input ended too early, else `InvalidData`;
    /// [`Error::of_io`] undoes it.
    fn from(error: Error) -> io::Error {
        let kind = match error {
            Error::Cut | Error::HandshakeCut => io::ErrorKind::UnexpectedEof,
            Error::BadName(_) => io::ErrorKind::InvalidInput,
            _ => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_tls_is_named() {
        assert_eq!(what_speaks(b"GET /"), Some("an HTTP request"));
        assert_eq!(what_speaks(b"EHLO x"), Some("plain text"));
        assert_eq!(what_speaks(&[0xff, 0, 1]), Some("bytes of another protocol"));
        assert_eq!(what_speaks(&[22, 3, 1, 0, 5]), None);
    }

    #[test]
    fn a_span_is_told_as_a_person_would() {
        assert_eq!(
            [span(5), span(600), span(7200), span(864_000)],
            ["5 s", "10 min", "2 h", "10 days"]
        );
    }
}
