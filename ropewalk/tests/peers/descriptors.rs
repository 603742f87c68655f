//! Descriptors passed between processes, both ways: CPython's `send_fds` and `recv_fds`, and
//! OpenBSD's netcat, which hands over a connection that it has made (`-F`).

use std::fs::File;
use std::io::{IoSlice, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use ropewalk::socket::*;

use crate::folder::Folder;
use crate::needs;
use crate::our_clients::watched;
use crate::program::Program;
use crate::serve::{Ends, WATCHDOG};
use crate::tool::Net;

/// A file without a name, with this in it, to be read from its beginning.
fn file_of(folder: &Folder, text: &[u8]) -> File {
    let path = folder.path("file");
    let mut file =
        File::options().create(true).truncate(true).read(true).write(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    file.write_all(text).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file
}

/// A listening socket, where a script connects to.
fn listener(folder: &Folder) -> (Socket, String) {
    let path = folder.path("socket");
    let listener = watched(Net::UnixStreams, SOCK_STREAM);
    listener.bind(path.as_path()).unwrap();
    listener.listen().unwrap();
    (listener, path.to_str().unwrap().to_owned())
}

fn accepted(listener: &Socket) -> Socket {
    let (socket, _) = listener.accept().unwrap();
    socket.set_timeout(Some(WATCHDOG)).unwrap();
    socket
}

#[test]
fn python_reads_the_files_whose_descriptors_we_send() {
    const RECEIVE: &str = "
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(60)
s.connect(sys.argv[1])
data, fds, flags, _ = socket.recv_fds(s, 16, 2)
print(data, flags, [os.read(fd, 100) for fd in fds])
";
    let folder = Folder::new();
    let (listener, path) = listener(&folder);
    let Some(command) = needs::python(RECEIVE, &[&path]) else { return };
    let mut python = Program::start(command);
    let socket = accepted(&listener);
    let files = [file_of(&folder, b"one"), file_of(&folder, b"two")];
    socket.send_fds(&[IoSlice::new(b"two files")], &files.each_ref().map(File::as_fd)).unwrap();
    let heard = String::from_utf8(python.hear_all()).unwrap();
    assert_eq!(heard, "b'two files' 0 [b'one', b'two']\n");
}

#[test]
fn we_read_the_files_whose_descriptors_python_sends() {
    const SEND: &str = "
import os, socket, sys, tempfile
s = socket.socket(socket.AF_UNIX)
s.settimeout(60)
s.connect(sys.argv[1])
files = [tempfile.TemporaryFile() for _ in range(2)]
for number, file in enumerate(files):
    file.write(b'file %d' % number)
    file.seek(0)
print(socket.send_fds(s, [b'two', b' files'], [file.fileno() for file in files]))
";
    let folder = Folder::new();
    let (listener, path) = listener(&folder);
    let Some(command) = needs::python(SEND, &[&path]) else { return };
    let mut python = Program::start(command);
    let mut message = accepted(&listener).recv_fds(16, 2).unwrap();
    assert_eq!(message.bytes, b"two files");
    let texts: Vec<String> = message
        .take_descriptors()
        .into_iter()
        .map(|fd| std::io::read_to_string(File::from(fd)).unwrap())
        .collect();
    assert_eq!(texts, ["file 0", "file 1"]);
    assert_eq!(python.hear_all(), b"9\n");
}

#[test]
fn a_connection_that_python_has_accepted_is_ours_once_it_is_sent() {
    const HAND_OVER: &str = "
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(60)
s.connect(sys.argv[1])
server = socket.create_server(('127.0.0.1', 0))
print(server.getsockname()[1], flush=True)
c, _ = server.accept()
socket.send_fds(s, [b'c'], [c.fileno()])
";
    let folder = Folder::new();
    let (listener, path) = listener(&folder);
    let Some(mut command) = needs::python(HAND_OVER, &[&path]) else { return };
    let mut python = Ends(command.stdout(Stdio::piped()).spawn().unwrap());
    let to_python = accepted(&listener);
    let mut line = String::new();
    let output = python.0.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line).unwrap();
    let client = watched(Net::Tcp, SOCK_STREAM);
    client.connect(("127.0.0.1", line.trim().parse().unwrap())).unwrap();
    let fd = to_python.recv_fds(1, 1).unwrap().take_descriptors().remove(0);
    let served = Socket::from_fd(fd).unwrap();
    assert_eq!((served.family(), served.kind()), (AF_INET, SOCK_STREAM));
    assert_eq!(served.peer_addr().unwrap(), client.local_addr().unwrap());
    served.send_all(b"from us").unwrap();
    assert_eq!(client.recv(16).unwrap(), b"from us");
}

#[test]
fn a_connection_that_openbsds_netcat_has_made_is_ours_once_it_is_sent() {
    if !needs::has_openbsd_netcat() {
        return;
    }
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let (ours, its) = UnixStream::pair().unwrap();
    let mut command = std::process::Command::new("nc");
    command.args(["-F", "127.0.0.1", &port]).stdin(Stdio::null());
    let _netcat = Ends(command.stdout(OwnedFd::from(its)).spawn().unwrap());
    drop(command); // and with it our copy of what it writes to
    let (mut accepted, _) = listener.accept().unwrap();
    let from_netcat = Socket::from(ours);
    from_netcat.set_timeout(Some(WATCHDOG)).unwrap();
    let fd = from_netcat.recv_fds(16, 1).unwrap().take_descriptors().remove(0);
    let client = Socket::from_fd(fd).unwrap();
    client.set_timeout(Some(WATCHDOG)).unwrap();
    accepted.write_all(b"to you").unwrap();
    assert_eq!(client.recv(16).unwrap(), b"to you");
    client.send_all(b"and back").unwrap();
    drop(client);
    let mut back = String::new();
    accepted.read_to_string(&mut back).unwrap();
    assert_eq!(back, "and back");
}
