//! Waking a thread that blocks in `poll(2)`: a byte through a pair of sockets.
//! Owns: the pair. Never: carries anything but "look at your mail".

use std::io::{self, Read, Write};

// A pair of the cheapest sockets that the platform has.
#[cfg(unix)]
type End = std::os::unix::net::UnixStream;
// Windows has no pair; a datagram socket that is connected to itself is as good.
#[cfg(windows)]
type End = windows::Itself;

/// The sleeper's end; it is polled for input.
#[derive(Debug)]
pub(crate) struct Alarm(End);

/// Everybody else's end.
#[derive(Debug)]
pub(crate) struct Ring(End);

/// A pair.
pub(crate) fn alarm() -> io::Result<(Alarm, Ring)> {
    let (sleeper, other) = End::pair()?;
    sleeper.set_nonblocking(true)?;
    other.set_nonblocking(true)?;
    Ok((Alarm(sleeper), Ring(other)))
}

impl Alarm {
    /// Takes what was rung.
    pub(crate) fn hear(&self) {
        let mut bytes = [0; 64];
        while matches!((&self.0).read(&mut bytes), Ok(64)) {}
    }
}

impl Ring {
    pub(crate) fn ring(&self) {
        // Full means that it rings already.
        let _ = (&self.0).write(&[1]);
    }
}

// What `poll` takes is a descriptor here.
#[cfg(unix)]
impl std::os::fd::AsFd for Alarm {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

// A child's own takes the place of its parent's.
#[cfg(unix)]
impl std::os::fd::AsFd for Ring {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

// And what it hears its parent by.
#[cfg(unix)]
impl From<std::os::fd::OwnedFd> for Alarm {
    fn from(end: std::os::fd::OwnedFd) -> Alarm {
        Alarm(End::from(end))
    }
}

// And a socket there.
#[cfg(windows)]
impl std::os::windows::io::AsSocket for Alarm {
    fn as_socket(&self) -> std::os::windows::io::BorrowedSocket<'_> {
        std::os::windows::io::AsSocket::as_socket(&self.0.0)
    }
}

// See `End`.
#[cfg(windows)]
mod windows {
    //! A datagram socket that is connected to itself. Never: hears anybody else.
    use super::*;
    use std::net::{Ipv4Addr, UdpSocket};

    #[derive(Debug)]
    pub(super) struct Itself(pub(super) UdpSocket);

    impl Itself {
        pub(super) fn pair() -> io::Result<(Itself, Itself)> {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.connect(socket.local_addr()?)?;
            Ok((Itself(socket.try_clone()?), Itself(socket)))
        }

        pub(super) fn set_nonblocking(&self, on: bool) -> io::Result<()> {
            self.0.set_nonblocking(on)
        }
    }

    impl Read for &Itself {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.recv(buffer)
        }
    }

    impl Write for &Itself {
        fn write(&mut self, data: &[u8]) -> io::Result<usize> {
            self.0.send(data)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
