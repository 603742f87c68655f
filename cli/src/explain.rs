//! What went wrong with an endpoint, why, and what can be done about it.
//! Owns: the words for it and what is looked up for them. Never: decides when to give up.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use ropewalk::addr::Target;
use ropewalk::endpoint::{Endpoint, Place};
use ropewalk::error::{Error, ErrorKind, Operation};
use ropewalk::protocol::{Deadline, Kind, Reason};
use ropewalk::tls;

use crate::escape;
use crate::failure::{self, Failure};
use crate::figures;
use crate::limits::PORTS_NAMED;
use crate::machine::{self, Held, Holder, Open};

/// An error of the library that is about no endpoint.
pub(crate) fn plain(error: &Error) -> Failure {
    let code = match error.operation() {
        Operation::Parse => failure::USAGE,
        Operation::Listen => failure::LISTEN,
        _ => failure::OTHER,
    };
    // The remedy gets a line of its own.
    let whole = error.to_string();
    match error.remedy() {
        Some(help) => {
            let sentence = whole.strip_suffix(&format!("; {help}")).unwrap_or(&whole);
            Failure::new(code, escape::line(sentence)).help(escape::line(help))
        }
        None => Failure::new(code, escape::line(&whole)),
    }
}

/// An endpoint could not be listened on.
pub(crate) fn listening(endpoint: &Endpoint, error: &Error) -> Failure {
    let scheme = endpoint.scheme();
    let address = error.address().filter(|_| !endpoint.is_open());
    let at = address.map(|address| format!("{scheme}:{address}"));
    let at = escape::line(&at.unwrap_or_else(|| endpoint.to_string()));
    if let Some(said) = unknown_host(error) {
        let sentence = format!("cannot listen on {at}: {said}");
        return Failure::new(failure::LISTEN, sentence)
            .help("name an address of this machine, or `*` for all of them");
    }
    let sentence = format!("cannot listen on {at}: {}", escape::line(&error.cause()));
    let failure = Failure::new(failure::LISTEN, sentence);
    if error.kind() == ErrorKind::AddressInUse {
        return in_use(failure, scheme, held(endpoint, error).as_ref());
    }
    match error.remedy() {
        Some(remedy) => failure.help(escape::line(remedy)),
        None => failure,
    }
}

/// Who or what has the address, and what can be done about that.
fn in_use(failure: Failure, scheme: &str, held: Option<&Held>) -> Failure {
    let other = match held {
        Some(Held::Unix(_)) => "take another path".to_owned(),
        _ => format!("take a free port with {scheme}:0"),
    };
    if let Some(Held::Unix(path)) = held
        && let Some(what) = no_socket(path)
    {
        return failure.note(format!("{what} is in the way")).help(other);
    }
    let Some(holder) = held.and_then(machine::holder) else {
        let note = match held {
            Some(Held::Tcp(_)) => "a process that is not seen has it, or a connection just ended",
            _ => "a process that is not seen has it",
        };
        return failure.note(note).help(other);
    };
    let failure = failure.note(holder.sentence());
    match holder {
        Holder::Ourselves => failure.help("name it once"),
        Holder::Process(_) | Holder::UserOnly(..) => failure.help(format!("stop it, or {other}")),
        Holder::Nobody => failure.help(other),
    }
}

/// What is at a path where a socket was meant.
fn no_socket(path: &Path) -> Option<&'static str> {
    match path.metadata().ok()?.file_type() {
        kind if kind.is_dir() => Some("a folder"),
        kind if kind.is_file() => Some("a file that is no socket"),
        _ => None,
    }
}

/// The address that is in use.
fn held(endpoint: &Endpoint, error: &Error) -> Option<Held> {
    let address = || error.address()?.parse::<SocketAddr>().ok();
    match endpoint.place() {
        Place::Unix(path) | Place::Unixgram(path) => Some(Held::Unix(path.clone())),
        Place::Tcp(_) => address().map(Held::Tcp),
        Place::Udp(_) => address().map(Held::Udp),
        _ => None,
    }
}

/// What the resolver says of a name, if that was it.
fn unknown_host(error: &Error) -> Option<String> {
    let said = error.io_error()?.to_string();
    error.resolver_code().map(|_| unknown_host_because(&said))
}

fn unknown_host_because(said: &str) -> String {
    let said = said.rsplit_once(": ").map_or(said, |(_, why)| why);
    format!("unknown host ({})", escape::line(said))
}

/// A connection could not be made.
pub(crate) struct Unreached<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) target: &'a Target,
    pub(crate) why: &'a Reason,
    /// How long an attempt may take.
    pub(crate) timeout: Duration,
    /// What waiting for its server could do.
    pub(crate) waiting: Waiting,
}

/// What waiting for a server could do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Waiting {
    /// It was not tried.
    Possible,
    /// It was tried for so long.
    InVain(Duration),
    /// Nobody would notice that it came up.
    Pointless,
}

/// TLS came to nothing, on a peer that is there.
fn refused_by_tls(endpoint: &Endpoint, error: &tls::Error) -> Failure {
    let to = escape::line(&endpoint.to_string());
    let sentence = format!("cannot speak TLS with {to}: {}", escape::line(&error.to_string()));
    let failure = Failure::new(failure::TLS, sentence);
    match error {
        tls::Error::Untrusted { .. } => {
            failure.help("believe it by ca=FILE or pin=SHA256, or for a test anybody: insecure")
        }
        tls::Error::NotTls(_) => failure.help("without TLS it is tcp:"),
        _ => failure,
    }
}

/// See [`Unreached`].
pub(crate) fn connecting(of: &Unreached<'_>) -> Failure {
    if let Some(error) = tls::Error::of(of.why) {
        return refused_by_tls(of.endpoint, error);
    }
    let error = of.why.source().and_then(|source| source.downcast_ref::<Error>());
    let unknown = error.filter(|error| error.operation() == Operation::Resolve);
    let cause = match (of.why.kind(), unknown, error) {
        (Kind::Deadline(_), ..) => format!("no answer within {}", figures::time(of.timeout)),
        (_, Some(unknown), _) => unknown_host_because(&unknown.cause()),
        (_, _, Some(error)) => {
            let cause = error.cause();
            // "cannot connect … connection refused": once is enough.
            cause.strip_prefix("connection ").map(str::to_owned).unwrap_or(cause)
        }
        _ => of.why.to_string(),
    };
    let to = escape::line(&of.endpoint.to_string());
    let sentence = format!("cannot connect to {to}: {}", escape::line(&cause));
    let failure = Failure::new(failure::CONNECT, sentence);
    let failure = match refused(of) {
        Some(note) => failure.note(note),
        None => failure,
    };
    let help = match of.why.kind() {
        Kind::Deadline(_) if !matches!(of.waiting, Waiting::InVain(_)) => {
            Some("does a firewall swallow it? --timeout 30s gives it longer".to_owned())
        }
        _ if unknown.is_some() => Some("check the name, or give an IP address".to_owned()),
        _ => lasting(of, &cause),
    };
    failure.help(help.unwrap_or_else(|| match of.waiting {
        Waiting::Possible => "wait for it with --retry 10s".to_owned(),
        Waiting::InVain(time) => format!("it did not come up in {}", figures::time(time)),
        Waiting::Pointless => "is its server running?".to_owned(),
    }))
}

/// What a refusal means, if this machine was the one that refused.
fn refused(of: &Unreached<'_>) -> Option<String> {
    if of.why.kind() != Kind::Refused {
        return None;
    }
    if let Some(path) = path(of.target) {
        return Some(match no_socket(path) {
            _ if ropewalk::addr::is_abstract(path) => "nobody listens on this name".to_owned(),
            Some(what) => format!("{what} is there"),
            None => "the file is there, its server is not".to_owned(),
        });
    }
    let (host, port) = port_here(of.target)?;
    Some(nothing_on(&host, port, &machine::open_ports()))
}

/// What to do about a cause that waiting does not remove.
fn lasting(of: &Unreached<'_>, cause: &str) -> Option<String> {
    if cause.contains("(EPROTOTYPE)") {
        return match of.endpoint.place() {
            Place::Unix(path) => Some((Place::Unixgram(path.clone()), "datagrams")),
            Place::Unixgram(path) => Some((Place::Unix(path.clone()), "a stream")),
            _ => None,
        }
        .map(|(other, carries)| format!("it carries {carries}: write {other}"));
    }
    if !cause.contains("(EACCES)") && !cause.contains("(EPERM)") {
        return None;
    }
    let help = match of.endpoint.place() {
        _ if path(of.target).is_some() => {
            "the socket's owner may permit it: writing to its file is what it takes"
        }
        Place::Udp(_) => "broadcast cannot be sent to; to any other address a firewall forbids it",
        _ => "a firewall or another rule of this machine forbids it",
    };
    Some(help.to_owned())
}

/// Host and port, if they are this machine's own.
fn port_here(target: &Target) -> Option<(String, u16)> {
    match target {
        Target::Name(name, port) => (name == "localhost").then(|| (name.clone(), *port)),
        Target::Addr(addr) => {
            let addr = addr.ip().filter(|addr| addr.ip().is_loopback())?;
            Some((addr.ip().to_string(), addr.port()))
        }
        _ => None,
    }
}

fn path(target: &Target) -> Option<&Path> {
    match target {
        Target::Addr(addr) => addr.path(),
        _ => None,
    }
}

/// What does listen here, since the port that was meant is often near; or it is the host.
fn nothing_on(host: &str, port: u16, open: &[Open]) -> String {
    if let Some(near) = open.iter().find(|open| open.port == port) {
        return format!("{}, not on {host}", near.sentence());
    }
    match named(open).as_str() {
        "" => format!("nothing listens on port {port}"),
        open => format!("nothing listens on port {port}; ports open here: {open}"),
    }
}

/// `8000 (python3), 8443 (caddy), …`
fn named(open: &[Open]) -> String {
    let first = open.iter().take(PORTS_NAMED).map(Open::to_string);
    let more = (open.len() > PORTS_NAMED).then(|| "…".to_owned());
    first.chain(more).collect::<Vec<_>>().join(", ")
}

/// A connection ended otherwise than in order, after so many bytes from the peer.
pub(crate) fn ended(
    endpoint: &Endpoint,
    why: &Reason,
    received: u64,
    timeout: Option<Duration>,
) -> Failure {
    let with = escape::line(&endpoint.to_string());
    let after = format!("after {} from it", figures::bytes(received));
    let timeout =
        timeout.map_or(String::new(), |timeout| format!(" for {}", figures::time(timeout)));
    if let Some(error) = tls::Error::of(why).filter(|_| why.kind() != Kind::Truncated) {
        return refused_by_tls(endpoint, error);
    }
    match why.kind() {
        Kind::Truncated => {
            let sentence = format!("{with} ended {after}, and did not say that it was all");
            Failure::new(failure::RESET, sentence)
                .help("what came before is printed, and may be cut")
        }
        Kind::Reset => {
            let said = why.to_string();
            let symbol = said.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
            let symbol = symbol.map_or(String::new(), |(symbol, _)| format!(" ({symbol})"));
            let sentence = format!("{with} reset the connection {after}{symbol}");
            Failure::new(failure::RESET, escape::line(&sentence))
                .help("what came before is printed; the peer knows why it ended")
        }
        Kind::Refused => {
            // Of datagrams alone: a connection is refused before it is one.
            let code = if received == 0 { failure::CONNECT } else { failure::RESET };
            let sentence = format!("nobody receives at {with} (ECONNREFUSED), {after}");
            Failure::new(code, sentence).help("is its server running?")
        }
        Kind::Deadline(Deadline::Idle) if why.unsent() == 0 => {
            let sentence = format!("no byte to or from {with}{timeout}, {after}");
            Failure::new(failure::CONNECT, sentence).help("--timeout gives it longer")
        }
        Kind::Deadline(_) => {
            let sentence = format!("{with} took nothing of what was sent{timeout}, {after}");
            Failure::new(failure::CONNECT, sentence)
                .note(format!("{} were not taken", figures::bytes(why.unsent())))
                .help("--timeout gives it longer")
        }
        _ => {
            let sentence = format!("the connection with {with} ended {after}");
            Failure::new(failure::OTHER, sentence).note(escape::line(&why.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    fn open(port: u16, program: Option<&str>) -> Open {
        let ips = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
        Open { port, ips, program: program.map(str::to_owned) }
    }

    #[test]
    fn no_more_than_a_few_ports_are_named() {
        let mut all = vec![open(80, Some("caddy\n")), open(81, None)];
        assert_eq!(named(&all), "80 (caddy\\n), 81");
        all.resize(PORTS_NAMED + 1, open(82, None));
        assert_eq!(named(&all), "80 (caddy\\n), 81, 82, 82, 82, …");
    }

    #[test]
    fn a_port_that_is_open_on_another_address_is_said_to_be_so() {
        let all = [open(80, Some("caddy")), open(81, None)];
        let said = nothing_on("::1", 80, &all);
        assert_eq!(said, "port 80 is open on 127.0.0.1 (caddy), not on ::1");
        let said = nothing_on("::1", 82, &all);
        assert_eq!(said, "nothing listens on port 82; ports open here: 80 (caddy), 81");
    }
}
