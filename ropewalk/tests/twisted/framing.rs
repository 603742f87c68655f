//! Twisted's tests of `protocols.basic`.

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

mod line_receiver_tests {
    use super::*;

    const RESUME: Timer = Timer(0);

    /// Obeys some words: `len`, an empty line, `pause`, `rawpause`, `stop`.
    #[derive(Default)]
    struct LineTester {
        received: Received,
        length: usize,
    }

    impl LineProtocol for LineTester {
        fn line_received(&mut self, transport: &mut LineTransport<'_>, line: &[u8]) {
            self.received.push(line.to_vec());
            match line {
                b"" => transport.set_raw_mode(),
                b"pause" => {
                    transport.pause_reading();
                    transport.set_timer(RESUME, Duration::ZERO);
                }
                b"rawpause" => {
                    transport.pause_reading();
                    transport.set_raw_mode();
                    self.received.push(Vec::new());
                    transport.set_timer(RESUME, Duration::ZERO);
                }
                b"stop" => transport.close(),
                _ => {
                    if let Some(length) = line.strip_prefix(b"len ") {
                        self.length = std::str::from_utf8(length).unwrap().parse().unwrap();
                    }
                }
            }
        }

        fn raw_received(&mut self, transport: &mut LineTransport<'_>, data: &[u8]) {
            let taken = data.len().min(self.length);
            self.length -= taken;
            self.received.last_mut().unwrap().extend_from_slice(&data[..taken]);
            if self.length == 0 {
                transport.set_line_mode(data.len() - taken);
            }
        }

        fn line_too_long(&mut self, transport: &mut LineTransport<'_>, _: &[u8]) {
            transport.skip_line();
        }

        fn timer_fired(&mut self, transport: &mut LineTransport<'_>, _: Timer) {
            transport.resume_reading();
        }
    }

    fn tester() -> Lines<LineTester> {
        Lines::with_reader(newlines().with_max(64), LineTester::default())
    }

    #[test]
    fn test_buffer() {
        let buffer = b"len 10\n\n0123456789len 5\n\n1234\nlen 20\nfoo 123\n\n0123456789\n012345678\
            len 0\nfoo 5\n\n1234567890123456789012345678901234567890123456789012345678901234567890\
            \nlen 1\n\na";
        // The line of 70 bytes is skipped to its end.
        let output: [&[u8]; 12] = [
            b"len 10",
            b"0123456789",
            b"len 5",
            b"1234\n",
            b"len 20",
            b"foo 123",
            b"0123456789\n012345678",
            b"len 0",
            b"foo 5",
            b"",
            b"len 1",
            b"a",
        ];
        for bytes in 1..=buffer.len() {
            let (mut lines, mut recorder) = (tester(), Recorder::new());
            in_packets(&mut lines, &mut recorder, buffer, bytes);
            assert_eq!(lines.protocol().received, output, "in packets of {bytes}");
        }
    }

    fn pauses(buffer: &[u8], before: &[&[u8]], after: &[&[u8]]) {
        for bytes in 1..=buffer.len() {
            let (mut lines, mut recorder) = (tester(), Recorder::new());
            in_packets(&mut lines, &mut recorder, buffer, bytes);
            assert_eq!(lines.protocol().received, before, "in packets of {bytes}");
            recorder.advance(&mut lines, Duration::ZERO);
            recorder.receive(&mut lines, b"");
            assert_eq!(lines.protocol().received, after, "in packets of {bytes}");
        }
    }

    #[test]
    fn test_pausing() {
        let lines: [&[u8]; 4] = [b"twiddle1", b"twiddle2", b"pause", b"twiddle3"];
        pauses(b"twiddle1\ntwiddle2\npause\ntwiddle3\n", &lines[..3], &lines);
    }

    #[test]
    fn test_raw_pausing() {
        let before: [&[u8]; 5] = [b"twiddle1", b"twiddle2", b"len 5", b"rawpause", b""];
        let after: [&[u8]; 6] =
            [b"twiddle1", b"twiddle2", b"len 5", b"rawpause", b"12345", b"twiddle3"];
        pauses(b"twiddle1\ntwiddle2\nlen 5\nrawpause\n12345twiddle3\n", &before, &after);
    }

    #[test]
    fn test_stop_producing() {
        let buffer = b"twiddle1\ntwiddle2\nstop\nmore\nstuff\n";
        for bytes in 1..=buffer.len() {
            let (mut lines, mut recorder) = (tester(), Recorder::new());
            in_packets(&mut lines, &mut recorder, buffer, bytes);
            assert_eq!(lines.protocol().received, [&b"twiddle1"[..], b"twiddle2", b"stop"]);
        }
    }

    /// Goes from lines to bytes and back after each byte.
    #[derive(Default)]
    struct FlippingLineTester(Received);

    impl LineProtocol for FlippingLineTester {
        fn line_received(&mut self, transport: &mut LineTransport<'_>, line: &[u8]) {
            self.0.push(line.to_vec());
            transport.set_raw_mode();
        }
        fn raw_received(&mut self, transport: &mut LineTransport<'_>, data: &[u8]) {
            transport.set_line_mode(data.len() - 1);
        }
    }

    #[test]
    fn test_stack_recursion() {
        let mut lines = Lines::with_reader(newlines(), FlippingLineTester::default());
        Recorder::new().receive(&mut lines, &b"x\nx".repeat(100_000));
        assert_eq!(lines.protocol().0.concat(), vec![b'x'; 100_000]);
    }

    #[derive(Default)]
    struct Plain(Received);

    impl LineProtocol for Plain {
        fn line_received(&mut self, _: &mut LineTransport<'_>, line: &[u8]) {
            self.0.push(line.to_vec());
        }
    }

    #[test]
    fn test_maximum_line_length() {
        let (mut lines, mut recorder) = (Lines::new(Plain::default()), Recorder::new());
        recorder.receive(&mut lines, &[&[b'x'; 16_385][..], b"\r\nr"].concat());
        assert!(recorder.is_closed());
    }

    #[test]
    fn test_maximum_line_length_partial_delimiter() {
        let mut lines = Lines::with_reader(LineReader::new().with_max(4), Plain::default());
        let mut recorder = Recorder::new();
        for packet in [&b"xxxx"[..], b"\r", b"\nxxxx"] {
            recorder.receive(&mut lines, packet);
        }
        assert!(!recorder.is_closed());
        assert_eq!(lines.protocol().0, [b"xxxx"]);
    }

    #[test]
    fn test_not_quite_maximum_line_length_unfinished() {
        let (mut lines, mut recorder) = (Lines::new(Plain::default()), Recorder::new());
        recorder.receive(&mut lines, &[&[b'x'; 16_384][..], b"\r"].concat());
        assert!(!recorder.is_closed());
    }

    #[test]
    fn test_raw_data_received_not_implemented() {
        struct Raw;
        impl LineProtocol for Raw {
            fn line_received(&mut self, transport: &mut LineTransport<'_>, _: &[u8]) {
                transport.set_raw_mode();
            }
        }
        let (mut lines, mut recorder) = (Lines::new(Raw), Recorder::new());
        recorder.receive(&mut lines, b"\r\nfoo");
        assert!(recorder.failure().unwrap().to_string().contains("`raw_received`"));
    }
}

mod line_receiver_line_length_exceeded_tests {
    use super::*;

    /// Keeps what it was told of lines that are too long.
    #[derive(Default)]
    struct Catcher {
        long_lines: Received,
        lines: Received,
    }

    impl LineProtocol for Catcher {
        fn line_received(&mut self, _: &mut LineTransport<'_>, line: &[u8]) {
            self.lines.push(line.to_vec());
        }
        fn line_too_long(&mut self, _: &mut LineTransport<'_>, start: &[u8]) {
            self.long_lines.push(start.to_vec());
        }
    }

    /// The hook is called once, with the first bytes that are too many, and nothing after it.
    fn caught(data: &[u8], before: usize) {
        for bytes in 1..=data.len() {
            let mut lines = Lines::with_reader(LineReader::new().with_max(6), Catcher::default());
            let mut recorder = Recorder::new();
            in_packets(&mut lines, &mut recorder, data, bytes);
            assert_eq!(lines.protocol().long_lines, [b"xxxxxxx"]);
            assert_eq!(lines.protocol().lines.len(), before);
            let why = recorder.closing().unwrap().to_string();
            assert!(why.contains("more than 6 bytes"), "{why}");
        }
    }

    #[test]
    fn test_long_unended_line() {
        caught(&[b'x'; 14], 0);
    }

    #[test]
    fn test_long_line_after_short_line() {
        caught(&[b"x\r\n", &[b'x'; 14][..]].concat(), 1);
    }

    #[test]
    fn test_long_line_with_delimiter() {
        caught(&[&[b'x'; 14][..], b"\r\n", &[b'x'; 14]].concat(), 0);
    }

    #[test]
    fn test_multiple_long_lines() {
        caught(&[&[b'x'; 14][..], b"\r\n", &[b'x'; 14], b"\r\n"].concat(), 0);
    }

    #[test]
    fn test_maximum_line_length() {
        let (mut lines, mut recorder) = (Lines::new(Catcher::default()), Recorder::new());
        recorder.receive(&mut lines, &[&[b'x'; 16_385][..], b"\r\nr"].concat());
        assert!(recorder.is_closed());
        assert_eq!(lines.protocol().long_lines[0].len(), 16_385);
    }

    #[test]
    fn test_maximum_line_length_remaining() {
        let (mut lines, mut recorder) = (Lines::new(Catcher::default()), Recorder::new());
        recorder.receive(&mut lines, &[b'x'; 16_384]);
        assert!(!recorder.is_closed());
        recorder.receive(&mut lines, b"x"); // Twisted waits for one more
        assert!(recorder.is_closed());
    }
}

mod line_only_receiver_tests {
    use super::*;

    #[derive(Default)]
    struct LineOnlyTester(Received);

    impl LineProtocol for LineOnlyTester {
        fn line_received(&mut self, _: &mut LineTransport<'_>, line: &[u8]) {
            self.0.push(line.to_vec());
        }
    }

    #[test]
    fn test_buffer() {
        let buffer = b"foo\n    bleakness\n    desolation\n    plastic forks\n    ";
        let mut lines = Lines::with_reader(newlines(), LineOnlyTester::default());
        in_packets(&mut lines, &mut Recorder::new(), buffer, 1);
        let expected: [&[u8]; 4] =
            [b"foo", b"    bleakness", b"    desolation", b"    plastic forks"];
        assert_eq!(lines.protocol().0, expected);
    }

    #[test]
    fn test_greater_than_maximum_line_length() {
        let mut lines = Lines::with_reader(newlines().with_max(64), LineOnlyTester::default());
        let mut recorder = Recorder::new();
        recorder.receive(&mut lines, &[&[b'x'; 66][..], b"\r\nr"].concat());
        assert!(recorder.is_closed());
        assert!(lines.protocol().0.is_empty());
    }
}

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

mod netstring_receiver_tests {
    use super::*;

    fn receiver() -> Netstrings<TestMixin> {
        Netstrings::with_reader(NetstringReader::new().with_max(50), TestMixin::default())
    }

    /// What comes of these portions, and whether the connection is closed then.
    fn receive(portions: &[&[u8]]) -> (Received, bool) {
        let (mut netstrings, mut recorder) = (receiver(), Recorder::new());
        portions.iter().for_each(|portion| recorder.receive(&mut netstrings, portion));
        assert_eq!(recorder.is_closed(), !netstrings.protocol().refused.is_empty());
        (netstrings.protocol().received.clone(), recorder.is_closed())
    }

    #[track_caller]
    fn received(portions: &[&[u8]], expected: &[&[u8]]) {
        let (received, closed) = receive(portions);
        assert_eq!(
            (&received[..], closed),
            (&expected.iter().map(|s| s.to_vec()).collect::<Vec<_>>()[..], false)
        );
    }

    #[track_caller]
    fn refused(data: &[u8]) {
        assert!(receive(&[data]).1, "at once");
        assert!(receive(&data.chunks(1).collect::<Vec<_>>()).1, "byte by byte");
    }

    #[test]
    fn test_illegal() {
        let illegal: [&[u8]; 4] = [
            b"9999999999999999999999",
            b"abc",
            b"4:abcde",
            b"51:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab,",
        ];
        illegal.iter().for_each(|data| refused(data));
    }

    #[test]
    fn test_buffer() {
        let long = [b'a'; 515];
        let strings: [&[u8]; 7] = [b"hello", b"world", b"how", b"are", b"you123", b":today", &long];
        let (reader, mut out) = (NetstringReader::new().with_max(699), Vec::new());
        strings.iter().for_each(|string| reader.encode(string, &mut out).unwrap());
        for bytes in 1..10 {
            let mut netstrings = Netstrings::with_reader(reader.clone(), TestMixin::default());
            in_packets(&mut netstrings, &mut Recorder::new(), &out, bytes);
            assert_eq!(netstrings.protocol().received, strings);
        }
    }

    #[test]
    fn test_receive_empty_netstring() {
        received(&[b"0:,"], &[b""]);
    }

    #[test]
    fn test_receive_one_character() {
        received(&[b"1:a,"], &[b"a"]);
    }

    #[test]
    fn test_receive_two_characters() {
        received(&[b"2:ab,"], &[b"ab"]);
    }

    #[test]
    fn test_receive_nested_netstring() {
        received(&[b"4:1:a,,"], &[b"1:a,"]);
    }

    #[test]
    fn test_more_data_than_specified() {
        refused(b"2:aaa,");
    }

    #[test]
    fn test_more_data_than_specified_border_case() {
        refused(b"0:a,");
    }

    #[test]
    fn test_missing_number() {
        refused(b":aaa,");
    }

    #[test]
    fn test_missing_colon() {
        refused(b"3aaa,");
    }

    #[test]
    fn test_missing_number_and_colon() {
        refused(b"aaa,");
    }

    #[test]
    fn test_only_data() {
        refused(b"aaa");
    }

    #[test]
    fn test_receive_netstring_portions_1() {
        received(&[b"4:aa", b"aa,"], &[b"aaaa"]);
    }

    #[test]
    fn test_receive_netstring_portions_2() {
        received(&[b"1", b"0:01234", b"56789", b","], &[b"0123456789"]);
    }

    #[test]
    fn test_receive_netstring_portions_3() {
        received(&[b"2", b":", b"a", b"b", b","], &[b"ab"]);
    }

    #[test]
    fn test_receive_two_netstrings() {
        received(&[b"1:a,1", b":b,"], &[b"a", b"b"]);
    }

    #[test]
    fn test_max_receive_limit() {
        let string = [&b"51:"[..], &[b'a'; 51], b","].concat();
        refused(&string);
        refused(b"51"); // before any of it has come
    }

    fn length(bytes_max: usize, data: &[u8]) -> bool {
        let reader = NetstringReader::new().with_max(bytes_max);
        let (mut netstrings, mut recorder) =
            (Netstrings::with_reader(reader, TestMixin::default()), Recorder::new());
        recorder.receive(&mut netstrings, data);
        !recorder.is_closed()
    }

    #[test]
    fn test_consume_length() {
        received(&[b"12:hello, world,"], &[b"hello, world"]);
    }

    #[test]
    fn test_consume_length_border_case1() {
        assert!(length(12, b"12:"));
    }

    #[test]
    fn test_consume_length_border_case2() {
        assert!(!length(11, b"12:"));
    }

    #[test]
    fn test_consume_length_border_case3() {
        assert!(!length(11, b"1000:"));
    }
}

/// The tests that the three widths share.
struct IntN<const N: usize>;

impl<const N: usize> IntN<N> {
    fn receiver() -> Prefixed<N, TestMixin> {
        Prefixed::with_reader(PrefixReader::new().with_max(50), TestMixin::default())
    }

    fn message(data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        PrefixReader::<N>::new().encode(data, &mut out).unwrap();
        out
    }

    fn receive() {
        let strings: [&[u8]; 2] = [b"a", &[b'b'; 16]];
        let sent: Vec<u8> = strings.iter().flat_map(|string| Self::message(string)).collect();
        let mut frames = Self::receiver();
        in_packets(&mut frames, &mut Recorder::new(), &sent, 1);
        assert_eq!(frames.protocol().received, strings);
    }

    fn partial(strings: [&[u8]; 3]) {
        for string in strings {
            let mut frames = Self::receiver();
            in_packets(&mut frames, &mut Recorder::new(), string, 1);
            assert_eq!(frames.protocol().received, [b""; 0]);
        }
    }

    /// Sends what it gets, as a frame.
    fn send() {
        struct Echo;
        impl<R: Framing> FrameProtocol<R> for Echo {
            fn frame_received(&mut self, transport: &mut FrameTransport<'_, R>, frame: &[u8]) {
                transport.send(frame).unwrap();
            }
        }
        let (mut frames, mut recorder) = (Prefixed::<N, _>::new(Echo), Recorder::new());
        let message = Self::message(&[b'b'; 16]);
        recorder.receive(&mut frames, &message);
        assert_eq!(recorder.written(), message);
    }

    fn length_limit_exceeded() {
        let message = Self::message(&[b'x'; 51]);
        let (mut frames, mut recorder) = (Self::receiver(), Recorder::new());
        recorder.receive(&mut frames, &message[..N]);
        let error = FrameError::TooLong { bytes: Some(51), bytes_max: 50 };
        assert_eq!(frames.protocol().refused, [error]);
        assert!(recorder.is_closed());
    }

    fn long_string_not_delivered() {
        let (mut frames, mut recorder) = (Self::receiver(), Recorder::new());
        recorder.receive(&mut frames, &Self::message(&[b'x'; 51]));
        recorder.receive(&mut frames, &Self::message(b"x")); // nor what comes after it
        assert_eq!((frames.protocol().received.len(), frames.protocol().refused.len()), (0, 1));
    }

    /// Bytes of another format between frames: raw mode takes them, and no frame is read twice.
    fn switching() {
        #[derive(Default)]
        struct Switching(Received);
        impl<R: Framing> FrameProtocol<R> for Switching {
            fn frame_received(&mut self, transport: &mut FrameTransport<'_, R>, frame: &[u8]) {
                self.0.push(frame.to_vec());
                transport.set_raw_mode();
            }
            fn raw_received(&mut self, transport: &mut FrameTransport<'_, R>, data: &[u8]) {
                transport.set_frame_mode(data.len() - 4);
            }
        }
        let strings: [&[u8]; 2] = [b"a", &[b'b'; 16]];
        let pause = [0; 4];
        let sent: Vec<u8> = strings
            .iter()
            .flat_map(|string| [&Self::message(string)[..], &pause].concat())
            .collect();
        let mut frames = Prefixed::<N, _>::new(Switching::default());
        Recorder::new().receive(&mut frames, &sent);
        assert_eq!(frames.protocol().0, strings);
    }

    fn data(sent: &[u8], received: &[u8]) {
        assert_eq!(Self::message(b"foo"), sent);
        let mut frames = Self::receiver();
        Recorder::new().receive(&mut frames, received);
        assert_eq!(frames.protocol().received, [b"ubar"]);
    }

    fn too_long_send() {
        let (bytes, mut out) = ((1 << (8 * N)) + 1, Vec::new());
        let error = PrefixReader::<N>::new().encode(&vec![b'b'; bytes], &mut out).unwrap_err();
        let bytes_max = (1 << (8 * N)) - 1;
        assert_eq!(error, FrameError::CannotSend { bytes, bytes_max });
        assert!(out.is_empty());
    }

    #[track_caller]
    fn illegal(string: &[u8]) {
        let (mut frames, mut recorder) = (Self::receiver(), Recorder::new());
        in_packets(&mut frames, &mut recorder, string, 1);
        assert!(recorder.is_closed());
    }
}

mod int32_tests {
    use super::*;

    #[test]
    fn test_illegal() {
        IntN::<4>::illegal(b"\x10\x00\x00\x00aaaaaa");
    }

    #[test]
    fn test_receive() {
        IntN::<4>::receive();
    }

    #[test]
    fn test_partial() {
        IntN::<4>::partial([b"\0\0\0", b"\0\0\0\x30 there", b""]);
    }

    #[test]
    fn test_send() {
        IntN::<4>::send();
    }

    #[test]
    fn test_length_limit_exceeded() {
        IntN::<4>::length_limit_exceeded();
    }

    #[test]
    fn test_long_string_not_delivered() {
        IntN::<4>::long_string_not_delivered();
    }

    #[test]
    fn test_switching() {
        IntN::<4>::switching();
    }

    #[test]
    fn test_data() {
        IntN::<4>::data(b"\0\0\0\x03foo", b"\0\0\0\x04ubar");
    }
}

mod int16_tests {
    use super::*;

    #[test]
    fn test_illegal() {
        IntN::<2>::illegal(b"\x10\x00aaaaaa");
    }

    #[test]
    fn test_receive() {
        IntN::<2>::receive();
    }

    #[test]
    fn test_partial() {
        IntN::<2>::partial([b"\0", b"\0\x30 there", b""]);
    }

    #[test]
    fn test_send() {
        IntN::<2>::send();
    }

    #[test]
    fn test_length_limit_exceeded() {
        IntN::<2>::length_limit_exceeded();
    }

    #[test]
    fn test_long_string_not_delivered() {
        IntN::<2>::long_string_not_delivered();
    }

    #[test]
    fn test_switching() {
        IntN::<2>::switching();
    }

    #[test]
    fn test_data() {
        IntN::<2>::data(b"\0\x03foo", b"\0\x04ubar");
    }

    #[test]
    fn test_too_long_send() {
        IntN::<2>::too_long_send();
    }
}

mod int8_tests {
    use super::*;

    #[test]
    fn test_illegal() {
        // Every length of one byte is legal by itself: it takes a maximum below 256.
        IntN::<1>::illegal(b"\x33aaaaaa");
    }

    #[test]
    fn test_receive() {
        IntN::<1>::receive();
    }

    #[test]
    fn test_partial() {
        IntN::<1>::partial([b"\x08", b"\x30dzadz", b""]);
    }

    #[test]
    fn test_send() {
        IntN::<1>::send();
    }

    #[test]
    fn test_length_limit_exceeded() {
        IntN::<1>::length_limit_exceeded();
    }

    #[test]
    fn test_long_string_not_delivered() {
        IntN::<1>::long_string_not_delivered();
    }

    #[test]
    fn test_switching() {
        IntN::<1>::switching();
    }

    #[test]
    fn test_data() {
        IntN::<1>::data(b"\x03foo", b"\x04ubar");
    }

    #[test]
    fn test_too_long_send() {
        IntN::<1>::too_long_send();
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
