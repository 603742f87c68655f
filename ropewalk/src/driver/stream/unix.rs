//! Accepting on Unix, and the file of a Unix socket.
//! Owns: accept in the fewest calls; a socket's file from bind to close.
//! Never: waits.

use std::io;
// Named by the `accept` of some platforms only.
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
#[cfg(any(target_os = "linux", target_os = "freebsd"))]
use std::{ffi::OsStr, net::SocketAddr, os::unix::ffi::OsStrExt};

use socket2::{Domain, SockAddr, Socket, Type};

use super::retry;
use crate::addr::{Addr, is_abstract};
use crate::socket::sys;

/// The next connection in the queue, non-blocking and closed on exec. `WouldBlock` says
/// that there is none.
// Linux and FreeBSD can have both set by the call itself.
#[cfg(any(target_os = "linux", target_os = "freebsd"))]
pub(crate) fn accept(listener: &Socket) -> io::Result<(Socket, Addr)> {
    use rustix::net::{SocketAddrUnix, SocketFlags, acceptfrom_with};
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (socket, peer) = retry(|| acceptfrom_with(listener, flags).map_err(io::Error::from))?;
    let ip = peer.clone().and_then(|peer| SocketAddr::try_from(peer).ok());
    let peer = match ip {
        Some(ip) => Addr::Ip(sys::unmapped(ip)),
        None => {
            let unix = peer.and_then(|peer| SocketAddrUnix::try_from(peer).ok());
            let path = unix.as_ref().and_then(|unix| unix.path());
            Addr::Unix(path.map(|path| Path::new(OsStr::from_bytes(path.to_bytes())).into()))
        }
    };
    Ok((Socket::from(socket), peer))
}

/// The next connection in the queue, non-blocking and closed on exec. `WouldBlock` says
/// that there is none.
// Elsewhere non-blocking costs a call more.
#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
pub(crate) fn accept(listener: &Socket) -> io::Result<(Socket, Addr)> {
    let (socket, peer) = retry(|| listener.accept())?;
    socket.set_nonblocking(true)?;
    Ok((socket, super::addr_of(&peer)))
}

/// The file of a listening Unix socket. Removed on drop, if it is still ours.
pub(crate) struct UnixFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl UnixFile {
    /// Binds. A file left behind by a server that died is replaced; one that somebody
    /// holds is "in use". An abstract name has no file.
    pub(crate) fn bind(
        path: &Path,
        kind: Type,
        mode: Option<u32>,
    ) -> io::Result<(Socket, Option<UnixFile>)> {
        if path.as_os_str().is_empty() {
            // The system would take it for "a name of your choice".
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path is empty"));
        }
        let socket = Socket::new(Domain::UNIX, kind, None)?;
        let address = sys::unix_address(path)?;
        if is_abstract(path) {
            socket.bind(&address)?;
            socket.set_nonblocking(true)?;
            return Ok((socket, None));
        }
        if let Some(mode) = mode {
            narrow(&socket, mode)?;
        }
        match socket.bind(&address) {
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse
                    && is_socket(path)
                    && is_stale(&address, kind) =>
            {
                std::fs::remove_file(path)?;
                socket.bind(&address)?;
            }
            bound => bound?,
        }
        let file = UnixFile { path: path.to_owned(), identity: identity(path)? };
        if let Some(mode) = mode {
            // Bits that the process's mask took away.
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        }
        socket.set_nonblocking(true)?;
        Ok((socket, Some(file)))
    }
}

impl Drop for UnixFile {
    fn drop(&mut self) {
        // Another server may have replaced it since: then it is not ours to remove.
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Whether it is a socket's file at all: a refusal is what any other file gives, too.
fn is_socket(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
}

/// Whether nobody listens: only a refusal says so. A full queue (`EAGAIN`) does not.
fn is_stale(address: &SockAddr, kind: Type) -> bool {
    let Ok(probe) = Socket::new(Domain::UNIX, kind, None) else { return false };
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    probe.set_nonblocking(true).is_ok() && probe.connect(address).is_err_and(refused)
}

/// The file is made with the socket's own mode, so that there is no instant at which more
/// is allowed than asked for.
// Where a socket has no mode before it is bound, the call does no harm.
fn narrow(socket: &Socket, mode: u32) -> io::Result<()> {
    match rustix::fs::fchmod(socket, rustix::fs::Mode::from_raw_mode(mode as _)) {
        Ok(()) | Err(rustix::io::Errno::INVAL) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let file = std::fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}
