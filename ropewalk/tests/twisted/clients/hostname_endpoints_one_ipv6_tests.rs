//! Twisted's `HostnameEndpointsOneIPv6Tests`: a name with one address, of IPv6.

use ropewalk::Connector;
use ropewalk::addr::Target;
use ropewalk::driver::Reach;
use ropewalk::testing::Network;

use super::rig::{AT_ONCE, Heard, Quiet, at, ip6, millis, noting};

fn connect(reach: Reach) -> (Network, Heard, Connector) {
    let network = Network::calm();
    network.set_name("ipv6.example.com", &[ip6(1)], AT_ONCE);
    network.set_reach(at(ip6(1)), reach);
    let heard = Heard::on(&network);
    let target = Target::tcp("ipv6.example.com", 80);
    let connector = network.net().connect(target, Box::new(noting(&heard)));
    (network, heard, connector)
}

#[test]
fn test_endpoint_connect_success() {
    let (network, heard, _) = connect(Reach::After(millis(30)));
    let _listener = network.listen_ip(at(ip6(1)), || Quiet).unwrap();
    network.run_for(millis(100));
    heard.is(&[(0, "started"), (30, "made [2001:db8::1]:80")]);
}

#[test]
fn test_endpoint_connecting_cancelled() {
    let (network, heard, connector) = connect(Reach::Silent);
    network.run_for(millis(10));
    connector.stop();
    network.run();
    heard.is(&[(0, "started"), (10, "failed: aborted")]);
}

#[test]
fn test_endpoint_connect_failure() {
    let (network, heard, _) = connect(Reach::Unreachable);
    network.run();
    let all = heard.all();
    assert!(all[1].0 == 0 && all[1].1.contains("2001:db8::1"), "{all:?}");
}
