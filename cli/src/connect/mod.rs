//! `ropewalk connect`: standard input to a peer, and its answer to standard output.
//! Owns: the attempt, and what each end means for the exit code. Never: moves a byte of the
//! conversation; that is `talk`'s.

mod input;
mod screen;
mod stream;
mod talk;

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::Reactor;
use ropewalk::clock::Time;
use ropewalk::endpoint::Endpoint;
use ropewalk::limits::{self as library, Limits};
use ropewalk::protocol::{Connector, Deadline, Kind, Net, Reason, client};

use crate::args::{self, Connect, OnEof};
use crate::explain::{self, Unreached};
use crate::failure::{self, Failure};
use crate::figures;
use crate::limits::{FOREVER, OUTPUT_BYTES, RETRY_PAUSE, RETRY_PAUSE_MAX};
use crate::log::{Level, Log};
use crate::stdio;
use crate::writer::Writer;

/// How the conversation is to go.
#[derive(Clone, Copy, Debug)]
struct Manner {
    on_eof: OnEof,
    prompt: bool,
    /// The peer's control characters are shown, not obeyed.
    escaped: bool,
    timeout: Option<Duration>,
}

/// How it went, as far as the reason of the end does not say.
#[derive(Debug, Default)]
struct Course {
    received: Cell<u64>,
    /// The peer ended its direction: whatever comes then, it was over in order.
    peer_ended: Cell<bool>,
    input_failed: RefCell<Option<io::Error>>,
    /// Why it is over, and whether there was a connection.
    end: RefCell<Option<(Reason, bool)>>,
}

/// Talks until one side ends.
pub(crate) fn run(connect: &Connect, log: &Log) -> Result<u8, Failure> {
    let endpoint = args::endpoint(&connect.endpoint)?;
    let target = endpoint.target()?;
    let mut options = endpoint.options().clone();
    options.timeout = options.timeout.or(connect.timeout); // what the endpoint says is nearer
    let escaped = stdio::output_is_terminal() && !connect.raw;
    let (on_eof, prompt) = (connect.on_eof, connect.prompt);
    let manner = Manner { on_eof, prompt, escaped, timeout: connect.timeout };
    let output = stdio::output()
        .and_then(|output| Writer::start("output", output, OUTPUT_BYTES, |_| String::new()))
        .map_err(|error| cannot("write to standard output", &error))?;
    let reactor = Reactor::builder().limits(patient(connect.timeout)).build().map_err(start)?;
    let course = Rc::new(Course::default());
    let make = {
        let (course, output) = (course.clone(), output.clone());
        move || stream::Stream::new(manner, course.clone(), output.clone())
    };
    let retry = Retry::new(connect.retry, reactor.now(), log, &endpoint);
    let (failed, lost) = (course.clone(), course.clone());
    let factory = client(make)
        .on_failed(move |connector, net, why| {
            if !retry.again(connector, net, why) {
                failed.end.replace(Some((why.clone(), false)));
                net.stop();
            }
        })
        .on_lost(move |_, net, why| {
            lost.end.replace(Some((why.clone(), true)));
            net.stop();
        });
    reactor.connect_with(target.clone(), &options, factory);
    reactor.run().map_err(start)?;

    let written = output.flush(None);
    let end = course.end.take();
    let Some((why, connected)) = end else { return Ok(0) };
    if !connected {
        let timeout = options.timeout.unwrap_or(library::CONNECT);
        let (endpoint, target, retried) = (&endpoint, &target, connect.retry);
        let of = Unreached { endpoint, target, why: &why, timeout, retried };
        return Err(explain::connecting(&of));
    }
    conclude(&course, &why, written).unwrap_or_else(|| {
        Err(explain::ended(&endpoint, &why, course.received.get(), connect.timeout))
    })
}

/// What an established connection's end means; `None` if it is an error of its own.
fn conclude(course: &Course, why: &Reason, written: io::Result<()>) -> Option<Result<u8, Failure>> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            return Some(Ok(failure::OUTPUT_GONE)); // whoever read it knows
        }
        Err(error) => return Some(Err(cannot("write to standard output", &error))),
        Ok(()) => {}
    }
    if let Some(error) = &*course.input_failed.borrow() {
        return Some(Err(cannot("read standard input", error)));
    }
    // A close that lingered in vain had sent everything.
    let closed =
        matches!(why.kind(), Kind::Closed | Kind::PeerClosed | Kind::Deadline(Deadline::Linger));
    (closed || course.peer_ended.get()).then_some(Ok(0))
}

/// Without a deadline of the user's own, a slow peer is waited for.
fn patient(timeout: Option<Duration>) -> Limits {
    let stall = timeout.unwrap_or(FOREVER);
    Limits { write_stall: stall, flush: stall, reset_held: FOREVER, ..Limits::default() }
}

fn start(error: ropewalk::Error) -> Failure {
    explain::plain(&error)
}

fn cannot(what: &str, error: &io::Error) -> Failure {
    Failure::new(failure::OTHER, format!("cannot {what}: {error}"))
}

/// Attempts, one after another, until the time is over.
struct Retry {
    until: Option<Time>,
    pause: Cell<Duration>,
    told: Cell<bool>,
    log: Log,
    endpoint: String,
}

impl Retry {
    fn new(within: Option<Duration>, now: Time, log: &Log, endpoint: &Endpoint) -> Retry {
        Retry {
            until: within.map(|within| now + within),
            pause: Cell::new(RETRY_PAUSE),
            told: Cell::new(false),
            log: log.clone(),
            endpoint: endpoint.to_string(),
        }
    }

    /// Tries again after a pause, if there is time for one.
    fn again(&self, connector: &Connector, net: &dyn Net, why: &Reason) -> bool {
        let Some(until) = self.until else { return false };
        let left = until - net.now();
        if left.is_zero() {
            return false;
        }
        if !self.told.replace(true) && self.log.level() > Level::Quiet {
            let left = figures::time(left);
            self.log.say(&format!("waiting up to {left} for {}: {why}", self.endpoint));
        }
        let pause = self.pause.get();
        self.pause.set((pause * 2).min(RETRY_PAUSE_MAX));
        let connector = connector.clone();
        net.call_later(pause.min(left), Box::new(move |_| connector.connect()));
        true
    }
}
