//! Reads an endpoint from text.
//! Owns: what is accepted, and the sentence for what is not. Never: names the whole text
//! in an error; its caller does.

use super::{Endpoint, Scheme};
use crate::addr::{ListenAt, ListenHost};
use crate::error::{Error, ErrorKind, Operation, Result};

/// Schemes of other programs and of later days: never a host's name by themselves.
const RESERVED: &[&str] = &[
    "exec", "fd", "haproxy", "http", "https", "memory", "socks5", "ssl", "stdio", "systemd",
    "tcp4", "tcp6", "tls", "udp", "unixgram", "ws", "wss",
];

pub(super) fn endpoint(text: &str) -> Result<Endpoint> {
    let (text, options) = match text.split_once(',') {
        Some((before, options)) => (before, Some(options)),
        None => (text, None),
    };
    // The address first: who wrote `udp:53,ttl=1` is told of the scheme.
    let endpoint = address(text)?;
    match options {
        None => Ok(endpoint),
        Some(options) => {
            let cause = format!("`,{options}` would be options, and there are no options yet");
            Err(wrong(cause).with_remedy("leave out the comma and what follows"))
        }
    }
}

fn address(text: &str) -> Result<Endpoint> {
    if text.starts_with('/') {
        return unix(text);
    }
    if text.starts_with('@') {
        return Err(abstract_name());
    }
    let Some((word, rest)) = text.split_once(':').filter(|(word, _)| is_word(word)) else {
        return tcp(text);
    };
    let known = Scheme::ALL.iter().find(|scheme| word.eq_ignore_ascii_case(scheme.name()));
    match known {
        Some(Scheme::Tcp) => tcp(rest.strip_prefix("//").unwrap_or(rest)),
        Some(Scheme::Unix) => unix(rest),
        None if is_reserved(word) || rest.is_empty() || rest.contains([':', '/']) => {
            let known = Scheme::ALL.map(|scheme| format!("`{}:`", scheme.name())).join(" and ");
            Err(wrong(format!("unknown scheme `{word}`, known are {known}")))
        }
        None => tcp(text), // `localhost:80`
    }
}

fn tcp(text: &str) -> Result<Endpoint> {
    if text.is_empty() {
        return Err(wrong("the port is missing").with_remedy("write a port, as in tcp:21555"));
    }
    // Its error names its own part of the text; the cause is what is needed of it.
    let at: ListenAt = text.parse()?;
    match &at.host {
        ListenHost::Name(name) if !is_host(name) => {
            Err(wrong(format!("`{}` is no host", name.escape_debug()))
                .with_remedy("write a name, an IP address ([::1] for IPv6), or `*` for all"))
        }
        _ => Ok(Endpoint::tcp(at)),
    }
}

fn unix(path: &str) -> Result<Endpoint> {
    match path.as_bytes() {
        [] => Err(wrong("the path is missing").with_remedy("write one, as in unix:/run/x.sock")),
        [b'@', ..] => Err(abstract_name()),
        bytes if bytes.contains(&0) => Err(wrong("a path holds no NUL")),
        _ => Ok(Endpoint::unix(path)),
    }
}

/// Whether it may be a scheme, or a host that looks like one.
fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn is_reserved(word: &str) -> bool {
    RESERVED.iter().any(|reserved| word.eq_ignore_ascii_case(reserved))
}

/// Whether a name server or a hosts file could know it.
fn is_host(name: &str) -> bool {
    let never = |c: char| c.is_whitespace() || c.is_control() || ":/%[]*@,".contains(c);
    !name.is_empty() && !name.contains(never)
}

fn abstract_name() -> Error {
    wrong("names without a file (`@…`) are not supported").with_remedy("write a path")
}

fn wrong(cause: impl Into<String>) -> Error {
    Error::new(Operation::Parse, ErrorKind::InvalidInput, cause)
}
