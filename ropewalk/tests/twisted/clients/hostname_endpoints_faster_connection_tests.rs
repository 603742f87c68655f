//! Twisted's `HostnameEndpointsFasterConnectionTests`: a name with an address of each family.

use ropewalk::addr::Target;
use ropewalk::driver::Reach;
use ropewalk::testing::Network;

use super::rig::{AT_ONCE, Heard, Quiet, at, ip, ip6, millis, noting};

fn connect(network: &Network) -> Heard {
    network.set_name("www.example.com", &[ip(1), ip6(1)], AT_ONCE);
    let heard = Heard::on(network);
    let target = Target::tcp("www.example.com", 80);
    network.net().connect(target, Box::new(noting(&heard)));
    heard
}

#[test]
fn test_ipv4_is_faster() {
    let network = Network::calm();
    let _both = [ip(1), ip6(1)].map(|ip| network.listen_ip(at(ip), || Quiet).unwrap());
    let heard = connect(&network);
    network.run_for(millis(5_000));
    heard.is(&[(0, "started"), (0, "made 10.0.0.1:80")]);
}

#[test]
fn test_ipv6_is_faster() {
    let network = Network::calm();
    network.set_reach(at(ip(1)), Reach::After(millis(900)));
    let _both = [ip(1), ip6(1)].map(|ip| network.listen_ip(at(ip), || Quiet).unwrap());
    let heard = connect(&network);
    network.run_for(millis(5_000));
    heard.is(&[(0, "started"), (250, "made [2001:db8::1]:80")]);
}

#[test]
fn test_other_connections_cancelled() {
    let network = Network::calm();
    network.set_reach(at(ip(1)), Reach::Silent);
    let _listener = network.listen_ip(at(ip6(1)), || Quiet).unwrap();
    let heard = connect(&network);
    network.run_for(millis(249));
    assert_eq!(network.connections(), 1, "the first is under way");
    network.run_for(millis(11));
    assert_eq!(heard.words()[1..], ["made [2001:db8::1]:80"]);
    assert_eq!(network.connections(), 2, "the winner, and its server's end");
}
