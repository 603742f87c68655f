//! What a server that was forked off another knows of that one.
//! Owns: the words that a child sends up, and how they are spelled.
//! Never: knows how they get there.

use std::sync::Arc;

use crate::driver::Alarm;
use crate::engine::Report;

/// What a child says to its parent. Each is as long as the longest: it is cut nowhere.
// Only Unix has such children.
#[cfg_attr(not(unix), allow(dead_code, reason = "as said above"))]
pub(super) enum Word {
    /// The server is to be shut down: all of it, not this child's alone.
    Stop,
    /// How an engine's connections ended at a stop.
    Report(Report),
    /// The child ends by itself, and has told of what went wrong.
    Done,
}

/// A child's way to its parent.
// Only Unix has such children; elsewhere there is nobody above.
#[cfg_attr(not(unix), allow(dead_code, reason = "as said above"))]
pub(super) struct Above {
    /// Is ready when the child is to end: its parent says so, or is gone.
    pub(super) orders: Arc<Alarm>,
    /// Sends a word, as it is spelled. Takes no lock and does not wait.
    pub(super) say: Box<dyn Fn(&[u8]) + Send + Sync>,
}

impl Above {
    pub(super) fn tell(&self, word: &Word) {
        (self.say)(&word.spelled());
    }
}

const WORD_BYTES: usize = 49;

impl Word {
    pub(super) fn spelled(&self) -> [u8; WORD_BYTES] {
        let (letter, report) = match self {
            Word::Stop => (b'S', Report::default()),
            Word::Report(report) => (b'R', *report),
            Word::Done => (b'D', Report::default()),
        };
        let Report { open, ended, cut, unsent, late_hooks, left_jobs } = report;
        let [open, ended, cut, hooks, jobs] =
            [open, ended, cut, late_hooks, left_jobs].map(|count| count as u64);
        let numbers = [open, ended, cut, unsent, hooks, jobs];
        let mut bytes = [letter; WORD_BYTES];
        for (place, number) in bytes[1..].chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// The first word, if it is all there.
    // See `Above`.
    #[cfg_attr(not(unix), allow(dead_code, reason = "as said there"))]
    pub(super) fn take(bytes: &mut Vec<u8>) -> Option<Word> {
        if bytes.len() < WORD_BYTES {
            return None;
        }
        let word: Vec<u8> = bytes.drain(..WORD_BYTES).collect();
        let number = |index: usize| {
            let mut number = [0; 8];
            number.copy_from_slice(&word[1 + 8 * index..9 + 8 * index]);
            u64::from_le_bytes(number)
        };
        Some(match word[0] {
            b'S' => Word::Stop,
            b'D' => Word::Done,
            _ => {
                let (open, ended, cut) = (number(0), number(1), number(2));
                let (open, ended, cut) = (open as usize, ended as usize, cut as usize);
                let (late_hooks, left_jobs) = (number(4) as usize, number(5) as usize);
                let unsent = number(3);
                Word::Report(Report { open, ended, cut, unsent, late_hooks, left_jobs })
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_understood_wherever_their_bytes_are_cut() {
        let (unsent, late_hooks, left_jobs) = (u64::MAX, 4, 5);
        let report = Report { open: 3, ended: 2, cut: 1, unsent, late_hooks, left_jobs };
        let said = [Word::Stop, Word::Report(report), Word::Done];
        let bytes: Vec<u8> = said.iter().flat_map(Word::spelled).collect();
        for cut in 0..=bytes.len() {
            let (mut heard, mut words) = (bytes[..cut].to_vec(), Vec::new());
            for rest in [&[][..], &bytes[cut..]] {
                heard.extend_from_slice(rest);
                words.extend(std::iter::from_fn(|| Word::take(&mut heard)));
            }
            let [Word::Stop, Word::Report(understood), Word::Done] = &words[..] else {
                panic!("cut at {cut}")
            };
            assert_eq!(*understood, report);
        }
    }
}
