//! What one call may be asked to do otherwise, and what it tells of what it received.
//! Owns: the flags, under Python's names, and which of them decide whether the call waits.
//! Never: has a flag that this system lacks: what cannot be asked for cannot be ignored.

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign, Not};

use super::sys::flag;

/// Flags of a call that sends or receives, put together with `|`.
///
/// ```
/// use ropewalk::socket::*;
/// let flags = MSG_PEEK | MSG_OOB;
/// assert!(flags.contains(MSG_PEEK) && !flags.contains(MSG_WAITALL));
/// assert_eq!(format!("{flags:?}"), "Flags(PEEK | OOB)");
/// assert_eq!(Flags::from_bits(flags.bits()), flags); // others, by their number
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Flags(i32);

/// Look at what is there and leave it there: the next call receives it again.
///
/// ```
/// use ropewalk::socket::*;
/// # fn main() -> ropewalk::Result<()> {
/// # let server = Socket::new(AF_INET, SOCK_DGRAM)?;
/// # server.bind(("localhost", 0))?;
/// # let client = Socket::new(AF_INET, SOCK_DGRAM)?;
/// # client.send_to(b"hello", server.local_addr()?)?;
/// assert_eq!(server.recv_with(1024, MSG_PEEK)?, b"hello");
/// assert_eq!(server.recv(1024)?, b"hello");
/// # Ok(())
/// # }
/// ```
pub const MSG_PEEK: Flags = Flags(flag::PEEK);
/// Urgent data of TCP: a byte besides the stream.
///
/// ```
/// # use ropewalk::socket::*;
/// # fn main() -> ropewalk::Result<()> {
/// # let server = Socket::new(AF_INET, SOCK_STREAM)?;
/// # server.bind(("localhost", 0))?;
/// # server.listen()?;
/// # let client = Socket::new(AF_INET, SOCK_STREAM)?;
/// # client.connect(server.local_addr()?)?;
/// client.send_with(b"!", MSG_OOB)?;
/// # Ok(())
/// # }
/// ```
pub const MSG_OOB: Flags = Flags(flag::OOB);
/// To hosts on the same network alone, past the routing table.
///
/// ```
/// # use ropewalk::socket::*;
/// assert!(!Flags::default().contains(MSG_DONTROUTE));
/// ```
pub const MSG_DONTROUTE: Flags = Flags(flag::DONTROUTE);
/// Wait until the whole buffer is full. The kernel keeps to it only while the socket blocks;
/// with a deadline [`Socket::recv_exact`](super::Socket::recv_exact) does.
///
/// ```
/// # use ropewalk::socket::*;
/// assert_ne!(MSG_WAITALL, MSG_PEEK);
/// ```
pub const MSG_WAITALL: Flags = Flags(flag::WAITALL);
/// Received: there was more of the datagram than room for it, and the rest is lost. No call to
/// receive takes it (`InvalidInput`): Linux would then count bytes that it does not write.
///
/// ```
/// # use ropewalk::socket::*;
/// # fn main() -> ropewalk::Result<()> {
/// # let server = Socket::new(AF_INET, SOCK_DGRAM)?;
/// # server.bind(("localhost", 0))?;
/// # let client = Socket::new(AF_INET, SOCK_DGRAM)?;
/// # client.send_to(b"hello", server.local_addr()?)?;
/// assert!(server.recv_msg(3, 0, Flags::default())?.flags.contains(MSG_TRUNC));
/// # Ok(())
/// # }
/// ```
pub const MSG_TRUNC: Flags = Flags(flag::TRUNC);
/// Received: there was more of the ancillary data than room for it, and the rest is lost.
///
/// ```
/// # use ropewalk::socket::*;
/// assert_ne!(MSG_CTRUNC, MSG_TRUNC);
/// ```
pub const MSG_CTRUNC: Flags = Flags(flag::CTRUNC);
/// Do not wait, whatever the socket's timeout is. (Python waits if there is one.)
///
/// ```
/// use ropewalk::{error::ErrorKind, socket::*};
/// # fn main() -> ropewalk::Result<()> {
/// let socket = Socket::new(AF_INET, SOCK_DGRAM)?;
/// socket.bind(("localhost", 0))?;
/// let error = socket.recv_with(1024, MSG_DONTWAIT).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::WouldBlock);
/// # Ok(())
/// # }
/// ```
#[cfg(unix)] // Windows has no such flag, nor Python there
pub const MSG_DONTWAIT: Flags = Flags(flag::DONTWAIT);
/// The end of a record, where a protocol has records.
///
/// ```
/// # use ropewalk::socket::*;
/// assert_ne!(MSG_EOR, MSG_TRUNC);
/// ```
#[cfg(unix)] // as above
pub const MSG_EOR: Flags = Flags(flag::EOR);
/// Receive the socket's pending errors, as ancillary data, instead of what was sent (Linux).
///
/// ```
/// # use ropewalk::socket::*;
/// assert_ne!(MSG_ERRQUEUE, MSG_TRUNC);
/// ```
#[cfg(target_os = "linux")] // no other system has it
pub const MSG_ERRQUEUE: Flags = Flags(flag::ERRQUEUE);

/// Each flag that has a name here, with it.
const NAMES: &[(i32, &str)] = &[
    (flag::PEEK, "PEEK"),
    (flag::OOB, "OOB"),
    (flag::DONTROUTE, "DONTROUTE"),
    (flag::WAITALL, "WAITALL"),
    (flag::TRUNC, "TRUNC"),
    (flag::CTRUNC, "CTRUNC"),
    (flag::DONTWAIT, "DONTWAIT"),
    (flag::EOR, "EOR"),
    (flag::ERRQUEUE, "ERRQUEUE"),
];

impl Flags {
    /// Flags by the system's numbers: also those that have no name here.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// assert_eq!(Flags::from_bits(0), Flags::default());
    /// ```
    pub const fn from_bits(bits: i32) -> Flags {
        Flags(bits)
    }

    /// The system's number.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// assert_eq!(Flags::default().bits(), 0);
    /// ```
    pub const fn bits(self) -> i32 {
        self.0
    }

    /// Whether all of these are among them.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// assert!(MSG_PEEK.contains(Flags::default()) && !MSG_PEEK.contains(MSG_PEEK | MSG_OOB));
    /// ```
    pub const fn contains(self, these: Flags) -> bool {
        self.0 & these.0 == these.0
    }

    /// Whether the call is not to wait.
    pub(super) const fn at_once(self) -> bool {
        self.has_one_of(flag::DONTWAIT)
    }

    /// Whether it asks for what does not count as readable: urgent data, or errors.
    pub(super) const fn besides_the_stream(self) -> bool {
        self.has_one_of(flag::OOB | flag::ERRQUEUE)
    }

    const fn has_one_of(self, bits: i32) -> bool {
        self.0 & bits != 0
    }
}

impl BitOr for Flags {
    type Output = Flags;

    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Flags) {
        self.0 |= other.0;
    }
}

impl BitAnd for Flags {
    type Output = Flags;

    fn bitand(self, other: Flags) -> Flags {
        Flags(self.0 & other.0)
    }
}

impl Not for Flags {
    type Output = Flags;

    fn not(self) -> Flags {
        Flags(!self.0)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut unnamed = self.0;
        let mut words = Vec::new();
        for (bit, name) in NAMES.iter().filter(|(bit, _)| *bit != 0 && self.0 & bit == *bit) {
            words.push((*name).to_owned());
            unnamed &= !bit;
        }
        if unnamed != 0 {
            words.push(format!("{unnamed:#x}"));
        }
        write!(f, "Flags({})", words.join(" | "))
    }
}
