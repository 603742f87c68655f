//! The system calls of a socket on Unix.
//! Owns: receive and send in the fewest instructions, and how a path becomes an address.
//! Never: waits.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use rustix::event::PollFlags;
use rustix::net::{RecvFlags, SendFlags};
use socket2::{Domain, SockAddr, Socket};

use super::{addr_of, filling, retry, type_of};
use crate::addr::{Addr, is_abstract};
use crate::limits;
use crate::socket::{Credentials, Family, Kind};

/// What the system calls a socket: a descriptor, or a handle on Windows.
///
/// ```
/// use ropewalk::socket::*;
/// # fn main() -> ropewalk::Result<()> {
/// let mut socket = Socket::new(AF_INET, SOCK_STREAM)?;
/// {
///     let _lent: BorrowedDescriptor<'_> = socket.descriptor()?;
/// }
/// let _owned: Descriptor = socket.detach()?;
/// # Ok(())
/// # }
/// ```
pub type Descriptor = OwnedFd;
/// The same, lent.
pub type BorrowedDescriptor<'a> = BorrowedFd<'a>;

/// The system's numbers.
pub(crate) use libc as numbers;

pub(crate) fn domain_of(family: Family) -> io::Result<Domain> {
    Ok(match family {
        Family::Inet => Domain::IPV4,
        Family::Inet6 => Domain::IPV6,
        Family::Unix => Domain::UNIX,
        Family::Other(number) => Domain::from(number),
    })
}

/// What `socketpair` makes, if nothing else is asked for.
pub(crate) const PAIR_FAMILY: Family = Family::Unix;

/// Two sockets that are connected to one another.
pub(crate) fn pair(family: Family, kind: Kind) -> io::Result<(Socket, Socket)> {
    Socket::pair(domain_of(family)?, type_of(kind), None)
}

/// Whether an address may be reused without taking it from somebody.
pub(crate) const REUSE_IS_SAFE: bool = true;

/// Lets several sockets share a port.
pub(crate) fn reuse_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

pub(crate) fn lend(socket: &Socket) -> BorrowedDescriptor<'_> {
    socket.as_fd()
}

/// The next connection, blocking whatever the listener is.
pub(crate) fn accept(listener: &Socket) -> io::Result<(Socket, Addr)> {
    let (socket, peer) = retry(|| listener.accept())?;
    // BSD hands the listener's mode on.
    #[cfg(not(target_os = "linux"))]
    socket.set_nonblocking(false)?;
    Ok((socket, addr_of(&peer)))
}

/// Receives what is there. 0 is the end of input.
#[inline]
pub(crate) fn recv(socket: &Socket, buffer: &mut [u8]) -> io::Result<usize> {
    recv_with(socket, buffer, 0)
}

/// The same with flags.
#[inline]
pub(crate) fn recv_with(socket: &Socket, buffer: &mut [u8], flags: i32) -> io::Result<usize> {
    let flags = filling(flags)?;
    loop {
        match rustix::net::recv(socket, &mut *buffer, RecvFlags::from_bits_retain(flags as u32)) {
            Ok((count, _)) => return Ok(count),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Room for a datagram needs no preparation: the kernel says how much it wrote.
pub(super) fn prepare(_: &mut [MaybeUninit<u8>]) {}

/// Whether calls to the descriptor itself do not wait.
pub(crate) fn is_non_blocking(socket: &Socket) -> bool {
    // Of an open descriptor it can always be asked.
    rustix::fs::fcntl_getfl(socket).is_ok_and(|is| is.contains(rustix::fs::OFlags::NONBLOCK))
}

/// Sends what the kernel takes. A peer that is gone is an error, not a signal.
#[inline]
pub(crate) fn send(socket: &Socket, data: &[u8]) -> io::Result<usize> {
    send_with(socket, data, 0)
}

/// The same with flags.
#[inline]
pub(crate) fn send_with(socket: &Socket, data: &[u8], flags: i32) -> io::Result<usize> {
    let flags = SEND_FLAGS | SendFlags::from_bits_retain(flags as u32);
    loop {
        match rustix::net::send(socket, data, flags) {
            Ok(count) => return Ok(count),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A datagram that a peer refused disturbs the receiving of others on Windows alone.
pub(crate) fn ignore_refusals(_: &Socket) -> io::Result<()> {
    Ok(())
}

/// Sends to an address, with flags.
pub(crate) fn send_to_with(
    socket: &Socket,
    data: &[u8],
    to: &SockAddr,
    flags: i32,
) -> io::Result<usize> {
    let flags = flags | SEND_FLAGS.bits() as i32; // a constant of a few bits
    retry(|| socket.send_to_with_flags(data, to, flags))
}

/// Sends a file's bytes from `at` on, without moving in it. 0 is its end.
// Other systems have it with other arguments; a buffer does there.
#[cfg(target_os = "linux")]
pub(crate) fn send_file(socket: &Socket, file: &File, at: u64, most: usize) -> io::Result<usize> {
    let mut at = at;
    retry(|| Ok(rustix::fs::sendfile(socket, file, Some(&mut at), most)?))
}

/// It is not tried elsewhere.
#[cfg(not(target_os = "linux"))]
pub(crate) fn send_file(_: &Socket, _: &File, _: u64, _: usize) -> io::Result<usize> {
    Err(super::unsupported("sending a file in one call"))
}

/// What urgent data is to `poll`, which tells of an error unasked.
pub(crate) const URGENT: PollFlags = PollFlags::PRI;

/// Options that are not the same everywhere, by the system's numbers.
pub(crate) mod options {
    pub(crate) use libc::{TCP_KEEPCNT as KEEP_COUNT, TCP_KEEPINTVL as KEEP_INTERVAL};

    #[cfg(target_vendor = "apple")]
    pub(crate) use libc::TCP_KEEPALIVE as KEEP_IDLE;
    #[cfg(not(target_vendor = "apple"))]
    pub(crate) use libc::TCP_KEEPIDLE as KEEP_IDLE;

    pub(crate) const REUSE_PORT: Option<i32> = Some(libc::SO_REUSEPORT);

    #[cfg(target_os = "linux")]
    pub(crate) const USER_TIMEOUT: Option<i32> = Some(libc::TCP_USER_TIMEOUT);
    #[cfg(not(target_os = "linux"))]
    pub(crate) const USER_TIMEOUT: Option<i32> = None;
}

/// The flags of a call, by the system's numbers. 0 is one that it lacks.
pub(crate) mod flag {
    pub(crate) use libc::{
        MSG_CTRUNC as CTRUNC, MSG_DONTROUTE as DONTROUTE, MSG_DONTWAIT as DONTWAIT, MSG_EOR as EOR,
        MSG_OOB as OOB, MSG_PEEK as PEEK, MSG_TRUNC as TRUNC, MSG_WAITALL as WAITALL,
    };

    // Errors are received on Linux alone.
    #[cfg(target_os = "linux")]
    pub(crate) use libc::MSG_ERRQUEUE as ERRQUEUE;
    #[cfg(not(target_os = "linux"))]
    pub(crate) const ERRQUEUE: i32 = 0;
}

// macOS has no such flag; socket2 sets SO_NOSIGPIPE on each of its sockets instead.
#[cfg(target_vendor = "apple")]
pub(super) const SEND_FLAGS: SendFlags = SendFlags::empty();
// Everywhere else a flag of the call.
#[cfg(not(target_vendor = "apple"))]
pub(super) const SEND_FLAGS: SendFlags = SendFlags::NOSIGNAL;

/// Closes, and says what the system says. Never again: whatever it says, it is closed.
pub(crate) fn close(socket: Socket) -> io::Result<()> {
    let fd = socket.into_raw_fd();
    // SAFETY: `into_raw_fd` gave the descriptor up, so nobody else has it or closes it.
    match unsafe { libc::close(fd) } {
        0 => Ok(()),
        _ => match io::Error::last_os_error() {
            // The peer's reset is no failure to close, nor is a signal.
            error if error.kind() == io::ErrorKind::ConnectionReset => Ok(()),
            error if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            error => Err(error),
        },
    }
}

// It counts instructions of eight bytes, and fills as many of them as it is given bytes.
#[cfg(target_os = "linux")]
const COUNTS_NO_BYTES: Option<(i32, i32)> = Some((libc::SOL_SOCKET, libc::SO_GET_FILTER));
#[cfg(not(target_os = "linux"))] // others have no such option
const COUNTS_NO_BYTES: Option<(i32, i32)> = None;

/// Reads an option into `value`, and gives how many bytes it has.
pub(crate) fn option(
    socket: &Socket,
    level: i32,
    name: i32,
    value: &mut [u8],
) -> io::Result<usize> {
    if COUNTS_NO_BYTES == Some((level, name)) {
        let sentence = "SO_GET_FILTER counts instructions, not bytes: it cannot be read here";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, sentence));
    }
    let mut length = value.len() as libc::socklen_t; // the caller's bound is far below
    // SAFETY: the kernel writes at most `length` bytes to `value`, which has as many (the one
    // option that has another measure was refused), and how many it wrote to `length`; the
    // descriptor is open as long as `socket` is borrowed.
    let failed = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            name,
            value.as_mut_ptr().cast(),
            std::ptr::from_mut(&mut length),
        )
    };
    if failed == 0 { Ok(length as usize) } else { Err(io::Error::last_os_error()) }
}

/// Sets an option.
pub(crate) fn set_option(socket: &Socket, level: i32, name: i32, value: &[u8]) -> io::Result<()> {
    let length = value.len().try_into().map_err(io::Error::other)?;
    // SAFETY: the kernel reads `length` bytes of `value`, which has as many; the descriptor
    // is open as long as `socket` is borrowed.
    let failed =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, value.as_ptr().cast(), length) };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Family, kind and protocol of a socket that others have made. 0 is a protocol that the
/// system does not tell.
pub(crate) fn what_is(socket: &Socket) -> io::Result<(Family, Kind, i32)> {
    let kind = Kind::from(i32::from(socket.r#type()?));
    let family = Family::from(i32::from(socket.local_addr()?.family()));
    Ok((family, kind, protocol(socket)?))
}

// Some systems do not tell.
#[cfg(any(target_os = "linux", target_os = "freebsd"))]
fn protocol(socket: &Socket) -> io::Result<i32> {
    Ok(socket.protocol()?.map_or(0, i32::from))
}

#[cfg(not(any(target_os = "linux", target_os = "freebsd")))] // see above
fn protocol(_: &Socket) -> io::Result<i32> {
    Ok(0)
}

/// Whether it stays open in a program that replaces this one.
pub(crate) fn is_inheritable(socket: &Socket) -> io::Result<bool> {
    Ok(!rustix::io::fcntl_getfd(socket)?.contains(rustix::io::FdFlags::CLOEXEC))
}

/// Sets that.
pub(crate) fn set_inheritable(socket: &Socket, inheritable: bool) -> io::Result<()> {
    socket.set_cloexec(!inheritable)
}

/// Who is at the other end of a Unix socket. Linux gives one that is not
/// connected a user that nobody is.
#[cfg(target_os = "linux")]
pub(crate) fn peer_credentials(socket: &Socket) -> io::Result<Credentials> {
    let mut value = [0; size_of::<libc::ucred>()];
    option(socket, libc::SOL_SOCKET, libc::SO_PEERCRED, &mut value)?;
    match super::message::credentials::of_numbers(&value) {
        Credentials { uid: u32::MAX, .. } => Err(rustix::io::Errno::NOTCONN.into()),
        credentials => Ok(credentials),
    }
}

/// The same without the process.
#[cfg(not(target_os = "linux"))]
pub(crate) fn peer_credentials(socket: &Socket) -> io::Result<Credentials> {
    let (mut uid, mut gid) = (0, 0);
    // SAFETY: both are places for a number; the descriptor is open while `socket` is borrowed.
    match unsafe { libc::getpeereid(socket.as_raw_fd(), &mut uid, &mut gid) } {
        0 => Ok(Credentials { pid: None, uid, gid }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Sets an option that has no value but a length.
pub(crate) fn set_option_length(
    socket: &Socket,
    level: i32,
    name: i32,
    length: u32,
) -> io::Result<()> {
    let fd = socket.as_raw_fd();
    // SAFETY: there is no value to read, and the kernel, which checks every address that it
    // is given, says so; the descriptor is open as long as `socket` is borrowed.
    let failed = unsafe { libc::setsockopt(fd, level, name, std::ptr::null(), length) };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The path in a socket's address, if it has one: a file's, or an abstract name with its
/// leading zero byte.
pub(super) fn path_of(addr: &SockAddr) -> Option<Arc<Path>> {
    if let Some(name) = addr.as_abstract_namespace() {
        let path = [b"\0", name].concat();
        return Some(Path::new(OsStr::from_bytes(&path)).into());
    }
    addr.as_pathname().map(Into::into)
}

/// A path as an address. No path asks the system for a name of its choice (Linux).
pub(crate) fn unix_address(path: &Path) -> io::Result<SockAddr> {
    let bytes = path.as_os_str().as_bytes();
    let is_abstract = is_abstract(path);
    if !is_abstract && bytes.contains(&0) {
        let sentence = "a path cannot have a zero byte in it";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, sentence));
    }
    let most = limits::unix_path_bytes(is_abstract);
    if bytes.len() > most {
        let sentence = format!(
            "the path has {} bytes, and a Unix socket's has at most {most}; take a shorter one",
            bytes.len()
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, sentence));
    }
    SockAddr::unix(path)
}

impl AsFd for crate::socket::Socket {
    /// # Panics
    /// If it is closed: there is no descriptor to lend. [`AsRawFd`] answers -1.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_ref().expect("the socket is closed").as_fd()
    }
}

impl AsRawFd for crate::socket::Socket {
    /// The descriptor, or -1 once closed.
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_ref().map_or(-1, AsRawFd::as_raw_fd)
    }
}

impl IntoRawFd for crate::socket::Socket {
    /// The descriptor, which is the caller's from here on, or -1 once closed.
    fn into_raw_fd(self) -> RawFd {
        self.inner.map_or(-1, IntoRawFd::into_raw_fd)
    }
}
