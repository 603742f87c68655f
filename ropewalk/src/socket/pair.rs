//! Two sockets that are connected to one another.
//! Owns: the pair that goes through the loopback, where the system has none.
//! Never: gives away one whose other end is a stranger's.

use super::{Family, Kind, Socket, sys};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::limits;

/// Two sockets, each the other's peer: of Unix, or on Windows of TCP over the loopback.
///
/// # Errors
/// `NoDescriptors`; see [`socketpair_of`].
///
/// ```
/// use ropewalk::socket::*;
/// # fn main() -> ropewalk::Result<()> {
/// let (ours, theirs) = socketpair()?;
/// ours.send_all(b"hello")?;
/// assert_eq!(theirs.recv(16)?, b"hello");
/// # Ok(())
/// # }
/// ```
pub fn socketpair() -> Result<(Socket, Socket)> {
    socketpair_of(sys::PAIR_FAMILY, Kind::Stream)
}

/// The same of another family or kind. Of IPv4 and IPv6 there are streams alone, which are
/// connected over the loopback: whoever else connects meanwhile is turned away.
///
/// # Errors
/// `Unsupported` for what the system has no pair of; `Aborted` if
/// [`PAIR_STRANGERS`](limits::PAIR_STRANGERS) others connected first.
///
/// ```
/// use ropewalk::socket::*;
/// # fn main() -> ropewalk::Result<()> {
/// let (ours, theirs) = socketpair_of(AF_INET, SOCK_STREAM)?;
/// assert_eq!(ours.peer_addr()?, theirs.local_addr()?);
/// # Ok(())
/// # }
/// ```
#[doc(alias = "socketpair")]
pub fn socketpair_of(family: Family, kind: Kind) -> Result<(Socket, Socket)> {
    match (family, kind) {
        (Family::Inet | Family::Inet6, Kind::Stream) => through(&listener(family)?),
        _ => {
            let (ours, theirs) = sys::pair(family, kind).map_err(|error| {
                Error::from_io(Operation::Open, format!("(a pair of {family}, {kind})"), error)
            })?;
            let around = |inner| Socket::around(inner, family, kind, 0);
            Ok((around(ours), around(theirs)))
        }
    }
}

/// Where the two ends meet.
fn listener(family: Family) -> Result<Socket> {
    let listener = Socket::new(family, Kind::Stream)?;
    let loopback = if family == Family::Inet { "127.0.0.1" } else { "::1" };
    listener.bind((loopback, 0))?;
    listener.listen_with_backlog(limits::PAIR_STRANGERS)?;
    listener.set_timeout(Some(limits::CONNECT))?;
    Ok(listener)
}

/// Any program of this machine may connect to the listener as well, so the address of who is
/// accepted says whether it is ours (CVE-2024-3219).
fn through(listener: &Socket) -> Result<(Socket, Socket)> {
    let client = Socket::new(listener.family, Kind::Stream)?;
    client.set_timeout(Some(limits::CONNECT))?;
    client.connect(listener.local_addr()?)?;
    let ours = client.local_addr()?;
    for _ in 0..limits::PAIR_STRANGERS {
        let (accepted, from) = listener.accept()?;
        if from == ours && accepted.local_addr()? == client.peer_addr()? {
            client.set_timeout(None)?;
            return Ok((client, accepted));
        }
    }
    let cause = "others have connected to it before its own other end";
    Err(Error::new(Operation::Accept, ErrorKind::Aborted, cause).at(listener.local_addr()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test's way to fail")]

    use super::*;

    /// CPython's name for it: somebody else connects first.
    #[test]
    fn test_injected_authentication_failure() {
        for family in [Family::Inet, Family::Inet6] {
            let listener = listener(family).unwrap();
            let stranger = Socket::new(family, Kind::Stream).unwrap();
            stranger.connect(listener.local_addr().unwrap()).unwrap();
            stranger.send_all(b"secret").unwrap();
            let (ours, theirs) = through(&listener).unwrap();
            theirs.send_all(b"hello").unwrap();
            assert_eq!(ours.recv(16).unwrap(), b"hello");
            ours.send_all(b"hello").unwrap();
            assert_eq!(theirs.recv(16).unwrap(), b"hello", "and nothing of the stranger's");
        }
    }

    #[test]
    fn as_many_strangers_as_the_bound_are_too_many() {
        let listener = listener(Family::Inet).unwrap();
        let at = listener.local_addr().unwrap();
        let strangers = (0..limits::PAIR_STRANGERS).map(|_| {
            let stranger = Socket::new(Family::Inet, Kind::Stream).unwrap();
            stranger.connect(at.clone()).unwrap();
            stranger
        });
        let _strangers: Vec<Socket> = strangers.collect();
        let error = through(&listener).unwrap_err();
        assert_eq!((error.operation(), error.kind()), (Operation::Accept, ErrorKind::Aborted));
    }
}
