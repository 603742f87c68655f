//! A program under test: an example of ours, or a Python original.
//! Owns: the child process and its standard output. Never: leaves a child behind.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use ropewalk::clock::{Clock, MachineClock, Time};

/// Far beyond any promise: only a hang meets it.
const WATCHDOG: Duration = Duration::from_secs(60);

/// Runs until it is dropped.
pub(crate) struct Program {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

/// An example, built together with this test.
pub(crate) fn example(name: &str) -> Command {
    let beside = std::env::current_exe().unwrap();
    let path = beside.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is missing: `cargo build --examples`", path.display());
    Command::new(path)
}

/// One of the originals.
pub(crate) fn python(name: &str) -> Command {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/examples/python");
    let mut command = interpreter();
    command.arg(folder.join(format!("{name}.py")));
    command
}

/// A Python program, given as its text.
pub(crate) fn python_as_written(program: &str) -> Command {
    let mut command = interpreter();
    command.args(["-c", program]);
    command
}

fn interpreter() -> Command {
    let python = std::env::var_os("ROPEWALK_PYTHON").unwrap_or_else(|| "python3".into());
    let mut command = Command::new(python);
    command.arg("-u"); // its lines are waited for
    command
}

/// Whether Twisted is there. With `ROPEWALK_ALL=1` it must be.
pub(crate) fn has_twisted() -> bool {
    let there = interpreter().args(["-c", "import twisted"]).output();
    let there = there.is_ok_and(|output| output.status.success());
    if !there {
        assert!(std::env::var_os("ROPEWALK_ALL").is_none(), "Twisted is missing");
        eprintln!("not run: Twisted is missing");
    }
    there
}

impl Program {
    pub(crate) fn start(command: &mut Command) -> Program {
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = started.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Program { child, stdout }
    }

    /// The next line that it says.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Where it says it waits: `waiting for … on 127.0.0.1:40001...`.
    pub(crate) fn address(&mut self) -> String {
        let line = self.line();
        let address = line.rsplit_once(" on ").and_then(|(_, rest)| rest.strip_suffix("..."));
        address.unwrap_or_else(|| panic!("no address: {line:?}")).to_owned()
    }

    /// Types this.
    pub(crate) fn say(&mut self, input: &str) {
        self.child.stdin.as_mut().unwrap().write_all(input.as_bytes()).unwrap();
    }

    /// Types this, and gives all that it says until its end, which is in order.
    pub(crate) fn talk(mut self, input: &str) -> String {
        self.child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let mut said = String::new();
        self.stdout.read_to_string(&mut said).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {said}");
        said
    }

    /// The TCP port on which it listens, as soon as it does.
    pub(crate) fn port(&mut self) -> u16 {
        let clock = MachineClock::begin();
        loop {
            if let Some(port) = listening_port(self.child.id()) {
                return port;
            }
            assert!(self.child.try_wait().unwrap().is_none(), "it has ended");
            assert!(clock.now() - Time::ZERO < WATCHDOG, "it does not listen");
            std::thread::yield_now();
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// By the inodes of its descriptors, in the system's table of sockets.
fn listening_port(pid: u32) -> Option<u16> {
    const LISTEN: &str = "0A";
    let links = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten();
    let targets = links.filter_map(|link| std::fs::read_link(link.path()).ok());
    let sockets: Vec<String> = targets.map(|target| target.display().to_string()).collect();
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/tcp")).ok()?;
    table.lines().skip(1).find_map(|row| {
        let columns: Vec<&str> = row.split_whitespace().collect();
        let is_its = sockets.contains(&format!("socket:[{}]", columns.get(9)?));
        let port = columns.get(1)?.rsplit(':').next()?;
        (is_its && columns[3] == LISTEN).then(|| u16::from_str_radix(port, 16).ok())?
    })
}
