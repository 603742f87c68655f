//! Addresses: of the Internet, of Unix sockets, of ends in memory; and where to listen.
//! Owns: what an address is and how it is written.
//! Never: resolves a name or touches a socket.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Operation, Result};

mod race;
pub(crate) use race::{Race, interleaved};

/// The address of one end of a connection.
///
/// ```
/// use ropewalk::Addr;
/// let addr: Addr = "127.0.0.1:21555".parse::<std::net::SocketAddr>().unwrap().into();
/// assert_eq!(addr.host(), "127.0.0.1");
/// assert_eq!(addr.to_string(), "127.0.0.1:21555");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Addr {
    /// IPv4 or IPv6, with its port (and scope).
    #[doc(alias = "AF_INET")]
    #[doc(alias = "AF_INET6")]
    Ip(SocketAddr),
    /// A Unix socket's file; with a leading zero byte an abstract name (Linux). `None` for
    /// an end that was never bound, as most clients.
    #[doc(alias = "AF_UNIX")]
    Unix(Option<Arc<Path>>),
    /// An end in memory, by its number in the simulation.
    Memory(u64),
}

impl Addr {
    /// The host as one would write it: an IP address, a path, or a number.
    #[doc(alias = "getPeer")]
    pub fn host(&self) -> Cow<'_, str> {
        match self {
            Addr::Ip(ip) => Cow::Owned(ip.ip().to_string()),
            Addr::Unix(Some(path)) => unix_name(path),
            Addr::Unix(None) => Cow::Borrowed("unix"),
            Addr::Memory(number) => Cow::Owned(format!("memory:{number}")),
        }
    }

    /// The port, where there is one.
    pub fn port(&self) -> Option<u16> {
        match self {
            Addr::Ip(ip) => Some(ip.port()),
            _ => None,
        }
    }

    /// The IP address and port, where it is one.
    pub fn ip(&self) -> Option<SocketAddr> {
        match self {
            Addr::Ip(ip) => Some(*ip),
            _ => None,
        }
    }

    /// The path, where it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Addr::Unix(path) => path.as_deref(),
            _ => None,
        }
    }
}

impl From<SocketAddr> for Addr {
    fn from(ip: SocketAddr) -> Addr {
        Addr::Ip(ip)
    }
}

impl From<&Path> for Addr {
    fn from(path: &Path) -> Addr {
        Addr::Unix(Some(path.into()))
    }
}

impl From<PathBuf> for Addr {
    fn from(path: PathBuf) -> Addr {
        Addr::Unix(Some(path.into()))
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Addr::Ip(ip) => ip.fmt(f),
            other => f.write_str(&other.host()),
        }
    }
}

/// Where a TCP server listens. A bare port means loopback, IPv4 and IPv6 on the same
/// port; all interfaces are asked for by name (`*`).
///
/// ```
/// use ropewalk::addr::ListenAt;
/// assert_eq!(ListenAt::from(8080), "8080".parse().unwrap());
/// assert_eq!("*:80".parse::<ListenAt>().unwrap().to_string(), "*:80");
/// let error = "70000".parse::<ListenAt>().unwrap_err();
/// assert!(error.to_string().contains("0 to 65535"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAt {
    /// On which of this machine's addresses.
    pub host: ListenHost,
    /// The port; 0 lets the system choose one.
    pub port: u16,
}

/// On which of a machine's addresses to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListenHost {
    /// 127.0.0.1 and ::1: this machine only.
    Loopback,
    /// Every address of every interface.
    All,
    /// This one.
    Ip(IpAddr),
    /// Every address that the name has; resolved when listening, which may block.
    Name(String),
}

impl ListenAt {
    /// Every address of every interface, asked for by name.
    pub fn all(port: u16) -> ListenAt {
        ListenAt { host: ListenHost::All, port }
    }

    /// The IP addresses, IPv4 first; empty for a name, which must be resolved.
    pub fn ips(&self) -> Vec<IpAddr> {
        match &self.host {
            ListenHost::Loopback => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            ListenHost::All => vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            ListenHost::Ip(ip) => vec![*ip],
            ListenHost::Name(_) => Vec::new(),
        }
    }
}

impl From<u16> for ListenAt {
    fn from(port: u16) -> ListenAt {
        ListenAt { host: ListenHost::Loopback, port }
    }
}

impl From<SocketAddr> for ListenAt {
    fn from(at: SocketAddr) -> ListenAt {
        ListenAt { host: ListenHost::Ip(at.ip()), port: at.port() }
    }
}

impl From<(IpAddr, u16)> for ListenAt {
    fn from((ip, port): (IpAddr, u16)) -> ListenAt {
        ListenAt { host: ListenHost::Ip(ip), port }
    }
}

impl From<(&str, u16)> for ListenAt {
    /// A host as written: `*`, an IP address, or a name.
    fn from((host, port): (&str, u16)) -> ListenAt {
        ListenAt { host: listen_host(host), port }
    }
}

impl FromStr for ListenAt {
    type Err = Error;

    /// `8080`, `*:8080`, `127.0.0.1:8080`, `[::1]:8080`, `name:8080`.
    fn from_str(text: &str) -> Result<ListenAt> {
        match split_host_port(text)? {
            (None, port) => Ok(ListenAt::from(port)),
            (Some(host), port) => Ok(ListenAt { host: listen_host(host), port }),
        }
    }
}

impl fmt::Display for ListenAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            ListenHost::Loopback => write!(f, "{}", self.port),
            ListenHost::All => write!(f, "*:{}", self.port),
            ListenHost::Ip(ip) => SocketAddr::new(*ip, self.port).fmt(f),
            ListenHost::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

/// Where to listen, of whatever family.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Site {
    /// TCP.
    Tcp(ListenAt),
    /// A Unix stream socket's path.
    Unix(PathBuf),
    /// A number in a simulated network.
    Memory(u64),
}

impl<A: Into<ListenAt>> From<A> for Site {
    fn from(at: A) -> Site {
        Site::Tcp(at.into())
    }
}

impl From<&Path> for Site {
    fn from(path: &Path) -> Site {
        Site::Unix(path.into())
    }
}

impl From<PathBuf> for Site {
    fn from(path: PathBuf) -> Site {
        Site::Unix(path)
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Site::Tcp(at) => at.fmt(f),
            Site::Unix(path) => f.write_str(&unix_name(path)),
            Site::Memory(number) => write!(f, "memory:{number}"),
        }
    }
}

/// Where datagrams are received, of whatever family.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DatagramSite {
    /// UDP.
    Udp(ListenAt),
    /// A Unix datagram socket's path.
    Unixgram(PathBuf),
    /// A number in a simulated network.
    Memory(u64),
}

impl<A: Into<ListenAt>> From<A> for DatagramSite {
    fn from(at: A) -> DatagramSite {
        DatagramSite::Udp(at.into())
    }
}

impl From<&Path> for DatagramSite {
    fn from(path: &Path) -> DatagramSite {
        DatagramSite::Unixgram(path.into())
    }
}

impl From<PathBuf> for DatagramSite {
    fn from(path: PathBuf) -> DatagramSite {
        DatagramSite::Unixgram(path)
    }
}

impl fmt::Display for DatagramSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DatagramSite::Udp(at) => at.fmt(f),
            DatagramSite::Unixgram(path) => f.write_str(&unix_name(path)),
            DatagramSite::Memory(number) => write!(f, "memory:{number}"),
        }
    }
}

/// An address as it is written: a host and a port, an IP address, a path.
///
/// Whatever says one of these is taken where a target is asked for:
///
/// ```
/// use ropewalk::addr::Target;
/// # fn main() -> ropewalk::Result<()> {
/// let by_name = Target::from(("localhost", 21555)); // the tuple of Python
/// assert_eq!(by_name, Target::try_from("localhost:21555")?);
/// let file = Target::from(std::path::Path::new("/run/ropewalk.sock"));
/// assert_eq!(file, Target::try_from("/run/ropewalk.sock")?);
/// let error = Target::try_from("localhost:70000").unwrap_err();
/// assert!(error.to_string().contains("ports go from 0 to 65535"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// A host by name, and a port. A connector tries every address of the name; a
    /// [`Socket`](crate::socket::Socket) takes the first of its family. An empty name and
    /// `*` mean all interfaces.
    Name(String, u16),
    /// An address.
    Addr(Addr),
}

impl Target {
    /// A host as written: an IP address (in brackets or not) or a name.
    pub fn tcp(host: &str, port: u16) -> Target {
        match in_brackets(host).unwrap_or(host).parse::<IpAddr>() {
            Ok(ip) => Target::Addr(SocketAddr::new(ip, port).into()),
            Err(_) => Target::Name(host.to_owned(), port),
        }
    }
}

impl<A: Into<Addr>> From<A> for Target {
    fn from(addr: A) -> Target {
        Target::Addr(addr.into())
    }
}

impl From<&Addr> for Target {
    fn from(addr: &Addr) -> Target {
        Target::Addr(addr.clone()) // at most a reference count
    }
}

impl From<&PathBuf> for Target {
    fn from(path: &PathBuf) -> Target {
        path.as_path().into()
    }
}

impl From<(&str, u16)> for Target {
    /// A host as written, and a port.
    fn from((host, port): (&str, u16)) -> Target {
        Target::tcp(host, port)
    }
}

impl From<(IpAddr, u16)> for Target {
    fn from((ip, port): (IpAddr, u16)) -> Target {
        SocketAddr::new(ip, port).into()
    }
}

impl TryFrom<&str> for Target {
    type Error = Error;

    /// `host:port`, `[v6]:port`, a bare `port` of the loopback; or, with a `/` in it, a path;
    /// or, with an `@` before it, an abstract name (Linux).
    fn try_from(text: &str) -> Result<Target> {
        if let Some(name) = text.strip_prefix('@') {
            return Ok(abstract_name(name).into());
        }
        if text.contains('/') || is_abstract(Path::new(text)) {
            return Ok(Path::new(text).into());
        }
        let (host, port) = split_host_port(text).map_err(|error| match text.contains(':') {
            true => error,
            false => error.with_remedy(format!("a path has a slash: write ./{text}")),
        })?;
        Ok(Target::tcp(host.unwrap_or("localhost"), port))
    }
}

impl TryFrom<&String> for Target {
    type Error = Error;

    fn try_from(text: &String) -> Result<Target> {
        text.as_str().try_into()
    }
}

impl FromStr for Target {
    type Err = Error;

    /// As from a `&str`.
    fn from_str(text: &str) -> Result<Target> {
        text.try_into()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Name(host, port) if host.is_empty() => write!(f, "*:{port}"),
            // An address of IPv6 with a scope's name is resolved, too.
            Target::Name(host, port) if host.contains(':') && !host.starts_with('[') => {
                write!(f, "[{host}]:{port}")
            }
            Target::Name(host, port) => write!(f, "{host}:{port}"),
            Target::Addr(addr) => addr.fmt(f),
        }
    }
}

/// The path that stands for an abstract name (Linux): a socket without a file.
pub fn abstract_name(name: &str) -> PathBuf {
    PathBuf::from(format!("\0{name}"))
}

/// Whether a path is one of those.
pub fn is_abstract(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().first() == Some(&0)
}

/// An address of IPv6 as it stands beside a port.
fn in_brackets(host: &str) -> Option<&str> {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))
}

/// A Unix socket's name as one writes it: its path, or `@name` for an abstract one.
pub fn unix_name(path: &Path) -> Cow<'_, str> {
    match path.to_string_lossy() {
        name if name.starts_with('\0') => Cow::Owned(format!("@{}", &name[1..])),
        name => name,
    }
}

fn listen_host(host: &str) -> ListenHost {
    match in_brackets(host).unwrap_or(host) {
        // The second is Python's.
        "*" | "" => ListenHost::All,
        host => host.parse().map_or_else(|_| ListenHost::Name(host.to_owned()), ListenHost::Ip),
    }
}

/// Splits `host:port`, `[v6]:port` or a bare `port`.
pub fn split_host_port(text: &str) -> Result<(Option<&str>, u16)> {
    let (host, port) = match text.rsplit_once(':') {
        None => (None, text),
        Some((host, port)) => {
            let bare = in_brackets(host);
            if host.contains(':') && bare.is_none() {
                return Err(Error::new(
                    Operation::Parse,
                    ErrorKind::InvalidInput,
                    "an IPv6 address is written in brackets",
                )
                .at(text)
                .with_remedy("write [::1]:8080"));
            }
            (Some(bare.unwrap_or(host)), port)
        }
    };
    if host == Some("") {
        let cause = "the host is missing";
        return Err(Error::new(Operation::Parse, ErrorKind::InvalidInput, cause)
            .at(text)
            .with_remedy("leave out the colon for loopback, or write `*` for all interfaces"));
    }
    Ok((host, parse_port(port).map_err(|error| error.at(text))?))
}

/// A number as a port: 0 to 65535, nothing else. For numbers that are known when the
/// program runs; where a `u16` is asked for, a literal out of range does not compile.
///
/// ```
/// use ropewalk::addr::port;
/// assert_eq!(port(21555)?, 21555);
/// for number in [-1, 65536, 70000] {
///     assert!(port(number).unwrap_err().to_string().contains("ports go from 0 to 65535"));
/// }
/// # Ok::<(), ropewalk::Error>(())
/// ```
///
/// # Errors
/// `InvalidInput` for any other number.
pub fn port(number: i64) -> Result<u16> {
    u16::try_from(number).map_err(|_| out_of_range(number))
}

fn out_of_range(number: impl fmt::Display) -> Error {
    let cause = format!("port {number} is out of range, ports go from 0 to 65535");
    Error::new(Operation::Parse, ErrorKind::InvalidInput, cause).at(number)
}

/// A port as a person writes it: 0 to 65535, nothing else.
pub fn parse_port(text: &str) -> Result<u16> {
    // `+80` would parse as a number, and is none that anybody means.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits => Ok(port),
        _ if digits => Err(out_of_range(text)),
        _ => Err(Error::new(
            Operation::Parse,
            ErrorKind::InvalidInput,
            format!("`{text}` is not a port, which is a number from 0 to 65535"),
        )
        .at(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_is_written() {
        for text in ["8080", "*:80", "127.0.0.1:1", "[::1]:65535", "localhost:0"] {
            assert_eq!(text.parse::<ListenAt>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn the_families_take_turns_and_each_keeps_its_order() {
        let addrs = |text: &str| -> Vec<SocketAddr> {
            let hosts = text.split(' ').filter(|host| !host.is_empty());
            hosts.map(|host| SocketAddr::new(host.parse().unwrap(), 80)).collect()
        };
        for (found, order) in [
            ("", ""),
            ("::1", "::1"),
            ("::1 ::2 ::3 1.1.1.1", "::1 1.1.1.1 ::2 ::3"),
            ("1.1.1.1 ::1 ::2", "1.1.1.1 ::1 ::2"),
            ("1.1.1.1 2.2.2.2 ::1 ::2", "1.1.1.1 ::1 2.2.2.2 ::2"),
        ] {
            assert_eq!(interleaved(addrs(found)), addrs(order), "{found}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in
            ["", "65536", "-1", "+80", "a:b", "::1:80", ":80", "99999999999999999999", "[::1]"]
        {
            let error = text.parse::<ListenAt>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}: {error}");
        }
    }
}
