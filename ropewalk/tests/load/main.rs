//! Load: many connections at once, many in all, and peers that would fill the memory.
//!
//! In the short form 2,000 connections echo 20 messages each, and 10,000 come in all; with
//! `ROPEWALK_LONG=1` 10,000 echo 100, and a million come. What counts descriptors and memory
//! runs in a process of its own, so that no other test is counted with it.

#![cfg(target_os = "linux")] // descriptors and memory are counted in /proc
#![allow(unreachable_pub, dead_code, reason = "the server is another test binary's too")]
#![allow(clippy::unwrap_used, reason = "a test's way to fail")]
#![allow(clippy::print_stdout, reason = "the numbers are what these tests are for")]
#![allow(clippy::print_stderr, reason = "what is not run says so")]

#[path = "../rig/folder.rs"]
mod folder;
#[path = "../rig/needs.rs"]
mod needs;
#[path = "../simulation/serve.rs"]
mod serve;

mod apart;
mod client;
mod crowd;
mod file;
mod million;
mod unread;
