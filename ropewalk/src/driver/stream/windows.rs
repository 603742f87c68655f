//! Accepting on Windows.
//! Owns: that call. Never: waits, or offers Unix sockets, which std lacks here.

use std::io;
use std::path::Path;

use socket2::Socket;

use super::{addr_of, retry, unsupported};
use crate::addr::Addr;

/// The next connection in the queue, non-blocking. `WouldBlock` says that there is none.
pub(crate) fn accept(listener: &Socket) -> io::Result<(Socket, Addr)> {
    let (socket, peer) = retry(|| listener.accept())?;
    socket.set_nonblocking(true)?;
    Ok((socket, addr_of(&peer)))
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
