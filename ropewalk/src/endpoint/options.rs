//! An endpoint's options: the words, and the settings that they are.
//! Owns: which words there are, for what, with which values. Never: touches a socket.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use super::error::{Fault, quoted, shown};
use super::nearest::nearest;
use super::parse::{Part, Scheme};
use crate::limits;
use crate::options::SocketOptions;

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

/// What an option's value is, and the setting it is kept in.
#[derive(Debug)]
enum Value {
    Switch(fn(&mut SocketOptions) -> &mut Option<bool>),
    Time(fn(&mut SocketOptions) -> &mut Option<Duration>, Time),
    Number(fn(&mut SocketOptions) -> &mut Option<u32>, u32),
    /// One byte, not 0.
    Small(fn(&mut SocketOptions) -> &mut Option<u8>),
    /// A firewall's mark, decimal or hexadecimal.
    Mark(fn(&mut SocketOptions) -> &mut Option<u32>),
    /// A file's permissions, octal.
    Mode(fn(&mut SocketOptions) -> &mut Option<u32>),
}

/// Which times are possible.
#[derive(Debug)]
struct Time {
    least: Duration,
    most: Duration,
    example: &'static str,
}

use Scheme::{Tcp, Udp, Unix, Unixgram};

/// In the order in which they are displayed.
const WORDS: &[Word] = &[
    Word {
        name: "backlog",
        schemes: &[Tcp, Unix],
        role: Some(Role::Listening),
        value: Value::Number(|options| &mut options.backlog, i32::MAX as u32),
    },
    Word {
        name: "reuseport",
        schemes: &[Tcp, Udp],
        role: Some(Role::Listening),
        value: Value::Switch(|options| &mut options.reuse_port),
    },
    Word {
        name: "mode",
        schemes: &[Unix, Unixgram],
        role: Some(Role::Listening),
        value: Value::Mode(|options| &mut options.mode),
    },
    Word {
        name: "nodelay",
        schemes: &[Tcp],
        role: None,
        value: Value::Switch(|options| &mut options.nodelay),
    },
    Word {
        name: "keepalive",
        schemes: &[Tcp],
        role: None,
        // The kernel counts whole seconds.
        value: Value::Time(
            |options| &mut options.keepalive,
            Time { least: Duration::from_secs(1), most: limits::KEEPALIVE, example: "30s" },
        ),
    },
    Word {
        name: "timeout",
        schemes: &[Tcp, Unix],
        role: Some(Role::Connecting),
        value: Value::Time(
            |options| &mut options.timeout,
            Time { least: Duration::from_millis(1), most: limits::ENDPOINT_TIMEOUT, example: "5s" },
        ),
    },
    Word {
        name: "mark",
        schemes: &[Tcp, Udp],
        role: None,
        value: Value::Mark(|options| &mut options.mark),
    },
    Word {
        name: "ttl",
        schemes: &[Tcp, Udp],
        role: None,
        value: Value::Small(|options| &mut options.ttl),
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
    ("bindAddress", "leave it out: the system chooses the address to connect from"),
    ("cert", "TLS is not there yet"),
    ("key", "TLS is not there yet"),
    ("ca", "TLS is not there yet"),
    ("alpn", "TLS is not there yet"),
    ("sni", "TLS is not there yet"),
    ("pin", "TLS is not there yet"),
    ("insecure", "TLS is not there yet"),
];

/// Options as they were written: each word once, and where.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    pub(super) settings: SocketOptions,
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
        let word =
            WORDS.iter().find(|word| word.name == key.text).ok_or_else(|| unknown(key, scheme))?;
        if !word.schemes.contains(&scheme) {
            let cause = format!("`{}` has no meaning for `{}`", word.name, scheme.name());
            let schemes: Vec<String> =
                word.schemes.iter().map(|scheme| format!("`{}`", scheme.name())).collect();
            let label = format!("it belongs to {}", schemes.join(" and "));
            return Err(Fault::new(key.span(), cause).label(label));
        }
        if self.found.iter().any(|(found, _)| found.name == word.name) {
            let cause = format!("`{}` is said twice", word.name);
            return Err(Fault::new(key.span(), cause).label("leave one out"));
        }
        word.set(&mut self.settings, key, value, style)?;
        self.found.push((word, key.span()));
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

impl Word {
    fn set(
        &self,
        settings: &mut SocketOptions,
        key: Part<'_>,
        value: Option<Part<'_>>,
        style: Style,
    ) -> Result<(), Fault> {
        if let Value::Switch(field) = &self.value {
            *field(settings) = Some(switch(self.name, value)?);
            return Ok(());
        }
        let value = value.filter(|value| !value.text.is_empty()).ok_or_else(|| {
            let label = format!("write `{}={}`", self.name, self.example());
            Fault::new(key.span(), format!("`{}` takes a value", self.name)).label(label)
        })?;
        match &self.value {
            Value::Switch(_) => {}
            Value::Time(field, bounds) => {
                *field(settings) = Some(time(self.name, value, bounds, style)?);
            }
            Value::Number(field, most) => {
                *field(settings) = Some(number(self.name, value, *most)?);
            }
            Value::Small(field) => {
                let small = number(self.name, value, u8::MAX.into())?;
                *field(settings) = u8::try_from(small).ok();
            }
            Value::Mark(field) => *field(settings) = Some(mark(value)?),
            Value::Mode(field) => *field(settings) = Some(mode(value)?),
        }
        Ok(())
    }

    fn example(&self) -> &'static str {
        match &self.value {
            Value::Switch(_) => "on",
            Value::Time(_, bounds) => bounds.example,
            Value::Number(..) => "512",
            Value::Small(_) => "64",
            Value::Mark(_) => "0x10",
            Value::Mode(_) => "0660",
        }
    }
}

/// `,key=value` for each setting that is made, as it is parsed.
pub(super) fn display(settings: &SocketOptions, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut settings = settings.clone();
    for Word { name, value, .. } in WORDS {
        match value {
            Value::Switch(field) => match field(&mut settings) {
                Some(true) => write!(f, ",{name}")?,
                Some(false) => write!(f, ",{name}=off")?,
                None => {}
            },
            Value::Time(field, _) => match field(&mut settings) {
                Some(time) if time.subsec_millis() == 0 => {
                    write!(f, ",{name}={}s", time.as_secs())?
                }
                Some(time) => write!(f, ",{name}={}ms", time.as_millis())?,
                None => {}
            },
            Value::Number(field, _) => each(field(&mut settings), |n| write!(f, ",{name}={n}"))?,
            Value::Small(field) => each(field(&mut settings), |n| write!(f, ",{name}={n}"))?,
            Value::Mark(field) => each(field(&mut settings), |n| write!(f, ",{name}={n:#x}"))?,
            Value::Mode(field) => each(field(&mut settings), |n| write!(f, ",{name}={n:04o}"))?,
        }
    }
    Ok(())
}

fn each<T>(setting: &Option<T>, write: impl FnMut(&T) -> fmt::Result) -> fmt::Result {
    setting.iter().try_for_each(write)
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

fn switch(name: &str, value: Option<Part<'_>>) -> Result<bool, Fault> {
    match value.map(|value| value.text) {
        None | Some("on" | "yes" | "true") => Ok(true),
        Some("off" | "no" | "false") => Ok(false),
        Some(_) => {
            let span = value.map(|value| value.span()).unwrap_or_default();
            let label = format!("write `{name}` or `{name}=off`");
            Err(Fault::new(span, format!("`{name}` is on or off")).label(label))
        }
    }
}

fn number(name: &str, value: Part<'_>, most: u32) -> Result<u32, Fault> {
    match digits(value.text, 10) {
        Some(number) if (1..=u64::from(most)).contains(&number) => Ok(number as u32),
        _ => {
            let cause = format!("`{name}` is a number from 1 to {most}");
            Err(Fault::new(value.span(), cause))
        }
    }
}

fn time(name: &str, value: Part<'_>, bounds: &Time, style: Style) -> Result<Duration, Fault> {
    let split = value.text.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.text.len());
    let (number, unit) = value.text.split_at(split);
    let no_time = || {
        let label = format!("write `{name}={}`", bounds.example);
        Fault::new(value.span(), format!("{} is not a time", quoted(value.text))).label(label)
    };
    let millis = match unit {
        _ if number.is_empty() => return Err(no_time()),
        "" if style == Style::Twisted => 1000,
        "" => {
            let number = shown(number);
            let label = format!("{number} what? write {number}s or {number}ms");
            let cause = format!("the time of `{name}` has no unit");
            return Err(Fault::new(value.span(), cause).label(label));
        }
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ if unit.starts_with('.') => {
            let fault = Fault::new(value.span(), "a time is a whole number and its unit");
            return Err(fault.label("write 1500ms instead of 1.5s"));
        }
        _ => {
            let span = value.from(split).span();
            let fault = Fault::new(span, format!("no unit {} of time", quoted(unit)));
            return Err(fault.label("there are ms, s, m and h"));
        }
    };
    let millis = digits(number, 10).and_then(|number| number.checked_mul(millis));
    let time = millis.map(Duration::from_millis);
    match time.filter(|time| (bounds.least..=bounds.most).contains(time)) {
        // What the kernel takes in whole seconds is not rounded behind the user's back.
        Some(time) if bounds.least.as_secs() > 0 && time.subsec_millis() > 0 => {
            Err(Fault::new(value.span(), format!("`{name}` is in whole seconds")))
        }
        Some(time) => Ok(time),
        None => {
            let least = bounds.least.as_millis();
            let least =
                if least < 1000 { format!("{least}ms") } else { format!("{}s", least / 1000) };
            let cause = format!("`{name}` is from {least} to {}s", bounds.most.as_secs());
            Err(Fault::new(value.span(), cause))
        }
    }
}

fn mark(value: Part<'_>) -> Result<u32, Fault> {
    let hexadecimal = value.text.strip_prefix("0x");
    let number = hexadecimal.map_or_else(|| digits(value.text, 10), |rest| digits(rest, 16));
    number.and_then(|number| u32::try_from(number).ok()).ok_or_else(|| {
        Fault::new(value.span(), "`mark` is a number of 32 bits").label("write it as 16 or 0x10")
    })
}

/// Octal, as `chmod` takes it.
fn mode(value: Part<'_>) -> Result<u32, Fault> {
    match digits(value.text, 8) {
        Some(mode @ 0..=0o777) => Ok(mode as u32),
        _ => {
            let cause = "`mode` is octal, from 0000 to 0777";
            Err(Fault::new(value.span(), cause).label("write `mode=0660`"))
        }
    }
}

/// Digits alone: `+5` is none.
fn digits(text: &str, radix: u32) -> Option<u64> {
    let all = text.bytes().all(|byte| char::from(byte).is_digit(radix));
    u64::from_str_radix(text, radix).ok().filter(|_| all)
}
