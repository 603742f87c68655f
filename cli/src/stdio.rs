//! The standard streams, as whoever started us shares them: blocking calls alone.
//! Owns: reading and writing them, whatever state they come in. Never: changes a flag of a
//! description that others share (`O_NONBLOCK` set on a terminal is felt by its shell).

use std::io::{self, IsTerminal, Read, Write};

use crate::failure::{self, Failure};

/// Standard input, unbuffered.
pub(crate) fn input() -> io::Result<impl Read + Send + 'static> {
    system::input()
}

/// Standard output, unbuffered.
pub(crate) fn output() -> io::Result<impl Write + Send + 'static> {
    system::output()
}

/// Standard error, unbuffered.
pub(crate) fn error() -> io::Result<impl Write + Send + 'static> {
    system::error()
}

/// Writes what was asked for, and nothing else, to standard output.
pub(crate) fn print(text: &str) -> Result<u8, Failure> {
    match output().and_then(|mut output| output.write_all(text.as_bytes())) {
        Ok(()) => Ok(0),
        Err(error) => failure::output(&error),
    }
}

/// Whether a person looks at standard output.
pub(crate) fn output_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Where a description can come in a non-blocking state, left by somebody else.
// Windows has no such state of a standard handle.
#[cfg(unix)]
mod system {
    use std::fs::File;
    use std::io::{self, Read, Write};
    use std::os::fd::AsFd;

    use rustix::event::{PollFd, PollFlags, poll};

    /// A description that is waited for, should it answer "not now".
    struct Patient(File);

    pub(super) fn input() -> io::Result<impl Read + Send + 'static> {
        Ok(Patient(io::stdin().as_fd().try_clone_to_owned()?.into()))
    }

    pub(super) fn output() -> io::Result<impl Write + Send + 'static> {
        Ok(Patient(io::stdout().as_fd().try_clone_to_owned()?.into()))
    }

    pub(super) fn error() -> io::Result<impl Write + Send + 'static> {
        Ok(Patient(io::stderr().as_fd().try_clone_to_owned()?.into()))
    }

    impl Patient {
        fn until_done<T>(
            &mut self,
            ready: PollFlags,
            mut call: impl FnMut(&mut File) -> io::Result<T>,
        ) -> io::Result<T> {
            loop {
                match call(&mut self.0) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        let polled = poll(&mut [PollFd::new(&self.0, ready)], None);
                        match polled {
                            Err(rustix::io::Errno::INTR) | Ok(_) => {}
                            Err(error) => return Err(error.into()),
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    other => return other,
                }
            }
        }
    }

    impl Read for Patient {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.until_done(PollFlags::IN, |file| file.read(buffer))
        }
    }

    impl Write for Patient {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.until_done(PollFlags::OUT, |file| file.write(bytes))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}

// See above.
#[cfg(not(unix))]
mod system {
    use std::io::{self, Read, Write};

    pub(super) fn input() -> io::Result<impl Read + Send + 'static> {
        Ok(io::stdin())
    }

    pub(super) fn output() -> io::Result<impl Write + Send + 'static> {
        Ok(io::stdout())
    }

    pub(super) fn error() -> io::Result<impl Write + Send + 'static> {
        Ok(io::stderr())
    }
}
