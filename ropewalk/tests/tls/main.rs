//! TLS as a layer: both ends ours, in memory and over sockets; and other people's programs.

#![cfg(feature = "tls")] // the feature is what is tested
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

mod benches;
mod blocking;
mod closing;
mod configuring;
mod handshake;
mod lines;
mod meet;
mod middle;
mod peers;
mod records;
mod refusals;
