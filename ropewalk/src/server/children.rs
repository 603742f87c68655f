//! The children of a forking server: processes, each with a line to this one.
//! Owns: making them, what they say, and their ends, each waited for by its own id.
//! Never: waits for a process that another part of the program has started, or lets a child
//! return to its parent's stack.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use super::above::{Above, Word};
use super::active::{Reach, UnderWay, Wish};
use super::handler::HandlerError;
use super::hooks::{BaseServer, Request};
use super::shutdown::State;
use super::worker::Worker;
use crate::addr::Addr;
use crate::clock::{Clock, MachineClock, Time};
use crate::driver::children::{self, Child, Forked, Heard, Parent, Signal};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::limits;
use crate::socket::timespec;

/// A server's children. Only the thread that serves asks for them.
#[doc(hidden)] // named by what the mix-ins seal
pub struct Children {
    list: Mutex<Vec<Kid>>,
    clock: MachineClock,
}

/// A child, until it was waited for.
struct Kid {
    child: Arc<Child>,
    /// The request that it works on, if it is for one, and whose that is.
    request: Option<(UnderWay, Addr)>,
    since: Time,
    /// The last wait has seen something on its line.
    stirred: bool,
    /// What it said and was not understood yet: the beginning of a word.
    heard: Vec<u8>,
    /// It came to its end by itself, and has told of its failure if there was one.
    told: bool,
    /// Since when its line has ended: it is about to.
    leaves: Option<Time>,
}

/// How a child ended.
pub(super) struct Ended {
    pub(super) id: i32,
    client: Option<Addr>,
    /// None, if another part of the program has waited for it.
    status: Option<ExitStatus>,
    told: bool,
    pub(super) lived: Duration,
}

impl Children {
    pub(super) fn new() -> Children {
        Children { list: Mutex::default(), clock: MachineClock::begin() }
    }

    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// What the clock says that they are measured by.
    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    /// Makes a child, which does `run` and ends, with status 0 if that went well.
    pub(super) fn fork<R: Request, S: BaseServer<R>>(
        &self,
        worker: &Worker<S>,
        client: Option<&Addr>,
        run: impl FnOnce() -> bool,
    ) -> Result<()> {
        may_fork(&worker.server)?;
        let state = &worker.state;
        // Held, so that in the child nobody else does.
        let mut list = self.lock();
        match children::fork().map_err(no_child)? {
            Forked::Parent(child) => {
                let (child, since) = (Arc::new(child), self.clock.now());
                let request = client.map(|client| {
                    let reach = Reach::Elsewhere(reach(&child));
                    let mut under_way = UnderWay::new(state.clone(), client, reach);
                    under_way.begin();
                    (under_way, client.clone())
                });
                let (heard, stirred, told, leaves) = (Vec::new(), false, false, None);
                list.push(Kid { child, request, since, stirred, heard, told, leaves });
                Ok(())
            }
            Forked::Child(parent) => {
                let siblings = mem::take(&mut *list);
                drop(list);
                live(state, parent, siblings, run)
            }
        }
    }

    /// The server's wait, which the children's lines end, too.
    pub(super) fn wait(
        &self,
        fds: Vec<PollFd<'_>>,
        left: Option<Duration>,
    ) -> rustix::io::Result<Vec<PollFlags>> {
        let mut list = self.lock();
        let count = fds.len();
        let now = self.clock.now();
        let soon = list.iter().filter_map(|kid| kid.asked_again_after(now)).min();
        let timeout = left.into_iter().chain(soon).min().map(timespec);
        let seen: Vec<PollFlags> = {
            let mut fds = fds; // and theirs, for as long as they are looked at
            let stay = list.iter().filter(|kid| kid.leaves.is_none());
            fds.extend(stay.map(|kid| PollFd::new(&*kid.child, PollFlags::IN)));
            poll(&mut fds, timeout.as_ref())?;
            fds.iter().map(PollFd::revents).collect()
        };
        let stay = list.iter_mut().filter(|kid| kid.leaves.is_none());
        for (kid, seen) in stay.zip(&seen[count..]) {
            kid.stirred |= !seen.is_empty();
        }
        Ok(seen[..count].to_vec())
    }

    /// Hears what they say, and buries those that ended. Does not wait.
    pub(super) fn tend(&self, state: &State) -> Vec<Ended> {
        let mut list = self.lock();
        for kid in list.iter_mut().filter(|kid| kid.stirred) {
            kid.hear(state, self.clock.now());
        }
        let ended = self.bury(&mut list, state, |kid| kid.leaves.is_some());
        if state.is_asked() {
            list.iter().for_each(|kid| kid.child.hang_up());
        }
        ended
    }

    /// As [`tend`](Children::tend), and asks after each of them, whatever its line says: a
    /// process that a child has left behind may keep it open.
    pub(super) fn tend_all(&self, state: &State) -> Vec<Ended> {
        let mut ended = self.tend(state);
        ended.append(&mut self.bury(&mut self.lock(), state, |_| true));
        ended
    }

    /// At the end of the grace: those that are left are told to end, then killed. Answers
    /// how many there were.
    pub(super) fn cut(&self, state: &State) -> usize {
        let mut count = None;
        for signal in [Signal::Terminate, Signal::Kill] {
            let mut list = self.lock();
            // Who has ended is out of the list before, so that no stranger has his id.
            self.bury(&mut list, state, |_| true);
            list.iter().for_each(|kid| kid.child.signal(signal));
            count.get_or_insert(list.len());
            drop(list);
            let until = self.clock.now() + limits::CHILDREN_MARGIN;
            while self.count() > 0 && self.clock.now() < until {
                let _ = self.wait(Vec::new(), Some(limits::CHILD_PAUSE)); // it looks again
                self.tend_all(state);
            }
        }
        for kid in self.lock().drain(..) {
            tracing::error!("child {} was killed, and the system keeps it", kid.child.id());
        }
        count.unwrap_or_default()
    }

    fn bury(&self, list: &mut Vec<Kid>, state: &State, which: fn(&Kid) -> bool) -> Vec<Ended> {
        let mut ended = Vec::new();
        list.retain_mut(|kid| {
            let Some(status) = which(kid).then(|| kid.child.ended()).flatten() else {
                return true;
            };
            kid.hear(state, self.clock.now()); // its last words
            ended.push(Ended {
                id: kid.child.id(),
                client: kid.request.take().map(|(_, client)| client),
                status,
                told: kid.told,
                lived: self.clock.now() - kid.since,
            });
            false
        });
        ended
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Kid>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Children {
    /// Waits for nobody: those that work on go on, and are buried when this process ends.
    fn drop(&mut self) {
        for kid in self.list.get_mut().unwrap_or_else(PoisonError::into_inner) {
            let _ = kid.child.ended();
        }
    }
}

impl Kid {
    /// Most end at once when their line has; one that has become another program does not, and
    /// is asked ever more seldom.
    fn asked_again_after(&self, now: Time) -> Option<Duration> {
        let so_far = now - self.leaves?;
        Some(so_far.clamp(limits::CHILD_PAUSE, limits::CHILD_PAUSE_MAX))
    }

    fn hear(&mut self, state: &State, now: Time) {
        self.stirred = false;
        let mut buffer = [0; limits::CHILD_LINE_BYTES];
        match self.child.hear(&mut buffer) {
            Heard::Bytes(count) => self.heard.extend_from_slice(&buffer[..count]),
            Heard::Nothing => {}
            Heard::End => self.leaves = self.leaves.or(Some(now)),
        }
        while let Some(word) = Word::take(&mut self.heard) {
            match word {
                Word::Stop => state.ask(),
                Word::Report(report) => {
                    if let Some((under_way, _)) = self.request.as_ref().filter(|_| report.cut > 0) {
                        under_way.was_cut();
                    }
                    state.add_to_report(report);
                }
                Word::Done => self.told = true,
            }
        }
    }
}

impl Ended {
    /// Tells of a child that ended otherwise than by its own decision: what went wrong in
    /// one that did, it has told itself.
    pub(super) fn tell<R: Request, S: BaseServer<R>>(self, worker: &Worker<S>) {
        let Some(client) = self.client.as_ref().filter(|_| !self.told) else { return };
        match self.status {
            Some(status) if status.success() => {}
            Some(status) => worker.tell::<R>(&HandlerError::Exited(status), client),
            None => tracing::debug!("child {}: another has waited for it", self.id),
        }
    }

    /// How it ended, for the log.
    pub(super) fn how(&self) -> String {
        self.status.map_or_else(|| "nobody knows how".to_owned(), |status| status.to_string())
    }
}

/// How a child is told of a wish: a protocol's machine hears it, and so does the system.
fn reach(child: &Arc<Child>) -> Box<dyn Fn(Wish) -> bool + Send> {
    let child = child.clone();
    Box::new(move |wish| {
        match wish {
            Wish::GoOn => return false,
            Wish::End => child.hang_up(),
            Wish::BeCut => child.signal(Signal::Terminate),
        }
        true
    })
}

/// How long children have after a shutdown: without an end of their own they would be left as
/// zombies.
pub(super) fn grace<R: Request, S: BaseServer<R>>(server: &S) -> Duration {
    server.drain_grace().unwrap_or(limits::DRAIN_GRACE)
}

/// Whether a child may be made now: no other thread runs, or the user has said that it does
/// no harm.
pub(super) fn may_fork<R: Request, S: BaseServer<R>>(server: &S) -> Result<()> {
    if server.fork_with_threads() {
        return Ok(());
    }
    match children::other_threads() {
        None | Some(0) => Ok(()),
        Some(others) => {
            let threads = if others == 1 { "another thread runs" } else { "other threads run" };
            let cause = format!(
                "{threads} in this process ({others}), and a forked child may wait for ever \
                 for a lock that one of them holds"
            );
            let remedy = "serve before threads are started, or take Threading or Pooling; or let \
                          the server's fork_with_threads say true, if no handler needs such a lock";
            Err(Error::new(Operation::Run, ErrorKind::OtherThreads, cause).with_remedy(remedy))
        }
    }
}

fn no_child(error: std::io::Error) -> Error {
    if error.kind() != std::io::ErrorKind::WouldBlock {
        return Error::from_io(Operation::Start, "a child", error);
    }
    let cause = "the system allows no more processes (EAGAIN)";
    let remedy = "raise their limit (ulimit -u), or lower max_children";
    Error::new(Operation::Start, ErrorKind::Full, cause).at("a child").with_remedy(remedy)
}

/// All of a child's life.
fn live(state: &Arc<State>, parent: Parent, siblings: Vec<Kid>, run: impl FnOnce() -> bool) -> ! {
    // Whatever should unwind from here: the stack below is the parent's.
    let _leaves = Leaves;
    let parent = Arc::new(parent);
    let told = parent.clone();
    let lived = catch_unwind(AssertUnwindSafe(|| {
        // Their lines are not ours: as long as we kept them, they would not hear that our
        // parent is gone.
        drop(siblings);
        let (orders, say) = (parent.orders.clone(), Box::new(move |word: &[u8]| parent.say(word)));
        state.belongs_to(Above { orders, say })?;
        Ok::<bool, std::io::Error>(run())
    }));
    let well = match lived {
        Ok(Ok(well)) => well,
        Ok(Err(error)) => {
            tracing::error!("a child has no descriptors to begin with: {error}");
            children::leave(1)
        }
        Err(panic) => {
            tracing::error!("a child: {}", HandlerError::of_panic(&*panic));
            mem::forget(panic); // its drop could panic again
            false
        }
    };
    told.say(&Word::Done.spelled());
    children::leave(if well { 0 } else { 1 })
}

/// The way out of a child that is never gone.
struct Leaves;

impl Drop for Leaves {
    fn drop(&mut self) {
        children::leave(1)
    }
}
