//! The address of an endpoint: ports, hosts, paths.
//! Owns: what each may be, and how it is escaped. Never: resolves a name or looks at a file.

use std::net::Ipv6Addr;
use std::path::PathBuf;

use super::Passed;
use super::error::{Fault, quoted, shown};
use super::foreign;
use super::options::Written;
use super::parse::{Part, Scheme};
use crate::addr::{ListenAt, ListenHost, abstract_name, parse_port};
use crate::limits;

/// `8080`, `HOST:8080`, or Twisted's words for the same.
pub(super) fn internet(
    address: Part<'_>,
    scheme: Scheme,
    options: &mut Written,
) -> Result<ListenAt, Fault> {
    let pieces = address.pieces(b':');
    if pieces.iter().any(|piece| piece.text.contains('=')) {
        return foreign::internet(address, &pieces, scheme, options);
    }
    let Some((port, host)) = pieces.split_last() else { unreachable!("there is one piece") };
    match host {
        [] => Ok(ListenAt::from(read_port(*port).map_err(|fault| or_a_lone_host(fault, *port))?)),
        // Else `8080:` would be a strange host.
        [_] if port.text.is_empty() => Err(no_port(*port)),
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
        return Err(no_port(port));
    }
    parse_port(port.text).map_err(|error| {
        // The sentence is that of every port; one about a long text is not to be long.
        let short = parse_port(&shown(port.text)).err();
        Fault::new(port.span(), short.unwrap_or(error).cause())
    })
}

pub(super) fn no_port(at: Part<'_>) -> Fault {
    Fault::new(at.span(), "the port is missing").label("a number goes here")
}

/// `*`, an IP address, or a name.
pub(super) fn read_host(host: Part<'_>) -> Result<ListenHost, Fault> {
    if let Some(inner) = host.strip_prefix("[") {
        let (inside, behind) = inner.split_once(']').ok_or_else(|| {
            Fault::new(inner.end().span(), "a bracket is not closed").label("write `]` here")
        })?;
        if !behind.text.is_empty() {
            let fault = Fault::new(behind.span(), "the bracket is not the end of the host");
            return Err(fault.label("write `[::1]:8080`"));
        }
        return read_ipv6(inside).map(|ip| ListenHost::Ip(ip.into()));
    }
    if let Ok(ip) = host.text.parse() {
        return Ok(ListenHost::Ip(ip));
    }
    match host.text {
        "" => {
            let fault = Fault::new(host.span(), "the host is missing");
            Err(fault.label("write `*` for every address, or leave it out for this machine"))
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
    let is_ipv6 = |text: &str| text.parse::<Ipv6Addr>().is_ok();
    let fault = Fault::new(address.span(), "an IPv6 address is written in brackets");
    match address.text.rsplit_once(':') {
        Some((host, port)) if is_ipv6(host) => {
            fault.label(format!("write {}", quoted(&format!("[{host}]:{port}"))))
        }
        _ if is_ipv6(address.text) => fault.label(format!("write `[{}]:PORT`", address.text)),
        _ => {
            let cause = format!("{} has too many colons", quoted(address.text));
            Fault::new(address.span(), cause).label("write `HOST:PORT`")
        }
    }
}

/// A name that DNS could know, or a file of hosts. Underscores are in use.
pub(super) fn check_name(host: Part<'_>) -> Result<(), Fault> {
    let name = host.text;
    if let Some((byte, c)) = name.char_indices().find(|(_, c)| !c.is_ascii()) {
        let span = host.at + byte..host.at + byte + c.len_utf8();
        let fault = Fault::new(span, format!("{} is not in ASCII", quoted(name)));
        return Err(fault.label("write the host's `xn--` form"));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if let Some((byte, c)) = name.char_indices().find(|(_, c)| !allowed(*c)) {
        let cause = format!("{} cannot stand in the name of a host", quoted(&c.to_string()));
        return Err(Fault::new(host.at + byte..host.at + byte + 1, cause));
    }
    if name.len() > limits::HOST_BYTES {
        let cause =
            format!("the host has {} bytes, {} are the most", name.len(), limits::HOST_BYTES);
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
                format!("a label of the host has {} bytes, {most} are the most", label.len());
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
pub(super) fn unix(
    address: Part<'_>,
    scheme: Scheme,
    options: &mut Written,
) -> Result<PathBuf, Fault> {
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
    let most = limits::unix_path_bytes(path.starts_with('@'));
    if path.len() > most {
        let cause = format!("the path has {} bytes, {most} are the most", path.len());
        return Err(Fault::new(written.span(), cause));
    }
    if let Some(name) = path.strip_prefix('@') {
        return Ok(abstract_name(name));
    }
    if path.starts_with('~') {
        return Err(tilde(written, &format!("{scheme}:")));
    }
    if !["/", "./", "../"].iter().any(|start| path.starts_with(start)) {
        let cause = "a relative path begins with `./`";
        let label = format!("write {}", quoted(&format!("{scheme}:./{}", written.text)));
        return Err(Fault::new(written.span(), cause).label(label));
    }
    Ok(PathBuf::from(path))
}

/// A folder as the shell abbreviates it; `scheme` is what stands before it.
pub(super) fn tilde(path: Part<'_>, scheme: &str) -> Fault {
    let fault = Fault::new(path.span(), "`~` is the shell's, which has not replaced it here");
    match path.text.strip_prefix("~/") {
        Some(rest) => fault.label(format!("write {}", quoted(&format!("{scheme}$HOME/{rest}")))),
        None => fault.label("write the whole path"),
    }
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
    escape_all(path, r"\,:")
}

/// An option's value as `unescape` reads it.
pub(super) fn escape_value(value: &str) -> String {
    escape_all(value, r"\,")
}

/// A name as `read_name` reads it: an equals sign would make it one of Twisted's words.
pub(super) fn escape_name(name: &str) -> String {
    escape_all(name, r"\,=")
}

fn escape_all(text: &str, special: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if special.contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// The number of a descriptor.
pub(super) fn descriptor(number: Part<'_>) -> Result<u32, Fault> {
    let read = number.text.parse().ok().filter(|_| is_digits(number.text));
    read.filter(|number| *number <= i32::MAX as u32).ok_or_else(|| {
        let cause = match number.text {
            "" => "the number of the descriptor is missing".to_owned(),
            text => format!("{} is not the number of a descriptor", quoted(text)),
        };
        Fault::new(number.span(), cause).label("the first that a program can be given is 3")
    })
}

/// Which of a service manager's sockets: all, `web`, `0`, or Twisted's words.
pub(super) fn passed(which: Part<'_>) -> Result<Passed, Fault> {
    match which.text {
        "" => Ok(Passed::All),
        text if which.pieces(b':').len() > 1 || has_plain_equals(text) => foreign::passed(which),
        text if is_digits(text) => read_index(which).map(Passed::Index),
        _ => read_name(which).map(Passed::Name),
    }
}

fn has_plain_equals(text: &str) -> bool {
    text.replace(r"\\", "").replace(r"\=", "").contains('=')
}

pub(super) fn read_index(index: Part<'_>) -> Result<u32, Fault> {
    let read = index.text.parse().ok().filter(|_| is_digits(index.text));
    read.ok_or_else(|| {
        let cause = match index.text {
            "" => "the index is missing".to_owned(),
            text => format!("{} is no index", quoted(text)),
        };
        Fault::new(index.span(), cause).label("the first socket is 0")
    })
}

/// A name that the manager has given, as `FileDescriptorName=` takes it.
pub(super) fn read_name(name: Part<'_>) -> Result<String, Fault> {
    let plain = unescape(name)?;
    let cause = match plain.as_str() {
        "" => "the name is missing".to_owned(),
        text if text.contains(':') => "a name of systemd's has no colon".to_owned(),
        text if text.len() > limits::PASSED_NAME_BYTES => {
            let most = limits::PASSED_NAME_BYTES;
            format!("the name has {} bytes, {most} are the most", text.len())
        }
        _ => return Ok(plain),
    };
    Err(Fault::new(name.span(), cause).label("it is what `FileDescriptorName=` says"))
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number of a simulated network.
pub(super) fn memory(number: Part<'_>) -> Result<u64, Fault> {
    number.text.parse().ok().filter(|_| is_digits(number.text)).ok_or_else(|| {
        let cause = format!("{} is not a number of 64 bits", quoted(number.text));
        Fault::new(number.span(), cause)
    })
}
