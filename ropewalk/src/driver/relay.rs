//! Two descriptors that are no socket, as one connection: standard input and output, a pipe
//! each way, a file. A thread each reads and writes them, and a pair of sockets stands
//! between them and the loop.
//!
//! Owns: the threads, and that what was written counts as unsent until the descriptor has
//! taken it. Never: changes a flag of a description (`O_NONBLOCK` set on a terminal is felt
//! by the shell that shares it), so that there is nothing to put back, however it ends.
//!
//! Reopening through `/proc` would save the threads on Linux, for terminals and pipes; not
//! for sockets, files, or another system. Once for all is simpler.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use socket2::Socket;

use crate::engine::Opened;
use crate::limits;
use crate::protocol::{Below, Handle, HandleError, Layer, Reason};
use crate::socket::sys::{recv, send};

// What can be waited for beside a read differs.
#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix::{Watch, end_output, standard};
#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows::{Watch, end_output, standard};

/// What is read from and written to.
pub(crate) struct Ends {
    pub(crate) input: File,
    pub(crate) output: File,
    /// The output is the process's standard output, of which others have a copy.
    pub(crate) is_standard: bool,
}

impl Ends {
    /// Standard input and output, each by a copy of its descriptor.
    ///
    /// # Errors
    /// One of them is closed; no descriptor is left.
    pub(crate) fn standard() -> io::Result<Ends> {
        let (input, output) = standard()?;
        Ok(Ends { input, output, is_standard: true })
    }
}

/// What the connection and the two threads know of one another.
#[derive(Default)]
struct Shared {
    /// Bytes that the output has taken.
    taken: AtomicU64,
    /// The connection was told to look at them, and has not yet.
    is_told: AtomicBool,
    /// There is no connection any more: what is still under way is dropped.
    is_over: AtomicBool,
}

/// Makes the layer that stands nearest to the wire, and what starts the threads once the
/// connection is there. `wire` is the loop's end of the pair, blocking or not.
pub(crate) fn relay(ends: Ends, wire: &Socket, theirs: Socket) -> io::Result<(Relayed, Opened)> {
    // Little is under way, so that marks and deadlines see what waits.
    wire.set_send_buffer_size(limits::RELAY_BYTES)?;
    theirs.set_send_buffer_size(limits::RELAY_BYTES)?;
    theirs.set_nonblocking(false)?;
    let shared = Arc::new(Shared::default());
    let layer = Relayed { written: 0, shared: shared.clone() };
    let start = Box::new(move |handle: Handle| {
        let pair = Arc::new(theirs);
        let Ends { input, output, is_standard } = ends;
        let reading = Reading { input, pair: pair.clone(), handle: handle.clone() };
        let writing = Writing { output, is_standard, pair, handle, shared };
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        thread("input").spawn(move || reading.run())?;
        thread("output").spawn(move || writing.run())?;
        Ok(())
    });
    Ok((layer, start))
}

/// Counts what was written and not yet taken.
pub(crate) struct Relayed {
    written: u64,
    shared: Arc<Shared>,
}

impl Layer for Relayed {
    fn write(&mut self, below: &mut Below<'_>, data: &[u8]) {
        self.written += data.len() as u64;
        below.write(data);
    }

    fn pending(&self) -> usize {
        let under_way = self.written - self.shared.taken.load(Ordering::Acquire);
        // What the pair has no room for is the connection's own to count.
        usize::try_from(under_way).unwrap_or(usize::MAX).min(limits::RELAY_BYTES)
    }

    fn lost(&mut self, _: &Reason) {
        self.shared.is_over.store(true, Ordering::Release);
    }
}

/// From the input to the connection.
struct Reading {
    input: File,
    pair: Arc<Socket>,
    handle: Handle,
}

impl Reading {
    fn run(mut self) {
        let mut buffer = vec![0; limits::RELAY_BYTES];
        while Watch::for_input(&self.input, &self.pair) {
            match io::Read::read(&mut self.input, &mut buffer) {
                Ok(0) => {
                    // Its end is the peer's. The connection may be gone, and needs none.
                    let _ = self.pair.shutdown(std::net::Shutdown::Write);
                    return;
                }
                Ok(count) => {
                    if send_all(&self.pair, &buffer[..count]).is_err() {
                        return; // the connection is over
                    }
                }
                Err(error) if is_passing(&error) => {}
                Err(error) => return fail(&self.handle, &self.pair, "the input", &error),
            }
        }
    }
}

/// From the connection to the output.
struct Writing {
    output: File,
    is_standard: bool,
    pair: Arc<Socket>,
    handle: Handle,
    shared: Arc<Shared>,
}

impl Writing {
    fn run(mut self) {
        let mut buffer = vec![0; limits::RELAY_BYTES];
        let failed = loop {
            if let Err(error) = Watch::for_output(&self.output, &self.pair) {
                break error;
            }
            match recv(&self.pair, &mut buffer) {
                // The layer knows before the pair does, so that the end of all is told from
                // the end of our direction: after it, standard output is left as it was.
                Ok(_) if self.shared.is_over.load(Ordering::Acquire) => return,
                Ok(0) => return end_output(self.output, self.is_standard),
                Ok(count) => match self.write_all(&buffer[..count]) {
                    Ok(()) => self.tell_taken(count),
                    Err(error) => break error,
                },
                Err(error) if is_passing(&error) => {}
                Err(_) => return, // the connection is over
            }
        };
        fail(&self.handle, &self.pair, "the output", &failed);
    }

    fn write_all(&mut self, mut data: &[u8]) -> io::Result<()> {
        while !data.is_empty() {
            match io::Write::write(&mut self.output, data) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => data = &data[count..],
                // Left non-blocking by somebody else: then it is waited for.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    Watch::for_room(&self.output);
                }
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn tell_taken(&self, count: usize) {
        self.shared.taken.fetch_add(count as u64, Ordering::AcqRel);
        if self.shared.is_told.swap(true, Ordering::AcqRel) {
            return;
        }
        let shared = self.shared.clone();
        // Being called is all it takes: the connection then asks the layer.
        until_posted(&self.pair, || {
            let shared = shared.clone();
            self.handle.call(move |_| shared.is_told.store(false, Ordering::Release))
        });
    }
}

/// Ends the connection: one half of it is broken.
fn fail(handle: &Handle, pair: &Socket, which: &str, error: &io::Error) {
    until_posted(pair, || {
        let said = io::Error::new(error.kind(), format!("{which}: {error}"));
        handle.fail(Reason::io(said))
    });
}

/// Its mail has a bound: then it is tried again, unless it is over.
fn until_posted(pair: &Socket, post: impl Fn() -> Result<(), HandleError>) {
    while matches!(post(), Err(HandleError::Full)) && Watch::pause(pair) {}
}

fn send_all(pair: &Socket, mut data: &[u8]) -> io::Result<()> {
    while !data.is_empty() {
        match send(pair, data) {
            Ok(count) => data = &data[count..],
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test's way to fail")]

    use super::*;
    use crate::testing::LayerBench;

    #[test]
    fn what_was_written_is_pending_up_to_the_pairs_bound_until_it_is_taken() {
        let shared = Arc::new(Shared::default());
        let mut layer = Relayed { written: 0, shared: shared.clone() };
        let mut bench = LayerBench::new();
        assert!(bench.start(&mut layer));
        for (count, pending) in
            [(1, 1), (limits::RELAY_BYTES - 1, limits::RELAY_BYTES), (1, limits::RELAY_BYTES)]
        {
            bench.write(&mut layer, &vec![7; count]);
            assert_eq!(layer.pending(), pending);
        }
        for (count, pending) in [(1, limits::RELAY_BYTES), (limits::RELAY_BYTES, 0)] {
            shared.taken.fetch_add(count as u64, Ordering::AcqRel);
            assert_eq!(layer.pending(), pending);
        }
        assert!(!shared.is_over.load(Ordering::Acquire));
        layer.lost(&Reason::failed("over"));
        assert!(shared.is_over.load(Ordering::Acquire));
    }
}
