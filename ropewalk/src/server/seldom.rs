//! A line of the log that a flood is not to multiply.
//! Owns: when it was said, and what was not said since. Never: writes it.

use crate::clock::Time;
use crate::limits;

/// Says one thing at most once in a while.
#[derive(Default)]
pub(super) struct Seldom {
    last: Option<Time>,
    unsaid: usize,
}

impl Seldom {
    /// Whether to say it now: then how often it was not said before.
    pub(super) fn say(&mut self, now: Time) -> Option<usize> {
        if self.last.is_some_and(|last| now - last < limits::TURNED_AWAY_LINES) {
            self.unsaid += 1;
            return None;
        }
        self.last = Some(now);
        Some(self.take_unsaid())
    }

    /// How often it was not said.
    pub(super) fn take_unsaid(&mut self) -> usize {
        std::mem::take(&mut self.unsaid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_line_in_a_while_and_the_next_line_counts_it() {
        let mut line = Seldom::default();
        let later = Time::ZERO + limits::TURNED_AWAY_LINES;
        assert_eq!(line.say(Time::ZERO), Some(0));
        for nanos in 1..=1000 {
            assert_eq!(line.say(Time::from_nanos(nanos)), None);
        }
        assert_eq!(line.say(later), Some(1000));
        assert_eq!(line.say(later), None);
        assert_eq!((line.take_unsaid(), line.take_unsaid()), (1, 0));
    }
}
