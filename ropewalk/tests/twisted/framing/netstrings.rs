//! Twisted's tests of netstring receivers.

use super::*;

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
