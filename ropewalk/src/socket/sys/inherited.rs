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
    use std::sync::atomic::{AtomicBool, Ordering};

    static TAKEN: AtomicBool = AtomicBool::new(false);

    /// Takes `count` descriptors from `first` on, and closes them on exec: all, or none. The
    /// error says at which of them it failed.
    ///
    /// Whoever calls has been told that they were opened for this process before it began.
    pub(crate) fn inherit(first: i32, count: u32) -> Result<Vec<Descriptor>, (i64, io::Error)> {
        let all = i64::from(first)..i64::from(first) + i64::from(count);
        for number in all.clone() {
            // At the first that is not open it is over: there are no more than are open.
            RawFd::try_from(number)
                .map_err(|_| io::Error::from_raw_os_error(libc::EBADF))
                .and_then(close_on_exec)
                .map_err(|error| (number, error))?;
        }
        if TAKEN.swap(true, Ordering::SeqCst) {
            let cause = "the descriptors were taken before";
            return Err((i64::from(first), io::Error::other(cause)));
        }
        // SAFETY: each is open, as the loop above saw; it was opened for this process, says
        // the caller; and nobody else has it, since they are taken once.
        Ok(all.map(|number| unsafe { Descriptor::from_raw_fd(number as RawFd) }).collect())
    }

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
