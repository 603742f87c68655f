//! The PROXY protocol, version 2: a fixed beginning, addresses, and additions.
//! Owns: its grammar. Never: asks for memory that the announced length names before the
//! bytes have come.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::BINARY_HEADER_BYTES;
use super::header::{Header, Tlv};
use crate::addr::Addr;

pub(super) const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, command, family, length.
pub(super) const FIXED_BYTES: usize = 16;
pub(super) const LENGTH_AT: usize = 14;

const COMMAND_AT: usize = 12;
const FAMILY_AT: usize = 13;

/// Version 2 and the command.
pub(super) const LOCAL: u8 = 0x20;
pub(super) const PROXY: u8 = 0x21;

pub(super) const INET: u8 = 1;
pub(super) const INET6: u8 = 2;
pub(super) const UNIX: u8 = 3;
pub(super) const STREAM: u8 = 1;
pub(super) const DATAGRAM: u8 = 2;

/// A Unix socket's name, with zeros behind it.
pub(super) const UNIX_BYTES: usize = 108;

/// The type of a checksum.
pub(super) const CRC32C: u8 = 3;

/// What has come of a header, and what it said beside addresses.
#[derive(Clone, Debug, Default)]
pub(super) struct Binary {
    bytes: Vec<u8>,
    pub(super) tlvs: Vec<Tlv>,
}

impl Binary {
    /// Takes one byte: the header if that was its last, or what is wrong with it.
    pub(super) fn push(&mut self, byte: u8) -> Result<Option<Header>, &'static str> {
        let at = self.bytes.len();
        self.bytes.push(byte);
        match at {
            0..COMMAND_AT if byte != SIGNATURE[at] => Err("it is not the signature of version 2"),
            COMMAND_AT if byte >> 4 != 2 => Err("the version is neither 1 nor 2"),
            COMMAND_AT if byte & 0xf > 1 => Err("the command is neither LOCAL nor PROXY"),
            FAMILY_AT if byte >> 4 > UNIX => Err("there is no such family of addresses"),
            FAMILY_AT if byte & 0xf > DATAGRAM => Err("it is neither a stream nor datagrams"),
            ..LENGTH_AT | LENGTH_AT => Ok(None),
            _ => self.push_further(at),
        }
    }

    fn push_further(&mut self, at: usize) -> Result<Option<Header>, &'static str> {
        let length = u16::from_be_bytes([self.bytes[LENGTH_AT], self.bytes[LENGTH_AT + 1]]);
        let whole = FIXED_BYTES + usize::from(length);
        if at + 1 == FIXED_BYTES {
            if whole > BINARY_HEADER_BYTES {
                return Err("it announces more bytes than a header may have");
            }
            if usize::from(length) < self.least() {
                return Err("it announces fewer bytes than its addresses take");
            }
        }
        if at + 1 < whole { Ok(None) } else { self.finish().map(Some) }
    }

    /// Bytes of its addresses; 0 if it has none that mean anything.
    fn least(&self) -> usize {
        let (command, family) = (self.bytes[COMMAND_AT], self.bytes[FAMILY_AT]);
        match family >> 4 {
            _ if command == LOCAL || family & 0xf == 0 => 0,
            INET => 2 * 4 + 4,
            INET6 => 2 * 16 + 4,
            UNIX => 2 * UNIX_BYTES,
            _ => 0,
        }
    }

    fn finish(&mut self) -> Result<Header, &'static str> {
        let addresses = self.least();
        let header = match addresses {
            // What else there is of these means nothing, and is skipped.
            0 if self.bytes[COMMAND_AT] == LOCAL => return Ok(Header::Local),
            0 => return Ok(Header::Unknown),
            _ => {
                let [source, destination] = self.addresses(addresses);
                match self.bytes[FAMILY_AT] & 0xf {
                    STREAM => Header::Stream { source, destination },
                    _ => Header::Datagram { source, destination },
                }
            }
        };
        self.read_tlvs(FIXED_BYTES + addresses)?;
        Ok(header)
    }

    fn addresses(&self, length: usize) -> [Addr; 2] {
        let bytes = &self.bytes[FIXED_BYTES..FIXED_BYTES + length];
        if length == 2 * UNIX_BYTES {
            let (source, destination) = bytes.split_at(UNIX_BYTES);
            return [unix(source), unix(destination)];
        }
        let (ips, ports) = bytes.split_at(length - 4);
        let (source, destination) = ips.split_at(ips.len() / 2);
        [ip(source, &ports[..2]), ip(destination, &ports[2..])]
    }

    fn read_tlvs(&mut self, from: usize) -> Result<(), &'static str> {
        let mut at = from;
        while at < self.bytes.len() {
            let fixed = self.bytes.get(at..at + 3).ok_or(CUT)?;
            let (kind, length) = (fixed[0], u16::from_be_bytes([fixed[1], fixed[2]]));
            let value_at = at + 3;
            at = value_at + usize::from(length);
            let value = self.bytes.get(value_at..at).ok_or(CUT)?;
            if kind == CRC32C {
                let told: [u8; 4] = value.try_into().map_err(|_| "a checksum has 4 bytes")?;
                let zeroed = self.bytes.iter().enumerate();
                let zeroed =
                    zeroed.map(|(i, byte)| if (value_at..at).contains(&i) { 0 } else { *byte });
                if crc32c(zeroed) != u32::from_be_bytes(told) {
                    return Err("its checksum is another one");
                }
            }
            self.tlvs.push(Tlv::new(kind, value));
        }
        Ok(())
    }
}

const CUT: &str = "its last addition is cut off";

/// An address of either family, by its length.
fn ip(ip: &[u8], port: &[u8]) -> Addr {
    let v4 = <[u8; 4]>::try_from(ip).map(IpAddr::from);
    let v6 = <[u8; 16]>::try_from(ip).map(IpAddr::from);
    let ip = v4.or(v6).unwrap_or(IpAddr::from([0; 4])); // one of them it is
    let port = port.iter().fold(0, |port, byte| port << 8 | u16::from(*byte));
    SocketAddr::new(ip, port).into()
}

/// A path ends at its first zero; an abstract name begins with one, and has no end of its own.
fn unix(bytes: &[u8]) -> Addr {
    let is_abstract = bytes.first() == Some(&0);
    let end = match is_abstract {
        true => bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1),
        false => bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()),
    };
    // Lossy: another machine's path is for people to read, and nobody opens it.
    match String::from_utf8_lossy(&bytes[..end]).into_owned() {
        name if name.is_empty() => Addr::Unix(None),
        name => PathBuf::from(name).into(),
    }
}

/// Says in a header how long it is.
pub(super) fn write_length(header: &mut [u8]) {
    let rest = (header.len() - FIXED_BYTES) as u16; // at most BINARY_HEADER_BYTES
    header[LENGTH_AT..FIXED_BYTES].copy_from_slice(&rest.to_be_bytes());
}

/// The Castagnoli sum. Bit by bit: it is done once a connection, over some hundred bytes.
pub(super) fn crc32c(bytes: impl Iterator<Item = u8>) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let sum = bytes.fold(!0, |sum: u32, byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            let carry = if sum & 1 == 1 { POLYNOMIAL } else { 0 };
            sum >> 1 ^ carry
        })
    });
    !sum
}
