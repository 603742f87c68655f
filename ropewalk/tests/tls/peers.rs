//! Other people's TLS at ours, and ours at theirs: OpenSSL's program, Python's `ssl`.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use ropewalk::protocol::{Factory, Kind as End};
use ropewalk::server::TlsStream;
use ropewalk::socket::create_connection;
use ropewalk::tls::{Client, Error, Server};
use ropewalk::{Reactor, Reason, Remote};

use crate::meet::{AUTHORITY, LOCALHOST, over};
use crate::rig::{Folder, Kept, Log, Script, ScriptedFactory, WATCHDOG, has, python};

/// A script served on a reactor of its own.
struct Served {
    port: u16,
    remote: Remote,
    thread: Option<JoinHandle<()>>,
    ends: Kept<Reason>,
}

impl Served {
    fn new(tls: Server, script: Script) -> Served {
        let (ends, (tell, told)) = (Kept::new(), std::sync::mpsc::channel());
        let script = over(script, move || tls.layer(), &ends);
        let thread = std::thread::spawn(move || {
            let reactor = Reactor::new().unwrap();
            let factory = ScriptedFactory::server(script, Log::default());
            let listener = reactor.listen_tcp(("127.0.0.1", 0), factory).unwrap();
            tell.send((listener.addrs()[0].port().unwrap(), reactor.remote())).unwrap();
            reactor.run().unwrap();
        });
        let (port, remote) = told.recv_timeout(WATCHDOG).unwrap();
        Served { port, remote, thread: Some(thread), ends }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.remote.stop();
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || ended.is_some_and(|ended| ended.is_ok()));
    }
}

/// The files that programs want.
struct Files {
    folder: Folder,
}

impl Files {
    fn new() -> Files {
        let folder = Folder::new();
        let client = AUTHORITY.signs(&["a client"]);
        for (name, text) in [
            ("ca.pem", &AUTHORITY.pem()),
            ("cert.pem", &LOCALHOST.cert),
            ("key.pem", &LOCALHOST.key),
            ("client.pem", &format!("{}{}", client.cert, client.key)),
        ] {
            std::fs::write(folder.0.join(name), text).unwrap();
        }
        Files { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.0.join(name).to_str().unwrap().to_owned()
    }
}

/// A program that ends with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn start(command: &mut Command) -> Running {
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        Running(pipes.spawn().unwrap())
    }

    fn say(&mut self, line: &str) {
        self.0.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
    }

    fn hear_line(&mut self) -> String {
        let mut line = String::new();
        let mut byte = [0];
        // Byte by byte, so that nothing behind the line is taken.
        while !line.ends_with('\n') && self.0.stdout.as_mut().unwrap().read(&mut byte).unwrap() > 0
        {
            line.push(byte[0].into());
        }
        line
    }
}

fn echo_server() -> ropewalk::tls::ServerBuilder {
    Server::builder().identity(LOCALHOST.identity())
}

fn believer() -> Client {
    Client::builder().ca(AUTHORITY.pem().as_bytes()).build().unwrap()
}

#[test]
fn openssls_client_talks_with_our_server_in_both_versions() {
    if !has("openssl") {
        return;
    }
    let files = Files::new();
    for version in ["-tls1_2", "-tls1_3"] {
        let alpn = echo_server().alpn(["echo"]).build().unwrap();
        let served = Served::new(alpn, Script::echo());
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &format!("127.0.0.1:{}", served.port), version]);
        command.args(["-CAfile", &files.path("ca.pem"), "-verify_return_error", "-alpn", "echo"]);
        command.args(["-servername", "localhost", "-verify_hostname", "localhost"]);
        command.args(["-quiet", "-no_ign_eof"]);
        let mut client = Running::start(&mut command);
        client.say("hello\n");
        assert_eq!(client.hear_line(), "hello\n", "of {version}");
        drop(client.0.stdin.take()); // it says its last word, and ends
        let why = served.ends.first();
        assert!(why.is_clean(), "of {version}: {why}");
    }
}

#[test]
fn openssls_client_is_known_by_its_certificate_or_refused() {
    if !has("openssl") {
        return;
    }
    let files = Files::new();
    let wants = || echo_server().client_ca(AUTHORITY.pem().as_bytes()).build().unwrap();
    for version in ["-tls1_2", "-tls1_3"] {
        let served = Served::new(wants(), Script::echo());
        let connect = ["s_client", "-connect", &format!("127.0.0.1:{}", served.port), version];
        let mut command = Command::new("openssl");
        command.args(connect).args(["-cert", &files.path("client.pem"), "-quiet", "-no_ign_eof"]);
        let mut known = Running::start(&mut command);
        known.say("hello\n");
        assert_eq!(known.hear_line(), "hello\n", "of {version}");
        drop(known);
        let mut command = Command::new("openssl");
        let mut unknown = Running::start(command.args(connect).args(["-quiet"]));
        assert_eq!(unknown.hear_line(), "");
        let refused = |why: &Reason| Error::of(why) == Some(&Error::NoCertificate);
        assert!(served.ends.at_least(2).iter().any(refused), "of {version}");
    }
}

#[test]
fn openssls_server_talks_with_our_client_in_both_versions() {
    if !has("openssl") {
        return;
    }
    let files = Files::new();
    for (version, ours) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let mut command = Command::new("openssl");
        command.args(["s_server", "-accept", "127.0.0.1:0", "-rev", version]);
        command.args(["-cert", &files.path("cert.pem"), "-key", &files.path("key.pem")]);
        let mut server = Running::start(&mut command);
        let port = loop {
            let line = server.hear_line();
            assert_ne!(line, "", "it says where it listens");
            if let Some(at) = line.strip_prefix("ACCEPT ") {
                break at.trim().rsplit(':').next().unwrap().parse::<u16>().unwrap();
            }
        };
        let socket = create_connection(("127.0.0.1", port), Some(WATCHDOG)).unwrap();
        let mut stream = TlsStream::connect(socket, &believer(), "localhost").unwrap();
        assert_eq!(stream.agreed().version(), Some(ours));
        stream.write_all(b"drawer\n").unwrap();
        let mut answer = String::new();
        BufReader::new(&mut stream).read_line(&mut answer).unwrap();
        assert_eq!(answer, "reward\n");
        stream.finish().unwrap();
    }
}

/// Connects, says something, reads to the end, and says how that came; its words are the
/// port, the CA's file, and whether it goes without its last word.
const PYTHON_CLIENT: &str = r#"
import socket, ssl, sys
port, ca, rude = int(sys.argv[1]), sys.argv[2], sys.argv[3] == 'rude'
context = ssl.create_default_context(cafile=ca)
context.set_alpn_protocols(['echo'])
raw = socket.create_connection(('127.0.0.1', port), timeout=60)
tls = context.wrap_socket(raw, server_hostname='localhost', suppress_ragged_eofs=False)
print(tls.version(), tls.selected_alpn_protocol())
tls.sendall(b'hello')
data = b''
while len(data) < 5:
    data += tls.recv(100)
print(data.decode())
if rude:
    tls.shutdown(socket.SHUT_RDWR)
else:
    tls.unwrap().close()
print('done')
"#;

#[test]
fn pythons_client_talks_with_our_server_and_its_rudeness_is_noticed() {
    let files = Files::new();
    for rude in [false, true] {
        let alpn = echo_server().alpn(["echo"]).build().unwrap();
        let served = Served::new(alpn, Script::echo());
        let how = if rude { "rude" } else { "polite" };
        let words = [&served.port.to_string(), &files.path("ca.pem"), how];
        let Some(mut command) = python(PYTHON_CLIENT, &words) else { return };
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(said, "TLSv1.3 echo\nhello\ndone\n", "{error}");
        let why = served.ends.first();
        match rude {
            false => assert!(why.is_clean(), "{why}"),
            true => {
                assert_eq!(why.kind(), End::Truncated, "{why}");
                assert_eq!(Error::of(&why), Some(&Error::Cut));
            }
        }
    }
}

/// Serves one connection: STARTTLS in plain, then an echo; says the port first.
const PYTHON_SERVER: &str = r#"
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
listener = socket.create_server(('127.0.0.1', 0))
print(listener.getsockname()[1], flush=True)
raw, _ = listener.accept()
raw.settimeout(60)
line = b''
while not line.endswith(b'\n'):
    line += raw.recv(1)
raw.sendall(b'go ahead\n')
tls = context.wrap_socket(raw, server_side=True)
data = tls.recv(100)
tls.sendall(data.upper())
tls.unwrap().close()
"#;

#[test]
fn our_client_starts_tls_in_the_middle_with_pythons_server() {
    let files = Files::new();
    let words = [&files.path("cert.pem")[..], &files.path("key.pem")];
    let Some(mut command) = python(PYTHON_SERVER, &words) else { return };
    let mut server = Running::start(&mut command);
    let port: u16 = server.hear_line().trim().parse().unwrap();
    let (heard, ends) = (Kept::new(), Kept::new());
    let (hear, end) = (heard.clone(), ends.clone());
    let tls = believer();
    let script = Script::new()
        .made(|transport| {
            transport.write(b"STARTTLS\n");
        })
        .data(move |transport, data| match data {
            b"go ahead\n" => {
                ropewalk::tls::start_tls(transport, tls.layer("localhost"), b"");
                transport.write(b"hello");
            }
            data => hear.put(data.to_vec()),
        })
        .lost(move |_, why| end.put(why.clone()));
    let reactor = Reactor::new().unwrap();
    let factory = ScriptedFactory::server(script, Log::default());
    let factory = ropewalk::protocol::client(factory.map(|protocol| protocol));
    reactor.connect_tcp("127.0.0.1", port, factory.on_end(|_, net, _| net.stop()));
    reactor.run().unwrap();
    assert_eq!(heard.all(), [b"HELLO"]);
    assert!(ends.first().is_clean(), "{}", ends.first());
}
