//! What others write: Twisted's descriptions, which are understood; socat's words and what
//! is not there yet, which are answered with what to write instead.
//! Owns: the words of others. Never: adds a meaning that our own grammar could not write.

use std::net::{IpAddr, Ipv6Addr};

use super::Passed;
use super::address::{no_port, read_host, read_index, read_name, read_port, unescape};
use super::error::{Fault, quoted};
use super::nearest::nearest;
use super::options::{self, Style, Written};
use super::parse::{Part, Scheme};
use crate::addr::{ListenAt, ListenHost, parse_port};

/// Words that look like schemes and are none here: the cause, and what to do instead.
const NOT_HERE: &[(&str, &str, &str)] = &[
    ("ws", "`ws` (WebSocket) is not there yet", "`tcp` is"),
    ("wss", "`wss` (WebSocket over TLS) is not there yet", "`tls` is"),
    ("http", "`http` is a protocol, an endpoint says where it is spoken", "write `tcp:HOST:80`"),
    ("https", "`https` is a protocol, an endpoint says where it is spoken", "write `tls:HOST:443`"),
    ("exec", "`exec` (a program's pipes) is not there yet", "name a socket"),
    ("stdin", "`stdin` is socat's word for one half of `-`", "write `-`"),
    ("stdout", "`stdout` is socat's word for one half of `-`", "write `-`"),
    ("socks5", "`socks5` (through a proxy) is not there yet", "`tcp` connects directly"),
];

/// socat's words, in lower case, and how they begin here.
const SOCAT: &[(&str, &str)] = &[
    ("tcp4", "tcp:"),
    ("tcp-connect", "tcp:"),
    ("tcp4-connect", "tcp:"),
    ("tcp6-connect", "tcp:"),
    ("tcp-listen", "tcp:"),
    ("tcp-l", "tcp:"),
    ("tcp4-listen", "tcp:"),
    ("tcp6-listen", "tcp:"),
    ("openssl", "tls:"),
    ("openssl-connect", "tls:"),
    ("openssl-listen", "tls:"),
    ("udp4", "udp:"),
    ("udp6", "udp:"),
    ("udp-connect", "udp:"),
    ("udp-sendto", "udp:"),
    ("udp-datagram", "udp:"),
    ("udp-listen", "udp:"),
    ("udp-recv", "udp:"),
    ("udp-recvfrom", "udp:"),
    ("udp4-listen", "udp:"),
    ("udp4-recvfrom", "udp:"),
    ("udp6-recvfrom", "udp:"),
    ("unix-connect", "unix:"),
    ("unix-client", "unix:"),
    ("unix-listen", "unix:"),
    ("unix-l", "unix:"),
    ("unix-sendto", "unixgram:"),
    ("unix-recv", "unixgram:"),
    ("unix-recvfrom", "unixgram:"),
    ("abstract", "unix:@"),
    ("abstract-connect", "unix:@"),
    ("abstract-client", "unix:@"),
    ("abstract-listen", "unix:@"),
    ("abstract-sendto", "unixgram:@"),
    ("abstract-recv", "unixgram:@"),
    ("abstract-recvfrom", "unixgram:@"),
];

/// Where to read more, when a name of a host is out of the question.
const HELP: &str = "ropewalk help endpoints";

/// What `word` is elsewhere, if that is known; `rest` stands behind its colon.
pub(super) fn word(word: Part<'_>, rest: Part<'_>) -> Option<Fault> {
    let lower = word.text.to_ascii_lowercase();
    if let Some((_, cause, instead)) = NOT_HERE.iter().find(|(name, ..)| *name == lower) {
        let fault = Fault::new(word.span(), *cause);
        return Some(match http_place(&lower, rest.text) {
            Some(place) => fault.label(format!("write {}", quoted(&place))),
            None => fault.label(*instead),
        });
    }
    if let Some((_, ours)) = SOCAT.iter().find(|(name, _)| *name == lower) {
        let cause = format!("{} is socat's word", quoted(word.text));
        let fault = Fault::new(word.span(), cause);
        let fault = fault.label(format!("write {}", quoted(&format!("{ours}{}", rest.text))));
        return Some(match lower.contains("-l") && matches!(*ours, "tcp:" | "tls:") {
            true => fault.help(format!(
                "a port alone is this machine only; `{ours}*:PORT` is every address"
            )),
            false => fault.help(HELP),
        });
    }
    None
}

/// Twisted's schemes that ours say otherwise.
pub(super) fn scheme(word: &str) -> Option<Scheme> {
    let theirs = [("ssl", Scheme::Tls), (IPV6, Scheme::Tcp)];
    theirs.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, ours)| ours)
}

/// Twisted's and socat's word for `-`.
pub(super) fn is_stdio(text: &str) -> bool {
    ["stdio", "stdio:"].iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Twisted's scheme that listens on IPv6 alone.
const IPV6: &str = "tcp6";

/// Whether it begins with that scheme.
pub(super) fn is_ipv6_alone(text: &str) -> bool {
    text.split_once(':').is_some_and(|(word, _)| word.eq_ignore_ascii_case(IPV6))
}

/// What such an address is here: ours say it by the host.
pub(super) fn ipv6_alone(address: Part<'_>, at: ListenAt) -> Result<ListenAt, Fault> {
    let host = match at.host {
        ListenHost::Loopback => Ipv6Addr::LOCALHOST,
        ListenHost::All => Ipv6Addr::UNSPECIFIED,
        ListenHost::Ip(IpAddr::V6(ip)) => ip,
        ListenHost::Ip(IpAddr::V4(_)) | ListenHost::Name(_) => {
            let fault = Fault::new(address.span(), "`tcp6` takes an address of IPv6");
            return Err(fault.label("write `tcp:[::1]:PORT`, or `tcp:HOST:PORT` for a name"));
        }
    };
    Ok(ListenAt { host: ListenHost::Ip(host.into()), port: at.port })
}

/// Where `http://host/path` is spoken.
fn http_place(scheme: &str, rest: &str) -> Option<String> {
    let (ours, port) = match scheme {
        "http" => ("tcp", ":80"),
        "https" => ("tls", ":443"),
        _ => return None,
    };
    let authority = rest.strip_prefix("//")?;
    let authority = authority.split(['/', '?', '#']).next().filter(|host| !host.is_empty())?;
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| parse_port(port).is_ok());
    Some(format!("{ours}:{authority}{}", if has_port { "" } else { port }))
}

/// Twisted's `8080:interface=127.0.0.1:backlog=50`, `host=h:port=80:timeout=30`.
pub(super) fn internet(
    address: Part<'_>,
    pieces: &[Part<'_>],
    scheme: Scheme,
    options: &mut Written,
) -> Result<ListenAt, Fault> {
    let (mut host, mut port, mut unnamed) = (None, None, Vec::new());
    for piece in pieces {
        let Some((key, value)) = piece.split_once('=') else {
            unnamed.push(*piece);
            continue;
        };
        let slot = match key.text {
            "host" | "interface" => &mut host,
            "port" => &mut port,
            "backlog" | "timeout" => {
                options.add(*piece, scheme, Style::Twisted)?;
                continue;
            }
            theirs if options::ours(theirs) != theirs => {
                options.add(*piece, scheme, Style::Twisted)?;
                continue;
            }
            _ => return Err(not_twisted(key, *piece, scheme)),
        };
        if slot.replace(value).is_some() {
            return Err(said_twice(key));
        }
    }
    // Twisted's order: the host, if it is not named, and the port, if it is not.
    let mut unnamed = unnamed.into_iter().rev();
    let port = match port.or_else(|| unnamed.next()) {
        Some(port) => read_port(port)?,
        None => return Err(no_port(address.end())),
    };
    let host = match (host, unnamed.next()) {
        (Some(host), None) | (None, Some(host)) => read_escaped_host(host)?,
        (None, None) => ListenHost::Loopback,
        (Some(_), Some(extra)) if extra.text.is_empty() => return Err(colons(extra)),
        (Some(_), Some(extra)) => return Err(said_twice(extra)),
    };
    match unnamed.next() {
        Some(extra) => Err(colons(extra)),
        None => Ok(ListenAt { host, port }),
    }
}

/// Twisted's `INET:index=0`, `domain=INET:name=web`; what family it is the socket itself says.
pub(super) fn passed(address: Part<'_>) -> Result<Passed, Fault> {
    let mut found = None;
    let mut domain = false;
    let pieces = address.pieces(b':');
    for (index, piece) in pieces.iter().enumerate() {
        let (key, value) = match piece.split_once('=') {
            Some((key, value)) => (key.text, value),
            None if index == 0 && pieces.len() > 1 => ("domain", *piece),
            None => ("index", *piece),
        };
        let passed = match key {
            "domain" if !domain => {
                domain = true;
                check_domain(value)?;
                continue;
            }
            "index" => Passed::Index(read_index(value)?),
            "name" => Passed::Name(read_name(value)?),
            _ => return Err(left_over(*piece).label("there are `index=N` and `name=NAME`")),
        };
        if found.replace(passed).is_some() {
            return Err(
                Fault::new(piece.span(), "which socket is said twice").label("leave one out")
            );
        }
    }
    found.ok_or_else(|| {
        let fault = Fault::new(address.end().span(), "which socket is not said");
        fault.label("write `index=0` or `name=NAME`")
    })
}

fn check_domain(domain: Part<'_>) -> Result<(), Fault> {
    match ["INET", "INET6", "UNIX"].iter().any(|one| one.eq_ignore_ascii_case(domain.text)) {
        true => Ok(()),
        false => {
            let cause = format!("{} is no domain", quoted(domain.text));
            Err(Fault::new(domain.span(), cause).label("there are INET, INET6 and UNIX"))
        }
    }
}

/// The path as it is written, and Twisted's words behind it.
pub(super) fn unix(address: Part<'_>) -> (Part<'_>, Vec<Part<'_>>) {
    let named = ["address=", "path="].iter().find_map(|key| address.strip_prefix(key));
    let path = named.unwrap_or(address);
    let mut pieces = path.pieces(b':');
    let is_word = |piece: &Part<'_>| {
        let key = piece.split_once('=').map(|(key, _)| key.text);
        key.is_some_and(|key| UNIX_WORDS.contains(&key))
    };
    match pieces.iter().skip(1).position(is_word) {
        Some(before) => {
            let words = pieces.split_off(before + 1);
            let end = words[0].span().start - 1 - path.span().start;
            (path.to(end), words)
        }
        None => (path, Vec::new()),
    }
}

/// One of the words behind a path.
pub(super) fn unix_word(
    word: Part<'_>,
    scheme: Scheme,
    options: &mut Written,
) -> Result<(), Fault> {
    match word.split_once('=') {
        Some((key, _)) if UNIX_WORDS.contains(&key.text) => {
            options.add(word, scheme, Style::Twisted)
        }
        Some((key, _)) => Err(not_twisted(key, word, scheme)),
        None => Err(left_over(word)),
    }
}

/// What may follow a path in Twisted's spelling. Anything else is part of the path.
const UNIX_WORDS: &[&str] = &["mode", "backlog", "timeout", "lockfile"];

/// A host in Twisted's spelling: the colons of an IPv6 address are escaped.
fn read_escaped_host(host: Part<'_>) -> Result<ListenHost, Fault> {
    match unescape(host)?.parse() {
        Ok(ip) => Ok(ListenHost::Ip(ip)),
        Err(_) => read_host(host),
    }
}

fn said_twice(key: Part<'_>) -> Fault {
    let cause = format!("the {} is said twice", if key.text == "port" { "port" } else { "host" });
    Fault::new(key.span(), cause).label("leave one out")
}

fn not_twisted(key: Part<'_>, piece: Part<'_>, scheme: Scheme) -> Fault {
    let fault = options::unknown(key, scheme);
    if options::is_known(key.text) {
        let cause = format!("`{}` follows a comma", key.text);
        let label = format!("write {}", quoted(&format!(",{}", piece.text)));
        return Fault::new(key.span(), cause).label(label);
    }
    match nearest(key.text, ["host", "interface", "port"]) {
        Some(near) => fault.label(format!("did you mean `{near}`?")),
        None => fault,
    }
}

/// Too many pieces: they may be of an IPv6 address.
fn colons(piece: Part<'_>) -> Fault {
    let help = r"an IPv6 address is `tcp:[::1]:8080`, or in Twisted's spelling `interface=\:\:1`";
    left_over(piece).help(help)
}

fn left_over(piece: Part<'_>) -> Fault {
    let cause = match piece.text {
        "" => "a colon too much".to_owned(),
        text => format!("{} is too much", quoted(text)),
    };
    Fault::new(piece.span(), cause)
}
