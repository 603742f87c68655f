//! Twisted's tests of `protocols.basic`.

mod lines;
mod netstrings;
mod prefixes;

use std::time::Duration;

use ropewalk::framing::{
    Delimiter, FrameError, FrameProtocol, FrameTransport, Framing, LineProtocol, LineReader,
    LineTransport, Lines, NetstringReader, Netstrings, PrefixReader, Prefixed,
};
use ropewalk::testing::Recorder;
use ropewalk::{Protocol, Timer};

/// In packets of so many bytes.
fn in_packets(protocol: &mut dyn Protocol, recorder: &mut Recorder, data: &[u8], bytes: usize) {
    for packet in data.chunks(bytes) {
        recorder.receive(protocol, packet);
    }
}

fn newlines() -> LineReader {
    LineReader::new().with_delimiter(Delimiter::new(b"\n").unwrap())
}

/// What a test's protocol has been told, in order.
type Received = Vec<Vec<u8>>;

/// Keeps what it gets.
#[derive(Default)]
struct TestMixin {
    received: Received,
    refused: Vec<FrameError>,
}

impl<R: Framing> FrameProtocol<R> for TestMixin {
    fn frame_received(&mut self, _: &mut FrameTransport<'_, R>, frame: &[u8]) {
        self.received.push(frame.to_vec());
    }
    fn frame_refused(&mut self, _: &mut FrameTransport<'_, R>, error: &FrameError) {
        self.refused.push(error.clone());
    }
}

mod producer_tests {
    use super::*;

    /// Writes each line back, and pauses after it.
    struct ConsumingProtocol;

    impl LineProtocol for ConsumingProtocol {
        fn line_received(&mut self, transport: &mut LineTransport<'_>, line: &[u8]) {
            transport.write(line);
            transport.pause_reading();
        }
    }

    #[test]
    fn test_pause_resume() {
        use ropewalk::Transport as _;
        let (mut lines, mut recorder) = (Lines::new(ConsumingProtocol), Recorder::new());
        recorder.receive(&mut lines, b"hello, ");
        assert!(recorder.written().is_empty() && !recorder.is_reading_paused());
        recorder.receive(&mut lines, b"world\r\n");
        assert_eq!(recorder.take_written(), b"hello, world");
        assert!(recorder.is_reading_paused());
        recorder.resume_reading();
        recorder.receive(&mut lines, b"");
        assert!(recorder.written().is_empty() && !recorder.is_reading_paused());
        recorder.receive(&mut lines, b"hello\r\nworld\r\n");
        assert_eq!(recorder.take_written(), b"hello");
        assert_eq!(recorder.held(), b"world\r\n");
        recorder.resume_reading();
        recorder.receive(&mut lines, b"");
        assert_eq!(recorder.take_written(), b"world");
        assert!(recorder.is_reading_paused());
        recorder.receive(&mut lines, b"goodbye\r\n");
        assert!(recorder.written().is_empty());
        recorder.resume_reading();
        recorder.receive(&mut lines, b"");
        assert_eq!(recorder.take_written(), b"goodbye");
        recorder.resume_reading();
        recorder.receive(&mut lines, b"");
        assert!(recorder.written().is_empty() && !recorder.is_reading_paused());
    }
}
