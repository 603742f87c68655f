//! Sends back what it receives.
//! Owns: nothing but the rule by which a slow reader slows itself down.
//! Never: holds a byte, or looks at one.

use crate::protocol::{Flow, Protocol, Transport};

/// Sends back what it receives (RFC 862), at the pace at which the peer reads it: while
/// more than the high mark is unsent, nothing more is received.
///
/// ```
/// use ropewalk::{Protocol, service::Echo, testing::Recorder};
/// let (mut echo, mut peer) = (Echo::new(), Recorder::new());
/// echo.data_received(&mut peer, b"hello");
/// assert_eq!(peer.written(), b"hello");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

impl Echo {
    /// A protocol for one connection. The name is a factory: `listen_tcp(7, Echo::new)`.
    pub fn new() -> Echo {
        Echo
    }
}

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        if transport.write(data) == Flow::Full {
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
    use crate::testing::{Network, Recorder, every_split};

    #[test]
    fn it_sends_back_what_it_receives_however_it_was_cut() {
        every_split(b"hello\r\n\0\xff", |pieces| {
            let (mut echo, mut recorder) = (Echo::new(), Recorder::new());
            for piece in pieces {
                echo.data_received(&mut recorder, piece);
            }
            assert_eq!(recorder.written(), b"hello\r\n\0\xff");
        });
    }

    #[test]
    fn it_receives_no_more_while_the_peer_does_not_read() {
        let (mut echo, mut recorder) = (Echo::new(), Recorder::new());
        recorder.set_taken(false);
        recorder.set_water_marks(2, 4);
        echo.data_received(&mut recorder, b"four");
        assert!(!recorder.is_reading_paused());
        echo.data_received(&mut recorder, b"!");
        assert!(recorder.is_reading_paused() && recorder.is_resume_owed());
        recorder.set_taken(true);
        echo.resume_writing(&mut recorder);
        assert!(!recorder.is_reading_paused());
    }

    #[test]
    fn a_mebibyte_comes_back_whole_in_any_weather() {
        let sent: Vec<u8> = (0..1 << 20).map(|at: u32| (at % 251) as u8).collect();
        for seed in 0..8 {
            let network = Network::with_seed(seed);
            let _ = network.listen(1, Echo::new).unwrap();
            let mut peer = network.dial(1).unwrap();
            peer.send(&sent);
            peer.shutdown_write();
            assert!(peer.read_to_end().unwrap() == sent, "seed {seed}");
        }
    }
}
