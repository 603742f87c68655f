//! A protocol whose callbacks are closures, and which writes down what it sees; and the
//! factories that build it, for servers and for clients.

use std::cell::Cell;
use std::sync::Arc;

use ropewalk::addr::Addr;
use ropewalk::protocol::{Event, Layers};
use ropewalk::{ClientFactory, Connector, Factory, Net, Protocol, Reason, Timer, Transport};

use super::log::{Call, Log};

type Do = Arc<dyn Fn(&mut dyn Transport) + Send + Sync>;
type DoData = Arc<dyn Fn(&mut dyn Transport, &[u8]) + Send + Sync>;
type DoEnd = Arc<dyn Fn(&Connector, &dyn Net) + Send + Sync>;
type DoLost = Arc<dyn Fn(&mut dyn Transport, &Reason) + Send + Sync>;

/// What a connection is to do in each callback, and its factory. Without a closure: the
/// trait's default.
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
    lost: Option<DoLost>,
    // The factory's.
    build: Option<Arc<dyn Fn(&Addr) -> bool + Send + Sync>>,
    stack: Option<Arc<dyn Fn(&mut Layers) + Send + Sync>>,
    failed: Option<Arc<dyn Fn(&Reason) + Send + Sync>>,
    started: Option<Arc<dyn Fn(&Connector) + Send + Sync>>,
    client_end: Option<DoEnd>,
}

macro_rules! setter {
    ($name:ident: $($arg:ty),* $(=> $answer:ty)?) => {
        pub fn $name(
            mut self,
            f: impl Fn($($arg),*) $(-> $answer)? + Send + Sync + 'static,
        ) -> Script {
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

    /// Writes so many sevens when connected, and closes.
    pub fn sends_and_closes(count: usize) -> Script {
        Script::new().made(move |transport| {
            transport.write(&vec![7; count]);
            transport.close();
        })
    }

    setter!(made: &mut dyn Transport);
    setter!(data: &mut dyn Transport, &[u8]);
    setter!(eof: &mut dyn Transport);
    setter!(pause: &mut dyn Transport);
    setter!(resume: &mut dyn Transport);
    setter!(timer: &mut dyn Transport);
    setter!(event: &mut dyn Transport);
    setter!(stopping: &mut dyn Transport);
    setter!(lost: &mut dyn Transport, &Reason);
    setter!(build: &Addr => bool);
    setter!(stack: &mut Layers);
    setter!(failed: &Reason);
    setter!(started: &Connector);
    setter!(client_end: &Connector, &dyn Net);

    /// A protocol that follows this script.
    pub fn protocol(&self, log: &Log) -> Scripted {
        self.protocol_number(log, log.next())
    }

    fn protocol_number(&self, log: &Log, number: usize) -> Scripted {
        Scripted { script: self.clone(), number, log: log.clone(), over: false }
    }
}

/// A factory that follows a script.
pub struct ScriptedFactory {
    script: Script,
    log: Log,
    /// A client's attempts and connections are one story.
    number: Option<usize>,
    /// What stands between the wire and the script's own layers.
    below: Option<Arc<dyn Fn(&mut Layers) + Send + Sync>>,
}

impl ScriptedFactory {
    pub fn server(script: Script, log: Log) -> ScriptedFactory {
        ScriptedFactory { script, log, number: None, below: None }
    }

    pub fn client(script: Script, log: Log) -> ScriptedFactory {
        let number = Some(log.next());
        ScriptedFactory { script, log, number, below: None }
    }

    /// With these layers between the wire and the script's own.
    pub fn above(self, below: impl Fn(&mut Layers) + Send + Sync + 'static) -> ScriptedFactory {
        ScriptedFactory { below: Some(Arc::new(below)), ..self }
    }

    fn number(&self) -> usize {
        self.number.unwrap_or_else(|| self.log.next())
    }

    fn build_protocol(&self, peer: &Addr) -> Option<Scripted> {
        let wanted = self.script.build.as_ref().is_none_or(|build| build(peer));
        wanted.then(|| self.script.protocol_number(&self.log, self.number()))
    }

    fn add_layers(&self, layers: &mut Layers) {
        if let Some(below) = &self.below {
            below(layers);
        }
        if let Some(stack) = &self.script.stack {
            stack(layers);
        }
    }

    fn saw_failed(&self, why: &Reason) {
        self.log.push(self.number(), Call::Failed(why.kind()));
        if let Some(failed) = &self.script.failed {
            failed(why);
        }
    }
}

impl Factory for ScriptedFactory {
    type Protocol = Scripted;
    fn build(&mut self, peer: &Addr) -> Option<Scripted> {
        self.build_protocol(peer)
    }
    fn stack(&mut self, layers: &mut Layers) {
        self.add_layers(layers);
    }
    fn failed(&mut self, _: &dyn Net, why: &Reason) {
        self.saw_failed(why);
    }
}

/// The same as a client's factory.
pub struct ScriptedClient(pub ScriptedFactory);

impl ClientFactory for ScriptedClient {
    type Protocol = Scripted;
    fn started(&mut self, connector: &Connector) {
        self.0.log.push(self.0.number(), Call::Started);
        if let Some(started) = &self.0.script.started {
            started(connector);
        }
    }
    fn build(&mut self, peer: &Addr) -> Option<Scripted> {
        self.0.build_protocol(peer)
    }
    fn stack(&mut self, layers: &mut Layers) {
        self.0.add_layers(layers);
    }
    fn failed(&mut self, connector: &Connector, net: &dyn Net, why: &Reason) {
        self.0.saw_failed(why);
        if let Some(end) = &self.0.script.client_end {
            end(connector, net);
        }
    }
    fn lost(&mut self, connector: &Connector, net: &dyn Net, why: &Reason) {
        self.0.log.push(self.0.number(), Call::FactoryLost(why.kind()));
        if let Some(end) = &self.0.script.client_end {
            end(connector, net);
        }
    }
}

/// A protocol that follows a script.
pub struct Scripted {
    script: Script,
    log: Log,
    number: usize,
    over: bool,
}

thread_local! {
    /// Callbacks on this thread's stack, of all connections: none runs inside another.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// One callback, until dropped: also by a panic.
struct Inside;

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

impl Scripted {
    /// What breaks a rule is kept apart: an assertion here would end in the engine, which
    /// takes it for the protocol's own panic.
    #[must_use]
    fn enter(&mut self, call: Call) -> Inside {
        if self.over {
            self.log.broke(format!("{call:?} of {} after connection_lost", self.number));
        }
        if matches!(call, Call::Made) && self.log.of(self.number).last() == Some(&Call::Made) {
            self.log.broke(format!("{} was made twice", self.number));
        }
        DEPTH.set(DEPTH.get() + 1);
        if DEPTH.get() > 1 {
            self.log.broke(format!("{call:?} of {} inside another callback", self.number));
        }
        self.over |= matches!(call, Call::Lost(_));
        self.log.push(self.number, call);
        Inside
    }

    fn run(&mut self, call: Call, what: Option<Do>, transport: &mut dyn Transport) {
        let _inside = self.enter(call);
        if let Some(what) = what {
            what(transport);
        }
    }
}

impl Protocol for Scripted {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        self.run(Call::Made, self.script.made.clone(), transport);
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        if data.is_empty() {
            self.log.broke("data_received without data".into());
        }
        let _inside = self.enter(Call::Data(data.to_vec()));
        if let Some(what) = self.script.data.clone() {
            what(transport, data);
        }
    }

    fn eof_received(&mut self, transport: &mut dyn Transport) {
        let default: Do = Arc::new(|transport| transport.close());
        self.run(Call::Eof, self.script.eof.clone().or(Some(default)), transport);
    }

    fn pause_writing(&mut self, transport: &mut dyn Transport) {
        self.run(Call::Pause, self.script.pause.clone(), transport);
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) {
        self.run(Call::Resume, self.script.resume.clone(), transport);
    }

    fn timer_fired(&mut self, transport: &mut dyn Transport, timer: Timer) {
        self.run(Call::Timer(timer.0), self.script.timer.clone(), transport);
    }

    fn event(&mut self, transport: &mut dyn Transport, event: Event) {
        let text = event.downcast::<String>().map_or_else(|_| "?".into(), |text| *text);
        self.run(Call::Event(text), self.script.event.clone(), transport);
    }

    fn stopping(&mut self, transport: &mut dyn Transport) {
        let default: Do = Arc::new(|transport| transport.close());
        self.run(Call::Stopping, self.script.stopping.clone().or(Some(default)), transport);
    }

    fn connection_lost(&mut self, transport: &mut dyn Transport, why: &Reason) {
        let _inside = self.enter(Call::Lost(why.kind()));
        if let Some(what) = self.script.lost.clone() {
            what(transport, why);
        }
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        // Every made connection is lost; one whose connection_made panicked, too.
        let made = self.log.of(self.number).contains(&Call::Made);
        if made && !self.over {
            self.log.broke(format!("{} was made, and never lost", self.number));
        }
    }
}
