//! A peer in a process of its own: what it is told to send, what it says it received.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};

use ropewalk::clock::{Clock, MachineClock, Time};

use crate::serve::WATCHDOG;

/// A peer that sends its input and prints what it receives. It never outlives the test.
pub struct Program {
    child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
    #[allow(dead_code, reason = "dropped, it sends the watchdog away")]
    alive: Sender<()>,
}

impl Program {
    pub fn start(mut command: Command) -> Program {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take(), child.stdout.take().unwrap());
        let (alive, ended) = mpsc::channel();
        let pid = child.id().to_string();
        std::thread::spawn(move || {
            if ended.recv_timeout(WATCHDOG) == Err(RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-KILL", &pid]).status();
            }
        });
        Program { child, input, output, alive }
    }

    /// Gives it this to send.
    pub fn say(&mut self, data: &[u8]) {
        self.input.as_mut().unwrap().write_all(data).unwrap();
    }

    /// Ends its input: a peer of a stream ends its direction.
    pub fn end_input(&mut self) {
        self.input = None;
    }

    /// Waits until it has received so much.
    #[track_caller]
    pub fn hear(&mut self, count: usize) -> Vec<u8> {
        let mut heard = vec![0; count];
        self.output.read_exact(&mut heard).expect("it receives as much as was sent");
        heard
    }

    /// What it receives until its end.
    pub fn hear_all(&mut self) -> Vec<u8> {
        let mut heard = Vec::new();
        self.output.read_to_end(&mut heard).unwrap();
        heard
    }

    /// Waits until it listens there, or is bound there, and gives its port.
    #[track_caller]
    pub fn port(&mut self, table: Table) -> u16 {
        self.until(|program| {
            let sockets = program.sockets();
            let found = rows(table.file()).into_iter().find_map(|row| {
                let fields: Vec<_> = row.split_whitespace().collect();
                let ours = fields.get(3) == Some(&table.waiting())
                    && sockets.iter().any(|inode| fields.get(9) == Some(&inode.as_str()));
                ours.then(|| fields[1].rsplit(':').next().unwrap().to_owned())
            });
            found.map(|port| u16::from_str_radix(&port, 16).unwrap())
        })
    }

    /// Waits until it is bound to this path, or abstract name, and listens if it is a stream.
    #[track_caller]
    pub fn waits_at(&mut self, path: &Path, table: Table) {
        let shown = path.to_str().unwrap().replace('\0', "@");
        self.until(|_| {
            rows(table.file()).into_iter().find_map(|row| {
                let fields: Vec<_> = row.split_whitespace().collect();
                let there = fields.last() == Some(&shown.as_str());
                (there && fields[3] == table.waiting()).then_some(())
            })
        });
    }

    #[track_caller]
    fn until<T>(&mut self, mut found: impl FnMut(&Program) -> Option<T>) -> T {
        let clock = MachineClock::begin();
        loop {
            if let Some(found) = found(self) {
                return found;
            }
            assert!(clock.now() < Time::ZERO + WATCHDOG, "it never waits for us");
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it has ended: {ended:?}");
            std::thread::yield_now();
        }
    }

    /// The numbers of its sockets.
    fn sockets(&self) -> Vec<String> {
        let Ok(folder) = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())) else {
            return Vec::new();
        };
        let links = folder.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        let names = links.filter_map(|link| link.to_str().map(str::to_owned));
        names.filter_map(|name| Some(name.strip_prefix("socket:[")?.replace(']', ""))).collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The kernel's tables of sockets.
#[derive(Clone, Copy, Debug)]
pub enum Table {
    Tcp,
    Tcp6,
    Udp,
    Udp6,
    UnixStreams,
    UnixDatagrams,
}

impl Table {
    fn file(self) -> &'static str {
        match self {
            Table::Tcp => "/proc/net/tcp",
            Table::Tcp6 => "/proc/net/tcp6",
            Table::Udp => "/proc/net/udp",
            Table::Udp6 => "/proc/net/udp6",
            Table::UnixStreams | Table::UnixDatagrams => "/proc/net/unix",
        }
    }

    /// What the fourth column says of one that waits for us.
    fn waiting(self) -> &'static str {
        match self {
            Table::Tcp | Table::Tcp6 => "0A", // listening
            Table::Udp | Table::Udp6 => "07", // without a peer
            Table::UnixStreams => "00010000", // accepting
            Table::UnixDatagrams => "00000000",
        }
    }
}

fn rows(file: &str) -> Vec<String> {
    std::fs::read_to_string(file).unwrap().lines().skip(1).map(str::to_owned).collect()
}
