//! Answers what it receives with the time before it.
//! Owns: the shape of the answer. Never: prints who connected; whoever serves it is told.

use super::ctime;
use crate::addr::Addr;
use crate::protocol::{Flow, Protocol, Transport};

/// Answers each piece that it receives with one write, `[time] piece`: the time as
/// [`ctime`] writes it, the piece as it came.
///
/// A stream has no messages. What the peer sent at once may arrive in pieces, and then
/// each piece is answered; a line that is sent by itself practically never does.
///
/// ```
/// use ropewalk::{Protocol, service::{Timestamp, ctime}, testing::Recorder};
/// let (mut timestamp, mut peer) = (Timestamp::new(), Recorder::new());
/// timestamp.data_received(&mut peer, b"hello");
/// let answer = format!("[{}] hello", ctime(std::time::UNIX_EPOCH)); // the recorder's wall
/// assert_eq!(peer.written(), answer.as_bytes());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Timestamp<T = fn(&Addr)> {
    connected: T,
}

/// Who is told of each new connection, with the peer's address.
pub trait Told: FnMut(&Addr) {}

impl<T: FnMut(&Addr)> Told for T {}

impl Timestamp {
    /// A protocol for one connection that tells nobody.
    pub fn new() -> Timestamp {
        Timestamp { connected: |_| {} }
    }
}

impl Default for Timestamp {
    fn default() -> Timestamp {
        Timestamp::new()
    }
}

impl<T: Told> Timestamp<T> {
    /// The same, but this is called when the connection is made. It must not block.
    ///
    /// ```
    /// use ropewalk::service::Timestamp;
    /// let factory = || Timestamp::telling(|peer| eprintln!("...connected from: {}", peer.host()));
    /// # let _ = factory;
    /// ```
    pub fn telling(connected: T) -> Timestamp<T> {
        Timestamp { connected }
    }
}

impl<T: Told> Protocol for Timestamp<T> {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        (self.connected)(&transport.peer_addr());
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        let time = ctime(transport.wall_time());
        let mut answer = Vec::with_capacity(time.len() + data.len() + 3);
        answer.push(b'[');
        answer.extend_from_slice(time.as_bytes());
        answer.extend_from_slice(b"] ");
        answer.extend_from_slice(data);
        // An answer is longer than its question: without this, a peer that only sends
        // would fill our memory.
        if transport.write(&answer) == Flow::Full {
            transport.pause_reading();
        }
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) {
        transport.resume_reading();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Network, Recorder};
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn each_piece_is_answered_by_the_time_and_itself() {
        let (mut timestamp, mut recorder) = (Timestamp::new(), Recorder::new());
        let noon = UNIX_EPOCH + Duration::from_secs(1_795_521_600);
        recorder.clock().set_wall(noon);
        timestamp.data_received(&mut recorder, b"hello\r\n");
        timestamp.data_received(&mut recorder, b"\xff'");
        let mut expected = format!("[{0}] hello\r\n[{0}] ", ctime(noon)).into_bytes();
        expected.extend_from_slice(b"\xff'");
        assert_eq!(recorder.written(), expected);
    }

    #[test]
    fn who_serves_it_is_told_of_each_peer() {
        let mut told = Vec::new();
        let mut recorder = Recorder::new();
        let mut timestamp = Timestamp::telling(|peer: &Addr| told.push(peer.host().into_owned()));
        timestamp.connection_made(&mut recorder);
        assert_eq!(told, ["127.0.0.1"]);
        assert!(recorder.written().is_empty());
    }

    #[test]
    fn it_receives_no_more_while_the_peer_does_not_read() {
        let (mut timestamp, mut recorder) = (Timestamp::new(), Recorder::new());
        recorder.set_taken(false);
        recorder.set_water_marks(2, 4);
        timestamp.data_received(&mut recorder, b"x");
        assert!(recorder.is_reading_paused());
        timestamp.resume_writing(&mut recorder);
        assert!(!recorder.is_reading_paused());
    }

    #[test]
    fn a_peer_that_ends_its_input_at_once_still_gets_the_answer() {
        for seed in 0..50 {
            let network = Network::with_seed(seed);
            let _ = network.listen(1, Timestamp::new).unwrap();
            let mut peer = network.dial(1).unwrap();
            peer.send(b"x");
            peer.shutdown_write();
            let answer = peer.read_to_end().unwrap();
            assert!(answer.starts_with(b"[") && answer.ends_with(b"] x"), "seed {seed}");
        }
    }
}
