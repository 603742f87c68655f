//! What a client's factory heard, with the time.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use ropewalk::clock::{Clock, Time, VirtualClock};
use ropewalk::protocol::client;
use ropewalk::testing::Network;
use ropewalk::{ClientFactory, Protocol, Transport};

/// What was heard, each with the milliseconds since the beginning.
#[derive(Clone, Default)]
pub(crate) struct Heard(Rc<RefCell<Vec<(u64, String)>>>, VirtualClock);

impl Heard {
    pub(crate) fn on(network: &Network) -> Heard {
        Heard(Rc::default(), network.clock().clone())
    }

    pub(crate) fn note(&self, what: impl Into<String>) {
        let millis = self.1.now().since(Time::ZERO).as_millis() as u64;
        self.0.borrow_mut().push((millis, what.into()));
    }

    pub(crate) fn all(&self) -> Vec<(u64, String)> {
        self.0.borrow().clone()
    }

    /// Without the times.
    pub(crate) fn words(&self) -> Vec<String> {
        self.0.borrow().iter().map(|(_, word)| word.clone()).collect()
    }

    #[track_caller]
    pub(crate) fn is(&self, expected: &[(u64, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(at, word)| (*at, (*word).into())).collect();
        assert_eq!(self.all(), expected);
    }
}

/// Stays open, and says whom it is connected with.
pub(crate) struct Quiet;

impl Protocol for Quiet {
    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
}

/// A factory whose whole story is noted.
pub(crate) fn noting(heard: &Heard) -> impl ClientFactory + 'static {
    let [started, made, failed, lost] = [(); 4].map(|()| heard.clone());
    client(|| Quiet)
        .on_started(move |_| started.note("started"))
        .on_made(move |_, transport| made.note(format!("made {}", transport.peer_addr())))
        .on_failed(move |_, _, why| failed.note(format!("failed: {why}")))
        .on_lost(move |_, _, why| lost.note(format!("lost: {why}")))
}

pub(crate) fn ip(last: u8) -> IpAddr {
    [10, 0, 0, last].into()
}

pub(crate) fn ip6(last: u16) -> IpAddr {
    [0x2001, 0xdb8, 0, 0, 0, 0, 0, last].into()
}

pub(crate) fn at(ip: IpAddr) -> SocketAddr {
    SocketAddr::new(ip, 80)
}

pub(crate) const AT_ONCE: Option<Duration> = Some(Duration::ZERO);

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
