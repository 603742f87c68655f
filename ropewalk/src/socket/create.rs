//! A connection or a server in one call.
//! Owns: what each of them tries, and in which order. Never: leaves a descriptor behind where
//! it fails.

use std::time::Duration;

use super::deadline::Budget;
use super::race::{Race, check_source, family_of};
use super::{Family, IPPROTO_IPV6, IPV6_V6ONLY, Kind, SO_REUSEADDR, SOL_SOCKET, Socket};
use super::{name, sys};
use crate::addr::{Addr, Target, interleaved};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::limits;

/// Connects to a peer by whatever address it has.
///
/// The timeout is one deadline for the whole: the name, and every address. It stays set on the
/// socket; `None` is without end. The addresses are tried as RFC 8305 says: IPv6 and IPv4 in
/// turn, the next one when the one before has failed, or has not answered within
/// [`CONNECT_ATTEMPT_DELAY`](limits::CONNECT_ATTEMPT_DELAY); the first that connects is taken.
/// Python tries one after another, and gives each the whole timeout.
///
/// # Errors
/// As [`Socket::connect`]. If there were several addresses it names each with its cause, has
/// the kind of the last, and all of them in [`Error::attempts`]. `InvalidInput` for a timeout
/// of zero: make a socket that does not block instead.
///
/// ```
/// use ropewalk::socket::*;
/// use std::time::Duration;
/// # fn main() -> ropewalk::Result<()> {
/// let server = create_server(("localhost", 0))?;
/// let port = server.local_addr()?.port().unwrap();
/// let client = create_connection(("localhost", port), Some(Duration::from_secs(5)))?;
/// assert_eq!(client.timeout(), Some(Duration::from_secs(5)));
/// # Ok(())
/// # }
/// ```
pub fn create_connection(
    to: impl TryInto<Target, Error: Into<Error>>,
    timeout: Option<Duration>,
) -> Result<Socket> {
    connection(target(to, Operation::Connect)?, timeout, None)
}

/// The same from an address of ours: the source of the connection. Port 0 is any.
///
/// # Errors
/// As [`create_connection`], and as [`Socket::bind`]. An address of the name that is of another
/// family than the source is refused as such.
///
/// ```
/// use ropewalk::socket::*;
/// # fn main() -> ropewalk::Result<()> {
/// let server = create_server(("127.0.0.1", 0))?;
/// let client = create_connection_from(server.local_addr()?, None, ("127.0.0.1", 0))?;
/// assert_eq!(client.local_addr()?.host(), "127.0.0.1");
/// # Ok(())
/// # }
/// ```
#[doc(alias = "create_connection")]
#[doc(alias = "source_address")]
pub fn create_connection_from(
    to: impl TryInto<Target, Error: Into<Error>>,
    timeout: Option<Duration>,
    source: impl TryInto<Target, Error: Into<Error>>,
) -> Result<Socket> {
    let source = target(source, Operation::Bind)?;
    connection(target(to, Operation::Connect)?, timeout, Some(&source))
}

fn target(at: impl TryInto<Target, Error: Into<Error>>, operation: Operation) -> Result<Target> {
    at.try_into().map_err(|error| error.into().during(operation))
}

fn connection(to: Target, timeout: Option<Duration>, source: Option<&Target>) -> Result<Socket> {
    if timeout == Some(Duration::ZERO) {
        let cause = "no time was given to connect in";
        return Err(Error::new(Operation::Connect, ErrorKind::InvalidInput, cause)
            .at(to)
            .with_remedy("make a socket, `set_blocking(false)`, and `connect` it"));
    }
    let Target::Name(host, port) = &to else { return connection_to_one(to, timeout, source) };
    let mut budget = Budget::of(timeout);
    let addrs = interleaved(name::addresses(host, *port, &mut budget)?);
    let race = Race::new(addrs, source, limits::CONNECT_ATTEMPT_DELAY);
    let (inner, peer) = race
        .run(&mut budget)
        .map_err(|refusals| Error::of_all(Operation::Connect, &to, refusals))?;
    let socket = Socket::around(inner, family_of(peer), Kind::Stream, 0);
    let _ = socket.peer.set(Addr::Ip(peer)); // new, so it is empty
    socket.set_timeout(timeout)?;
    Ok(socket)
}

fn connection_to_one(
    to: Target,
    timeout: Option<Duration>,
    source: Option<&Target>,
) -> Result<Socket> {
    let mut budget = Budget::of(timeout);
    let socket = Socket::new(family_for(&to).unwrap_or(Family::Inet), Kind::Stream)?;
    socket.set_timeout(timeout)?;
    if let Some(source) = source {
        if let Target::Addr(Addr::Ip(ip)) = &to {
            check_source(source, *ip)?;
        }
        socket.bind_within(source.clone(), &mut budget)?;
    }
    socket.connect_within(to, budget)?;
    Ok(socket)
}

/// What [`create_server_with`] is told beside the address.
///
/// ```
/// use ropewalk::socket::ServerOptions;
/// let options = ServerOptions { backlog: Some(64), ..ServerOptions::default() };
/// assert!(!options.dual_stack && !options.reuse_port);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerOptions {
    /// The family, where the address leaves it open. By default all interfaces mean IPv4, or
    /// IPv6 with `dual_stack`; and a name its first address of IPv4, or else of IPv6.
    pub family: Option<Family>,
    /// Connections that the kernel keeps until they are accepted; by default
    /// [`BACKLOG`](limits::BACKLOG).
    pub backlog: Option<u32>,
    /// Several sockets listen on the port and share what comes. Not on Windows.
    #[doc(alias = "SO_REUSEPORT")]
    pub reuse_port: bool,
    /// A socket of IPv6 serves IPv4 as well.
    #[doc(alias = "dualstack_ipv6")]
    pub dual_stack: bool,
}

/// A socket that listens at this address; of IPv6 alone, if it is one of IPv6.
///
/// On Unix the port may be bound though old connections linger on it; on Windows that option
/// would mean that others may take it, and is left alone.
///
/// # Errors
/// As [`Socket::bind`] and [`Socket::listen`]. Nothing is left open.
///
/// ```
/// use ropewalk::socket::*;
/// # fn main() -> ropewalk::Result<()> {
/// let server = create_server(("localhost", 0))?;
/// println!("listening on {}", server.local_addr()?);
/// # Ok(())
/// # }
/// ```
pub fn create_server(at: impl TryInto<Target, Error: Into<Error>>) -> Result<Socket> {
    create_server_with(at, &ServerOptions::default())
}

/// The same with options.
///
/// # Errors
/// As [`create_server`]; `InvalidInput` for IPv4 with `dual_stack`, `Unsupported` where the
/// system has no such thing.
///
/// ```
/// use ropewalk::socket::*;
/// # fn main() -> ropewalk::Result<()> {
/// if has_dualstack_ipv6() {
///     let options = ServerOptions { dual_stack: true, ..ServerOptions::default() };
///     let server = create_server_with(("", 0), &options)?; // all of IPv4 and IPv6
///     let port = server.local_addr()?.port().unwrap();
///     create_connection(("127.0.0.1", port), None)?;
/// }
/// # Ok(())
/// # }
/// ```
#[doc(alias = "create_server")]
pub fn create_server_with(
    at: impl TryInto<Target, Error: Into<Error>>,
    options: &ServerOptions,
) -> Result<Socket> {
    let (at, family) = site(target(at, Operation::Bind)?, options)?;
    if options.dual_stack && family != Family::Inet6 {
        let cause = format!("a socket of {family} does not serve two families");
        return Err(Error::new(Operation::Bind, ErrorKind::InvalidInput, cause)
            .at(at)
            .with_remedy("take an address of IPv6, or `::` for all"));
    }
    let socket = Socket::new(family, Kind::Stream)?;
    if sys::REUSE_IS_SAFE && family != Family::Unix {
        socket.set_option(SOL_SOCKET, SO_REUSEADDR, 1)?;
    }
    if options.reuse_port {
        let result = socket.open(Operation::Configure).map(sys::reuse_port)?;
        result.map_err(|error| Error::from_io(Operation::Configure, "(SO_REUSEPORT)", error))?;
    }
    if family == Family::Inet6 {
        socket.set_option(IPPROTO_IPV6, IPV6_V6ONLY, i32::from(!options.dual_stack))?;
    }
    socket.bind(at)?;
    socket.listen_with_backlog(options.backlog.unwrap_or(limits::BACKLOG.unsigned_abs()))?;
    Ok(socket)
}

/// The address to bind to, and its family.
fn site(at: Target, options: &ServerOptions) -> Result<(Target, Family)> {
    let asked = options.family.or(options.dual_stack.then_some(Family::Inet6));
    let family = family_for(&at).or(asked);
    match (&at, family) {
        (_, Some(family)) => Ok((at, family)),
        (Target::Name(host, _), None) if matches!(host.as_str(), "" | "*") => {
            Ok((at, Family::Inet))
        }
        (Target::Name(host, port), None) => {
            let found = name::addresses(host, *port, &mut Budget::of(None))?;
            let first = found.iter().find(|ip| ip.is_ipv4()).or(found.first());
            Ok(match first {
                Some(ip) => (Target::from(*ip), family_of(*ip)),
                None => (at, Family::Inet),
            })
        }
        _ => Ok((at, Family::Inet)),
    }
}

/// The family of what is an address already.
fn family_for(at: &Target) -> Option<Family> {
    match at {
        Target::Addr(Addr::Ip(ip)) => Some(family_of(*ip)),
        Target::Addr(Addr::Unix(_)) => Some(Family::Unix),
        _ => None,
    }
}

/// Whether a socket of IPv6 can serve IPv4 as well.
///
/// ```
/// println!("{}", ropewalk::socket::has_dualstack_ipv6());
/// ```
#[doc(alias = "has_ipv6")]
pub fn has_dualstack_ipv6() -> bool {
    let socket = Socket::new(Family::Inet6, Kind::Stream);
    socket.is_ok_and(|socket| socket.set_option(IPPROTO_IPV6, IPV6_V6ONLY, 0).is_ok())
}
