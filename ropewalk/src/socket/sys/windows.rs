//! The system calls of a socket on Windows.
//! Owns: receive and send. Never: waits, or offers Unix sockets, which std lacks here.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::mem::{MaybeUninit, offset_of};
use std::os::windows::io::{
    AsRawSocket, AsSocket, BorrowedSocket, IntoRawSocket, OwnedSocket, RawSocket,
};
use std::path::Path;
use std::sync::Arc;

use rustix::event::PollFlags;
use socket2::{Domain, MaybeUninitSlice, SockAddr, Socket};
use windows_sys::Win32::Foundation::{GetHandleInformation, HANDLE, HANDLE_FLAG_INHERIT};

use super::{Beside, addr_of, as_room, recv_uninit, retry, unsupported};
use crate::addr::Addr;
use crate::socket::{Attachment, Credentials, Family, Kind};

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
        Family::Other(number) => Ok(Domain::from(number)),
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
    recv_with(socket, buffer, 0)
}

/// The same with flags.
pub(crate) fn recv_with(socket: &Socket, buffer: &mut [u8], flags: i32) -> io::Result<usize> {
    recv_uninit(socket, as_room(buffer), flags)
}

/// Makes room for a datagram of which the system might not say how much it wrote.
pub(super) fn prepare(room: &mut [MaybeUninit<u8>]) {
    room.fill(MaybeUninit::new(0));
}

/// No number of a kind has a bit for it.
pub(crate) fn is_non_blocking(_: &Socket) -> bool {
    false
}

/// Sends what the kernel takes.
pub(crate) fn send(mut socket: &Socket, data: &[u8]) -> io::Result<usize> {
    retry(|| socket.write(data))
}

/// The same with flags.
pub(crate) fn send_with(socket: &Socket, data: &[u8], flags: i32) -> io::Result<usize> {
    retry(|| socket.send_with_flags(data, flags))
}

/// Sends to an address, with flags.
pub(crate) fn send_to_with(
    socket: &Socket,
    data: &[u8],
    to: &SockAddr,
    flags: i32,
) -> io::Result<usize> {
    retry(|| socket.send_to_with_flags(data, to, flags))
}

/// There is no ancillary data here: std and socket2 lack `WSARecvMsg`, and Python does too.
pub(crate) fn control_len(_: usize) -> io::Result<usize> {
    Err(unsupported("ancillary data"))
}

/// As above.
pub(crate) fn control_space(_: usize) -> io::Result<usize> {
    Err(unsupported("ancillary data"))
}

/// As above.
pub(crate) fn control_of(items: &[Attachment<'_>]) -> io::Result<Vec<u8>> {
    if items.is_empty() { Ok(Vec::new()) } else { Err(unsupported("ancillary data")) }
}

/// Receives a message, which has nothing beside it.
pub(super) fn receive(
    socket: &Socket,
    buffers: &mut [MaybeUninitSlice<'_>],
    control: &mut [u8],
    flags: i32,
) -> io::Result<(usize, Beside)> {
    if !control.is_empty() {
        return Err(unsupported("ancillary data"));
    }
    buffers.iter_mut().for_each(|room| prepare(room));
    let mut call = || socket.recv_from_vectored_with_flags(buffers, flags);
    let (count, flags, from) = retry(&mut call)?;
    let truncated = flags.is_truncated();
    // What was cut fills the room, whatever count Windows gives with that news.
    let count = if truncated { buffers.iter().map(|room| room.len()).sum() } else { count };
    let flags = if truncated { flag::TRUNC } else { 0 };
    Ok((count, Beside { ancillary: Vec::new(), flags, from: addr_of(&from) }))
}

/// Sends a message, which has nothing beside it.
pub(crate) fn send_message(
    socket: &Socket,
    buffers: &[IoSlice<'_>],
    _: &[u8],
    flags: i32,
    to: Option<&SockAddr>,
) -> io::Result<usize> {
    retry(|| match to {
        Some(to) => socket.send_to_vectored_with_flags(buffers, to, flags),
        None => socket.send_vectored_with_flags(buffers, flags),
    })
}

/// It is not tried here.
pub(crate) fn send_file(_: &Socket, _: &File, _: u64, _: usize) -> io::Result<usize> {
    Err(unsupported("sending a file in one call"))
}

/// What urgent data is to `WSAPoll`, which takes no other word for it.
pub(crate) const URGENT: PollFlags = PollFlags::RDBAND;

/// Options that are not the same everywhere, by the system's numbers.
pub(crate) mod options {
    pub(crate) use super::numbers::{
        TCP_KEEPCNT as KEEP_COUNT, TCP_KEEPIDLE as KEEP_IDLE, TCP_KEEPINTVL as KEEP_INTERVAL,
    };

    pub(crate) const REUSE_PORT: Option<i32> = None;
    pub(crate) const USER_TIMEOUT: Option<i32> = None;
}

/// The flags of a call, by the system's numbers. 0 is one that it lacks.
pub(crate) mod flag {
    pub(crate) use super::numbers::{
        MSG_DONTROUTE as DONTROUTE, MSG_OOB as OOB, MSG_PEEK as PEEK, MSG_WAITALL as WAITALL,
    };

    pub(crate) const TRUNC: i32 = super::numbers::MSG_TRUNC as i32; // a small number
    pub(crate) const CTRUNC: i32 = super::numbers::MSG_CTRUNC as i32; // as above
    pub(crate) const DONTWAIT: i32 = 0;
    pub(crate) const EOR: i32 = 0;
    pub(crate) const ERRQUEUE: i32 = 0;
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

/// Family, kind and protocol of a socket that others have made.
pub(crate) fn what_is(socket: &Socket) -> io::Result<(Family, Kind, i32)> {
    // An address has only a socket that is bound; this is told of any.
    let mut value = [0; size_of::<numbers::WSAPROTOCOL_INFOW>()];
    option(socket, numbers::SOL_SOCKET, numbers::SO_PROTOCOL_INFOW, &mut value)?;
    let number =
        |at: usize| i32::from_ne_bytes([value[at], value[at + 1], value[at + 2], value[at + 3]]);
    let family = number(offset_of!(numbers::WSAPROTOCOL_INFOW, iAddressFamily));
    let kind = number(offset_of!(numbers::WSAPROTOCOL_INFOW, iSocketType));
    let protocol = number(offset_of!(numbers::WSAPROTOCOL_INFOW, iProtocol));
    Ok((Family::from(family), Kind::from(kind), protocol))
}

/// Whether a process that this one starts has it, too.
pub(crate) fn is_inheritable(socket: &Socket) -> io::Result<bool> {
    let mut flags = 0;
    // SAFETY: the handle is open while `socket` is borrowed; `flags` is a place for a number.
    let done = unsafe { GetHandleInformation(socket.as_raw_socket() as HANDLE, &mut flags) };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(flags & HANDLE_FLAG_INHERIT != 0) }
}

/// Sets that.
pub(crate) fn set_inheritable(socket: &Socket, inheritable: bool) -> io::Result<()> {
    socket.set_no_inherit(!inheritable)
}

/// There is no such thing here.
pub(crate) fn peer_credentials(_: &Socket) -> io::Result<Credentials> {
    Err(unsupported("asking for the peer's user"))
}

/// No option of Winsock's is a length alone.
pub(crate) fn set_option_length(_: &Socket, _: i32, _: i32, _: u32) -> io::Result<()> {
    Err(unsupported("an option that is a length"))
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

impl IntoRawSocket for crate::socket::Socket {
    /// The handle, which is the caller's from here on, or `INVALID_SOCKET` once closed.
    fn into_raw_socket(self) -> RawSocket {
        self.inner.map_or(RawSocket::MAX, IntoRawSocket::into_raw_socket)
    }
}
