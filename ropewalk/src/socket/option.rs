//! Options by level and number, as the system has them.
//! Owns: Python's two forms of a value, a number and bytes, and the names most used.
//! Never: knows what an option means, or hides what the system makes of a value (Linux
//! doubles a buffer's size).
//!
//! ```
//! use ropewalk::socket::*;
//! # fn main() -> ropewalk::Result<()> {
//! let udp = Socket::new(AF_INET, SOCK_DGRAM)?;
//! udp.set_option(SOL_SOCKET, SO_BROADCAST, 1)?;
//! for buffer in [SO_RCVBUF, SO_SNDBUF] {
//!     udp.set_option(SOL_SOCKET, buffer, 8192)?;
//!     assert!(udp.option(SOL_SOCKET, buffer)? >= 8192);
//! }
//! assert_ne!(udp.option(SOL_SOCKET, SO_TYPE)?, 0);
//! let v6 = Socket::new(AF_INET6, SOCK_STREAM)?;
//! v6.set_option(IPPROTO_IPV6, IPV6_V6ONLY, 1)?;
//! # Ok(())
//! # }
//! ```

use std::io;

use super::{Socket, sys};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::limits;

/// Options of any socket.
///
/// ```
/// # use ropewalk::socket::*;
/// # let socket = Socket::new(AF_INET, SOCK_STREAM)?;
/// socket.set_option(SOL_SOCKET, SO_KEEPALIVE, 1)?;
/// # Ok::<(), ropewalk::Error>(())
/// ```
pub const SOL_SOCKET: i32 = sys::numbers::SOL_SOCKET;
/// An address may be bound to though old connections linger on it. On Windows: though
/// another socket has it.
///
/// ```
/// # use ropewalk::socket::*;
/// # let socket = Socket::new(AF_INET, SOCK_STREAM)?;
/// socket.set_option(SOL_SOCKET, SO_REUSEADDR, 1)?; // before it is bound
/// # Ok::<(), ropewalk::Error>(())
/// ```
pub const SO_REUSEADDR: i32 = sys::numbers::SO_REUSEADDR;
/// Silent peers are probed.
///
/// ```
/// # use ropewalk::socket::*;
/// # let socket = Socket::new(AF_INET, SOCK_STREAM)?;
/// socket.set_option(SOL_SOCKET, SO_KEEPALIVE, 1)?;
/// # Ok::<(), ropewalk::Error>(())
/// ```
pub const SO_KEEPALIVE: i32 = sys::numbers::SO_KEEPALIVE;
/// Datagrams may go to everybody on a network.
///
/// ```
/// # use ropewalk::socket::*;
/// let socket = Socket::new(AF_INET, SOCK_DGRAM)?;
/// socket.set_option(SOL_SOCKET, SO_BROADCAST, 1)?;
/// # Ok::<(), ropewalk::Error>(())
/// ```
pub const SO_BROADCAST: i32 = sys::numbers::SO_BROADCAST;
/// The size of the kernel's buffer for what comes, in bytes.
///
/// ```
/// # use ropewalk::socket::*;
/// # let socket = Socket::new(AF_INET, SOCK_STREAM)?;
/// socket.set_option(SOL_SOCKET, SO_RCVBUF, 64 * 1024)?;
/// assert!(socket.option(SOL_SOCKET, SO_RCVBUF)? >= 64 * 1024);
/// # Ok::<(), ropewalk::Error>(())
/// ```
pub const SO_RCVBUF: i32 = sys::numbers::SO_RCVBUF;
/// The size of the kernel's buffer for what goes, in bytes.
///
/// ```
/// # use ropewalk::socket::*;
/// # let socket = Socket::new(AF_INET, SOCK_STREAM)?;
/// socket.set_option(SOL_SOCKET, SO_SNDBUF, 64 * 1024)?;
/// # Ok::<(), ropewalk::Error>(())
/// ```
pub const SO_SNDBUF: i32 = sys::numbers::SO_SNDBUF;
/// The error that the socket has pending; reading it takes it away.
///
/// ```
/// # use ropewalk::socket::*;
/// # let socket = Socket::new(AF_INET, SOCK_STREAM)?;
/// assert_eq!(socket.option(SOL_SOCKET, SO_ERROR)?, 0);
/// # Ok::<(), ropewalk::Error>(())
/// ```
pub const SO_ERROR: i32 = sys::numbers::SO_ERROR;
/// The kind of socket, by the system's number.
///
/// ```
/// # use ropewalk::socket::*;
/// # let socket = Socket::new(AF_INET, SOCK_STREAM)?;
/// let other = Socket::new(AF_INET, SOCK_DGRAM)?;
/// assert_ne!(socket.option(SOL_SOCKET, SO_TYPE)?, other.option(SOL_SOCKET, SO_TYPE)?);
/// # Ok::<(), ropewalk::Error>(())
/// ```
pub const SO_TYPE: i32 = sys::numbers::SO_TYPE;
/// Options of TCP.
///
/// ```
/// # use ropewalk::socket::*;
/// # let socket = Socket::new(AF_INET, SOCK_STREAM)?;
/// socket.set_option(IPPROTO_TCP, TCP_NODELAY, 1)?;
/// # Ok::<(), ropewalk::Error>(())
/// ```
pub const IPPROTO_TCP: i32 = sys::numbers::IPPROTO_TCP;
/// Small messages leave at once.
///
/// ```
/// # use ropewalk::socket::*;
/// # let socket = Socket::new(AF_INET, SOCK_STREAM)?;
/// socket.set_option(IPPROTO_TCP, TCP_NODELAY, 1)?;
/// # Ok::<(), ropewalk::Error>(())
/// ```
pub const TCP_NODELAY: i32 = sys::numbers::TCP_NODELAY;
/// Options of IPv6.
///
/// ```
/// # use ropewalk::socket::*;
/// let socket = Socket::new(AF_INET6, SOCK_STREAM)?;
/// socket.set_option(IPPROTO_IPV6, IPV6_V6ONLY, 1)?;
/// # Ok::<(), ropewalk::Error>(())
/// ```
pub const IPPROTO_IPV6: i32 = sys::numbers::IPPROTO_IPV6;
/// The socket does not serve IPv4 as well.
///
/// ```
/// # use ropewalk::socket::*;
/// let socket = Socket::new(AF_INET6, SOCK_STREAM)?;
/// socket.set_option(IPPROTO_IPV6, IPV6_V6ONLY, 0)?; // IPv4 as well
/// # Ok::<(), ropewalk::Error>(())
/// ```
pub const IPV6_V6ONLY: i32 = sys::numbers::IPV6_V6ONLY;

impl Socket {
    /// Whether it listens. `None` where the system does not say (macOS).
    pub(crate) fn listens(&self) -> Option<bool> {
        self.option(SOL_SOCKET, sys::numbers::SO_ACCEPTCONN).ok().map(|listens| listens != 0)
    }

    /// An option whose value is a number. Corresponds to `getsockopt(2)`.
    ///
    /// # Errors
    /// The system's, for an option that it does not know. `InvalidInput` for `SO_GET_FILTER`
    /// (Linux), whose length is no count of bytes.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET, SOCK_STREAM)?;
    /// assert_eq!(socket.option(SOL_SOCKET, SO_REUSEADDR)?, 0);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "getsockopt")]
    pub fn option(&self, level: i32, name: i32) -> Result<i32> {
        let mut value = [0; 4];
        // One that is shorter fills the low bytes.
        self.read_option(level, name, &mut value)?;
        Ok(i32::from_ne_bytes(value))
    }

    /// An option's value as bytes, at most `max`: as many as the system gives.
    ///
    /// # Errors
    /// `InvalidInput` if `max` is 0 or more than [`limits::OPTION_BYTES_MAX`].
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET, SOCK_STREAM)?;
    /// assert_eq!(socket.option_bytes(SOL_SOCKET, SO_ERROR, 64)?, 0_i32.to_ne_bytes());
    /// # Ok(())
    /// # }
    /// ```
    pub fn option_bytes(&self, level: i32, name: i32, max: usize) -> Result<Vec<u8>> {
        if max == 0 || max > limits::OPTION_BYTES_MAX {
            let most = limits::OPTION_BYTES_MAX;
            let cause = format!("an option has 1 to {most} bytes, not {max}");
            return Err(Error::new(Operation::Configure, ErrorKind::InvalidInput, cause));
        }
        let mut value = vec![0; max];
        let count = self.read_option(level, name, &mut value)?;
        value.truncate(count);
        Ok(value)
    }

    /// Sets an option whose value is a number. Corresponds to `setsockopt(2)`.
    ///
    /// # Errors
    /// The system's: `PermissionDenied`, an option or a value that it does not know.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET, SOCK_STREAM)?;
    /// socket.set_option(IPPROTO_TCP, TCP_NODELAY, 1)?;
    /// assert_ne!(socket.option(IPPROTO_TCP, TCP_NODELAY)?, 0);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "setsockopt")]
    pub fn set_option(&self, level: i32, name: i32, value: i32) -> Result<()> {
        self.set_option_bytes(level, name, &value.to_ne_bytes())
    }

    /// Sets an option whose value is bytes: a structure of the system's.
    ///
    /// # Errors
    /// As [`Socket::set_option`].
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET, SOCK_STREAM)?;
    /// socket.set_option_bytes(SOL_SOCKET, SO_KEEPALIVE, &1_i32.to_ne_bytes())?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_option_bytes(&self, level: i32, name: i32, value: &[u8]) -> Result<()> {
        let socket = self.open(Operation::Configure)?;
        sys::set_option(socket, level, name, value).map_err(|error| refused(level, name, error))
    }

    /// Sets an option that is a length without a value: Python's `setsockopt(level, name,
    /// None, length)`. The kernel's cipher sockets have one (`ALG_SET_AEAD_AUTHSIZE`).
    ///
    /// # Errors
    /// As [`Socket::set_option`]: any other option says that there is no value. `Unsupported`
    /// on Windows.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET, SOCK_STREAM)?;
    /// assert!(socket.set_option_length(SOL_SOCKET, SO_KEEPALIVE, 4).is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_option_length(&self, level: i32, name: i32, length: u32) -> Result<()> {
        let socket = self.open(Operation::Configure)?;
        sys::set_option_length(socket, level, name, length)
            .map_err(|error| refused(level, name, error))
    }

    fn read_option(&self, level: i32, name: i32, value: &mut [u8]) -> Result<usize> {
        let socket = self.open(Operation::Configure)?;
        sys::option(socket, level, name, value).map_err(|error| refused(level, name, error))
    }
}

fn refused(level: i32, name: i32, error: io::Error) -> Error {
    let option = format!("(option {name} of level {level})");
    Error::from_io(Operation::Configure, option, error)
}
