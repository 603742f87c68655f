//! What callbacks ask of the engine they run on: `Net`, timers, and handles at home.
//! Owns: the answers that can be given at once. Never: calls a protocol; what would is
//! put on the list of tasks.

use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::driver::Driver;
use super::mail::{Here, bytes_of};
use super::{Engine, Task, settle};
use crate::addr::{DatagramSite, Site, Target};
use crate::clock::Time;
use crate::connection::{Input, TOP};
use crate::error::Result;
use crate::options::SocketOptions;
use crate::protocol::{
    CancelTask, ConnectionId, Connector, DatagramConnector, DatagramPort, DatagramProtocol,
    DynClientFactory, DynFactory, Flow, HandleError, HookCall, HookHandle, Job, Listener, Lookup,
    Mailbox, Moment, Net, Phase, Postpone, Request, Resolved, TimerHandle, Work,
};

impl<D: Driver> Net for Engine<D> {
    fn now(&self) -> Time {
        self.context.now()
    }

    fn wall_time(&self) -> SystemTime {
        self.context.wall()
    }

    fn connect_with(
        &self,
        to: Target,
        options: &SocketOptions,
        factory: Box<dyn DynClientFactory>,
    ) -> Connector {
        self.connect_with(to, options, factory) // the engine's own, of any factory
    }

    fn resolve(&self, host: &str, port: u16, then: Resolved) -> Lookup {
        self.resolve_then(host, port, then)
    }

    fn listen(&self, at: Site, factory: Box<dyn DynFactory>) -> Result<Listener> {
        self.listen_with(&at, &SocketOptions::default(), factory)
    }

    fn listen_datagrams(
        &self,
        at: DatagramSite,
        factory: &mut dyn FnMut() -> Box<dyn DatagramProtocol>,
    ) -> Result<DatagramPort> {
        self.listen_datagrams_with(&at, &SocketOptions::default(), factory)
    }

    fn connect_datagrams(
        &self,
        to: Target,
        protocol: Box<dyn DatagramProtocol>,
    ) -> DatagramConnector {
        self.connect_datagrams_with(to, &SocketOptions::default(), protocol)
    }

    fn call_later(&self, after: Duration, f: Box<dyn FnOnce(&dyn Net)>) -> TimerHandle {
        let key = self.call_at(self.context.fresh_now() + after, f);
        TimerHandle::new(Rc::new(Later { engine: self.this.clone(), key }))
    }

    fn spawn_boxed(&self, work: Work) -> Rc<dyn CancelTask> {
        self.futures.spawn(work)
    }

    fn owned(&self) -> Rc<dyn Net> {
        // Whoever has `&self` was lent it by an `Rc`: engines are made in no other way.
        self.this.upgrade().expect("an engine that is lent lives")
    }

    fn call_when_running(&self, f: Box<dyn FnOnce(&dyn Net)>) {
        if cfg!(broken = "call_nests") {
            f(self);
        } else if self.hooks.is_started() {
            self.task(Task::Call(f));
        } else {
            self.hook(Moment::Startup(Phase::After), Box::new(|hook| f(hook.net())));
        }
    }

    fn add_hook(&self, at: Moment, hook: HookCall) -> HookHandle {
        self.hook(at, hook)
    }

    fn run_job(&self, job: Job) -> Result<()> {
        self.start_job(job)
    }

    fn stop(&self) {
        match &*self.host.borrow() {
            Some(host) => host.stop(),
            None => self.task(Task::Drain(None)),
        }
    }
}

struct Later<D: Driver> {
    engine: Weak<Engine<D>>,
    key: u64,
}

impl<D: Driver> Postpone for Later<D> {
    fn cancel(&self) -> bool {
        let Some(engine) = self.engine.upgrade() else { return false };
        // Dropped outside the borrow: the closure's own drop may set timers.
        let call = engine.timers.borrow_mut().cancel(self.key);
        call.is_some()
    }

    fn reset(&self, after: Duration) -> bool {
        let Some(engine) = self.engine.upgrade() else { return false };
        let at = engine.context.fresh_now() + after;
        let sequence = engine.context.next_sequence();
        engine.set_armed(); // it may have been due never
        engine.timers.borrow_mut().reset(self.key, at, sequence)
    }

    fn is_pending(&self) -> bool {
        let engine = self.engine.upgrade();
        engine.is_some_and(|engine| engine.timers.borrow().is_pending(self.key))
    }

    fn due(&self) -> Option<Time> {
        self.engine.upgrade()?.timers.borrow().due(self.key)
    }
}

impl<D: Driver> Here for Engine<D> {
    fn number(&self) -> u32 {
        self.number
    }

    fn future_woken(&self) {
        self.set_work();
    }

    fn buffered(&self, mailbox: &Arc<Mailbox>) -> Option<usize> {
        let entry = self.entry(mailbox.id())?;
        let connection = entry.head.connection.try_borrow().ok()?;
        Some(connection.buffered())
    }

    fn write(&self, mailbox: &Arc<Mailbox>, data: &[u8]) -> std::result::Result<Flow, HandleError> {
        let id = mailbox.id();
        let entry = self.entry(id).ok_or(HandleError::Gone)?;
        let Ok(mut connection) = entry.head.connection.try_borrow_mut() else {
            // A layer of this very connection writes through its own handle: it waits.
            return self.request(mailbox, Request::Write(data.to_vec())).map(|()| Flow::More);
        };
        let flow = connection.write(data, &self.context);
        let first = connection.mark_dirty();
        drop(connection);
        if first && cfg!(not(broken = "foreign_write_lost")) {
            self.touch(id);
        }
        Ok(flow)
    }

    fn request(
        &self,
        mailbox: &Arc<Mailbox>,
        request: Request,
    ) -> std::result::Result<(), HandleError> {
        let id = mailbox.id();
        let Some(entry) = self.entry(id) else {
            return self.request_of_datagrams(mailbox, request);
        };
        if let (true, Some(engine)) = (cfg!(broken = "nested"), self.this.upgrade()) {
            engine.act(id, request);
            return Ok(());
        }
        let waits = matches!(request, Request::Event(_) | Request::Call(_));
        match entry.head.connection.try_borrow_mut() {
            Ok(mut connection) if !waits => {
                settle::command(&mut connection, request, &self.context);
                let first = connection.mark_dirty();
                drop(connection);
                if first {
                    self.touch(id);
                }
            }
            _ => {
                mailbox.reserve(bytes_of(&request))?;
                self.task(Task::Request(mailbox.clone(), request));
            }
        }
        Ok(())
    }
}

impl<D: Driver> Engine<D> {
    /// Does what a handle asked for, at the bottom of the stack.
    pub(super) fn act(self: &Rc<Self>, id: ConnectionId, request: Request) {
        let Some(entry) = self.entry(id) else { return self.act_on_datagrams(id, request) };
        match request {
            Request::Event(event) => self.carry(&entry, TOP, Input::Event(event)),
            Request::Call(call) => self.callback(&entry, |_, port| call(port)),
            other => {
                let mut connection = entry.head.connection.borrow_mut();
                settle::command(&mut connection, other, &self.context);
            }
        }
        self.settle(&entry);
    }
}
