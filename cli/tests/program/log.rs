//! What a server tells while it runs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::rig::{Serving, TempPath, dial, program, serve};

/// One client that sends five bytes, gets five back, and ends.
fn one_client(serving: &Serving) -> String {
    let mut stream = serving.dial();
    stream.write_all(b"hello").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    stream.read_to_string(&mut String::new()).unwrap();
    stream.local_addr().unwrap().to_string()
}

#[test]
fn a_closed_connection_is_one_line() {
    for model in ["reactor", "threads", "pool", "fork"] {
        let mut serving = serve(["echo", "tcp:0", "--model", model]);
        let peer = one_client(&serving);
        let line = serving.run.line();
        let words: Vec<&str> = line.trim_end().split(' ').collect();
        let endpoint = format!("tcp:{}", serving.port);
        let expected = ["#1", &peer, "→", &endpoint, "in", "5", "B", "out", "5", "B"];
        assert_eq!(words[1..11], expected, "{line}");
        let digits: Vec<usize> = words[0].split(':').map(str::len).collect();
        assert_eq!(digits, [2, 2, 2], "the local time: {line}");
        assert!(words[11].parse::<f64>().is_ok() && words[12].ends_with('s'), "{line}");
        assert_eq!(words[13..], ["peer", "closed"], "{line}");
        one_client(&serving);
        assert!(serving.run.line().contains(" #2 "));
        assert_eq!(serving.terminate().code, Some(0));
    }
}

#[test]
fn quiet_is_the_first_line_and_the_last() {
    let serving = serve(["timestamp", "tcp:0", "-q"]);
    one_client(&serving);
    let ended = serving.terminate();
    assert!(ended.said.starts_with("drained 0 of 0 connections in "), "{}", ended.said);
    assert_eq!(ended.said.lines().count(), 1, "{}", ended.said);
}

#[test]
fn verbose_is_the_opened_as_well() {
    let mut serving = serve(["echo", "tcp:0", "-v"]);
    let peer = one_client(&serving);
    let said = serving.run.said("peer closed");
    let opened = format!(" #1 {peer} → tcp:{} opened\n", serving.port);
    assert!(said.contains(&opened), "{opened}: {said}");
}

#[test]
fn a_peers_name_is_shown_and_not_obeyed() {
    let path = TempPath::new("log.sock");
    let client = TempPath::new("\u{1b}[31m\nforged");
    let mut serving = serve(["timestamp", "tcp:0", path.text()]);
    assert_eq!(serving.run.line(), "waiting for connection..\n");
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::UNIX,
        rustix::net::SocketType::STREAM,
        None,
    )
    .unwrap();
    rustix::net::bind(&socket, &rustix::net::SocketAddrUnix::new(&client.0).unwrap()).unwrap();
    let server = rustix::net::SocketAddrUnix::new(&path.0).unwrap();
    rustix::net::connect(&socket, &server).unwrap();
    drop(socket);
    let said = serving.run.said("closed");
    assert!(
        said.starts_with("...connected from: ") && said.contains("\\x1b[31m\\nforged"),
        "{said}"
    );
    assert!(!said.contains('\u{1b}') && said.lines().count() == 2, "{said}");
}

#[test]
fn a_reader_that_does_not_read_holds_nobody_up_and_hears_how_much_it_missed() {
    let mut serving = serve(["echo", "tcp:0", "-v"]);
    // More than a pipe and the log hold.
    for _ in 0..4000 {
        one_client(&serving);
    }
    let said = serving.run.said("lines are lost here");
    let lost = said.lines().last().unwrap();
    let lost: u64 = lost[1..].split(' ').next().unwrap().parse().unwrap();
    assert!(lost > 0 && said.lines().count() > 100, "{lost} lost");
    let ended = serving.terminate();
    assert_eq!(ended.code, Some(0));
    assert!(ended.said.contains("drained "), "the last line is there");
}

#[test]
fn a_log_that_somebody_left_non_blocking_goes_on_when_it_is_read_again() {
    let (reader, writer) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    let mut command = program(["serve", "echo", "tcp:0", "-v"]);
    let mut server = command.stdin(Stdio::null()).stderr(writer).spawn().unwrap();
    drop(command); // and with it our end of the pipe
    let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    let port = first.split_once(":127.0.0.1:").unwrap().1.split(' ').next().unwrap();
    let port: u16 = port.parse().unwrap();
    let client = || {
        let mut stream = dial(port);
        stream.write_all(b"x").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        stream.read_to_string(&mut String::new()).unwrap();
    };
    // More than a pipe holds, and less than the log.
    (0..1000).for_each(|_| client());
    let pid = Pid::from_child(&server);
    kill_process(pid, Signal::TERM).unwrap();
    let opened = lines.filter(|line| line.ends_with(" opened")).count();
    assert_eq!(opened, 1000, "every line is there");
    assert_eq!(server.wait().unwrap().code(), Some(0));
}

#[test]
fn a_reader_that_does_not_read_does_not_keep_it_from_ending() {
    let mut serving = serve(["echo", "tcp:0", "-v"]);
    for _ in 0..4000 {
        one_client(&serving);
    }
    serving.run.signal(Signal::TERM);
    assert_eq!(serving.run.wait(), Some(0), "nobody has read a line");
}
