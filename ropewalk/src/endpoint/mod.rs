//! Where to listen, as one writes it: `tcp:21555`, `unix:/run/x.sock`.
//! Owns: the grammar, both ways. Never: binds or resolves.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::addr::Site;
use crate::error::{Error, ErrorKind, Operation, Result};

/// Where to listen.
///
/// `tcp:21555` is loopback, IPv4 and IPv6; `tcp:*:21555` all interfaces;
/// `tcp:[::1]:21555`, `tcp:127.0.0.1:21555` and `tcp:name:21555` what they say;
/// `unix:/path` a Unix stream socket. Bare `21555`, `host:21555` and `/path` are
/// understood. Displayed, it is in its full form, which parses to the same.
///
/// ```
/// use ropewalk::endpoint::Endpoint;
/// let endpoint: Endpoint = "21555".parse().unwrap();
/// assert_eq!(endpoint.to_string(), "tcp:21555");
/// let error = "udp:21555".parse::<Endpoint>().unwrap_err();
/// assert!(error.to_string().contains("`udp`"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    site: Site,
}

impl Endpoint {
    /// What it means.
    pub fn site(&self) -> &Site {
        &self.site
    }
}

impl From<Site> for Endpoint {
    fn from(site: Site) -> Endpoint {
        Endpoint { site }
    }
}

impl FromStr for Endpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Endpoint> {
        if let Some((_, options)) = text.split_once(',') {
            let cause = format!("no option `{options}`: there are none yet");
            return Err(Error::new(Operation::Parse, ErrorKind::InvalidInput, cause).at(text));
        }
        let site = match text.split_once(':') {
            Some(("tcp", rest)) => Site::Tcp(rest.parse()?),
            Some(("unix", path)) => unix(path, text)?,
            _ if text.starts_with('/') => unix(text, text)?,
            Some((word, rest)) if is_scheme(word, rest) => return Err(unknown(word, text)),
            _ => Site::Tcp(text.parse()?),
        };
        Ok(Endpoint { site })
    }
}

fn unix(path: &str, text: &str) -> Result<Site> {
    // The system's own bound: 108 bytes with the closing zero.
    if path.is_empty() || path.len() > 107 || path.contains('\0') {
        let cause = "a Unix socket's path has 1 to 107 bytes";
        return Err(Error::new(Operation::Parse, ErrorKind::InvalidInput, cause).at(text));
    }
    Ok(Site::Unix(PathBuf::from(path)))
}

/// `host:80` is a host; `tls:80` (and `udp:…`) a scheme that is not there: told apart by
/// the words that are known to be schemes elsewhere, or by a further part.
fn is_scheme(word: &str, rest: &str) -> bool {
    const ELSEWHERE: &[&str] = &["udp", "tls", "ssl", "ws", "wss", "unixgram", "fd", "systemd"];
    ELSEWHERE.contains(&word) || (rest.contains(':') && !word.starts_with('['))
}

fn unknown(word: &str, text: &str) -> Error {
    let cause = format!("`{word}` is not a scheme to listen on here");
    Error::new(Operation::Parse, ErrorKind::InvalidInput, cause)
        .at(text)
        .with_remedy("write `tcp:PORT`, `tcp:HOST:PORT` or `unix:PATH`")
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.site {
            Site::Tcp(at) => write!(f, "tcp:{at}"),
            Site::Unix(path) => write!(f, "unix:{}", path.display()),
            Site::Memory(number) => write!(f, "memory:{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parsed_and_written_and_parsed_it_is_the_same() {
        let texts = [
            ("21555", "tcp:21555"),
            ("tcp:0", "tcp:0"),
            ("tcp:*:80", "tcp:*:80"),
            ("[::1]:80", "tcp:[::1]:80"),
            ("localhost:80", "tcp:localhost:80"),
            ("unix:/run/x", "unix:/run/x"),
            ("/run/x", "unix:/run/x"),
        ];
        for (text, full) in texts {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint.to_string(), full);
            assert_eq!(full.parse::<Endpoint>().unwrap(), endpoint);
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_in_words() {
        let refused = [
            ("tcp:70000", "0 to 65535"),
            ("tcp:", "is not a port"),
            ("tcp:80,backlog=5", "no option"),
            ("udp:53", "`udp`"),
            ("nope:1:2", "`nope`"),
            ("unix:", "1 to 107"),
            ("", "is not a port"),
        ];
        for (text, words) in refused {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert!(error.to_string().contains(words), "{text}: {error}");
        }
    }
}
