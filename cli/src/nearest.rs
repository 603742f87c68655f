//! What is said of a name that does not exist.
//! Owns: the sentence. Never: takes the nearest one for what was written.

use ropewalk::endpoint::nearest;

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
