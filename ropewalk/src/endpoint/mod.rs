//! Where to listen, as a person writes it: `tcp:21555`, `tcp:*:80`, `unix:/run/x.sock`.
//! Owns: the endpoint, and how it is written.
//! Never: resolves a name, opens a socket, or guesses at what was meant.
//!
//! | written | means |
//! | --- | --- |
//! | `tcp:21555`, `21555` | loopback, IPv4 and IPv6; port 0 lets the system choose |
//! | `tcp:*:21555`, `*:21555` | every address of this machine |
//! | `tcp:127.0.0.1:21555`, `tcp:[::1]:21555` | that address |
//! | `tcp:localhost:21555`, `localhost:21555` | every address of the name |
//! | `unix:/run/x.sock`, `/run/x.sock` | a Unix stream socket's path |
//!
//! A name that stands for a scheme elsewhere (`udp`, `tls`, …) is never taken for a host
//! unless `tcp:` stands before it, so that no endpoint changes its meaning later.

mod parse;

use std::fmt;
use std::str::FromStr;

use crate::addr::{ListenAt, Site};
use crate::error::{Error, Result};

/// Where to listen, read from text.
///
/// ```
/// use ropewalk::endpoint::Endpoint;
/// use ropewalk::{addr::Site, error::ErrorKind};
///
/// let endpoint: Endpoint = "21555".parse()?;
/// assert_eq!(endpoint.site(), &Site::Tcp(21555.into()));
/// assert_eq!(endpoint.to_string(), "tcp:21555"); // and reads as the same again
///
/// let error = "tcp:70000".parse::<Endpoint>().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidInput);
/// assert!(error.to_string().contains("0 to 65535"));
/// # Ok::<(), ropewalk::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    scheme: Scheme,
    site: Site,
}

/// How an endpoint begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Tcp,
    Unix,
}

impl Scheme {
    const ALL: [Scheme; 2] = [Scheme::Tcp, Scheme::Unix];

    fn name(self) -> &'static str {
        match self {
            Scheme::Tcp => "tcp",
            Scheme::Unix => "unix",
        }
    }
}

impl Endpoint {
    /// What it begins with when written in full: `tcp`, `unix`.
    pub fn scheme(&self) -> &'static str {
        self.scheme.name()
    }

    /// Where a reactor or server listens for it.
    pub fn site(&self) -> &Site {
        &self.site
    }

    fn tcp(at: ListenAt) -> Endpoint {
        Endpoint { scheme: Scheme::Tcp, site: Site::Tcp(at) }
    }

    fn unix(path: &str) -> Endpoint {
        Endpoint { scheme: Scheme::Unix, site: Site::Unix(path.into()) }
    }
}

impl FromStr for Endpoint {
    type Err = Error;

    /// # Errors
    /// `InvalidInput`: what is wrong, and what may be written instead.
    fn from_str(text: &str) -> Result<Endpoint> {
        parse::endpoint(text).map_err(|error| error.at(text.escape_debug()))
    }
}

impl fmt::Display for Endpoint {
    /// In full, with its scheme; it reads as the same endpoint again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme(), self.site)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ErrorKind, Operation};

    fn read(text: &str) -> Endpoint {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn refusal(text: &str) -> String {
        let error = text.parse::<Endpoint>().expect_err(text);
        assert_eq!((error.operation(), error.kind()), (Operation::Parse, ErrorKind::InvalidInput));
        error.to_string()
    }

    #[test]
    fn an_endpoint_is_read_as_it_is_written() {
        for (text, full) in [
            ("tcp:21555", "tcp:21555"),
            ("21555", "tcp:21555"),
            ("TCP:0", "tcp:0"),
            ("tcp:*:80", "tcp:*:80"),
            ("*:80", "tcp:*:80"),
            ("tcp:[::1]:80", "tcp:[::1]:80"),
            ("[::1]:80", "tcp:[::1]:80"),
            ("tcp:127.0.0.1:65535", "tcp:127.0.0.1:65535"),
            ("127.0.0.1:1", "tcp:127.0.0.1:1"),
            ("localhost:80", "tcp:localhost:80"),
            ("tcp://localhost:80", "tcp:localhost:80"),
            ("tcp:udp:53", "tcp:udp:53"),
            ("a-b.example:80", "tcp:a-b.example:80"),
            ("unix:/run/x.sock", "unix:/run/x.sock"),
            ("/run/x.sock", "unix:/run/x.sock"),
            ("unix:x.sock", "unix:x.sock"),
            ("unix:/run/a b:c", "unix:/run/a b:c"),
        ] {
            let endpoint = read(text);
            assert_eq!(endpoint.to_string(), full);
            assert_eq!(read(full), endpoint, "{text}");
        }
        assert_eq!(read("*:80").site(), &Site::Tcp(ListenAt::all(80)));
        assert_eq!(read("/a").site(), &Site::Unix("/a".into()));
    }

    #[test]
    fn a_port_out_of_range_is_told_the_range() {
        for text in ["tcp:70000", "70000", "tcp:*:65536", "localhost:99999999999999999999"] {
            assert!(refusal(text).contains("0 to 65535"), "{text}");
        }
        let sentence = "cannot read tcp:70000: port 70000 is out of range, \
                        ports go from 0 to 65535";
        assert_eq!(refusal("tcp:70000"), sentence);
    }

    #[test]
    fn an_unknown_scheme_is_told_the_known_ones() {
        for text in ["udp:53", "tls:443,cert=auto", "foo:bar:80", "http://h/", "exec:ls", "foo:"] {
            let sentence = refusal(text);
            assert!(sentence.contains("unknown scheme"), "{sentence}");
            assert!(sentence.contains("`tcp:` and `unix:`"), "{sentence}");
        }
    }

    #[test]
    fn an_option_is_told_that_there_are_none() {
        for text in ["tcp:80,backlog=5", "80,", "/a,mode=0660", "unix:/a,b"] {
            assert!(refusal(text).contains("no options yet"), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in [
            "",
            " ",
            "tcp:",
            "tcp",
            "tcp:*",
            "tcp::80",
            ":80",
            "::1:80",
            "tcp:::1:80",
            "-",
            "@x",
            "unix:",
            "unix:@x",
            "unix:a\0b",
            "tcp:a b:80",
            "tcp:a/b:80",
            "tcp:[fe80::1%2]:80",
            "tcp:+80",
            "tcp:80 ",
            "tcp:[]:80",
            "tcp:[a:80",
            "localhost:http",
            "tcp:[::1]",
        ] {
            refusal(text);
        }
    }

    #[test]
    fn whatever_is_accepted_reads_as_the_same_again() {
        const PARTS: [&str; 20] = [
            "tcp",
            "unix",
            "udp",
            ":",
            ":",
            ":",
            "//",
            "/",
            "[",
            "]",
            "::1",
            "*",
            "80",
            "0",
            "65536",
            "a",
            ",",
            " ",
            "%",
            "127.0.0.1",
        ];
        let (mut state, mut accepted) = (1_u64, 0);
        for _ in 0..100_000 {
            let mut text = String::new();
            for _ in 0..6 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text.push_str(PARTS.get((state >> 33) as usize % 24).unwrap_or(&""));
            }
            if let Ok(endpoint) = text.parse::<Endpoint>() {
                accepted += 1;
                assert_eq!(read(&endpoint.to_string()), endpoint, "{text}");
            }
        }
        assert!(accepted > 1000, "{accepted}");
    }
}
