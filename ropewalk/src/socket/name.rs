//! What is written as an address, made one of the system's.
//! Owns: names, and what fits a socket's family. Never: keeps a deadline: the system's
//! resolver has none; `resolver` asks it on a thread where there is one.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::path::Path;

use socket2::SockAddr;

use super::deadline::Budget;
use super::resolver;
use super::sys::{self, Asked};
use super::{Family, Kind};
use crate::addr::{Addr, Target};
use crate::error::{Error, ErrorKind, Operation, Result};

/// The addresses of a name, in the system's order. Blocks.
pub(crate) fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let asked = Asked { kind: sys::type_of(Kind::Stream).into(), ..Asked::default() };
    let found: Vec<SocketAddr> = sys::addresses(Some(host), None, asked)?
        .into_iter()
        .filter_map(|found| found.addr.as_socket())
        .map(|addr| with_port(addr, port))
        .collect();
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("`{host}` has no address")));
    }
    Ok(found)
}

pub(super) fn with_port(mut addr: SocketAddr, port: u16) -> SocketAddr {
    addr.set_port(port);
    addr
}

/// The address that `target` means to a socket of `family`. For a name it waits, within the
/// budget.
pub(super) fn resolve(
    target: &Target,
    family: Family,
    operation: Operation,
    budget: &mut Budget<'_>,
) -> Result<SockAddr> {
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
        (_, Family::Other(_)) => misfit(format!("the addresses of {family} have no form here")),
        (_, Family::Unix) => misfit("a Unix socket's address is a path".into()),
        (Target::Addr(Addr::Ip(ip)), _) => match (check_flow(*ip), in_family(*ip, family)) {
            (Err(cause), _) => misfit(cause),
            (Ok(()), Some(ip)) => Ok(ip.into()),
            (Ok(()), None) => misfit("an IPv6 address does not fit a socket of IPv4".into()),
        },
        (Target::Addr(_), _) => misfit(format!("a socket of {family} has a host and a port")),
        (Target::Name(host, port), _) => match special(host, family) {
            Some(ip) => Ok(SocketAddr::new(ip, *port).into()),
            None => first_of(host, *port, family, budget),
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
fn first_of(host: &str, port: u16, family: Family, budget: &mut Budget<'_>) -> Result<SockAddr> {
    let mut found = addresses(host, port, budget)?.into_iter();
    match found.find(|ip| ip.is_ipv4() == (family == Family::Inet)) {
        Some(ip) => Ok(ip.into()),
        None => {
            let cause = format!("`{host}` has no address of {family}");
            Err(Error::new(Operation::Resolve, ErrorKind::NotFound, cause).at(host))
        }
    }
}

/// The addresses of a name, within the budget.
pub(super) fn addresses(host: &str, port: u16, budget: &mut Budget<'_>) -> Result<Vec<SocketAddr>> {
    let asked = host.to_owned();
    resolver::within(budget, move || lookup(&asked, port))
        .map_err(|error| beyond_ascii(error.at(host), host))
}

/// The name goes to the resolver as it is written: its rules for other letters are not ours to
/// guess (Python has IDNA's of 2003).
pub(super) fn beyond_ascii(error: Error, host: &str) -> Error {
    match error.kind() {
        ErrorKind::NotFound if !host.is_ascii() => {
            error.with_remedy("write the host's `xn--` form")
        }
        _ => error,
    }
}

/// A flow of IPv6 has 20 bits. std keeps it as the system takes it, in the network's order.
pub(super) fn check_flow(ip: SocketAddr) -> Result<(), String> {
    match ip {
        SocketAddr::V6(v6) if u32::from_be(v6.flowinfo()) > FLOW_MOST => {
            let flow = u32::from_be(v6.flowinfo());
            Err(format!("flow {flow} is out of range, flows go from 0 to {FLOW_MOST}"))
        }
        _ => Ok(()),
    }
}

const FLOW_MOST: u32 = 0xf_ffff;

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
