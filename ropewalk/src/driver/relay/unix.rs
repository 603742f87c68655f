//! Waiting for a descriptor and for the end of its connection at once; what ends a
//! descriptor. Owns: what `poll(2)` says of each kind. Never: reads or writes.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use socket2::Socket;

use crate::limits;
use crate::socket::timespec;

/// The waits.
pub(super) struct Watch;

impl Watch {
    /// Until the input has something; false when the connection is over.
    pub(super) fn for_input(input: &File, pair: &Socket) -> bool {
        let mut both = [PollFd::new(input, PollFlags::IN), PollFd::new(pair, PollFlags::empty())];
        wait(&mut both);
        both[1].revents().is_empty()
    }

    /// Until the connection has something for the output, or is over. An error: nobody will
    /// ever read the output, so that it is noticed before anything is written.
    pub(super) fn for_output(output: &File, pair: &Socket) -> io::Result<()> {
        let mut both = [PollFd::new(pair, PollFlags::IN), PollFd::new(output, PollFlags::empty())];
        wait(&mut both);
        let broken = both[1].revents().intersects(PollFlags::ERR | PollFlags::HUP);
        // What is still to be written meets the system's own error, which says more.
        match broken && both[0].revents().is_empty() {
            true => Err(io::Error::from_raw_os_error(libc::EPIPE)),
            false => Ok(()),
        }
    }

    /// Until a non-blocking output takes more.
    pub(super) fn for_room(output: &File) {
        wait(&mut [PollFd::new(output, PollFlags::OUT)]);
    }

    /// A little; false when the connection is over.
    pub(super) fn pause(pair: &Socket) -> bool {
        let mut one = [PollFd::new(pair, PollFlags::empty())];
        let _ = poll(&mut one, Some(&timespec(limits::RELAY_PAUSE)));
        one[0].revents().is_empty()
    }
}

fn wait(fds: &mut [PollFd<'_>]) {
    // Nothing but a signal's interruption can go wrong, after which all are asked again.
    while poll(fds, None).is_err() {}
}

/// Copies of the two, which share everything but the number.
pub(super) fn standard() -> io::Result<(File, File)> {
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    let output = io::stdout().as_fd().try_clone_to_owned()?;
    Ok((input.into(), output.into()))
}

/// No more will be written: whoever reads it is to see the end. Of standard output others
/// have a copy (this process does), so a pipe is replaced there; a terminal or a file has no
/// end to see, and stays.
pub(super) fn end_output(output: File, is_standard: bool) {
    // A socket says so itself, whoever else has it. Whatever is no socket answers so.
    let _ = rustix::net::shutdown(&output, rustix::net::Shutdown::Write);
    let is_pipe = fstat(&output).is_ok_and(|file| FileType::from_raw_mode(file.st_mode).is_fifo());
    if is_standard && is_pipe {
        let null = open("/dev/null", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty());
        // If even that cannot be opened, the end of the process is the pipe's.
        let _ = null.and_then(rustix::stdio::dup2_stdout);
    }
}
