//! Twisted's `HostnameEndpointsOneIPv4Tests`: a name with one address.

use ropewalk::addr::Target;
use ropewalk::driver::Reach;
use ropewalk::options::SocketOptions;
use ropewalk::protocol::client;
use ropewalk::testing::{Network, RecordedNet};
use ropewalk::{Connector, Net};

use super::rig::{AT_ONCE, Heard, Quiet, at, ip, millis, noting};

fn network(reach: Reach) -> Network {
    let network = Network::calm();
    network.set_name("example.com", &[ip(1)], AT_ONCE);
    network.set_reach(at(ip(1)), reach);
    network
}

fn connect(network: &Network, heard: &Heard) -> Connector {
    network.net().connect(Target::tcp("example.com", 80), Box::new(noting(heard)))
}

#[test]
fn test_endpoint_connect_success() {
    let network = network(Reach::After(millis(20)));
    let _listener = network.listen_ip(at(ip(1)), || Quiet).unwrap();
    let heard = Heard::on(&network);
    connect(&network, &heard);
    network.run_for(millis(100));
    heard.is(&[(0, "started"), (20, "made 10.0.0.1:80")]);
}

#[test]
fn test_endpoint_connect_failure() {
    let network = network(Reach::After(millis(20)));
    let heard = Heard::on(&network);
    connect(&network, &heard);
    network.run();
    let all = heard.all();
    assert!(all[1].0 == 20 && all[1].1.contains("refused by 10.0.0.1"), "{all:?}");
}

#[test]
fn test_endpoint_connecting_cancelled() {
    let network = network(Reach::Silent);
    let heard = Heard::on(&network);
    let connector = connect(&network, &heard);
    network.run_for(millis(10));
    connector.stop();
    network.run();
    heard.is(&[(0, "started"), (10, "failed: aborted")]);
    assert_eq!(network.connections(), 0);
}

#[test]
fn test_endpoint_connecting_cancelled_after_all_attempts_started() {
    let network = network(Reach::Silent);
    let heard = Heard::on(&network);
    let connector = connect(&network, &heard);
    network.run_for(millis(375));
    connector.stop();
    network.run();
    heard.is(&[(0, "started"), (375, "failed: aborted")]);
}

#[test]
fn test_endpoint_connect_failure_after_iteration() {
    let network = network(Reach::After(millis(300)));
    let heard = Heard::on(&network);
    connect(&network, &heard);
    network.run();
    assert_eq!(heard.all()[1].0, 300, "and not at a tick after it");
}

#[test]
fn test_endpoint_connect_success_after_iteration() {
    let network = network(Reach::After(millis(300)));
    let _listener = network.listen_ip(at(ip(1)), || Quiet).unwrap();
    let heard = Heard::on(&network);
    connect(&network, &heard);
    network.run_for(millis(10_000));
    heard.is(&[(0, "started"), (300, "made 10.0.0.1:80")]);
}

#[test]
fn test_endpoint_connect_non_default_args() {
    let net = RecordedNet::new();
    let source = Some("127.0.0.1:49595".parse().unwrap());
    let timeout = Some(millis(10_000));
    let options = SocketOptions { source, timeout, ..SocketOptions::default() };
    let target = Target::tcp("example.com", 80);
    net.connect_with(target.clone(), &options, Box::new(client(|| Quiet)));
    assert_eq!((net.connects(), net.connect_options()), (vec![target], vec![options]));
}
