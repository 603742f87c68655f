//! `ropewalk connect` on a terminal: a pseudo-terminal, whose other end is the person.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::process::Stdio;

use rustix::event::PollFlags;
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::rig::{Peer, Running, WATCHDOG, is_ready};

/// A terminal, and whoever sits at it.
struct Terminal {
    person: File,
    /// The description that the program shares.
    line: File,
    seen: String,
}

impl Terminal {
    fn new() -> Terminal {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap();
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(OFlags::NOCTTY.bits() as i32);
        let line = options.open(name.to_str().unwrap()).unwrap();
        Terminal { person: person.into(), line, seen: String::new() }
    }

    /// The program with this terminal as its standard input and output.
    fn run(&self, peer: &Peer, options: &[&str]) -> Running {
        let mut command = peer.command(options.iter().copied());
        let line = || Stdio::from(self.line.try_clone().unwrap());
        Running::spawn(command.stdin(line()).stdout(line()))
    }

    fn types(&mut self, keys: &str) {
        self.person.write_all(keys.as_bytes()).unwrap();
    }

    /// Reads the screen until it shows `words`.
    #[track_caller]
    fn shows(&mut self, words: &str) {
        while !self.seen.contains(words) {
            let ready = is_ready(&self.person, PollFlags::IN, WATCHDOG);
            assert!(ready, "no {words:?} in {:?}", self.seen);
            let mut bytes = [0; 4096];
            let count = self.person.read(&mut bytes).unwrap();
            self.seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    }

    #[track_caller]
    fn assert_blocking(&self) {
        let flags = fcntl_getfl(&self.line).unwrap();
        assert!(!flags.contains(OFlags::NONBLOCK), "the terminal was made non-blocking");
    }
}

/// Ctrl-D, at the beginning of a line.
const END: &str = "\u{4}";

#[test]
fn a_line_goes_with_its_newline_and_the_terminal_stays_as_it_is() {
    let peer = Peer::new(|mut stream| {
        stream.write_all(b"welcome\n").unwrap();
        let mut line = [0; 6];
        stream.read_exact(&mut line).unwrap();
        assert_eq!(&line, b"hello\n");
        stream.write_all(b"and to you\n").unwrap();
        assert_eq!(stream.read(&mut line).unwrap(), 0, "Ctrl-D ends our direction");
        stream.write_all(b"goodbye\n").unwrap();
    });
    let mut terminal = Terminal::new();
    terminal.assert_blocking();
    let mut run = terminal.run(&peer, &[]);
    terminal.shows("welcome");
    terminal.assert_blocking();
    terminal.types("hello\n");
    terminal.shows("and to you");
    terminal.assert_blocking();
    terminal.types(END);
    terminal.shows("goodbye");
    let ended = run.end();
    assert_eq!((ended.code, ended.said.as_str()), (Some(0), ""));
    terminal.assert_blocking();
    peer.join();
}

#[test]
fn a_peer_cannot_drive_the_terminal() {
    let peer = Peer::new(|mut stream| {
        stream.write_all(b"\x1b]0;title\x07\x1b[2J\xe7\xbb").unwrap();
        stream.write_all("\u{b3}绳".as_bytes()).unwrap(); // not the end of that character
        stream.write_all(b"\xff\ttab\rback\r\nend\n").unwrap();
    });
    let mut terminal = Terminal::new();
    let mut run = terminal.run(&peer, &[]);
    assert_eq!(run.end().code, Some(0));
    terminal.shows("end");
    let shown = "\\x1b]0;title\\x07\\x1b[2J\\xe7\\xbb\u{b3}绳\\xff";
    assert!(terminal.seen.contains(shown), "{:?}", terminal.seen);
    assert!(terminal.seen.contains("\\rback\r\nend"), "{:?}", terminal.seen);
    assert!(!terminal.seen.contains('\u{1b}'), "{:?}", terminal.seen);
    peer.join();
}

#[test]
fn raw_lets_control_characters_through() {
    let peer = Peer::new(|mut stream| stream.write_all(b"\x1b[1mbold\x1b[0m\n").unwrap());
    let mut terminal = Terminal::new();
    let mut run = terminal.run(&peer, &["--raw"]);
    assert_eq!(run.end().code, Some(0));
    terminal.shows("\u{1b}[1mbold\u{1b}[0m");
    peer.join();
}

#[test]
fn under_prompt_a_line_goes_without_its_newline() {
    let peer = Peer::new(|mut stream| {
        let mut line = [0; 5];
        stream.read_exact(&mut line).unwrap();
        assert_eq!(&line, b"hello");
        stream.write_all(b"[now] hello\x1b").unwrap();
        assert_eq!(stream.read(&mut line).unwrap(), 0, "an empty line ends it");
    });
    let mut terminal = Terminal::new();
    let mut run = terminal.run(&peer, &["--prompt"]);
    terminal.shows("> ");
    terminal.types("hello\n");
    terminal.shows("...sending hello...\r\n[now] hello\\x1b\r\n> ");
    terminal.types("\n");
    assert_eq!(run.end().code, Some(0));
    terminal.assert_blocking();
    peer.join();
}

#[test]
fn a_peer_that_ends_under_prompt_leaves_the_cursor_at_the_beginning_of_a_line() {
    let peer = Peer::new(|mut stream| {
        let mut line = [0; 1];
        stream.read_exact(&mut line).unwrap();
        stream.write_all(b"bye").unwrap();
    });
    let mut terminal = Terminal::new();
    let mut run = terminal.run(&peer, &["--prompt"]);
    terminal.shows("> ");
    terminal.types("x\n");
    assert_eq!(run.end().code, Some(0), "though its input is open");
    terminal.shows("bye\r\n> \r\n");
    peer.join();
}

#[test]
fn an_error_begins_a_line_of_its_own() {
    let peer = Peer::new(|mut stream| {
        stream.write_all(b"part").unwrap();
        stream.read_exact(&mut [0; 3]).unwrap(); // it is shown
        rustix::net::sockopt::set_socket_linger(&stream, Some(std::time::Duration::ZERO)).unwrap();
    });
    let mut terminal = Terminal::new();
    let mut command = peer.command([]);
    let line = || Stdio::from(terminal.line.try_clone().unwrap());
    let mut run = Running::spawn(command.stdin(Stdio::piped()).stdout(line()));
    drop(command);
    terminal.shows("part");
    run.write(b"end");
    let ended = run.end();
    assert_eq!(ended.code, Some(6), "{}", ended.said);
    terminal.shows("part\r\n");
    peer.join();
}

#[test]
fn an_answer_behind_the_prompt_brings_another_prompt() {
    let (go_on, may_write) = std::sync::mpsc::channel::<()>();
    let peer = Peer::new(move |mut stream| {
        stream.read_exact(&mut [0; 1]).unwrap();
        stream.write_all(b"one").unwrap();
        may_write.recv().unwrap();
        stream.write_all(b"two").unwrap();
        assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0, "an empty line ends it");
    });
    let mut terminal = Terminal::new();
    let mut run = terminal.run(&peer, &["--prompt"]);
    terminal.types("x\n");
    terminal.shows("one\r\n> ");
    go_on.send(()).unwrap();
    terminal.shows("one\r\n> two\r\n> ");
    terminal.types("\n");
    assert_eq!(run.end().code, Some(0));
    peer.join();
}

#[test]
fn a_terminal_that_somebody_left_non_blocking_is_waited_for_and_left_so() {
    let peer = Peer::new(|mut stream| {
        let mut line = [0; 3];
        stream.read_exact(&mut line).unwrap();
        assert_eq!(&line, b"ok\n");
        stream.write_all(&[b'.'; 100_000]).unwrap();
    });
    let mut terminal = Terminal::new();
    rustix::io::ioctl_fionbio(&terminal.line, true).unwrap();
    let mut run = terminal.run(&peer, &[]);
    terminal.types("ok\n");
    terminal.shows(&".".repeat(100_000));
    assert_eq!(run.end().code, Some(0));
    assert!(fcntl_getfl(&terminal.line).unwrap().contains(OFlags::NONBLOCK), "left as it was");
    peer.join();
}
