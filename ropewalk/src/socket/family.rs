//! What kinds of sockets there are, with Python's names.
//! Owns: those words. Never: makes a socket.

use std::fmt;

/// Which addresses a socket has.
///
/// ```
/// use ropewalk::socket::*;
/// assert_eq!((AF_INET, AF_INET6, AF_UNIX), (Family::Inet, Family::Inet6, Family::Unix));
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
/// use ropewalk::socket::*;
/// assert_eq!((SOCK_STREAM, SOCK_DGRAM), (Kind::Stream, Kind::Datagram));
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
pub const AF_INET: Family = Family::Inet;
/// [`Family::Inet6`], as Python has it.
pub const AF_INET6: Family = Family::Inet6;
/// [`Family::Unix`], as Python has it.
pub const AF_UNIX: Family = Family::Unix;
/// [`Kind::Stream`], as Python has it.
pub const SOCK_STREAM: Kind = Kind::Stream;
/// [`Kind::Datagram`], as Python has it.
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
            Kind::Stream => "streams",
            Kind::Datagram => "datagrams",
        })
    }
}
