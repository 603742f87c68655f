//! The values of options: how each kind is written, read, and written again.
//! Owns: the kinds, their bounds, and what is said of a slip. Never: knows which words there
//! are.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::address::{check_name, escape_value, unescape};
use super::error::{Fault, quoted, shown};
use super::options::{Settings, Style};
use super::parse::Part;
use crate::limits;
use crate::options::{Cert, ProxyVersion};

/// What an option's value is, and the setting it is kept in.
#[derive(Debug)]
pub(super) enum Value {
    Switch(fn(&mut Settings) -> &mut Option<bool>),
    /// A switch that is off unless it is said.
    Flag(fn(&mut Settings) -> &mut bool),
    Time(fn(&mut Settings) -> &mut Option<Duration>, Time),
    Number(fn(&mut Settings) -> &mut Option<u32>, u32),
    /// One byte, not 0.
    Small(fn(&mut Settings) -> &mut Option<u8>),
    /// A firewall's mark, decimal or hexadecimal.
    Mark(fn(&mut Settings) -> &mut Option<u32>),
    /// A file's permissions, octal.
    Mode(fn(&mut Settings) -> &mut Option<u32>),
    /// A file, or `auto`.
    Cert(fn(&mut Settings) -> &mut Option<Cert>),
    File(fn(&mut Settings) -> &mut Option<PathBuf>),
    /// A SHA-256, hexadecimal, with colons or without.
    Pin(fn(&mut Settings) -> &mut Option<[u8; 32]>),
    /// Names of protocols, with a `+` between.
    Protocols(fn(&mut Settings) -> &mut Vec<String>),
    /// An address of ours, with a port or without.
    Source(fn(&mut Settings) -> &mut Option<SocketAddr>),
    /// No time at all: the one that is possible.
    Never(fn(&mut Settings) -> &mut Option<Duration>),
    /// `v1` or `v2`.
    Proxy(fn(&mut Settings) -> &mut Option<ProxyVersion>),
    /// A name that a server can have, or an address.
    Host(fn(&mut Settings) -> &mut Option<String>),
}

/// Which times are possible.
#[derive(Debug)]
pub(super) struct Time {
    pub(super) least: Duration,
    pub(super) most: Duration,
    pub(super) example: &'static str,
}

impl Value {
    /// Reads what stands behind the word's `=`, if anything does.
    pub(super) fn set(
        &self,
        name: &str,
        settings: &mut Settings,
        (key, value): (Part<'_>, Option<Part<'_>>),
        style: Style,
    ) -> Result<(), Fault> {
        match self {
            Value::Switch(field) => {
                *field(settings) = Some(switch(name, value)?);
                return Ok(());
            }
            Value::Flag(field) => {
                *field(settings) = switch(name, value)?;
                return Ok(());
            }
            _ => {}
        }
        let value = value.filter(|value| !value.text.is_empty()).ok_or_else(|| {
            let label = format!("write `{name}={}`", self.example());
            Fault::new(key.span(), format!("`{name}` takes a value")).label(label)
        })?;
        match self {
            Value::Switch(_) | Value::Flag(_) => {}
            Value::Time(field, bounds) => {
                *field(settings) = Some(time(name, value, bounds, style)?);
            }
            Value::Number(field, most) => {
                *field(settings) = Some(number(name, value, *most)?);
            }
            Value::Small(field) => {
                let small = number(name, value, u8::MAX.into())?;
                *field(settings) = u8::try_from(small).ok();
            }
            Value::Mark(field) => *field(settings) = Some(mark(value)?),
            Value::Mode(field) => *field(settings) = Some(mode(value)?),
            Value::Cert(field) => {
                *field(settings) = Some(match value.text {
                    AUTO => Cert::Auto,
                    _ => Cert::File(file(value)?),
                });
            }
            Value::File(field) => *field(settings) = Some(file(value)?),
            Value::Pin(field) => *field(settings) = Some(pin(value)?),
            Value::Protocols(field) => *field(settings) = protocols(value)?,
            Value::Host(field) => *field(settings) = Some(host(value)?),
            Value::Source(field) => *field(settings) = Some(source(value)?),
            Value::Never(field) => *field(settings) = Some(no_time(name, value)?),
            Value::Proxy(field) => *field(settings) = Some(proxy(value)?),
        }
        Ok(())
    }

    /// Something that could be written.
    fn example(&self) -> &'static str {
        match self {
            Value::Switch(_) | Value::Flag(_) => "on",
            Value::Time(_, bounds) => bounds.example,
            Value::Number(..) => "512",
            Value::Small(_) => "64",
            Value::Mark(_) => "0x10",
            Value::Mode(_) => "0660",
            Value::Cert(_) | Value::File(_) => "FILE.pem",
            Value::Pin(_) => "SHA-256",
            Value::Protocols(_) => "h2",
            Value::Host(_) => "NAME",
            Value::Source(_) => "127.0.0.1",
            Value::Never(_) => "0s",
            Value::Proxy(_) => "v1",
        }
    }

    /// `,name=value` as it is parsed, if the setting is made.
    pub(super) fn display(
        &self,
        name: &str,
        settings: &mut Settings,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        match self {
            Value::Switch(field) => each(field(settings), |on| match on {
                true => write!(f, ",{name}"),
                false => write!(f, ",{name}=off"),
            }),
            Value::Flag(field) => match *field(settings) {
                true => write!(f, ",{name}"),
                false => Ok(()),
            },
            Value::Time(field, _) => each(field(settings), |time| match time.subsec_millis() {
                0 => write!(f, ",{name}={}s", time.as_secs()),
                _ => write!(f, ",{name}={}ms", time.as_millis()),
            }),
            Value::Number(field, _) => each(field(settings), |n| write!(f, ",{name}={n}")),
            Value::Small(field) => each(field(settings), |n| write!(f, ",{name}={n}")),
            Value::Mark(field) => each(field(settings), |n| write!(f, ",{name}={n:#x}")),
            Value::Mode(field) => each(field(settings), |n| write!(f, ",{name}={n:04o}")),
            Value::Cert(field) => each(field(settings), |cert| match cert {
                Cert::Auto => write!(f, ",{name}={AUTO}"),
                Cert::File(path) => display_file(name, path, f),
            }),
            Value::File(field) => each(field(settings), |path| display_file(name, path, f)),
            Value::Pin(field) => each(field(settings), |pin| {
                write!(f, ",{name}=")?;
                pin.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }),
            Value::Protocols(field) => match field(settings).as_slice() {
                [] => Ok(()),
                all => write!(f, ",{name}={}", all.join("+")),
            },
            Value::Host(field) => each(field(settings), |host| write!(f, ",{name}={host}")),
            Value::Source(field) => each(field(settings), |source| match source.port() {
                0 => write!(f, ",{name}={}", source.ip()),
                _ => write!(f, ",{name}={source}"),
            }),
            Value::Never(field) => each(field(settings), |_| write!(f, ",{name}=0s")),
            Value::Proxy(field) => each(field(settings), |version| match version {
                ProxyVersion::V1 => write!(f, ",{name}=v1"),
                ProxyVersion::V2 => write!(f, ",{name}=v2"),
            }),
        }
    }
}

/// The certificate that is made at the start. A file of this name is `./auto`.
const AUTO: &str = "auto";

fn each<T>(setting: &Option<T>, write: impl FnMut(&T) -> fmt::Result) -> fmt::Result {
    setting.iter().try_for_each(write)
}

fn display_file(name: &str, path: &std::path::Path, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, ",{name}={}", escape_value(&path.to_string_lossy()))
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

/// A path, absolute or relative; the shell's `~` is nobody's home here.
fn file(value: Part<'_>) -> Result<PathBuf, Fault> {
    if value.text.starts_with('~') {
        return Err(super::address::tilde(value, ""));
    }
    unescape(value).map(PathBuf::from)
}

/// 64 digits, with a colon between two or without.
fn pin(value: Part<'_>) -> Result<[u8; 32], Fault> {
    let plain = value.text.replace(':', "");
    let mut pin = [0; 32];
    let is_whole = plain.len() == 2 * pin.len() && plain.is_ascii();
    for (index, byte) in pin.iter_mut().enumerate() {
        let two = plain.get(2 * index..2 * index + 2).filter(|_| is_whole);
        *byte = two.and_then(|two| digits(two, 16)).ok_or_else(|| {
            let cause = "`pin` is a SHA-256: 64 hexadecimal digits, with colons or without";
            let help = "openssl x509 -in cert.pem -noout -fingerprint -sha256";
            Fault::new(value.span(), cause).help(help)
        })? as u8; // two digits
    }
    Ok(pin)
}

/// The names of ALPN, which are bytes; those that are in use can be written.
fn protocols(value: Part<'_>) -> Result<Vec<String>, Fault> {
    let mut all: Vec<String> = Vec::new();
    for name in value.pieces(b'+') {
        let is_one = |c: char| c.is_ascii_graphic() && c != '\\';
        let cause = match name.text {
            "" => "the name of a protocol is missing".to_owned(),
            text if !text.chars().all(is_one) => format!("{} is no protocol", quoted(text)),
            text if text.len() > limits::ALPN_BYTES => {
                let most = limits::ALPN_BYTES;
                format!("a protocol's name has {} bytes, {most} are the most", text.len())
            }
            text if all.iter().any(|known| known == text) => {
                format!("{} is said twice", quoted(text))
            }
            text => {
                all.push(text.to_owned());
                continue;
            }
        };
        return Err(Fault::new(name.span(), cause).label("write `alpn=h2+http/1.1`"));
    }
    Ok(all)
}

/// An address of this machine: whoever connects has it.
fn source(value: Part<'_>) -> Result<SocketAddr, Fault> {
    let inside = value.text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let ip = inside.unwrap_or(value.text).parse::<IpAddr>();
    let with_port = || value.text.parse::<SocketAddr>();
    ip.map(|ip| SocketAddr::new(ip, 0)).or_else(|_| with_port()).map_err(|_| {
        let cause = format!("{} is no address to connect from", quoted(value.text));
        Fault::new(value.span(), cause).label("write `source=192.0.2.1`, or with a port")
    })
}

/// Zero, with its unit or without: any other time would block the loop at each close.
fn no_time(name: &str, value: Part<'_>) -> Result<Duration, Fault> {
    match value.text {
        "0" | "0s" | "0ms" => Ok(Duration::ZERO),
        _ => {
            let cause = format!("`{name}` is 0s: closing resets. A close waits by itself");
            Err(Fault::new(value.span(), cause).label("write `linger=0s`, or leave it out"))
        }
    }
}

fn proxy(value: Part<'_>) -> Result<ProxyVersion, Fault> {
    match value.text {
        "v1" | "1" => Ok(ProxyVersion::V1),
        "v2" | "2" => Ok(ProxyVersion::V2),
        text => {
            let cause = format!("there is no version {} of the PROXY protocol", quoted(text));
            Err(Fault::new(value.span(), cause).label("write `proxy=v1` or `proxy=v2`"))
        }
    }
}

/// What a server's certificate can be made out to.
fn host(value: Part<'_>) -> Result<String, Fault> {
    let is_address = value.text.parse::<std::net::IpAddr>().is_ok();
    if !is_address {
        check_name(value)?;
    }
    Ok(value.text.to_owned())
}
