//! A socket's descriptor: lent, copied, given away, taken over.
//! Owns: what happens to the socket then. Never: closes one that was only lent.

use std::sync::OnceLock;

use super::deadline::Mode;
use super::sys::{self, BorrowedDescriptor, Descriptor};
use super::{Family, Kind, Socket, closed};
use crate::error::{Error, Operation, Result};

impl Socket {
    /// The descriptor, lent: for calls that this crate does not have. Its number is in
    /// `as_raw_fd` (`as_raw_socket` on Windows), which is -1 once it is closed, as in Python.
    ///
    /// # Errors
    /// `Closed`.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let mut socket = Socket::new(AF_INET, SOCK_STREAM)?;
    /// let _copy = socket.descriptor()?.try_clone_to_owned().unwrap();
    /// socket.close()?;
    /// assert!(socket.descriptor().is_err());
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "fileno")]
    pub fn descriptor(&self) -> Result<BorrowedDescriptor<'_>> {
        self.open(Operation::Inspect).map(sys::lend)
    }

    /// Gives the descriptor away, open as it is, and leaves the socket closed. It keeps its
    /// mode: non-blocking with a timeout, or once an abort handle was asked for.
    ///
    /// # Errors
    /// `Closed`, and so when it is asked again.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let mut socket = Socket::new(AF_INET, SOCK_STREAM)?;
    /// socket.bind(("localhost", 0))?;
    /// socket.listen()?;
    /// let at = socket.local_addr()?;
    /// let listener = std::net::TcpListener::from(socket.detach()?);
    /// assert_eq!(listener.local_addr().ok(), at.ip());
    /// assert!(socket.is_closed());
    /// # Ok(())
    /// # }
    /// ```
    pub fn detach(&mut self) -> Result<Descriptor> {
        self.mode.release();
        self.inner.take().map(Descriptor::from).ok_or_else(|| closed(Operation::Inspect))
    }

    /// A second socket on the same connection, as `dup(2)` makes it: with a descriptor of its
    /// own, closed on exec, and with the same timeout. What one receives, the other does not;
    /// [`Socket::shutdown`] of one is that of both.
    ///
    /// Each keeps its own timeout from here on. (In Python the descriptors share the system's
    /// mode: what one sets changes under the other.) That mode is non-blocking from the first
    /// timeout of either on; calls that may wait do so all the same.
    ///
    /// # Errors
    /// `Closed`, `NoDescriptors`.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// use std::time::Duration;
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// socket.bind(("localhost", 0))?;
    /// let copy = socket.dup()?;
    /// copy.set_timeout(Some(Duration::from_secs(5)))?;
    /// assert_eq!(copy.local_addr()?, socket.local_addr()?);
    /// assert_eq!(socket.timeout(), None);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "try_clone")]
    pub fn dup(&self) -> Result<Socket> {
        let socket = self.open(Operation::Open)?;
        let failed = |error| Error::without_address(Operation::Open, error);
        let mode = self.mode.of_a_copy();
        let inner = socket.try_clone().map_err(failed)?;
        let copy = Socket { mode, ..Socket::around(inner, self.family, self.kind, self.protocol) };
        if let Some(peer) = self.peer.get() {
            let _ = copy.peer.set(peer.clone()); // new, so it is empty
        }
        Ok(copy)
    }

    /// Takes a descriptor over, and asks the system what it is: family, kind and protocol. It
    /// blocks until it is told otherwise, whatever the descriptor's mode was.
    ///
    /// Python's `fromfd` copies the descriptor first: `try_clone_to_owned` does. Such a copy shares
    /// the system's mode with the socket that it was made of, and neither knows of the other: once
    /// one had a timeout and is told to block again, the other's deadlines no longer hold. A copy
    /// by [`Socket::dup`] is known.
    /// `Socket::from` takes one over without an error: what is no socket says so in each call.
    ///
    /// # Errors
    /// `InvalidInput` for what is no socket; it is closed.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    /// let socket = Socket::from_fd(listener.into())?;
    /// assert_eq!((socket.family(), socket.kind()), (AF_INET, SOCK_STREAM));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "fromfd")]
    pub fn from_fd(descriptor: Descriptor) -> Result<Socket> {
        let inner = socket2::Socket::from(descriptor);
        match sys::what_is(&inner) {
            Ok((family, kind, protocol)) => Ok(Socket::around(inner, family, kind, protocol)),
            Err(error) => Err(Error::without_address(Operation::Open, error)),
        }
    }

    /// Whether a program that this process becomes or starts keeps the descriptor. Never, by
    /// default.
    ///
    /// # Errors
    /// `Closed`.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// assert!(!Socket::new(AF_INET, SOCK_STREAM)?.is_inheritable()?);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "get_inheritable")]
    pub fn is_inheritable(&self) -> Result<bool> {
        sys::is_inheritable(self.open(Operation::Inspect)?)
            .map_err(|error| Error::without_address(Operation::Inspect, error))
    }

    /// Sets that. Another thread that starts a program meanwhile hands it on, too.
    ///
    /// # Errors
    /// `Closed`.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET, SOCK_STREAM)?;
    /// socket.set_inheritable(true)?;
    /// assert!(socket.is_inheritable()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_inheritable(&self, inheritable: bool) -> Result<()> {
        sys::set_inheritable(self.open(Operation::Configure)?, inheritable)
            .map_err(|error| Error::without_address(Operation::Configure, error))
    }

    /// A socket that others have made, and that blocks or is soon told not to.
    pub(crate) fn adopt(inner: socket2::Socket, family: Family, kind: Kind) -> Socket {
        Socket::around(inner, family, kind, 0)
    }

    /// One like this, but closed: it stands where this one stood before it was taken away.
    pub(crate) fn closed_like(&self) -> Socket {
        let (mode, peer) = (Mode::blocking(), OnceLock::new());
        Socket { inner: None, family: self.family, kind: self.kind, protocol: 0, mode, peer }
    }
}
