//! What is to happen when a reactor starts, and when it stops: in phases that may take time.
//! Owns: the words of it, and the hold by which a hook keeps its phase open.
//! Never: calls a hook, or decides how long one may take; the engine does.

use std::cell::OnceCell;
use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::Net;

/// The three phases of a start and of a stop, in this order. Each begins when every hook of
/// the one before has returned and let go of its [`Hold`]s.
///
/// | | at the start | at the stop |
/// | --- | --- | --- |
/// | `Before` | first | all is still there: listeners accept, connections live |
/// | (in between) | | the listeners close and the connections drain |
/// | `During` | second | every connection is gone, and none can be opened |
/// | `After` | third, with what [`call_when_running`](Net::call_when_running) was given | last; then `run` returns |
///
/// These are the phases of Twisted's `addSystemEventTrigger`, whose own "during" is what
/// disconnects everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Before the reactor does its own part.
    Before,
    /// With it: at a stop when every connection is gone.
    During,
    /// When all that is over.
    After,
}

/// When a hook is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// The reactor begins to run.
    Startup(Phase),
    /// The reactor was told to stop.
    Shutdown(Phase),
}

/// A hook behind a pointer, as [`Net::add_hook`] takes it.
pub type HookCall = Box<dyn FnOnce(&Hook<'_>)>;

/// Lent to a hook while it is called.
pub struct Hook<'a> {
    net: &'a dyn Net,
    left: Duration,
    release: Release,
    held: OnceCell<Hold>,
}

/// Told that a hold was let go of, on whatever thread.
pub(crate) type Release = Arc<dyn Fn() + Send + Sync>;

impl<'a> Hook<'a> {
    pub(crate) fn new(net: &'a dyn Net, left: Duration, release: Release) -> Hook<'a> {
        Hook { net, left, release, held: OnceCell::new() }
    }

    /// The network, to do what the hook is for.
    pub fn net(&self) -> &'a dyn Net {
        self.net
    }

    /// How long this phase may take; then the next one begins, whoever still holds it.
    pub fn left(&self) -> Duration {
        self.left
    }

    /// The hook takes its time: its phase is not over before this, and each clone of it, is
    /// dropped, on any thread. At the end of [`Hook::left`] the reactor goes on all the same;
    /// [`Report::late_hooks`](crate::Report) counts those.
    pub fn hold(&self) -> Hold {
        self.held.get_or_init(|| Hold(Arc::new(Held { release: self.release.clone() }))).clone()
    }

    /// Whether it took a hold, for as long as that lives.
    pub(crate) fn into_held(self) -> Option<Holding> {
        let held = self.held.into_inner()?;
        Some(Holding(Arc::downgrade(&held.0)))
    }
}

impl fmt::Debug for Hook<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook").field("left", &self.left).finish_non_exhaustive()
    }
}

/// Keeps a phase of a start or stop open until it is dropped. See [`Hook::hold`].
#[derive(Clone)]
#[must_use = "the phase goes on when this is dropped"]
pub struct Hold(Arc<Held>);

struct Held {
    release: Release,
}

impl Drop for Held {
    fn drop(&mut self) {
        (self.release)();
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hold")
    }
}

/// What the engine keeps of a hold.
pub(crate) struct Holding(Weak<Held>);

impl Holding {
    pub(crate) fn is_held(&self) -> bool {
        self.0.strong_count() > 0
    }
}

/// A hook that was added. Dropping it changes nothing.
#[derive(Clone)]
pub struct HookHandle(Rc<dyn RemoveHook>);

/// What an engine gives a [`HookHandle`].
pub trait RemoveHook {
    /// See [`HookHandle::remove`].
    fn remove(&self) -> bool;
}

impl HookHandle {
    pub(crate) fn new(inner: Rc<dyn RemoveHook>) -> HookHandle {
        HookHandle(inner)
    }

    /// The hook will not be called. `false` if it was called, is called now, or was removed.
    #[doc(alias = "removeSystemEventTrigger")]
    pub fn remove(&self) -> bool {
        self.0.remove()
    }
}

impl fmt::Debug for HookHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HookHandle")
    }
}

impl dyn Net + '_ {
    /// Calls `hook` once, when the reactor begins to run. While it runs, that is its next run.
    ///
    /// See [`Phase`] for the order. The loop already turns while hooks hold a phase open, and
    /// listeners that are there already accept: whoever must not be served before listens in
    /// one of them. A hook that panics spares the others.
    #[doc(alias = "addSystemEventTrigger")]
    pub fn on_startup(&self, phase: Phase, hook: impl FnOnce(&Hook<'_>) + 'static) -> HookHandle {
        self.add_hook(Moment::Startup(phase), Box::new(hook))
    }

    /// Calls `hook` once, when the reactor is told to stop. See [`Phase`] for the order. In a
    /// server's thread it is that thread's engine that stops.
    ///
    /// ```
    /// # use ropewalk::{Reactor, protocol::Phase};
    /// # fn main() -> ropewalk::Result<()> {
    /// let reactor = Reactor::new()?;
    /// reactor.on_shutdown(Phase::Before, |hook| {
    ///     let hold = hook.hold();
    ///     // Say good-bye somewhere; when that is done:
    ///     hook.net().call_later(std::time::Duration::ZERO, Box::new(move |_| drop(hold)));
    /// });
    /// reactor.stop();
    /// assert_eq!(reactor.run_reporting()?.late_hooks, 0);
    /// # Ok(()) }
    /// ```
    #[doc(alias = "addSystemEventTrigger")]
    pub fn on_shutdown(&self, phase: Phase, hook: impl FnOnce(&Hook<'_>) + 'static) -> HookHandle {
        self.add_hook(Moment::Shutdown(phase), Box::new(hook))
    }
}
