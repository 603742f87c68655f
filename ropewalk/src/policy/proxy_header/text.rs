//! The PROXY protocol, version 1: one line of text.
//! Owns: its grammar, byte by byte, so that the first wrong one is told.
//! Never: keeps more than the field that it reads.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::HEADER_BYTES;
use super::header::Header;

/// The longest field: an IPv6 address that ends in an IPv4 one.
const FIELD_BYTES: usize = 45;

/// Where in the line the parser is, and what it said so far.
#[derive(Clone, Debug)]
pub(super) struct Text {
    part: Part,
    /// Bytes taken so far.
    count: usize,
    field: [u8; FIELD_BYTES],
    length: usize,
    ips: [IpAddr; 2],
    ports: [u16; 2],
    is_v6: bool,
}

/// What is read now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// `PROXY `, so many bytes of it seen.
    Signature(usize),
    /// The first letter of the family.
    Family,
    /// The rest of `UNKNOWN`.
    Unknown(usize),
    /// The rest of `TCP`, the digit and the space.
    Tcp(usize),
    /// Behind `UNKNOWN`.
    UnknownEnd,
    /// Words behind `UNKNOWN`, which mean nothing.
    Words,
    /// Source (0) and destination (1).
    Ip(usize),
    Port(usize),
    /// The last byte: `\n`.
    LineFeed(bool),
    /// It is over, whole or refused.
    Over,
}

const SIGNATURE: &[u8] = b"PROXY ";
const UNKNOWN: &[u8] = b"UNKNOWN";
const TCP: &[u8] = b"TCP";

type Step = std::result::Result<(Part, Option<Header>), &'static str>;

impl Text {
    pub(super) fn new() -> Text {
        let nowhere = IpAddr::from([0; 4]);
        Text {
            part: Part::Signature(0),
            count: 0,
            field: [0; FIELD_BYTES],
            length: 0,
            ips: [nowhere; 2],
            ports: [0; 2],
            is_v6: false,
        }
    }

    /// Takes one byte: the header if that was its last, or what is wrong with it.
    pub(super) fn push(&mut self, byte: u8) -> Result<Option<Header>, &'static str> {
        self.count += 1;
        let (part, header) = self.step(byte)?;
        // The last two bytes of the longest header can only be its line end.
        let is_ending = matches!(part, Part::LineFeed(_) | Part::Over);
        if self.count >= HEADER_BYTES - 1 && !is_ending {
            return Err("it is longer than 107 bytes");
        }
        self.part = part;
        Ok(header)
    }

    fn step(&mut self, byte: u8) -> Step {
        let next = |part| Ok((part, None));
        match self.part {
            Part::Signature(seen) => match SIGNATURE.get(seen) == Some(&byte) {
                true if seen + 1 == SIGNATURE.len() => next(Part::Family),
                true => next(Part::Signature(seen + 1)),
                false => Err("it begins with `PROXY `"),
            },
            Part::Family => match byte {
                b'U' => next(Part::Unknown(1)),
                b'T' => next(Part::Tcp(1)),
                _ => Err("after `PROXY ` comes TCP4, TCP6 or UNKNOWN"),
            },
            Part::Unknown(seen) => match UNKNOWN.get(seen) == Some(&byte) {
                true if seen + 1 == UNKNOWN.len() => next(Part::UnknownEnd),
                true => next(Part::Unknown(seen + 1)),
                false => Err("after `PROXY ` comes TCP4, TCP6 or UNKNOWN"),
            },
            Part::Tcp(seen) => self.family(seen, byte),
            Part::UnknownEnd if byte == b' ' => next(Part::Words),
            Part::UnknownEnd if byte != b'\r' => Err("UNKNOWN ends with a space or `\\r\\n`"),
            Part::UnknownEnd | Part::Words => match byte {
                b'\r' => next(Part::LineFeed(false)),
                b'\n' => Err("the header ends with `\\r\\n`"),
                _ => next(Part::Words),
            },
            Part::Ip(which) => self.ip(which, byte),
            Part::Port(which) => self.port(which, byte),
            Part::LineFeed(_) if byte != b'\n' => Err("the header ends with `\\r\\n`"),
            Part::LineFeed(false) => Ok((Part::Over, Some(Header::Unknown))),
            Part::LineFeed(true) => {
                let [source, destination] =
                    [0, 1].map(|which| SocketAddr::new(self.ips[which], self.ports[which]));
                Ok((
                    Part::Over,
                    Some(Header::Stream { source: source.into(), destination: destination.into() }),
                ))
            }
            Part::Over => Err("the header is over"),
        }
    }

    fn family(&mut self, seen: usize, byte: u8) -> Step {
        let matches = match seen {
            3 => matches!(byte, b'4' | b'6'),
            4 => byte == b' ',
            _ => TCP.get(seen) == Some(&byte),
        };
        if !matches {
            return Err("after `PROXY ` comes TCP4, TCP6 or UNKNOWN");
        }
        if seen == 3 {
            self.is_v6 = byte == b'6';
        }
        Ok((if seen == 4 { Part::Ip(0) } else { Part::Tcp(seen + 1) }, None))
    }

    fn ip(&mut self, which: usize, byte: u8) -> Step {
        const WRONG: &str = "it is not an address of the family that the header names";
        if byte == b' ' {
            let is_v6 = self.is_v6;
            let text = self.take_field();
            let ip = match is_v6 {
                true => text.parse().map(IpAddr::V6),
                false => text.parse().map(IpAddr::V4),
            };
            self.ips[which] = ip.map_err(|_| WRONG)?;
            return Ok((if which == 0 { Part::Ip(1) } else { Part::Port(0) }, None));
        }
        self.append(byte).ok_or(WRONG)?;
        let field = &self.field[..self.length];
        let may_go_on =
            if self.is_v6 { begins::<Ipv6Addr>(field) } else { begins::<Ipv4Addr>(field) };
        if may_go_on { Ok((Part::Ip(which), None)) } else { Err(WRONG) }
    }

    fn port(&mut self, which: usize, byte: u8) -> Step {
        const WRONG: &str = "a port is a number from 0 to 65535, without leading zeros";
        let end = if which == 0 { b' ' } else { b'\r' };
        if byte == end {
            self.ports[which] = self.take_field().parse().map_err(|_| WRONG)?;
            return Ok((if which == 0 { Part::Port(1) } else { Part::LineFeed(true) }, None));
        }
        self.append(byte).ok_or(WRONG)?;
        let field = &self.field[..self.length];
        if is_number(field, u16::MAX) { Ok((Part::Port(which), None)) } else { Err(WRONG) }
    }

    fn append(&mut self, byte: u8) -> Option<()> {
        *self.field.get_mut(self.length)? = byte;
        self.length += 1;
        Some(())
    }

    fn take_field(&mut self) -> &str {
        let length = std::mem::take(&mut self.length);
        // What was appended was checked to be ASCII; anything else would parse as nothing.
        std::str::from_utf8(&self.field[..length]).unwrap_or_default()
    }
}

/// Decimal, at most `max`, without leading zeros.
fn is_number(digits: &[u8], max: u16) -> bool {
    let value = digits.iter().try_fold(0u32, |value, digit| {
        let value = value * 10 + u32::from(digit.checked_sub(b'0').filter(|d| *d < 10)?);
        (value <= u32::from(max)).then_some(value)
    });
    value.is_some() && !digits.is_empty() && (digits[0] != b'0' || digits.len() == 1)
}

/// Whether an address can begin so: whether one of the possible rests makes it whole.
/// For each beginning of an address, of either family, one of these does.
fn begins<A: FromStr>(text: &[u8]) -> bool {
    const RESTS: [&[u8]; 10] =
        [b"", b"::", b"0", b":", b".0.0.0", b"0.0.0", b".0.0", b"0.0", b".0", b"0.0.0.0"];
    let mut whole = [0; FIELD_BYTES + 8];
    whole[..text.len()].copy_from_slice(text);
    RESTS.iter().any(|rest| {
        let end = text.len() + rest.len();
        whole[text.len()..end].copy_from_slice(rest);
        std::str::from_utf8(&whole[..end]).is_ok_and(|text| text.parse::<A>().is_ok())
    })
}
