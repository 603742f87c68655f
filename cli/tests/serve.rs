//! The program as a user meets it: what it answers, what it says, how it ends.
//!
//! Real clients talk to it: std's sockets, `nc`, CPython's `socket`, and the notes'
//! Twisted client. A missing one fails where `ROPEWALK_ALL=1` says that all must be there.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking")]
#![cfg(unix)] // signals end it

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

/// Far beyond any promise: only a hang meets it.
const WATCHDOG: Duration = Duration::from_secs(60);

/// The program, serving on a port of the system's choice.
struct Serving {
    child: Child,
    port: u16,
    stderr: BufReader<std::process::ChildStderr>,
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_ropewalk"))
}

fn serve(service: &str, model: &str) -> Serving {
    let mut child = program()
        .args(["serve", service, "tcp:0", "--model", model])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut first = String::new();
    stderr.read_line(&mut first).unwrap();
    let expected = format!("serving {service} on tcp:127.0.0.1:");
    let rest = first.strip_prefix(&expected).unwrap_or_else(|| panic!("first line: {first}"));
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Serving { child, port: digits.parse().unwrap(), stderr }
}

impl Serving {
    fn dial(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(WATCHDOG)).unwrap();
        stream
    }

    /// Asks it to stop, and gives what it said and how it ended.
    fn terminate(mut self) -> (ExitStatus, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        (status, said)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Ended already, as a rule; after a failed test it is not to stay.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a tool is there. With `ROPEWALK_ALL=1` it must be.
fn needs(tool: &str, there: bool) -> bool {
    if !there {
        assert!(std::env::var_os("ROPEWALK_ALL").is_none(), "{tool} is missing");
        eprintln!("not run: {tool} is missing");
    }
    there
}

fn has(tool: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output();
    needs(tool, found.is_ok_and(|output| output.status.success()))
}

fn output_of(command: &mut Command, input: &str) -> Output {
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
fn assert_stamped(answer: &str, message: &str) {
    let (time, rest) = answer.split_once("] ").unwrap_or_else(|| panic!("no stamp: {answer:?}"));
    assert_eq!(rest, message);
    let words: Vec<&str> = time.strip_prefix('[').unwrap().split_whitespace().collect();
    assert_eq!((time.len(), words.len()), (25, 5), "{time}");
    assert_eq!(words[3].matches(':').count(), 2, "{time}");
}

#[test]
fn an_answer_to_a_half_closing_client_is_never_lost() {
    for model in ["reactor", "threads"] {
        let serving = serve("timestamp", model);
        for _ in 0..50 {
            let mut stream = serving.dial();
            stream.write_all(b"hello\r\n").unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert_stamped(&answer, "hello\r\n");
        }
        let (status, said) = serving.terminate();
        assert!(status.success());
        assert_eq!(said.matches("...connected from: 127.0.0.1\n").count(), 50);
        assert!(said.starts_with("waiting for connection..\n"), "{said}");
        assert!(said.ends_with("drained 0 of 0 connections\n"), "{said}");
    }
}

#[test]
fn netcat_gets_its_answer_every_time() {
    if !has("nc") {
        return;
    }
    let serving = serve("timestamp", "reactor");
    for _ in 0..20 {
        let port = serving.port.to_string();
        let output = output_of(Command::new("nc").args(["-N", "127.0.0.1", &port]), "hello\r\n");
        assert_stamped(&String::from_utf8(output.stdout).unwrap(), "hello\r\n");
    }
}

#[test]
fn cpythons_socket_talks_to_it() {
    if !has("python3") {
        return;
    }
    let script = "import socket, sys\n\
        s = socket.create_connection(('localhost', int(sys.argv[1])), timeout=60)\n\
        for word in (b'one', b'two'):\n\
        \x20   s.sendall(word)\n\
        \x20   answer = s.recv(1024)\n\
        \x20   assert answer.endswith(b'] ' + word), answer\n\
        s.close()\n";
    for model in ["reactor", "threads"] {
        let serving = serve("timestamp", model);
        let port = serving.port.to_string();
        let output = output_of(Command::new("python3").args(["-c", script, &port]), "");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The notes' client as it stands, but for the number of its port: tests have no fixed
/// ports.
#[test]
fn the_notes_twisted_client_talks_to_it() {
    let python = std::env::var("ROPEWALK_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let twisted = Command::new(&python).args(["-c", "import twisted"]).output();
    if !needs("Twisted", twisted.is_ok_and(|output| output.status.success())) {
        return;
    }
    let serving = serve("timestamp", "reactor");
    let client = include_str!("notes/client.py");
    assert!(client.contains("PORT = 21555"));
    let client = client.replace("PORT = 21555", &format!("PORT = {}", serving.port));
    let output = output_of(Command::new(&python).args(["-c", &client]), "hello\nworld\n\n");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for word in ["hello", "world"] {
        assert!(said.contains(&format!("...sending {word}...")), "{said}");
        assert!(said.contains(&format!("] {word}'")), "{said}");
    }
}

#[test]
fn a_port_in_use_is_said_in_a_sentence() {
    let serving = serve("echo", "reactor");
    let endpoint = format!("tcp:{}", serving.port);
    let output = program().args(["serve", "echo", &endpoint]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stderr).unwrap();
    let sentence = format!(
        "error: cannot listen on tcp:127.0.0.1:{}: address already in use (EADDRINUSE)",
        serving.port
    );
    assert!(said.starts_with(&sentence), "{said}");
    assert!(said.contains("help: "), "{said}");
}

#[test]
fn what_cannot_be_meant_ends_with_two_and_serves_nothing() {
    let cases: &[(&[&str], &str)] = &[
        (&["serve", "echo", "tcp:70000"], "0 to 65535"),
        (&["serve", "echo", "tcp:0", "tcp:x"], "not a port"),
        (&["serve", "ehco", "tcp:0"], "no service `ehco`"),
        (&["serve", "echo", "udp:53"], "`udp`"),
        (&["serve", "echo"], "required"),
        (&["serve", "echo", "tcp:0", "--drain", "5"], "5s or 5ms"),
    ];
    for (arguments, words) in cases {
        let output = program().args(*arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert!(!said.contains("serving"), "{arguments:?}: {said}");
    }
}

#[test]
fn a_privileged_port_without_the_privilege_is_said_with_the_cure() {
    if !has("setpriv") {
        return;
    }
    let limit = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let limit: u16 = limit.unwrap_or_default().trim().parse().unwrap_or(0);
    let is_root = std::fs::metadata("/proc/self")
        .is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0);
    if !needs("a privileged port and root to drop from", limit > 1 && is_root) {
        return;
    }
    // The program may lie where only root can reach it: a copy lies where all can.
    let copy = std::env::temp_dir().join(format!("ropewalk-unprivileged-{}", std::process::id()));
    std::fs::copy(env!("CARGO_BIN_EXE_ropewalk"), &copy).unwrap();
    let endpoint = format!("tcp:{}", limit - 1);
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--clear-groups"])
        .arg(&copy)
        .args(["serve", "echo", &endpoint])
        .output()
        .unwrap();
    std::fs::remove_file(&copy).unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("permission denied (EACCES)"), "{said}");
    assert!(said.contains("need a privilege"), "{said}");
}

#[test]
fn a_connection_that_is_open_when_told_to_stop_is_drained() {
    for model in ["reactor", "threads"] {
        let serving = serve("echo", model);
        let mut stream = serving.dial();
        stream.write_all(b"x").unwrap();
        stream.read_exact(&mut [0; 1]).unwrap();
        let (status, said) = serving.terminate();
        assert!(status.success());
        assert!(said.ends_with("drained 1 of 1 connections\n"), "{model}: {said}");
        assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0, "closed in order");
    }
}

#[test]
fn a_reader_of_its_log_that_has_gone_does_not_keep_it_from_stopping() {
    let mut child =
        program().args(["serve", "echo", "tcp:0", "-vv"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut first).unwrap(); // and closes it
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_unix_socket_that_cannot_be_is_said_with_its_own_cure() {
    let output = program().args(["serve", "echo", "unix:/nowhere/at/all"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("unix:/nowhere/at/all") && said.contains("folder"), "{said}");
}

#[test]
fn the_services_are_listed() {
    let output = program().args(["serve", "--list"]).output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("timestamp") && said.contains("echo"), "{said}");
}
