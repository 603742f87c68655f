//! `serve NAME -`: one session on standard input and output, as inetd and socat start one.
//! Owns: that its end is the program's. Never: says more than is asked for: standard error may
//! be the peer's, too.

use std::cell::RefCell;
use std::rc::Rc;

use ropewalk::protocol::{Kind, Reason, client};
use ropewalk::{Protocol, Reactor};

use super::Server;
use crate::explain;
use crate::failure::{self, Failure};
use crate::log::Level;
use crate::signals::Stop;
use crate::watch::{At, Label};

impl Server<'_> {
    /// Serves whoever gave us standard input and output, until one of us ends it.
    pub(super) fn run_session<P, F>(&self, make: F) -> Result<u8, Failure>
    where
        P: Protocol + 'static,
        F: Fn() -> P + Clone + 'static,
    {
        let builder =
            Reactor::builder().limits(self.course.limits()).observer(self.course.watch.clone());
        let reactor = builder.build().map_err(|error| explain::plain(&error))?;
        let label = Label::default();
        label.set("-".to_owned());
        let end = Rc::new(RefCell::new(None));
        let kept = end.clone();
        let factory =
            client(At::new(label, self.policies.around(make))).on_end(move |_, net, why| {
                *kept.borrow_mut() = Some(why.clone());
                net.stop();
            });
        reactor.open_stdio(factory).map_err(|error| explain::plain(&error))?;
        let signals = self.course.hear(Stop::Engine(reactor.remote()));
        if self.course.log.level() >= Level::More {
            self.course.log.say(&format!("serving {} on -", self.service.name()));
        }
        let report = reactor.run_reporting().map_err(|error| explain::plain(&error))?;
        let asked = signals.as_ref().and_then(crate::signals::Signals::asked);
        if let (Some(asked), true) = (asked, report.cut > 0) {
            return Ok(failure::SIGNAL + asked.signal);
        }
        conclude(end.take())
    }
}

fn conclude(end: Option<Reason>) -> Result<u8, Failure> {
    let Some(why) = end else { return Ok(0) };
    match why.kind() {
        _ if why.is_clean() => Ok(0),
        Kind::Reset => Ok(failure::OUTPUT_GONE), // whoever read it knows
        _ => {
            let sentence = format!("the session ended: {why}");
            Err(Failure::new(failure::OTHER, crate::escape::line(&sentence)))
        }
    }
}
