//! The engines by name: which there are, and what a test may ask of each.

use ropewalk::protocol::Layers;

#[cfg(feature = "tls")] // the feature's own engines
use super::encrypted::{Ends, TLS12, TLS13};
use super::needs::resets;

/// Which engine, over what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    PollTcp,
    PollUnix,
    ThreadsTcp,
    ThreadsUnix,
    PoolTcp,
    /// One connection after another, so that most rules cannot be seen on it: see
    /// `everywhere`.
    SerialTcp,
    /// A server with a mix-in: see `everywhere`.
    ThreadingTcp,
    #[cfg(target_os = "linux")] // where a process can look at its descriptors
    ForkTcp,
    Memory,
    Seeded(u64),
    #[cfg(all(feature = "uring", target_os = "linux"))] // the feature's own engine
    UringTcp,
    /// Another one, with TLS between the wire and the script's own layers.
    #[cfg(feature = "tls")] // the feature's own engines
    Tls(&'static Kind),
}

/// Every engine of this build and machine.
// Memory first: what never comes is found out there at once, not by a watchdog.
pub const KINDS: &[Kind] = &[
    Kind::Memory,
    Kind::Seeded(1),
    Kind::Seeded(2),
    Kind::Seeded(3),
    #[cfg(feature = "tls")] // the feature's own engines
    Kind::Tls(&Kind::Memory),
    #[cfg(feature = "tls")] // as above
    Kind::Tls(&Kind::Seeded(2)),
    #[cfg(feature = "tls")] // as above
    Kind::Tls(&Kind::Seeded(TLS12_SEED)),
    #[cfg(feature = "tls")] // as above
    Kind::Tls(&Kind::PollTcp),
    #[cfg(feature = "tls")] // as above
    Kind::Tls(&Kind::ThreadsTcp),
    #[cfg(feature = "tls")] // as above
    Kind::Tls(&Kind::PoolTcp),
    Kind::PollTcp,
    #[cfg(unix)] // Unix sockets
    Kind::PollUnix,
    Kind::ThreadsTcp,
    #[cfg(unix)] // Unix sockets
    Kind::ThreadsUnix,
    Kind::PoolTcp,
    #[cfg(target_os = "linux")] // as above
    Kind::ForkTcp,
    #[cfg(all(feature = "uring", target_os = "linux"))] // the feature's own engine
    Kind::UringTcp,
];

/// The seed whose TLS is 1.2.
#[cfg(feature = "tls")] // the feature's own engines
const TLS12_SEED: u64 = 3;

impl Kind {
    /// A server's layers, below the script's own.
    pub fn stack_server(self, layers: &mut Layers) {
        #[cfg(feature = "tls")] // the feature's own engines
        if let Some(ends) = self.tls() {
            layers.push(ends.server.layer());
        }
        let _ = layers;
    }

    /// The same of a client.
    pub fn stack_client(self, layers: &mut Layers) {
        #[cfg(feature = "tls")] // the feature's own engines
        if let Some(ends) = self.tls() {
            layers.push(ends.client.layer("localhost"));
        }
        let _ = layers;
    }

    /// The engine, whatever stands on it.
    pub fn below(self) -> Kind {
        #[cfg(feature = "tls")] // the feature's own engines
        if let Kind::Tls(kind) = self {
            return *kind;
        }
        self
    }

    /// What is written is what the wire has: nothing between adds to it or waits.
    pub fn is_plain(self) -> bool {
        self == self.below()
    }

    /// What TLS is between.
    #[cfg(feature = "tls")] // the feature's own engines
    pub fn tls(self) -> Option<&'static Ends> {
        match self {
            Kind::Tls(Kind::Seeded(TLS12_SEED) | Kind::ThreadsTcp) => Some(&TLS12),
            Kind::Tls(_) => Some(&TLS13),
            _ => None,
        }
    }

    pub fn is_memory(self) -> bool {
        matches!(self.below(), Kind::Memory | Kind::Seeded(_))
    }

    /// Unix sockets have no reset: an end is an end of input, whatever the peer did.
    pub fn has_reset(self) -> bool {
        self.is_memory()
            || (!matches!(self.below(), Kind::PollUnix | Kind::ThreadsUnix) && resets())
    }

    /// One event loop serves all connections.
    pub fn is_one_loop(self) -> bool {
        !matches!(self.below(), Kind::ThreadsTcp | Kind::ThreadsUnix) && self.accepts_by_an_engine()
    }

    /// What accepts is an engine, which can be called, and can connect. A server with a
    /// mix-in has an engine for each connection, where that is, and none of its own.
    pub fn accepts_by_an_engine(self) -> bool {
        !matches!(self.below(), Kind::PoolTcp | Kind::SerialTcp | Kind::ThreadingTcp)
            && self.is_here()
    }

    /// Protocols live in the test's process, and can leave things for the test.
    pub fn is_here(self) -> bool {
        #[cfg(target_os = "linux")] // as above
        return self != Kind::ForkTcp;
        #[cfg(not(target_os = "linux"))] // as above
        true
    }

    /// More than any kernel, or the network in memory, buffers for one connection.
    pub fn too_much(self) -> usize {
        if self.is_memory() { 2_000_000 } else { 20_000_000 }
    }
}
