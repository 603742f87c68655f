//! The end of a whole connection, however busy it is.
//! Owns: how it is asked for. Never: keeps a timer; the connection has one instant for it.

use std::time::Duration;

use crate::protocol::{Below, Layer, Up};

/// Ends a connection after so long, whatever it does until then, with `Deadline(Total)`.
///
/// The time runs from where the layer stands: below a PROXY header, from the connection on;
/// above it, from the header on. It runs through a close, too: an answer that is still being
/// sent is cut. The layer itself retires at once, and costs nothing after.
///
/// ```
/// use ropewalk::policy::TotalDeadline;
/// use ropewalk::protocol::{Deadline, Kind};
/// use ropewalk::testing::LayerBench;
/// use std::time::Duration;
/// let (mut bench, mut layer) = (LayerBench::new(), TotalDeadline::new(Duration::from_secs(60)));
/// assert!(bench.start(&mut layer) && bench.is_retired());
/// bench.advance(&mut layer, Duration::from_secs(60));
/// assert_eq!(bench.failure().unwrap().kind(), Kind::Deadline(Deadline::Total));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TotalDeadline {
    after: Duration,
}

impl TotalDeadline {
    /// After so long.
    pub fn new(after: Duration) -> TotalDeadline {
        TotalDeadline { after }
    }
}

impl Layer for TotalDeadline {
    fn started(&mut self, below: &mut Below<'_>, up: &mut Up<'_>) {
        below.set_total_deadline(self.after);
        up.made();
        below.retire();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::LayerBench;

    #[test]
    fn what_moves_does_not_move_the_deadline() {
        let mut layer = TotalDeadline::new(Duration::from_secs(2));
        let mut bench = LayerBench::new();
        bench.start(&mut layer);
        for _ in 0..19 {
            assert_eq!(bench.receive(&mut layer, b"x"), b"x");
            assert_eq!(bench.write(&mut layer, b"y"), b"y");
            bench.advance(&mut layer, Duration::from_millis(100));
        }
        assert!(bench.failure().is_none());
        bench.advance(&mut layer, Duration::from_millis(100));
        assert_eq!(bench.failure().unwrap().to_string(), "total deadline passed");
        assert_eq!(bench.receive(&mut layer, b"x"), b"");
    }
}
