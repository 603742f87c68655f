//! A shutdown from a signal handler: it takes no lock and allocates nothing, wherever the
//! signal meets the thread.

#![allow(
    unsafe_code,
    reason = "only system calls send a signal to one thread, and catch it; an allocator is unsafe"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use ropewalk::server::{
    BaseServer, HandlerResult, MixIn, Pooling, Serial, Server, ShutdownHandle, StreamRequest,
    StreamRequestHandler, TcpServer, Threading, WhenFull,
};

use crate::gate::{Bounds, gate};
use crate::serve::{WATCHDOG, dial, read_all};

/// Counts what is allocated while this thread is in a signal handler.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static IS_IN_HANDLER: Cell<bool> = const { Cell::new(false) };
}

fn count() {
    if IS_IN_HANDLER.try_with(Cell::get).unwrap_or(false) {
        ALLOCATED.fetch_add(1, Ordering::SeqCst);
    }
}

// SAFETY: all is done by the system's allocator, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's duties are the same.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller's duties are the same.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Whose server the next signal shuts down.
static HANDLE: AtomicPtr<ShutdownHandle> = AtomicPtr::new(std::ptr::null_mut());
static CAUGHT: AtomicUsize = AtomicUsize::new(0);

extern "C" fn shut_down(_: libc::c_int) {
    IS_IN_HANDLER.set(true);
    // SAFETY: it is null, or was leaked, and is never written.
    if let Some(handle) = unsafe { HANDLE.load(Ordering::SeqCst).as_ref() } {
        handle.shutdown();
    }
    CAUGHT.fetch_add(1, Ordering::SeqCst);
    IS_IN_HANDLER.set(false);
}

/// From now on the signal shuts this server down. One test at a time.
fn on_signal(handle: ShutdownHandle) -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    HANDLE.store(Box::leak(Box::new(handle)), Ordering::SeqCst);
    // SAFETY: an action of zeros is a valid one; its handler keeps to what is allowed there,
    // which is what these tests show.
    let done = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = shut_down as extern "C" fn(libc::c_int) as usize;
        libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut())
    };
    assert_eq!(done, 0);
    one
}

/// The calling thread's name, for signals.
fn this_thread() -> libc::pthread_t {
    // SAFETY: it has no precondition.
    unsafe { libc::pthread_self() }
}

/// The thread must not have been joined.
fn send_signal(thread: libc::pthread_t) {
    // SAFETY: by the word of the caller the name is valid.
    assert_eq!(unsafe { libc::pthread_kill(thread, libc::SIGUSR1) }, 0);
}

/// Serves in a thread, which is the one that the signals go to.
fn serve<S, M>(server: Server<StreamRequest, S, M>) -> (libc::pthread_t, impl FnOnce())
where
    S: BaseServer<StreamRequest>,
    M: MixIn,
{
    let (name, named) = mpsc::channel();
    let (tell, ended) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        name.send(this_thread()).unwrap();
        tell.send(server.serve_forever()).unwrap();
    });
    let ends = move || {
        ended.recv_timeout(WATCHDOG).expect("serve_forever returns").unwrap();
        thread.join().unwrap();
    };
    (named.recv().unwrap(), ends)
}

fn nothing_was_allocated() {
    assert!(CAUGHT.load(Ordering::SeqCst) > 0);
    assert_eq!(ALLOCATED.load(Ordering::SeqCst), 0, "allocated in a signal handler");
}

struct Raises;

impl StreamRequestHandler for Raises {
    fn handle(&mut self, request: &mut StreamRequest) -> HandlerResult {
        send_signal(this_thread());
        Ok(request.send_all(b"you are the last")?)
    }
}

/// Python's deadlocks here.
#[test]
fn a_signal_in_the_serving_thread_shuts_the_server_down() {
    let server = TcpServer::new(("127.0.0.1", 0), || Raises).unwrap();
    let _one = on_signal(server.shutdown_handle());
    let client = dial(server.local_addr().ip().unwrap());
    let (_, ends) = serve(server);
    ends();
    assert_eq!(read_all(client), "you are the last");
    nothing_was_allocated();
}

fn while_it_waits<M: MixIn>() {
    let bounds = Bounds { workers: 1, queued: 0, when_full: WhenFull::Wait, ..Bounds::default() };
    let (hooks, gate) = gate(bounds);
    let server = Server::<StreamRequest, _, M>::new(("127.0.0.1", 0), hooks).unwrap();
    let _one = on_signal(server.shutdown_handle());
    let clients = [0; 2].map(|_| dial(server.local_addr().ip().unwrap()));
    let (thread, ends) = serve(server);
    gate.comes(); // a pool is full by that
    send_signal(thread);
    ends();
    drop((gate, clients)); // with the gate its handlers fail, and end
    nothing_was_allocated();
}

#[test]
fn a_signal_shuts_a_server_down_that_waits() {
    while_it_waits::<Threading>();
    while_it_waits::<Pooling>();
}

struct Nothing;

impl StreamRequestHandler for Nothing {
    fn handle(&mut self, _: &mut StreamRequest) -> HandlerResult {
        Ok(())
    }
}

/// A signal may meet the thread while it allocates, or has a lock: whoever needed either in the
/// signal handler would wait for itself.
fn wherever_it_is<M: MixIn>() {
    const SIGNALS: usize = 2_000;
    let server = Server::<StreamRequest, _, M>::new(("127.0.0.1", 0), || Nothing).unwrap();
    let _one = on_signal(server.shutdown_handle());
    let (at, server) = (server.local_addr().ip().unwrap(), Arc::new(server));
    let (name, named) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let serves = std::thread::spawn(move || {
        name.send(this_thread()).unwrap();
        for _ in 0..SIGNALS {
            server.serve_forever().unwrap();
            tell.send(()).unwrap();
        }
    });
    let thread = named.recv().unwrap();
    for round in 0..SIGNALS {
        // In another place each time.
        for _ in 0..round % 3 {
            drop(std::net::TcpStream::connect(at).unwrap());
        }
        (0..round * 37 % 1000).for_each(|_| std::hint::spin_loop());
        send_signal(thread);
        told.recv_timeout(WATCHDOG).expect("serve_forever returns");
    }
    serves.join().unwrap();
    nothing_was_allocated();
}

#[test]
fn a_signal_shuts_a_server_down_wherever_its_thread_is() {
    wherever_it_is::<Serial>();
    wherever_it_is::<Threading>();
    wherever_it_is::<Pooling>();
}
