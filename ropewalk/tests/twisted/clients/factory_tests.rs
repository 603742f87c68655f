//! Twisted's `FactoryTests`, the client's side.

use ropewalk::testing::Network;

use super::rig::{Heard, Quiet, noting};

#[test]
fn test_client_start_stop() {
    let network = Network::calm();
    let _listener = network.listen(1, || Quiet).unwrap();
    let heard = Heard::on(&network);
    let connector = network.connect(1, noting(&heard));
    network.run_until(|| connector.is_connected());
    connector.stop();
    network.run();
    assert_eq!(heard.words(), ["started", "made memory:1", "lost: closed"]);
}
