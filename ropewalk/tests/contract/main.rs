//! The contract: one rule of a connection's life a test, on every engine.

#![allow(unreachable_pub, dead_code, reason = "the rig serves several test binaries")]

#[path = "../rig/mod.rs"]
mod rig;

mod peer_closes;
mod we_close;
