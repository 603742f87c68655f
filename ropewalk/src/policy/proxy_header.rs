//! The PROXY protocol, version 1, receiving side: who the peer of a balancer really is.
//! Owns: the parser, the layer that waits for the header, its deadline.
//! Never: trusts a peer that was not allowed, or guesses at a header that is not exact.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use crate::addr::Addr;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::limits;
use crate::protocol::{Below, Deadline, Kind, Layer, Reason, Timer, Up};

pub use crate::limits::PROXY_HEADER_BYTES as HEADER_BYTES;

/// The longest field: an IPv6 address that ends in an IPv4 one.
const FIELD_BYTES: usize = 45;

const DEADLINE: Timer = Timer(0);

type Allow = Box<dyn Fn(&Addr) -> bool>;

/// Reads a PROXY header before anything else, and gives the connection the address in it.
///
/// The protocol is built when the header is whole, so [`Factory::build`] and
/// `connection_made` see the real peer. `PROXY UNKNOWN` keeps the address of the
/// connection. What is not a header ends the connection at its first wrong byte; one
/// that does not come whole, after [`limits::PROXY_HEADER`].
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
    deadline: Duration,
    allow: Option<Allow>,
}

impl ProxyHeader {
    /// From any peer, within [`limits::PROXY_HEADER`].
    pub fn new() -> ProxyHeader {
        ProxyHeader {
            parser: Some(Box::default()),
            header: None,
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

    /// What the header said, once it was whole: the address that the client connected
    /// to is in it.
    pub fn header(&self) -> Option<Header> {
        self.header
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
                self.parser = None;
                self.header = Some(header);
                below.cancel_timer(DEADLINE);
                if let Header::Tcp { source, destination } = header {
                    below.set_peer_addr(source.into());
                    below.set_local_addr(destination.into());
                }
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

/// What a PROXY header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Header {
    /// The balancer does not know, or speaks for itself: the connection's own addresses
    /// hold.
    Unknown,
    /// TCP, over IPv4 or IPv6.
    Tcp {
        /// The client.
        source: SocketAddr,
        /// Where it connected to.
        destination: SocketAddr,
    },
}

/// Reads a version 1 header, byte by byte if need be; pure, and without allocation.
///
/// ```
/// use ropewalk::policy::{Header, HeaderParser};
/// let mut parser = HeaderParser::new();
/// assert_eq!(parser.feed(b"PROXY UNK").unwrap(), None);
/// assert_eq!(parser.feed(b"NOWN\r\nhello").unwrap(), Some((Header::Unknown, 6)));
/// assert!(HeaderParser::new().feed(b"GET / HTTP/1.1\r\n").is_err());
/// ```
#[derive(Clone, Debug)]
pub struct HeaderParser {
    part: Part,
    /// Bytes taken so far.
    count: usize,
    field: [u8; FIELD_BYTES],
    length: usize,
    ips: [IpAddr; 2],
    ports: [u16; 2],
    is_v6: bool,
}

/// What is read now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// `PROXY `, so many bytes of it seen.
    Signature(usize),
    /// The first letter of the family.
    Family,
    /// The rest of `UNKNOWN`.
    Unknown(usize),
    /// The rest of `TCP`, the digit and the space.
    Tcp(usize),
    /// Behind `UNKNOWN`.
    UnknownEnd,
    /// Words behind `UNKNOWN`, which mean nothing.
    Words,
    /// Source (0) and destination (1).
    Ip(usize),
    Port(usize),
    /// The last byte: `\n`.
    LineFeed(bool),
    /// It is over, whole or refused.
    Over,
}

const SIGNATURE: &[u8] = b"PROXY ";
const UNKNOWN: &[u8] = b"UNKNOWN";
const TCP: &[u8] = b"TCP";

type Step = std::result::Result<(Part, Option<Header>), &'static str>;

impl HeaderParser {
    /// At the beginning of a header.
    pub fn new() -> HeaderParser {
        let nowhere = IpAddr::from([0; 4]);
        HeaderParser {
            part: Part::Signature(0),
            count: 0,
            field: [0; FIELD_BYTES],
            length: 0,
            ips: [nowhere; 2],
            ports: [0; 2],
            is_v6: false,
        }
    }

    /// Takes bytes up to the header's end. Answers, once it is whole, what it says and
    /// how many of `data` belong to it.
    ///
    /// # Errors
    /// At the first byte that no header has at its place; and for whatever comes after
    /// the end or an error.
    pub fn feed(&mut self, data: &[u8]) -> Result<Option<(Header, usize)>> {
        for (at, &byte) in data.iter().enumerate() {
            if let Some(header) = self.push(byte)? {
                return Ok(Some((header, at + 1)));
            }
        }
        Ok(None)
    }

    /// Takes one byte.
    ///
    /// # Errors
    /// As [`HeaderParser::feed`].
    pub fn push(&mut self, byte: u8) -> Result<Option<Header>> {
        self.count += 1;
        match self.step(byte) {
            Ok((part, header)) => {
                // The last two bytes of the longest header can only be its line end.
                let is_ending = matches!(part, Part::LineFeed(_) | Part::Over);
                if self.count >= HEADER_BYTES - 1 && !is_ending {
                    return Err(self.refuse("it is longer than 107 bytes"));
                }
                self.part = part;
                Ok(header)
            }
            Err(why) => Err(self.refuse(why)),
        }
    }

    fn refuse(&mut self, why: &str) -> Error {
        self.part = Part::Over;
        let sentence = format!("byte {} of the PROXY header is wrong: {why}", self.count);
        Error::new(Operation::Parse, ErrorKind::InvalidInput, sentence)
    }

    fn step(&mut self, byte: u8) -> Step {
        let next = |part| Ok((part, None));
        match self.part {
            Part::Signature(seen) => match SIGNATURE.get(seen) == Some(&byte) {
                true if seen + 1 == SIGNATURE.len() => next(Part::Family),
                true => next(Part::Signature(seen + 1)),
                false => Err("it begins with `PROXY `"),
            },
            Part::Family => match byte {
                b'U' => next(Part::Unknown(1)),
                b'T' => next(Part::Tcp(1)),
                _ => Err("after `PROXY ` comes TCP4, TCP6 or UNKNOWN"),
            },
            Part::Unknown(seen) => match UNKNOWN.get(seen) == Some(&byte) {
                true if seen + 1 == UNKNOWN.len() => next(Part::UnknownEnd),
                true => next(Part::Unknown(seen + 1)),
                false => Err("after `PROXY ` comes TCP4, TCP6 or UNKNOWN"),
            },
            Part::Tcp(seen) => self.family(seen, byte),
            Part::UnknownEnd if byte == b' ' => next(Part::Words),
            Part::UnknownEnd if byte != b'\r' => Err("UNKNOWN ends with a space or `\\r\\n`"),
            Part::UnknownEnd | Part::Words => match byte {
                b'\r' => next(Part::LineFeed(false)),
                b'\n' => Err("the header ends with `\\r\\n`"),
                _ => next(Part::Words),
            },
            Part::Ip(which) => self.ip(which, byte),
            Part::Port(which) => self.port(which, byte),
            Part::LineFeed(_) if byte != b'\n' => Err("the header ends with `\\r\\n`"),
            Part::LineFeed(false) => Ok((Part::Over, Some(Header::Unknown))),
            Part::LineFeed(true) => {
                let [source, destination] =
                    [0, 1].map(|which| SocketAddr::new(self.ips[which], self.ports[which]));
                Ok((Part::Over, Some(Header::Tcp { source, destination })))
            }
            Part::Over => Err("the header is over"),
        }
    }

    fn family(&mut self, seen: usize, byte: u8) -> Step {
        let matches = match seen {
            3 => matches!(byte, b'4' | b'6'),
            4 => byte == b' ',
            _ => TCP.get(seen) == Some(&byte),
        };
        if !matches {
            return Err("after `PROXY ` comes TCP4, TCP6 or UNKNOWN");
        }
        if seen == 3 {
            self.is_v6 = byte == b'6';
        }
        Ok((if seen == 4 { Part::Ip(0) } else { Part::Tcp(seen + 1) }, None))
    }

    fn ip(&mut self, which: usize, byte: u8) -> Step {
        const WRONG: &str = "it is not an address of the family that the header names";
        if byte == b' ' {
            let is_v6 = self.is_v6;
            let text = self.take_field();
            let ip = match is_v6 {
                true => text.parse().map(IpAddr::V6),
                false => text.parse().map(IpAddr::V4),
            };
            self.ips[which] = ip.map_err(|_| WRONG)?;
            return Ok((if which == 0 { Part::Ip(1) } else { Part::Port(0) }, None));
        }
        self.append(byte).ok_or(WRONG)?;
        let field = &self.field[..self.length];
        let may_go_on =
            if self.is_v6 { begins::<Ipv6Addr>(field) } else { begins::<Ipv4Addr>(field) };
        if may_go_on { Ok((Part::Ip(which), None)) } else { Err(WRONG) }
    }

    fn port(&mut self, which: usize, byte: u8) -> Step {
        const WRONG: &str = "a port is a number from 0 to 65535, without leading zeros";
        let end = if which == 0 { b' ' } else { b'\r' };
        if byte == end {
            self.ports[which] = self.take_field().parse().map_err(|_| WRONG)?;
            return Ok((if which == 0 { Part::Port(1) } else { Part::LineFeed(true) }, None));
        }
        self.append(byte).ok_or(WRONG)?;
        let field = &self.field[..self.length];
        if is_number(field, u16::MAX) { Ok((Part::Port(which), None)) } else { Err(WRONG) }
    }

    fn append(&mut self, byte: u8) -> Option<()> {
        *self.field.get_mut(self.length)? = byte;
        self.length += 1;
        Some(())
    }

    fn take_field(&mut self) -> &str {
        let length = std::mem::take(&mut self.length);
        // What was appended was checked to be ASCII; anything else would parse as nothing.
        std::str::from_utf8(&self.field[..length]).unwrap_or_default()
    }
}

impl Default for HeaderParser {
    fn default() -> HeaderParser {
        HeaderParser::new()
    }
}

/// Decimal, at most `max`, without leading zeros.
fn is_number(digits: &[u8], max: u16) -> bool {
    let value = digits.iter().try_fold(0u32, |value, digit| {
        let value = value * 10 + u32::from(digit.checked_sub(b'0').filter(|d| *d < 10)?);
        (value <= u32::from(max)).then_some(value)
    });
    value.is_some() && !digits.is_empty() && (digits[0] != b'0' || digits.len() == 1)
}

/// Whether an address can begin so: whether one of the possible rests makes it whole.
/// For each beginning of an address, of either family, one of these does.
fn begins<A: FromStr>(text: &[u8]) -> bool {
    const RESTS: [&[u8]; 10] =
        [b"", b"::", b"0", b":", b".0.0.0", b"0.0.0", b".0.0", b"0.0", b".0", b"0.0.0.0"];
    let mut whole = [0; FIELD_BYTES + 8];
    whole[..text.len()].copy_from_slice(text);
    RESTS.iter().any(|rest| {
        let end = text.len() + rest.len();
        whole[text.len()..end].copy_from_slice(rest);
        std::str::from_utf8(&whole[..end]).is_ok_and(|text| text.parse::<A>().is_ok())
    })
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
        let [source, destination] = [source, destination].map(|text| text.parse().unwrap());
        Header::Tcp { source, destination }
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
            (b"\r\n\r\n\0\r\nQUIT\n", 1), // version 2
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
                    assert!(matches!(header, Header::Tcp { .. }) && used == text.len());
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
        let items = up.into_items();
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
        assert_eq!(layer.header(), Some(Header::Unknown));
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
        let stranger: SocketAddr = "10.0.0.2:1".parse().unwrap();
        let mut bench = LayerBench::new().with_peer(stranger);
        assert!(!bench.start(&mut ProxyHeader::new().allow(may)));
        let why = bench.failure().unwrap();
        assert_eq!((why.kind(), why.by()), (Kind::Refused, By::User));
        let friend: SocketAddr = "10.0.0.1:1".parse().unwrap();
        let (mut bench, mut layer) =
            (LayerBench::new().with_peer(friend), ProxyHeader::new().allow(may));
        bench.start(&mut layer);
        assert_eq!(bench.receive(&mut layer, b"PROXY UNKNOWN\r\nx"), b"x");
    }
}
