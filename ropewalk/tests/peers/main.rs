//! Other people's programs at our sockets and servers, and ours at theirs.
//!
//! One probe for streams, and one for datagrams, is put to each pair that can be: bytes of all
//! values; the asking end ends its input, and the answer comes after that. `docs/peers.md` says
//! which pairs those are.

// A peer's port is found in /proc, since not every peer says it.
#![cfg(target_os = "linux")]
#![allow(unreachable_pub, dead_code, reason = "what is shared serves several test binaries")]
#![allow(clippy::unwrap_used, reason = "a test's way to fail")]
#![allow(clippy::print_stderr, reason = "a test that is not run says so")]

#[path = "../rig/folder.rs"]
mod folder;
#[path = "../rig/needs.rs"]
mod needs;
#[path = "../server/serve.rs"]
mod serve;

mod descriptors;
mod haproxy;
mod our_clients;
mod our_reactors;
mod our_servers;
mod our_sockets;
mod program;
mod scripts;
mod socketserver;
mod tool;
