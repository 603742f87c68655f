//! A socket's descriptor: lent, or given away.
//! Owns: what happens to the socket then. Never: copies one; that is `try_clone_to_owned` of
//! what it lends.

use std::sync::OnceLock;

use super::deadline::Mode;
use super::sys::{self, BorrowedDescriptor, Descriptor};
use super::{Family, Kind, Socket, closed};
use crate::error::{Operation, Result};

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
