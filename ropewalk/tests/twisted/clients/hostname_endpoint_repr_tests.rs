//! Twisted's `HostnameEndpointReprTests`: how a connector is written.

use ropewalk::addr::Target;
use ropewalk::testing::RecordedNet;

fn written(host: &str) -> String {
    format!("{:?}", RecordedNet::new().connector(Target::tcp(host, 80)))
}

#[test]
fn test_all_ascii() {
    assert_eq!(written("example.com"), "Connector(example.com:80)");
}

#[test]
fn test_host_ipv6_address() {
    assert_eq!(written("::1"), "Connector([::1]:80)");
    assert_eq!(written("[::1]"), "Connector([::1]:80)");
}
