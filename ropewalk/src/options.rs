//! How a socket is set, beside its address: what an endpoint's options say.
//! Owns: the settings and what each means. Never: touches a socket.

mod files;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use files::read_file;

/// Settings of one socket; what is `None` stays as the defaults have it.
///
/// Each belongs to some kinds of sockets only. Where it has no meaning it is an error of
/// the endpoint that names it, and without effect here.
///
/// ```
/// use ropewalk::options::SocketOptions;
/// let options = SocketOptions { backlog: Some(512), ..SocketOptions::default() };
/// assert_eq!(options.nodelay, None); // small answers leave at once, unless told otherwise
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketOptions {
    /// Connections that the kernel keeps until they are accepted; by default
    /// [`BACKLOG`](crate::limits::BACKLOG). The system's own limit (`somaxconn`) holds, too.
    pub backlog: Option<u32>,
    /// A port may be bound although connections of its last holder wait in `TIME_WAIT`
    /// (`SO_REUSEADDR`). On by default; on Windows never set, since there it means that
    /// another program may take the port.
    pub reuse_address: Option<bool>,
    /// Several sockets listen on one port and share what comes (`SO_REUSEPORT`). Off by
    /// default, so that a port in use is noticed.
    pub reuse_port: Option<bool>,
    /// Small answers leave at once (`TCP_NODELAY`). On by default.
    pub nodelay: Option<bool>,
    /// A silent peer is probed after so long (`SO_KEEPALIVE`, `TCP_KEEPIDLE`); whole
    /// seconds. Off by default. On a live connection zero turns it off again.
    pub keepalive: Option<Duration>,
    /// The time between two probes (`TCP_KEEPINTVL`); whole seconds. As the system has it by
    /// default (75 s on Linux); of no effect where nothing is probed.
    pub keepalive_interval: Option<Duration>,
    /// Probes without an answer after which the connection is given up (`TCP_KEEPCNT`). As
    /// the system has it by default (9 on Linux); of no effect where nothing is probed.
    pub keepalive_count: Option<u32>,
    /// What was sent and is not acknowledged for so long ends the connection
    /// (`TCP_USER_TIMEOUT`, Linux); milliseconds, rounded up. As the system has it by default,
    /// which is about a quarter of an hour; so it is again with zero.
    pub user_timeout: Option<Duration>,
    /// Zero: closing throws away what the peer has not got yet, and resets (`SO_LINGER` of 0
    /// seconds); nothing is left in `TIME_WAIT`. Any other time is refused: the system would
    /// block whoever closes, which is the loop. A close lingers in order by itself, for
    /// [`Limits::linger`](crate::limits::Limits::linger).
    pub linger: Option<Duration>,
    /// The address of ours from which to connect; port 0 is any. An address of the other
    /// family is not tried from it: that one fails, and the next has its turn. By default the
    /// system chooses.
    #[doc(alias = "bindAddress")]
    #[doc(alias = "source_address")]
    pub source: Option<SocketAddr>,
    /// The deadline of a whole attempt to connect; by default
    /// [`CONNECT`](crate::limits::CONNECT).
    pub timeout: Option<Duration>,
    /// The firewall's mark on what is sent (`SO_MARK`; Linux, needs a privilege).
    pub mark: Option<u32>,
    /// Routers that what is sent may pass (`IP_TTL`, `IPV6_UNICAST_HOPS`), 1 to 255.
    pub ttl: Option<u8>,
    /// The permissions of a Unix socket's file, as `0o660`.
    pub mode: Option<u32>,
}

impl SocketOptions {
    /// What is said here and cannot be set once there is a connection.
    pub(crate) fn only_before(&self) -> Option<&'static str> {
        [
            (self.backlog.is_some(), "the backlog"),
            (self.reuse_address.is_some(), "reuse_address"),
            (self.reuse_port.is_some(), "reuse_port"),
            (self.timeout.is_some(), "the deadline to connect"),
            (self.source.is_some(), "the address to connect from"),
            (self.mode.is_some(), "the mode of a socket's file"),
        ]
        .into_iter()
        .find_map(|(is_said, name)| is_said.then_some(name))
    }
}

/// Which header of the PROXY protocol is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyVersion {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// How one side of TLS is set: what a `tls:` endpoint says. Plain values; `tls` makes
/// configurations of them, where the feature of that name is on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// The certificate that is shown; a server must have one.
    pub cert: Option<Cert>,
    /// Its private key, in PEM; by default it stands in the certificate's own file.
    pub key: Option<PathBuf>,
    /// Whose certificates are believed, in PEM. Connecting, instead of what the system
    /// trusts; listening, clients must show one of these.
    pub ca: Option<PathBuf>,
    /// The SHA-256 of the one certificate that is believed, whoever signed it. Connecting.
    pub pin: Option<[u8; 32]>,
    /// Protocols to agree on, the most wanted first (ALPN).
    pub alpn: Vec<String>,
    /// The name that the server is asked for, and must prove; by default the host connected
    /// to. Connecting.
    pub sni: Option<String>,
    /// Whoever answers is believed. Connecting; for tests.
    pub insecure: bool,
}

/// Where a certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cert {
    /// A chain in PEM, the own certificate first.
    File(PathBuf),
    /// Made at the start, signed by itself (`cert=auto`): the program's, not the library's.
    Auto,
}
