//! Descriptors that were open before this process began.
//! Owns: that they are taken once. Never: decides whether they are meant for this process.

use std::io;

use super::Descriptor;

// Windows hands over no descriptors by number.
#[cfg(unix)]
mod imp {
    //! By their numbers. Never: closes one.
    use super::*;
    use std::os::fd::{FromRawFd, RawFd};
    use std::sync::{Mutex, PoisonError};

    /// The numbers that were taken.
    static TAKEN: Mutex<Vec<i64>> = Mutex::new(Vec::new());

    /// Takes `count` descriptors from `first` on, and closes them on exec: all, or none. The
    /// error says at which of them it failed.
    ///
    /// Whoever calls has been told that they were opened for this process before it began.
    pub(crate) fn inherit(first: i32, count: u32) -> Result<Vec<Descriptor>, (i64, io::Error)> {
        let all = i64::from(first)..i64::from(first) + i64::from(count);
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        // First: a number that was taken may be closed by now, or somebody else's.
        if let Some(number) = taken.iter().copied().find(|number| all.contains(number)) {
            return Err((number, io::Error::other("it was taken before")));
        }
        for number in all.clone() {
            // At the first that is not open it is over: there are no more than are open.
            RawFd::try_from(number)
                .map_err(|_| io::Error::from_raw_os_error(libc::EBADF))
                .and_then(close_on_exec)
                .map_err(|error| (number, error))?;
        }
        taken.extend(all.clone());
        all.map(|number| take(number as RawFd).map_err(|error| (number, error))).collect()
    }

    fn take(number: RawFd) -> io::Result<Descriptor> {
        if number <= libc::STDERR_FILENO {
            return move_away(number);
        }
        // SAFETY: it is open, as the loop above saw; it was opened for this process, says
        // the caller; and nobody else has it, since it is taken once.
        Ok(unsafe { Descriptor::from_raw_fd(number) })
    }

    /// A standard stream's number is used by whoever prints or reads: it stays open, on
    /// nothing, and what it was gets another.
    fn move_away(number: RawFd) -> io::Result<Descriptor> {
        let null = std::fs::File::options().read(true).write(true).open("/dev/null")?;
        // SAFETY: the call reads and writes no memory of ours.
        let moved = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, FIRST_OWN) };
        if moved == -1 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call above has opened it, for nobody else.
        let moved = unsafe { Descriptor::from_raw_fd(moved) };
        // SAFETY: both are open, and what stood under the number was moved.
        match unsafe { libc::dup2(std::os::fd::AsRawFd::as_raw_fd(&null), number) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(moved),
        }
    }

    /// The first number that is no standard stream's.
    const FIRST_OWN: RawFd = libc::STDERR_FILENO + 1;

    fn close_on_exec(number: RawFd) -> io::Result<()> {
        // SAFETY: it reads and writes no memory of ours, and a number that is not open is an
        // error.
        match unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }
}

// See above.
#[cfg(windows)]
mod imp {
    //! There are none. Never: takes one.
    use super::*;

    /// None is taken.
    pub(crate) fn inherit(first: i32, _: u32) -> Result<Vec<Descriptor>, (i64, io::Error)> {
        Err((first.into(), io::ErrorKind::Unsupported.into()))
    }
}

pub(crate) use imp::inherit;
