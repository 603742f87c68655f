//! What kinds of sockets there are.
//! Owns: family and kind, in Rust's names and in Python's, and the system's numbers of them.
//! Never: refuses one that it does not know: it is kept as its number.

use std::fmt;

use socket2::Domain;

use super::sys::numbers;

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
    /// Any other, by the system's number. What this crate does not know of a family, its
    /// addresses above all, it says.
    Other(i32),
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
    /// Packets as they are on the network, headers and all. Needs a privilege.
    #[doc(alias = "SOCK_RAW")]
    Raw,
    /// Connected, in order, and each message by itself.
    #[doc(alias = "SOCK_SEQPACKET")]
    SeqPacket,
    /// Any other, by the system's number.
    Other(i32),
}

impl Family {
    /// The system's number.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// assert_eq!(Family::from(AF_INET.number()), AF_INET);
    /// ```
    pub fn number(self) -> i32 {
        match self {
            Family::Inet => Domain::IPV4.into(),
            Family::Inet6 => Domain::IPV6.into(),
            Family::Unix => Domain::UNIX.into(),
            Family::Other(number) => number,
        }
    }
}

impl From<i32> for Family {
    /// The family of this number, by its name if it has one here.
    fn from(number: i32) -> Family {
        let named = [Family::Inet, Family::Inet6, Family::Unix];
        let found = named.into_iter().find(|family| family.number() == number);
        found.unwrap_or(Family::Other(number))
    }
}

impl Kind {
    /// The system's number.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// assert_eq!(Kind::from(SOCK_DGRAM.number()), SOCK_DGRAM);
    /// ```
    pub fn number(self) -> i32 {
        match self {
            Kind::Stream => numbers::SOCK_STREAM,
            Kind::Datagram => numbers::SOCK_DGRAM,
            Kind::Raw => numbers::SOCK_RAW,
            Kind::SeqPacket => numbers::SOCK_SEQPACKET,
            Kind::Other(number) => number,
        }
    }
}

impl From<i32> for Kind {
    /// The kind of this number, by its name if it has one here.
    fn from(number: i32) -> Kind {
        let named = [Kind::Stream, Kind::Datagram, Kind::Raw, Kind::SeqPacket];
        named.into_iter().find(|kind| kind.number() == number).unwrap_or(Kind::Other(number))
    }
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
/// [`Kind::Raw`], as Python has it.
///
/// ```
/// # use ropewalk::socket::*;
/// assert_eq!(SOCK_RAW, Kind::Raw);
/// ```
pub const SOCK_RAW: Kind = Kind::Raw;
/// [`Kind::SeqPacket`], as Python has it.
///
/// ```
/// # use ropewalk::socket::*;
/// assert_eq!(SOCK_SEQPACKET, Kind::SeqPacket);
/// ```
pub const SOCK_SEQPACKET: Kind = Kind::SeqPacket;

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Family::Inet => f.write_str("IPv4"),
            Family::Inet6 => f.write_str("IPv6"),
            Family::Unix => f.write_str("Unix"),
            Family::Other(number) => write!(f, "family {number}"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Stream => f.write_str("stream"),
            Kind::Datagram => f.write_str("datagram"),
            Kind::Raw => f.write_str("raw"),
            Kind::SeqPacket => f.write_str("seqpacket"),
            Kind::Other(number) => write!(f, "kind {number}"),
        }
    }
}
