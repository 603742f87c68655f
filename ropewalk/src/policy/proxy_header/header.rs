//! What a PROXY header says, and how it is written, as text and in binary.
//! Owns: the values and their two spellings. Never: reads one; `text` and `binary` do.

use std::fmt::Write;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::binary::{self, CRC32C};
use super::{BINARY_HEADER_BYTES, HEADER_BYTES};
use crate::addr::Addr;
use crate::error::{Error, ErrorKind, Operation, Result};

/// What a PROXY header says.
///
/// ```
/// use ropewalk::policy::{Header, HeaderParser};
/// let [client, server] = ["192.0.2.7:4000", "192.0.2.1:80"]
///     .map(|text| text.parse::<std::net::SocketAddr>().unwrap());
/// let header = Header::stream(client, server);
/// assert_eq!(header.to_text(), b"PROXY TCP4 192.0.2.7 192.0.2.1 4000 80\r\n");
/// let binary = header.to_binary(&[]).unwrap();
/// assert_eq!(HeaderParser::new().feed(&binary).unwrap(), Some((header, binary.len())));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "ProxyInfo")]
pub enum Header {
    /// The balancer does not know: the connection's own addresses hold.
    Unknown,
    /// The balancer speaks for itself, to see whether we live: the connection's own
    /// addresses hold.
    Local,
    /// A stream: TCP, or a Unix stream socket.
    Stream {
        /// The client.
        source: Addr,
        /// Where it connected to.
        destination: Addr,
    },
    /// Datagrams that the balancer received: only in binary.
    Datagram {
        /// The client.
        source: Addr,
        /// Where it sent to.
        destination: Addr,
    },
}

impl Header {
    /// A client's connection, from its address to the one that it connected to.
    pub fn stream(source: impl Into<Addr>, destination: impl Into<Addr>) -> Header {
        Header::Stream { source: source.into(), destination: destination.into() }
    }

    /// Source and destination, if it says any.
    pub fn addresses(&self) -> Option<(&Addr, &Addr)> {
        match self {
            Header::Unknown | Header::Local => None,
            Header::Stream { source, destination } | Header::Datagram { source, destination } => {
                Some((source, destination))
            }
        }
    }

    /// As version 1 writes it. What that has no words for (Unix sockets, datagrams, `Local`)
    /// is `UNKNOWN`. Of two families both are written as IPv6.
    pub fn to_text(&self) -> Vec<u8> {
        let mut line = String::with_capacity(HEADER_BYTES);
        // Writing to a String cannot fail.
        let _ = match self {
            Header::Stream { source: Addr::Ip(source), destination: Addr::Ip(destination) } => {
                let (source_ip, destination_ip) = one_family(source, destination);
                let family = if source_ip.is_ipv4() { 4 } else { 6 };
                let ports = (source.port(), destination.port());
                write!(
                    line,
                    "PROXY TCP{family} {source_ip} {destination_ip} {} {}",
                    ports.0, ports.1
                )
            }
            _ => write!(line, "PROXY UNKNOWN"),
        };
        line.push_str("\r\n");
        line.into_bytes()
    }

    /// As version 2 writes it, with these additions. Addresses of different kinds, those in
    /// memory, and Unix names of more than 108 bytes are told as unspecified.
    /// [`Tlv::checksum`] is filled in.
    ///
    /// # Errors
    /// `InvalidInput` for a header of more than [`BINARY_HEADER_BYTES`].
    pub fn to_binary(&self, tlvs: &[Tlv]) -> Result<Vec<u8>> {
        let mut header = self.in_binary();
        let mut checksum_at = None;
        let length = header.len() + tlvs.iter().map(|tlv| 3 + tlv.value.len()).sum::<usize>();
        if length > BINARY_HEADER_BYTES {
            let sentence = format!(
                "a PROXY header of {length} bytes is longer than one may be, which is \
                 {BINARY_HEADER_BYTES}"
            );
            return Err(Error::new(Operation::Send, ErrorKind::InvalidInput, sentence));
        }
        for tlv in tlvs {
            header.push(tlv.kind);
            header.extend((tlv.value.len() as u16).to_be_bytes()); // bounded above
            if tlv.kind == CRC32C {
                checksum_at = Some(header.len());
            }
            header.extend(&tlv.value);
        }
        binary::write_length(&mut header);
        if let Some(at) = checksum_at.filter(|at| at + 4 <= length) {
            let sum = binary::crc32c(header.iter().copied());
            header[at..at + 4].copy_from_slice(&sum.to_be_bytes());
        }
        Ok(header)
    }

    /// The same without additions.
    pub(super) fn in_binary(&self) -> Vec<u8> {
        let (command, family, addresses) = self.binary_parts();
        let mut header = [&binary::SIGNATURE[..], &[command, family, 0, 0], &addresses].concat();
        binary::write_length(&mut header);
        header
    }

    /// Command, family with protocol, and addresses.
    fn binary_parts(&self) -> (u8, u8, Vec<u8>) {
        let unspecified = (binary::PROXY, 0, Vec::new());
        let protocol = match self {
            Header::Local => return (binary::LOCAL, 0, Vec::new()),
            Header::Unknown => return unspecified,
            Header::Stream { .. } => binary::STREAM,
            Header::Datagram { .. } => binary::DATAGRAM,
        };
        let mut bytes = Vec::new();
        let family = match self.addresses() {
            Some((Addr::Ip(source), Addr::Ip(destination))) => {
                let (source_ip, destination_ip) = one_family(source, destination);
                for ip in [source_ip, destination_ip] {
                    match ip {
                        IpAddr::V4(ip) => bytes.extend(ip.octets()),
                        IpAddr::V6(ip) => bytes.extend(ip.octets()),
                    }
                }
                bytes.extend(source.port().to_be_bytes());
                bytes.extend(destination.port().to_be_bytes());
                if source_ip.is_ipv4() { binary::INET } else { binary::INET6 }
            }
            Some((Addr::Unix(source), Addr::Unix(destination))) => {
                for path in [source, destination] {
                    let end = bytes.len() + binary::UNIX_BYTES;
                    if let Some(path) = path {
                        bytes.extend(path.as_os_str().as_encoded_bytes());
                    }
                    if bytes.len() > end {
                        return unspecified;
                    }
                    bytes.resize(end, 0);
                }
                binary::UNIX
            }
            _ => return unspecified,
        };
        (binary::PROXY, family << 4 | protocol, bytes)
    }
}

/// Both as they are, or both as IPv6.
fn one_family(source: &SocketAddr, destination: &SocketAddr) -> (IpAddr, IpAddr) {
    let as_v6 = |ip: IpAddr| -> Ipv6Addr {
        match ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        }
    };
    match (source.ip(), destination.ip()) {
        (source, destination) if source.is_ipv4() == destination.is_ipv4() => (source, destination),
        (source, destination) => (as_v6(source).into(), as_v6(destination).into()),
    }
}

/// An addition to a binary header: a type and a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tlv {
    /// What it is, by the protocol's list: 1 ALPN, 2 the host name asked for, 3 a checksum,
    /// 5 an id of the connection, 0x20 what is known of its TLS, 0x30 a network namespace.
    pub kind: u8,
    /// What it says.
    pub value: Vec<u8>,
}

impl Tlv {
    /// An addition of this type.
    pub fn new(kind: u8, value: impl Into<Vec<u8>>) -> Tlv {
        Tlv { kind, value: value.into() }
    }

    /// A checksum of the whole header (CRC-32C), counted when the header is written.
    pub fn checksum() -> Tlv {
        Tlv::new(CRC32C, [0; 4])
    }
}
