//! Places in the network in memory: numbers and IP addresses where somebody listens, how far
//! an address is, and the names that lead to them.
//! Owns: who is where, and how long it takes to be told. Never: carries a byte.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::{Owner, Simulated, SimulatedIo, SimulatedListener, What, World};
use crate::addr::Addr;
use crate::clock::Clock;
use crate::engine::Reply;
use crate::protocol::ConnectionId;

/// How an address of the network in memory answers who connects to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reach {
    /// It accepts, or refuses if nobody listens there, after so long.
    After(Duration),
    /// It never answers.
    Silent,
    /// There is no way to it, which is known at once.
    Unreachable,
}

/// Who is where.
#[derive(Default)]
pub(super) struct Places {
    listeners: BTreeMap<Addr, u32>,
    reaches: BTreeMap<SocketAddr, Reach>,
    names: BTreeMap<String, Name>,
    /// Answers under way, by the event that brings them.
    answers: BTreeMap<u64, Answer>,
}

/// What a name leads to, and when; `None` is never.
struct Name {
    ips: Vec<IpAddr>,
    after: Option<Duration>,
}

struct Answer {
    reply: Reply,
    found: io::Result<Vec<SocketAddr>>,
}

impl Places {
    pub(super) fn listener(&self, at: &Addr) -> Option<u32> {
        self.listeners.get(at).copied()
    }

    fn reach(&self, to: &Addr) -> Option<Reach> {
        self.reaches.get(&to.ip()?).copied()
    }

    /// Port 0 is the first that is free.
    fn free(&self, at: &Addr) -> Option<Addr> {
        let is_free = |at: &Addr| !self.listeners.contains_key(at);
        match at {
            Addr::Ip(ip) if ip.port() == 0 => {
                let mut ports = FIRST_FREE_PORT..=u16::MAX;
                ports.find_map(|port| Some(SocketAddr::new(ip.ip(), port).into()).filter(is_free))
            }
            _ => Some(at.clone()).filter(is_free),
        }
    }
}

/// The first of those that port 0 becomes.
const FIRST_FREE_PORT: u16 = 49_152;

impl Simulated {
    /// From now on this name has these addresses, and whoever asks is told after so long;
    /// never, if `None`. Any other name is not known, at once.
    pub fn set_name(&self, host: &str, ips: &[IpAddr], after: Option<Duration>) {
        let name = Name { ips: ips.to_vec(), after };
        self.0.state.borrow_mut().places.names.insert(host.to_owned(), name);
    }

    /// From now on this address answers so. By default as fast as the weather has it.
    pub fn set_reach(&self, addr: SocketAddr, reach: Reach) {
        self.0.state.borrow_mut().places.reaches.insert(addr, reach);
    }

    pub(super) fn look_up(&self, host: &str, port: u16, reply: Reply) {
        let now = self.0.clock.now();
        let mut state = self.0.state.borrow_mut();
        let (after, found) = match state.places.names.get(host) {
            Some(Name { ips, after }) => {
                let addrs = ips.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
                (*after, Ok(addrs))
            }
            None => {
                let none = format!("no name `{host}` in memory");
                (Some(Duration::ZERO), Err(io::Error::new(io::ErrorKind::NotFound, none)))
            }
        };
        if let Some(after) = after {
            let key = state.sequence;
            state.places.answers.insert(key, Answer { reply, found });
            state.schedule(now + after, What::Answer(key));
        }
    }

    pub(super) fn listen_at(
        &self,
        number: u32,
        at: &Addr,
    ) -> io::Result<(SimulatedListener, Addr)> {
        if matches!(at, Addr::Unix(_)) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let mut state = self.0.state.borrow_mut();
        let at = state.places.free(at).ok_or(io::ErrorKind::AddrInUse)?;
        state.places.listeners.insert(at.clone(), number);
        Ok((SimulatedListener { world: self.0.clone(), at: at.clone() }, at))
    }

    pub(super) fn connect_to(&self, id: ConnectionId, to: &Addr) -> io::Result<SimulatedIo> {
        if matches!(to, Addr::Unix(_)) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let mut state = self.0.state.borrow_mut();
        let reach = state.places.reach(to);
        if reach == Some(Reach::Unreachable) {
            return Err(io::ErrorKind::NetworkUnreachable.into());
        }
        let now = self.0.clock.now();
        let end = state.link();
        state.ends[end].owner = Owner::Connection(id);
        let begins = match reach {
            Some(Reach::After(after)) => now + after,
            _ => now,
        };
        let listener = state.places.listener(to).filter(|_| reach != Some(Reach::Silent));
        if let Some(listener) = listener {
            state.ends[end ^ 1].owner = Owner::Listener;
            let at = state.arrival(end ^ 1, begins);
            state.schedule(at, What::Accept(listener, end ^ 1));
        }
        if reach != Some(Reach::Silent) {
            let at = state.arrival(end, begins);
            state.schedule(at, What::Connected(end, listener.is_some()));
        }
        Ok(SimulatedIo { world: self.0.clone(), end })
    }
}

impl World {
    pub(super) fn answer(&self, key: u64) {
        let answer = self.state.borrow_mut().places.answers.remove(&key);
        if let Some(Answer { reply, found }) = answer {
            reply.tell(found);
        }
    }
}

impl Drop for SimulatedListener {
    fn drop(&mut self) {
        self.world.state.borrow_mut().places.listeners.remove(&self.at);
    }
}
