//! A protocol of one's own, from bytes to a served port: numbers are added up.
//!
//! Frames are netstrings: `2:40,1:2,` is answered by `2:40,2:42,`. Run it, and
//! `printf '2:40,1:2,' | nc -N 127.0.0.1 21555`. Its tests need no port: `cargo test
//! --example own_protocol`.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::num::ParseIntError;

use ropewalk::addr::parse_port;
use ropewalk::framing::{FrameError, FrameProtocol, FrameTransport, Framing, Netstrings};
use ropewalk::{Flow, Reactor, Reason};

/// The sum so far, of one connection.
#[derive(Default)]
struct Adder {
    sum: i64,
}

impl Adder {
    /// What the protocol is about, which knows no network.
    fn add(&mut self, number: &[u8]) -> Result<i64, ParseIntError> {
        let number: i64 = String::from_utf8_lossy(number).parse()?;
        self.sum = self.sum.saturating_add(number);
        Ok(self.sum)
    }
}

impl<R: Framing> FrameProtocol<R> for Adder {
    fn frame_received(&mut self, transport: &mut FrameTransport<'_, R>, number: &[u8]) {
        let answer = match self.add(number) {
            Ok(sum) => sum.to_string(),
            Err(error) => {
                // The peer gets the answers before this, and then the end.
                return transport.close_because(Reason::peer_failed(error));
            }
        };
        // A peer that does not read its answers is not read from; so nothing piles up.
        match transport.send(answer.as_bytes()) {
            Ok(Flow::Full) => transport.pause_reading(),
            Ok(_) => {}
            Err(error) => transport.fail(Reason::failed(error)),
        }
    }

    fn resume_writing(&mut self, transport: &mut FrameTransport<'_, R>) {
        transport.resume_reading();
    }

    fn frame_refused(&mut self, transport: &mut FrameTransport<'_, R>, error: &FrameError) {
        let _ = transport.send(error.to_string().as_bytes()); // a last word, then it is closed
    }
}

fn main() -> ropewalk::Result<()> {
    let port = std::env::args().nth(1).map_or(Ok(21555), |port| parse_port(&port))?;
    let reactor = Reactor::new()?;
    reactor.listen_tcp(port, || Netstrings::new(Adder::default()))?;
    println!("adding");
    reactor.run()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ropewalk::testing::{Network, Recorder, every_split};

    #[test]
    fn numbers_are_added_however_the_network_cuts_them() {
        every_split(b"2:40,1:2,3:-50,", |pieces| {
            let (mut adder, mut recorder) = (Netstrings::new(Adder::default()), Recorder::new());
            pieces.iter().for_each(|piece| recorder.receive(&mut adder, piece));
            assert_eq!(recorder.written(), b"2:40,2:42,2:-8,");
        });
    }

    #[test]
    fn a_peer_that_does_not_read_its_answers_is_not_read_from() {
        let (mut adder, mut recorder) = (Netstrings::new(Adder::default()), Recorder::new());
        recorder.set_taken(false);
        recorder.receive(&mut adder, &b"1:1,".repeat(100_000));
        assert!(recorder.is_reading_paused());
        assert!(recorder.written().len() < 70_000 && !recorder.held().is_empty());
    }

    #[test]
    fn what_is_no_number_ends_the_connection_after_the_answers_before_it() {
        // A seed is a network of its own: how it cuts, delays and takes.
        for seed in 0..50 {
            let network = Network::with_seed(seed);
            network.listen(1, || Netstrings::new(Adder::default())).unwrap();
            let mut peer = network.dial(1).unwrap();
            peer.send(b"1:7,3:two,1:7,");
            assert_eq!(peer.read_to_end().unwrap(), b"1:7,", "seed {seed}");
        }
    }

    #[test]
    fn what_is_no_netstring_is_answered_before_the_end() {
        let (mut adder, mut recorder) = (Netstrings::new(Adder::default()), Recorder::new());
        recorder.receive(&mut adder, b"1:7,07:");
        assert!(recorder.written().starts_with(b"1:7,"));
        assert!(recorder.written().ends_with(b"':' after the length 0, found '7',"));
        assert!(recorder.is_closed());
    }
}
