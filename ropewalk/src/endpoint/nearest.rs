//! The word that was probably meant.
//! Owns: how near is near. Never: takes it for the word that was written.

use crate::limits;

/// The candidate nearest to `word`, if one is near: one slip of the keyboard (a letter
/// missing, too much, wrong, or two exchanged) for each three letters of the word, and one
/// at least. Of equally near ones, the first.
///
/// ```
/// use ropewalk::endpoint::nearest;
/// assert_eq!(nearest("bakclog", ["nodelay", "backlog"]), Some("backlog"));
/// assert_eq!(nearest("cert", ["nodelay", "backlog"]), None);
/// ```
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word: Vec<char> = word.chars().take(limits::NEAREST_CHARS + 1).collect();
    if word.is_empty() || word.len() > limits::NEAREST_CHARS {
        return None;
    }
    let most = (word.len() / 3).max(1);
    let slips = |candidate: &&str| slips(&word, &candidate.chars().collect::<Vec<_>>());
    // Something must be left of the word: `x` is not nearly `-`.
    let near = |slips: &usize| *slips <= most && *slips < word.len();
    let counted = candidates.into_iter().map(|candidate| (slips(&candidate), candidate));
    let found = counted.filter(|(slips, _)| near(slips)).min_by_key(|(slips, _)| *slips);
    found.map(|(_, candidate)| candidate)
}

/// The optimal string alignment distance, by rows.
fn slips(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let differ = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (last[j - 1] + differ).min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before_last[j - 2] + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slip_of_each_kind_is_near() {
        for slip in ["bcklog", "backlogg", "backlok", "bakclog", "abcklog"] {
            assert_eq!(nearest(slip, ["backlog"]), Some("backlog"), "{slip}");
        }
    }

    #[test]
    fn a_short_word_has_one_slip_and_keeps_a_letter() {
        assert_eq!(nearest("tpc", ["tcp"]), Some("tcp"));
        assert_eq!(nearest("tp", ["tcp"]), Some("tcp"));
        assert_eq!(nearest("pct", ["tcp"]), None);
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(nearest("", ["y"]), None);
    }

    #[test]
    fn a_word_at_the_bound_is_compared_and_one_past_it_is_not() {
        let word = "x".repeat(limits::NEAREST_CHARS);
        assert_eq!(nearest(&word, [word.as_str()]), Some(word.as_str()));
        let longer = format!("{word}x");
        assert_eq!(nearest(&longer, [longer.as_str()]), None);
    }

    #[test]
    fn the_nearest_wins_and_then_the_first() {
        assert_eq!(nearest("unixgran", ["unixgranary", "unixgram"]), Some("unixgram"));
        assert_eq!(nearest("tap", ["tcp", "top"]), Some("tcp"));
    }
}
