//! Twisted's tests of `protocols.haproxy`.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::policy::{Header, HeaderParser, ProxyHeader};
use ropewalk::protocol::{Factory, Kind};
use ropewalk::testing::Network;
use ropewalk::{Addr, Reason};

use crate::policies::{Seen, echo, seen};

/// What a parser says of these pieces.
fn parse(pieces: &[&[u8]]) -> ropewalk::Result<Option<(Header, Vec<u8>)>> {
    let mut parser = HeaderParser::new();
    for (at, piece) in pieces.iter().enumerate() {
        if let Some((header, used)) = parser.feed(piece)? {
            return Ok(Some((header, [&piece[used..], &pieces[at + 1..].concat()].concat())));
        }
    }
    Ok(None)
}

/// Source and destination, as text.
fn addresses(header: &Header) -> Option<[String; 2]> {
    header.addresses().map(|(source, destination)| [source, destination].map(Addr::to_string))
}

mod v1_parser_tests {
    use super::*;

    #[track_caller]
    fn assert_wrong(text: &[u8], why: &str) {
        let error = parse(&[text]).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }

    #[track_caller]
    fn assert_says(text: &[u8], wanted: [&str; 2]) {
        let (header, _) = parse(&[text]).unwrap().expect("it is whole");
        assert_eq!(addresses(&header).unwrap(), wanted);
    }

    #[test]
    fn test_missing_proxy_header_value() {
        assert_wrong(b"NOTPROXY ", "byte 1 of the PROXY header is wrong");
    }

    #[test]
    fn test_invalid_network_protocol() {
        assert_wrong(b"PROXY WUTPROTO ", "TCP4, TCP6 or UNKNOWN");
    }

    #[test]
    fn test_missing_source_data() {
        assert_wrong(b"PROXY TCP4 \r\n", "it is not an address");
    }

    #[test]
    fn test_missing_dest_data() {
        assert_wrong(b"PROXY TCP4 127.0.0.1 8080 8888\r\n", "it is not an address");
    }

    #[test]
    fn test_full_parsing_success() {
        let wanted = ["127.0.0.1:8080", "127.0.0.1:8888"];
        assert_says(b"PROXY TCP4 127.0.0.1 127.0.0.1 8080 8888\r\n", wanted);
    }

    #[test]
    fn test_full_parsing_success_ipv6() {
        assert_says(b"PROXY TCP6 ::1 ::1 8080 8888\r\n", ["[::1]:8080", "[::1]:8888"]);
    }

    #[test]
    fn test_full_parsing_success_unknown() {
        let text = b"PROXY UNKNOWN anything could go here\r\n";
        assert_eq!(parse(&[text]).unwrap(), Some((Header::Unknown, Vec::new())));
    }

    #[test]
    fn test_feed_parsing() {
        let pieces: [&[u8]; 3] = [b"PROXY TCP4 127.0.0.1 127.0.0.1 ", b"8080 8888", b"\r\n"];
        assert_eq!(parse(&pieces[..1]).unwrap(), None);
        assert_eq!(parse(&pieces[..2]).unwrap(), None);
        let (header, rest) = parse(&pieces).unwrap().unwrap();
        assert_eq!(addresses(&header).unwrap(), ["127.0.0.1:8080", "127.0.0.1:8888"]);
        assert!(rest.is_empty());
    }

    #[test]
    fn test_feed_parsing_too_long() {
        let pieces: [&[u8]; 2] = [b"PROXY UNKNOWN ", &[b' '; 100]];
        assert!(parse(&pieces).unwrap_err().to_string().contains("longer than 107 bytes"));
    }

    #[test]
    fn test_feed_parsing_overflow() {
        let text = b"PROXY TCP4 127.0.0.1 127.0.0.1 8080 8888\r\nHTTP/1.1 GET /\r\n";
        assert_eq!(parse(&[text]).unwrap().unwrap().1, b"HTTP/1.1 GET /\r\n");
    }
}

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// What a binary header has behind its length, of each family: 127.0.0.1, ::1, or a path.
fn bodies() -> [(u8, Vec<u8>); 3] {
    let ports = [0x1f, 0x90, 0x22, 0xb8];
    let v6 = [&[0; 15][..], &[1]].concat();
    let mut path = b"/run/tests/mysockets/sock".to_vec();
    path.resize(108, 0);
    [
        (1, [&[127, 0, 0, 1, 127, 0, 0, 1][..], &ports].concat()),
        (2, [&v6[..], &v6, &ports].concat()),
        (3, [&path[..], &path].concat()),
    ]
}

fn binary(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u16).to_be_bytes();
    [SIGNATURE, &[command, family], &length, body].concat()
}

const WANTED: [[&str; 2]; 3] = [
    ["127.0.0.1:8080", "127.0.0.1:8888"],
    ["[::1]:8080", "[::1]:8888"],
    ["unix:/run/tests/mysockets/sock", "unix:/run/tests/mysockets/sock"],
];

mod v2_parser_tests {
    use super::*;

    /// A family at a time: what they show is the same.
    #[test]
    fn test_happy_path() {
        for (family, body) in bodies() {
            assert!(parse(&[&binary(0x21, family << 4 | 1, &body)]).unwrap().is_some());
        }
    }

    #[track_caller]
    fn assert_wrong(header: &[u8], why: &str) {
        let error = parse(&[header]).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }

    #[test]
    fn test_invalid_signature() {
        let header = binary(0x21, 0x11, &bodies()[0].1);
        assert_wrong(&[&[0; 12], &header[12..]].concat(), "byte 1 of");
    }

    #[test]
    fn test_invalid_version() {
        assert_wrong(&binary(0x11, 0x11, &bodies()[0].1), "version");
    }

    #[test]
    fn test_invalid_command() {
        assert_wrong(&binary(0x23, 0x11, &bodies()[0].1), "LOCAL nor PROXY");
    }

    #[test]
    fn test_invalid_family() {
        assert_wrong(&binary(0x21, 0x40, &bodies()[0].1), "no such family");
    }

    #[test]
    fn test_invalid_proto() {
        assert_wrong(&binary(0x21, 0x24, &bodies()[1].1), "neither a stream nor datagrams");
    }

    #[test]
    fn test_local_command() {
        for (family, body) in bodies() {
            let (header, _) = parse(&[&binary(0x20, family << 4 | 1, &body)]).unwrap().unwrap();
            assert_eq!(header, Header::Local);
        }
    }

    #[test]
    fn test_proxy_command() {
        for ((family, body), wanted) in bodies().into_iter().zip(WANTED) {
            let (header, _) = parse(&[&binary(0x21, family << 4 | 1, &body)]).unwrap().unwrap();
            let found = addresses(&header).unwrap();
            assert!(found[0].ends_with(wanted[0].trim_start_matches("unix:")), "{found:?}");
            assert!(found[1].ends_with(wanted[1].trim_start_matches("unix:")), "{found:?}");
        }
    }

    #[test]
    fn test_unspec_family() {
        for (_, body) in bodies() {
            let (header, _) = parse(&[&binary(0x21, 0x01, &body)]).unwrap().unwrap();
            assert_eq!(header, Header::Unknown);
        }
    }

    #[test]
    fn test_unspec_proto() {
        for (family, body) in bodies() {
            let (header, _) = parse(&[&binary(0x21, family << 4, &body)]).unwrap().unwrap();
            assert_eq!(header, Header::Unknown);
        }
    }

    #[test]
    fn test_overflow() {
        let more = b"TEST DATA\r\n\r\nTEST DATA";
        for (family, body) in bodies() {
            let header = binary(0x21, family << 4 | 1, &body);
            let (_, rest) = parse(&[&[&header[..], more].concat()]).unwrap().unwrap();
            assert_eq!(rest, more);
        }
    }

    /// There less than 16 bytes at once is an error (F); here it is not whole yet.
    #[test]
    fn test_segment_too_small() {
        let header = binary(0x21, 0x11, &bodies()[0].1);
        for cut in 0..header.len() {
            assert_eq!(parse(&[&header[..cut]]).unwrap(), None);
            let (whole, rest) = parse(&[&header[..cut], &header[cut..]]).unwrap().unwrap();
            assert!(addresses(&whole).is_some() && rest.is_empty());
        }
        assert_eq!(
            parse(&[b"NEEDMOREDATA"]).unwrap_err().kind(),
            ropewalk::error::ErrorKind::InvalidInput
        );
    }
}

/// What becomes of a connection whose peer sends these pieces to a server behind a balancer.
fn behind_a_balancer(pieces: &[&[u8]]) -> Vec<String> {
    let (network, story) = (Network::calm(), Seen::default());
    let failed = Rc::new(Cell::new(None));
    struct Hears<F>(F, Rc<Cell<Option<Kind>>>);
    impl<F: Factory> Factory for Hears<F> {
        type Protocol = F::Protocol;
        fn build(&mut self, peer: &Addr) -> Option<F::Protocol> {
            self.0.build(peer)
        }
        fn stack(&mut self, layers: &mut ropewalk::protocol::Layers) {
            self.0.stack(layers);
        }
        fn failed(&mut self, _: &dyn ropewalk::Net, why: &Reason) {
            self.1.set(Some(why.kind()));
        }
    }
    let factory = Hears(echo(&story).layer(ProxyHeader::new), failed.clone());
    network.listen(7, factory).unwrap();
    let mut peer = network.dial(7).unwrap();
    for piece in pieces {
        peer.send(piece);
        network.run_for(Duration::from_millis(1));
    }
    let mut story = seen(&story);
    if let Some(kind) = failed.take() {
        story.push(format!("failed: {kind:?}"));
    }
    story
}

mod ha_proxy_wrapping_factory_v1_tests {
    use super::*;

    #[test]
    fn test_invalid_header_disconnects() {
        let pieces: [&[u8]; 1] = [b"NOTPROXY anything can go here\r\n"];
        assert_eq!(behind_a_balancer(&pieces), ["failed: Failed"]);
    }

    #[test]
    fn test_invalid_partial_header_disconnects() {
        let pieces: [&[u8]; 2] = [b"PROXY TCP4 1.1.1.1\r\n", b"2.2.2.2 8080\r\n"];
        assert_eq!(behind_a_balancer(&pieces), ["failed: Failed"]);
    }

    #[test]
    fn test_valid_ipv4_header_resolves_get_peer_host() {
        let pieces: [&[u8]; 1] = [b"PROXY TCP4 1.1.1.1 2.2.2.2 8080 8888\r\n"];
        assert_eq!(behind_a_balancer(&pieces), ["made from 1.1.1.1:8080 to 2.2.2.2:8888"]);
    }

    #[test]
    fn test_valid_ipv6_header_resolves_get_peer_host() {
        let pieces: [&[u8]; 1] = [b"PROXY TCP6 ::1 ::2 8080 8888\r\n"];
        assert_eq!(behind_a_balancer(&pieces), ["made from [::1]:8080 to [::2]:8888"]);
    }

    #[test]
    fn test_overflow_bytes_sent_to_wrapped_protocol() {
        let pieces: [&[u8]; 1] = [b"PROXY TCP6 ::1 ::2 8080 8888\r\nHTTP/1.1 / GET"];
        assert_eq!(behind_a_balancer(&pieces)[1..], ["data HTTP/1.1 / GET"]);
    }

    #[test]
    fn test_overflow_bytes_sent_to_wrapped_protocol_chunks() {
        let pieces: [&[u8]; 2] = [b"PROXY TCP6 ::1 ::2 ", b"8080 8888\r\nHTTP/1.1 / GET"];
        assert_eq!(behind_a_balancer(&pieces)[1..], ["data HTTP/1.1 / GET"]);
    }

    #[test]
    fn test_overflow_bytes_sent_to_wrapped_protocol_after() {
        let pieces: [&[u8]; 3] =
            [b"PROXY TCP6 ::1 ::2 ", b"8080 8888\r\nHTTP/1.1 / GET", b"\r\n\r\n"];
        let wanted = ["data HTTP/1.1 / GET", r"data \r\n\r\n"];
        assert_eq!(behind_a_balancer(&pieces)[1..], wanted);
    }
}

mod ha_proxy_wrapping_factory_v2_tests {
    use super::*;

    fn header(which: usize) -> Vec<u8> {
        let (family, body) = &bodies()[which];
        binary(0x21, family << 4 | 1, body)
    }

    #[test]
    fn test_invalid_header_disconnects() {
        let wrong = [&[0], &header(0)[1..]].concat();
        assert_eq!(behind_a_balancer(&[&wrong]), ["failed: Failed"]);
    }

    #[test]
    fn test_valid_ipv4_header_resolves_get_peer_host() {
        let wanted = ["made from 127.0.0.1:8080 to 127.0.0.1:8888"];
        assert_eq!(behind_a_balancer(&[&header(0)]), wanted);
    }

    #[test]
    fn test_valid_ipv6_header_resolves_get_peer_host() {
        let wanted = ["made from [::1]:8080 to [::1]:8888"];
        assert_eq!(behind_a_balancer(&[&header(1)]), wanted);
    }

    #[test]
    fn test_valid_unix_header_resolves_get_peer_host() {
        let path = Addr::from(std::path::PathBuf::from("/run/tests/mysockets/sock"));
        assert_eq!(behind_a_balancer(&[&header(2)]), [format!("made from {path} to {path}")]);
    }

    #[test]
    fn test_overflow_bytes_sent_to_wrapped_protocol() {
        let pieces = [&header(1)[..], b"HTTP/1.1 / GET"].concat();
        assert_eq!(behind_a_balancer(&[&pieces])[1..], ["data HTTP/1.1 / GET"]);
    }

    #[test]
    fn test_overflow_bytes_sent_to_wrapped_protocol_chunks() {
        let header = header(1);
        let second = [&header[18..], b"HTTP/1.1 / GET"].concat();
        assert_eq!(behind_a_balancer(&[&header[..18], &second])[1..], ["data HTTP/1.1 / GET"]);
    }
}

mod ha_proxy_server_parser_tests {
    use ropewalk::addr::Site;
    use ropewalk::endpoint::Endpoint;

    fn prefixed(text: &str) -> Site {
        let endpoint: Endpoint = text.parse().unwrap();
        assert!(endpoint.proxy_header(), "{text}");
        let without: Endpoint = text.strip_prefix("haproxy:").unwrap().parse().unwrap();
        assert_eq!(endpoint.site().unwrap(), without.site().unwrap());
        endpoint.site().unwrap()
    }

    #[test]
    fn test_tcp4() {
        assert!(matches!(prefixed("haproxy:tcp:8080"), Site::Tcp(at) if at.port == 8080));
    }

    #[test]
    fn test_tcp6() {
        assert!(matches!(prefixed("haproxy:tcp6:8080"), Site::Tcp(at) if at.port == 8080));
    }

    #[test]
    fn test_unix() {
        let path = std::path::Path::new("/tmp/socket");
        let site = prefixed("haproxy:unix:address=/tmp/socket");
        assert!(matches!(site, Site::Unix(at) if at == path));
    }
}
