//! Datagrams: served, and talked in.

use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;

use crate::rig::{Running, Serving, TempPath, WATCHDOG, assert_stamped, program, serve};

/// A peer that answers a few datagrams, each by this.
fn peer(answers: usize, answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(WATCHDOG)).unwrap();
    let port = socket.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for _ in 0..answers {
            let mut buffer = vec![0; 70_000];
            let (count, from) = socket.recv_from(&mut buffer).unwrap();
            socket.send_to(&answer(&buffer[..count]), from).unwrap();
        }
    });
    port
}

fn connect(port: u16, options: &[&str]) -> Running {
    let endpoint = format!("udp:127.0.0.1:{port}");
    Running::start(program(["connect", &endpoint]).args(options))
}

#[test]
fn streams_and_datagrams_of_one_service_are_served_at_once() {
    let path = TempPath::new("serve.gram");
    let unixgram = format!("unixgram:{}", path.text());
    let serving = serve(["timestamp", "tcp:0", "udp:0", &unixgram]);
    let first = &serving.first;
    assert!(first.contains(&format!(" and unixgram:{}", path.text())), "{first}");
    let port = first.split_once("udp:127.0.0.1:").unwrap().1;
    let port: u16 = port.split(' ').next().unwrap().parse().unwrap();
    let all = format!(" (tcp:*:{} and udp:*:{port} for all)", serving.port);
    assert!(first.contains(&all), "{first}");
    for endpoint in
        [format!("tcp:{}", serving.port), format!("udp:127.0.0.1:{port}"), unixgram.clone()]
    {
        let mut run = Running::start(&mut program(["connect", &endpoint, "--linger", "200ms"]));
        run.write(b"hello");
        let ended = run.finish();
        assert_eq!((ended.code, ended.said.as_str()), (Some(0), ""), "{endpoint}");
        assert_stamped(&String::from_utf8(ended.stdout).unwrap(), "hello");
    }
    assert_eq!(serving.terminate().code, Some(0));
    assert!(!path.0.exists(), "its file goes with it");
}

#[test]
fn discard_answers_nothing() {
    let run = Running::start(&mut program(["serve", "discard", "udp:0"]));
    let serving = Serving::started(run);
    let mut client = connect(serving.port, &["--linger", "50ms"]);
    client.write(b"hello");
    let ended = client.finish();
    assert_eq!((ended.code, ended.stdout.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn an_answer_that_comes_after_the_end_of_input_is_waited_for() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let mut run = connect(port, &["--linger", "2s"]);
    run.write(b"question");
    let mut buffer = [0; 64];
    let (count, from) = socket.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..count], b"question");
    run.end_input();
    socket.send_to(b"late ", from).unwrap();
    assert_eq!(run.read(5), b"late ");
    socket.send_to(b"answer", from).unwrap();
    assert_eq!(run.read(6), b"answer");
    let ended = run.end();
    assert_eq!((ended.code, ended.said.as_str()), (Some(0), ""));
}

#[test]
fn a_machine_without_a_receiver_says_so() {
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut run = connect(port, &["--linger", "60s"]);
    run.write(b"anybody?");
    let ended = run.finish();
    assert_eq!(ended.code, Some(4), "{}", ended.said);
    let sentence = format!("error: nobody receives at udp:127.0.0.1:{port} (ECONNREFUSED)");
    assert!(ended.said.starts_with(&sentence), "{}", ended.said);
}

#[test]
fn a_peer_that_never_answers_meets_the_deadline() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut run = connect(socket.local_addr().unwrap().port(), &["-w", "100ms"]);
    run.write(b"anybody?");
    let ended = run.end();
    assert_eq!(ended.code, Some(4), "{}", ended.said);
    assert!(ended.said.starts_with("error: no byte to or from udp:127.0.0.1:"), "{}", ended.said);
}

#[test]
fn under_prompt_each_line_is_a_datagram() {
    let port = peer(2, |question| [b"re: ", question].concat());
    let mut run = connect(port, &["--prompt"]);
    run.write(b"one\ntwo\n\n");
    let ended = run.finish();
    assert_eq!((ended.code, ended.said.as_str()), (Some(0), ""));
    let said = String::from_utf8(ended.stdout).unwrap();
    assert_eq!(said, "> ...sending one...\nre: one\n> ...sending two...\nre: two\n> ");
}

#[test]
fn a_slow_receiver_of_unix_datagrams_holds_input_back_and_loses_nothing() {
    let path = TempPath::new("slow.gram");
    let socket = UnixDatagram::bind(&path.0).unwrap();
    let endpoint = format!("unixgram:{}", path.text());
    let arguments = ["connect", &endpoint, "--linger", "10ms"];
    let mut run = Running::start(&mut program(arguments));
    // Each line is written by itself, so that each may be a datagram of its own.
    let mut stdin = run.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        for number in 0..5000 {
            std::io::Write::write_all(&mut stdin, format!("{number}\n").as_bytes()).unwrap();
        }
    });
    let mut all = Vec::new();
    let mut buffer = [0; 70_000];
    let expected: String = (0..5000).map(|number| format!("{number}\n")).collect();
    socket.set_read_timeout(Some(WATCHDOG)).unwrap();
    while all.len() < expected.len() {
        let count = socket.recv(&mut buffer).unwrap();
        all.extend_from_slice(&buffer[..count]);
    }
    assert!(all == expected.as_bytes(), "every datagram, in order");
    writer.join().unwrap();
    let ended = run.end();
    assert_eq!((ended.code, ended.said.as_str()), (Some(0), ""));
}

#[test]
fn what_datagrams_cannot_do_is_said() {
    let path = TempPath::new("none.gram");
    let run = |arguments: &[&str]| Running::start(&mut program(arguments.iter().copied())).finish();
    let ended = run(&["connect", "udp:127.0.0.1:9", "--retry", "5s"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.said.contains("cannot be waited for"), "{}", ended.said);
    let ended = run(&["connect", &format!("unixgram:{}", path.text())]);
    assert_eq!(ended.code, Some(4), "{}", ended.said);
    assert!(ended.said.contains("no such file (ENOENT)"), "{}", ended.said);
    assert!(ended.said.contains("help: is its server running?"), "{}", ended.said);
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let ended = run(&["serve", "echo", &format!("udp:{port}")]);
    assert_eq!(ended.code, Some(3), "{}", ended.said);
    let holder = format!("(pid {}, user ", std::process::id());
    assert!(ended.said.contains("held by: ") && ended.said.contains(&holder), "{}", ended.said);
    assert!(ended.said.contains("take a free port with udp:0"), "{}", ended.said);
}
