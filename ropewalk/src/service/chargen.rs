//! Sends characters without end (RFC 864).
//! Owns: the pattern, and that no more of it is written than the peer reads.
//! Never: writes while the connection has no room.

use std::sync::LazyLock;

use crate::protocol::{Flow, Protocol, Transport};

/// The character generator: lines of 72 of the 95 printing characters, each line one character
/// further on, until the peer closes. What the peer sends is thrown away.
///
/// A peer that does not read costs the high mark in memory and no time: nothing is written
/// until there is room.
///
/// ```
/// use ropewalk::{Protocol, service::Chargen, testing::Recorder};
/// let mut recorder = Recorder::new();
/// recorder.set_taken(false); // a peer that does not read
/// Chargen.connection_made(&mut recorder);
/// assert!(recorder.written().starts_with(b" !\"#$%&'()*+,-./0123456789:;<=>?@AB"));
/// assert!(recorder.is_resume_owed());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Chargen;

impl Protocol for Chargen {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        fill(transport);
    }

    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}

    fn resume_writing(&mut self, transport: &mut dyn Transport) {
        fill(transport);
    }

    /// Who has no more to say does not read any more: what is unsent of an endless answer is
    /// no loss.
    fn eof_received(&mut self, transport: &mut dyn Transport) {
        transport.close();
    }
}

/// Writes until that is answered `Full`, which is owed a `resume_writing`.
fn fill(transport: &mut dyn Transport) {
    while transport.write(&ROUND) == Flow::More {}
}

const PRINTING: usize = 95;
const LINE_CHARS: usize = 72;

/// After so many lines the first one comes again.
static ROUND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let printing = |at: usize| b' ' + (at % PRINTING) as u8;
    let line = |first: usize| (first..first + LINE_CHARS).map(printing).chain(*b"\r\n");
    (0..PRINTING).flat_map(line).collect()
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;
    use crate::testing::Recorder;

    #[test]
    fn the_pattern_is_that_of_the_rfc() {
        let text = std::str::from_utf8(&ROUND).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 95);
        assert!(lines.iter().all(|line| line.len() == 72));
        assert!(lines[1].starts_with("!\"#$%"));
        assert!(lines[94].starts_with("~ !\"#"));
    }

    #[test]
    fn a_peer_that_does_not_read_gets_no_more_than_fits() {
        let mut recorder = Recorder::new();
        recorder.set_taken(false);
        Chargen.connection_made(&mut recorder);
        let first = recorder.take_written();
        assert!(first.len() > limits::WATER_HIGH_BYTES);
        assert!(first.len() <= limits::WATER_HIGH_BYTES + ROUND.len());
        assert!(recorder.is_resume_owed());
        // When it reads again, the pattern goes on where it was.
        recorder.set_taken(true);
        recorder.set_taken(false);
        Chargen.resume_writing(&mut recorder);
        let all = [first, recorder.take_written()].concat();
        assert_eq!(all, ROUND.repeat(all.len() / ROUND.len()));
    }
}
