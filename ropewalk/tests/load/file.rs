//! A file of 1 GiB goes out in the memory of a small one: by the kernel where there are no
//! layers, in pieces where there are.

use std::io::{Seek, SeekFrom, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};

use ropewalk::protocol::{Kind, Layer, Layers};
use ropewalk::{ClientFactory, Connector, Net, Protocol, Reactor, Reason, Transport};

use crate::apart;
use crate::serve::WATCHDOG;

const FILE_BYTES: u64 = 1 << 30;
/// What the process may need besides a small one: pieces, pages touched once.
const BESIDES_BYTES: usize = 4 << 20;

/// Sends the file, and closes.
struct Sends(std::path::PathBuf);

impl Protocol for Sends {
    fn connection_made(&mut self, transport: &mut dyn Transport) {
        transport.write(b"head");
        transport.send_file(std::fs::File::open(&self.0).unwrap(), 0, None).unwrap();
        transport.write(b"tail");
        transport.close();
    }
    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) {}
    fn connection_lost(&mut self, _: &mut dyn Transport, why: &Reason) {
        assert_eq!((why.kind(), why.unsent()), (Kind::Closed, 0));
    }
}

/// Changes nothing.
struct Plain;
impl Layer for Plain {}

struct Sender {
    path: std::path::PathBuf,
    layered: bool,
}

impl ClientFactory for Sender {
    type Protocol = Sends;
    fn build(&mut self, _: &ropewalk::Addr) -> Option<Sends> {
        Some(Sends(self.path.clone()))
    }
    fn stack(&mut self, layers: &mut Layers) {
        if self.layered {
            layers.push(Plain);
        }
    }
    fn failed(&mut self, _: &Connector, _: &dyn Net, why: &Reason) {
        panic!("{why}");
    }
    fn lost(&mut self, _: &Connector, net: &dyn Net, _: &Reason) {
        net.stop();
    }
}

#[test]
#[ignore = "a part: it sends the file, in a process of its own"]
fn part_sends_a_file() {
    let Some(words) = apart::words() else { return };
    let [to, path, layered] = &words[..] else { panic!("{words:?}") };
    let reactor = Reactor::new().unwrap();
    let sender = Sender { path: path.into(), layered: layered == "layered" };
    let to: SocketAddr = to.parse().unwrap();
    reactor.connect_tcp(&to.ip().to_string(), to.port(), sender);
    let before = apart::resident_bytes();
    reactor.run().unwrap();
    let most = apart::resident_peak_bytes();
    println!("memory: {before} B before, {most} B at most");
    assert!(most < before + BESIDES_BYTES);
}

/// The checksum of what `from` gives.
fn sha256(from: Stdio) -> String {
    let sum = Command::new("sha256sum").stdin(from).output().unwrap();
    String::from_utf8(sum.stdout).unwrap()
}

fn make(path: &Path) {
    // Sparse but for a mark in every 16 MiB, so that a piece lost or moved shows.
    let mut file = std::fs::File::create(path).unwrap();
    for number in 0..64_u64 {
        file.seek(SeekFrom::Start(number * (16 << 20) + number * 1013)).unwrap();
        file.write_all(&number.to_ne_bytes()).unwrap();
    }
    file.set_len(FILE_BYTES).unwrap();
}

#[test]
fn a_gibibyte_goes_out_in_the_memory_of_a_piece_and_comes_whole() {
    let folder = crate::folder::Folder::new();
    let path = folder.path("sparse");
    make(&path);
    let mut whole = tail_and_head(&path);
    let expected = sha256(whole.stdout.take().unwrap().into());
    whole.wait().unwrap();
    for layered in ["plain", "layered"] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let to = listener.local_addr().unwrap().to_string();
        let path = path.to_str().unwrap().to_owned();
        let mut part = apart::start("file::part_sends_a_file", &[to, path, layered.to_owned()]);
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(WATCHDOG)).unwrap();
        let came = sha256(std::os::fd::OwnedFd::from(stream).into());
        assert!(part.wait().unwrap().success(), "{layered}");
        assert_eq!(came, expected, "{layered}");
    }
}

/// What is to come: the head, the file and the tail.
fn tail_and_head(path: &Path) -> std::process::Child {
    let script = "printf head; cat \"$1\"; printf tail";
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).arg(path).stdout(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn the_kernel_sends_a_file_by_itself_where_there_are_no_layers() {
    if !crate::needs::has("strace") {
        return;
    }
    for layered in ["plain", "layered"] {
        let folder = crate::folder::Folder::new();
        let (path, log) = (folder.path("file"), folder.path("log"));
        std::fs::write(&path, vec![7; 1 << 20]).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let to = listener.local_addr().unwrap().to_string();
        let words = [to, path.to_str().unwrap().to_owned(), layered.to_owned()];
        let part = apart::command("file::part_sends_a_file", &words);
        let mut traced = Command::new("strace");
        traced.args(["-f", "-qq", "-e", "trace=sendfile,sendfile64", "-o"]).arg(&log);
        traced.arg(part.get_program()).args(part.get_args()).stdin(Stdio::null());
        traced.envs(part.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut part = traced.spawn().unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let mut came = Vec::new();
        std::io::Read::read_to_end(&mut stream, &mut came).unwrap();
        assert!(part.wait().unwrap().success());
        assert_eq!(came.len(), 8 + (1 << 20));
        let log = std::fs::read_to_string(&log).unwrap();
        let sent = |line: &str| line.rsplit("= ").next()?.split(' ').next()?.parse::<u64>().ok();
        let calls = log.lines().filter(|line| line.contains("sendfile"));
        let by_the_kernel: u64 = calls.filter_map(sent).sum();
        assert_eq!(by_the_kernel, if layered == "plain" { 1 << 20 } else { 0 }, "{log}");
    }
}
