//! Two descriptors as one connection: pipes, files, terminals, sockets.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ropewalk::Reactor;
use ropewalk::limits::Limits;
use ropewalk::protocol::{Deadline, Kind, Reason, client};
use ropewalk::service::Echo;
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::rig::{Call, Kept, Log, Script};
use crate::{run, until_over};

/// The end to read from, and the one to write to.
fn pipe() -> (File, File) {
    let (from, to) = rustix::pipe::pipe().unwrap();
    (from.into(), to.into())
}

fn opened(path: &str) -> File {
    File::options().read(true).write(true).open(path).unwrap()
}

/// A protocol between two pipes: it, what it reads from, what it wrote.
fn between_pipes(script: Script, log: &Log) -> (Reactor, File, File) {
    between_pipes_within(Limits::default(), script, log)
}

fn between_pipes_within(limits: Limits, script: Script, log: &Log) -> (Reactor, File, File) {
    let reactor = Reactor::builder().limits(limits).build().unwrap();
    let ((input, to), (from, output)) = (pipe(), pipe());
    reactor.open_pair(input, output, until_over(script, log)).unwrap();
    (reactor, to, from)
}

/// Reads to the end, in a thread: what was read.
fn reading(mut from: File) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        from.read_to_end(&mut all).unwrap();
        all
    })
}

#[test]
fn a_protocol_between_pipes_sees_what_it_would_on_a_socket() {
    let log = Log::default();
    let (reactor, mut to, from) = between_pipes(Script::echo(), &log);
    to.write_all(b"hello").unwrap();
    drop(to);
    run(&reactor);
    let expected = [
        Call::Started,
        Call::Made,
        Call::Data(b"hello".to_vec()),
        Call::Eof,
        Call::Lost(Kind::PeerClosed),
        Call::FactoryLost(Kind::PeerClosed),
    ];
    assert_eq!(log.calls(), expected);
    assert_eq!(reading(from).join().unwrap(), b"hello", "and the end is seen");
}

#[test]
fn more_than_fits_anywhere_is_echoed_whole() {
    let reactor = Reactor::new().unwrap();
    let ((input, mut to), (from, output)) = (pipe(), pipe());
    reactor.open_pair(input, output, client(|| Echo).on_end(|_, net, _| net.stop())).unwrap();
    let sent: Vec<u8> = (0..3_000_000_u32).map(|at| (at / 7) as u8).collect();
    let (reads, expected) = (reading(from), sent.clone());
    let writes = std::thread::spawn(move || to.write_all(&sent).unwrap());
    run(&reactor);
    writes.join().unwrap();
    assert!(reads.join().unwrap() == expected);
}

#[test]
fn what_was_written_before_a_close_is_with_the_reader_when_it_is_over() {
    let log = Log::default();
    let (reactor, to, from) = between_pipes(Script::sends_and_closes(500_000), &log);
    let reads = reading(from);
    run(&reactor);
    assert_eq!(log.calls().last(), Some(&Call::FactoryLost(Kind::Closed)));
    assert_eq!(reads.join().unwrap().len(), 500_000);
    drop(to);
}

#[test]
fn an_output_that_nobody_reads_any_more_is_noticed_though_nothing_is_written() {
    let log = Log::default();
    let why = Kept::<String>::new();
    let kept = why.clone();
    let script = Script::new().lost(move |_, why: &Reason| kept.put(why.to_string()));
    let (reactor, to, from) = between_pipes(script, &log);
    drop(from);
    run(&reactor);
    let expected = [Call::Started, Call::Made, Call::Lost(Kind::Reset)];
    assert_eq!(log.calls()[..3], expected);
    assert!(why.first().contains("the output: Broken pipe"), "{}", why.first());
    drop(to);
}

#[test]
fn what_an_output_without_a_reader_did_not_take_is_counted() {
    let log = Log::default();
    let unsent = Kept::<u64>::new();
    let kept = unsent.clone();
    let script = Script::new()
        .made(|transport| {
            transport.write(&[7; 400_000]);
        })
        .lost(move |_, why: &Reason| kept.put(why.unsent()));
    let (reactor, to, mut from) = between_pipes(script, &log);
    let reads = std::thread::spawn(move || {
        from.read_exact(&mut [0; 1000]).unwrap();
        drop(from);
    });
    run(&reactor);
    reads.join().unwrap();
    assert_eq!(log.calls()[2..4], [Call::Pause, Call::Lost(Kind::Reset)]);
    let unsent = unsent.first();
    assert!((100_000..400_000).contains(&unsent), "{unsent}");
    drop(to);
}

#[test]
fn an_input_that_cannot_be_read_ends_it_with_the_systems_error() {
    let reactor = Reactor::new().unwrap();
    let log = Log::default();
    let (_from, output) = pipe();
    let folder = File::open(std::env::temp_dir()).unwrap();
    reactor.open_pair(folder, output, until_over(Script::new(), &log)).unwrap();
    run(&reactor);
    assert_eq!(log.calls()[2..3], [Call::Lost(Kind::Io)]);
}

#[test]
fn ending_our_direction_is_seen_by_the_reader_and_input_goes_on() {
    let log = Log::default();
    let script = Script::new().made(|transport| {
        transport.write(b"all");
        transport.shutdown_write();
    });
    let (reactor, mut to, from) = between_pipes(script, &log);
    let rest = std::thread::spawn(move || {
        assert_eq!(reading(from).join().unwrap(), b"all");
        to.write_all(b"after the end").unwrap();
    });
    run(&reactor);
    rest.join().unwrap();
    let expected = [Call::Data(b"after the end".to_vec()), Call::Eof];
    assert_eq!(log.calls()[2..4], expected);
    assert_eq!(log.calls().last(), Some(&Call::FactoryLost(Kind::PeerClosed)));
}

#[test]
fn a_reader_that_takes_nothing_is_waited_for_no_longer_than_a_flush_may_take() {
    let log = Log::default();
    let unsent = Kept::<u64>::new();
    let kept = unsent.clone();
    let script =
        Script::sends_and_closes(400_000).lost(move |_, why: &Reason| kept.put(why.unsent()));
    let limits = Limits { flush: Duration::from_millis(50), ..Limits::default() };
    let (reactor, to, from) = between_pipes_within(limits, script, &log);
    run(&reactor);
    assert_eq!(log.calls()[2..3], [Call::Lost(Kind::Deadline(Deadline::Flush))]);
    assert!(unsent.first() > 100_000);
    drop((to, from));
}

#[test]
fn a_paused_protocol_leaves_the_input_where_it_is_and_hears_that_output_moves() {
    let log = Log::default();
    let script = Script::new()
        .made(|transport| {
            transport.pause_reading();
            transport.write(&[7; 300_000]);
        })
        .resume(|transport| transport.resume_reading());
    let (reactor, mut to, from) = between_pipes(script, &log);
    to.write_all(b"later").unwrap();
    drop(to);
    let reads = reading(from);
    run(&reactor);
    assert_eq!(reads.join().unwrap().len(), 300_000);
    let expected = [Call::Pause, Call::Resume, Call::Data(b"later".to_vec()), Call::Eof];
    assert_eq!(log.calls()[2..6], expected);
}

#[test]
fn files_are_read_to_their_end_and_written() {
    let path = std::env::temp_dir().join(format!("ropewalk-pairs-{}", std::process::id()));
    std::fs::write(&path, vec![7; 100_000]).unwrap();
    let reactor = Reactor::new().unwrap();
    let written = path.with_extension("out");
    let (input, output) = (File::open(&path).unwrap(), File::create(&written).unwrap());
    let log = Log::default();
    reactor.open_pair(input, output, until_over(Script::echo(), &log)).unwrap();
    run(&reactor);
    let (from, to) = (std::fs::read(&path).unwrap(), std::fs::read(&written).unwrap());
    for path in [&path, &written] {
        std::fs::remove_file(path).unwrap();
    }
    assert!(from == to, "{} of {} bytes", to.len(), from.len());
}

#[test]
fn nothing_comes_from_the_null_device_and_it_takes_everything() {
    let reactor = Reactor::new().unwrap();
    let log = Log::default();
    let script = Script::sends_and_closes(100_000);
    let null = || opened("/dev/null");
    reactor.open_pair(null(), null(), until_over(script, &log)).unwrap();
    run(&reactor);
    assert!(matches!(log.calls().last(), Some(Call::FactoryLost(kind)) if *kind == Kind::Closed));
}

#[test]
fn one_socket_as_both_ends_hears_that_our_direction_ended() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let reactor = Reactor::new().unwrap();
    let log = Log::default();
    let input = OwnedFd::from(ours.try_clone().unwrap());
    let script = Script::new().data(|transport, data| {
        transport.write(data);
        transport.shutdown_write();
    });
    reactor.open_pair(input, OwnedFd::from(ours), until_over(script, &log)).unwrap();
    (&theirs).write_all(b"hello").unwrap();
    let reads = std::thread::spawn(move || {
        let mut all = Vec::new();
        (&theirs).read_to_end(&mut all).unwrap();
        all // and the other direction ends with the drop
    });
    run(&reactor);
    assert_eq!(reads.join().unwrap(), b"hello");
    assert_eq!(log.calls().last(), Some(&Call::FactoryLost(Kind::PeerClosed)));
}

/// A terminal: the person's end, and the line that programs share.
fn terminal() -> (File, File) {
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY;
    let line = rustix::fs::open(&*name, flags, rustix::fs::Mode::empty()).unwrap();
    (person.into(), line.into())
}

fn is_blocking(line: &File) -> bool {
    !fcntl_getfl(line).unwrap().contains(OFlags::NONBLOCK)
}

/// A protocol on a terminal, of which the shell has a copy.
fn on_terminal(reactor: &Reactor, script: Script, log: &Log) -> (File, File) {
    let (person, line) = terminal();
    let copy = || line.as_fd().try_clone_to_owned().unwrap();
    reactor.open_pair(copy(), copy(), until_over(script, log)).unwrap();
    (person, line)
}

#[test]
fn a_terminal_is_blocking_while_it_is_used_and_after_a_close() {
    let reactor = Reactor::new().unwrap();
    let log = Log::default();
    let blocking = Arc::new(AtomicBool::new(false));
    let (person, line) = terminal();
    let shell = line.as_fd().try_clone_to_owned().map(File::from).unwrap();
    let seen = blocking.clone();
    let script = Script::new().data(move |transport, data| {
        seen.store(is_blocking(&shell), Ordering::SeqCst);
        transport.write(data);
        transport.close();
    });
    let copy = || line.as_fd().try_clone_to_owned().unwrap();
    reactor.open_pair(copy(), copy(), until_over(script, &log)).unwrap();
    (&person).write_all(b"typed\n").unwrap();
    run(&reactor);
    assert!(blocking.load(Ordering::SeqCst), "while it was used");
    assert!(is_blocking(&line), "afterwards");
    assert_eq!(log.calls()[2], Call::Data(b"typed\n".to_vec()));
    let mut shown = [0; 64];
    let count = (&person).read(&mut shown).unwrap();
    let shown = String::from_utf8_lossy(&shown[..count]).into_owned();
    assert!(shown.contains("typed"), "{shown:?}");
}

#[test]
fn a_terminal_is_blocking_after_a_panic_and_after_a_stop() {
    let panics = Script::new().made(|_| panic!("on purpose"));
    let stops = Script::new().made(|transport| transport.net().stop());
    for script in [panics, stops] {
        let reactor = Reactor::new().unwrap();
        let log = Log::default();
        let (_person, line) = on_terminal(&reactor, script, &log);
        run(&reactor);
        assert!(is_blocking(&line));
    }
}

#[test]
fn a_terminal_that_hangs_up_ends_it() {
    let reactor = Reactor::new().unwrap();
    let log = Log::default();
    let (person, _line) = on_terminal(&reactor, Script::new(), &log);
    drop(person);
    run(&reactor);
    assert!(matches!(log.calls().last(), Some(Call::FactoryLost(_))), "{:?}", log.calls());
}

#[test]
fn an_output_that_somebody_left_non_blocking_is_waited_for() {
    let log = Log::default();
    let reactor = Reactor::new().unwrap();
    let ((input, to), (from, output)) = (pipe(), pipe());
    rustix::fs::fcntl_setfl(&output, OFlags::NONBLOCK).unwrap();
    rustix::fs::fcntl_setfl(&input, OFlags::NONBLOCK).unwrap();
    let script = Script::sends_and_closes(300_000);
    reactor.open_pair(input, output, until_over(script, &log)).unwrap();
    let reads = reading(from);
    run(&reactor);
    assert_eq!(reads.join().unwrap().len(), 300_000);
    drop(to);
}
