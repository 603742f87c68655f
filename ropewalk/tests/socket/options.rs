//! Options in both forms of their values.

use ropewalk::error::{ErrorKind, Operation};
use ropewalk::limits::OPTION_BYTES_MAX;
use ropewalk::socket::*;

#[test]
fn a_number_that_was_set_is_read_back_as_a_number_and_as_bytes() {
    let socket = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    for (level, name) in
        [(SOL_SOCKET, SO_REUSEADDR), (SOL_SOCKET, SO_KEEPALIVE), (IPPROTO_TCP, TCP_NODELAY)]
    {
        assert_eq!(socket.option(level, name).unwrap(), 0);
        socket.set_option(level, name, 1).unwrap();
        assert_eq!(socket.option(level, name).unwrap(), 1);
        assert_eq!(socket.option_bytes(level, name, 4).unwrap(), 1_i32.to_ne_bytes());
        socket.set_option_bytes(level, name, &0_i32.to_ne_bytes()).unwrap();
        assert_eq!(socket.option(level, name).unwrap(), 0);
    }
    assert_eq!(socket.option(SOL_SOCKET, SO_TYPE).unwrap(), libc::SOCK_STREAM);
    let datagrams = Socket::new(AF_INET6, SOCK_DGRAM).unwrap();
    datagrams.set_option(SOL_SOCKET, SO_BROADCAST, 1).unwrap();
    datagrams.set_option(IPPROTO_IPV6, IPV6_V6ONLY, 1).unwrap();
    assert_eq!(datagrams.option(SOL_SOCKET, SO_BROADCAST).unwrap(), 1);
}

#[test]
fn what_the_system_makes_of_a_value_is_not_hidden() {
    let socket = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    for name in [SO_RCVBUF, SO_SNDBUF] {
        socket.set_option(SOL_SOCKET, name, 5000).unwrap();
        let made = socket.option(SOL_SOCKET, name).unwrap();
        // Linux doubles it.
        assert_eq!(made, if cfg!(target_os = "linux") { 10_000 } else { 5000 });
    }
}

#[test]
fn the_bytes_are_as_many_as_the_system_gives_within_the_bound() {
    let socket = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    let linger = socket.option_bytes(SOL_SOCKET, libc::SO_LINGER, OPTION_BYTES_MAX).unwrap();
    assert_eq!(linger.len(), size_of::<libc::linger>());
    let on = [1_i32, 5].map(i32::to_ne_bytes).concat();
    socket.set_option_bytes(SOL_SOCKET, libc::SO_LINGER, &on).unwrap();
    assert_eq!(socket.option_bytes(SOL_SOCKET, libc::SO_LINGER, 8).unwrap(), on);
    for max in [0, OPTION_BYTES_MAX + 1] {
        let error = socket.option_bytes(SOL_SOCKET, libc::SO_LINGER, max).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("an option has 1 to 1024 bytes"), "{error}");
    }
}

#[test]
fn an_option_that_the_system_refuses_is_named() {
    let socket = Socket::new(AF_INET, SOCK_STREAM).unwrap();
    let error = socket.option(SOL_SOCKET, 9999).unwrap_err();
    assert_eq!(
        (error.operation(), error.raw_os_error()),
        (Operation::Configure, Some(libc::ENOPROTOOPT))
    );
    let start = "cannot configure the socket (option 9999 of level 1): ";
    assert!(error.to_string().starts_with(start), "{error}");
    assert!(socket.set_option_bytes(SOL_SOCKET, SO_KEEPALIVE, b"").is_err());
}

/// Its length is told in instructions of eight bytes: room for it would be overrun.
#[test]
#[cfg(all(target_os = "linux", target_pointer_width = "64"))] // it alone has it, laid out so
fn a_filter_whose_length_is_no_count_of_bytes_is_not_read() {
    let socket = Socket::new(AF_INET, SOCK_DGRAM).unwrap();
    let all = [libc::sock_filter { code: 6, jt: 0, jf: 0, k: u32::MAX }; 4];
    // The system's structure: how many, and where they are.
    let program = [all.len().to_le(), all.as_ptr() as usize].map(usize::to_ne_bytes).concat();
    socket.set_option_bytes(SOL_SOCKET, libc::SO_ATTACH_FILTER, &program).unwrap();
    for error in [
        socket.option(SOL_SOCKET, libc::SO_GET_FILTER).unwrap_err(),
        socket.option_bytes(SOL_SOCKET, libc::SO_GET_FILTER, 4).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains("instructions"), "{error}");
    }
}
