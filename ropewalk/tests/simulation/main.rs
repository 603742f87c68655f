//! Chat and forwarding: the same source on an event loop, on threads, and in memory.
//!
//! In memory each seed decides sizes, windows, delays and cuts. `ROPEWALK_SEEDS` says how
//! many are run, `ROPEWALK_SEED` which one alone; a seed that fails prints how to run it
//! again.

#![allow(unreachable_pub, dead_code, reason = "the server is another test binary's too")]
#![allow(clippy::unwrap_used, reason = "a test's way to fail")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a failing seed says its name")]

mod campaign;
mod chat;
mod chat_tests;
mod forward;
mod forward_tests;
mod pump;
#[path = "../../../fuzz/src/script.rs"]
mod script;
mod scripts;
mod serve;
mod waiting;
