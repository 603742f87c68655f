//! Signals to a server, and what is left when it has gone.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::rig::{Running, Serving, TempPath, needs, program, serve, write_while_taken};

#[test]
fn a_connection_that_is_open_when_told_to_stop_is_drained() {
    for (model, signal) in [
        ("reactor", Signal::TERM),
        ("threads", Signal::INT),
        ("pool", Signal::TERM),
        ("fork", Signal::INT),
    ] {
        let serving = serve(["echo", "tcp:0", "--model", model]);
        let mut stream = serving.dial();
        stream.write_all(b"x").unwrap();
        stream.read_exact(&mut [0; 1]).unwrap();
        serving.run.signal(signal);
        let ended = serving.run.finish();
        assert_eq!(ended.code, Some(0), "{model}: {}", ended.said);
        let last = ended.said.lines().last().unwrap();
        assert!(last.starts_with("drained 1 of 1 connections in "), "{model}: {last}");
        assert!(last.ends_with('s'), "{model}: {last}");
        assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0, "closed in order");
    }
}

/// A connection that has been served.
fn served(serving: &Serving) -> TcpStream {
    let mut stream = serving.dial();
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut [0; 1]).unwrap();
    stream
}

/// A client that has sent much, and reads none of what comes back.
fn clog(serving: &Serving) -> TcpStream {
    let stream = served(serving);
    // Until the echo is stuck behind us, the server's buffers are full, and then ours.
    write_while_taken(&stream, &vec![b'x'; 64 << 20]);
    stream
}

#[test]
fn a_second_signal_cuts_what_the_first_one_waits_for() {
    let both = [(Signal::TERM, 143), (Signal::INT, 130)];
    let cases = both
        .map(|(signal, code)| ["reactor", "threads", "pool", "fork"].map(|m| (m, signal, code)));
    for (model, signal, code) in cases.into_iter().flatten() {
        let serving = serve(["echo", "tcp:0", "--drain", "1h", "--model", model]);
        let _stream = clog(&serving);
        serving.run.signal(signal);
        // The first one has been heard when nobody listens any more. (To connect for as long as
        // somebody does would keep it busy.)
        let listens = format!(":{:04X} 00000000:0000 0A ", serving.port);
        while std::fs::read_to_string("/proc/net/tcp").unwrap().contains(&listens) {
            std::thread::yield_now();
        }
        serving.run.signal(signal);
        let ended = serving.run.finish();
        assert_eq!(ended.code, Some(code), "{}", ended.said);
        let last = ended.said.lines().last().unwrap();
        assert!(last.starts_with("drained 0 of 1 ") && last.contains("; 1 cut, "), "{last}");
        assert!(last.ends_with(" unsent"), "{last}");
    }
}

#[test]
fn a_drain_that_is_over_cuts_the_rest_and_says_by_which_signal() {
    for model in ["reactor", "threads", "pool", "fork"] {
        let serving = serve(["echo", "tcp:0", "--drain", "50ms", "--model", model]);
        let _stream = clog(&serving);
        let ended = serving.terminate();
        assert_eq!(ended.code, Some(143), "{model}: {}", ended.said);
        let last = ended.said.lines().last().unwrap();
        let begins = last.starts_with("drained 0 of 1 connections in ");
        assert!(begins && last.contains("; 1 cut"), "{model}: {last}");
    }
}

/// Waits until the server has accepted all who have connected: then the kernel has none queued.
fn all_are_accepted(port: u16) {
    let none = format!(":{port:04X} 00000000:0000 0A 00000000:00000000 ");
    while !std::fs::read_to_string("/proc/net/tcp").unwrap().contains(&none) {
        std::thread::yield_now();
    }
}

#[test]
fn who_waits_for_a_worker_at_the_end_of_a_drain_is_counted() {
    let serving = serve(["echo", "tcp:0", "--drain", "50ms", "--model", "pool"]);
    let _busy: Vec<_> = std::thread::scope(|scope| {
        let clogs = [(); ropewalk::limits::POOL_WORKERS].map(|()| scope.spawn(|| clog(&serving)));
        clogs.into_iter().map(|clog| clog.join().unwrap()).collect()
    });
    let _wait = [(); 3].map(|()| serving.dial());
    all_are_accepted(serving.port);
    let ended = serving.terminate();
    assert_eq!(ended.code, Some(143), "{}", ended.said);
    let last = ended.said.lines().last().unwrap();
    // A worker that was cut a moment earlier than the queue may still get one of those.
    assert!(last.contains(" of 67 connections in ") && last.contains(" cut, "), "{last}");
}

#[test]
fn what_a_terminal_sends_to_children_as_well_lets_them_drain() {
    let mut command = program(["serve", "echo", "tcp:0", "--model", "fork"]);
    let serving = Serving::started(Running::start(command.process_group(0)));
    let mut stream = served(&serving);
    let group = Pid::from_raw(serving.run.pid() as i32).unwrap();
    kill_process_group(group, Signal::INT).unwrap();
    let ended = serving.run.finish();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let last = ended.said.lines().last().unwrap();
    assert!(last.starts_with("drained 1 of 1 connections in "), "{last}");
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0, "closed in order");
}

#[test]
fn children_whose_parent_is_killed_end() {
    let serving = serve(["echo", "tcp:0", "--model", "fork"]);
    let mut stream = served(&serving);
    serving.run.signal(Signal::KILL);
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0, "closed in order");
    assert_eq!(serving.run.finish().code, None);
}

/// The children of a process, where the system has a list.
fn children(process: u32) -> Vec<Pid> {
    let path = format!("/proc/{process}/task/{process}/children");
    let list = std::fs::read_to_string(path).unwrap_or_default();
    list.split_whitespace().filter_map(|id| Pid::from_raw(id.parse().ok()?)).collect()
}

#[test]
fn a_child_that_is_killed_is_told_of_and_leaves_the_table() {
    let mut serving = serve(["echo", "tcp:0", "--model", "fork"]);
    let _stream = served(&serving);
    let children = children(serving.run.pid());
    if !needs("a list of children", !children.is_empty()) {
        return;
    }
    let [child] = children[..] else { panic!("{children:?}") };
    kill_process(child, Signal::KILL).unwrap();
    let line = serving.run.line();
    assert!(line.contains("the handler's process ended: signal: 9"), "{line}");
    let line = serving.run.line();
    assert!(line.ends_with(" its process was killed\n"), "{line}");
    serving.run.signal(Signal::USR1);
    assert_eq!(serving.run.line(), "no connections\n");
    served(&serving); // the server goes on
    assert_eq!(serving.terminate().code, Some(0));
}

#[test]
fn a_terminal_that_closes_leaves_no_socket_file() {
    for signal in [Signal::HUP, Signal::QUIT] {
        let path = TempPath::new("hup.sock");
        let serving = serve(["echo", "tcp:0", path.text()]);
        assert!(path.0.exists());
        serving.run.signal(signal);
        let ended = serving.run.finish();
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        assert!(!path.0.exists(), "{signal:?}: the socket's file is gone");
    }
}

#[test]
fn a_server_that_is_to_outlive_its_terminal_does() {
    let script = r#"trap "" HUP; exec "$0" serve echo tcp:0 -q"#;
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_ropewalk")]);
    let mut serving = Serving::started(Running::start(&mut command));
    serving.run.signal(Signal::HUP);
    serving.run.signal(Signal::USR1); // when it is answered, the other one has been heard
    assert_eq!(serving.run.line(), "no connections\n");
    let mut stream = serving.dial();
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut [0; 1]).unwrap();
    drop(stream);
    assert_eq!(serving.terminate().code, Some(0));
}

#[test]
fn usr1_shows_the_connections() {
    for model in ["reactor", "threads", "pool", "fork"] {
        let mut serving = serve(["echo", "tcp:0", "--model", model]);
        serving.run.signal(Signal::USR1);
        assert_eq!(serving.run.line(), "no connections\n");
        let mut first = serving.dial();
        first.write_all(&[b'x'; 2048]).unwrap();
        first.read_exact(&mut [0; 2048]).unwrap();
        let mut second = serving.dial();
        second.write_all(b"abc").unwrap();
        second.read_exact(&mut [0; 3]).unwrap();
        let endpoint = format!("tcp:{}", serving.port);
        let peers = [&first, &second].map(|stream| stream.local_addr().unwrap().to_string());
        let row = |number: &str, peer: &str, bytes: &str| {
            [number, peer, &endpoint, bytes, bytes].map(str::to_owned).to_vec()
        };
        let expected = [row("1", &peers[0], "2.0 KiB"), row("2", &peers[1], "3 B")];
        // A client has its bytes before they are counted: asked again until they are.
        loop {
            let mut table = table(&mut serving);
            assert_eq!(table[0], ["#", "peer", "endpoint", "age", "in", "out"]);
            assert!(table[1..].iter().all(|row| row[3].ends_with('s')), "{table:?}");
            let rows = table.drain(1..).map(|mut row| {
                row.remove(3);
                row
            });
            if rows.eq(expected.iter().cloned()) {
                break;
            }
        }
        assert_eq!(serving.terminate().code, Some(0));
    }
}

/// The cells of the table that USR1 asks for, with two connections.
fn table(serving: &mut Serving) -> Vec<Vec<String>> {
    serving.run.signal(Signal::USR1);
    let cells = |line: String| {
        let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
        cells.map(str::to_owned).collect()
    };
    (0..3).map(|_| cells(serving.run.line())).collect()
}
