//! Ending a call that waits in another thread.
//! Owns: the mark, the alarm that wakes, and a copy of the descriptor to shut down.
//! Never: closes the socket, or keeps it open once its owner has let it go.

use std::io;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Socket;
use super::sys::{self, Alarm, Ring};
use crate::error::{Error, Operation, Result};

/// Ends whatever a [`Socket`] waits for, from any thread. See [`Socket::abort_handle`].
///
/// ```
/// use ropewalk::{error::ErrorKind, socket::*};
/// # fn main() -> ropewalk::Result<()> {
/// let socket = Socket::new(AF_INET, SOCK_DGRAM)?;
/// socket.bind(("localhost", 0))?;
/// let handle: AbortHandle = socket.abort_handle()?;
/// let other = handle.clone();
/// let thread = std::thread::spawn(move || other.abort());
/// let error = socket.recv(1024).unwrap_err(); // for ever, if it were not for the thread
/// assert_eq!(error.kind(), ErrorKind::Aborted);
/// # thread.join().unwrap();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct AbortHandle(Arc<Abort>);

impl AbortHandle {
    /// Ends the socket's calls: those that wait, and those that come. It is shut down in both
    /// directions, and stays open until its owner drops it. Again is no error, nor is it if
    /// the socket is gone.
    ///
    /// ```
    /// use ropewalk::{error::ErrorKind, socket::*};
    /// # fn main() -> ropewalk::Result<()> {
    /// let (ours, theirs) = socketpair()?;
    /// ours.abort_handle()?.abort();
    /// assert_eq!(ours.send(b"x").unwrap_err().kind(), ErrorKind::Aborted);
    /// assert_eq!(theirs.recv(16)?, b""); // the peer meets the end of input
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "shutdown")]
    #[doc(alias = "close")]
    pub fn abort(&self) {
        self.0.is_aborted.store(true, Ordering::Release);
        self.0.ring.ring();
        if let Some(socket) = &*self.0.socket() {
            // One without a peer answers that it has none; where such a call waits in the
            // kernel (Linux) it is woken all the same.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// Whether somebody has.
    ///
    /// ```
    /// # use ropewalk::socket::*;
    /// # fn main() -> ropewalk::Result<()> {
    /// let handle = Socket::new(AF_INET, SOCK_STREAM)?.abort_handle()?;
    /// assert!(!handle.is_aborted());
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_aborted(&self) -> bool {
        self.0.is_aborted()
    }
}

impl Socket {
    /// What ends this socket's calls from another thread. All its handles are one.
    ///
    /// From now on a call that waits looks out for it: `accept`, `connect`, every receive and
    /// send, of streams and datagrams, whatever the timeout. After [`AbortHandle::abort`] each
    /// of them fails with the kind `Aborted` and no code of the system's; addresses and
    /// options can still be asked for.
    ///
    /// Ask before the call that may have to be ended. One that waits already is woken on Linux
    /// by the shutdown, whatever it is but a connect to a Unix listener whose queue is full, or a
    /// datagram to a full Unix receiver; on macOS and the BSDs if it receives from a connected
    /// peer, or sends; on Windows only if it has a deadline, and meets it.
    ///
    /// It costs three descriptors; and the socket's own is non-blocking from now on, which
    /// copies of it share (calls of this crate wait as before). A lookup of a name is then left
    /// to a thread, as it is with a timeout. A socket without a handle pays nothing.
    ///
    /// # Errors
    /// `Closed`, `NoDescriptors`.
    ///
    /// ```
    /// use ropewalk::{error::ErrorKind, socket::*};
    /// # fn main() -> ropewalk::Result<()> {
    /// let server = create_server(("localhost", 0))?;
    /// let handle = server.abort_handle()?;
    /// let thread = std::thread::spawn(move || server.accept().map(drop));
    /// handle.abort();
    /// let error = thread.join().unwrap().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Aborted);
    /// # Ok(())
    /// # }
    /// ```
    pub fn abort_handle(&self) -> Result<AbortHandle> {
        let socket = self.open(Operation::Configure)?;
        let made = self.mode.abort(socket).map(AbortHandle);
        made.map_err(|error| Error::without_address(Operation::Configure, error))
    }
}

/// What a socket and its handles share.
#[derive(Debug)]
pub(super) struct Abort {
    is_aborted: AtomicBool,
    /// Rings for good once it has rung: nobody hears it out.
    alarm: Alarm,
    ring: Ring,
    /// A copy, so that the number cannot meanwhile be another socket's. `None` once the
    /// socket's owner has closed it or given it away.
    socket: Mutex<Option<socket2::Socket>>,
}

impl Abort {
    pub(super) fn of(socket: &socket2::Socket) -> io::Result<Abort> {
        let (alarm, ring) = sys::alarm()?;
        let socket = Mutex::new(Some(socket.try_clone()?));
        Ok(Abort { is_aborted: AtomicBool::new(false), alarm, ring, socket })
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.is_aborted.load(Ordering::Acquire)
    }

    pub(super) fn alarm(&self) -> &Alarm {
        &self.alarm
    }

    pub(super) fn release(&self) {
        self.socket().take();
    }

    fn socket(&self) -> std::sync::MutexGuard<'_, Option<socket2::Socket>> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What every call of an aborted socket answers.
pub(super) fn aborted() -> io::Error {
    let sentence = "it was aborted from this side, through its abort handle";
    io::Error::new(io::ErrorKind::ConnectionAborted, sentence)
}
