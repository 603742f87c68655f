//! What stands in front of a service: who may connect, how many, how fast, and who looks on.
//! Owns: what the options mean as layers, and where they would mean nothing. Never: decides
//! about a connection; the layers do.

use std::sync::atomic::{AtomicU64, Ordering};

use ropewalk::endpoint::Place;
use ropewalk::policy::{AccessList, ConnectionLimit, Throttle, TrafficLog};
use ropewalk::protocol::Layers;
use ropewalk::{Addr, Factory, Net, Reason};

use super::spot::{Spot, Wanted};
use crate::args::{Dump, Model, Serve};
use crate::failure::{self, Failure};
use crate::log::Log;

/// The policies of all endpoints together. A clone shares their counts.
#[derive(Clone)]
pub(super) struct Policies {
    access: Option<AccessList>,
    limit: Option<ConnectionLimit>,
    bytes_per_second: Option<u64>,
    dump: Option<Dump>,
    is_forked: bool,
    log: Log,
}

impl Policies {
    /// What the options ask for; none of it may be lost on one of the endpoints.
    pub(super) fn of(serve: &Serve, spots: &[Spot], log: &Log) -> Result<Policies, Failure> {
        let flags = [
            ("--allow", !serve.allow.is_empty()),
            ("--deny", !serve.deny.is_empty()),
            ("--max-connections", serve.max_connections.is_some()),
            ("--max-per-peer", serve.max_per_peer.is_some()),
            ("--rate", serve.rate.is_some()),
            ("--dump", serve.dump.is_some()),
        ];
        let datagrams = spots.iter().find(|spot| matches!(spot.at, Wanted::Datagrams(_)));
        if let (Some((flag, _)), Some(spot)) = (flags.iter().find(|(_, set)| *set), datagrams) {
            let sentence = format!("{flag} is about connections, and {} has none", spot.endpoint);
            return Err(Failure::new(failure::USAGE, sentence)
                .help("serve datagrams by a program of their own"));
        }
        let counts = serve.max_connections.is_some() || serve.max_per_peer.is_some();
        if counts && serve.model == Model::Fork {
            let sentence = "children do not count one another's connections".to_owned();
            return Err(Failure::new(failure::USAGE, sentence)
                .help("--max-connections and --max-per-peer are for the other models"));
        }
        let balancers = !serve.balancer.is_empty();
        if balancers && !spots.iter().any(|spot| spot.endpoint.proxy_header()) {
            let sentence = "--balancer says who may send a PROXY header, and none is read";
            return Err(Failure::new(failure::USAGE, sentence.to_owned())
                .help("write haproxy: in front of the endpoint"));
        }
        Ok(Policies {
            access: access(serve),
            limit: counts.then(|| {
                ConnectionLimit::new()
                    .in_all(serve.max_connections.unwrap_or(usize::MAX))
                    .per_peer(serve.max_per_peer.unwrap_or(usize::MAX))
            }),
            bytes_per_second: serve.rate,
            dump: serve.dump,
            is_forked: serve.model == Model::Fork,
            log: log.clone(),
        })
    }

    /// A factory behind them.
    pub(super) fn around<F>(&self, factory: F) -> Behind<F> {
        Behind { policies: self.clone(), factory }
    }

    /// From the wire up: who is refused costs nothing, and what is shown is what the protocol
    /// reads and writes.
    fn push(&self, layers: &mut Layers) {
        if let Some(access) = &self.access {
            layers.push(access.clone());
        }
        if let Some(limit) = &self.limit {
            layers.push(limit.clone());
        }
        if let Some(rate) = self.bytes_per_second {
            let burst = rate / BURSTS_PER_SECOND;
            layers.push(Throttle::new().read(rate, burst).write(rate, burst));
        }
        if let Some(dump) = self.dump {
            let log = self.log.clone();
            let sink = move |line: &str| log.say(line);
            layers.push(match dump {
                Dump::Text => TrafficLog::text(self.label(), sink),
                Dump::Hex => TrafficLog::hex(self.label(), sink),
            });
        }
    }

    /// A child has one connection, and does not know of the others' numbers.
    fn label(&self) -> String {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        match self.is_forked {
            true => format!("process {}", std::process::id()),
            false => format!("connection {}", NEXT.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

/// A rate's burst is what it has in so short a time.
const BURSTS_PER_SECOND: u64 = 10;

/// Who is denied is denied, whatever else is allowed.
fn access(serve: &Serve) -> Option<AccessList> {
    if serve.allow.is_empty() && serve.deny.is_empty() {
        return None;
    }
    let list = serve.deny.iter().fold(AccessList::new(), |list, network| list.deny(*network));
    Some(serve.allow.iter().fold(list, |list, network| list.allow(*network)))
}

/// Who may send a PROXY header: everybody, unless it is said. A Unix socket's peers have no
/// address, and are let in by the file.
pub(super) fn balancers(serve: &Serve, spot: &Spot) -> Option<AccessList> {
    let is_unix = matches!(spot.endpoint.place(), Place::Unix(_));
    let named = serve.balancer.iter();
    let list = named.fold(AccessList::new(), |list, network| list.allow(*network));
    (!serve.balancer.is_empty() && !is_unix).then_some(list)
}

/// A factory behind policies.
pub(super) struct Behind<F> {
    policies: Policies,
    factory: F,
}

impl<F: Factory> Factory for Behind<F> {
    type Protocol = F::Protocol;
    fn build(&mut self, peer: &Addr) -> Option<F::Protocol> {
        self.factory.build(peer)
    }
    fn stack(&mut self, layers: &mut Layers) {
        self.policies.push(layers);
        self.factory.stack(layers);
    }
    fn failed(&mut self, net: &dyn Net, why: &Reason) {
        self.factory.failed(net, why);
    }
}
