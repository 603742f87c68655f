//! A connection as a protocol of frames sees it, and the one loop from bytes to frames.
//! Owns: sending frames, the switch between frames and raw bytes, when the loop stops.
//! Never: knows a format; the reader does.

use std::fmt;
use std::ops::{Deref, DerefMut};

use super::{Delimiter, FrameError, Framing, LineReader};
use crate::limits;
use crate::protocol::{Flow, Reason, Transport};

/// What an adapter keeps between callbacks.
#[derive(Debug, Default)]
pub(super) struct State<R> {
    pub(super) reader: R,
    /// What is sent is put together here, so that it is one write.
    scratch: Vec<u8>,
    is_raw: bool,
    /// Bytes at the end of what `raw_received` was given that are none of its.
    unread: usize,
    /// Whether the line that was too long is to be skipped.
    skips: bool,
}

/// What the loop has for a protocol.
pub(super) enum Told<'a> {
    Frame(&'a [u8]),
    Raw(&'a [u8]),
    /// With what had come of the frame. The connection is closed afterwards.
    Refused(&'a FrameError, &'a [u8]),
}

/// A [`Transport`] that sends frames and can leave off reading them.
///
/// It derefs to the transport, so that all of its methods are here; a function that takes
/// `&mut dyn Transport` (as `tls::start_tls` does) is given `&mut **transport`.
pub struct FrameTransport<'a, R> {
    transport: &'a mut dyn Transport,
    state: &'a mut State<R>,
}

/// A [`FrameTransport`] of lines.
pub type LineTransport<'a> = FrameTransport<'a, LineReader>;

impl<R: Framing> FrameTransport<'_, R> {
    /// Sends one frame, in one write. From elsewhere, [`Framing::encode`] makes the bytes that
    /// a [`Handle`](crate::Handle) writes.
    ///
    /// # Errors
    /// It cannot be framed; nothing was written.
    #[doc(alias = "sendString")]
    pub fn send(&mut self, frame: &[u8]) -> Result<Flow, FrameError> {
        let scratch = &mut self.state.scratch;
        scratch.clear();
        self.state.reader.encode(frame, scratch)?;
        let flow = self.transport.write(scratch);
        if scratch.capacity() > limits::SPARE_BUFFER_BYTES {
            *scratch = Vec::new();
        }
        Ok(flow)
    }

    /// From now on bytes come as they are, to `raw_received`, those behind this frame first.
    #[doc(alias = "setRawMode")]
    pub fn set_raw_mode(&mut self) {
        self.state.is_raw = true;
    }

    /// From now on frames come again. Inside `raw_received`, the last `unread` of its bytes
    /// are the first of them; elsewhere it is 0.
    pub fn set_frame_mode(&mut self, unread: usize) {
        self.state.is_raw = false;
        self.state.unread = unread;
    }

    /// Inside `raw_received`: the same as [`Transport::unread`], with pauses in mind. Nowhere
    /// else is anything left to give back.
    pub fn unread(&mut self, count: usize) {
        self.state.unread = count;
    }

    /// The reader, to set its maximum.
    pub fn reader(&mut self) -> &mut R {
        &mut self.state.reader
    }
}

impl LineTransport<'_> {
    /// Sends a line with the delimiter behind it, in one write.
    ///
    /// # Errors
    /// The line has a delimiter in it; nothing was written.
    #[doc(alias = "sendLine")]
    pub fn send_line(&mut self, line: &[u8]) -> Result<Flow, FrameError> {
        self.send(line)
    }

    /// [`FrameTransport::set_frame_mode`] by its name in Twisted.
    #[doc(alias = "setLineMode")]
    pub fn set_line_mode(&mut self, unread: usize) {
        self.set_frame_mode(unread);
    }

    /// Sets the delimiter of the lines to come; see [`LineReader::set_delimiter`].
    pub fn set_delimiter(&mut self, delimiter: Delimiter) {
        self.state.reader.set_delimiter(delimiter);
    }

    /// Inside `line_too_long`: goes on with the next line, instead of closing.
    pub fn skip_line(&mut self) {
        self.state.reader.skip_line();
        self.state.skips = true;
    }
}

impl<'a, R> Deref for FrameTransport<'a, R> {
    type Target = dyn Transport + 'a;
    fn deref(&self) -> &(dyn Transport + 'a) {
        self.transport
    }
}

impl<'a, R> DerefMut for FrameTransport<'a, R> {
    fn deref_mut(&mut self) -> &mut (dyn Transport + 'a) {
        self.transport
    }
}

impl<R: fmt::Debug> fmt::Debug for FrameTransport<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameTransport").field("state", &self.state).finish_non_exhaustive()
    }
}

impl<R: Framing> State<R> {
    pub(super) fn new(reader: R) -> State<R> {
        State { reader, scratch: Vec::new(), is_raw: false, unread: 0, skips: false }
    }

    /// Calls the protocol about something else than input. A layer that it pushes while a
    /// frame is unfinished would join plain bytes to whatever passes through it.
    pub(super) fn call(
        &mut self,
        transport: &mut dyn Transport,
        callback: impl FnOnce(&mut FrameTransport<'_, R>),
    ) {
        let before = (!self.reader.is_between_frames()).then(|| layers(transport));
        callback(&mut FrameTransport { transport, state: self });
        if before.is_some_and(|before| before != layers(transport)) {
            transport.fail(Reason::failed(UNFINISHED));
        }
    }

    /// Tells the protocol what is in these bytes, one after another, for as long as it reads.
    pub(super) fn feed(
        &mut self,
        transport: &mut dyn Transport,
        data: &[u8],
        tell: &mut dyn FnMut(&mut FrameTransport<'_, R>, Told<'_>),
    ) {
        let mut input = data;
        let before = layers(transport);
        while !input.is_empty() {
            if self.is_raw {
                let given = input;
                self.unread = 0;
                tell(&mut FrameTransport { transport, state: self }, Told::Raw(given));
                input = &given[given.len() - self.unread.min(given.len())..];
                if self.is_raw {
                    break;
                }
            } else {
                match self.reader.step(&mut input) {
                    None => break,
                    Some(Ok(frame)) => {
                        tell(&mut FrameTransport { transport, state: self }, Told::Frame(&frame));
                    }
                    Some(Err(error)) => {
                        if !self.refuse(transport, error, tell) {
                            return;
                        }
                    }
                }
            }
            // Behind a layer that was pushed, the rest goes through it.
            if !transport.is_receiving() || layers(transport) != before {
                break;
            }
        }
        if !input.is_empty() {
            transport.unread(input.len());
        }
    }

    /// Answers whether to go on all the same.
    fn refuse(
        &mut self,
        transport: &mut dyn Transport,
        error: FrameError,
        tell: &mut dyn FnMut(&mut FrameTransport<'_, R>, Told<'_>),
    ) -> bool {
        let start = self.reader.take_unfinished();
        self.skips = false;
        tell(&mut FrameTransport { transport, state: self }, Told::Refused(&error, &start));
        if !self.skips {
            transport.close_because(Reason::peer_failed(error));
        }
        self.skips
    }

    /// The end of input: what has come of a frame.
    pub(super) fn end(&mut self) -> Vec<u8> {
        self.reader.take_unfinished()
    }
}

const UNFINISHED: &str = "a layer was pushed in the middle of a frame: push it when one has been \
    received, before anything of the next";

fn layers(transport: &mut dyn Transport) -> usize {
    let mut count = 0;
    transport.visit_layers(&mut |_| {
        count += 1;
        false
    });
    count
}
