//! Python's socket object, in Rust's habits.
//!
//! Owns: a descriptor, and one timeout that every call keeps: in three modes, for ever
//! (`None`), not at all (zero), or until a deadline. Never: knows a protocol, an engine or a
//! driver; it stands on the bottom row alone.
//!
//! A server that answers whoever comes, and a client, as one would write them in Python:
//!
//! ```
//! use ropewalk::socket::*;
//!
//! # fn main() -> ropewalk::Result<()> {
//! let server = Socket::new(AF_INET, SOCK_STREAM)?;
//! server.bind(("localhost", 0))?; // 0: a free port
//! server.listen()?;
//! let at = server.local_addr()?;
//! let thread = std::thread::spawn(move || -> ropewalk::Result<()> {
//!     let (client, addr) = server.accept()?;
//!     println!("...connected from: {addr}");
//!     loop {
//!         let data = client.recv(1024)?;
//!         if data.is_empty() {
//!             return Ok(()); // the end of input; dropping `client` closes it
//!         }
//!         client.send_all(&data)?;
//!     }
//! });
//!
//! let client = Socket::new(AF_INET, SOCK_STREAM)?;
//! client.connect(at)?;
//! client.send_all(b"hello")?;
//! assert_eq!(client.recv(1024)?, b"hello");
//! drop(client);
//! # thread.join().unwrap()
//! # }
//! ```
//!
//! # Their names and ours
//!
//! | Python | here | what differs |
//! | --- | --- | --- |
//! | `socket(family, type, proto=0)` | [`Socket::new`], [`Socket::with_protocol`] | closed on exec, always |
//! | `create_connection(address, timeout, source_address)` | [`create_connection`], [`create_connection_from`] | one deadline for all of it; the addresses race (RFC 8305); [`Error::attempts`] has what each said |
//! | `create_server(address, …)` | [`create_server`], [`create_server_with`] | the address tells the family; all interfaces are IPv4, as there |
//! | `has_dualstack_ipv6()` | [`has_dualstack_ipv6`] | |
//! | `socketpair()` | [`socketpair`], [`socketpair_of`] | of IPv4 and IPv6 everywhere |
//! | `getaddrinfo()`, `gethostbyname()` | [`getaddrinfo`], [`getaddrinfo_timeout`] | a port out of range is refused; letters beyond ASCII go to the resolver as they are (Python's become `xn--`) |
//! | `getnameinfo()`, `gethostbyaddr()` | [`getnameinfo`], [`getnameinfo_timeout`] | |
//! | `gethostname()`, `getfqdn()` | [`gethostname`], [`getfqdn`] | |
//! | `getservbyname()`, `getservbyport()` | [`getservbyname`], [`getservbyport`] | a kind of socket, not a protocol's name |
//! | `if_nameindex()`, `if_nametoindex()`, `if_indextoname()` | [`if_nameindex`], [`if_nametoindex`], [`if_indextoname`] | |
//! | `inet_aton()`, `inet_pton()` | `str::parse::<Ipv4Addr>`, `<Ipv6Addr>` of std | strict: `1.2` is no address |
//! | `inet_ntoa()`, `inet_ntop()` | `to_string` of the same, `From<[u8; 4]>` and `From<[u8; 16]>` | |
//! | `htons()`, `htonl()`, `ntohs()`, `ntohl()` | `u16::to_be`, `u32::to_be`, `from_be` of std | |
//! | `gaierror`, `herror` | [`Error::resolver_code`], with the kind beside it | |
//! | `s.bind()` | [`Socket::bind`] | |
//! | `s.listen()` | [`Socket::listen`], [`Socket::listen_with_backlog`] | the default queue is 4096, or the system's bound if that is less |
//! | `s.accept()` | [`Socket::accept`] | |
//! | `s.connect()` | [`Socket::connect`] | a full Unix listener is waited for, until the deadline; a name is, too |
//! | `s.connect_ex()` | [`Socket::connect_ex`] | our deadline is `ETIMEDOUT`, Python's is `EAGAIN` |
//! | `socket(fileno=fd)`, `fromfd()` | [`Socket::from_fd`], `Socket::from` | owned; `fromfd` copies: `try_clone_to_owned` first |
//! | `s.dup()` | [`Socket::dup`] | each keeps its own timeout |
//! | `s.get_inheritable()`, `s.set_inheritable()` | [`Socket::is_inheritable`], [`Socket::set_inheritable`] | |
//! | `s.recv()` | [`Socket::recv`] | |
//! | `s.recv_into()` | [`Socket::recv_into`] | the whole slice; take a shorter one for less |
//! | `s.send()` | [`Socket::send`] | |
//! | `s.sendall()` | [`Socket::send_all`] | its error says how much was sent |
//! | `s.recvfrom()` | [`Socket::recv_from`] | a truncated datagram says so |
//! | `s.recvfrom_into()` | [`Socket::recv_from_into`] | as above |
//! | `s.sendto()` | [`Socket::send_to`] | |
//! | `s.recv(n, flags)` and the like | [`Socket::recv_with`] and the like, [`Flags`] | [`MSG_DONTWAIT`] does not wait, whatever the timeout |
//! | `s.sendmsg()` | [`Socket::send_msg`] | ancillary data has a type: [`Attachment`] |
//! | `s.recvmsg()`, `s.recvmsg_into()` | [`Socket::recv_msg`], [`Socket::recv_msg_into`] | [`Ancillary`]; received descriptors are owned, and closed on exec |
//! | `CMSG_LEN()`, `CMSG_SPACE()` | [`cmsg_len`], [`cmsg_space`] | |
//! | `send_fds()`, `recv_fds()` | [`Socket::send_fds`], [`Socket::recv_fds`] | as above; those beyond the most that were asked for are closed |
//! | `s.sendfile()` | [`Socket::send_file`] | one deadline for the whole; a count of 0 sends nothing |
//! | (written by hand) | [`Socket::recv_exact`], [`Socket::recv_until`] | within one deadline; nothing behind the message is taken |
//! | `SO_PEERCRED` | [`Socket::peer_credentials`] | `getpeereid` where that is there instead |
//! | `SO_KEEPALIVE`, `TCP_NODELAY`, `SO_LINGER`, … | [`Socket::set_keep_alive`], [`Socket::set_no_delay`], [`Socket::set_linger`], … | with a type and a unit |
//! | `s.getpeername()` | [`Socket::peer_addr`] | an IPv4 peer of an IPv6 socket is written as IPv4 |
//! | `s.getsockname()` | [`Socket::local_addr`] | as above |
//! | `s.getsockopt()` | [`Socket::option`], [`Socket::option_bytes`] | a number, or bytes |
//! | `s.setsockopt()` | [`Socket::set_option`], [`Socket::set_option_bytes`], [`Socket::set_option_length`] | as above, or a length alone |
//! | `s.shutdown()` | [`Socket::shutdown`] | |
//! | `s.close()` | [`Socket::close`] | no other thread can be inside a call |
//! | `s.detach()` | [`Socket::detach`] | the descriptor is owned; asking again is an error |
//! | `s.ioctl()` | `Socket::ioctl` | Windows alone, as there |
//! | `s.setblocking()` | [`Socket::set_blocking`] | |
//! | `s.settimeout()` | [`Socket::set_timeout`] | a `Duration` is never negative |
//! | `s.gettimeout()` | [`Socket::timeout`] | |
//! | `s.fileno()` | [`Socket::descriptor`] | lent, not a number; `as_raw_fd` is one, and -1 once closed |
//! | `s.makefile()` | [`Socket::makefile`] | a reader and a writer; after a deadline they go on. For a mode of `r` or `w` drop the other; unbuffered is [`SocketIo`]; text is `str::from_utf8` |
//! | `s.family` | [`Socket::family`] | |
//! | `s.type` | [`Socket::kind`] | |
//! | `s.proto` | [`Socket::protocol`] | |
//!
//! # Quirks of Python's that are not copied
//!
//! | Python | here |
//! | --- | --- |
//! | `recv` works on a closed socket while it has a file | a file shares the socket (`Arc`): it cannot be closed under one, and stays open until both are gone |
//! | after one deadline a file's reader refuses for ever | it goes on, and has what had come |
//! | `makefile('rw')` may throw away at a write what it had received | reader and writer know nothing of one another |
//! | `connect_ex` answers `EAGAIN` for its own deadline | `ETIMEDOUT` |
//! | the rest of a long datagram is lost without a word | [`Received::truncated`], [`Message::truncated`] |
//! | `sendall` does not tell how much was sent | [`Error::sent`] |
//! | received descriptors are inherited by child processes | never |
//! | a full Unix listener is `EAGAIN` at once, whatever the timeout | it is waited for, until the deadline |
//! | a copy (`dup`) changes under the other whether it blocks | each keeps its own timeout ([`Socket::dup`]) |
//! | a Unix path is cut at a zero byte in it | refused |
//! | names are resolved outside of every timeout | within it, on a thread (a non-blocking socket waits for the resolver) |
//! | `setdefaulttimeout()`: one for the process, of every socket made later | not there: a library's sockets would change with whoever else is linked in; [`create_connection`] takes its own, and `accept` gives a socket that blocks |
//!
//! # Threads
//!
//! Calls take `&self`, and a `Socket` is `Sync`: one thread may receive while another sends.
//! [`Socket::close`] takes `&mut self`, so that nobody is inside a call when the descriptor
//! goes; a thread that waits in one is woken by its [`AbortHandle`], on every system, or by
//! [`Socket::shutdown`] (in `accept`, on Linux).

mod abort;
mod connect;
mod convert;
mod create;
mod credentials;
mod deadline;
mod descriptor;
mod exact;
mod family;
mod file;
mod file_sending;
mod flags;
mod interface;
mod message;
mod name;
mod option;
mod pair;
pub(crate) mod pool;
mod race;
mod resolve;
mod resolver;
pub(crate) mod sys;
mod timeout;
mod transfer;
mod tuning;

use std::fmt;
use std::io;
use std::net::Shutdown;
use std::sync::OnceLock;

use socket2::{Protocol, SockAddr};

pub use self::abort::AbortHandle;
use self::abort::aborted;
pub(crate) use self::connect::connected;
pub use self::create::*;
pub use self::credentials::Credentials;
pub(crate) use self::deadline::timespec;
use self::deadline::{Budget, Mode, Until};
pub use self::family::*;
pub use self::file::SocketIo;
pub use self::flags::*;
pub use self::interface::*;
pub use self::message::{Ancillary, Attachment, Message, cmsg_len, cmsg_space};
pub use self::option::*;
pub use self::pair::{socketpair, socketpair_of};
pub(crate) use self::race::check_source;
pub use self::resolve::*;
pub(crate) use self::resolver::{Resolver, lookup_addrs, lookup_ips};
pub use self::sys::{BorrowedDescriptor, Descriptor};
#[cfg(windows)] // Python has it there alone, too
pub use self::sys::{Ioctl, ReceiveAll};
pub use self::transfer::Received;
pub use self::tuning::KeepAlive;
pub(crate) use self::tuning::{probing, user_timeout};
use crate::addr::{Addr, Target};
use crate::error::{Error, Operation, Result};
use crate::limits;

/// A socket. The [module](self) has the table of its methods.
///
/// It is closed when it is dropped.
///
/// ```
/// use ropewalk::socket::*;
/// # fn main() -> ropewalk::Result<()> {
/// let server = Socket::new(AF_INET, SOCK_DGRAM)?;
/// server.bind(("localhost", 0))?;
/// let client = Socket::new(AF_INET, SOCK_DGRAM)?;
/// client.send_to(b"hello", server.local_addr()?)?;
/// assert_eq!(server.recv_from(1024)?.bytes, b"hello");
/// # Ok(())
/// # }
/// ```
#[doc(alias = "socket")]
pub struct Socket {
    /// `None` once closed.
    inner: Option<socket2::Socket>,
    family: Family,
    kind: Kind,
    protocol: i32,
    mode: Mode,
    /// The peer of a stream, as the system said or was told: after a reset it no longer says.
    peer: OnceLock<Addr>,
}

impl Socket {
    /// A socket of this family and kind, with the protocol that belongs to them. Corresponds
    /// to `socket(2)`. It blocks, and is closed on exec.
    ///
    /// # Errors
    /// `NoDescriptors`; `Unsupported` for a family that the system lacks.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET, SOCK_STREAM)?;
    /// assert_eq!((socket.family(), socket.kind()), (AF_INET, SOCK_STREAM));
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(family: Family, kind: Kind) -> Result<Socket> {
        Socket::with_protocol(family, kind, 0)
    }

    /// The same with the protocol by its number, where several fit; 0 is the usual one.
    ///
    /// Both take a kind with bits beside its number, made by [`Kind::from`]: with
    /// `SOCK_NONBLOCK` the socket does not block. [`Socket::kind`] is without them.
    ///
    /// # Errors
    /// As [`Socket::new`], and of the system where the protocol does not fit.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// const IPPROTO_TCP: i32 = 6;
    /// assert_eq!(Socket::with_protocol(AF_INET, SOCK_STREAM, IPPROTO_TCP)?.protocol(), 6);
    /// assert!(Socket::with_protocol(AF_INET, SOCK_DGRAM, IPPROTO_TCP).is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_protocol(family: Family, kind: Kind, protocol: i32) -> Result<Socket> {
        let inner = sys::domain_of(family)
            .and_then(|domain| {
                socket2::Socket::new(domain, sys::type_of(kind), Some(Protocol::from(protocol)))
            })
            .map_err(|error| {
                let what = format!("({family}, {kind}, protocol {protocol})");
                Error::from_io(Operation::Open, what, error)
            })?;
        let Kind::Other(_) = kind else {
            return Ok(Socket::around(inner, family, kind, protocol));
        };
        // Its number may have had bits beside it, as `SOCK_CLOEXEC` and `SOCK_NONBLOCK`.
        let kind = sys::what_is(&inner).map_or(kind, |(_, kind, _)| kind);
        let blocks = !sys::is_non_blocking(&inner);
        let socket = Socket::around(inner, family, kind, protocol);
        socket.set_blocking(blocks)?;
        Ok(socket)
    }

    fn around(inner: socket2::Socket, family: Family, kind: Kind, protocol: i32) -> Socket {
        let (mode, peer) = (Mode::blocking(), OnceLock::new());
        Socket { inner: Some(inner), family, kind, protocol, mode, peer }
    }

    /// Gives the socket its address. Corresponds to `bind(2)`. A name is resolved first, within the
    /// timeout; an empty one means all interfaces, port 0 a free port. A path makes a file, which
    /// outlives the socket.
    ///
    /// # Errors
    /// `AddressInUse`, `AddressNotAvailable`, `PermissionDenied` (with what helps, for a port
    /// that needs a privilege), `InvalidInput` for what is no address of the family.
    ///
    /// ```
    /// use ropewalk::{error::ErrorKind, socket::*};
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET, SOCK_STREAM)?;
    /// socket.bind(("localhost", 0))?;
    /// let again = Socket::new(AF_INET, SOCK_STREAM)?;
    /// let error = again.bind(socket.local_addr()?).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::AddressInUse);
    /// let error = again.bind("localhost:70000").unwrap_err();
    /// assert!(error.to_string().contains("ports go from 0 to 65535"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn bind(&self, at: impl TryInto<Target, Error: Into<Error>>) -> Result<()> {
        self.bind_within(at, &mut self.mode.budget())
    }

    fn bind_within(
        &self,
        at: impl TryInto<Target, Error: Into<Error>>,
        budget: &mut Budget<'_>,
    ) -> Result<()> {
        let (target, address) = self.address(at, Operation::Bind, budget)?;
        let socket = self.open(Operation::Bind)?;
        socket.bind(&address).map_err(|error| Error::from_io(Operation::Bind, target, error))
    }

    /// Lets peers connect, and queues them until they are accepted: as many as the system
    /// allows, up to [`limits::BACKLOG`]. Corresponds to `listen(2)`. A socket that was not
    /// bound listens on a free port of all interfaces (on Windows it is an error).
    ///
    /// # Errors
    /// `AddressInUse`; `Unsupported` for a datagram socket.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = Socket::new(AF_INET, SOCK_STREAM)?;
    /// server.bind(("localhost", 0))?;
    /// server.listen()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn listen(&self) -> Result<()> {
        self.listen_with_backlog(limits::BACKLOG.unsigned_abs())
    }

    /// The same with another length of the queue, in connections. The system has its own
    /// bound (`somaxconn`), and takes 0 as one or so.
    ///
    /// # Errors
    /// As [`Socket::listen`].
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = Socket::new(AF_INET, SOCK_STREAM)?;
    /// server.bind(("localhost", 0))?;
    /// server.listen_with_backlog(1)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn listen_with_backlog(&self, backlog: u32) -> Result<()> {
        let socket = self.open(Operation::Listen)?;
        socket
            .listen(backlog.try_into().unwrap_or(i32::MAX))
            .map_err(|error| self.failed(Operation::Listen, error))
    }

    /// Takes the next connection from the queue, and says whose it is. Corresponds to
    /// `accept(2)`. Blocks until there is one. The new socket blocks, whatever this one does.
    ///
    /// # Errors
    /// `TimedOut`, `WouldBlock` (non-blocking), `NoDescriptors`, `Aborted` by a peer that was
    /// gone again (then call again); `InvalidInput` if it does not listen.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = Socket::new(AF_INET, SOCK_STREAM)?;
    /// server.bind(("localhost", 0))?;
    /// server.listen()?;
    /// let client = Socket::new(AF_INET, SOCK_STREAM)?;
    /// client.connect(server.local_addr()?)?;
    /// let (peer, addr) = server.accept()?;
    /// assert_eq!(addr, client.local_addr()?);
    /// assert_eq!(peer.timeout(), None);
    /// # Ok(())
    /// # }
    /// ```
    pub fn accept(&self) -> Result<(Socket, Addr)> {
        let socket = self.open(Operation::Accept)?;
        let (inner, addr) = self
            .mode
            .budget()
            .call(socket, Until::Readable, || sys::accept(socket))
            .map_err(|error| self.failed(Operation::Accept, error))?;
        let accepted = Socket::around(inner, self.family, self.kind, self.protocol);
        let _ = accepted.peer.set(addr.clone()); // new, so it is empty
        Ok((accepted, addr))
    }

    /// Ends one direction, or both; the descriptor stays. Corresponds to `shutdown(2)`. The
    /// peer meets the end of input; whoever waits to receive from this socket is woken.
    ///
    /// # Errors
    /// `NotConnected`.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// # let server = Socket::new(AF_INET, SOCK_STREAM)?;
    /// # server.bind(("localhost", 0))?;
    /// # server.listen()?;
    /// # let client = Socket::new(AF_INET, SOCK_STREAM)?;
    /// # client.connect(server.local_addr()?)?;
    /// # let (peer, _) = server.accept()?;
    /// client.shutdown(std::net::Shutdown::Write)?;
    /// assert_eq!(peer.recv(1024)?, b""); // and may still answer
    /// # Ok(())
    /// # }
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> Result<()> {
        let socket = self.open(Operation::Shutdown)?;
        socket.shutdown(how).map_err(|error| self.failed(Operation::Shutdown, error))
    }

    /// Closes the socket. Corresponds to `close(2)`, and dropping it does the same. Closing
    /// again is no error; any other call afterwards is, of the kind `Closed`. Family, kind,
    /// protocol and timeout stay readable.
    ///
    /// # Errors
    /// What the system says; the socket is closed all the same.
    ///
    /// ```
    /// use ropewalk::{error::ErrorKind, socket::*};
    /// # fn main() -> ropewalk::Result<()> {
    /// let mut socket = Socket::new(AF_INET, SOCK_STREAM)?;
    /// socket.close()?;
    /// socket.close()?;
    /// assert!(socket.is_closed());
    /// assert_eq!(socket.listen().unwrap_err().kind(), ErrorKind::Closed);
    /// # Ok(())
    /// # }
    /// ```
    pub fn close(&mut self) -> Result<()> {
        self.mode.release();
        match self.inner.take() {
            Some(socket) => {
                sys::close(socket).map_err(|error| Error::without_address(Operation::Close, error))
            }
            None => Ok(()),
        }
    }

    /// Whether it was closed, or its descriptor given away.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let mut socket = Socket::new(AF_INET, SOCK_STREAM)?;
    /// assert!(!socket.is_closed());
    /// socket.close()?;
    /// assert!(socket.is_closed());
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_closed(&self) -> bool {
        self.inner.is_none()
    }

    /// This end's address. Corresponds to `getsockname(2)`.
    ///
    /// # Errors
    /// `Closed`; on Windows `InvalidInput` before it is bound.
    ///
    /// ```
    /// use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// socket.bind(("localhost", 0))?;
    /// assert_ne!(socket.local_addr()?.port(), Some(0)); // the system has chosen
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "getsockname")]
    pub fn local_addr(&self) -> Result<Addr> {
        let addr = self.open(Operation::Inspect)?.local_addr();
        addr.and_then(|addr| self.known(&addr))
            .map_err(|error| Error::without_address(Operation::Inspect, error))
    }

    /// The other end's address. Corresponds to `getpeername(2)`.
    ///
    /// # Errors
    /// `NotConnected`.
    ///
    /// ```
    /// use ropewalk::{error::ErrorKind, socket::*};
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// assert_eq!(socket.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
    /// socket.connect(("127.0.0.1", 9))?;
    /// assert_eq!(socket.peer_addr()?.to_string(), "127.0.0.1:9");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "getpeername")]
    pub fn peer_addr(&self) -> Result<Addr> {
        let addr = self.open(Operation::Inspect)?.peer_addr();
        addr.and_then(|addr| self.known(&addr))
            .map_err(|error| Error::without_address(Operation::Inspect, error))
    }

    /// An address of the system's, if its family has a form here.
    fn known(&self, addr: &SockAddr) -> io::Result<Addr> {
        match self.family {
            Family::Other(_) => Err(sys::unsupported(&format!("an address of {}", self.family))),
            _ => Ok(sys::addr_of(addr)),
        }
    }

    /// The family it was made with.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// assert_eq!(Socket::new(AF_INET, SOCK_STREAM)?.family(), AF_INET);
    /// # Ok(())
    /// # }
    /// ```
    pub fn family(&self) -> Family {
        self.family
    }

    /// The kind it was made with.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// assert_eq!(Socket::new(AF_INET, SOCK_DGRAM)?.kind(), SOCK_DGRAM);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "type")]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The protocol it was made with, as it was given: 0, mostly.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// assert_eq!(Socket::new(AF_INET, SOCK_STREAM)?.protocol(), 0);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "proto")]
    pub fn protocol(&self) -> i32 {
        self.protocol
    }

    fn open(&self, operation: Operation) -> Result<&socket2::Socket> {
        use Operation::{Accept, Bind, Connect, Listen, Receive, Send};
        let socket = self.inner.as_ref().ok_or_else(|| closed(operation))?;
        let carries = matches!(operation, Bind | Listen | Accept | Connect | Receive | Send);
        if carries && self.mode.is_aborted() {
            return Err(self.failed(operation, aborted()));
        }
        Ok(socket)
    }

    /// An address as written, and as the system takes it. A name takes of the budget.
    fn address(
        &self,
        at: impl TryInto<Target, Error: Into<Error>>,
        operation: Operation,
        budget: &mut Budget<'_>,
    ) -> Result<(Target, SockAddr)> {
        let target = at.try_into().map_err(|error| error.into().during(operation))?;
        let address = name::resolve(&target, self.family, operation, budget)?;
        Ok((target, address))
    }

    /// The peer's address, as far as it is known.
    fn peer_known(&self) -> Option<Addr> {
        self.peer.get().cloned().or_else(|| self.peer_addr().ok())
    }

    /// What failed, and on which address, if that is worth finding out.
    #[cold]
    fn failed(&self, operation: Operation, error: io::Error) -> Error {
        if error.kind() == io::ErrorKind::WouldBlock {
            return Error::without_address(operation, error);
        }
        match (self.peer_known(), self.local_addr()) {
            (Some(peer), _) => Error::from_io(operation, peer, error),
            (None, Ok(ours)) => Error::without_address(operation, error).on(ours),
            (None, Err(_)) => Error::without_address(operation, error),
        }
    }
}

fn closed(operation: Operation) -> Error {
    Error::without_address(operation, rustix::io::Errno::BADF.into())
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Socket");
        shown.field("family", &self.family).field("kind", &self.kind);
        shown.field("protocol", &self.protocol);
        let Some(socket) = &self.inner else { return shown.field("closed", &true).finish() };
        shown.field("descriptor", &sys::lend(socket)).field("timeout", &self.timeout());
        for (name, addr) in [("local", self.local_addr()), ("peer", self.peer_addr())] {
            if let Ok(addr) = addr {
                shown.field(name, &addr);
            }
        }
        shown.finish()
    }
}
