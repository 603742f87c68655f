//! The peers: for each, the command that makes it a client or a server of each kind.

use std::path::{Path, PathBuf};
use std::process::Command;

use ropewalk::addr::Target;

use crate::needs;
use crate::program::{Program, Table};
use crate::scripts;

/// Whose program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// CPython's `socket`.
    Python,
    /// CPython's `asyncio`.
    Asyncio,
    Twisted,
    /// OpenBSD's netcat.
    Netcat,
    /// Nmap's.
    Ncat,
    Socat,
}

/// Over what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Net {
    Tcp,
    Tcp6,
    Udp,
    Udp6,
    UnixStreams,
    UnixDatagrams,
    /// The same two under a name in the abstract namespace.
    AbstractStreams,
    AbstractDatagrams,
}

/// Every kind of stream that this machine has.
#[track_caller]
pub fn streams() -> Vec<Net> {
    let mut nets = vec![Net::Tcp, Net::UnixStreams, Net::AbstractStreams];
    nets.extend(has_v6().then_some(Net::Tcp6));
    nets
}

/// Every kind of datagram that this machine has.
#[track_caller]
pub fn datagrams() -> Vec<Net> {
    let mut nets = vec![Net::Udp, Net::UnixDatagrams, Net::AbstractDatagrams];
    nets.extend(has_v6().then_some(Net::Udp6));
    nets
}

#[track_caller]
fn has_v6() -> bool {
    needs::needs("IPv6", std::net::UdpSocket::bind(("::1", 0)).is_ok())
}

/// Where one end is.
#[derive(Clone, Debug)]
pub enum Place {
    Port(u16),
    Path(PathBuf),
}

impl Place {
    /// As a command line's word.
    fn word(&self) -> String {
        match self {
            Place::Port(port) => port.to_string(),
            // A command line can't hold the zero before an abstract name.
            Place::Path(path) => path.to_str().unwrap().trim_start_matches('\0').to_owned(),
        }
    }

    pub fn target(&self, net: Net) -> Target {
        match self {
            Place::Port(port) => Target::from((net.host(), *port)),
            Place::Path(path) => Target::from(path.as_path()),
        }
    }
}

impl Net {
    pub fn host(self) -> &'static str {
        if matches!(self, Net::Tcp6 | Net::Udp6) { "::1" } else { "127.0.0.1" }
    }

    pub fn is_abstract(self) -> bool {
        matches!(self, Net::AbstractStreams | Net::AbstractDatagrams)
    }

    /// A place that no other test has: a port of the system's choice, or a path in the folder.
    pub fn free(self, folder: &Path, name: &str) -> Place {
        match self {
            Net::Tcp | Net::Tcp6 | Net::Udp | Net::Udp6 => Place::Port(0),
            Net::UnixStreams | Net::UnixDatagrams => Place::Path(folder.join(name)),
            Net::AbstractStreams | Net::AbstractDatagrams => {
                let unique = folder.file_name().unwrap().to_str().unwrap();
                Place::Path(PathBuf::from(format!("\0{unique}-{name}")))
            }
        }
    }

    fn table(self) -> Table {
        match self {
            Net::Tcp => Table::Tcp,
            Net::Tcp6 => Table::Tcp6,
            Net::Udp => Table::Udp,
            Net::Udp6 => Table::Udp6,
            Net::UnixStreams | Net::AbstractStreams => Table::UnixStreams,
            Net::UnixDatagrams | Net::AbstractDatagrams => Table::UnixDatagrams,
        }
    }
}

impl Tool {
    /// Whether it is on this machine.
    #[track_caller]
    pub fn is_there(self) -> bool {
        match self {
            Tool::Python | Tool::Asyncio => needs::has("python3"),
            Tool::Twisted => needs::has_twisted(),
            Tool::Netcat => needs::has_openbsd_netcat(),
            Tool::Ncat => needs::has("ncat"),
            Tool::Socat => needs::has("socat"),
        }
    }

    /// Whether a server of it answers a client that has ended its direction. Both netcats are
    /// done when that comes.
    pub fn listens_on_after_our_end(self) -> bool {
        !matches!(self, Tool::Netcat | Tool::Ncat)
    }

    /// A client of what is at this place. `None`: it has no such clients. One for Unix
    /// datagrams binds `own`, so that it can be answered.
    pub fn client(self, net: Net, at: &Place, own: &Place) -> Option<Program> {
        let (host, at, own) = (net.host(), at.word(), own.word());
        let words = match (self, net) {
            (Tool::Python | Tool::Asyncio | Tool::Twisted, _) => {
                return script(self).start(false, net, &at, &own);
            }
            (Tool::Netcat, Net::Tcp | Net::Tcp6) => format!("nc -N {host} {at}"),
            (Tool::Netcat, Net::Udp | Net::Udp6) => format!("nc -u {host} {at}"),
            (Tool::Netcat, Net::UnixStreams) => format!("nc -N -U {at}"),
            (Tool::Netcat, Net::UnixDatagrams) => format!("nc -u -U -s {own} {at}"),
            (Tool::Ncat, Net::Tcp | Net::Tcp6) => format!("ncat {host} {at}"),
            (Tool::Ncat, Net::Udp | Net::Udp6) => format!("ncat -u {host} {at}"),
            (Tool::Ncat, Net::UnixStreams) => format!("ncat -U {at}"),
            (Tool::Ncat, Net::UnixDatagrams) => format!("ncat -u -U -s {own} {at}"),
            (Tool::Socat, Net::Tcp) => format!("socat -t60 - TCP4:{host}:{at}"),
            (Tool::Socat, Net::Tcp6) => format!("socat -t60 - TCP6:[{host}]:{at}"),
            (Tool::Socat, Net::Udp) => format!("socat -t60 - UDP4:{host}:{at}"),
            (Tool::Socat, Net::Udp6) => format!("socat -t60 - UDP6:[{host}]:{at}"),
            (Tool::Socat, Net::UnixStreams) => format!("socat -t60 - UNIX-CONNECT:{at}"),
            (Tool::Socat, Net::UnixDatagrams) => {
                format!("socat -t60 - UNIX-SENDTO:{at},bind={own}")
            }
            (Tool::Socat, Net::AbstractStreams) => format!("socat -t60 - ABSTRACT-CONNECT:{at}"),
            (Tool::Socat, Net::AbstractDatagrams) => {
                format!("socat -t60 - ABSTRACT-SENDTO:{at},bind={own}")
            }
            // Neither has abstract names.
            (Tool::Netcat | Tool::Ncat, Net::AbstractStreams | Net::AbstractDatagrams) => {
                return None;
            }
        };
        Some(Program::start(command(&words)))
    }

    /// A server at this place, which takes one client, and where it is once it is there.
    pub fn server(self, net: Net, at: &Place) -> Option<(Program, Place)> {
        let (host, word) = (net.host(), at.word());
        let words = match (self, net) {
            (Tool::Python | Tool::Asyncio | Tool::Twisted, _) => {
                return Some(ready(script(self).start(true, net, &word, "")?, net, at));
            }
            (Tool::Netcat, Net::Tcp | Net::Tcp6) => format!("nc -N -l {host} {word}"),
            (Tool::Netcat, Net::Udp | Net::Udp6) => format!("nc -u -l {host} {word}"),
            (Tool::Netcat, Net::UnixStreams) => format!("nc -N -l -U {word}"),
            (Tool::Netcat, Net::UnixDatagrams) => format!("nc -u -l -U {word}"),
            (Tool::Ncat, Net::Tcp | Net::Tcp6) => format!("ncat -l {host} {word}"),
            (Tool::Ncat, Net::Udp | Net::Udp6) => format!("ncat -u -l {host} {word}"),
            (Tool::Ncat, Net::UnixStreams) => format!("ncat -l -U {word}"),
            (Tool::Ncat, Net::UnixDatagrams) => format!("ncat -u -l -U {word}"),
            (Tool::Socat, Net::Tcp) => format!("socat -t60 - TCP4-LISTEN:{word},bind={host}"),
            (Tool::Socat, Net::Tcp6) => format!("socat -t60 - TCP6-LISTEN:{word},bind=[{host}]"),
            (Tool::Socat, Net::Udp) => format!("socat -t60 - UDP4-LISTEN:{word},bind={host}"),
            (Tool::Socat, Net::Udp6) => format!("socat -t60 - UDP6-LISTEN:{word},bind=[{host}]"),
            (Tool::Socat, Net::UnixStreams) => format!("socat -t60 - UNIX-LISTEN:{word}"),
            (Tool::Socat, Net::UnixDatagrams) => format!("socat -t60 - UNIX-RECVFROM:{word}"),
            (Tool::Socat, Net::AbstractStreams) => format!("socat -t60 - ABSTRACT-LISTEN:{word}"),
            (Tool::Socat, Net::AbstractDatagrams) => {
                format!("socat -t60 - ABSTRACT-RECVFROM:{word}")
            }
            (Tool::Netcat | Tool::Ncat, Net::AbstractStreams | Net::AbstractDatagrams) => {
                return None;
            }
        };
        Some(ready(Program::start(command(&words)), net, at))
    }
}

fn command(words: &str) -> Command {
    let mut words = words.split(' ');
    let mut command = Command::new(words.next().unwrap());
    command.args(words);
    command
}

#[track_caller]
fn ready(mut program: Program, net: Net, at: &Place) -> (Program, Place) {
    let place = match at {
        Place::Port(_) => Place::Port(program.port(net.table())),
        Place::Path(path) => {
            program.waits_at(path, net.table());
            at.clone()
        }
    };
    (program, place)
}

/// What a tool by Python is made of: how both of its ends begin, its client, its server.
struct Script {
    python: fn() -> Option<Command>,
    start: &'static str,
    client: &'static str,
    server: &'static str,
}

fn script(tool: Tool) -> Script {
    let (client, server) = match tool {
        Tool::Asyncio => (scripts::ASYNCIO_CLIENT, scripts::ASYNCIO_SERVER),
        Tool::Twisted => (scripts::TWISTED_CLIENT, scripts::TWISTED_SERVER),
        _ => (scripts::PYTHON_CLIENT, scripts::PYTHON_SERVER),
    };
    let python = if tool == Tool::Twisted { needs::twisted } else { needs::plain_python };
    Script { python, start: scripts::START, client, server }
}

impl Script {
    fn start(&self, serves: bool, net: Net, at: &str, own: &str) -> Option<Program> {
        let zero = if net.is_abstract() { "abstract" } else { "path" };
        let (family, kind) = match net {
            Net::Tcp => ("AF_INET", "SOCK_STREAM"),
            Net::Tcp6 => ("AF_INET6", "SOCK_STREAM"),
            Net::Udp => ("AF_INET", "SOCK_DGRAM"),
            Net::Udp6 => ("AF_INET6", "SOCK_DGRAM"),
            Net::UnixStreams | Net::AbstractStreams => ("AF_UNIX", "SOCK_STREAM"),
            Net::UnixDatagrams | Net::AbstractDatagrams => ("AF_UNIX", "SOCK_DGRAM"),
        };
        let text = format!("{}{}", self.start, if serves { self.server } else { self.client });
        let mut python = (self.python)()?;
        python.args(["-c", &text, family, kind, zero, net.host(), at, own]);
        Some(Program::start(python))
    }
}
