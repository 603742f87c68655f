//! What went wrong with an endpoint, why, and what can be done about it.
//! Owns: the words for it and what is looked up for them. Never: decides when to give up.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use ropewalk::addr::Target;
use ropewalk::endpoint::{Endpoint, Place};
use ropewalk::error::{Error, ErrorKind, Operation};
use ropewalk::protocol::{Deadline, Kind, Reason};

use crate::escape;
use crate::failure::{self, Failure};
use crate::figures;
use crate::limits::PORTS_NAMED;
use crate::machine::{self, Held};

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
    let at = error.address().map(|address| format!("{scheme}:{address}"));
    let at = escape::line(&at.unwrap_or_else(|| endpoint.to_string()));
    if let Some(said) = unknown_host(error) {
        let sentence = format!("cannot listen on {at}: {said}");
        return Failure::new(failure::LISTEN, sentence)
            .help("name an address of this machine, or `*` for all of them");
    }
    let sentence = format!("cannot listen on {at}: {}", escape::line(&error.cause()));
    let failure = Failure::new(failure::LISTEN, sentence);
    if error.kind() == ErrorKind::AddressInUse {
        let held = held(endpoint, error);
        let holder = held.as_ref().and_then(machine::holder);
        let failure = match holder {
            Some(holder) => failure.note(holder.sentence()),
            None => failure,
        };
        return failure.help(match held {
            Some(Held::Unix(_)) => "stop it, or take another path".to_owned(),
            _ => format!("stop it, or take a free port with {scheme}:0"),
        });
    }
    match error.remedy() {
        Some(remedy) => failure.help(escape::line(remedy)),
        None => failure,
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

/// What the resolver says of a name, if that was it: only its errors have no number.
fn unknown_host(error: &Error) -> Option<String> {
    let io = error.io_error()?;
    let by_name = error.address().is_some_and(|at| at.parse::<SocketAddr>().is_err());
    let is_lookup = io.raw_os_error().is_none() && io.to_string().contains("lookup");
    (by_name && is_lookup).then(|| unknown_host_because(&io.to_string()))
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

/// See [`Unreached`].
pub(crate) fn connecting(of: &Unreached<'_>) -> Failure {
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
    let failure = match (of.why.kind(), port_here(of.target), path(of.target)) {
        (Kind::Refused, Some(port), _) => failure.note(nothing_on(port)),
        (Kind::Refused, _, Some(_)) => failure.note("the file is there, its server is not"),
        _ => failure,
    };
    let permission = cause.contains("(EACCES)") || cause.contains("(EPERM)");
    match of.why.kind() {
        Kind::Deadline(_) if !matches!(of.waiting, Waiting::InVain(_)) => {
            failure.help("does a firewall swallow it? --timeout 30s gives it longer")
        }
        _ if unknown.is_some() => failure.help("check the name, or give an IP address"),
        _ if permission && path(of.target).is_some() => {
            failure.help("the socket's owner may permit it: writing to its file is what it takes")
        }
        _ => match of.waiting {
            Waiting::Possible => failure.help("wait for it with --retry 10s"),
            Waiting::InVain(time) => {
                failure.help(format!("it did not come up in {}", figures::time(time)))
            }
            Waiting::Pointless => failure.help("is its server running?"),
        },
    }
}

/// The port, if it is one of this machine's.
fn port_here(target: &Target) -> Option<u16> {
    match target {
        Target::Name(name, port) => (name == "localhost").then_some(*port),
        Target::Addr(addr) => addr.ip().filter(|ip| ip.ip().is_loopback()).map(|ip| ip.port()),
        _ => None,
    }
}

fn path(target: &Target) -> Option<&Path> {
    match target {
        Target::Addr(addr) => addr.path(),
        _ => None,
    }
}

/// What does listen here, since the port that was meant is often near.
fn nothing_on(port: u16) -> String {
    match named(&machine::open_ports()).as_str() {
        "" => format!("nothing listens on port {port}"),
        open => format!("nothing listens on port {port}; ports open here: {open}"),
    }
}

/// `8000 (python3), 8443 (caddy), …`
fn named(open: &[(u16, Option<String>)]) -> String {
    let first = open.iter().take(PORTS_NAMED).map(|(port, program)| match program {
        Some(program) => format!("{port} ({})", escape::quote(program)),
        None => port.to_string(),
    });
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
    match why.kind() {
        Kind::Reset | Kind::Truncated => {
            let sentence = format!("{with} reset the connection {after}");
            Failure::new(failure::RESET, sentence)
                .note(escape::line(&why.to_string()))
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

    #[test]
    fn no_more_than_a_few_ports_are_named() {
        let mut open = vec![(80, Some("caddy\n".to_owned())), (81, None)];
        assert_eq!(named(&open), "80 (caddy\\n), 81");
        open.resize(PORTS_NAMED + 1, (82, None));
        assert_eq!(named(&open), "80 (caddy\\n), 81, 82, 82, 82, …");
    }
}
