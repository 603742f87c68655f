//! What is written as an address, made one of the system's.
//! Owns: names, and what fits a socket's family. Never: keeps a deadline: the system's
//! resolver has none, and blocks as long as it likes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};
use std::path::Path;

use socket2::SockAddr;

use super::{Family, sys};
use crate::addr::{Addr, Target};
use crate::error::{Error, ErrorKind, Operation, Result};

/// The addresses of a name, in the system's order. Blocks.
pub(crate) fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let found: Vec<SocketAddr> = (host, port).to_socket_addrs().map_err(unknown)?.collect();
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("`{host}` has no address")));
    }
    Ok(found)
}

/// What the resolver says has neither a code nor a kind: it does not know the name, or could
/// not ask.
fn unknown(error: io::Error) -> io::Error {
    // A name that cannot be one has a kind.
    match (error.raw_os_error(), error.kind()) {
        (Some(_), _) | (_, io::ErrorKind::InvalidInput) => error,
        _ => io::Error::new(io::ErrorKind::NotFound, error),
    }
}

/// The address that `target` means to a socket of `family`. Blocks for a name.
pub(super) fn resolve(target: &Target, family: Family, operation: Operation) -> Result<SockAddr> {
    let misfit =
        |cause: String| Err(Error::new(operation, ErrorKind::InvalidInput, cause).at(target));
    match (target, family) {
        (Target::Addr(Addr::Unix(None)), Family::Unix) if operation == Operation::Send => {
            misfit("the peer has no address: to be answered it must bind one".into())
        }
        (Target::Addr(Addr::Unix(path)), Family::Unix) => {
            let path = path.as_deref().unwrap_or(Path::new(""));
            sys::unix_address(path).map_err(|error| Error::from_io(operation, target, error))
        }
        (_, Family::Unix) => misfit("a Unix socket's address is a path".into()),
        (Target::Addr(Addr::Ip(ip)), _) => match in_family(*ip, family) {
            Some(ip) => Ok(ip.into()),
            None => misfit("an IPv6 address does not fit a socket of IPv4".into()),
        },
        (Target::Addr(_), _) => misfit(format!("a socket of {family} has a host and a port")),
        (Target::Name(host, port), _) => match special(host, family) {
            Some(ip) => Ok(SocketAddr::new(ip, *port).into()),
            None => first_of(host, *port, family),
        },
    }
}

/// The names that are none.
fn special(host: &str, family: Family) -> Option<IpAddr> {
    match (host, family) {
        ("" | "*", Family::Inet) => Some(Ipv4Addr::UNSPECIFIED.into()),
        ("" | "*", _) => Some(Ipv6Addr::UNSPECIFIED.into()),
        ("<broadcast>", Family::Inet) => Some(Ipv4Addr::BROADCAST.into()),
        _ => None,
    }
}

/// The first address of the family, as Python takes it. No other is tried.
fn first_of(host: &str, port: u16, family: Family) -> Result<SockAddr> {
    let failed = |error| Error::from_io(Operation::Resolve, host, error);
    let mut found = lookup(host, port).map_err(failed)?.into_iter();
    match found.find(|ip| ip.is_ipv4() == (family == Family::Inet)) {
        Some(ip) => Ok(ip.into()),
        None => {
            let cause = format!("`{host}` has no address of {family}");
            Err(Error::new(Operation::Resolve, ErrorKind::NotFound, cause).at(host))
        }
    }
}

/// The address as one of the family. An IPv4 peer of an IPv6 socket is told as IPv4, and
/// so must be understood as one.
fn in_family(ip: SocketAddr, family: Family) -> Option<SocketAddr> {
    match (ip, family) {
        (SocketAddr::V4(v4), Family::Inet6) => {
            Some(SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0).into())
        }
        (SocketAddr::V6(_), Family::Inet) => None,
        _ => Some(ip),
    }
}
