//! An endpoint from any text: what is read is displayed so that it is read as the same, what
//! is refused is shown with its caret inside the text, in whatever role it is asked for.

use ropewalk::endpoint::{Endpoint, EndpointError};
use ropewalk::limits::{ENDPOINT_BYTES, ENDPOINT_SHOWN_COLUMNS};

/// What is no UTF-8 is no text.
///
/// # Panics
/// If an endpoint is not the same after it was displayed, or an error points outside its text.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let endpoint = match text.parse::<Endpoint>() {
        Ok(endpoint) => endpoint,
        Err(error) => return check(&error, text),
    };
    let full = endpoint.to_string();
    let again: Endpoint = full.parse().unwrap_or_else(|error| panic!("{full:?}: {error:#}"));
    assert_eq!(again, endpoint, "displayed as {full:?}");
    assert_eq!(again.to_string(), full);
    let refusals = [
        endpoint.site().err(),
        endpoint.target().err(),
        endpoint.datagram_site().err(),
        endpoint.datagram_target().err(),
    ];
    for error in refusals.iter().flatten() {
        check(error, text);
    }
    let [site, target, datagram_site, datagram_target] = refusals.map(|error| error.is_none());
    let both = (site || target) && (datagram_site || datagram_target);
    assert!(!both, "{full} carries streams and datagrams");
}

fn check(error: &EndpointError, text: &str) {
    assert!(text.starts_with(error.text()) && error.text().len() <= ENDPOINT_BYTES);
    assert!(error.text().len() == text.len() || text.len() > ENDPOINT_BYTES);
    let span = error.span();
    assert!(error.text().get(span.clone()).is_some(), "{span:?} of {text:?}");
    let rendered = error.render();
    let lines: Vec<&str> = rendered.split('\n').collect();
    assert_eq!(lines.len(), 4, "{rendered}");
    let is_seen = |c: char| c == '\n' || (' '..='~').contains(&c) || c.escape_debug().count() == 1;
    assert!(rendered.chars().all(is_seen), "{rendered:?}");
    assert!(lines[1].chars().count() <= ENDPOINT_SHOWN_COLUMNS + 2, "{rendered}");
    let (before, carets) = (lines[2].find('^'), lines[2].split(' ').find(|s| s.contains('^')));
    let end = before.unwrap_or(0) + carets.map_or(0, str::len);
    assert!(before.is_some() && end <= ENDPOINT_SHOWN_COLUMNS + 3, "{rendered}");
}
