//! What the system is like, where that decides what a person is told.
//! Owns: the questions, each answered by reading and not by assuming.
//! Never: opens a socket, or keeps an answer that may change.

/// A file, for those that carry one and do no I/O themselves.
pub(crate) use std::fs::File;

/// The first port that anybody may bind to; below it a privilege is needed. 0 if none is.
///
/// ```
/// let first = ropewalk::sys::privileged_ports();
/// println!("ports below {first} need a privilege here");
/// ```
pub fn privileged_ports() -> u16 {
    unprivileged_start()
}

// Linux lets its administrator move it, for each network namespace.
#[cfg(target_os = "linux")]
fn unprivileged_start() -> u16 {
    let written = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    written.ok().and_then(|written| written.trim().parse().ok()).unwrap_or(TRADITIONAL_START)
}

// Windows has no such ports.
#[cfg(windows)]
fn unprivileged_start() -> u16 {
    0
}

// The other systems keep to what they have always had.
#[cfg(not(any(target_os = "linux", windows)))]
fn unprivileged_start() -> u16 {
    TRADITIONAL_START
}

// Windows needs none.
#[cfg(not(windows))]
const TRADITIONAL_START: u16 = 1024;

/// What gives the privilege, for the end of a sentence.
// Capabilities and that setting are Linux's.
#[cfg(target_os = "linux")]
pub(crate) const PRIVILEGE_REMEDY: &str =
    ", give the program CAP_NET_BIND_SERVICE, or lower net.ipv4.ip_unprivileged_port_start";
#[cfg(not(target_os = "linux"))] // see above
pub(crate) const PRIVILEGE_REMEDY: &str = ", or run the program as root";
