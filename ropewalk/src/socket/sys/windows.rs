//! The system calls of a socket on Windows.
//! Owns: receive and send. Never: waits, or offers Unix sockets, which std lacks here.

use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::os::windows::io::{AsRawSocket, AsSocket, BorrowedSocket, OwnedSocket, RawSocket};
use std::path::Path;
use std::sync::Arc;

use socket2::{Domain, SockAddr, Socket, Type};

use super::{addr_of, as_room, recv_uninit, retry, unsupported};
use crate::addr::Addr;
use crate::socket::{Family, Kind};

/// What the system calls a socket: a descriptor, or a handle on Windows.
pub type Descriptor = OwnedSocket;
/// The same, lent.
pub type BorrowedDescriptor<'a> = BorrowedSocket<'a>;

/// The system's numbers.
pub(crate) use windows_sys::Win32::Networking::WinSock as numbers;

pub(crate) fn domain_of(family: Family) -> io::Result<Domain> {
    match family {
        Family::Inet => Ok(Domain::IPV4),
        Family::Inet6 => Ok(Domain::IPV6),
        Family::Unix => Err(unsupported("a Unix socket")),
    }
}

pub(crate) fn type_of(kind: Kind) -> Type {
    match kind {
        Kind::Stream => Type::STREAM,
        Kind::Datagram => Type::DGRAM,
    }
}

/// What `socketpair` makes, if nothing else is asked for.
pub(crate) const PAIR_FAMILY: Family = Family::Inet;

/// There is none here.
pub(crate) fn pair(_: Family, _: Kind) -> io::Result<(Socket, Socket)> {
    Err(unsupported("such a pair of sockets"))
}

/// Whether an address may be reused without taking it from somebody.
pub(crate) const REUSE_IS_SAFE: bool = false;

/// Here the nearest option would let anybody take the port.
pub(crate) fn reuse_port(_: &Socket) -> io::Result<()> {
    Err(unsupported("sharing a port"))
}

pub(crate) fn lend(socket: &Socket) -> BorrowedDescriptor<'_> {
    socket.as_socket()
}

/// The next connection, blocking whatever the listener is.
pub(crate) fn accept(listener: &Socket) -> io::Result<(Socket, Addr)> {
    let (socket, peer) = retry(|| listener.accept())?;
    socket.set_nonblocking(false)?;
    Ok((socket, addr_of(&peer)))
}

/// Receives what is there. 0 is the end of input.
pub(crate) fn recv(socket: &Socket, buffer: &mut [u8]) -> io::Result<usize> {
    recv_uninit(socket, as_room(buffer))
}

/// Makes room for a datagram of which the system might not say how much it wrote.
pub(super) fn prepare(room: &mut [MaybeUninit<u8>]) {
    room.fill(MaybeUninit::new(0));
}

/// Sends what the kernel takes.
pub(crate) fn send(mut socket: &Socket, data: &[u8]) -> io::Result<usize> {
    retry(|| socket.write(data))
}

/// Sends to an address.
pub(crate) fn send_to(socket: &Socket, data: &[u8], to: &SockAddr) -> io::Result<usize> {
    retry(|| socket.send_to(data, to))
}

/// Closes. The system's answer is not asked for: a socket that does not linger has none.
pub(crate) fn close(socket: Socket) -> io::Result<()> {
    drop(socket);
    Ok(())
}

/// Reads an option into `value`, and gives how many bytes it has.
pub(crate) fn option(
    socket: &Socket,
    level: i32,
    name: i32,
    value: &mut [u8],
) -> io::Result<usize> {
    let mut length = value.len() as i32; // the caller's bound is far below
    // SAFETY: the system writes at most `length` bytes to `value`, which has as many, and
    // how many it wrote to `length`; the handle is open as long as `socket` is borrowed.
    let failed = unsafe {
        numbers::getsockopt(
            socket.as_raw_socket() as usize,
            level,
            name,
            value.as_mut_ptr(),
            std::ptr::from_mut(&mut length),
        )
    };
    if failed == 0 { Ok(length as usize) } else { Err(io::Error::last_os_error()) }
}

/// Sets an option.
pub(crate) fn set_option(socket: &Socket, level: i32, name: i32, value: &[u8]) -> io::Result<()> {
    let length = value.len().try_into().map_err(io::Error::other)?;
    let handle = socket.as_raw_socket() as usize;
    // SAFETY: the system reads `length` bytes of `value`, which has as many; the handle is
    // open as long as `socket` is borrowed.
    let failed = unsafe { numbers::setsockopt(handle, level, name, value.as_ptr(), length) };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// No address has a path here.
pub(super) fn path_of(_: &SockAddr) -> Option<Arc<Path>> {
    None
}

/// There is none here.
pub(crate) fn unix_address(_: &Path) -> io::Result<SockAddr> {
    Err(unsupported("a Unix socket"))
}

impl AsSocket for crate::socket::Socket {
    /// # Panics
    /// If it is closed: there is no handle to lend.
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.inner.as_ref().expect("the socket is closed").as_socket()
    }
}

impl AsRawSocket for crate::socket::Socket {
    /// The handle, or `INVALID_SOCKET` (all ones) once closed.
    fn as_raw_socket(&self) -> RawSocket {
        self.inner.as_ref().map_or(RawSocket::MAX, AsRawSocket::as_raw_socket)
    }
}
