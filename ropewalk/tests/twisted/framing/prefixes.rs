//! Twisted's tests of receivers of strings behind a length.

use super::*;

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
