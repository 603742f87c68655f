//! The tables of sockets and the processes' descriptors in `/proc`.
//! Owns: their formats, and the bounds on reading them. Never: fails; what cannot be read
//! is not there.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use super::{Held, Holder, Open, Process};
use crate::limits::{PROC_BYTES, SCAN_DESCRIPTORS};

pub(super) fn holder(of: &Held) -> Option<Holder> {
    let (socket, table) = match of {
        Held::Tcp(addr) => (inet_socket("tcp", *addr)?, "-ltnp"),
        Held::Udp(addr) => (inet_socket("udp", *addr)?, "-lunp"),
        Held::Unix(path) => (unix_socket(path)?, "-lxp"),
    };
    let found = processes_of(&[socket.inode], SCAN_DESCRIPTORS).remove(&socket.inode);
    Some(match found {
        Some(pid) if pid == std::process::id() => Holder::Ourselves,
        Some(pid) => Holder::Process(process(pid)),
        None if is_seen(socket.uid) => Holder::Nobody,
        None => match socket.uid {
            Some(uid) => Holder::UserOnly(user_name(uid), table),
            None => return None, // an abstract name has no owner
        },
    })
}

pub(super) fn open_ports() -> Vec<Open> {
    let mut ports: BTreeMap<u16, (u64, Vec<IpAddr>)> = BTreeMap::new();
    for row in ["tcp", "tcp6"].iter().flat_map(|table| rows(table)) {
        let ip = row.addr.ip().to_canonical();
        if row.state == LISTEN && (ip.is_loopback() || ip.is_unspecified()) {
            let port = ports.entry(row.addr.port());
            port.or_insert((row.socket.inode, Vec::new())).1.push(ip);
        }
    }
    let wanted: Vec<u64> = ports.values().map(|(inode, _)| *inode).collect();
    let pids = processes_of(&wanted, SCAN_DESCRIPTORS);
    let name = |inode| pids.get(&inode).map(|pid| process_name(*pid));
    let open = |(port, (inode, ips))| Open { port, ips, program: name(inode) };
    ports.into_iter().map(open).collect()
}

/// `SigIgn: 0000000000000001`: a bit for each, the first for signal 1.
pub(super) fn ignores(signal: i32) -> Option<bool> {
    let status = read("/proc/self/status");
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    Some(u64::from_str_radix(mask.trim(), 16).ok()? >> (signal - 1) & 1 == 1)
}

/// A socket, as the kernel's tables know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Socket {
    inode: u64,
    uid: Option<u32>,
}

/// A row of `/proc/net/tcp` and its like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    addr: SocketAddr,
    state: u8,
    socket: Socket,
}

/// `TCP_LISTEN`, as the table writes it.
const LISTEN: u8 = 0x0a;

/// The socket because of which `wanted` cannot be bound: one that listens, else any.
fn inet_socket(protocol: &str, wanted: SocketAddr) -> Option<Socket> {
    let tables = [protocol.to_owned(), format!("{protocol}6")];
    let in_the_way = |row: &Row| {
        row.socket.inode != 0
            && row.addr.port() == wanted.port()
            && overlap(row.addr.ip(), wanted.ip())
    };
    let rows: Vec<Row> = tables.iter().flat_map(|table| rows(table)).filter(in_the_way).collect();
    let listens = rows.iter().find(|row| row.state == LISTEN);
    listens.or(rows.first()).map(|row| row.socket)
}

/// Whether two addresses cannot both be bound to one port. `::` may or may not mean IPv4
/// too: here it does, since the kernel has said already that something is in the way.
fn overlap(one: IpAddr, other: IpAddr) -> bool {
    let (one, other) = (one.to_canonical(), other.to_canonical());
    let covers = |all: IpAddr, ip: IpAddr| match all {
        IpAddr::V4(all) => all.is_unspecified() && ip.is_ipv4(),
        IpAddr::V6(all) => all.is_unspecified(),
    };
    one == other || covers(one, other) || covers(other, one)
}

fn rows(table: &str) -> Vec<Row> {
    let text = read(&format!("/proc/net/{table}"));
    text.lines().skip(1).filter_map(row).collect()
}

/// `  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000  0 51234 …`
fn row(line: &str) -> Option<Row> {
    let mut words = line.split_ascii_whitespace();
    let addr = addr(words.nth(1)?)?;
    let state = u8::from_str_radix(words.nth(1)?, 16).ok()?;
    let uid = words.nth(3)?.parse().ok()?;
    let inode = words.nth(1)?.parse().ok()?;
    Some(Row { addr, state, socket: Socket { inode, uid: Some(uid) } })
}

/// Words of 32 bits in this machine's own order, and the port as a number.
fn addr(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut bytes = Vec::with_capacity(16);
    for at in (0..ip.len()).step_by(8) {
        let word = u32::from_str_radix(ip.get(at..at + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    let ip: IpAddr = match bytes.len() {
        4 => Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into(),
        16 => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// The Unix socket that has this path, or this abstract name.
fn unix_socket(path: &Path) -> Option<Socket> {
    let wanted = match path.as_os_str().as_bytes() {
        [0, name @ ..] => [b"@", name].concat(),
        name => name.to_vec(),
    };
    let whole = path.canonicalize().ok();
    let is_whole = |name: &[u8]| whole.as_ref().is_some_and(|w| w.as_os_str().as_bytes() == name);
    let table = read_bytes("/proc/net/unix");
    let rows: Vec<(u64, &[u8])> =
        table.split(|byte| *byte == b'\n').skip(1).filter_map(unix_row).collect();
    let named = rows.iter().filter(|(_, name)| *name == wanted || is_whole(name));
    let inode =
        named.map(|(inode, _)| *inode).next().or_else(|| relative(&rows, whole.as_ref()?))?;
    // The table has no owners; the file has one.
    Some(Socket { inode, uid: fs::metadata(path).map(|facts| facts.uid()).ok() })
}

/// The socket that was bound to this path as seen from where its process is.
fn relative(rows: &[(u64, &[u8])], whole: &Path) -> Option<u64> {
    let file = whole.file_name()?.as_bytes();
    let fits = |name: &[u8]| !matches!(name, [b'/' | b'@', ..]) && name.ends_with(file);
    let rows: BTreeMap<u64, &[u8]> = rows.iter().copied().filter(|(_, name)| fits(name)).collect();
    let inodes: Vec<u64> = rows.keys().copied().collect();
    let pids = processes_of(&inodes, SCAN_DESCRIPTORS);
    let is_it = |inode: &u64| {
        let seen = pids.get(inode).map(|pid| Path::new("/proc").join(pid.to_string()).join("cwd"));
        let path = seen.map(|cwd| cwd.join(OsStr::from_bytes(rows[inode])));
        path.and_then(|path| path.canonicalize().ok()).is_some_and(|path| path == whole)
    };
    inodes.into_iter().find(is_it)
}

/// `SOCK_STREAM` and `SS_CONNECTED`, as the table writes them.
const STREAM: &[u8] = b"0001";
const CONNECTED: &[u8] = b"03";

/// `0000000000000000: 00000002 00000000 00010000 0001 01 51234 /run/x.sock`
fn unix_row(line: &[u8]) -> Option<(u64, &[u8])> {
    let mut rest = line;
    let mut word: &[u8] = &[];
    let (mut is_stream, mut is_connection) = (false, false);
    for column in 0..7 {
        rest = rest.trim_ascii_start(); // numbers are padded
        let end = rest.iter().position(|byte| *byte == b' ')?;
        (word, rest) = rest.split_at(end);
        match column {
            4 => is_stream = word == STREAM,
            5 => is_connection = is_stream && word == CONNECTED,
            _ => {}
        }
    }
    let inode: u64 = std::str::from_utf8(word).ok()?.parse().ok()?;
    // A connection bears its listener's name; one that waits to be accepted has no number
    // yet. A name may contain spaces, and begin with one.
    (inode != 0 && !is_connection).then_some((inode, &rest[1..]))
}

/// Which process has each of these sockets: the first of several. At most so many
/// descriptors are looked at.
fn processes_of(inodes: &[u64], most: usize) -> BTreeMap<u64, u32> {
    let mut found = BTreeMap::new();
    let mut left = most;
    let mut pids: Vec<u32> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable(); // parents first, as a rule
    for pid in pids {
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten() {
            if left == 0 || found.len() == inodes.len() {
                return found;
            }
            left -= 1;
            let inode = entry.ok().and_then(|entry| socket_inode(&entry.path()));
            if let Some(inode) = inode.filter(|inode| inodes.contains(inode)) {
                found.entry(inode).or_insert(pid);
            }
        }
    }
    found
}

fn socket_inode(descriptor: &Path) -> Option<u64> {
    let target = fs::read_link(descriptor).ok()?;
    target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

fn process(pid: u32) -> Process {
    let uid = fs::metadata(format!("/proc/{pid}")).map(|facts| facts.uid()).ok();
    let command = read_bytes(&format!("/proc/{pid}/cmdline"));
    let command = String::from_utf8_lossy(&command).trim_end_matches('\0').replace('\0', " ");
    Process {
        name: process_name(pid),
        pid,
        user: uid.map_or("unknown".to_owned(), user_name),
        up: age(pid),
        command,
    }
}

fn process_name(pid: u32) -> String {
    read(&format!("/proc/{pid}/comm")).trim_end().to_owned()
}

/// How long ago the process began.
fn age(pid: u32) -> Option<Duration> {
    let stat = read(&format!("/proc/{pid}/stat"));
    // The name, in parentheses, may contain anything; `starttime` is the 20th word after it.
    let (_, rest) = stat.rsplit_once(')')?;
    let began_ticks: u64 = rest.split_ascii_whitespace().nth(19)?.parse().ok()?;
    let uptime = read("/proc/uptime");
    let up_seconds: f64 = uptime.split_ascii_whitespace().next()?.parse().ok()?;
    let began_seconds = began_ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
    Duration::try_from_secs_f64(up_seconds - began_seconds).ok()
}

/// Whether the descriptors of this user's processes are ours to see.
fn is_seen(uid: Option<u32>) -> bool {
    let ours = rustix::process::geteuid().as_raw();
    ours == 0 || Some(ours) == uid
}

fn user_name(uid: u32) -> String {
    let passwd = read("/etc/passwd");
    let named = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| uid.to_string())
}

fn read(path: &str) -> String {
    String::from_utf8_lossy(&read_bytes(path)).into_owned()
}

fn read_bytes(path: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(path) {
        // A process may go while it is read: what came so far is what there is.
        let _ = file.take(PROC_BYTES).read_to_end(&mut bytes);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_the_kernels_table_is_read() {
        let word = |ip: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(ip));
        let line = format!(
            "   0: {}:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        \
             0 51234 1 0000000000000000 100 0 0 10 0",
            word([127, 0, 0, 1])
        );
        let socket = Socket { inode: 51234, uid: Some(1000) };
        let addr = "127.0.0.1:8080".parse().unwrap();
        assert_eq!(row(&line), Some(Row { addr, state: LISTEN, socket }));
        let words = [[0; 4], [0; 4], [0; 4], [0, 0, 0, 1]].map(word).concat();
        assert_eq!(super::addr(&format!("{words}:0050")), "[::1]:80".parse().ok());
        for broken in ["", "0: x", "0: 0100007F 0 0A", "0: 01:1F90 0 0A 0 0 0 0 0 0"] {
            assert_eq!(row(broken), None, "{broken}");
        }
    }

    #[test]
    fn addresses_are_in_each_others_way_as_the_kernel_sees_it() {
        let overlaps = |a: &str, b: &str| overlap(a.parse().unwrap(), b.parse().unwrap());
        assert!(overlaps("127.0.0.1", "127.0.0.1") && overlaps("0.0.0.0", "10.0.0.1"));
        assert!(overlaps("::", "127.0.0.1") && overlaps("::ffff:127.0.0.1", "127.0.0.1"));
        assert!(!overlaps("127.0.0.1", "127.0.0.2") && !overlaps("0.0.0.0", "::1"));
    }

    #[test]
    fn the_holder_of_our_own_socket_is_ourselves() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        assert_eq!(holder(&Held::Tcp(addr)), Some(Holder::Ourselves));
        assert!(open_ports().iter().any(|open| open.port == addr.port()));
        let inode = inet_socket("tcp", addr).unwrap().inode;
        assert!(processes_of(&[inode], 0).is_empty(), "at its bound the search ends");
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let addr = socket.local_addr().unwrap();
        assert_eq!(holder(&Held::Udp(addr)), Some(Holder::Ourselves));
        let path = std::env::temp_dir().join(format!("ropewalk  holder {}", std::process::id()));
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert_eq!(holder(&Held::Unix(path.clone())), Some(Holder::Ourselves));
        drop(listener);
        fs::remove_file(&path).unwrap();
        let process = process(std::process::id());
        assert!(process.up.is_some() && !process.name.is_empty() && !process.user.is_empty());
    }
}
