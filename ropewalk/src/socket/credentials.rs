//! Who is at the other end of a Unix socket.
//! Owns: what the system vouches for. Never: believes what the peer says of itself.

use super::{Socket, sys};
use crate::error::{Operation, Result};

/// A process and its user, as the system knows them.
///
/// ```
/// # #[cfg(unix)]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ropewalk::socket::*;
/// # let (one, other) = socketpair()?;
/// let Credentials { uid, .. } = one.peer_credentials()?;
/// assert_eq!(uid, other.peer_credentials()?.uid); // both are this process
/// # Ok(())
/// # }
/// # #[cfg(not(unix))]
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// The process, where the system tells: on Linux, unless it is in a namespace that this
    /// one does not see. Sent, `None` is this one.
    pub pid: Option<u32>,
    /// The effective user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

impl Socket {
    /// Who was at the other end when the connection was made: `SO_PEERCRED` on Linux,
    /// `getpeereid` on other Unix systems. The process may have ended since, and its number
    /// may be another's.
    ///
    /// # Errors
    /// `NotConnected`; `Unsupported` for what is no Unix socket, and on Windows.
    ///
    /// ```
    /// use ropewalk::{error::ErrorKind, socket::*};
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET, SOCK_STREAM)?;
    /// assert_eq!(socket.peer_credentials().unwrap_err().kind(), ErrorKind::Unsupported);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "SO_PEERCRED")]
    #[doc(alias = "getpeereid")]
    pub fn peer_credentials(&self) -> Result<Credentials> {
        let socket = self.open(Operation::Inspect)?;
        let found = match self.family() {
            super::Family::Unix => sys::peer_credentials(socket),
            other => Err(sys::unsupported(&format!("asking a socket of {other} for its user"))),
        };
        found.map_err(|error| self.failed(Operation::Inspect, error))
    }
}
