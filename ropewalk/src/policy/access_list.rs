//! Who may connect: networks that are allowed or denied, in order.
//! Owns: the rules, how they are read, and the refusal. Never: looks up a name.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::network::{self, IpNetwork};
use crate::addr::Addr;
use crate::error::{Error, Result};
use crate::protocol::{Below, Layer, Reason, Up};

/// Allows or refuses peers by their address; the first rule that names one decides.
///
/// Whoever no rule names is refused if a rule allows somebody, and allowed if all rules only
/// deny, unless [`AccessList::otherwise_allow`] or [`AccessList::otherwise_deny`] says which. A
/// peer without an IP address (of a Unix socket) is named by no rule. A refused peer is reset,
/// and its factory hears `Refused`.
///
/// Above a [`ProxyHeader`](super::ProxyHeader) it sees the client's address, below it the
/// balancer's. The layer retires at once, and costs nothing after.
///
/// ```
/// use ropewalk::policy::AccessList;
/// use ropewalk::protocol::Factory;
/// # struct Echo;
/// # impl ropewalk::Protocol for Echo {
/// #     fn data_received(&mut self, t: &mut dyn ropewalk::Transport, d: &[u8]) { t.write(d); }
/// # }
/// let list: AccessList = "deny 10.0.0.13, allow 10.0.0.0/8, allow ::1".parse().unwrap();
/// let peer = |ip: &str| ropewalk::Addr::from(std::net::SocketAddr::new(ip.parse().unwrap(), 80));
/// assert!(list.allows(&peer("10.1.2.3")));
/// assert!(!list.allows(&peer("10.0.0.13")) && !list.allows(&peer("192.0.2.1")));
/// let factory = (|| Echo).layer(move || list.clone());
/// # let _ = factory;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessList {
    rules: Arc<Vec<Rule>>,
    otherwise: Option<Verdict>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rule {
    verdict: Verdict,
    network: IpNetwork,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Allow,
    Deny,
}

impl AccessList {
    /// Without a rule: everybody is allowed.
    pub fn new() -> AccessList {
        AccessList { rules: Arc::default(), otherwise: None }
    }

    /// Allows a network, unless an earlier rule denies it.
    #[must_use]
    pub fn allow(self, network: impl Into<IpNetwork>) -> AccessList {
        self.with(Verdict::Allow, network.into())
    }

    /// Denies a network, unless an earlier rule allows it.
    #[must_use]
    pub fn deny(self, network: impl Into<IpNetwork>) -> AccessList {
        self.with(Verdict::Deny, network.into())
    }

    /// Whoever no rule names is allowed.
    #[must_use]
    pub fn otherwise_allow(self) -> AccessList {
        AccessList { otherwise: Some(Verdict::Allow), ..self }
    }

    /// Whoever no rule names is refused.
    #[must_use]
    pub fn otherwise_deny(self) -> AccessList {
        AccessList { otherwise: Some(Verdict::Deny), ..self }
    }

    /// Whether this peer may connect.
    pub fn allows(&self, peer: &Addr) -> bool {
        let named = self.rules.iter().find(|rule| rule.network.has_peer(peer));
        named.map_or_else(|| self.default_verdict(), |rule| rule.verdict) == Verdict::Allow
    }

    fn with(mut self, verdict: Verdict, network: IpNetwork) -> AccessList {
        Arc::make_mut(&mut self.rules).push(Rule { verdict, network });
        self
    }

    fn default_verdict(&self) -> Verdict {
        let allows = || self.rules.iter().any(|rule| rule.verdict == Verdict::Allow);
        let usual = || if allows() { Verdict::Deny } else { Verdict::Allow };
        self.otherwise.unwrap_or_else(usual)
    }
}

impl Default for AccessList {
    fn default() -> AccessList {
        AccessList::new()
    }
}

impl Layer for AccessList {
    fn started(&mut self, below: &mut Below<'_>, up: &mut Up<'_>) {
        let peer = below.peer_addr();
        if !self.allows(&peer) {
            return below.fail(Reason::refused(format!("{peer} is not allowed to connect")));
        }
        up.made();
        below.retire();
    }
}

impl FromStr for AccessList {
    type Err = Error;

    /// Rules with commas or line ends between them: `allow` or `deny`, and a network, or
    /// `all`, behind which nothing comes.
    ///
    /// # Errors
    /// `InvalidInput`, with the place in the text.
    fn from_str(text: &str) -> Result<AccessList> {
        let mut list = AccessList::new();
        let mut at = 0;
        for piece in text.split([',', '\n']) {
            let rule = piece.trim();
            let rule_at = at + (piece.len() - piece.trim_start().len());
            at += piece.len() + 1;
            if !rule.is_empty() {
                list = list.read_rule(rule, text, rule_at)?;
            }
        }
        Ok(list)
    }
}

impl AccessList {
    fn read_rule(self, rule: &str, text: &str, at: usize) -> Result<AccessList> {
        if self.otherwise.is_some() {
            return Err(network::wrong(text, at, "behind `all` comes nothing"));
        }
        let (word, rest) = rule.split_once(char::is_whitespace).unwrap_or((rule, ""));
        let whom = rest.trim_start();
        let verdict = match word {
            "allow" => Verdict::Allow,
            "deny" => Verdict::Deny,
            _ => {
                let sentence = "a rule begins with `allow` or `deny`";
                let remedy = "write `allow 10.0.0.0/8, deny all`";
                return Err(network::wrong(text, at, sentence).with_remedy(remedy));
            }
        };
        if whom == "all" {
            return Ok(AccessList { otherwise: Some(verdict), ..self });
        }
        let network = network::parse(whom, text, at + rule.len() - whom.len())?;
        Ok(self.with(verdict, network))
    }
}

impl fmt::Display for AccessList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |verdict| if verdict == Verdict::Allow { "allow" } else { "deny" };
        for rule in &*self.rules {
            write!(f, "{} {}, ", word(rule.verdict), rule.network)?;
        }
        write!(f, "{} all", word(self.default_verdict()))
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::protocol::{By, Kind};
    use crate::testing::LayerBench;

    fn peer(ip: &str) -> Addr {
        SocketAddr::new(ip.parse().unwrap(), 1).into()
    }

    fn list(text: &str) -> AccessList {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_rule_that_names_a_peer_decides() {
        let list = list("deny 10.0.0.13,allow 10.0.0.0/8 , deny 10.1.0.0/16\n allow ::1");
        for (ip, allowed) in [
            ("10.0.0.12", true),
            ("10.0.0.13", false),
            ("::ffff:10.0.0.13", false),
            ("::ffff:10.0.0.14", true),
            ("10.1.0.1", true),
            ("::1", true),
            ("::2", false),
            ("11.0.0.1", false),
        ] {
            assert_eq!(list.allows(&peer(ip)), allowed, "{ip}");
        }
        let text = "deny 10.0.0.13, allow 10.0.0.0/8, deny 10.1.0.0/16, allow ::1, deny all";
        assert_eq!(list.to_string(), text);
    }

    #[test]
    fn whom_no_rule_names_depends_on_whether_any_rule_allows() {
        let unix = Addr::Unix(None);
        for (text, allowed) in [
            ("", true),
            ("deny 10.0.0.0/8", true),
            ("allow 10.0.0.0/8", false),
            ("deny 10.0.0.0/8, allow 11.0.0.0/8", false),
            ("allow 10.0.0.0/8, allow all", true),
            ("deny all", false),
        ] {
            let list = list(text);
            assert_eq!(list.allows(&peer("192.0.2.1")), allowed, "{text}");
            assert_eq!(list.allows(&unix), allowed, "{text}");
            assert_eq!(list.to_string().parse::<AccessList>().unwrap().allows(&unix), allowed);
        }
        let network: IpNetwork = "10.0.0.0/8".parse().unwrap();
        assert!(AccessList::new().allow(network).otherwise_allow().allows(&unix));
        assert!(!AccessList::new().deny(network).otherwise_deny().allows(&unix));
    }

    #[test]
    fn a_slip_is_told_with_its_place() {
        for (text, part, column) in [
            ("allow", "`` is no IP address", 6),
            ("allow 10.0.0.0/8, 11.0.0.0/8", "begins with `allow` or `deny`", 19),
            ("allow 10.0.0.0/8,\n deny  10.0.0.0/99", "0 to 32", 35),
            ("allow 10.0.0.1/8", "write 10.0.0.0/8", 7),
            ("deny all, allow ::1", "behind `all` comes nothing", 11),
            ("allow éé", "`éé` is no IP address", 7),
        ] {
            let error = text.parse::<AccessList>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
            assert!(error.contains(&format!("at column {column}")), "{text}: {error}");
        }
    }

    #[test]
    fn a_stranger_is_refused_before_it_says_anything_and_a_friend_costs_nothing_more() {
        let mut layer = list("allow 10.0.0.0/8");
        let mut bench = LayerBench::new().with_peer("11.0.0.1:5".parse::<SocketAddr>().unwrap());
        assert!(!bench.start(&mut layer));
        let why = bench.failure().unwrap();
        assert_eq!((why.kind(), why.by()), (Kind::Refused, By::User));
        assert_eq!(why.to_string(), "refused: 11.0.0.1:5 is not allowed to connect");
        let mut bench = LayerBench::new().with_peer("10.0.0.1:5".parse::<SocketAddr>().unwrap());
        assert!(bench.start(&mut layer) && bench.is_retired());
    }
}
