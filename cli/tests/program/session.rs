//! `ropewalk serve NAME -`: one session on standard input and output.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use rustix::fs::{OFlags, fcntl_getfl};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::rig::{Running, assert_stamped, has, output_of, pattern, program};

fn echo() -> Command {
    program(["serve", "echo", "-"])
}

#[test]
fn what_comes_in_is_answered_until_the_end_of_input_and_nothing_is_said() {
    let output = output_of(&mut echo(), "hello");
    assert_eq!(output.stdout, b"hello");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let output = output_of(&mut program(["serve", "timestamp", "stdio:"]), "hello");
    assert_stamped(&String::from_utf8(output.stdout).unwrap(), "hello");
    assert!(output.stderr.is_empty());
}

#[test]
fn it_says_more_when_it_is_asked_to() {
    let output = output_of(&mut program(["serve", "echo", "-", "-v"]), "hello");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("serving echo on -\n"), "{said}");
    assert!(said.contains(" in 5 B out 5 B "), "{said}");
}

#[test]
fn megabytes_pass_whole_between_pipes() {
    let sent = pattern(5_000_000);
    let mut running = Running::start(&mut echo());
    let (mut input, mut output) = (running.stdin.take().unwrap(), running.stdout.take().unwrap());
    let copy = sent.clone();
    let writes = std::thread::spawn(move || input.write_all(&copy).unwrap());
    let mut answer = Vec::new();
    output.read_to_end(&mut answer).unwrap();
    writes.join().unwrap();
    assert!(answer == sent, "{} of {} bytes", answer.len(), sent.len());
    assert_eq!(running.end().code, Some(0));
}

#[test]
fn a_reader_that_went_away_ends_it_though_nothing_is_written() {
    let mut running = Running::start(&mut program(["serve", "discard", "-"]));
    drop(running.stdout.take());
    assert_eq!(running.end().code, Some(141));
}

#[test]
fn files_and_the_null_device_will_do() {
    for (input, code) in [("/dev/null", 0), (env!("CARGO_MANIFEST_DIR"), 1)] {
        let mut command = echo();
        command.stdin(File::open(input).unwrap()).stdout(Stdio::null());
        let ended = Running::spawn(&mut command).end();
        assert_eq!(ended.code, Some(code), "{input}: {}", ended.said);
        assert_eq!(ended.said.contains("the input: Is a directory"), code == 1, "{}", ended.said);
    }
}

/// As inetd does it: standard input, output and error are one socket.
#[test]
fn one_socket_as_all_three_streams_carries_the_answer_and_nothing_else() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let copy = || Stdio::from(OwnedFd::from(theirs.try_clone().unwrap()));
    let mut command = echo();
    let mut child = command.stdin(copy()).stdout(copy()).stderr(copy()).spawn().unwrap();
    drop((theirs, command));
    (&ours).write_all(b"hello").unwrap();
    ours.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    (&ours).read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "hello");
    assert!(child.wait().unwrap().success());
}

#[test]
fn socat_starts_one() {
    if !has("socat") {
        return;
    }
    let program = format!("EXEC:{} serve echo -", env!("CARGO_BIN_EXE_ropewalk"));
    let output = output_of(Command::new("socat").args(["-t60", "-", &program]), "hello");
    assert_eq!(output.stdout, b"hello");
    assert!(output.status.success());
}

#[test]
fn a_terminal_is_left_as_it_was_by_an_end_and_by_a_signal() {
    for by_signal in [false, true] {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        let line = File::from(rustix::fs::open(&*name, flags, rustix::fs::Mode::empty()).unwrap());
        let mut person = File::from(person);
        let copy = || Stdio::from(line.try_clone().unwrap());
        let mut running = Running::spawn(echo().stdin(copy()).stdout(copy()));
        person.write_all(b"typed\n").unwrap();
        let mut seen = String::new();
        // The terminal's own echo, then ours.
        while seen.matches("typed").count() < 2 {
            let mut bytes = [0; 256];
            let count = person.read(&mut bytes).unwrap();
            seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
        assert!(!fcntl_getfl(&line).unwrap().contains(OFlags::NONBLOCK), "while it is used");
        match by_signal {
            true => running.signal(rustix::process::Signal::TERM),
            false => person.write_all(&[4]).unwrap(), // the end of input
        }
        assert_eq!(running.end().code, Some(0));
        assert!(!fcntl_getfl(&line).unwrap().contains(OFlags::NONBLOCK), "afterwards");
    }
}

#[test]
fn a_session_is_alone_and_has_no_model() {
    for (arguments, words) in [
        (["serve", "echo", "-", "tcp:0"], "`-` is one session"),
        (["serve", "echo", "-", "--model=threads"], "needs no thread or process"),
        (["connect", "-", "-w", "1"], "cannot be connected to"),
    ] {
        let ended = Running::start(&mut program(arguments)).finish();
        assert_eq!(ended.code, Some(2), "{}", ended.said);
        assert!(ended.said.contains(words), "{}", ended.said);
    }
}
