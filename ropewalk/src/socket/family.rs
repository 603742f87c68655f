//! What kinds of sockets there are.
//! Owns: family and kind, in Rust's names and in Python's. Never: knows the system's numbers.

use std::fmt;

/// Which addresses a socket has.
///
/// ```
/// use ropewalk::socket::{AF_INET6, Family, Kind, Socket};
/// # fn main() -> ropewalk::Result<()> {
/// let socket = Socket::new(Family::Inet6, Kind::Stream)?;
/// assert_eq!(socket.family(), AF_INET6); // the same by Python's name
/// assert_eq!(socket.family().to_string(), "IPv6");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Family {
    /// IPv4: a host and a port.
    #[doc(alias = "AF_INET")]
    Inet,
    /// IPv6: a host and a port.
    #[doc(alias = "AF_INET6")]
    Inet6,
    /// The file system of this machine: a path. Unix alone.
    #[doc(alias = "AF_UNIX")]
    Unix,
}

/// Whether a socket carries a stream of bytes or single datagrams.
///
/// ```
/// use ropewalk::socket::{Family, Kind, SOCK_DGRAM, Socket};
/// # fn main() -> ropewalk::Result<()> {
/// let socket = Socket::new(Family::Inet, Kind::Datagram)?;
/// assert_eq!(socket.kind(), SOCK_DGRAM); // the same by Python's name
/// assert_eq!(socket.kind().to_string(), "datagram");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Connected, in order, without gaps: TCP.
    #[doc(alias = "SOCK_STREAM")]
    Stream,
    /// Each message by itself, which may be lost: UDP.
    #[doc(alias = "SOCK_DGRAM")]
    Datagram,
}

/// [`Family::Inet`], as Python has it.
///
/// ```
/// # use ropewalk::socket::*;
/// assert_eq!(AF_INET, Family::Inet);
/// ```
pub const AF_INET: Family = Family::Inet;
/// [`Family::Inet6`], as Python has it.
///
/// ```
/// # use ropewalk::socket::*;
/// assert_eq!(AF_INET6, Family::Inet6);
/// ```
pub const AF_INET6: Family = Family::Inet6;
/// [`Family::Unix`], as Python has it.
///
/// ```
/// # use ropewalk::socket::*;
/// assert_eq!(AF_UNIX, Family::Unix);
/// ```
pub const AF_UNIX: Family = Family::Unix;
/// [`Kind::Stream`], as Python has it.
///
/// ```
/// # use ropewalk::socket::*;
/// assert_eq!(SOCK_STREAM, Kind::Stream);
/// ```
pub const SOCK_STREAM: Kind = Kind::Stream;
/// [`Kind::Datagram`], as Python has it.
///
/// ```
/// # use ropewalk::socket::*;
/// assert_eq!(SOCK_DGRAM, Kind::Datagram);
/// ```
pub const SOCK_DGRAM: Kind = Kind::Datagram;

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::Inet => "IPv4",
            Family::Inet6 => "IPv6",
            Family::Unix => "Unix",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Stream => "stream",
            Kind::Datagram => "datagram",
        })
    }
}
