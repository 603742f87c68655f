//! Twisted's `SimpleHostnameResolverTests`: a name, asked for by itself.

use std::net::SocketAddr;

use ropewalk::testing::Network;
use ropewalk::{Net, Result};

use super::rig::{AT_ONCE, Heard, ip, ip6};

fn ask(network: &Network) -> Heard {
    let heard = Heard::on(network);
    let noted = heard.clone();
    let then = move |_: &dyn Net, found: Result<Vec<SocketAddr>>| match found {
        Ok(addrs) => addrs.iter().for_each(|addr| noted.note(addr.to_string())),
        Err(error) => noted.note(error.to_string()),
    };
    network.net().resolve("example.com", 4321, Box::new(then));
    network.run();
    heard
}

#[test]
fn test_resolve_name_failure() {
    let words = ask(&Network::calm()).words();
    assert!(words.len() == 1 && words[0].contains("cannot resolve example.com"), "{words:?}");
}

#[test]
fn test_resolve_name_delivers() {
    let network = Network::calm();
    network.set_name("example.com", &[ip(1), ip6(1)], AT_ONCE);
    assert_eq!(ask(&network).words(), ["10.0.0.1:4321", "[2001:db8::1]:4321"]);
}
