//! Ports that need a privilege, tried without it, under the limit that the system has.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use ropewalk::error::ErrorKind;
use ropewalk::socket::*;
use ropewalk::sys::privileged_ports;

use crate::folder::Folder;
use crate::needs::{has, needs};
use crate::parts;

/// Whom nothing belongs to.
const NOBODY: u32 = 65_534;

const PART: &str = "privileged::part_binds_to_ports_around_the_limit";

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// This binary, where everybody can read it.
fn copy_for_all(folder: &Folder) -> PathBuf {
    let copy = folder.path("tests");
    // Were it written here, a child that another test starts would for a moment have it
    // open for writing, too, and what is written cannot be run.
    let status = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&copy).status();
    assert!(status.unwrap().success());
    copy
}

#[test]
fn a_privileged_port_is_refused_with_the_systems_limit_and_what_helps() {
    let limit = privileged_ports();
    if !needs("a system with privileged ports", limit > 1) {
        return;
    }
    let folder = Folder::new();
    let mut command = Command::new(copy_for_all(&folder));
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.args(parts::arguments(PART));
    parts::mark(&mut command, &limit.to_string());
    parts::play(command);
}

#[test]
fn the_limit_is_read_and_not_assumed() {
    // A network of its own has a limit of its own.
    let possible = Command::new("unshare").args(["--net", "true"]).output();
    let possible = possible.is_ok_and(|output| output.status.success());
    if !has("setpriv") || !needs("the right to make a network namespace", possible && is_root()) {
        return;
    }
    let folder = Folder::new();
    let copy = copy_for_all(&folder);
    for limit in ["2000", "80", "0"] {
        let set = "echo $1 > /proc/sys/net/ipv4/ip_unprivileged_port_start && shift && exec \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c", set, "sh", limit]);
        command.args(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(&copy).args(parts::arguments(PART));
        parts::mark(&mut command, limit);
        parts::play(command);
    }
}

#[test]
#[ignore = "a part of another test"]
fn part_binds_to_ports_around_the_limit() {
    let Some(limit) = parts::word() else { return };
    let limit: u16 = limit.parse().unwrap();
    assert_eq!(privileged_ports(), limit);
    for (family, kind) in [(AF_INET, SOCK_STREAM), (AF_INET6, SOCK_STREAM), (AF_INET, SOCK_DGRAM)] {
        let socket = Socket::new(family, kind).unwrap();
        if limit > 0 {
            let error = socket.bind(("", limit - 1)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            let words = format!("permission denied (EACCES); ports below {limit} need a privilege");
            assert!(error.to_string().contains(&words), "{error}");
            assert!(error.to_string().contains("CAP_NET_BIND_SERVICE"), "{error}");
        }
        match socket.bind(("", limit)) {
            Ok(()) => {}
            // It may be somebody else's on this machine; it is not refused for its number.
            Err(error) => assert_eq!(error.kind(), ErrorKind::AddressInUse, "{error}"),
        }
    }
    // A file may be denied, too, and there no port helps.
    let error = Socket::new(AF_UNIX, SOCK_STREAM).unwrap().bind("/proc/1/socket:80").unwrap_err();
    assert!(!error.to_string().contains("port"), "{error}");
}
