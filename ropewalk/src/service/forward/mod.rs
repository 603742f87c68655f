//! Forwarding: what comes to one place goes on to another, and back.
//! Owns: the two halves of a forwarded connection, and how an end on one side becomes one on
//! the other. Never: looks at a byte, or buffers more than the two connections do.
//!
//! Each accepted connection gets one of its own to the target, and is not read before that is
//! there. Then bytes pass both ways, each side no faster than the other takes them
//! (back-pressure within the water marks). Ends pass as they are: the end of input of one side
//! becomes that of the other, while the opposite direction goes on; a reset, a deadline and an
//! abort become a reset, so that what was cut does not look whole. A target that cannot be
//! reached resets the accepted connection, with the reason.
//!
//! When the reactor stops, a forwarded connection on which bytes still move goes on; one that
//! has been quiet for [`FORWARD_QUIET`] is closed in order. The end of the grace cuts the rest.
//!
//! Datagrams have sessions: [`ForwardDatagrams`].

mod datagrams;
mod onward;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

pub use datagrams::{ForwardDatagrams, OnwardDatagrams};
pub use onward::{Onward, ToEndpoint};

use crate::addr::{Addr, Target};
use crate::clock::Time;
use crate::limits::FORWARD_QUIET;
use crate::protocol::{
    ClientFactory, Connector, Event, Factory, Flow, Handle, HandleError, Net, Protocol, Reason,
    Timer, Transport,
};

/// Fires when a connection may have been quiet for long enough, once the reactor stops.
const QUIET: Timer = Timer(0);

/// What a forwarded connection was, once both of its halves are over.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Forwarded {
    /// Who had connected.
    pub client: Addr,
    /// The target's address, if it was reached.
    pub target: Option<Addr>,
    /// Bytes from the client to the target.
    pub up: u64,
    /// Bytes from the target to the client.
    pub down: u64,
    /// Why the half that ended first ended; or why the target was not reached.
    pub why: Reason,
}

type Told = Arc<dyn Fn(&Forwarded) + Send + Sync>;

/// The factory of a forwarder.
///
/// ```
/// use ropewalk::{Reactor, addr::Target, service::Forward};
/// # fn main() -> ropewalk::Result<()> {
/// let reactor = Reactor::new()?;
/// let forward = Forward::to(Target::tcp("localhost", 6379));
/// let listener = reactor.listen_tcp(0, forward)?;
/// # let _ = listener;
/// # reactor.call_later(std::time::Duration::ZERO, |net| net.stop());
/// reactor.run()
/// # }
/// ```
#[doc(alias = "portforward")]
#[derive(Clone)]
pub struct Forward<O = Target> {
    onward: O,
    idle: Option<Duration>,
    told: Option<Told>,
}

impl<O: Onward + Clone + 'static> Forward<O> {
    /// Forwards to there: a [`Target`], an endpoint by [`ToEndpoint`], or what a closure says.
    pub fn to(onward: O) -> Forward<O> {
        Forward { onward, idle: None, told: None }
    }

    /// Ends a forwarded connection on whose client's side no byte moved for so long. Off by
    /// default.
    #[must_use]
    pub fn idle_timeout(mut self, after: Duration) -> Forward<O> {
        self.idle = Some(after);
        self
    }

    /// Told of each forwarded connection when it is over.
    #[must_use]
    pub fn on_end(mut self, told: impl Fn(&Forwarded) + Send + Sync + 'static) -> Forward<O> {
        self.told = Some(Arc::new(told));
        self
    }
}

impl<O> fmt::Debug for Forward<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forward").field("idle", &self.idle).finish_non_exhaustive()
    }
}

impl<O: Onward + Clone + 'static> Factory for Forward<O> {
    type Protocol = Half<O>;

    fn build(&mut self, client: &Addr) -> Option<Half<O>> {
        let story = Rc::new(Story {
            client: client.clone(),
            target: RefCell::default(),
            up: Cell::default(),
            down: Cell::default(),
            moved: Cell::new(Time::default()),
            why: RefCell::default(),
            told: self.told.clone(),
        });
        let role = Role::Client { onward: self.onward.clone(), idle: self.idle, connector: None };
        Some(Half { other: None, story, role, stopping: false, saw_end: false })
    }
}

/// What both halves know.
struct Story {
    client: Addr,
    target: RefCell<Option<Addr>>,
    up: Cell<u64>,
    down: Cell<u64>,
    /// When a byte passed last, either way.
    moved: Cell<Time>,
    /// Why the first half ended.
    why: RefCell<Option<Reason>>,
    told: Option<Told>,
}

impl Story {
    fn ended(&self, why: &Reason) {
        self.why.borrow_mut().get_or_insert_with(|| why.clone());
    }
}

/// The last half that goes closes the story.
impl Drop for Story {
    fn drop(&mut self) {
        let (Some(told), Some(why)) = (&self.told, self.why.take()) else { return };
        told(&Forwarded {
            client: self.client.clone(),
            target: self.target.take(),
            up: self.up.get(),
            down: self.down.get(),
            why,
        });
    }
}

/// One of the two connections of a forwarding.
pub struct Half<O> {
    /// The other connection, once it is there.
    other: Option<Handle>,
    story: Rc<Story>,
    role: Role<O>,
    /// The reactor stops.
    stopping: bool,
    /// Our peer's end of input came.
    saw_end: bool,
}

enum Role<O> {
    /// The connection that was accepted, and how to get the other.
    Client { onward: O, idle: Option<Duration>, connector: Option<Connector> },
    /// The connection to the target.
    Target,
}

/// The other connection is there.
struct Joined(Handle);

impl<O: Onward + Clone + 'static> Half<O> {
    fn reach_the_target(&mut self, transport: &mut dyn Transport) {
        let Role::Client { onward, idle, connector } = &mut self.role else { return };
        if idle.is_some() {
            transport.set_idle_timeout(*idle);
        }
        transport.pause_reading();
        let factory = ToTarget::<O> {
            client: transport.handle(),
            story: self.story.clone(),
            onward: std::marker::PhantomData,
        };
        match onward.connect(transport, Box::new(factory)) {
            Ok(begun) => *connector = Some(begun),
            Err(error) => transport.fail(Reason::failed(error)),
        }
    }

    fn join_the_client(&mut self, transport: &mut dyn Transport) {
        let me = transport.handle();
        self.story.target.replace(Some(transport.peer_addr()));
        let told = self.other.as_ref().map(|client| client.event(Joined(me)));
        // The client went while we were connecting.
        if !matches!(told, Some(Ok(()))) {
            transport.abort();
        }
    }

    /// Asks the other half. If it has gone, its own end is what we hear of next.
    fn ask(&self, what: impl FnOnce(&Handle) -> Result<(), HandleError>) {
        if let Some(other) = &self.other {
            let _ = what(other);
        }
    }
}

impl<O: Onward + Clone + 'static> Protocol for Half<O> {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        self.story.moved.set(transport.now());
        match self.role {
            Role::Client { .. } => self.reach_the_target(transport),
            Role::Target => self.join_the_client(transport),
        }
    }

    fn event(&mut self, transport: &mut dyn Transport, event: Event) {
        if let Ok(joined) = event.downcast::<Joined>() {
            self.other = Some(joined.0);
            transport.resume_reading();
        }
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        let Some(other) = &self.other else { return };
        let way = if matches!(self.role, Role::Target) { &self.story.down } else { &self.story.up };
        way.set(way.get() + data.len() as u64);
        self.story.moved.set(transport.now());
        // Not a byte more until the other side resumes us: every `Full` is owed that.
        if other.write(data) == Ok(Flow::Full) {
            transport.pause_reading();
        }
    }

    fn eof_received(&mut self, _: &mut dyn Transport) {
        self.saw_end = true;
        self.ask(Handle::shutdown_write);
    }

    fn pause_writing(&mut self, _: &mut dyn Transport) {
        self.ask(Handle::pause_reading);
    }

    fn resume_writing(&mut self, _: &mut dyn Transport) {
        self.ask(Handle::resume_reading);
    }

    fn timer_fired(&mut self, transport: &mut dyn Transport, _: Timer) {
        let quiet = transport.now().since(self.story.moved.get());
        match FORWARD_QUIET.checked_sub(quiet) {
            Some(left) if !left.is_zero() => transport.set_timer(QUIET, left),
            _ => transport.close(),
        }
    }

    fn stopping(&mut self, transport: &mut dyn Transport) {
        if !self.stopping {
            self.stopping = true;
            transport.set_timer(QUIET, FORWARD_QUIET);
        }
    }

    fn connection_lost(&mut self, _: &mut dyn Transport, why: &Reason) {
        self.story.ended(why);
        if let (Role::Client { connector, .. }, None) = (&mut self.role, &self.other) {
            connector.take().inspect(Connector::stop);
        }
        // Whatever was cut here must not look whole there.
        let in_order = why.is_clean() && (self.saw_end || self.stopping);
        self.ask(if in_order { Handle::close } else { Handle::abort });
    }
}

impl<O> fmt::Debug for Half<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Half").field("client", &self.story.client).finish_non_exhaustive()
    }
}

/// Builds the half that talks with the target.
struct ToTarget<O> {
    client: Handle,
    story: Rc<Story>,
    onward: std::marker::PhantomData<O>,
}

impl<O: Onward + Clone + 'static> ClientFactory for ToTarget<O> {
    type Protocol = Half<O>;

    fn build(&mut self, _: &Addr) -> Option<Half<O>> {
        let (other, story) = (Some(self.client.clone()), self.story.clone());
        Some(Half { other, story, role: Role::Target, stopping: false, saw_end: false })
    }

    fn failed(&mut self, _: &Connector, _: &dyn Net, why: &Reason) {
        self.story.ended(why);
        let _ = self.client.fail(why.clone()); // it may have gone by itself
    }
}
