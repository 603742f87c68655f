//! The program in a child process, and peers for it. Every wait ends: a watchdog kills what
//! hangs, and then the test fails.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};

/// Far beyond any promise: only a hang meets it.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(60);

/// Whether a tool is there. With `ROPEWALK_ALL=1` it must be.
pub(crate) fn needs(tool: &str, there: bool) -> bool {
    if !there {
        assert!(std::env::var_os("ROPEWALK_ALL").is_none(), "{tool} is missing");
        eprintln!("not run: {tool} is missing");
    }
    there
}

pub(crate) fn has(tool: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output();
    needs(tool, found.is_ok_and(|output| output.status.success()))
}

/// An interpreter that has Twisted.
pub(crate) fn python_with_twisted() -> Option<String> {
    let python = std::env::var("ROPEWALK_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let twisted = Command::new(&python).args(["-c", "import twisted"]).output();
    needs("Twisted", twisted.is_ok_and(|output| output.status.success())).then_some(python)
}

pub(crate) fn program<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ropewalk"));
    command.args(arguments);
    command
}

/// The program as another user runs it: root drops to nobody. `None` if we are not root.
pub(crate) fn program_as_nobody<'a>(
    arguments: impl IntoIterator<Item = &'a str>,
) -> Option<(Command, TempPath)> {
    if !has("setpriv") || !needs("root to drop from", rustix::process::geteuid().is_root()) {
        return None;
    }
    // The program may lie where only root can reach it: a copy lies where all can.
    let copy = TempPath::new("unprivileged");
    std::fs::copy(env!("CARGO_BIN_EXE_ropewalk"), &copy.0).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--clear-groups"]).arg(&copy.0).args(arguments);
    Some((command, copy))
}

/// A path of this test's own, which is removed in the end.
pub(crate) struct TempPath(pub(crate) std::path::PathBuf);

impl TempPath {
    pub(crate) fn new(name: &str) -> TempPath {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("ropewalk-{name}-{}-{number}", std::process::id());
        TempPath(std::env::temp_dir().join(name))
    }

    pub(crate) fn text(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TempPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A child whose standard streams are ours.
pub(crate) struct Running {
    child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Option<BufReader<ChildStdout>>,
    stderr: BufReader<ChildStderr>,
    /// Ends the watchdog when it is dropped.
    _alive: mpsc::Sender<()>,
}

/// How a child ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// What of standard output was not read before.
    pub(crate) stdout: Vec<u8>,
    /// What of standard error was not read before.
    pub(crate) said: String,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Running {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running::spawn(command)
    }

    /// The same for what takes as long as it takes: whoever waits for it has a watchdog.
    pub(crate) fn start_for_long(command: &mut Command) -> Running {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Running::spawn_within(command, WATCHDOG * 60)
    }

    /// The same with what the command says of its standard input and output.
    pub(crate) fn spawn(command: &mut Command) -> Running {
        Running::spawn_within(command, WATCHDOG)
    }

    fn spawn_within(command: &mut Command, watchdog: Duration) -> Running {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let (alive, dead) = mpsc::channel::<()>();
        let pid = Pid::from_child(&child);
        std::thread::spawn(move || {
            if dead.recv_timeout(watchdog) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().map(BufReader::new);
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Running { child, stdin, stdout, stderr, _alive: alive }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    }

    pub(crate) fn end_input(&mut self) {
        self.stdin = None;
    }

    /// The next bytes of standard output.
    pub(crate) fn read(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stdout.as_mut().unwrap().read_exact(&mut bytes).unwrap();
        bytes
    }

    /// The next line of standard error.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stderr.read_line(&mut line).unwrap();
        line
    }

    /// Lines of standard error, up to the first one that contains `words`.
    #[track_caller]
    pub(crate) fn said(&mut self, words: &str) -> String {
        let mut all = String::new();
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "it ended without {words:?}: {all}");
            all.push_str(&line);
            if line.contains(words) {
                return all;
            }
        }
    }

    /// Waits for its end, and reads nothing meanwhile.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Waits for its end, with what it says until then.
    pub(crate) fn finish(mut self) -> Ended {
        self.stdin = None;
        self.end()
    }

    /// The same with standard input open to the end.
    pub(crate) fn end(&mut self) -> Ended {
        let mut stdout = Vec::new();
        let out = self.stdout.take();
        let mut said = String::new();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| out.map(|mut out| out.read_to_end(&mut stdout).unwrap()));
            self.stderr.read_to_string(&mut said).unwrap();
            reader.join().unwrap();
        });
        let status = self.child.wait().unwrap();
        Ended { code: status.code(), stdout, said }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already, as a rule; after a failed test it is not to stay.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server on a port of the system's choice.
pub(crate) struct Serving {
    pub(crate) run: Running,
    pub(crate) port: u16,
    pub(crate) first: String,
}

/// `ropewalk serve`, once it listens.
pub(crate) fn serve<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Serving {
    Serving::started(Running::start(program(["serve"]).args(arguments)))
}

impl Serving {
    /// Reads the first line.
    pub(crate) fn started(mut run: Running) -> Serving {
        let first = run.line();
        let port = first.split_once(":127.0.0.1:").map_or("0", |(_, rest)| rest);
        let digits: String = port.chars().take_while(char::is_ascii_digit).collect();
        let port = digits.parse().unwrap_or_else(|_| panic!("first line: {first}"));
        Serving { run, port, first }
    }

    pub(crate) fn dial(&self) -> TcpStream {
        dial(self.port)
    }

    /// Asks it to stop, and gives how it ended.
    pub(crate) fn terminate(self) -> Ended {
        self.run.signal(Signal::TERM);
        self.run.finish()
    }
}

pub(crate) fn dial(port: u16) -> TcpStream {
    patient(TcpStream::connect(("127.0.0.1", port)).unwrap())
}

fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(WATCHDOG)).unwrap();
    stream.set_write_timeout(Some(WATCHDOG)).unwrap();
    stream
}

/// A peer that takes one connection and does this with it.
pub(crate) struct Peer {
    pub(crate) port: u16,
    thread: JoinHandle<()>,
}

impl Peer {
    pub(crate) fn new(serve: impl FnOnce(TcpStream) + Send + 'static) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = std::thread::spawn(move || serve(patient(listener.accept().unwrap().0)));
        Peer { port, thread }
    }

    /// `ropewalk connect` to it.
    pub(crate) fn connect<'a>(&self, options: impl IntoIterator<Item = &'a str>) -> Running {
        Running::start(&mut self.command(options))
    }

    /// The same, not started yet.
    pub(crate) fn command<'a>(&self, options: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = program(["connect", &format!("tcp:127.0.0.1:{}", self.port)]);
        command.args(options);
        command
    }

    /// What it saw was right.
    pub(crate) fn join(self) {
        self.thread.join().unwrap();
    }
}

/// Runs a command to its end with this input.
pub(crate) fn output_of(command: &mut Command, input: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// `[Tue Nov 24 12:00:00 2026] hello`
#[track_caller]
pub(crate) fn assert_stamped(answer: &str, message: &str) {
    let (time, rest) = answer.split_once("] ").unwrap_or_else(|| panic!("no stamp: {answer:?}"));
    assert_eq!(rest, message);
    let words: Vec<&str> = time.strip_prefix('[').unwrap().split_whitespace().collect();
    assert_eq!((time.len(), words.len()), (25, 5), "{time}");
    assert_eq!(words[3].matches(':').count(), 2, "{time}");
}

/// Bytes that are all different enough to notice a loss.
pub(crate) fn pattern(count: usize) -> Vec<u8> {
    let words = (1..=count as u64 / 8 + 1).map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut bytes: Vec<u8> = Vec::with_capacity(count + 8);
    words.for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
    bytes.truncate(count);
    bytes
}

/// Writes until no more is taken for a while, or all of it; and how much it was.
pub(crate) fn write_while_taken(to: impl AsFd, data: &[u8]) -> usize {
    rustix::io::ioctl_fionbio(&to, true).unwrap(); // this end is ours alone
    let mut taken = 0;
    while taken < data.len() && is_ready(&to, PollFlags::OUT, Duration::from_millis(500)) {
        taken += rustix::io::write(&to, &data[taken..]).unwrap();
    }
    rustix::io::ioctl_fionbio(&to, false).unwrap();
    taken
}

/// Whether it is ready within this time.
pub(crate) fn is_ready(fd: impl AsFd, flags: PollFlags, within: Duration) -> bool {
    let within = Timespec::try_from(within).unwrap();
    poll(&mut [PollFd::new(&fd, flags)], Some(&within)).unwrap() > 0
}

/// A certificate for this machine's loopback, signed by itself, with its key in one file.
pub(crate) struct Certificate(pub(crate) TempPath);

impl Certificate {
    pub(crate) fn new() -> Certificate {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let path = TempPath::new("certificate");
        let pem = format!("{}{}", made.cert.pem(), made.signing_key.serialize_pem());
        std::fs::write(&path.0, pem).unwrap();
        Certificate(path)
    }

    /// The same in another file.
    pub(crate) fn copy(of: &Certificate) -> Certificate {
        let path = TempPath::new("certificate");
        std::fs::copy(&of.0.0, &path.0).unwrap();
        Certificate(path)
    }
}
