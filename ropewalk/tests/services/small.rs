//! The services of a few bytes, in memory and over TCP.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime};

use ropewalk::clock::Clock as _;
use ropewalk::protocol::Factory;
use ropewalk::service::{Chargen, Daytime, Qotd, Quotes, Time, ctime};
use ropewalk::testing::Network;
use ropewalk::{Addr, Reactor};

/// All that a client gets who says this and ends, over TCP.
fn over_tcp<F: Factory + Send + 'static>(factory: F, said: &[u8]) -> Vec<u8> {
    let (tell, told) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        let reactor = Reactor::new().unwrap();
        let listener = reactor.listen_tcp(("127.0.0.1", 0), factory).unwrap();
        tell.send((listener.addrs()[0].clone(), reactor.remote())).unwrap();
        reactor.run().unwrap();
    });
    let (addr, remote): (Addr, _) = told.recv().unwrap();
    let mut stream = TcpStream::connect(addr.ip().unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(said).unwrap();
    let _ = stream.shutdown(std::net::Shutdown::Write); // it may be over already
    let mut got = Vec::new();
    stream.read_to_end(&mut got).unwrap();
    remote.stop().unwrap();
    server.join().unwrap();
    got
}

#[test]
fn daytime_tells_the_time_and_ends_whatever_is_said() {
    let network = Network::calm();
    network.listen(1, || Daytime).unwrap();
    for said in [&b""[..], b"what time is it?\r\n"] {
        network.clock().set_wall(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_521_600));
        let mut peer = network.dial(1).unwrap();
        peer.send(said);
        let told = peer.read_to_end().unwrap();
        assert_eq!(told, format!("{}\r\n", ctime(network.clock().wall())).as_bytes());
        assert!(told.ends_with(b" 2026\r\n"));
    }
    assert_eq!(over_tcp(|| Daytime, b"").len(), 26);
}

#[test]
fn time_tells_the_seconds_since_1900_and_ends() {
    let network = Network::calm();
    network.listen(1, || Time).unwrap();
    network.clock().set_wall(SystemTime::UNIX_EPOCH + Duration::from_secs(420_595_200));
    let mut peer = network.dial(1).unwrap();
    peer.send(b"ignored");
    assert_eq!(peer.read_to_end().unwrap(), 2_629_584_000_u32.to_be_bytes());
    assert_eq!(over_tcp(|| Time, b"").len(), 4);
}

#[test]
fn each_client_is_told_another_quote() {
    let quotes = Quotes::parse("one\n%\ntwo").unwrap();
    let network = Network::calm();
    network.listen(1, move || Qotd::new(quotes.clone())).unwrap();
    for expected in ["one\r\n", "two\r\n", "one\r\n"] {
        let mut peer = network.dial(1).unwrap();
        assert_eq!(peer.read_to_end().unwrap(), expected.as_bytes());
    }
}

#[test]
fn chargen_goes_on_for_as_long_as_it_is_read() {
    let network = Network::calm();
    network.listen(1, || Chargen).unwrap();
    let mut peer = network.dial(1).unwrap();
    let got = peer.read_exact(1_000_000).unwrap();
    assert!(got.starts_with(b" !\"#$%&'()*+"));
    let lines: Vec<&[u8]> = got.split(|byte| *byte == b'\n').collect();
    for (number, line) in lines[..lines.len() - 1].iter().enumerate() {
        assert_eq!(line.len(), 73, "line {number}");
        assert_eq!(usize::from(line[0] - b' '), number % 95, "line {number}");
    }
}

#[test]
fn chargen_does_nothing_for_a_peer_that_does_not_read() {
    let network = Network::calm();
    network.listen(1, || Chargen).unwrap();
    let mut peer = network.dial(1).unwrap();
    peer.read_exact(10_000).unwrap();
    // Up to the write stall, which would end it after a minute of taking nothing.
    network.run_for(Duration::from_secs(1));
    let before = network.events();
    network.run_for(Duration::from_secs(50));
    assert_eq!(network.events(), before, "a peer that does not read costs no turn");
    assert_eq!(network.connections(), 1);
    network.run_for(Duration::from_secs(60));
    assert_eq!(network.connections(), 0);
}

#[test]
fn chargen_ends_when_its_peer_does() {
    let got = over_tcp(|| Chargen, b"enough\r\n");
    assert!(!got.is_empty());
    assert!(got.starts_with(b" !\"#"));
}
