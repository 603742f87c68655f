//! What a connection sends of a file, read.
//! Owns: which files are sent, and reading from a place in one. Never: moves in a file.

use std::fs::File;
use std::io;
// Reading from a place is each system's.
#[cfg(unix)]
use std::os::unix::fs::FileExt;
#[cfg(windows)] // see above
use std::os::windows::fs::FileExt;

use socket2::Socket;

use crate::engine::{Files, Sent};
use crate::socket::sys;

/// The files of this machine.
pub(crate) struct Disk;

impl Files for Disk {
    fn length_of(&self, file: &File) -> io::Result<u64> {
        let about = file.metadata()?;
        if about.is_file() {
            return Ok(about.len());
        }
        let cause = "only a regular file can be sent: reading anything else may wait for others";
        Err(io::Error::new(io::ErrorKind::InvalidInput, cause))
    }

    fn read(&self, file: &File, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        sys::retry(|| {
            #[cfg(unix)] // see above
            return file.read_at(buffer, at);
            #[cfg(windows)] // see above
            file.seek_read(buffer, at)
        })
    }
}

/// Has the kernel send from a file. `Unsupported` where it cannot, for this file or at all.
pub(crate) fn send(socket: &Socket, file: &File, at: u64, most: usize) -> io::Result<Sent> {
    match sys::send_file(socket, file, at, most) {
        // Not all of `most`: what the kernel takes in one go; whether it is full, the next says.
        Ok(bytes) => Ok(Sent { bytes, blocked: false }),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Ok(Sent { bytes: 0, blocked: true })
        }
        Err(error) if sys::cannot_send_file(&error) => Err(io::ErrorKind::Unsupported.into()),
        Err(error) => Err(error),
    }
}
