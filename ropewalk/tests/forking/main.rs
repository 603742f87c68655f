//! Forking servers, each in a process of its own, on its main thread and with no other, as a
//! program would have it; the test is its client, and reads what it says.
//!
//! The tests are not libtest's, which runs each in a thread beside its own: no server would
//! fork there. They are listed by their modules; one that is not is an unused function.

#![allow(dead_code, reason = "of the files that other tests use, too")]
#![allow(unreachable_pub, reason = "as above")]
#![allow(clippy::print_stdout, reason = "the way from the server to its test")]
#![allow(clippy::print_stderr, reason = "says what failed")]
#![allow(clippy::unwrap_used, reason = "a test's way to fail")]

// What these tests count, processes and threads, is in /proc.
#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")] // see above
#[path = "../rig/folder.rs"]
mod folder;
#[cfg(target_os = "linux")] // see above
#[path = "../rig/needs.rs"]
mod needs;
#[cfg(target_os = "linux")] // see above
#[path = "../server/serve.rs"]
mod serve;

#[cfg(target_os = "linux")] // see above
fn main() {
    linux::run();
}

#[cfg(not(target_os = "linux"))] // see above
fn main() {}
