//! Both ends as layers alone: their bytes in our hands.

use ropewalk::protocol::Layer;
use ropewalk::testing::LayerBench;
use ropewalk::tls::Tls;

use crate::meet::{client, server};

/// One end.
pub struct End {
    pub bench: LayerBench,
    pub tls: Tls,
    kept: Vec<u8>,
}

impl End {
    pub fn new(mut tls: Tls) -> End {
        let mut bench = LayerBench::new();
        assert!(!bench.start(&mut tls), "a handshake needs the other end");
        End { bench, tls, kept: Vec::new() }
    }

    pub fn receive(&mut self, data: &[u8]) -> Vec<u8> {
        self.bench.receive(&mut self.tls, data)
    }

    pub fn write(&mut self, data: &[u8]) -> Vec<u8> {
        self.bench.write(&mut self.tls, data)
    }

    /// The wire keeps what comes of it.
    pub fn write_later(&mut self, data: &[u8]) {
        let wire = self.bench.take_wire();
        self.kept.extend(wire);
        let wire = self.write(data);
        self.kept.extend(wire);
    }

    /// All that was written since it was last asked.
    pub fn take_wire(&mut self) -> Vec<u8> {
        [std::mem::take(&mut self.kept), self.bench.take_wire()].concat()
    }

    pub fn pending(&self) -> usize {
        self.tls.pending()
    }
}

/// Both, before they have said anything to each other.
pub fn both() -> (End, End) {
    (End::new(client().layer("localhost")), End::new(server().layer()))
}

/// Carries bytes to and fro until nobody says anything more.
pub fn carry(one: &mut End, other: &mut End) {
    loop {
        let (there, back) = (one.bench.take_wire(), other.bench.take_wire());
        if there.is_empty() && back.is_empty() {
            return;
        }
        other.receive(&there);
        one.receive(&back);
    }
}

/// Both, when they have agreed.
pub fn agreed() -> (End, End) {
    let (mut client, mut server) = both();
    carry(&mut client, &mut server);
    assert!(client.bench.is_made() && server.bench.is_made());
    (client, server)
}

/// The lengths of the records of which bytes of the wire consist.
pub fn records(mut wire: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let [_, 3, 3, high, low, rest @ ..] = wire {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        lengths.push(length);
        wire = &rest[length..];
    }
    assert!(wire.is_empty(), "{} bytes of no record", wire.len());
    lengths
}
