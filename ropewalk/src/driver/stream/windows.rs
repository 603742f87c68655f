//! The system calls of a stream socket on Windows.
//! Owns: receive and send. Never: waits, or offers Unix sockets, which std lacks here.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use socket2::{SockAddr, Socket};

use super::{addr_of, retry, unsupported};
use crate::addr::Addr;

/// The next connection in the queue, non-blocking. `WouldBlock` says that there is none.
pub(crate) fn accept(listener: &Socket) -> io::Result<(Socket, Addr)> {
    let (socket, peer) = retry(|| listener.accept())?;
    socket.set_nonblocking(true)?;
    Ok((socket, addr_of(&peer)))
}

/// Receives what is there. 0 is the end of input.
pub(crate) fn recv(mut socket: &Socket, buffer: &mut [u8]) -> io::Result<usize> {
    retry(|| socket.read(buffer))
}

/// Sends what the kernel takes.
pub(crate) fn send(mut socket: &Socket, data: &[u8]) -> io::Result<usize> {
    retry(|| socket.write(data))
}

/// No address has a path here.
pub(super) fn path_of(_: &SockAddr) -> Option<Arc<Path>> {
    None
}

/// There is none here.
pub(crate) struct UnixFile(std::convert::Infallible);

impl UnixFile {
    pub(crate) fn bind(
        _: &Path,
        _: socket2::Type,
        _: Option<u32>,
    ) -> io::Result<(Socket, Option<UnixFile>)> {
        Err(unsupported("a Unix socket"))
    }
}
