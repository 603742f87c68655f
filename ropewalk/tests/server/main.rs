//! The servers, as their users and their clients see them: real sockets, CPython's as well.
//!
//! Whoever waits has a condition and a watchdog far beyond any promise. Every server is on a
//! port of the system's choice.

#![allow(dead_code, reason = "a file that the load tests use, too")]
#![allow(unreachable_pub, reason = "as above")]
#![allow(clippy::print_stderr, reason = "says which test was not run")]
#![allow(clippy::unwrap_used, reason = "a test's way to fail")]
// Some modules have tests for Unix, or Linux, alone.
#![cfg_attr(not(target_os = "linux"), allow(unused_imports, reason = "some tests are not run"))]

#[path = "../rig/folder.rs"]
mod folder;
#[path = "../rig/needs.rs"]
mod needs;

#[cfg(unix)] // descriptors by their numbers
mod activation;
// What it counts is in /proc.
#[cfg(target_os = "linux")]
#[path = "../load/apart.rs"]
mod apart;
mod closing;
mod default;
#[cfg(unix)] // a limit on descriptors
mod descriptors;
mod failures;
mod gate;
mod handlers;
mod hooks;
mod limits;
#[cfg(target_os = "linux")] // see above
mod many;
#[cfg(unix)] // descriptors, Unix sockets
mod opening;
mod packets;
mod pool;
#[cfg(target_os = "linux")] // see above
mod pool_apart;
mod protocols;
mod python;
mod reports;
mod serve;
mod shutting_down;
#[cfg(unix)] // signals
mod signals;
#[cfg(unix)] // Unix sockets
mod unix;
