//! A stream socket, as the drivers hold it: TCP or Unix, non-blocking, closed on drop.
//! Owns: the system calls on one connected (or connecting, or listening) socket.
//! Never: waits, retries beyond an interruption, or knows an engine.

use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv6Addr, Shutdown};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};

use super::settings;
use crate::addr::Addr;
use crate::limits;
use crate::options::SocketOptions;
pub(crate) use crate::socket::connected;
use crate::socket::sys::{self, is_in_progress, retry};
pub(crate) use crate::socket::sys::{addr_of, recv, send, unsupported};

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::{UnixFile, accept};
#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub(crate) use windows::{UnixFile, accept};

/// A listening socket, and its file if it has one.
pub(crate) struct Bound {
    pub(crate) socket: Socket,
    pub(crate) addr: Addr,
    /// Removes the file of a Unix socket when dropped.
    pub(crate) file: Option<UnixFile>,
}

/// Binds and listens.
pub(crate) fn listen(at: &Addr, options: &SocketOptions) -> io::Result<Bound> {
    let bound = bind(at, options)?;
    bound.socket.listen(backlog(options))?;
    Ok(bound)
}

/// Binds, and is told what those it will accept are to be like. `SO_REUSEADDR` is set where
/// it means "despite old connections in TIME_WAIT", and not on Windows, where it would mean
/// "despite another listener".
pub(crate) fn bind(at: &Addr, options: &SocketOptions) -> io::Result<Bound> {
    match at {
        Addr::Ip(ip) => {
            let socket = Socket::new(Domain::for_address(*ip), Type::STREAM, Some(Protocol::TCP))?;
            // On Windows it would allow a second listener on the same port.
            #[cfg(unix)]
            socket.set_reuse_address(options.reuse_address != Some(false))?;
            if ip.is_ipv6() {
                // IPv4 has a listener of its own, so that a peer's address is written as
                // what it is.
                socket.set_only_v6(ip.ip() == Ipv6Addr::UNSPECIFIED)?;
            }
            settings::apply(&socket, at, options)?;
            settings::apply_tcp(&socket, options)?;
            socket.bind(&(*ip).into())?;
            socket.set_nonblocking(true)?;
            let addr = addr_of(&socket.local_addr()?);
            Ok(Bound { socket, addr, file: None })
        }
        Addr::Unix(Some(path)) => {
            let (socket, file) = UnixFile::bind(path, Type::STREAM, options.mode)?;
            Ok(Bound { socket, addr: at.clone(), file })
        }
        _ => Err(unsupported("this kind of address")),
    }
}

/// Takes a socket over that listens already. Its file, if it has one, is left to whoever
/// made it.
pub(crate) fn adopt_listener(socket: Socket) -> io::Result<Bound> {
    let addr = addr_of(&socket.local_addr()?);
    adopted(&socket, &addr)?;
    Ok(Bound { socket, addr, file: None })
}

/// Takes a socket over that is connected already. With its peer's address.
pub(crate) fn adopt(socket: Socket) -> io::Result<(Socket, Addr)> {
    let peer = addr_of(&socket.peer_addr()?);
    adopted(&socket, &peer)?;
    Ok((socket, peer))
}

/// As one that was opened here.
fn adopted(socket: &Socket, addr: &Addr) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    match addr {
        Addr::Ip(_) => settings::apply_tcp(socket, &SocketOptions::default()),
        _ => Ok(()),
    }
}

fn backlog(options: &SocketOptions) -> i32 {
    options.backlog.map_or(limits::BACKLOG, |backlog| backlog.try_into().unwrap_or(i32::MAX))
}

/// Begins to connect. The socket is writable, or failed, when it is decided.
pub(crate) fn connect(to: &Addr, options: &SocketOptions) -> io::Result<Socket> {
    let (domain, address) = match to {
        Addr::Ip(ip) => (Domain::for_address(*ip), SockAddr::from(*ip)),
        Addr::Unix(Some(path)) => (Domain::UNIX, sys::unix_address(path)?),
        _ => return Err(unsupported("this kind of address")),
    };
    let socket = Socket::new(domain, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    settings::apply(&socket, to, options)?;
    if domain != Domain::UNIX {
        settings::apply_tcp(&socket, options)?;
        settings::bind_source(&socket, to, options)?;
    }
    match socket.connect(&address) {
        Err(error) if !is_in_progress(&error) => Err(error),
        _ => Ok(socket),
    }
}

/// Whether bytes wait to be read. The end of input is no byte.
pub(crate) fn has_unread(socket: &Socket) -> bool {
    let mut byte = [MaybeUninit::uninit(); 1];
    matches!(retry(|| socket.peek(&mut byte)), Ok(1..))
}

/// Ends our direction. A peer that is gone already is no error: reading tells.
pub(crate) fn shutdown_write(socket: &Socket) {
    let _ = socket.shutdown(Shutdown::Write);
}

/// Makes the close, soon to come, a reset.
pub(crate) fn reset_on_close(socket: &Socket) {
    // If it fails the close is in order, and the peer has at most a shorter answer.
    let _ = socket.set_linger(Some(Duration::ZERO));
}

/// This end's address.
pub(crate) fn local_addr(socket: &Socket) -> Addr {
    socket.local_addr().map_or(Addr::Unix(None), |addr| addr_of(&addr))
}

/// An error that the socket has pending: how a reset is noticed without reading.
pub(crate) fn pending_error(socket: &Socket) -> Option<io::Error> {
    SockRef::from(socket).take_error().ok().flatten()
}
