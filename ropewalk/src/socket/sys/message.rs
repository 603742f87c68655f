//! Messages and their ancillary data on Unix.
//! Owns: the layout of a control buffer, and the descriptors that came in one.
//! Never: waits, or keeps a descriptor that it does not hand on.

#![allow(clippy::unnecessary_cast, reason = "lengths are as wide as each system has them")]

use std::io::{self, IoSlice};
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use libc::{SCM_RIGHTS, SOL_SOCKET, cmsghdr, msghdr};
use socket2::{MaybeUninitSlice, SockAddr, Socket};

use super::here::SEND_FLAGS;
use super::{Beside, addr_of, filling, retry};
use crate::limits;
use crate::socket::{Ancillary, Attachment};

/// Where the data of an item begins, behind its header.
const DATA_AT: usize = control_len_of(0);

const fn control_len_of(data: u32) -> usize {
    // SAFETY: it is arithmetic on its argument.
    unsafe { libc::CMSG_LEN(data) as usize } // 32 bits at most
}

const fn control_space_of(data: u32) -> usize {
    // SAFETY: it is arithmetic on its argument.
    unsafe { libc::CMSG_SPACE(data) as usize } // 32 bits at most
}

/// `CMSG_LEN`. The bound on the whole holds for what is in it, and keeps the sum from
/// overflowing; whoever asks refuses what is beyond.
pub(crate) fn control_len(data: usize) -> io::Result<usize> {
    Ok(control_len_of(data.min(limits::ANCILLARY_BYTES) as u32)) // far below 32 bits
}

/// `CMSG_SPACE`, as above.
pub(crate) fn control_space(data: usize) -> io::Result<usize> {
    Ok(control_space_of(data.min(limits::ANCILLARY_BYTES) as u32)) // far below 32 bits
}

/// Items of ancillary data as the system reads them. Not much more than the bound on them
/// is ever made.
pub(crate) fn control_of(items: &[Attachment<'_>]) -> io::Result<Vec<u8>> {
    let mut control = Vec::new();
    for item in items {
        match item {
            Attachment::Descriptors(descriptors) => {
                let numbers = descriptors.iter().map(|fd| fd.as_raw_fd().to_ne_bytes());
                put(&mut control, SOL_SOCKET, SCM_RIGHTS, &numbers.collect::<Vec<_>>().concat());
            }
            Attachment::Credentials(credentials) => {
                let (kind, data) = credentials::encode(credentials)?;
                put(&mut control, SOL_SOCKET, kind, &data);
            }
            Attachment::Other { level, kind, data } => put(&mut control, *level, *kind, data),
        }
        if control.len() > limits::ANCILLARY_BYTES {
            break; // it is refused, whatever else there is
        }
    }
    Ok(control)
}

fn put(control: &mut Vec<u8>, level: i32, kind: i32, data: &[u8]) {
    let data = &data[..data.len().min(limits::ANCILLARY_BYTES)]; // with a header it is too much
    let at = control.len();
    let size = data.len() as u32; // far below 32 bits
    control.resize(at + control_space_of(size), 0);
    // SAFETY: all of its fields are numbers.
    let mut header: cmsghdr = unsafe { mem::zeroed() };
    header.cmsg_len = control_len_of(size) as _; // as wide as the system has it
    header.cmsg_level = level;
    header.cmsg_type = kind;
    // SAFETY: there is room for a header and more at `at`, at whatever alignment.
    unsafe { control.as_mut_ptr().add(at).cast::<cmsghdr>().write_unaligned(header) };
    control[at + DATA_AT..][..data.len()].copy_from_slice(data);
}

/// What came in a control buffer. Every descriptor in it has an owner from here on.
fn items_of(mut control: &[u8]) -> io::Result<Vec<Ancillary>> {
    let mut items = Vec::new();
    let mut failed = None;
    while control.len() >= DATA_AT {
        // SAFETY: there are as many bytes as a header has, of whatever alignment, and all of
        // its fields are numbers.
        let header: cmsghdr = unsafe { control.as_ptr().cast::<cmsghdr>().read_unaligned() };
        let length = (header.cmsg_len as usize).min(control.len()); // narrower elsewhere
        if length < DATA_AT {
            break; // there is no next
        }
        let data = &control[DATA_AT..length];
        items.push(match (header.cmsg_level, header.cmsg_type) {
            (SOL_SOCKET, SCM_RIGHTS) => {
                let numbers = data.chunks_exact(size_of::<RawFd>());
                let descriptors: Vec<OwnedFd> = numbers.map(own).collect();
                failed = failed.or(close_on_exec(&descriptors).err());
                Ancillary::Descriptors(descriptors)
            }
            (SOL_SOCKET, SCM_PIDFD) if is_descriptor(data) => Ancillary::Process(own(data)),
            (level, kind) => match credentials::decode(level, kind, data) {
                Some(credentials) => Ancillary::Credentials(credentials),
                None => Ancillary::Other { level, kind, data: data.to_vec() },
            },
        });
        let next = control_space_of((length - DATA_AT) as u32); // within 32 bits, as all of it
        control = control.get(next..).unwrap_or_default();
    }
    failed.map_or(Ok(items), Err)
}

// libc has no name for it.
#[cfg(target_os = "linux")]
const SCM_PIDFD: i32 = 4;
// No other system has it, nor this number of any kind.
#[cfg(not(target_os = "linux"))]
const SCM_PIDFD: i32 = i32::MIN;

/// Whether a number came whole, and is no error's.
fn is_descriptor(data: &[u8]) -> bool {
    data.try_into().is_ok_and(|number| RawFd::from_ne_bytes(number) >= 0)
}

fn own(number: &[u8]) -> OwnedFd {
    let number = RawFd::from_ne_bytes([number[0], number[1], number[2], number[3]]);
    // SAFETY: the kernel has just made this descriptor for the receiver of the message, which
    // is us, and its number is nowhere but in the control buffer, which is read once.
    unsafe { OwnedFd::from_raw_fd(number) }
}

// Linux does it when it makes the descriptor.
#[cfg(target_os = "linux")]
fn close_on_exec(_: &[OwnedFd]) -> io::Result<()> {
    Ok(())
}

// Elsewhere another thread's fork can come between.
#[cfg(not(target_os = "linux"))]
fn close_on_exec(descriptors: &[OwnedFd]) -> io::Result<()> {
    for descriptor in descriptors {
        rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC)?;
    }
    Ok(())
}

// See above.
#[cfg(target_os = "linux")]
const RECEIVE_FLAGS: i32 = libc::MSG_CMSG_CLOEXEC;
#[cfg(not(target_os = "linux"))]
const RECEIVE_FLAGS: i32 = 0;

/// Receives a message into buffers: how many bytes, and what came beside them.
pub(crate) fn receive(
    socket: &Socket,
    buffers: &mut [MaybeUninitSlice<'_>],
    control: &mut [u8],
    flags: i32,
) -> io::Result<(usize, Beside)> {
    let flags = filling(flags)?;
    // SAFETY: all of its fields are numbers or pointers, which may be null.
    let mut header: msghdr = unsafe { mem::zeroed() };
    let call = || {
        header.msg_iov = buffers.as_mut_ptr().cast(); // which they are, as socket2 promises
        header.msg_iovlen = buffers.len() as _; // as wide as the system has it
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = control.len() as _; // as above
        header.msg_flags = 0;
        // SAFETY: name, buffers and control point to memory that lives through the call, is
        // ours to write, and is as long as is said; the kernel says how long a name it wrote.
        unsafe {
            SockAddr::try_init(|name, length| {
                header.msg_name = name.cast();
                header.msg_namelen = *length;
                let fd = socket.as_raw_fd();
                let count = libc::recvmsg(fd, &mut header, flags | RECEIVE_FLAGS);
                *length = header.msg_namelen;
                usize::try_from(count).map_err(|_| io::Error::last_os_error())
            })
        }
    };
    let (count, from) = retry(call)?;
    let written = (header.msg_controllen as usize).min(control.len()); // narrower elsewhere
    let ancillary = items_of(&control[..written])?;
    // Linux tells of ours as well.
    let flags = header.msg_flags & !RECEIVE_FLAGS;
    Ok((count, Beside { ancillary, flags, from: addr_of(&from) }))
}

/// Sends a message.
pub(crate) fn send_message(
    socket: &Socket,
    buffers: &[IoSlice<'_>],
    control: &[u8],
    flags: i32,
    to: Option<&SockAddr>,
) -> io::Result<usize> {
    let mut message = socket2::MsgHdr::new().with_buffers(buffers);
    if !control.is_empty() {
        message = message.with_control(control);
    }
    if let Some(to) = to {
        message = message.with_addr(to);
    }
    let flags = flags | SEND_FLAGS.bits() as i32; // a constant of a few bits
    retry(|| socket.sendmsg(&message, flags))
}

/// Credentials beside a message are Linux's.
#[cfg(target_os = "linux")]
pub(super) mod credentials {
    use super::*;
    use crate::socket::Credentials;

    const SIZE: usize = size_of::<libc::ucred>();
    const _: () = assert!(SIZE == 12, "three numbers of 32 bits");

    pub(super) fn encode(credentials: &Credentials) -> io::Result<(i32, Vec<u8>)> {
        let pid = credentials.pid.unwrap_or_else(std::process::id);
        let numbers = [pid, credentials.uid, credentials.gid];
        Ok((libc::SCM_CREDENTIALS, numbers.map(u32::to_ne_bytes).concat()))
    }

    pub(super) fn decode(level: i32, kind: i32, data: &[u8]) -> Option<Credentials> {
        let is_whole = (level, kind, data.len()) == (SOL_SOCKET, libc::SCM_CREDENTIALS, SIZE);
        is_whole.then(|| of_numbers(data))
    }

    /// The system's structure, as bytes: three numbers.
    pub(in crate::socket::sys) fn of_numbers(data: &[u8]) -> Credentials {
        let mut numbers = data
            .chunks_exact(size_of::<u32>())
            .map(|number| u32::from_ne_bytes([number[0], number[1], number[2], number[3]]));
        let mut next = || numbers.next().unwrap_or_default();
        // 0 is a process in another namespace, which has no number here.
        let pid = Some(next()).filter(|pid| *pid != 0);
        Credentials { pid, uid: next(), gid: next() }
    }
}

// Other systems have other structures for it, or none.
#[cfg(not(target_os = "linux"))]
mod credentials {
    use super::*;
    use crate::socket::Credentials;

    pub(super) fn encode(_: &Credentials) -> io::Result<(i32, Vec<u8>)> {
        Err(super::super::unsupported("sending credentials"))
    }

    pub(super) fn decode(_: i32, _: i32, _: &[u8]) -> Option<Credentials> {
        None
    }
}
