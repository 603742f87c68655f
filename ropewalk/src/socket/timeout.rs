//! A socket's timeout, asked for and set.
//! Owns: Python's two ways to say it, and one of ours. Never: waits; that is `deadline`.

use std::time::Duration;

use super::Socket;
use crate::error::{Error, Operation, Result};

impl Socket {
    /// How long a call may wait: `None` for ever, zero not at all, anything else until a
    /// deadline, fixed when the call first waits. Each call has its own; [`Socket::send_all`]
    /// has one for the whole of it, and resolving a name is within it.
    ///
    /// The descriptor is non-blocking unless it is `None`, and shares that with its copies in
    /// other processes. More than 584 years are taken as 584.
    ///
    /// # Errors
    /// `Closed`.
    ///
    /// ```
    /// use ropewalk::{error::ErrorKind, socket::*};
    /// use std::time::Duration;
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// socket.bind(("localhost", 0))?;
    /// socket.set_timeout(Some(Duration::from_millis(1)))?;
    /// let error = socket.recv(1024).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::TimedOut);
    /// socket.set_timeout(Some(Duration::ZERO))?;
    /// let error = socket.recv(1024).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::WouldBlock);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "settimeout")]
    pub fn set_timeout(&self, timeout: Option<Duration>) -> Result<()> {
        let socket = self.open(Operation::Configure)?;
        self.mode
            .set(timeout, socket)
            .map_err(|error| Error::without_address(Operation::Configure, error))
    }

    /// What [`Socket::set_timeout`] has set.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// assert_eq!(Socket::new(AF_INET, SOCK_STREAM)?.timeout(), None);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "gettimeout")]
    pub fn timeout(&self) -> Option<Duration> {
        self.mode.timeout()
    }

    /// How long all calls from now on may take together, beside the timeout that each has. A
    /// peer that sends a byte now and then keeps within every timeout; it does not keep
    /// within this. Once it has passed, each call fails with `TimedOut`. `None` takes it away.
    ///
    /// # Errors
    /// `Closed`.
    ///
    /// ```
    /// use ropewalk::{error::ErrorKind, socket::*};
    /// use std::time::Duration;
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// socket.bind(("localhost", 0))?;
    /// socket.set_deadline(Some(Duration::from_millis(1)))?;
    /// assert_eq!(socket.recv(1024).unwrap_err().kind(), ErrorKind::TimedOut);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_deadline(&self, within: Option<Duration>) -> Result<()> {
        let socket = self.open(Operation::Configure)?;
        self.mode
            .set_whole(within, socket)
            .map_err(|error| Error::without_address(Operation::Configure, error))
    }

    /// `true` is a timeout of `None`, `false` one of zero.
    ///
    /// # Errors
    /// `Closed`.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # use std::time::Duration;
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET, SOCK_STREAM)?;
    /// socket.set_blocking(false)?;
    /// assert_eq!(socket.timeout(), Some(Duration::ZERO));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "setblocking")]
    pub fn set_blocking(&self, blocking: bool) -> Result<()> {
        self.set_timeout(if blocking { None } else { Some(Duration::ZERO) })
    }

    /// Whether calls may wait: also where it is until a deadline.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # use std::time::Duration;
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET, SOCK_STREAM)?;
    /// socket.set_timeout(Some(Duration::from_secs(5)))?;
    /// assert!(socket.is_blocking());
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "getblocking")]
    pub fn is_blocking(&self) -> bool {
        self.timeout() != Some(Duration::ZERO)
    }
}
