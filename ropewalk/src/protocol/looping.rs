//! A call that is made again and again, on a grid that does not drift.
//! Owns: which point of the grid is next, and which were missed. Never: runs by itself; it sets
//! one timer at a time, on whatever net it was given.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::{Net, TimerHandle};
use crate::clock::Time;

/// How often a call is made, and whether at once.
///
/// ```
/// use ropewalk::protocol::Every;
/// use std::time::Duration;
/// let minute = Duration::from_secs(60);
/// assert_ne!(Every::from(minute), Every::from(minute).not_at_once());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Every {
    interval: Duration,
    at_once: bool,
}

impl Every {
    /// The first call comes after the first interval, not at once.
    #[must_use]
    pub fn not_at_once(self) -> Every {
        Every { at_once: false, ..self }
    }
}

impl From<Duration> for Every {
    /// At once (after the callback that asks has returned), and then in this interval. Zero is
    /// once a turn of the loop.
    fn from(interval: Duration) -> Every {
        Every { interval, at_once: true }
    }
}

/// Why a looping call has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoopEnd {
    /// It was stopped.
    Stopped,
    /// It panicked; what it said is in the log.
    Panicked,
}

/// A call that is made again and again. Clones are the same one; dropping it changes nothing.
///
/// The grid is fixed: a call that came late moves none of the later ones, and points that
/// passed meanwhile are skipped, not made up for; [`Tick::count`] says how many. A panic ends
/// it. At the end of the reactor's run it is dropped with everything else that waits.
///
/// ```
/// use ropewalk::{Net, testing::RecordedNet};
/// use std::{cell::Cell, rc::Rc, time::Duration};
/// let net = RecordedNet::new();
/// let calls = Rc::new(Cell::new(0));
/// let count = calls.clone();
/// let looping = (&net as &dyn Net).call_every(Duration::from_secs(1), move |tick| {
///     count.set(count.get() + 1);
///     if count.get() == 3 {
///         tick.stop();
///     }
/// });
/// net.advance(Duration::from_secs(10));
/// assert!(calls.get() == 3 && !looping.is_running());
/// ```
#[doc(alias = "setInterval")]
#[derive(Clone)]
pub struct LoopingCall(Rc<Looping>);

/// What is called each time.
type Each = Box<dyn FnMut(&Tick<'_>)>;
type OnEnd = Box<dyn FnOnce(&dyn Net, LoopEnd)>;

struct Looping {
    interval: Duration,
    call: RefCell<Option<Each>>,
    timer: RefCell<Option<TimerHandle>>,
    /// Where the grid begins.
    start: Cell<Time>,
    /// The grid's points that calls have had, the one at its start included.
    points: Cell<u128>,
    /// The points since the call before, for the call that is made now.
    count: Cell<u64>,
    /// Guards that live: until they are dropped the call counts as being made.
    busy: Cell<usize>,
    /// The timer is there only to be moved when the guards are dropped.
    parked: Cell<bool>,
    is_called: Cell<bool>,
    /// A new grid begins when the call is over.
    renewed: Cell<bool>,
    end: Cell<Option<LoopEnd>>,
    on_end: RefCell<Option<OnEnd>>,
}

/// Lent to each call of a [`LoopingCall`].
pub struct Tick<'a> {
    net: &'a dyn Net,
    looping: &'a LoopingCall,
}

impl<'a> Tick<'a> {
    /// The network, to do what the call is for.
    pub fn net(&self) -> &'a dyn Net {
        self.net
    }

    /// How many points of the grid have passed since the last call: 1, or more if some were
    /// missed. The first call counts the one at its start.
    #[doc(alias = "withCount")]
    pub fn count(&self) -> u64 {
        self.looping.0.count.get()
    }

    /// As [`LoopingCall::stop`].
    pub fn stop(&self) {
        self.looping.stop();
    }

    /// As [`LoopingCall::reset`].
    pub fn reset(&self) {
        self.looping.reset();
    }

    /// The call goes on after it has returned: no other is made until this guard, and each
    /// other one, is dropped. Then the next point of the grid is.
    pub fn busy(&self) -> Busy {
        let looping = &self.looping.0;
        looping.busy.set(looping.busy.get() + 1);
        Busy(looping.clone())
    }
}

impl fmt::Debug for Tick<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tick").field("count", &self.count()).finish_non_exhaustive()
    }
}

/// A looping call's call goes on. See [`Tick::busy`].
#[must_use = "the call is over when this is dropped"]
pub struct Busy(Rc<Looping>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.set(self.0.busy.get() - 1);
        if self.0.busy.get() == 0 && self.0.parked.get() {
            self.0.wake();
        }
    }
}

impl fmt::Debug for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Busy")
    }
}

impl LoopingCall {
    fn start(net: &dyn Net, every: Every, call: Each) -> LoopingCall {
        let looping = LoopingCall(Rc::new(Looping {
            interval: every.interval,
            call: RefCell::new(Some(call)),
            timer: RefCell::default(),
            start: Cell::default(),
            points: Cell::new(0),
            count: Cell::new(0),
            busy: Cell::new(0),
            parked: Cell::new(false),
            is_called: Cell::new(false),
            renewed: Cell::new(false),
            end: Cell::new(None),
            on_end: RefCell::default(),
        }));
        let now = looping.set_timer(net);
        looping.0.begin_grid(now, every.at_once);
        if !every.at_once {
            looping.0.timer.borrow().iter().for_each(|timer| looping.0.set_next(timer, now));
        }
        looping
    }

    /// No further call. One that is being made, or is [busy](Tick::busy), goes on. Again, it
    /// does nothing.
    pub fn stop(&self) {
        if self.0.end.get().is_none() {
            self.0.end.set(Some(LoopEnd::Stopped));
            if self.0.busy.get() == 0 {
                self.0.wake();
            }
        }
    }

    /// Begins a new grid now, or when the call that is being made is over: the next call is an
    /// interval away. What has ended it does not begin again.
    pub fn reset(&self) {
        let looping = &self.0;
        if looping.is_called.get() || looping.parked.get() {
            return looping.renewed.set(true);
        }
        if looping.end.get().is_none() {
            let timer = looping.timer.borrow();
            let now = timer.as_ref().and_then(|timer| {
                timer.reset(Duration::ZERO);
                timer.due()
            });
            if let (Some(timer), Some(now)) = (&*timer, now) {
                looping.begin_grid(now, false);
                looping.set_next(timer, now);
            }
        }
    }

    /// Whether further calls will be made.
    #[doc(alias = "running")]
    pub fn is_running(&self) -> bool {
        let timer = self.0.timer.borrow();
        let goes_on = self.0.is_called.get() || timer.as_ref().is_some_and(TimerHandle::is_pending);
        goes_on && self.0.end.get().is_none()
    }

    /// Between two calls.
    pub fn interval(&self) -> Duration {
        self.0.interval
    }

    /// Told once when it has ended: after the last call, never inside another callback. Instead
    /// of whoever was to be told before. If the reactor's run ends first, nobody is told.
    pub fn on_end(&self, told: impl FnOnce(&dyn Net, LoopEnd) + 'static) {
        self.0.on_end.replace(Some(Box::new(told)));
    }

    /// Sets a timer for at once, to be moved; answers what the time is.
    fn set_timer(&self, net: &dyn Net) -> Time {
        let looping = self.clone();
        let timer = net.call_later(Duration::ZERO, Box::new(move |net| looping.wakes(net)));
        let now = timer.due().unwrap_or(net.now());
        self.0.timer.replace(Some(timer));
        now
    }

    fn wakes(&self, net: &dyn Net) {
        let looping = &self.0;
        looping.timer.take();
        if looping.end.get().is_some() {
            return looping.finish(net);
        }
        if looping.parked.replace(false) {
            return self.go_on(net);
        }
        looping.is_called.set(true);
        looping.count.set(looping.count_until(net.now()));
        let unless_over = Panicked { looping: self, net };
        let call = looping.call.take();
        if let Some(mut call) = call {
            call(&Tick { net, looping: self });
            looping.call.replace(Some(call));
        }
        std::mem::forget(unless_over);
        self.go_on(net);
    }

    /// After a call: the next one, or the end, or a wait for who is busy.
    fn go_on(&self, net: &dyn Net) {
        let looping = &self.0;
        looping.is_called.set(false);
        if looping.busy.get() == 0 && looping.end.get().is_some() {
            return looping.finish(net);
        }
        let now = self.set_timer(net);
        let timer = looping.timer.borrow();
        let Some(timer) = &*timer else { return };
        if looping.busy.get() > 0 {
            looping.parked.set(true);
            timer.reset(Duration::MAX);
            return;
        }
        if looping.renewed.replace(false) {
            looping.begin_grid(now, false);
        }
        looping.set_next(timer, now);
    }
}

impl Looping {
    fn begin_grid(&self, now: Time, at_once: bool) {
        self.start.set(now);
        self.points.set(u128::from(!at_once));
    }

    /// The points up to `now` that no call has had.
    fn count_until(&self, now: Time) -> u64 {
        let nanos = self.interval.as_nanos();
        if nanos == 0 {
            return 1;
        }
        let passed = now.since(self.start.get()).as_nanos() / nanos + 1;
        let count = passed - self.points.replace(passed).min(passed);
        // A timer is never early, so there is at least one.
        u64::try_from(count).unwrap_or(u64::MAX).max(1)
    }

    /// The first point after `now`.
    fn set_next(&self, timer: &TimerHandle, now: Time) {
        let nanos = self.interval.as_nanos();
        let since = now.since(self.start.get()).as_nanos();
        let left = if nanos == 0 { 0 } else { nanos - since % nanos };
        timer.reset(u64::try_from(left).map_or(Duration::MAX, Duration::from_nanos));
    }

    fn wake(&self) {
        if let Some(timer) = &*self.timer.borrow() {
            timer.reset(Duration::ZERO);
        }
    }

    fn finish(&self, net: &dyn Net) {
        // Dropped before it is told: what it held is free then.
        drop(self.call.take());
        let told = self.on_end.take();
        if let (Some(told), Some(end)) = (told, self.end.get()) {
            told(net, end);
        }
    }
}

/// Says, when it is dropped, that the call panicked.
struct Panicked<'a> {
    looping: &'a LoopingCall,
    net: &'a dyn Net,
}

impl Drop for Panicked<'_> {
    fn drop(&mut self) {
        self.looping.0.is_called.set(false);
        self.looping.0.end.set(Some(LoopEnd::Panicked));
        // Told in a later turn: nobody is called from inside a panic.
        self.looping.set_timer(self.net);
    }
}

impl dyn Net + '_ {
    /// Calls `f` again and again: see [`LoopingCall`]. With a `Duration` the first call is made
    /// at once, after the callback that asks has returned.
    ///
    /// ```
    /// # use ropewalk::{Net, protocol::Every, testing::RecordedNet};
    /// # use std::time::Duration;
    /// # let recorded = RecordedNet::new();
    /// # let net: &dyn Net = &recorded;
    /// net.call_every(Every::from(Duration::from_secs(60)).not_at_once(), |tick| {
    ///     println!("a minute has passed, and {} were missed", tick.count() - 1);
    /// });
    /// ```
    #[doc(alias = "LoopingCall")]
    pub fn call_every(
        &self,
        every: impl Into<Every>,
        f: impl FnMut(&Tick<'_>) + 'static,
    ) -> LoopingCall {
        LoopingCall::start(self, every.into(), Box::new(f))
    }
}

impl fmt::Debug for LoopingCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoopingCall(every {:?}, running: {})", self.0.interval, self.is_running())
    }
}
