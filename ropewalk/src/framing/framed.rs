//! Protocols of frames in any format.
//! Owns: what such a protocol is told. Never: finds a frame; the reader does.

use super::lines::NO_RAW;
use super::transport::{State, Told};
use super::{FrameError, FrameTransport, Framing, NetstringReader, PrefixReader};
use crate::protocol::{Event, Protocol, Reason, Timer, Transport};

/// A protocol that is told frames of the format `R`; written for every `R`, it runs with any.
/// Only [`FrameProtocol::frame_received`] must be written; the other callbacks are those of
/// [`Protocol`], with its defaults.
#[doc(alias = "NetstringReceiver")]
#[doc(alias = "Int8StringReceiver")]
#[doc(alias = "Int16StringReceiver")]
#[doc(alias = "Int32StringReceiver")]
pub trait FrameProtocol<R: Framing> {
    /// See [`Protocol::connection_made`].
    fn connection_made(&mut self, transport: &mut FrameTransport<'_, R>) {
        let _ = transport;
    }

    /// A frame, without what the format puts around it.
    #[doc(alias = "stringReceived")]
    fn frame_received(&mut self, transport: &mut FrameTransport<'_, R>, frame: &[u8]);

    /// Bytes as they are, after [`set_raw_mode`](super::FrameTransport::set_raw_mode). The
    /// default fails the connection, as it takes none.
    #[doc(alias = "rawDataReceived")]
    fn raw_received(&mut self, transport: &mut FrameTransport<'_, R>, data: &[u8]) {
        let _ = data;
        transport.fail(Reason::failed(NO_RAW));
    }

    /// The peer broke the format, or a frame is longer than the reader's maximum. When this
    /// returns, the connection is closed, after what is unsent, with the error as its reason;
    /// so this is for a last word.
    #[doc(alias = "lengthLimitExceeded")]
    fn frame_refused(&mut self, transport: &mut FrameTransport<'_, R>, error: &FrameError) {
        let _ = (transport, error);
    }

    /// See [`Protocol::eof_received`]; `unfinished` is the beginning of a frame,
    /// without its prefix.
    fn eof_received(&mut self, transport: &mut FrameTransport<'_, R>, unfinished: &[u8]) {
        let _ = unfinished;
        transport.close();
    }

    /// See [`Protocol::pause_writing`].
    fn pause_writing(&mut self, transport: &mut FrameTransport<'_, R>) {
        let _ = transport;
    }

    /// See [`Protocol::resume_writing`].
    fn resume_writing(&mut self, transport: &mut FrameTransport<'_, R>) {
        let _ = transport;
    }

    /// See [`Protocol::timer_fired`].
    fn timer_fired(&mut self, transport: &mut FrameTransport<'_, R>, timer: Timer) {
        let _ = (transport, timer);
    }

    /// See [`Protocol::event`].
    fn event(&mut self, transport: &mut FrameTransport<'_, R>, event: Event) {
        let _ = (transport, event);
    }

    /// See [`Protocol::stopping`].
    fn stopping(&mut self, transport: &mut FrameTransport<'_, R>) {
        transport.close();
    }

    /// See [`Protocol::connection_lost`].
    fn connection_lost(&mut self, transport: &mut FrameTransport<'_, R>, why: &Reason) {
        let _ = (transport, why);
    }
}

/// Gives a [`FrameProtocol`] its frames.
///
/// ```
/// use ropewalk::framing::{FrameProtocol, FrameTransport, Framing, Netstrings, Prefixed};
/// use ropewalk::testing::Recorder;
///
/// struct Reverse;
/// impl<R: Framing> FrameProtocol<R> for Reverse {
///     fn frame_received(&mut self, transport: &mut FrameTransport<'_, R>, frame: &[u8]) {
///         let backwards: Vec<u8> = frame.iter().rev().copied().collect();
///         if let Err(error) = transport.send(&backwards) {
///             transport.fail(ropewalk::Reason::failed(error));
///         }
///     }
/// }
///
/// let (mut reverse, mut recorder) = (Netstrings::new(Reverse), Recorder::new());
/// recorder.receive(&mut reverse, b"4:rope,");
/// assert_eq!(recorder.take_written(), b"4:epor,");
/// recorder.receive(&mut Prefixed::<2, _>::new(Reverse), b"\0\x04rope");
/// assert_eq!(recorder.take_written(), b"\0\x04epor");
/// ```
#[derive(Debug)]
pub struct Framed<R, P> {
    protocol: P,
    state: State<R>,
}

/// Gives a [`FrameProtocol`] netstrings.
pub type Netstrings<P> = Framed<NetstringReader, P>;

/// Gives a [`FrameProtocol`] what stands behind a length of `N` bytes.
pub type Prefixed<const N: usize, P> = Framed<PrefixReader<N>, P>;

impl<R: Framing + Default, P: FrameProtocol<R>> Framed<R, P> {
    /// Frames as the format's default reader finds them.
    pub fn new(protocol: P) -> Framed<R, P> {
        Framed::with_reader(R::default(), protocol)
    }
}

impl<R: Framing, P: FrameProtocol<R>> Framed<R, P> {
    /// Frames as this reader finds them.
    pub fn with_reader(reader: R, protocol: P) -> Framed<R, P> {
        Framed { protocol, state: State::new(reader) }
    }

    /// The protocol inside.
    pub fn protocol(&self) -> &P {
        &self.protocol
    }
}

impl<R: Framing, P: FrameProtocol<R>> Protocol for Framed<R, P> {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        self.state.call(transport, |transport| self.protocol.connection_made(transport));
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        self.state.feed(transport, data, &mut |transport, told| match told {
            Told::Frame(frame) => self.protocol.frame_received(transport, frame),
            Told::Raw(data) => self.protocol.raw_received(transport, data),
            Told::Refused(error, _) => self.protocol.frame_refused(transport, error),
        });
    }

    fn eof_received(&mut self, transport: &mut dyn Transport) {
        let unfinished = self.state.end();
        self.state.call(transport, |transport| {
            self.protocol.eof_received(transport, &unfinished);
        });
    }

    fn pause_writing(&mut self, transport: &mut dyn Transport) {
        self.state.call(transport, |transport| self.protocol.pause_writing(transport));
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) {
        self.state.call(transport, |transport| self.protocol.resume_writing(transport));
    }

    fn timer_fired(&mut self, transport: &mut dyn Transport, timer: Timer) {
        self.state.call(transport, |transport| self.protocol.timer_fired(transport, timer));
    }

    fn event(&mut self, transport: &mut dyn Transport, event: Event) {
        self.state.call(transport, |transport| self.protocol.event(transport, event));
    }

    fn stopping(&mut self, transport: &mut dyn Transport) {
        self.state.call(transport, |transport| self.protocol.stopping(transport));
    }

    fn connection_lost(&mut self, transport: &mut dyn Transport, why: &Reason) {
        self.state.call(transport, |transport| self.protocol.connection_lost(transport, why));
    }
}
