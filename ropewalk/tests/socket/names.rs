//! What may be written as an address, and what is said of what may not.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use ropewalk::Addr;
use ropewalk::addr::{self, Target};
use ropewalk::error::{Error, ErrorKind, Operation};
use ropewalk::socket::*;

use crate::ends::{listener, watched};
use crate::folder::Folder;

fn stream(family: Family) -> Socket {
    watched(family, SOCK_STREAM)
}

/// The address that a socket has after it was bound to this.
#[track_caller]
fn bound(family: Family, at: impl TryInto<Target, Error: Into<Error>>) -> SocketAddr {
    let socket = stream(family);
    socket.bind(at).unwrap();
    let bound = socket.local_addr().unwrap().ip().unwrap();
    assert_ne!(bound.port(), 0);
    bound
}

#[test]
fn an_address_may_be_written_in_each_of_these_ways() {
    let ip = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    assert_eq!(bound(AF_INET, ("127.0.0.1", 0)).ip(), ip.ip());
    assert_eq!(bound(AF_INET, ("localhost", 0)).ip(), ip.ip());
    assert_eq!(bound(AF_INET, "127.0.0.1:0").ip(), ip.ip());
    assert_eq!(bound(AF_INET, "localhost:0").ip(), ip.ip());
    assert_eq!(bound(AF_INET, &String::from("localhost:0")).ip(), ip.ip());
    assert_eq!(bound(AF_INET, "0").ip(), ip.ip(), "a bare port is the loopback's");
    assert_eq!(bound(AF_INET, ip).ip(), ip.ip());
    let addr = Addr::from(ip);
    assert_eq!(bound(AF_INET, &addr).ip(), ip.ip());
    assert_eq!(bound(AF_INET, addr).ip(), ip.ip());
    assert_eq!(bound(AF_INET, (ip.ip(), 0)).ip(), ip.ip());
    assert_eq!(bound(AF_INET6, "[::1]:0").ip(), Ipv6Addr::LOCALHOST);
    assert_eq!(bound(AF_INET6, ("::1", 0)).ip(), Ipv6Addr::LOCALHOST);
}

#[test]
fn no_host_and_the_star_are_all_interfaces() {
    for host in ["", "*"] {
        assert_eq!(bound(AF_INET, (host, 0)).ip(), Ipv4Addr::UNSPECIFIED);
        assert_eq!(bound(AF_INET6, (host, 0)).ip(), Ipv6Addr::UNSPECIFIED);
    }
    assert_eq!(bound(AF_INET, "*:0").ip(), Ipv4Addr::UNSPECIFIED);
}

#[test]
fn a_path_may_be_written_in_each_of_these_ways() {
    let folder = Folder::new();
    let paths: [PathBuf; 4] = ["a", "b", "c", "d"].map(|name| folder.path(name));
    let sockets = paths.each_ref().map(|_| stream(AF_UNIX));
    sockets[0].bind(paths[0].as_path()).unwrap();
    sockets[1].bind(&paths[1]).unwrap();
    sockets[2].bind(paths[2].clone()).unwrap();
    sockets[3].bind(paths[3].to_str().unwrap()).unwrap();
    for (socket, path) in sockets.iter().zip(&paths) {
        assert_eq!(socket.local_addr().unwrap().path(), Some(path.as_path()));
    }
}

#[test]
fn a_path_that_is_no_text_comes_back_as_it_was() {
    let folder = Folder::new();
    let path = folder.path("").join(OsStr::from_bytes(b"\xff\xfe"));
    let socket = stream(AF_UNIX);
    socket.bind(&path).unwrap();
    assert_eq!(socket.local_addr().unwrap().path(), Some(path.as_path()));
}

#[test]
fn a_port_out_of_range_is_refused_with_the_range() {
    for number in [-1, 65_536, 70_000, i64::MAX, i64::MIN] {
        let error = addr::port(number).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let sentence = format!("port {number} is out of range, ports go from 0 to 65535");
        assert!(error.to_string().contains(&sentence), "{error}");
    }
    for number in [0_u16, 1, 21_555, u16::MAX] {
        assert_eq!(addr::port(number.into()).unwrap(), number);
    }
    let socket = stream(AF_INET);
    for text in ["localhost:65536", "localhost:70000", "70000", "[::1]:99999999999999999999"] {
        let error = socket.bind(text).unwrap_err();
        assert_eq!((error.operation(), error.kind()), (Operation::Bind, ErrorKind::InvalidInput));
        assert!(error.to_string().contains("ports go from 0 to 65535"), "{error}");
        assert!(socket.connect(text).is_err() && socket.send_to(b"", text).is_err());
    }
    for text in ["localhost:-1", "localhost:", "localhost", "localhost:http", ""] {
        let error = socket.bind(text).unwrap_err();
        assert!(error.to_string().contains("a number from 0 to 65535"), "{text}: {error}");
    }
}

#[test]
fn the_last_port_is_one() {
    let client = stream(AF_INET);
    let code = client.connect_ex(("127.0.0.1", 65_535)).unwrap();
    assert!([0, libc::ECONNREFUSED].contains(&code), "{code}");
}

#[test]
fn an_address_of_another_family_is_refused_in_words() {
    let sentence = |family, at: Target| {
        let error = stream(family).connect(at).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        error.to_string()
    };
    assert_eq!(
        sentence(AF_INET, ("::1", 80).into()),
        "cannot connect to [::1]:80: an IPv6 address does not fit a socket of IPv4"
    );
    assert_eq!(
        sentence(AF_INET, Path::new("/run/x").into()),
        "cannot connect to /run/x: a socket of IPv4 has a host and a port"
    );
    assert_eq!(
        sentence(AF_UNIX, ("127.0.0.1", 80).into()),
        "cannot connect to 127.0.0.1:80: a Unix socket's address is a path"
    );
    assert_eq!(
        sentence(AF_INET6, Addr::Memory(7).into()),
        "cannot connect to memory:7: a socket of IPv6 has a host and a port"
    );
}

#[test]
fn an_ipv4_address_is_understood_by_an_ipv6_socket_that_serves_both() {
    let listener = listener();
    let client = stream(AF_INET6);
    client.set_option(IPPROTO_IPV6, IPV6_V6ONLY, 0).unwrap();
    client.connect(listener.local_addr().unwrap()).unwrap();
    assert_eq!(client.peer_addr().unwrap(), listener.local_addr().unwrap());
    let (_, peer) = listener.accept().unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
}

#[test]
fn a_name_without_an_address_is_told_as_such() {
    let error = stream(AF_INET).connect(("no-such-host.invalid", 80)).unwrap_err();
    assert_eq!(error.operation(), Operation::Resolve);
    assert!(error.to_string().starts_with("cannot resolve no-such-host.invalid: "), "{error}");
    let error = stream(AF_INET6).connect(("<broadcast>", 80)).unwrap_err();
    assert_eq!(error.operation(), Operation::Resolve, "IPv6 has none: {error}");
}

#[test]
fn a_name_beyond_ascii_that_is_not_found_says_how_it_is_written() {
    let host = "no-such-h\u{f6}st.invalid";
    let hints = Hints::default();
    for error in [
        stream(AF_INET).connect((host, 80)).unwrap_err(),
        create_connection((host, 80), None).unwrap_err(),
        getaddrinfo(Some(host), 80, hints).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(error.to_string().ends_with("; write the host's `xn--` form"), "{error}");
    }
}

#[test]
fn a_name_with_a_zero_byte_is_refused() {
    let error = stream(AF_INET).connect(("local\0host", 80)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
}

#[test]
fn a_path_with_a_zero_byte_is_refused_and_makes_no_file() {
    let folder = Folder::new();
    let cut = folder.path("cut");
    let path = PathBuf::from(format!("{}\0rest", cut.display()));
    let error = stream(AF_UNIX).bind(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("a path cannot have a zero byte in it"), "{error}");
    assert!(!cut.exists(), "Python makes it under the name that is left");
}

#[test]
fn a_path_too_long_is_refused_with_both_lengths_and_the_longest_is_not() {
    let folder = Folder::new();
    let long = |length: usize| {
        let start = format!("{}/", folder.path("").display());
        PathBuf::from(format!("{start}{}", "x".repeat(length - start.len())))
    };
    let most = stream(AF_UNIX);
    most.bind(long(107)).unwrap();
    assert_eq!(most.local_addr().unwrap().path(), Some(long(107).as_path()));
    let error = stream(AF_UNIX).bind(long(108)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let words = "the path has 108 bytes, and a Unix socket's has at most 107";
    assert!(error.to_string().contains(words), "{error}");
    let name = |length: usize| PathBuf::from(format!("\0{:x<length$}", std::process::id()));
    stream(AF_UNIX).bind(name(107)).unwrap();
    assert!(stream(AF_UNIX).bind(name(108)).is_err());
}

#[test]
fn what_a_port_or_an_address_can_do_wrong_is_told_with_what_helps() {
    let taken = listener().local_addr().unwrap();
    let listener = stream(AF_INET);
    listener.bind(&taken).unwrap();
    let error = stream(AF_INET).bind(&taken).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddressInUse);
    let start = format!("cannot bind to {taken}: address already in use (EADDRINUSE); ");
    assert!(error.to_string().starts_with(&start), "{error}");
    let error = stream(AF_INET).bind(("192.0.2.1", 0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddressNotAvailable);
    assert!(error.remedy().is_some(), "{error}");
    let error = listener.bind(("127.0.0.1", 0)).unwrap_err();
    assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::InvalidInput, Some(libc::EINVAL)));
    drop(listener);
    let error = stream(AF_INET).connect(&taken).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    let folder = Folder::new();
    let error = stream(AF_UNIX).connect(folder.path("none")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn only_a_stream_listens() {
    let error = watched(AF_INET, SOCK_DGRAM).listen().unwrap_err();
    assert_eq!((error.operation(), error.kind()), (Operation::Listen, ErrorKind::Unsupported));
    let unbound = stream(AF_INET);
    unbound.listen_with_backlog(u32::MAX).unwrap();
    assert_ne!(unbound.local_addr().unwrap().port(), Some(0), "the system chooses");
}

#[test]
fn an_unknown_name_is_not_found() {
    let error = stream(AF_INET).connect(("no-such-host.invalid", 80)).unwrap_err();
    assert_eq!((error.operation(), error.kind()), (Operation::Resolve, ErrorKind::NotFound));
    assert!(error.to_string().contains("check the name"), "{error}");
}

#[test]
fn what_cannot_be_read_is_told_as_the_failure_of_what_was_tried() {
    let error = stream(AF_INET).bind("localhost:70000").unwrap_err();
    assert_eq!((error.operation(), error.kind()), (Operation::Bind, ErrorKind::InvalidInput));
    assert!(error.to_string().starts_with("cannot bind to localhost:70000: "), "{error}");
    let error = stream(AF_UNIX).bind("a.sock").unwrap_err();
    assert!(error.to_string().contains("write ./a.sock"), "{error}");
}

#[test]
fn a_path_in_use_has_a_cure_of_its_own() {
    let folder = Folder::new();
    let path = folder.path("taken");
    let (first, second) = (stream(AF_UNIX), stream(AF_UNIX));
    first.bind(path.as_path()).unwrap();
    let error = second.bind(path.as_path()).unwrap_err();
    assert!(error.to_string().contains("remove the file"), "{error}");
    assert!(!error.to_string().contains("port"), "{error}");
}

#[test]
fn asking_for_an_address_is_no_configuring() {
    let error = stream(AF_INET).peer_addr().unwrap_err();
    assert_eq!((error.operation(), error.kind()), (Operation::Inspect, ErrorKind::NotConnected));
}

// Names without a file are Linux's.
#[cfg(target_os = "linux")]
#[test]
fn an_abstract_name_is_read_as_it_is_written() {
    let socket = stream(AF_UNIX);
    let name = format!("@ropewalk-{}-name", std::process::id());
    socket.bind(name.as_str()).unwrap();
    assert_eq!(socket.local_addr().unwrap().to_string(), name);
}
