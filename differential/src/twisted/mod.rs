//! The life of a connection, told to a Twisted server and to ours by the same peer: what did each
//! protocol see, and what did its peer?
//! Owns: the run of all scenarios. Never: knows what a scenario says; `scenarios.txt` does.

mod ours;
mod peer;
mod scenario;
mod theirs;

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::comparison::Outcomes;
use scenario::{Program, Scenario};

/// A reactor with one listener and one connection at a time, of whichever framework.
trait Server {
    /// Listens with a protocol for each connection that follows the program, and gives its port.
    fn listen(&mut self, program: &Program) -> io::Result<u16>;
    /// Connects to this port of 127.0.0.1.
    fn connect(&mut self, port: u16, program: &Program) -> io::Result<()>;
    /// Does this to the connection, from outside of its callbacks.
    fn act(&mut self, actions: &[String]) -> io::Result<()>;
    /// Listens no more.
    fn unlisten(&mut self) -> io::Result<()>;
    /// Waits until the loop has gone round some times.
    fn turns(&mut self) -> io::Result<()>;
    /// Stops the loop, and does not wait for that.
    fn stop(&mut self) -> io::Result<()>;
    /// What the protocol and its factory see.
    fn seen(&self) -> &Seen;
}

/// What a protocol and its factory have seen, in order.
#[derive(Clone, Default)]
struct Seen(Arc<(Mutex<Vec<String>>, Condvar)>);

impl Seen {
    fn saw(&self, word: impl Into<String>) {
        lock(&self.0.0).push(word.into());
        self.0.1.notify_all();
    }

    fn words(&self) -> Vec<String> {
        lock(&self.0.0).clone()
    }

    fn forget(&self) {
        lock(&self.0.0).clear();
    }

    /// Waits for a word that begins so, and answers whether it came.
    fn wait_for(&self, beginning: &str, at_most: Duration) -> bool {
        let missing = |words: &mut Vec<String>| !words.iter().any(|w| w.starts_with(beginning));
        let waited = self.0.1.wait_timeout_while(lock(&self.0.0), at_most, missing);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the scenarios whose names begin so: Twisted's outcomes, and ours.
pub(crate) fn run(wanted: &[&str]) -> io::Result<(Outcomes, Vec<(String, String)>)> {
    let text = std::fs::read_to_string(crate::comparison::beside("twisted/scenarios.txt"))?;
    let mut scenarios = scenario::parse(&text)?;
    scenarios.retain(|scenario| {
        wanted.is_empty() || wanted.iter().any(|word| scenario.name.starts_with(word))
    });
    std::thread::scope(|scope| {
        let theirs = scope.spawn(|| theirs(&scenarios));
        let ours = scenarios.iter();
        let ours = ours.map(|one| (one.name.clone(), outcome(&mut ours::Loop::start(), one)));
        let ours = ours.collect();
        let theirs =
            theirs.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))?;
        Ok((theirs, ours))
    })
}

/// Twisted's, in one process until it is stopped.
fn theirs(scenarios: &[Scenario]) -> io::Result<Outcomes> {
    let mut server = theirs::Process::start()?;
    let mut outcomes = Outcomes::new();
    for one in scenarios {
        if server.is_over() {
            server = theirs::Process::start()?;
        }
        server.forget();
        outcomes.insert(one.name.clone(), outcome(&mut server, one));
    }
    Ok(outcomes)
}

/// One scenario: what was seen on both sides.
fn outcome(server: &mut impl Server, scenario: &Scenario) -> String {
    let peer = match peer::play(server, scenario) {
        Ok(peer) => peer,
        Err(error) => format!("({error})"),
    };
    let seen = joined(server.seen().words(), scenario.sent);
    let seen = if seen.is_empty() { "nothing".to_owned() } else { seen.join(" ") };
    let peer = if peer.is_empty() { "nothing".to_owned() } else { peer };
    format!("{seen} | {peer}")
}

/// Bytes that came in several pieces are one.
fn joined(seen: Vec<String>, sent: u64) -> Vec<String> {
    let bytes = |word: &str| word.strip_prefix("data ")?.parse::<u64>().ok();
    let mut joined: Vec<String> = Vec::new();
    for word in seen {
        match (joined.last().and_then(|last| bytes(last)), bytes(&word)) {
            (Some(before), Some(more)) => {
                joined.pop();
                joined.push(format!("data {}", before + more));
            }
            _ => joined.push(word),
        }
    }
    let show = |word: String| match bytes(&word) {
        Some(bytes) => format!("data {}", scenario::shown(bytes, sent)),
        None => word,
    };
    joined.into_iter().map(show).collect()
}
