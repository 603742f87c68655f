//! The options that have a type: what was set is what the system has.

use std::time::Duration;

use ropewalk::error::ErrorKind;
use ropewalk::socket::*;

use crate::ends::{tcp_pair, udp, watched};
use crate::needs::resets;

#[test]
fn a_silent_peer_is_probed_as_it_was_set_and_no_longer_when_it_was_taken_back() {
    if !resets() {
        return;
    }
    let (client, _server) = tcp_pair();
    assert_eq!(client.keep_alive().unwrap(), None);
    let set = KeepAlive {
        idle: Some(Duration::from_secs(60)),
        interval: Some(Duration::from_secs(7)),
        count: Some(3),
    };
    client.set_keep_alive(set).unwrap();
    assert_eq!(client.keep_alive().unwrap(), Some(set));
    let idle = Some(Duration::from_millis(1001));
    client.set_keep_alive(KeepAlive { idle, ..KeepAlive::default() }).unwrap();
    let rounded = KeepAlive { idle: Some(Duration::from_secs(2)), ..set };
    assert_eq!(client.keep_alive().unwrap(), Some(rounded), "a part of a second is one");
    client.set_keep_alive(None).unwrap();
    assert_eq!(client.keep_alive().unwrap(), None);
}

#[test]
#[cfg(target_os = "linux")] // the bounds are not the same elsewhere
fn a_time_that_the_system_cannot_hold_is_refused() {
    let (client, _server) = tcp_pair();
    for idle in [Duration::ZERO, Duration::from_secs(32_768), Duration::MAX] {
        let set = KeepAlive { idle: Some(idle), ..KeepAlive::default() };
        let error = client.set_keep_alive(set).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{idle:?}: {error}");
    }
    let error = client.set_linger(Some(Duration::MAX)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let error = client.set_receive_buffer_size(usize::MAX).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
#[cfg(target_os = "linux")] // it alone has it
fn what_was_sent_and_not_answered_has_a_timeout() {
    let (client, _server) = tcp_pair();
    assert_eq!(client.user_timeout().unwrap(), None);
    client.set_user_timeout(Some(Duration::from_micros(1_500_001))).unwrap();
    assert_eq!(client.user_timeout().unwrap(), Some(Duration::from_millis(1501)));
    client.set_user_timeout(None).unwrap();
    assert_eq!(client.user_timeout().unwrap(), None);
    let error = client.set_user_timeout(Some(Duration::MAX)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn each_switch_is_read_as_it_was_set() {
    let (client, _server) = tcp_pair();
    let (datagrams, six) = (udp(), watched(AF_INET6, SOCK_STREAM));
    for on in [true, false] {
        client.set_no_delay(on).unwrap();
        client.set_reuse_address(on).unwrap();
        datagrams.set_broadcast(on).unwrap();
        six.set_only_v6(on).unwrap();
        let read = [
            client.no_delay().unwrap(),
            client.reuse_address().unwrap(),
            datagrams.broadcast().unwrap(),
            six.only_v6().unwrap(),
        ];
        assert_eq!(read, [on; 4]);
    }
    for linger in [Some(Duration::from_secs(3)), None] {
        client.set_linger(linger).unwrap();
        assert_eq!(client.linger().unwrap(), linger);
    }
    client.set_receive_buffer_size(16 * 1024).unwrap();
    client.set_send_buffer_size(32 * 1024).unwrap();
    assert!(client.receive_buffer_size().unwrap() >= 16 * 1024);
    assert!(client.send_buffer_size().unwrap() >= 32 * 1024);
}

#[test]
#[cfg(unix)] // Windows has no such option
fn a_port_is_shared_by_those_who_asked_for_it() {
    let one = watched(AF_INET, SOCK_DGRAM);
    one.set_reuse_port(true).unwrap();
    assert!(one.reuse_port().unwrap());
    one.bind(("127.0.0.1", 0)).unwrap();
    let at = one.local_addr().unwrap();
    let stranger = watched(AF_INET, SOCK_DGRAM);
    assert_eq!(stranger.bind(&at).unwrap_err().kind(), ErrorKind::AddressInUse);
    let other = watched(AF_INET, SOCK_DGRAM);
    other.set_reuse_port(true).unwrap();
    other.bind(&at).unwrap();
}

#[test]
fn a_number_of_routers_is_of_the_internets_families() {
    for family in [AF_INET, AF_INET6] {
        let socket = watched(family, SOCK_DGRAM);
        socket.set_ttl(9).unwrap();
        assert_eq!(socket.ttl().unwrap(), 9);
        assert_eq!(socket.set_ttl(256).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
#[cfg(unix)] // Unix sockets, and what the kernel says
fn an_option_where_it_has_no_meaning_is_refused() {
    let unix = watched(AF_UNIX, SOCK_STREAM);
    assert_eq!(unix.ttl().unwrap_err().kind(), ErrorKind::Unsupported);
    assert!(unix.set_no_delay(true).is_err());
    // A length without a value: this option wants one, and the kernel finds none.
    let (client, _server) = tcp_pair();
    let error = client.set_option_length(SOL_SOCKET, SO_KEEPALIVE, 4).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EFAULT));
    let error = client.set_option_length(SOL_SOCKET, SO_KEEPALIVE, 0).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL), "the length is what was given");
}

#[cfg(unix)] // each system has bounds of its own
#[test]
fn a_keep_alive_that_is_refused_leaves_it_as_it_was() {
    let (client, _server) = tcp_pair();
    let none = Some(Duration::ZERO);
    let error = client.set_keep_alive(KeepAlive { interval: none, ..KeepAlive::default() });
    assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(client.keep_alive().unwrap(), None);
}

#[test]
#[cfg(target_os = "linux")] // it alone has it
fn no_time_for_what_was_sent_is_not_taken_for_the_default() {
    let (client, _server) = tcp_pair();
    let error = client.set_user_timeout(Some(Duration::ZERO)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
}
