//! A transport that records what a protocol asks of it.
//! Owns: the written bytes, requests, timers and layers, and a virtual clock.
//! Never: calls a protocol by itself, or sends a byte through a layer.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::recorded_net::{FIRINGS, RecordedNet};
use super::recorded_sending::{RecordedSending, content_of};
use crate::addr::Addr;
use crate::clock::{Clock, Time, VirtualClock};
use crate::error::Result;
use crate::limits::Limits;
use crate::options::SocketOptions;
use crate::protocol::{
    ConnectionId, Descriptor, Flow, Handle, HandleError, Kind, Layer, Mailbox, Net, Post, Producer,
    Protocol, Reason, Request, Streaming, Timer, Transport,
};
use crate::sys::File;

/// Tests a protocol without a connection: give it to the callbacks, and see what it did.
///
/// ```
/// use ropewalk::protocol::{Flow, Protocol, Timer, Transport};
/// use ropewalk::testing::Recorder;
/// use std::time::Duration;
///
/// struct Beat;
/// impl Protocol for Beat {
///     fn connection_made(&mut self, transport: &mut dyn Transport) {
///         transport.set_timer(Timer(1), Duration::from_secs(5));
///     }
///     fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) {
///         if transport.write(data) == Flow::Full {
///             transport.pause_reading();
///         }
///     }
///     fn timer_fired(&mut self, transport: &mut dyn Transport, _: Timer) {
///         transport.write(b"beat");
///         transport.close();
///     }
/// }
///
/// let (mut protocol, mut recorder) = (Beat, Recorder::new());
/// protocol.connection_made(&mut recorder);
/// recorder.advance(&mut protocol, Duration::from_secs(5));
/// assert_eq!(recorder.written(), b"beat");
/// assert!(recorder.is_closed());
///
/// // A peer that does not read:
/// let mut recorder = Recorder::new();
/// recorder.set_taken(false);
/// protocol.data_received(&mut recorder, &[0; 100_000]);
/// assert!(recorder.is_reading_paused() && recorder.is_resume_owed());
/// ```
pub struct Recorder {
    peer: Addr,
    local: Addr,
    written: Vec<u8>,
    /// Bytes that the kernel has not taken.
    buffered: usize,
    is_taken: bool,
    resume_owed: bool,
    marks: (usize, usize),
    is_closed: bool,
    is_shut: bool,
    is_paused: bool,
    /// What it gave back of what it was given last.
    unread: usize,
    /// What waits for it.
    held: Vec<u8>,
    failure: Option<Reason>,
    closing: Option<Reason>,
    idle_timeout: Option<Duration>,
    timers: Vec<(Timer, (Time, u64))>,
    layers: Vec<Box<dyn Layer>>,
    post: Arc<RecordedPost>,
    mailbox: Arc<Mailbox>,
    net: RecordedNet,
    sending: RecordedSending,
}

impl Recorder {
    /// An open connection with the default limits, at [`Time::ZERO`], from
    /// `127.0.0.1:50000`. The kernel takes every byte at once.
    pub fn new() -> Recorder {
        // Two recorders of one process have different handles, as two connections have.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let generation = COUNT.fetch_add(1, Ordering::Relaxed);
        let id = ConnectionId { engine: u32::MAX, slot: 0, generation };
        let post = Arc::new(RecordedPost::default());
        let limits = Limits::default();
        Recorder {
            peer: super::default_peer(),
            local: std::net::SocketAddr::from(([127, 0, 0, 1], 80)).into(),
            written: Vec::new(),
            buffered: 0,
            is_taken: true,
            resume_owed: false,
            marks: (limits.water_low_bytes, limits.water_high_bytes),
            is_closed: false,
            is_shut: false,
            is_paused: false,
            unread: 0,
            held: Vec::new(),
            failure: None,
            closing: None,
            idle_timeout: None,
            timers: Vec::new(),
            layers: Vec::new(),
            mailbox: Mailbox::new(id, post.clone()),
            post,
            net: RecordedNet::new(),
            sending: RecordedSending::default(),
        }
    }

    /// The same from another peer.
    pub fn with_peer(peer: impl Into<Addr>) -> Recorder {
        let mut recorder = Recorder::new();
        recorder.peer = peer.into();
        recorder
    }

    // What the protocol did.

    /// All that was written since it was last taken. Layers do not see it.
    pub fn written(&self) -> &[u8] {
        &self.written
    }

    /// Takes what was written.
    pub fn take_written(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.written)
    }

    /// Whether `close` was asked for.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// The first reason given to `close_because`.
    pub fn closing(&self) -> Option<&Reason> {
        self.closing.as_ref()
    }

    /// Whether `shutdown_write` was asked for.
    pub fn is_shut(&self) -> bool {
        self.is_shut
    }

    /// The first reason given to `fail`: [`Kind::Aborted`] from `abort`,
    /// [`Kind::Overrun`] from a write at or past the hard limit.
    pub fn failure(&self) -> Option<&Reason> {
        self.failure.as_ref()
    }

    /// Whether reading is paused.
    pub fn is_reading_paused(&self) -> bool {
        self.is_paused
    }

    /// The marks: low, high.
    pub fn water_marks(&self) -> (usize, usize) {
        self.marks
    }

    /// The idle timeout; a recorder does not enforce it.
    pub fn idle_timeout(&self) -> Option<Duration> {
        self.idle_timeout
    }

    /// The timers that are set, and when they come due, in the order of firing.
    pub fn timers(&self) -> Vec<(Timer, Time)> {
        let mut timers = self.timers.clone();
        timers.sort_by_key(|(_, due)| *due);
        timers.into_iter().map(|(timer, (at, _))| (timer, at)).collect()
    }

    /// How many layers were pushed. [`with_layer`](crate::protocol::with_layer) finds
    /// them.
    pub fn layers(&self) -> usize {
        self.layers.len()
    }

    /// Takes the layers that were pushed, the first pushed first. None was started.
    pub fn take_layers(&mut self) -> Vec<Box<dyn Layer>> {
        std::mem::take(&mut self.layers)
    }

    /// Takes what was asked through handles since the last time, in order. A handle's
    /// requests are only recorded, `write` included.
    pub fn requests(&mut self) -> Vec<Request> {
        let requests = std::mem::take(&mut *self.post.lock());
        for request in &requests {
            self.mailbox.release(size(request));
        }
        requests
    }

    /// What was asked of `net()`.
    pub fn net(&self) -> &RecordedNet {
        &self.net
    }

    /// Whether a producer is registered, and of which kind.
    pub fn producer(&self) -> Option<Streaming> {
        self.sending.streaming.filter(|_| self.sending.producer.is_some())
    }

    /// Takes the descriptors that were sent, in order; their bytes are in what was written.
    pub fn take_descriptors(&mut self) -> Vec<Descriptor> {
        std::mem::take(&mut self.sending.descriptors)
    }

    /// Whether descriptors are received.
    pub fn accepts_descriptors(&self) -> bool {
        self.sending.accepts_descriptors
    }

    /// What was asked of `tune`, in order. None of it is checked.
    pub fn tuned(&self) -> &[SocketOptions] {
        &self.sending.tuned
    }

    // What a test does to it.

    /// Asks the producer for more: a push producer once, a pull producer until it has
    /// unregistered, writes nothing, or has written more than the low mark that the kernel
    /// does not take.
    ///
    /// # Panics
    /// If it writes without end.
    pub fn produce(&mut self) {
        for _ in 0..FIRINGS {
            let Some(mut producer) = self.sending.producer.as_mut().and_then(Option::take) else {
                return;
            };
            let before = self.written.len();
            producer.resume_producing(self);
            match &mut self.sending.producer {
                Some(place @ None) => *place = Some(producer),
                _ => drop(producer), // it was unregistered
            }
            let wrote = self.written.len() > before && self.buffered <= self.marks.0;
            if !wrote || self.producer() != Some(Streaming::Pull) {
                return;
            }
        }
        panic!("a producer writes without end");
    }

    /// Whether the kernel takes what is written. While it does not, bytes stay buffered
    /// and `Flow::Full` comes past the high mark; once it does again, all are taken. The
    /// protocol's `resume_writing` is the test's to call.
    pub fn set_taken(&mut self, is_taken: bool) {
        self.is_taken = is_taken;
        if is_taken {
            self.buffered = 0;
        }
    }

    /// Whether a write was answered `Full` since this was last asked: a connection would
    /// owe a `resume_writing`.
    pub fn is_resume_owed(&mut self) -> bool {
        std::mem::take(&mut self.resume_owed)
    }

    /// Gives the protocol these bytes as a connection does: at once, unless reading is
    /// paused or over; what it gave back comes first. With no bytes it gets what waits, if it
    /// has resumed reading.
    ///
    /// # Panics
    /// If the protocol takes nothing, time and again, and does not pause.
    pub fn receive(&mut self, protocol: &mut dyn Protocol, data: &[u8]) {
        self.held.extend_from_slice(data);
        let mut idle = 0;
        while self.is_receiving() && !self.held.is_empty() {
            let given = std::mem::take(&mut self.held);
            self.unread = 0;
            protocol.data_received(self, &given);
            let count = self.unread.min(given.len());
            self.held = given[given.len() - count..].to_vec();
            idle = if count == given.len() { idle + 1 } else { 0 };
            assert!(idle < FIRINGS, "the protocol gives everything back, and does not pause");
        }
    }

    /// Bytes that wait until the protocol resumes reading.
    pub fn held(&self) -> &[u8] {
        &self.held
    }

    /// How many bytes the protocol gave back, since it was last asked.
    pub fn take_unread(&mut self) -> usize {
        std::mem::take(&mut self.unread)
    }

    /// The connection is over: handles answer `Gone`. Dropping the recorder does it too.
    pub fn lose(&mut self) {
        self.mailbox.mark_gone();
        self.failure.get_or_insert(Reason::new(Kind::Closed));
        self.timers.clear();
    }

    /// The clock, for a test that moves it without firing timers, or sets the wall.
    pub fn clock(&self) -> VirtualClock {
        self.net.clock()
    }

    /// Moves the clock by `by`, instant by instant: the protocol's timers and the calls
    /// set with `net().call_later` each come at their own, in the order of setting among
    /// equals. After `close` or `fail` no timer fires.
    ///
    /// # Panics
    /// If they come due without end.
    pub fn advance(&mut self, protocol: &mut dyn Protocol, by: Duration) {
        let until = self.now() + by;
        for _ in 0..FIRINGS {
            let call = self.net.next_due();
            let timer = self.timers.iter().copied().min_by_key(|(_, due)| *due);
            let timer = timer.filter(|_| !self.is_closed && self.failure.is_none());
            let is_call = match (call, timer) {
                (Some(call), Some((_, due))) => call < due,
                (call, _) => call.is_some(),
            };
            let due = if is_call { call } else { timer.map(|(_, due)| due) };
            let Some(due) = due.filter(|(at, _)| *at <= until) else {
                return self.clock().advance_to(until);
            };
            if is_call {
                self.net.run(due);
                continue;
            }
            self.clock().advance_to(due.0);
            self.timers.retain(|(_, other)| *other != due);
            if let Some((timer, _)) = timer {
                protocol.timer_fired(self, timer);
            }
        }
        panic!("timers or calls come due without end");
    }

    fn hard_limit(&self) -> usize {
        let (water_low_bytes, water_high_bytes) = self.marks;
        Limits { water_low_bytes, water_high_bytes, ..Limits::default() }.hard_limit_bytes()
    }
}

impl Transport for Recorder {
    fn write(&mut self, data: &[u8]) -> Flow {
        if !self.is_open() {
            return Flow::Closed;
        }
        if self.buffered >= self.hard_limit() {
            self.fail(Reason::new(Kind::Overrun));
            return Flow::Closed;
        }
        self.written.extend_from_slice(data);
        if !self.is_taken {
            self.buffered += data.len();
        }
        if self.buffered <= self.marks.1 {
            return Flow::More;
        }
        self.resume_owed = true;
        Flow::Full
    }

    fn close(&mut self) {
        self.is_closed = true;
    }

    fn close_because(&mut self, why: Reason) {
        self.closing.get_or_insert(why);
        self.is_closed = true;
    }

    fn fail(&mut self, why: Reason) {
        self.failure.get_or_insert(why);
    }

    fn shutdown_write(&mut self) {
        self.is_shut = true;
    }

    fn pause_reading(&mut self) {
        self.is_paused = true;
    }

    fn resume_reading(&mut self) {
        self.is_paused = false;
    }

    fn is_receiving(&self) -> bool {
        !self.is_closed && !self.is_paused && self.failure.is_none()
    }

    fn unread(&mut self, count: usize) {
        self.unread = count;
    }

    fn register_producer(
        &mut self,
        producer: Box<dyn Producer>,
        streaming: Streaming,
    ) -> Result<()> {
        let open = self.is_open();
        self.sending.register(producer, streaming, open, &self.peer)
    }

    fn unregister_producer(&mut self) {
        let producer = self.sending.producer.take();
        drop(producer);
    }

    fn send_file(&mut self, file: File, offset: u64, count: Option<u64>) -> Result<Flow> {
        let content = content_of(file, offset, count, &self.peer)?;
        Ok(if content.is_empty() { Flow::More } else { self.write(&content) })
    }

    fn send_descriptor(&mut self, descriptor: Descriptor, data: &[u8]) -> Result<Flow> {
        self.sending.send_descriptor(descriptor, data, &self.peer)?;
        Ok(self.write(data))
    }

    fn accept_descriptors(&mut self, on: bool) -> Result<()> {
        self.sending.accepts_descriptors = on;
        Ok(())
    }

    fn tune(&mut self, options: &SocketOptions) -> Result<()> {
        self.sending.tuned.push(options.clone());
        Ok(())
    }

    fn set_water_marks(&mut self, low: usize, high: usize) {
        self.marks = (low.min(high), high);
    }

    fn set_idle_timeout(&mut self, after: Option<Duration>) {
        self.idle_timeout = after;
    }

    fn buffered(&self) -> usize {
        self.buffered
    }

    fn is_open(&self) -> bool {
        let is_shut = (self.is_closed || self.is_shut) && self.sending.producer.is_none();
        !is_shut && self.failure.is_none()
    }

    fn peer_addr(&self) -> Addr {
        self.peer.clone()
    }

    fn local_addr(&self) -> Addr {
        self.local.clone()
    }

    fn now(&self) -> Time {
        self.net.now()
    }

    fn wall_time(&self) -> SystemTime {
        self.net.clock().wall()
    }

    fn set_timer(&mut self, timer: Timer, after: Duration) {
        self.cancel_timer(timer);
        self.timers.push((timer, self.net.timeline().due(after)));
    }

    fn cancel_timer(&mut self, timer: Timer) {
        self.timers.retain(|(other, _)| *other != timer);
    }

    fn handle(&mut self) -> Handle {
        Handle::new(self.mailbox.clone())
    }

    fn net(&self) -> &dyn Net {
        &self.net
    }

    fn push_layer(&mut self, layer: Box<dyn Layer>) {
        self.layers.push(layer);
    }

    fn visit_layers(&mut self, visit: &mut dyn FnMut(&mut dyn Any) -> bool) {
        for layer in self.layers.iter_mut().rev() {
            if visit((**layer).as_any()) {
                return;
            }
        }
    }
}

impl Default for Recorder {
    fn default() -> Recorder {
        Recorder::new()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.mailbox.mark_gone();
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("written", &format_args!("\"{}\"", self.written.escape_ascii()))
            .field("is_closed", &self.is_closed)
            .field("failure", &self.failure)
            .field("timers", &self.timers())
            .field("net", &self.net)
            .finish_non_exhaustive()
    }
}

/// Keeps what handles ask for; from other threads too.
#[derive(Default)]
struct RecordedPost(Mutex<Vec<Request>>);

impl RecordedPost {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Request>> {
        // A list is whole after every push, even one whose thread then panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Post for RecordedPost {
    fn write_here(&self, _: &Arc<Mailbox>, _: &[u8]) -> Option<Result<Flow, HandleError>> {
        None
    }

    fn post(&self, mailbox: &Arc<Mailbox>, request: Request) -> Result<(), HandleError> {
        mailbox.reserve(size(&request))?;
        self.lock().push(request);
        Ok(())
    }
}

fn size(request: &Request) -> usize {
    match request {
        Request::Write(data) => data.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;
    use crate::policy::Throttle;
    use crate::protocol::with_layer;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn writes_are_recorded_until_the_connection_closes() {
        let mut recorder = Recorder::new();
        assert_eq!(recorder.write(b"a"), Flow::More);
        recorder.close();
        assert_eq!(recorder.write(b"b"), Flow::Closed);
        assert_eq!((recorder.take_written(), recorder.written()), (b"a".to_vec(), &b""[..]));
        assert!(recorder.is_closed() && !recorder.is_open() && recorder.failure().is_none());
    }

    #[test]
    fn a_kernel_that_takes_nothing_fills_the_buffer() {
        let mut recorder = Recorder::new();
        recorder.set_water_marks(99, 10);
        assert_eq!(recorder.water_marks(), (10, 10));
        recorder.set_taken(false);
        assert_eq!(recorder.write(&[0; 10]), Flow::More);
        assert!(!recorder.is_resume_owed());
        assert_eq!(recorder.write(&[0; 150]), Flow::Full);
        assert!(recorder.is_resume_owed() && !recorder.is_resume_owed());
        recorder.set_taken(true);
        assert_eq!((recorder.buffered(), recorder.write(b"x")), (0, Flow::More));
        recorder.set_taken(false);
        assert_eq!(recorder.write(&[0; 160]), Flow::Full);
        assert_eq!(recorder.write(b"x"), Flow::Closed);
        assert_eq!(recorder.failure().unwrap().kind(), Kind::Overrun);
    }

    #[test]
    fn the_first_reason_stays() {
        let mut recorder = Recorder::new();
        recorder.abort();
        recorder.fail(Reason::failed("later"));
        assert_eq!(recorder.failure().unwrap().kind(), Kind::Aborted);
    }

    struct Ticker(Vec<(u64, u16)>);

    impl Protocol for Ticker {
        fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
        fn timer_fired(&mut self, transport: &mut dyn Transport, timer: Timer) {
            self.0.push((transport.now().as_nanos() / 1_000_000_000, timer.0));
            match timer.0 {
                1 => transport.set_timer(timer, S),
                9 => transport.close(),
                _ => {}
            }
        }
    }

    #[test]
    fn timers_fire_at_their_instants_and_stop_at_the_close() {
        let (mut recorder, mut ticker) = (Recorder::new(), Ticker(Vec::new()));
        recorder.set_timer(Timer(2), 2 * S);
        recorder.set_timer(Timer(1), S);
        recorder.set_timer(Timer(9), 3 * S);
        recorder.set_timer(Timer(3), S);
        recorder.cancel_timer(Timer(3));
        let order: Vec<_> = recorder.timers().iter().map(|(timer, _)| timer.0).collect();
        assert_eq!(order, [1, 2, 9]);
        recorder.advance(&mut ticker, 10 * S);
        assert_eq!(ticker.0, [(1, 1), (2, 2), (2, 1), (3, 9)]);
        assert_eq!(recorder.now(), Time::ZERO + 10 * S);
    }

    #[test]
    fn later_calls_and_timers_come_in_one_order() {
        let (mut recorder, mut ticker) = (Recorder::new(), Ticker(Vec::new()));
        recorder.set_timer(Timer(2), S);
        let handle = recorder.handle();
        let call = move |_: &dyn Net| handle.close().unwrap();
        Net::call_later(recorder.net(), S, Box::new(call));
        recorder.set_timer(Timer(3), S);
        recorder.advance(&mut ticker, S);
        assert_eq!(ticker.0, [(1, 2), (1, 3)]);
        assert!(matches!(recorder.requests()[..], [Request::Close]));
    }

    #[test]
    fn what_handles_ask_is_recorded_from_any_thread() {
        let mut recorder = Recorder::new();
        let handle = recorder.handle();
        assert_ne!(handle, Recorder::new().handle());
        handle.write(b"here").unwrap();
        let other = handle.clone();
        std::thread::spawn(move || other.event(7u8).unwrap()).join().unwrap();
        match &recorder.requests()[..] {
            [Request::Write(data), Request::Event(event)] => {
                assert_eq!((&data[..], event.downcast_ref()), (&b"here"[..], Some(&7u8)));
            }
            other => panic!("{other:?}"),
        }
        assert!(recorder.requests().is_empty() && recorder.written().is_empty());
        drop(recorder);
        assert_eq!(handle.close(), Err(HandleError::Gone));
    }

    #[test]
    fn a_handle_finds_the_mailbox_full_until_it_is_emptied() {
        let mut recorder = Recorder::new();
        let handle = recorder.handle();
        for _ in 0..limits::MAIL_ITEMS {
            handle.close().unwrap();
        }
        assert_eq!(handle.close(), Err(HandleError::Full));
        assert_eq!(recorder.requests().len(), limits::MAIL_ITEMS);
        assert_eq!(handle.close(), Ok(()));
    }

    #[test]
    fn a_pushed_layer_can_be_found() {
        let mut recorder = Recorder::new();
        recorder.push_layer(Box::new(Throttle::new()));
        assert_eq!(recorder.layers(), 1);
        assert!(with_layer::<Throttle, _>(&mut recorder, |_| ()).is_some());
        assert_eq!(recorder.take_layers().len(), 1);
    }
}
