//! A forking server in a process of its own, with no other thread and nobody else's sockets:
//! a copy of a test's end of a connection would keep that connection open.

#![allow(unsafe_code, reason = "only system calls fork, end and are told by a signal")]

use std::io::{BufRead, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Once, OnceLock};
use std::time::Duration;

use ropewalk::Factory;
use ropewalk::addr::{Addr, Site};
use ropewalk::limits::Limits;
use ropewalk::server::{ForkingTcpServer, ShutdownHandle};
use ropewalk::{Report, server::Protocols};

use super::log::WATCHDOG;
use super::serve::{Mixed, close_after};

/// The process, as the test sees it.
pub struct Forked {
    process: libc::pid_t,
    line: UnixStream,
    pub addr: Addr,
}

/// What the signal shuts down, in that process.
static SERVER: OnceLock<ShutdownHandle> = OnceLock::new();

static QUIET: Once = Once::new();

/// What a panic prints takes locks, which another thread of the test may hold for ever in a
/// child.
fn be_quiet_in_children() {
    let (home, usual) = (std::process::id(), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        if std::process::id() == home {
            usual(panic);
        }
    }));
}

extern "C" fn stop(_: libc::c_int) {
    if let Some(server) = SERVER.get() {
        server.shutdown();
    }
}

impl Forked {
    /// Serves there; of the descriptors of this process it has these alone.
    pub fn serve<F: Factory + Send + 'static>(
        site: Site,
        limits: Limits,
        make: impl FnOnce() -> Box<F>,
        keeps: &[RawFd],
    ) -> Forked {
        let (line, theirs) = UnixStream::pair().unwrap();
        QUIET.call_once(be_quiet_in_children);
        // SAFETY: the child has this thread alone, which allocates (the system's allocator
        // survives that), talks by system calls, and ends by `_exit`.
        let process = unsafe { libc::fork() };
        assert!(process >= 0, "no process could be made");
        if process == 0 {
            let keeps = [keeps, &[theirs.as_raw_fd(), 0, 1, 2]].concat();
            let serve = || run(site, limits, *make(), &theirs, &keeps);
            let code = i32::from(catch_unwind(AssertUnwindSafe(serve)).is_err());
            // SAFETY: it has no precondition, and runs nothing of the test's.
            unsafe { libc::_exit(code) };
        }
        line.set_read_timeout(Some(WATCHDOG)).unwrap();
        let at = hear(&line);
        let addr = Addr::Ip(at.parse().expect("it says where it listens"));
        Forked { process, line, addr }
    }

    /// Stops it, within this grace.
    pub fn drain(&self, grace: Duration) {
        // Whoever has ended hears neither.
        let _ = writeln!(&self.line, "{}", grace.as_nanos());
        // SAFETY: nobody has waited for the process, so the number is still its own.
        unsafe { libc::kill(self.process, libc::SIGUSR1) };
    }

    /// How it ended.
    pub fn report(&self) -> Report {
        let said = hear(&self.line);
        let mut numbers = said.split(' ').map(|number| number.parse::<u64>().unwrap());
        let mut next = || numbers.next().expect("four numbers");
        let (open, ended, cut, unsent) = (next(), next(), next(), next());
        let mut report = Report::default();
        (report.open, report.ended) = (open as usize, ended as usize);
        (report.cut, report.unsent) = (cut as usize, unsent);
        report
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        // SAFETY: as in `drain`; and this is the one place that waits for it.
        unsafe {
            libc::kill(self.process, libc::SIGKILL);
            libc::waitpid(self.process, std::ptr::null_mut(), 0);
        }
    }
}

fn hear(line: &UnixStream) -> String {
    // Byte by byte: what comes after the line is the next one's.
    let mut line_of = std::io::BufReader::with_capacity(1, line);
    let mut said = String::new();
    line_of.read_line(&mut said).expect("the server says something");
    said.trim_end().to_owned()
}

/// The life of that process.
fn run<F: Factory + Send + 'static>(
    site: Site,
    limits: Limits,
    factory: F,
    line: &UnixStream,
    keeps: &[RawFd],
) {
    let all: Vec<RawFd> = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for number in all.into_iter().filter(|number| !keeps.contains(number)) {
        // SAFETY: whoever owned it was another thread, or a caller to whom this process never
        // returns.
        unsafe { libc::close(number) };
    }
    let hooks = Mixed(Protocols::with(factory, limits, None));
    let server = ForkingTcpServer::new(site, hooks).unwrap();
    SERVER.set(server.shutdown_handle()).expect("one server a process");
    // SAFETY: an action of zeros is a valid one; its handler makes calls that may be made in
    // one (see `ShutdownHandle::shutdown`).
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = stop as extern "C" fn(libc::c_int) as usize;
        libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut());
    }
    writeln!(&*line, "{}", server.local_addr()).unwrap();
    server.serve_forever().unwrap();
    line.set_nonblocking(true).unwrap();
    let mut grace = String::new();
    let _ = (&*line).read_to_string(&mut grace); // until there is no more
    let grace = grace.trim_end().parse().ok().map(Duration::from_nanos);
    let Report { open, ended, cut, unsent, .. } = close_after(server, grace);
    writeln!(&*line, "{open} {ended} {cut} {unsent}").unwrap();
}
