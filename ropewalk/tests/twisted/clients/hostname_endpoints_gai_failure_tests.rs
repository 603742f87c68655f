//! Twisted's `HostnameEndpointsGAIFailureTests`: a name that nobody knows.

use ropewalk::addr::Target;
use ropewalk::testing::Network;

use super::rig::{Heard, noting};

#[test]
fn test_failure() {
    let network = Network::calm();
    let heard = Heard::on(&network);
    network.net().connect(Target::tcp("example.com", 80), Box::new(noting(&heard)));
    network.run();
    let words = heard.words();
    assert_eq!(words.len(), 2, "{words:?}");
    assert!(words[1].contains("cannot resolve example.com:80"), "{words:?}");
}
