//! From an endpoint's text to what it means: wrap, scheme, address, options.
//! Owns: the grammar down to the address. Never: takes a slip for what was probably meant.

use std::ops::Range;

use super::error::{Fault, quoted};
use super::nearest::nearest;
use super::options::{Style, Written};
use super::{Place, address, foreign};
use crate::addr::parse_port;
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
    Tls,
    Fd,
    Systemd,
    Memory,
    Stdio,
}

/// Those that are written with a colon.
const SCHEMES: [Scheme; 8] = [
    Scheme::Tcp,
    Scheme::Tls,
    Scheme::Unix,
    Scheme::Udp,
    Scheme::Unixgram,
    Scheme::Fd,
    Scheme::Systemd,
    Scheme::Memory,
];

/// The wrap that says: a PROXY header comes first.
pub(super) const PROXY: &str = "haproxy";

impl Scheme {
    pub(super) fn name(self) -> &'static str {
        match self {
            Scheme::Tcp => "tcp",
            Scheme::Unix => "unix",
            Scheme::Udp => "udp",
            Scheme::Unixgram => "unixgram",
            Scheme::Tls => "tls",
            Scheme::Fd => "fd",
            Scheme::Systemd => "systemd",
            Scheme::Memory => "memory",
            Scheme::Stdio => "-",
        }
    }

    /// In whatever case: URLs' and Twisted's clients' are written in either.
    pub(super) fn named(name: &str) -> Option<Scheme> {
        SCHEMES.into_iter().find(|scheme| scheme.name().eq_ignore_ascii_case(name))
    }
}

/// A piece of the text that knows where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
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
    let wrapped = whole.split_once(':').filter(|(word, _)| is_proxy(word.text));
    let (proxy_header, rest) = match wrapped {
        Some((_, rest)) => (true, rest),
        None => (false, whole),
    };
    if rest.text.is_empty() {
        let fault = Fault::new(rest.span(), format!("nothing follows `{PROXY}:`"));
        return Err(fault.label("write `haproxy:tcp:PORT`"));
    }
    let (head, words) = split_options(rest);
    let (scheme, at) = scheme(head)?;
    let carries_streams =
        |scheme| !matches!(scheme, Scheme::Udp | Scheme::Unixgram | Scheme::Memory | Scheme::Stdio);
    if proxy_header && !carries_streams(scheme) {
        let cause = format!("`{PROXY}` has no meaning for `{}`", scheme.name());
        let span = 0..PROXY.len();
        return Err(Fault::new(span, cause).label("it belongs to `tcp`, `tls` and `unix`"));
    }
    let mut options = Written::default();
    let place = match scheme {
        Scheme::Tcp if foreign::is_ipv6_alone(head.text) => {
            let site = address::internet(at, scheme, &mut options)?;
            Place::Tcp(foreign::ipv6_alone(at, site)?)
        }
        Scheme::Tcp => Place::Tcp(address::internet(at, scheme, &mut options)?),
        Scheme::Tls => Place::Tls(address::internet(at, scheme, &mut options)?),
        Scheme::Udp => Place::Udp(address::internet(at, scheme, &mut options)?),
        Scheme::Unix => Place::Unix(address::unix(at, scheme, &mut options)?),
        Scheme::Unixgram => Place::Unixgram(address::unix(at, scheme, &mut options)?),
        Scheme::Fd => Place::Fd(address::descriptor(at)?),
        Scheme::Systemd => Place::Systemd(address::passed(at)?),
        Scheme::Memory => Place::Memory(address::memory(at)?),
        Scheme::Stdio => Place::Stdio,
    };
    for word in words {
        options.add(word, scheme, Style::Ours)?;
    }
    options.finish(proxy_header)?;
    if let (true, Some(span)) = (place.is_abstract(), options.span_of("mode")) {
        let fault = Fault::new(span, "an abstract name has no file whose `mode` could be set");
        return Err(fault.label("leave it out"));
    }
    Ok(Parsed { place, proxy_header, options, address: at.span() })
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
    if head.text == "-" || foreign::is_stdio(head.text) {
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
    if let Some(scheme) = Scheme::named(word.text).or_else(|| foreign::scheme(word.text)) {
        return url(scheme, rest).map(|address| (scheme, address));
    }
    if is_proxy(word.text) {
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

fn is_proxy(word: &str) -> bool {
    word.eq_ignore_ascii_case(PROXY)
}

/// The address, also if it is written as a URL.
fn url(scheme: Scheme, rest: Part<'_>) -> Result<Part<'_>, Fault> {
    let Some(address) = rest.strip_prefix("//") else { return Ok(rest) };
    let is_path = matches!(scheme, Scheme::Unix | Scheme::Unixgram);
    if is_path && address.text.starts_with(|c: char| c.is_alphanumeric()) {
        let fault = Fault::new(address.span(), "the path of a URL begins with a third slash");
        let written = quoted(&format!("{}:/{}", scheme.name(), address.text));
        return Err(fault.label(format!("write {written}")));
    }
    match address.text.find('/') {
        Some(slash) if !is_path => {
            let cause = "the path of a URL has no meaning here";
            Err(Fault::new(address.from(slash).span(), cause).label("leave it out"))
        }
        _ => Ok(address),
    }
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
        None => fault.label("there are tcp, tls, udp, unix, unixgram, fd, systemd"),
    };
    or_a_host(fault, word, head)
}

/// What looks like a scheme may be a machine's name after all.
fn or_a_host(fault: Fault, word: Part<'_>, head: Part<'_>) -> Fault {
    match head.text.rsplit_once(':') {
        _ if fault.has_help() => fault,
        Some((host, port)) if host == word.text && parse_port(port).is_ok() => {
            let written = quoted(&format!("tcp:{}", head.text));
            fault.help(format!("if it is the name of a host, write {written}"))
        }
        _ => fault,
    }
}

/// A word without a colon.
fn lone_word(word: Part<'_>) -> Fault {
    if Scheme::named(word.text).is_some() || is_proxy(word.text) {
        let fault = Fault::new(word.end().span(), format!("nothing follows `{}`", word.text));
        return match Scheme::named(word.text) {
            Some(Scheme::Systemd) => fault.label("write `systemd:`"),
            _ => fault.label("an address is missing"),
        };
    }
    if let Some(fault) = foreign::word(word, word.end()) {
        return fault;
    }
    if word.text.starts_with('~') {
        return address::tilde(word, "");
    }
    let cause = format!("{} is neither a port nor a path", quoted(word.text));
    Fault::new(word.span(), cause).label("write `HOST:PORT`, or `./PATH` for a Unix socket")
}
