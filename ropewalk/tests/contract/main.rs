//! The contract: one rule of a connection's life a test, on every engine.

#![allow(unreachable_pub, dead_code, reason = "the rig serves several test binaries")]
#![allow(clippy::unwrap_used, reason = "a test's way to fail")]
#![allow(clippy::print_stderr, reason = "a failing rule says on which engine")]

#[path = "../rig/mod.rs"]
mod rig;

mod abort;
mod after_lost;
mod client;
mod deadlines;
mod everywhere;
mod files;
mod flow;
mod framing;
mod futures;
mod half_close;
mod handles;
mod layers;
mod mended;
mod names;
mod panics;
#[cfg(unix)] // Unix sockets
mod passing;
mod pausing;
mod peer_closes;
mod policies;
mod producers;
mod retiring;
mod running;
mod stopping;
mod timers;
mod tuning;
mod unread;
mod we_close;
