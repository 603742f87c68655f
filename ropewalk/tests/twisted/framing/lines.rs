//! Twisted's tests of line receivers.

use super::*;

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
