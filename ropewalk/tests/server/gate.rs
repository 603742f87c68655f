//! Handlers that work until the test lets them go on, on servers with bounds of the test's own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::ThreadId;

use ropewalk::Addr;
use ropewalk::server::{
    BaseRequestHandler, BaseServer, HandlerResult, Request, ServerSocket, WhenFull,
};

use crate::serve::{A_MOMENT, WATCHDOG};

/// What the hooks say.
#[derive(Clone, Copy)]
pub struct Bounds {
    pub workers: usize,
    pub queued: usize,
    pub when_full: WhenFull,
    pub requests: usize,
    pub by_peer: Option<usize>,
}

impl Default for Bounds {
    fn default() -> Bounds {
        let when_full = WhenFull::default();
        Bounds { workers: 16, queued: 16, when_full, requests: usize::MAX, by_peer: None }
    }
}

/// The test's end.
pub struct Gate {
    /// A request was taken, though not more.
    taken: mpsc::Receiver<()>,
    /// A request was closed, whoever had it.
    closed: mpsc::Receiver<()>,
    /// A handler got one.
    came: mpsc::Receiver<(Addr, ThreadId)>,
    go_on: mpsc::Sender<Word>,
    /// How often the serving thread woke up.
    wakes: Arc<AtomicUsize>,
}

/// The server's.
pub struct Gated {
    bounds: Bounds,
    taken: Mutex<mpsc::Sender<()>>,
    closed: Mutex<mpsc::Sender<()>>,
    handler: AtTheGate,
    wakes: Arc<AtomicUsize>,
}

#[derive(Clone)]
pub struct AtTheGate {
    came: mpsc::Sender<(Addr, ThreadId)>,
    word: Arc<Mutex<mpsc::Receiver<Word>>>,
}

enum Word {
    Return,
    Panic,
}

pub fn gate(bounds: Bounds) -> (Gated, Gate) {
    let (tell_taken, taken) = mpsc::channel();
    let (tell_closed, closed) = mpsc::channel();
    let (tell, came) = mpsc::channel();
    let (go_on, word) = mpsc::channel();
    let handler = AtTheGate { came: tell, word: Arc::new(Mutex::new(word)) };
    let wakes = Arc::<AtomicUsize>::default();
    let gate = Gate { taken, closed, came, go_on, wakes: wakes.clone() };
    let (taken, closed) = (Mutex::new(tell_taken), Mutex::new(tell_closed));
    (Gated { bounds, taken, closed, handler, wakes }, gate)
}

impl Gate {
    /// Waits until a request was taken.
    #[track_caller]
    pub fn takes(&self) {
        self.taken.recv_timeout(WATCHDOG).expect("a request is taken");
    }

    #[track_caller]
    pub fn takes_none(&self) {
        assert!(self.taken.recv_timeout(A_MOMENT).is_err(), "a request was taken");
    }

    /// Waits until a request was closed.
    #[track_caller]
    pub fn closes(&self) {
        self.closed.recv_timeout(WATCHDOG).expect("a request is closed");
    }

    /// Waits until a handler has a request.
    #[track_caller]
    pub fn comes(&self) -> (Addr, ThreadId) {
        self.came.recv_timeout(WATCHDOG).expect("a handler gets a request")
    }

    #[track_caller]
    pub fn none_comes(&self) {
        assert!(self.came.recv_timeout(A_MOMENT).is_err(), "a handler got a request");
    }

    pub fn wakes(&self) -> usize {
        self.wakes.load(Ordering::SeqCst)
    }

    /// Whether a handler has got one by now.
    pub fn has_come(&self) -> bool {
        self.came.try_recv().is_ok()
    }

    /// Lets one handler, whichever, return.
    pub fn go_on(&self) {
        self.go_on.send(Word::Return).unwrap();
    }

    pub fn go_on_and_panic(&self) {
        self.go_on.send(Word::Panic).unwrap();
    }
}

impl<R: Request> BaseRequestHandler<R> for AtTheGate {
    fn handle(&mut self, request: &mut R) -> HandlerResult {
        self.came.send((request.client_address().clone(), std::thread::current().id()))?;
        let word = self.word.lock().unwrap().recv_timeout(WATCHDOG)?;
        match word {
            Word::Return => Ok(()),
            Word::Panic => panic!("as the test wants it"),
        }
    }
}

impl<R: Request> BaseServer<R> for Gated {
    type Handler = AtTheGate;
    fn handler(&self, _: &Addr) -> AtTheGate {
        self.handler.clone()
    }
    fn get_request(&self, socket: &ServerSocket) -> ropewalk::Result<R> {
        let request = socket.take()?;
        let _ = self.taken.lock().unwrap().send(()); // not every test listens
        Ok(request)
    }
    fn close_request(&self, request: R) {
        drop(request);
        let _ = self.closed.lock().unwrap().send(()); // as above
    }
    fn service_actions(&self) {
        self.wakes.fetch_add(1, Ordering::SeqCst);
    }
    fn max_workers(&self) -> usize {
        self.bounds.workers
    }
    fn max_queued(&self) -> usize {
        self.bounds.queued
    }
    fn when_full(&self) -> WhenFull {
        self.bounds.when_full
    }
    fn max_requests(&self) -> usize {
        self.bounds.requests
    }
    fn max_requests_by_peer(&self) -> Option<usize> {
        self.bounds.by_peer
    }
}
