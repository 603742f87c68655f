//! What a reactor does beside its connections: calls, hooks, blocking work, signals.
//! Owns: the public way to ask for them outside a callback. Never: does any of it; the engine
//! does, and callbacks ask for the same through `Net`.

use std::rc::Rc;

use super::{Loop, Reactor, on_engine, start_error};
use crate::driver::{Signal, SignalGuard};
use crate::error::Result;
use crate::protocol::{Every, Hook, HookHandle, LoopingCall, Net, Phase, Tick};

impl Reactor {
    /// Runs `f` on the loop, once. Before the reactor runs: in the order of asking, after the
    /// hooks of its start, before anything else. While it runs: when the callback that asks has
    /// returned, before the loop waits again. Never inside another callback.
    ///
    /// If the reactor is stopped before it has started, `f` never runs.
    ///
    /// ```
    /// # fn main() -> ropewalk::Result<()> {
    /// let reactor = ropewalk::Reactor::new()?;
    /// reactor.call_when_running(|net| net.stop());
    /// reactor.run()
    /// # }
    /// ```
    #[doc(alias = "callWhenRunning")]
    #[doc(alias = "call_soon")]
    pub fn call_when_running(&self, f: impl FnOnce(&dyn Net) + 'static) {
        self.net().call_when_running(Box::new(f));
    }

    /// Calls `f` again and again, on a grid that does not drift: see [`LoopingCall`]. With a
    /// `Duration` the first call is made as soon as the reactor runs.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # fn main() -> ropewalk::Result<()> {
    /// let reactor = ropewalk::Reactor::new()?;
    /// let mut left = 3;
    /// reactor.call_every(Duration::from_millis(1), move |tick| {
    ///     left -= 1;
    ///     if left == 0 {
    ///         tick.net().stop();
    ///     }
    /// });
    /// reactor.run()
    /// # }
    /// ```
    #[doc(alias = "LoopingCall")]
    pub fn call_every(
        &self,
        every: impl Into<Every>,
        f: impl FnMut(&Tick<'_>) + 'static,
    ) -> LoopingCall {
        self.net().call_every(every, f)
    }

    /// Calls `hook` once, when the reactor begins to run: see [`Phase`] for the order. A hook
    /// that takes its time [holds](Hook::hold) its phase; after
    /// [`limits::STARTUP_HOOKS`](crate::limits::STARTUP_HOOKS) the start goes on without it.
    ///
    /// The loop already turns meanwhile, and listeners that are there already accept: whoever
    /// must not be served before listens in one of the hooks. A hook that panics spares the
    /// others. A stop ends the start; what was not called by then never is.
    #[doc(alias = "addSystemEventTrigger")]
    pub fn on_startup(&self, phase: Phase, hook: impl FnOnce(&Hook<'_>) + 'static) -> HookHandle {
        self.net().on_startup(phase, hook)
    }

    /// Calls `hook` once, when the reactor is told to stop: see [`Phase`] for the order. All of
    /// them together have the grace of the stop: those before the connections drain at most
    /// half of it, those after it what is left, and
    /// [`limits::HOOKS_MARGIN`](crate::limits::HOOKS_MARGIN) in any case.
    ///
    /// A hook belongs to the run it was added for: at its end those that were not called are
    /// dropped.
    ///
    /// ```
    /// use ropewalk::protocol::Phase;
    /// # fn main() -> ropewalk::Result<()> {
    /// let reactor = ropewalk::Reactor::new()?;
    /// reactor.on_shutdown(Phase::After, |_| println!("everybody has left"));
    /// reactor.stop();
    /// reactor.run()
    /// # }
    /// ```
    #[doc(alias = "addSystemEventTrigger")]
    pub fn on_shutdown(&self, phase: Phase, hook: impl FnOnce(&Hook<'_>) + 'static) -> HookHandle {
        self.net().on_shutdown(phase, hook)
    }

    /// Does `work`, which may block, on one of the reactor's threads, and gives `then` its
    /// result on the loop: see [`Net`](crate::Net#method.run_in_thread).
    ///
    /// # Errors
    /// `Full` if [`limits::BLOCKING_WAITING`](crate::limits::BLOCKING_WAITING) wait already;
    /// the system has no thread.
    #[doc(alias = "deferToThread")]
    #[doc(alias = "callInThread")]
    pub fn run_in_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
        then: impl FnOnce(&dyn Net, Result<T>) + 'static,
    ) -> Result<()> {
        self.net().run_in_thread(work, then)
    }

    /// Calls `f` on the loop when the process gets this signal, until the guard is dropped;
    /// then the signal does what it did before. Those that come before `f` was called are one.
    /// Several may listen to one signal, and each is called. No system call is interrupted.
    ///
    /// # Errors
    /// The signal cannot be caught (`SIGKILL`, `SIGSTOP`, and those of a broken program); on
    /// Windows there are none yet.
    ///
    /// ```no_run
    /// # #[cfg(unix)]
    /// # fn main() -> ropewalk::Result<()> {
    /// use ropewalk::reactor::Signal;
    /// let reactor = ropewalk::Reactor::new()?;
    /// let _hears = reactor.on_signal(Signal::HUP, |_| println!("reading the configuration"))?;
    /// reactor.run()
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    #[doc(alias = "add_signal_handler")]
    pub fn on_signal(
        &self,
        signal: Signal,
        f: impl FnMut(&dyn Net) + 'static,
    ) -> Result<SignalGuard> {
        let guard = on_engine!(self, engine => {
            let bell = engine.hang_bell(f);
            let (key, weak) = (bell.key(), Rc::downgrade(engine));
            let take_down = move || {
                weak.upgrade().inspect(|engine| engine.take_bell_down(key));
            };
            SignalGuard::install(signal, bell, take_down).inspect_err(|_| {
                engine.take_bell_down(key);
            })
        });
        guard.map_err(|error| start_error(&format!("listening to {signal:?}"), error))
    }
}
