//! Both ways with CPython's socket.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use ropewalk::Addr;

use crate::needs::needs;
use crate::rig::{Call, Script, on};

fn python() -> Option<Command> {
    let name = std::env::var_os("ROPEWALK_PYTHON").unwrap_or_else(|| "python3".into());
    let found = Command::new(&name).arg("-c").arg("import socket").status();
    needs("python3", found.is_ok_and(|status| status.success())).then(|| Command::new(name))
}

/// Killed when dropped: after a failed test it is not to stay.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn start(program: &str, args: &[String]) -> Option<Running> {
        let mut command = python()?;
        command.arg("-c").arg(program).args(args).stdout(Stdio::piped());
        Some(Running(command.spawn().unwrap()))
    }

    /// What it prints first.
    fn line(&mut self) -> String {
        let mut line = String::new();
        let out = self.0.stdout.as_mut().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

const ASK: &str = "
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(60)
for word in (b'hello', b'', b'x' * 60000):
    s.sendto(word, ('127.0.0.1', int(sys.argv[1])))
    data, peer = s.recvfrom(65536)
    assert data == word and peer == ('127.0.0.1', int(sys.argv[1])), (data[:20], peer)
print('answered')
";

const ANSWER: &str = "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(60)
s.bind(('127.0.0.1', 0))
print(s.getsockname()[1], flush=True)
for _ in range(3):
    data, peer = s.recvfrom(65536)
    s.sendto(b'[' + data + b']', peer)
";

#[test]
fn cpythons_socket_is_answered() {
    on(
        |kind| kind.is_udp(),
        |rig| {
            let at = rig.listen(Script::echo());
            let port = at.port().unwrap().to_string();
            let Some(mut client) = Running::start(ASK, &[port]) else { return };
            assert_eq!(client.line(), "answered");
        },
    );
}

#[test]
fn cpythons_socket_answers() {
    on(
        |kind| kind.is_udp(),
        |rig| {
            let Some(mut server) = Running::start(ANSWER, &[]) else { return };
            let to: Addr = std::net::SocketAddr::from((
                [127, 0, 0, 1],
                server.line().parse().expect("the port"),
            ))
            .into();
            rig.connect(to, Script::new());
            for word in [&b"hello"[..], b"", b"bye"] {
                rig.handle().send(word).unwrap();
                rig.until_call(Call::Data([b"[", word, b"]"].concat()));
            }
        },
    );
}
