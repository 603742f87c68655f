//! `ropewalk connect`: standard input to a peer, and its answer to standard output.
//! Owns: the attempt, and what each end means for the exit code. Never: moves a byte of the
//! conversation; that is `talk`'s.

mod datagrams;
mod input;
mod retry;
mod screen;
mod stream;
mod talk;

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::Reactor;
use ropewalk::addr::Target;
use ropewalk::endpoint::{Endpoint, Place, Wraps};
use ropewalk::limits::{self as library, Limits};
use ropewalk::options::SocketOptions;
use ropewalk::protocol::{Deadline, Kind, Reason, client};

use crate::args::{self, Connect, OnEof};
use crate::explain::{self, Unreached, Waiting};
use crate::failure::{self, Failure};
use crate::limits::{FOREVER, LAST_FLUSH, OUTPUT_BYTES};
use crate::log::{Level, Log};
use crate::stdio;
use crate::writer::Writer;
use retry::Retry;

/// Talks until one side ends.
pub(crate) fn run(connect: &Connect, log: &Log) -> Result<u8, Failure> {
    let plan = Plan::new(connect)?;
    let output = stdio::output()
        .and_then(|output| Writer::start("output", output, OUTPUT_BYTES, |_| String::new()));
    let output = match output {
        Ok(output) => output,
        Err(error) => return failure::output(&error),
    };
    let reactor = Reactor::builder().limits(patient(connect.timeout)).build();
    let reactor = reactor.map_err(|error| explain::plain(&error))?;
    let course = Rc::new(Course::default());
    match plan.is_datagrams() {
        true => plan.open_datagrams(&reactor, &course, &output),
        false => plan.open_stream(&reactor, &course, &output, log),
    }
    reactor.run().map_err(|error| explain::plain(&error))?;
    let written = output.flush(None);
    let result = match course.end.take() {
        Some((why, true)) => plan.conclude(&course, &why, written, log),
        Some((why, false)) => Err(plan.unreached(&why)),
        // The reactor ends with the conversation, so there was an end.
        None => Err(Failure::new(failure::OTHER, "the conversation ended unheard")),
    };
    if result.is_err() && course.in_line.get() && stdio::output_is_terminal() {
        output.put(b"\n"); // the error has a line of its own
        output.flush(None).unwrap_or_default(); // it is about something else
    }
    result
}

/// Where to, and how.
struct Plan<'a> {
    connect: &'a Connect,
    endpoint: Endpoint,
    target: Target,
    options: SocketOptions,
    /// The layers of its words.
    wraps: Wraps,
    manner: Manner,
}

/// How the conversation is to go.
#[derive(Clone, Copy, Debug)]
struct Manner {
    on_eof: OnEof,
    prompt: bool,
    /// The peer's control characters are shown, not obeyed.
    escaped: bool,
    timeout: Option<Duration>,
    linger: Duration,
}

/// How it went, as far as the reason of the end does not say.
#[derive(Debug, Default)]
struct Course {
    received: Cell<u64>,
    /// The peer ended its direction: whatever comes then, it was over in order.
    peer_ended: Cell<bool>,
    /// What the peer said last was no whole line.
    in_line: Cell<bool>,
    input_failed: RefCell<Option<io::Error>>,
    /// Datagrams for which standard output had no room.
    lost_in: Cell<u64>,
    /// Datagrams that were never given to the kernel.
    lost_out: Cell<u64>,
    /// Why it is over, and whether there was a connection.
    end: RefCell<Option<(Reason, bool)>>,
}

impl Course {
    /// It is over: what comes of that is not why.
    fn end_with(&self, why: &Reason, was_connected: bool) {
        self.end.borrow_mut().get_or_insert_with(|| (why.clone(), was_connected));
    }
}

impl<'a> Plan<'a> {
    fn new(connect: &'a Connect) -> Result<Plan<'a>, Failure> {
        let endpoint = args::endpoint(&connect.endpoint)?;
        let target = match is_datagrams(&endpoint) {
            true => endpoint.datagram_target()?,
            false => endpoint.target()?,
        };
        if let (true, Some(_)) = (is_datagrams(&endpoint), connect.retry) {
            let sentence = format!("{endpoint} cannot be waited for: datagrams have no connection");
            return Err(Failure::new(failure::USAGE, sentence).help("leave out --retry"));
        }
        let mut options = endpoint.options().clone();
        options.timeout = options.timeout.or(connect.timeout); // what the endpoint says is nearer
        connect.family.connect(&endpoint, &target, &mut options)?;
        let manner = Manner {
            on_eof: connect.on_eof,
            prompt: connect.prompt,
            escaped: stdio::output_is_terminal() && !connect.raw,
            timeout: connect.timeout,
            linger: connect.linger,
        };
        let wraps = endpoint.client_wraps().map_err(|error| explain::plain(&error))?;
        Ok(Plan { connect, endpoint, target, options, wraps, manner })
    }

    fn open_stream(&self, reactor: &Reactor, course: &Rc<Course>, output: &Writer, log: &Log) {
        let name = self.endpoint.to_string();
        let retry = Rc::new(Retry::new(self.connect.retry, reactor.now(), log, &name));
        let made = Rc::new(Cell::new(false));
        if let Some(within) = self.connect.retry {
            let (retry, made, over) = (retry.clone(), made.clone(), course.clone());
            reactor.call_later(within, move |net| {
                if !made.get() {
                    over.end_with(&retry.over(), false);
                    net.stop();
                }
            });
        }
        let make = {
            let (manner, course, output) = (self.manner, course.clone(), output.clone());
            move || {
                made.set(true);
                stream::Stream::new(manner, course.clone(), output.clone())
            }
        };
        let (failed, lost) = (course.clone(), course.clone());
        let factory = client(make)
            .on_failed(move |connector, net, why| {
                if !retry.again(connector, net, why) {
                    failed.end_with(why, false);
                    net.stop();
                }
            })
            .on_lost(move |_, net, why| {
                lost.end_with(why, true);
                net.stop();
            });
        let factory = self.wraps.on_client(factory);
        reactor.connect_with(self.target.clone(), &self.options, factory);
    }

    fn open_datagrams(&self, reactor: &Reactor, course: &Rc<Course>, output: &Writer) {
        let protocol = datagrams::Datagrams::new(self.manner, course.clone(), output.clone());
        reactor.connect_datagrams_with(self.target.clone(), &self.options, protocol);
    }

    fn is_datagrams(&self) -> bool {
        is_datagrams(&self.endpoint)
    }

    fn unreached(&self, why: &Reason) -> Failure {
        let timeout = self.options.timeout.unwrap_or(library::CONNECT);
        explain::connecting(&Unreached {
            endpoint: &self.endpoint,
            target: &self.target,
            why,
            timeout: self.connect.retry.map_or(timeout, |retry| retry.min(timeout)),
            waiting: match self.connect.retry {
                _ if self.is_datagrams() => Waiting::Pointless,
                Some(time) => Waiting::InVain(time),
                None => Waiting::Possible,
            },
        })
    }

    /// What an established connection's end means.
    fn conclude(
        &self,
        course: &Course,
        why: &Reason,
        written: io::Result<()>,
        log: &Log,
    ) -> Result<u8, Failure> {
        if let Err(error) = written {
            return failure::output(&error);
        }
        if let Some(error) = &*course.input_failed.borrow() {
            let sentence = format!("cannot read standard input: {error}");
            return Err(Failure::new(failure::OTHER, sentence).help("a file or a pipe can be read"));
        }
        if why.unsent() > 0 && log.level() >= Level::More {
            log.say(&format!("{} B were not taken by {}", why.unsent(), self.endpoint));
        }
        for (count, fate) in [
            (course.lost_in.get(), "came and were dropped, as standard output had no room"),
            (course.lost_out.get(), "could not be sent"),
        ] {
            match count {
                0 => {}
                1 => log.say(&format!("1 datagram {}", fate.replace("were", "was"))),
                _ => log.say(&format!("{count} datagrams {fate}")),
            }
        }
        // A close that lingered in vain had sent everything.
        let in_order = matches!(
            why.kind(),
            Kind::Closed | Kind::PeerClosed | Kind::Deadline(Deadline::Linger)
        );
        // Its end is in order too if it closed before it had read all; not if it left us
        // waiting.
        let peer_ended = course.peer_ended.get();
        let is_cut = matches!(why.kind(), Kind::Deadline(_)) && why.unsent() > 0;
        if in_order || (peer_ended && !is_cut) {
            return Ok(0);
        }
        let timeout = self.connect.timeout.or(peer_ended.then_some(LAST_FLUSH));
        Err(explain::ended(&self.endpoint, why, course.received.get(), timeout))
    }
}

fn is_datagrams(endpoint: &Endpoint) -> bool {
    matches!(endpoint.place(), Place::Udp(_) | Place::Unixgram(_))
}

/// Without a deadline of the user's own, a slow peer is waited for.
fn patient(timeout: Option<Duration>) -> Limits {
    let stall = timeout.unwrap_or(FOREVER);
    Limits { write_stall: stall, flush: stall, reset_held: FOREVER, ..Limits::default() }
}
