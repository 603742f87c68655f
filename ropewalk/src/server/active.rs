//! The requests that a server has: who they are, since when, and how each is cut.
//! Owns: the list, which a request leaves by being dropped, and the counts that bounds are
//! held to. Never: waits for a request, but for the condition that all have left.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Shutdown};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::closing::CloseReport;
use super::shutdown::State;
use crate::addr::Addr;
use crate::clock::{Clock, MachineClock, Time};
use crate::engine::{Guest, Remote};
use crate::socket::Socket;

/// A request that a server has: it was taken, and is not closed yet. On a pooling server it
/// may still wait for a worker.
///
/// ```
/// use ropewalk::server::ThreadingTcpServer;
/// use ropewalk::service::Echo;
/// # fn main() -> ropewalk::Result<()> {
/// let server = ThreadingTcpServer::protocol(0, || Echo)?;
/// # let at = server.local_addr().ip().unwrap();
/// # let client = std::net::TcpStream::connect(at).unwrap();
/// server.handle_request()?;
/// for request in server.requests() {
///     println!("{} has been here for {:?}", request.client_address, request.age);
/// }
/// # assert_eq!(server.requests()[0].client_address.ip(), client.local_addr().ok());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ActiveRequest {
    /// Who sent it.
    pub client_address: Addr,
    /// How long ago it was taken.
    pub age: Duration,
}

/// A server's list of them.
pub(super) struct Active {
    inside: Mutex<Inside>,
    /// One has left.
    left: Condvar,
    clock: MachineClock,
}

#[derive(Default)]
struct Inside {
    requests: BTreeMap<u64, Entry>,
    /// How many of them each address has; those without one have none.
    by_peer: BTreeMap<IpAddr, usize>,
    so_far: u64,
    closing: Option<Closing>,
}

struct Entry {
    client: Addr,
    since: Time,
    /// How often an end had been asked for when it was about to be taken.
    asks: usize,
    reach: Reach,
    is_begun: bool,
    wish: Wish,
}

/// What was asked of a request, at most.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wish {
    GoOn,
    End,
    BeCut,
}

/// How a request is reached from another thread.
pub(super) enum Reach {
    /// It is a datagram, or its connection was taken away.
    No,
    /// Not yet: an engine is on its way.
    Coming,
    Socket(Weak<Socket>),
    Engine(Remote),
    /// It runs in another process, which is told so; whether it could be.
    // Only Unix has such processes.
    #[cfg_attr(not(unix), allow(dead_code, reason = "as said above"))]
    Elsewhere(Box<dyn Fn(Wish) -> bool + Send>),
}

/// The server is being closed.
struct Closing {
    until: Time,
    report: CloseReport,
}

impl Default for Active {
    fn default() -> Active {
        let clock = MachineClock::begin();
        Active { inside: Mutex::default(), left: Condvar::new(), clock }
    }
}

impl Active {
    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    pub(super) fn len(&self) -> usize {
        self.lock().requests.len()
    }

    /// How many this client's address has. `None` if it has no address to count by.
    pub(super) fn of_peer(&self, client: &Addr) -> Option<usize> {
        let count = self.lock().by_peer.get(&ip_of(client)?).copied();
        Some(count.unwrap_or_default())
    }

    pub(super) fn list(&self) -> Vec<ActiveRequest> {
        let now = self.now();
        let entry = |entry: &Entry| ActiveRequest {
            client_address: entry.client.clone(),
            age: now - entry.since,
        };
        self.lock().requests.values().map(entry).collect()
    }

    /// Asks this of each. Answers how many could be reached.
    pub(super) fn ask_all(&self, wish: Wish) -> usize {
        let mut inside = self.lock();
        inside.requests.values_mut().filter_map(|entry| entry.ask(wish)).count()
    }

    /// Tells the engines that the server stops.
    pub(super) fn stop_engines(&self) {
        for entry in self.lock().requests.values() {
            if let Reach::Engine(remote) = &entry.reach {
                let _ = remote.stop(); // one that is gone needs no telling
            }
        }
    }

    /// The engine of a request's protocol exists. It hears at once of an end that was asked
    /// for while it was on its way.
    pub(super) fn engine_arrived(&self, key: u64, remote: Remote, asks: impl FnOnce() -> usize) {
        let mut inside = self.lock();
        let asks = asks();
        let closing = inside.closing.as_ref().map(|closing| closing.until - self.now());
        let Some(entry) = inside.requests.get_mut(&key) else { return };
        let _ = match closing {
            _ if entry.wish == Wish::BeCut => remote.drain(Duration::ZERO),
            Some(left) => remote.drain(left),
            None if entry.asks != asks || entry.wish == Wish::End => remote.stop(),
            None => Ok(()),
        };
        entry.reach = Reach::Engine(remote);
    }

    /// It knows better than whoever asked it whether it was cut.
    pub(super) fn engine_left(&self, key: u64, was_cut: bool) {
        if let Some(entry) = self.lock().requests.get_mut(&key) {
            entry.wish = if was_cut { Wish::BeCut } else { Wish::GoOn };
            entry.reach = Reach::No;
        }
    }

    /// From now on the ends are counted, and protocols are told to come to theirs. Answers
    /// when the grace is over.
    pub(super) fn begin_closing(&self, grace: Duration) -> Time {
        let until = self.now() + grace;
        let mut inside = self.lock();
        inside.closing = Some(Closing { until, report: CloseReport::default() });
        for entry in inside.requests.values() {
            if let Reach::Engine(remote) = &entry.reach {
                let _ = remote.drain(grace); // as above
            }
        }
        until
    }

    /// Waits until there is none, or time is over: whether there is none.
    pub(super) fn wait_for_all(&self, until: Time) -> bool {
        let mut inside = self.lock();
        while !inside.requests.is_empty() {
            let left = until - self.now();
            if left.is_zero() {
                return false;
            }
            let waited = self.left.wait_timeout(inside, left);
            inside = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// How the closing went.
    pub(super) fn report(&self) -> CloseReport {
        let mut inside = self.lock();
        let closing = inside.closing.as_mut().map(|closing| std::mem::take(&mut closing.report));
        let mut report = closing.unwrap_or_default();
        report.still_running = inside.requests.values().map(|entry| entry.client.clone()).collect();
        report
    }

    fn enter(&self, client: &Addr, reach: Reach, asks: usize) -> u64 {
        let since = self.now();
        let mut inside = self.lock();
        let key = inside.so_far;
        inside.so_far += 1;
        if let Some(ip) = ip_of(client) {
            *inside.by_peer.entry(ip).or_default() += 1;
        }
        let client = client.clone();
        let entry = Entry { client, since, asks, reach, is_begun: false, wish: Wish::GoOn };
        inside.requests.insert(key, entry);
        key
    }

    fn leave(&self, key: u64) {
        let mut inside = self.lock();
        let Some(entry) = inside.requests.remove(&key) else { return };
        if let Some(ip) = ip_of(&entry.client) {
            let count = inside.by_peer.get_mut(&ip).map(|count| {
                *count -= 1;
                *count
            });
            if count == Some(0) {
                inside.by_peer.remove(&ip);
            }
        }
        if let Some(Closing { report, .. }) = &mut inside.closing {
            if entry.wish == Wish::BeCut {
                report.cut.push(entry.client.clone());
            } else if entry.is_begun {
                report.finished += 1;
            }
        }
        drop(inside);
        self.left.notify_all();
        drop(entry); // without the lock: with it goes what others may have left for an engine
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn ask(&mut self, wish: Wish) -> Option<()> {
        if self.is_begun && matches!(self.reach, Reach::No) {
            return None; // whenever it ends, that is its own doing
        }
        self.wish = self.wish.max(wish);
        match (&self.reach, wish) {
            (Reach::No | Reach::Coming, _) | (_, Wish::GoOn) => None,
            // What its handler reads has an end; and what it writes, if it is cut.
            (Reach::Socket(socket), Wish::End) => shut_down(socket, Shutdown::Read),
            (Reach::Socket(socket), Wish::BeCut) => shut_down(socket, Shutdown::Both),
            (Reach::Elsewhere(tell), wish) => tell(wish).then_some(()),
            (Reach::Engine(remote), Wish::End) => remote.stop().ok(),
            (Reach::Engine(remote), Wish::BeCut) => remote.drain(Duration::ZERO).ok(),
        }
    }
}

fn shut_down(socket: &Weak<Socket>, how: Shutdown) -> Option<()> {
    socket.upgrade()?.shutdown(how).ok()
}

/// A request's place in the list, until this is dropped. Each request has one.
#[doc(hidden)] // named by what requests seal
pub struct UnderWay {
    key: u64,
    is_begun: bool,
    state: Arc<State>,
}

impl UnderWay {
    pub(super) fn new(state: Arc<State>, client: &Addr, reach: Reach) -> UnderWay {
        let key = state.active().enter(client, reach, state.asks_before_taking());
        UnderWay { key, is_begun: false, state }
    }

    /// A handler is about to get it. Not if it was cut while it waited for one.
    pub(super) fn begin(&mut self) -> bool {
        if let Some(entry) = self.state.active().lock().requests.get_mut(&self.key) {
            entry.is_begun = entry.wish < Wish::BeCut;
            self.is_begun = entry.is_begun;
        }
        self.is_begun
    }

    /// Whether a handler got it.
    pub(super) fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// Its connection goes elsewhere, and is nobody's to cut, unless it goes to an engine.
    pub(super) fn let_go(&self) {
        if let Some(entry) = self.state.active().lock().requests.get_mut(&self.key) {
            if !matches!(entry.reach, Reach::Coming) {
                entry.reach = Reach::No;
            }
        }
    }

    /// It did not come to its end by itself.
    // A child tells so, which Unix has.
    #[cfg(unix)]
    pub(super) fn was_cut(&self) {
        self.state.active().engine_left(self.key, true);
    }

    /// The engine that is to run its protocol, known to this server.
    pub(super) fn guest(&self) -> Guest {
        self.state.has_guests();
        if let Some(entry) = self.state.active().lock().requests.get_mut(&self.key) {
            entry.reach = Reach::Coming;
        }
        Guest::new(self.key, self.state.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.state.active().leave(self.key);
        self.state.one_has_left();
    }
}

impl fmt::Debug for UnderWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnderWay({})", self.key)
    }
}

/// What a client is counted by.
fn ip_of(client: &Addr) -> Option<IpAddr> {
    Some(client.ip()?.ip().to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, SocketAddr};

    #[test]
    fn a_mapped_address_is_the_one_that_is_mapped_and_a_path_is_none() {
        let v4 = Ipv4Addr::new(192, 0, 2, 1);
        let plain = Addr::from(SocketAddr::from((v4, 1)));
        let mapped = Addr::from(SocketAddr::from((v4.to_ipv6_mapped(), 2)));
        assert_eq!(ip_of(&mapped), ip_of(&plain));
        assert_eq!(ip_of(&Addr::Unix(None)), None);
    }
}
