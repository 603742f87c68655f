//! The PROXY protocol, versions 1 and 2, both ways: who the peer of a balancer really is.
//! Owns: the layer that waits for a header, its deadline, and whom it trusts; the one that
//! sends a header is `sending`'s, the formats are `text`'s and `binary`'s.
//! Never: trusts a peer that was not allowed, or guesses at a header that is not exact.

mod binary;
mod header;
mod parser;
mod sending;
mod text;

use std::fmt;
use std::time::Duration;

use crate::addr::Addr;
use crate::error::Result;
use crate::limits;
use crate::protocol::{Below, Deadline, Kind, Layer, Reason, Timer, Up};

pub use crate::limits::{
    PROXY_HEADER_BINARY_BYTES as BINARY_HEADER_BYTES, PROXY_HEADER_BYTES as HEADER_BYTES,
};
pub use header::{Header, Tlv};
pub use parser::HeaderParser;
pub use sending::HeaderSender;

const DEADLINE: Timer = Timer(0);

type Allow = Box<dyn Fn(&Addr) -> bool>;

/// Reads a PROXY header before anything else, and gives the connection the address in it.
///
/// The protocol is built when the header is whole, so [`Factory::build`] and
/// `connection_made` see the real peer; `local_addr` is what the client connected to.
/// `PROXY UNKNOWN`, and version 2's `LOCAL` and unspecified, keep the addresses of the
/// connection. What is not a header ends the connection at its first wrong byte; one that
/// does not come whole, after [`limits::PROXY_HEADER`]; one of version 2 that announces more
/// than [`BINARY_HEADER_BYTES`], at once. Both versions are taken, as the protocol asks.
///
/// When the header is whole the layer has done its work, and retires. `connection_made` is
/// the place to look at what else it said, with
/// [`with_layer`](crate::protocol::with_layer).
///
/// The format is that of HAProxy's `proxy-protocol.txt`, with its checksums verified.
///
/// Whoever can reach the port can claim to be anybody, so say who may:
///
/// ```
/// use ropewalk::policy::ProxyHeader;
/// use ropewalk::testing::LayerBench;
/// let balancer = |peer: &ropewalk::Addr| peer.host() == "127.0.0.1";
/// let (mut bench, mut layer) = (LayerBench::new(), ProxyHeader::new().allow(balancer));
/// assert!(!bench.start(&mut layer)); // not before the header
/// let up = bench.receive(&mut layer, b"PROXY TCP4 192.0.2.7 192.0.2.1 4000 80\r\nGET /");
/// assert_eq!(up, b"GET /");
/// assert_eq!(bench.peer().to_string(), "192.0.2.7:4000");
/// ```
///
/// [`Factory::build`]: crate::protocol::Factory::build
#[doc(alias = "haproxy")]
pub struct ProxyHeader {
    /// Until the header is whole; the connection then lives on without its memory.
    parser: Option<Box<HeaderParser>>,
    header: Option<Header>,
    tlvs: Vec<Tlv>,
    deadline: Duration,
    allow: Option<Allow>,
}

impl ProxyHeader {
    /// From any peer, within [`limits::PROXY_HEADER`].
    pub fn new() -> ProxyHeader {
        ProxyHeader {
            parser: Some(Box::default()),
            header: None,
            tlvs: Vec::new(),
            deadline: limits::PROXY_HEADER,
            allow: None,
        }
    }

    /// Only from peers for which `may` answers true; others are refused.
    #[must_use]
    pub fn allow(self, may: impl Fn(&Addr) -> bool + 'static) -> ProxyHeader {
        ProxyHeader { allow: Some(Box::new(may)), ..self }
    }

    /// Another deadline. The connection's start deadline runs too.
    #[must_use]
    pub fn within(self, deadline: Duration) -> ProxyHeader {
        ProxyHeader { deadline, ..self }
    }

    /// What the header said, once it was whole.
    pub fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// What a header of version 2 said beside addresses.
    pub fn tlvs(&self) -> &[Tlv] {
        &self.tlvs
    }

    /// The other side: a layer that sends this header, in binary (version 2), in front of
    /// everything else. A client of its own, with nobody behind it, sends [`Header::Local`];
    /// who relays sends its client's addresses.
    ///
    /// ```
    /// use ropewalk::policy::{Header, ProxyHeader};
    /// use ropewalk::testing::LayerBench;
    /// let (mut bench, mut layer) = (LayerBench::new(), ProxyHeader::send(&Header::Local));
    /// assert!(bench.start(&mut layer));
    /// assert_eq!(bench.take_wire(), b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
    /// ```
    pub fn send(header: &Header) -> HeaderSender {
        HeaderSender::new(header.in_binary())
    }

    /// The same with additions.
    ///
    /// # Errors
    /// As [`Header::to_binary`].
    pub fn send_with(header: &Header, tlvs: &[Tlv]) -> Result<HeaderSender> {
        header.to_binary(tlvs).map(HeaderSender::new)
    }

    /// The same as text (version 1).
    pub fn send_text(header: &Header) -> HeaderSender {
        HeaderSender::new(header.to_text())
    }
}

impl Default for ProxyHeader {
    fn default() -> ProxyHeader {
        ProxyHeader::new()
    }
}

impl fmt::Debug for ProxyHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyHeader").field("header", &self.header).finish_non_exhaustive()
    }
}

impl Layer for ProxyHeader {
    fn started(&mut self, below: &mut Below<'_>, _: &mut Up<'_>) {
        let peer = below.peer_addr();
        match &self.allow {
            Some(may) if !may(&peer) => {
                below.fail(Reason::refused(format!("{peer} may not send a PROXY header")));
            }
            _ => below.set_timer(DEADLINE, self.deadline),
        }
    }

    fn received<'d>(&mut self, below: &mut Below<'_>, data: &'d [u8], up: &mut Up<'d>) {
        let Some(parser) = &mut self.parser else { return up.pass(data) };
        match parser.feed(data) {
            Ok(None) => {}
            Ok(Some((header, used))) => {
                self.tlvs = parser.tlvs().to_vec();
                self.parser = None;
                if let Some((source, destination)) = header.addresses() {
                    below.set_peer_addr(source.clone());
                    below.set_local_addr(destination.clone());
                }
                self.header = Some(header);
                up.made();
                up.pass(&data[used..]);
                below.retire();
            }
            Err(error) => below.fail(Reason::peer_failed(error)),
        }
    }

    fn eof(&mut self, below: &mut Below<'_>, up: &mut Up<'_>) {
        match self.parser {
            None => up.eof(),
            Some(_) => below.fail(
                Reason::new(Kind::Truncated).because("the input ended inside the PROXY header"),
            ),
        }
    }

    fn timer_fired(&mut self, below: &mut Below<'_>, _: Timer, _: &mut Up<'_>) {
        if self.parser.is_some() {
            below.fail(Reason::new(Kind::Deadline(Deadline::ProxyHeader)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;
    use crate::protocol::{By, Context, Wire};
    use crate::testing::{LayerBench, every_split};

    const TCP4: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n";
    const LONGEST: &[u8] = b"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
        ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";

    fn parse(text: &[u8]) -> Result<Option<(Header, usize)>> {
        HeaderParser::new().feed(text)
    }

    fn tcp(source: &str, destination: &str) -> Header {
        let [source, destination] =
            [source, destination].map(|text| text.parse::<std::net::SocketAddr>().unwrap());
        Header::stream(source, destination)
    }

    #[test]
    fn every_legal_header_is_read() {
        let legal: [(&[u8], Header); 9] = [
            (TCP4, tcp("192.0.2.7:56324", "198.51.100.1:443")),
            (
                b"PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n",
                tcp("0.0.0.0:0", "255.255.255.255:65535"),
            ),
            (b"PROXY TCP6 2001:DB8::1 ::1 1 2\r\n", tcp("[2001:db8::1]:1", "[::1]:2")),
            (b"PROXY TCP6 :: 1:2:3:4:5:6:7:: 1 2\r\n", tcp("[::]:1", "[1:2:3:4:5:6:7:0]:2")),
            (
                b"PROXY TCP6 ::ffff:1.2.3.4 1:2:3:4:5:6:7:8 1 2\r\n",
                tcp("[::ffff:1.2.3.4]:1", "[1:2:3:4:5:6:7:8]:2"),
            ),
            (b"PROXY UNKNOWN\r\n", Header::Unknown),
            (b"PROXY UNKNOWN \r\n", Header::Unknown),
            (b"PROXY UNKNOWN any words, \xff\0 too\r\n", Header::Unknown),
            (LONGEST, Header::Unknown),
        ];
        for (text, want) in legal {
            assert_eq!(parse(text).unwrap(), Some((want, text.len())));
        }
        assert_eq!(LONGEST.len(), HEADER_BYTES);
    }

    #[test]
    fn it_is_read_the_same_however_it_is_cut() {
        let mut input = TCP4.to_vec();
        input.extend(b"GET / HTTP/1");
        let runs = every_split(&input, |pieces| {
            let (mut bench, mut layer) = (LayerBench::new(), ProxyHeader::new());
            assert!(!bench.start(&mut layer));
            let up: Vec<_> = pieces.iter().flat_map(|p| bench.receive(&mut layer, p)).collect();
            assert_eq!(up, b"GET / HTTP/1");
            assert_eq!(bench.peer().to_string(), "192.0.2.7:56324");
            assert!(bench.is_made() && bench.next_timer_at().is_none());
            assert!(bench.eof(&mut layer) && bench.failure().is_none());
        });
        assert!(runs > 1000);
    }

    /// The number of the byte at which it is refused.
    fn refused_at(text: &[u8]) -> Option<usize> {
        let mut parser = HeaderParser::new();
        text.iter().position(|byte| parser.push(*byte).is_err()).map(|at| at + 1)
    }

    #[test]
    fn garbage_is_refused_at_its_first_wrong_byte() {
        let wrong: [(&[u8], usize); 26] = [
            (b"GET / HTTP/1.1\r\n", 1),
            (b"\r\n\r\nQUIT\n", 5),
            (b"proxy TCP4", 1),
            (b"PROXY  TCP4", 7),
            (b"PROXY TCP5 ", 10),
            (b"PROXY TCP4\r\n", 11),
            (b"PROXY UDP4 ", 8),
            (b"PROXY UNKNOWNS\r\n", 14),
            (b"PROXY UNKNOWN\n", 14),
            (b"PROXY UNKNOWN\rX", 15),
            (b"PROXY UNKNOWN x\n", 16),
            (b"PROXY TCP4 x", 12),
            (b"PROXY TCP4  ", 12),
            (b"PROXY TCP4 256.0.0.1", 14),
            (b"PROXY TCP4 01.0.0.1", 13),
            (b"PROXY TCP4 1.2.3 ", 17),
            (b"PROXY TCP4 1.2.3.4.", 19),
            (b"PROXY TCP4 ::1", 12),
            (b"PROXY TCP6 1.2.3.4", 13),
            (b"PROXY TCP6 1:::", 15),
            (b"PROXY TCP6 1::2::", 17),
            (b"PROXY TCP6 12345", 16),
            (b"PROXY TCP6 fe80::1%eth0", 19),
            (b"PROXY TCP6 1:2:3:4:5:6:7:8:", 27),
            (b"PROXY TCP6 1:2 ", 15),
            (b"PROXY TCP6 ::1.2.3.4:", 21),
        ];
        for (text, at) in wrong {
            assert_eq!(refused_at(text), Some(at), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn ports_are_numbers_without_leading_zeros() {
        let wrong: [(&str, usize); 10] = [
            (" ", 1),
            ("65536", 5),
            ("100000", 6),
            ("00", 2),
            ("080", 2),
            ("+80", 1),
            ("-1", 1),
            ("8 \r", 3),
            ("1  ", 3),
            ("1\r", 2),
        ];
        let start = "PROXY TCP4 1.2.3.4 5.6.7.8 ";
        for (port, at) in wrong {
            let text = format!("{start}{port}");
            assert_eq!(refused_at(text.as_bytes()), Some(start.len() + at), "{port:?}");
        }
        for port in ["80 ", "80\n", "80\rX"] {
            let text = format!("{start}1 {port}");
            assert_eq!(refused_at(text.as_bytes()), Some(text.len()), "{port:?}");
        }
    }

    #[test]
    fn a_header_that_is_too_long_is_refused_once_it_cannot_end() {
        let text = [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 200]].concat();
        assert_eq!(refused_at(&text), Some(HEADER_BYTES - 1));
        let mut just = LONGEST.to_vec();
        just.insert(20, b'x');
        assert_eq!(refused_at(&just), Some(HEADER_BYTES - 1));
    }

    #[test]
    fn every_beginning_of_a_legal_header_is_taken_and_no_more_after_its_end() {
        for whole in [TCP4, LONGEST, b"PROXY TCP6 1:2:3:4:5:6:7:8 1:2:3:4:5:6:1.20.0.255 1 2\r\n"] {
            for end in 0..whole.len() {
                assert_eq!(parse(&whole[..end]).unwrap(), None, "{end}");
            }
            let mut parser = HeaderParser::new();
            assert!(parser.feed(whole).unwrap().is_some());
            assert!(parser.push(b'x').is_err());
        }
    }

    #[test]
    fn no_byte_makes_the_parser_panic_at_any_place() {
        for at in 0..TCP4.len() {
            for byte in 0..=255 {
                let mut text = TCP4.to_vec();
                text[at] = byte;
                if let Ok(Some((header, used))) = parse(&text) {
                    assert!(matches!(header, Header::Stream { .. }) && used == text.len());
                }
            }
        }
    }

    #[test]
    fn what_follows_the_header_is_passed_on_without_a_copy() {
        let data = [TCP4, b"hello"].concat();
        let clock = crate::clock::VirtualClock::new();
        let context = Context::new(Box::new(clock), Default::default());
        let mut wire = Wire::new(&Addr::Unix(None));
        let mut up = Up::new(&context);
        let mut below = Below::new(&mut [], &mut wire, &context);
        ProxyHeader::new().received(&mut below, &data, &mut up);
        let items: Vec<_> = up.into_items().collect();
        use crate::protocol::UpItem::{Made, Passed};
        match &items[..] {
            [Made, Passed(rest)] => assert_eq!(rest.as_ptr_range().end, data.as_ptr_range().end),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn unknown_keeps_the_real_address() {
        let (mut bench, mut layer) = (LayerBench::new(), ProxyHeader::new());
        let before = bench.peer();
        bench.start(&mut layer);
        bench.receive(&mut layer, b"PROXY UNKNOWN\r\n");
        assert_eq!((bench.peer(), bench.is_made()), (before, true));
        assert_eq!(layer.header(), Some(&Header::Unknown));
    }

    #[test]
    fn garbage_ends_the_connection_with_a_sentence() {
        let (mut bench, mut layer) = (LayerBench::new(), ProxyHeader::new());
        bench.start(&mut layer);
        assert_eq!(bench.receive(&mut layer, b"GET / HTTP/1.1\r\n"), b"");
        let why = bench.failure().unwrap();
        assert_eq!(why.kind(), Kind::Failed);
        assert!(why.to_string().contains("byte 1 of the PROXY header is wrong"), "{why}");
        assert!(!bench.is_made());
    }

    #[test]
    fn a_header_that_does_not_come_whole_meets_its_deadline() {
        let (mut bench, mut layer) = (LayerBench::new(), ProxyHeader::new());
        bench.start(&mut layer);
        bench.receive(&mut layer, &TCP4[..20]);
        assert_eq!(bench.next_timer_at(), Some(Time::ZERO + limits::PROXY_HEADER));
        bench.advance(&mut layer, limits::PROXY_HEADER);
        let kind = bench.failure().unwrap().kind();
        assert_eq!(kind, Kind::Deadline(Deadline::ProxyHeader));
        assert_eq!(bench.receive(&mut layer, &TCP4[20..]), b"");
    }

    #[test]
    fn an_end_of_input_inside_the_header_is_a_truncation() {
        for end in 0..TCP4.len() {
            let (mut bench, mut layer) = (LayerBench::new(), ProxyHeader::new());
            bench.start(&mut layer);
            bench.receive(&mut layer, &TCP4[..end]);
            assert!(!bench.eof(&mut layer));
            assert_eq!(bench.failure().unwrap().kind(), Kind::Truncated);
        }
    }

    #[test]
    fn a_peer_that_is_not_allowed_is_refused_before_its_first_byte() {
        let may = |peer: &Addr| peer.host() == "10.0.0.1";
        let stranger: std::net::SocketAddr = "10.0.0.2:1".parse().unwrap();
        let mut bench = LayerBench::new().with_peer(stranger);
        assert!(!bench.start(&mut ProxyHeader::new().allow(may)));
        let why = bench.failure().unwrap();
        assert_eq!((why.kind(), why.by()), (Kind::Refused, By::User));
        let friend: std::net::SocketAddr = "10.0.0.1:1".parse().unwrap();
        let (mut bench, mut layer) =
            (LayerBench::new().with_peer(friend), ProxyHeader::new().allow(may));
        bench.start(&mut layer);
        assert_eq!(bench.receive(&mut layer, b"PROXY UNKNOWN\r\nx"), b"x");
    }

    /// Version 2: command, family, addresses and additions as they are.
    fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = (rest.len() as u16).to_be_bytes();
        [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, rest].concat()
    }

    const V4: &[u8] = &[192, 0, 2, 7, 198, 51, 100, 1, 0xdc, 4, 1, 0xbb];

    #[test]
    fn a_binary_header_is_read_and_written_the_same() {
        let v4 = tcp("192.0.2.7:56324", "198.51.100.1:443");
        let v6 = tcp("[2001:db8::1]:1", "[::1]:65535");
        let path = |text: &str| Addr::from(std::path::PathBuf::from(text));
        let unix = Header::stream(path("/run/a"), path("\0name"));
        let unnamed = Header::stream(Addr::Unix(None), path("/x"));
        let (source, destination) = v4.addresses().unwrap();
        let datagram =
            Header::Datagram { source: source.clone(), destination: destination.clone() };
        for header in [v4, v6, unix, unnamed, datagram, Header::Unknown, Header::Local] {
            let bytes = header.to_binary(&[]).unwrap();
            assert_eq!(parse(&bytes).unwrap(), Some((header, bytes.len())));
        }
        assert_eq!(
            parse(&binary(0x21, 0x11, V4)).unwrap().unwrap().0,
            tcp("192.0.2.7:56324", "198.51.100.1:443")
        );
    }

    #[test]
    fn what_one_of_the_formats_has_no_words_for_is_unknown() {
        let [v4, v6] = ["1.2.3.4:5", "[::1]:6"]
            .map(|text| Addr::from(text.parse::<std::net::SocketAddr>().unwrap()));
        let mixed = Header::stream(v4.clone(), v6.clone());
        assert_eq!(mixed.to_text(), b"PROXY TCP6 ::ffff:1.2.3.4 ::1 5 6\r\n");
        let bytes = mixed.to_binary(&[]).unwrap();
        assert_eq!(parse(&bytes).unwrap().unwrap().0, tcp("[::ffff:1.2.3.4]:5", "[::1]:6"));
        let long = Addr::from(std::path::PathBuf::from("x".repeat(109)));
        for header in [
            Header::stream(v4.clone(), Addr::Memory(1)),
            Header::stream(v4, Addr::Unix(None)),
            Header::stream(long, Addr::Unix(None)),
        ] {
            assert_eq!(header.to_text(), b"PROXY UNKNOWN\r\n");
            assert_eq!(header.to_binary(&[]).unwrap(), binary(0x21, 0, b""));
        }
        assert_eq!(Header::Local.to_text(), b"PROXY UNKNOWN\r\n");
    }

    #[test]
    fn what_a_binary_header_leaves_open_keeps_the_real_addresses() {
        // LOCAL, the family unspecified, the transport unspecified; what else there is counts
        // for nothing.
        for (command, family) in [(0x20, 0x11), (0x20, 0), (0x21, 0x01), (0x21, 0x10), (0x21, 0)] {
            for rest in [V4, b"", b"\x01\xff", &[0; 300]] {
                let bytes = binary(command, family, rest);
                let (mut bench, mut layer) = (LayerBench::new(), ProxyHeader::new());
                let (peer, local) = (bench.peer(), bench.local());
                bench.start(&mut layer);
                assert_eq!(bench.receive(&mut layer, &[&bytes[..], b"x"].concat()), b"x");
                assert_eq!((bench.peer(), bench.local()), (peer, local));
                assert!(bench.is_made() && bench.is_retired() && layer.tlvs().is_empty());
            }
        }
    }

    #[test]
    fn a_binary_header_is_refused_at_its_first_wrong_byte() {
        let wrong: [(&[u8], usize); 9] = [
            (b"\r\n\r\n\0\r\nQUIX\n", 11),
            (&binary(0x11, 0x11, V4), 13),
            (&binary(0x31, 0x11, V4), 13),
            (&binary(0x22, 0x11, V4), 13),
            (&binary(0x21, 0x41, V4), 14),
            (&binary(0x21, 0x13, V4), 14),
            (&binary(0x21, 0x11, &V4[..11]), 16),
            (&binary(0x21, 0x21, &[0; 35]), 16),
            (&binary(0x21, 0x31, &[0; 215]), 16),
        ];
        for (bytes, at) in wrong {
            assert_eq!(refused_at(bytes), Some(at), "{}", bytes.escape_ascii());
        }
        // The length is refused before one of its bytes has come.
        for (length, refused) in [(4080, None), (4081, Some(16)), (u16::MAX, Some(16))] {
            let mut bytes = binary(0x21, 0x11, V4);
            bytes[14..16].copy_from_slice(&length.to_be_bytes());
            assert_eq!(refused_at(&bytes), refused, "{length}");
        }
        assert_eq!(16 + 4080, BINARY_HEADER_BYTES);
    }

    #[test]
    fn additions_are_told_and_must_be_whole() {
        let with = |tlvs: &[u8]| binary(0x21, 0x11, &[V4, tlvs].concat());
        let mut parser = HeaderParser::new();
        let bytes = with(b"\x02\0\x03a.b\x04\0\0\xee\0\x01z");
        assert!(parser.feed(&bytes).unwrap().is_some());
        let told = [Tlv::new(2, *b"a.b"), Tlv::new(4, *b""), Tlv::new(0xee, *b"z")];
        assert_eq!(parser.tlvs(), told);
        assert_eq!(tcp("192.0.2.7:56324", "198.51.100.1:443").to_binary(&told).unwrap(), bytes);
        for cut in [&b"\x02"[..], b"\x02\0", b"\x02\0\x01", b"\x02\0\x03ab", b"\x02\xff\xffa"] {
            assert!(parse(&with(cut)).is_err(), "{cut:?}");
        }
        let much = Tlv::new(1, vec![0; BINARY_HEADER_BYTES - 16 - 12 - 3]);
        let header = tcp("1.2.3.4:5", "1.2.3.4:6");
        assert_eq!(
            header.to_binary(std::slice::from_ref(&much)).unwrap().len(),
            BINARY_HEADER_BYTES
        );
        assert!(header.to_binary(&[much, Tlv::new(4, [])]).is_err());
    }

    #[test]
    fn a_checksum_is_counted_and_verified() {
        // The check value of the sum's definition.
        assert_eq!(super::binary::crc32c(b"123456789".iter().copied()), 0xe306_9283);
        let header = tcp("192.0.2.7:56324", "198.51.100.1:443");
        let tlvs = [Tlv::new(1, *b"h2"), Tlv::checksum(), Tlv::new(2, *b"host")];
        let bytes = header.to_binary(&tlvs).unwrap();
        assert_eq!(parse(&bytes).unwrap(), Some((header, bytes.len())));
        for at in (16..bytes.len()).filter(|at| *at != 33) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(parse(&damaged).is_err(), "byte {at}"); // 33 makes it no checksum
        }
        // Of another length it is none.
        assert!(parse(&binary(0x21, 0x11, &[V4, b"\x03\0\x03abc"].concat())).is_err());
    }

    #[test]
    fn a_binary_header_is_read_the_same_however_it_is_cut() {
        let input = [&binary(0x21, 0x11, V4)[..], b"GET"].concat();
        every_split(&input, |pieces| {
            let (mut bench, mut layer) = (LayerBench::new(), ProxyHeader::new());
            assert!(!bench.start(&mut layer));
            let up: Vec<_> = pieces.iter().flat_map(|p| bench.receive(&mut layer, p)).collect();
            assert_eq!(up, b"GET");
            assert_eq!(bench.peer().to_string(), "192.0.2.7:56324");
            assert_eq!(bench.local().unwrap().to_string(), "198.51.100.1:443");
            assert!(bench.is_retired() && bench.next_timer_at().is_none());
        });
    }

    #[test]
    fn what_one_side_sends_the_other_side_reads() {
        let header = tcp("192.0.2.7:56324", "198.51.100.1:443");
        for mut sender in [
            ProxyHeader::send(&header),
            ProxyHeader::send_text(&header),
            ProxyHeader::send_with(&header, &[Tlv::checksum()]).unwrap(),
        ] {
            let mut bench = LayerBench::new();
            assert!(bench.start(&mut sender) && bench.is_retired());
            let mut sent = bench.take_wire();
            sent.extend(bench.write(&mut sender, b"hello"));
            assert_eq!(bench.receive(&mut sender, b"answer"), b"answer");
            let (mut bench, mut layer) = (LayerBench::new(), ProxyHeader::new());
            bench.start(&mut layer);
            assert_eq!(bench.receive(&mut layer, &sent), b"hello");
            assert_eq!(layer.header(), Some(&header));
        }
    }
}
