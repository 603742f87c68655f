//! CPython's named tests of `socket` and `socketserver`, each as a test of ours with its name:
//! a module for each of its classes, a function for each of its methods.
//! `docs/cpython-tests.md` says how to find one, and where one is missing and why.

#![allow(unreachable_pub, dead_code, reason = "what the rig has serves several test binaries")]
#![allow(clippy::unwrap_used, reason = "a test's way to fail")]
#![allow(clippy::print_stderr, reason = "a test that is not run says so")]
// Some modules have tests for Linux alone.
#![cfg_attr(
    not(target_os = "linux"),
    allow(unused_imports, reason = "some tests are of Linux alone")
)]

#[path = "../socket/ends.rs"]
mod ends;
#[path = "../rig/folder.rs"]
mod folder;
#[path = "../rig/needs.rs"]
mod needs;
#[path = "../socket/parts.rs"]
mod parts;
#[cfg(unix)] // signals
#[path = "../rig/rain.rs"]
mod rain;

#[cfg(target_os = "linux")] // the options' numbers are not the same elsewhere
mod ancillary;
mod connecting;
#[cfg(unix)] // descriptors as numbers, and passed on
mod descriptors;
#[cfg(unix)] // signals
mod eintr;
mod files;
#[cfg(target_os = "linux")] // what a forked child tells is measured there
mod forking;
mod general;
#[cfg(unix)] // ancillary data
mod messages;
mod resolving;
mod sendfile;
mod sockets;
mod socketserver;
mod timeouts;
#[cfg(unix)] // paths
mod unix;
#[cfg(windows)] // what it has alone
mod windows;
