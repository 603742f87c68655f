//! Sockets that others have opened, on a ring.
//! Owns: how each is made what this driver has. Never: looks at what it is; the reactor has.

use std::io;

use socket2::Socket;

use super::{Uring, UringIo, UringListener};
use crate::addr::Addr;
use crate::driver::stream;

impl Uring {
    pub(crate) fn adopt(&self, socket: Socket) -> io::Result<(UringIo, Addr)> {
        let (socket, peer) = stream::adopt(socket)?;
        socket.set_nonblocking(false)?; // as below
        Ok((UringIo::new(socket), peer))
    }

    pub(crate) fn adopt_within(&self, socket: Socket) -> io::Result<UringIo> {
        self.adopt(socket).map(|(io, _)| io) // which lingers
    }

    pub(crate) fn adopt_listener(
        &self,
        number: u32,
        socket: Socket,
    ) -> io::Result<(UringListener, Addr)> {
        self.arm(number, stream::adopt_listener(socket)?)
    }

    pub(crate) fn adopt_datagrams(
        &self,
        _: Socket,
    ) -> io::Result<(std::convert::Infallible, Addr)> {
        Err(stream::unsupported("a datagram socket with io_uring"))
    }
}
