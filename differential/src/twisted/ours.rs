//! Our side: a reactor in a thread of its own, with a protocol that does what a program says.
//! Owns: what each word of a program is in Ropewalk's terms. Never: decides what is right.

use std::cell::RefCell;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use ropewalk::engine::Remote;
use ropewalk::limits::Limits;
use ropewalk::protocol::{Factory, Kind, Producer, Streaming};
use ropewalk::{
    Addr, ClientFactory, Connector, Handle, Listener, Net, Protocol, Reactor, Reason, Transport,
};

use super::scenario::{Program, reconnects};
use super::{Seen, Server, lock};

/// An answer that takes longer is none.
const WATCHDOG: Duration = Duration::from_secs(20);
/// Rounds of the loop that pass before `turns` is answered; as on the other side.
const TURNS: u32 = 8;
/// What is promised in seconds is waited for less long.
const FLUSH: Duration = Duration::from_millis(300);

thread_local! {
    /// What listens in this loop; a listener does not cross threads.
    static LISTENER: RefCell<Option<Listener>> = const { RefCell::new(None) };
}

/// What is known on both sides of the loop's thread.
#[derive(Clone, Default)]
struct Story {
    seen: Seen,
    connection: Arc<Mutex<Option<Handle>>>,
}

impl Story {
    fn saw(&self, word: impl Into<String>) {
        self.seen.saw(word);
    }
}

pub(super) struct Loop {
    remote: Remote,
    story: Story,
    thread: Option<JoinHandle<ropewalk::Result<()>>>,
    stops: bool,
}

impl Loop {
    pub(super) fn start() -> Loop {
        let (sender, remote) = channel();
        let thread = std::thread::spawn(move || {
            let limits = Limits { flush: FLUSH, ..Limits::default() };
            let reactor = Reactor::builder().limits(limits).build()?;
            // Whoever started this waits for it.
            let _ = sender.send(reactor.remote());
            let result = reactor.run();
            LISTENER.take();
            result
        });
        let remote = remote.recv().expect("a reactor can be made");
        Loop { remote, story: Story::default(), thread: Some(thread), stops: false }
    }

    /// Does this on the loop, and waits for what it answers.
    fn on_loop<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Net, Sender<T>) + Send + 'static,
    ) -> io::Result<T> {
        let (sender, answer): (_, Receiver<T>) = channel();
        self.remote.call(move |net| call(net, sender)).map_err(io::Error::other)?;
        answer.recv_timeout(WATCHDOG).map_err(io::Error::other)
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            // What it says is what the protocol saw.
            let _ = thread.join();
        }
    }
}

impl Server for Loop {
    fn listen(&mut self, program: &Program) -> io::Result<u16> {
        self.stops = program.stops();
        let factory = Scripts { program: program.clone(), story: self.story.clone(), again: 0 };
        self.on_loop(move |net, answer| {
            let listening = net.listen_tcp(("127.0.0.1", 0), factory);
            let port = listening.map(|listener| {
                let port = listener.addrs()[0].port();
                LISTENER.set(Some(listener));
                port.unwrap_or_default()
            });
            let _ = answer.send(port.map_err(io::Error::other)); // it may have given up
        })?
    }

    fn connect(&mut self, port: u16, program: &Program) -> io::Result<()> {
        let again = reconnects(program);
        let factory =
            Connects(Scripts { program: program.clone(), story: self.story.clone(), again });
        self.on_loop(move |net, answer| {
            net.connect_tcp("127.0.0.1", port, factory);
            let _ = answer.send(()); // as above
        })
    }

    fn act(&mut self, actions: &[String]) -> io::Result<()> {
        let (handle, story, actions) =
            (lock(&self.story.connection).clone(), self.story.clone(), actions.to_vec());
        let Some(handle) = handle else { return Ok(()) };
        // A connection that is gone does nothing, and that is what is to be seen.
        let _ = handle.call(move |transport| {
            actions.iter().for_each(|action| act(&story, transport, action));
        });
        self.on_loop(|_, answer| {
            let _ = answer.send(()); // as above
        })
    }

    fn unlisten(&mut self) -> io::Result<()> {
        if self.stops {
            self.join();
        }
        if self.thread.is_none() {
            return Ok(());
        }
        self.on_loop(|_, answer| {
            LISTENER.take().inspect(Listener::stop);
            let _ = answer.send(()); // as above
        })
    }

    fn turns(&mut self) -> io::Result<()> {
        self.on_loop(|net, answer| turn(net, TURNS, answer))
    }

    fn stop(&mut self) -> io::Result<()> {
        self.stops = true;
        self.remote.stop().map_err(io::Error::other)
    }

    fn seen(&self) -> &Seen {
        &self.story.seen
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = self.remote.drain(Duration::ZERO); // it may have stopped
        self.join();
    }
}

fn turn(net: &dyn Net, left: u32, answer: Sender<()>) {
    if left == 0 {
        let _ = answer.send(()); // as above
        return;
    }
    net.call_later(Duration::ZERO, Box::new(move |net| turn(net, left - 1, answer)));
}

/// The factory of a server; of a client, too.
struct Scripts {
    program: Program,
    story: Story,
    /// How often it still connects anew.
    again: u32,
}

impl Scripts {
    fn protocol(&self) -> Option<Scripted> {
        match self.program.actions("build").first().map(String::as_str) {
            Some("raise") => panic!("it raises"),
            Some(_) => None,
            None => Some(Scripted {
                program: self.program.clone(),
                story: self.story.clone(),
                answered: false,
            }),
        }
    }
}

impl Factory for Scripts {
    type Protocol = Scripted;

    fn build(&mut self, _: &Addr) -> Option<Scripted> {
        self.protocol()
    }
}

/// A client's factory, which says what it hears.
struct Connects(Scripts);

impl Connects {
    fn ended(&mut self, how: &str, connector: &Connector, why: &Reason) {
        self.0.story.saw(format!("{how} {}", word_for(why)));
        if self.0.again > 0 {
            self.0.again -= 1;
            connector.connect();
        }
    }
}

impl ClientFactory for Connects {
    type Protocol = Scripted;

    fn started(&mut self, connector: &Connector) {
        self.0.story.saw("started");
        if self.0.program.has("started") {
            connector.stop();
        }
    }

    fn build(&mut self, _: &Addr) -> Option<Scripted> {
        self.0.protocol()
    }

    fn failed(&mut self, connector: &Connector, _: &dyn Net, why: &Reason) {
        self.ended("failed", connector, why);
    }

    fn lost(&mut self, connector: &Connector, _: &dyn Net, why: &Reason) {
        self.ended("clientLost", connector, why);
    }
}

/// Does in each callback what the program says, and says that it was called.
struct Scripted {
    program: Program,
    story: Story,
    answered: bool,
}

impl Scripted {
    fn called(&self, callback: &str, transport: &mut dyn Transport) {
        for action in self.program.actions(callback) {
            act(&self.story, transport, action);
        }
    }
}

impl Protocol for Scripted {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        *lock(&self.story.connection) = Some(transport.handle());
        self.story.saw("made");
        self.called("made", transport);
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
        self.story.saw(format!("data {}", data.len()));
        if !self.answered {
            self.answered = true;
            self.called("data", transport);
        }
    }

    fn eof_received(&mut self, transport: &mut dyn Transport) {
        // Without a word for it, it is a protocol that does not override this.
        if !self.program.has("eof") {
            return transport.close();
        }
        self.story.saw("readLost");
        self.called("eof", transport);
    }

    fn connection_lost(&mut self, transport: &mut dyn Transport, why: &Reason) {
        self.story.saw(format!("lost {}", word_for(why)));
        self.called("lost", transport);
    }
}

/// A reason by the word that the other half has for its like.
fn word_for(why: &Reason) -> String {
    match why.kind() {
        _ if why.is_clean() => "Done".to_owned(),
        Kind::Panicked => "Raised".to_owned(),
        // Their one word for an end without order.
        Kind::Reset => "Lost".to_owned(),
        kind => format!("{kind:?}"),
    }
}

/// One word of a program.
fn act(story: &Story, transport: &mut dyn Transport, action: &str) {
    let (verb, words) = action.split_once(' ').unwrap_or((action, ""));
    let number = |at: usize| words.split(' ').nth(at).and_then(|n| n.parse().ok()).unwrap_or(0);
    match verb {
        "write" => drop(transport.write(&vec![b'w'; number(0)])),
        "close" => transport.close(),
        "abort" => transport.abort(),
        "shutdown" => transport.shutdown_write(),
        "pause" => transport.pause_reading(),
        "resume" => transport.resume_reading(),
        "raise" => panic!("it raises"),
        "stop" => transport.net().stop(),
        "push" => register(transport, Box::new(Push(story.clone())), Streaming::Push),
        "pull" => {
            let (size, left, silent) = (number(0), number(1), words.ends_with("silent"));
            let pull = Pull { story: story.clone(), size, left, silent };
            register(transport, Box::new(pull), Streaming::Pull);
        }
        "unregister" => transport.unregister_producer(),
        _ => story.saw(format!("?{action}")),
    }
}

/// On a connection that is over it is refused, and nobody asks it anything.
fn register(transport: &mut dyn Transport, producer: Box<dyn Producer>, streaming: Streaming) {
    let _ = transport.register_producer(producer, streaming);
}

/// A producer that does nothing by itself, and says what it is told.
struct Push(Story);

impl Producer for Push {
    fn resume_producing(&mut self, _: &mut dyn Transport) {
        self.0.saw("resumeProducing");
    }

    fn pause_producing(&mut self, _: &mut dyn Transport) {
        self.0.saw("pauseProducing");
    }

    fn stop_producing(&mut self, _: &mut dyn Transport, _: &Reason) {
        self.0.saw("stopProducing");
    }
}

/// Writes so much whenever it is asked, so often; then it is done, or silent.
struct Pull {
    story: Story,
    size: usize,
    left: usize,
    silent: bool,
}

impl Producer for Pull {
    fn resume_producing(&mut self, transport: &mut dyn Transport) {
        if self.left == 0 {
            return;
        }
        self.story.saw("resumeProducing");
        self.left -= 1;
        transport.write(&vec![b'p'; self.size]);
        if self.left == 0 && !self.silent {
            transport.unregister_producer();
        }
    }

    fn stop_producing(&mut self, _: &mut dyn Transport, _: &Reason) {
        self.story.saw("stopProducing");
    }
}
