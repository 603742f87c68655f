//! Addresses, as they are written and as they are told.

use std::ffi::OsStr;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use ropewalk::Addr;
use ropewalk::addr::Target;
use ropewalk::error::{Error, ErrorKind, Operation, Result};
use ropewalk::socket::*;

use crate::ends::*;
use crate::{by_type, probes};

fn bound_at(host: &str, family: Family) -> Result<Addr> {
    let socket = Socket::new(family, SOCK_DGRAM)?;
    socket.bind((host, 0))?;
    socket.local_addr()
}

fn bound_6(flow: u32) -> Result<(Addr, (u32, u32))> {
    let socket = Socket::new(AF_INET6, SOCK_DGRAM)?;
    socket.bind(SocketAddr::from(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, flow.to_be(), 0)))?;
    let addr = socket.local_addr()?;
    match addr.ip() {
        Some(SocketAddr::V6(v6)) => Ok((addr, (v6.flowinfo(), v6.scope_id()))),
        _ => Err(Error::new(Operation::Inspect, ErrorKind::Io, "not of IPv6")),
    }
}

fn at_path<T>(name: &[u8], call: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    let folder = Folder::new()?;
    let mut at = folder.join("").into_os_string().into_encoded_bytes();
    at.extend(name);
    call(Path::new(OsStr::from_bytes(&at)))
}

fn bind_path(at: &Path) -> Result<()> {
    unix(SOCK_STREAM)?.bind(at)
}

fn bound_path(at: &Path) -> Result<(bool, bool)> {
    let socket = unix(SOCK_STREAM)?;
    socket.bind(at)?;
    Ok((at.exists(), socket.local_addr()?.path() == Some(at)))
}

/// A path of so many bytes.
fn of_length(count: usize) -> Result<usize> {
    at_path(b"", |folder| {
        let rest = count - folder.as_os_str().len();
        let socket = unix(SOCK_STREAM)?;
        socket.bind(folder.join("x".repeat(rest)))?;
        Ok(socket.local_addr()?.path().map_or(0, |path| path.as_os_str().len()))
    })
}

/// As long as the other half's.
static UNIQUE: LazyLock<String> =
    LazyLock::new(|| format!("ropewalk-differential-{:08}-", std::process::id()));

fn abstract_path(name: &[u8]) -> PathBuf {
    let mut bytes = vec![0];
    bytes.extend(UNIQUE.as_bytes());
    bytes.extend(name);
    PathBuf::from(OsStr::from_bytes(&bytes))
}

fn unique_part(addr: &Addr) -> Vec<u8> {
    let bytes = addr.path().map_or(&b""[..], |path| path.as_os_str().as_bytes());
    bytes.get(1 + UNIQUE.len()..).unwrap_or_default().to_vec()
}

/// Its name, without what keeps it apart from the other half's.
fn told(name: &[u8]) -> Result<Vec<u8>> {
    let socket = unix(SOCK_STREAM)?;
    socket.bind(abstract_path(name))?;
    Ok(unique_part(&socket.local_addr()?))
}

type Bind<'a> = fn(&Socket, (&'a str, u16)) -> Result<()>;

probes! { "addresses":
    any = bound_at("", AF_INET)?;
    any_6 = bound_at("", AF_INET6)?;
    any_by_number = bound_at("0.0.0.0", AF_INET)?;
    any_6_by_number = bound_at("::", AF_INET6)?;
    everybody = bound_at("<broadcast>", AF_INET)?;
    everybody_6 = bound_at("<broadcast>", AF_INET6)?;
    two_parts = bound_at("127.1", AF_INET)?;
    one_number = bound_at("2130706433", AF_INET)?;
    hexadecimal = bound_at("0x7f.0.0.1", AF_INET)?;
    octal = bound_at("0177.0.0.1", AF_INET)?;
    five_parts = bound_at("127.0.0.1.1", AF_INET)?;
    a_part_too_great = bound_at("256.0.0.1", AF_INET)?;
    in_brackets = bound_at("[::1]", AF_INET6)?;
    a_star = bound_at("*", AF_INET)?;
    a_nul_in_the_host = bound_at("local\0host", AF_INET)?;
    a_space_in_the_host = bound_at("local host", AF_INET)?;
    two_dots = bound_at("local..host", AF_INET)?;
    a_long_label = bound_at(&"x".repeat(64), AF_INET)?;
    capitals = bound_at("LOCALHOST", AF_INET)?;
    ipv6_long = bound_at("0:0:0:0:0:0:0:1", AF_INET6)?;
    ipv6_capitals = bound_at("::FFFF:127.0.0.1", AF_INET6)?;
    ipv4_mapped = bound_at("::ffff:127.0.0.1", AF_INET6)?;
    scope_by_number = bound_at("::1%1", AF_INET6)?;
    scope_by_name = bound_at("::1%lo", AF_INET6)?;
    scope_unknown = bound_at("fe80::1%nosuch0", AF_INET6)?;
    ipv6_by_ipv4 = bound_at("::1", AF_INET)?;
    ipv4_by_ipv6 = bound_at("127.0.0.1", AF_INET6)?;
    four_parts = bound_6(0)?;
    flow_information = bound_6(10)?.0;
    flow_information_most = bound_6(0xFFFFF)?.0;
    flow_information_too_much = bound_6(0x100000)?.0;
    flow_information_negative = {
        by_type!(SocketAddrV6::new, fn(Ipv6Addr, u16, u32, u32) -> SocketAddrV6, "a u32")
    };
    a_tuple_of_one = by_type!(Socket::bind, Bind<'_>, "(&str, u16)");
    a_tuple_of_three = by_type!(Socket::bind, Bind<'_>, "(&str, u16)");
    a_number_for_a_host = by_type!(Socket::bind, Bind<'_>, "(&str, u16)");
    a_text_for_a_port = by_type!(Socket::bind, Bind<'_>, "(&str, u16)");

    path = at_path(b"s", bound_path)?;
    path_as_bytes = at_path(b"s", bound_path)?;
    path_of_no_known_letters = at_path(b"\xff\xfe", bound_path)?;
    path_with_a_space = at_path(b"a b", bound_path)?;
    path_of_106_bytes = of_length(106)?;
    path_of_107_bytes = of_length(107)?;
    path_of_108_bytes = of_length(108)?;
    path_of_1000_bytes = of_length(1000)?;
    path_with_a_nul = at_path(b"before\0after", bind_path)?;
    path_in_no_folder = at_path(b"missing/s", bind_path)?;
    path_that_is_a_folder = at_path(b"", bind_path)?;
    path_that_is_a_file = at_path(b"s", |at| {
        drop(std::fs::File::create(at));
        bind_path(at)
    })?;
    path_by_ipv4 = at_path(b"s", |at| tcp()?.bind(at))?;
    ipv4_by_unix = unix(SOCK_STREAM)?.bind((HOST, 0))?;
    path_outlives_its_socket = at_path(b"s", |at| {
        bind_path(at)?;
        Ok(at.exists())
    })?;
    path_left_behind_is_in_use = at_path(b"s", |at| {
        bind_path(at)?;
        bind_path(at)
    })?;

    abstract_name = told(b"name")?;
    abstract_with_a_nul = told(b"a\0b")?;
    abstract_of_no_known_letters = told(b"\xff\xfe")?;
    abstract_ends_with_a_nul = told(b"a\0")?;
    abstract_of_107_bytes = told(&vec![b'x'; 107 - UNIQUE.len()])?.len();
    abstract_of_108_bytes = told(&vec![b'x'; 108 - UNIQUE.len()])?;
    abstract_as_text = {
        let socket = unix(SOCK_STREAM)?;
        socket.bind(Target::try_from(format!("@{}text", *UNIQUE).as_str())?)?;
        unique_part(&socket.local_addr()?)
    };
    abstract_is_reached = {
        let (server, client) = (unix(SOCK_STREAM)?, unix(SOCK_STREAM)?);
        server.bind(abstract_path(b"reached"))?;
        server.listen()?;
        client.connect(abstract_path(b"reached"))?;
        unique_part(&client.peer_addr()?)
    };
    abstract_goes_with_its_socket = {
        for _ in 0..2 {
            bind_path(&abstract_path(b"goes"))?;
        }
    };
    abstract_in_use = {
        let socket = unix(SOCK_STREAM)?;
        socket.bind(abstract_path(b"use"))?;
        bind_path(&abstract_path(b"use"))?
    };
    abstract_missing = unix(SOCK_STREAM)?.connect(abstract_path(b"missing"))?;
    an_empty_path_is_bound_by_the_system = {
        let socket = unix(SOCK_STREAM)?;
        socket.bind(Path::new(""))?;
        let addr = socket.local_addr()?;
        let name = addr.path().map_or(&b""[..], |path| path.as_os_str().as_bytes());
        (name.get(..1).unwrap_or_default().to_vec(), name.len())
    };
    an_empty_path_to_connect_to = unix(SOCK_STREAM)?.connect(Path::new(""))?;
}
