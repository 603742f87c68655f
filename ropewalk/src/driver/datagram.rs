//! A datagram socket, as the drivers hold it: UDP or Unix, non-blocking, closed on drop.
//! Owns: the system calls on one such socket. Never: waits, retries beyond an
//! interruption, or knows an engine.

use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::Path;
use std::rc::Rc;

use socket2::{Domain, SockAddr, Socket, Type};

use super::settings;
use super::stream::{Bound, UnixFile, addr_of, unsupported};
use crate::addr::Addr;
use crate::engine::{DatagramEntry, Driver, Engine};
use crate::limits;
use crate::options::SocketOptions;
use crate::socket::sys::{self, retry};

/// What was received.
pub(crate) struct Received {
    pub(crate) count: usize,
    pub(crate) from: Addr,
    /// There was more of it than the buffer takes.
    pub(crate) truncated: bool,
}

/// Binds. `SO_REUSEADDR` is not set: for datagrams it means "beside another socket" on
/// every system, and a port in use is to be noticed.
pub(crate) fn bind(at: &Addr, options: &SocketOptions) -> io::Result<Bound> {
    match at {
        Addr::Ip(ip) => {
            let ip = canonical(*ip);
            let socket = Socket::new(Domain::for_address(ip), Type::DGRAM, None)?;
            if ip.is_ipv6() {
                // As for TCP: IPv4 has a socket of its own.
                socket.set_only_v6(ip.ip() == Ipv6Addr::UNSPECIFIED)?;
            }
            settings::apply(&socket, at, options)?;
            sys::ignore_refusals(&socket)?;
            socket.bind(&ip.into())?;
            socket.set_nonblocking(true)?;
            let addr = addr_of(&socket.local_addr()?);
            Ok(Bound { socket, addr, file: None })
        }
        Addr::Unix(Some(path)) => {
            let (socket, file) = UnixFile::bind(path, Type::DGRAM, options.mode)?;
            Ok(Bound { socket, addr: at.clone(), file })
        }
        _ => Err(unsupported("this kind of address")),
    }
}

/// Takes a socket over that is bound already. Its file, if it has one, is left to whoever
/// made it.
pub(crate) fn adopt(socket: Socket) -> io::Result<Bound> {
    let addr = addr_of(&socket.local_addr()?);
    socket.set_nonblocking(true)?;
    if let Addr::Ip(_) = addr {
        sys::ignore_refusals(&socket)?;
    }
    Ok(Bound { socket, addr, file: None })
}

/// Opens a socket to one peer. Nothing is sent, so nothing is waited for.
pub(crate) fn connect(to: &Addr, options: &SocketOptions) -> io::Result<Bound> {
    let address = sock_addr(to)?;
    let socket = Socket::new(address.domain(), Type::DGRAM, None)?;
    socket.set_nonblocking(true)?;
    settings::apply(&socket, to, options)?;
    settings::bind_source(&socket, to, options)?;
    if matches!(to, Addr::Unix(_)) {
        autobind(&socket)?;
    }
    retry(|| socket.connect(&address))?;
    let addr = addr_of(&socket.local_addr()?);
    Ok(Bound { socket, addr, file: None })
}

/// Gives a Unix client an address of the system's choice, so that it can be answered.
fn autobind(socket: &Socket) -> io::Result<()> {
    // Linux alone has it: an address without a name asks for one.
    match cfg!(target_os = "linux") {
        true => socket.bind(&sys::unix_address(Path::new(""))?),
        false => Ok(()),
    }
}

/// Receives one datagram.
pub(crate) fn recv(socket: &Socket, buffer: &mut [u8]) -> io::Result<Received> {
    let (count, (from, truncated)) = sys::recv_from(socket, buffer, 0)?;
    Ok(Received { count, from, truncated })
}

/// Gives the kernel one datagram, whole. `WouldBlock` says that it has no room.
pub(crate) fn send(socket: &Socket, data: &[u8], to: Option<&Addr>) -> io::Result<()> {
    match to {
        Some(to) => sys::send_to_with(socket, data, &sock_addr(to)?, 0)?,
        None => sys::send(socket, data)?,
    };
    Ok(())
}

/// `false` if the kernel had no room.
pub(crate) fn unless_full(sent: io::Result<()>) -> io::Result<bool> {
    match sent {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reports what has arrived, until the kernel has no more or the protocol wants no more.
/// Answers whether a turn's budget ended it, and there may be more.
pub(crate) fn read<D: Driver>(
    engine: &Rc<Engine<D>>,
    entry: &DatagramEntry<D>,
    buffer: &mut [u8],
    mut recv: impl FnMut(&mut [u8]) -> io::Result<Received>,
) -> bool {
    let mut bytes_left = limits::TURN_READ_BYTES;
    for _ in 0..limits::TURN_DATAGRAMS {
        if !entry.is_reading() {
            return false;
        }
        let most = entry.max_datagram().min(buffer.len());
        match recv(&mut buffer[..most]) {
            Ok(Received { count, from, truncated }) => {
                engine.on_datagram(entry, &buffer[..count.min(most)], &from, truncated);
                bytes_left = bytes_left.saturating_sub(count);
                if bytes_left == 0 {
                    return true;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(error) => engine.on_datagram_error(entry, error),
        }
    }
    true
}

fn sock_addr(addr: &Addr) -> io::Result<SockAddr> {
    match addr {
        Addr::Ip(ip) => Ok(canonical(*ip).into()),
        Addr::Unix(Some(path)) => sys::unix_address(path),
        Addr::Unix(None) => {
            let cause = "the peer has no address that could be answered";
            Err(io::Error::new(io::ErrorKind::InvalidInput, cause))
        }
        _ => Err(unsupported("this kind of address")),
    }
}

/// `::ffff:1.2.3.4` is 1.2.3.4, on a socket of that family.
fn canonical(ip: SocketAddr) -> SocketAddr {
    match addr_of(&ip.into()) {
        Addr::Ip(ip) => ip,
        _ => ip,
    }
}
