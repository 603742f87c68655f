//! From an endpoint's text to what it means: wrap, scheme, address, options.
//! Owns: the grammar. Never: resolves a name, or takes a slip for what was probably meant.

use std::net::Ipv6Addr;
use std::ops::Range;
use std::path::PathBuf;

use super::Place;
use super::error::{Fault, quoted};
use super::foreign;
use super::nearest::nearest;
use super::options::{Style, Written};
use crate::addr::{ListenAt, ListenHost, parse_port};
use crate::limits;

/// What a text means, and where in it each part is.
pub(super) struct Parsed {
    pub(super) place: Place,
    pub(super) proxy_header: bool,
    pub(super) options: Written,
    pub(super) address: Range<usize>,
}

/// The word before the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Tcp,
    Unix,
    Udp,
    Unixgram,
    Memory,
    Stdio,
}

/// Those that are written with a colon.
const SCHEMES: [Scheme; 5] =
    [Scheme::Tcp, Scheme::Unix, Scheme::Udp, Scheme::Unixgram, Scheme::Memory];

/// The wrap that says: a PROXY header comes first.
pub(super) const PROXY: &str = "haproxy";

impl Scheme {
    pub(super) fn name(self) -> &'static str {
        match self {
            Scheme::Tcp => "tcp",
            Scheme::Unix => "unix",
            Scheme::Udp => "udp",
            Scheme::Unixgram => "unixgram",
            Scheme::Memory => "memory",
            Scheme::Stdio => "-",
        }
    }

    pub(super) fn named(name: &str) -> Option<Scheme> {
        SCHEMES.into_iter().find(|scheme| scheme.name() == name)
    }
}

/// A piece of the text that knows where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'t> {
    pub(super) text: &'t str,
    at: usize,
}

impl<'t> Part<'t> {
    pub(super) fn span(&self) -> Range<usize> {
        self.at..self.at + self.text.len()
    }

    /// The place behind it, where something is missing.
    pub(super) fn end(&self) -> Part<'t> {
        self.from(self.text.len())
    }

    /// What begins at a byte of it.
    pub(super) fn from(&self, byte: usize) -> Part<'t> {
        Part { text: &self.text[byte..], at: self.at + byte }
    }

    pub(super) fn to(&self, byte: usize) -> Part<'t> {
        Part { text: &self.text[..byte], at: self.at }
    }

    fn split_at(&self, byte: usize) -> (Part<'t>, Part<'t>) {
        (self.to(byte), self.from(byte + 1))
    }

    pub(super) fn split_once(&self, c: char) -> Option<(Part<'t>, Part<'t>)> {
        self.text.find(c).map(|byte| self.split_at(byte))
    }

    pub(super) fn strip_prefix(&self, prefix: &str) -> Option<Part<'t>> {
        self.text.starts_with(prefix).then(|| self.from(prefix.len()))
    }

    /// Pieces between separators that no backslash precedes. Colons may stand in brackets.
    pub(super) fn pieces(&self, separator: u8) -> Vec<Part<'t>> {
        let mut pieces = Vec::new();
        let (mut start, mut bracketed, mut escaped) = (0, false, false);
        for (byte, value) in self.text.bytes().enumerate() {
            match value {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'[' => bracketed = true,
                b']' => bracketed = false,
                _ if value == separator && !(bracketed && separator == b':') => {
                    pieces.push(self.to(byte).from(start));
                    start = byte + 1;
                }
                _ => {}
            }
        }
        pieces.push(self.from(start));
        pieces
    }
}

/// Reads the whole text.
pub(super) fn parse(text: &str) -> Result<Parsed, Fault> {
    let whole = Part { text, at: 0 };
    check_characters(whole)?;
    let (proxy_header, rest) = match whole.strip_prefix(PROXY).and_then(|r| r.strip_prefix(":")) {
        Some(rest) => (true, rest),
        None => (false, whole),
    };
    if rest.text.is_empty() {
        let fault = Fault::new(rest.span(), format!("nothing follows `{PROXY}:`"));
        return Err(fault.label("write `haproxy:tcp:PORT`"));
    }
    let (head, words) = split_options(rest);
    let (scheme, address) = scheme(head)?;
    if proxy_header && !matches!(scheme, Scheme::Tcp | Scheme::Unix) {
        let cause = format!("`{PROXY}` has no meaning for `{}`", scheme.name());
        let span = 0..PROXY.len();
        return Err(Fault::new(span, cause).label("it belongs to `tcp` and `unix`"));
    }
    let mut options = Written::default();
    let place = match scheme {
        Scheme::Tcp => Place::Tcp(internet(address, scheme, &mut options)?),
        Scheme::Udp => Place::Udp(internet(address, scheme, &mut options)?),
        Scheme::Unix => Place::Unix(unix(address, scheme, &mut options)?),
        Scheme::Unixgram => Place::Unixgram(unix(address, scheme, &mut options)?),
        Scheme::Memory => Place::Memory(memory(address)?),
        Scheme::Stdio => Place::Stdio,
    };
    for word in words {
        options.add(word, scheme, Style::Ours)?;
    }
    if let (true, Some(span)) = (place.is_abstract(), options.span_of("mode")) {
        let fault = Fault::new(span, "an abstract name has no file whose `mode` could be set");
        return Err(fault.label("leave it out"));
    }
    Ok(Parsed { place, proxy_header, options, address: address.span() })
}

/// What is wrong whatever it means.
fn check_characters(whole: Part<'_>) -> Result<(), Fault> {
    let text = whole.text;
    if text.is_empty() {
        let fault = Fault::new(0..0, "the endpoint is empty");
        return Err(fault.label("write a port, such as `8080`"));
    }
    let most = limits::ENDPOINT_BYTES;
    if text.len() > most {
        let cause = format!("the endpoint has {} bytes, {most} are the most", text.len());
        return Err(Fault::new(0..text.len(), cause));
    }
    if let Some((byte, c)) = text.char_indices().find(|(_, c)| c.is_control()) {
        let cause = format!("a control character ({}) in endpoint", c.escape_debug());
        return Err(Fault::new(byte..byte + c.len_utf8(), cause).label("leave it out"));
    }
    let inner = text.trim();
    if inner.len() < text.len() {
        let start = text.len() - text.trim_start().len();
        let span = if start > 0 { 0..start } else { inner.len()..text.len() };
        return Err(Fault::new(span, "a space around the endpoint").label("leave it out"));
    }
    Ok(())
}

/// The address with its scheme, and the options behind it.
fn split_options(part: Part<'_>) -> (Part<'_>, Vec<Part<'_>>) {
    let mut pieces = part.pieces(b',');
    let words = pieces.split_off(1);
    (pieces[0], words)
}

/// The scheme, written or understood, and the address behind it.
fn scheme(head: Part<'_>) -> Result<(Scheme, Part<'_>), Fault> {
    if head.text == "-" {
        return Ok((Scheme::Stdio, head));
    }
    if ["/", "@", "./", "../"].iter().any(|start| head.text.starts_with(start)) {
        return Ok((Scheme::Unix, head));
    }
    let Some((word, rest)) = head.split_once(':') else {
        let begins_address = head.text.starts_with(|c: char| "[*,".contains(c));
        let is_port = head.text.bytes().all(|byte| byte.is_ascii_digit());
        return match begins_address || is_port {
            true => Ok((Scheme::Tcp, head)),
            false => Err(lone_word(head)),
        };
    };
    if let Some(scheme) = Scheme::named(word.text) {
        // As a URL is written.
        return Ok((scheme, rest.strip_prefix("//").unwrap_or(rest)));
    }
    if word.text == PROXY {
        return Err(Fault::new(word.span(), "`haproxy` is said twice").label("leave one out"));
    }
    if let Some(fault) = foreign::word(word, rest) {
        return Err(or_a_host(fault, word, head));
    }
    let near = nearest(word.text, SCHEMES.map(Scheme::name).into_iter().chain([PROXY]));
    let is_url = rest.text.starts_with("//");
    if near.is_some() || is_url || is_unknown_scheme(word, rest) {
        return Err(unknown_scheme(word, head, near));
    }
    Ok((Scheme::Tcp, head))
}

/// `host:80` is an address; `nope:1:2` can only be a scheme that there is not, unless it is
/// an IPv6 address that lacks its brackets.
fn is_unknown_scheme(word: Part<'_>, rest: Part<'_>) -> bool {
    let is_word = word.text.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_ipv6 = word.text.bytes().all(|byte| byte.is_ascii_hexdigit());
    // Twisted's spelling needs no scheme, either: `host:80:timeout=5`.
    is_word && !is_ipv6 && rest.text.contains(':') && !rest.text.contains('=')
}

fn unknown_scheme(word: Part<'_>, head: Part<'_>, near: Option<&str>) -> Fault {
    let fault = Fault::new(word.span(), format!("unknown scheme {}", quoted(word.text)));
    let fault = match near {
        Some(near) => fault.label(format!("did you mean `{near}`?")),
        None => fault.label("there are tcp, udp, unix, unixgram"),
    };
    or_a_host(fault, word, head)
}

/// What looks like a scheme may be a machine's name after all.
fn or_a_host(fault: Fault, word: Part<'_>, head: Part<'_>) -> Fault {
    match head.text.rsplit_once(':') {
        Some((host, port)) if host == word.text && parse_port(port).is_ok() => {
            let written = quoted(&format!("tcp:{}", head.text));
            fault.help(format!("if it is the name of a host, write {written}"))
        }
        _ => fault,
    }
}

/// A word without a colon.
fn lone_word(word: Part<'_>) -> Fault {
    if Scheme::named(word.text).is_some() || word.text == PROXY {
        return Fault::new(word.end().span(), format!("nothing follows `{}`", word.text))
            .label("an address is missing");
    }
    if let Some(fault) = foreign::word(word, word.end()) {
        return fault;
    }
    let cause = format!("{} is neither a port nor a path", quoted(word.text));
    Fault::new(word.span(), cause).label("write `HOST:PORT`, or `./PATH` for a Unix socket")
}

/// `8080`, `HOST:8080`, or Twisted's words for the same.
fn internet(address: Part<'_>, scheme: Scheme, options: &mut Written) -> Result<ListenAt, Fault> {
    let pieces = address.pieces(b':');
    if pieces.iter().any(|piece| piece.text.contains('=')) {
        return foreign::internet(address, &pieces, scheme, options);
    }
    let Some((port, host)) = pieces.split_last() else { unreachable!("there is one piece") };
    match host {
        [] => Ok(ListenAt::from(read_port(*port).map_err(|fault| or_a_lone_host(fault, *port))?)),
        [host] => {
            let host = read_host(*host)?;
            Ok(ListenAt { host, port: read_port(*port)? })
        }
        _ => Err(too_many_colons(address)),
    }
}

/// What stands alone is a port; whoever wrote a host is told what is missing.
fn or_a_lone_host(fault: Fault, host: Part<'_>) -> Fault {
    match host.text.starts_with(|c: char| c.is_ascii_alphabetic() || "*[".contains(c)) {
        true => read_host(host).map_or_else(
            |fault| fault,
            |_| fault.label(format!("write {}", quoted(&format!("{}:PORT", host.text)))),
        ),
        false => fault,
    }
}

/// A number from 0 to 65535.
pub(super) fn read_port(port: Part<'_>) -> Result<u16, Fault> {
    if port.text.is_empty() {
        return Err(Fault::new(port.span(), "the port is missing").label("a number goes here"));
    }
    // The sentence is the one of every port; a long text would make it a long one.
    let shown = quoted(port.text);
    parse_port(shown.trim_matches('`')).map_err(|error| Fault::new(port.span(), error.cause()))
}

/// `*`, an IP address, or a name.
pub(super) fn read_host(host: Part<'_>) -> Result<ListenHost, Fault> {
    let bare = host.strip_prefix("[").map(|inner| match inner.text.strip_suffix(']') {
        Some(_) => Ok(inner.to(inner.text.len() - 1)),
        None => Err(Fault::new(host.span(), "a bracket is not closed").label("write `[::1]`")),
    });
    if let Some(inside) = bare.transpose()? {
        return read_ipv6(inside).map(|ip| ListenHost::Ip(ip.into()));
    }
    if let Ok(ip) = host.text.parse() {
        return Ok(ListenHost::Ip(ip));
    }
    match host.text {
        "" => {
            let fault = Fault::new(host.span(), "the host is missing");
            Err(fault.label("leave out the colon for loopback, or write `*` for every address"))
        }
        "*" => Ok(ListenHost::All),
        name => check_name(host).map(|()| ListenHost::Name(name.to_owned())),
    }
}

fn read_ipv6(inside: Part<'_>) -> Result<Ipv6Addr, Fault> {
    if let Some((_, scope)) = inside.split_once('%') {
        let fault = Fault::new(scope.at - 1..scope.span().end, "a scope is not supported yet");
        return Err(fault.help("name an address that is not link-local"));
    }
    inside.text.parse().map_err(|_| {
        let cause = format!("{} is not an IPv6 address", quoted(inside.text));
        Fault::new(inside.span(), cause).label("brackets hold one, such as `[::1]`")
    })
}

fn too_many_colons(address: Part<'_>) -> Fault {
    let fault = Fault::new(address.span(), "an IPv6 address is written in brackets");
    if address.text.parse::<Ipv6Addr>().is_ok() {
        return fault.label(format!("write `[{}]:PORT`", address.text));
    }
    let split = address.text.rsplit_once(':');
    match split.filter(|(host, _)| host.parse::<Ipv6Addr>().is_ok()) {
        Some((host, port)) => fault.label(format!("write `[{host}]:{port}`")),
        None => {
            let cause = format!("{} has too many colons", quoted(address.text));
            Fault::new(address.span(), cause).label("write `HOST:PORT`")
        }
    }
}

/// A name that DNS could know, or a file of hosts. Underscores are in use.
fn check_name(host: Part<'_>) -> Result<(), Fault> {
    let name = host.text;
    if let Some((byte, c)) = name.char_indices().find(|(_, c)| !c.is_ascii()) {
        let fault = Fault::new(host.at + byte..host.at + byte + c.len_utf8(), {
            format!("{} is not in ASCII", quoted(name))
        });
        return Err(fault.label("write the host's `xn--` form"));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if let Some((byte, c)) = name.char_indices().find(|(_, c)| !allowed(*c)) {
        let cause = format!("{} cannot stand in the name of a host", quoted(&c.to_string()));
        return Err(Fault::new(host.at + byte..host.at + byte + 1, cause));
    }
    if name.len() > limits::HOST_BYTES {
        let cause =
            format!("the host has {} bytes, {} are the most", name.len(), { limits::HOST_BYTES });
        return Err(Fault::new(host.span(), cause));
    }
    let relative = name.strip_suffix('.').unwrap_or(name);
    let mut at = host.at;
    for label in relative.split('.') {
        let span = at..at + label.len();
        let most = limits::HOST_LABEL_BYTES;
        if label.is_empty() {
            return Err(Fault::new(span, "the host has an empty label").label("a dot too much"));
        }
        if label.len() > most {
            let cause =
                format!("a label of the host has {} bytes, {most} are the most", { label.len() });
            return Err(Fault::new(span, cause));
        }
        if label.starts_with('-') || label.ends_with('-') {
            let cause = "a label of the host begins or ends with `-`";
            return Err(Fault::new(span, cause));
        }
        at += label.len() + 1;
    }
    let last = relative.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        let fault = Fault::new(host.span(), format!("{} is not an IPv4 address", quoted(name)));
        return Err(fault.label("four numbers from 0 to 255"));
    }
    Ok(())
}

/// A path, `@name`, or Twisted's words for the same.
fn unix(address: Part<'_>, scheme: Scheme, options: &mut Written) -> Result<PathBuf, Fault> {
    let (written, words) = foreign::unix(address);
    let path = unescape(written)?;
    for word in words {
        foreign::unix_word(word, scheme, options)?;
    }
    let scheme = scheme.name();
    if path.is_empty() {
        return Err(Fault::new(written.span(), "the path is missing"));
    }
    if path == "@" {
        return Err(Fault::new(written.end().span(), "the abstract name is missing"));
    }
    let most = limits::UNIX_PATH_BYTES;
    if path.len() > most {
        let cause = format!("the path has {} bytes, {most} are the most", path.len());
        return Err(Fault::new(written.span(), cause));
    }
    if let Some(name) = path.strip_prefix('@') {
        return Ok(PathBuf::from(format!("\0{name}")));
    }
    if !["/", "./", "../"].iter().any(|start| path.starts_with(start)) {
        let cause = "a relative path begins with `./`";
        let label = format!("write {}", quoted(&format!("{scheme}:./{}", written.text)));
        return Err(Fault::new(written.span(), cause).label(label));
    }
    Ok(PathBuf::from(path))
}

/// A path without its backslashes.
pub(super) fn unescape(part: Part<'_>) -> Result<String, Fault> {
    let mut plain = String::with_capacity(part.text.len());
    let mut characters = part.text.char_indices();
    while let Some((byte, c)) = characters.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match characters.next() {
            Some((_, c)) if ESCAPED.contains(c) => plain.push(c),
            Some((_, c)) => {
                let span = part.at + byte..part.at + byte + 1 + c.len_utf8();
                let cause = format!("{} is no escape", quoted(&format!("\\{c}")));
                let label = r"there are `\,`, `\:`, `\=` and `\\`";
                return Err(Fault::new(span, cause).label(label));
            }
            None => {
                let span = part.at + byte..part.at + byte + 1;
                let label = r"a backslash itself is written `\\`";
                return Err(Fault::new(span, "nothing follows the backslash").label(label));
            }
        }
    }
    Ok(plain)
}

/// What a backslash makes plain.
const ESCAPED: &str = r"\,:=";

/// A path as `unescape` reads it. A colon is escaped, too: behind it Twisted's words may come.
pub(super) fn escape(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len());
    for c in path.chars() {
        if r"\,:".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn memory(number: Part<'_>) -> Result<u64, Fault> {
    let digits = number.text.bytes().all(|byte| byte.is_ascii_digit());
    number.text.parse().ok().filter(|_| digits).ok_or_else(|| {
        let cause = format!("{} is not a number of 64 bits", quoted(number.text));
        Fault::new(number.span(), cause)
    })
}
