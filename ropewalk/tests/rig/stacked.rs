//! What stands between the wire and the scripts of a rig: nothing, or policies in one of
//! several orders. Every rule is to hold whatever stands there.

use std::time::Duration;

use ropewalk::policy::{
    AccessList, ConnectionLimit, Header, MinimumRate, ProxyHeader, Throttle, TotalDeadline,
    TrafficLog,
};
use ropewalk::protocol::{self, Layer, Layers, Up};
use ropewalk::{Addr, Factory, Net, Reason, Timer};

use super::kind::Kind;

/// What stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stacked {
    /// Nothing: the straight path.
    Bare,
    /// Every policy, with bounds that no test reaches.
    Policies,
    /// The same from the other end.
    Reversed,
    /// A layer that keeps what is written until a timer comes, and copies what comes.
    Holding,
}

/// The engines on which every rule is tried with policies in between, too. One for each way
/// in which an engine calls a connection: more would find nothing else, and take longer.
pub const STACKED: &[(Kind, Stacked)] = &[
    (Kind::Memory, Stacked::Policies),
    (Kind::Memory, Stacked::Reversed),
    (Kind::Memory, Stacked::Holding),
    (Kind::Seeded(1), Stacked::Policies),
    (Kind::Seeded(2), Stacked::Reversed),
    (Kind::Seeded(3), Stacked::Holding),
    (Kind::PollTcp, Stacked::Policies),
    (Kind::PollTcp, Stacked::Holding),
    (Kind::ThreadsTcp, Stacked::Reversed),
    #[cfg(feature = "tls")] // the feature's own engines
    (Kind::Tls(&Kind::Memory), Stacked::Policies),
    // Not `Holding`: it delays the last word that TLS has for a peer which may have gone by then,
    // and which answers it by a reset, as any kernel does.
    #[cfg(feature = "tls")] // as above
    (Kind::Tls(&Kind::PollTcp), Stacked::Reversed),
];

impl Stacked {
    /// A server's factory with these layers below its own.
    pub fn server<F: Factory>(self, factory: F) -> Below<F> {
        Below { stacked: self, factory }
    }

    /// A client's layers.
    pub fn client(self, layers: &mut Layers) {
        self.push(layers, Side::Client);
    }

    /// What a peer says first.
    pub fn greeting(self) -> &'static [u8] {
        match self {
            Stacked::Policies | Stacked::Reversed => b"PROXY UNKNOWN\r\n",
            Stacked::Bare | Stacked::Holding => b"",
        }
    }

    fn push(self, layers: &mut Layers, side: Side) {
        match self {
            Stacked::Bare => {}
            Stacked::Holding => layers.push(Holds::default()),
            Stacked::Policies => POLICIES.iter().for_each(|push| push(layers, side)),
            Stacked::Reversed => POLICIES.iter().rev().for_each(|push| push(layers, side)),
        }
    }
}

#[derive(Clone, Copy)]
enum Side {
    Server,
    Client,
}

const LONG: Duration = Duration::from_secs(1000 * 24 * 3600);

/// From the wire up.
const POLICIES: &[fn(&mut Layers, Side)] = &[
    |layers, _| layers.push(TrafficLog::text("rig", |_| ()).at_most(16)),
    |layers, _| layers.push(ConnectionLimit::new().in_all(1000).per_peer(1000)),
    |layers, side| match side {
        Side::Server => layers.push(ProxyHeader::new()),
        Side::Client => layers.push(ProxyHeader::send_text(&Header::Unknown)),
    },
    |layers, _| layers.push(AccessList::new()),
    |layers, _| {
        let most = u64::MAX / 4;
        layers.push(Throttle::new().read(most, most).write(most, most));
    },
    |layers, _| layers.push(MinimumRate::per(LONG).read(0).write(0)),
    |layers, _| layers.push(TotalDeadline::new(LONG)),
];

/// A factory with layers below its own.
pub struct Below<F> {
    stacked: Stacked,
    factory: F,
}

impl<F: Factory> Factory for Below<F> {
    type Protocol = F::Protocol;
    fn build(&mut self, peer: &Addr) -> Option<F::Protocol> {
        self.factory.build(peer)
    }
    fn stack(&mut self, layers: &mut Layers) {
        self.stacked.push(layers, Side::Server);
        self.factory.stack(layers);
    }
    fn failed(&mut self, net: &dyn Net, why: &Reason) {
        self.factory.failed(net, why);
    }
}

/// Keeps what is written until a timer comes.
#[derive(Default)]
struct Holds(Vec<u8>);

impl Layer for Holds {
    fn received<'d>(&mut self, _: &mut protocol::Below<'_>, data: &'d [u8], up: &mut Up<'d>) {
        up.bytes().extend_from_slice(data);
    }
    fn write(&mut self, below: &mut protocol::Below<'_>, data: &[u8]) {
        if self.0.is_empty() {
            below.set_timer(Timer(0), Duration::ZERO);
        }
        self.0.extend_from_slice(data);
    }
    fn pending(&self) -> usize {
        self.0.len()
    }
    fn timer_fired(&mut self, below: &mut protocol::Below<'_>, _: Timer, _: &mut Up<'_>) {
        below.write(&std::mem::take(&mut self.0));
    }
}
