//! The program as a user meets it: what it answers, what it says, how it ends.
//!
//! Real clients and servers talk to it: std's sockets, `nc`, CPython's `socket`, the notes'
//! Twisted programs; and a pseudo-terminal. A missing one fails where `ROPEWALK_ALL=1` says
//! that all must be there.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking")]
#![cfg(unix)] // signals end it, and a terminal is Unix's

mod activated;
mod connect;
mod datagrams;
mod encrypted;
mod errors;
mod family;
mod forwarding;
mod log;
mod notes;
mod policies;
mod rig;
mod serve;
mod services;
mod session;
mod stopping;
mod terminal;
mod usage;
