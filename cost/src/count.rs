//! Counts what the servers take from the heap.
//!
//! Owns the global allocator, its three counters, and the answer to `mark`. Never
//! allocates itself: a question must not change what it asks about.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    env,
    fs::File,
    io::{self, Read, Write},
    os::fd::AsFd,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
};

/// The system's allocator, counted.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

/// Calls of malloc, calloc and memalign since the start.
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
/// Calls of realloc since the start.
static REALLOCATIONS: AtomicU64 = AtomicU64::new(0);
/// Bytes that the live blocks occupy in the heap.
static LIVE: AtomicU64 = AtomicU64::new(0);

/// If `COST_REPORT` is set, answers each line on standard input with one on standard
/// error: `alloc=<calls> realloc=<calls> live=<bytes> rss=<kB>`.
///
/// A thread does it, so that no engine has to know. It ends with standard input; the
/// server does not wait for it.
pub fn answer_marks_if_asked() -> io::Result<()> {
    if env::var_os("COST_REPORT").is_none() {
        return Ok(());
    }
    // A plain file: `Stdin` would buffer, and allocate for it.
    let mut marks = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    thread::Builder::new().name("marks".into()).spawn(move || {
        let mut input = [0; 64];
        while let Ok(read @ 1..) = marks.read(&mut input) {
            for _ in input[..read].iter().filter(|&&byte| byte == b'\n') {
                if let Err(error) = report() {
                    // Whoever asked waits for an answer: let it be one that says why not.
                    let _ = writeln!(io::stderr(), "cannot report: {error}");
                }
            }
        }
    })?;
    Ok(())
}

fn report() -> io::Result<()> {
    let (allocations, reallocations) = (ALLOCATIONS.load(Relaxed), REALLOCATIONS.load(Relaxed));
    let live = LIVE.load(Relaxed);
    let rss = resident_kilobytes()?;
    let mut line = [0; 128];
    let mut rest = &mut line[..];
    writeln!(rest, "alloc={allocations} realloc={reallocations} live={live} rss={rss}")?;
    let unused = rest.len();
    io::stderr().write_all(&line[..line.len() - unused])
}

/// `VmRSS` of this process.
fn resident_kilobytes() -> io::Result<u64> {
    let mut text = [0; 4096];
    let mut length = 0;
    let mut status = File::open("/proc/self/status")?;
    while let read @ 1.. = status.read(&mut text[length..])? {
        length += read;
    }
    let field = b"VmRSS:";
    let text = &text[..length];
    let start = text.windows(field.len()).position(|window| window == field);
    let number = start.map(|start| {
        text[start + field.len()..]
            .iter()
            .skip_while(|byte| byte.is_ascii_whitespace())
            .take_while(|byte| byte.is_ascii_digit())
            .fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
    });
    number.ok_or_else(|| io::Error::other("no VmRSS in /proc/self/status"))
}

/// What a block occupies: what can be used of it, and the 8 bytes glibc puts before it.
///
/// # Safety
///
/// `block` came from the system's allocator and is live.
unsafe fn occupied(block: *mut u8) -> u64 {
    // SAFETY: the caller's promise; `System` is malloc on this platform.
    unsafe { libc::malloc_usable_size(block.cast()) as u64 + 8 }
}

/// # Safety
///
/// `block` was just given by the system's allocator, or is null.
unsafe fn born(block: *mut u8) -> *mut u8 {
    ALLOCATIONS.fetch_add(1, Relaxed);
    if !block.is_null() {
        // SAFETY: not null, so by the caller's promise a live block.
        LIVE.fetch_add(unsafe { occupied(block) }, Relaxed);
    }
    block
}

// SAFETY: every call goes to `System` unchanged, and its answer is returned unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the ones `System` asks for.
        unsafe { born(System.alloc(layout)) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        unsafe { born(System.alloc_zeroed(layout)) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        REALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: as in `alloc`. The old block is measured before it goes, the new one
        // only if there is one: when there is none, the old one lives on.
        unsafe {
            let before = occupied(block);
            let moved = System.realloc(block, layout, size);
            if !moved.is_null() {
                LIVE.fetch_add(occupied(moved), Relaxed);
                LIVE.fetch_sub(before, Relaxed);
            }
            moved
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as in `alloc`; the block is measured while it still lives.
        unsafe {
            LIVE.fetch_sub(occupied(block), Relaxed);
            System.dealloc(block, layout);
        }
    }
}
