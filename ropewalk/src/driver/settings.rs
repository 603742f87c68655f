//! A socket's options, set: one rule for every driver and kind.
//! Owns: which system option each setting is. Never: makes, binds or closes a socket.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::Socket;

use crate::addr::{Addr, Target};
use crate::error::{NO_SOURCE, describe_io};
use crate::options::SocketOptions;
use crate::socket::{KeepAlive, check_source, probing, sys, user_timeout};

/// What every socket of an address takes, before it is bound or connected.
pub(crate) fn apply(socket: &Socket, at: &Addr, options: &SocketOptions) -> io::Result<()> {
    let Addr::Ip(ip) = at else { return Ok(()) };
    if options.reuse_port == Some(true) {
        reuse_port(socket)?;
    }
    apply_ip(socket, *ip, options)
}

/// What can be set at any time: where packets go, and how far.
fn apply_ip(socket: &Socket, ip: SocketAddr, options: &SocketOptions) -> io::Result<()> {
    if let Some(mark) = options.mark {
        set_mark(socket, mark)?;
    }
    match (options.ttl, ip) {
        (None, _) => Ok(()),
        (Some(ttl), SocketAddr::V4(_)) => socket.set_ttl_v4(ttl.into()),
        (Some(ttl), SocketAddr::V6(_)) => socket.set_unicast_hops_v6(ttl.into()),
    }
}

/// What a TCP socket takes beside. Accepted sockets inherit it from their listener, which
/// saves a call for each.
pub(crate) fn apply_tcp(socket: &Socket, options: &SocketOptions) -> io::Result<()> {
    // Without it a small answer waits for the peer's acknowledgement of the one before.
    let nodelay = Some(options.nodelay != Some(false)).filter(|nodelay| *nodelay);
    tune_tcp(socket, &SocketOptions { nodelay, ..options.clone() })
}

/// What is said is set, on a connection; the rest stays.
pub(crate) fn tune(socket: &Socket, options: &SocketOptions) -> io::Result<()> {
    check(options)?;
    let Addr::Ip(ip) = super::stream::local_addr(socket) else { return Ok(()) };
    apply_ip(socket, ip, options)?;
    tune_tcp(socket, options)
}

/// Whether all of it can be set on a connection.
pub(crate) fn check(options: &SocketOptions) -> io::Result<()> {
    if let Some(name) = options.only_before() {
        let cause = format!("{name} is set before there is a connection");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, cause));
    }
    check_linger(options)
}

fn check_linger(options: &SocketOptions) -> io::Result<()> {
    if options.linger.is_some_and(|linger| !linger.is_zero()) {
        let cause = "a close that lingers in the system blocks the loop: `linger` is zero or \
                     not given, and a close lingers by itself";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, cause));
    }
    Ok(())
}

fn tune_tcp(socket: &Socket, options: &SocketOptions) -> io::Result<()> {
    check_linger(options)?;
    if let Some(nodelay) = options.nodelay {
        socket.set_tcp_nodelay(nodelay)?;
    }
    let probes = KeepAlive {
        idle: options.keepalive.filter(|after| !after.is_zero()),
        interval: options.keepalive_interval,
        count: options.keepalive_count,
    };
    let timeout = options.user_timeout.map(user_timeout).transpose()?;
    for (level, name, value) in probing(probes)?.into_iter().chain(timeout) {
        sys::set_option(socket, level, name, &value.to_ne_bytes())?;
    }
    // Switched last: what is refused leaves it as it was.
    if let Some(after) = options.keepalive {
        socket.set_keepalive(!after.is_zero())?;
    }
    if options.linger.is_some() {
        socket.set_linger(Some(Duration::ZERO))?;
    }
    Ok(())
}

/// The address of ours from which to connect to this one.
pub(crate) fn bind_source(socket: &Socket, to: &Addr, options: &SocketOptions) -> io::Result<()> {
    let (Some(source), Addr::Ip(to)) = (options.source, to) else { return Ok(()) };
    let check = check_source(&Target::from(source), *to);
    check.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.cause()))?;
    socket.bind(&source.into()).map_err(|error| {
        // What is asked for next is the peer, and it had no part in this.
        let said = describe_io(&error).replace(['(', ')'], "");
        io::Error::new(error.kind(), format!("{NO_SOURCE} {source}: {said}"))
    })
}

// Windows has no such option: there SO_REUSEADDR would steal the port.
#[cfg(unix)]
fn reuse_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(not(unix))] // see above
fn reuse_port(_: &Socket) -> io::Result<()> {
    Err(super::stream::unsupported("sharing a port"))
}

// Linux alone has marks.
#[cfg(target_os = "linux")]
fn set_mark(socket: &Socket, mark: u32) -> io::Result<()> {
    socket.set_mark(mark)
}

#[cfg(not(target_os = "linux"))] // see above
fn set_mark(_: &Socket, _: u32) -> io::Result<()> {
    Err(super::stream::unsupported("a firewall mark"))
}
