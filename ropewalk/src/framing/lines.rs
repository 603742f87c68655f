//! Protocols of lines.
//! Owns: what such a protocol is told. Never: finds a line; the reader does.

use super::transport::{State, Told};
use super::{LineReader, LineTransport};
use crate::protocol::{Event, Protocol, Reason, Timer, Transport};

/// A protocol that is told lines. Only [`LineProtocol::line_received`] must be written; the
/// other callbacks are those of [`Protocol`], with its defaults.
#[doc(alias = "LineReceiver")]
#[doc(alias = "LineOnlyReceiver")]
pub trait LineProtocol {
    /// See [`Protocol::connection_made`].
    fn connection_made(&mut self, transport: &mut LineTransport<'_>) {
        let _ = transport;
    }

    /// A line, without its delimiter; any bytes, since nobody checked that it is text.
    #[doc(alias = "lineReceived")]
    fn line_received(&mut self, transport: &mut LineTransport<'_>, line: &[u8]);

    /// Bytes as they are, after [`set_raw_mode`](super::FrameTransport::set_raw_mode). The
    /// default fails the connection, as it takes none.
    #[doc(alias = "rawDataReceived")]
    fn raw_received(&mut self, transport: &mut LineTransport<'_>, data: &[u8]) {
        let _ = data;
        transport.fail(Reason::failed(NO_RAW));
    }

    /// A line is longer than the reader's maximum; `start` is the beginning of it. When this
    /// returns, the connection is closed, after what is unsent; so this is for a last word.
    /// [`LineTransport::skip_line`] goes on with the next line instead.
    #[doc(alias = "lineLengthExceeded")]
    fn line_too_long(&mut self, transport: &mut LineTransport<'_>, start: &[u8]) {
        let _ = (transport, start);
    }

    /// See [`Protocol::eof_received`]; `unfinished` is a last line without a delimiter.
    fn eof_received(&mut self, transport: &mut LineTransport<'_>, unfinished: &[u8]) {
        let _ = unfinished;
        transport.close();
    }

    /// See [`Protocol::pause_writing`].
    fn pause_writing(&mut self, transport: &mut LineTransport<'_>) {
        let _ = transport;
    }

    /// See [`Protocol::resume_writing`].
    fn resume_writing(&mut self, transport: &mut LineTransport<'_>) {
        let _ = transport;
    }

    /// See [`Protocol::timer_fired`].
    fn timer_fired(&mut self, transport: &mut LineTransport<'_>, timer: Timer) {
        let _ = (transport, timer);
    }

    /// See [`Protocol::event`].
    fn event(&mut self, transport: &mut LineTransport<'_>, event: Event) {
        let _ = (transport, event);
    }

    /// See [`Protocol::stopping`].
    fn stopping(&mut self, transport: &mut LineTransport<'_>) {
        transport.close();
    }

    /// See [`Protocol::connection_lost`].
    fn connection_lost(&mut self, transport: &mut LineTransport<'_>, why: &Reason) {
        let _ = (transport, why);
    }
}

/// Gives a [`LineProtocol`] its lines.
///
/// ```
/// use ropewalk::framing::{LineProtocol, LineTransport, Lines};
/// use ropewalk::testing::Recorder;
///
/// struct Greeter;
/// impl LineProtocol for Greeter {
///     fn line_received(&mut self, transport: &mut LineTransport<'_>, line: &[u8]) {
///         transport.write(b"hello, ");
///         transport.send_line(line).unwrap(); // a line that came has no delimiter in it
///     }
/// }
///
/// let (mut greeter, mut recorder) = (Lines::new(Greeter), Recorder::new());
/// recorder.receive(&mut greeter, b"Ann\r\nBob\r\nCar");
/// assert_eq!(recorder.written(), b"hello, Ann\r\nhello, Bob\r\n");
/// ```
#[derive(Debug)]
pub struct Lines<P> {
    protocol: P,
    state: State<LineReader>,
}

impl<P: LineProtocol> Lines<P> {
    /// Lines that end with `\r\n`, of at most [`LINE_BYTES`](crate::limits::LINE_BYTES).
    pub fn new(protocol: P) -> Lines<P> {
        Lines::with_reader(LineReader::new(), protocol)
    }

    /// Lines as this reader finds them.
    pub fn with_reader(reader: LineReader, protocol: P) -> Lines<P> {
        Lines { protocol, state: State::new(reader) }
    }

    /// The protocol inside.
    pub fn protocol(&self) -> &P {
        &self.protocol
    }
}

impl<P: LineProtocol> Protocol for Lines<P> {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        self.state.call(transport, |transport| self.protocol.connection_made(transport));
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        self.state.feed(transport, data, &mut |transport, told| match told {
            Told::Frame(line) => self.protocol.line_received(transport, line),
            Told::Raw(data) => self.protocol.raw_received(transport, data),
            Told::Refused(_, start) => self.protocol.line_too_long(transport, start),
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

/// Whoever asks for raw bytes has to take them.
pub(super) const NO_RAW: &str =
    "raw mode was set, and `raw_received` is not implemented: implement it";
