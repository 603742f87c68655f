//! The name that was meant, when the one that was written does not exist.
//! Owns: how near is near. Never: takes it for what was written.

use crate::escape;

/// ``no service `ehco`; did you mean `echo`?``
pub(crate) fn sentence<'n>(
    what: &str,
    written: &str,
    names: impl Iterator<Item = &'n str>,
) -> String {
    let shown = escape::quote(written);
    match nearest(written, names) {
        Some(name) => format!("no {what} `{shown}`; did you mean `{name}`?"),
        None => format!("no {what} `{shown}`"),
    }
}

fn nearest<'n>(written: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    /// Of 1, which is the same; what is below it shares too little.
    const NEAR: f64 = 0.7;
    names
        .map(|name| (strsim::normalized_damerau_levenshtein(written, name), name))
        .filter(|(likeness, _)| *likeness >= NEAR)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_near_and_another_word_is_not() {
        let names = ["timestamp", "echo", "discard"];
        let near = |written| nearest(written, names.into_iter());
        assert_eq!(near("timestmp"), Some("timestamp"));
        assert_eq!(near("ehco"), Some("echo"));
        assert_eq!(near("chargen"), None);
        assert_eq!(near(""), None);
    }
}
