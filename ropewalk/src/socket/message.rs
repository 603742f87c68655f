//! Messages: bytes gathered from several buffers, with ancillary data beside them.
//! Owns: what travels with the bytes, and that no received descriptor is left without an owner.
//! Never: hides a flag, or hands out a descriptor that a child process would inherit.

use std::io::{IoSlice, IoSliceMut};

use super::deadline::Until;
use super::sys::{self, BorrowedDescriptor, Descriptor};
use super::transfer::{not_sent_to, room_for, until};
use super::{Credentials, Flags, Kind, MSG_CTRUNC, MSG_TRUNC, Socket, name};
use crate::addr::{Addr, Target};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::limits;

/// What travels beside the bytes of a message that is sent.
///
/// ```
/// # #[cfg(unix)]
/// # fn main() -> ropewalk::Result<()> {
/// use ropewalk::socket::*;
/// use std::io::IoSlice;
/// let (one, other) = socketpair()?;
/// let lent = [one.descriptor()?];
/// let ancillary = [Attachment::Descriptors(&lent)];
/// one.send_msg(&[IoSlice::new(b"x")], &ancillary, Flags::default(), None)?;
/// assert_eq!(other.recv_fds(1, 1)?.take_descriptors().len(), 1);
/// # Ok(())
/// # }
/// # #[cfg(not(unix))]
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Attachment<'a> {
    /// Descriptors, of which the receiver gets copies. Unix sockets alone.
    #[doc(alias = "SCM_RIGHTS")]
    Descriptors(&'a [BorrowedDescriptor<'a>]),
    /// Who sends it. The system checks it: without a privilege it must be true. Linux alone.
    #[doc(alias = "SCM_CREDENTIALS")]
    Credentials(Credentials),
    /// Anything else, as the system has it.
    Other {
        /// The level: `SOL_SOCKET`, `IPPROTO_IPV6`…
        level: i32,
        /// What it is, by the level's numbers.
        kind: i32,
        /// The bytes.
        data: &'a [u8],
    },
}

/// What travelled beside the bytes of a message that was received.
///
/// [`Message`] has an example.
///
/// ```
/// # use ropewalk::socket::*;
/// let item = Ancillary::Other { level: IPPROTO_IPV6, kind: 52, data: vec![64, 0, 0, 0] };
/// assert!(format!("{item:?}").contains("kind: 52"));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Ancillary {
    /// Descriptors: ours now, closed on exec, and closed when they are dropped.
    #[doc(alias = "SCM_RIGHTS")]
    Descriptors(Vec<Descriptor>),
    /// Who sent it, as the system vouches for (Linux, if `SO_PASSCRED` is set).
    #[doc(alias = "SCM_CREDENTIALS")]
    Credentials(Credentials),
    /// A descriptor of the process that sent it (Linux, if `SO_PASSPIDFD` is set): ours now, as
    /// those above.
    #[doc(alias = "SCM_PIDFD")]
    Process(Descriptor),
    /// Anything else, as the system has it; cut short if [`MSG_CTRUNC`] is set.
    Other {
        /// The level: `SOL_SOCKET`, `IPPROTO_IPV6`…
        level: i32,
        /// What it is, by the level's numbers.
        kind: i32,
        /// The bytes.
        data: Vec<u8>,
    },
}

/// A message that was received.
///
/// ```
/// # #[cfg(unix)]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ropewalk::socket::*;
/// use std::{fs::File, io::IoSlice};
/// # let (one, other) = socketpair()?;
/// one.send_fds(&[IoSlice::new(b"a file")], &[std::os::fd::AsFd::as_fd(&File::open(".")?)])?;
///
/// let message = other.recv_msg(1024, cmsg_space(64)?, Flags::default())?;
/// assert_eq!(message.bytes, b"a file");
/// for item in message.ancillary {
///     match item {
///         Ancillary::Descriptors(fds) => println!("{} descriptors", fds.len()),
///         other => println!("{other:?}"),
///     }
/// }
/// # Ok(())
/// # }
/// # #[cfg(not(unix))]
/// # fn main() {}
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Message<T> {
    /// The bytes, or how many were put into the buffers.
    pub bytes: T,
    /// What came beside them, in order.
    pub ancillary: Vec<Ancillary>,
    /// What the system tells of it: [`MSG_TRUNC`], [`MSG_CTRUNC`], …
    pub flags: Flags,
    /// Who sent it. [`Addr::Unix(None)`](Addr::Unix) is a sender without an address.
    pub from: Addr,
}

impl<T> Message<T> {
    /// Whether the datagram was longer than the room for it: the rest is lost.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// # let server = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// # server.bind(("localhost", 0))?;
    /// # let client = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// # client.send_to(b"hello", server.local_addr()?)?;
    /// assert!(server.recv_msg(3, 0, Flags::default())?.truncated());
    /// # Ok(())
    /// # }
    /// ```
    pub fn truncated(&self) -> bool {
        self.flags.contains(MSG_TRUNC)
    }

    /// Whether there was more ancillary data than room for it. Descriptors that had none were
    /// closed by the system.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// # let server = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// # server.bind(("localhost", 0))?;
    /// # let client = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// # client.send_to(b"hello", server.local_addr()?)?;
    /// assert!(!server.recv_msg(1024, 0, Flags::default())?.control_truncated());
    /// # Ok(())
    /// # }
    /// ```
    pub fn control_truncated(&self) -> bool {
        self.flags.contains(MSG_CTRUNC)
    }

    /// Takes all descriptors that came with it. Those that nobody takes are closed with it.
    ///
    /// [`Socket::recv_fds`] has an example.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// # let server = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// # server.bind(("localhost", 0))?;
    /// # let client = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// # client.send_to(b"hello", server.local_addr()?)?;
    /// let mut message = server.recv_msg(1024, 0, Flags::default())?;
    /// assert!(message.take_descriptors().is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn take_descriptors(&mut self) -> Vec<Descriptor> {
        let mut taken = Vec::new();
        self.ancillary.retain_mut(|item| match item {
            Ancillary::Descriptors(descriptors) => {
                taken.append(descriptors);
                false
            }
            _ => true,
        });
        taken
    }
}

/// The bytes that one item of ancillary data takes, without what follows it to align the
/// next: the room for a last one. Corresponds to `CMSG_LEN`.
///
/// # Errors
/// `InvalidInput` for more than [`limits::ANCILLARY_BYTES`] have room for; `Unsupported` on
/// Windows.
///
/// ```
/// # #[cfg(unix)] {
/// use ropewalk::socket::*;
/// assert!(cmsg_len(4)? > 4 && cmsg_len(4)? <= cmsg_space(4)?);
/// # }
/// # Ok::<(), ropewalk::Error>(())
/// ```
#[doc(alias = "CMSG_LEN")]
pub fn cmsg_len(data_bytes: usize) -> Result<usize> {
    sized(data_bytes, sys::control_len(data_bytes))
}

/// The same with what aligns the next: what one item needs wherever it stands. Corresponds to
/// `CMSG_SPACE`.
///
/// # Errors
/// As [`cmsg_len`].
///
/// ```
/// # #[cfg(unix)] {
/// use ropewalk::socket::*;
/// let room_for_both = cmsg_space(4)? + cmsg_space(4)?;
/// assert!(room_for_both > 8);
/// # }
/// # Ok::<(), ropewalk::Error>(())
/// ```
#[doc(alias = "CMSG_SPACE")]
pub fn cmsg_space(data_bytes: usize) -> Result<usize> {
    sized(data_bytes, sys::control_space(data_bytes))
}

fn sized(data_bytes: usize, size: std::io::Result<usize>) -> Result<usize> {
    let size = size.map_err(|error| Error::without_address(Operation::Configure, error))?;
    match data_bytes <= limits::ANCILLARY_BYTES && size <= limits::ANCILLARY_BYTES {
        true => Ok(size),
        false => Err(too_much(Operation::Configure, data_bytes)),
    }
}

fn too_much(operation: Operation, bytes: usize) -> Error {
    let most = limits::ANCILLARY_BYTES;
    let cause = format!("{bytes} bytes of ancillary data, and {most} are the most");
    Error::new(operation, ErrorKind::InvalidInput, cause)
}

impl Socket {
    /// Sends bytes from several buffers as one message, with ancillary data, to the peer or to
    /// an address. Corresponds to `sendmsg(2)`. Gives how many bytes the kernel took: of a
    /// stream it may be fewer than there are. A name is resolved first, within the timeout.
    ///
    /// # Errors
    /// As [`Socket::send`]; `TooLong` for more buffers than the system takes at once (1024);
    /// `InvalidInput` for more than [`limits::ANCILLARY_BYTES`] of ancillary data;
    /// `Unsupported` for any of it on Windows.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// use std::io::IoSlice;
    /// # fn main() -> ropewalk::Result<()> {
    /// # let server = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// # server.bind(("localhost", 0))?;
    /// let client = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// let parts = [IoSlice::new(b"hel"), IoSlice::new(b"lo")];
    /// client.send_msg(&parts, &[], Flags::default(), Some(server.local_addr()?.into()))?;
    /// assert_eq!(server.recv(1024)?, b"hello");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "sendmsg")]
    pub fn send_msg(
        &self,
        buffers: &[IoSlice<'_>],
        ancillary: &[Attachment<'_>],
        flags: Flags,
        to: Option<Target>,
    ) -> Result<usize> {
        let socket = self.open(Operation::Send)?;
        let control = sys::control_of(ancillary).map_err(|error| self.failed_to_send(error))?;
        if control.len() > limits::ANCILLARY_BYTES {
            return Err(too_much(Operation::Send, control.len()));
        }
        let mut budget = self.budget(flags);
        let Some(target) = to else {
            let call = || sys::send_message(socket, buffers, &control, flags.bits(), None);
            let sent = budget.call(socket, Until::Writable, call);
            return sent.map_err(|error| self.failed_to_send(error));
        };
        let address = name::resolve(&target, self.family(), Operation::Send, &mut budget)?;
        let call = || sys::send_message(socket, buffers, &control, flags.bits(), Some(&address));
        let sent = budget.call(socket, self.until_named_has_room(), call);
        sent.map_err(|error| not_sent_to(target, error))
    }

    fn failed_to_send(&self, error: std::io::Error) -> Error {
        self.failed(Operation::Send, error)
    }

    /// Receives a message of at most `max` bytes, with at most `ancillary_size` bytes of
    /// ancillary data: [`cmsg_space`] of each item that is expected. Corresponds to
    /// `recvmsg(2)`. Waits for it as [`Socket::recv`] does.
    ///
    /// Received descriptors are closed on exec, unlike Python's, and are closed when the
    /// message is dropped, unless they are taken.
    ///
    /// # Errors
    /// As [`Socket::recv_from`]; `InvalidInput` for more than [`limits::ANCILLARY_BYTES`];
    /// `Unsupported` for any ancillary data on Windows.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// # let server = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// # server.bind(("localhost", 0))?;
    /// # let client = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// client.bind(("localhost", 0))?;
    /// client.send_to(b"hello", server.local_addr()?)?;
    /// let message = server.recv_msg(1024, 0, Flags::default())?;
    /// assert_eq!((message.bytes, message.from), (b"hello".to_vec(), client.local_addr()?));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "recvmsg")]
    pub fn recv_msg(
        &self,
        max: usize,
        ancillary_size: usize,
        flags: Flags,
    ) -> Result<Message<Vec<u8>>> {
        let mut bytes = room_for(max)?;
        let message = self.receive_message(ancillary_size, flags, |socket, control| {
            sys::recv_message_vec(socket, &mut bytes, max, control, flags.bits())
        })?;
        bytes.shrink_to_fit();
        let Message { ancillary, flags, from, .. } = message;
        Ok(Message { bytes, ancillary, flags, from })
    }

    /// The same into buffers, one after the other.
    ///
    /// # Errors
    /// As [`Socket::recv_msg`]; `TooLong` for more buffers than the system takes at once.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// use std::io::IoSliceMut;
    /// # fn main() -> ropewalk::Result<()> {
    /// # let server = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// # server.bind(("localhost", 0))?;
    /// # let client = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// client.send_to(b"hello", server.local_addr()?)?;
    /// let (mut head, mut rest) = ([0; 2], [0; 8]);
    /// let buffers = &mut [IoSliceMut::new(&mut head), IoSliceMut::new(&mut rest)];
    /// assert_eq!(server.recv_msg_into(buffers, 0, Flags::default())?.bytes, 5);
    /// assert_eq!((&head, &rest[..3]), (b"he", &b"llo"[..]));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "recvmsg_into")]
    pub fn recv_msg_into(
        &self,
        buffers: &mut [IoSliceMut<'_>],
        ancillary_size: usize,
        flags: Flags,
    ) -> Result<Message<usize>> {
        self.receive_message(ancillary_size, flags, |socket, control| {
            sys::recv_message(socket, buffers, control, flags.bits())
        })
    }

    fn receive_message<T>(
        &self,
        ancillary_size: usize,
        flags: Flags,
        mut call: impl FnMut(&socket2::Socket, &mut [u8]) -> std::io::Result<(T, sys::Beside)>,
    ) -> Result<Message<T>> {
        let socket = self.open(Operation::Receive)?;
        if ancillary_size > limits::ANCILLARY_BYTES {
            return Err(too_much(Operation::Receive, ancillary_size));
        }
        let mut control = vec![0; ancillary_size];
        let (bytes, beside) = self
            .budget(flags)
            .call(socket, until(flags), || call(socket, &mut control))
            .map_err(|error| self.failed(Operation::Receive, error))?;
        let mut flags = Flags::from_bits(beside.flags);
        if self.kind() == Kind::Stream {
            flags = flags & !MSG_TRUNC; // a stream keeps the rest
        }
        let from = self.sender(beside.from);
        Ok(Message { bytes, ancillary: beside.ancillary, flags, from })
    }

    /// Sends bytes and descriptors over a Unix socket, and gives how many bytes the kernel
    /// took. The receiver gets copies; ours stay open. At least one byte must go with them.
    ///
    /// # Errors
    /// As [`Socket::send_msg`].
    ///
    /// ```
    /// # #[cfg(unix)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use ropewalk::socket::*;
    /// use std::{fs::File, io::IoSlice, os::fd::AsFd};
    /// # let (one, other) = socketpair()?;
    /// one.send_fds(&[IoSlice::new(b"x")], &[File::open("/dev/null")?.as_fd()])?;
    /// let mut message = other.recv_fds(1, 1)?;
    /// let file = File::from(message.take_descriptors().remove(0));
    /// assert!(!file.metadata()?.is_file());
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    pub fn send_fds(
        &self,
        buffers: &[IoSlice<'_>],
        descriptors: &[BorrowedDescriptor<'_>],
    ) -> Result<usize> {
        let ancillary = [Attachment::Descriptors(descriptors)];
        self.send_msg(buffers, &ancillary, Flags::default(), None)
    }

    /// Receives at most `max` bytes, and at most `max_descriptors` descriptors with them. More
    /// are closed, and [`Message::control_truncated`] tells.
    ///
    /// # Errors
    /// As [`Socket::recv_msg`].
    ///
    /// [`Socket::send_fds`] has an example.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// assert!(socket.recv_fds(1, usize::MAX).is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn recv_fds(&self, max: usize, max_descriptors: usize) -> Result<Message<Vec<u8>>> {
        let data_bytes = max_descriptors.saturating_mul(size_of::<i32>());
        let room = cmsg_space(data_bytes).map_err(|error| error.during(Operation::Receive))?;
        let mut message = self.recv_msg(max, room, Flags::default())?;
        // What aligns the item may have had room for one more.
        let mut left = max_descriptors;
        for item in &mut message.ancillary {
            let Ancillary::Descriptors(descriptors) = item else { continue };
            if descriptors.len() > left {
                descriptors.truncate(left); // which closes them
                message.flags |= MSG_CTRUNC;
            }
            left -= descriptors.len();
        }
        Ok(message)
    }
}
