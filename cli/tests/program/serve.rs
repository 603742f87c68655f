//! `ropewalk serve`, as clients meet it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::rig::{TempPath, assert_stamped, has, output_of, program, serve};

const MODELS: [&str; 4] = ["reactor", "threads", "pool", "fork"];

#[test]
fn an_answer_to_a_half_closing_client_is_never_lost() {
    for model in MODELS {
        let serving = serve(["timestamp", "tcp:0", "--model", model]);
        for _ in 0..50 {
            let mut stream = serving.dial();
            stream.write_all(b"hello\r\n").unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert_stamped(&answer, "hello\r\n");
        }
        let ended = serving.terminate();
        assert_eq!(ended.code, Some(0));
        assert_eq!(ended.said.matches("...connected from: 127.0.0.1\n").count(), 50);
        assert!(ended.said.starts_with("waiting for connection..\n"), "{}", ended.said);
        assert!(ended.said.contains("\ndrained 0 of 0 connections in "), "{}", ended.said);
    }
}

#[test]
fn netcat_gets_its_answer_every_time() {
    if !has("nc") {
        return;
    }
    let serving = serve(["timestamp", "tcp:0"]);
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
    for model in MODELS {
        let serving = serve(["timestamp", "tcp:0", "--model", model]);
        let port = serving.port.to_string();
        let output = output_of(Command::new("python3").args(["-c", script, &port]), "");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn several_endpoints_of_several_kinds_are_served_at_once() {
    for model in MODELS {
        let path = TempPath::new("serve.sock");
        let unix = format!("unix:{},mode=0600", path.text());
        let serving = serve(["echo", "tcp:0", &unix, "127.0.0.1:0", "--model", model]);
        let port = serving.port;
        assert!(
            serving.first.starts_with(&format!("serving echo on tcp:127.0.0.1:{port}")),
            "{}",
            serving.first
        );
        assert!(serving.first.contains(&format!(" and unix:{}", path.text())), "{}", serving.first);
        assert!(
            serving.first.ends_with(&format!(" (tcp:*:{port} for all)\n")),
            "only what was left open is explained: {}",
            serving.first
        );
        let other = serving.first.rsplit_once("tcp:127.0.0.1:").unwrap().1;
        let other: String = other.chars().take_while(char::is_ascii_digit).collect();
        let mut streams: Vec<Box<dyn ReadWrite>> = vec![
            Box::new(serving.dial()),
            Box::new(crate::rig::dial(other.parse().unwrap())),
            Box::new(UnixStream::connect(&path.0).unwrap()),
        ];
        for stream in &mut streams {
            stream.write_all(b"x").unwrap();
            stream.read_exact(&mut [0; 1]).unwrap();
        }
        drop(streams);
        assert_eq!(serving.terminate().code, Some(0));
        assert!(!path.0.exists(), "its file goes with it");
    }
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

#[test]
fn all_interfaces_are_served_when_they_are_asked_for() {
    let mut run = crate::rig::Running::start(&mut program(["serve", "echo", "tcp:*:0"]));
    let first = run.line();
    assert!(first.starts_with("serving echo on tcp:0.0.0.0:"), "{first}");
    assert!(!first.contains("for all"), "{first}");
    let port = first.split_once("0.0.0.0:").unwrap().1;
    let port: String = port.chars().take_while(char::is_ascii_digit).collect();
    drop(TcpStream::connect(("127.0.0.1", port.parse::<u16>().unwrap())).unwrap());
}

#[test]
fn a_proxys_header_tells_who_the_peer_is() {
    let serving = serve(["timestamp", "haproxy:tcp:0"]);
    let mut stream = serving.dial();
    stream.write_all(b"PROXY TCP4 192.0.2.7 192.0.2.1 4242 80\r\nhello").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_stamped(&answer, "hello");
    let port = serving.port;
    let ended = serving.terminate();
    assert!(ended.said.contains("...connected from: 192.0.2.7\n"), "{}", ended.said);
    let way = format!(" #1 192.0.2.7:4242 → haproxy:tcp:{port} in ");
    assert!(ended.said.contains(&way), "{way}: {}", ended.said);
}

#[test]
fn a_reader_of_its_log_that_has_gone_does_not_keep_it_from_stopping() {
    let mut child = program(["serve", "echo", "tcp:0", "-vv"]);
    let mut child = child.stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut first).unwrap(); // and closes it
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_services_are_listed() {
    let output = program(["serve", "--list"]).output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    let names: Vec<_> = said.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.starts_with(&["timestamp", "echo", "discard"]), "{said}");
    assert!(output.stderr.is_empty());
}
