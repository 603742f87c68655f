//! Datagram sockets: one rule of their life a test, on every engine and over every kind of
//! socket that it can be seen on.

#![allow(unreachable_pub, dead_code, reason = "what the rig has serves several test binaries")]
#![allow(clippy::unwrap_used, reason = "a test's way to fail")]
#![allow(clippy::print_stderr, reason = "a failing rule says on which engine")]

#[path = "../rig/folder.rs"]
mod folder;
#[path = "../rig/needs.rs"]
mod needs;

mod echo;
mod errors;
mod fairness;
mod interop;
mod life;
mod opening;
mod queue;
#[cfg(unix)] // where a receiver's full queue is its senders' matter
mod report;
mod rig;
