//! Endpoint strings, read through the public API: what each means, what is said of those that
//! mean nothing, and that what is displayed is read as the same.

mod bad_addresses;
mod bad_options;
mod bad_schemes;
mod bounds;
#[cfg(feature = "tls")] // what the default build does not have
mod encrypted;
mod identity;
mod meaning;
mod rendering;
mod roles;
mod sockets;

use ropewalk::endpoint::{Endpoint, EndpointError};

/// A text that is no endpoint, and the whole of what a person is told, between two line ends.
type Row = (&'static str, &'static str);

/// Every row is answered to the letter, and its caret lies inside the text.
#[track_caller]
fn assert_rendered(rows: &[Row]) {
    for (text, expected) in rows {
        let error = refused(text);
        assert_eq!(format!("\n{error:#}\n"), *expected, "{text:?}");
        let span = error.span();
        assert!(error.text().get(span.clone()).is_some(), "{text:?}: {span:?}");
    }
}

#[track_caller]
fn parsed(text: &str) -> Endpoint {
    text.parse().unwrap_or_else(|error: EndpointError| panic!("{text:?}: {error:#}"))
}

#[track_caller]
fn refused(text: &str) -> EndpointError {
    match text.parse::<Endpoint>() {
        Ok(endpoint) => panic!("{text:?} was read as {endpoint}"),
        Err(error) => error,
    }
}
