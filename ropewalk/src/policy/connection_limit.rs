//! How many connections there may be at once, in all and of one peer.
//! Owns: the counts, exact however a connection ends, and what a newcomer too many gets.
//! Never: counts a connection that it has refused, or waits for one to end.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::network::IpNetwork;
use crate::addr::Addr;
use crate::protocol::{Below, Layer, Reason, Up};

/// Bits of an IPv6 address that make a peer: what one subscriber has at least.
const V6_PREFIX: u8 = 64;

/// Limits how many connections there are at once. A clone shares its counts: one for all
/// listeners, threads and reactors that are to be counted together (not children: each has a
/// copy of its own).
///
/// A connection counts from where the layer stands until it is over, whatever ends it: a
/// refusal by another layer, a handshake that fails, a panic. Above a
/// [`ProxyHeader`](super::ProxyHeader) the peer is the client, below it the balancer. A peer
/// is an IPv4 address, or the /64 network of an IPv6 one; peers without an IP address count
/// only in all. The layer retires at once, and costs nothing after.
///
/// ```
/// use ropewalk::policy::{ConnectionLimit, Overflow};
/// use ropewalk::protocol::Factory;
/// # struct Echo;
/// # impl ropewalk::Protocol for Echo {
/// #     fn data_received(&mut self, t: &mut dyn ropewalk::Transport, d: &[u8]) { t.write(d); }
/// # }
/// let limit = ConnectionLimit::new()
///     .in_all(1000)
///     .per_peer(20)
///     .on_overflow(Overflow::Answer(b"421 too many connections\r\n".to_vec()));
/// let counts = limit.clone();
/// let factory = (|| Echo).layer(move || limit.clone());
/// assert_eq!(counts.count(), 0);
/// # let _ = factory;
/// ```
#[derive(Clone)]
#[doc(alias = "LimitTotalConnectionsFactory")]
#[doc(alias = "LimitConnectionsByPeer")]
pub struct ConnectionLimit {
    counts: Arc<Mutex<Counts>>,
    in_all: usize,
    per_peer: usize,
    v6_prefix: u8,
    overflow: Overflow,
    told: Option<Told>,
}

type Told = Arc<dyn Fn(&Addr, Limited) + Send + Sync>;

#[derive(Default)]
struct Counts {
    all: usize,
    /// At most as many as there are connections.
    peers: BTreeMap<IpNetwork, usize>,
}

/// What a connection gets that is one too many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// An end in order, at once.
    #[default]
    Close,
    /// A reset: the cheapest, as nothing is left of the connection on our side.
    Reset,
    /// These bytes, and an end in order.
    #[doc(alias = "overflowProtocol")]
    Answer(Vec<u8>),
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limited {
    /// That of all connections.
    InAll,
    /// That of one peer's.
    PerPeer,
}

impl ConnectionLimit {
    /// No limit yet.
    pub fn new() -> ConnectionLimit {
        ConnectionLimit {
            counts: Arc::default(),
            in_all: usize::MAX,
            per_peer: usize::MAX,
            v6_prefix: V6_PREFIX,
            overflow: Overflow::Close,
            told: None,
        }
    }

    /// At most so many connections at once. 0 is none.
    #[must_use]
    pub fn in_all(self, connections: usize) -> ConnectionLimit {
        ConnectionLimit { in_all: connections, ..self }
    }

    /// At most so many of one peer.
    #[must_use]
    pub fn per_peer(self, connections: usize) -> ConnectionLimit {
        ConnectionLimit { per_peer: connections, ..self }
    }

    /// So many bits of an IPv6 address make a peer, instead of 64.
    #[must_use]
    pub fn v6_prefix(self, bits: u8) -> ConnectionLimit {
        ConnectionLimit { v6_prefix: bits, ..self }
    }

    /// What one too many gets; without it, [`Overflow::Close`].
    #[must_use]
    pub fn on_overflow(self, overflow: Overflow) -> ConnectionLimit {
        ConnectionLimit { overflow, ..self }
    }

    /// Called for each one too many, on its own thread, before it gets its answer. A panic in
    /// it ends that connection.
    #[must_use]
    pub fn told(self, told: impl Fn(&Addr, Limited) + Send + Sync + 'static) -> ConnectionLimit {
        ConnectionLimit { told: Some(Arc::new(told)), ..self }
    }

    /// Connections that count now.
    #[doc(alias = "connectionCount")]
    pub fn count(&self) -> usize {
        self.with(|counts| counts.all)
    }

    /// Those of this peer.
    pub fn count_of(&self, peer: &Addr) -> usize {
        let Some(peer) = self.peer(peer) else { return 0 };
        self.with(|counts| counts.peers.get(&peer).copied().unwrap_or(0))
    }

    /// Counts one more, if there is room.
    fn enter(&self, peer: &Addr) -> Result<Permit, Limited> {
        let peer = self.peer(peer);
        self.with(|counts| {
            if counts.all >= self.in_all {
                return Err(Limited::InAll);
            }
            if let Some(peer) = peer {
                let of_peer = counts.peers.get(&peer).copied().unwrap_or(0);
                if of_peer >= self.per_peer {
                    return Err(Limited::PerPeer);
                }
                counts.peers.insert(peer, of_peer + 1);
            }
            counts.all += 1;
            Ok(Permit { counts: self.counts.clone(), peer })
        })
    }

    fn peer(&self, peer: &Addr) -> Option<IpNetwork> {
        let ip = peer.ip()?.ip().to_canonical();
        Some(match ip {
            IpAddr::V4(_) => IpNetwork::from(ip),
            IpAddr::V6(_) => IpNetwork::around(ip, self.v6_prefix),
        })
    }

    fn with<R>(&self, f: impl FnOnce(&mut Counts) -> R) -> R {
        with(&self.counts, f)
    }
}

/// Nothing panics while the counts are changed, so they are right whoever panicked.
fn with<R>(counts: &Mutex<Counts>, f: impl FnOnce(&mut Counts) -> R) -> R {
    f(&mut counts.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Default for ConnectionLimit {
    fn default() -> ConnectionLimit {
        ConnectionLimit::new()
    }
}

/// One connection's place: kept with it, and given back when it is over.
struct Permit {
    counts: Arc<Mutex<Counts>>,
    peer: Option<IpNetwork>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        with(&self.counts, |counts| {
            counts.all -= 1;
            let Some(peer) = self.peer else { return };
            match counts.peers.get_mut(&peer) {
                Some(count) if *count > 1 => *count -= 1,
                _ => drop(counts.peers.remove(&peer)),
            }
        });
    }
}

impl Layer for ConnectionLimit {
    fn started(&mut self, below: &mut Below<'_>, up: &mut Up<'_>) {
        let peer = below.peer_addr();
        let limited = match self.enter(&peer) {
            Ok(permit) => {
                below.keep(permit);
                up.made();
                return below.retire();
            }
            Err(limited) => limited,
        };
        if let Some(told) = &self.told {
            told(&peer, limited);
        }
        let why = Reason::refused(match limited {
            Limited::InAll => format!("there are {} connections already", self.in_all),
            Limited::PerPeer => {
                format!("there are {} connections of {} already", self.per_peer, peer.host())
            }
        });
        match &self.overflow {
            Overflow::Close => below.close_because(why),
            Overflow::Reset => below.fail(why),
            Overflow::Answer(answer) => {
                below.write(answer);
                below.close_because(why);
            }
        }
    }
}

impl fmt::Debug for ConnectionLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionLimit")
            .field("count", &self.count())
            .field("in_all", &self.in_all)
            .field("per_peer", &self.per_peer)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::protocol::{By, Kind};
    use crate::testing::LayerBench;

    /// A connection of this peer, which counts until it is dropped.
    fn connect(limit: &ConnectionLimit, ip: &str) -> LayerBench {
        let peer = SocketAddr::new(ip.parse().unwrap(), 4000);
        let mut bench = LayerBench::new().with_peer(peer);
        bench.start(&mut limit.clone());
        bench
    }

    fn is_in(bench: &LayerBench) -> bool {
        assert_eq!(bench.is_made(), bench.is_retired());
        bench.is_made()
    }

    #[test]
    fn a_connection_counts_until_it_is_over() {
        let limit = ConnectionLimit::new().in_all(2);
        let first = connect(&limit, "10.0.0.1");
        let second = connect(&limit, "10.0.0.2");
        let third = connect(&limit, "10.0.0.3");
        assert!(is_in(&first) && is_in(&second) && !is_in(&third));
        drop(third);
        assert_eq!(limit.count(), 2);
        drop(first);
        assert!(is_in(&connect(&limit, "10.0.0.3")));
        assert_eq!(limit.count(), 1);
        drop(second);
        assert_eq!(limit.count(), 0);
    }

    #[test]
    fn one_peer_cannot_take_all_places() {
        let limit = ConnectionLimit::new().in_all(10).per_peer(1);
        let places: Vec<_> = [
            ("10.0.0.1", true),
            ("10.0.0.1", false),
            ("::ffff:10.0.0.1", false),
            ("10.0.0.2", true),
            ("2001:db8:0:1::1", true),
            ("2001:db8:0:1:ffff::2", false), // the same /64
            ("2001:db8:0:2::1", true),
        ]
        .into_iter()
        .map(|(ip, fits)| {
            let bench = connect(&limit, ip);
            assert_eq!(is_in(&bench), fits, "{ip}");
            bench
        })
        .collect();
        let mapped: SocketAddr = "[::ffff:10.0.0.1]:9".parse().unwrap();
        assert_eq!((limit.count(), limit.count_of(&mapped.into())), (4, 1));
        drop(places);
        assert_eq!(limit.count(), 0);
        limit.with(|counts| assert!(counts.peers.is_empty()));
    }

    #[test]
    fn another_width_makes_other_peers() {
        let limit = ConnectionLimit::new().per_peer(1).v6_prefix(128);
        let (one, other) = (connect(&limit, "2001:db8::1"), connect(&limit, "2001:db8::2"));
        assert!(is_in(&one) && is_in(&other));
        let limit = ConnectionLimit::new().per_peer(1).v6_prefix(48);
        let (one, other) = (connect(&limit, "2001:db8:0:1::1"), connect(&limit, "2001:db8:0:2::1"));
        assert!(is_in(&one) && !is_in(&other));
    }

    #[test]
    fn peers_without_an_address_count_only_in_all() {
        let limit = ConnectionLimit::new().in_all(2).per_peer(1);
        let unix = || {
            let mut bench = LayerBench::new().with_peer(Addr::Unix(None));
            bench.start(&mut limit.clone());
            bench
        };
        let benches = [unix(), unix(), unix()];
        assert_eq!(benches.each_ref().map(is_in), [true, true, false]);
    }

    #[test]
    fn one_too_many_gets_what_was_chosen_and_somebody_is_told() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let told = seen.clone();
        let limit = ConnectionLimit::new().in_all(0);
        let limit = limit
            .told(move |peer, which| told.lock().unwrap().push((peer.host().into_owned(), which)));
        let closed = connect(&limit, "10.0.0.1");
        assert!(closed.is_closing());
        let why = closed.failure().unwrap();
        assert_eq!((why.kind(), why.by()), (Kind::Refused, By::User));
        assert_eq!(why.to_string(), "refused: there are 0 connections already");
        let reset = connect(&limit.clone().on_overflow(Overflow::Reset), "10.0.0.2");
        assert!(!reset.is_closing() && reset.failure().is_some());
        let answer = Overflow::Answer(b"busy".to_vec());
        let limit = limit.in_all(9).per_peer(0).on_overflow(answer);
        let mut answered = connect(&limit, "10.0.0.3");
        assert_eq!(answered.take_wire(), b"busy");
        assert!(answered.is_closing());
        let why = answered.failure().unwrap().to_string();
        assert_eq!(why, "refused: there are 0 connections of 10.0.0.3 already");
        let (all, peer) = (Limited::InAll, Limited::PerPeer);
        let wanted = [("10.0.0.1", all), ("10.0.0.2", all), ("10.0.0.3", peer)];
        let seen = seen.lock().unwrap();
        assert!(seen.iter().map(|(host, which)| (&host[..], *which)).eq(wanted));
        assert_eq!(limit.count(), 0);
    }
}
