//! `ropewalk connect` in a pipe.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::time::Duration;

use crate::rig::{Peer, Running, TempPath, pattern, program, serve, write_while_taken};

/// Reads all that the program sends, to the end of its input.
fn whole(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    all
}

/// Ends with a reset instead of an end.
fn reset(stream: &TcpStream) {
    rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO)).unwrap();
}

#[test]
fn an_answer_that_comes_after_the_end_of_input_is_printed_whole() {
    let answer = pattern(1 << 20);
    let sent = answer.clone();
    let peer = Peer::new(move |mut stream| {
        assert_eq!(whole(&mut stream), b"question", "the end of input reaches the peer");
        stream.write_all(&sent).unwrap();
    });
    let mut run = peer.connect([]);
    run.write(b"question");
    let ended = run.finish();
    assert_eq!((ended.code, ended.said.as_str()), (Some(0), ""));
    assert_eq!(ended.stdout, answer, "bytes stay as they are");
    peer.join();
}

#[test]
fn a_peer_that_ends_first_ends_it_though_input_is_open() {
    let peer = Peer::new(|mut stream| stream.write_all(b"\x1b[2Jbye").unwrap());
    let mut run = peer.connect([]);
    let ended = run.end();
    assert_eq!((ended.code, ended.said.as_str()), (Some(0), ""));
    assert_eq!(ended.stdout, b"\x1b[2Jbye", "into a pipe nothing is escaped");
    peer.join();
}

#[test]
fn a_peer_that_ends_first_and_reads_no_more_of_much_is_still_an_end_in_order() {
    let peer = Peer::new(|mut stream| {
        stream.read_exact(&mut [0; 1]).unwrap();
        stream.write_all(b"enough").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut rest = [0; 4096];
        while stream.read(&mut rest).is_ok_and(|count| count > 0) {}
    });
    let run = Running::start(&mut {
        let mut shell = std::process::Command::new("sh");
        let program = env!("CARGO_BIN_EXE_ropewalk");
        shell.args(["-c", &format!("yes | {program} connect tcp:127.0.0.1:{}", peer.port)]);
        shell
    });
    let ended = run.finish();
    assert_eq!((ended.code, ended.said.as_str()), (Some(0), ""));
    assert_eq!(ended.stdout, b"enough");
    peer.join();
}

#[test]
fn a_peer_that_ends_first_and_reads_slowly_gets_all_that_was_sent() {
    let (go_on, may_end) = std::sync::mpsc::channel::<()>();
    let peer = Peer::new(move |mut stream| {
        stream.write_all(b"banner").unwrap();
        may_end.recv().unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut all = Vec::new();
        for _ in 0..12 {
            may_end.recv_timeout(Duration::from_millis(500)).unwrap_err(); // a slow one
            let mut some = [0; 64 * 1024];
            stream.read_exact(&mut some).unwrap();
            all.extend_from_slice(&some);
        }
        stream.read_to_end(&mut all).unwrap(); // to its end: no reset
        assert!(pattern(32 << 20).starts_with(&all), "in order");
    });
    let mut run = peer.connect([]);
    assert_eq!(run.read(6), b"banner");
    let stdin = run.stdin.take().unwrap();
    write_while_taken(&stdin, &pattern(32 << 20));
    go_on.send(()).unwrap();
    let ended = run.end();
    assert_eq!((ended.code, ended.said.as_str()), (Some(0), ""));
    drop(go_on);
    peer.join();
}

#[test]
fn a_peer_that_ends_first_and_never_reads_is_left_in_the_end() {
    let (go_on, may_end) = std::sync::mpsc::channel::<()>();
    let peer = Peer::new(move |mut stream| {
        stream.write_all(b"I hear you").unwrap();
        may_end.recv().unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        may_end.recv().unwrap_err(); // it reads nothing until the program has gone
    });
    let mut run = peer.connect(["-w", "2s"]);
    assert_eq!(run.read(10), b"I hear you");
    let stdin = run.stdin.take().unwrap();
    write_while_taken(&stdin, &vec![b'x'; 32 << 20]);
    go_on.send(()).unwrap();
    let ended = run.end();
    assert_eq!(ended.code, Some(4), "{}", ended.said);
    let sentence = " took nothing of what was sent for 2.0 s, after 10 B from it\n";
    assert!(ended.said.contains(sentence), "{}", ended.said);
    assert!(ended.said.contains("iB were not taken\n"), "what is lost is told: {}", ended.said);
    drop(go_on);
    peer.join();
}

#[test]
fn a_reset_in_mid_stream_is_an_error_after_what_came_before_it() {
    let peer = Peer::new(|mut stream| {
        stream.write_all(b"half an ans").unwrap();
        stream.read_exact(&mut [0; 2]).unwrap(); // it has been printed
        reset(&stream);
    });
    let mut run = peer.connect([]);
    assert_eq!(run.read(11), b"half an ans");
    run.write(b"ok");
    let ended = run.end();
    assert_eq!(ended.code, Some(6), "{}", ended.said);
    let sentence = format!(
        "error: tcp:127.0.0.1:{} reset the connection after 11 B from it (ECONNRESET)\n  help: ",
        peer.port
    );
    assert!(ended.said.starts_with(&sentence), "{}", ended.said);
    peer.join();
}

#[test]
fn a_peer_that_never_answers_meets_the_deadline() {
    let peer = Peer::new(|mut stream| while stream.read(&mut [0; 64]).is_ok_and(|n| n > 0) {});
    let mut run = peer.connect(["-w", "100ms"]);
    run.write(b"anybody?");
    let ended = run.end();
    assert_eq!(ended.code, Some(4), "{}", ended.said);
    assert!(ended.said.starts_with("error: no byte to or from tcp:127.0.0.1:"), "{}", ended.said);
    assert!(ended.said.contains("for 0.1 s"), "{}", ended.said);
    peer.join();
}

#[test]
fn a_machine_that_never_answers_meets_the_deadline() {
    // Nobody accepts, and the queue is full: the kernel answers no further attempt.
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::STREAM,
        None,
    )
    .unwrap();
    rustix::net::bind(&socket, &"127.0.0.1:0".parse::<std::net::SocketAddrV4>().unwrap()).unwrap();
    rustix::net::listen(&socket, 0).unwrap();
    let listener = TcpListener::from(socket);
    let addr = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&addr, Duration::from_millis(200)) {
        queue.push(stream);
        assert!(queue.len() < 64, "a queue of no length holds so many");
    }
    let endpoint = format!("tcp:{addr}");
    let mut patient = Running::start(&mut program(["connect", &endpoint, "-w", "1h"]));
    let ended = Running::start(&mut program(["connect", &endpoint, "-w", "200ms"])).finish();
    assert_eq!(ended.code, Some(4), "{}", ended.said);
    let sentence = format!("error: cannot connect to tcp:{addr}: no answer within 0.2 s");
    assert!(ended.said.starts_with(&sentence), "{}", ended.said);
    let ended = Running::start(&mut program(["connect", &endpoint, "--retry", "200ms"])).finish();
    assert_eq!(ended.code, Some(4), "{}", ended.said);
    assert!(ended.said.starts_with(&sentence), "no attempt is longer: {}", ended.said);
    assert!(ended.said.ends_with("help: it did not come up in 0.2 s\n"), "{}", ended.said);
    assert!(!patient.is_over(), "the one with a later deadline waits on");
}

#[test]
fn a_peer_that_reads_slowly_holds_input_back_and_loses_nothing() {
    const MUCH: usize = 32 << 20;
    let (go_on, may_read) = std::sync::mpsc::channel::<()>();
    let peer = Peer::new(move |mut stream| {
        may_read.recv().unwrap();
        assert!(whole(&mut stream) == pattern(MUCH), "every byte, in order");
    });
    let mut run = peer.connect([]);
    let mut stdin = run.stdin.take().unwrap();
    let data = pattern(MUCH);
    // What is taken while nobody reads is what buffers hold: the kernel's and one piece.
    let taken = write_while_taken(&stdin, &data);
    assert!(taken < MUCH / 2, "{taken} bytes were taken for a peer that reads nothing");
    go_on.send(()).unwrap();
    stdin.write_all(&data[taken..]).unwrap();
    drop(stdin);
    assert_eq!(run.finish().code, Some(0));
    peer.join();
}

#[test]
fn a_reader_of_its_output_that_is_slow_holds_the_peer_back_and_loses_nothing() {
    const MUCH: usize = 32 << 20;
    let (tell, told) = std::sync::mpsc::channel();
    let peer = Peer::new(move |mut stream| {
        let data = pattern(MUCH);
        let taken = write_while_taken(&stream, &data);
        tell.send(taken).unwrap();
        stream.write_all(&data[taken..]).unwrap();
    });
    let run = peer.connect([]);
    let taken = told.recv().unwrap();
    assert!(taken < MUCH / 2, "{taken} bytes were taken for output that nobody reads");
    let ended = run.finish();
    assert_eq!((ended.code, ended.said.as_str()), (Some(0), ""));
    assert!(ended.stdout == pattern(MUCH), "every byte, in order");
    peer.join();
}

#[test]
fn much_goes_both_ways_at_once() {
    let serving = serve(["echo", "tcp:0", "-q"]);
    let mut run = Running::start(&mut program(["connect", &serving.port.to_string()]));
    let data = pattern(8 << 20);
    let mut stdin = run.stdin.take().unwrap();
    let sent = data.clone();
    let writer = std::thread::spawn(move || stdin.write_all(&sent).unwrap());
    let ended = run.finish();
    writer.join().unwrap();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert!(ended.stdout == data, "{} bytes came back", ended.stdout.len());
    assert_eq!(serving.terminate().code, Some(0));
}

#[test]
fn when_nobody_reads_its_output_it_ends_quietly_as_by_sigpipe() {
    let (go_on, may_write) = std::sync::mpsc::channel::<()>();
    let peer = Peer::new(move |mut stream| {
        may_write.recv().unwrap();
        // It may have ended after the first of them.
        while stream.write_all(b"is anybody there?\n").is_ok() {}
    });
    let mut run = peer.connect([]);
    run.stdout = None;
    go_on.send(()).unwrap();
    let ended = run.end();
    assert_eq!((ended.code, ended.said.as_str()), (Some(141), ""));
    peer.join();
}

#[test]
fn the_end_of_input_can_close_or_do_nothing() {
    let peer = Peer::new(|mut stream| assert_eq!(whole(&mut stream), b"last words"));
    let mut run = peer.connect(["--on-eof", "close"]);
    run.write(b"last words");
    assert_eq!(run.finish().code, Some(0));
    peer.join();

    let peer = Peer::new(|mut stream| {
        stream.read_exact(&mut [0; 4]).unwrap();
        // Its input has ended long since, and it has not told us.
        stream.write_all(b"still here?").unwrap();
        let mut more = [0; 1];
        stream.set_nonblocking(true).unwrap();
        let error = stream.read(&mut more).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    });
    let mut run = peer.connect(["--on-eof", "ignore"]);
    run.write(b"mute");
    run.end_input();
    let ended = run.end();
    assert_eq!((ended.code, ended.stdout.as_slice()), (Some(0), &b"still here?"[..]));
    peer.join();
}

#[test]
fn under_prompt_a_line_of_the_most_that_goes_at_once_does_not_end_it() {
    const MOST: usize = 64 * 1024;
    let peer = Peer::new(|mut stream| {
        stream.read_exact(&mut [0; MOST]).unwrap();
        stream.write_all(b"long").unwrap();
        let mut rest = [0; 5];
        stream.read_exact(&mut rest).unwrap();
        assert_eq!(&rest, b"hello", "what comes after it is not lost");
        stream.write_all(b"short").unwrap();
        assert_eq!(stream.read(&mut rest).unwrap(), 0, "an empty line ends it");
    });
    let mut run = peer.connect(["--prompt"]);
    run.write(&[b'a'; MOST]);
    run.write(b"\nhello\n\n");
    let ended = run.finish();
    assert_eq!((ended.code, ended.said.as_str()), (Some(0), ""));
    assert!(ended.stdout.ends_with(b"\nlong\n> ...sending hello...\nshort\n> "));
    peer.join();
}

#[test]
fn input_that_cannot_be_read_is_an_error_of_its_own() {
    let peer = Peer::new(|mut stream| {
        let _ = stream.read(&mut [0; 1]); // a reset, or an end
    });
    let folder = std::fs::File::open("/").unwrap();
    let output = peer.command([]).stdin(folder).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("error: cannot read standard input: "), "{said}");
    peer.join();
}

#[test]
fn output_that_cannot_be_written_is_an_error_of_its_own() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        crate::rig::needs("/dev/full", false);
        return;
    };
    let peer = Peer::new(|mut stream| {
        stream.write_all(b"an answer").unwrap();
        let _ = stream.read(&mut [0; 1]);
    });
    let mut run = Running::spawn(peer.command([]).stdin(std::process::Stdio::piped()).stdout(full));
    let ended = run.end();
    assert_eq!(ended.code, Some(1), "{}", ended.said);
    assert!(ended.said.starts_with("error: cannot write to standard output: "), "{}", ended.said);
    peer.join();
}

#[test]
fn a_server_that_comes_up_late_is_waited_for() {
    // A port that was free a moment ago.
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let arguments = ["connect", &format!("tcp:{addr}"), "--retry", "60s"];
    let mut run = Running::start(&mut program(arguments));
    let waiting = run.line();
    assert!(waiting.starts_with("waiting up to 60.0 s for tcp:127.0.0.1:"), "{waiting}");
    assert!(waiting.contains("refused"), "{waiting}");
    let listener = TcpListener::bind(addr).unwrap();
    run.write(b"there you are");
    run.end_input();
    let mut stream = listener.accept().unwrap().0;
    assert_eq!(whole(&mut stream), b"there you are");
    drop(stream);
    assert_eq!(run.end().code, Some(0));
}

#[test]
fn a_server_that_does_not_come_up_is_waited_for_only_so_long() {
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let arguments = ["connect", &format!("tcp:{addr}"), "--retry", "200ms", "-q"];
    let ended = Running::start(&mut program(arguments)).finish();
    assert_eq!(ended.code, Some(4), "{}", ended.said);
    assert!(ended.said.starts_with("error: cannot connect"), "quiet until then: {}", ended.said);
    assert!(ended.said.contains("it did not come up in 0.2 s"), "{}", ended.said);
}

#[test]
fn a_unix_socket_is_a_peer_as_well() {
    let path = TempPath::new("peer.sock");
    let listener = UnixListener::bind(&path.0).unwrap();
    let peer = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"ping");
        stream.write_all(b"pong").unwrap();
    });
    let mut run = Running::start(&mut program(["connect", path.text()]));
    run.write(b"ping");
    let ended = run.finish();
    assert_eq!((ended.code, ended.stdout.as_slice()), (Some(0), &b"pong"[..]));
    peer.join().unwrap();
}
