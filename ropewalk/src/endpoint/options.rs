//! An endpoint's options: the words, and the settings that they are.
//! Owns: which words there are, and for what. Never: reads a value, or touches a socket.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use super::error::{Fault, quoted};
use super::nearest::nearest;
use super::parse::{Part, Scheme};
use super::values::{Time, Value};
use crate::limits;
use crate::options::{Cert, ProxyVersion, SocketOptions, TlsOptions};

/// What an endpoint is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Listening,
    Connecting,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Ours, behind a comma.
    Ours,
    /// Twisted's, behind a colon: times are seconds.
    Twisted,
}

/// One option that there is.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) name: &'static str,
    /// Where it has a meaning.
    schemes: &'static [Scheme],
    /// In which role, if in one alone.
    role: Option<Role>,
    value: Value,
}

use Scheme::{Tcp, Tls, Udp, Unix, Unixgram};

/// In the order in which they are displayed.
const WORDS: &[Word] = &[
    Word {
        name: "backlog",
        schemes: &[Tcp, Tls, Unix],
        role: Some(Role::Listening),
        value: Value::Number(|all| &mut all.socket.backlog, i32::MAX as u32),
    },
    Word {
        name: "reuseport",
        schemes: &[Tcp, Tls, Udp],
        role: Some(Role::Listening),
        value: Value::Switch(|all| &mut all.socket.reuse_port),
    },
    Word {
        name: "mode",
        schemes: &[Unix, Unixgram],
        role: Some(Role::Listening),
        value: Value::Mode(|all| &mut all.socket.mode),
    },
    Word {
        name: "nodelay",
        schemes: &[Tcp, Tls],
        role: None,
        value: Value::Switch(|all| &mut all.socket.nodelay),
    },
    Word {
        name: "keepalive",
        schemes: &[Tcp, Tls],
        role: None,
        // The kernel counts whole seconds.
        value: Value::Time(
            |all| &mut all.socket.keepalive,
            Time { least: Duration::from_secs(1), most: limits::KEEPALIVE, example: "30s" },
        ),
    },
    Word {
        name: "timeout",
        schemes: &[Tcp, Tls, Unix],
        role: Some(Role::Connecting),
        value: Value::Time(
            |all| &mut all.socket.timeout,
            Time { least: Duration::from_millis(1), most: limits::ENDPOINT_TIMEOUT, example: "5s" },
        ),
    },
    Word {
        name: "mark",
        schemes: &[Tcp, Tls, Udp],
        role: None,
        value: Value::Mark(|all| &mut all.socket.mark),
    },
    Word {
        name: "ttl",
        schemes: &[Tcp, Tls, Udp],
        role: None,
        value: Value::Small(|all| &mut all.socket.ttl),
    },
    Word {
        name: "keepinterval",
        schemes: &[Tcp, Tls],
        role: None,
        value: Value::Time(
            |all| &mut all.socket.keepalive_interval,
            Time { least: Duration::from_secs(1), most: limits::KEEPALIVE, example: "10s" },
        ),
    },
    Word {
        name: "keepcount",
        schemes: &[Tcp, Tls],
        role: None,
        value: Value::Number(|all| &mut all.socket.keepalive_count, limits::KEEPALIVE_PROBES),
    },
    Word {
        name: "usertimeout",
        schemes: &[Tcp, Tls],
        role: None,
        value: Value::Time(
            |all| &mut all.socket.user_timeout,
            Time {
                least: Duration::from_millis(1),
                most: limits::ENDPOINT_TIMEOUT,
                example: "30s",
            },
        ),
    },
    Word {
        name: "linger",
        schemes: &[Tcp, Tls],
        role: None,
        value: Value::Never(|all| &mut all.socket.linger),
    },
    Word {
        name: "source",
        schemes: &[Tcp, Tls],
        role: Some(Role::Connecting),
        value: Value::Source(|all| &mut all.socket.source),
    },
    Word {
        name: "proxy",
        schemes: &[Tcp, Tls, Unix],
        role: Some(Role::Connecting),
        value: Value::Proxy(|all| &mut all.proxy),
    },
    Word { name: "cert", schemes: &[Tls], role: None, value: Value::Cert(|all| &mut all.tls.cert) },
    Word { name: "key", schemes: &[Tls], role: None, value: Value::File(|all| &mut all.tls.key) },
    Word { name: "ca", schemes: &[Tls], role: None, value: Value::File(|all| &mut all.tls.ca) },
    Word {
        name: "pin",
        schemes: &[Tls],
        role: Some(Role::Connecting),
        value: Value::Pin(|all| &mut all.tls.pin),
    },
    Word {
        name: "alpn",
        schemes: &[Tls],
        role: None,
        value: Value::Protocols(|all| &mut all.tls.alpn),
    },
    Word {
        name: "sni",
        schemes: &[Tls],
        role: Some(Role::Connecting),
        value: Value::Host(|all| &mut all.tls.sni),
    },
    Word {
        name: "insecure",
        schemes: &[Tls],
        role: Some(Role::Connecting),
        value: Value::Flag(|all| &mut all.tls.insecure),
    },
];

/// Words that others use, and what stands for them here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("bind", "the host stands before the port: `tcp:HOST:PORT`"),
    ("interface", "the host stands before the port: `tcp:HOST:PORT`"),
    ("host", "the host stands before the port: `tcp:HOST:PORT`"),
    ("port", "the port stands behind the host: `tcp:HOST:PORT`"),
    ("fork", "leave it out: every connection is served beside the others"),
    ("reuseaddr", "leave it out: it is set where it is safe"),
    ("so-reuseaddr", "leave it out: it is set where it is safe"),
    ("so-reuseport", "write `reuseport`"),
    ("so-keepalive", "write `keepalive=30s`"),
    ("keepidle", "write `keepalive=30s`"),
    ("connect-timeout", "write `timeout=5s`"),
    ("perm", "write `mode=0660`"),
    ("umask", "write `mode=0660`"),
    ("lockfile", "leave it out: a stale socket is replaced, one in use is not"),
    // Twisted's, of `ssl`.
    ("sslmethod", "leave it out: TLS 1.2 and 1.3 are spoken"),
    ("extraCertChain", "leave it out: the chain stands in the file of `cert`"),
    ("dhParameters", "leave it out: the parameters are the protocol's own"),
    ("caCertsDir", "write `ca=FILE`: one file with all of them"),
    ("privateKey", "write `key=FILE`"),
    ("certKey", "write `cert=FILE`"),
    ("trustRoots", "write `ca=FILE`"),
    ("hostname", "write `sni=NAME`"),
    ("bindAddress", "write `source=IP`"),
    ("keepintvl", "write `keepinterval=10s`"),
    ("keepcnt", "write `keepcount=3`"),
    ("endpoint", "write where to connect: `tls:HOST:PORT`"),
    // socat's and curl's.
    ("certificate", "write `cert=FILE`"),
    ("cafile", "write `ca=FILE`"),
    ("cacert", "write `ca=FILE`"),
    ("verify", "write `insecure` to believe whoever answers"),
];

/// What the options of an endpoint say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) socket: SocketOptions,
    pub(super) tls: TlsOptions,
    pub(super) proxy: Option<ProxyVersion>,
}

/// Options as they were written: each word once, and where.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    pub(super) settings: Settings,
    found: Vec<(&'static Word, Range<usize>)>,
}

impl Written {
    /// `key=value`, or a key alone.
    pub(super) fn add(
        &mut self,
        option: Part<'_>,
        scheme: Scheme,
        style: Style,
    ) -> Result<(), Fault> {
        let (key, value) = match option.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (option, None),
        };
        if key.text.is_empty() {
            let help = "options are `key` or `key=value`, with a comma before each";
            return Err(Fault::new(option.span(), "an option is missing").help(help));
        }
        let name = match style {
            Style::Ours => key.text,
            Style::Twisted => ours(key.text),
        };
        let word =
            WORDS.iter().find(|word| word.name == name).ok_or_else(|| unknown(key, scheme))?;
        if !word.schemes.contains(&scheme) {
            let cause = format!("`{}` has no meaning for `{}`", word.name, scheme.name());
            let label = format!("it belongs to {}", listed(word.schemes));
            return Err(Fault::new(key.span(), cause).label(label));
        }
        if self.found.iter().any(|(found, _)| found.name == word.name) {
            let cause = format!("`{}` is said twice", word.name);
            return Err(Fault::new(key.span(), cause).label("leave one out"));
        }
        word.value.set(word.name, &mut self.settings, (key, value), style)?;
        self.found.push((word, key.span()));
        Ok(())
    }

    /// What only all words together can say.
    pub(super) fn finish(&mut self, proxy_header: bool) -> Result<(), Fault> {
        if let (false, Some(span)) = (proxy_header, self.span_of("proxy")) {
            let fault = Fault::new(span, "`proxy` says which header `haproxy:` sends");
            return Err(fault.label("write `haproxy:` in front, or leave it out"));
        }
        let tls = &mut self.settings.tls;
        if tls.cert.is_none() {
            // Twisted's `privateKey` alone: one file has both.
            tls.cert = tls.key.take().map(Cert::File);
        }
        let (auto, key) = (tls.cert == Some(Cert::Auto), self.span_of("key"));
        if let (true, Some(key)) = (auto, key) {
            let fault = Fault::new(key, "`cert=auto` makes its own `key`");
            return Err(fault.label("leave it out, or name the certificate's file"));
        }
        if let (Some(_), Some(insecure)) = (self.settings.tls.pin, self.span_of("insecure")) {
            let fault = Fault::new(insecure, "`insecure` believes anybody, `pin` one alone");
            return Err(fault.label("leave one out"));
        }
        Ok(())
    }

    /// Every word has a meaning in that role.
    pub(super) fn check(&self, role: Role) -> Result<(), Fault> {
        let other = |word: &Word| word.role.is_some_and(|only| only != role);
        let Some((word, span)) = self.found.iter().find(|(word, _)| other(word)) else {
            return Ok(());
        };
        let (wanted, only) = match role {
            Role::Listening => ("listening", "connecting"),
            Role::Connecting => ("connecting", "listening"),
        };
        let cause = format!("`{}` has no meaning for {wanted}", word.name);
        Err(Fault::new(span.clone(), cause).label(format!("it belongs to {only}")))
    }

    /// Where `name` was written.
    pub(super) fn span_of(&self, name: &str) -> Option<Range<usize>> {
        let found = self.found.iter().find(|(word, _)| word.name == name);
        found.map(|(_, span)| span.clone())
    }
}

/// `,key=value` for each setting that is made, as it is parsed.
pub(super) fn display(settings: &Settings, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut settings = settings.clone();
    WORDS.iter().try_for_each(|Word { name, value, .. }| value.display(name, &mut settings, f))
}

/// `a`, `b` and `c`
fn listed(schemes: &[Scheme]) -> String {
    let quoted: Vec<String> = schemes.iter().map(|one| format!("`{}`", one.name())).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Twisted's words for what ours say, of `ssl` and `tls`.
const TWISTED: &[(&str, &str)] = &[
    ("certKey", "cert"),
    ("certificate", "cert"),
    ("privateKey", "key"),
    ("trustRoots", "ca"),
    ("hostname", "sni"),
    ("bindAddress", "source"),
];

/// Our word for one of Twisted's.
pub(super) fn ours(word: &str) -> &str {
    TWISTED.iter().find(|(theirs, _)| *theirs == word).map_or(word, |(_, ours)| ours)
}

/// Whether there is such an option.
pub(super) fn is_known(key: &str) -> bool {
    WORDS.iter().any(|word| word.name == key)
}

/// A word that is no option, with what it may have been.
pub(super) fn unknown(key: Part<'_>, scheme: Scheme) -> Fault {
    let fault = Fault::new(key.span(), format!("unknown option {} in endpoint", quoted(key.text)));
    if let Some((_, instead)) =
        ELSEWHERE.iter().find(|(word, _)| word.eq_ignore_ascii_case(key.text))
    {
        return fault.label(*instead);
    }
    if let Some(near) = nearest(&key.text.to_ascii_lowercase(), WORDS.iter().map(|word| word.name))
    {
        return fault.label(format!("did you mean `{near}`?"));
    }
    if scheme == Tls && key.text.starts_with("http/") {
        return fault.label("several protocols are `alpn=h2+http/1.1`");
    }
    let possible = WORDS.iter().filter(|word| word.schemes.contains(&scheme));
    let names: Vec<&str> = possible.map(|word| word.name).collect();
    if names.is_empty() {
        return fault.label(format!("`{}` has no options", scheme.name()));
    }
    let fault = fault.label(format!("`{}` has {}", scheme.name(), names.join(", ")));
    match scheme {
        Unix | Unixgram => fault.help(r"a comma that belongs to the path is written `\,`"),
        _ => fault,
    }
}
