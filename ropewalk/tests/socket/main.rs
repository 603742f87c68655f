//! Sockets as Python has them: each promise against the kernel, CPython, or itself.

#![allow(unreachable_pub, dead_code, reason = "what the rig has serves several test binaries")]
#![allow(clippy::unwrap_used, reason = "a test's way to fail")]
#![allow(clippy::print_stderr, reason = "a test that is not run says so")]
// Some modules have tests for Unix alone.
#![cfg_attr(not(unix), allow(unused_imports, reason = "some tests are of Unix alone"))]

#[path = "../rig/folder.rs"]
mod folder;

#[path = "../rig/needs.rs"]
mod needs;

#[cfg(unix)] // signals
#[path = "../rig/rain.rs"]
mod rain;

mod aborting;
#[cfg(unix)] // descriptors as numbers
mod closing;
mod creating;
mod datagrams;
mod deadlines;
#[cfg(unix)] // descriptors as numbers, and passed on
mod descriptors;
mod ends;
mod exact;
mod files;
#[cfg(unix)] // Unix sockets
mod foreign;
#[cfg(target_os = "linux")] // network namespaces
mod isolated;
#[cfg(target_os = "linux")] // see above
mod isolated_loop;
#[cfg(unix)] // ancillary data
mod messages;
#[cfg(unix)] // the mode of a descriptor can be asked
mod modes;
#[cfg(unix)] // Unix sockets
mod names;
#[cfg(unix)] // codes that Windows does not have
mod non_blocking;
#[cfg(unix)] // options by Unix' numbers
mod options;
mod parts;
#[cfg(unix)] // privileged ports
mod privileged;
#[cfg(unix)] // another process, which is handed descriptors
mod python;
mod quirks;
#[cfg(unix)] // signals
mod signals;
mod streams;
mod tuned;
#[cfg(windows)] // what it has alone
mod windows;
