//! `ioctl`, which Python has on Windows only: its three codes, and the one that a UDP server
//! needs, each with what it takes.
//! Owns: their numbers and layouts. Never: promises that Windows keeps what it deprecated.

use std::ffi::c_void;
use std::io;
use std::os::windows::io::AsRawSocket;
use std::ptr;
use std::time::Duration;

use windows_sys::Win32::Networking::WinSock;

use crate::error::{Error, ErrorKind, Operation, Result};
use crate::socket::Socket;

/// What to ask of the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ioctl {
    /// Which packets a raw socket receives that is bound to an interface's address; needs
    /// an administrator.
    #[doc(alias = "SIO_RCVALL")]
    ReceiveAll(ReceiveAll),
    /// Probing of silent peers. Windows counts in milliseconds, and gives up after ten
    /// probes.
    #[doc(alias = "SIO_KEEPALIVE_VALS")]
    Keepalive {
        /// Whether to probe.
        on: bool,
        /// After so long a silence.
        time: Duration,
        /// And again after so long without an answer.
        interval: Duration,
    },
    /// A short cut within the machine, to be set at both ends before they connect.
    /// Deprecated by Microsoft; newer systems may refuse it.
    #[doc(alias = "SIO_LOOPBACK_FAST_PATH")]
    LoopbackFastPath(bool),
    /// Whether a UDP socket's receive fails because a peer refused an earlier datagram. On
    /// in a new socket; off in every server here, whose other clients it would disturb.
    #[doc(alias = "SIO_UDP_CONNRESET")]
    UdpConnectionReset(bool),
}

/// See [`Ioctl::ReceiveAll`].
///
/// ```
/// use ropewalk::socket::*;
/// assert_ne!(Ioctl::ReceiveAll(ReceiveAll::On), Ioctl::ReceiveAll(ReceiveAll::Off));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReceiveAll {
    /// Its own packets.
    #[doc(alias = "RCVALL_OFF")]
    Off,
    /// All packets that the interface sees.
    #[doc(alias = "RCVALL_ON")]
    On,
    /// All that reach this machine's IP layer.
    #[doc(alias = "RCVALL_IPLEVEL")]
    IpLevel,
}

impl Socket {
    /// Asks the socket for something by its control code. Corresponds to `WSAIoctl`, and is
    /// there on Windows alone, as in Python. Gives how many bytes the system answered: 0 for
    /// all of these.
    ///
    /// # Errors
    /// `InvalidInput` for a duration of more than 49 days; the system's.
    ///
    /// ```no_run
    /// use ropewalk::socket::*;
    /// use std::time::Duration;
    /// # fn main() -> ropewalk::Result<()> {
    /// let socket = Socket::new(AF_INET, SOCK_STREAM)?;
    /// let (time, interval) = (Duration::from_secs(60), Duration::from_secs(1));
    /// socket.ioctl(Ioctl::Keepalive { on: true, time, interval })?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn ioctl(&self, control: Ioctl) -> Result<u32> {
        let socket = self.open(Operation::Configure)?;
        let (code, input) = encode(control)?;
        ask(socket, code, &input)
            .map_err(|error| Error::without_address(Operation::Configure, error))
    }
}

/// For datagrams of a server: a peer that refuses one is no failure to receive others.
pub(crate) fn ignore_refusals(socket: &socket2::Socket) -> io::Result<()> {
    ask(socket, WinSock::SIO_UDP_CONNRESET, &0u32.to_ne_bytes()).map(|_| ())
}

fn ask(socket: &socket2::Socket, code: u32, input: &[u8]) -> io::Result<u32> {
    let mut answered = 0;
    // SAFETY: the input is as long as is said and lives through the call; there is no output
    // buffer; without an overlapped structure the call is over when it returns, and
    // `answered` is a place for the number that it then writes.
    let failed = unsafe {
        WinSock::WSAIoctl(
            socket.as_raw_socket() as usize,
            code,
            input.as_ptr().cast::<c_void>(),
            input.len() as u32,
            ptr::null_mut(),
            0,
            &mut answered,
            ptr::null_mut(),
            None,
        )
    };
    if failed != 0 {
        // SAFETY: it only reads this thread's last error.
        return Err(io::Error::from_raw_os_error(unsafe { WinSock::WSAGetLastError() }));
    }
    Ok(answered)
}

/// The code, and its input as the system reads it: numbers of 32 bits.
fn encode(control: Ioctl) -> Result<(u32, Vec<u8>)> {
    let (code, numbers) = match control {
        Ioctl::ReceiveAll(which) => {
            let number = match which {
                ReceiveAll::Off => 0,
                ReceiveAll::On => 1,
                ReceiveAll::IpLevel => 3,
            };
            (WinSock::SIO_RCVALL, vec![number])
        }
        Ioctl::Keepalive { on, time, interval } => {
            let numbers = vec![u32::from(on), millis(time)?, millis(interval)?];
            (WinSock::SIO_KEEPALIVE_VALS, numbers)
        }
        Ioctl::LoopbackFastPath(on) => (WinSock::SIO_LOOPBACK_FAST_PATH, vec![u32::from(on)]),
        Ioctl::UdpConnectionReset(on) => (WinSock::SIO_UDP_CONNRESET, vec![u32::from(on)]),
    };
    Ok((code, numbers.into_iter().flat_map(u32::to_ne_bytes).collect()))
}

fn millis(duration: Duration) -> Result<u32> {
    duration.as_millis().try_into().map_err(|_| {
        let cause = format!("{duration:?} is more than 32 bits of milliseconds hold");
        Error::new(Operation::Configure, ErrorKind::InvalidInput, cause)
    })
}

const _: () = assert!(size_of::<WinSock::tcp_keepalive>() == 3 * size_of::<u32>());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_control_has_its_code_and_its_numbers() {
        let time = Duration::from_millis(1500);
        for (control, code, numbers) in [
            (Ioctl::ReceiveAll(ReceiveAll::IpLevel), 0x9800_0001, &[3][..]),
            (Ioctl::Keepalive { on: true, time, interval: time }, 0x9800_0004, &[1, 1500, 1500]),
            (Ioctl::LoopbackFastPath(true), 0x9800_0010, &[1]),
            (Ioctl::UdpConnectionReset(false), 0x9800_000c, &[0]),
        ] {
            let bytes: Vec<u8> = numbers.iter().flat_map(|n: &u32| n.to_ne_bytes()).collect();
            assert_eq!(encode(control).unwrap(), (code, bytes));
        }
        let long = Duration::from_secs(5_000_000);
        assert!(encode(Ioctl::Keepalive { on: true, time: long, interval: time }).is_err());
    }
}
