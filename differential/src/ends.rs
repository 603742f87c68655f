//! Sockets to probe with, on this machine's loopback: `probes/ends.py` in Rust.

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ropewalk::Addr;
use ropewalk::error::{Error, ErrorKind, Operation, Result};
use ropewalk::socket::*;
use rustix::event::{PollFd, PollFlags, poll};

pub(crate) const HOST: &str = "127.0.0.1";
const PATIENCE: Duration = Duration::from_secs(10);
/// How long signals rain at most.
pub(crate) const WATCHDOG: Duration = PATIENCE;
pub(crate) const MOMENT: Duration = Duration::from_millis(10);

pub(crate) fn tcp() -> Result<Socket> {
    Socket::new(AF_INET, SOCK_STREAM)
}

pub(crate) fn udp() -> Result<Socket> {
    Socket::new(AF_INET, SOCK_DGRAM)
}

pub(crate) fn unix(kind: Kind) -> Result<Socket> {
    Socket::new(AF_UNIX, kind)
}

pub(crate) fn bound(family: Family, kind: Kind) -> Result<Socket> {
    let socket = Socket::new(family, kind)?;
    socket.bind((if family == AF_INET6 { "::1" } else { HOST }, 0))?;
    Ok(socket)
}

pub(crate) fn bound_udp() -> Result<Socket> {
    bound(AF_INET, SOCK_DGRAM)
}

pub(crate) fn listener() -> Result<Socket> {
    listener_of(AF_INET)
}

pub(crate) fn listener_of(family: Family) -> Result<Socket> {
    let socket = bound(family, SOCK_STREAM)?;
    socket.listen()?;
    Ok(socket)
}

/// A connection: its client, its server's end.
pub(crate) fn pair() -> Result<(Socket, Socket)> {
    let (server, client) = (listener()?, tcp()?);
    client.connect(server.local_addr()?)?;
    Ok((client, server.accept()?.0))
}

/// A connection that its peer has reset.
pub(crate) fn reset() -> Result<Socket> {
    const SO_LINGER: i32 = 13;
    let (client, mut server) = pair()?;
    server.set_option_bytes(SOL_SOCKET, SO_LINGER, &[1, 0, 0, 0, 0, 0, 0, 0])?;
    server.close()?;
    Ok(client)
}

/// Two that are connected to one another.
pub(crate) fn udp_pair() -> Result<(Socket, Socket)> {
    let (a, b) = (bound_udp()?, bound_udp()?);
    a.connect(b.local_addr()?)?;
    b.connect(a.local_addr()?)?;
    Ok((a, b))
}

/// The address of nobody.
pub(crate) fn free_port() -> Result<Addr> {
    bound(AF_INET, SOCK_STREAM)?.local_addr()
}

pub(crate) fn with_timeout(socket: Socket, timeout: Duration) -> Result<Socket> {
    socket.set_timeout(Some(timeout))?;
    Ok(socket)
}

pub(crate) fn non_blocking(socket: Socket) -> Result<Socket> {
    with_timeout(socket, Duration::ZERO)
}

pub(crate) fn is_non_blocking(socket: &Socket) -> Result<bool> {
    let flags = rustix::fs::fcntl_getfl(socket.descriptor()?);
    Ok(flags.is_ok_and(|flags| flags.contains(rustix::fs::OFlags::NONBLOCK)))
}

pub(crate) fn is_inherited(descriptor: impl AsFd) -> bool {
    let flags = rustix::io::fcntl_getfd(descriptor);
    flags.is_ok_and(|flags| !flags.contains(rustix::io::FdFlags::CLOEXEC))
}

pub(crate) fn wait_readable(socket: &Socket) -> Result<()> {
    wait(socket, PollFlags::IN)
}

pub(crate) fn wait_writable(socket: &Socket) -> Result<()> {
    wait(socket, PollFlags::OUT)
}

fn wait(socket: &Socket, until: PollFlags) -> Result<()> {
    let descriptor = socket.descriptor()?;
    let patience = PATIENCE.try_into().ok();
    match poll(&mut [PollFd::from_borrowed_fd(descriptor, until)], patience.as_ref()) {
        Ok(1) => Ok(()),
        _ => Err(Error::new(Operation::Run, ErrorKind::Io, "nothing came")),
    }
}

/// One that has no room for another connection, and those that it has.
pub(crate) fn full_listener() -> Result<(Socket, Vec<Socket>)> {
    let server = bound(AF_INET, SOCK_STREAM)?;
    server.listen_with_backlog(0)?;
    let mut inside = Vec::new();
    loop {
        let client = with_timeout(tcp()?, Duration::from_millis(50))?;
        let connected = client.connect(server.local_addr()?);
        inside.push(client);
        match connected {
            Err(error) if error.kind() == ErrorKind::TimedOut => return Ok((server, inside)),
            connected => connected?,
        }
    }
}

/// Sends until there is no room.
pub(crate) fn fill(socket: &Socket) -> Result<()> {
    socket.set_blocking(false)?;
    loop {
        match socket.send(&vec![0; 1 << 20]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            sent => drop(sent?),
        }
    }
}

/// A folder that goes with this value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Result<Folder> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("rw{}-{number}", std::process::id()));
        let made = std::fs::create_dir_all(&path);
        made.map_err(|error| Error::from_io(Operation::Start, path.display(), error))?;
        Ok(Folder(path))
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0); // what is left is in the temporary folder
    }
}
