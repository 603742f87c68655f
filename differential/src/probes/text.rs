//! Addresses and numbers as text: the vectors of CPython's own tests, and some beside them.

use std::net::{AddrParseError, Ipv4Addr, Ipv6Addr};

use crate::outcome::{Failure, absent};
use crate::{by_type, probes};

fn v4(text: &str) -> Result<(&str, [u8; 4]), Failure> {
    Ok((text, text.parse::<Ipv4Addr>().map_err(refused)?.octets()))
}

fn v6(text: &str) -> Result<(&str, [u8; 16]), Failure> {
    Ok((text, text.parse::<Ipv6Addr>().map_err(refused)?.octets()))
}

/// std has no code for it; Python's is a plain OSError without one.
fn refused(_: AddrParseError) -> Failure {
    Failure("error ValueError errno -".to_owned())
}

probes! { "text":
    ipv4_00 = v4("0.0.0.0")?;
    ipv4_01 = v4("255.0.255.0")?;
    ipv4_02 = v4("170.170.170.170")?;
    ipv4_03 = v4("1.2.3.4")?;
    ipv4_04 = v4("255.255.255.255")?;
    ipv4_05 = v4("0.0.0.0.")?;
    ipv4_06 = v4("300.0.0.0")?;
    ipv4_07 = v4("a.0.0.0")?;
    ipv4_08 = v4("1.2.3.4.5")?;
    ipv4_09 = v4("::1")?;
    ipv4_10 = v4("")?;
    ipv4_11 = v4("1.2.3")?;
    ipv4_12 = v4("1.2")?;
    ipv4_13 = v4("16909060")?;
    ipv4_14 = v4("0x1.2.3.4")?;
    ipv4_15 = v4("01.2.3.4")?;
    ipv4_16 = v4("1.2.3.04")?;
    ipv4_17 = v4(" 1.2.3.4")?;
    ipv4_18 = v4("1.2.3.4 ")?;
    ipv4_19 = v4("1.2.3.4 and more")?;
    ipv4_20 = v4("1..3.4")?;
    ipv4_21 = v4("-1.2.3.4")?;
    ipv4_22 = v4("1.2.3.256")?;
    ipv4_23 = v4("127.0.0.1\n")?;
    ipv6_00 = v6("::")?;
    ipv6_01 = v6("0::0")?;
    ipv6_02 = v6("1::")?;
    ipv6_03 = v6("::1")?;
    ipv6_04 = v6("45ef:76cb:1a:56ef:afeb:bac:1924:aeae")?;
    ipv6_05 = v6("ad42:abc::127:0:254:2")?;
    ipv6_06 = v6("00ad:0042:0abc::0127:0000:0254:0002")?;
    ipv6_07 = v6("::1:2:3:4:5:6:7")?;
    ipv6_08 = v6("1:2:3:4:5:6:7::")?;
    ipv6_09 = v6("::1.2.3.4")?;
    ipv6_10 = v6("1:2::4.5.6.7")?;
    ipv6_11 = v6("::ffff:127.0.0.1")?;
    ipv6_12 = v6("::FFFF:1.2.3.4")?;
    ipv6_13 = v6("0x20::")?;
    ipv6_14 = v6(":::")?;
    ipv6_15 = v6("::0::")?;
    ipv6_16 = v6("1::abc::")?;
    ipv6_17 = v6("1::abc::def")?;
    ipv6_18 = v6("1:2:3:4:5:6")?;
    ipv6_19 = v6("1:2:3:4:5:6:")?;
    ipv6_20 = v6("1:2:3:4:5:6:7:8:0")?;
    ipv6_21 = v6("1.2.3.4")?;
    ipv6_22 = v6("1:2:3:4:5:6:7:8:9")?;
    ipv6_23 = v6("fe80::1%lo")?;
    ipv6_24 = v6("[::1]")?;
    ipv6_25 = v6("")?;
    ipv6_26 = v6(" ::1")?;
    ipv6_27 = v6("::1.2.3")?;
    ipv6_28 = v6("1::2.3.4.5:6")?;
    ipv6_29 = v6("12345::")?;
    ipv6_30 = v6("g::")?;
    ipv6_31 = v6("::1.2.3.4.5")?;
    ipv6_32 = v6("1:2:3:4:5:6:7:1.2.3.4")?;
    ipv4_back_00 = Ipv4Addr::from([0, 0, 0, 0]).to_string();
    ipv4_back_01 = Ipv4Addr::from([170, 85, 170, 85]).to_string();
    ipv4_back_02 = Ipv4Addr::from([1, 2, 3, 4]).to_string();
    ipv4_back_03 = Ipv4Addr::from([255, 255, 255, 255]).to_string();
    ipv6_back_00 = Ipv6Addr::from(0x00000000000000000000000000000000_u128).to_string();
    ipv6_back_01 = Ipv6Addr::from(0x00000000000000000000000000000001_u128).to_string();
    ipv6_back_02 = Ipv6Addr::from(0xaef00b0102030100000000000000ff01_u128).to_string();
    ipv6_back_03 = Ipv6Addr::from(0x45ef76cb001a56efafeb0bac1924aeae_u128).to_string();
    ipv6_back_04 = Ipv6Addr::from(0x00000000000000000000ffff7f000001_u128).to_string();
    ipv6_back_05 = Ipv6Addr::from(0x00010002000300040005000600070008_u128).to_string();
    ipv6_back_06 = Ipv6Addr::from(0x20010db8000000000001000000000001_u128).to_string();
    ipv6_back_07 = Ipv6Addr::from(0x20010db8000000010000000000000001_u128).to_string();
    ipv6_back_08 = Ipv6Addr::from(0x00010000000000000000000000000000_u128).to_string();
    ipv6_back_09 = Ipv6Addr::from(0x00000000000000000000000001020304_u128).to_string();
    ipv6_back_10 = Ipv6Addr::from(0x20010db8000100010001000100000001_u128).to_string();
    ipv4_of_three_bytes = by_type!(Ipv4Addr::from, fn([u8; 4]) -> Ipv4Addr, "four bytes");
    ipv6_of_four_bytes = by_type!(Ipv6Addr::from, fn([u8; 16]) -> Ipv6Addr, "sixteen bytes");
    lax_two_parts = absent();
    lax_words_after_it = absent();
    htons = u16::from_be(0x1234_u16.to_be()) == 0x1234 && 0x1234 != 0x1234_u16.to_be();
    htonl = u32::from_be(0x1234_5678_u32.to_be()) == 0x1234_5678;
    htons_bytes = 0x0102_u16.to_be().to_le_bytes();
    htonl_bytes = 0x0102_0304_u32.to_be().to_le_bytes();
    htons_of_65536 = by_type!(u16::to_be, fn(u16) -> u16, "a u16");
    htons_of_minus_1 = by_type!(u16::to_be, fn(u16) -> u16, "a u16");
    htonl_of_too_much = by_type!(u32::to_be, fn(u32) -> u32, "a u32");
}
