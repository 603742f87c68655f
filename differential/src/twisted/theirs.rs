//! Twisted's side: a process that is told what to do, a line at a time (`twisted/server.py`).
//! Owns: the process and the lines. Never: knows what a line does.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use super::scenario::Program;
use super::{Seen, Server};
use crate::comparison::beside;

/// An answer that takes longer is none.
const WATCHDOG: Duration = Duration::from_secs(20);

pub(super) struct Process {
    child: Child,
    commands: ChildStdin,
    answers: Receiver<String>,
    seen: Seen,
    /// It was told to stop.
    over: bool,
    /// The program stops it by itself.
    stops: bool,
}

impl Process {
    pub(super) fn start() -> io::Result<Process> {
        let python =
            std::env::var_os("ROPEWALK_PYTHON").unwrap_or_else(|| OsString::from("python3"));
        let mut child = Command::new(&python)
            .args(["-B", "-I"])
            .arg(beside("twisted/server.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| io::Error::other(format!("{}: {error}", python.to_string_lossy())))?;
        let missing = || io::Error::other("a pipe is missing");
        let commands = child.stdin.take().ok_or_else(missing)?;
        let lines = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        let (answer, answers) = channel();
        let seen = Seen::default();
        let words = seen.clone();
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                match line.strip_prefix("saw ") {
                    Some(word) => words.saw(word),
                    // Nobody may be left who waits.
                    None => drop(answer.send(line)),
                }
            }
        });
        let mut started = Process { child, commands, answers, seen, over: false, stops: false };
        let missing = || {
            format!(
                "{} has no Twisted: name one that has by ROPEWALK_PYTHON",
                python.to_string_lossy()
            )
        };
        started.turns().map_err(|_| io::Error::other(missing()))?;
        Ok(started)
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// A new scenario begins.
    pub(super) fn forget(&mut self) {
        self.seen.forget();
    }

    fn ask(&mut self, command: &str) -> io::Result<String> {
        writeln!(self.commands, "{command}")?;
        self.answer()
    }

    fn answer(&mut self) -> io::Result<String> {
        self.answers.recv_timeout(WATCHDOG).map_err(|error| match error {
            RecvTimeoutError::Timeout => io::Error::other("it does not answer"),
            RecvTimeoutError::Disconnected => io::Error::other("it has ended"),
        })
    }
}

impl Server for Process {
    fn listen(&mut self, program: &Program) -> io::Result<u16> {
        self.stops = program.stops();
        let answer = self.ask(&format!("listen {}", program.to_json()))?;
        let port = answer.strip_prefix("port ").and_then(|port| port.parse().ok());
        port.ok_or_else(|| io::Error::other(answer))
    }

    fn connect(&mut self, port: u16, program: &Program) -> io::Result<()> {
        self.ask(&format!("connect {port} {}", program.to_json())).map(drop)
    }

    fn act(&mut self, actions: &[String]) -> io::Result<()> {
        self.ask(&format!("act {actions:?}")).map(drop)
    }

    fn unlisten(&mut self) -> io::Result<()> {
        if self.over {
            return Ok(());
        }
        if self.stops {
            self.over = true;
            return self.answer().map(drop); // it has stopped
        }
        self.ask("unlisten").map(drop)
    }

    fn turns(&mut self) -> io::Result<()> {
        self.ask("turns").map(drop)
    }

    fn stop(&mut self) -> io::Result<()> {
        self.over = true;
        // Its answer is "stopped", when it has.
        self.ask("stop").map(drop)
    }

    fn seen(&self) -> &Seen {
        &self.seen
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
