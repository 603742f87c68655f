//! Forwarding of datagrams: a session for each client, with a socket of its own to the target,
//! so that the target's answers find their way back.
//! Owns: the sessions, their bound and their end. Never: keeps a datagram longer than it takes
//! to open a session's socket.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use crate::addr::{Addr, Target};
use crate::clock::Time;
use crate::limits::{FORWARD_IDLE, FORWARD_PENDING, FORWARD_SESSIONS};
use crate::protocol::{
    DatagramConnector, DatagramHandle, DatagramProtocol, DatagramTransport, Event, Net, Reason,
    Timer,
};

/// Fires when the oldest session may have expired.
const EXPIRY: Timer = Timer(0);

/// How a session's socket to the target is opened: a [`Target`], or a closure.
pub trait OnwardDatagrams {
    /// Opens a socket with this protocol, for this client.
    fn connect(
        &self,
        net: &dyn Net,
        client: &Addr,
        protocol: Box<dyn DatagramProtocol>,
    ) -> DatagramConnector;
}

impl OnwardDatagrams for Target {
    fn connect(
        &self,
        net: &dyn Net,
        _: &Addr,
        protocol: Box<dyn DatagramProtocol>,
    ) -> DatagramConnector {
        net.connect_datagrams(self.clone(), protocol)
    }
}

impl<F> OnwardDatagrams for F
where
    F: Fn(&dyn Net, &Addr, Box<dyn DatagramProtocol>) -> DatagramConnector,
{
    fn connect(
        &self,
        net: &dyn Net,
        client: &Addr,
        protocol: Box<dyn DatagramProtocol>,
    ) -> DatagramConnector {
        self(net, client, protocol)
    }
}

/// Forwards datagrams to the target, and each answer to whoever it is for.
///
/// A session begins with a client's first datagram and ends when none passed either way for
/// so long, [`FORWARD_IDLE`] by default. There are at most [`FORWARD_SESSIONS`]: at that,
/// what a new client sends is dropped, and counted, while the others' sessions go on; to
/// make room by ending somebody's would let anybody with forged addresses end everybody's.
/// "Port unreachable" from the target ends nothing.
///
/// ```
/// use ropewalk::{Reactor, addr::Target, service::ForwardDatagrams};
/// # fn main() -> ropewalk::Result<()> {
/// let reactor = Reactor::new()?;
/// reactor.listen_udp(0, || ForwardDatagrams::to(Target::tcp("127.0.0.1", 53)))?;
/// # reactor.call_later(std::time::Duration::ZERO, |net| net.stop());
/// reactor.run()
/// # }
/// ```
pub struct ForwardDatagrams<O = Target> {
    onward: O,
    idle: Duration,
    most: usize,
    sessions: BTreeMap<Addr, Rc<Session>>,
    refused: u64,
}

impl<O: OnwardDatagrams> ForwardDatagrams<O> {
    /// Forwards to there.
    pub fn to(onward: O) -> ForwardDatagrams<O> {
        let (idle, most) = (FORWARD_IDLE, FORWARD_SESSIONS);
        ForwardDatagrams { onward, idle, most, sessions: BTreeMap::new(), refused: 0 }
    }

    /// Ends a session when no datagram passed for so long.
    #[must_use]
    pub fn idle_timeout(mut self, after: Duration) -> ForwardDatagrams<O> {
        self.idle = after;
        self
    }

    /// At most so many sessions at a time.
    #[must_use]
    pub fn max_sessions(mut self, most: usize) -> ForwardDatagrams<O> {
        self.most = most;
        self
    }

    fn begin(
        &mut self,
        transport: &mut dyn DatagramTransport,
        client: &Addr,
    ) -> Option<Rc<Session>> {
        if self.sessions.len() >= self.most {
            self.refused += 1;
            // The first, and then ever more seldom.
            if self.refused.is_power_of_two() {
                let (most, refused) = (self.most, self.refused);
                tracing::warn!("{most} sessions forward already; dropped of others: {refused}");
            }
            return None;
        }
        let session = Rc::new(Session {
            used: Cell::new(transport.now()),
            socket: RefCell::new(Socket::Opening(Vec::new())),
        });
        let back =
            Back { front: transport.handle(), client: client.clone(), session: session.clone() };
        self.onward.connect(transport.net(), client, Box::new(back));
        if self.sessions.is_empty() {
            transport.set_timer(EXPIRY, self.idle);
        }
        self.sessions.insert(client.clone(), session.clone());
        Some(session)
    }

    fn end_all(&mut self) {
        std::mem::take(&mut self.sessions).values().for_each(|session| session.end());
    }
}

impl<O: OnwardDatagrams> DatagramProtocol for ForwardDatagrams<O> {
    fn datagram_received(
        &mut self,
        transport: &mut dyn DatagramTransport,
        data: &[u8],
        from: &Addr,
        truncated: bool,
    ) {
        if truncated {
            return; // a part of a datagram is none
        }
        let session = match self.sessions.get(from) {
            Some(session) => session.clone(),
            None => match self.begin(transport, from) {
                Some(session) => session,
                None => return,
            },
        };
        session.used.set(transport.now());
        session.send(data);
    }

    fn event(&mut self, _: &mut dyn DatagramTransport, event: Event) {
        let Ok(over) = event.downcast::<Over>() else { return };
        // A later session of the same client is another one.
        if self.sessions.get(&over.0).is_some_and(|session| session.is_over()) {
            self.sessions.remove(&over.0);
        }
    }

    fn timer_fired(&mut self, transport: &mut dyn DatagramTransport, _: Timer) {
        let (now, idle) = (transport.now(), self.idle);
        self.sessions.retain(|_, session| {
            let lives = now.since(session.used.get()) < idle;
            if !lives {
                session.end();
            }
            lives
        });
        if let Some(oldest) = self.sessions.values().map(|session| session.used.get()).min() {
            transport.set_timer(EXPIRY, idle.saturating_sub(now.since(oldest)));
        }
    }

    fn stopping(&mut self, transport: &mut dyn DatagramTransport) {
        self.end_all();
        transport.close();
    }

    fn connection_lost(&mut self, _: &mut dyn DatagramTransport, _: &Reason) {
        self.end_all();
    }
}

impl<O> fmt::Debug for ForwardDatagrams<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForwardDatagrams")
            .field("sessions", &self.sessions.len())
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

/// A client's session, known to both of its sockets.
struct Session {
    /// When a datagram passed last, either way.
    used: Cell<Time>,
    socket: RefCell<Socket>,
}

/// The session's own socket.
enum Socket {
    /// What came before it is open.
    Opening(Vec<Vec<u8>>),
    Open(DatagramHandle),
    Over,
}

impl Session {
    fn send(&self, data: &[u8]) {
        match &mut *self.socket.borrow_mut() {
            Socket::Opening(pending) if pending.len() < FORWARD_PENDING => {
                pending.push(data.to_vec());
            }
            // Datagrams may be lost, and one that finds no room is.
            Socket::Open(handle) => drop(handle.send(data)),
            Socket::Opening(_) | Socket::Over => {}
        }
    }

    fn end(&self) {
        if let Socket::Open(handle) = self.socket.replace(Socket::Over) {
            let _ = handle.close(); // it may have gone by itself
        }
    }

    fn is_over(&self) -> bool {
        matches!(*self.socket.borrow(), Socket::Over)
    }
}

/// The session of this client is over.
struct Over(Addr);

/// What the target sends back.
struct Back {
    front: DatagramHandle,
    client: Addr,
    session: Rc<Session>,
}

impl Back {
    fn over(&self) {
        self.session.socket.replace(Socket::Over);
        let _ = self.front.event(Over(self.client.clone())); // it may have gone, too
    }
}

impl DatagramProtocol for Back {
    fn connection_made(&mut self, transport: &mut dyn DatagramTransport) {
        let open = Socket::Open(transport.handle());
        match self.session.socket.replace(open) {
            Socket::Opening(pending) => pending.iter().for_each(|data| {
                transport.send(data);
            }),
            // It expired, or the forwarder stopped, while this was being opened.
            Socket::Open(_) | Socket::Over => {
                self.session.socket.replace(Socket::Over);
                transport.close();
            }
        }
    }

    fn datagram_received(
        &mut self,
        transport: &mut dyn DatagramTransport,
        data: &[u8],
        _: &Addr,
        truncated: bool,
    ) {
        if !truncated {
            self.session.used.set(transport.now());
            let _ = self.front.send_to(data, &self.client); // no room: it is lost
        }
    }

    fn connection_lost(&mut self, _: &mut dyn DatagramTransport, _: &Reason) {
        self.over();
    }

    fn failed(&mut self, _: &dyn Net, why: &Reason) {
        tracing::warn!("a datagram of {} cannot be forwarded: {why}", self.client);
        self.over();
    }
}
