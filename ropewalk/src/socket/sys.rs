//! The system calls of a socket that are not the same everywhere, and the choice of platform.
//! Owns: what each call is here, and what its answers mean.
//! Never: waits, retries beyond an interruption, or keeps a rule of Python's model.

#![allow(unsafe_code, reason = "the one place of this module, each block with its argument")]

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};

use rustix::io::Errno;
use socket2::{MaybeUninitSlice, RecvFlags, SockAddr, Socket, Type};

use super::{Ancillary, Kind};
use crate::addr::Addr;

mod inherited;
mod interfaces;
mod names;
mod wakeup;

#[cfg(unix)]
mod interop;
#[cfg(unix)]
mod message;
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

#[cfg(windows)]
use here as message;
use here::path_of;
pub use here::{BorrowedDescriptor, Descriptor};
pub(crate) use here::{PAIR_FAMILY, REUSE_IS_SAFE, pair, reuse_port};
pub(crate) use here::{URGENT, options, set_option_length};
pub(crate) use here::{accept, close, domain_of, flag, lend, numbers, option, set_option};
pub(crate) use here::{
    is_inheritable, is_non_blocking, peer_credentials, send_file, set_inheritable, what_is,
};
pub(crate) use here::{recv, recv_with, send, send_to_with, send_with, unix_address};
pub(crate) use inherited::inherit;
pub(crate) use interfaces::{all as interfaces, index_of, name_of};
#[cfg(windows)]
pub(crate) use ioctl::ignore_refusals;
#[cfg(windows)]
pub use ioctl::{Ioctl, ReceiveAll};
pub(crate) use message::{control_len, control_of, control_space, send_message};
pub(crate) use names::{Asked, Found, addresses, flags, host_name, names};
#[cfg(unix)]
pub(crate) use unix::ignore_refusals;
pub(crate) use wakeup::{Alarm, Ring, alarm};

/// A kind as the system has it.
pub(crate) fn type_of(kind: Kind) -> Type {
    Type::from(kind.number())
}

/// Receives at most `most` bytes into the spare room of `bytes`, which has as much.
pub(crate) fn recv_vec(
    socket: &Socket,
    bytes: &mut Vec<u8>,
    most: usize,
    flags: i32,
) -> io::Result<()> {
    fill(bytes, most, |room| Ok((recv_uninit(socket, room, flags)?, ())))
}

/// Receives a datagram as [`recv_vec`] does: whose it is, and whether there was more of it.
pub(crate) fn recv_from_vec(
    socket: &Socket,
    bytes: &mut Vec<u8>,
    most: usize,
    flags: i32,
) -> io::Result<(Addr, bool)> {
    fill(bytes, most, |room| recv_from_uninit(socket, room, flags))
}

/// Receives a datagram into a buffer: how many bytes, whose, and whether there were more.
pub(crate) fn recv_from(
    socket: &Socket,
    buffer: &mut [u8],
    flags: i32,
) -> io::Result<(usize, (Addr, bool))> {
    recv_from_uninit(socket, as_room(buffer), flags)
}

/// The flags of a receive that fills what it counts.
///
/// Linux takes `MSG_TRUNC` as a wish, too: then it throws a stream's bytes away and counts them
/// as received, and counts all of a datagram though it writes less. Such a count says nothing
/// of what was written.
fn filling(flags: i32) -> io::Result<i32> {
    if flags & flag::TRUNC == 0 {
        return Ok(flags);
    }
    let sentence = "MSG_TRUNC is told of what was received, and cannot be asked for";
    Err(io::Error::new(io::ErrorKind::InvalidInput, sentence))
}

fn recv_uninit(socket: &Socket, room: &mut [MaybeUninit<u8>], flags: i32) -> io::Result<usize> {
    here::prepare(room);
    let flags = filling(flags)?;
    // The vectored call: on Windows the other makes an error of a truncated datagram.
    let mut call = || {
        let room = &mut [MaybeUninitSlice::new(&mut *room)];
        socket.recv_vectored_with_flags(room, flags)
    };
    let (count, flags) = retry(&mut call)?;
    Ok(filled(count, flags, room))
}

fn recv_from_uninit(
    socket: &Socket,
    room: &mut [MaybeUninit<u8>],
    flags: i32,
) -> io::Result<(usize, (Addr, bool))> {
    here::prepare(room);
    let flags = filling(flags)?;
    let mut call = || {
        let room = &mut [MaybeUninitSlice::new(&mut *room)];
        socket.recv_from_vectored_with_flags(room, flags)
    };
    let (count, flags, from) = retry(&mut call)?;
    Ok((filled(count, flags, room), (addr_of(&from), flags.is_truncated())))
}

/// How much of the room was written: what was cut fills it, whatever count Windows gives with
/// that news.
fn filled(count: usize, flags: RecvFlags, room: &[MaybeUninit<u8>]) -> usize {
    if flags.is_truncated() { room.len() } else { count }
}

/// What the kernel tells of a message beside its bytes.
pub(crate) struct Beside {
    pub(crate) ancillary: Vec<Ancillary>,
    pub(crate) flags: i32,
    pub(crate) from: Addr,
}

/// Receives a message as [`recv_vec`] does, with room for what comes beside it.
pub(crate) fn recv_message_vec(
    socket: &Socket,
    bytes: &mut Vec<u8>,
    most: usize,
    control: &mut [u8],
    flags: i32,
) -> io::Result<((), Beside)> {
    let beside = fill(bytes, most, |room| {
        message::receive(socket, &mut [MaybeUninitSlice::new(room)], control, flags)
    })?;
    Ok(((), beside))
}

/// Receives a message into buffers, one after the other.
pub(crate) fn recv_message(
    socket: &Socket,
    buffers: &mut [IoSliceMut<'_>],
    control: &mut [u8],
    flags: i32,
) -> io::Result<(usize, Beside)> {
    // SAFETY: std and socket2 both promise that theirs is the system's structure in memory,
    // and they go nowhere but to a call that writes what the kernel received.
    let rooms = unsafe { &mut *(std::ptr::from_mut(buffers) as *mut [MaybeUninitSlice<'_>]) };
    message::receive(socket, rooms, control, flags)
}

/// A filled buffer as one that need not be.
fn as_room(buffer: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    // SAFETY: both have the same layout, and it goes nowhere but to `recv_uninit` or
    // `recv_from_uninit`, which write what the kernel received and never take a byte away.
    unsafe { &mut *(std::ptr::from_mut(buffer) as *mut [MaybeUninit<u8>]) }
}

/// Adds to `bytes` what `receive` says that it has put into their room.
fn fill<T>(
    bytes: &mut Vec<u8>,
    most: usize,
    receive: impl FnOnce(&mut [MaybeUninit<u8>]) -> io::Result<(usize, T)>,
) -> io::Result<T> {
    let room = bytes.spare_capacity_mut();
    let most = most.min(room.len());
    let (count, rest) = receive(&mut room[..most])?;
    assert!(count <= most, "the kernel received more than there was room for");
    // SAFETY: `receive` is one of the calls above, so that the kernel has written the first
    // `count` bytes of the room (see `filling`); the assertion says that they are within the
    // capacity.
    unsafe { bytes.set_len(bytes.len() + count) };
    Ok(rest)
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

/// Whether a file must be sent another way: this system has no call for it, or not for this
/// file.
pub(crate) fn cannot_send_file(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported || error.kind() == io::ErrorKind::InvalidInput
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
