//! Connecting to the addresses of a name, several at a time (RFC 8305).
//! Owns: the sockets of the race, and which of them wins.
//! Never: decides when one begins (`addr::race` does), resolves a name, or waits beyond the
//! budget it was given.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use socket2::{Domain, Type};

use super::connect::{connected, goes_on};
use super::deadline::Budget;
use super::{Family, name};
use crate::addr::{self, Addr, Target};
use crate::clock::{Clock, MachineClock};
use crate::error::{Error, ErrorKind, NO_ANSWER, Operation};
use crate::limits;

/// What each address said that was tried in vain.
pub(super) type Refusals = Vec<(Addr, Error)>;

pub(super) struct Race<'r> {
    plan: addr::Race<SocketAddr>,
    running: Vec<Attempt>,
    refused: Refusals,
    source: Option<&'r Target>,
    clock: MachineClock,
}

struct Attempt {
    to: SocketAddr,
    socket: socket2::Socket,
}

impl<'r> Race<'r> {
    pub(super) fn new(
        addrs: Vec<SocketAddr>,
        source: Option<&'r Target>,
        delay: Duration,
    ) -> Race<'r> {
        let (running, refused) = (Vec::new(), Vec::new());
        let plan = addr::Race::of(addrs, delay);
        Race { plan, running, refused, source, clock: MachineClock::begin() }
    }

    /// The first connection that is made, non-blocking still. Every other attempt is dropped.
    pub(super) fn run(
        mut self,
        budget: &mut Budget<'_>,
    ) -> Result<(socket2::Socket, SocketAddr), Refusals> {
        loop {
            if let Some(Attempt { to, socket }) = self.begin_what_is_due(budget) {
                return Ok((socket, to));
            }
            if self.running.is_empty() {
                return Err(self.refused);
            }
            match self.wait(budget) {
                Ok(Some(Attempt { to, socket })) => return Ok((socket, to)),
                Ok(None) => {}
                Err(error) => return Err(self.give_up(&error)),
            }
        }
    }

    /// `Some` is one that is connected at once.
    fn begin_what_is_due(&mut self, budget: &mut Budget<'_>) -> Option<Attempt> {
        while let Some(to) = self.plan.take_due(self.clock.now()) {
            match begin(to, self.source, budget) {
                Ok((attempt, Progress::Made)) => return Some(attempt),
                Ok((attempt, Progress::Begun)) => {
                    self.running.push(attempt);
                    self.plan.began(self.clock.now());
                }
                Err(error) => self.refused.push((to.into(), error)),
            }
        }
        None
    }

    /// Waits until an attempt is decided or another is due.
    fn wait(&mut self, budget: &mut Budget<'_>) -> io::Result<Option<Attempt>> {
        let most = self.plan.next_due().map(|next| next - self.clock.now());
        let mut fds: Vec<PollFd<'_>> =
            self.running.iter().map(|one| PollFd::new(&one.socket, PollFlags::OUT)).collect();
        if !budget.wait_for(&mut fds, most)? {
            return Ok(None);
        }
        let told: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        let mut is_decided = false;
        // From the last, so that what is before keeps its place.
        for at in (0..told.len()).rev().filter(|at| told[*at]) {
            match connected(&self.running[at].socket) {
                None => {}
                Some(Ok(())) => return Ok(Some(self.running.swap_remove(at))),
                Some(Err(error)) => {
                    is_decided = true;
                    let Attempt { to, .. } = self.running.remove(at);
                    let error = Error::without_address(Operation::Connect, error);
                    self.refused.push((to.into(), error));
                    self.plan.failed(self.clock.now());
                }
            }
        }
        if !is_decided {
            // Writable, and neither connected nor failed: the kernel would say so again.
            budget.pause(limits::ROOM_PAUSE)?;
        }
        Ok(None)
    }

    /// The time is over: who has not answered is told as such.
    fn give_up(mut self, error: &io::Error) -> Refusals {
        for Attempt { to, .. } in self.running {
            let cause = format!("{NO_ANSWER} ({error})");
            let error = Error::new(Operation::Connect, ErrorKind::TimedOut, cause);
            self.refused.push((to.into(), error));
        }
        self.refused
    }
}

enum Progress {
    Made,
    Begun,
}

/// Begins to connect to one address.
fn begin(
    to: SocketAddr,
    source: Option<&Target>,
    budget: &mut Budget<'_>,
) -> Result<(Attempt, Progress), Error> {
    let failed = |operation| move |error| Error::without_address(operation, error);
    let socket = socket2::Socket::new(Domain::for_address(to), Type::STREAM, None)
        .map_err(failed(Operation::Open))?;
    socket.set_nonblocking(true).map_err(failed(Operation::Configure))?;
    if let Some(source) = source {
        check_source(source, to)?;
        let address = name::resolve(source, family_of(to), Operation::Bind, budget)?;
        socket.bind(&address).map_err(|error| Error::from_io(Operation::Bind, source, error))?;
    }
    match socket.connect(&to.into()) {
        Ok(()) => Ok((Attempt { to, socket }, Progress::Made)),
        Err(error) if goes_on(&error) => Ok((Attempt { to, socket }, Progress::Begun)),
        Err(error) => Err(failed(Operation::Connect)(error)),
    }
}

/// An IPv4 source would do for a socket of IPv6, as its mapped address, and then reach nobody;
/// the other way round the system says no more than "invalid argument".
pub(crate) fn check_source(source: &Target, to: SocketAddr) -> Result<(), Error> {
    let Target::Addr(Addr::Ip(ip)) = source else { return Ok(()) };
    let cause = match (ip.is_ipv4(), to.ip().to_canonical().is_ipv4()) {
        (true, false) => "an IPv4 source does not reach an IPv6 address",
        (false, true) if ip.ip().to_canonical().is_ipv6() => {
            "an IPv6 source does not reach an IPv4 address"
        }
        _ => return Ok(()),
    };
    Err(Error::new(Operation::Bind, ErrorKind::InvalidInput, cause).at(source))
}

pub(super) fn family_of(ip: SocketAddr) -> Family {
    if ip.is_ipv4() { Family::Inet } else { Family::Inet6 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test's way to fail")]

    use super::*;
    use crate::socket::{Kind, Socket};

    const SOON: Duration = Duration::from_millis(50);
    /// Far beyond any promise: only a hang meets it.
    const WATCHDOG: Duration = Duration::from_secs(60);

    fn bound(backlog: Option<u32>) -> (Socket, SocketAddr) {
        let socket = Socket::new(Family::Inet, Kind::Stream).unwrap();
        socket.bind(("127.0.0.1", 0)).unwrap();
        if let Some(backlog) = backlog {
            socket.listen_with_backlog(backlog).unwrap();
        }
        let at = socket.local_addr().unwrap().ip().unwrap();
        (socket, at)
    }

    /// Who connects to it waits: its queue is full.
    fn black_hole() -> (Vec<Socket>, SocketAddr) {
        let (listener, at) = bound(Some(0));
        let mut kept = vec![listener];
        let mut refused = 0;
        // One might be late on a busy machine; two in a row are not.
        while refused < 2 {
            let client = Socket::new(Family::Inet, Kind::Stream).unwrap();
            client.set_timeout(Some(SOON)).unwrap();
            match client.connect(at) {
                Ok(()) => {
                    kept.push(client);
                    refused = 0;
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
                    refused += 1;
                }
            }
            assert!(kept.len() < 100, "the queue has no end");
        }
        (kept, at)
    }

    fn run(
        addrs: Vec<SocketAddr>,
        delay: Duration,
        timeout: Duration,
    ) -> Result<SocketAddr, Refusals> {
        let race = Race::new(addrs, None, delay);
        race.run(&mut Budget::of(Some(timeout))).map(|(_, to)| to)
    }

    #[test]
    fn who_does_not_answer_holds_nobody_up_beyond_the_delay() {
        let (_kept, hole) = black_hole();
        let (_listener, good) = bound(Some(16));
        assert_eq!(run(vec![hole, hole, good], SOON, WATCHDOG).unwrap(), good);
    }

    #[test]
    fn after_a_refusal_the_next_does_not_wait_for_the_delay() {
        let (_deaf, refusing) = bound(None);
        let (_kept, hole) = black_hole();
        let (_listener, good) = bound(Some(16));
        // Were it waited for, the watchdog would come first.
        let never = WATCHDOG * 2;
        assert_eq!(run(vec![refusing, refusing, good], never, WATCHDOG).unwrap(), good);
        let refused = run(vec![refusing, hole, good], never, SOON).unwrap_err();
        let kinds: Vec<_> = refused.iter().map(|(_, error)| error.kind()).collect();
        assert_eq!(kinds, [ErrorKind::Refused, ErrorKind::TimedOut], "and after a begin it is");
    }

    #[test]
    fn no_more_are_tried_at_once_than_the_bound() {
        let (_kept, hole) = black_hole();
        let (_listener, good) = bound(Some(16));
        let holes = |count| std::iter::repeat_n(hole, count).chain([good]).collect::<Vec<_>>();
        let few = holes(limits::CONNECT_AT_ONCE - 1);
        assert_eq!(run(few, Duration::ZERO, WATCHDOG).unwrap(), good);
        let refused = run(holes(limits::CONNECT_AT_ONCE), Duration::ZERO, SOON).unwrap_err();
        assert_eq!(refused.len(), limits::CONNECT_AT_ONCE);
        assert!(refused.iter().all(|(at, _)| at.ip() == Some(hole)), "{refused:?}");
    }

    #[test]
    fn without_an_address_nobody_is_refused() {
        assert!(run(Vec::new(), SOON, WATCHDOG).unwrap_err().is_empty());
    }
}
