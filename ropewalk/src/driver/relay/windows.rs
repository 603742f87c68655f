//! The same where a read cannot be waited for beside anything else: it blocks, and the thread
//! ends with its input or its process. Owns: that difference. Never: reads or writes.

use std::fs::File;
use std::io;
use std::os::windows::io::AsHandle;

use socket2::Socket;

use crate::limits;

/// The waits.
pub(super) struct Watch;

impl Watch {
    /// The read itself waits.
    pub(super) fn for_input(_: &File, _: &Socket) -> bool {
        true
    }

    /// Taking from the connection waits. That nobody reads is noticed at the next write.
    pub(super) fn for_output(_: &File, _: &Socket) -> io::Result<()> {
        Ok(())
    }

    /// An output here never says "not now".
    pub(super) fn for_room(_: &File) {
        std::thread::yield_now();
    }

    /// A little.
    pub(super) fn pause(_: &Socket) -> bool {
        std::thread::park_timeout(limits::RELAY_PAUSE);
        true
    }
}

/// Copies of the two.
pub(super) fn standard() -> io::Result<(File, File)> {
    let input = io::stdin().as_handle().try_clone_to_owned()?;
    let output = io::stdout().as_handle().try_clone_to_owned()?;
    Ok((input.into(), output.into()))
}

/// A pipe's end is seen when its last handle is closed: of standard output at the process's
/// end.
pub(super) fn end_output(output: File, _: bool) {
    drop(output);
}
