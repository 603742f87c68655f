//! Making a connection, within whatever time the socket has for it.
//! Owns: the order of calls from the first `connect(2)` to its outcome.
//! Never: tries a second address; that is `race`.

use std::io;

use rustix::io::Errno;
use socket2::SockAddr;

use super::deadline::{Budget, Until};
use super::{Family, Kind, Socket, sys};
use crate::addr::Target;
use crate::error::{Error, Operation, Result};

impl Socket {
    /// Connects to a peer. Corresponds to `connect(2)`.
    ///
    /// Blocks until the connection is there, or the socket's timeout has passed. A name is
    /// resolved before, within the same time, and its first address of the socket's family is
    /// taken; [`create_connection`](super::create_connection) tries them all. A non-blocking
    /// socket waits for the resolver. A datagram socket is connected at once: it remembers the
    /// peer, and hears nobody else.
    ///
    /// # Errors
    /// `Refused`, `Unreachable`, `TimedOut` and others of the system; `InProgress` from a
    /// non-blocking socket, which is writable when it is decided: then [`Socket::connect_ex`]
    /// says how. After `TimedOut` the attempt goes on in the kernel: close the socket, or
    /// call again to go on waiting.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = Socket::new(AF_INET, SOCK_STREAM)?;
    /// server.bind(("localhost", 0))?;
    /// server.listen()?;
    /// let client = Socket::new(AF_INET, SOCK_STREAM)?;
    /// client.connect(server.local_addr()?)?;
    /// assert_eq!(client.peer_addr()?, server.local_addr()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect(&self, to: impl TryInto<Target, Error: Into<Error>>) -> Result<()> {
        self.connect_within(to, self.mode.budget())
    }

    /// The same within what is left of a time that had begun before.
    pub(super) fn connect_within(
        &self,
        to: impl TryInto<Target, Error: Into<Error>>,
        mut budget: Budget<'_>,
    ) -> Result<()> {
        let (target, address) = self.address(to, Operation::Connect, &mut budget)?;
        self.connect_to(&address, budget)?.map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => Error::without_address(Operation::Connect, error),
            _ => Error::from_io(Operation::Connect, target, error),
        })
    }

    /// Connects, and gives what the system says as its code: 0, `ECONNREFUSED`,
    /// `EINPROGRESS`, `EISCONN`…
    ///
    /// A deadline of ours is `ETIMEDOUT` (Python answers `EAGAIN`, which says "try again",
    /// and is what a Unix socket whose listener's queue is full says as well). On Windows
    /// the codes are Winsock's, and a connection in progress is `WSAEWOULDBLOCK`.
    ///
    /// # Errors
    /// What goes wrong before `connect(2)`: a name or a port that cannot be meant, a closed
    /// socket.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let nobody = Socket::new(AF_INET, SOCK_STREAM)?;
    /// nobody.bind(("localhost", 0))?; // and does not listen
    /// let client = Socket::new(AF_INET, SOCK_STREAM)?;
    /// let code = client.connect_ex(nobody.local_addr()?)?;
    /// let error = std::io::Error::from_raw_os_error(code);
    /// assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect_ex(&self, to: impl TryInto<Target, Error: Into<Error>>) -> Result<i32> {
        let mut budget = self.mode.budget();
        let (target, address) = self.address(to, Operation::Connect, &mut budget)?;
        match self.connect_to(&address, budget)? {
            Ok(()) => Ok(0),
            Err(error) if error.raw_os_error().is_some() => Ok(error.raw_os_error().unwrap_or(0)),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                Ok(Errno::TIMEDOUT.raw_os_error())
            }
            Err(error) => Err(Error::from_io(Operation::Connect, target, error)),
        }
    }

    /// The outer error is of what precedes the call.
    fn connect_to(&self, address: &SockAddr, budget: Budget<'_>) -> Result<io::Result<()>> {
        let socket = self.open(Operation::Connect)?;
        let result = self.make_connection(socket, address, budget);
        if result.is_ok() && self.kind == Kind::Stream {
            // Where it is set already the system has just said "connected already".
            let _ = self.peer.set(sys::addr_of(address));
        }
        Ok(result.map_err(|error| self.mode.blamed(error)))
    }

    fn make_connection(
        &self,
        socket: &socket2::Socket,
        address: &SockAddr,
        mut budget: Budget<'_>,
    ) -> io::Result<()> {
        let begun = match self.family {
            // Its listener's queue is full: nothing has begun, not even if a signal came.
            Family::Unix => {
                budget.call(socket, Until::TriedAgain, || sys::retry(|| socket.connect(address)))
            }
            _ => socket.connect(address),
        };
        match begun {
            Err(error) if !goes_on(&error) => return Err(error),
            Err(error) if budget.is_zero() => {
                let interrupted = error.kind() == io::ErrorKind::Interrupted;
                return Err(if interrupted { Errno::INPROGRESS.into() } else { error });
            }
            Err(_) => {}
            Ok(()) => return Ok(()),
        }
        budget.wait(socket, Until::Writable)?;
        loop {
            if let Some(result) = connected(socket) {
                return result;
            }
            // Writable, and neither connected nor failed: somebody else took the error.
            budget.wait(socket, Until::TriedAgain)?;
        }
    }
}

/// Whether the kernel goes on with an attempt after this answer.
pub(super) fn goes_on(error: &io::Error) -> bool {
    sys::is_in_progress(error)
        || error.kind() == io::ErrorKind::Interrupted
        || Errno::from_io_error(error) == Some(Errno::ALREADY)
}

/// Whether a connect is decided: `None` not yet.
pub(crate) fn connected(socket: &socket2::Socket) -> Option<io::Result<()>> {
    match socket.take_error() {
        Ok(Some(error)) | Err(error) => return Some(Err(error)),
        Ok(None) => {}
    }
    // A spurious wake-up has no error either; only a connected socket has a peer.
    match socket.peer_addr() {
        Ok(_) => Some(Ok(())),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => None,
        Err(error) => Some(Err(error)),
    }
}
