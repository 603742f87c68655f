//! Children of this process: forked, spoken with over a line, and waited for by their ids.
//! Owns: fork, wait, kill, the way out of a child, and the line between the two.
//! Never: waits for a child that was made elsewhere, or blocks.

#![allow(unsafe_code, reason = "processes are the system's; each block has its argument")]

use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::{FdFlags, fcntl_setfd};
use socket2::{Domain, Socket, Type};

use super::wakeup::Alarm;
use crate::limits;
use crate::socket::sys::{recv, retry, send};
use crate::socket::timespec;

/// Where one comes out of [`fork`].
pub(crate) enum Forked {
    /// In the parent, with the child.
    Parent(Child),
    /// In the child, with its parent. It ends by [`leave`].
    Child(Parent),
}

/// A child, as its parent knows it. Dropping it does nothing to the child but hang up.
pub(crate) struct Child {
    pid: libc::pid_t,
    line: Socket,
    /// It was waited for: its id may be another's.
    has_ended: Mutex<bool>,
}

/// The parent, as its child knows it.
pub(crate) struct Parent {
    /// Is ready when the parent wants the child to end, and when the parent is gone.
    pub(crate) orders: Arc<Alarm>,
    line: Socket,
}

/// What a line brought.
pub(crate) enum Heard {
    /// So many bytes.
    Bytes(usize),
    Nothing,
    /// The child is gone, or about to be.
    End,
}

/// What a child can be told by the system.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    Terminate,
    Kill,
}

/// A child like this process. What the program printed and did not flush is flushed first,
/// or it would be printed by both; and the locks of standard output and error are this
/// thread's meanwhile, so that in the child no thread has them that is not there.
///
/// The caller has seen that no [other threads](other_threads) run, or knows that none of
/// them holds what the child needs.
pub(crate) fn fork() -> io::Result<Forked> {
    let (parents, childs) = Socket::pair(Domain::UNIX, Type::STREAM, None)?;
    parents.set_nonblocking(true)?;
    childs.set_nonblocking(true)?;
    let orders = Arc::new(Alarm::from(OwnedFd::from(childs.try_clone()?)));
    let (mut output, mut errors) = (io::stdout().lock(), io::stderr().lock());
    let _ = (output.flush(), errors.flush()); // as in `flush`
    // SAFETY: of a process with one thread `fork` makes another one that is the same. Where
    // there are more, the caller has said that no lock matters which they hold.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            drop(parents);
            Ok(Forked::Child(Parent { orders, line: childs }))
        }
        pid => Ok(Forked::Parent(Child { pid, line: parents, has_ended: Mutex::default() })),
    }
}

/// Ends this process, a child: nothing of its parent's is dropped, nor run at exit.
pub(crate) fn leave(status: i32) -> ! {
    flush();
    // SAFETY: it takes a number, and never returns.
    unsafe { libc::_exit(status) }
}

/// How many threads run in this process beside the calling one. `None`: it can't be known
/// here.
///
/// One that was joined may be counted by the kernel for an instant longer, so a thread too
/// many is looked at again.
pub(crate) fn other_threads() -> Option<usize> {
    let mut others = count_threads()?.saturating_sub(1);
    for _ in 0..limits::FORK_LOOKS {
        if others == 0 {
            break;
        }
        let pause = timespec(limits::FORK_LOOK_PAUSE);
        let _ = rustix::event::poll(&mut [], Some(&pause));
        others = count_threads()?.saturating_sub(1);
    }
    Some(others)
}

/// Gives up what `old` names, and makes it a second name of what `by` names. Its number
/// stays taken, so that whoever still has it can't meet a stranger.
pub(crate) fn replace(old: BorrowedFd<'_>, by: BorrowedFd<'_>) -> io::Result<()> {
    retry(|| {
        // SAFETY: both are open descriptors, and no memory is touched.
        match unsafe { libc::dup2(by.as_raw_fd(), old.as_raw_fd()) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    })?;
    Ok(fcntl_setfd(old, FdFlags::CLOEXEC)?)
}

impl Child {
    /// The system's number for it.
    pub(crate) fn id(&self) -> i32 {
        self.pid
    }

    /// What it said. Does not wait.
    pub(crate) fn hear(&self, buffer: &mut [u8]) -> Heard {
        match recv(&self.line, buffer) {
            Ok(0) => Heard::End,
            Ok(count) => Heard::Bytes(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Heard::Nothing,
            Err(_) => Heard::End,
        }
    }

    /// Tells it to end, by the line.
    pub(crate) fn hang_up(&self) {
        super::stream::shutdown_write(&self.line);
    }

    /// How it ended, if it has; after that it is no more to be asked. Without a status:
    /// somebody else has waited for it.
    pub(crate) fn ended(&self) -> Option<Option<ExitStatus>> {
        // Held, so that nobody signals it in between.
        let mut has_ended = self.has_ended();
        let mut status = 0;
        let waited = retry(|| {
            // SAFETY: `status` is a number of ours to write to. The id is that of a child
            // which nobody has waited for yet, so it is nobody else's.
            match unsafe { libc::waitpid(self.pid, &mut status, libc::WNOHANG) } {
                -1 => Err(io::Error::last_os_error()),
                pid => Ok(pid),
            }
        });
        *has_ended = !matches!(waited, Ok(0));
        match waited {
            Ok(0) => None,
            Ok(_) => Some(Some(ExitStatus::from_raw(status))),
            Err(_) => Some(None),
        }
    }

    /// Sends it a signal, unless it has [ended](Child::ended).
    pub(crate) fn signal(&self, signal: Signal) {
        let has_ended = self.has_ended();
        if *has_ended {
            return;
        }
        let number = match signal {
            Signal::Terminate => libc::SIGTERM,
            Signal::Kill => libc::SIGKILL,
        };
        // SAFETY: it takes numbers. A child that nobody has waited for keeps its id.
        let _ = unsafe { libc::kill(self.pid, number) }; // one that is gone needs none
    }

    fn has_ended(&self) -> MutexGuard<'_, bool> {
        self.has_ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Child {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.line.as_fd()
    }
}

impl Parent {
    /// Says something, if there is room: a parent that does not listen is not waited for.
    pub(crate) fn say(&self, bytes: &[u8]) {
        let _ = send(&self.line, bytes);
    }
}

fn flush() {
    // Where they lead nowhere there is nobody to tell.
    let _ = io::stdout().flush();
    let _ = io::stderr().flush();
}

/// Linux has the number in a file.
#[cfg(target_os = "linux")]
fn count_threads() -> Option<usize> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name before it may have spaces and brackets of its own.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(THREADS_FIELD)?.parse().ok()
}

/// Elsewhere the number is to be had by calls that differ on each system.
#[cfg(not(target_os = "linux"))]
fn count_threads() -> Option<usize> {
    None
}

/// Of those after the name: `proc_pid_stat(5)` counts it as the twentieth of all.
#[cfg(target_os = "linux")]
const THREADS_FIELD: usize = 17;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_beside_this_one_is_counted() {
        if count_threads().is_none() {
            return;
        }
        let (keep, kept) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || kept.recv());
        assert!(count_threads().unwrap() >= 2);
        drop(keep);
        thread.join().unwrap().unwrap_err();
    }

    #[test]
    fn a_descriptor_that_was_replaced_names_the_other() {
        let (old, peer) = Socket::pair(Domain::UNIX, Type::STREAM, None).unwrap();
        let (new, other) = Socket::pair(Domain::UNIX, Type::STREAM, None).unwrap();
        replace(old.as_fd(), new.as_fd()).unwrap();
        send(&old, b"x").unwrap();
        let mut buffer = [0; 2];
        assert_eq!(recv(&other, &mut buffer).unwrap(), 1);
        assert_eq!(recv(&peer, &mut buffer).unwrap(), 0, "what it named is closed");
        assert!(rustix::io::fcntl_getfd(&old).unwrap().contains(FdFlags::CLOEXEC));
    }
}
