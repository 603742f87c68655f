//! The system calls of a socket that are not the same everywhere, and the choice of platform.
//! Owns: what each call is here, and what its answers mean.
//! Never: waits, retries beyond an interruption, or keeps a rule of Python's model.

#![allow(unsafe_code, reason = "the one place of this module, each block with its argument")]

use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};

use rustix::io::Errno;
use socket2::{MaybeUninitSlice, SockAddr, Socket};

use crate::addr::Addr;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix as here;
#[cfg(windows)]
mod ioctl;
#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows as here;

use here::path_of;
pub use here::{BorrowedDescriptor, Descriptor};
pub(crate) use here::{accept, close, domain_of, numbers, recv, send, send_to, unix_address};
pub(crate) use here::{lend, option, set_option};
#[cfg(windows)]
pub use ioctl::{Ioctl, ReceiveAll};

/// Receives into a buffer that need not be filled before.
pub(crate) fn recv_uninit(socket: &Socket, room: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    // The vectored call: on Windows the other makes an error of a truncated datagram.
    let (count, _) = retry(|| socket.recv_vectored(&mut [MaybeUninitSlice::new(&mut *room)]))?;
    Ok(count)
}

/// Receives a datagram: how many bytes, whose, and whether there were more.
pub(crate) fn recv_from(
    socket: &Socket,
    room: &mut [MaybeUninit<u8>],
) -> io::Result<(usize, Addr, bool)> {
    let call = || socket.recv_from_vectored(&mut [MaybeUninitSlice::new(&mut *room)]);
    let (count, flags, from) = retry(call)?;
    Ok((count, addr_of(&from), flags.is_truncated()))
}

/// A filled buffer as one that need not be.
pub(crate) fn as_room(buffer: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    // SAFETY: both have the same layout, and whoever gets it only passes it to `recv_uninit`
    // or `recv_from`, which write what the kernel received and never take a byte away.
    unsafe { &mut *(std::ptr::from_mut(buffer) as *mut [MaybeUninit<u8>]) }
}

/// Runs `receive` on room for `most` bytes, and gives the bytes that it says it received.
pub(crate) fn received<T>(
    mut bytes: Vec<u8>,
    most: usize,
    receive: impl FnOnce(&mut [MaybeUninit<u8>]) -> io::Result<(usize, T)>,
) -> io::Result<(Vec<u8>, T)> {
    let room = &mut bytes.spare_capacity_mut()[..most];
    let (count, rest) = receive(room)?;
    // SAFETY: `receive` is `recv_uninit` or `recv_from` on this room, and the kernel has
    // written `count` bytes of it; the assertion holds it within the room.
    unsafe {
        assert!(count <= most, "the kernel received more than there was room for");
        bytes.set_len(count);
    }
    bytes.shrink_to_fit();
    Ok((bytes, rest))
}

/// An address as the system has it.
pub(crate) fn addr_of(addr: &SockAddr) -> Addr {
    match addr.as_socket() {
        Some(ip) => Addr::Ip(unmapped(ip)),
        None => Addr::Unix(path_of(addr)),
    }
}

/// `::ffff:1.2.3.4` is 1.2.3.4.
pub(crate) fn unmapped(ip: SocketAddr) -> SocketAddr {
    match ip.ip().to_canonical() {
        IpAddr::V4(v4) => SocketAddr::from((v4, ip.port())),
        IpAddr::V6(_) => ip,
    }
}

/// Whether a call to connect has begun what is not yet decided.
pub(crate) fn is_in_progress(error: &io::Error) -> bool {
    // Windows says that it would block. A Unix socket's EAGAIN is another thing: its
    // listener's queue is full.
    let windows = cfg!(windows) && error.kind() == io::ErrorKind::WouldBlock;
    windows || Errno::from_io_error(error) == Some(Errno::INPROGRESS)
}

pub(crate) fn unsupported(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, format!("{what} is not supported here"))
}

/// Again, if a signal interrupted it.
pub(crate) fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
