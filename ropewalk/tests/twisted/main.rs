//! Twisted's own tests, by their names, against what Ropewalk has in their place.
//!
//! A test keeps Twisted's name in snake case, in a module named for Twisted's test class.
//! `docs/twisted/*.tsv` lists every name, also those that have no test here, with the reason.

#![allow(
    unreachable_pub,
    dead_code,
    unused_imports,
    reason = "the rig serves several test binaries"
)]
#![allow(clippy::unwrap_used, reason = "a test's way to fail")]
#![allow(clippy::print_stderr, reason = "a failing test says on which engine")]

#[path = "../rig/mod.rs"]
mod rig;

mod clients;
mod defer;
mod defer_running;
mod defer_waiting;
mod endpoints;
mod framing;
mod policies;
mod proxy_header;
mod running;
mod tls;
mod transports;
mod udp;
