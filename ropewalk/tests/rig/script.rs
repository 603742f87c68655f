//! A protocol whose callbacks are closures, and which writes down what it sees.

use std::sync::Arc;
use std::time::Duration;

use ropewalk::protocol::{Event, Kind};
use ropewalk::{Protocol, Reason, Timer, Transport};

use super::log::{Call, Log};

type Do = Arc<dyn Fn(&mut dyn Transport) + Send + Sync>;
type DoData = Arc<dyn Fn(&mut dyn Transport, &[u8]) + Send + Sync>;

/// What a connection is to do in each callback. Without a closure: the trait's default.
#[derive(Clone, Default)]
pub struct Script {
    made: Option<Do>,
    data: Option<DoData>,
    eof: Option<Do>,
    pause: Option<Do>,
    resume: Option<Do>,
    timer: Option<Do>,
    event: Option<Do>,
    stopping: Option<Do>,
    lost: Option<Do>,
}

macro_rules! setter {
    ($name:ident) => {
        pub fn $name(mut self, f: impl Fn(&mut dyn Transport) + Send + Sync + 'static) -> Script {
            self.$name = Some(Arc::new(f));
            self
        }
    };
}

impl Script {
    pub fn new() -> Script {
        Script::default()
    }

    /// Sends back what comes.
    pub fn echo() -> Script {
        Script::new().data(|transport, data| {
            transport.write(data);
        })
    }

    setter!(made);
    setter!(eof);
    setter!(pause);
    setter!(resume);
    setter!(timer);
    setter!(event);
    setter!(stopping);
    setter!(lost);

    pub fn data(mut self, f: impl Fn(&mut dyn Transport, &[u8]) + Send + Sync + 'static) -> Script {
        self.data = Some(Arc::new(f));
        self
    }

    /// A protocol that follows this script.
    pub fn protocol(&self, log: &Log) -> Scripted {
        Scripted {
            script: self.clone(),
            number: log.next(),
            log: log.clone(),
            depth: 0,
            over: false,
        }
    }
}

/// A protocol that follows a script.
pub struct Scripted {
    script: Script,
    log: Log,
    number: usize,
    depth: usize,
    over: bool,
}

impl Scripted {
    fn saw(&mut self, call: Call) {
        assert!(!self.over, "{call:?} after connection_lost");
        self.log.push(self.number, call);
    }

    fn run(&mut self, what: &Option<Do>, transport: &mut dyn Transport) {
        self.depth += 1;
        assert_eq!(self.depth, 1, "a callback inside a callback");
        if let Some(what) = what {
            what(transport);
        }
        self.depth -= 1;
    }
}

impl Protocol for Scripted {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        self.saw(Call::Made);
        self.run(&self.script.made.clone(), transport);
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        assert!(!data.is_empty(), "no bytes is no call");
        self.saw(Call::Data(data.to_vec()));
        if let Some(what) = self.script.data.clone() {
            let data = data.to_vec();
            let what: Do = Arc::new(move |transport: &mut dyn Transport| what(transport, &data));
            self.run(&Some(what), transport);
        }
    }

    fn eof_received(&mut self, transport: &mut dyn Transport) {
        self.saw(Call::Eof);
        match self.script.eof.clone() {
            Some(what) => self.run(&Some(what), transport),
            None => transport.close(),
        }
    }

    fn pause_writing(&mut self, transport: &mut dyn Transport) {
        self.saw(Call::Pause);
        self.run(&self.script.pause.clone(), transport);
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) {
        self.saw(Call::Resume);
        self.run(&self.script.resume.clone(), transport);
    }

    fn timer_fired(&mut self, transport: &mut dyn Transport, timer: Timer) {
        self.saw(Call::Timer(timer.0));
        self.run(&self.script.timer.clone(), transport);
    }

    fn event(&mut self, transport: &mut dyn Transport, event: Event) {
        let text = event.downcast::<String>().map_or_else(|_| "?".into(), |text| *text);
        self.saw(Call::Event(text));
        self.run(&self.script.event.clone(), transport);
    }

    fn stopping(&mut self, transport: &mut dyn Transport) {
        self.saw(Call::Stopping);
        match self.script.stopping.clone() {
            Some(what) => self.run(&Some(what), transport),
            None => transport.close(),
        }
    }

    fn connection_lost(&mut self, transport: &mut dyn Transport, why: &Reason) {
        self.saw(Call::Lost(why.kind()));
        self.over = true;
        self.run(&self.script.lost.clone(), transport);
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        // Every made connection is lost; one whose connection_made panicked, too.
        let calls = self.log.of(self.number);
        if calls.contains(&Call::Made) && !std::thread::panicking() {
            let lost = calls.iter().filter(|call| matches!(call, Call::Lost(_))).count();
            assert_eq!(lost, 1, "lost exactly once: {calls:?}");
        }
    }
}

/// Kinds that mean "in order".
pub fn is_clean(kind: Kind) -> bool {
    matches!(kind, Kind::Closed | Kind::PeerClosed)
}

/// Soon, for a test that waits on purpose in virtual time.
pub const SOON: Duration = Duration::from_millis(10);
