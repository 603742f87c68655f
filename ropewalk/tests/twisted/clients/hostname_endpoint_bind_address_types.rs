//! Twisted's `HostnameEndpointBindAddressTypes`: the address of ours, and the delay between
//! attempts.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ropewalk::addr::Target;
use ropewalk::options::SocketOptions;
use ropewalk::testing::Network;

use super::rig::{AT_ONCE, Heard, Quiet, at, ip, millis, noting};

fn options(source: impl Into<SocketAddr>) -> SocketOptions {
    SocketOptions { source: Some(source.into()), ..SocketOptions::default() }
}

#[test]
fn test_binding() {
    let source = SocketAddr::from(([1, 2, 3, 4], 1234));
    assert_eq!(options(source).source, Some(source));
}

#[test]
fn test_str() {
    let source: IpAddr = "1.2.3.4".parse().unwrap();
    assert_eq!(options((source, 0)).source.unwrap().to_string(), "1.2.3.4:0");
}

#[test]
fn test_tuple_str() {
    let source = ("1.2.3.4".parse::<Ipv4Addr>().unwrap(), 1234);
    assert_eq!(options(source).source.unwrap().to_string(), "1.2.3.4:1234");
}

#[test]
fn test_none() {
    assert_eq!(SocketOptions::default().source, None);
}

#[test]
fn test_attempt_delay() {
    // Twisted waits for the delay even when the first has failed; here a failure ends it.
    let network = Network::calm();
    network.set_name("example.com", &[ip(42), ip(43)], AT_ONCE);
    network.set_reach(at(ip(42)), ropewalk::driver::Reach::After(millis(7)));
    let _listener = network.listen_ip(at(ip(43)), || Quiet).unwrap();
    let heard = Heard::on(&network);
    network.net().connect(Target::tcp("example.com", 80), Box::new(noting(&heard)));
    network.run_for(millis(1_000));
    heard.is(&[(0, "started"), (7, "made 10.0.0.43:80")]);
}
