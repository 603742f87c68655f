//! Datagrams: served, and talked in.

use std::io::Write;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::event::PollFlags;

use crate::rig::{
    Running, Serving, TempPath, WATCHDOG, assert_stamped, is_ready, pattern, program, serve,
    write_while_taken,
};

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
fn an_answer_before_the_deadline_is_an_end_in_order_however_short_the_deadline() {
    let port = peer(1, |question| [b"re: ", question].concat());
    let mut run = connect(port, &["-w", "500ms", "--linger", "60s"]);
    run.write(b"hi");
    let ended = run.finish();
    assert_eq!((ended.code, ended.said.as_str()), (Some(0), ""));
    assert_eq!(ended.stdout, b"re: hi");
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
fn under_prompt_a_line_longer_than_a_datagram_is_several() {
    let port = peer(2, |question| question.len().to_string().into_bytes());
    let mut run = connect(port, &["--prompt"]);
    run.write(&[b'x'; 65_510]);
    run.write(b"\n\n");
    let ended = run.finish();
    assert_eq!((ended.code, ended.said.as_str()), (Some(0), ""));
    let said = String::from_utf8(ended.stdout).unwrap();
    assert!(said.contains("...\n65507\n> ...sending xxx...\n3\n> "), "{}", said.len());
}

#[test]
fn a_slow_receiver_of_unix_datagrams_holds_input_back_and_loses_nothing() {
    const MUCH: usize = 16 << 20;
    let path = TempPath::new("slow.gram");
    let socket = UnixDatagram::bind(&path.0).unwrap();
    socket.set_read_timeout(Some(WATCHDOG)).unwrap();
    let endpoint = format!("unixgram:{}", path.text());
    let mut run = Running::start(&mut program(["connect", &endpoint, "--linger", "10ms"]));
    let data = pattern(MUCH);
    let mut stdin = run.stdin.take().unwrap();
    // What is taken while nobody receives is what queues hold.
    let taken = write_while_taken(&stdin, &data);
    assert!(taken < MUCH / 2, "{taken} bytes were taken for a peer that receives nothing");
    let rest = data[taken..].to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&rest).unwrap());
    let mut all = Vec::new();
    let mut buffer = vec![0; 70_000];
    while all.len() < MUCH {
        let count = socket.recv(&mut buffer).unwrap();
        all.extend_from_slice(&buffer[..count]);
    }
    assert!(all == data, "every datagram, in order");
    writer.join().unwrap();
    let ended = run.end();
    assert_eq!((ended.code, ended.said.as_str()), (Some(0), ""));
}

#[test]
fn datagrams_for_which_output_has_no_room_are_dropped_and_counted() {
    let path = TempPath::new("flood.gram");
    let socket = UnixDatagram::bind(&path.0).unwrap();
    socket.set_read_timeout(Some(WATCHDOG)).unwrap();
    socket.set_write_timeout(Some(WATCHDOG)).unwrap();
    let endpoint = format!("unixgram:{}", path.text());
    let mut run = Running::start(&mut program(["connect", &endpoint, "--linger", "200ms"]));
    run.write(b"flood me");
    let (_, from) = socket.recv_from(&mut [0; 64]).unwrap();
    // Several times what its queue and a pipe hold. Here the kernel loses none, and nobody
    // reads before most of them have come.
    for _ in 0..2000 {
        socket.send_to_addr(&[b'x'; 1024], &from).unwrap();
    }
    let ended = run.finish();
    let said = &ended.said;
    assert!(said.ends_with(" came and were dropped, as standard output had no room\n"), "{said}");
    let count: usize = said.split(' ').next().unwrap().parse().unwrap();
    assert_eq!((ended.code, ended.stdout.len() / 1024 + count), (Some(0), 2000), "{said}");
}

#[test]
fn each_answer_is_a_reason_to_wait_for_the_next() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(WATCHDOG)).unwrap();
    let mut run = connect(socket.local_addr().unwrap().port(), &["--linger", "2s"]);
    run.write(b"count");
    let (_, from) = socket.recv_from(&mut [0; 64]).unwrap();
    run.end_input();
    for number in 0..5 {
        // Longer in all than the linger, each shorter.
        let more = is_ready(&socket, PollFlags::IN, Duration::from_millis(500));
        assert!(!more, "nothing else was asked");
        socket.send_to(&[b'0' + number], from).unwrap();
    }
    let ended = run.end();
    assert_eq!((ended.code, ended.stdout.as_slice()), (Some(0), &b"01234"[..]));
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
