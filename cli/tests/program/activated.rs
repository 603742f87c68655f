//! Started by others: systemd's activation by socket, and its wish to be told.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::Command;

use crate::rig::{Running, TempPath, WATCHDOG, has, program, serve};

const MODELS: [&str; 4] = ["reactor", "threads", "pool", "fork"];

/// `serve` as the activator starts it, which it does at the first client.
fn activated(options: &[&str], serve: &[&str]) -> Running {
    let mut command = Command::new("systemd-socket-activate");
    command.args(options).arg(env!("CARGO_BIN_EXE_ropewalk")).arg("serve").args(serve);
    Running::start(&mut command)
}

fn ask(at: &TempPath, what: &str) -> String {
    let mut stream = UnixStream::connect(&at.0).unwrap();
    stream.set_read_timeout(Some(WATCHDOG)).unwrap();
    stream.write_all(what.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn streams_of_a_service_manager_are_served_on_every_model_by_name_place_and_number() {
    if !has("systemd-socket-activate") {
        return;
    }
    for model in MODELS {
        for endpoint in ["systemd:", "systemd:web", "systemd:0", "fd:3"] {
            let at = TempPath::new("activated");
            let options = ["-l", at.text(), "--fdname=web"];
            let mut serving = activated(&options, &["echo", endpoint, "--model", model]);
            serving.said("Listening on");
            assert_eq!(ask(&at, "hello"), "hello", "{model} {endpoint}");
            let said = serving.said("serving echo on ");
            assert!(said.contains(&format!("{} ({endpoint})", at.text())), "{said}");
            assert_eq!(ask(&at, "again"), "again", "{model} {endpoint}");
            serving.signal(rustix::process::Signal::TERM);
            assert_eq!(serving.end().code, Some(0), "{model} {endpoint}");
        }
    }
}

#[test]
fn datagrams_of_a_service_manager_are_served() {
    if !has("systemd-socket-activate") {
        return;
    }
    let (at, from) = (TempPath::new("activated"), TempPath::new("activates"));
    let mut serving = activated(&["--datagram", "-l", at.text()], &["echo", "systemd:"]);
    serving.said("Listening on");
    let client = UnixDatagram::bind(&from.0).unwrap();
    client.set_read_timeout(Some(WATCHDOG)).unwrap();
    client.connect(&at.0).unwrap();
    client.send(b"hello").unwrap();
    let mut answer = [0; 16];
    let count = client.recv(&mut answer).unwrap();
    assert_eq!(&answer[..count], b"hello");
    serving.signal(rustix::process::Signal::TERM);
    assert_eq!(serving.end().code, Some(0));
}

#[test]
fn datagrams_are_for_the_reactor_and_what_was_not_passed_is_said() {
    let ended = Running::start(&mut program(["serve", "echo", "systemd:web"])).finish();
    assert_eq!(ended.code, Some(3));
    let expected = "error: cannot listen on systemd:web: \
                    no service manager has passed sockets to this process\n";
    assert!(ended.said.starts_with(expected), "{}", ended.said);
    assert!(ended.said.contains("help: start it by its .socket unit"), "{}", ended.said);
    let ended = Running::start(&mut program(["serve", "echo", "fd:77"])).finish();
    assert_eq!(ended.code, Some(3));
    assert!(ended.said.starts_with("error: cannot listen on fd:77: "), "{}", ended.said);
}

#[test]
fn a_manager_that_wants_to_know_is_told_when_everything_is_bound() {
    let path = TempPath::new("notified");
    let manager = UnixDatagram::bind(&path.0).unwrap();
    manager.set_read_timeout(Some(WATCHDOG)).unwrap();
    let mut command = program(["serve", "echo", "tcp:0"]);
    let mut serving = Running::start(command.env("NOTIFY_SOCKET", &path.0));
    let mut word = [0; 64];
    let count = manager.recv(&mut word).unwrap();
    assert_eq!(&word[..count], b"READY=1");
    serving.said("serving echo on ");
    serving.signal(rustix::process::Signal::TERM);
    assert_eq!(serving.end().code, Some(0));
    // Without one nobody is told, and nothing is said of it.
    let ended = serve(["echo", "tcp:0"]).terminate();
    assert!(!ended.said.contains("manager"), "{}", ended.said);
}
