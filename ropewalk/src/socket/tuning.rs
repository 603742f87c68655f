//! The options that programs set most, each with its type.
//! Owns: their units, and which of them this system lacks.
//! Never: has an option that [`Socket::set_option`] could not set: it is the same call.

use std::time::Duration;

use super::sys::{self, numbers};
use super::{
    Family, IPPROTO_IPV6, IPPROTO_TCP, IPV6_V6ONLY, SO_BROADCAST, SO_KEEPALIVE, SO_RCVBUF,
    SO_REUSEADDR, SO_SNDBUF, SOL_SOCKET, Socket, TCP_NODELAY,
};
use crate::error::{Error, ErrorKind, Operation, Result};

/// When a silent peer is probed, and given up. What is `None` is the system's: two hours, 75
/// seconds and 9 probes, mostly.
///
/// ```
/// use ropewalk::socket::*;
/// use std::time::Duration;
/// # fn main() -> ropewalk::Result<()> {
/// # if cfg!(windows) { return Ok(()) } // Wine does not know it
/// let socket = Socket::new(AF_INET, SOCK_STREAM)?;
/// let idle = Some(Duration::from_secs(60));
/// socket.set_keep_alive(KeepAlive { idle, ..KeepAlive::default() })?;
/// assert_eq!(socket.keep_alive()?.and_then(|set| set.idle), idle);
/// socket.set_keep_alive(None)?;
/// assert_eq!(socket.keep_alive()?, None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeepAlive {
    /// Silence before the first probe, in whole seconds: a part of one counts as one.
    #[doc(alias = "TCP_KEEPIDLE")]
    pub idle: Option<Duration>,
    /// From one probe to the next, likewise.
    #[doc(alias = "TCP_KEEPINTVL")]
    pub interval: Option<Duration>,
    /// Probes without an answer, before the connection is given up.
    #[doc(alias = "TCP_KEEPCNT")]
    pub count: Option<u32>,
}

impl Socket {
    /// Has the system probe a silent peer (`SO_KEEPALIVE`), or not: `None`. A call on a
    /// connection that is given up fails with the system's `TimedOut`.
    ///
    /// # Errors
    /// `InvalidInput` for what the system does not take: no time, more than 32767 s.
    ///
    /// [`KeepAlive`] has an example.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// Socket::new(AF_INET, SOCK_STREAM)?.set_keep_alive(KeepAlive::default())?;
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "SO_KEEPALIVE")]
    pub fn set_keep_alive(&self, keep_alive: impl Into<Option<KeepAlive>>) -> Result<()> {
        let keep_alive = keep_alive.into();
        // What is refused leaves it as it was: it is switched last.
        for (level, name, value) in probing(keep_alive.unwrap_or_default())? {
            self.set_option(level, name, value)?;
        }
        self.set_option(SOL_SOCKET, SO_KEEPALIVE, keep_alive.is_some().into())
    }

    /// What is set, the system's defaults included; `None` if a silent peer is not probed.
    ///
    /// # Errors
    /// `Closed`; the system's, for what is not TCP.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// assert_eq!(Socket::new(AF_INET, SOCK_STREAM)?.keep_alive()?, None);
    /// # Ok(())
    /// # }
    /// ```
    pub fn keep_alive(&self) -> Result<Option<KeepAlive>> {
        if self.option(SOL_SOCKET, SO_KEEPALIVE)? == 0 {
            return Ok(None);
        }
        let number = |name| self.option(IPPROTO_TCP, name).map(i32::unsigned_abs);
        let seconds = |name| number(name).map(|seconds| Some(Duration::from_secs(seconds.into())));
        Ok(Some(KeepAlive {
            idle: seconds(sys::options::KEEP_IDLE)?,
            interval: seconds(sys::options::KEEP_INTERVAL)?,
            count: Some(number(sys::options::KEEP_COUNT)?),
        }))
    }

    /// How long sent bytes may go without an answer before the connection is given up
    /// (`TCP_USER_TIMEOUT`, in whole milliseconds); `None` is the system's default. Linux.
    ///
    /// # Errors
    /// `Unsupported` on other systems; `InvalidInput` for no time, and for more than 24
    /// days.
    ///
    /// ```
    /// # #[cfg(target_os = "linux")]
    /// # fn main() -> ropewalk::Result<()> {
    /// use ropewalk::socket::*;
    /// use std::time::Duration;
    /// let socket = Socket::new(AF_INET, SOCK_STREAM)?;
    /// socket.set_user_timeout(Some(Duration::from_secs(30)))?;
    /// assert_eq!(socket.user_timeout()?, Some(Duration::from_secs(30)));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(target_os = "linux"))]
    /// # fn main() {}
    /// ```
    #[doc(alias = "TCP_USER_TIMEOUT")]
    pub fn set_user_timeout(&self, timeout: Option<Duration>) -> Result<()> {
        if timeout == Some(Duration::ZERO) {
            let cause = "no time was given, which the system takes as its default: that is `None`";
            return Err(Error::new(Operation::Configure, ErrorKind::InvalidInput, cause));
        }
        let (level, name, value) = user_timeout(timeout.unwrap_or_default())?;
        self.set_option(level, name, value)
    }

    /// What [`Socket::set_user_timeout`] has set.
    ///
    /// # Errors
    /// `Unsupported` on other systems than Linux.
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// # use ropewalk::socket::*;
    /// assert_eq!(Socket::new(AF_INET, SOCK_STREAM)?.user_timeout()?, None);
    /// # }
    /// # Ok::<(), ropewalk::Error>(())
    /// ```
    pub fn user_timeout(&self) -> Result<Option<Duration>> {
        let name = lacking(sys::options::USER_TIMEOUT, "a timeout of what was sent")?;
        let millis = self.option(IPPROTO_TCP, name)?.unsigned_abs();
        Ok((millis > 0).then(|| Duration::from_millis(millis.into())))
    }

    /// Whether small messages leave at once (`TCP_NODELAY`), rather than wait for an
    /// answer or for company.
    ///
    /// # Errors
    /// `Closed`; the system's, for what has no such option.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET, SOCK_STREAM)?;
    /// socket.set_no_delay(true)?;
    /// assert!(socket.no_delay()?);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "TCP_NODELAY")]
    pub fn no_delay(&self) -> Result<bool> {
        Ok(self.option(IPPROTO_TCP, TCP_NODELAY)? != 0)
    }

    /// Sets what [`Socket::no_delay`] tells.
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// Socket::new(AF_INET, SOCK_STREAM)?.set_no_delay(false)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_no_delay(&self, on: bool) -> Result<()> {
        self.set_option(IPPROTO_TCP, TCP_NODELAY, on.into())
    }

    /// Whether datagrams may go to everybody on a network (`SO_BROADCAST`).
    ///
    /// # Errors
    /// `Closed`; the system's, for what has no such option.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// socket.set_broadcast(true)?;
    /// assert!(socket.broadcast()?);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "SO_BROADCAST")]
    pub fn broadcast(&self) -> Result<bool> {
        Ok(self.option(SOL_SOCKET, SO_BROADCAST)? != 0)
    }

    /// Sets what [`Socket::broadcast`] tells.
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// Socket::new(AF_INET, SOCK_DGRAM)?.set_broadcast(false)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_broadcast(&self, on: bool) -> Result<()> {
        self.set_option(SOL_SOCKET, SO_BROADCAST, on.into())
    }

    /// Whether an address may be bound though old connections linger on it
    /// (`SO_REUSEADDR`). On Windows it means something else: though another socket has it.
    ///
    /// # Errors
    /// `Closed`; the system's, for what has no such option.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET, SOCK_STREAM)?;
    /// socket.set_reuse_address(true)?;
    /// assert!(socket.reuse_address()?);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "SO_REUSEADDR")]
    pub fn reuse_address(&self) -> Result<bool> {
        Ok(self.option(SOL_SOCKET, SO_REUSEADDR)? != 0)
    }

    /// Sets what [`Socket::reuse_address`] tells.
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// Socket::new(AF_INET, SOCK_STREAM)?.set_reuse_address(false)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_reuse_address(&self, on: bool) -> Result<()> {
        self.set_option(SOL_SOCKET, SO_REUSEADDR, on.into())
    }

    /// Whether a socket of IPv6 keeps out IPv4 (`IPV6_V6ONLY`). Set it before it is bound.
    ///
    /// # Errors
    /// `Closed`; the system's, for what has no such option.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET6, SOCK_STREAM)?;
    /// socket.set_only_v6(true)?;
    /// assert!(socket.only_v6()?);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "IPV6_V6ONLY")]
    pub fn only_v6(&self) -> Result<bool> {
        Ok(self.option(IPPROTO_IPV6, IPV6_V6ONLY)? != 0)
    }

    /// Sets what [`Socket::only_v6`] tells.
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// Socket::new(AF_INET6, SOCK_STREAM)?.set_only_v6(false)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_only_v6(&self, on: bool) -> Result<()> {
        self.set_option(IPPROTO_IPV6, IPV6_V6ONLY, on.into())
    }

    /// Whether several sockets may be bound to one address and share what comes
    /// (`SO_REUSEPORT`). Windows has no such thing.
    ///
    /// # Errors
    /// `Unsupported` on Windows.
    ///
    /// ```
    /// # #[cfg(unix)] {
    /// # use ropewalk::socket::*;
    /// let socket = Socket::new(AF_INET, SOCK_DGRAM)?;
    /// socket.set_reuse_port(true)?;
    /// assert!(socket.reuse_port()?);
    /// # }
    /// # Ok::<(), ropewalk::Error>(())
    /// ```
    #[doc(alias = "SO_REUSEPORT")]
    pub fn reuse_port(&self) -> Result<bool> {
        let name = lacking(sys::options::REUSE_PORT, "a shared port")?;
        Ok(self.option(SOL_SOCKET, name)? != 0)
    }

    /// Sets what [`Socket::reuse_port`] tells, before the socket is bound.
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// # #[cfg(unix)] {
    /// # use ropewalk::socket::*;
    /// Socket::new(AF_INET, SOCK_STREAM)?.set_reuse_port(false)?;
    /// # }
    /// # Ok::<(), ropewalk::Error>(())
    /// ```
    pub fn set_reuse_port(&self, on: bool) -> Result<()> {
        let name = lacking(sys::options::REUSE_PORT, "a shared port")?;
        self.set_option(SOL_SOCKET, name, on.into())
    }

    /// How long closing waits for what was sent to arrive (`SO_LINGER`, in whole seconds).
    /// `None`, the default: it goes on behind our back. Zero: it is thrown away, and the peer
    /// meets a reset.
    ///
    /// # Errors
    /// `Closed`.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// assert_eq!(Socket::new(AF_INET, SOCK_STREAM)?.linger()?, None);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "SO_LINGER")]
    pub fn linger(&self) -> Result<Option<Duration>> {
        let socket = self.open(Operation::Configure)?;
        socket.linger().map_err(|error| Error::without_address(Operation::Configure, error))
    }

    /// Sets what [`Socket::linger`] tells.
    ///
    /// # Errors
    /// `Closed`.
    ///
    /// ```
    /// use ropewalk::{error::ErrorKind, socket::*};
    /// use std::time::Duration;
    /// # fn main() -> ropewalk::Result<()> {
    /// # if cfg!(windows) { return Ok(()) } // Wine sends no resets
    /// # let server = Socket::new(AF_INET, SOCK_STREAM)?;
    /// # server.bind(("localhost", 0))?;
    /// # server.listen()?;
    /// # let client = Socket::new(AF_INET, SOCK_STREAM)?;
    /// # client.connect(server.local_addr()?)?;
    /// # let (peer, _) = server.accept()?;
    /// peer.set_linger(Some(Duration::ZERO))?;
    /// drop(peer);
    /// assert_eq!(client.recv(1).unwrap_err().kind(), ErrorKind::Reset);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_linger(&self, linger: Option<Duration>) -> Result<()> {
        let socket = self.open(Operation::Configure)?;
        let seconds = linger.map(whole_seconds);
        seconds.map(within).transpose()?;
        socket
            .set_linger(seconds.map(Duration::from_secs))
            .map_err(|error| Error::without_address(Operation::Configure, error))
    }

    /// The size of the kernel's buffer for what comes, in bytes (`SO_RCVBUF`): Linux has twice of
    /// what was asked for, and says so.
    ///
    /// # Errors
    /// `Closed`.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// assert!(Socket::new(AF_INET, SOCK_STREAM)?.receive_buffer_size()? > 0);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "SO_RCVBUF")]
    pub fn receive_buffer_size(&self) -> Result<usize> {
        Ok(self.option(SOL_SOCKET, SO_RCVBUF)?.unsigned_abs() as usize) // 64 bits
    }

    /// Asks for that. The system has bounds of its own, and takes what is beyond as them.
    ///
    /// # Errors
    /// `Closed`; `InvalidInput` for more than 2 GiB.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET, SOCK_STREAM)?;
    /// socket.set_receive_buffer_size(16 * 1024)?;
    /// assert!(socket.receive_buffer_size()? >= 16 * 1024);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_receive_buffer_size(&self, bytes: usize) -> Result<()> {
        self.set_option(SOL_SOCKET, SO_RCVBUF, within(bytes)?)
    }

    /// The size of the kernel's buffer for what goes, in bytes (`SO_SNDBUF`): Linux has twice of
    /// what was asked for, and says so.
    ///
    /// # Errors
    /// `Closed`.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// assert!(Socket::new(AF_INET, SOCK_STREAM)?.send_buffer_size()? > 0);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "SO_SNDBUF")]
    pub fn send_buffer_size(&self) -> Result<usize> {
        Ok(self.option(SOL_SOCKET, SO_SNDBUF)?.unsigned_abs() as usize) // 64 bits
    }

    /// Asks for that. The system has bounds of its own, and takes what is beyond as them.
    ///
    /// # Errors
    /// `Closed`; `InvalidInput` for more than 2 GiB.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET, SOCK_STREAM)?;
    /// socket.set_send_buffer_size(16 * 1024)?;
    /// assert!(socket.send_buffer_size()? >= 16 * 1024);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_send_buffer_size(&self, bytes: usize) -> Result<()> {
        self.set_option(SOL_SOCKET, SO_SNDBUF, within(bytes)?)
    }

    /// Routers that what is sent may pass (`IP_TTL`, `IPV6_UNICAST_HOPS`).
    ///
    /// # Errors
    /// `Closed`; `Unsupported` for what is neither IPv4 nor IPv6.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// for family in [AF_INET, AF_INET6] {
    ///     let socket = Socket::new(family, SOCK_DGRAM)?;
    ///     socket.set_ttl(7)?;
    ///     assert_eq!(socket.ttl()?, 7);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "IP_TTL")]
    #[doc(alias = "IPV6_UNICAST_HOPS")]
    pub fn ttl(&self) -> Result<u32> {
        let (level, name) = self.ttl_option()?;
        self.option(level, name).map(i32::unsigned_abs)
    }

    /// Sets that: 1 to 255.
    ///
    /// # Errors
    /// As there; `InvalidInput` for another number.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// assert!(Socket::new(AF_INET, SOCK_DGRAM)?.set_ttl(256).is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_ttl(&self, routers: u32) -> Result<()> {
        let (level, name) = self.ttl_option()?;
        self.set_option(level, name, within(routers)?)
    }

    fn ttl_option(&self) -> Result<(i32, i32)> {
        match self.family() {
            Family::Inet => Ok((numbers::IPPROTO_IP, numbers::IP_TTL)),
            Family::Inet6 => Ok((IPPROTO_IPV6, numbers::IPV6_UNICAST_HOPS)),
            other => lacking(None, &format!("a number of routers for a socket of {other}")),
        }
    }
}

/// How a silent peer is probed, as the system's options: level, name, value.
pub(crate) fn probing(keep_alive: KeepAlive) -> Result<Vec<(i32, i32, i32)>> {
    let KeepAlive { idle, interval, count } = keep_alive;
    let options = [
        (sys::options::KEEP_IDLE, idle.map(whole_seconds)),
        (sys::options::KEEP_INTERVAL, interval.map(whole_seconds)),
        (sys::options::KEEP_COUNT, count.map(u64::from)),
    ];
    let said = options.into_iter().filter_map(|(name, value)| Some((name, value?)));
    said.map(|(name, value)| Ok((IPPROTO_TCP, name, within(value)?))).collect()
}

/// The timeout of what was sent, as the system's option; zero is its default.
pub(crate) fn user_timeout(timeout: Duration) -> Result<(i32, i32, i32)> {
    let name = lacking(sys::options::USER_TIMEOUT, "a timeout of what was sent")?;
    Ok((IPPROTO_TCP, name, within(timeout.as_nanos().div_ceil(1_000_000))?))
}

/// A part of a second counts as one.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add((time.subsec_nanos() > 0).into())
}

/// A value as the system takes it.
fn within<N: TryInto<i32> + Copy + std::fmt::Display>(value: N) -> Result<i32> {
    value.try_into().map_err(|_| {
        let cause = format!("{value} is more than the option holds");
        Error::new(Operation::Configure, ErrorKind::InvalidInput, cause)
    })
}

/// An option that not every system has.
fn lacking<T>(name: Option<T>, what: &str) -> Result<T> {
    name.ok_or_else(|| Error::without_address(Operation::Configure, sys::unsupported(what)))
}
