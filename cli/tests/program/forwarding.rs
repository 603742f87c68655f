//! `ropewalk forward`: from any endpoint to any other.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::os::unix::net::UnixListener;

use crate::rig::{Certificate, Peer, Running, Serving, TempPath, WATCHDOG, program, serve};

/// `ropewalk forward`, once it listens.
fn forward<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Serving {
    Serving::started(Running::start(program(["forward"]).args(arguments)))
}

/// A peer that sends back what it gets, backwards, at the end of its input.
fn backwards() -> Peer {
    Peer::new(|mut stream| {
        let mut data = Vec::new();
        stream.read_to_end(&mut data).unwrap();
        data.reverse();
        stream.write_all(&data).unwrap();
    })
}

fn ask(mut stream: TcpStream, question: &[u8]) -> Vec<u8> {
    stream.write_all(question).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

#[test]
fn what_a_client_ends_ends_for_the_target_and_the_answer_comes_back() {
    let target = backwards();
    let forwarding = forward(["tcp:0", &format!("tcp:127.0.0.1:{}", target.port)]);
    let first = format!(" → tcp:127.0.0.1:{}\n", target.port);
    assert!(forwarding.first.starts_with("forwarding tcp:127.0.0.1:"), "{}", forwarding.first);
    assert!(forwarding.first.ends_with(&first), "{}", forwarding.first);
    assert_eq!(ask(forwarding.dial(), b"hello"), b"olleh");
    target.join();
    let ended = forwarding.terminate();
    assert_eq!(ended.code, Some(0));
    let line = ended.said.lines().find(|line| line.contains("#1 ")).unwrap_or_default();
    assert!(line.contains(" in 5 B out 5 B "), "{}", ended.said);
    assert!(!ended.said.contains("#2"), "one connection is one line: {}", ended.said);
}

#[test]
fn a_target_that_is_not_there_resets_the_client_and_the_log_says_why() {
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let mut forwarding = forward(["tcp:0", &format!("tcp:127.0.0.1:{gone}")]);
    let mut stream = forwarding.dial();
    let error = stream.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let said = forwarding.run.said("refused");
    assert!(said.contains("#1 127.0.0.1:"), "{said}");
    assert_eq!(forwarding.terminate().code, Some(0));
}

#[test]
fn a_header_that_is_sent_to_the_target_names_the_client() {
    let target = Peer::new(|mut stream| {
        let mut header = Vec::new();
        stream.read_to_end(&mut header).unwrap();
        stream.write_all(&header).unwrap();
    });
    let to = format!("haproxy:tcp:127.0.0.1:{},proxy=v1", target.port);
    let forwarding = forward(["tcp:0", &to]);
    let stream = forwarding.dial();
    let client = stream.local_addr().unwrap().port();
    let wanted = format!("PROXY TCP4 127.0.0.1 127.0.0.1 {client} {}\r\n", forwarding.port);
    assert_eq!(String::from_utf8(ask(stream, b"")).unwrap(), wanted);
    target.join();
}

#[test]
fn unix_sockets_are_forwarded_to_tcp_and_back() {
    let (near, far) = (TempPath::new("near"), TempPath::new("far"));
    let listener = UnixListener::bind(&far.0).unwrap();
    let answers = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut data = Vec::new();
        stream.read_to_end(&mut data).unwrap();
        stream.write_all(&data).unwrap();
    });
    let inner = forward(["tcp:0", &format!("unix:{}", far.text())]);
    let mut outer = Running::start(&mut program([
        "forward",
        &format!("unix:{}", near.text()),
        &format!("tcp:127.0.0.1:{}", inner.port),
    ]));
    outer.line();
    let mut stream = std::os::unix::net::UnixStream::connect(&near.0).unwrap();
    stream.set_read_timeout(Some(WATCHDOG)).unwrap();
    stream.write_all(b"through two").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "through two");
    answers.join().unwrap();
}

#[test]
fn standard_input_and_output_are_one_connection_and_its_end_is_the_programs() {
    let target = backwards();
    let to = format!("tcp:127.0.0.1:{}", target.port);
    let mut run = Running::start(&mut program(["forward", "-", &to]));
    run.write(b"hello");
    let ended = run.finish();
    assert_eq!((ended.code, &ended.stdout[..]), (Some(0), &b"olleh"[..]), "{}", ended.said);
    target.join();
}

#[test]
fn datagrams_find_their_way_back_to_each_client() {
    let target = serve(["echo", "udp:127.0.0.1:0"]);
    let forwarding = forward(["udp:127.0.0.1:0", &format!("udp:127.0.0.1:{}", target.port)]);
    let clients: Vec<UdpSocket> = (0..3)
        .map(|_| {
            let client = UdpSocket::bind("127.0.0.1:0").unwrap();
            client.set_read_timeout(Some(WATCHDOG)).unwrap();
            client.connect(("127.0.0.1", forwarding.port)).unwrap();
            client
        })
        .collect();
    for (number, client) in clients.iter().enumerate() {
        client.send(&[number as u8; 40]).unwrap();
    }
    for (number, client) in clients.iter().enumerate() {
        let mut answer = [0; 64];
        assert_eq!(client.recv(&mut answer).unwrap(), 40);
        assert_eq!(answer[..40], [number as u8; 40]);
    }
    assert_eq!(forwarding.terminate().code, Some(0));
}

#[test]
fn streams_are_not_forwarded_to_datagrams() {
    let ended = Running::start(&mut program(["forward", "tcp:0", "udp:127.0.0.1:9"])).finish();
    assert_eq!(ended.code, Some(2), "{}", ended.said);
    assert!(ended.said.contains("a stream has no datagrams"), "{}", ended.said);
}

/// How much goes through: with `ROPEWALK_LONG=1` what a night's copy is.
fn bytes() -> u64 {
    const GIB: u64 = 1 << 30;
    if std::env::var_os("ROPEWALK_LONG").is_some() { 5 * GIB } else { GIB }
}

/// The resident memory of a process, in KiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// So many bytes at once, of which no two pieces are the same.
const PIECE: usize = 64 * 1024;

fn fill(piece: &mut [u8], number: u64) {
    for (at, word) in piece.chunks_exact_mut(8).enumerate() {
        let value = (number << 16 | at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        word.copy_from_slice(&value.to_le_bytes());
    }
}

/// Sends through this port as fast as it goes; and takes it from the listener in small reads,
/// each looked at. Every byte must be the one that was sent, and no process may grow.
fn copy_through(port: u16, listener: std::net::TcpListener, pids: &[u32]) {
    let pieces = bytes() / PIECE as u64;
    let sender = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let mut piece = vec![0; PIECE];
        for number in 0..pieces {
            fill(&mut piece, number);
            stream.write_all(&piece).unwrap();
        }
    });
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(WATCHDOG)).unwrap();
    let (mut wanted, mut piece) = (vec![0; PIECE], vec![0; PIECE]);
    let mut before = Vec::new();
    for number in 0..pieces {
        for part in piece.chunks_mut(PIECE / 8) {
            stream.read_exact(part).unwrap();
        }
        fill(&mut wanted, number);
        assert!(piece == wanted, "piece {number} is another");
        if number == pieces / 20 {
            before = pids.iter().map(|pid| resident(*pid)).collect();
        }
        if number % 256 == 0 || number + 1 == pieces {
            for (pid, before) in pids.iter().zip(&before) {
                let now = resident(*pid);
                assert!(now <= before + 2048, "{now} KiB resident, {before} KiB before");
            }
        }
    }
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "and then the end");
    sender.join().unwrap();
}

#[test]
fn any_size_passes_in_flat_memory_from_a_fast_sender_to_a_slow_reader() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("tcp:127.0.0.1:{}", listener.local_addr().unwrap().port());
    let forwarding = forward_long(["tcp:127.0.0.1:0", &to]);
    copy_through(forwarding.port, listener, &[forwarding.run.pid()]);
    assert_eq!(forwarding.terminate().code, Some(0));
}

#[test]
fn any_size_passes_in_flat_memory_through_tls_on_both_sides() {
    let certificate = Certificate::new();
    let cert = certificate.0.text();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("tcp:127.0.0.1:{}", listener.local_addr().unwrap().port());
    let last = forward_long([format!("tls:127.0.0.1:0,cert={cert}").as_str(), &to]);
    let to_last = format!("tls:127.0.0.1:{},ca={cert}", last.port);
    let middle = forward_long([format!("tls:127.0.0.1:0,cert={cert}").as_str(), &to_last]);
    let to_middle = format!("tls:127.0.0.1:{},ca={cert}", middle.port);
    let first = forward_long(["tcp:127.0.0.1:0", &to_middle]);
    let pids = [&first, &middle, &last].map(|forwarding| forwarding.run.pid());
    copy_through(first.port, listener, &pids);
    for forwarding in [first, middle, last] {
        assert_eq!(forwarding.terminate().code, Some(0));
    }
}

/// The same without a watchdog of the process's own: reading has one.
fn forward_long<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Serving {
    Serving::started(Running::start_for_long(program(["forward"]).args(arguments)))
}
