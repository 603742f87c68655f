//! Sockets that others have opened, in a poll.
//! Owns: how each is made what this driver has. Never: looks at what it is; the reactor has.

use std::io;

use socket2::Socket;

use super::{Poll, PollDatagrams, PollIo, PollListener};
use crate::addr::Addr;
use crate::driver::{datagram, stream};

impl Poll {
    /// A connection that somebody else has made, with its peer.
    ///
    /// # Errors
    /// It is not connected; it cannot be set as ours are.
    pub(crate) fn adopt(&self, socket: Socket) -> io::Result<(PollIo, Addr)> {
        stream::adopt(socket).map(|(socket, peer)| (PollIo::new(socket), peer))
    }

    /// One end of a pair whose other end is within this process.
    pub(crate) fn adopt_within(&self, socket: Socket) -> io::Result<PollIo> {
        self.adopt(socket).map(|(io, _)| PollIo { within: true, ..io })
    }

    /// The same of a listener, under this number.
    pub(crate) fn adopt_listener(
        &self,
        number: u32,
        socket: Socket,
    ) -> io::Result<(PollListener, Addr)> {
        self.watch(number, stream::adopt_listener(socket)?)
    }

    /// The same of a datagram socket.
    pub(crate) fn adopt_datagrams(&self, socket: Socket) -> io::Result<(PollDatagrams, Addr)> {
        datagram::adopt(socket).map(PollDatagrams::new)
    }
}
