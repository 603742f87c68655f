//! Sockets as Python has them: each promise against the kernel, CPython, or itself.

#![allow(unreachable_pub, dead_code, reason = "what the rig has serves several test binaries")]
#![allow(clippy::unwrap_used, reason = "a test's way to fail")]
#![allow(clippy::print_stderr, reason = "a test that is not run says so")]
#![cfg(unix)] // signals, paths and other processes: what is shown here has no Windows form

#[path = "../rig/folder.rs"]
mod folder;

#[path = "../rig/needs.rs"]
mod needs;

mod closing;
mod datagrams;
mod deadlines;
mod ends;
mod files;
mod modes;
mod names;
mod non_blocking;
mod options;
mod parts;
mod privileged;
mod python;
mod signals;
mod streams;
