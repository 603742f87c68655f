//! The small services and the chat, as clients meet them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use crate::rig::{TempPath, serve};

fn all_of(mut stream: TcpStream) -> Vec<u8> {
    let mut got = Vec::new();
    stream.read_to_end(&mut got).unwrap();
    got
}

#[test]
fn daytime_and_time_tell_it_and_end_on_every_model() {
    for model in ["reactor", "threads", "pool", "fork"] {
        let serving = serve(["daytime", "tcp:0", "--model", model]);
        let told = String::from_utf8(all_of(serving.dial())).unwrap();
        assert_eq!((told.len(), &told[24..]), (26, "\r\n"), "{told:?}");
        let serving = serve(["time", "tcp:0", "--model", model]);
        assert_eq!(all_of(serving.dial()).len(), 4);
        assert_eq!(serving.terminate().code, Some(0));
    }
}

#[test]
fn chargen_is_read_for_as_long_as_one_likes() {
    for model in ["reactor", "threads", "pool", "fork"] {
        let serving = serve(["chargen", "tcp:0", "--model", model]);
        let mut got = vec![0; 1_000_000];
        serving.dial().read_exact(&mut got).unwrap();
        assert!(got.starts_with(b" !\"#$%&'()*+,-./"));
        assert_eq!(got.iter().position(|byte| *byte == b'\n'), Some(73));
    }
}

#[test]
fn qotd_tells_its_own_quotes_or_those_of_a_file() {
    let serving = serve(["qotd", "tcp:0"]);
    let (first, second) = (all_of(serving.dial()), all_of(serving.dial()));
    assert!(first.ends_with(b".\r\n") && second.ends_with(b".\r\n") && first != second);
    let path = TempPath::new("quotes");
    std::fs::write(&path.0, "one\n%\ntwo,\nin two lines\n").unwrap();
    let serving = serve(["qotd", "tcp:0", "--quotes", path.text()]);
    for expected in ["one\r\n", "two,\r\nin two lines\r\n", "one\r\n"] {
        assert_eq!(all_of(serving.dial()), expected.as_bytes());
    }
    std::fs::write(&path.0, "x".repeat(600)).unwrap();
    let output = crate::rig::program(["serve", "qotd", "tcp:0", "--quotes", path.text()]).output();
    let output = output.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("quote 1 has 602 bytes") && said.contains("help: "), "{said}");
}

struct Member(BufReader<TcpStream>);

impl Member {
    fn say(&mut self, line: &str) {
        self.0.get_mut().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

#[test]
fn people_chat_on_every_model_that_is_one_process() {
    for model in ["reactor", "threads", "pool"] {
        let options = ["--members", "2", "--line-bytes", "30"];
        let serving = serve([["chat", "tcp:0", "--model", model].as_slice(), &options].concat());
        let member = || Member(BufReader::new(serving.dial()));
        let (mut ann, mut bob);
        ann = member();
        assert_eq!(ann.line(), "* welcome, guest1; /help tells what there is");
        bob = member();
        assert_eq!(bob.line(), "* welcome, guest2; /help tells what there is");
        assert_eq!(ann.line(), "* guest2 is here");
        assert_eq!(member().line(), "! the chat is full; come again later");
        bob.say(&"x".repeat(31));
        assert_eq!(bob.line(), "! a line has at most 30 bytes; that one nobody got");
        bob.say("hello");
        assert_eq!(ann.line(), "guest2: hello");
        ann.say("/quit");
        assert_eq!((ann.line(), ann.line()), ("* goodbye".into(), String::new()));
        assert_eq!(bob.line(), "* guest1 has left");
        // A drain says goodbye to who is still there.
        let ended = serving.terminate();
        assert_eq!(ended.code, Some(0));
        assert_eq!(bob.line(), "");
        assert!(ended.said.contains("drained 1 of 1 connections"), "{}", ended.said);
    }
}
