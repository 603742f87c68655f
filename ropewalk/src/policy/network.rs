//! Networks of addresses, as `10.0.0.0/8` writes them.
//! Owns: how they are read, and which address is in one. Never: looks up a name.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::addr::Addr;
use crate::error::{Error, ErrorKind, Operation, Result};

/// A network: an address and how many of its bits count.
///
/// An IPv4 address that comes as IPv6 (`::ffff:10.0.0.1`, as a socket for both families
/// gives it) is the IPv4 address that it stands for.
///
/// ```
/// use ropewalk::policy::IpNetwork;
/// let network: IpNetwork = "10.0.0.0/8".parse().unwrap();
/// assert!(network.contains("10.1.2.3".parse().unwrap()));
/// assert!(network.contains("::ffff:10.1.2.3".parse().unwrap()));
/// assert!(!network.contains("11.0.0.1".parse().unwrap()));
/// let error = "10.0.0.1/8".parse::<IpNetwork>().unwrap_err();
/// assert!(error.to_string().contains("write 10.0.0.0/8"), "{error}");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IpNetwork {
    /// Bits behind the prefix are 0.
    ip: IpAddr,
    prefix: u8,
}

impl IpNetwork {
    /// The network of this address that is as wide as its first `prefix` bits say.
    pub fn around(ip: IpAddr, prefix: u8) -> IpNetwork {
        let ip = ip.to_canonical();
        let prefix = prefix.min(width(ip));
        let ip = match ip {
            IpAddr::V4(ip) => IpAddr::from((u32::from(ip) & mask_v4(prefix)).to_be_bytes()),
            IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip) & mask_v6(prefix)).into(),
        };
        IpNetwork { ip, prefix }
    }

    /// Whether an address is in it.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        ip.is_ipv4() == self.ip.is_ipv4() && IpNetwork::around(ip, self.prefix) == *self
    }

    /// Whether a peer is in it. One without an IP address is in none.
    pub fn has_peer(&self, peer: &Addr) -> bool {
        peer.ip().is_some_and(|ip| self.contains(ip.ip()))
    }
}

fn width(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

fn mask_v4(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

fn mask_v6(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}

impl From<IpAddr> for IpNetwork {
    /// That address alone.
    fn from(ip: IpAddr) -> IpNetwork {
        IpNetwork::around(ip, width(ip.to_canonical()))
    }
}

impl FromStr for IpNetwork {
    type Err = Error;

    /// An address, or one with `/` and the number of bits that count.
    ///
    /// # Errors
    /// `InvalidInput`, with the place in the text.
    fn from_str(text: &str) -> Result<IpNetwork> {
        parse(text, text, 0)
    }
}

/// Reads a network that stands at `at` (in bytes) of `whole`.
pub(super) fn parse(text: &str, whole: &str, at: usize) -> Result<IpNetwork> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let ip: IpAddr = address.parse().map_err(|_| {
        let sentence = format!("`{}` is no IP address", short(address));
        wrong(whole, at, &sentence).with_remedy("write an address or a network, as 10.0.0.0/8")
    })?;
    let Some(digits) = prefix else { return Ok(IpNetwork::from(ip)) };
    let at_prefix = at + address.len() + 1;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let bits = digits.parse().ok().filter(|bits: &u8| is_number && *bits <= width(ip));
    let Some(bits) = bits else {
        let (family, most) = if ip.is_ipv4() { ("IPv4", 32) } else { ("IPv6", 128) };
        let sentence = format!("`{}` is no number of bits", short(digits));
        let remedy = format!("an {family} network has 0 to {most}");
        return Err(wrong(whole, at_prefix, &sentence).with_remedy(remedy));
    };
    // Of a mapped network the first 96 bits only say that it is one.
    let mapped = ip.is_ipv6() && ip.to_canonical().is_ipv4();
    let bits = match mapped {
        true => bits.checked_sub(96).ok_or_else(|| {
            wrong(whole, at_prefix, "a network of IPv4 addresses has 96 bits or more as IPv6")
        })?,
        false => bits,
    };
    let network = IpNetwork::around(ip, bits);
    if network.ip != ip.to_canonical() {
        let sentence = format!("`{text}` has bits set behind its first {digits}");
        return Err(wrong(whole, at, &sentence).with_remedy(format!("write {network}")));
    }
    Ok(network)
}

/// Of what somebody wrote, as much as a sentence has room for.
fn short(text: &str) -> String {
    text.chars().take(crate::limits::ENDPOINT_QUOTED_CHARS).collect()
}

/// What is wrong at a place (in bytes) of a text.
pub(super) fn wrong(whole: &str, at: usize, sentence: &str) -> Error {
    let column = whole.get(..at).map_or(1, |before| before.chars().count() + 1);
    let sentence = format!("{sentence}, at column {column}");
    Error::new(Operation::Parse, ErrorKind::InvalidInput, sentence)
}

impl fmt::Display for IpNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.prefix == width(self.ip) {
            return write!(f, "{}", self.ip);
        }
        write!(f, "{}/{}", self.ip, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_read_as_it_is_written() {
        for (text, again) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1/32", "127.0.0.1"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::/0", "::/0"),
            ("::1", "::1"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
        ] {
            let network: IpNetwork = text.parse().unwrap();
            assert_eq!(network.to_string(), again);
            assert_eq!(again.parse::<IpNetwork>().unwrap(), network);
        }
    }

    #[test]
    fn every_prefix_has_what_agrees_in_it_and_nothing_else() {
        let flipped_v4 = |bit: u32| IpAddr::from((0x0a14_1e28_u32 ^ 1 << (31 - bit)).to_be_bytes());
        for prefix in 0..=32 {
            let network = IpNetwork::around("10.20.30.40".parse().unwrap(), prefix);
            for bit in 0..32 {
                assert_eq!(network.contains(flipped_v4(bit)), bit >= u32::from(prefix));
            }
        }
        let ip: Ipv6Addr = "2001:db8::1".parse().unwrap();
        for prefix in 0..=128 {
            let network = IpNetwork::around(ip.into(), prefix);
            for bit in 0..128 {
                let other = Ipv6Addr::from(u128::from(ip) ^ 1 << (127 - bit));
                assert_eq!(network.contains(other.into()), bit >= u32::from(prefix));
            }
        }
        assert!(!"0.0.0.0/0".parse::<IpNetwork>().unwrap().contains(ip.into()));
        assert!(!"::/0".parse::<IpNetwork>().unwrap().contains(flipped_v4(0)));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_place() {
        for (text, part, column) in [
            ("", "is no IP address", 1),
            ("localhost", "`localhost` is no IP address", 1),
            ("10.0.0/8", "`10.0.0` is no IP address", 1),
            ("10.0.0.0/", "`` is no number of bits", 10),
            ("10.0.0.0/33", "0 to 32", 10),
            ("::/129", "0 to 128", 4),
            ("::/+1", "`+1` is no number of bits", 4),
            ("::ffff:10.0.0.0/95", "96 bits or more", 17),
            ("10.0.0.1/8", "write 10.0.0.0/8", 1),
            ("2001:db8::1/32", "write 2001:db8::/32", 1),
        ] {
            let error = text.parse::<IpNetwork>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
            assert!(error.contains(&format!("at column {column}")), "{text}: {error}");
        }
    }
}
