//! Names of hosts and services, and the addresses that belong to them.
//! Owns: what is asked of the system's resolver, and what of its answers is told.
//! Never: tries an address, or keeps an answer.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::deadline::Budget;
use super::sys::{self, Asked, Found};
use super::{Family, Kind, name, resolver};
use crate::addr::{Addr, parse_port};
use crate::error::{Error, ErrorKind, Operation, Result};

/// What service is asked for: nothing, a port, or a name (`"http"`).
///
/// ```
/// use ropewalk::socket::Service;
/// assert_eq!(Service::from(80), Service::Port(80));
/// assert_eq!(Service::from("http"), Service::Name("http"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service<'a> {
    /// None: the addresses have port 0.
    Any,
    /// This port.
    Port(u16),
    /// What the system knows by this name; or a port in digits, 0 to 65535.
    Name(&'a str),
}

impl From<u16> for Service<'_> {
    fn from(port: u16) -> Self {
        Service::Port(port)
    }
}

impl<'a> From<&'a str> for Service<'a> {
    fn from(name: &'a str) -> Self {
        Service::Name(name)
    }
}

impl fmt::Display for Service<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Service::Any => f.write_str("0"),
            Service::Port(port) => port.fmt(f),
            Service::Name(name) => f.write_str(name),
        }
    }
}

/// Which answers are wanted. By default all there are.
///
/// ```
/// use ropewalk::socket::*;
/// let hints = Hints { family: Some(AF_INET), kind: Some(SOCK_STREAM), ..Hints::default() };
/// assert!(!hints.passive);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// Addresses of this family alone.
    pub family: Option<Family>,
    /// For sockets of this kind alone.
    pub kind: Option<Kind>,
    /// For this protocol alone, by its number; 0 is any.
    pub protocol: i32,
    /// To listen: without a host all interfaces are meant, not this machine's loopback.
    #[doc(alias = "AI_PASSIVE")]
    pub passive: bool,
    /// The first answer tells the host's canonical name.
    #[doc(alias = "AI_CANONNAME")]
    pub canonical_name: bool,
    /// The host is an IP address; nobody is asked.
    #[doc(alias = "AI_NUMERICHOST")]
    pub numeric_host: bool,
    /// The service is a port in digits.
    #[doc(alias = "AI_NUMERICSERV")]
    pub numeric_service: bool,
    /// Only families of which this machine has an address beside the loopback's.
    #[doc(alias = "AI_ADDRCONFIG")]
    pub address_config: bool,
}

impl Hints {
    fn asked(self) -> Result<Asked> {
        let system = |error| Error::without_address(Operation::Resolve, error);
        let flags = [
            (self.passive, sys::numbers::AI_PASSIVE),
            (self.canonical_name, sys::numbers::AI_CANONNAME),
            (self.numeric_host, sys::numbers::AI_NUMERICHOST),
            (self.numeric_service, sys::numbers::AI_NUMERICSERV),
            (self.address_config, sys::numbers::AI_ADDRCONFIG),
        ];
        Ok(Asked {
            flags: sys::flags(&flags),
            family: match self.family {
                Some(family) => sys::domain_of(family).map_err(system)?.into(),
                None => 0, // AF_UNSPEC, everywhere
            },
            kind: self.kind.map_or(0, |kind| sys::type_of(kind).into()),
            protocol: self.protocol,
        })
    }
}

/// One answer: what to make a socket of, and where to connect it.
///
/// ```
/// use ropewalk::socket::*;
/// # fn main() -> ropewalk::Result<()> {
/// # let server = create_server(("127.0.0.1", 0))?;
/// # let port = server.local_addr()?.port().unwrap();
/// let hints = Hints { kind: Some(SOCK_STREAM), ..Hints::default() };
/// let AddrInfo { family, kind, protocol, addr, .. } =
///     getaddrinfo(Some("127.0.0.1"), port, hints)?.remove(0);
/// Socket::with_protocol(family, kind, protocol)?.connect(addr)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddrInfo {
    /// The address's family.
    pub family: Family,
    /// The kind of socket.
    pub kind: Kind,
    /// The protocol, by its number.
    pub protocol: i32,
    /// The host's name as its owner has it, in the first answer, if it was asked for.
    pub canonical_name: Option<String>,
    /// The address.
    pub addr: Addr,
}

/// The addresses of a host, with a service's port. Corresponds to `getaddrinfo(3)`.
///
/// Without a host it is this machine: its loopback, or all its interfaces
/// ([`Hints::passive`]). An address of IPv6 may have a scope (`fe80::1%eth0`). It blocks as
/// long as the system's resolver likes; [`getaddrinfo_timeout`] does not. Answers that
/// are no addresses of IPv4 or IPv6 are left out.
///
/// # Errors
/// `NotFound` for an unknown host or service, `InvalidInput` for a port out of range, for hints
/// that contradict one another, or for a zero byte. [`Error::resolver_code`] has the resolver's
/// code.
///
/// ```
/// use ropewalk::socket::*;
/// # fn main() -> ropewalk::Result<()> {
/// let hints = Hints { family: Some(AF_INET), ..Hints::default() };
/// let found = getaddrinfo(Some("localhost"), "http", hints)?;
/// assert_eq!(found[0].addr.to_string(), "127.0.0.1:80");
/// # Ok(())
/// # }
/// ```
#[doc(alias = "gethostbyname")]
#[doc(alias = "gethostbyname_ex")]
pub fn getaddrinfo<'a>(
    host: Option<&str>,
    service: impl Into<Service<'a>>,
    hints: Hints,
) -> Result<Vec<AddrInfo>> {
    getaddrinfo_timeout(host, service, hints, None)
}

/// The same, until a deadline. A thread of the library asks the resolver; when the time has
/// passed its answer is no longer waited for, though the system may go on asking.
///
/// There are [`RESOLVER_THREADS`](crate::limits::RESOLVER_THREADS) of them in the process, and
/// [`RESOLVER_WAITING`](crate::limits::RESOLVER_WAITING) lookups may wait for one; those that
/// nobody waits for any more count, too, until a thread has put them away.
///
/// # Errors
/// As [`getaddrinfo`]; `TimedOut`, `Full`, `NoDescriptors`.
///
/// ```
/// use ropewalk::socket::*;
/// use std::time::Duration;
/// # fn main() -> ropewalk::Result<()> {
/// let within = Some(Duration::from_secs(5));
/// let found = getaddrinfo_timeout(Some("localhost"), 80, Hints::default(), within)?;
/// assert!(found.iter().all(|answer| answer.addr.port() == Some(80)));
/// # Ok(())
/// # }
/// ```
#[doc(alias = "getaddrinfo")]
pub fn getaddrinfo_timeout<'a>(
    host: Option<&str>,
    service: impl Into<Service<'a>>,
    hints: Hints,
    timeout: Option<Duration>,
) -> Result<Vec<AddrInfo>> {
    let service = service.into();
    let asked = hints.asked()?;
    let about = || format!("{}:{service}", host.unwrap_or("*"));
    let port = match service {
        Service::Any => None,
        Service::Port(port) => Some(port.to_string()),
        Service::Name(name) => {
            if is_number(name) {
                parse_port(name).map_err(|error| error.during(Operation::Resolve).at(about()))?;
            }
            Some(name.to_owned())
        }
    };
    let asked_host = host.map(str::to_owned);
    let ask = move || sys::addresses(asked_host.as_deref(), port.as_deref(), asked);
    let found = resolver::within(&mut Budget::of(timeout), ask).map_err(|error| {
        let helps = matches!(service, Service::Name(_)) && error.kind() == ErrorKind::NotFound;
        match error.at(about()) {
            error if helps => error.with_remedy("check both names, or give them in numbers"),
            error => name::beyond_ascii(error, host.unwrap_or_default()),
        }
    })?;
    Ok(found.into_iter().filter_map(answer_of).collect())
}

/// Whether the system would take it for a number: then it must be one in range, which some
/// systems do not look at.
fn is_number(service: &str) -> bool {
    let digits = service.trim_start().trim_start_matches(['+', '-']);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// `None` for what no socket of ours could be made of.
fn answer_of(found: Found) -> Option<AddrInfo> {
    let families = [Family::Inet, Family::Inet6];
    let family = families.into_iter().find(|family| family.number() == found.family)?;
    let kind = Kind::from(found.kind);
    // As it was answered: an IPv4 address of IPv6 is asked for when it is wanted so.
    let addr = Addr::Ip(found.addr.as_socket()?);
    let (protocol, canonical_name) = (found.protocol, found.canonical_name);
    Some(AddrInfo { family, kind, protocol, canonical_name, addr })
}

/// How an address is told.
///
/// ```
/// use ropewalk::socket::NameHints;
/// let hints = NameHints { numeric_host: true, numeric_service: true, ..NameHints::default() };
/// assert!(!hints.required);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameHints {
    /// The host as an IP address; nobody is asked.
    #[doc(alias = "NI_NUMERICHOST")]
    pub numeric_host: bool,
    /// The service as a port in digits.
    #[doc(alias = "NI_NUMERICSERV")]
    pub numeric_service: bool,
    /// A host without a name is an error, not told by its address.
    #[doc(alias = "NI_NAMEREQD")]
    pub required: bool,
    /// The service of UDP, where that of TCP is another.
    #[doc(alias = "NI_DGRAM")]
    pub datagram: bool,
}

/// The names of a host and of a service at an address. Corresponds to `getnameinfo(3)`. Blocks
/// as long as the system's resolver likes; [`getnameinfo_timeout`] does not.
///
/// # Errors
/// `NotFound` where a name is required; `InvalidInput` for a flow of IPv6 out of range.
///
/// ```
/// use ropewalk::socket::*;
/// # fn main() -> ropewalk::Result<()> {
/// let (host, service) = getnameinfo(([127, 0, 0, 1], 80).into(), NameHints::default())?;
/// assert_eq!(service, "http");
/// println!("{host}");
/// # Ok(())
/// # }
/// ```
#[doc(alias = "gethostbyaddr")]
pub fn getnameinfo(addr: SocketAddr, hints: NameHints) -> Result<(String, String)> {
    getnameinfo_timeout(addr, hints, None)
}

/// The same, until a deadline; see [`getaddrinfo_timeout`].
///
/// # Errors
/// As [`getnameinfo`]; `TimedOut`, `Full`, `NoDescriptors`.
///
/// ```
/// use ropewalk::socket::*;
/// use std::time::Duration;
/// # fn main() -> ropewalk::Result<()> {
/// let within = Some(Duration::from_secs(5));
/// let hints = NameHints { numeric_host: true, ..NameHints::default() };
/// let (host, _) = getnameinfo_timeout(([127, 0, 0, 1], 80).into(), hints, within)?;
/// assert_eq!(host, "127.0.0.1");
/// # Ok(())
/// # }
/// ```
#[doc(alias = "getnameinfo")]
pub fn getnameinfo_timeout(
    addr: SocketAddr,
    hints: NameHints,
    timeout: Option<Duration>,
) -> Result<(String, String)> {
    let failed = |error: Error| error.during(Operation::Resolve).at(addr);
    name::check_flow(addr)
        .map_err(|cause| failed(Error::new(Operation::Resolve, ErrorKind::InvalidInput, cause)))?;
    let flags = [
        (hints.numeric_host, sys::numbers::NI_NUMERICHOST),
        (hints.numeric_service, sys::numbers::NI_NUMERICSERV),
        (hints.required, sys::numbers::NI_NAMEREQD),
        (hints.datagram, sys::numbers::NI_DGRAM),
    ];
    let flags = sys::flags(&flags);
    let ask = move || sys::names(&addr.into(), flags);
    resolver::within(&mut Budget::of(timeout), ask).map_err(failed)
}

/// The name of this machine.
///
/// # Errors
/// The system's.
///
/// ```
/// println!("{}", ropewalk::socket::gethostname()?);
/// # Ok::<(), ropewalk::Error>(())
/// ```
pub fn gethostname() -> Result<String> {
    sys::host_name()
        .map_err(|error| Error::without_address(Operation::Resolve, error).at("this machine"))
}

/// The name of a host with its domain, as well as it can be found out: what the address of
/// `host` is called, if that has a dot; the resolver's canonical name, if that has one; or
/// what was given. An empty name, `0.0.0.0` and `::` are this machine. Blocks; what fails is
/// no error, as in Python.
///
/// ```
/// println!("{}", ropewalk::socket::getfqdn(""));
/// ```
pub fn getfqdn(host: &str) -> String {
    let host = match host.trim() {
        "" | "0.0.0.0" | "::" => gethostname().unwrap_or_else(|_| "localhost".to_owned()),
        host => host.to_owned(),
    };
    let hints = Hints { canonical_name: true, ..Hints::default() };
    let Ok(found) = getaddrinfo(Some(&host), Service::Any, hints) else { return host };
    let required = NameHints { required: true, ..NameHints::default() };
    let named = found.first().and_then(|answer| answer.addr.ip());
    let named = named.and_then(|ip| getnameinfo(ip, required).ok()).map(|(name, _)| name);
    let canonical = found.into_iter().find_map(|answer| answer.canonical_name);
    let names = [named.clone(), canonical.filter(|name| name.parse::<std::net::IpAddr>().is_err())];
    names.into_iter().flatten().find(|name| name.contains('.')).or(named).unwrap_or(host)
}

/// The port of a service by its name; of any kind of socket, if none is said.
///
/// # Errors
/// `NotFound`.
///
/// ```
/// use ropewalk::socket::*;
/// # fn main() -> ropewalk::Result<()> {
/// assert_eq!(getservbyname("http", Some(SOCK_STREAM))?, 80);
/// # Ok(())
/// # }
/// ```
pub fn getservbyname(service: &str, kind: Option<Kind>) -> Result<u16> {
    let unknown = || {
        let cause = "there is no service of that name";
        Error::new(Operation::Resolve, ErrorKind::NotFound, cause).at(service)
    };
    if service.is_empty() || is_number(service) {
        return Err(unknown().with_remedy("a port needs no name"));
    }
    let hints = Hints { family: Some(Family::Inet), kind, ..Hints::default() };
    let found = getaddrinfo(None, service, hints).map_err(|error| match error.kind() {
        ErrorKind::NotFound => unknown(),
        _ => error,
    })?;
    found.first().and_then(|answer| answer.addr.port()).ok_or_else(unknown)
}

/// The name of the service at a port; of TCP's first, if no kind of socket is said.
///
/// # Errors
/// `NotFound`.
///
/// ```
/// use ropewalk::socket::*;
/// # fn main() -> ropewalk::Result<()> {
/// assert_eq!(getservbyport(80, Some(SOCK_STREAM))?, "http");
/// # Ok(())
/// # }
/// ```
pub fn getservbyport(port: u16, kind: Option<Kind>) -> Result<String> {
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    for datagram in [false, true] {
        if kind.is_some_and(|kind| (kind == Kind::Datagram) != datagram) {
            continue;
        }
        let hints = NameHints { numeric_host: true, datagram, ..NameHints::default() };
        let (_, service) = getnameinfo(at, hints)?;
        if service != port.to_string() {
            return Ok(service);
        }
    }
    let cause = "there is no service at that port";
    Err(Error::new(Operation::Resolve, ErrorKind::NotFound, cause).at(port))
}
