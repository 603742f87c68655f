//! A descriptor that may block, written by a thread of its own: standard output and the log.
//! Owns: what waits to be written, and its bound. Never: makes a descriptor non-blocking,
//! which whoever shares the terminal would feel.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Something that the owner of a [`Writer`] may want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// There was no room, and now there is.
    Room,
    /// It cannot be written to; what is put from now on is dropped.
    Gone,
}

/// Takes bytes without blocking; a thread writes them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Writer(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    bound_bytes: usize,
    lost: Lost,
}

/// What is written where so many offers were dropped.
type Lost = fn(u64) -> String;

#[derive(Default)]
struct State {
    /// What the thread takes next.
    waiting: Vec<u8>,
    /// How much of what it took is not known to be written.
    writing_bytes: usize,
    /// Somebody was told that there is no room.
    owes_room: bool,
    /// What was refused for want of room.
    dropped: u64,
    gone: bool,
    error: Option<io::Error>,
    listener: Option<Box<dyn Fn(Told) + Send>>,
}

impl Writer {
    /// A writer to `sink`, in which up to `bound_bytes` wait. `lost` is what is written in
    /// the place of offers that were dropped.
    pub(crate) fn start(
        name: &str,
        sink: impl Write + Send + 'static,
        bound_bytes: usize,
        lost: Lost,
    ) -> io::Result<Writer> {
        let (state, changed) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { state, changed, bound_bytes, lost });
        let inside = shared.clone();
        std::thread::Builder::new().name(name.to_owned()).spawn(move || inside.work(sink))?;
        Ok(Writer(shared))
    }

    /// Who is told what. Called on the writer's thread; it must not block.
    pub(crate) fn listen(&self, listener: impl Fn(Told) + Send + 'static) {
        let mut state = self.0.lock();
        if state.gone {
            listener(Told::Gone);
        }
        state.listener = Some(Box::new(listener));
    }

    /// Takes `bytes`, whole. Whether there is room for more; if not, [`Told::Room`] is owed.
    pub(crate) fn put(&self, bytes: &[u8]) -> bool {
        let mut state = self.0.lock();
        if state.gone {
            return true;
        }
        state.waiting.extend_from_slice(bytes);
        self.0.changed.notify_all();
        let room = state.bytes() < self.0.bound_bytes;
        state.owes_room |= !room;
        room
    }

    /// Takes `bytes` if there is room, else drops and counts them.
    pub(crate) fn offer(&self, bytes: &[u8]) {
        let mut state = self.0.lock();
        if state.gone {
            return;
        }
        if state.bytes() >= self.0.bound_bytes {
            state.dropped += 1;
            return;
        }
        state.waiting.extend_from_slice(bytes);
        self.0.changed.notify_all();
    }

    /// Waits until everything is written; with `within`, no longer than that.
    ///
    /// # Errors
    /// Why it could not be written.
    pub(crate) fn flush(&self, within: Option<Duration>) -> io::Result<()> {
        let state = self.0.lock();
        let unfinished = |state: &mut State| !state.gone && state.bytes() > 0;
        let changed = &self.0.changed;
        let mut state = match within {
            None => changed.wait_while(state, unfinished).unwrap_or_else(PoisonError::into_inner),
            Some(within) => {
                let waited = changed.wait_timeout_while(state, within, unfinished);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        state.error.take().map_or(Ok(()), Err)
    }
}

impl State {
    fn bytes(&self) -> usize {
        self.waiting.len() + self.writing_bytes
    }

    fn tell(&self, told: Told) {
        if let Some(listener) = &self.listener {
            listener(told);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, mut sink: impl Write) {
        let mut state = self.lock();
        loop {
            // What was dropped came after all that waits: there was no room behind it.
            if state.dropped > 0 {
                let lost = (self.lost)(std::mem::take(&mut state.dropped));
                state.waiting.extend_from_slice(lost.as_bytes());
            }
            if state.waiting.is_empty() {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let bytes = std::mem::take(&mut state.waiting);
            state.writing_bytes = bytes.len();
            drop(state);
            let written = sink.write_all(&bytes).and_then(|()| sink.flush());
            state = self.lock();
            state.writing_bytes = 0;
            let failed = written.is_err();
            if let Err(error) = written {
                state.waiting = Vec::new();
                state.gone = true;
                state.error = Some(error);
                state.tell(Told::Gone);
            } else if state.owes_room && state.bytes() <= self.bound_bytes / 2 {
                state.owes_room = false;
                state.tell(Told::Room);
            }
            self.changed.notify_all();
            if failed {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// A sink that takes what it is given when it is let.
    struct Slow(mpsc::Receiver<io::Result<()>>, Arc<Mutex<Vec<u8>>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().unwrap_or(Ok(()))?;
            self.1.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    type Parts = (Writer, mpsc::Sender<io::Result<()>>, Arc<Mutex<Vec<u8>>>);

    fn slow(bound_bytes: usize) -> Parts {
        let (allow, allowed) = mpsc::channel();
        let written = Arc::new(Mutex::default());
        let sink = Slow(allowed, written.clone());
        let lost = |count| format!("<{count}>");
        (Writer::start("test", sink, bound_bytes, lost).unwrap(), allow, written)
    }

    #[test]
    fn what_is_put_is_written_in_order_and_room_is_told() {
        let (writer, allow, written) = slow(4);
        let (told, tells) = mpsc::channel();
        writer.listen(move |what| told.send(what).unwrap_or_default());
        assert!(writer.put(b"abc"));
        assert!(!writer.put(b"def"), "the bound is reached");
        drop(allow);
        writer.flush(None).unwrap();
        assert_eq!(*written.lock().unwrap(), b"abcdef");
        assert_eq!(tells.recv().unwrap(), Told::Room);
    }

    #[test]
    fn offers_without_room_are_dropped_and_counted_in_their_place() {
        let (writer, allow, written) = slow(4);
        for _ in 0..3 {
            writer.offer(b"abcd");
        }
        drop(allow);
        writer.flush(None).unwrap();
        writer.offer(b"e");
        writer.flush(None).unwrap();
        assert_eq!(*written.lock().unwrap(), b"abcd<2>e");
    }

    #[test]
    fn a_reader_that_has_gone_is_told_once_and_blocks_nobody() {
        let (writer, allow, _) = slow(4);
        writer.put(b"abcdefgh");
        allow.send(Err(io::ErrorKind::BrokenPipe.into())).unwrap();
        let error = writer.flush(None).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert!(writer.put(b"dropped"));
        let (told, tells) = mpsc::channel();
        writer.listen(move |what| told.send(what).unwrap_or_default());
        assert_eq!(tells.recv().unwrap(), Told::Gone, "who listens late hears it too");
        writer.flush(None).unwrap();
    }

    #[test]
    fn a_flush_with_a_bound_returns_though_nobody_reads() {
        let (writer, _allow, written) = slow(4);
        writer.put(b"abc");
        writer.flush(Some(Duration::from_millis(1))).unwrap();
        assert!(written.lock().unwrap().is_empty());
    }
}
