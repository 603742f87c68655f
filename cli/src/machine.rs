//! What else runs on this machine: who holds an address, which ports are open.
//! Owns: the questions, and what an answer looks like. Never: needs a privilege; what is
//! another user's is said to be so.

// Where no table is read, nobody is found, and much of this is for nothing.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "see above"))]

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::escape;
use crate::figures;

// Where the system tells it in files.
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")] // see above
use linux as system;
// Elsewhere it takes other ways, none of which is gone here.
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(not(target_os = "linux"))] // see above
use elsewhere as system;

/// An address that somebody holds.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    Tcp(SocketAddr),
    Udp(SocketAddr),
    /// A Unix socket, stream or datagram.
    Unix(PathBuf),
}

/// Who holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    Process(Process),
    /// This program itself.
    Ourselves,
    /// Not to be seen, as it is another user's; this table of `ss` would show it to root.
    UserOnly(String, &'static str),
    /// To be seen, but in no process that can be looked at.
    Nobody,
}

/// A process, in words as it gives them: not yet escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) pid: u32,
    pub(crate) user: String,
    pub(crate) up: Option<Duration>,
    pub(crate) command: String,
}

/// Who holds this address; `None` if that cannot be found out.
pub(crate) fn holder(of: &Held) -> Option<Holder> {
    system::holder(of)
}

/// A port on which somebody listens for TCP on loopback.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    pub(crate) port: u16,
    pub(crate) ips: Vec<IpAddr>,
    /// The program that does; of several, one.
    pub(crate) program: Option<String>,
}

/// All of them, in order.
pub(crate) fn open_ports() -> Vec<Open> {
    system::open_ports()
}

impl fmt::Display for Open {
    /// `8000 (python3)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.port, self.by())
    }
}

impl Open {
    /// `port 8000 is open on 127.0.0.1 (python3)`
    pub(crate) fn sentence(&self) -> String {
        let ips: Vec<String> = self.ips.iter().map(IpAddr::to_string).collect();
        format!("port {} is open on {}{}", self.port, ips.join(" and "), self.by())
    }

    fn by(&self) -> String {
        let program = self.program.as_ref();
        program.map_or(String::new(), |program| format!(" ({})", escape::quote(program)))
    }
}

/// Whether whoever started us had this signal ignored; `None` if that cannot be found out.
pub(crate) fn ignores(signal: i32) -> Option<bool> {
    system::ignores(signal)
}

impl Holder {
    /// The line of an error.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Holder::Process(process) => {
                let Process { name, pid, user, up, command } = process;
                let (name, user) = (escape::quote(name), escape::quote(user));
                let up = up.map_or(String::new(), |up| format!(", up {}", figures::time(up)));
                let command = escape::quote(command);
                format!("held by: {name} (pid {pid}, user {user}){up}: {command}")
            }
            Holder::Ourselves => "held by this command, which names it twice".to_owned(),
            Holder::UserOnly(user, table) => {
                let user = escape::quote(user);
                format!("held by a process of user {user}; `sudo ss {table}` names it")
            }
            Holder::Nobody => {
                "held by no process that can be seen from here: in a container, perhaps".to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_one_line_that_drives_nothing() {
        let holder = Holder::Process(Process {
            name: "py\x1b[31m".into(),
            pid: 4242,
            user: "ann".into(),
            up: Some(Duration::from_secs(3 * 3600)),
            command: "python3 -m http.server\n8080".into(),
        });
        assert_eq!(
            holder.sentence(),
            "held by: py\\x1b[31m (pid 4242, user ann), up 3 h: python3 -m http.server\\n8080"
        );
    }
}
